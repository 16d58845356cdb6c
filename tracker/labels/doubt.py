"""How wrong a label may be, from how far its teachers lie apart and how sure they are: what ranks and accepts labels.

Spread alone misses two things: teachers that are lost in the same place, and one that gave up and is not heard. So the
spread counts the more the less sure all of them together are. `trackwright bench agreement` measures how well this
tells bad labels from good ones.
"""

import numpy as np
from numpy.typing import NDArray

from tracker.labels.native import TrackFile

UNSURE = 4.0  # pixels of a picture of 256 × 256 that a label is thought to be off of which nobody is sure at all
LEAST_CERTAINTY = 0.05


def doubt(tracks: TrackFile) -> NDArray[np.float32]:
    """(N, T) float32, about pixels of the video; NaN where fewer than two opinions were had.

    Its order means more than its size: twice the doubt is not twice the error.
    """
    if tracks.disagreement is None:
        return np.full(tracks.state.shape, np.nan, np.float32)
    width, height = tracks.size_wh
    unsure = UNSURE * np.sqrt(width * height) / 256
    certainty = np.nan_to_num(tracks.visibility * tracks.confidence, nan=0.0)
    spread = tracks.disagreement.astype(np.float32)
    return ((spread + unsure * (1 - certainty)) / (certainty + LEAST_CERTAINTY)).astype(np.float32)
