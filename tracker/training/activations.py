"""Training with less memory: compute the activations of a part again when its gradient is needed."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.checkpoint import checkpoint

from tracker.models.cotracker3 import CoTracker3

FRAMES_AT_ONCE = 16  # encoded together; their activations are all there is in memory


def recompute_activations(model: CoTracker3) -> None:
    """Keep only the ends of the encoder (by pieces of frames) and of the steps of every refinement iteration.

    The results and gradients are the same numbers; a step takes about a third longer. It changes this instance of the
    network, which must then not be copied.
    """
    device = next(model.parameters()).device
    encode = _recomputed(model.fnet.forward, device)

    def encode_pieces(images: Tensor) -> Tensor:
        return torch.cat([encode(piece) for piece in images.split(FRAMES_AT_ONCE)])

    # The state dict and the parameters stay as they are, which a wrapping module would rename.
    setattr(model.fnet, "forward", encode_pieces)  # noqa: B010
    for part, name in ((model, "_tokens"), (model.updateformer, "forward")):
        setattr(part, name, _recomputed(getattr(part, name), device))


def attention_for(device: torch.device) -> AbstractContextManager[None]:
    """While it lasts attention is computed as is fastest with its gradient, for sequences as short as ours."""
    # On a CPU the fused attention is slower backwards than the plain one.
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


def _recomputed(function: Callable[..., Any], device: torch.device) -> Callable[..., Any]:
    # Nothing in the network is random, so no state of a generator need be kept. Attention must be computed the second
    # time as it was the first.
    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return attention_for(device), attention_for(device)

    return partial(checkpoint, function, use_reentrant=False, preserve_rng_state=False, context_fn=contexts)
