"""What all tests share: no screen, folders of their own, and no thread or timer left behind."""

import gc
import itertools
import os
import threading
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QT_API", "pyside6")
# Threads of torch that wait must not spin: on a busy machine they would keep each other from working.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:  # a process for every core already
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

_tests = itertools.count()


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caches, settings and unsaved projects of a test live in its own folder."""
    for name in ("CACHE", "CONFIG", "DATA", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / "home" / name.lower()))
    monkeypatch.setenv("TRACKWRIGHT_CACHE", str(tmp_path / "home" / "cache"))
    monkeypatch.setenv("TRACKWRIGHT_DATA_HOME", str(tmp_path / "home" / "data"))


@pytest.fixture(autouse=True)
def no_shipped_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights come with Trackwright, so that no test hangs on what ships today; `weights_folder` takes some."""
    monkeypatch.setattr("tracker.inference.trackers.WEIGHTS_FOLDER", tmp_path / "home" / "weights")


@pytest.fixture(autouse=True)
def no_garbage_in_threads() -> Iterator[None]:
    """Cycles are collected after the test and in its thread: a window that dies in another one takes Qt down."""
    gc.disable()
    yield
    # What outlives its test is old afterwards; looking at all that is old takes long.
    gc.collect(2 if next(_tests) % 50 == 0 else 1)


@pytest.fixture
def weights_folder(tmp_path: Path) -> Path:
    """The folder where a test puts weights that come with Trackwright."""
    folder = tmp_path / "home" / "weights"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Fails a test that leaves a thread behind, by its name."""
    before = set(threading.enumerate())
    yield
    # A Qt thread that ran Python code stays listed as a dummy; `no_qthread_left` asks whether it runs.
    left = [
        thread
        for thread in set(threading.enumerate()) - before
        if thread.is_alive() and not isinstance(thread, threading._DummyThread)
    ]
    for thread in left:
        thread.join(timeout=2)
    left = [thread for thread in left if thread.is_alive()]
    assert not left, f"threads left behind: {[thread.name for thread in left]}"


@pytest.fixture(autouse=True)
def no_qthread_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails a test that leaves a QThread running."""
    from PySide6.QtCore import QThread

    started: list[QThread] = []
    start = QThread.start

    def remember(self: QThread, *args: QThread.Priority) -> None:
        started.append(self)
        start(self, *args)

    monkeypatch.setattr(QThread, "start", remember)
    yield
    running = []
    for thread in started:
        try:
            if thread.isRunning() and not thread.wait(2000):
                running.append(type(thread).__name__)
        except RuntimeError:  # its C++ half is gone, so it does not run
            continue
    assert not running, f"QThreads left running: {running}"
