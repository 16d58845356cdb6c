"""What a pixel column of a lane has to tell: the states, the sources, the least confidence, the greatest expected error
and the marks of all its frames.

Nothing is averaged away: a column keeps every state that occurs in it, so that one odd frame stays visible even where
a pixel stands for many frames.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.document.expected_error import ExpectedErrors
from tracker.labels.table import Source, State, TrackTable

UNLABELLED, VISIBLE, OCCLUDED, OUT_OF_VIEW, ANCHOR, APPROVED, UNAPPROVED = (1 << k for k in range(7))
BRIDGE, INTERPOLATED, IMPORTED = (1 << k for k in range(7, 10))
STATES = UNLABELLED | VISIBLE | OCCLUDED | OUT_OF_VIEW
LABELLED = VISIBLE | OCCLUDED | OUT_OF_VIEW
SURE = 255

BINS = (4, 32)  # frames of a coarse value, at each level
CHUNK = 4096  # frames that are summed up together
COARSE_FROM = 1.25  # bins per pixel from which a level is fine enough
KEPT_BYTES = 96 << 20  # of coarse values; 500 tracks over 100,000 frames take 68 MiB
LEAST_KEPT = 8  # blocks that are kept whatever they take: those in view
FINE_CHUNK = 1024  # frames that are read together where a pixel stands for few of them
KEPT_FINE = 256  # such pieces; one of 8 tracks takes 40 kB

Part = Literal["cells", "errors"]
PARTS: tuple[Part, ...] = ("cells", "errors")

_STATE_BITS = {
    State.UNLABELLED: UNLABELLED,
    State.VISIBLE: VISIBLE,
    State.OCCLUDED: OCCLUDED,
    State.OUT_OF_VIEW: OUT_OF_VIEW,
}
_SOURCE_BITS = {Source.BRIDGE: BRIDGE, Source.INTERPOLATED: INTERPOLATED, Source.IMPORTED: IMPORTED}
_INFINITE = 0x7C00  # as a float16; larger patterns are no number or negative


@dataclass
class Summary:
    """Values of F frames, bins or pixel columns of K tracks.

    Attributes:
        bits: (F, K) uint16, which of the flags above occur; 0 where there is no frame.
        confidence: (F, K) uint8, the least confidence of the visible frames, 0..254; `SURE` where there is none.
        error: (F, K) uint16, the greatest expected error: the bits of a float16 in pixels, which order as its value
            does; 0 where none is known.
    """

    bits: NDArray[np.uint16]
    confidence: NDArray[np.uint8]
    error: NDArray[np.uint16]

    @classmethod
    def empty(cls, rows: int, n_tracks: int) -> "Summary":
        """Where there is no frame."""
        shape = rows, n_tracks
        return cls(np.zeros(shape, np.uint16), np.full(shape, SURE, np.uint8), np.zeros(shape, np.uint16))

    @classmethod
    def joined(cls, pieces: Sequence["Summary"]) -> "Summary":
        """Pieces that follow each other, as one."""
        return cls(
            np.concatenate([piece.bits for piece in pieces]),
            np.concatenate([piece.confidence for piece in pieces]),
            np.concatenate([piece.error for piece in pieces]),
        )

    def gather(self, starts: NDArray[np.intp]) -> "Summary":
        """Join the rows from each start up to the next one; `starts` ascends strictly."""
        return Summary(
            np.bitwise_or.reduceat(self.bits, starts, axis=0),
            np.minimum.reduceat(self.confidence, starts, axis=0),
            np.maximum.reduceat(self.error, starts, axis=0),
        )

    def put(self, rows: slice | NDArray[np.intp], other: "Summary", parts: Iterable[Part] = PARTS) -> None:
        """Take the rows of another one."""
        if "cells" in parts:
            self.bits[rows], self.confidence[rows] = other.bits, other.confidence
        if "errors" in parts:
            self.error[rows] = other.error

    def rows(self, start: int, end: int) -> "Summary":
        """A view of some rows."""
        return Summary(self.bits[start:end], self.confidence[start:end], self.error[start:end])


@dataclass(frozen=True)
class Block:
    """Neighbouring tracks: those of `ids` stand in the table's columns from `first` on."""

    table: TrackTable
    errors: ExpectedErrors | None
    ids: tuple[int, ...]
    first: int

    def summarise(self, start: int, end: int, parts: Iterable[Part] = PARTS) -> Summary:
        """Frames start to end (exclusive), one by one; what is not among `parts` stays empty."""
        found = Summary.empty(end - start, len(self.ids))
        if "cells" in parts:
            self._read_cells(found, start, end)
        if "errors" in parts and self.errors is not None:
            codes = self.errors.read(self.ids, start, end).astype(np.float16).view(np.uint16)
            found.error = np.where(codes > _INFINITE, np.uint16(0), codes)
        return found

    def _read_cells(self, found: Summary, start: int, end: int) -> None:
        table, frames, columns = self.table, slice(start, end), slice(self.first, self.first + len(self.ids))
        state, source = table.rows("state")[frames, columns], table.rows("source")[frames, columns]
        approved = table.rows("approved")[frames, columns].view(np.uint8)
        found.bits = np.take(_CELL_BITS, source << np.uint8(3) | approved << np.uint8(2) | state)
        if (source == Source.ANCHOR).any():
            found.bits |= marked(table, start, end, columns) * np.uint16(ANCHOR)
        # fmin passes by what is not known
        scaled = np.fmin(table.rows("confidence")[frames, columns] * np.float32(SURE - 1), np.float32(SURE))
        found.confidence = np.where(state == State.VISIBLE, np.maximum(scaled, 0).astype(np.uint8), np.uint8(SURE))


def _cell_bits() -> NDArray[np.uint16]:
    """(64,) the flags of a cell by its source, approval and state, as `Block` puts them together."""
    table = np.zeros(64, np.uint16)
    for source in Source:
        for state in State:
            for approved in (0, 1):
                marks = (APPROVED if approved else UNAPPROVED) if state != State.UNLABELLED else 0
                bits = _STATE_BITS[state] | _SOURCE_BITS.get(source, 0) | marks
                table[source << 3 | approved << 2 | state] = bits
    return table


_CELL_BITS = _cell_bits()


def error_pixels(codes: NDArray[np.uint16]) -> NDArray[np.float32]:
    """What `Summary.error` stands for, in pixels."""
    return codes.view(np.float16).astype(np.float32)


def marked(table: TrackTable, start: int, end: int, columns: slice) -> NDArray[np.bool_]:
    """(F, K): anchors; of a stretch that a person flagged as hidden or out of view only the first frame."""
    before = max(0, start - 1)
    state = table.rows("state")[before:end, columns]
    anchored = table.rows("source")[before:end, columns] == Source.ANCHOR
    flagged = np.where(anchored & (state != State.VISIBLE), state, np.uint8(0))
    anchored[1:] &= (flagged[1:] == 0) | (flagged[1:] != flagged[:-1])
    return anchored[start - before :]


class _Coarse:
    """One value per bin for a block of tracks at each level, made chunk by chunk as it is asked for."""

    def __init__(self, frame_count: int, n_tracks: int) -> None:
        self.levels = {size: Summary.empty(-(-frame_count // size), n_tracks) for size in BINS}
        self.valid = {part: np.zeros(-(-frame_count // CHUNK), dtype=bool) for part in PARTS}

    @property
    def nbytes(self) -> int:
        """What the values take."""
        return sum(v.bits.nbytes + v.confidence.nbytes + v.error.nbytes for v in self.levels.values())

    def refresh(self, block: Block, start: int, end: int) -> None:
        """Make the values of frames start to end (exclusive) valid."""
        for chunk in range(start // CHUNK, min(-(-end // CHUNK), len(self.valid["cells"]))):
            parts = [part for part, valid in self.valid.items() if not valid[chunk]]
            if not parts:
                continue
            first, last = chunk * CHUNK, min(block.table.n_frames, (chunk + 1) * CHUNK)
            values, size = block.summarise(first, last, parts), 1
            for wanted, level in self.levels.items():
                values = values.gather(np.arange(0, len(values.bits), wanted // size))
                size = wanted
                level.put(slice(first // size, first // size + len(values.bits)), values, parts)
            for part in parts:
                self.valid[part][chunk] = True


class LaneSummaries:
    """Summaries of blocks of neighbouring tracks; coarse ones are kept until their cells change."""

    def __init__(self) -> None:
        self._coarse: OrderedDict[tuple[int, ...], _Coarse] = OrderedDict()
        # Reading 8 of 500 columns of the table costs a miss of the caches per frame: zooming goes over the same ones.
        self._fine: OrderedDict[tuple[tuple[int, ...], int], Summary] = OrderedDict()

    def clear(self) -> None:
        """Forget everything."""
        self._coarse.clear()
        self._fine.clear()

    @property
    def nbytes(self) -> int:
        """What the coarse values take."""
        return sum(coarse.nbytes for coarse in self._coarse.values())

    def invalidate(self, ids: Iterable[int] | None, start: int, end: int, part: Part = "cells") -> None:
        """What is known of these tracks (None for all) on frames start to end (exclusive) has changed."""
        end += 1  # whether a frame is marked depends on the one before it
        wanted = None if ids is None else set(ids)
        for block, coarse in self._coarse.items():
            if wanted is None or not wanted.isdisjoint(block):
                coarse.valid[part][start // CHUNK : -(-end // CHUNK)] = False
        first, last = start // FINE_CHUNK, -(-end // FINE_CHUNK)
        for block, chunk in list(self._fine):
            if first <= chunk < last and (wanted is None or not wanted.isdisjoint(block)):
                del self._fine[block, chunk]

    def pixels(self, block: Block, x0: int, x1: int, pixels_per_frame: float) -> Summary:
        """One row per pixel x0 to x1 of the time axis, counted from frame 0; those outside of the video are empty."""
        table = block.table
        result = Summary.empty(x1 - x0, len(block.ids))
        edges = np.arange(x0, x1 + 1) / pixels_per_frame
        inside = np.flatnonzero((edges[:-1] >= 0) & (edges[:-1] < table.n_frames))
        if not len(inside):
            return result
        edges = edges[inside[0] : inside[-1] + 2]
        if pixels_per_frame >= 1:
            result.put(inside, self._magnified(block, edges))
        else:
            result.put(inside, self._reduced(block, edges.astype(np.intp)))
        return result

    def _reduced(self, block: Block, edges: NDArray[np.intp]) -> Summary:
        edges = np.minimum(edges, block.table.n_frames)
        edges[-1] = max(edges[-1], edges[-2] + 1)  # the last pixel has a frame also where rounding took it away
        per_pixel = (edges[-1] - edges[0]) / (len(edges) - 1)
        size = next((size for size in reversed(BINS) if per_pixel >= COARSE_FROM * size), None)
        if size is None:
            return self._read(block, int(edges[0]), int(edges[-1])).gather(edges[:-1] - edges[0])
        bins = edges[:-1] // size
        end = -(-int(edges[-1]) // size)
        coarse = self._coarse_of(block)
        coarse.refresh(block, int(bins[0]) * size, end * size)
        return coarse.levels[size].rows(int(bins[0]), end).gather(bins - bins[0])

    def _coarse_of(self, block: Block) -> _Coarse:
        coarse = self._coarse.get(block.ids)
        if coarse is None:
            coarse = self._coarse[block.ids] = _Coarse(block.table.n_frames, len(block.ids))
            while len(self._coarse) > LEAST_KEPT and self.nbytes > KEPT_BYTES:
                self._coarse.popitem(last=False)
        self._coarse.move_to_end(block.ids)
        return coarse

    def _magnified(self, block: Block, edges: NDArray[np.float64]) -> Summary:
        """One frame per pixel or less than one; an anchor counts only in the middle pixel of its frame."""
        middles = (edges[:-1] + edges[1:]) / 2
        frames = np.minimum(middles.astype(np.intp), block.table.n_frames - 1)
        part = self._read(block, int(frames[0]), int(frames[-1]) + 1)
        rows = frames - frames[0]
        bits = part.bits[rows]
        centre = frames + 0.5
        bits[~((edges[:-1] <= centre) & (centre < edges[1:]))] &= np.uint16(~np.uint16(ANCHOR))
        return Summary(bits, part.confidence[rows], part.error[rows])

    def _read(self, block: Block, start: int, end: int) -> Summary:
        """Frames start to end (exclusive), one by one."""
        chunks = range(start // FINE_CHUNK, (end - 1) // FINE_CHUNK + 1)
        pieces = [self._fine_chunk(block, chunk) for chunk in chunks]
        whole = pieces[0] if len(pieces) == 1 else Summary.joined(pieces)
        return whole.rows(start - chunks[0] * FINE_CHUNK, end - chunks[0] * FINE_CHUNK)

    def _fine_chunk(self, block: Block, chunk: int) -> Summary:
        key, first = (block.ids, chunk), chunk * FINE_CHUNK
        if key not in self._fine:
            self._fine[key] = block.summarise(first, min(block.table.n_frames, first + FINE_CHUNK))
            if len(self._fine) > KEPT_FINE:
                self._fine.popitem(last=False)
        self._fine.move_to_end(key)
        return self._fine[key]
