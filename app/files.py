"""Opening and saving: dialogs, recent files, recovery of what was never saved, checkpoints."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QFileDialog, QMessageBox

from app.curation.curated import place_in_set
from app.document.project import Document
from app.document.recovery import discard_unsaved, unsaved_projects
from app.document.video_ref import VideoRef
from app.export_dialog import ExportDialog
from app.import_dialog import ImportDialog
from app.render_dialog import RenderDialog
from app.workers.jobs import Job, run_job
from resources import resource
from tracker.files import InputError
from tracker.labels import formats, read_points_csv
from tracker.labels.label_set import DESCRIPTION
from tracker.video import FrameSource, ViewTransform, content_hash, open_source
from tracker.video.names import PICTURE_SUFFIXES, VIDEO_SUFFIXES

if TYPE_CHECKING:
    from app.window import MainWindow

T = TypeVar("T")

YES = QMessageBox.StandardButton.Yes
PROJECT_SUFFIX = ".trackwright"
VIDEO_PATTERNS, PICTURE_PATTERNS = (
    " ".join(f"*{suffix}" for suffix in sorted(suffixes)) for suffixes in (VIDEO_SUFFIXES, PICTURE_SUFFIXES)
)


@dataclass(frozen=True)
class Opened:
    """A video that was opened and indexed in the background."""

    source: FrameSource
    video: VideoRef


def open_video(path: Path, view: ViewTransform | None = None) -> Opened:
    """Index a video, and compute what it is recognised by; `view` as for `open_source`. Raises InputError."""
    source = open_source(path, "bgra", view=view)
    return Opened(source, VideoRef.of(source, content_hash(source)))


def is_label_set(path: Path) -> bool:
    """Whether a path is the folder of a label set, or the file that makes it one."""
    return (path / DESCRIPTION).is_file() or (path.name == DESCRIPTION and path.is_file())


class Files(QObject):
    """Everything about files that the window's menus offer."""

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self._window = window
        self._job: Job | None = None
        self._abandon: Callable[[], object] = lambda: None  # what is to be let go of with the job
        self.places: list[Path] = []  # folders in which videos were found that had moved

    # -- opening

    def ask_open(self) -> None:
        """Ask for a video or a project, and open it."""
        patterns = f"*{PROJECT_SUFFIX} {VIDEO_PATTERNS} {PICTURE_PATTERNS}"
        filters = ";;".join(
            [
                self.tr("Videos, pictures and projects ({})").format(patterns),
                self.tr("Projects (*{})").format(PROJECT_SUFFIX),
                self.tr("All files (*)"),
            ]
        )
        name, _ = QFileDialog.getOpenFileName(self._window, self.tr("Open"), self._window.settings.last_folder, filters)
        if name:
            self.open_path(Path(name))

    def ask_open_folder(self) -> None:
        """Ask for a folder of numbered pictures, and open it."""
        name = QFileDialog.getExistingDirectory(
            self._window, self.tr("Open a folder of frames"), self._window.settings.last_folder
        )
        if name:
            self.open_path(Path(name))

    def ask_open_label_set(self) -> None:
        """Ask for the folder of a label set, and open it."""
        name = QFileDialog.getExistingDirectory(
            self._window, self.tr("Open a label set"), self._window.settings.last_folder
        )
        if name:
            self._window.settings.last_folder = str(Path(name).parent)
            self._window.curating.open_set(Path(name))

    def open_demo(self) -> None:
        """The clip that ships with Trackwright, with points on it, being tracked."""
        self._open_video(resource("demo.mp4"), self._start_demo, remember=False)

    def open_path(self, path: Path) -> None:
        """Open a project, a video, a folder of frames or a label set; a message where that cannot be done."""
        self._window.settings.last_folder = str(path.parent)
        if is_label_set(path):
            self._window.curating.open_set(path.parent if path.name == DESCRIPTION else path)
        elif path.suffix.lower() == PROJECT_SUFFIX:
            self.open_project(path)
        else:
            self._open_video(path)

    def _open_video(self, path: Path, then: Callable[[], object] | None = None, *, remember: bool = True) -> None:
        def opened(found: Opened) -> None:
            try:
                document = Document.new(found.video)
            except InputError as error:
                found.source.close()
                self.show_error(str(error))
                return
            if remember:
                self._window.settings.add_recent_file(path)
            self._window.set_document(document, found.source)
            if then is not None:
                then()

        self.in_background(path.name, lambda _job: open_video(path), opened)

    def open_project(
        self, path: Path, then: Callable[[], object] | None = None, failed: Callable[[str], object] | None = None
    ) -> None:
        """Open a project.

        Args:
            then: called when it is open.
            failed: called with a sentence where it cannot be opened, instead of showing it and asking for the video.
        """
        fail = failed if failed is not None else self.show_error
        try:
            document = Document.open(path)
        except InputError as error:
            fail(str(error))
            return
        self._find_again(document)
        video = document.video
        if video is None or video.missing:
            if failed is None:
                self._relink(document, path)
                return
            document.close()
            failed(self.tr("{} is missing.").format(video.path if video is not None else path))
            return

        def opened(found: Opened) -> None:
            if differences := video.differences(found.video):
                found.source.close()
                fail(
                    self.tr("{} is not the video of this project: it has {}.").format(
                        found.video.path, ", ".join(differences)
                    )
                )
                if failed is None:
                    self._relink(document, path)
                else:
                    document.close()
                return
            if document.path is not None and place_in_set(document.path) is None:
                self._window.settings.add_recent_file(document.path)
            self._window.set_document(document, found.source)
            if then is not None:
                then()

        def not_opened(message: str) -> None:
            document.close()
            fail(message)

        def work(_job: Job) -> Opened:
            return open_video(Path(video.path), video.view)

        self.in_background(path.stem, work, opened, not_opened, document.close)

    def _find_again(self, document: Document) -> None:
        """A video that is not where it was may lie where others were found."""
        video = document.video
        if video is not None and video.missing:
            found = next((p for place in self.places if (p := place / Path(video.path).name).exists()), None)
            if found is not None:
                document.relink(found)

    def _relink(self, document: Document, path: Path) -> None:
        """The video of a project is not where it was: ask where it is now."""
        lost = document.video.path if document.video is not None else self.tr("the video")
        name, _ = QFileDialog.getOpenFileName(
            self._window, self.tr("Where is {}?").format(lost), str(path.parent), self.tr("All files (*)")
        )
        if not name:
            document.close()
            return

        def opened(found: Opened) -> None:
            known = document.video
            if known is not None and (differences := known.differences(found.video)):
                found.source.close()
                document.close()
                self.show_error(
                    self.tr("{} is another video: it has {}.").format(found.video.path, ", ".join(differences))
                )
                return
            document.relink(found.video.path)
            self.places.append(Path(name).parent)
            self._window.set_document(document, found.source)

        def not_opened(message: str) -> None:
            document.close()
            self.show_error(message)

        view = document.video.view if document.video is not None else None
        self.in_background(path.stem, lambda _job: open_video(Path(name), view), opened, not_opened, document.close)

    def in_background(
        self,
        name: str,
        work: Callable[[Job], T],
        opened: Callable[[T], object],
        failed: Callable[[str], object] | None = None,
        abandon: Callable[[], object] = lambda: None,
    ) -> None:
        """Indexing a long video takes seconds: the window stays alive meanwhile, and the newest wish wins.

        Args:
            name: of what is opened.
            failed: called with a sentence, instead of showing it.
            abandon: called where a newer wish comes meanwhile.
        """
        self.close()
        self._abandon = abandon
        self._window.show_message(self.tr("Opening {}…").format(name))

        def on_error(message: str) -> None:
            self._job = None
            self._window.statusBar().clearMessage()
            (failed or self.show_error)(message)

        def on_result(found: T) -> None:
            self._job = None
            self._window.statusBar().clearMessage()
            opened(found)

        self._job = run_job(work, self.tr("Opening"), self, on_result=on_result, on_error=on_error)

    def _start_demo(self) -> None:
        document = self._window.document
        if document is None:
            return
        video = document.video
        assert video is not None
        points = read_points_csv(resource("demo_points.csv"), video.frame_count, video.width, video.height)
        document.add_tracks(points.queries, names=points.names)
        self._window.navigation.go_to(int(points.queries[0, 0]))
        self._window.run("both")

    def close(self) -> None:
        """Drop the opening that goes on."""
        if self._job is not None:
            self._job.stop()
            self._job = None
            self._abandon()

    # -- saving

    def save(self) -> None:
        """Every edit is in the file already; an untitled project gets a name."""
        document = self._window.document
        if document is None or document.path is None:
            self.save_as()
        else:
            self._window.show_message(self.tr("All changes are saved in {}.").format(document.path.name))

    def save_as(self) -> bool:
        """Ask for a name and save there. False where the person thought better of it, or it failed."""
        document = self._window.document
        if document is None or document.video is None:
            return False
        start = document.path or Path(document.video.path).with_suffix(PROJECT_SUFFIX)
        name, _ = QFileDialog.getSaveFileName(
            self._window, self.tr("Save project"), str(start), self.tr("Projects (*{})").format(PROJECT_SUFFIX)
        )
        if not name:
            return False
        path = Path(name) if name.endswith(PROJECT_SUFFIX) else Path(name + PROJECT_SUFFIX)
        try:
            document.save_as(path)
        except InputError as error:
            self.show_error(str(error))
            return False
        self._window.settings.add_recent_file(path)
        self._window.refresh()
        self._window.show_message(self.tr("Saved as {}.").format(path.name))
        return True

    def ask_export(self) -> None:
        """Ask for a format, and write the tracks."""
        if self._window.document is not None:
            dialog = ExportDialog(self._window, self._window.document)
            dialog.exec()
            dialog.deleteLater()

    def ask_render(self) -> None:
        """Ask what pictures to make of the tracks, and write them."""
        if self._window.document is not None:
            dialog = RenderDialog(self._window, self._window.document)
            dialog.exec()
            dialog.deleteLater()

    def take_dropped(self, path: Path) -> None:
        """A file that was dropped: tracks for the open video where other programs call tracks so, else to be opened."""
        tracks = {s for entry in formats() if entry.readable for s in (entry.suffix, *entry.suffixes) if s}
        if self._window.document is not None and not is_label_set(path) and path.suffix.lower() in tracks:
            QTimer.singleShot(0, self, lambda: self.ask_import(path))  # the program it comes from waits for the drop
        else:
            self.open_path(path)

    def ask_import(self, path: Path | None = None) -> None:
        """Ask for a file of another program, and take its tracks in."""
        if self._window.document is not None:
            dialog = ImportDialog(self._window, self._window.document, path)
            dialog.exec()
            dialog.deleteLater()

    def may_close(self) -> bool:
        """Whether the window may go: untitled work is saved, or kept for the next start, or thrown away by choice."""
        document = self._window.document
        if document is None or document.path is not None or not document.can_undo:
            return True
        box = QMessageBox(QMessageBox.Icon.Question, "Trackwright", self.tr("Save this project?"), parent=self._window)
        box.setInformativeText(self.tr("Not saved under a name, it is kept and offered at the next start."))
        save = box.addButton(self.tr("Save as…"), QMessageBox.ButtonRole.AcceptRole)
        keep = box.addButton(self.tr("Keep for later"), QMessageBox.ButtonRole.DestructiveRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(save)
        box.exec()
        if box.clickedButton() is save:
            return self.save_as()
        return box.clickedButton() is keep

    def unsaved(self) -> list[tuple[Path, str]]:
        """Projects that were never saved, left by an earlier start; (path, what they are)."""
        text = self.tr("{}   —   {} steps, {}")
        return [
            (
                found.path,
                text.format(Path(found.video).name, found.steps, f"{found.modified.astimezone():%d %B, %H:%M}"),
            )
            for found in unsaved_projects()
        ]

    def ask_discard(self, path: Path) -> None:
        """Throw away a project that was never saved, once the person has confirmed it."""
        found = next((project for project in unsaved_projects() if project.path == path), None)
        question = self.tr("Throw away this unsaved work for good?")
        if found is None or QMessageBox.question(self._window, "Trackwright", question) != YES:
            return
        try:
            discard_unsaved(found)
        except InputError as error:
            self.show_error(str(error))
        self._window.show_start_page()

    # -- trackers

    def ask_checkpoint(self) -> None:
        """Ask for a checkpoint file; it is looked at when the next run starts."""
        name, _ = QFileDialog.getOpenFileName(
            self._window,
            self.tr("Choose the weights of a network"),
            self._window.settings.last_folder,
            self.tr("Checkpoints (*.pth *.pt *.ckpt *.safetensors);;All files (*)"),
        )
        if name:
            self._window.trackers.use(name)

    def show_error(self, message: str) -> None:
        """One sentence that the person must see."""
        box = QMessageBox(QMessageBox.Icon.Warning, "Trackwright", message, parent=self._window)
        box.open()
