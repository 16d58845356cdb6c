"""The fields of the dialog that makes pictures: one page of options for each kind."""

from typing import get_args

from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QFormLayout, QSpinBox, QWidget

from app.rendering.contact_sheet import SheetOptions
from app.rendering.overlay import Look
from app.rendering.stabilised import Lock
from tracker.inference.solves import LEAST, SolveKind

SCALES = (1.0, 0.5, 0.25, 2.0)


class OverlayFields(QWidget):
    """How tracks are drawn."""

    def __init__(self, trail: int) -> None:
        """`trail` is the length to begin with."""
        super().__init__()
        self.trail = QSpinBox(minimum=0, maximum=1000, value=trail, suffix=self.tr(" frames"))
        self.colour_by, self.scale = QComboBox(), QComboBox()
        self.colour_by.addItem(self.tr("Confidence"), "confidence")
        self.colour_by.addItem(self.tr("Track"), "track")
        for scale in SCALES:
            self.scale.addItem(f"{scale * 100:.0f} %", scale)
        self.names = QCheckBox(self.tr("Names"))
        self.legend = QCheckBox(self.tr("Legend"))
        self.legend.setChecked(True)
        self.numbers = QCheckBox(self.tr("Frame numbers"))
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow(self.tr("Colours"), self.colour_by)
        form.addRow(self.tr("Trails"), self.trail)
        form.addRow(self.tr("Size"), self.scale)
        for check in (self.legend, self.names, self.numbers):
            form.addRow("", check)

    def look(self, first_number: int, rows: tuple[int, ...], colours: list[tuple[int, int, int]]) -> Look:
        """What was chosen, for these tracks; `colours` are those of all tracks."""
        return Look(
            self.trail.value(),
            names=self.names.isChecked(),
            legend=self.legend.isChecked(),
            numbers_from=first_number if self.numbers.isChecked() else None,
            colour_by=self.colour_by.currentData(),
            colours=colours,
            rows=rows,
        )


class LockFields(QWidget):
    """What is held still."""

    def __init__(self, playhead: int, first_number: int, tracks: int) -> None:
        """`tracks` is how many are chosen to begin with."""
        super().__init__()
        self.kind, self.reference = QComboBox(), QComboBox()
        titles = (self.tr("Position"), self.tr("Position, rotation, size"), self.tr("Affine"), self.tr("Perspective"))
        for kind, title in zip(get_args(SolveKind), titles, strict=True):
            text = self.tr("{} (1 track or more)") if LEAST[kind] == 1 else self.tr("{} ({} tracks or more)")
            self.kind.addItem(text.format(title, LEAST[kind]), kind)
        self.kind.setCurrentIndex(0 if tracks < 2 else 1)
        self.reference.addItem(self.tr("The first with most tracks visible"), None)
        self.reference.addItem(self.tr("The shown one, {}").format(playhead + first_number), playhead)
        self.whole = QCheckBox(self.tr("Whole picture"))
        self.side = QSpinBox(minimum=8, maximum=8192, value=256, suffix=" px")
        self.zoom = QDoubleSpinBox(minimum=0.25, maximum=16, value=1, decimals=2, singleStep=0.5, suffix=" ×")
        self.labels = QCheckBox(self.tr("Frame numbers, and which frames are held"))
        self.whole.toggled.connect(self.side.setDisabled)
        for check in (self.whole, self.labels):
            check.setChecked(True)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow(self.tr("Hold still"), self.kind)
        form.addRow(self.tr("Frame that stands"), self.reference)
        form.addRow("", self.whole)
        form.addRow(self.tr("Square around them"), self.side)
        form.addRow(self.tr("Enlarge"), self.zoom)
        form.addRow("", self.labels)

    def lock(self, rows: tuple[int, ...], transparent: bool) -> Lock:
        """What was chosen, for these tracks."""
        side = self.side.value()
        return Lock(
            rows,
            self.kind.currentData(),
            self.reference.currentData(),
            None if self.whole.isChecked() else (side, side),
            self.zoom.value(),
            self.labels.isChecked(),
            transparent,
        )


class SheetFields(QWidget):
    """How a contact sheet is laid out."""

    def __init__(self) -> None:
        super().__init__()
        self.every = QSpinBox(minimum=0, maximum=100_000)
        self.every.setSpecialValueText(self.tr("as makes about 24 tiles"))
        self.columns = QSpinBox(minimum=1, maximum=100, value=12)
        self.tile = QSpinBox(minimum=8, maximum=1024, value=64, suffix=" px")
        self.zoom = QDoubleSpinBox(minimum=0.25, maximum=16, value=3, decimals=2, singleStep=0.5, suffix=" ×")
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow(self.tr("One tile in so many frames"), self.every)
        form.addRow(self.tr("Columns"), self.columns)
        form.addRow(self.tr("Tile of the video"), self.tile)
        form.addRow(self.tr("Enlarge"), self.zoom)

    def options(self, rows: tuple[int, ...], frames: tuple[int, int], first_number: int) -> SheetOptions:
        """What was chosen, for these tracks and frames."""
        return SheetOptions(
            rows,
            *frames,
            self.every.value() or None,
            self.columns.value(),
            self.tile.value(),
            self.zoom.value(),
            first_number,
        )
