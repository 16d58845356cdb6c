"""Masks as PNG pictures: 8 bits, 255 inside and 0 outside, one per painted frame, its number at the end of its name."""

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError, atomic_output

DIGITS = 6
NUMBERED = re.compile(r"(?P<name>.*?)[_.\-]?(?P<number>\d+)")


def write_masks(
    folder: str | os.PathLike[str],
    name: str,
    bitmaps: Iterable[tuple[int, NDArray[np.bool_]]],
    written: Callable[[int], object] = lambda count: None,
) -> list[Path]:
    """Write `<name>_<frame>.png` for each (frame, (H, W) bitmap) into a folder; gives the paths.

    Each file is whole or not there; one that was there is replaced. Characters of the name that file systems refuse
    become underscores. `written` is called with the number of files so far.

    Raises:
        InputError: the folder is missing or not writable, or the disk is full.
    """
    paths = []
    for frame, bitmap in bitmaps:
        path = Path(folder) / f"{file_name(name)}_{frame:0{DIGITS}}.png"
        _, data = cv2.imencode(".png", bitmap.astype(np.uint8) * 255)
        with atomic_output(path) as part:
            part.write_bytes(data.tobytes())
        paths.append(path)
        written(len(paths))
    return paths


def read_mask(path: str | os.PathLike[str], size: tuple[int, int]) -> NDArray[np.bool_]:
    """A picture as an (H, W) mask: true where any channel is not 0; where it is transparent it is 0.

    Args:
        size: (width, height) that it must have.

    Raises:
        InputError: it cannot be read, is no picture, or has another size.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    if picture is None:
        raise InputError(f"{path}: this is not a picture that can be read as a mask")
    array = np.atleast_3d(np.asarray(picture))
    height, width = array.shape[:2]
    if (width, height) != tuple(size):
        raise InputError(f"{path}: the mask has {width} × {height} pixels, but the video has {size[0]} × {size[1]}")
    inside = (array[..., :3] > 0).any(axis=2)
    return np.asarray(inside & (array[..., 3] > 0) if array.shape[2] == 4 else inside)


def numbered_masks(folder: str | os.PathLike[str], n_frames: int) -> dict[str, dict[int, Path]]:
    """The PNG files of a folder by the name before their number, and by frame.

    Raises:
        InputError: the folder cannot be read or holds no PNG file, a name has no number or one that is no frame of the
            video (0 to n_frames - 1), or two files have the same name and number.
    """
    try:
        paths = sorted(p for p in Path(folder).iterdir() if p.suffix.lower() == ".png" and not p.name.startswith("."))
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}") from error
    if not paths:
        raise InputError(f"{folder}: there are no PNG files here")
    found: dict[str, dict[int, Path]] = {}
    for path in paths:
        match = NUMBERED.fullmatch(path.stem)
        if match is None:
            raise InputError(f"{path}: the name does not end with the number of a frame")
        frame, group = int(match["number"]), found.setdefault(match["name"], {})
        if frame >= n_frames:
            raise InputError(f"{path}: the video has frames 0 to {n_frames - 1}, but this is called frame {frame}")
        if frame in group:
            raise InputError(f"{path}: frame {frame} has another mask as well, {group[frame].name}")
        group[frame] = path
    return found


def file_name(name: str) -> str:
    """A mask's name as the beginning of a file name; never empty."""
    cleaned = re.sub(r'[\x00-\x1f/\\:*?"<>|]', "_", name).strip(" .")
    return cleaned or "mask"
