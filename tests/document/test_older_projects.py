"""Projects of earlier versions of the file, made here with the schema of their time."""

import json
import sqlite3

import numpy as np
import pytest

from app.document.migrations import APPLICATION_ID, MIGRATIONS, migrate
from app.document.project import Document, RunInfo
from app.document.serial import _pack
from tests.document.building import prediction, snapshot, walk_back_and_forth
from tracker.inference.session import Prediction
from tracker.labels.table import Cells, Source, State

N_FRAMES = 70  # one whole block and a short one
SECOND = ("disagreement", "patch_change")  # the cell fields that the second version brought


@pytest.fixture
def first_version(tmp_path):
    """A project of version 1: one track that was added and then tracked over all frames."""
    path = tmp_path / "old.trackwright"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN")
    migrate(connection, MIGRATIONS[:1])
    for key, value in {"n_frames": N_FRAMES, "position": 2, "next_id": 1}.items():
        connection.execute("INSERT INTO meta VALUES (?, ?)", (key, value))
    connection.execute("INSERT INTO track VALUES (0, 'nose', 'face', 0, 3, 5, 6, 1, 2, 3)")
    connection.execute("INSERT INTO anchor VALUES (0, 3, 5, 6, 1)")
    connection.execute("INSERT INTO run VALUES (0, ?)", (json.dumps({"tracker": "old", "frames": [0, N_FRAMES]}),))
    cells = tracked()
    for block, (start, end) in enumerate([(0, 64), (64, N_FRAMES)]):
        rows = {"ids": np.zeros(1, "<i8")} | {k: np.ascontiguousarray(a[start:end]) for k, a in old(cells).items()}
        for kind, array in rows.items():
            connection.execute("INSERT INTO block (block, kind, data) VALUES (?, ?, ?)", (block, kind, array.tobytes()))
    for step, (label, run, edit) in enumerate(steps(cells)):
        connection.execute("INSERT INTO step VALUES (?, ?, ?)", (step, label, run))
        connection.execute("INSERT INTO piece (step, piece, edit) VALUES (?, 0, ?)", (step, edit))
    connection.execute("COMMIT")
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    connection.close()
    return path


def tracked():
    """An anchor on frame 3, predictions elsewhere."""
    cells = Cells.empty(N_FRAMES, 1)
    cells.xy[:] = (5, 6)
    cells.state[:] = State.VISIBLE
    cells.source[:], cells.run_id[:] = Source.MODEL, 0
    cells.visibility[:], cells.confidence[:] = 0.75, 0.5
    cells.source[3], cells.run_id[3] = Source.ANCHOR, -1
    cells.visibility[3] = cells.confidence[3] = np.nan
    return cells


def old(cells):
    return {name: array for name, array in cells.arrays().items() if name not in SECOND}


def steps(cells):
    """Adding the track, and the run, as the first version wrote them."""
    track = {"id": 0, "name": "nose", "query_point": [3, 5, 6], "colour": [1, 2, 3], "group": "face", "locked": False}
    anchor = cells.select(slice(3, 4), slice(None))
    added = _pack({"kind": "presence", "start": 3, "added": True, "tracks": [track]}, old(anchor))
    before = Cells.empty(N_FRAMES, 1)
    for name, array in before.arrays().items():
        array[3] = getattr(cells, name)[3]
    arrays = {"ids": np.zeros(1, "<i8")}
    arrays |= {f"before.{name}": array for name, array in old(before).items()}
    arrays |= {f"after.{name}": array for name, array in old(cells).items()}
    return [
        ("Add 1 track", None, added),
        ("Track with old", 0, _pack({"kind": "patch", "start": 0, "anchors": False}, arrays)),
    ]


def check_contents(document):
    assert document.table.read([0], 0, N_FRAMES).equals(tracked())
    track = document.table.track(0)
    assert (track.name, track.query_point, track.group, track.end) == ("nose", (3, 5, 6), "face", None)


def test_it_can_be_looked_at_without_being_changed(first_version):
    before = first_version.read_bytes()
    check_contents(Document.open(first_version, read_only=True))
    assert first_version.read_bytes() == before


def test_it_goes_on_with_its_history(first_version):
    document = Document.open(first_version)
    check_contents(document)
    assert document.undo()
    assert document.anchors(0) == [3]
    assert document.table.n_tracks == 1
    assert document.undo()
    assert document.table.n_tracks == 0
    document.go_to(2)
    check_contents(document)
    document.close()
    connection = sqlite3.connect(first_version)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    connection.close()


def test_what_only_a_later_version_knows_can_be_written_to_it(first_version):
    document = Document.open(first_version)
    run = document.begin_run(RunInfo("new"))
    found = prediction(10, [0], 20)
    values = np.linspace(0, 1e6, 20, dtype=np.float32)[:, None]  # more pixels than half precision holds
    new = Prediction(10, found.ids, found.tracks, found.visibility, found.confidence, values, 0 * values)
    document.apply_prediction(run, new, Source.BRIDGE)
    assert np.isfinite(document.table.disagreement[0, 10:30]).all()
    state = snapshot(document)
    document.close()
    document = Document.open(first_version)
    assert snapshot(document) == state
    back, forth = walk_back_and_forth(document)
    assert back == forth
    assert not np.isfinite(np.frombuffer(back[2][1]["disagreement"][1], np.float16)).any()
    document.close()
