"""How good a network is while it trains: on synthetic clips held back, and on clips with ground truth."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from tracker.evaluation import EvaluationDataset, evaluate_tracker, open_dataset, tapvid_metrics
from tracker.evaluation.evaluate import to_metric_pixels
from tracker.files import InputError
from tracker.inference.cotracker import CoTrackerTracker
from tracker.models.cotracker3 import CoTracker3
from tracker.training.config import TrainingConfig
from tracker.training.queries import first_queries, without_faults
from tracker.training.samples import Clips
from tracker.training.synthetic import SyntheticClips

NPZ = "npz:"
VISIBLE_ABOVE = 0.6  # visibility times confidence, as the online predictor has it
NAMES = {"average_pts_within_thresh": "delta_avg", "average_jaccard": "AJ", "occlusion_accuracy": "OA"}

Figures = dict[str, float]


def validation(config: TrainingConfig, folders: Sequence[str]) -> Callable[[CoTracker3], Figures]:
    """A function that scores a network: percentages by name.

    Args:
        folders: npz:FOLDER, each a folder of ground truth files.

    Raises:
        InputError: a folder is none, or holds no ground truth.
    """
    truths = [_open(name) for name in folders]
    held = held_clips(config)

    def score(network: CoTracker3) -> Figures:
        figures = {f"held {name}": value for name, value in score_clips(network, held).items()}
        for truth in truths:
            tracker = CoTrackerTracker(network, None, allow_untrained=True)
            for means in evaluate_tracker(tracker, truth).means().values():
                figures |= {f"{Path(truth.name).name} {new}": 100 * means[old] for old, new in NAMES.items()}
        return figures

    return score


def held_clips(config: TrainingConfig) -> list[Clips]:
    """Synthetic clips that no training sees, one by one, made as the configuration says."""
    synthetic = config.data.synthetic
    source = SyntheticClips(synthetic, "cpu", config.train.validation_seed)
    return [source.sample(1) for _ in range(config.train.validation_clips)]


@torch.no_grad()
def score_clips(network: CoTracker3, held: Sequence[Clips]) -> Figures:
    """TAP-Vid scores in percent, the mean over the clips, each point asked for from where it is first visible."""
    device = next(network.parameters()).device
    scores = []
    for clips in held:
        one = clips.to(device)
        one, queries = without_faults(one, first_queries(one))
        result = network(one.video, queries)
        seen = result.visibility * result.confidence > VISIBLE_ABOVE
        arrays = (queries, ~one.visible, one.tracks, ~seen, result.tracks, one.valid)
        scores.append(
            _score(*(array.cpu().numpy() for array in arrays), size_wh=(one.video.shape[-1], one.video.shape[-2]))
        )
    return {new: 100 * float(np.nanmean([score[old] for score in scores])) for old, new in NAMES.items()}


def _score(
    queries: np.ndarray,
    hidden: np.ndarray,
    tracks: np.ndarray,
    called_hidden: np.ndarray,
    predicted: np.ndarray,
    valid: np.ndarray,
    *,
    size_wh: tuple[int, int],
) -> dict[str, float]:
    by_point = [np.swapaxes(array, 1, 2) for array in (hidden, called_hidden, valid)]
    truth, guess = (to_metric_pixels(np.swapaxes(array, 1, 2), size_wh) for array in (tracks, predicted))
    hidden, called_hidden, valid = by_point
    metrics = tapvid_metrics(queries[..., [0, 2, 1]], hidden, truth, called_hidden, guess, "first", labelled=valid)
    return {name: float(metrics[name][0]) for name in NAMES}


def _open(name: str) -> EvaluationDataset:
    if not name.startswith(NPZ):
        raise InputError(f"--validate {name}: must be npz:FOLDER")
    return open_dataset(name)
