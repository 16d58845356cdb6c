"""Measuring: speed on this machine, accuracy against ground truth. Names load when they are first used."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracker.evaluation.baselines import DoesNotMove
    from tracker.evaluation.datasets import open_dataset
    from tracker.evaluation.dense_metrics import dense_track_metrics, redetection_metrics
    from tracker.evaluation.evaluate import EvaluationReport, evaluate_tracker
    from tracker.evaluation.labelled import EvaluationDataset, LabelledVideo
    from tracker.evaluation.metrics import tapvid_metrics
    from tracker.evaluation.metrics3d import tapvid3d_metrics
    from tracker.evaluation.npz_folder import NpzFolder
    from tracker.evaluation.queries import sample_queries

_HOMES = {
    "DoesNotMove": "baselines",
    "EvaluationDataset": "labelled",
    "EvaluationReport": "evaluate",
    "LabelledVideo": "labelled",
    "NpzFolder": "npz_folder",
    "dense_track_metrics": "dense_metrics",
    "evaluate_tracker": "evaluate",
    "open_dataset": "datasets",
    "redetection_metrics": "dense_metrics",
    "sample_queries": "queries",
    "tapvid3d_metrics": "metrics3d",
    "tapvid_metrics": "metrics",
}

__all__ = [
    "DoesNotMove",
    "EvaluationDataset",
    "EvaluationReport",
    "LabelledVideo",
    "NpzFolder",
    "dense_track_metrics",
    "evaluate_tracker",
    "open_dataset",
    "redetection_metrics",
    "sample_queries",
    "tapvid3d_metrics",
    "tapvid_metrics",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
