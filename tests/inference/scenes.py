"""Moving pictures whose motion is known exactly: a smooth texture, sampled where the camera looks."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.inference.session import Prediction, TrackingSession


def texture(size: int = 400, seed: int = 3) -> NDArray[np.float32]:
    """A smooth random picture (size, size) float32 of mean 128."""
    noise = np.random.default_rng(seed).normal(size=(size, size)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.5) + cv2.GaussianBlur(noise, (0, 0), 8) * 3
    return np.clip(128 + smooth / smooth.std() * 40, 0, 255).astype(np.float32)


def panning(shifts: NDArray[np.float64], width: int = 160, height: int = 120) -> NDArray[np.uint8]:
    """Frames (T, height, width, 3) in which the texture lies `shifts` (T, 2) pixels from where it started."""
    picture = texture()
    centre = (np.array(picture.shape[::-1]) - 1) / 2
    frames = [
        cv2.getRectSubPix(picture, (width, height), tuple((centre - shift).tolist()), patchType=cv2.CV_32F)
        for shift in shifts
    ]
    return np.repeat(np.rint(np.stack(frames)).astype(np.uint8)[..., None], 3, axis=3)


def track_all(session: TrackingSession, frames: NDArray[np.uint8], step: int = 4) -> Prediction:
    """Everything that a session gives on these frames for the points it has, newer values over older ones."""
    first = session.frames_seen
    ids: NDArray[np.int64] | None = None
    parts: list[Prediction | None] = [session.step(frames[i : i + step]) for i in range(0, len(frames), step)]
    parts.append(session.finish())
    shape = (first + len(frames), len(next(part for part in parts if part is not None).ids))
    tracks = np.full((*shape, 2), np.nan, np.float32)
    visibility, confidence = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for part in parts:
        if part is not None:
            ids, rows = part.ids, slice(part.first_frame, part.end_frame)
            tracks[rows], visibility[rows], confidence[rows] = part.tracks, part.visibility, part.confidence
    assert ids is not None
    return Prediction(0, ids, tracks, visibility, confidence)
