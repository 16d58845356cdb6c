"""The fields in which a person says how a program counts the plate: its first frame, rate and pixel aspect."""

import re
from dataclasses import replace
from fractions import Fraction

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QFormLayout, QLabel, QSpinBox, QWidget

from app.exporting import nearest_rate
from app.theme import SPACE_S
from tracker.labels import Plate
from tracker.labels.conventions import Convention

RATES = tuple(Fraction(rate) for rate in (24, 25, 30, 48, 50, 60)) + tuple(
    Fraction(whole * 1000, 1001) for whole in (24, 30, 60)
)


class PlateFields(QWidget):
    """Fields that start with what the video's files say.

    Attributes:
        form: the rows, to which others may add theirs.

    Signals:
        changed: a person has changed something.
    """

    changed = Signal()

    def __init__(self, plate: Plate, size_wh: tuple[int, int], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._plate = plate
        self._convention: Convention | None = None
        self._typed: dict[bool, int] = {}  # the number a person chose, for formats of plate numbers and for others
        self.first = QSpinBox(minimum=-1_000_000, maximum=10_000_000, value=plate.first_frame)
        self.first.setAccessibleName(self.tr("First frame"))
        self.first_note = QLabel()
        self.first_note.setEnabled(False)
        self.rate = QComboBox(editable=True)
        self.rate.setAccessibleName(self.tr("Frames per second"))
        for rate in sorted({*RATES, plate.fps}):
            self.rate.addItem(rate_text(rate), rate)
        self.rate.setCurrentText(rate_text(plate.fps))
        self.aspect = QDoubleSpinBox(minimum=0.1, maximum=10.0, decimals=4, singleStep=0.1)
        self.aspect.setValue(float(plate.pixel_aspect))
        self.aspect.setAccessibleName(self.tr("Pixel aspect"))
        self.form = form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(SPACE_S)
        form.addRow(self.tr("Picture"), QLabel(self.tr("{} × {} pixels").format(*size_wh)))
        form.addRow(self.tr("First frame"), self.first)
        form.addRow("", self.first_note)
        form.addRow(self.tr("Frames per second"), self.rate)
        form.addRow(self.tr("Pixel aspect"), self.aspect)
        self.first.valueChanged.connect(self._first_typed)
        self.rate.currentTextChanged.connect(self.changed)
        self.aspect.valueChanged.connect(self.changed)

    def set_convention(self, convention: Convention) -> None:
        """Show what the chosen format makes of the first frame's number."""
        self._convention = convention
        own = self._plate.first_frame if convention.first is None else convention.first
        self.first.blockSignals(True)
        self.first.setValue(own if self.start_frame is None else self.start_frame)
        self.first.blockSignals(False)
        self.first.setEnabled(not convention.fixed)
        self.first_note.setText(
            self.tr("this program always counts {}").format(re.split("[,;(]", convention.frames)[0].strip())
            if convention.fixed
            else self.tr("the number that the first picture has there")
        )

    @property
    def _by_plate(self) -> bool:
        """Whether the format's numbers are the plate's; others start from a number of their own."""
        return self._convention is None or self._convention.first is None

    def _first_typed(self, value: int) -> None:
        self._typed[self._by_plate] = value
        self.changed.emit()

    @property
    def start_frame(self) -> int | None:
        """The first frame's number where a person chose one and the format lets them."""
        fixed = self._convention is not None and self._convention.fixed
        return None if fixed else self._typed.get(self._by_plate)

    @property
    def plate(self) -> Plate:
        """The plate as it stands in the fields. Raises ValueError where the rate is none."""
        return replace(
            self._plate,
            first_frame=self._typed.get(True, self._plate.first_frame),
            fps=self._rate(),
            pixel_aspect=Fraction(str(round(self.aspect.value(), 4))),
        )

    def _rate(self) -> Fraction:
        text = self.rate.currentText()
        place = self.rate.findText(text)
        if place >= 0:
            return self.rate.itemData(place)
        try:
            rate = Fraction(text.replace(",", ".").split()[0])
        except (ValueError, ZeroDivisionError, IndexError) as error:
            raise ValueError(self.tr("“{}” is no frame rate; write 25 or 24000/1001").format(text)) from error
        if rate <= 0:
            raise ValueError(self.tr("A frame rate is above 0."))
        return nearest_rate(rate)


def rate_text(rate: Fraction) -> str:
    """25, or 23.976 (24000/1001)."""
    if rate.denominator == 1:
        return str(rate.numerator)
    return f"{float(rate):.6g} ({rate.numerator}/{rate.denominator})"
