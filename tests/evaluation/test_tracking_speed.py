"""Measuring trackers end to end, with small ones on small clips: what is counted, and what is told."""

import json
from typing import Any

import numpy as np
import pytest

from tests.small_models import small_model
from tracker.evaluation import tracking_speed
from tracker.evaluation.baselines import DoesNotMove
from tracker.evaluation.speed import format_speed_table
from tracker.evaluation.tracking_speed import COLUMNS, describe_size, drifting_clip, measure_tracker, run_tracker_bench
from tracker.inference.cotracker import CoTrackerTracker
from tracker.inference.lucas_kanade import LucasKanade
from tracker.inference.session import Tracker

SIZE = (120, 80)


def network(kind: str = "online", **options: object) -> CoTrackerTracker:
    return CoTrackerTracker(small_model(kind, **options), None, allow_untrained=True)


class Clock:
    """A watch by which every block it is entered for takes one second."""

    def __init__(self, device: object) -> None:
        self.seconds = self.cpu_seconds = 0.0

    def __enter__(self) -> None:
        self.seconds += 1
        self.cpu_seconds += 2

    def __exit__(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("tracker", "rate"),
    [
        (network(), 8),  # 8 frames each second, once its window is full
        (network(window=17), 8),
        (network("offline"), 32 / 5),  # 4 steps, and then all of the work
        (LucasKanade(), LucasKanade.step_frames),
    ],
)
def test_what_counts(monkeypatch: pytest.MonkeyPatch, tracker: Any, rate: float):
    monkeypatch.setattr(tracking_speed, "Watch", Clock)
    row = measure_tracker(tracker, 3, size=SIZE, steps=2)
    assert row["frames_per_second"] == pytest.approx(rate)
    assert row["cpu_seconds"] == pytest.approx(2 / rate)
    if isinstance(tracker, CoTrackerTracker):
        assert row["cached_frames_per_second"] == pytest.approx(rate)
    else:
        assert "cached_frames_per_second" not in row


def test_the_second_session_encodes_nothing(monkeypatch: pytest.MonkeyPatch):
    tracker, encoded = network(), list[int]()
    encode = tracker.model.encode

    def count(images: Any, *rest: Any) -> Any:
        encoded.append(len(images))
        return encode(images, *rest)

    monkeypatch.setattr(tracker.model, "encode", count)
    measure_tracker(tracker, 1, size=SIZE, steps=2)
    assert sum(encoded) == 32
    assert len(tracker.cache) == 0  # the measurement leaves nothing behind


def test_the_table_of_several_trackers():
    told: list[str] = []
    trackers: list[Tracker] = [network(flow=True, matching=True), LucasKanade()]
    result = run_tracker_bench(trackers, [1, 100], size=SIZE, steps=2, repeats=1, progress=told.append)
    assert told == [f"{tracker.name}, {count} points" for tracker in trackers for count in (1, 100)]
    rows = result["rows"]
    assert [(row["tracker"], row["points"]) for row in rows] == [(t.name, n) for t in trackers for n in (1, 100)]
    assert all(row["frames_per_second"] > 0 for row in rows)
    assert all(rows[i]["cached_frames_per_second"] > 0 for i in (0, 1))
    (bar,) = result["bars"]
    assert bar["name"] == "frames/s of cotracker3-online (untrained) at 100 points, cached"
    assert bar["reached"] == (bar["measured"] >= 12)
    assert json.loads(json.dumps(result)) == result
    lines = format_speed_table(result, COLUMNS).splitlines()
    assert lines[3].startswith(
        "| tracker | device | parameters | weight bytes | points | frames/s | frames/s, cached |"
    )
    assert lines[8].startswith("| lucas-kanade | cpu | 0 | 0 | 100 | ")
    assert len({line.count("|") for line in lines[3:9]}) == 1


def test_the_size_of_a_network():
    tracker = network()
    count = sum(parameter.numel() for parameter in tracker.model.parameters())
    assert describe_size(tracker) == {"parameters": count, "weight_bytes": 4 * count}
    assert describe_size(DoesNotMove()) == {"parameters": 0, "weight_bytes": 0}


def test_the_clip_drifts_and_is_always_the_same():
    clip = drifting_clip(5, SIZE)
    assert clip.shape == (5, 80, 120, 3)
    assert clip.dtype == np.uint8
    np.testing.assert_array_equal(clip, drifting_clip(5, SIZE))
    assert clip.std() > 30
    changes = np.abs(np.diff(clip.astype(int), axis=0)).mean((1, 2, 3))
    assert (changes > 3).all()


def test_too_few_steps():
    with pytest.raises(ValueError, match="at least 2 steps"):
        measure_tracker(network(), steps=1)
