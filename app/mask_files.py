"""Masks as PNG files: which, from where, and the reading and writing in the background."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtWidgets import QFileDialog

from app.document.masks import Bits
from app.document.project import Document
from app.open_document import OnOpenDocument
from app.workers.jobs import Job, run_job
from tracker.files import InputError
from tracker.labels.masks import numbered_masks, read_mask, write_masks

if TYPE_CHECKING:
    from app.window import MainWindow

T = TypeVar("T")
Size = tuple[int, int]


class PackedMasks(Mapping[int, NDArray[np.bool_]]):
    """Bitmaps by frame, kept small: only the one that is asked for is unpacked."""

    def __init__(self, bits: Mapping[int, Bits], size: Size) -> None:
        self._bits = dict(bits)
        self._size = size

    def __getitem__(self, frame: int) -> NDArray[np.bool_]:
        bitmap = np.zeros((self._size[1], self._size[0]), dtype=bool)
        self._bits[frame].flip(bitmap)
        return bitmap

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._bits))

    def __len__(self) -> int:
        return len(self._bits)


class MaskFiles(OnOpenDocument):
    """What the window's menus offer for masks and files. One job at a time."""

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self._job: Job | None = None

    def has_mask(self) -> bool:
        """Whether a mask is chosen on which something is painted."""
        document, mask_id = self._window.document, self._view.mask
        return (
            document is not None
            and mask_id is not None
            and mask_id in document.masks
            and bool(document.masks.frames(mask_id))
        )

    # -- asking

    def ask_import(self) -> None:
        """Ask for a picture, and paint it on the frame shown."""
        name, _ = QFileDialog.getOpenFileName(
            self._window,
            self.tr("Import a mask to this frame"),
            self._window.settings.last_folder,
            self.tr("Pictures (*.png);;All files (*)"),
        )
        if name:
            self._window.settings.last_folder = str(Path(name).parent)
            self.import_file(Path(name))

    def ask_import_folder(self) -> None:
        """Ask for a folder of numbered pictures, and make masks of them."""
        name = QFileDialog.getExistingDirectory(
            self._window, self.tr("Import a folder of numbered masks"), self._window.settings.last_folder
        )
        if name:
            self._window.settings.last_folder = name
            self.import_folder(Path(name))

    def ask_export(self) -> None:
        """Ask for a folder, and write the chosen mask into it."""
        name = QFileDialog.getExistingDirectory(
            self._window, self.tr("Export the mask to a folder"), self._window.settings.last_folder
        )
        if name:
            self._window.settings.last_folder = name
            self.export(Path(name))

    # -- doing

    def import_file(self, path: Path) -> None:
        """Make a picture the chosen mask's bitmap on the frame shown; without a mask, that of a new one."""
        document, view, frame = self._document, self._view, self._view.playhead
        size = document.masks.size

        def read(_job: Job) -> NDArray[np.bool_]:
            return read_mask(path, size)

        def paint(bitmap: NDArray[np.bool_]) -> None:
            label = self.tr("Import mask")
            if view.mask is None or view.mask not in document.masks:
                view.mask = document.add_mask(path.stem, painted={frame: Bits.of(bitmap)}, label=label)
            else:
                document.paint_mask(view.mask, frame, bitmap, label=label)
            number = document.number_of(frame)
            self._window.show_message(self.tr("{0} is the mask on frame {1} now.").format(path.name, number))

        self._start(read, self.tr("Importing"), document, paint)

    def import_folder(self, folder: Path) -> None:
        """Make a new mask of the numbered pictures of each name in a folder; nothing where one of them is bad.

        The pictures are packed in the background, and come into the document as they are: one step for each mask.
        """
        document, view = self._document, self._view
        size, n_frames = document.masks.size, document.table.n_frames

        def read(job: Job) -> dict[str, dict[int, Bits]]:
            return read_folder(folder, size, n_frames, job)

        def paint(found: dict[str, dict[int, Bits]]) -> None:
            for name, bits in found.items():
                view.mask = document.add_mask(name, painted=bits, label=self.tr("Import mask"))
            count = sum(len(bits) for bits in found.values())
            self._window.show_message(
                self.tr("{0} pictures imported as {1} masks.").format(count, len(found))
                if len(found) > 1
                else self.tr("{} pictures imported as a mask.").format(count)
            )

        self._start(read, self.tr("Importing"), document, paint)

    def export(self, folder: Path) -> None:
        """Write the chosen mask, one picture for each frame that was painted."""
        document, mask_id = self._document, self._view.mask
        if mask_id is None or mask_id not in document.masks or not document.masks.frames(mask_id):
            self._window.show_message(self.tr("Choose a mask on which something is painted."))
            return
        masks, name = document.masks, document.masks.info(mask_id).name
        bitmaps = PackedMasks(masks.bits(mask_id), masks.size)

        def write(job: Job) -> list[Path]:
            return write_masks(folder, name, bitmaps.items(), lambda done: job.report(done, len(bitmaps)))

        def told(paths: list[Path]) -> None:
            self._window.show_message(
                self.tr("{0} pictures of {1} written to {2}.").format(len(paths), name, folder.name)
            )

        self._start(write, self.tr("Exporting"), document, told)

    def close(self) -> None:
        """Drop the job that goes on."""
        if self._job is not None:
            self._job.stop()
            self._job = None

    def _start(self, work: Callable[[Job], T], name: str, document: Document, then: Callable[[T], object]) -> None:
        """Run in the background; what comes of it counts only while the same document is open."""
        self.close()
        self._window.show_message(self.tr("{} …").format(name))

        def on_result(value: T) -> None:
            self._job = None
            if self._window.document is not document:
                return
            try:
                then(value)
            except InputError as error:
                self._window.files.show_error(str(error))

        def on_error(message: str) -> None:
            self._job = None
            self._window.statusBar().clearMessage()
            self._window.files.show_error(message)

        self._job = run_job(work, name, self, on_result=on_result, on_error=on_error)


def read_folder(folder: Path, size: Size, n_frames: int, job: Job) -> dict[str, dict[int, Bits]]:
    """The masks of a folder by name and frame. Raises InputError, see `numbered_masks` and `read_mask`."""
    found = numbered_masks(folder, n_frames)
    total, done = sum(len(paths) for paths in found.values()), 0
    masks = {}
    for name, paths in found.items():
        bits = {}
        for frame, path in paths.items():
            bits[frame] = Bits.of(read_mask(path, size))
            done += 1
            job.report(done, total)
        masks[name or folder.name] = bits
    return masks
