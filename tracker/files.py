"""What every floor needs of files: one kind of error for bad input, and outputs that are whole or not there."""

import errno
import os
import shutil
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

# Held while numpy reads arrays. It reads the heads of its files as Python literals, and Python 3.11 counts the depth of
# all the syntax trees that are being made in one place: two threads at once end in a SystemError now and then.
READING_ARRAYS = threading.Lock()


class InputError(ValueError):
    """Something a person gave cannot be used. The message is one sentence that names the file and the reason."""


def describe_os_error(path: Path, error: OSError) -> InputError:
    """The sentence for an operating system error met while reading or writing `path`."""
    reasons = {
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the disk quota is used up",
        errno.EACCES: "no permission to write here",
        errno.EPERM: "no permission to write here",
        errno.EROFS: "the file system is read-only",
        errno.ENOENT: "the folder does not exist",
        errno.ENOTDIR: "the folder does not exist",
        errno.EISDIR: "this is a folder",
    }
    reason = reasons.get(error.errno or 0, error.strerror or str(error))
    return InputError(f"{path}: {reason}")


def user_data_folder() -> Path:
    """Where what a person keeps here lies; the environment variable TRACKWRIGHT_DATA_HOME puts it elsewhere."""
    home = os.environ.get("TRACKWRIGHT_DATA_HOME")
    return Path(home or platformdirs.user_data_dir("trackwright", appauthor=False))


@contextmanager
def atomic_output(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a temporary path beside `path` with the same suffix, and renames it to `path` when the block succeeds.

    A block that fails leaves whatever was at `path` as it was and no temporary file behind. The temporary path does not
    exist yet and may be made a file or a folder.

    Raises:
        InputError: the folder is missing, not writable, or the disk is full.
    """
    target = Path(path)
    # The name is chosen before the folder is made, so that an interruption at any moment finds it and takes it away.
    folder = target.parent / f".{target.name}.{uuid.uuid4().hex[:8]}"
    part = folder / target.name
    try:
        try:
            folder.mkdir()
            yield part
            if part.is_file():
                with part.open("rb+") as handle:
                    os.fsync(handle.fileno())
            if target.is_dir() and part.is_dir():
                shutil.move(target, folder / "replaced")
            os.replace(part, target)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise describe_os_error(target, error) from error
