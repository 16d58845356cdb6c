"""Cuts: where one scene ends and another begins.

A step is a cut where the picture is another one as a whole, in its layout and in its brightnesses, and optical flow
finds next to nothing of it again. A fast pan leaves things that flow finds, and after a flash of one frame the picture
is what it was.
"""

import cv2
import numpy as np

from tracker.inference.bridge_flow import Bools, Floats, Grey, Greys, Spans, measure_steps

THUMBNAIL = (32, 24)  # pixels, width and height
MOST_ALIKE = 0.5  # correlation of thumbnails
MOST_SHARED = 0.75  # of the brightnesses
MOST_FOUND = 0.25  # of the points of a grid that flow finds there and back
GRID = (8, 6)


def find_cuts(greys: Greys, spans: Spans) -> Bools:
    """(T - 1,) whether a cut lies between a frame and the next."""
    looks = [_look(greys(frame)) for frame in spans.frames]

    def cut_between(earlier: int, later: int) -> bool:
        if not _may_be_cut(*looks[earlier], *looks[later]):
            return False
        return _share_found(greys(spans.frames[earlier]), greys(spans.frames[later])) <= MOST_FOUND

    cuts = np.array([cut_between(t, t + 1) for t in range(len(looks) - 1)], bool)
    for t in np.flatnonzero(cuts[:-1] & cuts[1:]).tolist():
        if not cut_between(t, t + 2):
            cuts[t : t + 2] = False
    return cuts


def _look(grey: Grey) -> tuple[Floats, Floats]:
    """A thumbnail without its mean brightness, and the shares of brightnesses."""
    small = cv2.resize(grey, THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float64).ravel()
    shares = np.bincount(grey.ravel() >> 3, minlength=32) / grey.size
    return small - small.mean(), shares


def _may_be_cut(small: Floats, shares: Floats, later: Floats, later_shares: Floats) -> bool:
    """Whether this may be a cut."""
    size = np.sqrt((small**2).sum() * (later**2).sum())
    alike = (small * later).sum() / size if size > 0 else 0.0
    return bool(alike < MOST_ALIKE and np.minimum(shares, later_shares).sum() < MOST_SHARED)


def _share_found(earlier: Grey, later: Grey) -> float:
    height, width = earlier.shape
    x, y = ((np.arange(count) + 0.5) * side / count for count, side in zip(GRID, (width, height), strict=True))
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return float(np.isfinite(measure_steps(earlier, later, points)[1]).mean())
