"""Averages of weights over steps."""

import torch
from torch import Tensor, nn


class AverageWeights:
    """An exponential moving average of a model's parameters, which is steadier than the last ones.

    The first steps count more than `decay` says, so that the random weights from the beginning are soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.weights = {name: weights.detach().clone() for name, weights in model.named_parameters()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take in the parameters after a step."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        current = [weights.detach() for weights in model.parameters()]
        torch._foreach_lerp_(list(self.weights.values()), current, 1 - decay)

    def state(self) -> dict[str, Tensor]:
        """The averages by name, for `restore`."""
        return dict(self.weights)

    @torch.no_grad()
    def restore(self, weights: dict[str, Tensor], updates: int) -> None:
        """Go on from averages that were kept after so many updates."""
        self.updates = updates
        for name, value in self.weights.items():
            value.copy_(weights[name])
