"""Tracks drawn over a picture: colour says confidence or track, shape says state, trails fade."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from app.rendering.legend import draw_legend, place_legend
from app.rendering.marks import (
    SHIFT,
    Colour,
    confidence_colour,
    confidence_colours,
    draw_mark,
    fixed,
    mark_of,
    shade,
    text_height,
    text_width,
    write,
)
from tracker.labels import State, TrackFile
from tracker.labels.table import colour_for

TRAIL_STEPS = 6  # shades of a fading trail


@dataclass(frozen=True)
class Look:
    """How tracks are drawn.

    Attributes:
        trail: length of the trails in frames.
        size: radius of the marks in pixels of the picture that is written; None: by its height.
        names: write the names beside the marks.
        legend: explain colours and shapes in the corner where that hides the fewest points.
        numbers_from: the number of frame 0, to write the frame numbers in the upper left corner; None: not written.
        colour_by: what the colours say.
        colours: of all tracks, where the colours tell them apart; None: those that new tracks get.
        rows: numbers (from 0) of the tracks that are drawn; None: all.
    """

    trail: int = 20
    size: float | None = None
    names: bool = False
    legend: bool = False
    numbers_from: int | None = None
    colour_by: Literal["confidence", "track"] = "confidence"
    colours: Sequence[Colour] | None = None
    rows: tuple[int, ...] | None = None


def scaled(tracks: TrackFile, size_wh: tuple[int, int]) -> TrackFile:
    """The tracks on the video at another size."""
    factor = np.array(size_wh, np.float32) / np.array(tracks.size_wh, np.float32)
    return replace(tracks, xy=((tracks.xy + 0.5) * factor - 0.5).astype(np.float32), size_wh=size_wh)


class Overlay:
    """Draws the tracks of one video into its frames, or alone."""

    def __init__(self, tracks: TrackFile, look: Look) -> None:
        """`tracks` are of the size of the pictures."""
        self._tracks, self._look = tracks, look
        self._size = look.size or max(3.0, tracks.size_wh[1] / 180)
        self._ramp = confidence_colours()
        self._located = tracks.located
        self._by_confidence = look.colour_by == "confidence"
        self._letters = text_height(tracks.size_wh[1])
        self._rows = np.arange(tracks.n_tracks) if look.rows is None else np.array(look.rows, np.intp)
        seen = tracks.xy[self._rows][(self._located & (tracks.state != State.OUT_OF_VIEW))[self._rows]]
        self._legend = place_legend(tracks.size_wh, self._letters, self._by_confidence, seen)

    def draw(self, picture: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
        """Frame `index` (H, W, 3) uint8 RGB with the tracks in it, as a copy."""
        image = picture.copy()
        self._paint(image, index)
        return image

    def draw_alone(self, index: int) -> NDArray[np.uint8]:
        """The tracks of frame `index` on nothing: (H, W, 4) uint8 RGBA, straight alpha."""
        width, height = self._tracks.size_wh
        image = np.zeros((height, width, 4), np.uint8)
        self._paint(image, index)
        return straight(image)

    def _paint(self, image: NDArray[np.uint8], index: int) -> None:
        if self._look.legend:  # under the tracks, so that it hides none of them
            draw_legend(image, self._legend, self._by_confidence)
        shown = self._rows[self._tracks.state[self._rows, index] != State.UNLABELLED].tolist()
        colours = {n: self._colour(n, index) for n in shown}
        self._draw_trails(image, index, colours)
        for n, colour in colours.items():
            self._draw_mark(image, n, index, colour)
        if self._look.numbers_from is not None:
            write_corner(image, str(self._look.numbers_from + index), self._letters)

    def _colour(self, n: int, index: int) -> Colour:
        if not self._by_confidence:
            return colour_for(n + 1) if self._look.colours is None else self._look.colours[n]
        return confidence_colour(self._ramp, self._tracks.confidence[n, index] * self._tracks.visibility[n, index])

    def _draw_trails(self, image: NDArray[np.uint8], index: int, colours: dict[int, Colour]) -> None:
        """Older pieces first, each blended once more with those before it, so that the oldest are the faintest."""
        first = max(0, index - self._look.trail)
        edges = np.unique(np.linspace(first, index, TRAIL_STEPS + 1).round().astype(int)).tolist()
        width = max(1, round(self._size / 2.5))
        for step, (start, end) in enumerate(pairwise(edges), start=1):
            pieces = self._pieces(colours, start, end)
            if not pieces:
                continue
            layer = image.copy()
            for colour, lines in pieces.items():
                cv2.polylines(layer, lines, False, (*colour, 255), width, cv2.LINE_AA, SHIFT)
            alpha = step / len(edges)
            cv2.addWeighted(layer, alpha, image, 1 - alpha, 0, dst=image)

    def _pieces(self, colours: dict[int, Colour], start: int, end: int) -> dict[Colour, list[NDArray[np.int32]]]:
        """The ways from frame to frame, from `start` to `end`, by colour; each (2, 2) in fixed-point pixels."""
        rows = np.fromiter(colours, np.intp, len(colours))
        whole, points = self._located[rows, start : end + 1], fixed(self._tracks.xy[rows, start : end + 1])
        ways = np.stack([points[:, :-1], points[:, 1:]], axis=2)
        # A point that rests would get a blot.
        drawn = whole[:, :-1] & whole[:, 1:] & (ways[:, :, 0] != ways[:, :, 1]).any(axis=2)
        pieces: dict[Colour, list[NDArray[np.int32]]] = defaultdict(list)
        for n, colour in enumerate(colours.values()):
            if drawn[n].any():
                pieces[colour].extend(ways[n, drawn[n]])
        return pieces

    def _draw_mark(self, image: NDArray[np.uint8], n: int, index: int, colour: Colour) -> None:
        xy = self._tracks.xy[n, index]
        if not np.isfinite(xy).all():
            return
        # Out of view is marked at the border where the point is beyond.
        xy = np.clip(xy, 0, np.array([image.shape[1] - 1, image.shape[0] - 1], np.float32))
        draw_mark(image, mark_of(self._tracks.state[n, index], self._tracks.source[n, index]), xy, self._size, colour)
        if self._look.names:
            name, height = self._tracks.names[n], self._letters * 0.85
            left, wide = xy[0] + self._size + height / 2, text_width(name, height)
            if left + wide > image.shape[1]:
                left = xy[0] - self._size - height / 2 - wide
            write(image, name, left, max(xy[1] - self._size, 1.3 * height), height)


def write_corner(image: NDArray[np.uint8], text: str, height: float) -> None:
    """Write a text on a dark ground in the upper left corner."""
    margin, pad = round(height), round(0.6 * height)
    shade(image, margin, margin, text_width(text, height) + 2 * pad, round(height) + 2 * pad)
    write(image, text, margin + pad, margin + pad + height, height)


def straight(premultiplied: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGBA with straight colours of RGBA whose colours are multiplied by alpha."""
    result = premultiplied.copy()
    rows, columns = np.nonzero(premultiplied[..., 3])
    pixels = premultiplied[rows, columns].astype(np.float32)
    result[rows, columns, :3] = np.minimum(np.rint(pixels[:, :3] * 255 / pixels[:, 3:]), 255).astype(np.uint8)
    return result
