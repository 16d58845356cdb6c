"""The label set panel: a queue over all its videos, what was decided on them, and how much is left."""

import math

from PySide6.QtCore import QEvent, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from app.curation.workspace import Shown, Workspace
from app.panels.buttons import IconButton
from app.panels.item_views import wash_selection
from app.panels.label_set_list import LabelSetList, LabelSetModel
from app.panels.subscriptions import Subscriptions
from app.panels.wording import duration, number
from app.theme import SPACE_L, SPACE_M, SPACE_S

LEAST_WIDTH = 220


class LabelSetPanel(QWidget):
    """Lists, searches and filters the videos of a workspace; it opens and decides nothing itself.

    Signals:
        open_requested: the name of a video that should be opened.
        action_requested: the id of an action that the window should do.
    """

    open_requested = Signal(str)
    action_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace: Workspace | None = None
        self._busy = ""
        self._note = ""
        self._subscriptions = Subscriptions(self)
        self.title_label, self.note_label = QElidingLabel(), QLabel(wordWrap=True)
        self.search_field, self.shown_box = QLineEdit(), QComboBox()
        self.model = LabelSetModel()
        self.list_view = LabelSetList(self.model)
        self.empty_label, self.left_label, self.progress_bar = QLabel(), QLabel(wordWrap=True), QProgressBar()
        button = self._button
        self.accept_button = button("mdi6.check-circle", self.tr("Accept"), "Ctrl+Shift+V", "labels.accept")
        self.reject_button = button("mdi6.close-circle", self.tr("Reject"), "Ctrl+Shift+X", "labels.reject")
        self.bulk_button = button("mdi6.check-all", self.tr("Many…"), "Ctrl+Shift+B", "labels.bulk")
        self.setMinimumWidth(LEAST_WIDTH)
        self._set_up_fields()
        self._lay_out()
        self.set_workspace(None)

    def sizeHint(self) -> QSize:
        """Half a dozen videos."""
        return QSize(300, 560)

    def set_workspace(self, workspace: Workspace | None) -> None:
        """Show another label set, or none."""
        self._subscriptions.release()
        if workspace is not self._workspace:
            self.model.forget_pictures()
        self._workspace, self._busy, self._note = workspace, "", ""
        if workspace is not None:
            self._subscriptions.add(workspace.changed, lambda _: self._show())
        with QSignalBlocker(self.search_field):
            self.search_field.setText(workspace.search if workspace is not None else "")
        self._show()

    def set_picture(self, name: str, picture: QImage) -> None:
        """The small picture of a video is there."""
        self.model.set_picture(name, picture)

    def set_busy(self, text: str) -> None:
        """What is being worked out, "" for nothing."""
        if text != self._busy:
            self._busy = text
            self._show_texts()

    def set_note(self, text: str) -> None:
        """Something that holds of the whole set, such as that it cannot be written."""
        self._note = text
        self._show_texts()

    # -- building

    def _button(self, icon_name: str, text: str, key: str, action: str) -> IconButton:
        return IconButton(icon_name, text, key, lambda: self.action_requested.emit(action), text)

    def _set_up_fields(self) -> None:
        self.search_field.setPlaceholderText(self.tr("Search"))
        self.search_field.setClearButtonEnabled(True)
        self.search_field.setAccessibleName(self.tr("Search for videos by name"))
        self.search_field.textChanged.connect(self._searched)
        self.search_field.returnPressed.connect(self.list_view.setFocus)
        for shown in ("open", "accepted", "rejected", "all"):
            self.shown_box.addItem("", shown)
        self.shown_box.setAccessibleName(self.tr("Which videos are listed"))
        self.shown_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.shown_box.setMinimumContentsLength(9)
        self.shown_box.activated.connect(self._filter_chosen)
        self.list_view.chosen.connect(self.open_requested)
        self.progress_bar.setTextVisible(False)
        self.progress_bar.setFixedHeight(6)
        self.progress_bar.setAccessibleName(self.tr("Videos decided on"))

    def _lay_out(self) -> None:
        font = self.title_label.font()
        font.setBold(True)
        self.title_label.setFont(font)
        self.empty_label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty_label.setWordWrap(True)
        self.empty_label.setContentsMargins(SPACE_L, SPACE_L, SPACE_L, SPACE_L)
        self._pages = QStackedLayout()
        self._pages.addWidget(self.list_view)
        self._pages.addWidget(self.empty_label)
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE_M, SPACE_M, SPACE_M, SPACE_M)
        column.setSpacing(SPACE_M)
        column.addWidget(self.title_label)
        column.addWidget(self.note_label)
        column.addLayout(_row(self.search_field, self.shown_box, stretch_first=True))
        column.addLayout(self._pages, 1)
        column.addWidget(self.left_label)
        column.addWidget(self.progress_bar)
        column.addLayout(_row(self.accept_button, self.reject_button, self.bulk_button))
        self.setTabOrder(self.search_field, self.shown_box)
        self.setTabOrder(self.shown_box, self.list_view)

    # -- what has changed

    def _show(self) -> None:
        workspace = self._workspace
        rows = workspace.rows() if workspace is not None else []
        current = workspace.current if workspace is not None else None
        before = self.list_view.currentIndex().row()
        self.model.show(rows, current)
        at = self.model.row_of(current)
        if at is None and rows and not self.list_view.currentIndex().isValid():
            at = min(max(before, 0), len(rows) - 1)  # the keys go on where they were
        if at is not None and at != self.list_view.currentIndex().row():
            self.list_view.setCurrentIndex(self.model.index(at))
            self.list_view.scrollTo(self.model.index(at))
        self._pages.setCurrentIndex(int(not rows))
        is_open = workspace is not None and current is not None
        for button in (self.accept_button, self.reject_button):
            button.setEnabled(is_open)
        self.bulk_button.setEnabled(workspace is not None and bool(workspace.names))
        for field in (self.search_field, self.shown_box):
            field.setEnabled(workspace is not None)
        self._show_texts()

    def _show_texts(self) -> None:
        workspace = self._workspace
        self.title_label.setText(workspace.label_set.folder.name if workspace is not None else "")
        self.title_label.setToolTip(str(workspace.label_set.folder) if workspace is not None else "")
        self.title_label.setVisible(workspace is not None)
        note = self._note or self._busy
        self.note_label.setText(note)
        self.note_label.setVisible(bool(note))
        self.empty_label.setText(self._empty_text())
        self.left_label.setVisible(workspace is not None and bool(workspace.names))
        self.progress_bar.setVisible(self.left_label.isVisibleTo(self))
        if workspace is None:
            return
        self.left_label.setText(_left_text(self, workspace))
        self.progress_bar.setRange(0, max(1, len(workspace.names)))
        self.progress_bar.setValue(workspace.decided)
        titles: dict[Shown, str] = {
            "open": self.tr("Open ({0})"),
            "accepted": self.tr("Accepted ({0})"),
            "rejected": self.tr("Rejected ({0})"),
            "all": self.tr("All ({0})"),
        }
        for place, (shown, title) in enumerate(titles.items()):
            self.shown_box.setItemText(place, title.format(number(workspace.count(shown))))
        self.shown_box.setCurrentIndex(list(titles).index(workspace.shown))

    def _empty_text(self) -> str:
        workspace = self._workspace
        if workspace is None:
            return self._busy or self.tr("No label set is open.\nFile › Open label set…")
        if not workspace.names:
            return self.tr("This label set has no labels yet.\nThey are made with trackwright pseudo-label.")
        if workspace.search:
            return self.tr("No such video.")
        if workspace.shown == "open":
            return self.tr("All videos are decided.")
        return self.tr("None of the videos is so yet.")

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of another palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            wash_selection(self.list_view)

    # -- what a person does

    def _searched(self, text: str) -> None:
        if self._workspace is not None:
            self._workspace.search = text

    def _filter_chosen(self, place: int) -> None:
        if self._workspace is not None:
            self._workspace.shown = self.shown_box.itemData(place)


def _left_text(panel: QWidget, workspace: Workspace) -> str:
    tr = panel.tr
    parts = [tr("{0} of {1} videos decided").format(number(workspace.decided), number(len(workspace.names)))]
    if spans := workspace.spans_left:
        parts.append(tr("1 span left") if spans == 1 else tr("{0} spans left").format(number(spans)))
    seconds = workspace.time_left
    if seconds is not None and workspace.count("open"):
        about = duration(seconds) if seconds < 60 else tr("{0} min").format(number(math.ceil(seconds / 60)))
        about = duration(seconds) if seconds >= 3600 else about
        parts.append(tr("about {0}").format(about))
    return ", ".join(parts)


def _row(*widgets: QWidget, stretch_first: bool = False) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(SPACE_S)
    for place, widget in enumerate(widgets):
        row.addWidget(widget, int(stretch_first and place == 0))
    if not stretch_first:
        row.addStretch(1)
    return row
