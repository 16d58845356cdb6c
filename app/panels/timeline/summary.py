"""What a pixel column of a lane has to tell: the states, the least confidence and the marks of all its frames.

Nothing is averaged away: a column keeps every state that occurs in it, so that one odd frame stays visible even where
a pixel stands for many frames.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.labels.table import Source, State, TrackTable

UNLABELLED, VISIBLE, OCCLUDED, OUT_OF_VIEW, ANCHOR, APPROVED, UNAPPROVED = (1 << k for k in range(7))
STATES = UNLABELLED | VISIBLE | OCCLUDED | OUT_OF_VIEW
LABELLED = VISIBLE | OCCLUDED | OUT_OF_VIEW
SURE = 255

BIN = 16  # frames of a coarse value
CHUNK = 4096  # frames that are summed up together
COARSE_FROM = 2.0 * BIN  # frames per pixel from which coarse values are fine enough
KEPT_BLOCKS = 256

_STATE_BITS = np.zeros(256, dtype=np.uint8)
_STATE_BITS[[State.UNLABELLED, State.VISIBLE, State.OCCLUDED, State.OUT_OF_VIEW]] = (
    UNLABELLED,
    VISIBLE,
    OCCLUDED,
    OUT_OF_VIEW,
)


@dataclass
class Summary:
    """Values of F frames, bins or pixel columns of K tracks.

    Attributes:
        bits: (F, K) uint8, which of the flags above occur; 0 where there is no frame.
        confidence: (F, K) uint8, the least confidence of the visible frames, 0..254; `SURE` where there is none.
    """

    bits: NDArray[np.uint8]
    confidence: NDArray[np.uint8]

    def gather(self, starts: NDArray[np.intp]) -> "Summary":
        """Join the rows from each start up to the next one; `starts` ascends strictly."""
        return Summary(
            np.bitwise_or.reduceat(self.bits, starts, axis=0), np.minimum.reduceat(self.confidence, starts, axis=0)
        )


def summarise(table: TrackTable, start: int, end: int, first: int, last: int) -> Summary:
    """The cells of frames start to end of columns first to last (both exclusive), one by one."""
    frames, columns = slice(start, end), slice(first, last)
    state, approved = table.rows("state")[frames, columns], table.rows("approved")[frames, columns]
    bits = _STATE_BITS[state]
    bits |= np.where(_is_marked(table, start, end, columns), np.uint8(ANCHOR), np.uint8(0))
    marks = np.where(approved, np.uint8(APPROVED), np.uint8(UNAPPROVED))
    bits |= np.where(state != State.UNLABELLED, marks, np.uint8(0))
    confidence = table.rows("confidence")[frames, columns]
    known = (state == State.VISIBLE) & (confidence == confidence)  # NaN is not equal to itself
    scaled = np.where(known, np.clip(confidence, 0, 1) * np.float32(SURE - 1), np.float32(SURE))
    return Summary(bits, scaled.astype(np.uint8))


def _is_marked(table: TrackTable, start: int, end: int, columns: slice) -> NDArray[np.bool_]:
    """(F, K): anchors; of a stretch that a person flagged as hidden or out of view only the first frame."""
    before = max(0, start - 1)
    state = table.rows("state")[before:end, columns]
    anchored = table.rows("source")[before:end, columns] == Source.ANCHOR
    flagged = np.where(anchored & (state != State.VISIBLE), state, np.uint8(0))
    anchored[1:] &= (flagged[1:] == 0) | (flagged[1:] != flagged[:-1])
    return anchored[start - before :]


class _Coarse:
    """One value per `BIN` frames for a block of tracks, made chunk by chunk as it is asked for."""

    def __init__(self, frame_count: int, n_tracks: int) -> None:
        bins = -(-frame_count // BIN)
        self.values = Summary(np.zeros((bins, n_tracks), np.uint8), np.full((bins, n_tracks), SURE, np.uint8))
        self.valid = np.zeros(-(-frame_count // CHUNK), dtype=bool)


class LaneSummaries:
    """Summaries of blocks of neighbouring tracks; coarse ones are kept until their cells change."""

    def __init__(self) -> None:
        self._coarse: OrderedDict[tuple[int, ...], _Coarse] = OrderedDict()

    def clear(self) -> None:
        """Forget everything."""
        self._coarse.clear()

    def invalidate(self, ids: Iterable[int] | None, start: int, end: int) -> None:
        """The cells of these tracks (None for all) on frames start to end (exclusive) have changed."""
        end += 1  # whether a frame is marked depends on the one before it
        wanted = None if ids is None else set(ids)
        for block, coarse in self._coarse.items():
            if wanted is None or not wanted.isdisjoint(block):
                coarse.valid[start // CHUNK : -(-end // CHUNK)] = False

    def pixels(
        self, table: TrackTable, block: tuple[int, ...], first: int, x0: int, x1: int, pixels_per_frame: float
    ) -> Summary:
        """One row per pixel x0 to x1 of the time axis.

        Args:
            block: ids of the tracks, which stand in the columns from `first` on.
            x0, x1: pixels from frame 0; those before the first or after the last frame get no flag.
        """
        width, last = x1 - x0, first + len(block)
        result = Summary(np.zeros((width, len(block)), np.uint8), np.full((width, len(block)), SURE, np.uint8))
        edges = np.arange(x0, x1 + 1) / pixels_per_frame
        inside = np.flatnonzero((edges[:-1] >= 0) & (edges[:-1] < table.n_frames))
        if not len(inside):
            return result
        edges = edges[inside[0] : inside[-1] + 2]
        if pixels_per_frame >= 1:
            part = _magnified(table, edges, first, last)
        else:
            part = self._reduced(table, block, edges.astype(np.intp), first)
        result.bits[inside], result.confidence[inside] = part.bits, part.confidence
        return result

    def _reduced(self, table: TrackTable, block: tuple[int, ...], edges: NDArray[np.intp], first: int) -> Summary:
        edges = np.minimum(edges, table.n_frames)
        edges[-1] = max(edges[-1], edges[-2] + 1)  # the last pixel has a frame also where rounding took it away
        if (edges[-1] - edges[0]) / (len(edges) - 1) >= COARSE_FROM:
            bins = edges[:-1] // BIN
            end = -(-edges[-1] // BIN)
            values = self._coarse_values(table, block, first, int(bins[0]) * BIN, int(end) * BIN)
            part = Summary(values.bits[bins[0] : end], values.confidence[bins[0] : end])
            return part.gather(bins - bins[0])
        part = summarise(table, int(edges[0]), int(edges[-1]), first, first + len(block))
        return part.gather(edges[:-1] - edges[0])

    def _coarse_values(self, table: TrackTable, block: tuple[int, ...], first: int, start: int, end: int) -> Summary:
        coarse = self._coarse.get(block)
        if coarse is None:
            coarse = self._coarse[block] = _Coarse(table.n_frames, len(block))
            if len(self._coarse) > KEPT_BLOCKS:
                self._coarse.popitem(last=False)
        self._coarse.move_to_end(block)
        for chunk in range(start // CHUNK, -(-end // CHUNK)):
            if chunk < len(coarse.valid) and not coarse.valid[chunk]:
                a, b = chunk * CHUNK, min(table.n_frames, (chunk + 1) * CHUNK)
                part = summarise(table, a, b, first, first + len(block)).gather(np.arange(0, b - a, BIN))
                bins = slice(a // BIN, a // BIN + len(part.bits))
                coarse.values.bits[bins], coarse.values.confidence[bins] = part.bits, part.confidence
                coarse.valid[chunk] = True
        return coarse.values


def _magnified(table: TrackTable, edges: NDArray[np.float64], first: int, last: int) -> Summary:
    """One frame per pixel or less than one; an anchor counts only in the middle pixel of its frame."""
    middles = (edges[:-1] + edges[1:]) / 2
    frames = np.minimum(middles.astype(np.intp), table.n_frames - 1)
    part = summarise(table, int(frames[0]), int(frames[-1]) + 1, first, last)
    rows = frames - frames[0]
    bits, confidence = part.bits[rows], part.confidence[rows]
    centre = frames + 0.5
    bits[~((edges[:-1] <= centre) & (centre < edges[1:]))] &= np.uint8(~np.uint8(ANCHOR))
    return Summary(bits, confidence)
