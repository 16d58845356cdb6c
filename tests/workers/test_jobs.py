"""One-off jobs: value, failure, progress, cancelling; all called back in the thread of the GUI."""

import threading

import pytest
from PySide6.QtCore import QObject
from shiboken6 import isValid

from app.workers.jobs import run_job
from app.workers.protocol import failure_message
from tracker.files import InputError


class Heard:
    def __init__(self):
        self.results, self.errors, self.progress, self.threads = [], [], [], []

    def note(self, where):
        def take(value):
            where.append(value)
            self.threads.append(threading.get_ident())

        return take

    def callbacks(self):
        return {
            "on_result": self.note(self.results),
            "on_error": self.note(self.errors),
            "on_progress": self.note(self.progress),
        }


@pytest.fixture
def parent(qapp):
    return QObject()


def test_gives_the_value_in_the_thread_of_the_parent(qtbot, parent):
    heard, workers = Heard(), []

    def work(job):
        workers.append(threading.get_ident())
        job.report(1, 4)
        job.report(2, 4)
        return "value"

    run_job(work, "Counting", parent, **heard.callbacks())
    qtbot.waitUntil(lambda: bool(heard.results), timeout=5000)
    assert heard.results == ["value"]
    assert heard.errors == []
    assert [(p.done, p.total) for p in heard.progress] == [(1, 4), (2, 4)]
    assert heard.progress[1].eta_s is not None
    assert workers[0] != threading.get_ident()
    assert set(heard.threads) == {threading.get_ident()}


def test_bad_input_is_reported_as_it_is(qtbot, parent):
    def work(_job):
        raise InputError("clip.mp4: the file is empty")

    heard = Heard()
    run_job(work, "Opening", parent, **heard.callbacks())
    qtbot.waitUntil(lambda: bool(heard.errors), timeout=5000)
    assert heard.errors == ["clip.mp4: the file is empty"]
    assert heard.results == []


def test_a_cancelled_job_ends_at_its_next_report_and_calls_nobody(qtbot, parent):
    heard, begun, goes_on = Heard(), threading.Event(), threading.Event()
    reached = []

    def work(job):
        begun.set()
        goes_on.wait(5)
        job.report(1, 2)
        reached.append("after the report")

    job = run_job(work, "Waiting", parent, **heard.callbacks())
    with qtbot.waitSignal(job.finished_job, timeout=5000) as finished:
        assert begun.wait(5)
        job.cancel()
        goes_on.set()
    assert finished.args[0].outcome == "cancelled"
    assert reached == heard.results == heard.errors == heard.progress == []


def test_a_result_on_its_way_is_dropped_by_stop(qtbot, parent):
    heard = Heard()
    job = run_job(lambda job: "value", "Counting", parent, **heard.callbacks())
    job.stop()
    qtbot.waitUntil(lambda: not isValid(job), timeout=5000)
    assert heard.results == []
    job.stop()  # once more does no harm


class TestFailureMessage:
    @pytest.mark.parametrize(
        "error",
        [
            MemoryError(),
            RuntimeError("CUDA out of memory. Tried to allocate 20 GiB"),
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        ],
    )
    def test_out_of_memory_says_what_to_do(self, error):
        assert failure_message(error, "Tracking").startswith("Tracking ran out of memory. Close other programs")

    def test_a_fault_of_ours_goes_to_the_log(self, caplog):
        message = failure_message(KeyError("nonsense"), "Tracking")
        assert "Please report this" in message
        assert "KeyError" in message
        assert "Tracking failed" in caplog.text
