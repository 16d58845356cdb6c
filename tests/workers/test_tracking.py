"""The tracking thread with the real classical tracker on a real clip."""

import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.workers import tracking
from app.workers.protocol import Failed, Finished, Progress, Result, Started
from app.workers.tracking import UNDELIVERED, RunRequest, TrackingWorker
from tests.inference.scenes import panning
from tracker.files import InputError
from tracker.inference import LucasKanade
from tracker.video import VideoWriter

COUNT = 60
SHIFTS = np.stack([0.4 * np.arange(COUNT), np.zeros(COUNT)], axis=1)
START = np.array([70, 60], np.float32)


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "panning.mp4"
    with VideoWriter(path, 160, 120, Fraction(25)) as writer:
        for frame in panning(SHIFTS):
            writer.write(frame)
    return path


class Listener:
    """Hears everything in order; applies results unless told not to."""

    def __init__(self, worker: TrackingWorker) -> None:
        self.worker, self.applies = worker, True
        self.heard: list[Any] = []
        self.during = lambda result: None
        for signal in (worker.started_run, worker.progress, worker.failed, worker.finished_run):
            signal.connect(self.heard.append)
        worker.result.connect(self.take)

    def take(self, result: Result) -> None:
        self.heard.append(result)
        self.during(result)
        if self.applies:
            self.worker.result_applied()

    def all(self, kind, generation=None):
        return [one for one in self.heard if isinstance(one, kind) and generation in (None, one.generation)]

    def tracks(self, point=0, generation=None):
        tracks = np.full((COUNT, 2), np.nan, np.float32)
        for result in self.all(Result, generation):
            found = result.payload
            if point in found.ids:
                values = found.tracks[:, found.ids.tolist().index(point)]
                rows = tracks[found.first_frame : found.end_frame]
                rows[np.isfinite(values)] = values[np.isfinite(values)]
        return tracks


@pytest.fixture
def worker(qtbot):
    worker = TrackingWorker()
    worker.start()
    yield worker
    worker.stop()


@pytest.fixture
def listener(worker):
    return Listener(worker)


def request(clip, generation=1, frame=0, **options) -> RunRequest:
    return RunRequest(
        generation=generation,
        source_path=clip,
        tracker="lucas-kanade",
        device="auto",
        ids=np.array([0]),
        queries=np.array([[frame, *(START + SHIFTS[frame])]], np.float32),
        **{"start": 0, "end": COUNT, **options},
    )


def finish(qtbot, worker, *requests: RunRequest) -> None:
    last = requests[-1].generation
    with qtbot.waitSignal(worker.finished_run, timeout=10_000, check_params_cb=lambda f: f.generation == last):
        for one in requests:
            worker.submit(one)


def error_of(tracks, first=0, end=COUNT):
    return np.abs(tracks[first:end] - START - SHIFTS[first:end]).max()


def test_a_run_says_started_results_and_progress_and_finished(qtbot, worker, listener, clip):
    finish(qtbot, worker, request(clip))
    assert listener.heard[0] == Started(1, "lucas-kanade", "cpu", 0.25)
    assert listener.heard[-1] == Finished(1, "done")
    assert error_of(listener.tracks()) < 0.5
    progress = listener.all(Progress)
    assert [p.done for p in progress] == sorted(p.done for p in progress)
    assert (progress[-1].done, progress[-1].total, progress[-1].eta_s) == (COUNT, COUNT, 0)
    assert progress[-1].frames_per_s > 0
    arrays = [a for r in listener.all(Result) for a in (r.payload.tracks, r.payload.visibility, r.payload.ids)]
    assert not any(a.flags.writeable for a in arrays)


def test_backward_and_both(qtbot, worker, listener, clip):
    finish(
        qtbot,
        worker,
        request(clip, 1, frame=30, direction="backward"),
        request(clip, 2, frame=30, direction="both"),
    )
    back, both = (listener.tracks(generation=g) for g in (1, 2))
    assert np.isnan(back[31:]).all()
    assert error_of(back, 0, 31) < 0.5
    assert error_of(both) < 0.5
    last = listener.all(Progress, 2)[-1]
    assert last.done == last.total == 30 + 31


def test_requests_are_done_one_after_the_other_with_one_loaded_tracker(qtbot, worker, listener, clip, monkeypatch):
    loads = []

    def load(*key):
        loads.append(key)
        return LucasKanade()

    monkeypatch.setattr(tracking, "load_tracker", load)
    finish(qtbot, worker, *(request(clip, g, start=0, end=12) for g in (1, 2, 3)))
    assert [f.generation for f in listener.all(Finished)] == [1, 2, 3]
    generations = [one.generation for one in listener.heard]
    assert generations == sorted(generations)
    assert loads == [("lucas-kanade", "auto", "auto")]


def test_cancel_ends_the_run_within_one_window_and_drops_those_that_wait(qtbot, worker, listener, clip):
    listener.during = lambda result: worker.cancel() if result.generation == 1 else None
    listener.applies = False
    finish(qtbot, worker, request(clip, 1), request(clip, 2))
    assert [f.outcome for f in listener.all(Finished)] == ["cancelled", "cancelled"]
    assert listener.all(Result, 2) == []
    assert len(listener.all(Result, 1)) <= UNDELIVERED + 1
    assert listener.all(Failed) == []


def test_a_slow_gui_makes_the_worker_wait(qtbot, worker, listener, clip):
    listener.applies = False
    worker.submit(request(clip))
    qtbot.waitUntil(lambda: len(listener.all(Result)) == UNDELIVERED, timeout=5000)
    with qtbot.assertNotEmitted(worker.result, wait=100):
        pass
    listener.applies = True
    with qtbot.waitSignal(worker.finished_run, timeout=5000):
        for _ in range(UNDELIVERED):
            worker.result_applied()
    assert error_of(listener.tracks()) < 0.5


def test_points_join_and_leave_while_it_runs(qtbot, worker, listener, clip):
    # A few points ahead and behind; the worker waits in the meantime, since no result is applied before.
    def during(result):
        if result.payload.first_frame == 12 and len(listener.all(Result)) == 4:
            rows = [[f, *(START + SHIFTS[f])] for f in (2, 40)]
            assert worker.add_points(np.array(rows, np.float32), np.array([1, 2]))
            worker.remove_points(np.array([0]))

    listener.during = during
    finish(qtbot, worker, request(clip))
    assert error_of(listener.tracks(1), 2) < 0.5
    assert error_of(listener.tracks(2), 40) < 0.5
    assert np.isnan(listener.tracks(0)[40:]).all()


def test_points_added_during_both_directions_go_both_ways(qtbot, worker, listener, clip):
    added: list[bool] = []

    def during(result):
        if not added:
            added.append(worker.add_points(np.array([[20, *(START + SHIFTS[20])]], np.float32), np.array([1])))

    listener.during = during
    finish(qtbot, worker, request(clip, frame=30, direction="both"))
    assert added == [True]
    assert error_of(listener.tracks(1)) < 0.5


def test_no_request_takes_no_points(qtbot, worker, listener, clip):
    point = np.array([[2, 50, 50]], np.float32), np.array([5])
    assert not worker.add_points(*point)
    finish(qtbot, worker, request(clip))
    assert not worker.add_points(*point)
    worker.remove_points(np.array([5]))
    worker.cancel()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tracker": "nothing"}, "nothing: there is no such tracker or file"),
        ({"source_path": Path("/nowhere/clip.mp4")}, "clip.mp4: the file does not exist"),
        ({"queries": np.array([[COUNT, 1, 1]], np.float32)}, "but the frames are 0 to 59"),
    ],
)
def test_bad_input_fails_with_its_sentence_and_the_next_request_works(qtbot, worker, listener, clip, changes, message):
    finish(qtbot, worker, replace(request(clip, 1), **changes), request(clip, 2))
    assert [f.outcome for f in listener.all(Finished)] == ["failed", "done"]
    assert message in listener.all(Failed)[0].message
    assert error_of(listener.tracks(generation=2)) < 0.5


@pytest.mark.parametrize(
    ("error", "message"),
    [(MemoryError(), "ran out of memory"), (ZeroDivisionError("odd"), "Please report this")],
)
def test_a_fault_becomes_a_message(qtbot, worker, listener, clip, monkeypatch, error, message):
    def load(*key):
        raise error

    monkeypatch.setattr(tracking, "load_tracker", load)
    finish(qtbot, worker, request(clip))
    assert message in listener.all(Failed)[0].message
    assert listener.heard[-1] == Finished(1, "failed")


def test_adding_a_bad_point_fails_at_once_and_not_the_run(qtbot, worker, listener, clip):
    refused: list[bool] = []

    def during(result):
        if not refused:
            with pytest.raises(InputError, match="the frames are 0 to 59"):
                worker.add_points(np.array([[COUNT, 1, 1]], np.float32), np.array([9]))
            refused.append(True)

    listener.during = during
    finish(qtbot, worker, request(clip))
    assert refused
    assert listener.heard[-1] == Finished(1, "done")


def test_stop_ends_a_run_that_waits_for_the_gui(qtbot, worker, listener, clip):
    listener.applies = False
    worker.submit(request(clip))
    qtbot.waitUntil(lambda: len(listener.all(Result)) == UNDELIVERED, timeout=5000)
    worker.stop()
    assert worker.isFinished()


def test_tracks_in_a_thread_of_its_own(qtbot, worker, listener, clip, monkeypatch):
    threads = []

    def load(*key):
        threads.append(threading.get_ident())
        return LucasKanade()

    monkeypatch.setattr(tracking, "load_tracker", load)
    finish(qtbot, worker, request(clip))
    assert threads != [threading.get_ident()]
