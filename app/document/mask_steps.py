"""What a person does to masks."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.document.masks import Bits, MaskInfo, Masks
from app.document.scene_edits import Edit, MaskPaint, MaskPresence, MaskProperties
from app.document.steps import Steps
from tracker.labels.table import colour_for


class MaskSteps(Steps):
    """Masks come, go, and are painted. `Document` is what to use."""

    @property
    def masks(self) -> Masks:
        """All masks: read it, never write it."""
        return self._scene.masks

    def add_mask(
        self,
        name: str = "",
        matte: bool = False,
        painted: Mapping[int, Bits] | None = None,
        label: str = "Paint mask",
        initiator: object = None,
    ) -> int:
        """A new mask with what is `painted` on it by frame, as one step; gives its id.

        Without a name it is called by its number. The bits stay packed, so that a whole folder of masks is quickly in.

        Raises:
            ValueError: bits reach beyond the picture, or their frame lies outside of the video; nothing is added.
        """
        self._settle()
        bits = {int(frame): found for frame, found in (painted or {}).items()}
        width, height = self.masks.size
        for frame, found in bits.items():
            self._check_frame(frame)
            if min(found.x, found.y) < 0 or found.x + found.width > width or found.y + found.height > height:
                raise ValueError(f"the mask of frame {frame} does not fit a picture of {width} × {height}")
        (mask_id,) = self._new_ids("mask", 1)
        name = name or f"{'Matte' if matte else 'Mask'} {mask_id + 1}"
        info = MaskInfo(mask_id, name, colour_for(mask_id), bool(matte))
        text = _painting_of(label, name) if bits else f"Add {_lower(name)}"
        self.do(MaskPresence(info, bits, added=True), text, initiator)
        return mask_id

    def delete_mask(self, mask_id: int, initiator: object = None) -> None:
        """Take a mask away with all that was painted on it. Raises KeyError for an unknown id."""
        self._settle()
        info = self.masks.info(mask_id)
        edit = MaskPresence(info, self.masks.bits(mask_id), added=False)
        self.do(edit, f"Delete {_lower(info.name)}", initiator)

    def set_mask(
        self,
        mask_id: int,
        *,
        name: str | None = None,
        colour: tuple[int, int, int] | None = None,
        matte: bool | None = None,
        initiator: object = None,
    ) -> None:
        """Give a mask another name or colour (0..255 each), or another purpose. Raises KeyError for an unknown id."""
        self._settle()
        before = self.masks.info(mask_id)
        after = before if name is None else replace(before, name=str(name))
        if colour is not None:
            red, green, blue = (int(c) for c in colour)
            after = replace(after, colour=(red, green, blue))
        after = after if matte is None else replace(after, matte=bool(matte))
        if after != before:
            verb = "Rename" if after.name != before.name else "Colour" if after.colour != before.colour else "Set"
            self.do(MaskProperties(before, after), f"{verb} {_lower(before.name)}", initiator)

    def paint_mask(
        self,
        mask_id: int,
        frame: int,
        bitmap: NDArray[np.bool_],
        label: str = "Paint mask",
        initiator: object = None,
    ) -> None:
        """What is painted on a frame becomes this (H, W) bitmap, true inside of the mask; see `paint_masks`."""
        self.paint_masks(mask_id, {frame: bitmap}, label, initiator)

    def paint_masks(
        self,
        mask_id: int,
        bitmaps: Mapping[int, NDArray[np.bool_]],
        label: str = "Paint mask",
        initiator: object = None,
    ) -> None:
        """The same on several frames, as one step, which `label` names together with the mask.

        Raises:
            ValueError: a bitmap is not of the video's size, or its frame lies outside of the video; nothing is painted.
            KeyError: the id is unknown.
        """
        self._settle()
        edits = [self._painting(mask_id, int(frame), np.asarray(b) != 0) for frame, b in bitmaps.items()]
        done: list[Edit] = [edit for edit in edits if edit is not None]
        if done:
            self.do(done, _painting_of(label, self.masks.info(mask_id).name), initiator)

    def clear_mask(self, mask_id: int, frame: int, initiator: object = None) -> None:
        """A frame counts as not painted any more: what was painted before it holds on. Raises KeyError."""
        self._settle()
        bits = self.masks.bits(mask_id).get(int(frame))
        if bits is not None:
            edit = MaskPaint(mask_id, int(frame), bits, (True, False))
            self.do(edit, f"Clear {_lower(self.masks.info(mask_id).name)}", initiator)

    def _painting(self, mask_id: int, frame: int, bitmap: NDArray[np.bool_]) -> MaskPaint | None:
        """The edit that makes this of a frame, None where it is so already."""
        width, height = self.masks.size
        if bitmap.shape != (height, width):
            there = " × ".join(str(side) for side in reversed(bitmap.shape)) or "no"
            raise ValueError(f"a mask of {there} pixels does not fit a picture of {width} × {height}")
        self._check_frame(frame)
        before = self.masks.bitmap(mask_id, frame)
        flipped = Bits.of(bitmap if before is None else bitmap ^ before)
        if before is not None and not flipped.data:
            return None
        return MaskPaint(mask_id, frame, flipped, (before is not None, True))

    def _check_frame(self, frame: int) -> None:
        if not 0 <= frame < self.table.n_frames:
            raise ValueError(f"no mask can be painted on frame {frame}: there are {self.table.n_frames}")


def _painting_of(label: str, name: str) -> str:
    """What a step is called that paints a mask of this name: "Paint mask 1", "Paint mask car"."""
    return f"{label} {name.removeprefix('Mask ')}"


def _lower(name: str) -> str:
    """A name in the middle of a label: the ones we give are not proper names."""
    return name[0].lower() + name[1:] if name.startswith(("Mask ", "Matte ")) else name
