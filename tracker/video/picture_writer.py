"""Writing numbered PNG pictures."""

import os
import re
import shutil
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError, describe_os_error

_PLACE = re.compile(r"#+|%0(\d+)d|%d")


def numbered_name(pattern: str, number: int) -> str:
    """The file name of a frame: `shot.####.png` or `shot.%04d.png` with 7 is `shot.0007.png`."""
    match = list(_PLACE.finditer(pattern))[-1]
    width = int(match[1]) if match[1] else match[0].count("#")
    digits = f"{'-' if number < 0 else ''}{abs(number):0{width or 1}d}"
    return f"{pattern[: match.start()]}{digits}{pattern[match.end() :]}"


def picture_pattern(out: Path, stem: str) -> Path:
    """The pattern that an output stands for: itself, or `stem.####.png` in the folder that it is or will be.

    Raises:
        InputError: the name of one picture.
    """
    if _PLACE.search(out.name) and not out.is_dir():
        return out if out.suffix.lower() == ".png" else out.with_name(f"{out.name}.png")
    if out.suffix.lower() == ".png" and not out.is_dir():
        raise InputError(f"{out}: pictures need a number, write {out.stem}.####.png or name a folder")
    return out / f"{_PLACE.sub('_', stem)}.####.png"


class PictureWriter:
    """Writes RGB or RGBA frames as numbered PNG pictures. A context manager.

    The pictures come into their folder when the block ends well, those of the same names are replaced then; a block
    that fails leaves the folder as it was. The folder is made where only it is missing. Alpha is straight.
    """

    def __init__(self, pattern: Path, first_number: int, width: int, height: int, *, alpha: bool = False) -> None:
        """
        Args:
            pattern: a path such as `shot.####.png`.
            first_number: of the first frame written.
            width, height: of the frames that `write` gets.
            alpha: frames are RGBA.
        """
        self._pattern, self._number = pattern, first_number
        self._shape = (height, width, 4 if alpha else 3)
        self._folder = pattern.parent
        self._work = self._folder / f".{uuid.uuid4().hex[:8]}"
        self._made = False
        self._names: list[str] = []

    def __enter__(self) -> Self:
        """
        Raises:
            InputError: the folder cannot be made or written.
        """
        try:
            if not self._folder.exists():
                self._folder.mkdir()
                self._made = True
            self._work.mkdir()
        except OSError as error:
            self._clear()
            raise describe_os_error(self._folder, error) from error
        return self

    def write(self, picture: NDArray[np.uint8]) -> None:
        """Appends a frame (height, width, 3) uint8 RGB, or (height, width, 4) RGBA where there is alpha.

        Raises:
            InputError: the disk is full.
            ValueError: another shape or type.
        """
        if picture.shape != self._shape or picture.dtype != np.uint8:
            raise ValueError(f"a frame is {self._shape} uint8, not {picture.shape} {picture.dtype}")
        name = numbered_name(self._pattern.name, self._number)
        turn = cv2.COLOR_RGBA2BGRA if self._shape[2] == 4 else cv2.COLOR_RGB2BGR
        _, data = cv2.imencode(".png", cv2.cvtColor(picture, turn), [cv2.IMWRITE_PNG_COMPRESSION, 4])
        try:
            (self._work / name).write_bytes(data.tobytes())
        except OSError as error:
            raise describe_os_error(self._folder / name, error) from error
        self._names.append(name)
        self._number += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None and not self._names:
                raise InputError(f"{self._pattern}: a sequence needs at least one frame")
            for name in self._names if error is None else ():
                os.replace(self._work / name, self._folder / name)
            self._made = self._made and error is not None
        except OSError as fault:
            raise describe_os_error(self._pattern, fault) from fault
        finally:
            self._clear()

    def _clear(self) -> None:
        shutil.rmtree(self._work, ignore_errors=True)
        if self._made:
            shutil.rmtree(self._folder, ignore_errors=True)
