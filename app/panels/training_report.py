"""What came of a training: the verdict in words, base and student side by side, and what can be done now."""

from functools import partial

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.panels.buttons import IconButton, live_icon
from app.panels.wording import wrapped
from app.theme import SPACE_M, SPACE_S
from app.workers.training_record import Judgement, StudentReport

ICONS = {
    "better": "mdi6.arrow-up-bold-circle-outline",
    "no better": "mdi6.equal-box",
    "worse": "mdi6.arrow-down-bold-circle-outline",
    "not known": "mdi6.help-circle-outline",
    "": "mdi6.help-circle-outline",
}
ICON = QSize(16, 16)


class TrainingReport(QWidget):
    """Shown once a student is there.

    Signals:
        action_requested: the id of an action that the window should do.
    """

    action_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._report: StudentReport | None = None
        self._verdict_icon, self.verdict_label = QLabel(), QLabel(wordWrap=True)
        self.verdict_label.setTextFormat(Qt.TextFormat.PlainText)
        self.verdict_label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.table = QTableWidget(0, 3)
        self._set_up_table()
        tr = self.tr
        self.buttons = {
            action: IconButton(icon, tip, "", partial(self.action_requested.emit, action), text)
            for action, icon, text, tip in (
                (
                    "training.compare",
                    "mdi6.compare",
                    tr("Compare here (A/B)"),
                    tr("Track the points of the open video with base and student, and show where they differ"),
                ),
                (
                    "training.install",
                    "mdi6.check-decagram-outline",
                    tr("Use from now on…"),
                    tr("Keep the student under a name, with a card, and track with it"),
                ),
                (
                    "training.report",
                    "mdi6.file-document-outline",
                    tr("Show report"),
                    tr("All figures, and what the student was made of"),
                ),
                (
                    "training.evaluate",
                    "mdi6.scale-balance",
                    tr("Compare on held videos"),
                    tr("Score base and student as they are on the videos that were held out"),
                ),
            )
        }
        self._lay_out()
        self.set_report(None)

    def set_report(self, report: StudentReport | None) -> None:
        """Show this one; None where there is none."""
        self._report = report
        self.verdict_label.setText(self.tr("No report yet.") if report is None else report.verdict)
        judgements = () if report is None else report.judgements
        self.table.setRowCount(len(judgements))
        self.table.setVisible(bool(judgements))
        for row, one in enumerate(judgements):
            self._show_row(row, one)
            self.table.setRowHeight(row, 2 * self.fontMetrics().lineSpacing() + SPACE_S)
        height = self.table.horizontalHeader().sizeHint().height() + 2
        self.table.setFixedHeight(height + sum(self.table.rowHeight(row) for row in range(len(judgements))))
        self.buttons["training.evaluate"].setVisible(report is not None and not judgements)
        self._show_icons()

    def enable(self, **can: bool) -> None:
        """What can be done now, by the last part of the action's id."""
        for action, button in self.buttons.items():
            button.setEnabled(can.get(action.rpartition(".")[2], True))

    # -- building

    def _set_up_table(self) -> None:
        tr, table = self.tr, self.table
        table.setHorizontalHeaderLabels(["", tr("Means"), tr("Difference")])
        table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        table.horizontalHeader().setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        table.horizontalHeader().setMinimumSectionSize(20)
        table.horizontalHeader().setHighlightSections(False)
        table.verticalHeader().hide()
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        table.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.setIconSize(ICON)
        table.setAccessibleName(tr("Base and student on the held videos"))
        tip = tr("Means over the held videos, base → student; the difference with its 95 % interval, by bootstrap")
        table.setToolTip(wrapped(tip))

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE_M)
        verdict = QHBoxLayout()
        verdict.setSpacing(SPACE_S)
        verdict.addWidget(self._verdict_icon, 0, Qt.AlignmentFlag.AlignTop)
        verdict.addWidget(self.verdict_label, 1)
        column.addLayout(verdict)
        column.addWidget(self.table)
        buttons = QVBoxLayout()
        buttons.setSpacing(SPACE_S)
        for action in ("training.evaluate", "training.compare", "training.install", "training.report"):
            button = self.buttons[action]
            button.setSizePolicy(button.sizePolicy().Policy.Expanding, button.sizePolicy().verticalPolicy())
            buttons.addWidget(button)
        column.addLayout(buttons)

    # -- what is shown

    def _show_row(self, row: int, one: Judgement) -> None:
        difference = f"{one.difference}  {self._word(one.word)}"
        if one.interval:
            difference += f"\n{one.interval}"
        for column, text in enumerate((one.label, f"{one.base} → {one.student}", difference)):
            self.table.setItem(row, column, QTableWidgetItem(text))

    def _word(self, word: str) -> str:
        return {
            "better": self.tr("better"),
            "no better": self.tr("no better"),
            "worse": self.tr("worse"),
            "not known": self.tr("not known"),
        }[word]

    def _show_icons(self) -> None:
        report = self._report
        word = "" if report is None else report.word
        self._verdict_icon.setPixmap(live_icon(ICONS[word], self.palette()).pixmap(ICON))
        for row, one in enumerate(() if report is None else report.judgements):
            item = self.table.item(row, 2)
            if item is not None:
                item.setIcon(live_icon(ICONS[one.word], self.palette()))

    def changeEvent(self, event: QEvent) -> None:
        """Take the icons in the colours of another palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._show_icons()
