"""What is known of a tracker: what it is and can do, its licence and size, and its model card."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLabel, QVBoxLayout, QWidget

from app.markdown_view import MarkdownView
from app.panels.wording import number, tracker_title
from app.theme import SPACE_L, SPACE_M, SPACE_S
from tracker.inference.trackers import TrackerInfo
from tracker.models.families import FAMILIES, UNKNOWN, Capabilities

WIDTH, HEIGHT = 660, 600  # of the dialog with a card, in logical pixels


class TrackerDialog(QDialog):
    """Facts above, the card below."""

    def __init__(self, info: TrackerInfo, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("About this tracker"))
        title = _text(tracker_title(info))
        font = title.font()
        font.setBold(True)
        font.setPointSizeF(font.pointSizeF() * 1.3)
        title.setFont(font)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_L, SPACE_L, SPACE_L, SPACE_M)
        layout.setSpacing(SPACE_M)
        layout.addWidget(title)
        layout.addWidget(_text(info.description))
        layout.addLayout(self._facts(info))
        self.card = MarkdownView(self.tr("Model card"))
        if info.card is not None:
            self._fill_card(info)
            layout.addWidget(self.card, 1)
            self.resize(WIDTH, HEIGHT)
        else:
            self.card.hide()
            layout.addStretch(1)
            self.resize(WIDTH * 2 // 3, self.sizeHint().height())
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)

    def _facts(self, info: TrackerInfo) -> QFormLayout:
        form = QFormLayout()
        form.setHorizontalSpacing(SPACE_L)
        form.setVerticalSpacing(SPACE_S)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        for caption, value in self._rows(info):
            label = QLabel(caption)
            label.setEnabled(False)
            form.addRow(label, _text(value))
        return form

    def _rows(self, info: TrackerInfo) -> list[tuple[str, str]]:
        tr = self.tr
        states = {
            "experimental": tr("experimental: not good enough yet to be the default"),
            "stable": tr("stable: measured, and better than the tracker that was the default before"),
        }
        rows = []
        if info.maturity is not None and info.needs_weights:
            rows.append((tr("State"), states[info.maturity]))
        if info.family:
            family = FAMILIES[info.family]
            name = info.network or tr("of sizes of its own")
            rows.append((tr("Network"), f"{family.title}, {name} ({family.source})"))
        if info.capabilities != UNKNOWN:
            rows.append((tr("Works"), self._capabilities(info.capabilities)))
        rows.append((tr("Licence"), info.licence))
        if info.parameters:
            rows.append((tr("Parameters"), tr("{0} million").format(number(info.parameters / 1e6, 1))))
        if info.weights is not None:
            rows.append((tr("Size"), tr("{0} MB").format(number(info.weights.stat().st_size / 1e6, 1))))
        if info.source:
            rows.append((tr("Made by"), info.source))
        if info.weights is not None:
            rows.append((tr("File"), str(info.weights)))
        if info.published:
            rows.append((tr("Published"), info.published))
        return rows

    def _capabilities(self, can: Capabilities) -> str:
        """What a tracker can do, as the parts of a sentence."""
        tr = self.tr
        parts = [tr("while frames come in") if can.online else tr("on the whole clip at once")]
        parts.append(tr("points help each other") if can.joint else tr("each point for itself"))
        parts.append(
            tr("tells how sure it is of a position") if can.confidence else tr("tells only whether it is seen")
        )
        if can.resolution is not None:
            height, width = can.resolution
            parts.append(tr("at {0} × {1} pixels").format(width, height))
        return ", ".join(parts)

    def _fill_card(self, info: TrackerInfo) -> None:
        assert info.card is not None
        try:
            text = info.card.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            self.card.setPlainText(self.tr("The model card {0} cannot be read: {1}").format(info.card, error))
            return
        self.card.setSearchPaths([str(info.card.parent)])
        self.card.show_markdown(text)


def _text(text: str) -> QLabel:
    label = QLabel(text, wordWrap=True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
