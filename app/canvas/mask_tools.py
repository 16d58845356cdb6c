"""What the tools that work on a mask share: which mask, its bitmap on the shown frame, and keeping what was done."""

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import Qt

from app.canvas.brush import Bitmap
from app.canvas.tool import Pointer, Tool
from app.document.masks import Bits
from tracker.labels.table import TRACK_COLOURS


@dataclass(frozen=True)
class Target:
    """The mask to work on; `id` is None where there is none yet and the first edit adds one."""

    id: int | None
    colour: tuple[int, int, int]
    matte: bool


class MaskTool(Tool):
    """A tool that changes the bitmap of the current mask on the shown frame."""

    picks_tracks = False

    def target(self) -> Target | None:
        """The mask of the view, else the last one of the document; None where nothing can be painted."""
        canvas = self.canvas
        if canvas.document is None or canvas.frame < 0:
            return None
        infos = canvas.document.masks.infos
        if not infos:
            return Target(None, new_colour(), False)
        info = next((info for info in infos if info.id == canvas.view.mask), infos[-1])
        if info.id in canvas.hidden_masks:
            canvas.hint.emit(canvas.tr("The mask {} is not shown: show it to work on it.").format(info.name))
            return None
        return Target(info.id, info.colour, info.matte)

    def held(self, target: Target) -> Bitmap:
        """A copy of what the mask is on the shown frame."""
        canvas = self.canvas
        assert canvas.document is not None
        found = None if target.id is None else canvas.document.masks.held(target.id, canvas.frame)
        width, height = canvas.picture_size
        return np.zeros((height, width), bool) if found is None else found.copy()

    def keep(self, target: Target, frame: int, bitmap: Bitmap, label: str) -> None:
        """Make this the bitmap of the mask on a frame, of a new one where there is none: one step of undo."""
        canvas, mask_id = self.canvas, target.id
        document = canvas.document
        assert document is not None
        if mask_id is None or mask_id not in document.masks:  # it may have been undone meanwhile
            painted = {frame: Bits.of(bitmap)}
            canvas.view.mask = document.add_mask(painted=painted, label=label, initiator=canvas)
        else:
            canvas.view.mask = mask_id
            document.paint_mask(mask_id, frame, bitmap, label=label, initiator=canvas)

    def cursor(self, pointer: Pointer) -> Qt.CursorShape:
        """A crosshair inside the picture."""
        inside = self.canvas.in_picture(pointer.x, pointer.y)
        return Qt.CursorShape.CrossCursor if inside else Qt.CursorShape.ArrowCursor


def new_colour() -> tuple[int, int, int]:
    """The colour of a first mask while it is painted."""
    red, green, blue = TRACK_COLOURS[0].tolist()
    return red, green, blue
