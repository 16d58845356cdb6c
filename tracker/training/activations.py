"""Training with less memory: compute the activations of a part again when its gradient is needed."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from tracker.models.cotracker3 import CoTracker3

FRAMES_AT_ONCE = 16  # encoded together; their activations are all there is in memory


def recompute_activations(model: CoTracker3) -> None:
    """Keep only the ends of the encoder (by pieces of frames) and of the steps of every refinement iteration.

    The results and gradients are the same numbers; a step takes about a third longer. It changes this instance of the
    network, which must then not be copied.
    """
    encode = model.fnet.forward

    def encode_pieces(images: Tensor) -> Tensor:
        return torch.cat([_recomputed(encode)(piece) for piece in images.split(FRAMES_AT_ONCE)])

    # The state dict and the parameters stay as they are, which a wrapping module would rename.
    setattr(model.fnet, "forward", encode_pieces)  # noqa: B010
    for part, name in ((model, "_tokens"), (model.updateformer, "forward")):
        setattr(part, name, _recomputed(getattr(part, name)))


def _recomputed(function: Callable[..., Any]) -> Callable[..., Any]:
    # Nothing in the network is random, so no state of a generator need be kept.
    return partial(checkpoint, function, use_reentrant=False, preserve_rng_state=False)
