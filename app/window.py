"""The main window: a list of parts, and how they are joined."""

import signal
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QLineEdit,
    QMainWindow,
    QMessageBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.actions import ActionRegistry
from app.bridging import Bridging
from app.cache_dialog import CacheDialog, apply_cache_settings
from app.canvas import CanvasView, Legend, TeacherLegend
from app.cheat_sheet import CheatSheet
from app.commands import all_actions
from app.curating import Curating
from app.docks import BOTTOM, LEFT, RIGHT, Docks, Panel
from app.document.changes import Change
from app.document.project import Document
from app.document.view_state import ViewState
from app.editing import Editing
from app.fault_dialog import FaultDialog
from app.files import Files
from app.garbage import GarbageCollector
from app.grouping import Grouping
from app.log import start_logging
from app.mask_files import MaskFiles
from app.menus import Menus
from app.navigation import Navigation
from app.panels import (
    CheckBar,
    CompareBar,
    Curves,
    Filmstrip,
    HistoryPanel,
    LabelSetPanel,
    MaskPanel,
    ReviewPanel,
    RunPanel,
    SolvePanel,
    StatusWidgets,
    Timeline,
    TrackList,
    TrainingPanel,
    Transport,
)
from app.panels.run_panel import MessageKind
from app.plates import Plates
from app.playback import Playback
from app.review import Review
from app.settings import Settings
from app.solving import Solving
from app.spot_checking import SpotChecking
from app.start_page import StartPage
from app.takes import Takes
from app.teacher_ghosts import TeacherGhosts
from app.theme import Theme, apply_theme
from app.tracker_choice import TrackerChoice
from app.tracking import Tracking
from app.training import Training
from app.workers.protocol import Progress
from tracker.inference.feature_cache import feature_cache
from tracker.inference.suspicion import usual_threshold
from tracker.video import FrameSource

SMALL = 1500  # pixels of a screen that the window fills at the first start


class MainWindow(QMainWindow):
    """One open video with its tracks."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.view = ViewState()
        self.document: Document | None = None
        self.source: FrameSource | None = None
        self.playback = Playback(self.view, self)
        self.tracking = Tracking(self.view, self)
        self.files = Files(self)
        self.navigation = Navigation(self)
        self.editing = Editing(self)
        self.bridging = Bridging(self.tracking, self)
        self.grouping = Grouping(self)
        self.takes = Takes(self)
        self.masks = MaskFiles(self)
        self.trackers = TrackerChoice(self)
        self._warned_of_cache = False
        self._subscriptions: tuple[Callable[[], None], ...] = ()
        self.setWindowTitle("Trackwright")
        self.setAcceptDrops(True)
        self._build_parts()
        self.review = Review(self)
        self.plates = Plates(self)
        self.solving = Solving(self)
        self.ghosts = TeacherGhosts(self)
        self.curating = Curating(self)
        self.checking = SpotChecking(self)
        self.training = Training(self)
        self.registry = ActionRegistry(self)
        for action in all_actions(self):
            self.registry.add(action)
        self.menus = Menus(self, list(self.docks))
        self._connect()
        self._restore_layout()
        apply_cache_settings(settings)
        self.set_document(None, None)
        self.trackers.show(settings.tracker)
        self._device_chosen(settings.device)
        self.run_panel.set_device(settings.device)

    # -- building

    def _build_parts(self) -> None:
        self.canvas = CanvasView(None, self.view)
        self.legend, self.teacher_legend = Legend(self.view), TeacherLegend(self.view)
        self.transport = Transport(None, self.view)
        self.compare_bar, self.check_bar = CompareBar(None, self.view), CheckBar()
        self.start_page = StartPage()
        video = QWidget()
        column = QVBoxLayout(video)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.canvas, 1)
        for below in (self.legend, self.teacher_legend, self.compare_bar, self.check_bar):
            column.addWidget(below)
        column.addWidget(self.transport)
        self._pages = QStackedWidget()
        self._pages.addWidget(self.start_page)
        self._pages.addWidget(video)
        self.setCentralWidget(self._pages)

        self.label_set_panel = LabelSetPanel()
        self.track_list = TrackList(None, self.view)
        self.timeline = Timeline(None, self.view)
        self.run_panel = RunPanel(None, self.view)
        self.history = HistoryPanel(None, self.view)
        self.mask_panel = MaskPanel(None, self.view)
        self.review_panel = ReviewPanel(None, self.view)
        self.solve_panel = SolvePanel(None, self.view)
        self.training_panel = TrainingPanel()
        self.filmstrip = Filmstrip(None, self.view)
        self.curves = Curves(None, self.view)
        self.status = StatusWidgets(self)
        panels = (
            Panel("tracks", self.tr("Tracks"), self.track_list, LEFT, "tracks"),
            Panel("labels", self.tr("Label set"), self.label_set_panel, LEFT, "tracks"),
            Panel("masks", self.tr("Masks"), self.mask_panel, LEFT, "left"),
            Panel("run", self.tr("Tracking"), self.run_panel, RIGHT, "run"),
            Panel("review", self.tr("Review"), self.review_panel, RIGHT, "run"),
            Panel("solve", self.tr("Solve"), self.solve_panel, RIGHT, "run"),
            Panel("training", self.tr("Training"), self.training_panel, RIGHT, "run"),
            Panel("history", self.tr("History"), self.history, RIGHT),
            Panel("timeline", self.tr("Timeline"), self.timeline, BOTTOM, "time"),
            Panel("filmstrip", self.tr("Filmstrip"), self.filmstrip, BOTTOM, "strip"),
            Panel("curves", self.tr("Curves"), self.curves, BOTTOM, "strip"),
        )
        self.docks = Docks(self, panels, self.settings.layout[1])

    def _connect(self) -> None:
        self._refresh_timer = QTimer(self)
        self._refresh_timer.setSingleShot(True)
        self._refresh_timer.timeout.connect(self.refresh)
        self.view.changed.subscribe(self._view_changed)
        self.playback.frame_shown.connect(self.canvas.set_frame)
        self.playback.near_frame_found.connect(self.canvas.set_frame)
        self._cache_timer = QTimer(self)
        self._cache_timer.setInterval(500)
        self._cache_timer.timeout.connect(self._show_cache)
        self.playback.state_changed.connect(self._playing_changed)
        self.playback.frame_failed.connect(self.show_message)
        self.canvas.hint.connect(self.show_message)
        self.canvas.hovered.connect(self.status.set_pixel)
        self.canvas.unhovered.connect(self.status.clear_pixel)
        self.canvas.context_requested.connect(self.menus.open_context_menu)
        self.canvas.corrected.connect(self._corrected)
        self.filmstrip.corrected.connect(self._corrected)
        self.filmstrip.hint.connect(self.show_message)
        self.mask_panel.hidden_masks_changed.connect(self.canvas.set_hidden_masks)
        for panel in (
            *(self.run_panel, self.transport, self.track_list, self.mask_panel),
            *(self.compare_bar, self.label_set_panel, self.training_panel),
        ):
            panel.action_requested.connect(self.registry.trigger)
        self.run_panel.tracker_chosen.connect(self.trackers.use)
        self.run_panel.device_chosen.connect(self._device_chosen)
        self.history.go_to.connect(self.editing.go_in_history)
        self.start_page.open_requested.connect(self.files.ask_open)
        self.start_page.demo_requested.connect(self.files.open_demo)
        self.start_page.path_requested.connect(self.files.open_path)
        self.start_page.discard_requested.connect(self.files.ask_discard)
        self.tracking.running_changed.connect(self._running_changed)
        self.tracking.progress.connect(self._show_progress)
        self.tracking.message.connect(self._show_run_message)
        self.bridging.message.connect(self._show_run_message)
        self.bridging.running_changed.connect(self._running_changed)
        self.bridging.progress.connect(self._show_progress)
        self.tracking.device_known.connect(self.status.set_device)
        # Tab steps through the tracks on the picture only; elsewhere it moves the focus, as everywhere.
        for key, step in (("Tab", 1), ("Shift+Tab", -1)):
            shortcut = QShortcut(QKeySequence(key), self.canvas)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(partial(self.navigation.step_track, step))
        application().installEventFilter(self)

    def _restore_layout(self) -> None:
        room = self.screen().availableSize()
        self.resize(min(1720, room.width() * 92 // 100), min(1000, room.height() * 92 // 100))
        geometry = self.settings.layout[0]
        if not geometry.isEmpty():
            self.restoreGeometry(geometry)
        elif room.width() < SMALL:
            self.setWindowState(Qt.WindowState.WindowMaximized)

    # -- the document

    def set_document(self, document: Document | None, source: FrameSource | None) -> None:
        """Show this document and its video; the old one is closed."""
        self.plates.close_dialog()
        self.curating.leave()
        self.tracking.set_document(None)
        self.bridging.set_document(None)
        self.review.set_document(None)
        self.solving.set_document(None)
        self.filmstrip.set_source(None)
        self.playback.close()
        for unsubscribe in self._subscriptions:
            unsubscribe()
        self._subscriptions = ()
        if self.document is not None:
            self.document.close()
        if self.source is not None:
            self.source.close()
        self.document, self.source = document, source
        self.view.forget()
        self.docks.show(document is not None)
        for part in (
            *(self.canvas, self.transport, self.track_list, self.timeline, self.run_panel, self.history),
            *(self.mask_panel, self.filmstrip, self.curves, self.compare_bar),
        ):
            part.set_document(document)
        for service in (self.tracking, self.bridging, self.review, self.solving, self.curating, self.training):
            service.set_document(document)
        if document is not None and source is not None:
            stop_changes = document.changed.subscribe(self._document_changed)
            stop_refusals = document.refused.subscribe(self.show_message)
            self._subscriptions = (stop_changes, stop_refusals)
            self.playback.open(source, self.settings.frame_cache_bytes)
            self.filmstrip.set_source(source.path, source.view)
            self.timeline.set_missing_frames(source.missing)
            self.view.error_threshold = usual_threshold((source.width, source.height))
            self.canvas.fit()
            self._cache_timer.start()
        else:
            self._cache_timer.stop()
            self.show_start_page()
        self._pages.setCurrentIndex(0 if document is None else 1)
        self.refresh()

    def show_start_page(self) -> None:
        """Bring the lists of the start page up to date."""
        self.start_page.set_files(self.settings.recent_files, self.files.unsaved())

    def is_open(self) -> bool:
        """Whether a video is open."""
        return self.document is not None

    def run(self, direction: str) -> None:
        """Track forward, backward or both over the range that the run panel says."""
        start, end = 0, self.navigation.frame_count
        if self.run_panel.uses_range and self.view.loop_range is not None:
            start, end = self.view.loop_range
        self.tracking.run(direction, start, end)

    def has_range(self) -> bool:
        """Whether tracks are selected and in and out points set."""
        return self.editing.has_selection() and self.view.loop_range is not None

    def retrack_range(self) -> None:
        """Solve the selected tracks anew between the in and out points."""
        if self.view.loop_range is not None:
            self.tracking.run("forward", *self.view.loop_range)

    def retrack(self) -> None:
        """Solve the selected tracks anew between the anchors around the playhead."""
        self.bridging.retrack(self.view.selection, self.view.playhead)

    def _corrected(self, track_id: int, frame: int) -> None:
        if self.settings.corrects_at_once:
            self.bridging.correct(track_id, frame)

    def escape(self) -> None:
        """Stop the run; where none goes on, put the tool away; then deselect."""
        if self.tracking.running or self.bridging.running:
            self.bridging.cancel()
            self.tracking.stop()
        elif self.view.tool != "select":
            self.view.tool = "select"
        else:
            self.view.selection = ()

    def _device_chosen(self, device: str) -> None:
        self.settings.device = self.tracking.device = device
        self.status.set_device(device)

    # -- what parts say

    def show_message(self, text: str) -> None:
        """A sentence in the status bar, for some seconds."""
        self.statusBar().showMessage(text, 8000)

    def _document_changed(self, change: Change) -> None:
        if change.kind in ("tracks", "all") and self.document is not None:
            kept = tuple(i for i in self.view.selection if i in self.document.table)
            self.view.selection = kept
        if change.kind in ("takes", "all"):
            self.takes.forget_gone()
        self._refresh_timer.start(0)

    def _view_changed(self, name: str) -> None:
        if name != "playhead":
            self._refresh_timer.start(0)

    def _title(self) -> str:
        if self.document is None or self.document.video is None:
            return ""
        if self.document.path is not None:
            return self.document.path.stem
        return self.tr("{} (untitled)").format(Path(self.document.video.path).name)

    def refresh(self) -> None:
        """Bring menus, title and the saved mark up to date."""
        self.registry.refresh()
        self.training.refresh()
        name = self._title()
        self.setWindowTitle(f"{name} — Trackwright" if name else "Trackwright")
        self.status.set_saved(None if self.document is None else self.document.file)

    def _playing_changed(self, playing: bool, speed: float) -> None:
        self.transport.set_playing(playing)
        self.transport.set_speed(speed)

    def _running_changed(self, _running: bool) -> None:
        running = self.tracking.running or self.bridging.running
        self.review.suspicion.running = running
        self.run_panel.set_running(running)
        self._refresh_timer.start(0)

    def _show_progress(self, progress: Progress) -> None:
        eta = float("nan") if progress.eta_s is None else progress.eta_s
        self.run_panel.set_progress(progress.done, progress.total, eta, progress.frames_per_s)

    def _show_run_message(self, text: str, kind: MessageKind) -> None:
        self.run_panel.set_message(text, kind)
        self.show_message(text)

    def _show_cache(self) -> None:
        ranges = self.playback.cached_ranges()
        self.timeline.set_cached_ranges(ranges)
        if self.source is not None:
            used = sum(end - start for start, end in ranges) * self.source.width * self.source.height * 4
            self.status.set_cache(used, self.settings.frame_cache_bytes)
        self._show_features()

    def _show_features(self) -> None:
        state = feature_cache().state
        self.status.set_features(state.used_bytes, state.max_bytes, state.warning)
        if state.warning and not self._warned_of_cache:
            self.show_message(state.warning)
        self._warned_of_cache = bool(state.warning)

    # -- the window itself

    def show_keys(self) -> None:
        """The cheat-sheet."""
        CheatSheet(self.registry, self).exec()

    def show_cache_dialog(self) -> None:
        """Bounds and fill of the feature cache."""
        CacheDialog(self.settings, self).exec()

    def show_about(self) -> None:
        """Version, licence and whose work this stands on."""
        QMessageBox.about(
            self,
            self.tr("About Trackwright"),
            self.tr(
                "<b>Trackwright {}</b><br>A desktop workbench for point tracks. Apache-2.0.<br><br>"
                "CoTracker3: Karaev et al. 2024, re-implemented from the paper. Demo clip: Big Buck Bunny, "
                "(c) 2008 Blender Foundation, www.bigbuckbunny.org, CC BY 3.0."
            ).format(version("trackwright")),
        )

    def set_theme(self, theme: Theme) -> None:
        """ "system", "light" or "dark"."""
        self.settings.theme = theme
        apply_theme(application(), theme)

    def theme_is(self, theme: Theme) -> bool:
        """Whether this is the chosen theme."""
        return self.settings.theme == theme

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Holding Z shows the loupe, wherever the focus is except in a text field."""
        if event.type() in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease) and isinstance(event, QKeyEvent):
            typing = isinstance(QApplication.focusWidget(), QLineEdit | QAbstractSpinBox)
            plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
            if event.key() == Qt.Key.Key_Z and plain and not typing and self.isActiveWindow():
                if not event.isAutoRepeat():
                    self.canvas.set_loupe(event.type() == QEvent.Type.KeyPress)
                return True
        return super().eventFilter(watched, event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files may be dropped anywhere."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open the dropped file or folder, or import its tracks."""
        for url in event.mimeData().urls():
            if url.isLocalFile():
                self.files.take_dropped(Path(url.toLocalFile()))
                return

    def closeEvent(self, event: QCloseEvent) -> None:
        """Everything is on the disk already; only an untitled project with work in it asks for a name."""
        if not self.files.may_close():
            event.ignore()
            return
        application().removeEventFilter(self)
        self.files.close()
        self.masks.close()
        self.review.close()
        self.solving.close()
        self.filmstrip.stop()
        self.tracking.close()
        self.set_document(None, None)
        for service in (self.checking, self.ghosts, self.curating, self.training):
            service.close()
        self.settings.layout = (self.saveGeometry(), self.docks.layout)
        super().closeEvent(event)


def application() -> QApplication:
    """The one QApplication of this process."""
    app = QApplication.instance()
    return app if isinstance(app, QApplication) else QApplication(sys.argv[:1])


def open_window(path: Path | None = None, demo: bool = False) -> int:
    """Open the window, with a video or project, or the demo clip; gives the exit code when it is closed."""
    app = application()
    app.setApplicationName("Trackwright")
    faults = FaultDialog()
    start_logging(faults.report)
    settings = Settings()
    apply_theme(app, settings.theme)
    window = MainWindow(settings)
    window.show()
    # Ctrl-C in the terminal closes the window; Python sees the signal only when its own code runs.
    signal.signal(signal.SIGINT, lambda *_: window.close())
    GarbageCollector(window)  # its timer lets Python look for Ctrl-C too
    if demo:
        window.files.open_demo()
    elif path is not None:
        window.files.open_path(path)
    code = app.exec()
    feature_cache().close()
    return code
