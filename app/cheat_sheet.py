"""The cheat-sheet: every action and its keys, made from the registry."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.actions import Action, ActionRegistry

COLUMNS = 3
SLACK = 3  # rows that a column may be higher than their mean

# What is done with the mouse, or while a key is held, stands in no menu.
GESTURES = (
    ("Wheel", "Zoom at the pointer"),
    ("Middle drag", "Pan"),
    ("Click", "Select a point; on empty picture, deselect"),
    ("Drag a selected point", "Correct it: it becomes an anchor"),
    ("Ctrl+click", "Put the selected point here"),
    ("Drag on empty picture", "Select points in a box"),
    ("Drag with a brush", "Paint; Ctrl: wipe away, or the reverse"),
    ("Shift+wheel with a brush", "Brush size"),
    ("Click “Locked to …” on the picture", "Let go of the locked view"),
    ("Tab, Shift+Tab on the picture", "Next, previous track"),
    ("Z (held)", "Loupe"),
    ("Click a patch of the filmstrip", "Go to its frame"),
    ("Drag in a patch of the filmstrip", "Correct that frame without going there"),
    ("Ctrl+wheel on the timeline", "Zoom in time"),
    ("Shift+drag on timeline or curves", "Choose frames of tracks; Esc lets go"),
    ("Alt+click on the eye in the track list", "Hide all others"),
)


def key_text(action: Action) -> str:
    """The keys of an action as this system writes them."""
    return "  ".join(QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText) for key in action.keys)


def columns_of(heights: dict[str, int]) -> list[list[str]]:
    """Sections spread over columns of about the same height, each in the first one that has room."""
    limit = sum(heights.values()) / COLUMNS + SLACK
    columns: list[list[str]] = []
    for title, height in heights.items():
        for column in columns:
            if sum(heights[other] for other in column) + height <= limit:
                column.append(title)
                break
        else:
            columns.append([title])
    return columns


class CheatSheet(QDialog):
    """All keys, by menu, in columns."""

    def __init__(self, actions: ActionRegistry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Keys and mouse"))
        groups: dict[str, list[tuple[str, str]]] = {}
        for action in actions:
            if action.keys:
                groups.setdefault(action.menu, []).append((key_text(action), action.text.rstrip("…")))
        groups[self.tr("Mouse")] = list(GESTURES)
        sheet = QWidget()
        columns = QHBoxLayout(sheet)
        columns.setContentsMargins(0, 0, 0, 0)
        columns.setSpacing(36)
        for titles in columns_of({title: len(rows) + 2 for title, rows in groups.items()}):
            column = QVBoxLayout()
            column.setSpacing(14)
            for title in titles:
                column.addLayout(self._section(title, groups[title]))
            column.addStretch()
            columns.addLayout(column)
        area = QScrollArea()  # for screens on which it has no room
        area.setWidget(sheet)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 16, 20, 12)
        layout.addWidget(area)
        layout.addWidget(buttons)
        around = layout.sizeHint() - area.sizeHint()
        self.resize((sheet.sizeHint() + around).boundedTo(self.screen().availableSize()))

    def _section(self, title: str, rows: list[tuple[str, str]]) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(0)
        heading = QLabel(title.replace("&", ""))
        font = heading.font()
        font.setBold(True)
        heading.setFont(font)
        grid.addWidget(heading, 0, 0, 1, 2)
        for row, (keys, text) in enumerate(rows, 1):
            key = QLabel(keys)
            key.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            key.setEnabled(False)
            grid.addWidget(key, row, 0)
            grid.addWidget(QLabel(text), row, 1)
        grid.setColumnStretch(1, 1)
        return grid
