"""What speaks against a prediction, cell by cell: the signals from which an expected error is worked out.

All lengths are in pixels of a picture of 256 × 256 (`Signals.scale` leads back to those of the video), so that the same
numbers mean the same at every resolution.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tracker.inference.neighbour_motion import LEAST, choose_neighbours, motion_residuals
from tracker.labels.table import Cells, Source, State

REFERENCE_SIDE = 256
SIGNALS = (
    "uncertainty",  # 0..1: one less visibility times confidence
    "past_uncertainty",  # 0..1: the greatest uncertainty between the nearest anchor and here
    "disagreement",  # pixels between two predictions of the cell
    "jump",  # step beyond the usual one around it, in usual steps
    "neighbours",  # pixels from where the neighbouring tracks say that it should be, beyond what they differ
    "patch_change",  # 0..2: one less the correlation with the picture where the track started
    "gap",  # frames to the nearest anchor
    "flicker",  # changes of state within a few frames
)
LONGEST_COMPARISON = 256  # frames: beyond what was measured, and neighbours part for good reasons
COMPARISON_STEP = 16  # frames that are compared over a long time share what they are compared with
NEAR = REFERENCE_SIDE / 4  # pixels: what is further away is no neighbour
FLICKER_REACH = 4  # frames to both sides
STILL = 0.3  # pixels a frame: slower steps count as this fast when jumps are measured

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Signals:
    """The signals of K tracks on F frames.

    Attributes:
        values: (S, F, K) float32 in the order of `SIGNALS`, NaN where nothing is known.
        judged: (F, K) bool: there is a position inside the picture.
        certain: (F, K) bool: a person placed or approved it.
        lucas_kanade: (F, K) bool: a run of Lucas-Kanade wrote it. All others count as a network's.
        scale: pixels of the video for one of the signals' pixels.
    """

    values: Floats
    judged: Flags
    certain: Flags
    lucas_kanade: Flags
    scale: float

    def frames(self, wanted: slice) -> Self:
        """Those of some of the frames."""
        return replace(
            self,
            values=self.values[:, wanted],
            judged=self.judged[wanted],
            certain=self.certain[wanted],
            lucas_kanade=self.lucas_kanade[wanted],
        )

    def __getitem__(self, name: str) -> Floats:
        """(F, K) one signal."""
        return self.values[SIGNALS.index(name)]


def pixel_scale(size: tuple[int, int]) -> float:
    """Pixels of a picture of this (width, height) for one of a picture of 256 × 256 of the same area."""
    return float(np.sqrt(size[0] * size[1])) / REFERENCE_SIDE


def measure_signals(cells: Cells, size: tuple[int, int], lucas_kanade: Collection[int] = ()) -> Signals:
    """Measure everything that the cells themselves tell.

    The frames may be a part of the video: it should begin and end at anchors of the tracks that matter, or far enough
    outside of what matters, since some signals look back to the nearest anchor.

    Args:
        cells: of K tracks on F frames.
        size: (width, height) of the picture in pixels.
        lucas_kanade: the runs of that tracker.
    """
    scale = pixel_scale(size)
    xy = cells.xy / np.float32(scale)
    placed = np.isfinite(xy[..., 0])
    judged = placed & ((cells.state == State.VISIBLE) | (cells.state == State.OCCLUDED))
    certain = judged & (cells.approved | (cells.source == Source.ANCHOR))
    anchor = nearest_anchor(certain)
    uncertainty = np.where(certain, np.float32(0), 1 - cells.visibility * cells.confidence)
    measured = (
        uncertainty,
        _greatest_since_anchor(uncertainty, certain, anchor),
        cells.disagreement.astype(np.float32) / np.float32(scale),
        _jumps(xy),
        _neighbours(xy, judged & (cells.state == State.VISIBLE), anchor),
        cells.patch_change.astype(np.float32),
        _frames_to(anchor),
        _flicker(cells.state),
    )
    values = np.stack(measured)
    values[:, ~judged] = np.nan
    return Signals(values, judged, certain, np.isin(cells.run_id, list(lucas_kanade)), scale)


def nearest_anchor(certain: Flags) -> Indices:
    """(F, K) the frame of the nearest certain cell of the same track, the earlier one of two; -1 for none."""
    frames = np.arange(len(certain))[:, None]
    before = np.maximum.accumulate(np.where(certain, frames, -1), axis=0)
    far = 4 * len(certain)
    after = np.minimum.accumulate(np.where(certain, frames, far)[::-1], axis=0)[::-1]
    nearer = np.where(before >= 0, frames - before, far) <= after - frames
    return np.where(nearer & (before >= 0), before, np.where(after < far, after, -1))


def _frames_to(anchor: Indices) -> Floats:
    distance = np.abs(np.arange(len(anchor))[:, None] - anchor)
    return np.where(anchor >= 0, distance, np.nan).astype(np.float32)


def _greatest_since_anchor(values: Floats, certain: Flags, anchor: Indices) -> Floats:
    """(F, K) the greatest value between the nearest anchor and each cell; from the start where there is no anchor."""
    frames = np.arange(len(values))[:, None]
    forward = _running_greatest(values, certain)
    backward = _running_greatest(values[::-1], certain[::-1])[::-1]
    return np.where(anchor > frames, backward, forward)


def _running_greatest(values: Floats, certain: Flags) -> Floats:
    result = np.empty_like(values)
    greatest = np.full(values.shape[1], np.nan, np.float32)
    for frame, row in enumerate(values):
        greatest = np.where(certain[frame], row, np.fmax(greatest, row))
        result[frame] = greatest
    return result


def _jumps(xy: Floats) -> Floats:
    """(F, K) how far a step differs from the median of the five around it, in steps of that length; the greater of the
    steps to and from a cell."""
    if len(xy) < 2:
        return np.full(xy.shape[:2], np.nan, np.float32)
    step = np.diff(xy, axis=0)
    usual = _median_of_five(step)
    off = np.hypot(*np.moveaxis(step - usual, -1, 0))
    relative = off / (np.float32(STILL) + np.hypot(*np.moveaxis(usual, -1, 0)) / 2)
    nothing = np.full_like(relative[:1], np.nan)
    return np.fmax(np.concatenate([nothing, relative]), np.concatenate([relative, nothing]))


def _median_of_five(values: Floats) -> Floats:
    """The median over five rows around each, the border rows repeated; what is unknown is passed over."""
    padded = np.concatenate([values[:1], values[:1], values, values[-1:], values[-1:]])
    a, b, c, d, e = (padded[i : i + len(values)] for i in range(5))
    a, b = np.fmin(a, b), np.fmax(a, b)
    d, e = np.fmin(d, e), np.fmax(d, e)
    # Neither the least nor the greatest of these four can be the median of all five.
    b, d = np.fmin(np.fmax(a, d), np.fmin(b, e)), np.fmax(np.fmax(a, d), np.fmin(b, e))
    return np.fmax(np.fmin(b, d), np.fmin(np.fmax(b, d), c))


def _neighbours(xy: Floats, usable: Flags, anchor: Indices) -> Floats:
    frames, tracks = usable.shape
    if tracks <= LEAST:
        return np.full((frames, tracks), np.nan, np.float32)
    now = np.arange(frames)[:, None]
    placed = np.isfinite(xy[..., 0])
    start = np.where(placed.any(axis=0), placed.argmax(axis=0), 0)
    since = np.where(anchor >= 0, anchor, np.minimum(start, now))
    rounded = now // COMPARISON_STEP * COMPARISON_STEP
    source = np.clip(since, rounded - LONGEST_COMPARISON, rounded + LONGEST_COMPARISON)
    return motion_residuals(xy, usable, choose_neighbours(xy, usable, source, NEAR))


def _flicker(state: NDArray[np.uint8]) -> Floats:
    """(F, K) how often the state changes from one frame to the next within a few frames around each cell."""
    labelled = state != State.UNLABELLED
    changed = np.zeros((len(state) + 1, state.shape[1]), np.int32)
    changed[1:-1] = (state[1:] != state[:-1]) & labelled[1:] & labelled[:-1]
    total = np.concatenate([np.zeros((1, state.shape[1]), np.int32), np.cumsum(changed, axis=0)])
    frames = np.arange(len(state))
    first, last = np.maximum(frames - FLICKER_REACH, 0), np.minimum(frames + FLICKER_REACH + 2, len(state) + 1)
    return (total[last] - total[first]).astype(np.float32)
