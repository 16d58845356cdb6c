"""Corrections and re-tracking in the real window: what is solved anew, what stays, and what is said."""

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.document.project import Document
from app.settings import Settings
from app.window import MainWindow
from tests.window.conftest import FRAMES
from tests.window.scenes import (
    FIRST,
    SECOND,
    everything,
    followed,
    halt_bridges,
    messages_of,
    put_right,
    select_at,
    solving,
    truth,
)
from tests.window.test_main_job import press
from tracker.files import InputError
from tracker.inference.bridge import BridgeRun
from tracker.inference.gaps import Bridged, Remark
from tracker.labels import Source, State


@pytest.fixture
def document(opened: MainWindow) -> Document:
    assert opened.document is not None
    return opened.document


def miss(document: Document, row: int = 0, point: tuple[float, float] = FIRST) -> np.ndarray:
    """How far a track is off on every frame, in pixels."""
    right = np.array([truth(point, frame) for frame in range(FRAMES)])
    return np.linalg.norm(document.table.xy[row] - right, axis=1)


class TestWhatIsSolved:
    def test_a_correction_solves_both_sides_and_leaves_all_else_as_it_was(
        self, qtbot, opened: MainWindow, document: Document
    ) -> None:
        first, _ = followed(document, FIRST, SECOND, off=slice(10, 32))
        document.place_anchor(first, 50, *truth(FIRST, 50))
        document.approve([first], 36, 40)
        before = everything(document)
        select_at(qtbot, opened, first, 20)
        with solving(qtbot, opened):
            put_right(opened, truth(FIRST, 20))
        after, source = everything(document), document.table.source[0]
        assert (source[1:20] == Source.BRIDGE).all()
        assert (source[21:36] == Source.BRIDGE).all()
        assert source[20] == Source.ANCHOR
        assert miss(document)[:36].max() < 1
        assert after.select(slice(36, None), [0]).equals(before.select(slice(36, None), [0]))
        assert after.select(slice(None), [1]).equals(before.select(slice(None), [1]))
        assert after.select(slice(0, 1), [0]).equals(before.select(slice(0, 1), [0]))
        assert document.history_steps()[-2:] == ["Move Track 1", "Bridge with lucas-kanade"]
        opened.editing.undo()
        opened.editing.undo()
        assert everything(document).equals(before)

    def test_a_track_that_goes_on_unlabelled_is_not_invented(
        self, qtbot, opened: MainWindow, document: Document
    ) -> None:
        (first,) = followed(document, FIRST, off=slice(10, 30), end=40)
        select_at(qtbot, opened, first, 20)
        with solving(qtbot, opened):
            put_right(opened, truth(FIRST, 20))
        assert (document.table.state[0, 40:] == State.UNLABELLED).all()
        assert miss(document)[:40].max() < 1

    def test_r_on_a_track_with_one_anchor_runs_out_to_its_end(
        self, qtbot, opened: MainWindow, document: Document
    ) -> None:
        (first,) = document.add_tracks([[0, *FIRST]])
        document.end_track([first], 44)
        select_at(qtbot, opened, first, 10)
        told: list[tuple[int, int]] = []
        opened.bridging.progress.connect(lambda progress: told.append((progress.done, progress.total)))
        with solving(qtbot, opened):
            press(opened, Qt.Key.Key_R)
        assert told[-1] == (44, 44)
        assert any(total == 0 for _, total in told), "frames that are read are told too"
        assert (document.table.source[0, 1:45] == Source.BRIDGE).all()
        assert (document.table.state[0, 45:] == State.UNLABELLED).all()
        assert miss(document)[:45].max() < 1

    def test_with_corrections_not_solved_at_once_nothing_happens_until_r(
        self, qtbot, opened: MainWindow, document: Document
    ) -> None:
        opened.registry.trigger("review.correct")
        (first,) = followed(document, FIRST, off=slice(10, 30))
        before = everything(document)
        select_at(qtbot, opened, first, 20)
        put_right(opened, truth(FIRST, 20))
        assert not opened.bridging.running
        after, rest = everything(document), np.arange(FRAMES) != 20
        assert after.select(rest, slice(None)).equals(before.select(rest, slice(None)))
        with solving(qtbot, opened):
            press(opened, Qt.Key.Key_R)
        assert miss(document).max() < 1

    @pytest.mark.parametrize("locked", [True, False])
    def test_where_there_is_nothing_to_solve_it_says_why(
        self, qtbot, opened: MainWindow, document: Document, locked: bool
    ) -> None:
        (first,) = followed(document, FIRST)
        if locked:
            document.set_locked([first])
        else:
            document.approve([first], 0, FRAMES)
        before, said = everything(document), messages_of(opened)
        select_at(qtbot, opened, first, 20)
        if locked:
            put_right(opened, (50, 50))
            assert "locked" in opened.statusBar().currentMessage()
        press(opened, Qt.Key.Key_R)
        ((text, kind),) = said
        assert "unlock" in text
        assert "unapprove" in text
        assert kind == "hint"
        assert not opened.bridging.running
        assert everything(document).equals(before)


class TestStopping:
    def test_escape_half_way_changes_nothing_and_leaves_no_step(
        self, qtbot, opened: MainWindow, document: Document, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (first,) = followed(document, FIRST, off=slice(10, 30))
        document.place_anchor(first, 20, *truth(FIRST, 20))
        before, steps = everything(document), document.history_steps()
        halt_bridges(monkeypatch, after=1)
        select_at(qtbot, opened, first, 25)
        press(opened, Qt.Key.Key_R)
        qtbot.waitUntil(lambda: bool((document.table.source == Source.BRIDGE).any()), timeout=30_000)
        assert opened.bridging.running
        with solving(qtbot, opened):
            press(opened, Qt.Key.Key_Escape)
        assert everything(document).equals(before)
        assert document.history_steps() == steps
        assert not document.can_redo
        assert document.runs[max(document.runs)].outcome == "cancelled"
        assert opened.view.selection == (first,), "the first Esc is for what goes on"

    def test_a_newer_correction_supersedes_and_solves_what_the_older_one_was_for(
        self, qtbot, opened: MainWindow, document: Document, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = followed(document, FIRST, SECOND, off=slice(10, 50))
        begun = halt_bridges(monkeypatch)
        select_at(qtbot, opened, first, 20)
        put_right(opened, truth(FIRST, 20))
        qtbot.waitUntil(lambda: len(begun) == 1, timeout=30_000)
        select_at(qtbot, opened, first, 40)
        with solving(qtbot, opened):
            put_right(opened, truth(FIRST, 40))
        assert [begun[0].cancelled, begun[1].cancelled] == [True, False]
        assert miss(document).max() < 1, "before frame 20 and after frame 40 too"
        assert (document.table.source[1, 1:] == Source.MODEL).all()
        assert document.history_steps()[-3:] == ["Move Track 1", "Move Track 1", "Bridge with lucas-kanade"]
        assert second in document.table

    def test_other_tracks_of_a_bridge_that_is_superseded_are_solved_too(
        self, qtbot, opened: MainWindow, document: Document, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ids = followed(document, SECOND, FIRST, off=slice(10, 50))
        document.place_anchor(ids[0], 30, *truth(SECOND, 30))
        begun = halt_bridges(monkeypatch)
        select_at(qtbot, opened, ids[1], 30)
        opened.view.select(ids)
        press(opened, Qt.Key.Key_R)
        qtbot.waitUntil(lambda: len(begun) == 1, timeout=30_000)
        with solving(qtbot, opened):
            put_right(opened, truth(FIRST, 30))
        assert miss(document, 0, SECOND).max() < 1
        assert miss(document, 1, FIRST).max() < 1
        assert (document.table.source[1, 31:] == Source.BRIDGE).all()

    def test_a_correction_of_another_track_waits_in_line(
        self, qtbot, opened: MainWindow, document: Document, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = followed(document, FIRST, SECOND, off=slice(10, 30))
        select_at(qtbot, opened, second, 25)
        with solving(qtbot, opened):
            put_right(opened, truth(SECOND, 25) + 4)
            opened.view.select([first])
            put_right(opened, truth(FIRST, 25))
        assert miss(document).max() < 1
        assert document.history_steps().count("Bridge with lucas-kanade") == 2

    def test_undo_stops_a_bridge_and_takes_the_correction_back(
        self, qtbot, opened: MainWindow, document: Document, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (first,) = followed(document, FIRST, off=slice(10, 30))
        before = everything(document)
        begun = halt_bridges(monkeypatch)
        select_at(qtbot, opened, first, 20)
        put_right(opened, truth(FIRST, 20))
        qtbot.waitUntil(lambda: len(begun) == 1, timeout=30_000)
        with solving(qtbot, opened):
            opened.registry.trigger("edit.undo")
        assert everything(document).equals(before)
        assert document.redo_text == "Move Track 1"


class TestBesideARun:
    def test_it_comes_in_between_and_the_run_leaves_the_track(
        self, qtbot, opened: MainWindow, document: Document, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, _ = document.add_tracks([[0, *FIRST], [0, *SECOND]])
        worker, applied = opened.tracking.worker, opened.tracking.worker.result_applied
        monkeypatch.setattr(worker, "result_applied", lambda: None)  # holds the run up in its middle
        opened.view.selection = ()
        opened.run("forward")
        qtbot.waitUntil(lambda: bool((document.table.source[0] == Source.MODEL).sum() > 4), timeout=30_000)
        select_at(qtbot, opened, first, 3)
        put_right(opened, truth(FIRST, 3) + 5)
        held = document.table.state[0] != State.UNLABELLED
        assert not held[-1], "the run has not come to its end yet"
        monkeypatch.setattr(worker, "result_applied", applied)
        with (
            qtbot.waitSignal(
                opened.tracking.running_changed, timeout=30_000, check_params_cb=lambda on: not on
            ) as ended,
            solving(qtbot, opened),
        ):
            for _ in range(4):
                applied()
        assert ended.signal_triggered
        kinds = [run.verb for run in document.runs.values()]
        assert kinds == ["Track forward", "Bridge"]
        assert (document.table.source[0, 4:] == Source.BRIDGE).all(), "out to where the run would have gone"
        assert (document.table.source[1, 1:] == Source.MODEL).all()
        assert np.abs(miss(document)[3:] - np.hypot(5, 5)).max() < 1
        bridge = max(document.runs)
        assert document.runs[bridge].ended <= document.runs[0].ended


class TestWhatIsSaid:
    def test_a_bridge_that_fails_says_why_and_changes_nothing(
        self, qtbot, opened: MainWindow, document: Document, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Failing(BridgeRun):
            def __iter__(self) -> Iterator[Bridged]:
                yield next(super().__iter__())
                raise InputError("moving.mp4: frame 33 cannot be decoded")

        (first,) = followed(document, FIRST, off=slice(10, 30))
        document.place_anchor(first, 20, *truth(FIRST, 20))
        monkeypatch.setattr("tracker.inference.bridge.BridgeRun", Failing)
        before, steps, said = everything(document), document.history_steps(), messages_of(opened)
        select_at(qtbot, opened, first, 20)
        with solving(qtbot, opened):
            press(opened, Qt.Key.Key_R)
        assert ("moving.mp4: frame 33 cannot be decoded", "error") in said
        assert everything(document).equals(before)
        assert document.history_steps() == steps
        assert document.runs[max(document.runs)].outcome == "failed"

    @pytest.mark.parametrize(
        ("reason", "end", "blank", "words"),
        [
            ("cut", 6, False, "The scene changes at frame 5: each side"),
            ("cut", 9, True, "Between two cuts, frames 5 to 8 stayed unlabelled."),
            ("hidden", 9, False, "Hidden on frames 5 to 8"),
            ("apart", 9, False, "disagree on frames 5 to 8"),
        ],
    )
    def test_remarks_are_sentences(
        self,
        qtbot,
        opened: MainWindow,
        document: Document,
        monkeypatch: pytest.MonkeyPatch,
        reason: str,
        end: int,
        blank: bool,
        words: str,
    ) -> None:
        class Remarking(BridgeRun):
            def __iter__(self) -> Iterator[Bridged]:
                for bridged in super().__iter__():
                    gap, found = int(bridged.prediction.ids[0]), bridged.prediction
                    if blank:
                        found.tracks[5 - found.first_frame : end - found.first_frame] = np.nan
                    yield Bridged(found, (Remark(gap, 5, end, reason),))  # type: ignore[arg-type]

        (first,) = document.add_tracks([[0, *FIRST]]) if blank else followed(document, FIRST)
        document.place_anchor(first, 40, *truth(FIRST, 40))
        monkeypatch.setattr("tracker.inference.bridge.BridgeRun", Remarking)
        said = messages_of(opened)
        select_at(qtbot, opened, first, 20)
        with solving(qtbot, opened):
            press(opened, Qt.Key.Key_R)
        ((text, kind),) = said
        assert text.startswith("Track 1: frames 1 to 39 solved anew.")
        assert words in text
        assert kind == "hint"
        assert opened.statusBar().currentMessage() == text

    def test_several_tracks_are_counted(self, qtbot, opened: MainWindow, document: Document) -> None:
        ids = followed(document, FIRST, SECOND)
        said = messages_of(opened)
        select_at(qtbot, opened, ids[0], 20)
        opened.view.select(ids)
        with solving(qtbot, opened):
            press(opened, Qt.Key.Key_R)
        assert said == [("2 tracks: frames 1 to 59 solved anew.", "info")]

    def test_a_track_that_was_deleted_meanwhile_is_forgotten(
        self, qtbot, opened: MainWindow, document: Document, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = followed(document, FIRST, SECOND)
        before = document.table.read([second], 0, FRAMES)
        select_at(qtbot, opened, first, 20)
        said = messages_of(opened)
        with solving(qtbot, opened):
            press(opened, Qt.Key.Key_R)
            opened.registry.trigger("edit.delete")
        assert document.table.ids.tolist() == [second]
        assert document.table.read([second], 0, FRAMES).equals(before)
        assert not said, "nobody asks for it any more"


class TestTakes:
    def test_two_runs_are_compared_with_the_buttons_of_the_bar(
        self, qtbot, opened: MainWindow, document: Document
    ) -> None:
        (first,) = followed(document, FIRST, off=slice(10, 30))
        bar = opened.compare_bar
        assert not bar.isVisible()
        opened.registry.trigger("take.keep")
        one = everything(document)
        assert bar.isVisible()
        assert bar.buttons["take.show"].isChecked()
        select_at(qtbot, opened, first, 5)
        with solving(qtbot, opened):
            press(opened, Qt.Key.Key_R)
        other = everything(document)
        assert not other.equals(one)
        take = document.takes[0].id
        apart = document.take_difference(take, [first], 0, FRAMES)[:, 0]
        assert (apart[10:30] > 10).all()
        assert apart[30:].max() < 1
        push(bar, "take.swap")
        assert everything(document).equals(one)
        assert document.undo_text.startswith("Use take")
        push(bar, "take.swap")
        assert everything(document).equals(other)
        push(bar, "take.show")
        assert not opened.takes.shows_take()
        assert not bar.buttons["take.show"].isChecked()
        push(bar, "take.show")
        assert opened.takes.shows_take()
        push(bar, "take.drop")
        assert not document.takes
        assert not bar.isVisible()
        assert not opened.takes.shows_take()
        assert everything(document).equals(other)
        opened.editing.undo()
        assert bar.isVisible(), "also forgetting it can be undone"


def push(bar, action: str) -> None:
    QTest.mouseClick(bar.buttons[action], Qt.MouseButton.LeftButton)


def test_how_corrections_and_spans_are_treated_outlives_the_window(qtbot, opened: MainWindow) -> None:
    assert Settings().corrects_at_once
    opened.registry.trigger("review.correct")
    opened.registry.trigger("review.loop")
    opened.refresh()
    again = Settings()
    assert not again.corrects_at_once
    assert again.review_loops
    assert not opened.registry.qaction("review.correct").isChecked()
    assert opened.review_panel.loop_box.isChecked()
