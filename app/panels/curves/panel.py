"""The curves panel: which tracks and plots are shown, and what makes them be drawn again."""

from html import escape
from time import perf_counter

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer
from PySide6.QtGui import QHelpEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QStackedLayout,
    QToolButton,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from app.document.changes import Change
from app.document.project import Document
from app.document.view_state import ViewState
from app.panels.buttons import IconButton
from app.panels.curves.plot import ROWS, legible
from app.panels.curves.series import Series, most_tracks
from app.panels.curves.stack import ZOOM_STEP, PlotStack
from app.panels.curves.texts import button_texts, plot_titles, value_text
from app.panels.subscriptions import Subscriptions
from app.panels.timeline.drawing import error_colour
from app.theme import SPACE_L, SPACE_M, SPACE_S

BUDGET = 0.012  # seconds of reading at a time
REDRAW = 0.1  # seconds between drawings while more is being read
LONGEST_NAME = 16
COLUMN = 2  # pixels that keep one least and one greatest value
NOTHING = "\u2013"


class Curves(QWidget):
    """Values of the selected tracks over the time.

    It sets playhead and chosen range of `view`, nothing else. While it is not on screen it does nothing.
    """

    def __init__(self, document: Document | None, view: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._document: Document | None = None
        self._series: Series | None = None
        self._scrubbing = False
        self._drawn_at = 0.0
        self._subscriptions = Subscriptions(self)
        self.stack = PlotStack(self)
        self.buttons: dict[str, QToolButton] = {}
        self.names, self.count_label, self.empty_label = QLabel(), QLabel(), QLabel()
        self._later = QTimer(self, singleShot=True, interval=0)
        self._later.timeout.connect(self._draw)
        self._lay_out()
        self.stack.view_changed.connect(self._draw)  # at once: later would mean to paint twice
        self.stack.scrubbed.connect(self._scrub)
        self.stack.range_drawn.connect(self._choose)
        self.stack.range_moved.connect(self._move_range)
        self.stack.viewport().installEventFilter(self)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Curves"))
        self._refresh_look()
        self.set_document(document)

    def sizeHint(self) -> QSize:
        """Room for all plots."""
        return QSize(900, 240)

    def set_document(self, document: Document | None) -> None:
        """Show another document, or nothing."""
        self.release()
        self._document, self._series = document, None
        if document is not None:
            self._subscriptions.add(document.changed, self._document_changed)
            self._subscriptions.add(document.expected_error.changed, self._cells_changed)
        self._subscriptions.add(self._view.changed, self._view_changed)
        self.stack.set_frame_count(1 if document is None else document.table.n_frames)
        self.stack.set_first_number(0 if document is None else document.number_of(0))
        self._tracks_changed()
        self.stack.set_playhead(self._view.playhead, follow=False)
        self._show_range()
        self._show_threshold()

    def release(self) -> None:
        """Stop listening to document and view."""
        self._subscriptions.release()
        self._later.stop()

    @property
    def complete(self) -> bool:
        """Whether all in view is drawn as the document is now."""
        return not self._later.isActive()

    def fit(self) -> None:
        """Show the whole video."""
        self.stack.fit()

    def zoom(self, factor: float) -> None:
        """Zoom the time at the playhead."""
        self.stack.zoom(factor, self._view.playhead)

    # -- building

    def _lay_out(self) -> None:
        bar = QHBoxLayout()
        bar.setContentsMargins(SPACE_S, 0, SPACE_M, 0)
        bar.setSpacing(SPACE_S)
        for key, text in button_texts().items():
            button = QToolButton()
            button.setText(text)
            button.setCheckable(True)
            button.setChecked(True)
            button.setAccessibleName(self.tr("Show {0}").format(text))
            button.setAutoRaise(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.toggled.connect(self._show_rows)
            self.buttons[key] = button
            bar.addWidget(button)
        bar.addWidget(IconButton("mdi6.arrow-expand-horizontal", self.tr("Show the whole video"), "0", self.fit))
        self.names.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.names.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        bar.addWidget(self.names, 1)
        bar.addWidget(self.count_label)
        self.empty_label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty_label.setWordWrap(True)
        self.empty_label.setEnabled(False)  # quiet text
        self.empty_label.setContentsMargins(SPACE_L, SPACE_L, SPACE_L, SPACE_L)
        self._pages = QStackedLayout()
        self._pages.addWidget(self.stack)
        self._pages.addWidget(self.empty_label)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(bar)
        column.addLayout(self._pages, 1)

    def changeEvent(self, event: QEvent) -> None:
        """Draw in the colours of another palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._refresh_look()

    def _refresh_look(self) -> None:
        self.stack.set_look(self.palette(), plot_titles())
        self._show_threshold()
        self._show_names()
        self._redraw()

    # -- what has changed

    def _document_changed(self, change: Change) -> None:
        if change.kind == "cells":
            self._cells_changed(change)
        elif change.kind in ("tracks", "all"):
            if self._document is not None and self._document.table.n_frames != self.stack.n_frames:
                self._series = None
                self.stack.set_frame_count(self._document.table.n_frames)
            if self._series is not None:
                self._series.invalidate(change.ids if change.kind == "tracks" else None, 0, self.stack.n_frames)
            self._tracks_changed()

    def _cells_changed(self, change: Change) -> None:
        if self._series is not None and self._series.invalidate(change.ids, change.start, change.end):
            start, end = self.stack.span
            if change.start <= end and start <= change.end:
                self._redraw()

    def _view_changed(self, name: str) -> None:
        if name == "playhead":
            self.stack.set_playhead(self._view.playhead, follow=not self._scrubbing)
        elif name == "selection":
            self._tracks_changed()
        elif name == "cell_range":
            self._show_range()
        elif name == "error_threshold":
            self._show_threshold()
            self._redraw()

    def _tracks_changed(self) -> None:
        """The tracks that are shown, or their names and colours, are others."""
        document, ids = self._document, self._known()
        if document is not None:
            ids = ids[-most_tracks(document.table.n_frames) :]
        if document is None or not ids:
            self._series = None
        elif self._series is None or self._series.ids != ids:
            self._series = Series(document, ids)
        self._pages.setCurrentIndex(0 if self._series is not None else 1)
        self.empty_label.setText(self._reason())
        self._show_names()
        self._redraw()

    def _known(self) -> tuple[int, ...]:
        """The selected tracks that are there."""
        table = None if self._document is None else self._document.table
        return () if table is None else tuple(i for i in self._view.selection if i in table)

    def _reason(self) -> str:
        if self._document is None:
            return self.tr("Open a video to see curves of its tracks.")
        if not self._document.table.n_tracks:
            return self.tr("No points yet.\nPress N and click in the picture.")
        return self.tr("Select a track to see its curves.")

    def _show_names(self) -> None:
        shown = () if self._series is None else self._series.ids
        selected = len(self._known())
        more = self.tr("{0} of {1} tracks shown").format(len(shown), selected) if selected > len(shown) else ""
        self.count_label.setText(more)
        tracks = [] if self._document is None else [self._document.table.track(i) for i in reversed(shown)]
        texts = [
            f'<span style="color:{legible(track.colour, self.palette()).name()}">\u25a0</span>\u00a0'
            + escape(track.name if len(track.name) <= LONGEST_NAME else track.name[: LONGEST_NAME - 1] + "…")
            for track in tracks
        ]
        self.names.setText("\u2003".join(texts))
        self.setAccessibleDescription(", ".join([track.name for track in tracks] + ([more] if more else [])))

    def _show_rows(self) -> None:
        chosen = [row.key for row in ROWS if self.buttons[row.key].isChecked()]
        for button in self.buttons.values():
            button.setEnabled(len(chosen) > 1 or not button.isChecked())  # one is always there
        self.stack.show_rows(chosen)

    def _show_range(self) -> None:
        cells = self._view.cell_range
        self.stack.set_range(None if cells is None else (cells[1], cells[2]))

    def _show_threshold(self) -> None:
        self.stack.set_threshold(self._view.error_threshold, error_colour(self.palette()))

    # -- drawing

    def _redraw(self) -> None:
        """Draw soon, once for all that has changed; not at all while nobody looks."""
        if self._series is not None and self.isVisible():
            self._later.start()

    def showEvent(self, event: QShowEvent) -> None:
        """Now somebody looks."""
        super().showEvent(event)
        self._redraw()

    def _draw(self) -> None:
        self._later.stop()
        if self._series is None or self._document is None or not self.isVisible():
            return
        start, end = self.stack.span
        complete = self._series.read(start, end, BUDGET)
        if complete or perf_counter() - self._drawn_at > REDRAW:
            width = self.stack.plot_width // COLUMN
            thinned = self._series.thinned(start, end, width)
            colours = [legible(self._document.table.track(i).colour, self.palette()) for i in self._series.ids]
            self.stack.draw(thinned, colours, self._series.anchors(start, end, width))
            self._drawn_at = perf_counter()
        if not complete:
            self._later.start()

    # -- mouse and keys

    def _scrub(self, frame: int, dragging: bool) -> None:
        cells = self._view.cell_range
        if not dragging and cells is not None and not cells[1] <= frame < cells[2]:
            self._view.cell_range = None
        self._scrubbing = dragging
        self._view.playhead = frame
        self._scrubbing = False

    def _choose(self, start: int, end: int) -> None:
        if self._series is not None:
            self._view.cell_range = self._series.ids, start, end

    def _move_range(self, start: int, end: int) -> None:
        if self._view.cell_range is not None:
            self._view.cell_range = self._view.cell_range[0], start, end

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """+ - 0 zoom the time, left and right step, Esc forgets the range."""
        key, shift = event.key(), bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right) and self._document is not None:
            wanted = self._view.playhead + (1 if key == Qt.Key.Key_Right else -1) * (10 if shift else 1)
            self._view.playhead = max(0, min(self.stack.n_frames - 1, wanted))
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            self.zoom(1 / ZOOM_STEP if key == Qt.Key.Key_Minus else ZOOM_STEP)
        elif key == Qt.Key.Key_0:
            self.fit()
        elif key == Qt.Key.Key_Escape and self._view.cell_range is not None:
            self._view.cell_range = None
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        """Esc forgets the range before the window takes it."""
        escape_key = isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape
        if event.type() == QEvent.Type.ShortcutOverride and escape_key and self._view.cell_range is not None:
            event.accept()
            return True
        return super().event(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Tool tips over the plots."""
        if event.type() != QEvent.Type.ToolTip or not isinstance(event, QHelpEvent):
            return False
        frame = self.stack.frame_under(event.pos().x())
        if frame is None or self._series is None:
            QToolTip.hideText()
        else:
            QToolTip.showText(event.globalPos(), self.values_text(frame), self)
        return True

    def values_text(self, frame: int) -> str:
        """What the shown tracks are on one frame, a line for each."""
        lines = [self.tr("Frame {0}").format(frame if self._document is None else self._document.number_of(frame))]
        if self._series is not None and self._document is not None:
            values = self._series.at(frame)
            for k, track_id in enumerate(self._series.ids):
                known = {channel: float(column[k]) for channel, column in values.items() if column[k] == column[k]}
                words = [value_text(channel, value) for channel, value in known.items()]
                lines.append(f"{self._document.table.track(track_id).name}: {', '.join(words) or NOTHING}")
        return "\n".join(lines)
