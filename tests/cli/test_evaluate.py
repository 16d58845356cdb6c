"""`trackwright evaluate`."""

import json

import numpy as np
import pytest

from tests.cli.commandline import refusal, run
from tests.evaluation.made import npz_folder, tapvid_record, write_pickle
from tests.evaluation.test_datasets import Evil
from tests.small_models import small_model
from tracker.checkpoints import save_checkpoint


def test_trackers_are_compared_in_one_table(tmp_path):
    dataset = f"npz:{npz_folder(tmp_path)}"
    result = run("evaluate", "--model", "lucas-kanade", "--model", "does-not-move", "--dataset", dataset)
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()]
    columns = ["AJ", "δavg", "OA", "δ1", "δ2", "δ4", "δ8", "δ16", "lost"]
    assert lines[0] == ["model", "video", "queries", *columns]
    assert [line[:2] for line in lines[1:3]] == [["lucas-kanade", "drift"], ["does-not-move", "drift"]]
    assert lines[1][4:6] == ["100.0", "100.0"]
    assert lines[4][:4] == ["does-not-move", "mean", "of", "1"]
    assert "lucas-kanade: drift, 20 frames" in result.stderr


def test_json_is_printed_and_written(tmp_path):
    out = tmp_path / "scores.json"
    dataset = f"npz:{npz_folder(tmp_path / 'data')}"
    result = run("evaluate", "--model", "does-not-move", "--dataset", dataset, "--frames", 5, "--json", "-o", out)
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert printed == json.loads(out.read_text())
    assert printed["rows"][0]["frames"] == 5
    assert printed["means"]["does-not-move"]["occlusion_accuracy"] == 1


def test_videos_are_picked_by_name_and_what_is_left_out_is_said(tmp_path):
    records = {"a": tapvid_record(frames=3), "b": tapvid_record(frames=4), "bad": {}}
    path = write_pickle(tmp_path / "davis.pkl", records)
    arguments = ["evaluate", "--model", "does-not-move", "--dataset", f"tapvid:{path}"]
    picked = run(*arguments, "--video", "b", "--query-mode", "strided")
    assert [line.split()[1] for line in picked.stdout.splitlines()] == ["video", "b", "mean"]
    everything = run(*arguments)
    assert "left out: " in everything.stderr
    assert "the record bad lacks" in everything.stderr


def test_bad_input_is_refused_in_one_line(tmp_path):
    folder = npz_folder(tmp_path / "data")
    marker = tmp_path / "ran"
    evil = write_pickle(tmp_path / "evil.pkl", {"a": Evil(marker)})
    (tmp_path / "text.pkl").write_text("no pickle")
    (tmp_path / "empty").mkdir()
    for dataset, reason in (
        (f"tapvid:{evil}", "evil.pkl: the pickle holds"),
        (f"tapvid:{tmp_path / 'text.pkl'}", "text.pkl: this is not a whole pickle"),
        (f"npz:{tmp_path / 'empty'}", "no .npz file"),
        (str(folder), "say of what kind the data set is"),
    ):
        assert reason in refusal("evaluate", "--model", "does-not-move", "--dataset", dataset)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--video", "other"], "there is no other.npz, the videos are drift"),
        (["-o", "gone/scores.json"], "the folder does not exist"),
        (["--model", "nobody"], "nobody"),
    ],
)
def test_wrong_choices_are_refused_before_the_work(tmp_path, arguments, reason):
    dataset = f"npz:{npz_folder(tmp_path)}"
    assert reason in refusal("evaluate", "--model", "does-not-move", "--dataset", dataset, *arguments)


def test_a_missing_video_leaves_nothing_to_score(tmp_path):
    root = npz_folder(tmp_path, video=np.array("videos/gone.mp4"))
    assert "no video to score" in refusal("evaluate", "--model", "does-not-move", "--dataset", f"npz:{root}")


@pytest.mark.parametrize("kind", ["online", "offline"])
def test_a_weights_file_is_scored_with_support_points(tmp_path, kind):
    weights = tmp_path / f"{kind}.safetensors"
    save_checkpoint(weights, small_model(kind))
    dataset = f"npz:{npz_folder(tmp_path / 'data')}"
    arguments = ["evaluate", "--model", weights, "--dataset", dataset, "--frames", 8, "--device", "cpu", "--json"]
    results = [run(*arguments, *more) for more in ([], ["--single-point"])]
    together, alone = (json.loads(result.stdout) for result in results)
    assert together["rows"][0]["model"] == str(weights)
    assert (together["single_point"], alone["single_point"]) == (False, True)
    assert together["rows"][0]["queries"] == alone["rows"][0]["queries"] == 3
    assert 0 <= alone["rows"][0]["metrics"]["average_jaccard"] <= 1
