"""Fine-tuning in a process of its own: what it tells, how it is stopped, and what remains of it."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from app.finetune_report import JSON, TEXT
from app.workers.finetuning import Comparing, Event, Finetuning
from app.workers.training import DIED, TrainingWorker
from app.workers.training_record import CURVES, RUN, Ended, Stepped, TrainingRequest, read_report, read_run
from tests.training.label_sets import label_set
from tests.workers.bases import write_base
from tracker.checkpoints import load_checkpoint
from tracker.files import InputError
from tracker.labels.label_set import Decision, LabelSet

LONG = 120_000  # milliseconds: a process imports torch first

ORPHAN = """
import multiprocessing, sys
from pathlib import Path
from app.workers.finetuning import serve
from app.workers.training_record import TrainingRequest

if __name__ == "__main__":
    labels, base, output = map(Path, sys.argv[1:])
    request = TrainingRequest((labels,), str(base), output, "pseudo", "all", synthetic_share=0, device="cpu")
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, request))
    process.start()
    theirs.close()
    ours.recv()
    print(process.pid, flush=True)
    process.join()
"""


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> LabelSet:
    """Three videos that were accepted."""
    made = label_set(tmp_path_factory.mktemp("videos"))
    for name in made.names():
        made.decide(Decision("verdict", name, "accepted"))
    return made


@pytest.fixture
def request_(tmp_path: Path, labels: LabelSet) -> TrainingRequest:
    base = write_base(tmp_path / "base.safetensors")
    held = (labels.names()[0],)
    return TrainingRequest(
        (labels.folder,), str(base), tmp_path / "out", synthetic_share=0, held=held, device="cpu", steps=3
    )


def test_a_run_tells_its_losses_and_ends_with_a_report(request_: TrainingRequest) -> None:
    said: list[Event] = []
    ended = Finetuning(request_, said.append, lambda: False).run()
    steps = [event for event in said if isinstance(event, Stepped)]
    assert [event.step for event in steps] == [1, 2, 3]
    assert all(event.losses["total"] > 0 and event.losses["track"] > 0 for event in steps)
    assert any(isinstance(event, Comparing) and event.what for event in said)
    assert ended == read_run(request_.output).ended == Ended("finished", 3, ended.seconds, {})
    report = json.loads((request_.output / JSON).read_text())
    assert report["training"]["held"] == list(request_.held)
    assert report["rows"][0]["video"] == request_.held[0]
    shown = read_report(request_.output)
    assert shown is not None
    assert shown.verdict == report["verdict"]
    assert shown.verdict in shown.text == (request_.output / TEXT).read_text()
    assert [one.label for one in shown.judgements] == ["δavg", "AJ", "OA", "lost", "corrections"]
    assert shown.word == "not known"  # of one video
    assert read_run(request_.output).curve == tuple(steps)


def test_closing_saves_and_going_on_ends_where_it_should(qtbot, request_: TrainingRequest) -> None:
    worker = TrainingWorker(replace(request_, steps=2000))
    outcomes: list[str] = []
    worker.finished_run.connect(lambda finished: outcomes.append(finished.outcome))
    with qtbot.waitSignal(worker.said, timeout=LONG):
        worker.start()
    process = psutil.Process(worker.pid)
    assert sys.platform == "win32" or process.nice() == min(19, psutil.Process().nice() + 10)
    worker.close()
    qtbot.waitUntil(lambda: outcomes == ["cancelled"])
    assert not process.is_running()
    record = read_run(request_.output)
    assert record.ended is not None
    assert record.ended.ending == "stopped"
    assert 1 <= record.step < 2000
    load_checkpoint(request_.output / "weights.safetensors")
    report = read_report(request_.output)
    assert report is not None
    assert "not compared" in report.verdict
    assert (report.judgements, report.word) == ((), "")

    told: list[Event] = []
    wanted = replace(request_, steps=record.step + 2, resume=True)
    assert Finetuning(wanted, told.append, lambda: False).run().ending == "finished"
    again = read_run(request_.output)
    assert [event.step for event in again.curve] == list(range(1, record.step + 3))
    assert again.seconds > record.seconds
    assert [event.step for event in told if isinstance(event, Stepped)] == [record.step + 1, record.step + 2]


def test_a_process_that_is_killed_is_told_and_what_it_did_is_known(qtbot, request_: TrainingRequest) -> None:
    worker = TrainingWorker(replace(request_, steps=2000))
    failures: list[str] = []
    worker.failed.connect(lambda failed: failures.append(failed.message))
    worker.said.connect(lambda event: os.kill(worker.pid or 0, signal.SIGKILL))
    with qtbot.waitSignal(worker.finished_run, timeout=LONG) as finished:
        worker.start()
    worker.wait()
    assert finished.args[0].outcome == "failed"
    assert failures == [DIED]
    record = read_run(request_.output)
    assert record.ended is None
    assert record.step >= 1
    assert not (request_.output / "state.pt").exists()  # it had not been time to save: it begins once more
    assert Finetuning(replace(request_, resume=True, steps=1), lambda event: None, lambda: False).run().step == 1
    assert [event.step for event in read_run(request_.output).curve] == [1]


def test_it_saves_and_ends_when_its_window_is_gone(tmp_path: Path, request_: TrainingRequest) -> None:
    script = tmp_path / "window.py"
    script.write_text(ORPHAN)
    parts = [str(request_.labels[0]), request_.base, str(request_.output)]
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    window = subprocess.Popen([sys.executable, str(script), *parts], stdout=subprocess.PIPE, text=True, env=path)
    assert window.stdout is not None
    training = psutil.Process(int(window.stdout.readline()))
    window.kill()
    window.wait()
    window.stdout.close()
    gone, _ = psutil.wait_procs([training], timeout=120)
    assert gone
    ended = read_run(request_.output).ended
    assert ended is not None
    assert ended.ending == "stopped"
    assert (request_.output / "state.pt").exists()


def fails(request: TrainingRequest) -> str:
    with pytest.raises(InputError) as raised:
        Finetuning(request, lambda event: None, lambda: False).run()
    return str(raised.value)


def test_what_cannot_be_done_is_a_sentence(tmp_path: Path, request_: TrainingRequest) -> None:
    empty = LabelSet.create(tmp_path / "empty", {})
    assert "the label set is empty" in fails(replace(request_, labels=(empty.folder,), held=()))
    rejected = label_set(tmp_path / "rejected", videos=1)
    rejected.decide(Decision("verdict", rejected.names()[0], "rejected"))
    assert "rejected by a person" in fails(replace(request_, labels=(rejected.folder,), held=()))
    assert "no weights that could learn" in fails(replace(request_, base="lucas-kanade"))
    wrong = tmp_path / "wrong.safetensors"
    wrong.write_bytes(b"nothing")
    assert str(wrong) in fails(replace(request_, base=str(wrong)))
    (tmp_path / "file").write_text("in the way")
    assert str(tmp_path / "file") in fails(replace(request_, output=tmp_path / "file" / "out"))
    assert "there is no fine-tuning here" in fails(replace(request_, resume=True))
    assert not request_.output.exists()


def test_the_record_of_a_killed_run_is_read_as_far_as_it_goes(tmp_path: Path, request_: TrainingRequest) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / RUN).write_text(json.dumps({"request": request_.as_json(), "ended": None}))
    steps = [{"step": step, "share": 0.1, "seconds": float(step), "losses": {"total": 1.0}} for step in (1, 2, 3, 2)]
    marks = [{"step": 1, "figures": {"δavg": 50.0}}, {"step": 3, "figures": {"δavg": 60.0}}]
    lines = [json.dumps(line) for line in (steps[0], marks[0], *steps[1:3], marks[1], steps[3])]
    (out / CURVES).write_text("\n".join(lines) + '\n{"step": 3, "sha')
    record = read_run(out)
    assert record.request == request_
    assert (record.ended, record.finished, record.step, record.seconds) == (None, False, 2, 2.0)
    assert [event.step for event in record.curve] == [1, 2]
    assert [mark.step for mark in record.marks] == [1]
    (out / RUN).write_text("{}")
    with pytest.raises(InputError, match="damaged"):
        read_run(out)
