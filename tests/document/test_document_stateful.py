"""Random sequences of everything a person and a tracker do: undo and redo are exact, and the file always has it all.

A second document in memory gets the same intentions, but is never saved nor reopened: both are always equal.
"""

import os
import shutil
import tempfile
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.document import run_steps
from app.document.project import Document, RunInfo
from tests.document.building import file_of, prediction, snapshot, video_ref, walk_back_and_forth
from tracker.labels.table import Source, State

N_FRAMES = 150  # two whole blocks and a part of one
FRAMES = st.integers(0, N_FRAMES - 1)
SPANS = st.tuples(FRAMES, st.integers(1, 80)).map(lambda span: (span[0], span[0] + span[1]))
PICKS = st.lists(st.integers(0, 20), min_size=1, max_size=4)
PICK = st.integers(0, 20)
PLACES = st.floats(-50, 700, width=32)
PATHS = st.lists(st.tuples(PLACES, PLACES), min_size=1, max_size=4)
GROUPS = st.sampled_from(["", "face", "hand"])
NAMED = st.sampled_from(["face", "hand"])


class DocumentMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        os.environ["TRACKWRIGHT_DATA_HOME"] = str(self.folder)
        self.idle, run_steps.GESTURE_IDLE_SECONDS = run_steps.GESTURE_IDLE_SECONDS, 1e9  # else a slow machine matters
        self.saves = 0
        self.begin()

    def begin(self):
        self.document, self.mirror = Document.new(video_ref(N_FRAMES)), Document(N_FRAMES, video_ref(N_FRAMES))
        self.seen = {0: snapshot(self.document)}  # by position in the history
        self.labels: list[str] = []
        self.ever: set[int] = set()
        self.runs: list[int] = []

    @initialize(stocked=st.sampled_from([True, True, True, False]))
    def stock(self, stocked):
        """Most stories begin with tracks that are predicted everywhere, so that much can be done to them."""
        if not stocked:
            return
        ids = self.both(lambda document: document.add_tracks([(0, 5, 5), (30, 9, 9), (100, 7, 7)], group="face"))
        self.ever |= set(ids)
        self.begin_run()
        found = prediction(0, ids, N_FRAMES, nan=0.3)
        self.both(lambda document: document.apply_prediction(self.runs[0], found))
        self.both(lambda document: document.keep_take())

    def teardown(self):
        run_steps.GESTURE_IDLE_SECONDS = self.idle
        self.both(lambda document: document.end_gesture())
        back, forth = walk_back_and_forth(self.document)
        assert back == forth
        for position, state in back.items():
            assert state == self.seen.get(position, state)
        path = file_of(self.document)
        self.document.close()
        if path.exists():  # an untitled document without a step leaves nothing
            self.document = Document.open(path)
            assert walk_back_and_forth(self.document) == (back, forth)
            self.document.close()
        assert not list(self.folder.rglob("*-wal")) + list(self.folder.rglob("*-shm"))
        shutil.rmtree(self.folder)

    def both(self, act):
        """Do it to both documents, and see that both are the same."""
        result = act(self.document)
        assert act(self.mirror) == result
        self.remember()
        assert snapshot(self.mirror) == snapshot(self.document)
        return result

    def remember(self):
        """Note what the document is at this position; positions whose steps were replaced are forgotten."""
        labels, position = self.document.history_steps(), self.document.history_position
        if labels != self.labels:
            self.seen = {p: s for p, s in self.seen.items() if labels[:p] == self.labels[:p]}
            self.labels = labels
        self.seen[position] = snapshot(self.document)

    def picked(self, picks):
        ids = self.document.table.ids.tolist()
        return list(dict.fromkeys(ids[p % len(ids)] for p in picks)) if ids else []

    def settle(self):
        """End the drag that goes on, so that what follows meets what is there now."""
        self.both(lambda document: document.end_gesture())

    @contextmanager
    def protected_cells_stay(self):
        """Bit by bit, whatever is written inside."""
        self.settle()
        table = self.document.table
        protected = table.protected(table.ids, 0, N_FRAMES)
        before = table.read(table.ids, 0, N_FRAMES)
        yield
        after = table.read(table.ids, 0, N_FRAMES)
        for name, array in before.arrays().items():
            assert array[protected].tobytes() == getattr(after, name)[protected].tobytes()

    # -- tracks and cells

    @rule(points=st.lists(st.tuples(FRAMES, PLACES, PLACES), min_size=1, max_size=3), group=GROUPS)
    def add(self, points, group):
        if self.document.table.n_tracks < 12:
            ids = self.both(lambda document: document.add_tracks(points, group=group))
            assert not self.ever & set(ids)
            self.ever |= set(ids)

    @rule(picks=PICKS)
    def delete(self, picks):
        ids = self.picked(picks)
        self.both(lambda document: document.delete_tracks(ids))

    @rule(picks=PICKS, frame=FRAMES, x=PLACES, y=PLACES)
    def place(self, picks, frame, x, y):
        for track_id in self.picked(picks):
            self.both(lambda document, i=track_id: document.place_anchor(i, frame, x, y))

    @rule(picks=PICKS, frame=FRAMES, path=PATHS, end=st.sampled_from(["end", "cancel", "go on"]))
    def drag(self, picks, frame, path, end):
        steps = None
        for x, y in path:
            for track_id in self.picked(picks):
                self.both(lambda document, i=track_id, x=x, y=y: document.place_anchor(i, frame, x, y, gesture=7))
                if self.document._gesture is not None:  # else nothing moved yet
                    steps = steps or len(self.document.history_steps())
                    assert len(self.document.history_steps()) == steps
        if end == "end":
            self.settle()
        elif end == "cancel":
            self.both(lambda document: document.cancel_gesture())

    @rule(picks=PICKS, span=SPANS, state=st.sampled_from(State))
    def flag(self, picks, span, state):
        ids = self.picked(picks)
        self.both(lambda document: document.set_state(ids, *span, state))

    @rule(picks=PICKS, span=SPANS, yes=st.booleans())
    def approve(self, picks, span, yes):
        ids = self.picked(picks)
        self.both(lambda document: document.approve(ids, *span, yes))

    @rule(picks=PICKS, locked=st.booleans(), group=GROUPS)
    def describe(self, picks, locked, group):
        ids = self.picked(picks)
        self.both(lambda document: document.set_locked(ids, locked))
        self.both(lambda document: document.set_group(ids, group))

    # -- groups, operations, takes, masks

    @rule(old=NAMED, new=NAMED, colour=st.integers(0, 255))
    def regroup(self, old, new, colour):
        self.settle()
        members = [track.id for track in self.document.table.tracks if track.group == old]
        self.both(lambda document: document.set_skeleton(old, list(pairwise(members))))
        self.both(lambda document: document.set_group_colour(old, (colour, 1, 2)))
        self.both(lambda document: document.rename_group(old, new))

    @rule(picks=PICKS, span=SPANS, method=st.sampled_from(["linear", "cubic", "copy"]))
    def work_out(self, picks, span, method):
        with self.protected_cells_stay():
            ids = self.picked(picks)
            if method != "copy":
                self.both(lambda document: document.interpolate(ids, *span, method))
            elif ids:
                self.both(lambda document: document.copy_motion(ids[0], ids[1:], *span))

    @rule(picks=PICKS, frame=FRAMES, what=st.sampled_from(["end", "go on", "merge", "split"]))
    def operate(self, picks, frame, what):
        self.settle()
        ids = self.picked(picks)
        if what == "merge" and ids:
            assert self.both(lambda document: document.merge_tracks(ids)) == ids[0]
        elif what == "split" and ids:
            self.ever.add(self.both(lambda document: document.split_track(ids[0], frame)))
        elif what in ("end", "go on"):
            self.both(lambda document: document.end_track(ids, frame if what == "end" else None))

    @rule(pick=PICK, picks=PICKS, what=st.sampled_from(["keep", "keep", "use", "swap", "drop"]))
    def compare(self, pick, picks, what):
        with self.protected_cells_stay():
            takes = [take.id for take in self.document.takes]
            if what == "keep" and len(takes) < 3:
                ids = self.picked(picks)
                self.both(lambda document: document.keep_take(ids))
            elif what == "drop" and takes:
                self.both(lambda document: document.drop_take(takes[pick % len(takes)]))
            elif takes:
                self.both(lambda document: document.use_take(takes[pick % len(takes)], what == "swap"))

    @rule(
        pick=PICK,
        frame=FRAMES,
        corner=st.tuples(st.integers(0, 600), st.integers(0, 400)),
        what=st.sampled_from(["add", "paint", "paint", "clear", "describe", "delete"]),
    )
    def mask(self, pick, frame, corner, what):
        self.settle()
        masks = [info.id for info in self.document.masks.infos]
        if not masks or (what == "add" and len(masks) < 3):
            self.both(lambda document: document.add_mask(matte=pick % 2 == 0))
            return
        mask_id = masks[pick % len(masks)]
        if what == "clear":
            frame = next(iter(self.document.masks.frames(mask_id)), frame)
            self.both(lambda document: document.clear_mask(mask_id, frame))
        elif what == "describe":
            self.both(lambda document: document.set_mask(mask_id, name=str(pick), colour=(pick, 1, 2)))
        elif what == "delete":
            self.both(lambda document: document.delete_mask(mask_id))
        else:
            bitmap = np.zeros((480, 640), dtype=bool)
            bitmap[corner[1] : corner[1] + 3 * pick, corner[0] : corner[0] + 2 * pick] = True
            self.both(lambda document: document.paint_mask(mask_id, frame, bitmap))

    # -- runs

    @rule()
    def begin_run(self):
        run = self.both(lambda document: document.begin_run(RunInfo("a tracker", settings={"direction": "forward"})))
        self.runs.append(run)

    @precondition(lambda self: self.runs)
    @rule(
        first=st.integers(-5, N_FRAMES),
        windows=st.integers(1, 4),
        seed=st.integers(0, 9),
        which=st.integers(0, 3),
        source=st.sampled_from([Source.MODEL, Source.BRIDGE]),
    )
    def track(self, first, windows, seed, which, source):
        run_id = self.runs[which % len(self.runs)]
        with self.protected_cells_stay():
            ids = [*self.document.table.ids.tolist(), 999]
            for first_frame in range(first, first + 8 * windows, 8):
                found = prediction(first_frame, ids, seed=seed, nan=0.2)
                self.both(lambda document, found=found: document.apply_prediction(run_id, found, source))

    @precondition(lambda self: self.runs)
    @rule(picks=PICKS, frame=FRAMES, seed=st.integers(0, 9))
    def bridge(self, picks, frame, seed):
        """The gaps around a frame, each on its own, and nothing else."""
        with self.protected_cells_stay():
            for gap in self.document.gaps(self.picked(picks), frame):
                before = self.document.table.read([gap.track_id], 0, N_FRAMES)
                found = prediction(gap.start, [gap.track_id], gap.end - gap.start, seed)
                self.both(lambda document, f=found: document.apply_prediction(self.runs[-1], f, Source.BRIDGE))
                after = self.document.table.read([gap.track_id], 0, N_FRAMES)
                for part in (slice(0, gap.start), slice(gap.end, N_FRAMES)):
                    assert after.select(part, [0]).equals(before.select(part, [0]))
                for known in (gap.left, gap.right):
                    assert known is None or np.isfinite(after.xy[known]).all()

    @precondition(lambda self: self.runs)
    @rule(first=FRAMES, seed=st.integers(0, 9))
    def track_during_a_drag(self, first, seed):
        found = prediction(first, self.document.table.ids, seed=seed)
        self.both(lambda document: document.apply_prediction(self.runs[-1], found))

    @precondition(lambda self: self.runs)
    @rule(drop=st.booleans())
    def end_run(self, drop):
        run_id = self.runs.pop(0)
        if not drop:
            self.both(lambda document: document.end_run(run_id, "done"))
            return
        with self.protected_cells_stay():
            position, seen = self.document.history_position, dict(self.seen)
            self.both(lambda document: document.drop_run(run_id))
            # Else it was taken back by a step of its own, which may stand in the place of steps that were undone.
            if self.document.history_position < position:
                assert self.seen[self.document.history_position] == seen[self.document.history_position]

    # -- history and file

    @rule(times=st.integers(1, 4), forth=st.booleans())
    def go(self, times, forth):
        self.settle()
        for _ in range(times):
            if self.document.redo() if forth else self.document.undo():
                here = snapshot(self.document)
                assert here == self.seen.setdefault(self.document.history_position, here)
        self.mirror.go_to(self.document.history_position)
        assert snapshot(self.mirror) == snapshot(self.document)

    @rule()
    def reopen(self):
        self.settle()
        path, labels = file_of(self.document), self.document.history_steps()
        position, runs = self.document.history_position, set(self.document.runs)
        self.document.close()
        self.runs, self.mirror._open_runs = [], {}
        if not path.exists():
            assert labels == []
            self.begin()
            return
        self.document = Document.open(path)
        assert snapshot(self.document) == snapshot(self.mirror)
        assert (self.document.history_steps(), self.document.history_position) == (labels, position)
        assert set(self.document.runs) == runs

    @rule()
    def save_as(self):
        self.settle()
        self.saves += 1
        self.document.save_as(self.folder / f"project {self.saves}.trackwright")
        assert snapshot(self.document) == snapshot(self.mirror)

    @invariant()
    def the_file_has_everything(self):
        if self.document._gesture is not None:
            return
        read = Document.open(file_of(self.document), read_only=True)
        assert snapshot(read) == snapshot(self.document)
        assert len(read.corrections()) == len(self.document.corrections()) == len(self.mirror.corrections())


DocumentMachine.TestCase.settings = settings(
    max_examples=20,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
TestDocument = DocumentMachine.TestCase
