"""Where a video cuts from one shot to the next, by PySceneDetect's detector."""

from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.video.source import FrameSource

# Lightness alone: the detector's hue is noise in the dark, so that it would cut a fade from black to pieces.
# A jerk of a held camera reaches a ratio of 3.5; cuts are above 10 with a change of 70 and more.
RATIO = 4.0  # of the change from frame to frame over that of the two frames before and the two after
LEAST_CHANGE = 20.0  # mean change of lightness, 0..255
LEAST_SHOT = 8  # frames
LONG_SIDE = 256  # pixels of the pictures that are looked at


def find_shots(source: FrameSource) -> list[tuple[int, int]]:
    """The stretches between cuts as (first frame, end), in order; together they are all frames.

    Every frame is decoded once, none is kept. Fades and dissolves are no cuts, and a shot has at least 8 frames. The
    detector is PySceneDetect's adaptive one (a change of content against its rolling mean).

    Raises:
        InputError: a frame cannot be decoded.
    """
    # A second to import, and only this needs it.
    from scenedetect.common import FrameTimecode
    from scenedetect.detectors import AdaptiveDetector

    detector = AdaptiveDetector(RATIO, LEAST_SHOT, min_content_val=LEAST_CHANGE, luma_only=True)
    cuts: list[int] = []
    for number, frame in enumerate(source.frames(0, source.frame_count)):
        found: list[Any] = detector.process_frame(FrameTimecode(number, 25.0), _shrunk(frame))
        cuts += [cut.frame_num for cut in found]
    edges = [0, *cuts, source.frame_count]
    return list(pairwise(edges))


def _shrunk(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3) RGB -> a small BGR picture."""
    height, width = frame.shape[:2]
    scale = min(1.0, LONG_SIDE / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2BGR), np.uint8)
