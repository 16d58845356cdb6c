"""The tracking thread with a network from a checkpoint file."""

from typing import Any

import numpy as np
import pytest
import torch

from app.workers.protocol import Failed, Finished, Progress, Result, Started
from app.workers.tracking import RunRequest, TrackingWorker
from tests.inference.networks import COUNT, make_network_folder, query, table


@pytest.mark.parametrize("kind", ["online", "offline"])
def test_the_tracking_thread_runs_a_checkpoint_and_tells_progress_of_every_step(qtbot, tmp_path, kind):
    folder = make_network_folder(tmp_path)
    threads = torch.get_num_threads()
    worker = TrackingWorker()
    heard: list[Any] = []
    for signal in (worker.started_run, worker.progress, worker.result, worker.failed, worker.finished_run):
        signal.connect(heard.append)
    worker.result.connect(lambda _: worker.result_applied())
    worker.start()
    try:
        with qtbot.waitSignal(worker.finished_run, timeout=20_000):
            worker.submit(
                RunRequest(
                    7,
                    folder / "panning.mp4",
                    str(folder / f"{kind}.safetensors"),
                    "cpu",
                    np.array([0]),
                    query(4),
                    0,
                    COUNT,
                    "both",
                    kind,
                )
            )
    finally:
        worker.stop()
        torch.set_num_threads(threads)
    assert not [one for one in heard if isinstance(one, Failed)]
    assert heard[0] == Started(7, f"cotracker3-{kind} ({kind}.safetensors)", "cpu", 0.6)
    assert heard[-1] == Finished(7, "done")
    assert np.isfinite(table([one.payload for one in heard if isinstance(one, Result)])).all()
    progress = [one for one in heard if isinstance(one, Progress)]
    assert len(progress) == 4 + 1
    assert progress[-1].done == progress[-1].total == (COUNT - 4) + 5
