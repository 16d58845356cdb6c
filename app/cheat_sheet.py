"""The cheat-sheet: every action and its keys, made from the registry."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.actions import Action, ActionRegistry

# What is done with the mouse, or while a key is held, stands in no menu.
GESTURES = (
    ("Wheel", "Zoom at the pointer"),
    ("Middle drag", "Pan"),
    ("Click", "Select a point; on empty picture, deselect"),
    ("Drag a selected point", "Correct it: it becomes an anchor"),
    ("Ctrl+click", "Put the selected point here"),
    ("Drag on empty picture", "Select points in a box"),
    ("Tab, Shift+Tab on the picture", "Next, previous track"),
    ("Z (held)", "Loupe"),
    ("Ctrl+wheel on the timeline", "Zoom in time"),
)


def key_text(action: Action) -> str:
    """The keys of an action as this system writes them."""
    return "  ".join(QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText) for key in action.keys)


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
        columns = QHBoxLayout()
        columns.setSpacing(36)
        total, height, column = sum(len(rows) + 2 for rows in groups.values()), 0, QVBoxLayout()
        for title, rows in groups.items():
            if height and height + len(rows) > total / 3 + 3:
                column.addStretch()
                columns.addLayout(column)
                height, column = 0, QVBoxLayout()
            column.addLayout(self._section(title, rows))
            column.addSpacing(14)
            height += len(rows) + 2
        column.addStretch()
        columns.addLayout(column)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 16, 20, 12)
        layout.addLayout(columns)
        layout.addWidget(buttons)

    def _section(self, title: str, rows: list[tuple[str, str]]) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(2)
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
