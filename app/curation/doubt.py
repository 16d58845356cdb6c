"""How far off the labels of a video may be, for the order in which a person looks at them."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from tracker.inference.error_model import ErrorModel
from tracker.inference.signals import measure_signals
from tracker.labels.doubt import doubt as doubt_of_opinions
from tracker.labels.native import TrackFile
from tracker.labels.table import State


def doubt(tracks: TrackFile) -> NDArray[np.float32]:
    """(N, T) about pixels: how far the teachers are apart and how unsure; where there was but one, its expected error.

    The error model takes many times as long as a look at the disagreement, so that it is asked only where nobody
    disagreed with anybody.
    """
    apart = doubt_of_opinions(tracks)
    labelled = tracks.state != State.UNLABELLED
    if not labelled.any() or np.isfinite(apart[labelled]).any():
        return apart
    cells = tracks.to_table().read(range(1, tracks.n_tracks + 1), 0, tracks.n_frames)
    return _model().predict(measure_signals(cells, tracks.size_wh)).T


@cache
def _model() -> ErrorModel:
    return ErrorModel.shipped()
