"""What a receiving program calls the plate: the picture sequence that the tracks lie on."""

from dataclasses import dataclass
from fractions import Fraction

USUAL_FIRST_FRAME = 1001  # of a plate whose files say nothing; numbers below leave room for handles


@dataclass(frozen=True)
class Plate:
    """The plate as the program that follows knows it; its size is that of the tracks.

    Attributes:
        first_frame: the number that the plate's first picture has there.
        fps: frames per second, exact: 24000/1001, not 23.976.
        pixel_aspect: width of a pixel over its height.
        path: of the pictures, for formats that name them; "" where nobody said.
    """

    first_frame: int = USUAL_FIRST_FRAME
    fps: Fraction = Fraction(24)
    pixel_aspect: Fraction = Fraction(1)
    path: str = ""
