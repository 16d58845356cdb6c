"""Masks: bitmaps that a person painted on frames. Each holds until the next frame on which it was painted."""

import zlib
from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class MaskInfo:
    """What belongs to a whole mask.

    Attributes:
        id: stable number, never reused.
        colour: red, green, blue, 0..255.
        matte: whether it is a garbage matte: no points belong here.
    """

    id: int
    name: str
    colour: tuple[int, int, int]
    matte: bool = False


@dataclass(frozen=True)
class Bits:
    """A bitmap as what lies in the box around its set pixels.

    Attributes:
        x, y, width, height: the box in pixels; all 0 where nothing is set.
        data: the box row by row, eight pixels a byte, deflated: a few kilobytes for a shape in a 4K picture.
    """

    x: int
    y: int
    width: int
    height: int
    data: bytes

    @classmethod
    def of(cls, bitmap: NDArray[np.bool_]) -> Self:
        """The bits of an (H, W) bitmap."""
        rows, columns = np.flatnonzero(bitmap.any(axis=1)), np.flatnonzero(bitmap.any(axis=0))
        if not len(rows):
            return cls(0, 0, 0, 0, b"")
        x, y, right, bottom = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
        packed = np.packbits(bitmap[y:bottom, x:right])
        return cls(x, y, right - x, bottom - y, zlib.compress(packed.tobytes(), 1))

    def flip(self, bitmap: NDArray[np.bool_]) -> None:
        """Turn the pixels that are set here in an (H, W) bitmap; twice is nothing."""
        if not self.data:
            return
        packed = np.frombuffer(zlib.decompress(self.data), dtype=np.uint8)
        box = bitmap[self.y : self.y + self.height, self.x : self.x + self.width]
        box ^= np.unpackbits(packed, count=self.width * self.height).view(np.bool_).reshape(box.shape)

    def check(self, size: tuple[int, int]) -> None:
        """Raises ValueError where the bits, read from a file, are damaged or lie outside of a picture of this size."""
        width, height = size
        inside = min(self.x, self.y, self.width, self.height) >= 0
        inside &= self.x + self.width <= width and self.y + self.height <= height
        try:
            data = zlib.decompress(self.data) if self.data else b""
        except zlib.error as error:
            raise ValueError("the bits of a mask are damaged") from error
        if not inside or len(data) != (self.width * self.height + 7) // 8:
            raise ValueError("the bits of a mask do not fit")


class Masks:
    """The masks of a document. Read it, never write it: only edits do.

    Attributes:
        size: width and height of all bitmaps in pixels; (0, 0) where the document has no video.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self._infos: dict[int, MaskInfo] = {}
        self._bits: dict[int, dict[int, Bits]] = {}  # by mask and frame
        self._painted: dict[int, list[int]] = {}  # the frames of a mask, ascending

    @property
    def infos(self) -> Sequence[MaskInfo]:
        """All masks, the oldest first."""
        return [self._infos[mask_id] for mask_id in sorted(self._infos)]

    def __contains__(self, mask_id: int) -> bool:
        return mask_id in self._infos

    def info(self, mask_id: int) -> MaskInfo:
        """The mask of this id. Raises KeyError where there is none."""
        return self._infos[mask_id]

    def frames(self, mask_id: int) -> list[int]:
        """The frames that were painted, ascending. Raises KeyError for an unknown id."""
        return list(self._painted[mask_id])

    def bitmap(self, mask_id: int, frame: int) -> NDArray[np.bool_] | None:
        """(H, W) of what was painted on exactly this frame, a copy; None where nothing was."""
        bits = self._bits[mask_id].get(frame)
        return None if bits is None else self._unpacked(bits)

    def held(self, mask_id: int, frame: int) -> NDArray[np.bool_] | None:
        """(H, W) of what was painted last at or before this frame, a copy; None where nothing was."""
        painted = self._painted[mask_id]
        place = bisect_right(painted, frame)
        return self.bitmap(mask_id, painted[place - 1]) if place else None

    def held_until(self, mask_id: int, frame: int) -> int | None:
        """The next frame after `frame` that was painted; None where it holds to the end."""
        painted = self._painted.get(mask_id, [])
        place = bisect_right(painted, frame)
        return painted[place] if place < len(painted) else None

    def matte(self, frame: int) -> NDArray[np.bool_] | None:
        """(H, W) of all garbage mattes that hold on this frame together, a copy; None where there is none."""
        together = None
        for info in self.infos:
            bitmap = self.held(info.id, frame) if info.matte else None
            if bitmap is not None:
                together = bitmap if together is None else together | bitmap
        return together

    # -- for edits and files

    def bits(self, mask_id: int) -> dict[int, Bits]:
        """All that was painted, by frame; a copy."""
        return dict(self._bits[mask_id])

    def put(self, info: MaskInfo, bits: dict[int, Bits] | None = None) -> None:
        """Add a mask with what was painted on it, or give a mask other properties."""
        self._infos[info.id] = info
        if info.id not in self._bits:
            self._bits[info.id] = dict(bits or {})
            self._painted[info.id] = sorted(self._bits[info.id])

    def remove(self, mask_id: int) -> None:
        """Take a mask away."""
        del self._infos[mask_id], self._bits[mask_id], self._painted[mask_id]

    def flip(self, mask_id: int, frame: int, flipped: Bits, painted: bool) -> None:
        """Turn pixels on a frame, which then counts as painted or not."""
        bitmap = self.bitmap(mask_id, frame)
        if bitmap is None:
            bitmap = self._blank()
        flipped.flip(bitmap)
        of_mask, frames = self._bits[mask_id], self._painted[mask_id]
        if painted and frame not in of_mask:
            insort(frames, frame)
        if painted:
            of_mask[frame] = Bits.of(bitmap)
        elif of_mask.pop(frame, None) is not None:
            frames.remove(frame)

    def _blank(self) -> NDArray[np.bool_]:
        return np.zeros((self.size[1], self.size[0]), dtype=bool)

    def _unpacked(self, bits: Bits) -> NDArray[np.bool_]:
        bitmap = self._blank()
        bits.flip(bitmap)
        return bitmap
