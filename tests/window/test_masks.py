"""Masks in the window, on a real clip: painting, files, and points sampled inside."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.document.mattes import tracks_in_matte
from app.document.project import Document, RunInfo
from app.mask_files import MaskFiles
from app.panels.mask_panel import MaskPanel
from app.sample_dialog import METHODS, SampleDialog
from app.window import MainWindow
from tests.canvas.mouse import ALT, click, stroke
from tests.window.conftest import FRAMES, HEIGHT, WIDTH
from tracker.inference.session import Prediction
from tracker.labels import State

Y, X = np.mgrid[:HEIGHT, :WIDTH]
DISC = (X - 120) ** 2 + (Y - 100) ** 2 <= 50**2


@pytest.fixture
def document(opened: MainWindow) -> Document:
    assert opened.document is not None
    return opened.document


@pytest.fixture
def files(opened: MainWindow) -> Iterator[MaskFiles]:
    files = MaskFiles(opened)
    yield files
    files.close()


@pytest.fixture
def panel(qtbot, opened: MainWindow, document: Document) -> MaskPanel:
    panel = MaskPanel(document, opened.view)
    qtbot.addWidget(panel)
    panel.hidden_masks_changed.connect(opened.canvas.set_hidden_masks)
    return panel


@pytest.fixture
def dialog(qtbot, opened: MainWindow) -> Iterator[SampleDialog]:
    dialog = SampleDialog(opened)
    dialog.show()
    yield dialog
    dialog.reject()


def give_mask(window: MainWindow, document: Document, bitmap: np.ndarray = DISC, matte: bool = False) -> int:
    mask = document.add_mask(matte=matte)
    document.paint_mask(mask, 0, bitmap)
    window.view.mask = mask
    return mask


def all_of(document: Document, mask: int) -> dict[int, bytes]:
    """What was painted, by frame."""
    found = {}
    for frame in document.masks.frames(mask):
        bitmap = document.masks.bitmap(mask, frame)
        assert bitmap is not None
        found[frame] = bitmap.tobytes()
    return found


class TestPainting:
    def test_on_two_frames_with_brush_and_polygon(
        self, qtbot, opened: MainWindow, document: Document, panel: MaskPanel
    ) -> None:
        canvas = opened.canvas
        opened.view.tool, opened.view.brush_size = "brush", 30.0
        stroke(canvas, [(60, 60), (100, 80), (140, 60)])
        mask = opened.view.mask
        assert mask is not None
        opened.navigation.go_to(12)
        qtbot.waitUntil(lambda: canvas.frame == 12)
        tracks = document.add_tracks([[0, 30, 30]])
        opened.view.select(tracks)  # so that Enter would mean something to the window
        opened.view.tool = "polygon"
        for corner in ((200, 150), (280, 150), (280, 220)):
            click(canvas, *corner)
        opened.activateWindow()
        qtbot.waitUntil(opened.isActiveWindow)
        QTest.keyClick(canvas.graphics, Qt.Key.Key_Return)
        assert document.masks.frames(mask) == [0, 12]
        assert document.anchors(tracks[0]) == [0]
        first, second = document.masks.bitmap(mask, 0), document.masks.bitmap(mask, 12)
        assert first is not None
        assert second is not None
        assert (second >= first).all(), "painting goes on from what is held"
        assert second[170, 270]
        assert not first[170, 270]
        opened.editing.undo()
        assert document.masks.frames(mask) == [0]
        assert panel.model.rowCount() == 1

    def test_a_colour_of_the_decoded_frame_is_filled(self, opened: MainWindow, document: Document) -> None:
        opened.view.tool = "fill"
        click(opened.canvas, 150, 110, ALT)
        assert opened.view.mask is not None
        bitmap = document.masks.bitmap(opened.view.mask, 0)
        assert bitmap is not None
        assert bitmap[110, 150]
        picture = opened.canvas.picture
        assert picture is not None
        apart = np.abs(picture[..., :3].astype(int) - picture[110, 150, :3]).max(axis=2)
        assert apart[bitmap].max() <= 22  # a pixel more or less, for the pointer stands on pixels of the screen
        assert cv2.connectedComponents(bitmap.astype(np.uint8), connectivity=4)[0] == 2


class TestFiles:
    @settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(seeds=st.dictionaries(st.integers(0, FRAMES - 1), st.integers(0, 1000), min_size=1, max_size=3))
    def test_export_and_import_are_the_identity(
        self, qtbot, opened: MainWindow, document: Document, files: MaskFiles, tmp_path_factory, seeds: dict[int, int]
    ) -> None:
        folder = tmp_path_factory.mktemp("masks")
        mask = document.add_mask()
        bitmaps = {t: np.random.default_rng(seed).random((HEIGHT, WIDTH)) < 0.1 for t, seed in seeds.items()}
        document.paint_masks(mask, bitmaps)
        opened.view.mask = mask
        files.export(folder)
        qtbot.waitUntil(lambda: files._job is None)
        assert len(list(folder.iterdir())) == len(seeds)
        count, steps = len(document.masks.infos), document.history_position
        files.import_folder(folder)
        qtbot.waitUntil(lambda: files._job is None)
        assert len(document.masks.infos) == count + 1
        new = document.masks.infos[-1]
        assert new.name == document.masks.info(mask).name
        assert opened.view.mask == new.id
        assert all_of(document, new.id) == all_of(document, mask)
        assert document.history_position == steps + 1, "one step for each mask"
        document.undo()
        assert len(document.masks.infos) == count

    def test_one_picture_becomes_the_mask_of_this_frame(
        self, qtbot, opened: MainWindow, document: Document, files: MaskFiles, tmp_path: Path
    ) -> None:
        path = tmp_path / "sky.png"
        assert cv2.imwrite(str(path), DISC.astype(np.uint8) * 255)
        opened.navigation.go_to(9)
        files.import_file(path)
        qtbot.waitUntil(lambda: files._job is None)
        (info,) = document.masks.infos
        assert info.name == "sky"
        assert document.masks.frames(info.id) == [9]
        np.testing.assert_array_equal(document.masks.bitmap(info.id, 9), DISC)

    def test_bad_pictures_are_refused_in_one_sentence_each(
        self, qtbot, document: Document, files: MaskFiles, errors: list[str], tmp_path: Path
    ) -> None:
        small, broken, gone = (tmp_path / name for name in ("small.png", "broken.png", "gone.png"))
        assert cv2.imwrite(str(small), np.zeros((10, 20), np.uint8))
        broken.write_bytes(b"\x89PNG nothing more")
        for path, reason in (
            (small, "20 × 10 pixels, but the video has 320 × 240"),
            (broken, "not a picture"),
            (gone, "No such file"),
        ):
            files.import_file(path)
            qtbot.waitUntil(lambda: files._job is None)
            assert errors[-1].startswith(f"{path}: ")
            assert reason in errors[-1]
        assert len(errors) == 3
        assert not document.history_steps()

    def test_one_bad_picture_keeps_a_folder_out(
        self, qtbot, opened: MainWindow, document: Document, files: MaskFiles, errors: list[str], tmp_path: Path
    ) -> None:
        assert cv2.imwrite(str(tmp_path / "m_0001.png"), DISC.astype(np.uint8))
        assert cv2.imwrite(str(tmp_path / "m_0002.png"), np.zeros((10, 20), np.uint8))
        files.import_folder(tmp_path)
        qtbot.waitUntil(lambda: files._job is None)
        assert "m_0002.png" in errors[0]
        assert not document.history_steps()

    def test_a_place_that_cannot_be_written_is_named(
        self, qtbot, opened: MainWindow, document: Document, files: MaskFiles, errors: list[str], tmp_path: Path
    ) -> None:
        give_mask(opened, document)
        files.export(tmp_path / "no" / "such")
        qtbot.waitUntil(lambda: files._job is None)
        assert "the folder does not exist" in errors[0]

    def test_without_a_painted_mask_there_is_nothing_to_export(
        self, opened: MainWindow, document: Document, files: MaskFiles, tmp_path: Path
    ) -> None:
        assert not files.has_mask()
        document.add_mask()
        files.export(tmp_path)
        assert "painted" in opened.statusBar().currentMessage()
        assert not list(tmp_path.glob("*.png"))


class TestMattes:
    def test_tracks_inside_are_flagged_or_end_by_one_step_each(
        self, opened: MainWindow, document: Document, files: MaskFiles
    ) -> None:
        give_mask(opened, document, matte=True)
        inside, outside = document.add_tracks([[0, 10, 100], [0, 10, 10]])
        run = document.begin_run(RunInfo("a"))
        tracks = np.tile(np.array([[10, 100], [10, 10]], np.float32), (20, 1, 1))
        tracks[5:, 0] = 120, 100
        sure = np.ones((20, 2), np.float32)
        document.apply_prediction(run, Prediction(0, np.array([inside, outside]), tracks, sure, sure))
        before, steps = document.table.read([inside, outside], 0, FRAMES), document.history_position
        opened.registry.trigger("matte.flag_tracks")
        assert opened.statusBar().currentMessage() == "Occluded inside garbage mattes: 15 positions of 1 track."
        state = document.table.read([inside, outside], 0, 20).state
        assert np.flatnonzero(state[:, 0] == State.VISIBLE).tolist() == list(range(5))
        assert (state[:, 1] == State.VISIBLE).all()
        opened.registry.trigger("matte.flag_tracks")
        assert "No track" in opened.statusBar().currentMessage()
        opened.editing.undo()
        opened.registry.trigger("matte.end_tracks")
        assert document.history_position == steps + 1
        assert opened.statusBar().currentMessage() == "1 track ended where it enters a garbage matte."
        assert document.table.track(inside).end == 5
        opened.editing.undo()
        after = document.table.read([inside, outside], 0, FRAMES)
        np.testing.assert_array_equal(after.state, before.state)


class TestSampling:
    def test_points_lie_in_the_mask_and_never_in_a_matte(
        self, qtbot, opened: MainWindow, document: Document, dialog: SampleDialog
    ) -> None:
        mask = give_mask(opened, document)
        give_mask(opened, document, X >= 120, matte=True)
        opened.view.mask = mask
        assert dialog.request.mask == mask, "the chosen mask is where to sample"
        dialog._count.setValue(12)
        dialog._spacing.setValue(5)
        for method, *_ in METHODS:
            dialog._method.setCurrentIndex(dialog._method.findData(method))
            dialog._later()
            qtbot.waitUntil(dialog._place_button.isEnabled)
            assert dialog._tell.text() == f"{len(dialog.points)} points"
            np.testing.assert_array_equal(opened.canvas._tool_item.proposed, dialog.points)
            columns, rows = np.rint(dialog.points).astype(int).T
            assert (DISC & (X < 120))[rows, columns].all()
        assert document.table.n_tracks == 0
        proposed = dialog.points
        dialog.accepted.connect(dialog.place)
        QTest.mouseClick(dialog._place_button, Qt.MouseButton.LeftButton)
        assert opened.canvas._tool_item.proposed is None
        np.testing.assert_array_equal(document.table.query_points[:, 1:], proposed)
        assert len(opened.view.selection) == len(proposed)
        assert document.history_steps()[-1].startswith("Add")
        assert tracks_in_matte(document, document.table.ids.tolist()) == {}

    def test_the_proposal_follows_frame_and_mask(
        self, qtbot, opened: MainWindow, document: Document, dialog: SampleDialog
    ) -> None:
        qtbot.waitUntil(lambda: len(dialog.points) > 0)
        assert dialog.request.mask is None
        everywhere = dialog.points
        give_mask(opened, document)
        assert dialog.request.mask == opened.view.mask
        qtbot.waitUntil(lambda: dialog._place_button.isEnabled())
        assert not np.array_equal(dialog.points, everywhere)
        opened.navigation.go_to(20)
        qtbot.waitUntil(lambda: dialog.frame == 20 and dialog._place_button.isEnabled())

    def test_where_there_is_no_place_it_says_so(
        self, qtbot, opened: MainWindow, document: Document, dialog: SampleDialog
    ) -> None:
        qtbot.waitUntil(lambda: len(dialog.points) > 0)
        give_mask(opened, document, np.ones((HEIGHT, WIDTH), bool), matte=True)
        qtbot.waitUntil(lambda: "empty" in dialog._tell.text())
        assert not dialog._place_button.isEnabled()
        assert opened.canvas._tool_item.proposed is None
        assert dialog.place() == []

    def test_cancelling_leaves_nothing(
        self, qtbot, opened: MainWindow, document: Document, dialog: SampleDialog
    ) -> None:
        qtbot.waitUntil(lambda: opened.canvas._tool_item.proposed is not None)
        dialog.reject()
        assert opened.canvas._tool_item.proposed is None
        assert not document.history_steps()

    def test_closing_while_it_looks_leaves_no_thread(self, opened: MainWindow, dialog: SampleDialog) -> None:
        dialog._look()
        assert dialog._job is not None
        dialog.reject()
        assert dialog._job is None
