"""The curves: position, speed, certainty and expected error of the selected tracks over the time."""

from app.panels.curves.panel import Curves

__all__ = ["Curves"]
