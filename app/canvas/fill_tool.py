"""Click into a hole of the mask to fill it, or with Alt or Shift into a colour to take all that hangs together."""

from PySide6.QtCore import Qt

from app.canvas.brush import Bitmap
from app.canvas.mask_edits import enclosed, piece, similar
from app.canvas.mask_tools import MaskTool, Target
from app.canvas.tool import Pointer

COLOUR_KEYS = Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.ShiftModifier  # some desktops keep Alt+click


class FillTool(MaskTool):
    """The right button, or Ctrl, takes away instead: the piece of the mask below, or with Alt the colour."""

    takes_right = True

    def press(self, pointer: Pointer) -> None:
        """Fill here."""
        canvas = self.canvas
        target = self.target()
        if target is None or not canvas.in_picture(pointer.x, pointer.y):
            return
        width, height = canvas.picture_size
        place = min(max(round(pointer.x), 0), width - 1), min(max(round(pointer.y), 0), height - 1)
        before = self.held(target)
        takes_away = pointer.right or pointer.holds(Qt.KeyboardModifier.ControlModifier)
        if pointer.holds(COLOUR_KEYS):
            region = self._similar(place)
        elif takes_away:
            region = piece(before, *place)
        else:
            region = self._hole(target, before, place)
        if region is None:
            return
        after = before & ~region if takes_away else before | region
        if (after != before).any():
            label = canvas.tr("Take a region out of mask") if takes_away else canvas.tr("Fill a region of mask")
            self.keep(target, canvas.frame, after, label)

    def _similar(self, place: tuple[int, int]) -> Bitmap | None:
        picture = self.canvas.picture
        return None if picture is None else similar(picture, *place)

    def _hole(self, target: Target, before: Bitmap, place: tuple[int, int]) -> Bitmap | None:
        canvas = self.canvas
        if target.id is None:
            canvas.hint.emit(
                canvas.tr("Outline an area first, then a click inside fills it. Shift+click takes a colour.")
            )
            return None
        if before[place[1], place[0]]:
            canvas.hint.emit(canvas.tr("This is inside the mask already."))
            return None
        hole = enclosed(before, *place)
        if hole is None:
            canvas.hint.emit(canvas.tr("The mask does not close this area in, so there is nothing to fill."))
        return hole
