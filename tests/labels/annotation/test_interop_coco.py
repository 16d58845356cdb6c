"""pycocotools reads our COCO keypoints, and its evaluation finds our points where they are."""

import contextlib
import io
import json
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tracker.labels import ExportOptions, State, TrackFile, export_tracks

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed (extra interop)")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")


def some_tracks() -> TrackFile:
    tracks = TrackFile.empty(3, np.arange(4), Fraction(1, 25), (640, 480))
    tracks.names, tracks.groups = ["a", "b", "c"], ["", "hand", "hand"]
    tracks.state[:] = State.VISIBLE
    tracks.xy[:] = np.random.default_rng(2).random((3, 4, 2)).astype(np.float32) * (640, 480)
    tracks.state[1, 1], tracks.state[2, 0] = State.OCCLUDED, State.UNLABELLED
    tracks.state[0, 3], tracks.xy[0, 3] = State.OUT_OF_VIEW, np.nan
    return tracks


@pytest.fixture
def written(tmp_path: Path) -> Any:
    export_tracks(some_tracks(), tmp_path / "t.json", "coco", ExportOptions())
    with contextlib.redirect_stdout(io.StringIO()):
        return coco.COCO(str(tmp_path / "t.json"))


def test_every_cell_is_read_as_written(written: Any) -> None:
    tracks = some_tracks()
    cells = {(a["track_id"] - 1, a["image_id"] - 1): a for a in written.loadAnns(written.getAnnIds())}
    assert set(cells) == set(zip(*map(np.ndarray.tolist, np.nonzero(tracks.state)), strict=True))
    for (row, frame), cell in cells.items():
        x, y, v = cell["keypoints"]
        assert v == {State.VISIBLE: 2, State.OCCLUDED: 1, State.OUT_OF_VIEW: 0}[State(tracks.state[row, frame])]
        if v:
            assert (np.float32(x), np.float32(y)) == tuple(tracks.xy[row, frame])
    assert [image["frame_id"] for image in written.loadImgs(written.getImgIds())] == [0, 1, 2, 3]
    hands = written.getAnnIds(catIds=written.getCatIds(catNms=["hand"]))
    assert len(hands) == 7


@pytest.mark.parametrize(("shift", "right"), [(0.0, 1.0), (30.0, 0.0)])
def test_its_evaluation_takes_the_file(written: Any, tmp_path: Path, shift: float, right: float) -> None:
    results = [
        {
            "image_id": cell["image_id"],
            "category_id": cell["category_id"],
            "keypoints": [cell["keypoints"][0] + shift, cell["keypoints"][1], 1],
            "score": 0.9,
        }
        for cell in written.loadAnns(written.getAnnIds())
        if cell["num_keypoints"]
    ]
    (tmp_path / "r.json").write_text(json.dumps(results))
    with contextlib.redirect_stdout(io.StringIO()):
        judge = cocoeval.COCOeval(written, written.loadRes(str(tmp_path / "r.json")), "keypoints")
        judge.params.kpt_oks_sigmas = np.array([1.0])
        judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e10]], ["all"]
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"][..., 0, 0]
    assert precision[precision > -1].mean() == pytest.approx(right)
