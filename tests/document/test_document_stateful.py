"""Random sequences of everything a person and a tracker do: undo and redo are exact, and the file always has it all."""

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.document.project import Document, RunInfo
from tests.document.building import file_of, prediction, snapshot, video_ref, walk_back_and_forth
from tracker.labels.table import State

N_FRAMES = 150  # two whole blocks and a part of one
FRAMES = st.integers(0, N_FRAMES - 1)
SPANS = st.tuples(FRAMES, st.integers(1, 80))
PICKS = st.lists(st.integers(0, 20), min_size=1, max_size=4)
PLACES = st.floats(-50, 700, width=32)
PATHS = st.lists(st.tuples(PLACES, PLACES), min_size=1, max_size=4)


class DocumentMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        os.environ["TRACKWRIGHT_DATA_HOME"] = str(self.folder)
        self.document = Document.new(video_ref(N_FRAMES))
        self.seen = {0: snapshot(self.document)}  # by position in the history
        self.labels: list[str] = []
        self.ever: set[int] = set()
        self.runs: list[int] = []
        self.saves = 0

    def teardown(self):
        self.document.end_gesture()
        self.remember()
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

    def remember(self):
        """Note what the table is at this position; positions whose steps were replaced are forgotten."""
        labels, position = self.document.history_steps(), self.document.history_position
        if labels != self.labels:
            self.seen = {p: s for p, s in self.seen.items() if labels[:p] == self.labels[:p]}
            self.labels = labels
        self.seen[position] = snapshot(self.document)

    def picked(self, picks):
        ids = self.document.table.ids.tolist()
        return list(dict.fromkeys(ids[p % len(ids)] for p in picks)) if ids else []

    @rule(points=st.lists(st.tuples(FRAMES, PLACES, PLACES), min_size=1, max_size=3))
    def add(self, points):
        if self.document.table.n_tracks < 12:
            ids = self.document.add_tracks(points)
            assert not self.ever & set(ids)
            self.ever |= set(ids)
            self.remember()

    @rule(picks=PICKS)
    def delete(self, picks):
        self.document.delete_tracks(self.picked(picks))
        self.remember()

    @rule(picks=PICKS, frame=FRAMES, x=PLACES, y=PLACES)
    def place(self, picks, frame, x, y):
        for track_id in self.picked(picks):
            self.document.place_anchor(track_id, frame, x, y)
            self.remember()

    @rule(
        picks=PICKS, frame=FRAMES, path=st.lists(st.tuples(PLACES, PLACES), min_size=1, max_size=4), end=st.booleans()
    )
    def drag(self, picks, frame, path, end):
        steps = None
        for x, y in path:
            for track_id in self.picked(picks):
                self.document.place_anchor(track_id, frame, x, y, gesture=7)
                if self.document._gesture is not None:  # else nothing moved yet
                    steps = steps or len(self.document.history_steps())
                    assert len(self.document.history_steps()) == steps
                self.remember()
        if end:
            self.document.end_gesture()
            self.remember()

    @rule(picks=PICKS, span=SPANS, state=st.sampled_from(State))
    def flag(self, picks, span, state):
        self.document.set_state(self.picked(picks), span[0], span[0] + span[1], state)
        self.remember()

    @rule(picks=PICKS, span=SPANS, yes=st.booleans())
    def approve(self, picks, span, yes):
        self.document.approve(self.picked(picks), span[0], span[0] + span[1], yes)
        self.remember()

    @rule(picks=PICKS, locked=st.booleans())
    def lock(self, picks, locked):
        self.document.set_locked(self.picked(picks), locked)
        self.remember()

    @rule(picks=PICKS, name=st.text(max_size=3))
    def describe(self, picks, name):
        ids = self.picked(picks)
        self.document.set_group(ids, name)
        self.remember()
        if ids:
            self.document.rename(ids[0], name)
            self.remember()

    @rule()
    def begin_run(self):
        self.runs.append(self.document.begin_run(RunInfo("a tracker", settings={"direction": "forward"})))

    @precondition(lambda self: self.runs)
    @rule(
        first=st.integers(-5, N_FRAMES),
        windows=st.integers(1, 4),
        seed=st.integers(0, 9),
        which=st.integers(0, 3),
    )
    def track(self, first, windows, seed, which):
        run_id = self.runs[which % len(self.runs)]
        self.document.end_gesture()  # else the predictions wait, and what they meet is not what is there now
        self.remember()
        ids = [*self.document.table.ids.tolist(), 999]
        table = self.document.table
        protected = table.protected(table.ids, 0, N_FRAMES)
        before = table.read(table.ids, 0, N_FRAMES)
        for first_frame in range(first, first + 8 * windows, 8):
            self.document.apply_prediction(run_id, prediction(first_frame, ids, seed=seed, nan=0.2))
            self.remember()
        after = table.read(table.ids, 0, N_FRAMES)
        for name, array in before.arrays().items():
            assert array[protected].tobytes() == getattr(after, name)[protected].tobytes()

    @precondition(lambda self: self.runs)
    @rule(first=FRAMES, seed=st.integers(0, 9))
    def track_during_a_drag(self, first, seed):
        self.document.apply_prediction(self.runs[-1], prediction(first, self.document.table.ids, seed=seed))
        self.remember()

    @precondition(lambda self: self.runs)
    @rule()
    def end_run(self):
        self.document.end_run(self.runs.pop(0), "done")
        self.remember()

    @rule(times=st.integers(1, 4), forth=st.booleans())
    def go(self, times, forth):
        self.document.end_gesture()
        self.remember()
        for _ in range(times):
            if self.document.redo() if forth else self.document.undo():
                here = snapshot(self.document)
                assert here == self.seen.setdefault(self.document.history_position, here)

    @rule()
    def reopen(self):
        self.document.end_gesture()
        path, labels, position = (
            file_of(self.document),
            self.document.history_steps(),
            self.document.history_position,
        )
        state, runs = snapshot(self.document), set(self.document.runs)
        self.document.close()
        self.runs = []
        if not path.exists():
            assert labels == []
            self.document = Document.new(video_ref(N_FRAMES))
            self.ever = set()
            return
        self.document = Document.open(path)
        assert snapshot(self.document) == state
        assert (self.document.history_steps(), self.document.history_position) == (labels, position)
        assert set(self.document.runs) == runs
        self.remember()

    @rule()
    def save_as(self):
        self.saves += 1
        state = snapshot(self.document)
        self.document.save_as(self.folder / f"project {self.saves}.trackwright")
        self.remember()
        assert self.document.history_position in self.seen
        if not self.document._open_runs:
            assert snapshot(self.document) == state

    @invariant()
    def the_file_has_everything(self):
        if self.document._gesture is not None:
            return
        read = Document.open(file_of(self.document), read_only=True)
        assert snapshot(read) == snapshot(self.document)


DocumentMachine.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
TestDocument = DocumentMachine.TestCase
