"""Palettes, icons, spacing, and the names of the data colours: everything that decides how the window looks."""

import os
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPalette
from PySide6.QtWidgets import QApplication

from tracker.labels.table import Source, State

Theme = Literal["system", "light", "dark"]

# One rhythm for margins and gaps, in logical pixels.
SPACE_S, SPACE_M, SPACE_L, SPACE_XL = 4, 8, 16, 32

CONFIDENCE_LEVELS = 16

# The two ends of plasma are cut off: its darkest blue is lost in shadows and its palest yellow in skies.
RAMP_START, RAMP_END = 0.2, 0.97

# Okabe and Ito's hues, light enough to be read over video.
SOURCE_COLOURS: dict[Source, tuple[int, int, int]] = {
    Source.NONE: (150, 150, 150),
    Source.ANCHOR: (255, 255, 255),
    Source.MODEL: (86, 180, 233),
    Source.BRIDGE: (0, 190, 140),
    Source.INTERPOLATED: (240, 228, 66),
    Source.IMPORTED: (230, 159, 0),
}
STATE_COLOURS: dict[State, tuple[int, int, int]] = {
    State.UNLABELLED: (128, 128, 128),
    State.VISIBLE: (86, 180, 233),
    State.OCCLUDED: (230, 159, 0),
    State.OUT_OF_VIEW: (204, 121, 167),
}
OUTLINE = (16, 16, 20)  # around every mark, so that it reads over a bright picture
HALO = (255, 255, 255)  # around what is selected


@cache
def confidence_ramp(levels: int = CONFIDENCE_LEVELS) -> NDArray[np.uint8]:
    """(levels, 3) uint8 red, green, blue from unsure to sure.

    A part of matplotlib's plasma: even steps of lightness, monotonic, and told apart with every kind of colour
    blindness (its lightness alone orders it).
    """
    from pyqtgraph import colormap

    ramp = colormap.get("plasma").getLookupTable(RAMP_START, RAMP_END, levels, alpha=False)
    table = np.ascontiguousarray(ramp, dtype=np.uint8)
    table.flags.writeable = False
    return table


def confidence_level(certainty: NDArray[np.float32], levels: int = CONFIDENCE_LEVELS) -> NDArray[np.uint8]:
    """The row of `confidence_ramp` for each certainty in 0..1; NaN counts as 0."""
    scaled = np.nan_to_num(certainty, nan=0.0) * levels
    return np.clip(scaled, 0, levels - 1).astype(np.uint8)


# -- palettes

_DARK = {
    "window": "#1f2023",
    "base": "#17181a",
    "alternate": "#1c1d20",
    "button": "#2b2d31",
    "text": "#e4e5e8",
    "dim": "#85888f",
    "accent": "#4d9de0",
    "on_accent": "#0b0d10",
    "tip": "#303238",
    "link": "#7cc0f5",
    "light": "#3f4248",
    "mid": "#36383d",
    "dark": "#121315",
}
_LIGHT = {
    "window": "#f3f4f6",
    "base": "#ffffff",
    "alternate": "#f7f8fa",
    "button": "#e9ebee",
    "text": "#1c1e21",
    "dim": "#8a8d94",
    "accent": "#1f6fb5",
    "on_accent": "#ffffff",
    "tip": "#ffffff",
    "link": "#155a96",
    "light": "#ffffff",
    "mid": "#c9ccd1",
    "dark": "#a9adb4",
}


def _palette(names: dict[str, str]) -> QPalette:
    colour = {name: QColor(value) for name, value in names.items()}
    role = QPalette.ColorRole
    palette = QPalette(colour["button"], colour["window"])
    for target, name in (
        (role.Window, "window"),
        (role.WindowText, "text"),
        (role.Base, "base"),
        (role.AlternateBase, "alternate"),
        (role.Text, "text"),
        (role.Button, "button"),
        (role.ButtonText, "text"),
        (role.BrightText, "on_accent"),
        (role.Highlight, "accent"),
        (role.HighlightedText, "on_accent"),
        (role.Accent, "accent"),
        (role.ToolTipBase, "tip"),
        (role.ToolTipText, "text"),
        (role.PlaceholderText, "dim"),
        (role.Link, "link"),
        (role.LinkVisited, "link"),
        (role.Light, "light"),
        (role.Midlight, "light"),
        (role.Mid, "mid"),
        (role.Dark, "dark"),
        (role.Shadow, "dark"),
    ):
        palette.setColor(target, colour[name])
    for target in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, target, colour["dim"])
    for target in (role.Highlight, role.Accent):
        palette.setColor(QPalette.ColorGroup.Disabled, target, colour["mid"])
    return palette


def dark_palette() -> QPalette:
    """The palette of the dark theme."""
    return _palette(_DARK)


def light_palette() -> QPalette:
    """The palette of the light theme."""
    return _palette(_LIGHT)


def is_dark(palette: QPalette) -> bool:
    """Whether text is lighter than what it stands on."""
    return (
        palette.color(QPalette.ColorRole.WindowText).lightness() > palette.color(QPalette.ColorRole.Window).lightness()
    )


def apply_theme(app: QApplication, theme: Theme) -> None:
    """Dress the application: as the system does, light, or dark.

    Qt is asked first (`QStyleHints.setColorScheme`). Without a platform theme that does nothing, and then our own
    palette on the Fusion style is used; where the system says nothing at all, that is the light one.
    """
    wanted = {
        "system": Qt.ColorScheme.Unknown,
        "light": Qt.ColorScheme.Light,
        "dark": Qt.ColorScheme.Dark,
    }[theme]
    hints = app.styleHints()
    hints.setColorScheme(wanted)
    scheme = hints.colorScheme()
    if scheme != Qt.ColorScheme.Unknown and wanted in (scheme, Qt.ColorScheme.Unknown):
        app.setPalette(QPalette())
        return
    app.setStyle("Fusion")
    app.setPalette(dark_palette() if theme == "dark" else light_palette())


def canvas_colour(palette: QPalette) -> QColor:
    """What surrounds the picture: a neutral grey, quieter than the panels, so that it does not tint the eye."""
    return palette.color(QPalette.ColorRole.Base).darker(115 if is_dark(palette) else 118)


def icon(name: str, palette: QPalette | None = None) -> QIcon:
    """A qtawesome icon in the colours of the palette (default: the application's). Make it anew when that changes."""
    os.environ.setdefault("QT_API", "pyside6")
    import qtawesome

    colours = palette if palette is not None else QGuiApplication.palette()
    text = QPalette.ColorRole.ButtonText
    options: dict[str, Any] = {
        "color": colours.color(text),
        "color_disabled": colours.color(QPalette.ColorGroup.Disabled, text),
    }
    return qtawesome.icon(name, **options)
