"""Single pictures as bytes, for the formats that store them."""

import cv2
import numpy as np
from numpy.typing import NDArray


def encode_picture(picture: NDArray[np.uint8], suffix: str) -> bytes:
    """An RGB picture as the bytes of a `.jpg` (quality 95) or `.png` file."""
    options = [cv2.IMWRITE_JPEG_QUALITY, 95] if suffix == ".jpg" else []
    _, data = cv2.imencode(suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
    return data.tobytes()
