"""Running trackers over frames. Names load when they are first used, so that what needs no torch does not import it."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracker.inference.feature_cache import FeatureCache
    from tracker.inference.lucas_kanade import LucasKanade
    from tracker.inference.offline import track_offline
    from tracker.inference.online import OnlineSession
    from tracker.inference.run import TrackRun
    from tracker.inference.session import Prediction, Tracker, TrackingSession
    from tracker.inference.trackers import available_trackers, default_tracker, load_tracker, tracker_info

_HOMES = {
    "FeatureCache": "feature_cache",
    "LucasKanade": "lucas_kanade",
    "OnlineSession": "online",
    "Prediction": "session",
    "TrackRun": "run",
    "Tracker": "session",
    "TrackingSession": "session",
    "available_trackers": "trackers",
    "default_tracker": "trackers",
    "load_tracker": "trackers",
    "track_offline": "offline",
    "tracker_info": "trackers",
}

__all__ = [
    "FeatureCache",
    "LucasKanade",
    "OnlineSession",
    "Prediction",
    "TrackRun",
    "Tracker",
    "TrackingSession",
    "available_trackers",
    "default_tracker",
    "load_tracker",
    "track_offline",
    "tracker_info",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
