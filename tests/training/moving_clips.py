"""Short videos of textures that move by, with something for SIFT to find."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

WIDTH, HEIGHT = 96, 64


def pan(seed: int, count: int, step: int = 1) -> list[NDArray[np.uint8]]:
    """A camera that moves over a texture, `step` pixels a frame to the right: what is seen moves to the left."""
    noise = np.random.default_rng(seed).normal(0, 1, (20, 60, 3))
    size = 60 * 7, 20 * 7
    picture = np.clip(cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC) * 60 + 128, 0, 255).astype(np.uint8)
    return [picture[8 : 8 + HEIGHT, 40 + k * step : 40 + k * step + WIDTH] for k in range(count)]


def write_clip(path: Path, frames: list[NDArray[np.uint8]]) -> Path:
    """Without loss."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(25))
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "bgr0"
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")))
        container.mux(stream.encode(None))
    return path
