"""The networks, by name. They know nothing of files: see `tracker.checkpoints` for weights."""

from collections.abc import Callable
from typing import Any

from torch import nn

from tracker.models.cotracker3 import CoTracker3, CoTracker3Config

MODELS: dict[str, Callable[..., nn.Module]] = {
    "cotracker3-online": lambda **options: CoTracker3(CoTracker3Config(kind="online", **{"window": 16, **options})),
    "cotracker3-offline": lambda **options: CoTracker3(CoTracker3Config(kind="offline", **{"window": 60, **options})),
}


def build_model(name: str, **options: Any) -> nn.Module:
    """An untrained network with the official state-dict keys.

    Args:
        name: one of `MODELS`.
        options: fields of the model's configuration that differ from the published one.

    Raises:
        ValueError: there is no such model.
    """
    if name not in MODELS:
        raise ValueError(f'there is no model "{name}"; there are {", ".join(sorted(MODELS))}')
    return MODELS[name](**options)
