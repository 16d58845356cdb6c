"""OpenEXR pictures, by the OpenEXR library: parts, data windows and all compressions are its matter, not ours.

FFmpeg reads only the first part right and takes 1.5 times as long for 2K and 4K half-float plates (ZIP and PIZ).
"""

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError

MAX_PIXELS = 2**28  # a header that claims more is taken for damaged
_SPARE = (os.cpu_count() or 1) - 1  # one core is left to the GUI
THREADS = _SPARE if _SPARE > 1 else 0  # beside the thread that asks, which waits for them


class _Picture(NamedTuple):
    """Where in a file the picture to show lies; `channels` are three names, red first, or one for grey."""

    part: int
    name: str
    channels: tuple[str, ...]
    data: tuple[int, int, int, int]  # left, top, right, bottom, the last ones inclusive
    display: tuple[int, int, int, int]


def read_exr(path: Path) -> NDArray[np.float16]:
    """(H, W, 3) half floats of the display window; what the data window leaves of it is 0.

    The picture is the first part that has R, G and B; else a layer of that kind (diffuse.R, …), else grey (Y). Alpha is
    left out: the colours of a plate are shown as they are.

    Raises:
        InputError: the file is damaged, deep, or holds nothing that can be shown.
    """
    import OpenEXR

    OpenEXR.set_global_thread_count(THREADS)
    try:
        found = _choose(path, OpenEXR.File(str(path), header_only=True).parts)
        planes = _planes(path, found)
    except InputError:
        raise
    except (RuntimeError, OSError, ValueError, TypeError, KeyError, MemoryError) as error:
        raise InputError(f"{path}: the picture is damaged and cannot be decoded") from error
    return _in_display_window(found, planes)


def _choose(path: Path, parts: list[Any]) -> _Picture:
    headers = [part.header for part in parts]
    if any("deep" in str(header.get("type")) for header in headers):
        raise InputError(f"{path}: this is a deep EXR; Trackwright reads flat images, flatten it first")
    candidates = [(_rank(names), place, names) for place, h in enumerate(headers) if (names := _colours(h["channels"]))]
    if not candidates:
        raise InputError(f"{path}: the EXR has neither colours (R, G, B) nor brightness (Y) to show")
    _, place, names = min(candidates)
    header = headers[place]
    if any((c.xSampling, c.ySampling) != (1, 1) for c in header["channels"] if c.name in names):
        raise InputError(f"{path}: the EXR has channels of lower resolution than its picture; save it as RGB")
    found = _Picture(
        place, header.get("name", ""), names, _window(header["dataWindow"]), _window(header["displayWindow"])
    )
    for left, top, right, bottom in (found.data, found.display):
        width, height = right - left + 1, bottom - top + 1
        if min(width, height) < 1 or width * height > MAX_PIXELS:
            raise InputError(f"{path}: the EXR claims to be {width} × {height} pixels")
    return found


def _rank(names: tuple[str, ...]) -> int:
    return 2 if len(names) == 1 else 1 if "." in names[0] else 0


def _colours(channels: list[Any]) -> tuple[str, ...]:
    """The channels of a part that make a picture; none where there is none."""
    names = [channel.name for channel in channels]
    layers = sorted({name.rpartition(".")[0] for name in names}, key=lambda layer: (layer != "", layer))
    for layer in layers:
        colours = tuple(f"{layer}.{colour}" if layer else colour for colour in "RGB")
        if set(colours) <= set(names):
            return colours
    return ("Y",) if "Y" in names else ()


def _window(box: Any) -> tuple[int, int, int, int]:
    (left, top), (right, bottom) = (np.asarray(corner).tolist() for corner in box)
    return left, top, right, bottom


def _planes(path: Path, found: _Picture) -> list[NDArray[np.float16]]:
    """The channels over the data window."""
    import Imath
    import OpenEXR

    left, top, right, bottom = found.data
    shape = bottom - top + 1, right - left + 1
    if found.part == 0:  # only these channels are read
        file = OpenEXR.InputFile(str(path))
        try:
            read = file.channels(list(found.channels), Imath.PixelType(Imath.PixelType.HALF))
        finally:
            file.close()
        return [np.frombuffer(data, np.float16).reshape(shape) for data in read]
    # The library leaves out parts that it cannot read, so that the others stand at other places.
    parts = {part.header["name"]: part for part in OpenEXR.File(str(path), separate_channels=True).parts}
    part = parts[found.name]
    with np.errstate(over="ignore"):
        return [part.channels[name].pixels.reshape(shape).astype(np.float16, copy=False) for name in found.channels]


def _in_display_window(found: _Picture, planes: list[NDArray[np.float16]]) -> NDArray[np.float16]:
    left, top, right, bottom = found.display
    picture = np.zeros((bottom - top + 1, right - left + 1, 3), np.float16)
    x0, y0 = max(left, found.data[0]), max(top, found.data[1])
    x1, y1 = min(right, found.data[2]) + 1, min(bottom, found.data[3]) + 1
    if x0 < x1 and y0 < y1:
        there = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
        here = np.s_[y0 - found.data[1] : y1 - found.data[1], x0 - found.data[0] : x1 - found.data[0]]
        for colour in range(3):
            picture[*there, colour] = planes[colour % len(planes)][here]
    return picture
