"""TAP-Vid's CSV: Kinetics and one's own videos."""

import csv
import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.labels.made import facts, track_files
from tracker.files import InputError
from tracker.labels import ExportOptions, State, TrackFile, VideoFacts, export_tracks, import_tracks
from tracker.labels.tapvid_csv import read_tapvid_csv

REFERENCE = Path(os.environ.get("TRACKWRIGHT_REFERENCE", "../shared/reference")) / "tapvid" / "samples"
needs_reference = pytest.mark.skipif(not REFERENCE.is_dir(), reason=f"no reference samples at {REFERENCE}")
CLIP = "dQw4w9WgXcQ_000010_000020"


def whole_tracks(n_frames: int = 5, rate: int = 25) -> TrackFile:
    tracks = TrackFile.empty(3, np.arange(n_frames), Fraction(1, rate), (200, 100))
    tracks.state[:] = State.VISIBLE
    tracks.xy[:] = np.arange(6 * n_frames, dtype=np.float32).reshape(3, n_frames, 2) / 4 - 0.5
    tracks.state[0, 1], tracks.state[0, 2] = State.OCCLUDED, State.OUT_OF_VIEW
    tracks.xy[0, 1] = np.nan
    tracks.state[1, 3] = State.UNLABELLED
    return tracks


def lines(path: Path) -> list[list[str]]:
    return list(csv.reader(path.read_text().splitlines()))


def test_a_clip_of_kinetics(tmp_path: Path) -> None:
    tracks = whole_tracks()
    done = export_tracks(tracks, tmp_path / "k.csv", "tapvid-csv", ExportOptions(name=CLIP)).written
    assert (done.tracks, done.left_out) == (2, 1)
    first, second = lines(tmp_path / "k.csv")
    assert len(first) == len(second) == 753
    assert first[:6] == ["dQw4w9WgXcQ", "10", "20", "0.00000000", "0.00250000", "0"]
    assert first[6:9] == ["0.00000000", "0.00000000", "1"]  # hidden, nobody knows where
    assert first[18:] == ["0", "0", "1"] * 245
    back = import_tracks(tmp_path / "k.csv", "tapvid-csv", replace(facts(tracks), record="dQw4w9WgXcQ"))
    assert back.state.tolist() == [[1, 2, 2, 1, 1], [1] * 5]
    np.testing.assert_allclose(back.xy[1], tracks.xy[2], atol=1e-5)


def test_labels_of_kinetics_want_its_rate_and_length(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="labels of Kinetics are at 25 frames per second, the video has 30"):
        export_tracks(whole_tracks(rate=30), tmp_path / "k.csv", "tapvid-csv", ExportOptions(name=CLIP))
    with pytest.raises(InputError, match="at most 250 frames, this video has 251"):
        export_tracks(whole_tracks(251), tmp_path / "k.csv", "tapvid-csv", ExportOptions(name=CLIP))
    export_tracks(whole_tracks(), tmp_path / "k.csv", "tapvid-csv", ExportOptions(name=CLIP))
    with pytest.raises(InputError, match="the video has 24"):
        import_tracks(tmp_path / "k.csv", "tapvid-csv", facts(whole_tracks(rate=24)))
    with pytest.raises(InputError, match="line 1: labels of 250 frames, the video has 4"):
        import_tracks(tmp_path / "k.csv", "tapvid-csv", facts(whole_tracks(4)))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=track_files)
def test_there_and_back(tracks: TrackFile, tmp_path: Path) -> None:
    seen = tracks.located & (tracks.state == State.VISIBLE)
    whole = ((tracks.state > State.VISIBLE) | seen).all(axis=1) & seen.any(axis=1)
    options = ExportOptions(name='my "clip", 1')
    if not whole.any():
        with pytest.raises(InputError, match="no track is labelled on every frame"):
            export_tracks(tracks, tmp_path / "t.csv", "tapvid-csv", options)
        return
    export_tracks(tracks, tmp_path / "t.csv", "tapvid-csv", options)
    assert {line[0] for line in lines(tmp_path / "t.csv")} == {"my_clip_1"}
    back = read_tapvid_csv(tmp_path / "t.csv", facts(tracks))
    np.testing.assert_array_equal(back.state == State.VISIBLE, seen[whole])
    assert (back.state > 0).all()
    np.testing.assert_allclose(back.xy[seen[whole]], tracks.xy[whole][seen[whole]], atol=1e-5)
    assert np.isnan(back.xy[~seen[whole]]).all()


@needs_reference
@pytest.mark.parametrize(
    ("file", "record", "n_tracks"), [("tapvid_kinetics.csv", "sampleclip1", 2), ("annotations.csv", None, 3)]
)
def test_published_files_are_read(file: str, record: str | None, n_tracks: int) -> None:
    truth = [line for line in lines(REFERENCE / file) if record in (None, line[0])]
    cells = np.array([line[3 if record else 1 :] for line in truth], float).reshape(len(truth), -1, 3)
    unused = (cells == (0, 0, 1)).all(axis=(0, 2))
    n_frames = len(unused) - int(np.cumprod(unused[::-1]).sum()) if record else len(unused)
    back = import_tracks(
        REFERENCE / file, "tapvid-csv", VideoFacts(np.arange(n_frames), Fraction(1, 25), (64, 48), record=record)
    )
    assert back.n_tracks == n_tracks
    seen = cells[:, :n_frames, 2] == 0
    np.testing.assert_array_equal(back.state == State.VISIBLE, seen)
    np.testing.assert_allclose(back.xy[seen], cells[:, :n_frames, :2][seen] * (64, 48) - 0.5, atol=1e-5)


VIDEO = VideoFacts(np.arange(2), Fraction(1, 25), (100, 50))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the file is empty"),
        ("a,0.1,0.1,0,0.1,0.1,0\na,0.1,0.1,0,0.1,0.1\n", "line 2: 6 columns are neither the 753"),
        ("a,0.1,0.1,0,0.1,x,0\n", "line 1: a cell is no number"),
        ('a,"0,1",0.1,0,0.1,0.1\n', "line 1: a cell is no number"),
        ("a,0.1,0.1,0,nan,0.1,0\n", "line 1: frame 1: nan, 0.1 is no position"),
        ("a,0.1,0.1,0\n", "line 1: labels of 1 frames, the video has 2"),
        ("a,0.1,0.1,0,0.1,0.1,0,0,0,1\n", "line 1: labels of 3 frames, the video has 2"),
        ("a,0.1,0.1,0,0.1,0.1,0\nb,0.1,0.1,0,0.1,0.1,0\n", "which video is meant: a, b"),
    ],
)
def test_reading_refuses(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(InputError, match=rf"bad\.csv: {reason}"):
        import_tracks(tmp_path / "bad.csv", "tapvid-csv", VIDEO)


def test_a_video_that_the_file_lacks(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,0.1,0.1,0,0.1,0.1,0\r\n")
    assert import_tracks(tmp_path / "t.csv", "tapvid-csv", VIDEO).n_tracks == 1
    with pytest.raises(InputError, match="there is no one video b, the videos are a"):
        import_tracks(tmp_path / "t.csv", "tapvid-csv", replace(VIDEO, record="b"))
