"""The time axis: which frame stands at which pixel."""

import math
from dataclasses import dataclass

MAX_PIXELS_PER_FRAME = 40.0
TICK_SPACING = 76  # pixels at least between numbers


@dataclass
class TimeScale:
    """Frames to pixels of a view that shows a part of the time.

    Frame i covers the pixels `x_of(i)` to `x_of(i + 1)`.

    Attributes:
        frame_count: length of the video, at least 1.
        width: of the view, in logical pixels.
        pixels_per_frame: the zoom.
        offset: how many pixels of the time lie left of the view.
    """

    frame_count: int = 1
    width: int = 1
    pixels_per_frame: float = 1.0
    offset: int = 0

    @property
    def fitting(self) -> float:
        """The zoom at which the whole video just fills the view."""
        return min(MAX_PIXELS_PER_FRAME, self.width / self.frame_count)

    @property
    def max_offset(self) -> int:
        """The last useful offset."""
        return max(0, math.ceil(self.frame_count * self.pixels_per_frame) - self.width)

    def x_of(self, frame: float) -> float:
        """Left edge of a frame, in pixels of the view."""
        return frame * self.pixels_per_frame - self.offset

    def centre_of(self, frame: int) -> float:
        """Middle of a frame, in pixels of the view."""
        return self.x_of(frame + 0.5)

    def frame_at(self, x: float) -> int:
        """The frame at a pixel of the view, the first or last one beyond the ends."""
        frame = math.floor((x + self.offset) / self.pixels_per_frame)
        return max(0, min(self.frame_count - 1, frame))

    def zoom_to(self, pixels_per_frame: float, keep_x: float) -> None:
        """Another zoom; what stands at `keep_x` stays there."""
        at = (keep_x + self.offset) / self.pixels_per_frame
        self.pixels_per_frame = max(self.fitting, min(MAX_PIXELS_PER_FRAME, pixels_per_frame))
        self.scroll_to(round(at * self.pixels_per_frame - keep_x))

    def fit(self) -> None:
        """Show the whole video."""
        self.pixels_per_frame, self.offset = self.fitting, 0

    def scroll_to(self, offset: int) -> None:
        """Another part of the time."""
        self.offset = max(0, min(self.max_offset, offset))

    def tick_step(self) -> int:
        """Frames between two numbers of the ruler: 1, 2 or 5 times a power of ten."""
        wanted = TICK_SPACING / self.pixels_per_frame
        power = 10 ** max(0, math.floor(math.log10(wanted))) if wanted > 1 else 1
        return next(int(m * power) for m in (1, 2, 5, 10, 20) if m * power >= wanted or m == 20)

    def minor_step(self, step: int) -> int:
        """Frames between two small ticks under ticks of `step`: the finest division that is still legible."""
        for parts in (10, 5, 2):
            if step % parts == 0 and step // parts * self.pixels_per_frame >= 6:
                return step // parts
        return step
