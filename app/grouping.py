"""What menus and keys do with several tracks: groups, skeletons, hiding, merging, splitting, ending, interpolating."""

from itertools import pairwise
from typing import Literal

from PySide6.QtGui import QColor
from PySide6.QtWidgets import QColorDialog, QInputDialog

from app.document.mattes import spans_in_matte, tracks_in_matte
from app.open_document import OnOpenDocument
from tracker.labels import State


class Grouping(OnOpenDocument):
    """Acts on the selected tracks, at the playhead or over the chosen range."""

    # -- conditions

    def has_several(self) -> bool:
        """Whether two or more tracks are selected."""
        return self._window.document is not None and len(self._view.selection) > 1

    def has_hidden(self) -> bool:
        """Whether a track is hidden."""
        return bool(self._view.hidden)

    def has_group(self) -> bool:
        """Whether the primary track is in a group."""
        return bool(self._group())

    def _group(self) -> str:
        document, primary = self._window.document, self._view.primary
        if document is None or primary is None or primary not in document.table:
            return ""
        return document.table.track(primary).group

    # -- the range that is meant

    def span(self) -> tuple[int, int] | None:
        """The cells chosen in the timeline, else the in-out range."""
        if self._view.cell_range is not None:
            return self._view.cell_range[1:]
        return self._view.loop_range

    def has_span(self) -> bool:
        """Whether tracks are selected and a range is chosen."""
        return self._window.editing.has_selection() and self.span() is not None

    def ids(self) -> tuple[int, ...]:
        """The tracks of the chosen cells, else the selected ones."""
        chosen = self._view.cell_range[0] if self._view.cell_range is not None else self._view.selection
        return tuple(i for i in chosen if i in self._document.table)

    # -- groups

    def ask_group(self) -> None:
        """Ask for the group that the selected tracks belong to."""
        names = [group.name for group in self._document.groups]
        current = self._group()
        choices = list(dict.fromkeys(["", *names]))
        name, ok = QInputDialog.getItem(
            self._window,
            self.tr("Group"),
            self.tr("Put the selected tracks into the group (empty for none):"),
            choices,
            choices.index(current) if current in choices else 0,
            True,
        )
        if ok:
            self._document.set_group(self._view.selection, name.strip())

    def ask_rename_group(self) -> None:
        """Ask for another name of the primary track's group."""
        old = self._group()
        name, ok = QInputDialog.getText(self._window, self.tr("Rename group"), self.tr("New name:"), text=old)
        if ok and name.strip() and name.strip() != old:
            self._document.rename_group(old, name.strip())

    def select_group(self) -> None:
        """Select all tracks of the primary track's group."""
        group = self._group()
        self._view.select([track.id for track in self._document.table.tracks if track.group == group])

    def ask_colour(self) -> None:
        """Ask for the colour of the selected tracks."""
        primary = self._view.primary
        if primary is None:
            return
        old = QColor(*self._document.table.track(primary).colour)
        colour = QColorDialog.getColor(old, self._window, self.tr("Colour of the selected tracks"))
        if colour.isValid():
            self._document.set_colour(self._view.selection, (colour.red(), colour.green(), colour.blue()))

    def connect_selected(self) -> None:
        """Skeleton edges along the selected tracks, in the order in which they were selected; again: take them away."""
        ids, group = self._view.selection, self._group()
        if not group or any(self._document.table.track(i).group != group for i in ids):
            self._window.show_message(self.tr("Skeleton edges join tracks of one group: put them into a group first."))
            return
        edges = {tuple(sorted(edge)) for edge in self._edges(group)}
        wanted = {(min(a, b), max(a, b)) for a, b in pairwise(ids)}
        kept = edges - wanted if wanted <= edges else edges | wanted
        self._document.set_skeleton(group, sorted(kept))

    def _edges(self, group: str) -> tuple[tuple[int, int], ...]:
        return next((one.edges for one in self._document.groups if one.name == group), ())

    # -- hiding and locking

    def toggle_hidden(self) -> None:
        """Hide the selected tracks; where all are hidden, show them."""
        chosen = frozenset(self._view.selection)
        hidden = self._view.hidden
        self._view.hidden = hidden - chosen if chosen <= hidden else hidden | chosen

    def solo(self) -> None:
        """Hide all but the selected tracks."""
        self._view.hidden = frozenset(self._document.table.ids.tolist()) - frozenset(self._view.selection)

    def show_all(self) -> None:
        """Hide none."""
        self._view.hidden = frozenset()

    def toggle_locked(self) -> None:
        """Lock the selected tracks; where all are locked, unlock them."""
        ids = self._view.selection
        self._document.set_locked(ids, not all(self._document.table.track(i).locked for i in ids))

    # -- tracks

    def merge(self) -> None:
        """Make one track of the selected ones: the one selected first."""
        kept = self._document.merge_tracks(self._view.selection)
        self._view.select([kept])

    def split(self) -> None:
        """Cut the selected tracks at the playhead."""
        for track_id in self._view.selection:
            self._document.split_track(track_id, self._view.playhead)

    def end(self) -> None:
        """The selected tracks are over after this frame; said again on the last frame, they go on."""
        document, ids = self._document, self._view.selection
        last = self._view.playhead
        ended = all(document.table.track(i).end == last + 1 for i in ids)
        document.end_track(ids, None if ended else last)

    def interpolate(self, method: Literal["linear", "cubic"]) -> None:
        """Fill the chosen range of the selected tracks between the positions around it."""
        span = self.span()
        if span is not None:
            self._document.interpolate(self.ids(), *span, method=method)

    def end_in_mattes(self) -> None:
        """Tracks are over where they first come into a garbage matte; the selected ones, or all."""
        document = self._document
        entered = tracks_in_matte(document, self._view.selection or document.table.ids.tolist())
        last = {track_id: max(0, frame - 1) for track_id, frame in entered.items()}
        document.end_tracks(last)
        count = sum(document.table.track(i).end == frame + 1 for i, frame in last.items())  # some may be locked
        if not entered:
            self._window.show_message(self.tr("No track enters a garbage matte."))
        elif count:
            text = self.tr("{} tracks ended where they enter a garbage matte.").format(count)
            one = self.tr("1 track ended where it enters a garbage matte.")
            self._window.show_message(one if count == 1 else text)

    def flag_in_mattes(self) -> None:
        """Tracks count as occluded while they are inside a garbage matte; the selected ones, or all."""
        document = self._document
        spans = spans_in_matte(document, self._view.selection or document.table.ids.tolist())
        document.flag_spans(spans, State.OCCLUDED)
        done = {i: several for i, several in spans.items() if not document.table.track(i).locked}
        frames = sum(end - start for several in done.values() for start, end in several)
        if done:
            tracks = self.tr("1 track") if len(done) == 1 else self.tr("{} tracks").format(len(done))
            text = self.tr("Occluded inside garbage mattes: {0} positions of {1}.").format(frames, tracks)
            self._window.show_message(text)
        elif not spans:
            self._window.show_message(self.tr("No track is seen inside a garbage matte."))

    def copy_motion(self) -> None:
        """The selected tracks move as the one selected last does, over the chosen range or from here on."""
        primary = self._view.primary
        start, end = self.span() or (self._view.playhead, self._document.table.n_frames)
        targets = [i for i in self._view.selection if i != primary]
        if primary is not None and targets:
            self._document.copy_motion(primary, targets, start, end)

    # -- ranges

    def approve_range(self) -> None:
        """Approve the chosen cells."""
        span = self.span()
        if span is not None:
            self._document.approve(self.ids(), *span)

    def clear_range(self) -> None:
        """The chosen cells become unlabelled."""
        span = self.span()
        if span is not None:
            self._document.clear(self.ids(), *span)
