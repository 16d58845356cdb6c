"""The mask panel: which masks there are, the tools to paint them, and what can be done to a whole mask."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QSlider,
    QSpinBox,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.canvas.mask_edits import grown, inverted, shrunk
from app.document.changes import Change
from app.document.project import Document
from app.document.view_state import ViewState
from app.panels.buttons import IconButton
from app.panels.item_views import CheckDelegate, wash_selection
from app.panels.mask_model import Column, MaskModel
from app.panels.subscriptions import Subscriptions
from app.theme import SPACE_M, SPACE_S

Bitmap = NDArray[np.bool_]
ROW_HEIGHT = 26
EYE_WIDTH = 30
LARGEST_BRUSH = 400  # of the slider; the keys go on
SLIDER_STEPS = 200
TOOLS = (
    ("brush", "mdi6.brush", "Brush"),
    ("eraser", "mdi6.eraser", "Eraser"),
    ("polygon", "mdi6.vector-polygon", "Polygon"),
    ("fill", "mdi6.format-color-fill", "Fill"),
)


class MaskTable(QTableView):
    """The list; Delete asks for the deletion of the chosen mask.

    Signals:
        delete_pressed: with nothing.
    """

    delete_pressed = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Delete is asked for; everything else is the table's."""
        if event.key() == Qt.Key.Key_Delete:
            self.delete_pressed.emit()
        else:
            super().keyPressEvent(event)


class MaskPanel(QWidget):
    """Masks of the document; the chosen one is `view.mask`. What is done to a mask is done on the playhead's frame.

    Signals:
        action_requested: the id of an action that the window should do.
        hidden_masks_changed: the ids of the masks that are not to be drawn, as a frozenset.
    """

    action_requested = Signal(str)
    hidden_masks_changed = Signal(object)

    def __init__(self, document: Document | None, view: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._document: Document | None = None
        self._subscriptions = Subscriptions(self)
        self.model = MaskModel()
        self.model.hidden_changed.connect(self.hidden_masks_changed)
        self.table_view = MaskTable()
        self._set_up_table()
        self._make_buttons()
        self._make_tools()
        self._make_askers()
        self._lay_out()
        self.set_document(document)

    def sizeHint(self) -> QSize:
        """A handful of masks and the tools."""
        return QSize(290, 330)

    def set_document(self, document: Document | None) -> None:
        """Show the masks of another document, or none."""
        self._subscriptions.release()
        self._document = document
        self.model.set_document(document)
        self.hidden_masks_changed.emit(self.model.hidden)
        if document is not None:
            self._subscriptions.add(document.changed, self._document_changed)
        self._subscriptions.add(self._view.changed, self._view_changed)
        self._choose_one()
        self._show()

    # -- building

    def _set_up_table(self) -> None:
        table = self.table_view
        table.setModel(self.model)
        table.setAccessibleName(self.tr("Masks"))
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.setFrameShape(QTableView.Shape.NoFrame)
        table.setMinimumHeight(3 * ROW_HEIGHT)
        table.verticalHeader().setVisible(False)
        table.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(EYE_WIDTH)
        header.setSectionResizeMode(Column.NAME, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(Column.MATTE, QHeaderView.ResizeMode.ResizeToContents)
        header.resizeSection(Column.EYE, EYE_WIDTH)
        table.setItemDelegateForColumn(Column.MATTE, CheckDelegate(table))
        table.clicked.connect(self._clicked)
        table.delete_pressed.connect(self.delete)
        table.selectionModel().currentRowChanged.connect(self._row_chosen)
        self.model.refresh_icons(self.palette())
        wash_selection(table)

    def _make_buttons(self) -> None:
        tr = self.tr
        self.add_button = IconButton("mdi6.plus", tr("Add a mask"), clicked=self.add)
        self.delete_button = IconButton("mdi6.trash-can-outline", tr("Delete the mask"), clicked=self.delete)
        self.colour_button = IconButton("mdi6.palette-outline", tr("Colour of the mask…"), clicked=self._ask_colour)
        self.pixels_box = QSpinBox(minimum=1, maximum=200, value=3, suffix=" px")
        self.pixels_box.setAccessibleName(tr("By how much to grow or shrink"))
        self.invert_button = IconButton("mdi6.invert-colors", tr("Invert"), clicked=self.invert)
        self.grow_button = IconButton("mdi6.arrow-expand-all", tr("Grow"), clicked=self.grow)
        self.shrink_button = IconButton("mdi6.arrow-collapse-all", tr("Shrink"), clicked=self.shrink)
        self.keep_button = IconButton("mdi6.pin-outline", tr("Copy the held mask to this frame"), clicked=self.keep)
        self.clear_button = IconButton("mdi6.backspace-outline", tr("Clear this frame"), clicked=self.clear)
        self.state_label = QLabel(wordWrap=True)
        self.state_label.setEnabled(False)

    def _make_tools(self) -> None:
        self.tool_buttons = {}
        for tool, icon_name, title in TOOLS:
            button = IconButton(icon_name, self.tr(title), clicked=partial(self._ask_tool, tool))
            button.setCheckable(True)
            self.tool_buttons[tool] = button
        self.size_slider = QSlider(Qt.Orientation.Horizontal)
        self.size_slider.setRange(0, SLIDER_STEPS)
        self.size_slider.setAccessibleName(self.tr("Brush size"))
        self.size_slider.setToolTip(self.tr("Brush size ([ and ], or Shift and the wheel)"))
        self.size_slider.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.size_slider.valueChanged.connect(self._size_chosen)
        self.size_label = QLabel()
        self.size_label.setMinimumWidth(self.fontMetrics().horizontalAdvance("0000 px"))

    def _make_askers(self) -> None:
        """Buttons for what the window does."""
        tr, ask = self.tr, self.action_requested.emit
        self.import_button = IconButton(
            "mdi6.image-plus-outline", tr("Import a PNG to this frame…"), clicked=partial(ask, "mask.import")
        )
        self.folder_button = IconButton(
            "mdi6.folder-image", tr("Import a folder of numbered PNGs…"), clicked=partial(ask, "mask.import_folder")
        )
        self.export_button = IconButton("mdi6.export", tr("Export as PNGs…"), clicked=partial(ask, "mask.export"))
        self.sample_button = IconButton(
            "mdi6.dots-grid",
            tr("Sample points in the mask…"),
            clicked=partial(ask, "sample.points"),
            text=tr("Sample points…"),
        )
        self.end_button = IconButton(
            "mdi6.content-cut",
            tr("End tracks where they enter the garbage mattes"),
            clicked=partial(ask, "matte.end_tracks"),
            text=tr("End on entry"),
        )
        self.flag_button = IconButton(
            "mdi6.flag-outline",
            tr("Flag tracks as occluded while they are inside the garbage mattes"),
            clicked=partial(ask, "matte.flag_tracks"),
            text=tr("Flag as occluded"),
        )

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE_S, SPACE_S, SPACE_S, SPACE_S)
        column.setSpacing(SPACE_S)
        files = self.import_button, self.folder_button, self.export_button
        column.addLayout(_row(self.add_button, self.delete_button, self.colour_button, None, *files))
        column.addWidget(self.table_view, 1)
        column.addWidget(self.state_label)
        size = QHBoxLayout()
        size.setSpacing(SPACE_M)
        size.addWidget(self.size_slider, 1)
        size.addWidget(self.size_label)
        tools = _row(*self.tool_buttons.values())
        tools.addSpacing(SPACE_M)
        tools.addLayout(size, 1)
        column.addLayout(tools)
        column.addLayout(
            _row(
                self.grow_button,
                self.shrink_button,
                self.pixels_box,
                self.invert_button,
                self.keep_button,
                self.clear_button,
                None,
            )
        )
        column.addLayout(_row(self.sample_button, self.end_button, self.flag_button, None))

    # -- the list

    def add(self) -> None:
        """A new mask, which is chosen."""
        if self._document is not None:
            self._view.mask = self._document.add_mask(initiator=self)

    def delete(self) -> None:
        """Delete the chosen mask; the one above it is chosen then."""
        mask_id = self._mask
        if self._document is not None and mask_id is not None:
            row = self.model.row_of(mask_id) or 0
            self._document.delete_mask(mask_id, initiator=self)
            left = self.model.rowCount()
            self._view.mask = self.model.info(max(0, row - 1)).id if left else None

    @property
    def _mask(self) -> int | None:
        """The chosen mask, None where there is none."""
        known = self._document is not None and self._view.mask is not None and self._view.mask in self._document.masks
        return self._view.mask if known else None

    def _choose_one(self) -> None:
        """Where masks are but none is chosen, the last one is."""
        if self._mask is None:
            rows = self.model.rowCount()
            self._view.mask = self.model.info(rows - 1).id if rows else None

    def _row_chosen(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid():
            self._view.mask = self.model.info(current.row()).id

    def _clicked(self, index: QModelIndex) -> None:
        if index.column() == Column.EYE:
            self.model.toggle(index.row())

    def _ask_colour(self) -> None:
        mask_id = self._mask
        if self._document is None or mask_id is None:
            return
        before = QColor(*self._document.masks.info(mask_id).colour)
        colour = QColorDialog.getColor(before, self, self.tr("Colour of the mask"))
        if colour.isValid():
            self._document.set_mask(mask_id, colour=(colour.red(), colour.green(), colour.blue()), initiator=self)

    # -- the bitmap on this frame

    def invert(self) -> None:
        """Swap inside and outside."""
        self._edit(inverted, self.tr("Invert mask"))

    def grow(self) -> None:
        """Make it larger all around."""
        pixels = self.pixels_box.value()
        self._edit(lambda bitmap: grown(bitmap, pixels), self.tr("Grow mask"))

    def shrink(self) -> None:
        """Make it smaller all around."""
        pixels = self.pixels_box.value()
        self._edit(lambda bitmap: shrunk(bitmap, pixels), self.tr("Shrink mask"))

    def keep(self) -> None:
        """What is only held here is painted here, so that it can be changed without changing earlier frames."""
        self._edit(lambda bitmap: bitmap, self.tr("Copy mask"))

    def clear(self) -> None:
        """This frame counts as not painted any more."""
        if self._document is not None and self._mask is not None:
            self._document.clear_mask(self._mask, self._view.playhead, initiator=self)

    def _edit(self, change: Callable[[Bitmap], Bitmap], label: str) -> None:
        mask_id, frame = self._mask, self._view.playhead
        if self._document is None or mask_id is None:
            return
        held = self._document.masks.held(mask_id, frame)
        if held is None:
            held = np.zeros(self._document.masks.size[::-1], dtype=bool)
        self._document.paint_mask(mask_id, frame, change(held), label=label, initiator=self)

    # -- what has changed

    def _document_changed(self, change: Change) -> None:
        if change.kind in ("masks", "all"):
            self.model.refresh()
            self._choose_one()
            self._show()

    def _view_changed(self, name: str) -> None:
        if name in ("mask", "playhead", "tool", "brush_size"):
            self._show()

    def _ask_tool(self, tool: str) -> None:
        """Ask for a tool; whatever comes of that, the buttons show what is so."""
        self.action_requested.emit(f"tool.{tool}")
        self._show()

    def _size_chosen(self, step: int) -> None:
        size = float(round(LARGEST_BRUSH ** (step / SLIDER_STEPS)))
        if _slider_step(self._view.brush_size) != step:
            self._view.brush_size = size

    def _show(self) -> None:
        """Bring everything but the rows up to date."""
        row = self.model.row_of(self._mask)
        index = self.model.index(row, Column.NAME) if row is not None else QModelIndex()
        chosen = self.table_view.selectionModel()
        if chosen.currentIndex().row() != index.row():
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            chosen.setCurrentIndex(index, flags)
        for tool, button in self.tool_buttons.items():
            button.setChecked(self._view.tool == tool)
            button.setEnabled(self._document is not None)
        self.size_slider.setValue(_slider_step(self._view.brush_size))
        self.size_label.setText(f"{self._view.brush_size:g} px")
        self._show_state()

    def _show_state(self) -> None:
        mask_id, frame = self._mask, self._view.playhead
        frames = [] if mask_id is None or self._document is None else self._document.masks.frames(mask_id)
        earlier = [painted for painted in frames if painted <= frame]
        here = bool(earlier) and earlier[-1] == frame
        count = self.tr("1 painted frame.") if len(frames) == 1 else self.tr("{} painted frames.").format(len(frames))
        if mask_id is None:
            text = self.tr("No mask yet: take the brush and paint.")
        elif here:
            text = self.tr("Painted on this frame. {}").format(count)
        elif earlier:
            assert self._document is not None
            text = self.tr("Held from frame {0}. {1}").format(self._document.number_of(earlier[-1]), count)
        else:
            text = self.tr("Nothing painted up to this frame. {}").format(count)
        self.state_label.setText(text)
        matte = mask_id is not None and self._document is not None and self._document.masks.info(mask_id).matte
        for button in (self.delete_button, self.colour_button, self.invert_button):
            button.setEnabled(mask_id is not None)
        for button in (self.grow_button, self.shrink_button):
            button.setEnabled(bool(earlier))
        self.keep_button.setEnabled(bool(earlier) and not here)
        self.clear_button.setEnabled(here)
        self.export_button.setEnabled(bool(frames))
        for button in (self.add_button, self.import_button, self.folder_button):
            button.setEnabled(self._document is not None)
        self.sample_button.setVisible(not matte)
        self.sample_button.setEnabled(bool(earlier))
        self.end_button.setVisible(matte)
        self.flag_button.setVisible(matte)

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of another palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.model.refresh_icons(self.palette())
            wash_selection(self.table_view)


def _slider_step(size: float) -> int:
    """Where a brush stands on the slider, on which equal steps are equal ratios."""
    return min(SLIDER_STEPS, round(SLIDER_STEPS * math.log(max(size, 1.0)) / math.log(LARGEST_BRUSH)))


def _row(*widgets: QWidget | None) -> QHBoxLayout:
    """Widgets side by side; None takes the room that is left."""
    row = QHBoxLayout()
    row.setSpacing(SPACE_S)
    for widget in widgets:
        if widget is None:
            row.addStretch(1)
        else:
            row.addWidget(widget)
    return row
