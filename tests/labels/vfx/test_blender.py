"""The script for Blender, run against a stand-in for its module that keeps what it is told."""

import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.labels.made import facts, make_tracks, track_files
from tests.labels.vfx.test_nuke_tracker import VFX, needs_examples, the_truth
from tracker.files import InputError
from tracker.labels import ExportOptions, State, TrackFile, export_tracks, find_format, import_tracks
from tracker.labels.plate import Plate

Markers = dict[int, tuple[float, float, bool]]  # by frame: u, v, muted


class FakeMarkers:
    def __init__(self, frame: int) -> None:
        self.kept = {frame: SimpleNamespace(co=(0.0, 0.0), mute=False)}  # as Blender makes one at (0, 0)

    def insert_frame(self, frame: int, co: tuple[float, float]) -> None:
        self.kept[frame] = SimpleNamespace(co=co, mute=False)

    def find_frame(self, frame: int) -> Any:
        return self.kept.get(frame)


class FakeTracks:
    def __init__(self) -> None:
        self.made: dict[str, FakeMarkers] = {}

    def new(self, name: str, frame: int) -> Any:
        self.made[name] = FakeMarkers(frame)
        return SimpleNamespace(markers=self.made[name])

    def __iter__(self) -> Iterator[Any]:
        return iter(())  # only asked for what to print


class FakeClip:
    name = "plate"

    def __init__(self, frame_duration: int, size: tuple[int, int]) -> None:
        self.frame_duration, self.size = frame_duration, size
        self.frame_start, self.use_fake_user = 1, False
        self.tracking = SimpleNamespace(tracks=FakeTracks())

    @property
    def made(self) -> dict[str, FakeMarkers]:
        made: dict[str, FakeMarkers] = self.tracking.tracks.made
        return made

    def markers(self, name: str) -> Markers:
        kept = self.made[name].kept
        return {frame: (*kept[frame].co, kept[frame].mute) for frame in sorted(kept)}


@pytest.fixture
def blender(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeClip]:
    """Runs a script in a Blender with one clip, which is open in the editor or only loaded."""

    def run(
        path: Path, frames: int, size: tuple[int, int], opened: bool = True, args: tuple[str, ...] = ()
    ) -> FakeClip:
        clip = FakeClip(frames, size)

        class Clips(list[FakeClip]):
            def load(self, file: str) -> FakeClip:
                return clip

        bpy = ModuleType("bpy")
        bpy.data = SimpleNamespace(movieclips=Clips([] if args else [clip]))  # type: ignore[attr-defined]
        bpy.context = SimpleNamespace(**({"edit_movieclip": clip} if opened else {}))  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "bpy", bpy)
        monkeypatch.setattr(sys, "argv", ["blender", *(["--", *args] if args else [])])
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), {"__name__": "__main__"})
        return clip

    return run


def example_tracks() -> dict[str, dict[int, tuple[float, float]]]:
    tree = ast.parse((VFX / "examples" / "blender_import_tracks.py").read_text())
    (assigned,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "TRACKS"
    )
    return ast.literal_eval(assigned)


@needs_examples
def test_markers_are_those_of_the_example(tmp_path: Path, blender: Callable[..., FakeClip]) -> None:
    """The example was run in Blender 3.4, 4.5 and 5.0."""
    export_tracks(the_truth(), tmp_path / "t.py", "blender", ExportOptions())
    mine = blender(tmp_path / "t.py", 6, (1920, 1080))
    theirs = blender(VFX / "examples" / "blender_import_tracks.py", 6, (1920, 1080), opened=False)
    assert list(mine.made) == list(theirs.made) == list(example_tracks())
    for name, keys in example_tracks().items():
        assert mine.markers(name).keys() == theirs.markers(name).keys()
        for frame, (u, v, muted) in mine.markers(name).items():
            x, y, also_muted = theirs.markers(name)[frame]
            np.testing.assert_allclose((u, v), (x, y), atol=1e-3 / 1920)
            assert muted == also_muted
            if not muted:
                np.testing.assert_allclose((u * 1920, v * 1080), keys[frame + 1000], atol=1e-3)


def gappy() -> TrackFile:
    """Visible on 1 and 3, occluded but known on 2, unlabelled on 0 and 4."""
    tracks = make_tracks(1, 6, 0, labelled=0.0)
    tracks.state[0, 1:4] = State.VISIBLE, State.OCCLUDED, State.VISIBLE
    tracks.xy[0, 1:4] = (1, 1), (9, 5), (3, 5)
    tracks.names = ['pt "é"\n]\n\\']
    return tracks


@pytest.mark.parametrize(
    ("hidden", "on_frame_3"), [("gap", (1.5, 10.5, True)), ("flag", (9.5, 6.5, True)), ("linear", (2.5, 8.5, False))]
)
def test_hidden_frames(
    hidden: Any, on_frame_3: tuple[float, float, bool], tmp_path: Path, blender: Callable[..., FakeClip]
) -> None:
    """Clip time begins at 1; a muted marker follows the last key."""
    export_tracks(gappy(), tmp_path / "t.py", "blender", ExportOptions(hidden=hidden))
    clip = blender(tmp_path / "t.py", 6, (20, 12))
    (markers,) = (clip.markers(name) for name in clip.made)
    expected = {2: (1.5, 10.5, False), 3: on_frame_3, 4: (3.5, 6.5, False), 5: (3.5, 6.5, True)}
    assert {frame: (u * 20, v * 12, muted) for frame, (u, v, muted) in markers.items()} == {
        frame: pytest.approx(marker) for frame, marker in expected.items()
    }
    assert list(clip.made) == gappy().names


def test_nothing_lies_behind_the_clip(tmp_path: Path, blender: Callable[..., FakeClip]) -> None:
    export_tracks(gappy(), tmp_path / "t.py", "blender", ExportOptions())
    clip = blender(tmp_path / "t.py", 4, (20, 12))
    assert max(clip.markers(gappy().names[0])) == 4


def test_a_clip_that_the_script_loads(tmp_path: Path, blender: Callable[..., FakeClip]) -> None:
    """It lies at the plate's numbers in the scene; half the size gives the same markers."""
    export_tracks(gappy(), tmp_path / "t.py", "blender", ExportOptions(plate=Plate(first_frame=1001)))
    clip = blender(tmp_path / "t.py", 6, (10, 6), opened=False, args=("plate.1001.exr",))
    assert (clip.frame_start, clip.use_fake_user) == (1001, True)
    assert clip.markers(gappy().names[0])[2][:2] == pytest.approx((1.5 / 20, 10.5 / 12))
    with pytest.raises(RuntimeError, match="the clip has 12x12 pixels, the tracks are of 20x12"):
        blender(tmp_path / "t.py", 6, (12, 12))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=track_files)
def test_what_is_written_reads_back(tracks: TrackFile, tmp_path: Path) -> None:
    if not tracks.located.any():
        return
    rows = np.flatnonzero(tracks.located.any(axis=1))
    export_tracks(tracks, tmp_path / "t.py", "blender", ExportOptions(hidden="flag"))
    read = find_format("blender").read
    assert read is not None
    back = read(tmp_path / "t.py", facts(tracks))
    kept = tracks.located[rows]
    np.testing.assert_array_equal(np.isfinite(back.xy).all(axis=2), kept)
    np.testing.assert_allclose(back.xy[kept], tracks.xy[rows][kept], atol=2e-6)
    np.testing.assert_array_equal((back.state == State.VISIBLE)[kept], (tracks.state[rows] == State.VISIBLE)[kept])
    assert list(back.names) == [tracks.names[row] for row in rows.tolist()]


def test_long_names_are_cut_as_blender_would(tmp_path: Path) -> None:
    tracks = gappy()
    tracks.names = ["é" * 40]
    done = export_tracks(tracks, tmp_path / "t.py", "blender", ExportOptions())
    assert done.written.names == {"é" * 40: "é" * 31}


def test_what_cannot_be_read_or_written(tmp_path: Path) -> None:
    read = find_format("blender").read
    assert read is not None
    export_tracks(gappy(), tmp_path / "t.py", "blender", ExportOptions())
    whole = (tmp_path / "t.py").read_text(encoding="utf-8")
    for content, reason in (
        (whole[: whole.index("3.500000")], "no script with tracks, or it is cut off"),
        (whole.replace("3.500000", "print(1)"), "cannot be read: could not convert"),
        (whole.replace('"""2 ', '"""2.5 '), "cannot be read: invalid literal"),
    ):
        (tmp_path / "bad.py").write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match=rf"bad\.py: .*{reason}"):
            read(tmp_path / "bad.py", facts(gappy()))
    with pytest.raises(InputError, match="can only be exported"):
        import_tracks(tmp_path / "t.py", "blender", facts(gappy()))
    empty = make_tracks(1, 3, 0, labelled=0.0)
    with pytest.raises(InputError, match="no track has a position"):
        export_tracks(empty, tmp_path / "t.py", "blender", ExportOptions())
