"""The solve panel alone: words, tables, curves and choices."""

from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.document.project import Document
from app.document.view_state import ViewState
from app.panels.residual_strip import POINTS, thinned
from app.panels.solve_panel import SolvePanel
from app.panels.solve_settings import SolveReport, SolveSettings

Make = Callable[..., Document]


@pytest.fixture
def panel(qtbot, make_document: Make, view: ViewState) -> SolvePanel:
    panel = SolvePanel(make_document(4), view)
    qtbot.addWidget(panel)
    panel.resize(280, 500)
    panel.show()
    return panel


def report(ids: tuple[int, ...], n_frames: int = 200, **changes: object) -> SolveReport:
    """Track k is k + 1 pixels off at most, on frame 10 k; the last one is never seen with the reference frame."""
    n = len(ids)
    values: dict[str, object] = {
        "ids": ids,
        "kind": "homography",
        "reference": 0,
        "frame_mean": np.linspace(0, 1, n_frames).astype(np.float32),
        "frame_max": np.linspace(0, 2, n_frames).astype(np.float32),
        "carrying": np.full(n_frames, n, np.int32),
        "usable": np.full(n_frames, n, np.int32),
        "known": np.ones(n_frames, bool),
        "track_mean": np.append(np.arange(n - 1) * 0.5, np.nan).astype(np.float32),
        "track_max": np.append(np.arange(n - 1) + 1, np.nan).astype(np.float32),
        "track_worst": np.append(np.arange(n - 1) * 10, -1),
    }
    return SolveReport(**(values | changes))  # type: ignore[arg-type]


def names(panel: SolvePanel) -> list[str]:
    return [panel.model.index(row, 0).data() for row in range(panel.model.rowCount())]


def test_what_is_missing_is_said(qtbot, make_document: Make, view: ViewState) -> None:
    panel = SolvePanel(None, view)
    qtbot.addWidget(panel)
    assert panel.empty_label.text() == "Open a video to begin."
    assert not panel.source_box.isEnabled()
    panel.set_document(make_document(0))
    assert "Press N" in panel.empty_label.text()
    panel.set_document(make_document(3))
    assert "Use selection" in panel.empty_label.text()
    assert not panel.chosen_button.isEnabled()
    view.selection = (0, 1)
    assert panel.chosen_button.isEnabled()


def test_the_selection_is_taken_when_it_is_asked_for(qtbot, panel: SolvePanel, view: ViewState) -> None:
    view.selection = (2, 0)
    assert not panel.settings.chosen
    with qtbot.waitSignal(panel.settings_changed):
        QTest.mouseClick(panel.chosen_button, Qt.MouseButton.LeftButton)
    assert panel.settings.chosen == (2, 0)
    assert panel.source_box.currentText() == "Chosen (2)"
    view.selection = (1,)
    assert panel.settings.chosen == (2, 0)


def test_the_reference_frame_can_be_typed_or_taken(panel: SolvePanel, view: ViewState) -> None:
    panel.reference_box.setValue(17)
    assert panel.settings.reference == 17
    view.playhead = 44
    QTest.mouseClick(panel.reference_button, Qt.MouseButton.LeftButton)
    assert panel.settings.reference == panel.reference_box.value() == 44
    assert panel.reference_box.maximum() == 199


def test_the_kind_follows_the_number_of_tracks() -> None:
    kinds = [SolveSettings().kind_for(n) for n in (1, 2, 3, 4, 12)]
    assert kinds == ["translation", "similarity", "affine", "homography", "homography"]
    assert SolveSettings(kind="similarity").kind_for(12) == "similarity"


def test_opacity_and_stabilising(panel: SolvePanel, view: ViewState) -> None:
    assert not panel.opacity_slider.isEnabled()  # there is no insert
    panel.insert_box.setCurrentIndex(1)
    panel.insert_box.activated.emit(1)
    assert panel.settings.insert == "checker"
    panel.opacity_slider.setValue(35)
    assert panel.settings.opacity == 0.35
    assert panel.opacity_label.text() == "35 %"
    QTest.keyClick(panel.stabilise_check, Qt.Key.Key_Space)
    assert view.stabilise
    view.stabilise = False
    assert not panel.stabilise_check.isChecked()


def test_the_shown_frame_is_told_of(panel: SolvePanel, view: ViewState) -> None:
    mean = np.full(200, 0.25, np.float32)
    mean[7] = np.nan
    carrying, usable, known = np.full(200, 3, np.int32), np.full(200, 4, np.int32), np.ones(200, bool)
    usable[7], known[9] = 2, False
    panel.set_report(report((0, 1, 2, 3), frame_mean=mean, carrying=carrying, usable=usable, known=known))
    view.playhead = 5
    assert panel.frame_label.text() == (
        "Frame 5, homography: 0.25 px in the mean, 0.05 px at most, 3 of 4 tracks; 1 left out as outliers."
    )
    view.playhead = 7
    assert panel.frame_label.text() == (
        "Frame 7 is not solved: 2 of the 4 tracks it takes are seen here and on frame 0."
    )
    view.playhead = 9
    assert "being solved" in panel.frame_label.text()
    view.playhead = 0
    assert "is the reference frame" in panel.frame_label.text()


def test_rows_stand_worst_first_and_can_be_ordered(panel: SolvePanel) -> None:
    panel.set_report(report((0, 1, 2, 3)))
    assert names(panel) == ["Track 3", "Track 2", "Track 1", "Track 4"]
    panel.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert names(panel) == ["Track 1", "Track 2", "Track 3", "Track 4"]
    panel.table.sortByColumn(2, Qt.SortOrder.AscendingOrder)
    assert names(panel) == ["Track 1", "Track 2", "Track 3", "Track 4"]  # what is not known stays last
    panel.set_report(report((0, 1, 2, 3), track_max=np.array([9, 1, 2, np.nan], np.float32)))
    assert names(panel) == ["Track 2", "Track 3", "Track 1", "Track 4"]
    texts = [panel.model.index(2, column).data() for column in range(4)]
    assert texts == ["Track 1", "0.00", "9.00", "0"]
    spoken = panel.model.index(3, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == "Track 4: not seen together with the reference frame"


def test_enter_on_a_row_goes_to_its_worst_frame(qtbot, panel: SolvePanel) -> None:
    panel.set_report(report((0, 1, 2, 3)))
    panel.table.setCurrentIndex(panel.model.index(0, 0))
    with qtbot.waitSignal(panel.go_requested) as signal:
        QTest.keyClick(panel.table, Qt.Key.Key_Return)
    assert signal.args == [20, 2]


def test_a_deleted_track_leaves_the_table(panel: SolvePanel) -> None:
    panel.set_report(report((0, 1, 2, 3)))
    assert panel._document is not None
    panel._document.delete_tracks([2])
    panel.set_report(report((0, 1, 2, 3)))
    assert names(panel) == ["Track 2", "Track 1", "Track 4"]


def test_the_chosen_row_stays_when_figures_change(panel: SolvePanel) -> None:
    panel.set_report(report((0, 1, 2, 3)))
    panel.table.selectRow(1)
    panel.set_report(report((0, 1, 2, 3), track_mean=np.array([1, 1, 1, np.nan], np.float32)))
    assert [index.row() for index in panel.table.selectionModel().selectedRows()] == [1]


@pytest.mark.parametrize("n_frames", [0, 1, POINTS, POINTS + 1, 100_000])
def test_a_long_curve_keeps_its_peaks(n_frames: int) -> None:
    values = np.full(n_frames, np.nan, np.float32)
    values[n_frames // 3 : n_frames // 3 + 1] = 5.0
    frames, shown = thinned(values)
    assert len(frames) == len(shown) <= POINTS
    if n_frames:
        assert np.nanmax(shown) == 5.0
        assert abs(frames[np.nanargmax(shown)] - n_frames // 3) <= max(1, n_frames / POINTS)


def test_every_control_has_a_name(panel: SolvePanel) -> None:
    for widget in (
        *(panel.source_box, panel.chosen_button, panel.kind_box, panel.reference_box, panel.reference_button),
        *(panel.insert_box, panel.opacity_slider, panel.robust_check, panel.stabilise_check, panel.table, panel.strip),
    ):
        assert widget.accessibleName()


def test_frames_are_counted_as_the_files_of_a_sequence(panel: SolvePanel, view: ViewState, monkeypatch) -> None:
    monkeypatch.setattr(Document, "number_of", lambda self, frame: frame + 1001)
    panel.set_document(panel._document)
    panel.set_report(report((0, 1, 2, 3)))
    view.playhead = 5
    assert panel.frame_label.text().startswith("Frame 1006,")
    assert panel.reference_box.value() == 1001
    panel.reference_box.setValue(1011)
    assert panel.settings.reference == 10
    assert panel.model.index(0, 3).data() == "1021"
    axis = panel.strip.getPlotItem().getAxis("bottom")
    assert axis.tickStrings([0.0], 1.0, 50.0) == ["1001"]
