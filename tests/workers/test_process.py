"""Work in a process of its own."""

import os
import time
from pathlib import Path

import pytest

from app.workers.jobs import Job, JobCancelledError
from app.workers.process import in_process
from app.workers.protocol import Progress
from tracker.files import InputError, atomic_output
from tracker.labels.formats import Report


def squares(count: int, report: Report) -> list[int]:
    found = []
    for number in range(count):
        found.append(number**2)
        report(number + 1, count)
    return found


def refuse(path: Path, report: Report) -> None:
    raise InputError(f"{path}: no")


def write_for_ever(path: Path, report: Report) -> None:
    with atomic_output(path) as part, part.open("w") as handle:
        report(1, 2)
        while True:
            handle.write("x")
            time.sleep(0.01)


def die(report: Report) -> None:
    os._exit(3)


def process_of(report: Report) -> int:
    return os.getpid()


@pytest.fixture
def job(qapp) -> Job:
    """A job that is not started: the test is its thread."""
    return Job(lambda _job: None, "Testing")


def test_the_result_and_all_reports_come_over(job: Job) -> None:
    told: list[Progress] = []
    job.progress.connect(told.append)
    assert in_process(squares, (3,), job) == [0, 1, 4]
    assert [(one.done, one.total) for one in told] == [(1, 3), (2, 3), (3, 3)]
    assert in_process(process_of, (), job) != os.getpid()


def test_what_is_raised_there_is_raised_here(job: Job) -> None:
    with pytest.raises(InputError, match=r"a\.nk: no"):
        in_process(refuse, (Path("a.nk"),), job)


def test_cancelling_leaves_no_half_file(job: Job, tmp_path: Path) -> None:
    (tmp_path / "t.nk").write_text("mine")
    job.progress.connect(lambda _progress: job.cancel())
    with pytest.raises(JobCancelledError):
        in_process(write_for_ever, (tmp_path / "t.nk",), job)
    assert [path.name for path in tmp_path.iterdir()] == ["t.nk"]
    assert (tmp_path / "t.nk").read_text() == "mine"


def test_a_process_that_dies_is_told(job: Job) -> None:
    with pytest.raises(RuntimeError, match="ended without a word"):
        in_process(die, (), job)
