"""The rows of the track list: every track, filtered and sorted, with its values at the playhead."""

from collections.abc import Callable
from enum import IntEnum
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPalette, QPixmap

from app.document.project import Document
from app.panels.buttons import live_icon
from app.panels.track_counts import TrackCounts
from app.panels.wording import number, state_text
from tracker.labels.table import State, TrackInfo, TrackTable

Index = QModelIndex | QPersistentModelIndex
NO_INDEX = QModelIndex()
NO_TRACKS = TrackTable(1)
CHIP = 12
STATE_ICONS = {
    State.UNLABELLED: "mdi6.circle-outline",
    State.VISIBLE: "mdi6.circle",
    State.OCCLUDED: "mdi6.circle-half-full",
    State.OUT_OF_VIEW: "mdi6.arrow-top-right",
}

LOCK, OPEN_LOCK = "mdi6.lock", "mdi6.lock-open-variant-outline"
EYE, CLOSED_EYE = "mdi6.eye-outline", "mdi6.eye-off"


class Column(IntEnum):
    """The columns of the list."""

    NAME, STATE, CONFIDENCE, COVERAGE, ANCHORS, EYE, LOCK, GROUP = range(8)


RIGHT = (Column.CONFIDENCE, Column.COVERAGE, Column.ANCHORS)
AT_PLAYHEAD = (Column.STATE, Column.CONFIDENCE)


class TrackModel(QAbstractTableModel):
    """Tracks as rows. Order and filter are index arrays over the table's columns: nothing is copied.

    A row keeps its place while the playhead moves, also where the list is sorted by what changes with it: rows that
    jump cannot be clicked.
    """

    def __init__(self) -> None:
        super().__init__()
        self._document: Document | None = None
        self._counts = TrackCounts(NO_TRACKS)
        self._order = np.zeros(0, np.intp)
        self._rows: dict[int, int] = {}  # row of each column of the table that is shown
        self._sorting = (-1, Qt.SortOrder.AscendingOrder)
        self._filter = ""
        self._playhead = 0
        self._hidden: frozenset[int] = frozenset()
        self._group_colours: dict[str, tuple[int, int, int]] = {}
        self._dim = QColor()
        self._chips: dict[tuple[int, int, int], QIcon] = {}
        self._icons: dict[str, QIcon] = {}

    # -- what it shows

    @property
    def table(self) -> TrackTable:
        """The tracks; an empty table while nothing is open."""
        return NO_TRACKS if self._document is None else self._document.table

    def set_document(self, document: Document | None) -> None:
        """Show another document, or nothing."""
        self.beginResetModel()
        self._document = document
        self._counts = TrackCounts(self.table)
        self._read_groups()
        self._arrange()
        self.endResetModel()

    def set_hidden(self, ids: frozenset[int]) -> None:
        """The tracks that are not shown on the picture."""
        self._hidden = ids
        if self._sorting[0] == Column.EYE:
            self._rearrange()
        self.refresh(0, self.rowCount() - 1, Column.NAME, Column.EYE)

    def groups_changed(self) -> None:
        """Groups have other colours."""
        self._read_groups()
        self.refresh(0, self.rowCount() - 1, Column.GROUP, Column.GROUP)

    def _read_groups(self) -> None:
        groups = [] if self._document is None else self._document.groups
        self._group_colours = {group.name: group.colour for group in groups}

    def set_playhead(self, frame: int) -> None:
        """The frame whose values are shown; the view is to draw them again with `refresh`."""
        self._playhead = frame

    def set_filter(self, text: str) -> None:
        """Show only tracks with this text in their name or group."""
        if text.casefold() != self._filter:
            self._filter = text.casefold()
            self._rearrange()

    def refresh_icons(self, palette: QPalette) -> None:
        """Take the icons in the colours of a palette."""
        quiet, self._dim = QPalette(palette), palette.color(QPalette.ColorRole.PlaceholderText)
        quiet.setColor(QPalette.ColorRole.ButtonText, self._dim)
        self._icons = {name: live_icon(name, palette) for name in (*STATE_ICONS.values(), LOCK, CLOSED_EYE)}
        self._icons |= {name: live_icon(name, quiet) for name in (OPEN_LOCK, EYE)}

    def tracks_changed(self) -> bool:
        """Tracks came, went or have other properties; whether the rows are others, so that nothing is selected."""
        self._read_groups()
        if not np.array_equal(self._counts.ids, self.table.ids):
            self.beginResetModel()
            self._counts.tracks_changed()
            self._arrange()
            self.endResetModel()
            return True
        if self._filter or self._sorting[0] in (Column.NAME, Column.LOCK, Column.GROUP):
            self._rearrange()
        else:
            self.refresh(0, self.rowCount() - 1, Column.NAME, Column.GROUP)
        return False

    def cells_changed(self, start: int, end: int) -> None:
        """Cells on frames start to end (exclusive) are others now."""
        self._counts.cells_changed(start, end)

    def count(self, budget: float) -> bool:
        """Bring the counts up to date for at most about `budget` seconds; whether they are."""
        return self._counts.refresh(budget)

    def refresh(self, first: int, last: int, left: Column, right: Column) -> None:
        """Have rows first to last and columns left to right (all inclusive) drawn again."""
        last = min(last, self.rowCount() - 1)
        if first <= last:
            self.dataChanged.emit(self.index(first, left), self.index(last, right))

    def track_at(self, row: int) -> TrackInfo:
        """The track of a row."""
        return self.table.tracks[self._order[row]]

    def row_of(self, track_id: int) -> int | None:
        """The row of a track, None where it is not shown."""
        if track_id not in self.table:
            return None
        return self._rows.get(int(self.table.columns([track_id])[0]))

    # -- order

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column as it is now; -1 for the order in which the tracks were made."""
        self._sorting = (column, order)
        self._rearrange()

    def _rearrange(self) -> None:
        self.layoutAboutToBeChanged.emit()
        old = self.persistentIndexList()
        columns = [int(self._order[index.row()]) for index in old]
        self._arrange()
        rows = [self._rows.get(column) for column in columns]
        new = [QModelIndex() if r is None else self.index(r, i.column()) for r, i in zip(rows, old, strict=True)]
        self.changePersistentIndexList(old, new)
        self.layoutChanged.emit()

    def _arrange(self) -> None:
        tracks, text = self.table.tracks, self._filter
        kept = [k for k, t in enumerate(tracks) if text in t.name.casefold() or text in t.group.casefold()]
        self._order = np.array(kept, np.intp)
        column, direction = self._sorting
        if column >= 0:
            keys = self._sort_keys(Column(column))[self._order]
            rank = np.unique(keys, return_inverse=True)[1]
            if direction == Qt.SortOrder.DescendingOrder:
                rank = -rank
            self._order = self._order[np.argsort(rank, kind="stable")]
        self._rows = {column: row for row, column in enumerate(self._order.tolist())}

    def _sort_keys(self, column: Column) -> NDArray[Any]:
        table, frame = self.table, self._playhead
        if column == Column.NAME:
            return _ranks([_natural(track.name) for track in table.tracks])
        if column == Column.GROUP:
            return _ranks([_natural(track.group) for track in table.tracks])
        if column == Column.LOCK:
            return np.array([track.locked for track in table.tracks])
        if column == Column.EYE:
            return np.array([track.id in self._hidden for track in table.tracks])
        if column == Column.STATE:
            return table.rows("state")[frame]
        if column == Column.CONFIDENCE:
            return np.nan_to_num(table.rows("confidence")[frame], nan=2.0)  # a person's word stands above all
        return self._counts.labelled if column == Column.COVERAGE else self._counts.anchors

    # -- Qt's questions

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        """How many tracks pass the filter."""
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        """One per `Column`."""
        return 0 if parent.isValid() else len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Titles, and what they mean as tool tips."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        title, meaning = self._titles()[Column(section)]
        if role == Qt.ItemDataRole.DisplayRole:
            return title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if section in RIGHT else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return meaning if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole) else None

    def _titles(self) -> dict[Column, tuple[str, str]]:
        return {
            Column.NAME: (self.tr("Name"), self.tr("Double-click a name to change it")),
            Column.GROUP: (self.tr("Group"), self.tr("Double-click a group to change it")),
            Column.STATE: ("", self.tr("State at the playhead")),
            Column.CONFIDENCE: (self.tr("Conf."), self.tr("Confidence at the playhead, 0 to 1")),
            Column.COVERAGE: (self.tr("%"), self.tr("Part of the video where the track is labelled, per cent")),
            Column.ANCHORS: ("◆", self.tr("Frames that a person placed or flagged")),
            Column.EYE: ("", self.tr("Whether the track is shown on the picture")),
            Column.LOCK: ("", self.tr("Locked tracks are changed by nothing")),
        }

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Names and groups can be edited."""
        flags = super().flags(index)
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() in (Column.NAME, Column.GROUP) else flags

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Rename a track or move it to another group, through the document."""
        if role != Qt.ItemDataRole.EditRole or self._document is None:
            return False
        track, text = self.track_at(index.row()), str(value).strip()
        if index.column() == Column.NAME and text and text != track.name:
            self._document.rename(track.id, text)
        elif index.column() == Column.GROUP and text != track.group:
            self._document.set_group([track.id], text)
        else:
            return False
        return True

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Texts, icons and what screen readers say."""
        column = int(self._order[index.row()])
        answers: dict[Any, Callable[[int, Column], Any]] = {
            Qt.ItemDataRole.DisplayRole: self._text,
            Qt.ItemDataRole.EditRole: self._text,
            Qt.ItemDataRole.DecorationRole: self._decoration,
            Qt.ItemDataRole.AccessibleTextRole: self._spoken,
            Qt.ItemDataRole.ToolTipRole: self._tip,
        }
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() in RIGHT:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ForegroundRole:
            return self._dim if index.column() == Column.NAME and self._is_hidden(column) else None
        answer = answers.get(role)
        return None if answer is None else answer(column, Column(index.column()))

    def _is_hidden(self, place: int) -> bool:
        return self.table.tracks[place].id in self._hidden

    def _text(self, place: int, column: Column) -> str:
        table, track = self.table, self.table.tracks[place]
        if column == Column.NAME:
            return track.name
        if column == Column.GROUP:
            return track.group
        if column == Column.CONFIDENCE:
            value = float(table.rows("confidence")[self._playhead, place])
            return number(value, 2) if value == value else ""
        if column == Column.COVERAGE:
            return number(_percent(int(self._counts.labelled[place]), table.n_frames))
        return number(int(self._counts.anchors[place])) if column == Column.ANCHORS else ""

    def _decoration(self, place: int, column: Column) -> QIcon | None:
        track = self.table.tracks[place]
        if column == Column.NAME:
            return self._chip(track.colour)
        if column == Column.STATE:
            return self._icons.get(STATE_ICONS[State(self.table.rows("state")[self._playhead, place])])
        if column == Column.EYE:
            return self._icons.get(CLOSED_EYE if self._is_hidden(place) else EYE)
        if column == Column.LOCK:
            return self._icons.get(LOCK if track.locked else OPEN_LOCK)
        if column == Column.GROUP and track.group in self._group_colours:
            return self._chip(self._group_colours[track.group])
        return None

    def _spoken(self, place: int, column: Column) -> str:
        if column == Column.EYE:
            return self.tr("Hidden") if self._is_hidden(place) else self.tr("Shown")
        if column == Column.LOCK:
            return self.tr("Locked") if self.table.tracks[place].locked else self.tr("Not locked")
        if column == Column.STATE:
            return state_text(int(self.table.rows("state")[self._playhead, place]))
        return self._text(place, column)

    def _tip(self, place: int, column: Column) -> str | None:
        if column == Column.EYE:
            hidden = self._is_hidden(place)
            return self.tr("Hidden: click to show") if hidden else self.tr("Click to hide, with Alt all others")
        if column == Column.LOCK:
            locked = self.table.tracks[place].locked
            return self.tr("Locked: click to unlock") if locked else self.tr("Click to lock")
        if column == Column.COVERAGE:
            labelled = number(int(self._counts.labelled[place]))
            return self.tr("Labelled on {0} of {1} frames").format(labelled, number(self.table.n_frames))
        return self._spoken(place, column) or None

    def _chip(self, rgb: tuple[int, int, int]) -> QIcon:
        if rgb not in self._chips:
            pixmap = QPixmap(CHIP * 2, CHIP * 2)  # sharp at twice the resolution too
            pixmap.fill(Qt.GlobalColor.transparent)
            painter = QPainter(pixmap)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QColor(0, 0, 0, 120))
            painter.setBrush(QColor(*rgb))
            painter.drawRoundedRect(pixmap.rect().adjusted(1, 1, -2, -2), 4, 4)
            painter.end()
            self._chips[rgb] = QIcon(pixmap)
            self._chips[rgb].addPixmap(pixmap, QIcon.Mode.Selected)  # Qt would tint it
        return self._chips[rgb]


def _natural(text: str) -> tuple[tuple[int, int | str], ...]:
    """A key that puts Track 2 before Track 10."""
    parts: list[tuple[int, int | str]] = []
    for is_digit, letters in groupby(text.casefold(), str.isdecimal):
        part = "".join(letters)
        parts.append((0, int(part)) if is_digit else (1, part))
    return tuple(parts)


def _ranks(keys: list[Any]) -> NDArray[np.intp]:
    """The place of each key among the different ones, ascending."""
    places = {key: rank for rank, key in enumerate(sorted(set(keys)))}
    return np.array([places[key] for key in keys], np.intp)


def _percent(part: int, whole: int) -> int:
    """Whole per cent; neither 0 nor 100 where that would not be quite true."""
    value = round(100 * part / max(1, whole))
    if part and not value:
        return 1
    return 99 if value == 100 and part < whole else value
