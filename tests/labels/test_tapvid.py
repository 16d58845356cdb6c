"""TAP-Vid pickles, also against the published layouts where the reference samples are at hand."""

import os
import pickle
import pickletools
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.labels.made import HEIGHT, WIDTH, Pictures, facts, make_tracks, track_files
from tracker.files import InputError
from tracker.labels import ExportOptions, State, TrackFile, VideoFacts, export_tracks, tapvid
from tracker.labels.formats import Normalisation

REFERENCE = Path(os.environ.get("TRACKWRIGHT_REFERENCE", "../shared/reference")) / "tapvid" / "samples"
needs_reference = pytest.mark.skipif(not REFERENCE.is_dir(), reason=f"no reference samples at {REFERENCE}")


def tracks_with_a_gap() -> TrackFile:
    """Track 0 is whole, 1 is unlabelled on frame 2, 2 is never visible, 3 starts on frame 3."""
    tracks = make_tracks(4, 6, 5, labelled=1.0)
    tracks.state[:] = State.VISIBLE
    tracks.xy[:] = np.arange(48, dtype=np.float32).reshape(4, 6, 2) / 4
    tracks.state[0, 4:] = State.OCCLUDED, State.OUT_OF_VIEW
    tracks.xy[0, 5] = np.nan
    tracks.state[2] = State.OCCLUDED
    for n, t in ((1, slice(2, 3)), (3, slice(0, 3))):
        tracks.state[n, t], tracks.xy[n, t] = State.UNLABELLED, np.nan
    return tracks


def export(tracks: TrackFile, path: Path, **options: object) -> dict[str, dict[str, np.ndarray]]:
    """Exports, and reads with the standard library as any other program would."""
    frames = Pictures(tracks.n_frames)
    export_tracks(tracks, path, "tapvid", ExportOptions(name="clip", frames=frames, **options))  # type: ignore[arg-type]
    content = pickle.loads(path.read_bytes())
    assert isinstance(content, dict)
    return content


def test_the_record_is_as_published(tmp_path: Path) -> None:
    tracks = tracks_with_a_gap()
    content = export(tracks, tmp_path / "t.pkl")
    assert list(content) == ["clip"]
    record = content["clip"]
    assert set(record) == {"video", "points", "occluded"}
    assert (record["video"].dtype.name, record["video"].shape) == ("uint8", (6, HEIGHT, WIDTH, 3))
    assert record["video"][:, 0, 0, 0].tolist() == [0, 7, 14, 21, 28, 35]
    assert (record["points"].dtype.name, record["points"].shape) == ("float32", (1, 6, 2))
    assert record["occluded"].tolist() == [[False, False, False, False, True, True]]
    np.testing.assert_allclose(record["points"][0, :5] * (WIDTH, HEIGHT), tracks.xy[0, :5], atol=1e-5)
    assert np.isfinite(record["points"]).all()
    record["points"][0, 0] = 1  # an ordinary array that its reader may write to


def test_split_writes_one_record_per_labelled_stretch(tmp_path: Path) -> None:
    content = export(tracks_with_a_gap(), tmp_path / "t.pkl", gaps="split")
    assert {name: record["points"].shape[:2] for name, record in content.items()} == {
        "clip_000000_000002": (1, 2),
        "clip": (1, 6),
        "clip_000003_000006": (2, 3),
    }
    assert content["clip_000003_000006"]["video"][:, 0, 0, 0].tolist() == [21, 28, 35]


@pytest.mark.parametrize(("how", "right"), [("W", 19 / 20), ("W-1", 1.0), ("raster", 19.5 / 20)])
def test_the_last_pixel_in_each_normalisation(how: Normalisation, right: float) -> None:
    last = np.array([[WIDTH - 1, HEIGHT - 1]], np.float32)
    stored = tapvid.normalise(last, (WIDTH, HEIGHT), how)
    assert stored[0, 0] == pytest.approx(right)
    np.testing.assert_allclose(tapvid.denormalise(stored, (WIDTH, HEIGHT), how), last, atol=1e-5)


def test_cotrackers_reader_gets_our_pixels_from_w_minus_1(tmp_path: Path) -> None:
    tracks = tracks_with_a_gap()
    points = export(tracks, tmp_path / "t.pkl", normalisation="W-1")["clip"]["points"]
    np.testing.assert_allclose(points[0, :5] * (WIDTH - 1, HEIGHT - 1), tracks.xy[0, :5], atol=1e-5)


def test_jpeg_pictures_are_bytes_as_kinetics_has_them(tmp_path: Path) -> None:
    video = export(tracks_with_a_gap(), tmp_path / "t.pkl", jpeg=True)["clip"]["video"]
    assert isinstance(video[0], bytes)
    picture = cv2.imdecode(np.frombuffer(video[3], np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert abs(int(picture[5, 5, 0]) - 21) <= 1
    back = tapvid.read_tapvid(tmp_path / "t.pkl", facts(tracks_with_a_gap()))
    assert back.n_tracks == 1


@pytest.mark.parametrize(
    ("name", "kind", "jpeg"),
    [("0003_of_0010.pkl", list, True), ("tapvid_rgb_stacking.pkl", list, False), ("tapvid_davis.pkl", dict, False)],
)
def test_the_data_sets_are_told_by_their_files_names(tmp_path: Path, name: str, kind: type, jpeg: bool) -> None:
    tracks = tracks_with_a_gap()
    options = ExportOptions(name="clip", frames=Pictures(tracks.n_frames))
    assert export_tracks(tracks, tmp_path / name, "tapvid", options).checked
    content = pickle.loads((tmp_path / name).read_bytes())
    assert isinstance(content, kind)
    record = tapvid.read_records(tmp_path / name)["clip" if isinstance(content, dict) else "0"]
    assert isinstance(record["video"][0], bytes) == jpeg
    back = tapvid.read_tapvid(tmp_path / name, facts(tracks))
    np.testing.assert_allclose(back.xy[0, :4], tracks.xy[0, :4], atol=1e-5)


def test_the_pickle_names_nothing_that_numpy_1_lacks(tmp_path: Path) -> None:
    export(tracks_with_a_gap(), tmp_path / "t.pkl")
    ops = list(pickletools.genops((tmp_path / "t.pkl").read_bytes()))
    texts = [argument for _, argument, _ in ops if isinstance(argument, str)]
    assert not [text for text in texts if "core" in text]
    assert ops[0][1] == 4  # protocol


def test_nothing_to_write(tmp_path: Path) -> None:
    tracks = tracks_with_a_gap()
    tracks.state[0, 0] = State.UNLABELLED
    with pytest.raises(InputError, match="no track is labelled on every frame"):
        export(tracks, tmp_path / "t.pkl")


def test_raw_frames_beyond_the_limit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tapvid, "RAW_LIMIT", 6 * HEIGHT * WIDTH * 3 - 1)
    with pytest.raises(InputError, match="store JPEG"):
        export(tracks_with_a_gap(), tmp_path / "t.pkl")
    assert not (tmp_path / "t.pkl").exists()


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch pwned",)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (pickle.dumps(_Evil()), "only plain arrays"),
        (pickle.dumps({"clip": {"video": _Evil()}}), "only plain arrays"),
        (pickle.dumps({"clip": 5}), "lacks video"),
        (pickle.dumps({}), "no TAP-Vid records"),
        (pickle.dumps(np.zeros(3)), "no TAP-Vid records"),
        (b"garbage", "not a whole pickle"),
        (b"", "not a whole pickle"),
        (pickle.dumps({"c": {"video": np.zeros(3), "points": np.zeros((1, 3, 2)), "occluded": np.zeros((1, 3), bool)}}),
         "neither frames nor JPEG"),
        (pickle.dumps({"c": {"video": np.zeros((6, 2, 2, 3), np.uint8), "points": np.zeros((1, 5, 2)),
                             "occluded": np.zeros((1, 6), bool)}}), "do not fit"),
        (pickle.dumps({"c": {"video": np.zeros((6, 2, 2, 3), np.uint8), "points": np.zeros((1, 6, 2)),
                             "occluded": np.zeros((1, 6), bool)}}), "has 6 frames of 2x2"),
        (pickle.dumps([{}, {}]), "which record is meant: 0, 1"),
        (pickle.dumps({"c": {"video": np.zeros((6, 12, 20, 3), np.uint8), "points": np.full((1, 6, 2), 1e300),
                             "occluded": np.zeros((1, 6), bool)}}), "cannot be a position in this picture"),
        (pickle.dumps({"c": {"video": 5, "points": np.zeros((1, 6, 2)), "occluded": np.zeros((1, 6), bool)}}),
         "no array of pictures"),
        (pickle.dumps({"c": {"video": [b""] * 6, "points": np.zeros((1, 6, 2)), "occluded": np.zeros((1, 6), bool)}}),
         "neither frames nor JPEG"),
        (pickle.dumps({"c": {"video": [b"x"] * 6, "points": [[[1.0, 2.0]], [[1.0]]], "occluded": [[0] * 6]}}),
         "lacks video"),
        (pickle.dumps({"c": {"video": [b"x"] * 6, "points": np.zeros((1, 6, 2)), "occluded": "yes"}}),
         "no array of pictures or of occluded"),
    ],
)  # fmt: skip
def test_reading_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, reason: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.pkl").write_bytes(content)
    with pytest.raises(InputError, match=reason):
        tapvid.read_tapvid(tmp_path / "t.pkl", facts(make_tracks(1, 6, 1)))
    assert not (tmp_path / "pwned").exists()


def every_record() -> list[tuple[str, str]]:
    if not REFERENCE.is_dir():
        return [("tapvid_davis.pkl", "")]
    files = [*sorted(REFERENCE.glob("*.pkl")), *sorted(REFERENCE.glob("tapvid_kinetics/*.pkl"))]
    return [(str(path.relative_to(REFERENCE)), name) for path in files for name in tapvid.read_records(path)]


@needs_reference
@pytest.mark.parametrize(("file", "record"), every_record())
def test_published_layouts_are_read(file: str, record: str) -> None:
    content = pickle.loads((REFERENCE / file).read_bytes())
    truth = content[record] if isinstance(content, dict) else content[int(record)]
    video = truth["video"]
    if video.ndim == 1:
        picture = cv2.imdecode(np.frombuffer(video[0], np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        height, width = picture.shape[:2]
    else:
        height, width = video.shape[1:3]
    facts_ = VideoFacts(np.arange(len(video)), Fraction(1, 25), (width, height))
    tracks = tapvid.read_tapvid(REFERENCE / file, replace(facts_, record=record, normalisation="raster"))
    np.testing.assert_array_equal(tracks.state == State.VISIBLE, ~truth["occluded"])
    visible = ~truth["occluded"]
    raster = truth["points"][visible] * (width, height)
    np.testing.assert_allclose(tracks.xy[visible] + 0.5, raster, atol=1e-4)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=track_files, how=st.sampled_from(["W", "W-1", "raster"]))
def test_whole_tracks_come_back(tracks: TrackFile, how: Normalisation, tmp_path: Path) -> None:
    whole = (tracks.state != State.UNLABELLED).all(axis=1) & (tracks.state == State.VISIBLE).any(axis=1)
    if not whole.any():
        with pytest.raises(InputError):
            export(tracks, tmp_path / "t.pkl", normalisation=how)
        return
    export(tracks, tmp_path / "t.pkl", normalisation=how)
    back = tapvid.read_tapvid(tmp_path / "t.pkl", replace(facts(tracks), normalisation=how))
    seen = tracks.state[whole] == State.VISIBLE
    np.testing.assert_array_equal(back.state == State.VISIBLE, seen)
    np.testing.assert_array_equal(back.state == State.OCCLUDED, ~seen)
    np.testing.assert_allclose(back.xy[seen], tracks.xy[whole][seen], atol=1e-5)
    assert np.isnan(back.xy[~seen]).all()
