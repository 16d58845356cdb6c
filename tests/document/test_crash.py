"""kill -9 of a real process in the middle of its work, and finding its untitled project again."""

import os
import random
import signal
import sqlite3
import subprocess
import sys

import pytest

from app.document.project import Document
from app.document.recovery import discard_unsaved, unsaved_folder, unsaved_projects
from tests.document.building import file_of, snapshot, video_ref, walk_back_and_forth
from tracker.files import InputError

# Drag after drag on its own frame, with a window of a run now and then. A drag is finished when its line is out.
CHILD = """
import sys
from app.document.project import Document, RunInfo
from tests.document.building import prediction, video_ref

document = Document.new(video_ref(5000))
ids = document.add_tracks([[0, 1, 1]] * 20)
run = document.begin_run(RunInfo("a tracker"))
print(document.file, flush=True)
for drag in range(4999):
    for move in range(8):
        document.place_anchor(ids[drag % 20], drag + 1, drag, move, gesture=drag)
    document.end_gesture()
    print(drag, flush=True)
    if drag % 5 == 0:
        document.apply_prediction(run, prediction(drag, ids))
"""


def killed_child(drags):
    """Kill a child after about so many drags; gives its project and how many it had finished."""
    child = subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    path = child.stdout.readline().strip()
    for _ in range(drags):
        child.stdout.readline()
    os.kill(child.pid, signal.SIGKILL)
    rest = child.stdout.read()  # what it had written before it died; a line without an end was not finished
    assert child.wait() == -signal.SIGKILL
    child.stdout.close()
    return path, drags + rest.count("\n")


@pytest.mark.parametrize("attempt", range(4))
def test_kill_9_loses_at_most_the_drag_in_progress(attempt):
    path, finished = killed_child(drags=random.Random(attempt).randrange(1, 150))
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    (found,) = unsaved_projects()
    assert (str(found.path), found.video) == (path, "/nowhere/clip.mp4")

    document = Document.open(path)
    assert document.path is None
    assert document.runs[0].outcome == "interrupted"
    for drag in range(finished):
        cells = document.table.read([drag % 20], drag + 1, drag + 2)
        assert cells.xy[0, 0].tolist() == [drag, 7]
    moves = sum(label.startswith("Move") for label in document.history_steps())
    assert finished <= moves <= finished + 1
    back, forth = walk_back_and_forth(document) if attempt == 0 else ({}, {})
    assert back == forth
    document.close(discard=True)
    assert list(unsaved_folder().iterdir()) == []


def test_an_untitled_project_that_is_open_is_not_offered():
    document = Document.new(video_ref())
    document.add_tracks([[0, 1, 1]])
    assert unsaved_projects() == []
    state = snapshot(document)
    document.close()
    (found,) = unsaved_projects()
    assert (found.video, found.steps) == ("/nowhere/clip.mp4", 1)
    document = Document.open(found.path)
    assert snapshot(document) == state
    with pytest.raises(InputError, match="already open"):
        discard_unsaved(found)
    document.close()
    discard_unsaved(found)
    assert list(unsaved_folder().iterdir()) == []


def test_saving_takes_an_untitled_project_out_of_the_unsaved_ones(tmp_path):
    document = Document.new(video_ref())
    document.add_tracks([[0, 1, 1]])
    document.save_as(tmp_path / "p.trackwright")
    assert list(unsaved_folder().iterdir()) == []
    assert document.path == tmp_path / "p.trackwright"
    document.close()


def test_what_is_no_project_is_not_offered_and_empty_ones_go():
    Document(10).close()
    unsaved_folder().mkdir(parents=True)
    (unsaved_folder() / "odd.trackwright").write_text("something")
    document = Document.new(video_ref())
    empty = file_of(document)
    document._keeper.close()  # as after a crash before the first step
    assert unsaved_projects() == []
    assert not empty.exists()
    assert (unsaved_folder() / "odd.trackwright").exists()
