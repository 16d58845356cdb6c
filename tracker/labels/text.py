"""Reading and writing the text formats: any line ends, any locale, every fault named with its line."""

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError, atomic_output

LAST_FRAME = 10**9  # more than a year at 24 frames a second
LARGEST = 1 << 30  # bytes of a text file; a thousand tracks of ten thousand frames take less


def read_text(path: Path) -> str:
    """A whole text file, UTF-8 with or without a mark, else Windows' Western code page; every line end becomes \\n.

    Raises:
        InputError: it cannot be read, is over 1 GiB, empty, or no text.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise InputError(f"{path}: the file is over {LARGEST >> 30} GiB")
        data = path.read_bytes()
    except OSError as error:
        reason = "this is a folder" if path.is_dir() else error.strerror or "cannot be read"
        raise InputError(f"{path}: {reason}") from error
    if not data.strip():
        raise InputError(f"{path}: the file is empty")
    if b"\0" in data:
        raise InputError(f"{path}: this is not a text file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def bad_line(path: Path, line: int, reason: str) -> InputError:
    """The error for something wrong on a line, counted from 1."""
    return InputError(f"{path}: line {line}: {reason}")


def to_float(text: str, path: Path, line: int) -> float:
    """A finite decimal number.

    Raises:
        InputError: it is none; a decimal comma is named as such.
    """
    try:
        value = float(text)
    except ValueError as error:
        if re.fullmatch(r"-?\d+,\d+", text):
            raise bad_line(path, line, f"{text} has a decimal comma; numbers need a point") from error
        raise bad_line(path, line, f"expected a number, not {text[:40]!r}") from error
    if not math.isfinite(value):
        raise bad_line(path, line, f"{text} is not a finite number")
    return value


def to_frame(text: str, path: Path, line: int) -> int:
    """A frame's number; 12 and 12.00 are the same, 12.5 is none.

    Raises:
        InputError: it is no whole number.
    """
    value = to_float(text, path, line)
    if abs(value) > LAST_FRAME:
        raise bad_line(path, line, f"{text[:40]} cannot be the number of a frame")
    if value != round(value):
        raise bad_line(path, line, f"{text} is between two frames")
    return round(value)


def write_text(path: Path, pieces: Iterable[str], newline: str = "\n") -> None:
    """Write pieces of text as UTF-8; the file appears when all are written. \\n becomes `newline`.

    Raises:
        InputError: the path cannot be written.
    """
    with atomic_output(path) as part, part.open("w", encoding="utf-8", newline=newline) as handle:
        handle.writelines(pieces)


def rows(template: str, *columns: NDArray[Any] | Sequence[Any]) -> str:
    """One line per entry: `template`, with its line end, filled with the columns by %; the fast way to many rows."""
    lists = [column.tolist() if isinstance(column, np.ndarray) else column for column in columns]
    return "".join(map(template.__mod__, zip(*lists, strict=True)))


def plain_names(names: Sequence[str], allowed: str = "A-Za-z0-9_") -> list[str]:
    """Names that every program takes: letters, digits and _ (or the characters of the class `allowed`), none starting
    with a digit, no two alike. Accents are taken off; what is left over becomes _ (nothing where that is not allowed).
    """
    filler = "_" if "_" in allowed else ""
    taken: set[str] = set()
    made = []
    for name in names:
        ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
        plain = re.sub(f"[^{allowed}]+", filler, ascii_only).strip("_ ") or "track"
        if plain[0].isdigit():
            plain = f"track{filler}{plain}"
        candidate, number = plain, 2
        while candidate.lower() in taken:
            candidate, number = f"{plain}{filler}{number}", number + 1
        taken.add(candidate.lower())
        made.append(candidate)
    return made
