"""A contact sheet: for each track, what lies around it on every so many frames, side by side."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from app.rendering.marks import (
    LEAST_LETTERS,
    LIGHT,
    Colour,
    confidence_colour,
    confidence_colours,
    draw_mark,
    mark_of,
    shade,
    text_width,
    write,
)
from app.rendering.output import LARGEST_SIDE, Report
from tracker.files import InputError, atomic_output
from tracker.labels import State, TrackFile
from tracker.video import FrameSource

USUAL_TILES = 24  # of a track, where nobody says how many frames to leave out
LARGEST_AREA = 150_000_000
GROUND: Colour = (38, 38, 38)
EMPTY: Colour = (60, 60, 60)  # where there is no picture
GREY: Colour = (130, 130, 130)


@dataclass(frozen=True)
class SheetOptions:
    """What a sheet shows.

    Attributes:
        rows: numbers of the tracks, from 0.
        start, end: frames, end exclusive.
        every: one of so many frames; None: about `USUAL_TILES` of a track.
        columns: tiles side by side, the reference tile not counted.
        tile: pixels of the video a tile is wide and high.
        zoom: pixels that one of them becomes.
        first_number: the number of frame 0.
    """

    rows: tuple[int, ...]
    start: int
    end: int
    every: int | None = None
    columns: int = 12
    tile: int = 64
    zoom: float = 3.0
    first_number: int = 0

    @property
    def frames(self) -> range:
        """The frames that have tiles."""
        usual = -(-(self.end - self.start) // USUAL_TILES)
        return range(self.start, self.end, self.every or usual)


@dataclass(frozen=True)
class Sheet:
    """What was written: pixels, tracks, and tiles of each."""

    output: str
    width: int
    height: int
    tracks: int
    tiles: int


class _Layout:
    """Where everything is, in pixels of the sheet."""

    def __init__(self, options: SheetOptions) -> None:
        """Raises InputError where the sheet would be too large."""
        self.frames = options.frames
        self.side = max(1, round(options.tile * options.zoom))
        self.letters = max(LEAST_LETTERS, self.side / 16)
        self.gap = max(3, self.side // 24)
        self.title = round(3.4 * self.letters)
        self.step = self.side + self.gap
        self.columns = min(options.columns, len(self.frames))
        lines = -(-len(self.frames) // self.columns)
        self.block = self.title + lines * self.step + self.gap
        # The reference tile stands apart, to the left.
        self.first = self.step + 3 * self.gap
        self.width = max(self.first + self.columns * self.step + self.gap, round(30 * self.letters))
        self.height = len(options.rows) * self.block + self.gap
        if max(self.width, self.height) > LARGEST_SIDE or self.width * self.height > LARGEST_AREA:
            raise InputError(
                f"the sheet would be {self.width}x{self.height} pixels, over {LARGEST_SIDE} a side or "
                f"{LARGEST_AREA // 10**6} million: leave out frames or tracks, or make the tiles smaller"
            )

    def tile(self, block: int, place: int) -> tuple[int, int]:
        """Left and top of a tile; place -1 is the reference."""
        top = self.gap + block * self.block + self.title
        if place < 0:
            return self.gap, top
        line, column = divmod(place, self.columns)
        return self.first + column * self.step, top + line * self.step


def write_contact_sheet(
    path: Path, source: FrameSource, tracks: TrackFile, options: SheetOptions, report: Report
) -> Sheet:
    """Write a PNG with a block per track: a title, the frame of its query point, and a tile per frame.

    A tile is centred on the point, so that a good track's tiles all look alike. Its border says how confident the
    tracker was, white where a person placed the point; the mark in its lower right corner says the state.

    Raises:
        InputError: the sheet would be too large, a frame cannot be read, or the file cannot be written.
    """
    layout = _Layout(options)
    sheet = np.full((layout.height, layout.width, 3), GROUND, np.uint8)
    drawer = _Drawer(tracks, options, layout, sheet, frozenset(source.missing))
    wanted = sorted({*layout.frames, *drawer.references})
    for done, (index, picture) in enumerate(_pictures(source, wanted), start=1):
        drawer.draw(picture, index)
        report(done, len(wanted))
    _, data = cv2.imencode(".png", sheet[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 6])
    with atomic_output(path) as part:
        part.write_bytes(data.tobytes())
    return Sheet(str(path), layout.width, layout.height, len(options.rows), len(layout.frames))


def _pictures(source: FrameSource, wanted: list[int]) -> Iterable[tuple[int, NDArray[np.uint8]]]:
    """The frames in ascending order; a sequence's missing one is the last before it."""
    for index in wanted:
        yield index, next(iter(source.frames(index, index + 1)))


class _Drawer:
    def __init__(
        self,
        tracks: TrackFile,
        options: SheetOptions,
        layout: _Layout,
        sheet: NDArray[np.uint8],
        missing: frozenset[int],
    ) -> None:
        self._tracks, self._options, self._layout, self._sheet = tracks, options, layout, sheet
        self._missing, self._ramp = missing, confidence_colours()
        self._confidence = tracks.confidence * tracks.visibility
        self._places = {frame: place for place, frame in enumerate(layout.frames)}
        self.references = [self._reference(row) for row in options.rows]
        for block, row in enumerate(options.rows):
            self._write_title(block, row)

    def _reference(self, row: int) -> int:
        """The frame of the query point, or the first with a position."""
        frame = self._tracks.query_points[row, 0]
        if np.isfinite(frame) and 0 <= frame < self._tracks.n_frames and self._tracks.located[row, int(frame)]:
            return int(frame)
        return int(self._tracks.located[row].argmax())

    def draw(self, picture: NDArray[np.uint8], index: int) -> None:
        """All tiles that show this frame."""
        for block, row in enumerate(self._options.rows):
            if index == self.references[block]:
                self._draw_tile(picture, block, -1, row, index)
            if index in self._places:
                self._draw_tile(picture, block, self._places[index], row, index)

    def _draw_tile(self, picture: NDArray[np.uint8], block: int, place: int, row: int, index: int) -> None:
        layout, side = self._layout, self._layout.side
        left, top = layout.tile(block, place)
        tile = self._sheet[top : top + side, left : left + side]
        state = int(self._tracks.state[row, index])
        known = state != State.UNLABELLED and bool(np.isfinite(self._tracks.xy[row, index]).all())
        known = known and index not in self._missing
        tile[:] = self._patch(picture, self._tracks.xy[row, index]) if known else EMPTY
        colour = confidence_colour(self._ramp, float(self._confidence[row, index])) if known else GREY
        border = max(2, side // 48)
        if known:
            _draw_cross_hair(tile, side, border)
        cv2.rectangle(tile, (0, 0), (side - 1, side - 1), colour, 2 * border - 1)
        self._write_number(tile, index, border, "ref " if place < 0 else "")
        if not known:
            word = "missing" if index in self._missing else "unlabelled" if state == State.UNLABELLED else "nowhere"
            wide = text_width(word, layout.letters)
            write(tile, word, (side - wide) / 2, (side + layout.letters) / 2, layout.letters, LIGHT)
            return
        radius = layout.letters * 0.55
        at = np.full(2, side - border - 2.2 * radius, np.float32)
        draw_mark(tile, mark_of(state, int(self._tracks.source[row, index])), at, radius, colour)

    def _patch(self, picture: NDArray[np.uint8], xy: NDArray[np.float32]) -> NDArray[np.uint8]:
        """What lies around a position, which comes into the middle of the tile."""
        zoom, middle = self._options.zoom, (self._layout.side - 1) / 2
        move = np.array([[zoom, 0, middle - zoom * float(xy[0])], [0, zoom, middle - zoom * float(xy[1])]])
        way = cv2.INTER_CUBIC if zoom >= 1 else cv2.INTER_LINEAR
        size = (self._layout.side, self._layout.side)
        return np.asarray(cv2.warpAffine(picture, move, size, flags=way, borderValue=EMPTY), np.uint8)

    def _write_number(self, tile: NDArray[np.uint8], index: int, border: int, prefix: str) -> None:
        letters = self._layout.letters
        text = f"{prefix}{self._options.first_number + index}"
        pad = round(letters * 0.35)
        shade(tile, border, border, text_width(text, letters) + 2 * pad, round(letters) + 2 * pad + 1)
        write(tile, text, border + pad, border + pad + letters, letters)

    def _write_title(self, block: int, row: int) -> None:
        layout, options = self._layout, self._options
        top = layout.gap + block * layout.block
        if block:
            cv2.line(self._sheet, (layout.gap, top), (layout.width - layout.gap, top), GREY, 1)
        states = self._tracks.state[row, options.start : options.end]
        told = [f"{int((states == state).sum())} {word}" for state, word in _STATES if (states == state).any()]
        confidence = self._confidence[row, options.start : options.end]
        if np.isfinite(confidence).any():
            told.append(f"confidence {np.nanmean(confidence):.2f}")
        name, baseline = self._tracks.names[row], top + 2.3 * layout.letters
        write(self._sheet, name, layout.gap, baseline, layout.letters * 1.25)
        left = layout.gap + text_width(name, layout.letters * 1.25) + 2 * layout.letters
        write(self._sheet, ", ".join(told), left, baseline, layout.letters, (190, 190, 190))


_STATES = (
    (State.VISIBLE, "visible"),
    (State.OCCLUDED, "occluded"),
    (State.OUT_OF_VIEW, "out of view"),
    (State.UNLABELLED, "unlabelled"),
)


def _draw_cross_hair(tile: NDArray[np.uint8], side: int, border: int) -> None:
    """Short strokes at the middle of each side: they point at the centre and cover nothing of it."""
    middle, length = side // 2, max(4, side // 10)
    for start, end in (
        ((middle, border), (middle, border + length)),
        ((middle, side - 1 - border), (middle, side - 1 - border - length)),
        ((border, middle), (border + length, middle)),
        ((side - 1 - border, middle), (side - 1 - border - length, middle)),
    ):
        cv2.line(tile, start, end, (20, 20, 20), 3)
        cv2.line(tile, start, end, LIGHT, 1)
