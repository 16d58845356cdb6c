"""Reading the picture that is laid over the plate."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError

LARGEST = 4096  # pixels of the longer side; more is not seen in a preview


def read_insert(path: Path) -> NDArray[np.uint8]:
    """A picture as (H, W, 4) uint8 blue, green, red, alpha; opaque where the file has no alpha.

    16-bit values are scaled; those with decimals are taken as 0 to 1.

    Raises:
        InputError: it cannot be read, or OpenCV knows no such picture.
    """
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or 'cannot be read'}") from None
    try:
        pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if len(data) else None
    except cv2.error:
        pixels = None
    if pixels is None or pixels.size == 0:
        raise InputError(f"{path}: this is not a picture that can be read (PNG, JPEG, TIFF, WebP, …)")
    return _shrunk(_with_alpha(_as_bytes(pixels)))


def _as_bytes(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    if pixels.dtype == np.uint16:
        return np.rint(pixels.astype(np.float32) / 257).astype(np.uint8)
    return np.rint(np.clip(np.nan_to_num(pixels.astype(np.float32)), 0, 1) * 255).astype(np.uint8)


def _with_alpha(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        return pixels
    if pixels.ndim == 3 and pixels.shape[2] == 2:  # grey and alpha
        return np.dstack([pixels[..., :1]] * 3 + [pixels[..., 1:]])
    grey = pixels.ndim == 2 or pixels.shape[2] == 1
    return cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGRA if grey else cv2.COLOR_BGR2BGRA).astype(np.uint8, copy=False)


def _shrunk(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    scale = LARGEST / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
