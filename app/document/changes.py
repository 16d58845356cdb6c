"""What the document tells those who watch it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Change:
    """What an edit, an undo or a redo has changed, so that a view redraws only what it shows.

    Attributes:
        kind: "tracks": tracks came, went or have other properties; "cells": values of `ids` on `start` to `end`
            (exclusive); "masks": the masks `ids` came, went, or look different on `start` to `end`; "groups": colours
            or skeletons of groups; "takes": the takes `ids`; "runs": the list of runs; "history": only what can be
            undone; "all": anything.
        ids: the tracks, masks or takes; None for all of them.
        initiator: whoever asked for it, so that a view can know its own doing.
    """

    kind: Literal["tracks", "cells", "masks", "groups", "takes", "runs", "history", "all"]
    ids: tuple[int, ...] | None = None
    start: int = 0
    end: int = 0
    initiator: object = None


class Callbacks(Generic[T]):
    """Functions to be called with each new value, in the order in which they subscribed."""

    def __init__(self) -> None:
        self._functions: list[Callable[[T], object]] = []

    def subscribe(self, function: Callable[[T], object]) -> Callable[[], None]:
        """Call `function` from now on; the function that is given back ends it."""
        self._functions.append(function)

        def unsubscribe() -> None:
            if function in self._functions:
                self._functions.remove(function)

        return unsubscribe

    def __call__(self, value: T) -> None:
        for function in tuple(self._functions):
            function(value)
