"""Pictures of pieces of the lanes, kept until the cells that they show change."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtGui import QPalette, QPixmap

from app.panels.timeline.drawing import LaneGeometry, colour_table, lane_indices, lane_pixmap
from app.panels.timeline.summary import Block, LaneSummaries, Part

LANES = 8  # of one tile
WIDTH = 256  # of one tile, in device pixels
OVERLAP = 1  # drawn twice, so that no seam shows where a screen has one and a half pixels for one
KEPT = 160  # tiles; one of 8 lanes of 24 pixels takes 200 kB

Key = tuple[tuple[int, ...], int]  # ids of the lanes, number of the tile along the time


@dataclass
class _Tile:
    pixmap: QPixmap
    fresh: bool = True


class LaneTiles:
    """Tiles of one zoom.

    Attributes:
        rendered: how many tiles were drawn so far.
    """

    def __init__(self) -> None:
        self.rendered = 0
        self._summaries = LaneSummaries()
        self._tiles: OrderedDict[Key, _Tile] = OrderedDict()
        self._pixels_per_frame = 1.0  # device pixels
        self._threshold = 0.0
        self._geometry = LaneGeometry.make(24, 1.0)
        self._colours: list[int] = []

    def set_look(self, palette: QPalette, lane_height: int, ratio: float) -> None:
        """Colours and sizes to draw with from now on."""
        self._colours, self._geometry = colour_table(palette), LaneGeometry.make(lane_height, ratio)
        self._tiles.clear()

    def set_zoom(self, pixels_per_frame: float) -> None:
        """Device pixels per frame from now on."""
        if pixels_per_frame != self._pixels_per_frame:
            self._pixels_per_frame = pixels_per_frame
            self._tiles.clear()

    def set_threshold(self, pixels: float) -> None:
        """Expected errors above this are drawn from now on."""
        if pixels != self._threshold:
            self._threshold = pixels
            for tile in self._tiles.values():
                tile.fresh = False

    def clear(self) -> None:
        """Forget all tiles and all that was summed up."""
        self._tiles.clear()
        self._summaries.clear()

    def invalidate(self, ids: Iterable[int] | None, start: int, end: int, part: Part = "cells") -> None:
        """What is known of these tracks (None for all) on frames start to end (exclusive) has changed."""
        self._summaries.invalidate(ids, start, end, part)
        wanted = None if ids is None else set(ids)
        margin = self._margin
        first = (start * self._pixels_per_frame - margin) // WIDTH
        last = (end * self._pixels_per_frame + margin) // WIDTH
        for (block, number), tile in self._tiles.items():
            if first <= number <= last and (wanted is None or not wanted.isdisjoint(block)):
                tile.fresh = False

    def is_fresh(self, key: Key) -> bool:
        """Whether `pixmap` would be at once what the table says."""
        tile = self._tiles.get(key)
        return tile is not None and tile.fresh

    def pixmap(self, key: Key) -> QPixmap | None:
        """The picture as it was drawn last, even if it is no longer up to date."""
        tile = self._tiles.get(key)
        if tile is None:
            return None
        self._tiles.move_to_end(key)
        return tile.pixmap

    def render(self, block: Block, number: int) -> QPixmap:
        """Draw a tile anew."""
        key, margin, x0 = (block.ids, number), self._margin, number * WIDTH
        end = x0 + WIDTH + OVERLAP + margin
        columns = self._summaries.pixels(block, x0 - margin, end, self._pixels_per_frame)
        indices = lane_indices(columns, self._geometry, x0, margin, self._threshold)
        pixmap = lane_pixmap(indices, self._colours, self._geometry.ratio)
        self._tiles[key] = _Tile(pixmap)
        self._tiles.move_to_end(key)
        while len(self._tiles) > KEPT:
            self._tiles.popitem(last=False)
        self.rendered += 1
        return pixmap

    @property
    def _margin(self) -> int:
        return self._geometry.diamond + self._geometry.line + 1
