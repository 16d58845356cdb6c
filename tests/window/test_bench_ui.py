"""`trackwright bench ui`: each figure comes from the window itself. Small documents, so that it is quick."""

from types import SimpleNamespace

import numpy as np
import pytest

from app import bench_long, bench_loop, bench_rows
from app.bench_rows import row, rows_of_lengths
from app.bench_ui import format_ui_table
from app.window import MainWindow
from tests.window.conftest import FRAMES, HEIGHT, WIDTH
from tracker.inference.trackers import LucasKanade
from tracker.labels import Source


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (bench_rows, bench_loop):
        monkeypatch.setattr(module, "WIDTH", WIDTH)
        monkeypatch.setattr(module, "HEIGHT", HEIGHT)
    for name, value in (("SPAN", 41), ("CORRECTIONS", 2), ("TRACKS", 5), ("UNDOS", 2)):
        monkeypatch.setattr(bench_loop, name, value)
    monkeypatch.setattr(bench_loop, "default_tracker", lambda: SimpleNamespace(name=LucasKanade.name))
    monkeypatch.setattr(bench_long, "LENGTHS", (200, 300))
    monkeypatch.setattr(bench_long, "TRACKS", 4)


def test_corrections_are_solved_in_the_window(opened: MainWindow) -> None:
    wall, cpu = bench_loop.measure_corrections(opened)
    assert wall.count == cpu.count == 2
    assert wall.p95_ms >= wall.p50_ms > 0
    assert cpu.p50_ms > 0
    assert opened.document is not None
    (track,) = opened.document.table.ids.tolist()
    assert opened.document.anchors(track) == [0, 20, 40]
    source = opened.document.table.read([track], 1, 20).source
    assert (source == Source.BRIDGE).all()


def test_a_correction_that_is_not_solved_has_no_figure(opened: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened.bridging, "correct", lambda track, frame: opened.bridging.running_changed.emit(False))
    with pytest.raises(RuntimeError, match="not solved"):
        bench_loop.measure_corrections(opened)


def test_undo_and_redo_are_whole(opened: MainWindow) -> None:
    rows = bench_loop.measure_undo(opened)
    assert [each.act.split()[0] for each in rows] == ["undo", "—", "redo", "—"]
    assert all(each.count == 2 and each.p50_ms > 0 for each in rows)
    assert opened.document is not None
    cells = opened.document.table.read(opened.document.table.ids, 1, FRAMES)
    assert (cells.source == Source.MODEL).all(), "redo was the last"


def test_panels_are_measured_with_few_and_many_frames(opened: MainWindow) -> None:
    rows = bench_long.measure_long(opened, np.zeros((HEIGHT, WIDTH, 4), np.uint8))
    assert [each.act.split(",")[0] for each in rows] == ["timeline"] * 4 + ["canvas"] * 4
    assert all(each.p50_ms > 0 for each in rows)
    assert opened.document is None


def test_rows_become_a_table() -> None:
    one, ten = rows_of_lengths("act", [0.001] * 3, [0.0011] * 3)
    assert ten.bar == "within 10 %; is 1.10 ×"
    table = format_ui_table({"rows": [vars(one), vars(row("other", [0.1, 0.3], "50"))]})
    assert table.splitlines()[-1] == "| other | 200.0 | 290.0 | 2 | 50 |"
