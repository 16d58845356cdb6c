"""The project file: what is in it, moving it, and files that are none."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from app.document.blocks import BLOCK_FRAMES
from app.document.database import connect, set_journal
from app.document.migrations import APPLICATION_ID, MIGRATIONS, NewerVersionError, migrate
from app.document.project import Document, RunInfo
from app.document.recovery import unsaved_folder
from app.document.video_ref import VideoRef
from tests.document.building import connection_of, prediction, snapshot, video_ref, walk_back_and_forth
from tracker.files import InputError
from tracker.labels.table import State


@pytest.fixture
def project(tmp_path):
    """A closed project with three tracks, anchors and a run that was undone in part."""
    document = Document.new(video_ref())
    ids = document.add_tracks([(0, 1.5, 1), (70, 2, 2), (149, 3, 3)])
    run = document.begin_run(RunInfo("a tracker", "cpu", {"direction": "forward"}, (0, 150)))
    for first in range(0, 150, 8):
        document.apply_prediction(run, prediction(first, ids))
    document.end_run(run, "done")
    document.set_state([ids[0]], 10, 12, State.OUT_OF_VIEW)
    document.delete_tracks([ids[1]])
    document.rename(ids[0], "nose")
    document.undo()
    path = tmp_path / "a project.trackwright"
    document.save_as(path)
    document.close()
    return path


def rows(path, query):
    connection = sqlite3.connect(path)
    found = connection.execute(query).fetchall()
    connection.close()
    return found


def test_closing_leaves_one_plain_database(project):
    assert [p.name for p in project.parent.iterdir() if p.is_file()] == [project.name]
    assert rows(project, "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert rows(project, "PRAGMA user_version") == [(len(MIGRATIONS),)]
    assert rows(project, "PRAGMA journal_mode") == [("delete",)]
    assert rows(project, "PRAGMA integrity_check") == [("ok",)]


def test_anchors_are_rows_and_predictions_blocks(project):
    assert rows(project, "SELECT * FROM anchor ORDER BY frame") == [
        (0, 0, 1.5, 1.0, State.VISIBLE),
        (0, 10, None, None, State.OUT_OF_VIEW),
        (0, 11, None, None, State.OUT_OF_VIEW),
        (2, 149, 3.0, 3.0, State.VISIBLE),
    ]
    ((ids,),) = rows(project, "SELECT data FROM block WHERE kind = 'ids' AND block = 0")
    ((xy,),) = rows(project, "SELECT data FROM block WHERE kind = 'xy' AND block = 0")
    width = len(np.frombuffer(ids, "<i8"))
    document = Document.open(project, read_only=True)
    stored = np.frombuffer(xy, "<f4").reshape(BLOCK_FRAMES, width, 2)
    assert stored[:, 0].tobytes() == document.table.rows("xy")[:BLOCK_FRAMES, 0].tobytes()


def test_the_history_survives(project):
    document = Document.open(project)
    assert document.path == project
    steps = ["Add 3 tracks", "Track with a tracker", "Out of view 1 track", "Delete 1 track", "Rename 1 track"]
    assert document.history_steps() == steps
    assert document.redo_text == "Rename 1 track"
    back, forth = walk_back_and_forth(document)
    assert back == forth
    assert len(back) == 6
    assert document.table.track(0).name == "nose"
    assert document.add_tracks([[0, 1, 1]]) == [3]
    assert document.begin_run(RunInfo("another")) == 1
    document.close()
    document = Document.open(project, read_only=True)
    assert document.runs[0].settings == {"direction": "forward"}
    assert document.runs[0].frames == (0, 150)
    assert document.runs[1].outcome == "interrupted"


def test_every_edit_is_in_the_file_when_the_call_returns(project):
    document = Document.open(project)
    document.place_anchor(0, 100, 7, 7)
    read = Document.open(project, read_only=True)
    assert snapshot(read) == snapshot(document)
    document.close()


def test_a_correction_writes_no_other_blocks(tmp_path):
    document = Document(64 * 40)
    ids = document.add_tracks([[f, 1, 1] for f in range(0, 64 * 40, 64)])
    document.save_as(tmp_path / "p.trackwright")
    log = tmp_path / "p.trackwright-wal"
    connection_of(document).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    document.place_anchor(ids[0], 1000, 5, 5)
    (page,) = connection_of(document).execute("PRAGMA page_size").fetchone()
    assert 0 < log.stat().st_size < 30 * page
    document.close()


def test_a_document_without_a_file_can_be_saved(tmp_path):
    document = Document(100, video_ref(100))
    ids = document.add_tracks([[0, 1, 1], [50, 2, 2]])
    document.delete_tracks(ids[:1])
    document.undo()
    state = snapshot(document)
    document.save_as(tmp_path / "p.trackwright")
    document.place_anchor(ids[0], 3, 3, 3)
    document.undo()
    document.close()
    document = Document.open(tmp_path / "p.trackwright")
    assert snapshot(document) == state
    assert document.history_steps() == ["Add 2 tracks", "Move Track 1"]
    back, forth = walk_back_and_forth(document)
    assert back == forth
    document.close()


def test_save_as_goes_on_in_the_other_file(project, tmp_path):
    document = Document.open(project)
    other = tmp_path / "other.trackwright"
    other.write_text("something else that the user chose to replace")
    Path(f"{other}-wal").write_text("left behind by a crash")
    document.save_as(other)
    document.place_anchor(0, 100, 7, 7)
    document.close()
    assert 100 in Document.open(other, read_only=True).anchors(0)
    assert 100 not in Document.open(project, read_only=True).anchors(0)
    assert not Path(f"{other}-wal").exists()


def test_saving_where_it_cannot_be_leaves_everything(project, tmp_path):
    document = Document.open(project)
    with pytest.raises(InputError, match="the folder does not exist"):
        document.save_as(tmp_path / "missing" / "p.trackwright")
    assert document.path == project
    other = Document(10)
    with pytest.raises(InputError, match="already open in another window"):
        other.save_as(project)
    document.place_anchor(0, 100, 7, 7)
    document.close()
    assert 100 in Document.open(project, read_only=True).anchors(0)


def test_only_one_window_writes(project):
    document = Document.open(project)
    with pytest.raises(InputError, match="already open in another window"):
        Document.open(project)
    code = f"from app.document.project import Document; Document.open({str(project)!r})"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "already open in another window" in other.stderr
    document.close()
    Document.open(project).close()


def test_what_comes_after_closing_goes_nowhere(project):
    document = Document.open(project)
    run = document.begin_run(RunInfo("late"))
    document.close()
    state = snapshot(document)
    assert not document.apply_prediction(run, prediction(0, [0]))
    document.end_run(run, "cancelled")
    document.close()
    assert snapshot(document) == state == snapshot(Document.open(project, read_only=True))
    assert not document.can_undo


# -- files that are no project


def check_refused(path, reason):
    before = path.read_bytes() if path.is_file() else None
    for read_only in (False, True):
        with pytest.raises(InputError) as caught:
            Document.open(path, read_only=read_only)
        assert str(caught.value) == f"{path}: {reason}"
    if before is not None:
        assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"hello", b"hello" * 10_000])
def test_not_a_project(tmp_path, content):
    path = tmp_path / "p.trackwright"
    path.write_bytes(content)
    check_refused(path, "this is not a Trackwright project")


def test_another_kind_of_database(tmp_path):
    path = tmp_path / "p.trackwright"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE meta (key, value)")
    connection.close()
    check_refused(path, "this is not a Trackwright project")


def test_missing_or_a_folder(tmp_path):
    check_refused(tmp_path / "p.trackwright", "there is no such file")
    check_refused(tmp_path, "this is a folder")


def test_a_newer_version(project):
    connection = sqlite3.connect(project)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    check_refused(project, "a newer version of Trackwright made this project")


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE block SET data = substr(data, 5) WHERE kind = 'xy'",
        "UPDATE meta SET value = 'nonsense' WHERE key = 'video'",
        "UPDATE run SET info = '[]'",
        "DELETE FROM meta WHERE key = 'n_frames'",
        "DROP TABLE track",
    ],
)
def test_nonsense_inside(project, damage):
    connection = sqlite3.connect(project)
    connection.execute(damage)
    connection.commit()
    connection.close()
    with pytest.raises(InputError, match="the project file"):
        Document.open(project, read_only=True)
    with pytest.raises(InputError, match="the project file"):
        Document.open(project)


@pytest.mark.parametrize("keep", [0.5, 0.9])
def test_a_truncated_file(project, keep):
    data = project.read_bytes()
    project.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(InputError, match="the project file is damaged"):
        Document.open(project, read_only=True)


def test_a_damaged_step_leaves_the_table_as_it_is(project):
    connection = sqlite3.connect(project)
    connection.execute("UPDATE piece SET edit = substr(edit, 1, 50) WHERE step = 1 AND piece = 0")
    connection.commit()
    connection.close()
    document = Document.open(project)
    document.go_to(2)
    before = snapshot(document)
    with pytest.raises(InputError, match="damaged"):
        document.undo()
    assert snapshot(document) == before
    assert document.history_position == 2
    document.close()


def test_a_file_that_may_not_be_written(project, monkeypatch):
    # A read-only connection stands for missing permissions, which the superuser never lacks.
    from app.document import store

    monkeypatch.setattr(store, "connect", lambda path, mode: connect(path, "ro"))
    before = project.read_bytes()
    with pytest.raises(InputError, match="no permission to write here"):
        Document.open(project)
    assert project.read_bytes() == before
    assert Document.open(project, read_only=True).table.n_tracks == 2


def test_a_folder_where_the_log_cannot_work(tmp_path):
    # SQLite's dot-file locking has no shared memory, as a network share has none.
    connection = sqlite3.connect(f"file:{tmp_path}/p.db?vfs=unix-dotfile", uri=True, isolation_level=None)
    assert set_journal(connection) == "truncate"
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    connection.close()


# -- migrations


def test_migrations_lead_from_each_version_to_the_next(tmp_path):
    path = tmp_path / "old.db"
    connection = sqlite3.connect(path, isolation_level=None)
    first = ("CREATE TABLE point (x)", "INSERT INTO point VALUES (1), (2)")
    second = ("ALTER TABLE point ADD COLUMN y", "UPDATE point SET y = 10 * x")
    assert migrate(connection, [first]) == 1
    assert migrate(connection, [first, second]) == 2
    assert migrate(connection, [first, second]) == 2
    assert connection.execute("SELECT * FROM point").fetchall() == [(1, 10), (2, 20)]
    with pytest.raises(NewerVersionError):
        migrate(connection, [first])
    connection.close()


def test_an_older_project_is_brought_up_when_it_is_opened(project, monkeypatch):
    from app.document import migrations

    wider = (*MIGRATIONS, ('ALTER TABLE track ADD COLUMN note TEXT NOT NULL DEFAULT ""',))
    connection = connect(project, "rw")
    connection.execute("BEGIN IMMEDIATE")
    assert migrations.migrate(connection, wider) == len(MIGRATIONS) + 1
    connection.execute("ROLLBACK")  # all of it or nothing
    assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    assert migrations.migrate(connection, wider) == len(MIGRATIONS) + 1
    assert connection.execute("SELECT DISTINCT note FROM track").fetchall() == [("",)]
    connection.close()


# -- the video


def video_of(document):
    assert document.video is not None
    return document.video


def test_the_video_is_found_beside_a_moved_project(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "clips").mkdir(parents=True)
    clip = here / "clips" / "clip.mp4"
    clip.write_bytes(b"12345")
    document = Document.new(video_ref().relink(clip))
    document.add_tracks([[0, 1, 1]])
    document.save_as(here / "p.trackwright")
    assert Path(video_of(document).path) == clip
    document.close()
    here.rename(there)
    document = Document.open(there / "p.trackwright")
    assert Path(video_of(document).path) == there / "clips" / "clip.mp4"
    assert not video_of(document).missing
    assert np.array_equal(video_of(document).pts, np.arange(150))
    assert video_of(document).fps == 25

    (there / "clips" / "clip.mp4").rename(tmp_path / "moved.mp4")
    document.close()
    document = Document.open(there / "p.trackwright")
    assert video_of(document).missing
    document.relink(tmp_path / "moved.mp4")
    document.close()
    document = Document.open(there / "p.trackwright")
    assert Path(video_of(document).path) == tmp_path / "moved.mp4"
    assert video_of(document).size == 5
    document.close()


def test_another_video_is_told_from_the_known_one():
    known = video_ref()
    assert known.differences(video_ref(path="/elsewhere.mp4")) == []
    assert known.differences(video_ref(n_frames=151, width=320)) == [
        "151 frames instead of 150",
        "320 × 480 pixels instead of 640 × 480",
    ]
    changed = VideoRef(**{**vars(video_ref()), "pts": np.arange(150) * 2, "content_hash": "cd"})
    assert known.differences(changed) == ["other frame times", "other pictures"]


def test_an_untitled_document_without_steps_leaves_nothing():
    document = Document.new(video_ref())
    assert len(list(unsaved_folder().iterdir())) >= 1
    document.close()
    assert list(unsaved_folder().iterdir()) == []
