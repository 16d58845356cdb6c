"""First guesses that follow the picture: sparse optical flow from the last frame on which a position is known.

A network that only looks a few pixels around its guess is lost when a thing moves further than that from one window to
the next. Pyramidal Lucas-Kanade (Bouguet 2001, OpenCV's `calcOpticalFlowPyrLK`) costs a millisecond a frame and is
right most of the time; the refinement repairs the rest.
"""

from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

FLOW: Any = {
    "winSize": (15, 15),
    "maxLevel": 3,
    "criteria": (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.02),
}


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
            follow, or that is outside the picture, keeps its place.
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
            after, found, _ = cv2.calcOpticalFlowPyrLK(
                greys[t - 1], greys[t], np.ascontiguousarray(before[:, None]), before[:, None].copy(), **FLOW
            )
            followed = found[:, 0] > 0
            coords[rows[followed], t] = np.asarray(after, np.float32)[followed, 0]
