"""Asks how many points to sample, and where."""

from dataclasses import dataclass

from PySide6.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QFormLayout, QLabel, QSpinBox, QVBoxLayout, QWidget

METHODS = (
    ("grid", "Grid", "evenly spaced over the picture"),
    ("corners", "Corners", "where the picture has texture in two directions (Shi-Tomasi)"),
    ("sift", "SIFT", "distinctive blobs at many sizes"),
    ("random", "Random", "anywhere, with a minimum spacing"),
)


@dataclass(frozen=True)
class SampleRequest:
    """How to sample: `method` of `METHODS`, at most `count` points, at least `spacing` pixels apart."""

    method: str
    count: int
    spacing: int


class SampleDialog(QDialog):
    """A method, a count and a spacing."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Sample points on this frame"))
        self._method = QComboBox()
        self._note = QLabel()
        self._note.setEnabled(False)
        for key, title, _ in METHODS:
            self._method.addItem(title, key)
        self._method.currentIndexChanged.connect(lambda i: self._note.setText(METHODS[i][2]))
        self._method.setCurrentIndex(1)
        self._count = QSpinBox(minimum=1, maximum=100_000, value=50)
        self._spacing = QSpinBox(minimum=1, maximum=1000, value=12, suffix=" px")
        form = QFormLayout()
        form.addRow(self.tr("Method"), self._method)
        form.addRow("", self._note)
        form.addRow(self.tr("At most"), self._count)
        form.addRow(self.tr("Apart by at least"), self._spacing)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        buttons.button(QDialogButtonBox.StandardButton.Ok).setText(self.tr("Place points"))
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(buttons)

    @property
    def request(self) -> SampleRequest:
        """What was chosen."""
        return SampleRequest(str(self._method.currentData()), self._count.value(), self._spacing.value())
