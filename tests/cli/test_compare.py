"""`trackwright compare`."""

import json
from pathlib import Path

import pytest

from tests.cli.commandline import refusal, run
from tests.evaluation.made import npz_folder
from tests.evaluation.test_label_truth import made_set
from tests.small_models import small_model
from tracker.checkpoints import save_checkpoint
from tracker.evaluation.comparison import Comparison
from tracker.labels.label_set import Decision


def test_weights_are_compared_on_a_data_set(tmp_path: Path) -> None:
    weights = [tmp_path / f"{name}.safetensors" for name in ("old", "new")]
    for path, seed in zip(weights, (1, 2), strict=True):
        save_checkpoint(path, small_model(iterations=seed))
    dataset, out = f"npz:{npz_folder(tmp_path / 'data')}", tmp_path / "report.md"
    command = ("compare", *weights, "--dataset", dataset, "--frames", 9, "--device", "cpu")
    result = run(*command, "--effort-tracks", 1, "--effort-frames", 4, "-o", out)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0].split() == ["video", "tracks", "δavg", "AJ", "OA", "lost", "corrections"]
    assert "No better can be shown on one video" in result.stdout
    assert out.read_text(encoding="utf-8").startswith(f"# {weights[1]} compared with {weights[0]}")
    assert f"{weights[1]}: drift, corrections" in result.stderr


def test_labels_are_the_truth(tmp_path: Path) -> None:
    label_set, _ = made_set(tmp_path)
    label_set.decide(Decision("verdict", "drift", verdict="accepted"))
    out = tmp_path / "report.json"
    command = ("compare", "lucas-kanade", "lucas-kanade", "--labels", label_set.folder, "--held", "drift")
    result = run(*command, "--effort-tracks", 0, "--json", "-o", out)
    assert result.exit_code == 0, result.output
    found = Comparison.from_json(result.stdout)
    assert found == Comparison.from_json(out.read_text(encoding="utf-8"))
    assert [row.video for row in found.rows] == ["drift"]
    assert "accepted unchanged" in found.notes[0]
    assert json.loads(result.stdout)["verdict"] == found.verdict()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "either --dataset or --labels"),
        (["--dataset", "npz:x", "--labels", "x"], "either --dataset or --labels"),
        (["--labels", "x"], "there is no label set"),
        (["--dataset", "npz:x", "-o", "gone/report.md"], "the folder does not exist"),
    ],
)
def test_wrong_choices_are_refused(tmp_path: Path, arguments: list[str], reason: str) -> None:
    assert reason in refusal("compare", "lucas-kanade", "does-not-exist", *arguments)


def test_an_empty_label_set_leaves_nothing_to_compare_on(tmp_path: Path) -> None:
    label_set, _ = made_set(tmp_path)
    command = ("compare", "lucas-kanade", "lucas-kanade", "--labels", label_set.folder)
    assert "no video to compare on, the first because" in refusal(*command)
    label_set.labels_path("drift").unlink()
    assert "no video to compare on" in refusal(*command)
    assert "there is no video other" in refusal(*command, "--held", "other")
