"""Measuring: speed on this machine, accuracy against ground truth. Names load when they are first used."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracker.evaluation.baselines import DoesNotMove
    from tracker.evaluation.evaluate import EvaluationReport, evaluate_tracker
    from tracker.evaluation.labelled import EvaluationDataset, LabelledVideo
    from tracker.evaluation.metrics import tapvid_metrics
    from tracker.evaluation.npz_folder import NpzFolder
    from tracker.evaluation.queries import sample_queries

_HOMES = {
    "DoesNotMove": "baselines",
    "EvaluationDataset": "labelled",
    "EvaluationReport": "evaluate",
    "LabelledVideo": "labelled",
    "NpzFolder": "npz_folder",
    "evaluate_tracker": "evaluate",
    "sample_queries": "queries",
    "tapvid_metrics": "metrics",
}

__all__ = [
    "DoesNotMove",
    "EvaluationDataset",
    "EvaluationReport",
    "LabelledVideo",
    "NpzFolder",
    "evaluate_tracker",
    "sample_queries",
    "tapvid_metrics",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
