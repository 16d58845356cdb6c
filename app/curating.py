"""Working through a label set in the window: opening its videos one after the other, deciding, and keeping it all."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox

from app.curated_writer import CuratedWriter
from app.curation.curated import capture, is_touched, place_in_set
from app.curation.opening import OpenedSet, Prepared, candidates, open_set, prepare
from app.curation.ranking import Standing, rank_all
from app.curation.workspace import Workspace, title_of
from app.document.project import Document
from app.merge_dialog import MergeDialog
from app.open_document import OnOpenDocument
from app.workers.jobs import Job, run_job
from app.workers.protocol import Progress
from app.workers.thumbnails import Thumbnails
from tracker.files import InputError
from tracker.labels.label_file import read_origin
from tracker.labels.label_set import LabelSet, Verdict
from tracker.labels.native import TrackFile

if TYPE_CHECKING:
    from app.window import MainWindow

Then = Callable[[], object] | None
Failed = Callable[[str], object] | None


class Curating(OnOpenDocument):
    """The open label set, and what its actions do.

    What a person does to a video is in its project at once. Into the set it is written when they leave the video,
    decide on it or close the window, and where none of that came to pass, when the set is opened again.

    Attributes:
        workspace: None while no label set is open.
    """

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self.workspace: Workspace | None = None
        self._refusal = ""
        self._jobs: dict[str, Job] = {}  # by what they do
        self._kept = -1  # revision of the open video's tracks that the set has
        self._left: list[tuple[LabelSet, str, TrackFile]] = []  # to be written when their project is closed
        self._writer = CuratedWriter(self)
        self._writer.written.connect(self._written)
        self._writer.failed.connect(window.files.show_error)
        self._thumbnails = Thumbnails(self)
        self._thumbnails.ready.connect(window.label_set_panel.set_picture)
        window.label_set_panel.open_requested.connect(self.open_video)
        window.start_page.begin_requested.connect(self.begin)

    # -- conditions

    def is_open(self) -> bool:
        """Whether a label set is open."""
        return self.workspace is not None

    def has_video(self) -> bool:
        """Whether a video of the set is open."""
        return self.current is not None

    @property
    def current(self) -> str | None:
        """The video of the set that is open; None where another one is, or its project was saved elsewhere."""
        document, workspace = self._window.document, self.workspace
        if document is None or workspace is None or workspace.current is None:
            return None
        mine = document.path == workspace.label_set.project_path(workspace.current)
        return workspace.current if mine else None

    def may_curate(self) -> bool:
        """Whether a set is open that can be written."""
        return self.workspace is not None and not self._refusal

    def is_decided(self) -> bool:
        """Whether the open video was accepted or rejected."""
        current = self.current
        return self.workspace is not None and current is not None and self.workspace.verdict(current) != "open"

    # -- the set

    def focus_list(self) -> None:
        """The keys belong to the list of videos."""
        self._window.docks.raise_("labels")
        self._window.label_set_panel.list_view.setFocus()

    def ask_merge(self) -> None:
        """Ask for other people's copies of the label set, and join them."""
        copies = [self.workspace.label_set.folder] if self.workspace is not None else []
        MergeDialog(self._window, copies).show()

    def open_set(self, folder: Path, then: Then = None) -> None:
        """Open the label set in a folder; a message where that cannot be done."""
        self._run(
            "open",
            self.tr("Opening the label set"),
            lambda _job: open_set(folder.absolute()),
            lambda opened: self._take_set(opened, then),
        )

    def close_set(self) -> None:
        """Close the label set; its open video stays open."""
        self.flush()
        self._stop()
        self.workspace, self._refusal = None, ""
        self._window.checking.set_workspace(None)
        self._window.label_set_panel.set_workspace(None)
        self._window.docks.show_labels(False)
        self._tell_start_page()
        self._window.refresh()

    def _take_set(self, opened: OpenedSet, then: Then) -> None:
        if self.workspace is not None:
            self.close_set()
        window, folder = self._window, opened.label_set.folder
        self.workspace, self._refusal = Workspace(opened.label_set, opened.names, opened.verdicts), opened.refusal
        window.settings.add_recent_file(folder)
        window.label_set_panel.set_workspace(self.workspace)
        if opened.refusal:
            window.label_set_panel.set_note(self.tr("Nothing can be decided here. {}").format(opened.refusal))
        window.docks.show_labels(True)
        document = window.document
        if document is not None:
            self._begin(document)
        else:
            window.label_set_panel.list_view.setFocus()  # Enter opens the first video
        self._tell_start_page()
        self.rank_again()
        window.checking.set_workspace(self.workspace)
        window.refresh()
        if then is not None:
            then()

    def rank_again(self) -> None:
        """Look at all videos anew, which may take a while; then make their small pictures."""
        workspace = self.workspace
        if workspace is None:
            return
        label_set, panel = workspace.label_set, self._window.label_set_panel

        def progress(so_far: Progress) -> None:
            panel.set_busy(self.tr("Looking at the labels: {} of {}").format(so_far.done, so_far.total))

        def ranked(result: tuple[list[Standing], dict[str, str]]) -> None:
            panel.set_busy("")
            workspace.show_ranking(*result)
            self._tell_start_page()
            self._thumbnails.start(workspace.names, self._find_video())

        self._run(
            "rank",
            self.tr("Looking at the labels"),
            lambda job: rank_all(label_set, job.report),
            ranked,
            progress,
        )

    def _find_video(self) -> Callable[[str], Path | None]:
        assert self.workspace is not None
        label_set, places = self.workspace.label_set, list(self._window.files.places)

        def find(name: str) -> Path | None:
            found = candidates(read_origin(label_set.labels_path(name)).video, label_set.folder, places)
            return found[0] if found else None

        return find

    def _tell_start_page(self) -> None:
        page, workspace = self._window.start_page, self.workspace
        if workspace is None:
            page.show_label_set("", False)
        elif self._refusal:
            page.show_label_set(self._refused(), False)
        elif not workspace.names:
            page.show_label_set(self.tr("This label set has no labels yet."), False)
        elif workspace.next_open() is None:
            page.show_label_set(self.tr("All videos of this label set are decided."), False)
        else:
            page.show_label_set(self.tr("Enter in the list of the label set opens a video."), True)

    def _refused(self) -> str:
        return self.tr("This label set cannot be curated here. {}").format(self._refusal)

    # -- its videos

    def begin(self) -> None:
        """Open the first video that nobody has decided on."""
        if self.workspace is not None and (name := self.workspace.next_open()) is not None:
            self.open_video(name)

    def step(self, by: int) -> None:
        """To the next listed video, or with -1 to the one before."""
        if self.workspace is None:
            return
        name = self.workspace.step(by)
        if name is None:
            end = self.tr("This is the last video.") if by > 0 else self.tr("This is the first video.")
            self._window.show_message(end)
        else:
            self.open_video(name)

    def open_video(self, name: str, then: Then = None, failed: Failed = None) -> None:
        """Open a video of the set; its project is made of its labels where there is none yet.

        Args:
            then: called when it is open.
            failed: called with a sentence where it cannot be opened, instead of showing it and asking.
        """
        workspace, tell = self.workspace, failed or self._window.files.show_error
        if workspace is None:
            return
        if self._refusal:
            tell(self._refused())
        elif name == self.current:
            if then is not None:
                then()
        elif fault := workspace.row(name).fault:
            tell(fault)
        else:
            self._prepare(workspace, name, None, then, failed)

    def _prepare(self, workspace: Workspace, name: str, chosen: Path | None, then: Then, failed: Failed) -> None:
        files, places = self._window.files, list(self._window.files.places)

        def prepared(found: Prepared) -> None:
            if found.project is not None:
                if chosen is not None:
                    files.places.append(chosen.parent)
                files.open_project(found.project, then or self._go_to_labels, failed)
                return
            text = self._not_found(found)
            if failed is not None:
                failed(text)
            else:
                self._ask_where(text, partial(self._chosen, workspace, name, then))

        files.in_background(
            title_of(name), lambda _job: prepare(workspace.label_set, name, places, chosen), prepared, failed
        )

    def _go_to_labels(self) -> None:
        """To the first frame that has any: the shots before it may have had too little to label."""
        document = self._window.document
        if document is not None and document.table.n_tracks:
            self._window.view.playhead = int(document.table.rows("state").any(axis=1).argmax())

    def _not_found(self, found: Prepared) -> str:
        if found.changed:
            text = self.tr("{} has changed since it was labelled, or is another video: its labels do not fit it.")
            return text.format(found.changed)
        return self.tr("{} is missing.").format(found.missing)

    def _ask_where(self, text: str, choose: Callable[[], object]) -> None:
        box = QMessageBox(QMessageBox.Icon.Warning, "Trackwright", text, parent=self._window)
        find = box.addButton(self.tr("Find the video…"), QMessageBox.ButtonRole.AcceptRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        find.clicked.connect(choose)
        box.open()

    def _chosen(self, workspace: Workspace, name: str, then: Then) -> None:
        folder = self._window.settings.last_folder
        title = self.tr("Where is the video {}?").format(title_of(name))
        path, _ = QFileDialog.getOpenFileName(self._window, title, folder, self.tr("All files (*)"))
        if path and workspace is self.workspace:
            self._prepare(workspace, name, Path(path), then, None)

    def show_span(self, name: str, track: str, start: int, end: int, then: Then = None, failed: Failed = None) -> None:
        """Open a video of the set, and play a span of one of its tracks round and round; "" for no track."""

        def opened() -> None:
            document = self._window.document
            wanted = [one.id for one in document.table.tracks if one.name == track] if document is not None else []
            if track and not wanted and failed is not None:
                failed(self.tr("{} is not there any more.").format(track))
                return
            if wanted:
                self._look_at(wanted[0], start, end)
            if then is not None:
                then()

        self.open_video(name, opened, failed)

    def _look_at(self, track_id: int, start: int, end: int) -> None:
        """Go close to a span; once more when the first picture of a video is there, which is shown whole by itself."""
        document, window = self._window.document, self._window

        def look() -> None:
            if self._window.document is document:
                window.review.look_at(track_id, start, end, start, plays=True)

        look()
        if window.canvas.frame < 0:
            once = Qt.ConnectionType.SingleShotConnection
            window.playback.frame_shown.connect(lambda *_: look(), once)

    # -- decisions

    def decide(self, verdict: Verdict) -> None:
        """Decide on the open video, and go on to the next one that is open."""
        workspace, name, document = self.workspace, self.current, self._window.document
        if workspace is None or name is None or document is None:
            return
        following = workspace.next_open()
        if not self._try(lambda: workspace.decide(name, verdict)):
            return
        self._keep(document)
        self._tell_start_page()
        said = {"accepted": self.tr("Accepted: {}"), "rejected": self.tr("Rejected: {}"), "open": self.tr("Open: {}")}
        text = said[verdict].format(title_of(name))
        if verdict == "open":
            self._writer.write(workspace.label_set, name, None)
        elif following is not None:
            self.open_video(following)
        else:
            text += self.tr(". All videos are decided.")
        self._window.show_message(text)
        self._window.refresh()

    def _try(self, act: Callable[[], object]) -> bool:
        try:
            act()
        except InputError as error:
            self._window.files.show_error(str(error))
            return False
        return True

    # -- the document comes and goes

    def leave(self) -> None:
        """The open document is about to be closed: what was made of it goes into the set after that."""
        workspace, name, document = self.workspace, self.current, self._window.document
        if workspace is not None and name is not None and document is not None:
            tracks = self._captured(document, workspace.label_set, name)
            if tracks is not None:
                self._left.append((workspace.label_set, name, tracks))

    def set_document(self, document: Document | None) -> None:
        """This document is open now; one that belongs to a label set brings it along."""
        for written in self._left:
            self._writer.write(*written)
        self._left.clear()
        self._window.ghosts.forget()
        place = place_in_set(document.path) if document is not None else None
        if self.workspace is not None and (place is None or place[0] == self.workspace.label_set.folder):
            self.workspace.begin(place[1] if place is not None else None)
        if document is None or place is None:
            return
        if self.workspace is None or place[0] != self.workspace.label_set.folder:
            self.open_set(place[0])
        else:
            self._begin(document)

    def _begin(self, document: Document) -> None:
        place, workspace = place_in_set(document.path), self.workspace
        if place is None or workspace is None or place[0] != workspace.label_set.folder:
            return
        workspace.begin(place[1])
        self._kept = -1
        self._keep(document)
        self._window.ghosts.load()

    def _keep(self, document: Document) -> None:
        """Write what was made of the open video into the set, where that is not what it has."""
        workspace, name = self.workspace, self.current
        if workspace is not None and name is not None:
            tracks = self._captured(document, workspace.label_set, name)
            if tracks is not None:
                self._writer.write(workspace.label_set, name, tracks)

    def flush(self) -> None:
        """All that was done is in the set when this returns."""
        if self._window.document is not None:
            self._keep(self._window.document)
        self._writer.finish()

    def _captured(self, document: Document, label_set: LabelSet, name: str) -> TrackFile | None:
        """The open video's tracks, None where the set has them."""
        revision = document.table.revision
        if revision == self._kept or not is_touched(label_set, name, document.history_position):
            return None
        self._kept = revision
        return capture(document)

    def _written(self, label_set: LabelSet, video: Standing) -> None:
        if self.workspace is not None and self.workspace.label_set is label_set:
            self.workspace.update(video)

    # -- background

    def _run(
        self,
        what: str,
        title: str,
        work: Callable[[Job], object],
        done: Callable[..., object],
        progress: Callable[[Progress], object] | None = None,
    ) -> None:
        """Do something in the background; a newer wish of the same kind takes its place."""
        if what in self._jobs:
            self._jobs.pop(what).stop()

        def on_result(value: object) -> None:
            self._jobs.pop(what, None)
            done(value)

        def on_error(message: str) -> None:
            self._jobs.pop(what, None)
            self._window.label_set_panel.set_busy("")
            self._window.files.show_error(message)

        self._jobs[what] = run_job(work, title, self, on_result=on_result, on_error=on_error, on_progress=progress)

    def _stop(self) -> None:
        self._thumbnails.stop()
        for job in self._jobs.values():
            job.stop()
        self._jobs.clear()

    def close(self) -> None:
        """The window closes: all that was done is in the set when this returns."""
        self._stop()
        self._writer.finish()
