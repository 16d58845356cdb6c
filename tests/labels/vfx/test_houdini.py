"""Houdini's .chan tables."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.labels.made import facts, make_tracks, track_files
from tests.labels.vfx.test_nuke_tracker import VFX, assert_true, needs_examples, the_truth, video
from tracker.files import InputError
from tracker.labels import ExportOptions, State, TrackFile, export_tracks, import_tracks


@needs_examples
def test_the_example_holds_the_truth(tmp_path: Path) -> None:
    """What it holds in gaps too: the last position, and the first one before that."""
    example = VFX / "examples" / "houdini_tracks.chan"
    assert_true(import_tracks(example, "houdini", video(6)), confidence=False)
    done = export_tracks(the_truth(), tmp_path / "t.chan", "houdini", ExportOptions())
    np.testing.assert_allclose(np.loadtxt(tmp_path / "t.chan"), np.loadtxt(example), atol=1e-6)
    assert "pt_A, pt_B" in done.written.note


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=track_files)
def test_there_and_back(tracks: TrackFile, tmp_path: Path) -> None:
    kept = tracks.located & (tracks.state == State.VISIBLE)
    if not kept.any():
        return
    rows = np.flatnonzero(kept.any(axis=1))
    export_tracks(tracks, tmp_path / "t.chan", "houdini", ExportOptions())
    back = import_tracks(tmp_path / "t.chan", "houdini", facts(tracks))
    np.testing.assert_array_equal(np.isfinite(back.xy).all(axis=2), kept[rows])
    np.testing.assert_allclose(back.xy[kept[rows]], tracks.xy[rows][kept[rows]], atol=2e-6)
    assert list(back.names) == [str(n + 1) for n in range(len(rows))]  # the table has none


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("1 2 1\n1 2\n", "line 2: expected 3 values, found 2"),
        ("1 2 1\n1,5 2 1\n", "line 2: 1,5 has a decimal comma"),
        ("1 2 1\nx 2 1\n", "line 2: expected a number, not 'x'"),
        ("1 2 1\ninf 2 1\n", "line 2: inf is not a finite number"),
        ("1 2 1\n1 2 0.5\n", "line 2: visible of track 1 is 0.5, not 0 or 1"),
        ("1 2 1 5\n1 2 1 5\n", "line 1: 4 columns are no threes"),
        ("1 2 1\n1e9 2 1\n", r"line 2: 1e\+09, 2 cannot be a position"),
        ("1 2 1\n", "the table has 1 rows, the video 2 frames"),
        ("1 2 1\n1 2 1\n1 2 1\n", "the table has 3 rows, the video 2 frames"),
        ("1 2 0\n1 2 0\n", "there is not one position"),
    ],
)
def test_a_bad_table_is_named_with_its_line(content: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "t.chan").write_text(content)
    with pytest.raises(InputError, match=rf"t\.chan: {reason}"):
        import_tracks(tmp_path / "t.chan", "houdini", video(2, 1001, (20, 12)))


def test_blanks_tabs_and_mixed_line_ends(tmp_path: Path) -> None:
    (tmp_path / "t.chan").write_bytes(b"1.5\t2.5\t1\r\n  3.5   4 1  \n\n")
    back = import_tracks(tmp_path / "t.chan", "houdini", video(2, 1001, (20, 12)))
    np.testing.assert_allclose(back.xy, [[(1, 9), (3, 7.5)]])


def test_nothing_is_written_of_nothing(tmp_path: Path) -> None:
    tracks = make_tracks(2, 3, 0, labelled=1.0)
    tracks.state[:] = State.OCCLUDED
    with pytest.raises(InputError, match="no track has a visible position"):
        export_tracks(tracks, tmp_path / "t.chan", "houdini", ExportOptions())
