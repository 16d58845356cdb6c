"""The speed measurement itself, in a small configuration: what it counts and what it claims."""

import json

import pytest

from tests.small_models import small_model
from tracker.evaluation.speed import format_speed_table, run_speed_bench


def test_compares_the_same_numbers():
    told: list[str] = []
    result = run_speed_bench(points=(1, 100), repeats=1, model=small_model(), progress=told.append)
    assert told == ["1 points", "100 points"]
    for row in result["rows"]:
        assert row["seconds"] > 0
        assert row["speedup"] == row["straightforward_seconds"] / row["seconds"]
        assert row["same_numbers"] == (row["largest_difference_px"] <= 5e-3)
        assert row["largest_difference_px"] < 0.1
    assert [bar["name"] for bar in result["bars"]] == ["speedup at 100 points", "cached pass at 1 point"]
    assert json.loads(json.dumps(result)) == result
    table = format_speed_table(result)
    assert "| points | s | frames/s |" in table
    assert "speedup at 100 points" in table


@pytest.mark.parametrize(("mode", "dtype"), [("online", "bfloat16"), ("offline", "float32"), ("offline", "bfloat16")])
def test_without_comparison(mode, dtype):
    result = run_speed_bench(points=(3,), dtype=dtype, mode=mode, compare=False, repeats=1, model=small_model(mode))
    assert result["bars"] == []
    assert "speedup" not in result["rows"][0]
    assert result["rows"][0]["frames_per_second"] > 0
    assert "times as fast" not in format_speed_table(result)


def test_wrong_use():
    with pytest.raises(ValueError, match="unknown dtype"):
        run_speed_bench(dtype="int8")
    with pytest.raises(ValueError, match="at least 2"):
        run_speed_bench(windows=1)
    with pytest.raises(ValueError, match="compare=False"):
        run_speed_bench(dtype="bfloat16")
