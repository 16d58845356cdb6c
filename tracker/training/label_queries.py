"""Where the points start that teachers label in a shot."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tracker.inference.sampling import sample_points
from tracker.video import FrameSource

Queries = NDArray[np.float32]

# These find places in a picture, and fewer than asked for means that it has little to hold on to. The others divide
# the picture up, whatever it shows.
DETECTORS = ("sift", "corners")


class TooFewPoints(Exception):
    """A shot in which not enough points were found. The message says how many, and of how many."""


def shot_queries(
    source: FrameSource,
    shot: tuple[int, int],
    *,
    sampling: str = "sift",
    points: int = 384,
    frames: int = 8,
    seed: int | Sequence[int] = 0,
) -> Queries:
    """Up to `points` queries in a shot, (N, 3) float32 frame, x, y in pixels, ascending in frames.

    They lie on `frames` frames drawn at random, at most the same share of the points on each. SIFT keypoints are
    rounded down to whole pixels (CoTracker3, pseudo-labels of real videos; there the frames are of the first quarter,
    because points are only tracked onwards).

    Args:
        shot: first frame and end.
        sampling: "sift", "corners", "grid" or "random", as in `tracker.inference.sampling`.

    Raises:
        TooFewPoints: a detector found fewer than `points`, or there is no frame.
        InputError: a frame cannot be decoded.
        ValueError: there is no such sampling.
    """
    random = np.random.default_rng(seed)
    there = np.setdiff1d(np.arange(*shot), source.missing)
    if len(there) == 0:
        raise TooFewPoints("there is no picture")
    drawn = np.sort(random.choice(there, min(frames, len(there)), replace=False))
    share = -(-points // len(drawn))
    rows = []
    for frame in drawn.tolist():
        xy = _on_frame(source.frame(frame), sampling, share, int(random.integers(2**31)))
        rows.append(np.column_stack([np.full(len(xy), frame), xy]))
    queries = np.concatenate(rows).astype(np.float32)[:points]
    if sampling in DETECTORS and len(queries) < points:
        raise TooFewPoints(f"{len(queries)} of {points} points found")
    return queries


def _on_frame(picture: NDArray[np.uint8], sampling: str, count: int, seed: int) -> NDArray[np.float32]:
    if sampling != "sift":
        try:
            return sample_points(picture, sampling, count, seed=seed)
        except ValueError:
            if sampling not in DETECTORS:
                raise
            return np.zeros((0, 2), np.float32)  # no texture
    # Several keypoints may lie on one pixel: ask for more than are wanted.
    try:
        xy = np.floor(sample_points(picture, "sift", 4 * count))
    except ValueError:
        return np.zeros((0, 2), np.float32)
    return np.array(list(dict.fromkeys(map(tuple, xy.tolist())))[:count], np.float32)
