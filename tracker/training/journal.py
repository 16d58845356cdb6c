"""TensorBoard event files."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter as _Writer


class Journal:
    """Writes curves where the package `tensorboard` is installed, and nothing where it is not.

    Attributes:
        note: what a person should know; empty where all is well.
    """

    def __init__(self, folder: Path | None) -> None:
        self.note = ""
        self._writer: _Writer | None = None
        if folder is None:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self.note = "no TensorBoard files are written: the package tensorboard is missing (extra: training)"
            return
        self._writer = SummaryWriter(str(folder))

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """A point on each of the curves."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)
            self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
