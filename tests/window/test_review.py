"""The review in the real window: what is expected to be wrong, walking it, approving it."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.document.project import Document
from app.document.runs import RunInfo
from app.suspicion import QUIET_MS, QUIET_RUNNING_MS
from app.window import MainWindow
from tests.window.conftest import FRAMES
from tests.window.scenes import FIRST, OTHERS, SECOND, followed, truth
from tests.window.test_main_job import place, press, track
from tracker.inference.session import Prediction
from tracker.inference.suspicion import ErrorModel, Suspect, measure_signals
from tracker.labels import Source, State

WRONG = {0: slice(20, 26), 1: slice(40, 43)}  # frames by track


@pytest.fixture
def document(opened: MainWindow) -> Document:
    assert opened.document is not None
    return opened.document


def looked(qtbot, window: MainWindow, act: Callable[[], object] = lambda: None) -> list[Suspect]:
    """Do something, wait until all of it has been looked at, and give what is left to review."""
    suspicion = window.review.suspicion
    act()
    qtbot.waitUntil(
        lambda: suspicion._job is None and not suspicion._dirty and not suspicion._timer.isActive(), timeout=20_000
    )
    return list(window.review_panel.queue.suspects)


@pytest.fixture
def suspects(qtbot, opened: MainWindow, document: Document) -> list[Suspect]:
    """Two of eight tracks were lost for some frames, the first one farther; what the review makes of them."""

    def make() -> None:
        followed(document, FIRST, off=WRONG[0], by=30)
        followed(document, SECOND, off=WRONG[1], by=5)
        followed(document, *OTHERS)

    found = looked(qtbot, opened, make)
    qtbot.waitUntil(lambda: not opened._refresh_timer.isActive())
    return found


def go(qtbot, window: MainWindow, key: Qt.Key) -> None:
    press(window, key)
    qtbot.waitUntil(lambda: window.canvas.frame == window.view.playhead and not window._refresh_timer.isActive())


def test_expected_errors_come_after_a_run_without_asking(qtbot, opened: MainWindow, document: Document, click) -> None:
    ids = place(opened, click, FIRST, SECOND)
    opened.view.selection = ()
    looked(qtbot, opened, lambda: track(qtbot, opened, Qt.Key.Key_F))
    errors = document.expected_error.read(ids, 0, FRAMES)
    assert (errors[0] == 0).all(), "a person placed them here"
    assert (errors[1:] > 0).all()


def test_what_a_run_writes_is_looked_at_at_once_when_it_ends(qtbot, opened: MainWindow, document: Document) -> None:
    suspicion = opened.review.suspicion
    looked(qtbot, opened)
    suspicion.running = True
    followed(document, FIRST)
    assert suspicion._timer.interval() == QUIET_RUNNING_MS
    suspicion.running = False
    assert suspicion._timer.isActive()
    assert suspicion._timer.interval() == QUIET_MS


def test_each_cell_is_judged_as_of_the_tracker_that_wrote_it(qtbot, opened: MainWindow, document: Document) -> None:
    ids = document.add_tracks([[0, *FIRST], [0, *SECOND]])
    xy = np.array([[truth(point, frame) for point in (FIRST, SECOND)] for frame in range(FRAMES)], np.float32)
    said = np.full((FRAMES, 1), 0.5, np.float32)

    def run(tracker: str, rows: slice, column: int, source: Source = Source.MODEL) -> None:
        number = document.begin_run(RunInfo(tracker))
        part = Prediction(rows.start, np.array([ids[column]]), xy[rows, column][:, None], said[rows], said[rows])
        document.apply_prediction(number, part, source)
        document.end_run(number, "done")

    def act() -> None:
        run("lucas-kanade", slice(0, FRAMES), 0)
        run("some network", slice(0, FRAMES), 1)
        run("some network", slice(20, 30), 0)
        run("lucas-kanade", slice(20, 30), 1, Source.BRIDGE)

    looked(qtbot, opened, act)
    model, cells = ErrorModel.shipped(), document.table.read(ids, 0, FRAMES)
    classical = np.zeros((FRAMES, 2), bool)
    classical[:, 0], classical[20:30] = True, (False, True)
    assert document.video is not None
    signals = replace(measure_signals(cells, (document.video.width, document.video.height)), lucas_kanade=classical)
    found = document.expected_error.read(ids, 0, FRAMES)
    np.testing.assert_allclose(found, model.predict(signals), rtol=2e-3)
    assert not np.allclose(found, model.predict(replace(signals, lucas_kanade=~classical)), rtol=0.1)


class TestTheQueue:
    def test_it_has_what_is_wrong_the_worst_first(self, opened: MainWindow, suspects: list[Suspect]) -> None:
        assert [suspect.error_px for suspect in suspects] == sorted((s.error_px for s in suspects), reverse=True)
        assert [suspect.track_id for suspect in suspects] == [0, 1]
        for track_id, wrong in WRONG.items():
            own = [suspect for suspect in suspects if suspect.track_id == track_id]
            assert any(suspect.start <= wrong.start < suspect.end for suspect in own)
            assert all(suspect.reasons for suspect in own)
            assert sum(suspect.end - suspect.start for suspect in own) < FRAMES / 2
        assert opened.review_panel.model.rowCount() == len(suspects)
        assert opened.review_panel.left_label.text() == "2 spans left"

    def test_the_threshold_decides_what_is_in_it(
        self, qtbot, opened: MainWindow, document: Document, suspects: list[Suspect]
    ) -> None:
        def choose(pixels: float) -> list[Suspect]:
            return looked(qtbot, opened, lambda: opened.review_panel.threshold_box.setValue(pixels))

        middle = round((suspects[0].error_px + suspects[-1].error_px) / 2, 1)
        strict = choose(middle)
        assert 0 < len(strict) < len(suspects)
        assert min(suspect.error_px for suspect in strict) > middle
        assert choose(128) == []
        assert opened.review_panel.empty_label.text() == "Nothing left above 128 px"
        everywhere = choose(0.5)
        assert sum(s.end - s.start for s in everywhere) >= sum(s.end - s.start for s in suspects)

    def test_what_a_person_says_leaves_it(
        self, qtbot, opened: MainWindow, document: Document, suspects: list[Suspect]
    ) -> None:
        left = looked(qtbot, opened, lambda: document.approve([0], 0, FRAMES))
        assert {suspect.track_id for suspect in left} == {1}
        assert looked(qtbot, opened, lambda: document.delete_tracks([1])) == []

    def test_another_document_has_its_own(
        self, qtbot, opened: MainWindow, suspects: list[Suspect], moving_clip
    ) -> None:
        with qtbot.waitSignal(opened.review.suspicion.found, timeout=20_000):
            opened.files.open_path(moving_clip)
        assert opened.review_panel.queue.left == 0


class TestWalking:
    def test_e_and_q_show_one_span_after_the_other(
        self, qtbot, opened: MainWindow, document: Document, suspects: list[Suspect]
    ) -> None:
        whole = opened.canvas.mapping().scale
        for suspect in suspects:
            go(qtbot, opened, Qt.Key.Key_E)
            assert opened.view.selection == (suspect.track_id,)
            assert opened.view.playhead == suspect.worst
            assert opened.canvas.mapping().scale > whole
            xy = document.table.xy[suspect.track_id, suspect.start : suspect.end]
            for x, y in xy.tolist():
                assert opened.canvas.viewport.rect().contains(opened.canvas.to_view(x, y))
        assert opened.review_panel.isVisible(), "it comes to the front"
        press(opened, Qt.Key.Key_E)
        assert opened.statusBar().currentMessage() == "This is the last span."
        for suspect in suspects[-2::-1]:
            go(qtbot, opened, Qt.Key.Key_Q)
            assert opened.view.playhead == suspect.worst
        press(opened, Qt.Key.Key_Q)
        assert opened.statusBar().currentMessage() == "This is the first span."

    def test_a_row_that_is_clicked_is_gone_to(self, qtbot, opened: MainWindow, suspects: list[Suspect]) -> None:
        opened.docks.raise_("review")
        rows = opened.review_panel.list_view
        qtbot.waitUntil(rows.isVisible)
        place_of = rows.visualRect(opened.review_panel.model.index(1)).center()
        QTest.mouseClick(rows.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place_of)
        assert opened.view.playhead == suspects[1].worst
        assert opened.view.selection == (suspects[1].track_id,)

    def test_v_approves_the_span_alone_and_goes_on_to_the_end(
        self, qtbot, opened: MainWindow, document: Document, suspects: list[Suspect]
    ) -> None:
        go(qtbot, opened, Qt.Key.Key_E)
        for number, suspect in enumerate(suspects):
            assert opened.view.playhead == suspect.worst
            before, steps = document.table.approved.copy(), len(document.history_steps())
            press(opened, Qt.Key.Key_V)
            before[suspect.track_id, suspect.start : suspect.end] = True
            np.testing.assert_array_equal(document.table.approved, before)
            assert len(document.history_steps()) == steps + 1
            assert opened.review_panel.queue.left == len(suspects) - number - 1
        threshold = f"{opened.view.error_threshold:g}"
        assert opened.statusBar().currentMessage() == f"Approved. Nothing left above {threshold} px."
        assert opened.review_panel.empty_label.isVisible()
        assert opened.review_panel.progress_bar.value() == len(suspects)
        opened.statusBar().clearMessage()
        press(opened, Qt.Key.Key_E)
        assert opened.statusBar().currentMessage() == f"Nothing left above {threshold} px."
        for one in looked(qtbot, opened):
            assert not document.table.approved[one.track_id, one.start : one.end].any(), "approved is approved"

    def test_v_on_another_track_is_about_what_is_looked_at(
        self, qtbot, opened: MainWindow, document: Document, suspects: list[Suspect]
    ) -> None:
        go(qtbot, opened, Qt.Key.Key_E)
        other = 1 - suspects[0].track_id
        opened.view.select([other])
        qtbot.waitUntil(lambda: not opened._refresh_timer.isActive())
        press(opened, Qt.Key.Key_V)
        assert not document.table.approved[suspects[0].track_id].any()
        assert document.table.approved[other].all()

    def test_flags_say_what_a_span_is(
        self, qtbot, opened: MainWindow, document: Document, suspects: list[Suspect]
    ) -> None:
        go(qtbot, opened, Qt.Key.Key_E)
        track_id, frame = suspects[0].track_id, suspects[0].worst
        press(opened, Qt.Key.Key_X, Qt.KeyboardModifier.ShiftModifier)
        assert document.table.source[track_id, frame] == Source.ANCHOR
        left = looked(qtbot, opened)
        assert not any(s.track_id == track_id and s.start <= frame < s.end for s in left)

    def test_a_span_whose_cells_were_cleared_just_now_can_still_be_gone_to(
        self, qtbot, opened: MainWindow, document: Document, suspects: list[Suspect]
    ) -> None:
        scale = opened.canvas.mapping().scale
        document.clear([suspects[0].track_id], 0, FRAMES)
        press(opened, Qt.Key.Key_E)  # before anything has been looked at again
        assert opened.view.playhead == suspects[0].worst
        assert opened.canvas.mapping().scale == scale, "there is nothing to go close to"


def test_spans_are_played_in_a_loop_if_that_is_wanted(
    qtbot, opened: MainWindow, document: Document, suspects: list[Suspect]
) -> None:
    opened.docks.raise_("review")
    opened.review_panel.loop_box.click()
    press(opened, Qt.Key.Key_E)
    worst = suspects[0]
    assert opened.playback.playing
    assert opened.view.loop
    start, end = opened.view.loop_range or (0, 0)
    assert start <= worst.start
    assert worst.end <= end
    assert end - start < worst.end - worst.start + 20
    shown: list[int] = []
    opened.playback.frame_shown.connect(lambda frame, _: shown.append(frame))
    qtbot.waitUntil(lambda: any(b < a for a, b in pairwise(shown)), timeout=20_000)  # round again
    assert all(start <= frame < end for frame in shown)
    opened.registry.trigger("review.loop")
    assert not opened.playback.playing


def test_a_look_that_fails_does_not_hold_up_what_comes_after(
    qtbot, opened: MainWindow, document: Document, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_piece: object) -> None:
        raise RuntimeError("out of luck")

    with monkeypatch.context() as patch:
        patch.setattr("app.suspicion._look", broken)
        looked(qtbot, opened, lambda: followed(document, FIRST, *OTHERS, off=WRONG[0], by=30))
        assert opened.review_panel.queue.left == 0
    assert looked(qtbot, opened, lambda: document.set_state([0], 50, 51, State.OCCLUDED))
