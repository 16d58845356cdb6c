"""The training panel alone: fields, what is missing, losses, and the report."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.panels.training_panel import TrainingPanel
from app.workers.label_survey import Candidate, draw_held, survey
from app.workers.training_record import (
    Ended,
    Judgement,
    RunRecord,
    Stepped,
    StudentReport,
    TrainingRequest,
    Validated,
)
from tests.training.label_sets import add_video, label_set, tracks_of, write_video
from tracker.inference.trackers import LUCAS_KANADE, TrackerInfo
from tracker.labels.label_set import Decision, LabelSet, Trust

NETWORK = TrackerInfo("compact", "A network.", "Apache-2.0", Path("compact.safetensors"), True, family="cotracker3")
OTHER = TrackerInfo("tapir", "Another.", "Apache-2.0", Path("tapir.safetensors"), True, family="tapir")
ABSENT = TrackerInfo("cotracker3-online", "Not here.", "CC-BY-NC-4.0", None, True, family="cotracker3")
VIDEOS = [
    Candidate("camel", Trust.PERSON),
    Candidate("dog", Trust.ACCEPTED),
    Candidate("goat", Trust.ACCEPTED),
    Candidate("swan", Trust.UNDECIDED),
    Candidate("torn", Trust.NONE, "torn.npz: damaged"),
]


@pytest.fixture
def panel(qtbot) -> TrainingPanel:
    panel = TrainingPanel()
    qtbot.addWidget(panel)
    panel.resize(300, 700)
    panel.show()
    return panel


@pytest.fixture
def filled(panel: TrainingPanel, tmp_path: Path) -> TrainingPanel:
    panel.form.set_bases([LUCAS_KANADE, NETWORK, OTHER, ABSENT])
    panel.form.add_labels(tmp_path / "zoo")
    panel.form.set_candidates(VIDEOS)
    panel.form.set_output(tmp_path / "out")
    return panel


def stepped(step: int, **losses: float) -> Stepped:
    return Stepped(step, step / 10, 6.0 * step, {"total": 1.0, "track": 2.0, "matching": 0.0, **losses})


def test_what_is_missing_is_said_until_nothing_is(panel: TrainingPanel, tmp_path: Path) -> None:
    form, said = panel.form, panel.missing_label
    assert said.text() == "Choose a label set."
    form.add_labels(tmp_path / "zoo")
    assert "weights" in said.text()
    form.set_bases([LUCAS_KANADE, OTHER, ABSENT])
    assert form.base == ""
    form.set_bases([LUCAS_KANADE, NETWORK, OTHER, ABSENT])
    assert form.base == "compact"
    assert "folder" in said.text()
    form.set_output(tmp_path / "out")
    assert said.isHidden()
    assert panel.start_button.isEnabled()
    form.set_candidates([Candidate("a", Trust.NONE), Candidate("b", Trust.NONE)])
    assert "rejected" in said.text()
    form.set_candidates([Candidate("a", Trust.UNDECIDED)])
    assert "Nothing was accepted yet" in said.text()
    assert not panel.can_start


def test_the_fields_become_a_request(qtbot, filled: TrainingPanel, tmp_path: Path) -> None:
    form = filled.form
    form.minutes_box.setValue(7)
    form.synthetic_box.setValue(40)
    form.held_box.setValue(40)
    request = form.request("cpu")
    assert request == TrainingRequest(
        ((tmp_path / "zoo").resolve(),), "compact", tmp_path / "out", "corrected", "accepted", 7, 0.4, form.held, "cpu"
    )
    assert len(form.held) == 1
    assert TrainingRequest.from_json(request.as_json()) == request
    with qtbot.waitSignal(filled.action_requested) as asked:
        QTest.mouseClick(filled.start_button, Qt.MouseButton.LeftButton)
    assert asked.args == ["training.start"]


def test_what_is_trusted_follows_the_stage_and_decides_what_is_held(filled: TrainingPanel) -> None:
    form = filled.form
    assert form.labels_note.text() == "3 of 5 videos can be used, 1 with corrections, 1 cannot be read."
    form.stage_box.setCurrentIndex(form.stage_box.findData("pseudo"))
    form.stage_box.activated.emit(form.stage_box.currentIndex())
    assert form.trust == "all"
    assert form.labels_note.text().startswith("4 of 5")
    form.set_held(("swan", "dog"))
    assert list(form.held) == ["swan", "dog"]
    assert form.held_label.text() == "swan, dog"
    form.trust_box.setCurrentIndex(form.trust_box.findData("accepted"))
    assert list(form.held) == ["dog"]
    form.held_box.setValue(0)
    assert not form.held
    assert "nothing will say whether the student is better" in form.held_label.text()


def test_the_same_videos_stay_held_when_others_come(filled: TrainingPanel) -> None:
    many = [Candidate(f"v{number}", Trust.ACCEPTED) for number in range(20)]
    held = draw_held(many, "accepted", 0.2)
    assert len(held) == 4
    more = draw_held([*many, Candidate("new", Trust.ACCEPTED)], "accepted", 0.2)
    assert len(set(held) - set(more)) <= 1
    assert draw_held(many[:1], "accepted", 0.5) == ()
    assert len(draw_held(many[:2], "accepted", 0.9)) == 1


def test_the_survey_says_what_each_video_is_good_for(tmp_path: Path) -> None:
    labels = label_set(tmp_path, videos=3, frames=4)
    path = write_video(tmp_path / "v3.mp4", 4, 3)
    tracks = tracks_of(path)
    tracks.approved[0, 1] = True
    corrected = add_video(labels, path, tracks)
    first, second, third = labels.names()[:3]
    labels.decide(Decision("verdict", first, "accepted"))
    labels.decide(Decision("verdict", second, "rejected"))
    labels.labels_path(third).write_bytes(b"torn")
    told: list[tuple[int, int]] = []
    found = {one.name: one for one in survey([labels.folder], lambda *done: told.append(done))}
    assert {name: one.best for name, one in found.items()} == {
        first: Trust.ACCEPTED,
        second: Trust.NONE,
        third: Trust.NONE,
        corrected: Trust.PERSON,
    }
    assert str(labels.labels_path(third)) in found[third].fault
    assert told == [(0, 4), (1, 4), (2, 4), (3, 4)]
    assert survey([LabelSet.create(tmp_path / "empty", {}).folder], lambda *_: None) == []


def test_losses_are_drawn_by_step(qtbot, filled: TrainingPanel) -> None:
    filled.show_run("student", None, None)
    filled.set_running(True)
    assert filled.plot.isVisible()
    assert filled.stop_button.isVisible()
    assert not filled.report.isVisible()
    for step in range(1, 5):
        filled.add(stepped(step), minutes=1)
    filled.add(Validated(4, {"δavg": 61.25}), minutes=1)
    assert "Step 4" in filled.progress_label.text()
    assert "36\u00a0s left" in filled.progress_label.text()
    assert filled.progress_bar.value() == 400
    plot = filled.plot
    qtbot.waitUntil(lambda: plot.lines["total"].xData is not None and len(plot.lines["total"].xData) == 4)
    np.testing.assert_allclose(plot.lines["total"].yData, 1.0)
    assert np.isnan(plot.lines["matching"].yData).all()
    assert plot.legend.names == ["total", "track", "δavg, held"]
    assert [mark.step for mark in plot.marks] == [4]
    filled.add(stepped(3), minutes=1)  # what was not saved is done again
    assert plot.steps == [1, 2, 3]
    assert plot.marks == []


def test_a_run_that_ended_shows_its_report_in_words(qtbot, filled: TrainingPanel, tmp_path: Path) -> None:
    request = TrainingRequest((tmp_path,), "compact", tmp_path / "out")
    curve = (stepped(1), stepped(2))
    stopped = RunRecord(request, Ended("stopped", 2, 12.0, {"dog": "its video is gone"}), curve)
    filled.show_run("out", stopped, StudentReport("# out", "Student and base were not compared: …", ()))
    assert "Stopped after step 2" in filled.progress_label.text()
    assert "dog: its video is gone" in filled.progress_label.text()
    assert filled.resume_button.isVisible()
    report = filled.report
    assert report.buttons["training.evaluate"].isVisible()
    assert not report.table.isVisible()

    judged = (
        Judgement("δavg", "61.2", "63.5", "+2.3", "+0.4 … +4.1", "better"),
        Judgement("OA", "90.0", "90.1", "+0.1", "−0.5 … +0.7", "no better"),
    )
    finished = replace(stopped, ended=Ended("finished", 2, 12.0, {}))
    filled.show_run("out", finished, StudentReport("# out", "Better on δavg; no better on OA.", judged))
    assert not filled.resume_button.isVisible()
    assert report.verdict_label.text() == "Better on δavg; no better on OA."
    assert [report.table.model().index(row, 2).data() for row in range(2)] == [
        "+2.3  better\n+0.4 … +4.1",
        "+0.1  no better\n−0.5 … +0.7",
    ]
    assert not report.buttons["training.evaluate"].isVisible()
    filled.set_can(compare=False, install=True, report=True)
    assert not report.buttons["training.compare"].isEnabled()
    with qtbot.waitSignal(filled.action_requested) as asked:
        QTest.mouseClick(report.buttons["training.install"], Qt.MouseButton.LeftButton)
    assert asked.args == ["training.install"]
    assert finished.finished


def test_the_verdict_in_a_word_is_the_worst_that_is_known() -> None:
    def report(*words: str) -> str:
        return StudentReport("", "", tuple(Judgement("", "", "", "", "", word) for word in words)).word

    assert report("better", "worse", "no better") == "worse"
    assert report("no better", "better") == "better"
    assert report("no better", "not known") == "no better"
    assert report() == ""


def test_earlier_runs_can_be_looked_at(qtbot, panel: TrainingPanel, tmp_path: Path) -> None:
    assert panel.runs_box.isHidden()
    panel.set_runs([("zoo-student", tmp_path)])
    assert panel.runs_box.isVisible()
    with qtbot.waitSignal(panel.run_chosen) as chosen:
        panel.runs_box.setCurrentIndex(1)
        panel.runs_box.activated.emit(1)
    assert chosen.args == [tmp_path]
    assert panel.runs_box.currentIndex() == 0
