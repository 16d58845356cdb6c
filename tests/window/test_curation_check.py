"""Accepting many labels at once in the real window: the count, the spot check before it, and merging people's work."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.bulk_dialog import BulkDialog
from app.curation.counts import count_all
from app.curation.spot_check import SpotCheck, unfinished_check
from app.curation.workspace import Workspace
from app.merge_dialog import MergeDialog
from app.window import MainWindow
from tests.label_sets import FRAMES, TRACKS, name_in
from tests.window.test_curation import CTRL, SHIFT, open_set, settle, settled
from tests.window.test_main_job import press
from tracker.labels import State, read_tracks, write_tracks
from tracker.labels.label_set import Decision, LabelSet, Trust, trust_of
from tracker.labels.selection import crop
from tracker.labels.spot_check import CheckSpan, accepted_spans

UP_TO = 1.0  # what agrees is in doubt by less, what disagrees by more


@pytest.fixture
def workspace(qtbot, window: MainWindow, label_set: LabelSet) -> Workspace:
    return open_set(qtbot, window, label_set)


def begun(qtbot, window: MainWindow, count: int = 3) -> SpotCheck:
    """A check that shows its first span."""
    window.checking.begin(UP_TO, count)
    qtbot.waitUntil(lambda: window.checking._seen is not None and settled(window), timeout=20_000)
    assert window.checking.check is not None
    return window.checking.check


def answer(qtbot, window: MainWindow, key: Qt.Key) -> None:
    check = window.checking.check
    assert check is not None
    place = check.position
    press(window, key)
    qtbot.waitUntil(
        lambda: (
            check.position != place
            and (check.current is None or window.checking._seen == check.position)
            and settled(window)
        ),
        timeout=20_000,
    )


def test_the_counts_are_what_a_threshold_accepts(label_set: LabelSet) -> None:
    label_set.decide(Decision("verdict", name_in(label_set, "street"), "rejected"))
    counts = count_all(label_set)
    for threshold in (0.1, 0.4, 0.5, UP_TO, 8.6, 60.0):
        accepted = [
            trust_of(label_set.read_current(name_in(label_set, title)), "open", threshold) == Trust.ACCEPTED
            for title in ("garden", "harbour")
        ]
        cells = sum(int(each.sum()) for each in accepted)
        tracks = sum(int(each.any(axis=1).sum()) for each in accepted)
        assert counts.at(threshold) == (cells, tracks, sum(bool(each.any()) for each in accepted))
    assert counts.at(0.4) == (0, 0, 0)
    assert counts.at(60.0) == (2 * TRACKS * FRAMES, 2 * TRACKS, 2)


def test_the_dialog_tells_how_many_and_begins_a_check(qtbot, window: MainWindow, workspace: Workspace) -> None:
    dialog = BulkDialog(window, workspace.label_set)
    wanted: list[tuple[float, int]] = []
    dialog.check_wanted.connect(lambda *asked: wanted.append(asked))
    dialog.open()
    qtbot.waitUntil(dialog.begin_button.isEnabled, timeout=10_000)
    agreeing = 3 * TRACKS * FRAMES - (6 + 12 + 5)
    assert dialog.tells.text() == f"{agreeing} positions of 12 tracks in 3 videos"
    dialog.threshold.setValue(0.1)
    assert not dialog.begin_button.isEnabled()
    dialog.threshold.setValue(UP_TO)
    dialog.sample.setValue(7)
    dialog.accept()
    assert wanted == [(UP_TO, 7)]


class TestSpotCheck:
    def test_spans_are_shown_judged_and_then_everything_is_accepted(
        self, qtbot, window: MainWindow, workspace: Workspace, label_set: LabelSet
    ) -> None:
        check = begun(qtbot, window)
        every = [
            span for name in label_set.names() for span in accepted_spans(name, label_set.read_current(name), UP_TO)
        ]
        assert check.total == len(every)
        for key in (Qt.Key.Key_1, Qt.Key.Key_2, Qt.Key.Key_1):
            span = check.current
            assert span in every
            assert span is not None
            assert window.curating.current == span.video
            document, primary = window.document, window.view.primary
            assert document is not None
            assert primary is not None
            assert document.table.track(primary).name == span.track
            qtbot.waitUntil(lambda: window.canvas.frame >= 0, timeout=10_000)
            assert not window.canvas.camera.fitted, "close up"
            assert window.playback.playing
            assert window.view.loop_range is not None
            assert window.view.loop_range[0] <= span.start < span.end <= window.view.loop_range[1]
            answer(qtbot, window, key)
            known = document.table.read([primary], span.start, span.end).state != State.UNLABELLED
            assert known.all() == known.any() == (key == Qt.Key.Key_1), "what is wrong goes"
        assert not window.playback.playing
        assert [(d.kind, d.right) for d in label_set.decisions()] == [
            *(("check", True), ("check", False), ("check", True))
        ]
        assert "3 checked, 1 bad: 6.1–79.2 % at 95 %" in window.check_bar.estimate_label.text()
        assert label_set.bulk_threshold() is None, "only when a person says so"
        settle(qtbot, window, lambda: press(window, Qt.Key.Key_Return, CTRL | SHIFT))
        assert label_set.bulk_threshold() == UP_TO
        assert not window.check_bar.isVisible()
        settle(qtbot, window, window.checking.take_back)
        assert label_set.bulk_threshold() is None

    def test_an_answer_can_be_given_anew_and_the_check_stopped_and_dropped(
        self, qtbot, window: MainWindow, workspace: Workspace, label_set: LabelSet
    ) -> None:
        check = begun(qtbot, window)
        answer(qtbot, window, Qt.Key.Key_2)
        answer(qtbot, window, Qt.Key.Key_3)
        assert window.document is not None
        assert (window.document.table.state == State.VISIBLE).all(), "it is not wrong any more"
        answer(qtbot, window, Qt.Key.Key_1)
        assert (check.estimate.checked, check.estimate.bad) == (1, 0)
        settle(qtbot, window, lambda: press(window, Qt.Key.Key_Escape, SHIFT))
        assert window.checking.is_asking()
        settle(qtbot, window, lambda: press(window, Qt.Key.Key_Backspace, CTRL | SHIFT))
        assert window.checking.check is None
        assert label_set.bulk_threshold() is None
        assert unfinished_check(label_set) is None

    def test_another_start_goes_on_where_it_was(
        self, qtbot, window: MainWindow, workspace: Workspace, label_set: LabelSet
    ) -> None:
        first = begun(qtbot, window)
        answer(qtbot, window, Qt.Key.Key_2)
        settle(qtbot, window, window.curating.close_set)
        assert not window.check_bar.isVisible()
        open_set(qtbot, window, label_set)
        again = window.checking.check
        assert again is not None
        assert (again.spans, again.position, again.answers) == (first.spans, 1, {0: False})
        assert window.check_bar.isVisible()
        press(window, Qt.Key.Key_4)
        qtbot.waitUntil(lambda: window.checking._seen == 1 and settled(window), timeout=20_000)
        assert again.current is not None
        assert window.curating.current == again.current.video

    def test_what_cannot_be_shown_is_left_out(
        self, qtbot, window: MainWindow, workspace: Workspace, label_set: LabelSet, errors: list[str]
    ) -> None:
        name = name_in(label_set, "street")
        spans = [CheckSpan(name, 0, "no such track", 0, 9), CheckSpan(name, 0, "1", 0, 4)]
        window.checking.check = SpotCheck(label_set, UP_TO, spans, 2)
        window.checking.go_on()
        qtbot.waitUntil(lambda: window.checking._seen == 1 and settled(window), timeout=20_000)
        answer(qtbot, window, Qt.Key.Key_1)
        assert window.checking.check.estimate.checked == 1
        assert errors == []


def test_several_peoples_work_is_joined_and_conflicts_are_gone_to(
    qtbot, window: MainWindow, label_set: LabelSet, tmp_path: Path
) -> None:
    name = name_in(label_set, "garden")
    for who, place in (("ann", 30.0), ("ben", 60.0)):
        copy = LabelSet(tmp_path / who)
        shutil.copytree(label_set.folder, copy.folder)
        tracks = crop(copy.read(name).tracks, 0, FRAMES)
        tracks.xy[1, 5:9], tracks.approved[1, 5:9] = place, True
        copy.curated_path(name).parent.mkdir()
        write_tracks(copy.curated_path(name), tracks)
    dialog = MergeDialog(window, [tmp_path / "ann"])
    dialog.show()
    dialog.add_copy(tmp_path)
    assert "no label set here" in dialog.tells.text()
    assert not dialog.merge_button.isEnabled()
    dialog.add_copy(tmp_path / "ben")
    dialog.out.setText(str(tmp_path / "joined"))
    dialog.merge_button.click()
    qtbot.waitUntil(dialog.open_button.isEnabled, timeout=20_000)
    table = dialog.conflicts
    cells = [table.model().index(0, column).data() for column in range(4)]
    assert cells == ["garden", "2", "5–8", "ann: visible at 30.0, 30.0; ben: visible at 60.0, 60.0"]
    settle(qtbot, window, lambda: QTest.keyClick(table, Qt.Key.Key_Return))
    qtbot.waitUntil(lambda: window.curating.current == name and settled(window), timeout=20_000)
    joined, document, primary = LabelSet(tmp_path / "joined"), window.document, window.view.primary
    assert document is not None
    assert primary is not None
    assert document.path == joined.project_path(name)
    assert document.history_steps() == ["Import curated labels"]
    assert document.table.track(primary).name == "2"
    assert window.view.loop_range == (0, 17)
    np.testing.assert_array_equal(document.table.xy, read_tracks(joined.curated_path(name)).xy)
    assert (document.table.state == State.VISIBLE).all()
    assert "do not agree about 1 place:" in dialog.tells.text(), "Enter did not merge again"
    dialog.close()
