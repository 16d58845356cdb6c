"""Keeps what a panel listens to, so that it can let go of all of it at once."""

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtWidgets import QWidget

from app.document.changes import Callbacks

T = TypeVar("T")


class Subscriptions:
    """Subscriptions of one widget; they end with `release` or, at the latest, with the widget."""

    def __init__(self, widget: QWidget) -> None:
        self._ends: list[Callable[[], None]] = []
        # Not a method of the widget: by then its Qt half is gone.
        widget.destroyed.connect(self.release)

    def add(self, callbacks: Callbacks[T], function: Callable[[T], object]) -> None:
        """Call `function` with each new value until `release`."""
        self._ends.append(callbacks.subscribe(function))

    def release(self) -> None:
        """Hear nothing more."""
        while self._ends:
            self._ends.pop()()
