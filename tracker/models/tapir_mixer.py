"""The temporal convolutional mixer that refines the tracks of TAPIR: frames in a channel, then channels in a frame."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

KERNEL = 3  # frames that a convolution sees
PAST = KERNEL - 1

Past = tuple[Tensor, Tensor]  # (M, PAST, width) and (M, PAST, 4 * width), or (M, K, ...) of the K blocks


class ChannelMixer(nn.Module):
    """Looks at all channels of one frame."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp2_up = nn.Linear(width, 4 * width)
        self.mlp2_down = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.mlp2_down(F.gelu(self.mlp2_up(x), approximate="tanh"))


class MixerBlock(nn.Module):
    """Mixes frames within each channel, then channels within each frame."""

    def __init__(self, width: int, causal: bool) -> None:
        super().__init__()
        self.causal = causal
        self.layer_norm = nn.LayerNorm(width, bias=False)
        self.mlp1_up = nn.Conv1d(width, 4 * width, KERNEL, groups=width)
        self.mlp1_up_1 = nn.Conv1d(4 * width, 4 * width, KERNEL, groups=4 * width)
        self.layer_norm_1 = nn.LayerNorm(width, bias=False)
        self.conv_channels_mixer = ChannelMixer(width)

    def forward(self, x: Tensor, past: Past | None) -> tuple[Tensor, Past | None]:
        """(M, T, width), the last two inputs of both convolutions before -> the same after it; causal blocks only."""
        narrow = self._with_past(self.layer_norm(x), past[0] if past else None)
        wide = F.gelu(_over_time(self.mlp1_up, narrow), approximate="tanh")
        wide = self._with_past(wide, past[1] if past else None)
        x = x + _over_time(self.mlp1_up_1, wide).unflatten(-1, (x.shape[-1], 4)).sum(-1)
        x = x + self.conv_channels_mixer(self.layer_norm_1(x))
        # Copies: views would keep all frames of all blocks in memory.
        return x, (narrow[:, -PAST:].clone(), wide[:, -PAST:].clone()) if self.causal else None

    def _with_past(self, x: Tensor, past: Tensor | None) -> Tensor:
        if past is not None:
            return torch.cat([past, x], dim=1)
        return F.pad(x, (0, 0, PAST, 0) if self.causal else (0, 0, PAST // 2, PAST // 2))


def _over_time(convolution: nn.Conv1d, x: Tensor) -> Tensor:
    """(M, T + 2, C) -> (M, T, outputs). Sums of shifted products: several times faster than the grouped convolution."""
    length, channels = x.shape[1] - PAST, x.shape[-1]
    weights = convolution.weight[:, 0].view(channels, -1, KERNEL)
    assert convolution.bias is not None
    y = convolution.bias.view(channels, -1)
    for shift in range(KERNEL):
        y = torch.addcmul(y, x[:, shift : shift + length, :, None], weights[..., shift])
    return y.flatten(-2)


class Mixer(nn.Module):
    """What every refinement iteration asks for new positions, logits and features."""

    def __init__(self, inputs: int, outputs: int, width: int, blocks: int, causal: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, width)
        self.layer_norm = nn.LayerNorm(width, bias=False)
        self.linear_1 = nn.Linear(width, outputs)
        self.blocks = nn.ModuleList(MixerBlock(width, causal) for _ in range(blocks))

    def forward(self, x: Tensor, past: Past | None = None) -> tuple[Tensor, Past | None]:
        """(M, T, inputs) -> (M, T, outputs).

        Args:
            past: (M, K, 2, width) and (M, K, 2, 4 * width), the last two inputs of the convolutions of the K blocks;
                zeros where None. Causal networks only.

        Returns:
            The result, and the `past` of the frames that follow; None from a network that is not causal.
        """
        x, kept = self.linear(x), []
        for i, block in enumerate(self.blocks):
            x, last = block(x, (past[0][:, i], past[1][:, i]) if past else None)
            kept += [last] if last else []
        x = self.linear_1(self.layer_norm(x))
        if not kept:
            return x, None
        narrow, wide = zip(*kept, strict=True)
        return x, (torch.stack(narrow, dim=1), torch.stack(wide, dim=1))
