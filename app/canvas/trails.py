"""Where the points came from: fading trails, kept in a layer and drawn on step by step.

A step forward fades the layer a little and draws only the newest segments. Everything else (a jump, a step back, zoom,
pan, an edit) draws all segments again, in a quick form first where there are many and in the fine form once things are
quiet.
"""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from app.canvas.appearance import Appearance
from app.canvas.mapping import Mapping
from app.document.view_state import ViewState
from tracker.labels.table import State, TrackTable

FINE_AT_ONCE = 20_000  # segments that are drawn finely without waiting
MOVING_AT_ONCE = 3_000  # … while the view moves with the frames, so that nothing can be drawn on
THICK_LIMIT = 4_000  # segments up to which lines are two pixels wide, which costs eight times as much
FINE_LIMIT = 60_000  # segments of the fine form; above, every second, third, … frame is joined
QUICK_LIMIT = 30_000
TRACK_LIMIT = 10_000  # above, only the selected tracks have trails
LONGEST_STEP = 8  # frames skipped in playing are caught up one by one
OLDEST = 0.08  # what is left of the newest segment's opacity at the end of the trail
BANDS_FINE, BANDS_QUICK = 10, 3  # parts of one trail that differ in opacity and colour
LINE_LIMIT = 12_000  # such parts of all trails: each costs a call's overhead, however short
SHIFT = 4  # sub-pixel bits of OpenCV's coordinates
TRAIL_LEVELS = 8  # colours of the ramp are paired: fewer calls, no difference to the eye


@dataclass(frozen=True)
class _Wanted:
    """All that a layer depends on but the frame. Equal values mean that it can be continued."""

    mapping: Mapping
    size: tuple[int, int]
    length: int
    colour_by: tuple[str, float]  # and the threshold of the expected error, where colours tell that
    columns: tuple[int, ...] | None  # None: all tracks
    thickness: int


class TrailLayer:
    """An ARGB layer of trails that end at the shown frame, one pixel per logical pixel.

    Attributes:
        buffer: (H, W, 4) uint8 premultiplied blue, green, red, alpha.
        coarse: whether the quick form is shown, so that a fine one should follow when things are quiet.
    """

    def __init__(self, table: TrackTable, view: ViewState, appearance: Appearance) -> None:
        self._table = table
        self._view = view
        self._appearance = appearance
        self._wanted: _Wanted | None = None
        self._frame = -1
        self.buffer = np.zeros((1, 1, 4), dtype=np.uint8)
        self.coarse = False

    def invalidate(self) -> None:
        """Something in the shown past has changed: draw anew next time."""
        self._wanted = None

    def update(self, frame: int, mapping: Mapping, size: tuple[int, int], fine: bool = False) -> bool:
        """Bring the layer to `frame` for a view of `size` (width, height). Gives whether there is anything to show.

        Args:
            fine: draw the fine form however many segments there are.
        """
        columns = self._columns()
        if self._view.trail_length < 1 or (columns is not None and not columns):
            self._wanted = None
            return False
        length = self._view.trail_length
        tracks = self._table.n_tracks if columns is None else len(columns)
        thickness = 2 if tracks * length <= THICK_LIMIT else 1
        knee = self._view.error_threshold if self._view.colour_by == "error" else 0.0
        wanted = _Wanted(mapping, size, length, (self._view.colour_by, knee), columns, thickness)
        same = wanted == self._wanted
        if same and frame == self._frame and not (fine and self.coarse):
            return True
        step = frame - self._frame
        if same and 0 < step <= LONGEST_STEP and self._frame >= 0:
            for newer in range(self._frame + 1, frame + 1):
                self._advance(wanted, newer)
        else:
            last = self._wanted
            moving = last is not None and last.mapping != wanted.mapping and 0 < abs(step) <= LONGEST_STEP
            self._redraw(wanted, frame, fine, MOVING_AT_ONCE if moving else FINE_AT_ONCE)
        self._wanted, self._frame = wanted, frame
        return True

    def _columns(self) -> tuple[int, ...] | None:
        few = self._view.hide_others and self._view.selection
        hidden = self._appearance.hidden()
        if few or self._table.n_tracks - hidden.sum() > TRACK_LIMIT:
            columns = self._table.columns(self._appearance.selection())
            return tuple(columns[~hidden[columns]].tolist())
        return tuple(np.flatnonzero(~hidden).tolist()) if hidden.any() else None

    # -- drawing

    def _fade(self, length: int) -> float:
        return float(OLDEST ** (1 / length))

    def _advance(self, wanted: _Wanted, frame: int) -> None:
        # Rounding down (beta) makes every value reach 0: rounding to nearest would leave ghosts for ever.
        cv2.convertScaleAbs(self.buffer, dst=self.buffer, alpha=self._fade(wanted.length), beta=-0.5)
        self._draw_band(self._paths(wanted, np.array([frame - 1, frame])), frame, 1.0, cv2.LINE_AA, wanted)

    def _redraw(self, wanted: _Wanted, frame: int, fine: bool, at_once: int) -> None:
        width, height = wanted.size
        if self.buffer.shape[:2] != (height, width):
            self.buffer = np.zeros((height, width, 4), dtype=np.uint8)
        else:
            self.buffer.fill(0)
        tracks = self._table.n_tracks if wanted.columns is None else len(wanted.columns)
        first = max(0, frame - wanted.length)
        if frame <= first or not tracks:
            self.coarse = False
            return
        segments = tracks * (frame - first)
        fine = fine or segments <= at_once
        self.coarse = not fine
        stride = -(-segments // (FINE_LIMIT if fine else QUICK_LIMIT))
        frames = np.arange(frame, first - 1, -stride)[::-1]
        if len(frames) < 2:
            return
        most = max(2, min(LINE_LIMIT // tracks, BANDS_FINE if fine else BANDS_QUICK))
        bands = min(len(frames) - 1, most)
        paths = self._paths(wanted, frames)
        edges = np.unique(np.linspace(0, len(frames) - 1, bands + 1).round().astype(int))
        for start, end in pairwise(edges):
            age = frame - (frames[start] + 1 + frames[end]) / 2
            opacity = self._fade(wanted.length) ** age
            line = cv2.LINE_AA if fine else cv2.LINE_8
            self._draw_band(paths[:, start : end + 1], int(frames[end]), opacity, line, wanted)

    def _paths(self, wanted: _Wanted, frames: NDArray[np.int64]) -> NDArray[np.float64]:
        """(n, F, 2) view positions, NaN where a track is not in the picture or not known."""
        rows: slice | NDArray[np.int64] = frames
        if len(frames) > 1 and frames[1] - frames[0] == 1:
            rows = slice(int(frames[0]), int(frames[-1]) + 1)
        xy = self._table.rows("xy")[rows]
        state = self._table.rows("state")[rows]
        if wanted.columns is not None:
            xy, state = xy[:, wanted.columns], state[:, wanted.columns]
        paths = wanted.mapping.points(xy) - 0.5  # OpenCV counts from the centre of a pixel
        paths[(state != State.VISIBLE) & (state != State.OCCLUDED)] = np.nan
        return np.ascontiguousarray(paths.swapaxes(0, 1))

    def _draw_band(self, paths: NDArray[np.float64], frame: int, opacity: float, line: int, wanted: _Wanted) -> None:
        """Draw paths (n, F, 2) in each track's colour of `frame`."""
        index = self._appearance.colour_index(frame)
        if wanted.columns is not None:
            index = index[list(wanted.columns)]
        colours = self._appearance.colours()
        if wanted.colour_by[0] == "confidence":
            index = index * TRAIL_LEVELS // len(colours)
            colours = colours[len(colours) // TRAIL_LEVELS - 1 :: len(colours) // TRAIL_LEVELS]
        known = np.isfinite(paths[..., 0])
        whole = known.all(axis=1)
        points = np.round(np.nan_to_num(paths) * (1 << SHIFT)).astype(np.int32)
        for k in np.unique(index):
            colour = premultiplied(colours[k], opacity)
            mine = index == k
            self._polylines(points[mine & whole], colour, line, wanted.thickness)
            torn = mine & ~whole
            if torn.any():
                pairs = np.stack([points[torn, :-1], points[torn, 1:]], axis=2)
                self._polylines(pairs[known[torn, :-1] & known[torn, 1:]], colour, line, wanted.thickness)

    def _polylines(self, lines: NDArray[np.int32], colour: tuple[float, ...], line: int, width: int) -> None:
        if len(lines):
            cv2.polylines(self.buffer, lines, False, colour, width, line, SHIFT)  # type: ignore[call-overload]


def premultiplied(colour: NDArray[np.uint8], opacity: float) -> tuple[float, float, float, float]:
    """Blue, green, red, alpha of a layer for a red, green, blue colour."""
    red, green, blue = (float(channel) * opacity for channel in colour)
    return blue, green, red, 255 * opacity
