"""What a person does to whole tracks."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from app.document import marks
from app.document.edits import Presence, change_properties, make_patch, removal
from app.document.scene_edits import Edit
from app.document.steps import Steps, counted
from tracker.labels.native import TrackFile
from tracker.labels.table import Cells, TrackInfo, as_query_points, colour_for


class TrackSteps(Steps):
    """Tracks come, go, and have other properties. `Document` is what to use."""

    def add_tracks(
        self, query_points: ArrayLike, names: Sequence[str] | None = None, group: str = "", initiator: object = None
    ) -> list[int]:
        """Start new tracks, each with an anchor at its query point; gives their ids.

        Args:
            query_points: (K, 3) frame, x, y; frames are whole numbers. Those outside of the picture are left out.

        Raises:
            ValueError: they are no such rows, or a frame is outside of the video.
        """
        self._settle()
        points = as_query_points(query_points)
        frames = np.rint(points[:, 0]).astype(int)
        if len(frames) and not (frames.min() >= 0 and frames.max() < self.table.n_frames):
            raise ValueError(f"query points must lie on frames 0 to {self.table.n_frames - 1}")
        inside = self._inside(points[:, 1], points[:, 2])
        if not inside.all():
            left_out = int((~inside).sum())
            self.refused(f"{left_out} point{' lies' if left_out == 1 else 's lie'} outside of the picture: left out")
            points, frames = points[inside], frames[inside]
            names = None if names is None else [name for name, kept in zip(names, inside, strict=True) if kept]
        if not len(points):
            return []
        ids = self._new_ids("track", len(points))
        tracks = tuple(
            TrackInfo(i, f"Track {i + 1}" if names is None else names[k], (int(frames[k]), x, y), colour_for(i), group)
            for k, (i, (_, x, y)) in enumerate(zip(ids, points.tolist(), strict=True))
        )
        edits: list[Edit] = [Presence(tracks, 0, Cells.empty(0, len(ids)).arrays(), added=True)]
        for frame in np.unique(frames).tolist():
            here = np.flatnonzero(frames == frame)
            blank = Cells.empty(1, len(here))
            after = marks.anchored(blank, points[here, 1:][None])
            patch = make_patch([ids[k] for k in here], frame, blank, after)
            edits += [patch] if patch else []
        self.do(edits, counted("Add", ids), initiator)
        return ids

    def import_tracks(self, tracks: TrackFile, label: str, initiator: object = None) -> list[int]:
        """Take tracks from a file in, as one step that the history calls `label`; gives the new tracks' ids.

        What lies there already stays as it is. Tracks without a labelled cell are left out.

        Raises:
            ValueError: they are not of as many frames.
        """
        self._settle()
        if tracks.n_frames != self.table.n_frames:
            raise ValueError(f"tracks of {tracks.n_frames} frames do not fit {self.table.n_frames}")
        labelled = tracks.state > 0
        rows = np.flatnonzero(labelled.any(axis=1))
        if not len(rows):
            return []
        frames = np.flatnonzero(labelled[rows].any(axis=0))
        start, end = int(frames[0]), int(frames[-1]) + 1
        source = tracks.to_table()
        cells = source.read(source.ids[rows].tolist(), start, end)
        ids = self._new_ids("track", len(rows))
        infos = tuple(
            replace(source.tracks[row], id=i, colour=colour_for(i)) for i, row in zip(ids, rows.tolist(), strict=True)
        )
        self.do([Presence(infos, start, cells.arrays(), added=True)], label, initiator)
        return ids

    def delete_tracks(self, ids: Iterable[int], initiator: object = None) -> None:
        """Take whole tracks away; locked ones stay."""
        self._settle()
        wanted = self._unlocked(ids)
        if wanted:
            self.do(removal(self.table, wanted), counted("Delete", wanted), initiator)

    def rename(self, track_id: int, name: str, initiator: object = None) -> None:
        """Give a track another name."""
        self._set_properties([track_id], "Rename", initiator, name=name)

    def set_group(self, ids: Iterable[int], group: str, initiator: object = None) -> None:
        """Put tracks into a group, "" for none."""
        self._set_properties(ids, "Group", initiator, group=group)

    def set_colour(self, ids: Iterable[int], rgb: tuple[int, int, int], initiator: object = None) -> None:
        """Give tracks another colour, 0..255 each."""
        self._set_properties(ids, "Colour", initiator, colour=tuple(int(c) for c in rgb))

    def set_locked(self, ids: Iterable[int], locked: bool = True, initiator: object = None) -> None:
        """Lock tracks against predictions and against changes by hand, or unlock them."""
        self._set_properties(ids, "Lock" if locked else "Unlock", initiator, locked=bool(locked))

    def _set_properties(self, ids: Iterable[int], verb: str, initiator: object, **values: object) -> None:
        self._settle()
        edit = change_properties(self.table, self._present(ids), **values)
        if edit:
            self.do(edit, counted(verb, edit.touched.ids), initiator)
