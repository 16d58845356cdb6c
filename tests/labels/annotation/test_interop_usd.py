"""USD points as the USD library opens them."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.labels.annotation.pose_made import two_flies
from tracker.labels import ExportOptions, Plate, State, export_tracks


def test_a_stage_says_where_the_points_are(tmp_path: Path) -> None:
    usd = pytest.importorskip("pxr.Usd", reason="usd-core is not installed")
    from pxr import UsdGeom

    tracks = two_flies()
    tracks.state[2, 3] = State.UNLABELLED
    plate = Plate(first_frame=1001, fps=Fraction(24000, 1001))
    export_tracks(tracks, tmp_path / "t.usda", "usd-points", ExportOptions(plate=plate))
    stage = usd.Stage.Open(str(tmp_path / "t.usda"))
    assert (stage.GetStartTimeCode(), stage.GetEndTimeCode()) == (1001, 1005)
    assert stage.GetTimeCodesPerSecond() == pytest.approx(24000 / 1001)
    assert UsdGeom.GetStageUpAxis(stage) == "Y"
    (prim,) = [prim for prim in stage.Traverse() if prim.IsA(UsdGeom.Points)]
    points = UsdGeom.Points(prim).GetPointsAttr()
    assert points.GetTimeSamples() == [1001, 1002, 1003, 1004, 1005]
    visible = UsdGeom.PrimvarsAPI(prim).GetPrimvar("visible")
    shown = np.array([np.array(visible.Get(time)) > 0 for time in points.GetTimeSamples()])
    np.testing.assert_array_equal(shown, (tracks.state == State.VISIBLE).T)
    places = np.array([np.array(points.Get(time)) for time in points.GetTimeSamples()])
    height = tracks.size_wh[1]
    wanted = np.stack([tracks.xy[..., 0] + 0.5, height - 0.5 - tracks.xy[..., 1]], axis=-1).transpose(1, 0, 2)
    np.testing.assert_allclose(places[shown, :2], wanted[shown], atol=1e-4)
    assert list(UsdGeom.PrimvarsAPI(prim).GetPrimvar("name").Get()) == list(tracks.names)
