"""An export that is cancelled leaves what was there, and no half file."""

from pathlib import Path

import pytest

from tests.labels.made import Pictures, make_tracks
from tracker.labels import ExportOptions, State, export_tracks, find_format


class Cancelled(Exception):
    pass


@pytest.mark.parametrize("name", ["coco", "cvat", "label-studio", "parquet", "tapvid-csv", "tapvid3d"])
def test_what_was_there_stays(name: str, tmp_path: Path) -> None:
    entry = find_format(name)
    if entry.missing:
        pytest.skip(entry.missing)
    tracks = make_tracks(3, 6, 3, labelled=1.0)
    tracks.state[:], tracks.xy[:] = State.VISIBLE, 3
    path = tmp_path / f"out{entry.suffix}"
    path.write_text("as it was")
    told: list[tuple[int, int]] = []

    def cancel(done: int, total: int) -> None:
        told.append((done, total))
        raise Cancelled

    with pytest.raises(Cancelled):
        export_tracks(tracks, path, name, ExportOptions(frames=Pictures(6), report=cancel))
    assert told[0][0] < told[0][1]
    assert [item.name for item in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "as it was"
