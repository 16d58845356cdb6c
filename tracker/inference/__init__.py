"""Running trackers over frames. Names load when they are first used, so that what needs no torch does not import it."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracker.inference.lucas_kanade import LucasKanade
    from tracker.inference.run import TrackRun
    from tracker.inference.session import Prediction, Tracker, TrackingSession
    from tracker.inference.trackers import available_trackers, load_tracker

_HOMES = {
    "LucasKanade": "lucas_kanade",
    "Prediction": "session",
    "TrackRun": "run",
    "Tracker": "session",
    "TrackingSession": "session",
    "available_trackers": "trackers",
    "load_tracker": "trackers",
}

__all__ = [
    "LucasKanade",
    "Prediction",
    "TrackRun",
    "Tracker",
    "TrackingSession",
    "available_trackers",
    "load_tracker",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
