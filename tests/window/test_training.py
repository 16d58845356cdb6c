"""Fine-tuning in the real window: started, stopped and resumed, compared, and used from now on."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtWidgets import QDialog, QFileDialog

from app.held_dialog import HeldDialog
from app.install_dialog import InstallDialog
from app.report_dialog import ReportDialog
from app.settings import Settings
from app.side_by_side import furthest_apart
from app.training import free_name
from app.window import MainWindow
from app.workers.training_record import read_run
from tests.training.label_sets import label_set
from tests.workers.bases import write_base
from tracker.inference.trackers import models_folder, tracker_info
from tracker.labels.label_set import Decision, LabelSet

LONG = 120_000  # milliseconds: processes import torch first


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> LabelSet:
    """Three videos that were accepted."""
    made = label_set(tmp_path_factory.mktemp("videos"), frames=8)
    for name in made.names():
        made.decide(Decision("verdict", name, "accepted"))
    return made


@pytest.fixture
def base() -> str:
    """The name of a tiny network that a person installed: the process that trains looks there too."""
    models_folder().mkdir(parents=True)
    return write_base(models_folder() / "tiny.safetensors").stem


@pytest.fixture
def filled(qtbot, base: str, labels: LabelSet, window: MainWindow, tmp_path: Path) -> MainWindow:
    """The window with all fields of the panel filled in."""
    form = window.training_panel.form
    window.training.show()
    form.add_labels(labels.folder)
    qtbot.waitUntil(lambda: bool(form.candidates), timeout=LONG)
    form.set_output(tmp_path / "student")
    form.synthetic_box.setValue(0)
    window.tracking.device = "cpu"
    return window


@pytest.fixture
def accepted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[QDialog]]:
    """Dialogs that would have been shown; a person accepts them as they are."""
    shown: list[QDialog] = []

    def accept(dialog: QDialog) -> int:
        shown.append(dialog)
        return 1

    for kind in (HeldDialog, InstallDialog, ReportDialog):
        monkeypatch.setattr(kind, "exec", accept)
    yield shown
    for dialog in shown:
        dialog.deleteLater()


def settled(window: MainWindow) -> bool:
    return not window.training.is_running() and not window.training._jobs


def test_stop_resume_compare_and_use(qtbot, filled: MainWindow, accepted: list[QDialog], moving_clip: Path) -> None:
    window, training, panel = filled, filled.training, filled.training_panel
    assert training.can_start()
    panel.form.held_button.click()
    (held,) = panel.form.held
    assert isinstance(accepted[0], HeldDialog)
    assert accepted[0].held == (held,)
    assert accepted[0].list.count() == 3

    window.registry.trigger("training.start")
    assert training.is_running()
    assert window.registry.qaction("training.stop").isEnabled()
    qtbot.waitUntil(lambda: len(panel.plot.steps) >= 2, timeout=LONG)
    panel.stop_button.click()
    qtbot.waitUntil(lambda: not training.is_running(), timeout=LONG)
    student = panel.form.request("cpu").output
    stopped = read_run(student)
    assert stopped.ended is not None
    assert stopped.ended.ending == "stopped"
    assert "Everything is saved" in panel.message_label.text()
    assert "not compared" in panel.report.verdict_label.text()
    assert Settings().training_runs == [student.resolve()]

    # Another window knows of it, and goes on.
    training.new()
    panel.runs_box.setCurrentIndex(1)
    panel.runs_box.activated.emit(1)
    assert training.can_resume()
    assert panel.plot.steps == [event.step for event in stopped.curve]
    assert training._record is not None
    training.begin(replace(training._record.request, resume=True, steps=stopped.step + 1))
    qtbot.waitUntil(lambda: not training.is_running(), timeout=LONG)
    assert read_run(student).finished
    assert panel.report.verdict_label.text().startswith("No better can be shown on one video")
    assert panel.report.table.rowCount() == 5
    assert not training.can_resume()
    window.registry.trigger("training.report")
    assert isinstance(accepted[1], ReportDialog)
    assert held in accepted[1].view.toPlainText()

    # In the open video.
    assert not training.can_compare()
    with qtbot.waitSignal(window.playback.frame_shown, timeout=LONG):
        window.files.open_path(moving_clip)
    document = window.document
    assert document is not None
    own = document.add_tracks([[0, 100, 80], [5, 200, 150]], names=["a", "b"])
    before = document.table.read(own, 0, document.table.n_frames)
    qtbot.waitUntil(training.can_compare)
    with qtbot.waitSignal(training.side_by_side.finished, timeout=LONG) as compared:
        window.registry.trigger("training.compare")
    line = panel.message_label.text()
    assert compared.args == [line]
    copies = tuple(i for i in document.table.ids.tolist() if i not in own)
    assert [document.table.track(i).name for i in copies] == ["a A/B", "b A/B"]
    assert window.view.selection == copies
    assert window.view.take is not None
    apart = furthest_apart(document, window.view.take, copies)
    assert apart is not None
    assert f"frame {apart.frame}, {document.table.track(apart.track_id).name}" in line
    after = document.table.read(own, 0, document.table.n_frames)
    assert all((after.arrays()[name] == array).all() for name, array in before.arrays().items() if name == "state")
    assert window.trackers.used == "lucas-kanade"  # as before
    assert {info.outcome for info in document.runs.values()} == {"done"}

    # From now on.
    window.registry.trigger("training.install")
    qtbot.waitUntil(lambda: settled(window), timeout=LONG)
    assert isinstance(accepted[2], InstallDialog)
    assert window.trackers.used == Settings().tracker == "student"
    assert window.run_panel.tracker_box.currentText() == "student"
    info = tracker_info("student")
    assert info.weights == models_folder() / "student.safetensors"
    assert info.card is not None
    card = info.card.read_text(encoding="utf-8")
    for told in ("tiny", "labels", "a-teacher", "CC-BY-NC-4.0", "steps", held, "No better can be shown"):
        assert told in card
    assert "student" in [panel.form.base_box.itemData(row) for row in range(panel.form.base_box.count())]


def test_closing_the_window_saves_the_training(qtbot, filled: MainWindow) -> None:
    panel, training = filled.training_panel, filled.training
    request = panel.form.request("cpu")
    training.start()
    qtbot.waitUntil(lambda: bool(panel.plot.steps), timeout=LONG)
    filled.close()
    ended = read_run(request.output).ended
    assert ended is not None
    assert ended.ending == "stopped"
    assert (request.output / "weights.safetensors").exists()


def test_a_failure_is_told_and_the_fields_stay(qtbot, filled: MainWindow, tmp_path: Path) -> None:
    panel, training = filled.training_panel, filled.training
    (tmp_path / "file").write_text("in the way")
    panel.form.set_output(tmp_path / "file" / "student")
    window = filled
    window.registry.trigger("training.start")
    qtbot.waitUntil(lambda: not training.is_running(), timeout=LONG)
    assert str(tmp_path / "file") in panel.message_label.text()
    assert not panel.shows_run
    assert training.can_start()
    assert Settings().training_runs == []


def test_label_sets_and_bases_that_do_not_serve(
    qtbot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel, training = window.training_panel, window.training
    training.show()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    panel.form.add_button.click()
    assert "there is no label set here" in panel.message_label.text()
    empty = LabelSet.create(tmp_path / "empty", {})
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(empty.folder))
    panel.form.add_button.click()
    qtbot.waitUntil(lambda: settled(window), timeout=LONG)
    assert panel.form.labels_note.text() == "There is no video in it yet."
    assert panel.form.output_field.text() == str(tmp_path / "empty-student")
    wrong = tmp_path / "wrong.safetensors"
    wrong.write_bytes(b"nothing")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(wrong), ""))
    panel.form.base_button.click()
    assert "only CoTracker3 networks can be fine-tuned" in panel.message_label.text()
    assert not training.can_start()


def test_a_free_name_is_one_that_a_file_can_have() -> None:
    assert free_name("flies-student", []) == "flies-student"
    assert free_name("Größe 1", ["Gr--e-1"]) == "Gr--e-1-2"
    assert free_name("…", []) == "student"
