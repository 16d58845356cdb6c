"""What filters find is what they are about; taking it away is one step that can be undone to the bit."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.document.clean_up import CleanUp, Filters, Found, Snapshot, find_cells, plan
from app.document.project import Document
from app.document.runs import RunInfo
from tests.document.building import prediction, snapshot, video_ref
from tracker.inference.session import Prediction
from tracker.labels.table import Source, State

FRAMES, WIDTH, HEIGHT = 40, 640, 480


def tracked(*paths: np.ndarray) -> tuple[Document, list[int]]:
    """A document in memory with tracks that a run has followed over these (T, 2) positions; NaN where not."""
    document = Document(FRAMES, video_ref(FRAMES, WIDTH, HEIGHT))
    firsts = [int(np.flatnonzero(np.isfinite(path[:, 0]))[0]) for path in paths]
    ids = document.add_tracks([[first, *path[first]] for first, path in zip(firsts, paths, strict=True)])
    xy = np.stack(paths, axis=1).astype(np.float32)
    sure = np.where(np.isfinite(xy[..., 0]), 0.9, np.nan).astype(np.float32)
    document.apply_prediction(
        document.begin_run(RunInfo("made")), Prediction(0, np.array(ids, np.int64), xy, sure, sure)
    )
    return document, ids


def still(x: float, y: float, start: int = 0, end: int = FRAMES) -> np.ndarray:
    path = np.full((FRAMES, 2), np.nan)
    path[start:end] = x, y
    return path


def look(document: Document, **filters: object) -> Found:
    return find_cells(Snapshot.of(document), Filters(**filters))  # type: ignore[arg-type]


def frames(found: Found, name: str, column: int = 0) -> list[int]:
    return np.flatnonzero(found.cells[name][:, column]).tolist()  # type: ignore[index]


def clean(document: Document, whole_tracks: bool = False, **filters: object) -> CleanUp:
    cleaned = plan(look(document, **filters), whole_tracks)
    document.clean_up(cleaned.deleted, cleaned.cleared)
    return cleaned


def test_nothing_asked_for_finds_nothing() -> None:
    document, _ = tracked(still(50, 50))
    found = look(document)
    assert found.concerned == []
    assert plan(found, True) == CleanUp((), {}, 0, 0)


def test_short_tracks_go_whole() -> None:
    document, ids = tracked(still(50, 50, 3, 9), still(200, 200))
    found = look(document, shorter_than=7)
    assert found.concerned == [ids[0]]
    assert found.count("short") == (1, 6)
    assert look(document, shorter_than=6).concerned == []
    cleaned = clean(document, shorter_than=7)
    assert (cleaned.deleted, cleaned.positions) == ((ids[0],), 6)
    assert document.table.ids.tolist() == [ids[1]]


def test_positions_that_are_probably_off_go_and_unknown_ones_stay() -> None:
    document, ids = tracked(still(50, 50))
    errors = np.full((20, 1), 1.0)
    errors[5:8] = 9.0
    document.expected_error.write(ids, 10, errors)
    found = look(document, error_over=5.0)
    assert frames(found, "error") == [15, 16, 17]
    assert found.unknown == FRAMES - 20 - 1  # the start is an anchor
    clean(document, error_over=5.0)
    state = document.table.rows("state")[:, 0]
    assert np.flatnonzero(state == State.UNLABELLED).tolist() == [15, 16, 17]
    assert np.isnan(document.table.rows("xy")[15:18]).all()


def test_a_jump_takes_both_its_sides_or_all_that_follows() -> None:
    path = still(100, 100)
    path[12:] += (60, 0)
    document, _ = tracked(path)
    assert frames(look(document, jump_over=59.0), "jump") == [11, 12]
    assert frames(look(document, jump_over=61.0), "jump") == []
    assert frames(look(document, jump_over=59.0, jump_ends=True), "jump") == list(range(12, FRAMES))


def test_what_follows_a_jump_ends_at_an_anchor() -> None:
    path = still(100, 100)
    path[12:] += (60, 0)
    document, ids = tracked(path)
    document.place_anchor(ids[0], 20, 160, 100)
    assert frames(look(document, jump_over=59.0, jump_ends=True), "jump") == list(range(12, 20))


def test_a_gap_is_no_jump() -> None:
    path = still(100, 100)
    path[12:] += (60, 0)
    path[11] = np.nan
    document, _ = tracked(path)
    assert look(document, jump_over=10.0).concerned == []


@pytest.mark.parametrize(
    ("x", "y", "near"),
    [(2, 200, True), (WIDTH - 3, 200, True), (300, 2, True), (300, HEIGHT - 3, True), (4.6, 200, False)],
)
def test_the_edge_is_that_of_the_outermost_pixels(x: float, y: float, near: bool) -> None:
    path = still(300, 200)
    path[5] = x, y
    document, _ = tracked(path)
    assert frames(look(document, edge_within=5.0), "edge") == ([5] if near else [])


def test_only_what_is_stuck_at_the_edge() -> None:
    passing, stuck = still(300, 200), still(300, 200)
    passing[10:16, 0] = np.linspace(3.5, -0.4, 6)
    stuck[10:16] = np.stack([np.full(6, 1.0), 200 + 3.0 * np.arange(6)], axis=1)  # along the edge
    document, ids = tracked(passing, stuck)
    assert look(document, edge_within=5.0).concerned == ids
    found = look(document, edge_within=5.0, edge_stuck=True)
    assert found.concerned == [ids[1]]
    assert frames(found, "edge", 1) == list(range(10, 16))


def test_the_shorter_of_two_that_are_always_close_goes() -> None:
    moving = still(100, 100) + np.arange(FRAMES)[:, None] * 3
    short = moving + np.array([1.0, 0.5])
    short[30:] = np.nan
    parted = moving + np.array([0.5, 0])
    parted[35:] += 8
    document, ids = tracked(short, moving, parted, still(400, 300))
    assert look(document, duplicates_within=2.0).concerned == [ids[0]]
    assert look(document, duplicates_within=0.6).concerned == []


def test_two_that_share_few_frames_are_no_duplicates() -> None:
    document, _ = tracked(still(100, 100, 0, 21), still(100.5, 100, 20, 40))
    assert look(document, duplicates_within=2.0).concerned == []


def test_each_square_keeps_its_longest_tracks() -> None:
    document, ids = tracked(still(10, 10, 0, 30), still(20, 20), still(30, 30, 0, 35), still(90, 10, 0, 20))
    assert look(document, crowd_cell=64.0, crowd_keep=2).concerned == [ids[0]]
    assert look(document, crowd_cell=64.0, crowd_keep=2, crowd_frame=32).concerned == []
    assert look(document, crowd_cell=64.0, crowd_keep=1).concerned == [ids[0], ids[2]]


def test_what_a_person_vouches_for_stays_unless_it_is_said() -> None:
    wild = still(100, 100)
    wild[10:14] += (80, 0)
    document, ids = tracked(wild, wild + 5, wild + 10)
    document.place_anchor(ids[0], 10, 180, 100)
    document.approve([ids[1]], 13, 14)
    document.set_locked([ids[2]])
    found = look(document, jump_over=50.0)
    assert frames(found, "jump", 0) == [9, 13, 14]
    assert frames(found, "jump", 1) == [9, 10, 14]
    assert frames(found, "jump", 2) == []
    cleaned = plan(found, whole_tracks=True)
    assert (cleaned.deleted, cleaned.kept) == ((), 2)
    everything = look(document, jump_over=50.0, protected=True)
    assert frames(everything, "jump", 0) == [9, 10, 13, 14]
    assert plan(everything, whole_tracks=True).deleted == tuple(ids)


def test_the_anchor_that_a_track_starts_from_goes_with_the_track_only() -> None:
    path = still(2, 100)
    document, ids = tracked(path)
    assert document.table.rows("source")[0, 0] == Source.ANCHOR
    found = look(document, edge_within=5.0)
    assert frames(found, "edge") == list(range(1, FRAMES))
    assert plan(found, whole_tracks=True).deleted == (ids[0],)


def test_whole_tracks_or_only_positions() -> None:
    path = still(100, 100)
    path[12:14] += (60, 0)
    document, ids = tracked(path, still(300, 300))
    spans = plan(look(document, jump_over=50.0), whole_tracks=False)
    assert spans.deleted == ()
    assert {i: np.flatnonzero(where).tolist() for i, where in spans.cleared.items()} == {ids[0]: [11, 12, 13, 14]}
    assert spans.positions == 4
    whole = plan(look(document, jump_over=50.0), whole_tracks=True)
    assert (whole.deleted, whole.cleared, whole.positions) == ((ids[0],), {}, FRAMES)


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 1000),
    st.booleans(),
    st.floats(1, 400),
    st.floats(1, 60),
    st.integers(1, 16),
    st.booleans(),
)
def test_a_clean_up_is_one_step_and_undone_to_the_bit(
    seed: int, whole: bool, jump: float, edge: float, short: int, ends: bool
) -> None:
    document = Document(30, video_ref(30, WIDTH, HEIGHT))
    ids = document.add_tracks(np.random.default_rng(seed).uniform([0, 0, 0], [29, 600, 400], (5, 3)).round())
    document.apply_prediction(document.begin_run(RunInfo("made")), prediction(4, ids, 20, seed=seed, nan=0.2))
    document.approve(ids[:1], 5, 9)
    approved = document.table.rows("approved").sum()
    assert approved
    before, steps = snapshot(document), len(document.history_steps())
    found = look(document, jump_over=jump, edge_within=edge, shorter_than=short, jump_ends=ends)
    cleaned = plan(found, whole)
    placed = Snapshot.of(document).placed.sum()
    document.clean_up(cleaned.deleted, cleaned.cleared)
    assert placed - Snapshot.of(document).placed.sum() == cleaned.positions
    assert len(document.history_steps()) == steps + bool(cleaned.deleted or cleaned.cleared)
    assert ids[0] in document.table
    assert document.table.rows("approved").sum() == approved
    if cleaned.positions:
        after = snapshot(document)
        document.undo()
        assert snapshot(document) == before
        document.redo()
        assert snapshot(document) == after


def test_it_can_be_given_up() -> None:
    def stop(done: int, total: int) -> None:
        raise InterruptedError(f"{done} of {total}")

    document, _ = tracked(still(50, 50))
    with pytest.raises(InterruptedError, match="1 of 1"):
        find_cells(Snapshot.of(document), replace(Filters(), jump_over=3.0), stop)


def test_an_empty_document_has_nothing_to_clean() -> None:
    document = Document(FRAMES, video_ref(FRAMES, WIDTH, HEIGHT))
    found = look(document, shorter_than=4, jump_over=3.0, duplicates_within=2.0, crowd_cell=32.0)
    assert found.concerned == []
    assert found.count("jump") == (0, 0)
