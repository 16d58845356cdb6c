"""A label set in the real window: the queue, its videos, what people decide, and that none of it is lost."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from app.curation.curated import catch_up
from app.curation.workspace import Workspace
from app.document.project import Document
from app.window import MainWindow
from tests.label_sets import FRAMES, TEACHERS, TRACKS, make_set, name_in, write_clip
from tests.window.test_main_job import press
from tracker.files import InputError
from tracker.labels import Source, State, read_tracks
from tracker.labels.label_file import write_labels
from tracker.labels.label_set import Decision, LabelSet

NONE, SHIFT, CTRL = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
)


def settled(window: MainWindow) -> bool:
    curating = window.curating
    return (
        not curating._jobs
        and not curating._writer.busy
        and window.files._job is None
        and not window._refresh_timer.isActive()
    )


def settle(qtbot, window: MainWindow, act: Callable[[], object]) -> None:
    """Do something, and wait until the background has done all that follows."""
    act()
    qtbot.waitUntil(lambda: settled(window), timeout=20_000)


def open_set(qtbot, window: MainWindow, label_set: LabelSet) -> Workspace:
    settle(qtbot, window, lambda: window.files.open_path(label_set.folder))
    workspace = window.curating.workspace
    assert workspace is not None
    return workspace


def open_video(qtbot, window: MainWindow, title: str) -> Document:
    workspace = window.curating.workspace
    assert workspace is not None
    name = name_in(workspace.label_set, title)
    settle(qtbot, window, lambda: window.curating.open_video(name))
    assert window.document is not None
    assert window.curating.current == name
    return window.document


def titles(window: MainWindow) -> list[str]:
    model = window.label_set_panel.model
    return [model.index(row).data() for row in range(model.rowCount())]


@pytest.fixture
def workspace(qtbot, window: MainWindow, label_set: LabelSet) -> Workspace:
    return open_set(qtbot, window, label_set)


class TestTheQueue:
    def test_the_worst_comes_first_and_pictures_follow(self, qtbot, window: MainWindow, workspace: Workspace) -> None:
        assert titles(window) == ["garden", "street", "harbour"]
        panel = window.label_set_panel
        assert panel.isVisible(), "with no video open"
        assert window.start_page.begin_button.isVisible()
        spoken = panel.model.index(0).data(Qt.ItemDataRole.AccessibleTextRole)
        assert "11.4 px" in spoken
        assert "2 spans" in spoken
        assert panel.left_label.text() == "0 of 3 videos decided, 3 spans left"
        qtbot.waitUntil(lambda: len(panel.model._pictures) == 3, timeout=10_000)
        picture = panel.model.index(0).data(Qt.ItemDataRole.UserRole + 2)
        assert picture.width() > 60
        kept = list((Path(os.environ["TRACKWRIGHT_CACHE"]) / "thumbnails").glob("*.png"))
        assert len(kept) == 3, "for the next start"

    def test_enter_opens_a_video_with_its_tracks_as_one_step_and_pages_walk_on(
        self, qtbot, window: MainWindow, workspace: Workspace, label_set: LabelSet
    ) -> None:
        rows = window.label_set_panel.list_view
        rows.setFocus()
        settle(qtbot, window, lambda: QTest.keyClick(rows, Qt.Key.Key_Return))
        document = window.document
        assert document is not None
        name = name_in(label_set, "garden")
        assert document.path == label_set.project_path(name)
        assert document.history_steps() == ["Import labels"]
        labels = label_set.read(name).tracks
        np.testing.assert_array_equal(document.table.xy, labels.xy)
        np.testing.assert_array_equal(document.table.disagreement, labels.disagreement)
        assert window.label_set_panel.isVisible()
        assert not label_set.curated_path(name).exists(), "nobody has done anything"
        assert label_set.folder in window.settings.recent_files
        assert document.path not in window.settings.recent_files
        settle(qtbot, window, lambda: press(window, Qt.Key.Key_PageDown))
        assert window.curating.current == name_in(label_set, "street")
        settle(qtbot, window, lambda: press(window, Qt.Key.Key_PageUp))
        assert window.curating.current == name
        press(window, Qt.Key.Key_PageUp)
        assert window.statusBar().currentMessage() == "This is the first video."


class TestDeciding:
    def test_accept_and_reject_go_on_to_the_next_and_are_on_the_disk(
        self, qtbot, window: MainWindow, workspace: Workspace, label_set: LabelSet
    ) -> None:
        open_video(qtbot, window, "garden")
        settle(qtbot, window, lambda: press(window, Qt.Key.Key_V, CTRL | SHIFT))
        garden, street = name_in(label_set, "garden"), name_in(label_set, "street")
        assert label_set.verdicts() == {garden: "accepted"}
        assert window.curating.current == street
        settle(qtbot, window, lambda: press(window, Qt.Key.Key_X, CTRL | SHIFT))
        assert label_set.verdicts() == {garden: "accepted", street: "rejected"}
        decision = label_set.decisions()[-1]
        assert decision.by
        assert decision.at
        assert titles(window) == ["harbour"]
        assert window.label_set_panel.left_label.text() == "2 of 3 videos decided"
        settle(qtbot, window, lambda: press(window, Qt.Key.Key_V, CTRL | SHIFT))
        assert window.label_set_panel.empty_label.text() == "All videos are decided."
        assert "All videos are decided." in window.statusBar().currentMessage()
        settle(qtbot, window, lambda: press(window, Qt.Key.Key_U, CTRL | SHIFT))
        assert label_set.verdicts()[name_in(label_set, "harbour")] == "open"

    def test_a_rejected_span_and_track_are_unlabelled_and_come_back(
        self, qtbot, window: MainWindow, workspace: Workspace
    ) -> None:
        document = open_video(qtbot, window, "garden")
        before = document.table.read(document.table.ids, 0, FRAMES)
        first, second = document.table.ids[:2].tolist()
        settle(qtbot, window, lambda: window.view.select([first]))
        window.view.loop_range = (3, 8)
        settle(qtbot, window, lambda: press(window, Qt.Key.Key_Delete, SHIFT))
        assert document.undo_text == "Reject 1 track, frames 3–7"
        assert (document.table.state[0, 3:8] == State.UNLABELLED).all()
        assert (document.table.state[0, 8:] == State.VISIBLE).all()
        settle(qtbot, window, lambda: window.view.select([second]))
        settle(qtbot, window, lambda: press(window, Qt.Key.Key_Delete, CTRL))
        assert document.undo_text == "Reject 1 track"
        assert (document.table.state[1] == State.UNLABELLED).all()
        settle(qtbot, window, lambda: window.view.select([first]))
        settle(qtbot, window, lambda: press(window, Qt.Key.Key_V, SHIFT))
        assert document.table.approved[0].sum() == FRAMES - 5
        for _ in range(3):
            document.undo()
        assert document.table.read(document.table.ids, 0, FRAMES).equals(before)

    def test_the_time_left_is_told_from_the_persons_own_pace(self, label_set: LabelSet) -> None:
        moments = iter(range(0, 1000, 10))
        workspace = Workspace(label_set, [f"v{k}" for k in range(8)], {}, clock=lambda: float(next(moments)))
        for k in range(3):
            assert workspace.time_left is None
            workspace.begin(f"v{k}")
            workspace.decide(f"v{k}", "accepted")
        assert workspace.time_left == 10 * 5


class TestNothingIsLost:
    def test_what_a_person_made_is_in_the_set_when_they_leave(
        self, qtbot, window: MainWindow, workspace: Workspace, label_set: LabelSet
    ) -> None:
        document = open_video(qtbot, window, "street")
        document.place_anchor(int(document.table.ids[0]), 6, 30.0, 20.0)
        document.approve([int(document.table.ids[1])], 0, FRAMES)
        settle(qtbot, window, lambda: window.curating.step(1))
        name = name_in(label_set, "street")
        found = read_tracks(label_set.curated_path(name))
        assert found.xy[0, 6].tolist() == [30.0, 20.0]
        assert found.source[0, 6] == Source.ANCHOR
        assert found.approved[1].all()
        again = open_video(qtbot, window, "street")
        assert again.table.source[0, 6] == Source.ANCHOR
        assert len(again.history_steps()) == 3, "with its history"

    def test_it_is_in_the_set_when_the_window_closes(
        self, qtbot, window: MainWindow, workspace: Workspace, label_set: LabelSet
    ) -> None:
        document = open_video(qtbot, window, "street")
        document.reject([int(document.table.ids[2])], 0, FRAMES)
        window.close()
        found = read_tracks(label_set.curated_path(name_in(label_set, "street")))
        assert (found.state[2] == State.UNLABELLED).all()

    def test_a_killed_window_has_its_work_in_the_project_and_the_next_start_in_the_set(
        self, qtbot, window: MainWindow, workspace: Workspace, label_set: LabelSet, tmp_path: Path
    ) -> None:
        document = open_video(qtbot, window, "street")
        document.place_anchor(int(document.table.ids[0]), 6, 31.0, 21.0)
        killed = LabelSet(tmp_path / "killed")
        shutil.copytree(label_set.folder, killed.folder)  # the disk at that moment
        name = name_in(killed, "street")
        assert not killed.curated_path(name).exists()
        _disown(killed.project_path(name))
        assert catch_up(killed) == [name]
        assert read_tracks(killed.curated_path(name)).xy[0, 6].tolist() == [31.0, 21.0]
        assert catch_up(killed) == []

    def test_a_project_that_is_opened_alone_brings_its_label_set_along(
        self, qtbot, window: MainWindow, workspace: Workspace, label_set: LabelSet
    ) -> None:
        open_video(qtbot, window, "street")
        settle(qtbot, window, window.curating.close_set)
        assert not window.docks["labels"].isVisible()
        path = label_set.project_path(name_in(label_set, "street"))
        settle(qtbot, window, lambda: window.set_document(None, None))
        settle(qtbot, window, lambda: window.files.open_path(path))
        assert window.curating.current == path.stem


def test_a_video_opens_where_its_labels_begin(qtbot, window: MainWindow, label_set: LabelSet) -> None:
    name = name_in(label_set, "garden")
    labels = label_set.read(name)
    labels.tracks.state[:, :3], labels.tracks.xy[:, :3] = State.UNLABELLED, np.nan
    labels.tracks.source[:, :3] = Source.NONE
    write_labels(label_set.labels_path(name), labels)
    open_set(qtbot, window, label_set)
    open_video(qtbot, window, "garden")
    assert window.view.playhead == 3
    open_video(qtbot, window, "street")
    assert window.view.playhead == 0


def _disown(project: Path) -> None:
    """As if the process that has it open were gone."""
    import sqlite3

    connection = sqlite3.connect(project)
    connection.execute("UPDATE meta SET value = json_set(value, '$.pid', 999999999) WHERE key = 'owner'")
    connection.commit()
    connection.close()


class TestBadInput:
    def test_a_video_that_moved_is_found_again_and_others_with_it(
        self, qtbot, window: MainWindow, tmp_path: Path, errors: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        label_set = make_set(tmp_path / "labels", tmp_path / "videos")
        (tmp_path / "videos").rename(tmp_path / "elsewhere")
        open_set(qtbot, window, label_set)
        settle(qtbot, window, window.curating.begin)
        assert errors[-1].endswith("garden.mp4 is missing.")
        assert window.document is None
        other = tmp_path / "elsewhere" / "street.mp4"
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(other), ""))
        workspace, garden = window.curating.workspace, name_in(label_set, "garden")
        assert workspace is not None
        settle(qtbot, window, lambda: window.curating._chosen(workspace, garden, None))
        assert "is another video" in errors[-1]
        right = tmp_path / "elsewhere" / "garden.mp4"
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(right), ""))
        settle(qtbot, window, lambda: window.curating._chosen(workspace, garden, None))
        assert window.curating.current == garden
        open_video(qtbot, window, "street")
        assert len(errors) == 2, "it lies where the first one was found"

    def test_a_video_that_changed_is_refused_with_a_sentence(
        self, qtbot, window: MainWindow, tmp_path: Path, errors: list[str]
    ) -> None:
        label_set = make_set(tmp_path / "labels", tmp_path / "videos")
        write_clip(tmp_path / "videos" / "garden.mp4", seed=99)
        open_set(qtbot, window, label_set)
        settle(qtbot, window, window.curating.begin)
        assert "garden.mp4 has changed since it was labelled" in errors[-1]
        assert not label_set.project_path(name_in(label_set, "garden")).exists()

    def test_a_damaged_label_file_says_so_and_the_rest_goes_on(
        self, qtbot, window: MainWindow, label_set: LabelSet, errors: list[str]
    ) -> None:
        garden = name_in(label_set, "garden")
        label_set.labels_path(garden).write_bytes(b"no labels")
        open_set(qtbot, window, label_set)
        assert titles(window) == ["street", "harbour", "garden"]
        settle(qtbot, window, lambda: window.curating.open_video(garden))
        assert "this is not an .npz file" in errors[-1]
        settle(qtbot, window, window.curating.begin)
        assert (window.curating.current or "").startswith("street")

    def test_sets_in_which_nobody_can_work_say_why(
        self,
        qtbot,
        window: MainWindow,
        label_set: LabelSet,
        tmp_path: Path,
        errors: list[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        open_set(qtbot, window, LabelSet.create(tmp_path / "empty", {}))
        assert "no labels yet" in window.label_set_panel.empty_label.text()
        assert not window.start_page.begin_button.isVisible()

        def refuse(**_: object) -> None:
            raise PermissionError(13, "no")

        with monkeypatch.context() as patch:
            patch.setattr("tempfile.TemporaryFile", refuse)
            open_set(qtbot, window, label_set)
        assert len(titles(window)) == 3, "it can be looked at"
        assert "no permission to write here" in window.label_set_panel.note_label.text()
        settle(qtbot, window, window.curating.begin)
        assert "cannot be curated here" in errors[-1]
        assert window.document is None
        settle(qtbot, window, window.curating.close_set)
        path = label_set.folder / "label-set.json"
        path.write_text(path.read_text("utf-8").replace('"format_version": 1', '"format_version": 7'), "utf-8")
        settle(qtbot, window, lambda: window.files.open_path(label_set.folder))
        assert "version 7 is not known here" in errors[-1]
        assert window.curating.workspace is None

    def test_a_decision_that_cannot_be_written_was_not_made(
        self, qtbot, window: MainWindow, workspace: Workspace, label_set: LabelSet, errors: list[str]
    ) -> None:
        open_video(qtbot, window, "garden")
        (label_set.folder / "decisions.jsonl").mkdir()
        settle(qtbot, window, lambda: press(window, Qt.Key.Key_V, CTRL | SHIFT))
        assert "decisions.jsonl" in errors[-1]
        assert workspace.count("open") == 3
        with pytest.raises(InputError):
            label_set.decide(Decision("verdict", "garden", "accepted"))


class TestGhosts:
    def test_each_teacher_has_its_own_marks_and_a_name_below(
        self, qtbot, window: MainWindow, workspace: Workspace
    ) -> None:
        document = open_video(qtbot, window, "garden")
        window.view.select([int(document.table.ids[1])])
        window.navigation.go_to(8)
        qtbot.waitUntil(lambda: window.canvas.frame == 8)
        without = window.canvas.viewport.grab().toImage()
        settle(qtbot, window, lambda: press(window, Qt.Key.Key_G, SHIFT))
        qtbot.waitUntil(lambda: window.teacher_legend.names == TEACHERS, timeout=10_000)
        assert window.teacher_legend.isVisible()
        qtbot.waitUntil(lambda: window.canvas.viewport.grab().toImage() != without)
        place = window.canvas.to_view(70 + 4 + 9 / 2**0.5, 16 + 9 / 2**0.5)
        colour = window.canvas.viewport.grab().toImage().pixelColor(place)
        assert (colour.red(), colour.green(), colour.blue()) == (120, 220, 255), "the second teacher's mark"
        press(window, Qt.Key.Key_G, SHIFT)
        assert not window.teacher_legend.isVisible()
        assert document.table.n_tracks == TRACKS
