"""Comparing two runs: tracks are kept as a take, shown as a ghost beside what a later run makes of them, and chosen."""

from app.open_document import OnOpenDocument


class Takes(OnOpenDocument):
    """Keeps, shows, swaps and drops takes."""

    def has_take(self) -> bool:
        """Whether there is one to compare with."""
        return self._window.document is not None and bool(self._window.document.takes)

    def shows_take(self) -> bool:
        """Whether a take is shown as a ghost."""
        return self._view.take is not None

    def keep(self) -> None:
        """Keep the selected tracks, or all, as they are now, to compare another run with them."""
        self._view.take = self._document.keep_take(self._view.selection or None)
        self._window.show_message(
            self.tr("Kept as a ghost. Now track again, with another tracker perhaps, and compare.")
        )

    def toggle_shown(self) -> None:
        """Show the latest take, or none."""
        self._view.take = None if self._view.take is not None else self._document.takes[-1].id

    def swap(self) -> None:
        """The tracks become as the take was, and the take as the tracks were."""
        take = self._current()
        self._document.use_take(take)
        self._view.take = take
        self._window.show_message(self.tr("Swapped: the ghost is now the other one."))

    def drop(self) -> None:
        """Forget the take: the tracks stay as they are."""
        self._document.drop_take(self._current())

    def forget_gone(self) -> None:
        """Show no take that is not there any more."""
        document = self._window.document
        if self._view.take is not None and (document is None or self._view.take not in [t.id for t in document.takes]):
            self._view.take = None

    def _current(self) -> int:
        return self._document.takes[-1].id if self._view.take is None else self._view.take
