"""Files that a command reads and writes: checks made before the work starts, so that an hour of it is not in vain."""

import os
import tempfile
from pathlib import Path

from tracker.files import InputError, describe_os_error


def check_output(path: Path, *inputs: Path | None) -> None:
    """Raise InputError where `path` cannot become a file: it is an input, a folder, a device, or its folder is bad."""
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: this is {'a folder' if path.is_dir() else 'no regular file'}, it cannot be replaced")
    for given in inputs:
        if given is not None and path.exists() and given.exists() and path.samefile(given):
            raise InputError(f"{path}: this is an input, the output would replace it")
    check_folder(path)


def check_folder(path: Path) -> None:
    """Raise InputError where nothing can be written beside `path`."""
    try:
        handle, probe = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        os.unlink(probe)
    except OSError as error:
        raise describe_os_error(path, error) from error
