"""The npz of TAPVid-3D with positions in 2D."""

import os
import zipfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.labels.made import HEIGHT, WIDTH, Pictures, facts, make_tracks, track_files
from tracker.files import InputError
from tracker.labels import ExportOptions, State, TrackFile, VideoFacts, export_tracks, import_tracks
from tracker.labels.tapvid3d import read_tapvid3d

REFERENCE = Path(os.environ.get("TRACKWRIGHT_REFERENCE", "../shared/reference")) / "tapvid" / "samples"
needs_reference = pytest.mark.skipif(not REFERENCE.is_dir(), reason=f"no reference samples at {REFERENCE}")


def export(tracks: TrackFile, path: Path) -> dict[str, Any]:
    """Exports, and reads as any program would, without pickles."""
    export_tracks(tracks, path, "tapvid3d", ExportOptions(frames=Pictures(tracks.n_frames)))
    with np.load(path, allow_pickle=False) as content:
        return dict(content)


def test_the_arrays_are_as_published_but_flat(tmp_path: Path) -> None:
    tracks = make_tracks(2, 3, 1, labelled=1.0)
    tracks.state[0] = State.VISIBLE, State.OCCLUDED, State.UNLABELLED
    tracks.xy[0] = (0, 0), (3, 4), (np.nan, np.nan)
    tracks.confidence[:] = 1
    tracks.query_from_first_visible()
    content = export(tracks, tmp_path / "t.npz")
    assert content["tracks_xy"].shape == (3, 2, 2)
    assert content["tracks_xy"][:2, 0].tolist() == [[0.5, 0.5], [3.5, 4.5]]
    assert np.isnan(content["tracks_xy"][2, 0]).all()
    assert content["visibility"][:, 0].tolist() == [True, False, False]
    assert content["valid"][:, 0].tolist() == [True, True, False]
    assert content["queries_xyt"][0].tolist() == [0.5, 0.5, 0]
    pictures = [cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) for data in content["images_jpeg_bytes"]]
    assert [None if picture is None else picture.shape for picture in pictures] == [(HEIGHT, WIDTH, 3)] * 3
    assert content["size_wh"].tolist() == [WIDTH, HEIGHT]
    assert content["pts"].tolist() == tracks.pts.tolist()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=track_files)
def test_there_and_back(tracks: TrackFile, tmp_path: Path) -> None:
    kept = np.asarray(tracks.located.any(axis=1))
    if not kept.any():
        with pytest.raises(InputError, match="no track has a position anywhere"):
            export(tracks, tmp_path / "t.npz")
        return
    export(tracks, tmp_path / "t.npz")
    back = read_tapvid3d(tmp_path / "t.npz", facts(tracks))
    known, seen = tracks.located[kept], (tracks.state == State.VISIBLE)[kept]
    np.testing.assert_array_equal(back.state > 0, known)
    np.testing.assert_array_equal((back.state == State.VISIBLE)[known], seen[known])
    np.testing.assert_allclose(back.xy[known], tracks.xy[kept][known], atol=1e-5)
    assert list(back.names) == [name for name, one in zip(tracks.names, kept, strict=True) if one]


@needs_reference
def test_a_published_file_is_projected() -> None:
    path = REFERENCE / "tapvid3d_sample.npz"
    with np.load(path, allow_pickle=True) as content:
        truth = dict(content)
    video = VideoFacts(np.arange(6), Fraction(1, 10), (64, 48))
    back = import_tracks(path, "tapvid3d", video)
    np.testing.assert_array_equal(back.state == State.VISIBLE, truth["visibility"].T)
    for row, (x, y, frame) in enumerate(truth["queries_xyt"]):
        np.testing.assert_allclose(back.xy[row, int(frame)] + 0.5, (x, y), atol=1e-3)
    with pytest.raises(InputError, match="the pictures are 64x48, the video is 48x64"):
        import_tracks(path, "tapvid3d", replace(video, size_wh=(48, 64)))
    with pytest.raises(InputError, match="the labels are of 6 frames, the video has 7"):
        import_tracks(path, "tapvid3d", replace(video, pts=np.arange(7)))


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch pwned",)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"visibility": None}, "no TAPVid-3D file, it has no visibility"),
        ({"visibility": np.ones((6, 2))}, r"visibility is float64 \(6, 2\)"),
        ({"tracks_xy": None}, "it has no tracks_XYZ"),
        ({"tracks_xy": np.zeros((6, 3, 2), np.float32)}, "do not fit the 2 tracks of 6 frames"),
        ({"tracks_xy": np.full((6, 2, 2), 1e9, np.float32)}, "too far from the picture"),
        ({"tracks_xy": np.array([_Evil()], object)}, "tracks_xy is damaged or no plain array"),
        ({"images_jpeg_bytes": np.array([_Evil()] * 6, object)}, "only plain arrays are read"),
        ({"images_jpeg_bytes": np.array([b"x"] * 6)}, "the first picture is no JPEG"),
        ({"images_jpeg_bytes": np.array([b"x"] * 5)}, "has 5 pictures, the video has 6"),
    ],
)
def test_reading_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], reason: str) -> None:
    monkeypatch.chdir(tmp_path)
    tracks = make_tracks(2, 6, 1, labelled=1.0)
    tracks.xy[:], tracks.state[:] = 3, State.VISIBLE
    content = export(tracks, tmp_path / "t.npz") | changes
    np.savez(tmp_path / "bad.npz", **{name: array for name, array in content.items() if array is not None})
    with pytest.raises(InputError, match=rf"bad\.npz: .*{reason}"):
        import_tracks(tmp_path / "bad.npz", "tapvid3d", facts(tracks))
    assert not (tmp_path / "pwned").exists()


def test_a_file_cut_off(tmp_path: Path) -> None:
    tracks = make_tracks(2, 6, 1, labelled=1.0)
    export(tracks, tmp_path / "t.npz")
    whole = (tmp_path / "t.npz").read_bytes()
    (tmp_path / "bad.npz").write_bytes(whole[:-40])
    with pytest.raises(InputError, match=r"bad\.npz: this is no whole \.npz"):
        import_tracks(tmp_path / "bad.npz", "tapvid3d", facts(tracks))
    with zipfile.ZipFile(tmp_path / "bad.npz", "w") as archive:
        archive.writestr("visibility.npy", b"\x93NUMPY")
    with pytest.raises(InputError, match="visibility is damaged"):
        import_tracks(tmp_path / "bad.npz", "tapvid3d", facts(tracks))
    with pytest.raises(InputError, match="this is a folder"):
        import_tracks(tmp_path, "tapvid3d", facts(tracks))
