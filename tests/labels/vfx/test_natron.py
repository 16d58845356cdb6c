"""The script for Natron, run against a stand-in for the program that keeps what it is told."""

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.labels.made import facts, make_tracks, track_files
from tests.labels.vfx.test_blender import gappy
from tests.labels.vfx.test_nuke_tracker import needs_examples, the_truth
from tracker.files import InputError
from tracker.labels import ExportOptions, State, TrackFile, export_tracks, find_format, import_tracks
from tracker.labels.plate import Plate


class FakeParam:
    """Values by frame and dimension."""

    def __init__(self) -> None:
        self.kept: dict[tuple[float, int], float] = {}

    def setValueAtTime(self, value: float, frame: float, dimension: int = 0) -> None:
        self.kept[frame, dimension] = value


class FakeTrack:
    def __init__(self) -> None:
        self.name = ""
        self.params = {"centerPoint": FakeParam(), "enabled": FakeParam()}

    def setScriptName(self, name: str) -> None:
        self.name = name

    def getParam(self, name: str) -> FakeParam:
        return self.params[name]

    def enabled(self, frame: int) -> float:
        """What a switch shows that holds from key to key."""
        keys = sorted((at, value) for (at, _), value in self.params["enabled"].kept.items() if at <= frame)
        return keys[-1][1]


def run(path: Path, attribute: bool = True) -> list[FakeTrack]:
    made: list[FakeTrack] = []

    def create_track() -> FakeTrack:
        made.append(FakeTrack())
        return made[-1]

    tracker = SimpleNamespace(createTrack=create_track)
    node = SimpleNamespace(tracker=tracker) if attribute else SimpleNamespace(getTrackerContext=lambda: tracker)
    asked: list[str] = []

    def create_node(kind: str) -> SimpleNamespace:
        asked.append(kind)
        return node

    project = SimpleNamespace(createNode=create_node)
    code = compile(path.read_text(encoding="utf-8"), str(path), "exec")
    exec(code, {"app" if attribute else "app1": project})
    assert asked == ["fr.inria.built-in.Tracker"]
    return made


@needs_examples
def test_keys_hold_the_truth(tmp_path: Path) -> None:
    truth = the_truth()
    export_tracks(truth, tmp_path / "t.py", "natron", ExportOptions())
    made = run(tmp_path / "t.py")
    assert [track.name for track in made] == ["pt_A", "pt_B"]
    for row, track in enumerate(made):
        frames = np.flatnonzero(truth.state[row])
        kept = track.params["centerPoint"].kept
        assert sorted({frame for frame, _ in kept}) == (frames + 1001).tolist()
        x = [kept[frame + 1001, 0] for frame in frames.tolist()]
        y = [kept[frame + 1001, 1] for frame in frames.tolist()]
        np.testing.assert_allclose(np.stack([x, y], 1), truth.xy[row, frames] * (1, -1) + (0.5, 1079.5), atol=1e-3)
        assert [track.enabled(frame + 1001) for frame in range(6)] == (truth.state[row] == State.VISIBLE).tolist()


@pytest.mark.parametrize(("hidden", "frames"), [("gap", [2, 4]), ("flag", [2, 3, 4]), ("linear", [2, 3, 4])])
def test_hidden_frames_are_switched_off(hidden: Any, frames: list[int], tmp_path: Path) -> None:
    options = ExportOptions(hidden=hidden, start_frame=1, plate=Plate(pixel_aspect=Fraction(2)))
    export_tracks(gappy(), tmp_path / "t.py", "natron", options)
    (track,) = run(tmp_path / "t.py", attribute=False)
    kept = track.params["centerPoint"].kept
    assert sorted({frame for frame, _ in kept}) == frames
    assert (kept[2, 0], kept[2, 1]) == (3, 10.5)  # a pixel is twice as wide as high
    assert [bool(track.enabled(frame)) for frame in range(1, 7)] == [
        False,
        True,
        hidden == "linear",
        True,
        False,
        False,
    ]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=track_files)
def test_what_is_written_reads_back(tracks: TrackFile, tmp_path: Path) -> None:
    if not tracks.located.any():
        return
    rows = np.flatnonzero(tracks.located.any(axis=1))
    export_tracks(tracks, tmp_path / "t.py", "natron", ExportOptions(hidden="flag"))
    read = find_format("natron").read
    assert read is not None
    back = read(tmp_path / "t.py", facts(tracks))
    kept = tracks.located[rows]
    np.testing.assert_array_equal(np.isfinite(back.xy).all(axis=2), kept)
    np.testing.assert_allclose(back.xy[kept], tracks.xy[rows][kept], atol=2e-6)


def test_names_are_plain(tmp_path: Path) -> None:
    done = export_tracks(gappy(), tmp_path / "t.py", "natron", ExportOptions())
    assert done.written.names == {gappy().names[0]: "pt_e"}
    assert run(tmp_path / "t.py")[0].name == "pt_e"


def test_what_cannot_be_read_or_written(tmp_path: Path) -> None:
    export_tracks(gappy(), tmp_path / "t.py", "natron", ExportOptions())
    with pytest.raises(InputError, match="can only be exported"):
        import_tracks(tmp_path / "t.py", "natron", facts(gappy()))
    with pytest.raises(InputError, match="no track has a position"):
        export_tracks(make_tracks(1, 3, 0, labelled=0.0), tmp_path / "t.py", "natron", ExportOptions())
