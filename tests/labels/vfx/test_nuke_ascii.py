"""Time and value text for Nuke, a file per track."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.labels.made import facts, make_tracks, track_files
from tests.labels.vfx.test_nuke_tracker import VFX, assert_true, needs_examples, the_truth, video
from tracker.files import InputError
from tracker.labels import ExportOptions, State, TrackFile, export_tracks, import_tracks

EXAMPLES = ("nuke_ascii_pt_A.txt", "nuke_ascii_pt_B.txt")


def _numbers(path: Path) -> list[list[float]]:
    return [list(map(float, line.split())) for line in path.read_text().splitlines() if not line.startswith("#")]


@needs_examples
def test_the_examples_hold_the_truth(tmp_path: Path) -> None:
    for name in EXAMPLES:
        (tmp_path / name).write_bytes((VFX / "examples" / name).read_bytes())
    back = import_tracks(tmp_path, "nuke-ascii", video(6))
    assert_true(back, confidence=False)
    assert list(back.names) == ["nuke_ascii_pt_A", "nuke_ascii_pt_B"]
    export_tracks(the_truth(), tmp_path / "out", "nuke-ascii", ExportOptions())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["1_pt_A.txt", "2_pt_B.txt"]
    for mine, theirs in zip(("1_pt_A.txt", "2_pt_B.txt"), EXAMPLES, strict=True):
        np.testing.assert_allclose(_numbers(tmp_path / "out" / mine), _numbers(tmp_path / theirs), atol=1e-6)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=track_files)
def test_there_and_back(tracks: TrackFile, tmp_path: Path) -> None:
    """The folder of the run before is replaced."""
    kept = tracks.located & (tracks.state == State.VISIBLE)
    if not kept.any():
        return
    rows = np.flatnonzero(kept.any(axis=1))
    export_tracks(tracks, tmp_path / "out", "nuke-ascii", ExportOptions())
    assert len(list((tmp_path / "out").iterdir())) == len(rows)
    back = import_tracks(tmp_path / "out", "nuke-ascii", facts(tracks))
    np.testing.assert_array_equal(np.isfinite(back.xy).all(axis=2), kept[rows])
    np.testing.assert_allclose(back.xy[kept[rows]], tracks.xy[rows][kept[rows]], atol=2e-6)


def test_names_and_their_order(tmp_path: Path) -> None:
    tracks = make_tracks(12, 2, 0, labelled=1.0)
    tracks.state[:], tracks.xy[:] = State.VISIBLE, 3
    tracks.names = ["z", "../a/b", "2 é", "z", *(["long " * 99] * 8)]
    export_tracks(tracks, tmp_path / "out", "nuke-ascii", ExportOptions())
    assert (
        (tmp_path / "out" / "01_z.txt").read_text().startswith("# z: frame x y, pixels from the bottom-left corner\n")
    )
    names = import_tracks(tmp_path / "out", "nuke-ascii", facts(tracks)).names
    assert list(names)[:4] == ["z", "a_b", "track_2_e", "z_2"]
    assert len(set(names)) == 12


def test_separators_comments_and_line_ends(tmp_path: Path) -> None:
    text = "# x,y\n; no\r\n/ no\n\n 1001, 1.5 ,8\r\n1002:2.5:7\r1003.0\t3.5  6\n"
    (tmp_path / "left eye.txt").write_bytes(b"\xef\xbb\xbf" + text.encode())
    back = import_tracks(tmp_path / "left eye.txt", "nuke-ascii", video(3, 1001, (20, 12)))
    np.testing.assert_allclose(back.xy[0], [(1, 3.5), (2, 4.5), (3, 5.5)])
    assert list(back.names) == ["left eye"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1002 1,5 2,5", "b.txt: line 2: expected the three numbers frame, x and y, not 5; numbers need a point"),
        ("1002 1.5", "b.txt: line 2: expected the three numbers frame, x and y, not 2"),
        ("1002 x 2", "b.txt: line 2: expected a number, not 'x'"),
        ("1001 1 2", "b.txt: line 2: frame 1001 is given twice for track 'b'"),
        ("1002.25 1 2", "b.txt: line 2: 1002.25 is between two frames"),
        ("7 1 2", "b.txt: line 2: frame 7 is outside the video's 1001 to 1003"),
        ("1002 1e9 2", r"b.txt: line 2: 1e\+09, 2 cannot be a position"),
    ],
)
def test_a_bad_line_is_named_with_its_file(line: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1001 1 2\n")
    (tmp_path / "b.txt").write_text(f"1001 1 2\n{line}\n")
    with pytest.raises(InputError, match=reason):
        import_tracks(tmp_path, "nuke-ascii", video(3, 1001, (20, 12)))


def test_what_is_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no \.txt file in this folder"):
        import_tracks(tmp_path, "nuke-ascii", video(3))
    (tmp_path / "a.txt").write_text("# nothing\n")
    with pytest.raises(InputError, match="there is not one position"):
        import_tracks(tmp_path, "nuke-ascii", video(3))
    (tmp_path / "a.txt").write_bytes(b"1\0")
    with pytest.raises(InputError, match=r"a\.txt: this is not a text file"):
        import_tracks(tmp_path, "nuke-ascii", video(3))


def test_a_folder_of_other_files_stays_as_it_is(tmp_path: Path) -> None:
    tracks = make_tracks(2, 3, 0, labelled=1.0)
    tracks.state[:], tracks.xy[:] = State.VISIBLE, 3
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"the folder holds notes.txt, which is no file of tracks"):
        export_tracks(tracks, tmp_path / "out", "nuke-ascii", ExportOptions())
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["notes.txt"]


def test_nothing_is_written_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no track has a position"):
        export_tracks(make_tracks(2, 3, 1, labelled=0.0), tmp_path / "out", "nuke-ascii", ExportOptions())
    assert not list(tmp_path.iterdir())
