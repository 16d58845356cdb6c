"""What the curves are drawn from: values of a few tracks over the time, thinned so that no peak is lost.

Values are read from the document piece by piece, so that neither a new selection nor a new frame costs the whole video
at once. Where a pixel stands for many frames it keeps the least and the greatest of their values.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.document.project import Document
from tracker.labels.table import Source, State

Channel = Literal["x", "y", "speed", "confidence", "visibility", "error"]
Kind = Literal["solid", "faint"]  # of visible frames, and of those where the point is hidden
CHANNELS: tuple[Channel, ...] = ("x", "y", "speed", "confidence", "visibility", "error")
KINDS: tuple[Kind, ...] = ("solid", "faint")

CHUNK = 2048  # frames that are read together
BIN = 16  # frames of a coarse value
COARSE_FROM = 2 * BIN  # frames per pixel from which coarse values are fine enough
MOST_TRACKS = 8
MOST_CELLS = 4_000_000  # tracks times frames; one takes 31 bytes


def most_tracks(n_frames: int) -> int:
    """How many tracks of a video of this length are shown together."""
    return max(1, min(MOST_TRACKS, MOST_CELLS // max(1, n_frames)))


@dataclass(frozen=True)
class Thinned:
    """Points of curves to be joined: P points at `frames`, (P, K) values of each channel, NaN where there is a gap."""

    frames: NDArray[np.float64]
    values: dict[tuple[Channel, Kind], NDArray[np.float32]]

    def extent(self, channels: Iterable[Channel]) -> tuple[float, float] | None:
        """Least and greatest value; None where there is none."""
        arrays = [self.values[channel, kind] for channel in channels for kind in KINDS]
        found = [array[np.isfinite(array)] for array in arrays]
        known = [part for part in found if len(part)]
        if not known:
            return None
        return float(min(part.min() for part in known)), float(max(part.max() for part in known))


class Series:
    """The curves of K tracks.

    Attributes:
        ids: the tracks.
    """

    def __init__(self, document: Document, ids: tuple[int, ...]) -> None:
        self.ids = ids
        self._document = document
        n_frames, n_tracks = document.table.n_frames, len(ids)
        bins = -(-n_frames // BIN)
        self._values = {channel: np.full((n_frames, n_tracks), np.nan, np.float32) for channel in CHANNELS}
        self._shown = {kind: np.zeros((n_frames, n_tracks), dtype=bool) for kind in KINDS}
        self._marked = np.zeros((n_frames, n_tracks), dtype=bool)
        self._coarse = {
            (channel, kind): np.full((2, bins, n_tracks), np.nan, np.float32) for channel in CHANNELS for kind in KINDS
        }
        self._valid = np.zeros(-(-n_frames // CHUNK), dtype=bool)

    def invalidate(self, ids: Iterable[int] | None, start: int, end: int) -> bool:
        """What is known of these tracks (None for all) on frames start to end has changed; whether that is shown."""
        touched = ids is None or not set(self.ids).isdisjoint(ids)
        if touched:  # speed, and what joins hidden to visible frames, look one frame aside
            self._valid[max(0, start - 1) // CHUNK : -(-(end + 1) // CHUNK)] = False
        return touched

    def read(self, start: int, end: int, budget: float) -> bool:
        """Read frames start to end (exclusive) for about `budget` seconds at most; whether all are known then."""
        deadline = perf_counter() + budget
        chunks = range(start // CHUNK, -(-end // CHUNK))
        for chunk in chunks:
            if not self._valid[chunk]:
                if perf_counter() > deadline:
                    return False
                self._read_chunk(chunk)
        return True

    def at(self, frame: int) -> dict[Channel, NDArray[np.float32]]:
        """(K,) values of each channel on one frame."""
        self.read(frame, frame + 1, 1.0)
        return {channel: values[frame] for channel, values in self._values.items()}

    def thinned(self, start: int, end: int, width: int) -> Thinned:
        """Frames start to end (exclusive) on a plot `width` pixels wide; what is not read yet is a gap."""
        per_pixel = (end - start) / max(1, width)
        if per_pixel <= 2:
            frames = np.arange(start, end, dtype=np.float64)
            return Thinned(frames, {(c, k): self._masked(c, k, start, end) for c in CHANNELS for k in KINDS})
        edges = np.unique(np.linspace(start, end, width + 1).astype(np.intp))
        starts = edges[:-1]
        if per_pixel >= COARSE_FROM:
            starts, bins = np.unique(starts // BIN) * BIN, slice(start // BIN, -(-end // BIN))
            rows = starts // BIN - start // BIN
            parts = {key: values[:, bins] for key, values in self._coarse.items()}
        else:
            rows = starts - start
            parts = {}
            for channel in CHANNELS:
                for kind in KINDS:
                    values = self._masked(channel, kind, start, end)
                    parts[channel, kind] = np.broadcast_to(values, (2, *values.shape))
        middles = (starts + np.append(starts[1:], end) - 1) / 2
        return Thinned(np.repeat(middles, 2), {key: _extremes(part, rows) for key, part in parts.items()})

    def anchors(self, start: int, end: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """(A,) frames and (A, 2) positions of marks; of those of a track on one pixel only the first."""
        frames, columns = np.nonzero(self._marked[start:end])
        pixels = frames * width // max(1, end - start) * len(self.ids) + columns
        first = np.unique(pixels, return_index=True)[1]
        frames, columns = frames[first] + start, columns[first]
        xy = np.stack([self._values["x"][frames, columns], self._values["y"][frames, columns]], axis=1)
        return frames, xy

    def _masked(self, channel: Channel, kind: Kind, start: int, end: int) -> NDArray[np.float32]:
        return np.where(self._shown[kind][start:end], self._values[channel][start:end], np.float32(np.nan))

    def _read_chunk(self, chunk: int) -> None:
        table = self._document.table
        start, end = chunk * CHUNK, min(table.n_frames, (chunk + 1) * CHUNK)
        before, after = max(0, start - 1), min(table.n_frames, end + 1)
        columns = table.columns(self.ids)
        state = table.rows("state")[before:after, columns]
        xy = table.rows("xy")[before:after, columns]
        inner, rows = slice(start - before, end - before), slice(start, end)
        speed = np.full(state.shape, np.nan, np.float32)
        moved = np.diff(xy, axis=0)
        speed[1:] = np.hypot(moved[..., 0], moved[..., 1])
        self._values["x"][rows], self._values["y"][rows] = xy[inner, :, 0], xy[inner, :, 1]
        self._values["speed"][rows] = speed[inner]
        for name in ("confidence", "visibility"):
            self._values[name][rows] = table.rows(name)[rows, columns]
        self._values["error"][rows] = self._document.expected_error.read(self.ids, start, end)
        hidden = (state == State.OCCLUDED) | (state == State.OUT_OF_VIEW)
        self._shown["solid"][rows] = (state == State.VISIBLE)[inner]
        self._shown["faint"][rows] = (hidden | _beside(hidden))[inner]
        source = table.rows("source")[before:after, columns]
        self._marked[rows] = _first_of_stretches(source == Source.ANCHOR, state)[inner]
        for (channel, kind), (least, greatest) in self._coarse.items():
            values, starts = self._masked(channel, kind, start, end), np.arange(0, end - start, BIN)
            bins = slice(start // BIN, start // BIN + len(starts))
            least[bins], greatest[bins] = np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts)
        self._valid[chunk] = True


def _extremes(part: NDArray[np.float32], rows: NDArray[np.intp]) -> NDArray[np.float32]:
    """(2P, K): least and greatest of (2, F, K) values from each of P rows up to the next, in turn."""
    result = np.empty((2 * len(rows), part.shape[2]), np.float32)
    result[0::2], result[1::2] = np.fmin.reduceat(part[0], rows), np.fmax.reduceat(part[1], rows)
    return result


def _beside(frames: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """True next to a true frame, so that the two kinds of lines meet."""
    result = np.zeros_like(frames)
    result[1:] |= frames[:-1]
    result[:-1] |= frames[1:]
    return result


def _first_of_stretches(anchored: NDArray[np.bool_], state: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Anchors; of a stretch that a person flagged as hidden only the first frame, as in the timeline."""
    flagged = np.where(anchored & (state != State.VISIBLE), state, np.uint8(0))
    result = anchored.copy()
    result[1:] &= (flagged[1:] == 0) | (flagged[1:] != flagged[:-1])
    return result
