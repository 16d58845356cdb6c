"""Between the pixels of a video and those that a network works in."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tracker.models.cotracker3 import CoTracker3Config


@dataclass(frozen=True)
class WorkingResolution:
    """Between a video of `width` x `height` and the working `resolution` (h, w).

    Centres of corner pixels lie on one another; where frames are resized by `area`, the corners of the picture do.
    """

    width: int
    height: int
    resolution: tuple[int, int]
    area: bool = False

    @classmethod
    def of(cls, config: CoTracker3Config, width: int, height: int, resolution: tuple[int, int] | None = None) -> Self:
        """As a network of this configuration sees such videos; its own resolution where None."""
        return cls(width, height, resolution or config.resolution, config.area_resize)

    @property
    def scale(self) -> tuple[float, float]:
        """Working pixels per video pixel, in x and y."""
        height, width = self.resolution
        if self.area:
            return width / self.width, height / self.height
        return (width - 1) / max(1, self.width - 1), (height - 1) / max(1, self.height - 1)

    def to_model(self, points: Tensor) -> Tensor:
        """(..., 2) video pixels -> working pixels."""
        edge = self._edge
        return (points + edge) * points.new_tensor(self.scale) - edge

    def to_video(self, points: Tensor) -> Tensor:
        """(..., 2) working pixels -> video pixels."""
        edge = self._edge
        return (points + edge) / points.new_tensor(self.scale) - edge

    @property
    def _edge(self) -> float:
        """How far the point that stays in place is from the centre of the first pixel."""
        return 0.5 if self.area else 0.0


def support_grid(size: int, resolution: tuple[int, int], centre: tuple[float, float] | None = None) -> Tensor:
    """(size * size, 2) x, y: an even grid over (height, width), or over an extent of that size around `centre` (y, x).

    Row by row, 1/64 of the width inside the border; a grid of one point is the centre.
    """
    height, width = resolution
    middle_y, middle_x = (height / 2, width / 2) if centre is None else centre
    if size == 1:
        return torch.tensor([[middle_x, middle_y]])
    margin = width / 64
    x, y = (
        torch.linspace(middle - extent / 2 + margin, middle + extent / 2 - margin, size)
        for middle, extent in ((middle_x, width), (middle_y, height))
    )
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([grid_x.flatten(), grid_y.flatten()], dim=1)


def check_queries(
    queries: NDArray[np.float32], ids: NDArray[np.int64], known: Collection[int], earliest: int
) -> NDArray[np.float32]:
    """(N, 3) float32 finite queries.

    Raises:
        ValueError: wrong shapes, a value that is not finite, a t before `earliest`, or an id that is there already.
    """
    queries, ids = np.asarray(queries, np.float32).reshape(-1, 3), np.asarray(ids).reshape(-1)
    if len(queries) != len(ids) or not np.isfinite(queries).all():
        raise ValueError("queries must be finite rows of t, x, y, one for each id")
    if len(queries) and queries[:, 0].min() < earliest:
        raise ValueError(f"a query at frame {queries[:, 0].min():g} is before frame {earliest}, the earliest possible")
    if len(set(ids.tolist())) < len(ids) or not set(known).isdisjoint(ids.tolist()):
        raise ValueError("an id is followed already")
    return queries
