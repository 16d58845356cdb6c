"""What the window shows before a video is open."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget


class StartPage(QWidget):
    """Open, demo, what was opened lately, and what was never saved; of an open label set how to begin."""

    begin_requested = Signal()
    open_requested = Signal()
    demo_requested = Signal()
    path_requested = Signal(object)
    discard_requested = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Start page"))
        title = QLabel(self.tr("Trackwright"))
        font = title.font()
        font.setPointSizeF(font.pointSizeF() * 2.2)
        font.setBold(True)
        title.setFont(font)
        subtitle = QLabel(self.tr("Click points in a video, watch them tracked, correct what is wrong, export."))
        subtitle.setEnabled(False)
        open_button = QPushButton(self.tr("Open a video or project…"))
        open_button.setDefault(True)
        open_button.clicked.connect(self.open_requested)
        demo_button = QPushButton(self.tr("Try the demo clip"))
        demo_button.clicked.connect(self.demo_requested)
        self.begin_button = QPushButton(self.tr("Begin with what is most in doubt"))
        self.begin_button.clicked.connect(self.begin_requested)
        for button in (open_button, demo_button, self.begin_button):
            button.setMinimumSize(200, 36)
        buttons = QHBoxLayout()
        buttons.addWidget(open_button)
        buttons.addWidget(demo_button)
        buttons.addStretch()
        drop = QLabel(self.tr("or drop a video, a folder of frames, a project or a label set anywhere in this window"))
        drop.setEnabled(False)
        self.label_set_text = QLabel(wordWrap=True)

        column = QFrame()
        column.setMaximumWidth(640)
        self._lists = QVBoxLayout()
        inner = QVBoxLayout(column)
        inner.setSpacing(10)
        for widget in (title, subtitle):
            inner.addWidget(widget)
        inner.addSpacing(14)
        inner.addLayout(buttons)
        inner.addWidget(drop)
        inner.addSpacing(18)
        inner.addWidget(self.label_set_text)
        inner.addWidget(self.begin_button, 0, Qt.AlignmentFlag.AlignLeft)
        inner.addLayout(self._lists)
        outer = QVBoxLayout(self)
        outer.addStretch(2)
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(column, 10)
        row.addStretch()
        outer.addLayout(row)
        outer.addStretch(3)
        self.show_label_set("", False)

    def show_label_set(self, text: str, may_begin: bool) -> None:
        """What to say of an open label set, "" where none is; and whether a video of it can be begun with."""
        self.label_set_text.setText(text)
        self.label_set_text.setVisible(bool(text))
        self.begin_button.setVisible(may_begin)

    def set_files(self, recent: Sequence[Path], unsaved: Sequence[tuple[Path, str]]) -> None:
        """Show recent files and unsaved projects; those are (path, what it holds)."""
        while (item := self._lists.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        if unsaved:
            self._heading(self.tr("Unsaved work from earlier"))
            for path, text in unsaved[:4]:
                self._link(path, text, may_discard=True)
        if recent:
            self._heading(self.tr("Recent"))
            for path in recent[:6]:
                self._link(path, f"{path.name}   —   {path.parent}")

    def _heading(self, text: str) -> None:
        label = QLabel(text)
        font = label.font()
        font.setBold(True)
        label.setFont(font)
        self._lists.addWidget(label)

    def _link(self, path: Path, text: str, may_discard: bool = False) -> None:
        button = QPushButton(text)
        button.setFlat(True)
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        button.setStyleSheet("text-align: left; padding: 4px;")
        button.setToolTip(str(path))
        button.clicked.connect(lambda: self.path_requested.emit(path))
        if may_discard:
            button.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
            discard = QAction(self.tr("Throw away…"), button)
            discard.triggered.connect(lambda: self.discard_requested.emit(path))
            button.addAction(discard)
            button.setToolTip(self.tr("Right-click to throw it away"))
        self._lists.addWidget(button)
