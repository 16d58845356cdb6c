"""First guesses that follow the picture: sparse optical flow from the last frame on which a position is known.

A network that only looks a few pixels around its guess is lost when a thing moves further than that from one window to
the next. Pyramidal Lucas-Kanade (Bouguet 2001, OpenCV's `calcOpticalFlowPyrLK`) costs a millisecond a frame and is
right most of the time; the refinement repairs the rest.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# A small window is exact where things turn and stretch, a large one where there is little texture.
WINDOWS = (9, 21)  # pixels, the sides of the squares that are matched
MAX_RETURN = 1.0  # pixels; a point that comes back further away than this from where it was keeps its place
FLOW: Any = {"maxLevel": 3, "criteria": (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.02)}


def grey_frames(video: Tensor) -> NDArray[np.uint8]:
    """(..., 3, H, W) RGB 0..255 -> (..., H, W) uint8 on the CPU."""
    weights = video.new_tensor([0.299, 0.587, 0.114])[:, None, None]
    grey = (video * weights).sum(-3).round().clamp(0, 255)
    return grey.to(torch.uint8).cpu().numpy()


def follow_flow(greys: NDArray[np.uint8], coords: NDArray[np.float32], known: NDArray[np.int64]) -> None:
    """Carry points from frame to frame, in place.

    Args:
        greys: (T, H, W) frames.
        coords: (N, T, 2) pixels. What lies after a point's last known frame is overwritten; a point that flow cannot
            follow there and back, or that is outside the picture, keeps its place.
        known: (N,) last frame on which a point's position is known; T - 1 or more leaves it alone.
    """
    height, width = greys.shape[1:]
    for t in range(max(1, int(known.min(initial=len(greys))) + 1), len(greys)):
        rows = np.flatnonzero(known < t)
        before = coords[rows, t - 1]
        inside = ((before >= 0) & (before <= (width - 1, height - 1))).all(1)
        coords[rows, t] = before
        rows, before = rows[inside], before[inside]
        if len(rows):
            coords[rows, t] = _follow(greys[t - 1], greys[t], np.ascontiguousarray(before))


def follow_flow_in_batch(greys: NDArray[np.uint8], coords: NDArray[np.float32], known: NDArray[np.int64]) -> None:
    """`follow_flow` of B videos at once, on all cores: (B, T, H, W), (B, N, T, 2) and (B, N)."""
    if len(greys) == 1:
        follow_flow(greys[0], coords[0], known[0])
        return
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(follow_flow, greys, coords, known))


def _follow(earlier: NDArray[np.uint8], later: NDArray[np.uint8], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Points (N, 2) on the later frame: by the window whose way back misses least, or where they were if all miss.

    The check is that of Kalal, Mikolajczyk and Matas, "Forward-Backward Error", ICPR 2010.
    """
    result, least = points.copy(), np.full(len(points), MAX_RETURN, np.float32)
    for side in WINDOWS:
        options = {"winSize": (side, side), **FLOW}
        moved, found, _ = cv2.calcOpticalFlowPyrLK(earlier, later, points[:, None], points[:, None].copy(), **options)
        back, returned, _ = cv2.calcOpticalFlowPyrLK(later, earlier, moved, moved.copy(), **options)
        miss = np.linalg.norm(np.asarray(back)[:, 0] - points, axis=1)
        better = (found[:, 0] > 0) & (returned[:, 0] > 0) & (miss < least)
        result[better], least[better] = np.asarray(moved, np.float32)[better, 0], miss[better]
    return result
