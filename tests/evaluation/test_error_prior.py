"""Fitting expected errors: on made examples, and end to end on small clips on disk."""

import json
from fractions import Fraction

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from app.cli.bench_review import review
from tests.inference.scenes import panning
from tests.small_models import small_model
from tracker.checkpoints import save_checkpoint
from tracker.evaluation.effort import EffortSettings
from tracker.evaluation.error_prior import (
    MeasuredClip,
    fit_prior,
    leave_one_out,
    measure_clip,
    prior_report,
    without_neighbours,
)
from tracker.evaluation.npz_folder import NpzFolder
from tracker.files import InputError
from tracker.inference.error_model import ErrorModel, Examples
from tracker.inference.lucas_kanade import LucasKanade
from tracker.inference.signals import SIGNALS
from tracker.video.writer import VideoWriter


def examples(count: int, seed: int, misleading: bool = False) -> Examples:
    """Patches that change where positions are wrong; confidence tells nothing."""
    random = np.random.default_rng(seed)
    error = (random.exponential(2, count) ** 2).astype(np.float32)
    signals = random.uniform(0, 1, (count, len(SIGNALS))).astype(np.float32)
    told = np.log1p(error) + 0.3 * random.normal(size=count)
    signals[:, SIGNALS.index("patch_change")] = np.clip((-told if misleading else told) / 3, 0, 1.2)
    return Examples(signals, error, np.ones(count, np.float32))


def clip(seed: int, misleading: bool = False) -> MeasuredClip:
    return MeasuredClip(examples(400, seed, misleading), examples(100, seed + 100, misleading))


def test_what_tells_of_errors_gets_the_weight():
    model = fit_prior({"a": clip(1), "b": clip(2)})
    assert len(model.sums) == 2
    for part in model.sums:
        weights = dict(zip(SIGNALS, part.weights, strict=True))
        assert weights["patch_change"] == max(weights.values())
        assert weights["patch_change"] > 10 * weights["uncertainty"]


def test_an_unknown_signal_counts_as_what_it_usually_says():
    model = fit_prior({"a": clip(1), "b": clip(2)})
    held = examples(2000, 9)
    gone = held.signals.copy()
    gone[:, SIGNALS.index("patch_change")] = np.nan
    without, whole = model.errors(gone), model.errors(held.signals)
    assert np.percentile(whole, 25) < np.median(without) < np.percentile(whole, 75)
    assert without.std() < 0.5 * whole.std()


def test_a_clip_is_judged_by_the_others_alone():
    clips = {"a": clip(1), "b": clip(2), "odd": clip(3, misleading=True)}
    expected = leave_one_out(clips)
    report = prior_report(clips, expected)
    rows = {row["clip"]: row for row in report["queue"]}
    assert rows["odd"]["expected_error"] < 0.2 < rows["odd"]["best"]
    others = fit_prior({"a": clips["a"], "b": clips["b"]})
    np.testing.assert_array_equal(expected["odd"], others.errors(clips["odd"].first.signals))
    assert rows["all"]["frames"] == 1200


def test_the_report_counts_what_was_said_and_what_was_found():
    clips = {"a": clip(1), "b": clip(2)}
    report = prior_report(clips, {name: one.first.error for name, one in clips.items()})
    for row in report["queue"]:
        assert row["expected_error"] == row["best"]
        assert row["best"] > 2 * row["confidence"]
    for row in report["calibration"]:
        assert row["expected"] == pytest.approx(row["mean"])
        assert row["bad"] == float(row["from"] >= 4)
    assert sum(row["frames"] for row in report["calibration"]) == 800


def test_few_tracks_are_judged_by_everything_but_neighbours():
    clips = {"a": clip(1), "b": clip(2)}
    few = without_neighbours(clips)
    column = SIGNALS.index("neighbours")
    for name, one in few.items():
        assert np.isnan(one.first.signals[:, column]).all()
        assert np.isnan(one.corrected.signals[:, column]).all()
        others = np.delete(one.first.signals, column, axis=1)
        np.testing.assert_array_equal(others, np.delete(clips[name].first.signals, column, axis=1))
    assert np.isfinite(clips["a"].first.signals).all()  # left as they were
    # A model of all clips says of few tracks what a model of nothing but few tracks says.
    held = few["a"].first.signals
    np.testing.assert_array_equal(fit_prior(clips).errors(held), fit_prior(few).errors(held))


def test_the_report_tells_what_is_expected_of_right_frames():
    clips = {"a": clip(1), "b": clip(2)}
    error = {name: one.first.error for name, one in clips.items()}
    rows = prior_report(clips, {name: values + 1 for name, values in error.items()})["queue"]
    for row, values in zip(rows, [*error.values(), np.concatenate(list(error.values()))], strict=True):
        assert row["when_right"] == pytest.approx(np.median(values[values < 2]) + 1)
    wrong = {"a": MeasuredClip(Examples(clips["a"].first.signals, error["a"] + 2, error["a"]), clips["a"].corrected)}
    assert prior_report(wrong, {"a": error["a"]})["queue"][0]["when_right"] is None


def test_the_order_of_clips_does_not_tell_who_comes_first_among_equals():
    """All doubts are alike, so that any tenth finds about a tenth of the bad ones."""
    bad, good = clip(1), clip(2)
    for one, error in ((bad, 9), (good, 1)):
        one.first.signals[:, SIGNALS.index("uncertainty")] = 1
        one.first.error[:] = error
    for names in (("bad", "good"), ("good", "bad")):
        clips = {name: {"bad": bad, "good": good}[name] for name in names}
        rows = prior_report(clips, {name: one.first.error for name, one in clips.items()})["queue"]
        assert rows[-1]["confidence"] == pytest.approx(0.1)
        assert rows[-1]["expected_error"] == rows[-1]["best"] == pytest.approx(0.2)


def test_nothing_to_learn_from_is_refused():
    with pytest.raises(ValueError, match="no clip"):
        fit_prior({})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two panning clips with nine true tracks each, one of them labelled 9 pixels from where it is."""
    place = tmp_path_factory.mktemp("clips")
    (place / "tracks").mkdir()
    for name, speed in (("slow", 0.6), ("quick", 1.4)):
        shifts = np.outer(np.arange(14), (speed, 0.4 * speed))
        frames = panning(shifts)
        with VideoWriter(place / f"{name}.mp4", frames.shape[2], frames.shape[1], Fraction(25)) as writer:
            for frame in frames:
                writer.write(frame)
        start = np.stack(np.meshgrid((55, 70, 85), (48, 60, 72)), -1).reshape(-1, 1, 2)
        tracks = (start + shifts).astype(np.float32)
        tracks[4, 6:] += 9
        visible = np.ones(tracks.shape[:2], bool)
        np.savez(place / "tracks" / f"{name}.npz", tracks=tracks, visible=visible, video=f"{name}.mp4")
    return place / "tracks"


def test_a_clip_is_tracked_and_corrected_once(folder):
    (quick, slow) = (
        measure_clip(video, LucasKanade(), EffortSettings(noise=0.0)) for video in NpzFolder(folder).videos()
    )
    for measured in (quick, slow):
        assert len(measured.first.error) == 9 * 13  # all but the clicks
        assert 0 < (measured.first.error > 4).sum() <= 8
        assert 0 < len(measured.corrected.error) <= 12  # of the one that was wrong, but for two clicks
        gaps = measured.first.signals[:, SIGNALS.index("gap")]
        assert (gaps.min(), gaps.max()) == (1, 13)


@pytest.fixture
def run():
    app = typer.Typer()
    app.command()(review)
    app.callback()(lambda: None)
    return lambda *arguments: CliRunner().invoke(app, ["review", *map(str, arguments)])


@pytest.fixture
def network(tmp_path):
    """A small one that knows nothing."""
    place = tmp_path / "mini.safetensors"
    save_checkpoint(place, small_model())
    return place


def test_the_command_judges_both_trackers_and_writes_a_model(folder, run, tmp_path, monkeypatch):
    # Runs that are worth judging by neighbours too: Lucas-Kanade's, by another name.
    monkeypatch.setattr("tracker.inference.load_tracker", lambda _name, _device: LucasKanade())
    target = tmp_path / "model.json"
    result = run("--dataset", f"npz:{folder}", "--model", "network", "--write", target, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert list(report) == ["network", "lucas-kanade"]
    few = report["network"]["few_tracks"]
    for part in (*report.values(), few):
        assert [row["clip"] for row in part["queue"]] == ["quick", "slow", "all"]
        assert [row["frames"] for row in part["queue"]] == [9 * 13, 9 * 13, 2 * 9 * 13]
    assert report["network"]["queue"] != few["queue"]
    assert report["lucas-kanade"] == few  # neighbours are not asked
    model = ErrorModel.from_json(target.read_text("utf-8"))
    assert model.network.together is not None
    assert model.lucas_kanade.together is None
    for part in (model.network, model.lucas_kanade):
        assert np.isfinite(part.errors(examples(10, 0).signals)).all()


def test_the_command_prints_both_tables_of_each(folder, run, network):
    result = run("--dataset", f"npz:{folder}", "--model", network)
    assert result.exit_code == 0, result.output
    whole, more = result.stdout.split(f"{network}, as if few tracks had been clicked on: share")
    few, classical = more.split("lucas-kanade: share")
    for part in (whole, few, classical):
        assert part.count("| all |") == 1
        assert part.count("| when right |") == 1
        assert part.count("| from |") == 1


def test_lucas_kanade_alone_is_judged_but_makes_no_model(folder, run, tmp_path):
    result = run("--dataset", f"npz:{folder}", "--json")  # no network is installed
    assert result.exit_code == 0, result.output
    assert list(json.loads(result.stdout)) == ["lucas-kanade"]
    target = tmp_path / "model.json"
    result = run("--dataset", f"npz:{folder}", "--model", "lucas-kanade", "--write", target)
    assert isinstance(result.exception, InputError)
    assert "runs of a network too" in str(result.exception)
    assert not target.exists()


def test_one_clip_is_not_enough(folder, run, tmp_path):
    lonely = tmp_path / "tracks"
    lonely.mkdir()
    (lonely / "slow.npz").write_bytes((folder / "slow.npz").read_bytes())
    (tmp_path / "slow.mp4").write_bytes((folder.parent / "slow.mp4").read_bytes())
    result = run("--dataset", f"npz:{lonely}", "--model", "lucas-kanade")
    assert isinstance(result.exception, InputError)
    assert "at least two" in str(result.exception)
