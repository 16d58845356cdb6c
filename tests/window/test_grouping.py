"""What menus do with several tracks, each as one step of undo with a name to know it by."""

from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QColorDialog, QInputDialog

from app.document.project import Document
from app.window import MainWindow
from tests.window.conftest import FRAMES, HEIGHT, WIDTH, drift
from tests.window.scenes import FIRST, SECOND, everything, followed
from tracker.labels import Source, State

THIRD = (160.0, 60.0)


@pytest.fixture
def document(opened: MainWindow) -> Document:
    assert opened.document is not None
    return opened.document


@pytest.fixture
def ids(opened: MainWindow, document: Document) -> list[int]:
    """Three tracks that are followed through the clip, all selected."""
    found = followed(document, FIRST, SECOND, THIRD)
    opened.view.select(found)
    return found


def answers(monkeypatch: pytest.MonkeyPatch, name: str, ok: bool = True) -> None:
    """What the person types into the next dialogs."""
    monkeypatch.setattr(QInputDialog, "getItem", lambda *_args, **_kwargs: (name, ok))
    monkeypatch.setattr(QInputDialog, "getText", lambda *_args, **_kwargs: (name, ok))


def all_of(document: Document) -> tuple[Any, ...]:
    return everything(document), list(document.table.tracks), list(document.groups)


def same(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return bool(one[0].equals(other[0])) and one[1:] == other[1:]


def one_step(window: MainWindow, action: str) -> str:
    """Do it, see that it is one step that can be undone and done again to the bit, and give the step's name."""
    document = window.document
    assert document is not None
    before, steps = all_of(document), len(document.history_steps())
    assert window.registry[action].enabled()
    window.registry.trigger(action)
    after = all_of(document)
    assert len(document.history_steps()) == steps + 1
    assert not same(before, after)
    document.undo()
    assert same(all_of(document), before)
    document.redo()
    assert same(all_of(document), after)
    return document.undo_text


class TestGroups:
    def test_grouping_renaming_and_selecting(
        self, opened: MainWindow, document: Document, ids: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened.view.select(ids[:2])
        answers(monkeypatch, " car ")
        assert "2 tracks" in one_step(opened, "group.set")
        assert [document.table.track(i).group for i in ids] == ["car", "car", ""]
        answers(monkeypatch, "van")
        assert one_step(opened, "group.rename") == "Rename group car"
        assert [group.name for group in document.groups] == ["van"]
        opened.view.select([ids[0]])
        opened.registry.trigger("group.select")
        assert opened.view.selection == tuple(ids[:2])
        answers(monkeypatch, "")
        one_step(opened, "group.set")
        assert not opened.registry["group.rename"].enabled()

    def test_a_dialog_that_is_cancelled_changes_nothing(
        self, opened: MainWindow, document: Document, ids: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        document.set_group(ids, "car")
        before, steps = all_of(document), document.history_steps()
        answers(monkeypatch, "van", ok=False)
        monkeypatch.setattr(QColorDialog, "getColor", lambda *_args: QColor())
        for action in ("group.set", "group.rename", "tracks.colour"):
            opened.registry.trigger(action)
        assert same(all_of(document), before)
        assert document.history_steps() == steps

    def test_a_skeleton_comes_and_goes(self, opened: MainWindow, document: Document, ids: list[int]) -> None:
        opened.registry.trigger("group.connect")
        assert "group first" in opened.statusBar().currentMessage()
        document.set_group(ids, "arm")
        opened.view.select([ids[2], ids[0], ids[1]])
        one_step(opened, "group.connect")
        (group,) = document.groups
        assert set(group.edges) == {(ids[0], ids[2]), (ids[0], ids[1])}
        opened.view.select([ids[0], ids[1]])
        one_step(opened, "group.connect")
        assert document.groups[0].edges == ((ids[0], ids[2]),)

    def test_a_colour(
        self, opened: MainWindow, document: Document, ids: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(QColorDialog, "getColor", lambda *_args: QColor(10, 20, 30))
        assert "3 tracks" in one_step(opened, "tracks.colour")
        assert {document.table.track(i).colour for i in ids} == {(10, 20, 30)}


def test_hiding_is_no_step_and_the_picture_obeys(opened: MainWindow, document: Document, ids: list[int]) -> None:
    steps = document.history_steps()
    opened.view.select([ids[0]])
    opened.registry.trigger("tracks.hide")
    assert opened.view.hidden == {ids[0]}
    assert opened.canvas.hit(QPointF(opened.canvas.to_view(*FIRST))) is None
    opened.registry.trigger("tracks.hide")
    assert opened.canvas.hit(QPointF(opened.canvas.to_view(*FIRST))) == ids[0]
    opened.registry.trigger("tracks.solo")
    assert opened.view.hidden == set(ids[1:])
    opened.registry.trigger("tracks.show_all")
    assert not opened.view.hidden
    assert not opened.registry["tracks.show_all"].enabled()
    assert document.history_steps() == steps


def test_locking(opened: MainWindow, document: Document, ids: list[int]) -> None:
    opened.view.select(ids[:2])
    document.set_locked([ids[0]])
    assert "Lock" in one_step(opened, "tracks.lock")
    assert all(document.table.track(i).locked for i in ids[:2])
    assert "nlock" in one_step(opened, "tracks.lock")
    assert not any(document.table.track(i).locked for i in ids)


class TestTracks:
    def test_merging_keeps_the_first_and_splitting_takes_apart_again(
        self, opened: MainWindow, document: Document, ids: list[int]
    ) -> None:
        document.clear([ids[0]], 30, FRAMES)
        opened.view.select([ids[0], ids[2]])
        assert one_step(opened, "tracks.merge") == "Merge 2 tracks into Track 1"
        assert document.table.ids.tolist() == ids[:2]
        assert opened.view.selection == (ids[0],)
        np.testing.assert_allclose(document.table.xy[0, 40], np.add(THIRD, drift(40)), atol=1e-3)
        opened.navigation.go_to(30)
        assert one_step(opened, "tracks.split") == "Split Track 1 at frame 30"
        assert document.table.n_tracks == 3
        assert (document.table.state[0, 30:] == State.UNLABELLED).all()
        assert (document.table.state[2, 30:] == State.VISIBLE).all()

    def test_ending_here_and_going_on(self, opened: MainWindow, document: Document, ids: list[int]) -> None:
        opened.view.select(ids[:2])
        opened.navigation.go_to(20)
        assert one_step(opened, "tracks.end") == "End 2 tracks at frame 20"
        assert (document.table.state[:2, 21:] == State.UNLABELLED).all()
        assert (document.table.state[:2, :21] == State.VISIBLE).all()
        assert one_step(opened, "tracks.end") == "Continue 2 tracks"
        assert document.table.track(ids[0]).end is None

    def test_moving_as_another_does(self, opened: MainWindow, document: Document, ids: list[int]) -> None:
        document.clear([ids[0]], 10, FRAMES)
        opened.view.select([ids[0], ids[1]])
        opened.navigation.go_to(9)
        assert "Copy motion to Track 1" in one_step(opened, "tracks.copy_motion")
        np.testing.assert_allclose(
            document.table.xy[0, 10:], document.table.xy[1, 10:] + np.subtract(FIRST, SECOND), atol=1e-3
        )
        assert (document.table.source[0, 10:] == Source.INTERPOLATED).all()

    def test_tracks_end_where_they_enter_a_matte(self, opened: MainWindow, document: Document, ids: list[int]) -> None:
        matte = document.add_mask(matte=True)
        column = round(float(max(FIRST[0], THIRD[0]) + 6))
        bitmap = np.zeros((HEIGHT, WIDTH), bool)
        bitmap[:, column:180] = True  # the third comes in from the left, the second is beyond
        bitmap[:, 106:120] = True  # and here the first
        bitmap[:, 206:230] = True
        document.paint_mask(matte, 0, bitmap)
        opened.view.selection = ()
        assert one_step(opened, "matte.end_tracks").startswith("End 3 tracks")
        assert opened.statusBar().currentMessage() == "3 tracks ended where they enter a garbage matte."
        for k in range(3):
            x, y = document.table.xy[k].T
            known = np.isfinite(x)
            assert 2 < known.sum() < FRAMES
            assert not bitmap[np.rint(y[known]).astype(int), np.rint(x[known]).astype(int)].any()
        opened.registry.trigger("matte.end_tracks")
        assert opened.statusBar().currentMessage() == "No track enters a garbage matte."


class TestRanges:
    @pytest.mark.parametrize("action", ["tracks.interpolate", "tracks.interpolate_cubic"])
    def test_interpolating_fills_the_chosen_cells_alone(
        self, opened: MainWindow, document: Document, ids: list[int], action: str
    ) -> None:
        document.clear(ids[:2], 10, 30)
        before = everything(document)
        opened.view.cell_range = ((ids[1],), 12, 20)  # rather than the selection
        assert one_step(opened, action) == "Interpolate Track 2, frames 12–19"
        after, right = everything(document), np.array([np.add(SECOND, drift(t)) for t in range(12, 20)])
        assert (after.source[12:20, 1] == Source.INTERPOLATED).all()
        assert after.select(slice(None), [0, 2]).equals(before.select(slice(None), [0, 2]))
        assert after.select(slice(20, None), [1]).equals(before.select(slice(20, None), [1]))
        steps = np.diff(after.xy[12:20, 1], n=2, axis=0)
        if action == "tracks.interpolate":
            assert np.abs(steps).max() < 1e-3, "straight"
        else:
            assert np.abs(steps).max() > 1e-2, "curved"
            assert np.linalg.norm(after.xy[12:20, 1] - right, axis=1).max() < 4

    def test_approving_and_clearing(self, opened: MainWindow, document: Document, ids: list[int]) -> None:
        assert not opened.registry["range.approve"].enabled()
        opened.view.loop_range = (5, 15)
        opened.view.select(ids[:2])
        assert one_step(opened, "range.approve") == "Approve 2 tracks"
        expected = np.zeros((3, FRAMES), bool)
        expected[:2, 5:15] = True
        np.testing.assert_array_equal(document.table.approved, expected)
        opened.view.cell_range = ((ids[2],), 40, 50)
        assert one_step(opened, "range.clear") == "Clear 1 track"
        assert (document.table.state[2, 40:50] == State.UNLABELLED).all()
        assert (document.table.state != State.UNLABELLED).sum() == 3 * FRAMES - 10

    def test_cells_of_a_track_that_is_gone_are_left_out(
        self, opened: MainWindow, document: Document, ids: list[int]
    ) -> None:
        opened.view.cell_range = (tuple(ids), 40, 50)
        document.delete_tracks([ids[0]])
        assert one_step(opened, "range.approve") == "Approve 2 tracks"
