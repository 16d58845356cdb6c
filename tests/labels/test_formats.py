"""What holds for every format in the register, those of the future included."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.labels.made import Pictures, assert_same, facts, make_tracks, track_files
from tracker.files import InputError
from tracker.labels import ExportOptions, Format, State, TrackFile, export_tracks, find_format, formats, register
from tracker.labels.formats import spans_by_extent

# Every format that writes files which it can read back; those of packages that are not installed are left out.
WRITTEN = [entry for entry in formats() if entry.write and entry.read and not entry.missing]
every_format = pytest.mark.parametrize("entry", WRITTEN, ids=lambda entry: entry.name)
shared_folder = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read_back(entry: Format, path: Path, tracks: TrackFile) -> TrackFile:
    assert entry.read is not None
    return entry.read(path, facts(tracks))


def whole_tracks(n_tracks: int = 4, n_frames: int = 6) -> TrackFile:
    """Tracks that every format can hold: labelled everywhere, with a position."""
    tracks = make_tracks(n_tracks, n_frames, 3, labelled=1.0)
    tracks.state[:, 0] = State.VISIBLE
    tracks.xy[np.isnan(tracks.xy)] = 2.5
    tracks.query_from_first_visible()
    return tracks


def options(tracks: TrackFile) -> ExportOptions:
    return ExportOptions(name="clip", frames=Pictures(tracks.n_frames))


def test_the_formats_of_the_command_line() -> None:
    names = {entry.name for entry in formats()}
    assert names >= {"cotracker", "long-csv", "npz", "tapvid"}


@every_format
def test_what_a_format_keeps_comes_back(entry: Format, tmp_path: Path) -> None:
    tracks = whole_tracks()
    path = tmp_path / f"out{entry.suffix}"
    written = export_tracks(tracks, path, entry.name, options(tracks)).written
    back = read_back(entry, path, tracks)
    assert (written.tracks, written.left_out) == (4, 0)
    assert (back.n_tracks, back.n_frames) == (4, 6)
    for field in entry.keeps:
        assert_same(getattr(tracks, field), getattr(back, field), field)
    if entry.corners:
        return  # they come back in an order of their own
    visible = tracks.state == State.VISIBLE
    if not entry.hidden:
        np.testing.assert_array_equal(back.state == State.VISIBLE, visible)
    np.testing.assert_allclose(back.xy[visible], tracks.xy[visible], atol=entry.rounding + 1e-4)


@every_format
def test_a_failed_export_leaves_what_was_there(entry: Format, tmp_path: Path) -> None:
    tracks = whole_tracks()
    path = tmp_path / "missing" / f"out{entry.suffix}"
    with pytest.raises(InputError, match="missing"):
        export_tracks(tracks, path, entry.name, options(tracks))
    assert not (tmp_path / "missing").exists()


@shared_folder
@given(tracks=track_files)
@every_format
def test_no_export_writes_an_unlabelled_cell(entry: Format, tmp_path: Path, tracks: TrackFile) -> None:
    path = tmp_path / f"out{entry.suffix}"
    try:
        export_tracks(tracks, path, entry.name, options(tracks))
    except InputError:
        return  # nothing in these tracks that the format could hold
    back = read_back(entry, path, tracks)
    known = [tracks.xy[n, t] for n, t in zip(*np.nonzero(tracks.located), strict=True)]
    for xy in back.xy[np.isfinite(back.xy).all(axis=2)]:
        assert min(float(np.abs(xy - own).max()) for own in known) < entry.rounding + 1e-4


def test_an_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nonsense: there is no such format.*npz.*tapvid"):
        find_format("nonsense")


def test_a_name_is_taken_once() -> None:
    with pytest.raises(ValueError, match="registered twice"):
        register(formats()[0])


def test_a_way_with_gaps_that_a_format_lacks(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no way 'mask' with gaps, it has: drop, split"):
        export_tracks(whole_tracks(), tmp_path / "o.pkl", "tapvid", ExportOptions(gaps="mask"))


@pytest.mark.parametrize("name", ["tapvid", "cotracker"])
def test_formats_with_pictures_want_the_right_video(name: str, tmp_path: Path) -> None:
    tracks = whole_tracks()
    with pytest.raises(InputError, match="needs the video"):
        export_tracks(tracks, tmp_path / "out", name, ExportOptions())
    with pytest.raises(InputError, match="the video has 5 of 20x12"):
        export_tracks(tracks, tmp_path / "out", name, ExportOptions(frames=Pictures(5)))
    assert list(tmp_path.glob("out*")) == []


def test_spans_are_the_longest_and_grouped() -> None:
    complete = np.array([[1, 1, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1], [1, 0, 1, 0, 1, 0], [1, 1, 1, 1, 1, 1]], bool)
    assert spans_by_extent(complete) == {(0, 2): [0], (0, 6): [3], (3, 6): [0, 1]}
