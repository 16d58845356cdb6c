"""How much the picture around a point looks like the picture at its query.

The comparison of the patch with the one at the query is that of Shi and Tomasi, "Good Features to Track", CVPR 1994, by
zero-mean normalised correlation.
"""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.inference.session import Prediction

PATCH = 15  # pixels, the side of the patch that is compared with the one at the query
NOISE = 4.0  # grey levels squared; keeps the correlation of patches without texture defined
REMAP_ROWS = 8192  # cv2.remap takes no more than 32,767 rows at once
LONGEST_SIDE = 640  # pixels, of the pictures that patches are cut from: larger ones are shrunk
MOST_FRAMES = 32  # pictures held; no tracker that works in windows says anything of older frames

OFFSETS = (np.indices((PATCH, PATCH), np.float32)[::-1] - PATCH // 2).reshape(2, -1)  # x, y from the centre

Float = NDArray[np.float32]
Grey = NDArray[np.uint8]


def patches(grey: Grey, xy: Float) -> Float:
    """The patches (N, PATCH * PATCH) around points (N, 2), bilinear; beyond the border the picture is mirrored."""
    x, y = xy[:, :1] + OFFSETS[0], xy[:, 1:] + OFFSETS[1]
    parts = [
        cv2.remap(grey, x[i : i + REMAP_ROWS], y[i : i + REMAP_ROWS], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        for i in range(0, len(xy), REMAP_ROWS)
    ]
    return np.concatenate(parts).astype(np.float32)


def correlation(a: Float, b: Float) -> Float:
    """Zero-mean normalised correlation (N,) of patches (N, K); two patches without texture are alike."""
    a = a - a.mean(axis=1, keepdims=True)
    b = b - b.mean(axis=1, keepdims=True)
    product, size_a, size_b = (np.einsum("nk,nk->n", p, q) / p.shape[1] for p, q in ((a, b), (a, a), (b, b)))
    return (product + NOISE) / (np.sqrt(size_a * size_b) + NOISE)


def is_inside(xy: Float, width: int, height: int) -> NDArray[np.bool_]:
    """Whether points lie on the picture, whose pixels reach half a pixel beyond their centres."""
    x, y = xy[:, 0], xy[:, 1]
    return (x >= -0.5) & (x < width - 0.5) & (y >= -0.5) & (y < height - 0.5)


class PatchChange:
    """Compares the picture where points are said to be with the picture at their queries.

    It is given the frames of a tracking session as the session is, and holds small grey copies of those that the
    session may still say something of.

    Args:
        width, height: of the frames, in pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        self._size = (width, height)
        self._scale = min(1.0, LONGEST_SIDE / max(width, height))
        self._small = (max(1, round(width * self._scale)), max(1, round(height * self._scale)))
        self._needed = True
        self._frames: dict[int, Grey] = {}
        self._seen = 0
        self._rows: dict[int, int] = {}  # id: row of the arrays
        self._start = np.zeros(0, np.int64)  # (N,) query frame
        self._places = np.zeros((0, 2), np.float32)  # (N, 2) query positions
        self._queries = np.zeros((0, PATCH * PATCH), np.float32)  # (N, PATCH * PATCH), NaN until the frame was seen

    def add_points(self, queries: Float, ids: NDArray[np.int64]) -> None:
        """Points of this session: `queries` (N, 3) are t, x, y. One that is there already starts anew."""
        first = len(self._start)
        self._rows.update(zip(ids.tolist(), range(first, first + len(ids)), strict=True))
        self._start = np.concatenate([self._start, np.rint(queries[:, 0]).astype(np.int64)])
        self._places = np.concatenate([self._places, queries[:, 1:]])
        unknown = np.full((len(ids), PATCH * PATCH), np.nan, np.float32)
        self._queries = np.concatenate([self._queries, unknown])
        for frame in np.unique(self._start[first:]).tolist():
            self._describe(frame)

    def see(self, frames: NDArray[np.uint8]) -> None:
        """The next frames, (S, H, W, 3) uint8 RGB."""
        for frame in frames if self._needed else ():
            grey = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)
            if self._scale < 1:
                # To more than half the size, linear leaves no pixel out, and takes a sixth of the time.
                how = cv2.INTER_AREA if self._scale < 0.5 else cv2.INTER_LINEAR
                grey = np.asarray(cv2.resize(grey, self._small, interpolation=how), np.uint8)
            self._frames[self._seen] = grey
            self._describe(self._seen)
            self._seen += 1
            self._frames.pop(self._seen - 1 - MOST_FRAMES, None)

    def forget(self, before: int) -> None:
        """Nothing will be said of frames before this one."""
        for frame in [frame for frame in self._frames if frame < before]:
            del self._frames[frame]

    def fill(self, prediction: Prediction | None) -> Prediction | None:
        """The session's prediction with its `patch_change`. A tracker that gives it by itself is left to do so."""
        if prediction is None or prediction.patch_change is not None:
            self._needed = prediction is None and self._needed
            return prediction
        return replace(prediction, patch_change=self.of(prediction))

    def of(self, prediction: Prediction) -> Float:
        """(T, N) one less the correlation; NaN before the query, outside the picture and on frames not held."""
        result = np.full(prediction.tracks.shape[:2], np.nan, np.float32)
        rows = np.array([self._rows.get(known, -1) for known in prediction.ids.tolist()], np.int64)
        known = np.flatnonzero(rows >= 0)
        for t, xy in enumerate(prediction.tracks[:, known]):
            frame = prediction.first_frame + t
            fits = is_inside(xy, *self._size) & (self._start[rows[known]] <= frame)
            if frame in self._frames and fits.any():
                here = patches(self._frames[frame], self._to_small(xy[fits]))
                result[t, known[fits]] = 1 - correlation(here, self._queries[rows[known[fits]]])
        return result

    def _describe(self, frame: int) -> None:
        """Keep the patches of the points that start at this frame."""
        rows = np.flatnonzero((self._start == frame) & is_inside(self._places, *self._size))
        if len(rows) and frame in self._frames:
            self._queries[rows] = patches(self._frames[frame], self._to_small(self._places[rows]))

    def _to_small(self, xy: Float) -> Float:
        factors = np.divide(self._small, self._size).astype(np.float32)
        return (xy + np.float32(0.5)) * factors - np.float32(0.5)
