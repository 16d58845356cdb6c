"""What the keys and menus do to the document, for the selection at the playhead."""

import numpy as np
from PySide6.QtCore import QPoint, Qt

from app.open_document import OnOpenDocument
from app.sample_dialog import SampleDialog
from tracker.labels import Source, State

ASIDE = QPoint(16, 48)  # from the window's lower right corner, so that the picture with the points to come is in view


class Editing(OnOpenDocument):
    """Marks, approvals, deletions, sampling, undo and redo."""

    # -- conditions

    def has_tracks(self) -> bool:
        """Whether there is a track."""
        return self._window.document is not None and self._window.document.table.n_tracks > 0

    def has_selection(self) -> bool:
        """Whether a track is selected."""
        return self._window.document is not None and bool(self._view.selection)

    def can_undo(self) -> bool:
        """Whether a step can be undone."""
        return self._window.document is not None and self._window.document.can_undo

    def can_redo(self) -> bool:
        """Whether a step can be done again."""
        return self._window.document is not None and self._window.document.can_redo

    # -- history

    def undo(self) -> None:
        """Undo one step. A run that is going on is stopped first, so that it does not write on."""
        self._window.tracking.stop()
        text = self._document.undo_text
        self._document.undo()
        self._window.show_message(self.tr("Undone: {}").format(text))

    def redo(self) -> None:
        """Do the undone step again."""
        self._window.tracking.stop()
        text = self._document.redo_text
        self._document.redo()
        self._window.show_message(self.tr("Done again: {}").format(text))

    def go_in_history(self, position: int) -> None:
        """Undo or redo up to a position of the history."""
        self._window.tracking.stop()
        self._document.go_to(position)

    # -- tracks

    def select_all(self) -> None:
        """Select every track."""
        self._view.select(self._document.table.ids.tolist())

    def delete_selected(self) -> None:
        """Delete the selected tracks, whole."""
        gone, self._view.selection = self._view.selection, ()
        self._document.delete_tracks(gone)

    def clear_frame(self) -> None:
        """Take away what is known of the selected tracks on this frame, anchors included."""
        self._document.clear(self._view.selection, self._view.playhead, self._view.playhead + 1)

    def accept(self) -> None:
        """Vouch for the positions shown: they become anchors."""
        frame = self._view.playhead
        cells = self._document.table.read(self._view.selection, frame, frame + 1)
        known = [
            (i, xy) for i, xy in zip(self._view.selection, cells.xy[0].tolist(), strict=True) if np.isfinite(xy).all()
        ]
        if not known:
            self._window.show_message(self.tr("There is no position to accept on this frame."))
        gesture = self._window.canvas.new_gesture()
        for track_id, (x, y) in known:
            self._document.place_anchor(track_id, frame, x, y, gesture=gesture)
        self._document.end_gesture()

    def flag(self, state: State) -> None:
        """Say that the point is occluded or out of view on this frame; said again, take it back."""
        frame, ids = self._view.playhead, self._view.selection
        cells = self._document.table.read(ids, frame, frame + 1)
        already = bool((cells.state == state).all() and (cells.source == Source.ANCHOR).all())
        if already and state == State.OUT_OF_VIEW:
            self._document.clear(ids, frame, frame + 1)
        else:
            self._document.set_state(ids, frame, frame + 1, State.VISIBLE if already else state)

    def approve(self) -> None:
        """Approve the in-out range, or else the span between the anchors around the playhead; again, take it back."""
        document, frame = self._document, self._view.playhead
        spans = {i: self._view.loop_range or self._span(i, frame) for i in self._view.selection}
        approved = all(self._is_approved(i, *span) for i, span in spans.items())
        document.approve_spans(spans, not approved)

    def _span(self, track_id: int, frame: int) -> tuple[int, int]:
        anchors = self._document.anchors(track_id)
        before = [a for a in anchors if a <= frame]
        after = [a for a in anchors if a > frame]
        return (before[-1] if before else 0), (after[0] + 1 if after else self._document.table.n_frames)

    def _is_approved(self, track_id: int, start: int, end: int) -> bool:
        cells = self._document.table.read([track_id], start, end)
        return bool((cells.approved | (cells.state == State.UNLABELLED)).all())

    # -- new points

    def toggle_add(self) -> None:
        """Take the tool that places points, or put it away."""
        self._view.tool = "select" if self._view.tool == "add" else "add"

    def toggle_lasso(self) -> None:
        """Take the tool that selects by a loop, or put it away."""
        self._view.tool = "select" if self._view.tool == "lasso" else "lasso"

    def ask_sample(self) -> None:
        """Show what points could be sampled on the frame shown; the person places them, or not."""
        dialog = SampleDialog(self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(dialog.place)
        dialog.adjustSize()
        dialog.move(self._window.geometry().bottomRight() - dialog.rect().bottomRight() - ASIDE)
        dialog.show()
