"""How the pictures of the video are seen, by the eye and by the trackers."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QDoubleSlider

from app.theme import SPACE_M
from tracker.files import InputError
from tracker.video import ImageSequence, ViewTransform
from tracker.video.ocio import OcioChoices, has_ocio, ocio_choices
from tracker.video.view_transform import VIEW_KINDS, default_view

if TYPE_CHECKING:
    from app.window import MainWindow

LIVE_MS = 40  # between two pictures while a slider moves
REST_MS = 400  # after so long without a change the project, the filmstrip and the trackers take over what is seen
STOPS, GAMMAS = (-8.0, 8.0), (0.2, 4.0)  # what the sliders reach


class ViewTransformDialog(QDialog):
    """What the numbers in the files are, exposure and gamma; what is chosen is seen at once.

    It belongs to the video that is open when it is made, and closes with it.
    """

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self._window, self._source = window, window.source
        assert self._source is not None, "the action is disabled while nothing is open"
        self._first = self._source.view
        self._view = self._first
        self._showing = False
        self.setWindowTitle(self.tr("View transform"))
        self._build()
        self._live, self._rest = QTimer(self), QTimer(self)
        for timer, milliseconds, call in ((self._live, LIVE_MS, self._look), (self._rest, REST_MS, self._keep)):
            timer.setSingleShot(True)
            timer.setInterval(milliseconds)
            timer.timeout.connect(call)
        self.finished.connect(self._end)
        self._show()

    @property
    def view(self) -> ViewTransform:
        """What is chosen."""
        return self._view

    # -- building

    def _build(self) -> None:
        self.kind = QComboBox()
        titles = {
            "display": self.tr("As stored"),
            "srgb": self.tr("Scene-linear light (sRGB)"),
            "log": self.tr("Printing densities (Cineon, DPX)"),
            "ocio": self.tr("OpenColorIO"),
        }
        for kind in VIEW_KINDS:
            self.kind.addItem(titles[kind], kind)
        self.note = QLabel(wordWrap=True)
        self.note.setEnabled(False)
        self.exposure, exposure_row = self._number(STOPS, 0.1, self.tr(" stops"))
        self.gamma, gamma_row = self._number(GAMMAS, 0.05, "")
        self._form = QFormLayout()
        self._form.addRow(self.tr("The files hold"), self.kind)
        self._form.addRow("", self.note)
        self._form.addRow(self.tr("Exposure"), exposure_row)
        self._form.addRow(self.tr("Gamma"), gamma_row)
        self.ocio = self._ocio_box()
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close | QDialogButtonBox.StandardButton.Reset)
        buttons.rejected.connect(self.reject)
        buttons.button(QDialogButtonBox.StandardButton.Reset).clicked.connect(self.reset)
        for each in (QDialogButtonBox.StandardButton.Close, QDialogButtonBox.StandardButton.Reset):
            buttons.button(each).setAutoDefault(False)  # Enter ends the typing of a number, no more
        layout = QVBoxLayout(self)
        layout.setSpacing(SPACE_M)
        layout.addLayout(self._form)
        layout.addWidget(self.ocio)
        layout.addWidget(buttons)
        self.setMinimumWidth(420)
        for name, widget in ((self.tr("The files hold"), self.kind), (self.tr("Exposure"), self.exposure)):
            widget.setAccessibleName(name)
        self.gamma.setAccessibleName(self.tr("Gamma"))
        self.kind.activated.connect(self._chosen)
        self._say("")
        self._forbid()

    def _number(self, ends: tuple[float, float], step: float, suffix: str) -> tuple[QDoubleSpinBox, QWidget]:
        """A slider and a box that follow each other."""
        box = QDoubleSpinBox(minimum=ends[0], maximum=ends[1], singleStep=step, decimals=2, suffix=suffix)
        slider = QDoubleSlider()
        slider.setOrientation(slider.orientation().Horizontal)
        slider.setRange(*ends)
        slider.valueChanged.connect(box.setValue)
        box.valueChanged.connect(slider.setValue)
        box.valueChanged.connect(self._chosen)
        row = QWidget()
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(slider, 1)
        line.addWidget(box)
        return box, row

    def _ocio_box(self) -> QWidget:
        self.config = QLineEdit(self._first.config or os.environ.get("OCIO", "ocio://default"))
        self.config.editingFinished.connect(self._chosen)
        browse = QPushButton(self.tr("Browse…"))
        browse.clicked.connect(self._browse)
        self.colour_space, self.display, self.shown_as = QComboBox(), QComboBox(), QComboBox()
        box = QWidget()
        form = QFormLayout(box)
        form.setContentsMargins(0, 0, 0, 0)
        line = QHBoxLayout()
        line.addWidget(self.config, 1)
        line.addWidget(browse)
        form.addRow(self.tr("Configuration"), line)
        for text, combo in (
            (self.tr("Colour space"), self.colour_space),
            (self.tr("Display"), self.display),
            (self.tr("View"), self.shown_as),
        ):
            combo.setAccessibleName(text)
            combo.activated.connect(self._chosen)
            form.addRow(text, combo)
        self.config.setAccessibleName(self.tr("Configuration"))
        return box

    def _forbid(self) -> None:
        """What this video or this installation has not."""
        model = self.kind.model()
        if not has_ocio() and isinstance(model, QStandardItemModel):
            model.item(VIEW_KINDS.index("ocio")).setEnabled(False)
            self._say(self.tr("OpenColorIO is not installed: pip install trackwright[colour] adds it."))
        if not isinstance(self._source, ImageSequence):
            self.kind.setEnabled(False)
            self._say(self.tr("A video is shown as it is stored; exposure and gamma come after that."))

    # -- what a person does

    def reset(self) -> None:
        """What the kind of file suggests, without exposure and gamma."""
        assert self._source is not None
        kind = self._first.kind if self._first.kind == "log" else default_view(self._source.codec).kind
        self._take(ViewTransform(kind))
        self._show()

    def _browse(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, self.tr("OpenColorIO configuration"), self.config.text(), self.tr("Configurations (*.ocio *.ocioz)")
        )
        if name:
            self.config.setText(str(Path(name)))
            self._chosen()

    def _chosen(self) -> None:
        if self._showing:
            return
        view = replace(
            self._view, kind=self.kind.currentData(), exposure=self.exposure.value(), gamma=self.gamma.value()
        )
        if view.kind == "ocio":
            view = replace(
                view,
                config=self.config.text(),
                colour_space=self.colour_space.currentText(),
                display=self.display.currentText(),
                view=self.shown_as.currentText(),
            )
        self._take(view)
        self._show()

    def _take(self, view: ViewTransform) -> None:
        """See the video this way, once it is known that it can be done."""
        if view.kind == "ocio":
            try:
                view = _completed(view, ocio_choices(view.config))
            except InputError as error:
                self._say(str(error))
                return
            self._say("")
        if view != self._view:
            self._view = view
            if not self._live.isActive():
                self._live.start()
            self._rest.start()

    # -- what is shown

    def _show(self) -> None:
        """Bring the widgets to what is chosen."""
        self._showing = True
        view = self._view
        if self.kind.currentData() != "ocio" or view.kind == "ocio":
            self.kind.setCurrentIndex(VIEW_KINDS.index(view.kind))
        self.exposure.setValue(view.exposure)
        self.gamma.setValue(view.gamma)
        self.ocio.setVisible(self.kind.currentData() == "ocio")
        if view.kind == "ocio":
            self._list(view)
        self._showing = False
        self.adjustSize()

    def _list(self, view: ViewTransform) -> None:
        try:
            choices = ocio_choices(view.config)
        except InputError as error:
            self._say(str(error))
            return
        for combo, items, chosen in (
            (self.colour_space, choices.colour_spaces, view.colour_space),
            (self.display, tuple(choices.displays), view.display),
            (self.shown_as, choices.displays.get(view.display, ()), view.view),
        ):
            combo.clear()
            combo.addItems(list(items))
            combo.setCurrentText(chosen)

    def _say(self, text: str) -> None:
        """A sentence below the kind, or nothing."""
        self.note.setText(text)
        self._form.setRowVisible(self.note, bool(text))

    def _look(self) -> None:
        if self._window.source is self._source:
            self._window.playback.set_view(self._view)

    def _keep(self) -> None:
        if self._window.source is self._source:
            self._window.plates.set_view(self._view)

    def _end(self) -> None:
        self._live.stop()
        if self._rest.isActive():
            self._rest.stop()
            self._keep()
        self.deleteLater()


def _completed(view: ViewTransform, choices: OcioChoices) -> ViewTransform:
    """With names that the configuration has, in place of those it has not."""
    space = view.colour_space if view.colour_space in choices.colour_spaces else choices.colour_space
    display = view.display if view.display in choices.displays else choices.display
    views = choices.displays[display]
    return replace(view, colour_space=space, display=display, view=view.view if view.view in views else views[0])
