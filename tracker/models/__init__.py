"""The networks, by name. They know nothing of files: see `tracker.checkpoints` for weights."""

from dataclasses import fields
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tracker.models.families import FAMILIES, NETWORKS, Family, Values

if TYPE_CHECKING:
    from torch import nn

MODELS = tuple(NETWORKS)


def build_model(name: str, **options: Any) -> "nn.Module":
    """An untrained network with the official state-dict keys. PyTorch is imported here.

    Args:
        name: one of `MODELS`.
        options: fields of the model's configuration that differ from the published one.

    Raises:
        ValueError: there is no such model, or none of such a configuration.
        TypeError: its configuration has no such field.
    """
    if name not in NETWORKS:
        raise ValueError(f'there is no model "{name}"; there are {", ".join(sorted(MODELS))}')
    network = NETWORKS[name]
    family = FAMILIES[network.family]
    return network_of(family, config_of(family, {**network.options, **options}))


def config_of(family: Family, values: Values) -> Any:
    """The configuration with these values, as published in all else.

    Raises:
        TypeError, ValueError: there is no such field or none of such values.
    """
    return _part(family, family.config)(**values)


def field_names(family: Family) -> set[str]:
    """What its configuration is made of."""
    return {field.name for field in fields(_part(family, family.config))}


def network_of(family: Family, config: Any) -> "nn.Module":
    """The untrained network of a configuration."""
    model: nn.Module = _part(family, family.network)(config)
    return model


def _part(family: Family, name: str) -> Any:
    return getattr(import_module(f"{__name__}.{family.module}"), name)
