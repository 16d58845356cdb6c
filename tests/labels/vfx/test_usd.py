"""USD points, read by usd-core too."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.labels.made import facts, make_tracks, track_files
from tests.labels.vfx.test_nuke_tracker import VFX, assert_true, needs_examples, the_truth, video
from tracker.files import InputError
from tracker.labels import ExportOptions, State, TrackFile, export_tracks, import_tracks
from tracker.labels.plate import Plate

Usd = pytest.importorskip("pxr.Usd", reason="usd-core is not installed: pip install 'trackwright[usd]'")
UsdGeom = pytest.importorskip("pxr.UsdGeom")
Sdf = pytest.importorskip("pxr.Sdf")


def points(stage: Any) -> Any:
    return UsdGeom.Points(stage.GetPrimAtPath("/tracks2d/points"))


def values(stage: Any, name: str, times: range) -> np.ndarray:
    """A primvar, or with name "" the points, on all of these times."""
    of = points(stage)
    said = UsdGeom.PrimvarsAPI(of).GetPrimvar(name) if name else of.GetPointsAttr()
    return np.array([said.Get(time) for time in times])


@needs_examples
def test_the_example_holds_the_truth(tmp_path: Path) -> None:
    example = VFX / "examples" / "usd_points.usda"
    assert_true(import_tracks(example, "usd-points", video(6)))
    export_tracks(the_truth(), tmp_path / "t.usda", "usd-points", ExportOptions())
    mine, theirs = (Usd.Stage.Open(str(path)) for path in (tmp_path / "t.usda", example))
    frames = range(1001, 1007)
    for name in ("", "confidence", "visible", "name"):
        one, other = values(mine, name, frames), values(theirs, name, frames)
        if name == "name":
            np.testing.assert_array_equal(one, other)
        else:
            np.testing.assert_allclose(one, other, atol=1e-4)
    assert points(mine).GetPointsAttr().GetTimeSamples() == list(map(float, frames))
    assert list(points(mine).GetIdsAttr().Get()) == [0, 1]


def test_the_stage_says_what_its_numbers_mean(tmp_path: Path) -> None:
    options = ExportOptions(plate=Plate(1001, Fraction(24000, 1001), Fraction(2)))
    export_tracks(gappy(), tmp_path / "t.usda", "usd-points", options)
    stage = Usd.Stage.Open(str(tmp_path / "t.usda"))
    assert (stage.GetStartTimeCode(), stage.GetEndTimeCode()) == (1001, 1004)
    assert stage.GetTimeCodesPerSecond() == stage.GetFramesPerSecond() == 24000 / 1001
    said = stage.GetDefaultPrim().GetCustomData()
    assert (said["imageWidth"], said["imageHeight"], said["frameRate"]) == (20, 12, "24000/1001")
    assert (said["pixelAspectRatio"], said["units"].split(",")[0]) == (2, "pixels from the bottom-left corner")
    visible = UsdGeom.PrimvarsAPI(points(stage)).GetPrimvar("visible")
    assert (visible.GetTypeName(), visible.GetInterpolation()) == ("float[]", "vertex")
    order = [str(primvar.GetBaseName()) for primvar in UsdGeom.PrimvarsAPI(points(stage)).GetAuthoredPrimvars()]
    assert order == ["confidence", "visible", "group", "name"]


@pytest.mark.parametrize("suffix", [".usd", ".usdc"])
def test_other_kinds_of_file(suffix: str, tmp_path: Path) -> None:
    """Blender writes these."""
    export_tracks(gappy(), tmp_path / "t.usda", "usd-points", ExportOptions())
    stage = Usd.Stage.Open(str(tmp_path / "t.usda"))
    stage.GetRootLayer().Export(str(tmp_path / f"t{suffix}"))
    back = import_tracks(tmp_path / f"t{suffix}", "usd-points", facts(gappy()))
    np.testing.assert_array_equal(back.xy[0, 1], (1, 1))


def gappy() -> TrackFile:
    """Visible on 1, occluded but known on 2, unlabelled on 0 and 3."""
    tracks = make_tracks(1, 4, 0, labelled=0.0)
    tracks.state[0, 1:3] = State.VISIBLE, State.OCCLUDED
    tracks.xy[0, 1:3], tracks.confidence[0, 1:3] = ((1, 1), (9, 5)), (0.75, 0.25)
    tracks.names, tracks.groups = ['pt "é"\n\\'], ["left arm"]
    return tracks


@pytest.mark.parametrize(
    ("hidden", "x", "trust"),
    [("gap", [1.5, 1.5, 1.5, 1.5], [0, 0.75, 0, 0]), ("flag", [1.5, 1.5, 9.5, 9.5], [0, 0.75, 0.25, 0])],
)
def test_hidden_points_hold_or_stay(hidden: Any, x: list[float], trust: list[float], tmp_path: Path) -> None:
    export_tracks(gappy(), tmp_path / "t.usda", "usd-points", ExportOptions(hidden=hidden))
    made, frames = Usd.Stage.Open(str(tmp_path / "t.usda")), range(1001, 1005)
    np.testing.assert_array_equal(values(made, "", frames)[:, 0, 0], x)
    np.testing.assert_array_equal(values(made, "visible", frames)[:, 0], [0, 1, 0, 0])
    np.testing.assert_array_equal(values(made, "confidence", frames)[:, 0], trust)
    back = import_tracks(tmp_path / "t.usda", "usd-points", facts(gappy()))
    assert (back.names, back.groups) == (gappy().names, gappy().groups)
    assert back.state[0].tolist() == [0, 1, 2 if hidden == "flag" else 0, 0]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=track_files)
def test_there_and_back(tracks: TrackFile, tmp_path: Path) -> None:
    """Everything but what a person's word is worth, which becomes 1."""
    kept = tracks.located
    if not kept.any():
        return
    rows = np.flatnonzero(kept.any(axis=1))
    export_tracks(tracks, tmp_path / "t.usda", "usd-points", ExportOptions(hidden="flag"))
    back = import_tracks(tmp_path / "t.usda", "usd-points", facts(tracks))
    kept = kept[rows]
    np.testing.assert_array_equal(np.isfinite(back.xy).all(axis=2), kept)
    np.testing.assert_allclose(back.xy[kept], tracks.xy[rows][kept], atol=2e-6)
    np.testing.assert_array_equal(back.confidence[kept], np.nan_to_num(tracks.confidence[rows][kept], nan=1))
    np.testing.assert_array_equal((back.state == State.VISIBLE)[kept], (tracks.state[rows] == State.VISIBLE)[kept])
    assert list(back.names) == [tracks.names[row] for row in rows.tolist()]


def changed(folder: Path, *pairs: tuple[str, str]) -> Path:
    """A file of one track whose text was changed."""
    export_tracks(gappy(), folder / "t.usda", "usd-points", ExportOptions())
    content = (folder / "t.usda").read_text(encoding="utf-8")
    for old, new in pairs:
        assert old in content
        content = content.replace(old, new)
    (folder / "bad.usda").write_text(content, encoding="utf-8")
    return folder / "bad.usda"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("imageWidth = 20", "imageWidth = 1920", "the points are of a picture of 1920x12, the video has 20x12"),
        ("1002: ", "1005: ", "frame 1005 is outside the video's 1001 to 1004"),
        ("1004: ", "1003.5: ", "time samples between two frames"),
        (
            "1002: [(1.5, 10.5, 0)]",
            "1002: [(1.5, 10.5, 0), (1, 1, 0)]",
            "points on frame 1002 is not one value for each of 1 points",
        ),
        ("1002: [0.75]", "1002: [0.75, 1]", "primvars:confidence on frame 1002 is not one value for each of 1"),
        ("def Points", "def Mesh", "no points with time samples"),
        ("#usda 1.0", "#usda 9.0", "no USD file, or it is damaged"),
        ("timeSamples = {", "timeSamples = (", "no USD file, or it is damaged"),
    ],
)
def test_what_cannot_be_read(
    old: str, new: str, reason: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    everywhere = changed(tmp_path, (old, new))
    with pytest.raises(InputError, match=rf"bad\.usda: .*{reason}"):
        import_tracks(everywhere, "usd-points", video(4, 1001, (20, 12)))


def test_values_of_other_types(tmp_path: Path) -> None:
    stage = Usd.Stage.CreateNew(str(tmp_path / "t.usda"))
    made = UsdGeom.Points.Define(stage, "/p")
    made.GetPointsAttr().Set([(1, 2, 0)], 1001)
    primvars = UsdGeom.PrimvarsAPI(made)
    primvars.CreatePrimvar("name", Sdf.ValueTypeNames.IntArray).Set([7])
    stage.Save()
    back = import_tracks(tmp_path / "t.usda", "usd-points", facts(gappy()))
    assert (list(back.names), back.state[0].tolist()) == (["1"], [1, 0, 0, 0])
    primvars.CreatePrimvar("visible", Sdf.ValueTypeNames.StringArray).Set(["yes"], 1001)
    stage.Save()
    with pytest.raises(InputError, match="primvars:visible holds something else than numbers"):
        import_tracks(tmp_path / "t.usda", "usd-points", facts(gappy()))


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        import_tracks(tmp_path / "no.usda", "usd-points", facts(gappy()))
    with pytest.raises(InputError, match="this is a folder"):
        import_tracks(tmp_path, "usd-points", facts(gappy()))
    empty = make_tracks(1, 3, 0, labelled=0.0)
    with pytest.raises(InputError, match="no track has a position"):
        export_tracks(empty, tmp_path / "t.usda", "usd-points", ExportOptions())


def test_other_layers_are_not_opened(tmp_path: Path) -> None:
    path = changed(tmp_path, ("#usda 1.0\n(", "#usda 1.0\n(\n    subLayers = [@/nowhere/secret.usda@]"))
    assert import_tracks(path, "usd-points", facts(gappy())).n_tracks == 1
