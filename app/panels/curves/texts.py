"""What the curves say."""

from PySide6.QtCore import QCoreApplication

from app.panels.curves.series import Channel
from app.panels.wording import number


def button_texts() -> dict[str, str]:
    """The short names of the plots."""
    return {
        "position": QCoreApplication.translate("Curves", "x, y"),
        "speed": QCoreApplication.translate("Curves", "Speed"),
        "certainty": QCoreApplication.translate("Curves", "Confidence"),
        "error": QCoreApplication.translate("Curves", "Expected error"),
    }


def plot_titles() -> dict[str, str]:
    """What stands beside each plot: the values, how their lines look, and the unit."""
    return {
        "position": QCoreApplication.translate("Curves", "x \u2500\u2500  y \u254c\u254c\npx"),
        "speed": QCoreApplication.translate("Curves", "speed\npx/frame"),
        "certainty": QCoreApplication.translate("Curves", "confidence \u2500\u2500\nvisibility \u254c\u254c"),
        "error": QCoreApplication.translate("Curves", "expected error\npx"),
    }


def value_text(channel: Channel, value: float) -> str:
    """One value in words."""
    text = {
        "x": QCoreApplication.translate("Curves", "x {0}"),
        "y": QCoreApplication.translate("Curves", "y {0}"),
        "speed": QCoreApplication.translate("Curves", "{0}\u00a0px/frame"),
        "confidence": QCoreApplication.translate("Curves", "confidence {0}"),
        "visibility": QCoreApplication.translate("Curves", "visibility {0}"),
        "error": QCoreApplication.translate("Curves", "expected error {0}\u00a0px"),
    }[channel]
    return text.format(number(value, 2 if channel in ("confidence", "visibility") else 1))
