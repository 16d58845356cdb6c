"""Taking away, as one step, what a clean-up has found."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from app.document.edits import Patch, make_patch, removal
from app.document.scene_edits import Edit
from app.document.steps import Steps, counted


class CleanSteps(Steps):
    """`Document` is what to use."""

    def clean_up(
        self, deleted: Iterable[int], cleared: Mapping[int, NDArray[np.bool_]], initiator: object = None
    ) -> None:
        """Delete whole tracks, and make positions of others unlabelled, as one step.

        What may go is the caller's decision, and so are locks: nothing is refused.

        Args:
            cleared: by track (T,) bool, the frames; tracks that are deleted are left out.
        """
        self._settle()
        gone = self._present(deleted)
        patches = [
            patch
            for track_id in self._present(cleared)
            if track_id not in gone and (patch := self._clearing(track_id, cleared[track_id]))
        ]
        edits: list[Edit] = [*patches, *([removal(self.table, gone)] if gone else [])]
        self.do(edits, counted("Clean up", [*gone, *(patch.ids[0] for patch in patches)]), initiator)

    def _clearing(self, track_id: int, frames: NDArray[np.bool_]) -> Patch | None:
        where = np.flatnonzero(frames)
        if not len(where):
            return None
        start, end = int(where[0]), int(where[-1]) + 1
        before = self.table.read([track_id], start, end)
        after = before.copy()
        empty = before.empty(1, 1)
        for name, array in after.arrays().items():
            array[where - start, 0] = getattr(empty, name)[0, 0]
        return make_patch([track_id], start, before, after)
