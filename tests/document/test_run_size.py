"""Large runs in the history: how much room they take, and how long undo takes."""

import time

import pytest

from app.document.project import Document, RunInfo
from app.document.serial import pack_edit
from tests.document.building import prediction, snapshot, video_ref
from tracker.inference.session import Prediction
from tracker.labels.table import Source

N_TRACKS, N_FRAMES = 500, 300


@pytest.fixture
def document():
    document = Document.new(video_ref(N_FRAMES))
    document.add_tracks([[0, k, k % 400] for k in range(N_TRACKS)])
    yield document
    document.close(discard=True)


def windows(document):
    """A run whose windows overlap by half."""
    run = document.begin_run(RunInfo("a tracker"))
    for first in range(0, N_FRAMES, 8):
        document.apply_prediction(run, prediction(first, document.table.ids))


def one_by_one(document):
    """A run that solves one track after the other, as bridges do."""
    run = document.begin_run(RunInfo("a tracker"))
    whole = prediction(0, document.table.ids, N_FRAMES)
    for k in range(0, N_TRACKS, 10):
        part = slice(k, k + 1)
        found = [whole.tracks[:, part], whole.visibility[:, part], whole.confidence[:, part]]
        document.apply_prediction(run, Prediction(0, whole.ids[part], *found), Source.BRIDGE)


@pytest.mark.parametrize("track", [windows, one_by_one])
def test_undo_of_a_run_takes_less_than_a_tenth_of_a_second(document, track):
    before = snapshot(document)
    track(document)
    after, took = snapshot(document), []
    for _ in range(5):
        start = time.perf_counter()
        assert document.undo()
        took.append(time.perf_counter() - start)
        assert snapshot(document) == before
        assert document.redo()
    assert snapshot(document) == after
    assert min(took) < 0.1  # the least, since other work on the machine only adds to it


@pytest.mark.parametrize("track", [windows, one_by_one])
def test_a_run_over_empty_cells_keeps_what_it_wrote_once(document, track):
    track(document)
    written = int((document.table.run_id == 0).sum())
    kept = sum(len(pack_edit(edit)) for edit in document._keeper.edits(1))
    assert kept < 24 * written  # 8 for the position, 9 for state and probabilities, 2 to 4 for what they are worth


def test_tracks_that_were_solved_one_by_one_share_pieces(document):
    one_by_one(document)
    assert len(list(document._keeper.edits(1))) <= 6
