"""Palettes and data colours."""

from typing import Any

import numpy as np
import pytest
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication

from app import theme
from app.canvas.empty_state import EmptyState
from tests.canvas.conftest import rgb
from tracker.labels.table import Source, State


def luminance(rgb: Any) -> Any:
    """Relative luminance (WCAG 2) of (..., 3) 0..255."""
    channel = np.asarray(rgb) / 255
    linear = np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)
    return linear @ (0.2126, 0.7152, 0.0722)


def contrast(palette: QPalette, text: QPalette.ColorRole, base: QPalette.ColorRole) -> float:
    light = [float(luminance(np.array(rgb(palette.color(role))))) + 0.05 for role in (text, base)]
    return max(light) / min(light)


@pytest.fixture
def dressed(qapp: QApplication):
    style, palette = qapp.style().name(), qapp.palette()
    yield qapp
    qapp.setStyle(style)
    qapp.setPalette(palette)


def test_dark_and_light_take_even_without_a_platform_theme(dressed: QApplication, qtbot) -> None:
    widget = EmptyState()
    qtbot.addWidget(widget)
    widget.show()
    theme.apply_theme(dressed, "dark")
    assert theme.is_dark(dressed.palette())
    qtbot.waitUntil(lambda: theme.is_dark(widget.palette()))
    theme.apply_theme(dressed, "light")
    assert not theme.is_dark(dressed.palette())
    theme.apply_theme(dressed, "system")
    assert not theme.is_dark(dressed.palette())


@pytest.mark.parametrize("palette", [theme.dark_palette, theme.light_palette])
def test_text_can_be_read(palette, qapp) -> None:
    role = QPalette.ColorRole
    for text, base in (
        (role.WindowText, role.Window),
        (role.Text, role.Base),
        (role.ButtonText, role.Button),
        (role.HighlightedText, role.Highlight),
        (role.ToolTipText, role.ToolTipBase),
        (role.Link, role.Base),
    ):
        assert contrast(palette(), text, base) >= 4.5, (text, base)
    assert contrast(palette(), role.PlaceholderText, role.Window) >= 3


def test_the_ramp_is_ordered_by_lightness_alone() -> None:
    ramp = theme.confidence_ramp()
    assert ramp.shape == (theme.CONFIDENCE_LEVELS, 3)
    assert (np.diff(luminance(ramp)) > 0).all()


def test_levels_cover_the_ramp() -> None:
    certainty = np.array([np.nan, 0, 0.5, 1.0, 1.1, -1], dtype=np.float32)
    last = theme.CONFIDENCE_LEVELS - 1
    assert theme.confidence_level(certainty).tolist() == [0, 0, (last + 1) // 2, last, last, 0]


def test_every_state_and_source_has_its_own_colour() -> None:
    assert len({theme.STATE_COLOURS[state] for state in State}) == len(State)
    assert len({theme.SOURCE_COLOURS[source] for source in Source}) == len(Source)


def test_icons_take_the_colour_of_text(qapp) -> None:
    for palette in (theme.dark_palette(), theme.light_palette()):
        image = theme.icon("mdi6.play", palette).pixmap(32, 32).toImage()
        solid = [
            rgb(image.pixelColor(x, y)) for x in range(32) for y in range(32) if image.pixelColor(x, y).alpha() == 255
        ]
        assert solid
        wanted = rgb(palette.color(QPalette.ColorRole.ButtonText))
        assert np.abs(np.median(np.array(solid), axis=0) - wanted).max() <= 2
