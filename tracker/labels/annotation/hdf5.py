"""HDF5 files of other people, read without trusting them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tracker.files import InputError

LARGEST = 1 << 32  # bytes of one array


@contextmanager
def open_hdf5(path: Path, what: str) -> Iterator[Any]:
    """The file, an `h5py.File`, for as long as the block runs.

    Args:
        what: the file should be, for the message where it is not: "a SLEAP file".

    Raises:
        InputError: it cannot be opened, is no HDF5 file or damaged, or the block misses something in it.
    """
    import h5py

    try:
        size = path.stat().st_size
        if not h5py.is_hdf5(path):
            raise InputError(f"{path}: this is not {what}, or only a part of one ({size} bytes)")
        with h5py.File(path, "r") as file:
            yield file
    except InputError:
        raise
    except (OSError, KeyError, ValueError, TypeError, IndexError, RuntimeError, AttributeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "damaged, or something else"
        reason = "this is a folder" if path.is_dir() else reason
        raise InputError(f"{path}: this cannot be read as {what}: {reason}") from error


def array_of(path: Path, group: Any, name: str) -> np.ndarray[Any, Any]:
    """The whole array called `name`.

    Raises:
        InputError: there is none, or it is too large.
    """
    found = group.get(name)
    if found is None or not hasattr(found, "dtype"):
        raise InputError(f"{path}: there is no array {name!r} in this file")
    if found.size * found.dtype.itemsize > LARGEST:
        raise InputError(f"{path}: the array {name!r} is over {LARGEST >> 30} GiB")
    return np.asarray(found[()])


def texts_of(path: Path, group: Any, name: str) -> list[str]:
    """The array called `name`, of texts. Raises InputError where it is none."""
    values = array_of(path, group, name).reshape(-1).tolist()
    return [plain(value) for value in values]


def plain(value: Any) -> str:
    """A text of an HDF5 file, which gives bytes or str."""
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def json_of(path: Path, text: Any, what: str) -> Any:
    """What a text holds as JSON. Raises InputError that names `what` it should have been."""
    try:
        return json.loads(plain(text))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: {what} is not readable ({error})") from error
