"""The row above the strip: which frames, compared with what, how large."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QSlider, QWidget

from app.panels.buttons import IconButton
from app.panels.filmstrip.layout import LEAST, MOST
from app.theme import SPACE_M, SPACE_S

FIT = 0
STEPS = (FIT, 1, 2, 5, 10, 25)
AUTO = LEAST - 1  # the left end of the slider


class FilmstripBar(QWidget):
    """The choices of the filmstrip.

    Signals:
        changed: another choice of frames, reference or size.
        zoomed(int): one notch closer (1) or wider (-1).
    """

    changed = Signal()
    zoomed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.frames_box, self.reference_box = QComboBox(), QComboBox()
        self.size_slider = QSlider(Qt.Orientation.Horizontal)
        self.zoom_label, self.summary = QLabel(), QLabel()
        self._set_up_choices()
        wider = IconButton("mdi6.magnify-minus-outline", self.tr("Wider patches"), self.tr("Ctrl+wheel"))
        closer = IconButton("mdi6.magnify-plus-outline", self.tr("Closer patches"), self.tr("Ctrl+wheel"))
        wider.clicked.connect(lambda: self.zoomed.emit(-1))
        closer.clicked.connect(lambda: self.zoomed.emit(1))
        row = QHBoxLayout(self)
        row.setContentsMargins(SPACE_S, 1, SPACE_M, 1)
        row.setSpacing(SPACE_S)
        for part in (self.frames_box, self.reference_box, wider, self.zoom_label, closer, self.size_slider):
            row.addWidget(part)
        row.addSpacing(SPACE_M)
        row.addWidget(self.summary, 1)

    @property
    def step(self) -> int:
        """How many frames one patch stands for; `FIT` for as many as bring all into view."""
        return int(self.frames_box.currentData())

    @property
    def nearest(self) -> bool:
        """Whether to compare with the anchor nearest to the playhead, not with the first one."""
        return bool(self.reference_box.currentData())

    @property
    def side(self) -> int | None:
        """The wanted side of a patch on screen; None for what fits best."""
        value = self.size_slider.value()
        return None if value == AUTO else value

    def show_zoom(self, size: int) -> None:
        """Say how many pixels of the video a patch is wide."""
        self.zoom_label.setText(self.tr("{0} px").format(size))

    def _set_up_choices(self) -> None:
        for step in STEPS:
            if step == FIT:
                text = self.tr("Fit all in view")
            elif step == 1:
                text = self.tr("Every frame")
            else:
                text = self.tr("Worst of {0}").format(step)
            self.frames_box.addItem(text, step)
        self.frames_box.setToolTip(
            self.tr("Which frames: a patch that stands for several shows the one with the largest expected error")
        )
        self.frames_box.setAccessibleName(self.tr("Frames of the filmstrip"))
        self.reference_box.addItem(self.tr("First anchor"), False)
        self.reference_box.addItem(self.tr("Nearest anchor"), True)
        self.reference_box.setToolTip(self.tr("The patch at the left that the others are compared with"))
        self.reference_box.setAccessibleName(self.tr("Compare patches with"))
        for box in (self.frames_box, self.reference_box):
            box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            box.currentIndexChanged.connect(lambda _index: self.changed.emit())
        self.size_slider.setRange(AUTO, MOST)
        self.size_slider.setFixedWidth(96)
        self.size_slider.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.size_slider.setToolTip(self.tr("Size of the patches on screen; at the left end as large as fits"))
        self.size_slider.setAccessibleName(self.tr("Size of the patches on screen"))
        self.size_slider.valueChanged.connect(lambda _value: self.changed.emit())
        self.zoom_label.setToolTip(self.tr("Pixels of the video across a patch"))
        self.summary.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
