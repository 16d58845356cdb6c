"""datumaro reads our CVAT files."""

import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tracker.labels import ExportOptions, State, TrackFile, export_tracks

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    datumaro = pytest.importorskip("datumaro", reason="datumaro is not installed (extra interop)")


def test_points_are_where_they_were(tmp_path: Path) -> None:
    tracks = TrackFile.empty(3, np.arange(5), Fraction(1, 25), (640, 480))
    tracks.names, tracks.groups = ["<a>", "b", "c"], ["", "hand", "hand"]
    tracks.state[:] = State.VISIBLE
    tracks.xy[:] = np.random.default_rng(2).random((3, 5, 2)).astype(np.float32) * (640, 480)
    tracks.state[1, 1], tracks.state[2, 2:4], tracks.state[0, 4] = State.OCCLUDED, State.UNLABELLED, State.UNLABELLED
    export_tracks(tracks, tmp_path / "annotations.xml", "cvat", ExportOptions())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read = datumaro.Dataset.import_from(str(tmp_path), "cvat")
        items = {item.attributes["frame"]: item for item in read}
    labels = read.categories()[datumaro.AnnotationType.label]
    found = {}
    closed = []
    for frame, item in items.items():
        for shape in item.annotations:
            row = shape.attributes["track_id"]
            assert shape.attributes["keyframe"] is True
            assert labels[shape.label].name == (tracks.groups[row] or "point")
            if shape.attributes["outside"]:
                closed.append((row, frame))
            else:
                found[row, frame] = (shape.points, shape.attributes["occluded"])
    assert closed == [(2, 2), (0, 4)]
    assert set(found) == set(zip(*map(np.ndarray.tolist, np.nonzero(tracks.state)), strict=True))
    for (row, frame), (points, occluded) in found.items():
        # datumaro keeps two decimals; its raster begins at the corner.
        np.testing.assert_allclose(points, tracks.xy[row, frame] + 0.5, atol=0.0051)
        assert occluded == (tracks.state[row, frame] == State.OCCLUDED)
