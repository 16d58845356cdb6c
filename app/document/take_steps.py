"""Keeping what tracks are as takes, comparing, and choosing one."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from app.document.edits import make_patch
from app.document.run_steps import RunSteps
from app.document.scene_edits import Edit, TakeEdit
from app.document.takes import Take, difference, taken
from tracker.labels.table import State

_INSTEAD = "Instead of "


class TakeSteps(RunSteps):
    """Takes: A/B comparison of runs. `Document` is what to use."""

    @property
    def takes(self) -> Sequence[Take]:
        """All takes, the oldest first."""
        return [take for _, take in sorted(self._scene.takes.items())]

    def take(self, take_id: int) -> Take:
        """The take of this id. Raises KeyError where there is none."""
        return self._scene.takes[take_id]

    def keep_take(self, ids: Iterable[int] | None = None, name: str = "", initiator: object = None) -> int:
        """Keep a copy of what tracks (all by default) are now; gives the take's id.

        Without a name it is called after the last run.
        """
        self._settle()
        (take_id,) = self._new_ids("take", 1)
        wanted = self._present(self.table.ids.tolist() if ids is None else ids)
        last = self.runs.get(max(self.runs, default=-1))
        name = name or (last.title if last else f"Take {take_id + 1}")
        cells = self.table.read(wanted, 0, self.table.n_frames)
        take = taken(take_id, name, wanted, 0, cells)
        self.do(TakeEdit(None, take), f"Keep {name} as a take", initiator)
        return take_id

    def use_take(self, take_id: int, swap: bool = True, initiator: object = None) -> None:
        """The tracks of a take become what they were; protected cells, and tracks that are gone or locked, stay.

        Args:
            swap: the take then holds what they were until now, and is called "Instead of …".

        Raises:
            KeyError: the id is unknown.
        """
        self._settle()
        take = self.take(take_id)
        ids = self._unlocked(take.ids)
        labelled = np.flatnonzero(
            (self.table.rows("state")[:, self.table.columns(ids)] != State.UNLABELLED).any(axis=1)
        )
        start = min([take.start, *labelled[:1].tolist()])
        end = max([take.end, *(labelled[-1:] + 1).tolist()])
        now, then = self.table.read(ids, start, end), take.read(list(take.ids), start, end)
        wanted = set(ids)
        columns = [column for column, track_id in enumerate(take.ids) if track_id in wanted]
        after = then.select(slice(None), columns)
        protected = self.table.protected(ids, start, end)
        for name, array in now.arrays().items():
            getattr(after, name)[protected] = array[protected]
            getattr(then, name)[:, columns] = array
        patch = make_patch(ids, start, now, after)
        if patch is None:
            return
        edits: list[Edit] = [patch]
        if swap:
            name = take.name.removeprefix(_INSTEAD) if take.name.startswith(_INSTEAD) else _INSTEAD + take.name
            edits.append(TakeEdit(take, taken(take_id, name, list(take.ids), start, then)))
        self.do(edits, f"Use take {take.name}", initiator)

    def drop_take(self, take_id: int, initiator: object = None) -> None:
        """Forget a take. Raises KeyError where it is unknown."""
        self._settle()
        take = self.take(take_id)
        self.do(TakeEdit(take, None), f"Drop take {take.name}", initiator)

    def take_difference(self, take_id: int, ids: Iterable[int], start: int, end: int) -> NDArray[np.float32]:
        """(F, K) float32 pixels between a take and the tracks now, on frames start to end (exclusive).

        NaN where one of both has no position, or the take not the track. Raises KeyError for an unknown take or track.
        """
        return difference(self.take(take_id), self.table, [int(i) for i in ids], start, end)
