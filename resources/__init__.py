"""Files that ship with Trackwright: the demo clip and its points."""

from importlib.resources import as_file, files
from pathlib import Path


def resource(name: str) -> Path:
    """The path of a shipped file. Trackwright is always installed unpacked, so the path stays valid."""
    with as_file(files(__name__) / name) as path:
        return path
