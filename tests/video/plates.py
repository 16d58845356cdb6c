"""EXR and DPX files for tests, by the OpenEXR library and FFmpeg."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import OpenEXR
from numpy.typing import NDArray


def light(width: int = 40, height: int = 24) -> NDArray[np.float32]:
    """(H, W, 3) scene-linear light from 0 to 4, another value at every pixel."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return np.stack([4 * x / width, y / height, (x + y) / (width + height)], axis=-1).astype(np.float32)


def write_exr(path: Path, channels: dict[str, Any], **header: Any) -> Path:
    """One part; `channels` by name, "RGB" for three at once."""
    OpenEXR.File({"type": OpenEXR.scanlineimage, **header}, channels).write(str(path))
    return path


def write_parts(path: Path, *parts: tuple[str, dict[str, Any]]) -> Path:
    """Several parts, each its name and channels."""
    made = [OpenEXR.Part({"name": name, "type": OpenEXR.scanlineimage}, c, name) for name, c in parts]
    OpenEXR.File(made).write(str(path))
    return path


def windows(
    data: tuple[int, int, int, int], display: tuple[int, int, int, int]
) -> dict[str, tuple[NDArray[np.int32], NDArray[np.int32]]]:
    """Headers for windows given as left, top, right and bottom, the last ones inclusive."""
    return {
        "dataWindow": (np.array(data[:2], np.int32), np.array(data[2:], np.int32)),
        "displayWindow": (np.array(display[:2], np.int32), np.array(display[2:], np.int32)),
    }


def write_codes(path: Path, codes: NDArray[np.uint16], transfer: int | None = None) -> Path:
    """RGB of 16 bits (H, W, 3) as PNG or TIFF, or of 10 bits as DPX with this transfer characteristic."""
    name, pix_fmt = {".png": ("png", "rgb48be"), ".tif": ("tiff", "rgb48le"), ".dpx": ("dpx", "gbrp10be")}[path.suffix]
    context = av.CodecContext.create(name, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.height, context.width = codes.shape[:2]
    context.pix_fmt, context.time_base = pix_fmt, Fraction(1, 24)
    frame = av.VideoFrame.from_ndarray(codes, "rgb48le").reformat(format=pix_fmt)
    frame.pts = 0
    data = bytearray(b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)]))
    if transfer is not None:
        data[801] = transfer
    path.write_bytes(data)
    return path
