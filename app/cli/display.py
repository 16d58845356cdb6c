"""Whether there is a screen."""

import os
import sys


def has_display() -> bool:
    """Whether Qt has a screen to draw on, or was told to do without."""
    if not sys.platform.startswith("linux"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))
