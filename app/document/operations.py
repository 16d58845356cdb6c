"""What a person does to whole stretches of tracks at once: end, interpolate, merge, split, copy motion."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.document.edits import Patch, Presence, change_properties, compact, make_patch, removal
from app.document.groups import as_edges
from app.document.motion import Method, between, placed, put_interpolated
from app.document.scene_edits import Edit, GroupsEdit
from app.document.steps import Steps, listed
from tracker.labels.table import Cells, Source, State, TrackInfo, colour_for


class Operations(Steps):
    """Bulk operations on tracks. `Document` is what to use. Protected cells and locked tracks stay as they are."""

    def end_track(self, ids: Iterable[int], frame: int | None, initiator: object = None) -> None:
        """Tracks are over after `frame`: all that is known later goes, anchors too, and no run writes there.

        Args:
            frame: the last frame of the tracks; None lets them go on again. A track that starts later is refused.

        Raises:
            ValueError: the frame lies outside of the video.
        """
        self._settle()
        wanted = self._unlocked(ids)
        if frame is None:
            going_on = change_properties(self.table, wanted, end=None)
            if going_on:
                self.do(going_on, self._named("Continue", going_on.touched.ids), initiator)
            return
        ended, edits = self._ended(wanted, self._frame(frame))
        self.do(edits, f"{self._named('End', ended)} at frame {self.number_of(frame)}", initiator)

    def end_tracks(self, ends: Mapping[int, int], initiator: object = None) -> None:
        """The same with a last frame of its own for each track, as one step."""
        self._settle()
        together: dict[int, list[int]] = {}
        for track_id in self._unlocked(ends):
            together.setdefault(self._frame(ends[track_id]), []).append(track_id)
        done = [self._ended(ids, frame) for frame, ids in together.items()]
        ids = [i for ended, _ in done for i in ended]
        self.do([edit for _, edits in done for edit in edits], self._named("End", ids), initiator)

    def _ended(self, wanted: list[int], frame: int) -> tuple[list[int], list[Edit]]:
        """Those of the tracks that can end after `frame`, and how; says which start only later."""
        end, n_frames = frame + 1, self.table.n_frames
        late = [self.table.track(i).name for i in wanted if self.table.track(i).query_point[0] >= end]
        if late:
            start = "starts" if len(late) == 1 else "start"
            self.refused(f"{listed(late)} {start} only after frame {self.number_of(frame)}")
        wanted = [i for i in wanted if self.table.track(i).query_point[0] < end]
        over = change_properties(self.table, wanted, end=end if end < n_frames else None)
        later = self.table.read(wanted, end, n_frames)
        cleared = make_patch(wanted, end, later, Cells.empty(*later.shape)) if wanted and end < n_frames else None
        return wanted, [edit for edit in (cleared, over) if edit is not None]

    def interpolate(
        self, ids: Iterable[int], start: int, end: int, method: Method = "linear", initiator: object = None
    ) -> None:
        """Fill frames start to end (exclusive) between known positions: those that stay there, and the nearest around.

        Nothing is written beyond the outermost known positions; a track without two of them is refused.

        Args:
            method: "linear" or "cubic"; see `between`.
        """
        self._settle()
        start, end = max(int(start), 0), min(int(end), self.table.n_frames)
        found = {i: self._interpolated(i, start, end, method) for i in self._unlocked(ids)} if start < end else {}
        without = [self.table.track(i).name for i, patches in found.items() if patches is None]
        if without:
            has = "has" if len(without) == 1 else "have"
            frames = f"{self.number_of(start)} to {self.number_of(end - 1)}"
            self.refused(f"{listed(without)} {has} no two known positions around frames {frames}")
        patches = [patch for several in found.values() for patch in several or ()]
        self._do_patches(patches, "Interpolate", start, end, initiator)

    def _interpolated(self, track_id: int, start: int, end: int, method: Method) -> list[Patch] | None:
        """What filling a span changes; None where nothing is known on both sides of any of its cells."""
        whole = self.table.read([track_id], 0, self.table.n_frames)
        known, blank = placed(whole)[:, 0], ~self.table.protected([track_id], start, end)[:, 0]
        inner = start + np.flatnonzero(known[start:end] & ~blank)
        knots = np.concatenate([np.flatnonzero(known[:start])[-2:], inner, end + np.flatnonzero(known[end:])[:2]])
        rows = np.flatnonzero(blank)
        if len(knots) >= 2:
            rows = rows[(start + rows > knots[0]) & (start + rows < knots[-1])]
        if len(knots) < 2 or (blank.any() and not len(rows)):
            return None
        after = whole.select(slice(start, end), slice(None))
        if len(rows):
            self._put(after, rows, between(start + rows, knots, whole.xy[knots, 0], method))
        patch = make_patch([track_id], start, whole.select(slice(start, end), slice(None)), after)
        return [patch] if patch else []

    def copy_motion(self, source_id: int, ids: Iterable[int], start: int, end: int, initiator: object = None) -> None:
        """On frames start to end (exclusive) tracks move as another, from their last position at or before `start`.

        Where the other has no position they stay as they are. Raises KeyError where `source_id` is unknown.
        """
        self._settle()
        start, end = max(int(start), 0), min(int(end), self.table.n_frames)
        source = self.table.read([source_id], 0, max(end, 0))
        patches, without = [], []
        for track_id in self._unlocked(i for i in ids if i != source_id) if start < end else []:
            patch = self._moved_along(track_id, source, start, end)
            if patch is None:
                without.append(self.table.track(track_id).name)
            patches += patch or []
        if without:
            name = self.table.track(source_id).name
            has = "has" if len(without) == 1 else "have"
            there = f"at or before frame {self.number_of(start)}"
            self.refused(f"{listed(without)} {has} no position beside one of {name} {there}")
        self._do_patches(patches, "Copy motion to", start, end, initiator)

    def _moved_along(self, track_id: int, source: Cells, start: int, end: int) -> list[Patch] | None:
        whole = self.table.read([track_id], 0, end)
        leading = placed(source)[:, 0]
        both = np.flatnonzero(leading[: start + 1] & placed(whole)[: start + 1, 0])
        if not len(both):
            return None
        base = int(both[-1])
        writes = leading[start:end] & ~self.table.protected([track_id], start, end)[:, 0]
        rows = np.flatnonzero(writes)
        rows = rows[start + rows > base]
        after = whole.select(slice(start, end), slice(None))
        moved = source.xy[start + rows, 0].astype(np.float64) - source.xy[base, 0]
        self._put(after, rows, whole.xy[base, 0] + moved)
        patch = make_patch([track_id], start, whole.select(slice(start, end), slice(None)), after)
        return [patch] if patch else []

    def merge_tracks(self, ids: Iterable[int], initiator: object = None) -> int:
        """Make one track of several: the first, which is given back. Refused where one of them is locked.

        On each frame an anchor wins over what was approved, that over other labels, and then the order of `ids`.

        Raises:
            ValueError: none of them is there.
        """
        self._settle()
        present = self._present(ids)
        if not present:
            raise ValueError("there are no tracks to merge")
        first, rest = present[0], present[1:]
        if not rest or self._unlocked(present) != present:
            return first
        cells = self.table.read(present, 0, self.table.n_frames)
        rank = (cells.state != State.UNLABELLED).astype(np.uint8)
        rank[cells.approved] = 2
        rank[cells.source == Source.ANCHOR] = 3
        rows, best = np.arange(len(rank)), rank.argmax(axis=1)  # the first of the best
        merged = Cells(**{name: array[rows, best][:, None] for name, array in cells.arrays().items()})
        tracks = [self.table.track(i) for i in present]
        ends = [track.end for track in tracks if track.end is not None]
        properties = change_properties(
            self.table,
            [first],
            query_point=min((track.query_point for track in tracks), key=lambda point: point[0]),
            end=max(ends) if len(ends) == len(tracks) else None,
        )
        patch = make_patch([first], 0, cells.select(slice(None), [0]), merged)
        edits = [patch, properties, self._joined_edges(first, rest), removal(self.table, rest)]
        label = f"Merge {len(present)} tracks into {tracks[0].name}"
        self.do([edit for edit in edits if edit is not None], label, initiator)
        return first

    def _joined_edges(self, first: int, rest: Sequence[int]) -> GroupsEdit | None:
        """Skeletons that join the first track where they joined one of the others."""
        before, after = [], []
        for info in self._scene.groups.values():
            moved = [tuple(first if i in rest else i for i in edge) for edge in info.edges]
            edges = as_edges(edge for edge in moved if edge[0] != edge[1])
            if edges != info.edges:
                before.append(info)
                after.append(replace(info, edges=edges))
        return GroupsEdit(tuple(before), tuple(after)) if before else None

    def split_track(self, track_id: int, frame: int, initiator: object = None) -> int:
        """What a track is from `frame` on becomes a track of its own, whose id is given back.

        Its query point is its first position. Refused, and `track_id` given back, where one of both would be empty or
        the track is locked.

        Raises:
            KeyError: the id is unknown.
            ValueError: the frame lies outside of the video.
        """
        self._settle()
        frame, track = self._frame(frame), self.table.track(track_id)
        if not self._unlocked([track_id]):
            return track_id
        whole = self.table.read([track_id], 0, self.table.n_frames)
        later = whole.select(slice(frame, None), slice(None))
        known = np.flatnonzero(placed(later)[:, 0])
        if not (whole.state[:frame] != State.UNLABELLED).any() or not len(known):
            side = "at or after" if not len(known) else "before"
            number = self.number_of(frame)
            self.refused(f"{track.name} cannot be split at frame {number}: it has no position {side} it")
            return track_id
        cleared = make_patch([track_id], frame, later, Cells.empty(*later.shape))
        assert cleared is not None  # there is a position
        (new_id,) = self._new_ids("track", 1)
        x, y = later.xy[known[0], 0].tolist()
        new = TrackInfo(
            new_id, f"{track.name} (2)", (frame + int(known[0]), x, y), colour_for(new_id), track.group, end=track.end
        )
        last = cleared.end - frame
        values = {name: compact(array[:last]) for name, array in later.arrays().items()}
        label = f"Split {track.name} at frame {self.number_of(frame)}"
        self.do([cleared, Presence((new,), frame, values, added=True)], label, initiator)
        return new_id

    def _put(self, cells: Cells, rows: NDArray[np.intp], xy: NDArray[np.floating]) -> None:
        """Write (R, 2) positions into one column; what lies outside of the picture is out of view."""
        put_interpolated(cells, rows, 0, xy)
        cells.state[rows[~self._inside(xy[:, 0], xy[:, 1])], 0] = State.OUT_OF_VIEW

    def _do_patches(self, patches: Sequence[Patch], verb: str, start: int, end: int, initiator: object) -> None:
        name = self._named(verb, [patch.ids[0] for patch in patches])
        self.do(patches, f"{name}, frames {self.number_of(start)}–{self.number_of(end - 1)}", initiator)

    def _frame(self, frame: int) -> int:
        if not 0 <= frame < self.table.n_frames:
            raise ValueError(f"there is no frame {frame}: they go from 0 to {self.table.n_frames - 1}")
        return int(frame)

    def _named(self, verb: str, ids: Sequence[int]) -> str:
        """The verb with the track's name, or with how many tracks there are."""
        return f"{verb} {self.table.track(ids[0]).name if len(ids) == 1 else f'{len(ids)} tracks'}"
