"""Query points of `trackwright track`: from a file, a grid, or sampled on one frame."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.inference.sampling import grid_points, sample_points
from tracker.labels import NamedPoints as Points
from tracker.labels import read_points_csv
from tracker.video import FrameSource

if TYPE_CHECKING:
    from app.cli.track import Span

__all__ = ["Points", "choose_points", "read_mask"]


def choose_points(
    source: FrameSource,
    span: "Span",
    points: Path | None,
    grid: int | None,
    sample: Any,
    count: int,
    mask: Path | None,
    query_frame: int | None,
) -> Points:
    """The query points that the options ask for; exactly one of `points`, `grid` and `sample` is given.

    Raises:
        InputError: a file is bad, a point lies outside the frames to track, or there is no place for points.
    """
    size = source.width, source.height
    if points is not None:
        chosen = read_points_csv(points, source.frame_count, *size)
        for (frame, _, _), name in zip(chosen.queries, chosen.names, strict=True):
            if not span.start <= frame < span.end:
                tracked = f"{span.start} to {span.end} exclusive"
                raise InputError(f"{points}: point {name} is on frame {frame:.0f}, outside the tracked {tracked}")
        return chosen
    frame = span.start if query_frame is None else query_frame
    if not span.start <= frame < span.end:
        raise InputError(f"{source.path}: --query-frame {frame} is outside the tracked {span.start} to {span.end}")
    area = None if mask is None else read_mask(mask)
    try:
        if grid is not None:
            xy = grid_points(*size, grid, area)
        else:
            xy = sample_points(image=source.frame(frame), method=sample, count=count, mask=area)
    except ValueError as error:
        raise InputError(f"{mask or source.path}: {error}") from error
    queries = np.column_stack([np.full(len(xy), frame), xy]).astype(np.float32)
    return Points(queries, [str(n + 1) for n in range(len(xy))])


def read_mask(path: Path) -> NDArray[np.bool_]:
    """A picture as a mask (H, W): true where any channel is not 0; transparency counts as 0.

    Raises:
        InputError: no such file, or no picture.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    if picture is None:
        raise InputError(f"{path}: this is not a picture that can be read as a mask")
    array = np.asarray(picture)
    if array.ndim == 2:
        return array > 0
    inside = np.asarray((array[..., :3] > 0).any(axis=2))
    return np.asarray(inside & (array[..., 3] > 0)) if array.shape[2] == 4 else inside
