"""The update transformer: attention over time within a track, and between tracks through a few virtual ones.

Tokens are (B, N, T, D) everywhere. Attention picks the axis it works along; all else is per token.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tracker.models.linear import Activation, Linear

Axis = Literal["time", "points"]


class Mlp(nn.Module):
    """Linear, GELU (exact, or its tanh approximation), linear."""

    def __init__(self, inputs: int, hidden: int, outputs: int, activation: Activation = "gelu") -> None:
        super().__init__()
        self.fc1 = Linear(inputs, hidden)
        self.fc2 = Linear(hidden, outputs)
        self.activation: Activation = activation

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.fc1(x, self.activation))


class Attention(nn.Module):
    """Multi-head attention of `x` to `context`; `along` says whether sequences run over time or over points.

    Where `mask` (B, N or 1, M or 1) is false the least number there is is added: such a column takes no part, and such
    a row, in which no difference is left, looks at everything alike.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = Linear(width, width)
        self.to_kv = Linear(width, 2 * width)
        self.to_out = Linear(width, width)

    def forward(self, x: Tensor, context: Tensor, along: Axis, mask: Tensor | None = None) -> Tensor:
        """(B, N, T, D), (B, M, T, D) -> (B, N, T, D); along time N and M are the same tracks, and there is no mask."""
        batch, count, length, width = x.shape
        key, value = self.to_kv(context).chunk(2, dim=-1)
        q, k, v = (self._split(part, along) for part in (self.to_q(x), key, value))
        bias = None
        if mask is not None:
            bias = torch.zeros(mask.shape, dtype=q.dtype, device=q.device)
            bias = bias.masked_fill(~mask, torch.finfo(q.dtype).min)
            bias = bias.expand(-1, count, context.shape[1]).repeat_interleave(length, 0)[:, None]
        y = F.scaled_dot_product_attention(q, k, v, bias).transpose(1, 2)  # (groups, sequence, heads, D / heads)
        if along == "time":
            y = y.reshape(batch, count, length, width)
        else:
            y = y.unflatten(0, (batch, length)).transpose(1, 2).reshape(batch, count, length, width)
        return self.to_out(y)

    def _split(self, x: Tensor, along: Axis) -> Tensor:
        """(B, N, T, D) -> (groups, heads, sequence, D / heads)."""
        x = x.unflatten(-1, (self.heads, -1))
        if along == "points":
            x = x.transpose(1, 2)
        return x.flatten(0, 1).transpose(1, 2)


class SelfBlock(nn.Module):
    """x += attention(norm(x)); x += mlp(norm(x)). The norms have no weights."""

    def __init__(self, width: int, heads: int, mlp_ratio: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.mlp = Mlp(width, mlp_ratio * width, width, "gelu-tanh")

    def forward(self, x: Tensor, along: Axis) -> Tensor:
        normed = self.norm1(x)
        x = x + self.attn(normed, normed, along)
        return x + self.mlp(self.norm2(x))


class CrossBlock(nn.Module):
    """x += attention(norm(x), norm_context(context)) within each frame; x += mlp(norm(x))."""

    def __init__(self, width: int, heads: int, mlp_ratio: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.norm_context = nn.LayerNorm(width)
        self.cross_attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.mlp = Mlp(width, mlp_ratio * width, width, "gelu-tanh")

    def forward(self, x: Tensor, context: Tensor, mask: Tensor | None = None) -> Tensor:
        x = x + self.cross_attn(self.norm1(x), self.norm_context(context), "points", mask)
        return x + self.mlp(self.norm2(x))


def in_chunks(function: Callable[[Tensor], Tensor], x: Tensor, size: int, dim: int) -> Tensor:
    """`function(x)`, computed in pieces of `size` along `dim` where x is longer than that."""
    if x.shape[dim] <= size:
        return function(x)
    return torch.cat([function(part) for part in x.split(size, dim)], dim)


class UpdateFormer(nn.Module):
    """Tokens of N points over T frames -> their updates.

    Points do not attend to each other but to `virtual_tracks` learned tokens per frame, which attend to all points.
    Large numbers of points are computed in pieces with the same result: only the virtual tokens need all points of a
    frame at once.

    Args:
        inputs: numbers per token.
        depth: time blocks, and as many triples of space blocks.
        outputs: sizes of the heads, by name; the outputs are concatenated in this order.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        depth: int,
        heads: int,
        mlp_ratio: int,
        virtual_tracks: int,
        outputs: dict[str, int],
    ) -> None:
        super().__init__()
        shape = (width, heads, mlp_ratio)
        self.input_transform = Linear(inputs, width)
        tracks = torch.empty(1, virtual_tracks, 1, width)
        # Nothing random on the meta device: asking for it loads the compiler's symbols for half a second.
        self.virual_tracks = nn.Parameter(tracks if tracks.is_meta else tracks.normal_())  # spelled as in checkpoints
        self.time_blocks = nn.ModuleList(SelfBlock(*shape) for _ in range(depth))
        self.space_virtual_blocks = nn.ModuleList(SelfBlock(*shape) for _ in range(depth))
        self.space_virtual2point_blocks = nn.ModuleList(CrossBlock(*shape) for _ in range(depth))
        self.space_point2virtual_blocks = nn.ModuleList(CrossBlock(*shape) for _ in range(depth))
        self.head_names = tuple(outputs)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        for name, size in outputs.items():
            head = nn.Linear(width, size)
            nn.init.trunc_normal_(head.weight, std=0.001)
            nn.init.zeros_(head.bias)
            self.add_module(name, head)

    def forward(self, points: Tensor, max_tokens: int, active: Tensor | None = None) -> Tensor:
        """(B, N, T, D) tokens after `input_transform` -> (B, N, T, sum of outputs).

        At most about `max_tokens` of the N * T tokens are in work at once.

        Virtual tracks do not see points that are not `active` (B, N), and these see the virtual ones all alike. With
        exactly as many points as virtual tracks the published network masks the wrong side, and so does this one: its
        virtual tracks see all points, and those with the numbers of the inactive points see all alike.
        """
        batch, count, length = points.shape[:3]
        some_points = max(1, max_tokens // length)
        some_frames = max(1, max_tokens // max(count, 1))
        # The virtual tracks start equal on every frame. The first time block keeps them so: one frame stands for all.
        virtual = self.virual_tracks.expand(batch, -1, 1, -1)
        for i in range(len(self.time_blocks)):
            points = in_chunks(lambda x, i=i: self.time_blocks[i](x, "time"), points, some_points, 1)  # type: ignore[misc]
            virtual = self.time_blocks[i](virtual, "time").expand(-1, -1, length, -1)
            virtual = self._look_at_points(i, virtual, points, some_frames, active)
            virtual = self.space_virtual_blocks[i](virtual, "points")
            points = self._look_at_virtual(i, points, virtual, some_points, active)
        return torch.cat([getattr(self, name)(points) for name in self.head_names], dim=-1)

    def _look_at_points(
        self, i: int, virtual: Tensor, points: Tensor, some_frames: int, active: Tensor | None
    ) -> Tensor:
        block, mask = self.space_virtual2point_blocks[i], None
        if active is not None:
            mask = active[:, :, None] if active.shape[1] == virtual.shape[1] else active[:, None]
        pieces = zip(virtual.split(some_frames, 2), points.split(some_frames, 2), strict=True)
        return torch.cat([block(v, p, mask) for v, p in pieces], dim=2)

    def _look_at_virtual(
        self, i: int, points: Tensor, virtual: Tensor, some_points: int, active: Tensor | None
    ) -> Tensor:
        block = self.space_point2virtual_blocks[i]
        if active is None:
            return in_chunks(lambda x: block(x, virtual), points, some_points, 1)
        pieces = zip(points.split(some_points, 1), active.split(some_points, 1), strict=True)
        return torch.cat([block(p, virtual, some[:, :, None]) for p, some in pieces], dim=1)
