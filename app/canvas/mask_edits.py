"""What can be done to a mask as a whole. All functions take (H, W) bool bitmaps and give new ones."""

import cv2
import numpy as np
from numpy.typing import NDArray

Bitmap = NDArray[np.bool_]
TOLERANCE = 20  # of each channel, 0..255, within which a colour is similar
SHIFT = 4  # sub-pixel bits of OpenCV's coordinates


def inverted(bitmap: Bitmap) -> Bitmap:
    """All that was outside."""
    return ~bitmap


def grown(bitmap: Bitmap, pixels: int) -> Bitmap:
    """Everything within `pixels` of it."""
    return ~shrunk(~bitmap, pixels)


def shrunk(bitmap: Bitmap, pixels: int) -> Bitmap:
    """What is more than `pixels` away from its outside; beyond the picture's border is no outside."""
    if bitmap.all():
        return bitmap.copy()
    distance = cv2.distanceTransform(bitmap.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance > pixels)


def with_polygon(bitmap: Bitmap, corners: NDArray[np.float64], inside: bool = True) -> Bitmap:
    """Put the polygon (n, 2) x, y in pixels of the picture into the mask, or take it out."""
    area = np.zeros(bitmap.shape, np.uint8)
    points = np.round(np.asarray(corners) * (1 << SHIFT)).astype(np.int32)
    cv2.fillPoly(area, [points], 1, lineType=cv2.LINE_8, shift=SHIFT)
    return bitmap | (area > 0) if inside else bitmap & (area == 0)


def enclosed(bitmap: Bitmap, x: int, y: int) -> Bitmap | None:
    """The region outside the mask around a pixel, where the mask closes it in; None where it reaches the border."""
    region = _region(~bitmap, x, y)
    border = region[0].any() or region[-1].any() or region[:, 0].any() or region[:, -1].any()
    return None if border or not region.any() else region


def piece(bitmap: Bitmap, x: int, y: int) -> Bitmap:
    """The connected piece of the mask at a pixel; nothing where there is none."""
    return _region(bitmap, x, y)


def similar(picture: NDArray[np.uint8], x: int, y: int, tolerance: int = TOLERANCE) -> Bitmap:
    """The connected region whose colours are within `tolerance` of that of a pixel; (H, W, 3 or 4) uint8."""
    height, width = picture.shape[:2]
    found = np.zeros((height + 2, width + 2), np.uint8)
    band = (tolerance,) * 3
    flags = 4 | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY | (1 << 8)
    colours = np.ascontiguousarray(picture[..., :3])
    cv2.floodFill(colours, found, (x, y), (0, 0, 0), band, band, flags)
    return found[1:-1, 1:-1] > 0


def _region(where: Bitmap, x: int, y: int) -> Bitmap:
    """The pixels of `where` that hang together with (x, y) over edges, not over corners."""
    if not where[y, x]:
        return np.zeros_like(where)
    height, width = where.shape
    found = np.zeros((height + 2, width + 2), np.uint8)
    flags = 4 | cv2.FLOODFILL_MASK_ONLY | (1 << 8)
    cv2.floodFill(where.astype(np.uint8), found, (x, y), 0, 0, 0, flags)
    return found[1:-1, 1:-1] > 0
