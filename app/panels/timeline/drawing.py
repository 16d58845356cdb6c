"""Pictures of lanes, drawn with whole arrays: no loop over frames, tracks or anchors.

Colour is never the only sign: a visible stretch is a bar whose height falls with the confidence, an occluded one is
hatched, an out-of-view one is ruled with thin lines, an unlabelled one is a gap, and anchors are diamonds. A stretch
that a bridge made has a line along its foot, an interpolated one dashes, an imported one dots. An approved one is
underlined; the underline is thin where a column has frames of both kinds. Where an error above the threshold is
expected, a spike hangs into the lane, the deeper the greater it is.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor, QImage, QPalette, QPixmap

from app.panels.timeline.summary import (
    ANCHOR,
    APPROVED,
    BRIDGE,
    IMPORTED,
    INTERPOLATED,
    LABELLED,
    OCCLUDED,
    OUT_OF_VIEW,
    STATES,
    SURE,
    UNAPPROVED,
    UNLABELLED,
    VISIBLE,
    Summary,
    error_pixels,
)
from app.theme import confidence_ramp, is_dark

RAMP_LEVELS = 64
RAMP_STRENGTH = 0.85  # a wall of bars in full colour would outshine the picture
LEAST_HEIGHT = 0.35  # of a bar at no confidence at all

# Entries of the colour table of a picture; the confidence ramp follows at RAMP.
CLEAR, HATCH, RULED, EDGE, UNDERLINE, DIAMOND, DIAMOND_EDGE, FOOT, SPIKE = range(9)
RAMP = 16

# The line along the foot of a bar: lengths of dash and gap, in lines.
FOOT_PATTERNS = {BRIDGE: (1, 0), INTERPOLATED: (6, 4), IMPORTED: (2, 3)}
LEAST_SPIKE = 0.25  # of a bar, at the threshold
DEEPEST_SPIKE = 16.0  # times the threshold: reaches through the whole bar


@dataclass(frozen=True)
class LaneGeometry:
    """Heights within one lane, in device pixels."""

    ratio: float  # device pixels per logical pixel
    lane: int
    bar_top: int
    bar: int
    line: int  # thickness of lines and hatches
    diamond: int  # half a diagonal

    @classmethod
    def make(cls, lane_height: int, ratio: float) -> "LaneGeometry":
        """For a lane of this many logical pixels."""
        lane = round(lane_height * ratio)
        return cls(ratio, lane, round(4 * ratio), lane - round(10 * ratio), max(1, round(ratio)), round(5 * ratio))


def colour_table(palette: QPalette) -> list[int]:
    """The colours that `lane_indices` refers to, as Qt's ARGB numbers."""
    text, base = palette.color(QPalette.ColorRole.Text), palette.color(QPalette.ColorRole.Base)
    accent = palette.color(QPalette.ColorRole.Accent)
    table = [QColor(0, 0, 0, 0)] * (RAMP + RAMP_LEVELS)
    table[HATCH], table[RULED], table[EDGE] = (_faded(text, alpha) for alpha in (150, 95, 190))
    table[UNDERLINE], table[DIAMOND], table[DIAMOND_EDGE], table[FOOT] = accent, text, base, base
    table[SPIKE] = error_colour(palette)
    table[RAMP:] = [_mixed(QColor(*rgb), base) for rgb in confidence_ramp(RAMP_LEVELS).tolist()]
    return [colour.rgba() for colour in table]


def error_colour(palette: QPalette) -> QColor:
    """What marks expected errors above the threshold."""
    return QColor(*((255, 82, 82) if is_dark(palette) else (206, 24, 30)))


def lane_pixmap(indices: NDArray[np.uint8], colours: list[int], ratio: float) -> QPixmap:
    """The picture of (height, width) indices."""
    height, width = indices.shape
    data = np.ascontiguousarray(indices)
    image = QImage(data.data, width, height, width, QImage.Format.Format_Indexed8)
    image.setColorTable(colours)
    pixmap = QPixmap.fromImage(image)
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def lane_indices(columns: Summary, geometry: LaneGeometry, x0: int, margin: int, threshold: float) -> NDArray[np.uint8]:
    """Colour indices of K lanes below each other, (K * lane, W) uint8.

    Args:
        columns: W + 2 * margin pixel columns; the margin lets marks reach in from outside the picture.
        geometry: of one lane.
        x0: place of the first drawn pixel on the time axis, to which patterns are pinned.
        threshold: greater expected errors are drawn, in pixels.
    """
    bits, confidence = columns.bits.T, columns.confidence.T
    inner = slice(margin, bits.shape[1] - margin)
    lanes = np.zeros((len(bits), geometry.lane, bits.shape[1] - 2 * margin), np.uint8)
    bar = slice(geometry.bar_top, geometry.bar_top + geometry.bar)
    lanes[:, bar] = _bars(bits[:, inner], confidence[:, inner], geometry, x0)
    _draw_ends(lanes[:, bar], bits, inner)
    _draw_feet(lanes[:, bar], bits, inner, geometry.line, x0)
    under = geometry.bar_top + geometry.bar + geometry.line
    for row, without in ((under, UNAPPROVED), (under + geometry.line, 0)):
        approved = (bits[:, inner] & (APPROVED | without)) == APPROVED
        lanes[:, row : row + geometry.line] = np.where(approved, UNDERLINE, CLEAR).astype(np.uint8)[:, None]
    _draw_spikes(lanes, error_pixels(columns.error.T), threshold, geometry, inner)
    _draw_diamonds(lanes, (bits & ANCHOR) != 0, geometry, margin)
    return lanes.reshape(-1, lanes.shape[2])


def _bars(bits: NDArray[np.uint16], confidence: NDArray[np.uint8], geometry: LaneGeometry, x0: int) -> NDArray[Any]:
    """(K, bar, W) uint8: the states; a column with several of them is divided into bands."""
    line, height = geometry.line, geometry.bar
    rows, x = np.arange(height)[:, None], np.arange(x0, x0 + bits.shape[1])[None]
    band = _bands(height)[bits & STATES].transpose(0, 2, 1)
    tall = height * (LEAST_HEIGHT + (1 - LEAST_HEIGHT) / SURE * confidence)
    ramp = (RAMP + confidence // (256 // RAMP_LEVELS)).astype(np.uint8)
    filled = (band == VISIBLE) & (rows[None] >= height - np.round(tall)[:, None])
    hatch = np.where((x + rows) % (5 * line) < 2 * line, HATCH, CLEAR).astype(np.uint8)
    ruled = np.where(rows % (4 * line) < line, RULED, CLEAR).astype(np.uint8) + np.zeros_like(x, np.uint8)
    picture = np.where(filled, ramp[:, None], np.uint8(CLEAR))
    picture = np.where(band == OCCLUDED, hatch[None], picture)
    return np.where(band == OUT_OF_VIEW, ruled[None], picture)


@cache
def _bands(height: int) -> NDArray[np.uint8]:
    """(16, height) uint8: for each set of states, which state each row of a bar shows, from the top."""
    table = np.zeros((STATES + 1, height), np.uint8)
    for mask in range(1, STATES + 1):
        present = [state for state in (UNLABELLED, OUT_OF_VIEW, OCCLUDED, VISIBLE) if mask & state]
        table[mask] = np.array(present)[np.arange(height) * len(present) // height]
    return table


def _draw_ends(bars: NDArray[np.uint8], bits: NDArray[np.uint16], inner: slice) -> None:
    """Close each tracked stretch with an upright line at both ends."""
    labelled = (bits & LABELLED) != 0
    before, after = np.roll(labelled, 1, axis=1), np.roll(labelled, -1, axis=1)
    ends = (labelled & ~(before & after))[:, inner]
    np.copyto(bars, np.uint8(EDGE), where=ends[:, None])


def _draw_feet(bars: NDArray[np.uint8], bits: NDArray[np.uint16], inner: slice, line: int, x0: int) -> None:
    """Tell the sources apart; the first column of a stretch is always marked, so that a short one is not lost."""
    foot = bars[:, -3 * line : -2 * line]
    x = np.arange(x0, x0 + bars.shape[2])
    for source, (dash, gap) in FOOT_PATTERNS.items():
        made = (bits & source) != 0
        if made.any():
            starts = made & ~np.roll(made, 1, axis=1)
            drawn = made[:, inner] & (x % ((dash + gap) * line) < dash * line) | starts[:, inner]
            np.copyto(foot, np.uint8(FOOT), where=drawn[:, None])


def _draw_spikes(
    lanes: NDArray[np.uint8], error: NDArray[np.float32], threshold: float, geometry: LaneGeometry, inner: slice
) -> None:
    """Hang a spike from the top of each lane where the error is above the threshold, with an outline below."""
    over = error > threshold
    if not over.any():
        return
    times = np.where(over, error / max(threshold, 1e-3), 1)
    depth = LEAST_SPIKE + (1 - LEAST_SPIKE) * np.minimum(1, np.log(times) / np.log(DEEPEST_SPIKE))
    height = np.where(over, np.round(depth * geometry.bar), 0).astype(np.int16)
    sides = np.maximum(np.roll(height, 1, axis=1), np.roll(height, -1, axis=1)) - 2 * geometry.line
    height = np.maximum(height, sides)  # one frame is three pixels wide, and pointed
    edge = np.maximum(height, np.maximum(np.roll(height, 1, axis=1), np.roll(height, -1, axis=1)))
    rows = np.arange(geometry.line, geometry.bar_top + geometry.bar)[:, None]
    part = lanes[:, geometry.line : geometry.bar_top + geometry.bar]
    for reach, index in ((edge + geometry.line * (edge > 0), DIAMOND_EDGE), (height, SPIKE)):
        where = rows < geometry.line + reach[:, None, inner]
        np.copyto(part, np.uint8(index), where=where)


def _draw_diamonds(lanes: NDArray[np.uint8], anchors: NDArray[np.bool_], geometry: LaneGeometry, margin: int) -> None:
    """Stamp a diamond around each anchor column, with an outline that holds it apart from the bar."""
    if not anchors.any():
        return
    middle = geometry.bar_top + geometry.bar // 2
    for half, index in ((geometry.diamond + geometry.line, DIAMOND_EDGE), (geometry.diamond, DIAMOND)):
        for row in range(-half, half + 1):
            where = _widened(anchors, half - abs(row))[:, margin : margin + lanes.shape[2]]
            np.copyto(lanes[:, middle + row], np.uint8(index), where=where)


def _widened(columns: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """True wherever a true column stands at most `reach` columns away."""
    padded = np.pad(columns, ((0, 0), (reach + 1, reach)))
    total = np.cumsum(padded, axis=1, dtype=np.int32)
    return total[:, 2 * reach + 1 :] > total[:, : -2 * reach - 1]


def _mixed(colour: QColor, base: QColor) -> QColor:
    """The colour as it looks over the base; opaque, because tiles overlap."""
    pairs = ((colour.red(), base.red()), (colour.green(), base.green()), (colour.blue(), base.blue()))
    return QColor(*(round(under + RAMP_STRENGTH * (over - under)) for over, under in pairs))


def _faded(colour: QColor, alpha: int) -> QColor:
    faded = QColor(colour)
    faded.setAlpha(alpha)
    return faded
