"""Query points as a person writes them: a CSV with the header `frame,x,y` or `frame,x,y,name`."""

import csv
import math
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError


@dataclass(frozen=True)
class NamedPoints:
    """N query points.

    Attributes:
        queries: (N, 3) float32 frame, x, y; pixels with (0, 0) = centre of the top-left pixel, frames from 0.
        names: N names; "1", "2", … where the file gives none.
    """

    queries: NDArray[np.float32]
    names: list[str]


def read_points_csv(path: str | PathLike[str], frame_count: int, width: int, height: int) -> NamedPoints:
    """Read query points for a video of `frame_count` frames of `width` times `height` pixels.

    Raises:
        InputError: not such a file, no points, or a line, named by its number, that is not a point within the video.
    """
    path = Path(path)
    queries, names = [], []
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            lines = csv.reader(handle)
            header = [cell.strip() for cell in next(lines, [])]
            if header not in (["frame", "x", "y"], ["frame", "x", "y", "name"]):
                raise InputError(f"{path}: line 1: expected the header frame,x,y or frame,x,y,name")
            for line in lines:
                if not any(cell.strip() for cell in line):
                    continue
                try:
                    queries.append(_point(line, len(header), (frame_count, width, height)))
                except ValueError as error:
                    raise InputError(f"{path}: line {lines.line_num}: {error}") from error
                names.append(line[3].strip() if len(line) > 3 and line[3].strip() else str(len(queries)))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or 'cannot be read'}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: this is not a UTF-8 text file with comma-separated columns") from error
    if not queries:
        raise InputError(f"{path}: there are no points below the header")
    return NamedPoints(np.array(queries, np.float32), names)


def _point(line: list[str], columns: int, video: tuple[int, int, int]) -> tuple[float, float, float]:
    if len(line) != columns:
        raise ValueError(f"{len(line)} values, the header names {columns}")
    frame, x, y = (_number(text, name) for text, name in zip(line, ("frame", "x", "y"), strict=False))
    frame_count, width, height = video
    if frame != int(frame) or frame < 0:
        raise ValueError(f"frame {line[0].strip()} is not a whole number from 0 on")
    if frame >= frame_count:
        raise ValueError(f"frame {int(frame)} is after the end, the video has frames 0 to {frame_count - 1}")
    if not (-0.5 <= x < width - 0.5 and -0.5 <= y < height - 0.5):
        raise ValueError(f"the point {line[1].strip()}, {line[2].strip()} is outside the {width}x{height} frame")
    return frame, x, y


def _number(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{name} is not a number: {text.strip()!r}") from None
    if not math.isfinite(value):
        raise ValueError(f"{name} is not a finite number: {text.strip()!r}")
    return value
