"""Dragging the picture under a fixed cross: one correction, as one step of the history."""

from itertools import count

from app.document.project import Document
from app.workers.patches import Crop, Patch, cut_patch

# Below zero, so that no gesture of another part has the same number.
_gestures = count(-1, -1)


class Correction:
    """Moves the point of one track on one frame.

    Attributes:
        patch: what was shown when it began.
        x, y: where the point is now, in pixels of the video.
        moved: whether the document took a move.
    """

    def __init__(self, document: Document, track_id: int, patch: Patch, crop: Crop | None) -> None:
        """
        Args:
            crop: the picture of `patch`, if it is here.
        """
        self.patch, self.x, self.y = patch, patch.x, patch.y
        self.moved = False
        self._document, self._track_id = document, track_id
        self._gesture, self._steps = next(_gestures), document.history_position
        self._picture, self._centre = crop, (patch.x, patch.y)

    @property
    def frame(self) -> int:
        """The frame that is corrected."""
        return self.patch.frame

    @property
    def track_id(self) -> int:
        """The track that is corrected."""
        return self._track_id

    @property
    def surroundings(self) -> Patch:
        """The wider patch in which the point can be dragged about; on whole pixels, so that cuts from it are exact."""
        size = 3 * self.patch.size | 1
        return Patch(self.frame, round(self.patch.x), round(self.patch.y), size)

    def show_surroundings(self, crop: Crop) -> None:
        """The wider patch has come."""
        self._picture, self._centre = crop, self.surroundings[1:3]

    @property
    def is_exact(self) -> bool:
        """Whether `picture` is what would be cut out of the frame itself."""
        far = max(abs(self.x - self._centre[0]), abs(self.y - self._centre[1]))
        wide = self._picture is not None and len(self._picture) == self.surroundings.size
        return wide and far <= self.patch.size

    def picture(self) -> Crop | None:
        """What lies around the point now, clear where that is not known yet."""
        if self._picture is None:
            return None
        middle = (len(self._picture) - 1) / 2
        x, y = self.x - self._centre[0] + middle, self.y - self._centre[1] + middle
        return cut_patch(self._picture, x, y, self.patch.size)

    def drag(self, dx: float, dy: float) -> bool:
        """The picture was dragged this far from where it was, in pixels of the video; False where that is refused."""
        self.x, self.y = self.patch.x - dx, self.patch.y - dy
        done = self._document.place_anchor(
            self._track_id, self.frame, self.x, self.y, gesture=self._gesture, initiator=self
        )
        self.moved |= done
        return done

    def finish(self) -> None:
        """The mouse was let go."""
        if self.moved:
            self._document.end_gesture()

    def cancel(self) -> None:
        """Put the point back."""
        if self.moved:
            self._document.end_gesture()
            if self._document.history_position > self._steps:
                self._document.undo()
