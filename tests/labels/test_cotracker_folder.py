"""The CoTracker training folders."""

import os
import pickle
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.labels.made import Pictures, facts, make_tracks, track_files
from tests.labels.test_tapvid import tracks_with_a_gap
from tracker.files import InputError
from tracker.labels import ExportOptions, Source, State, TrackFile, VideoFacts, Written, cotracker_folder, export_tracks

REFERENCE = Path(os.environ.get("TRACKWRIGHT_REFERENCE", "../shared/reference")) / "tapvid" / "samples" / "kubric_movif"


def export(tracks: TrackFile, root: Path, name: str = "clip", **options: object) -> Written:
    frames = Pictures(tracks.n_frames)
    return export_tracks(tracks, root, "cotracker", ExportOptions(name=name, frames=frames, **options)).written  # type: ignore[arg-type]


def as_the_published_reader(folder: Path) -> dict[str, np.ndarray]:
    content = np.load(folder / f"{folder.name}.npy", allow_pickle=True).item()
    assert isinstance(content, dict)
    return content


def test_the_folder_is_what_the_published_reader_takes(tmp_path: Path) -> None:
    tracks = tracks_with_a_gap()
    written = export(tracks, tmp_path / "root")
    folder = tmp_path / "root" / "clip"
    labels = as_the_published_reader(folder)
    assert set(labels) == {"coords", "visibility"}
    assert (labels["coords"].dtype.name, labels["coords"].shape) == ("float32", (4, 6, 2))
    np.testing.assert_array_equal(labels["visibility"], tracks.state != State.VISIBLE)  # inverted: True is occluded
    valid = np.load(folder / "clip_valid.npy", allow_pickle=False)
    np.testing.assert_array_equal(valid, tracks.located)
    np.testing.assert_array_equal(np.isfinite(labels["coords"]).all(axis=2), valid)
    np.testing.assert_array_equal(labels["coords"][valid], tracks.xy[valid])
    pictures = sorted((folder / "frames").iterdir())
    assert [path.name for path in pictures[:2]] == ["000000.png", "000001.png"]
    assert [int(np.asarray(cv2.imread(str(path)))[0, 0, 0]) for path in pictures] == [0, 7, 14, 21, 28, 35]
    assert (written.tracks, written.left_out) == (4, 0)
    assert "5 cells without a known position" in written.note


def test_drop_leaves_out_tracks_with_a_hole(tmp_path: Path) -> None:
    written = export(tracks_with_a_gap(), tmp_path / "root", gaps="drop")
    labels = as_the_published_reader(tmp_path / "root" / "clip")
    assert (written.tracks, written.left_out, written.note) == (1, 3, "")
    assert np.isfinite(labels["coords"]).all()


def test_split_writes_a_sequence_per_stretch(tmp_path: Path) -> None:
    export(tracks_with_a_gap(), tmp_path / "root", gaps="split")
    shapes = {p.name: as_the_published_reader(p)["coords"].shape[:2] for p in sorted((tmp_path / "root").iterdir())}
    assert shapes == {
        "clip": (1, 6),
        "clip_000000_000002": (1, 2),
        "clip_000000_000005": (1, 5),
        "clip_000003_000006": (2, 3),
    }


def test_a_second_sequence_leaves_the_first_and_a_new_version_replaces_it(tmp_path: Path) -> None:
    root = tmp_path / "root"
    export(tracks_with_a_gap(), root, "a")
    before = (root / "a" / "a.npy").read_bytes()
    export(tracks_with_a_gap(), root, "b", jpeg=True)
    assert (root / "a" / "a.npy").read_bytes() == before
    assert len(list((root / "b" / "frames").glob("*.jpg"))) == 6
    export(make_tracks(2, 3, 1, labelled=1.0), root, "b")
    assert len(list((root / "b" / "frames").iterdir())) == 3


def test_other_peoples_folders_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "clip").mkdir()
    (tmp_path / "clip" / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="no sequence of labels"):
        export(tracks_with_a_gap(), tmp_path)
    assert (tmp_path / "clip" / "thesis.tex").read_text() == "years of work"
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="not a folder"):
        export(tracks_with_a_gap(), tmp_path / "file")


def test_reading_gives_back_what_the_format_holds(tmp_path: Path) -> None:
    tracks = tracks_with_a_gap()
    export(tracks, tmp_path / "root")
    for path in (tmp_path / "root", tmp_path / "root" / "clip"):
        back = cotracker_folder.read_cotracker(path, facts(tracks))
        np.testing.assert_array_equal(back.xy[tracks.located], tracks.xy[tracks.located])
        np.testing.assert_array_equal(back.state != State.UNLABELLED, tracks.located)
        assert (back.source[tracks.located] == Source.IMPORTED).all()


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch pwned",)


def test_reading_runs_nothing_and_refuses_other_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder, video = tmp_path / "s", facts(make_tracks(1, 6, 1))
    folder.mkdir()
    with pytest.raises(InputError, match="no folder with"):
        cotracker_folder.read_cotracker(folder, video)
    np.save(folder / "s.npy", np.array({"coords": _Evil()}, dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="only plain arrays"):
        cotracker_folder.read_cotracker(folder, video)
    assert not (tmp_path / "pwned").exists()
    np.save(folder / "s.npy", np.zeros(3))
    with pytest.raises(InputError, match="expected one pickled object"):
        cotracker_folder.read_cotracker(folder, video)
    (folder / "s.npy").write_bytes(pickle.dumps({}))
    with pytest.raises(InputError, match=r"not an .npy file"):
        cotracker_folder.read_cotracker(folder, video)


@pytest.mark.skipif(not REFERENCE.is_dir(), reason=f"no reference samples at {REFERENCE}")
def test_the_published_layout_is_read() -> None:
    truth = as_the_published_reader(REFERENCE / "0000")
    count = truth["coords"].shape[1]
    picture = cv2.imread(str(next(iter((REFERENCE / "0000" / "frames").iterdir()))))
    assert picture is not None
    video = VideoFacts(np.arange(count), Fraction(1, 25), (picture.shape[1], picture.shape[0]))
    tracks = cotracker_folder.read_cotracker(REFERENCE, video)
    np.testing.assert_array_equal(tracks.state == State.OCCLUDED, truth["visibility"])
    np.testing.assert_array_equal(tracks.xy, truth["coords"])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=track_files)
def test_every_known_position_comes_back_to_the_bit(tracks: TrackFile, tmp_path: Path) -> None:
    kept = tracks.located.any(axis=1)
    if not kept.any():
        with pytest.raises(InputError, match="no track has a position anywhere"):
            export(tracks, tmp_path / "root")
        return
    export(tracks, tmp_path / "root")
    back = cotracker_folder.read_cotracker(tmp_path / "root" / "clip", facts(tracks))
    located = tracks.located[kept]
    np.testing.assert_array_equal(back.located, located)
    np.testing.assert_array_equal(back.xy[located], tracks.xy[kept][located])
    np.testing.assert_array_equal(
        (back.state == State.VISIBLE)[located], (tracks.state[kept] == State.VISIBLE)[located]
    )
