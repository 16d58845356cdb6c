"""`trackwright bench export`."""

import json

import numpy as np
import pytest

from app.cli.bench_export import made_tracks
from tests.cli.commandline import refusal, run
from tracker.labels import Format, formats

SMALL = ("bench", "export", "--tracks", 5, "--frames", 12)


def test_it_measures_what_it_says() -> None:
    result = run(*SMALL, "--formats", "npz", "--formats", "long-csv", "--json")
    said = json.loads(result.stdout)
    assert said["frames"] == 12
    by_name = {row["format"]: row for row in said["rows"]}
    assert [(row["text"], row["tracks"]) for row in by_name.values()] == [("no", 5), ("yes", 5)]
    for row in by_name.values():
        assert row["export_s"] > 0
        assert row["import_s"] > 0
        assert row["mib"] * 2**20 > 500
        assert row["note"] == ""
    assert result.stderr == "measuring: npz\nmeasuring: long-csv\n"


def test_a_table_for_people() -> None:
    lines = run(*SMALL, "--formats", "long-csv").stdout.splitlines()
    assert lines[0] == "| format | text | tracks | export, s | CPU s | import, s | CPU s | MiB |  |"
    assert lines[2].startswith("| long-csv | yes | 5 | ")


# Their libraries take seconds to load.
HEAVY = {"nwb", "deeplabcut-h5", "parquet"}
MEASURED = [
    entry
    for entry in formats()
    if entry.write and not entry.needs_video and not entry.missing and entry.name not in HEAVY
]


@pytest.mark.parametrize("entry", MEASURED, ids=lambda entry: entry.name)
def test_every_format_can_be_measured(entry: Format) -> None:
    (row,) = json.loads(run(*SMALL, "--formats", entry.name, "--json").stdout)["rows"]
    assert row["tracks"] == (4 if entry.corners else 5)
    assert (row["export_s"] is None) == (row["mib"] is None)
    assert row["export_s"] is not None or row["note"]


def test_made_tracks_are_always_the_same_and_inside() -> None:
    one, other = made_tracks(6, 9), made_tracks(6, 9)
    np.testing.assert_array_equal(one.xy, other.xy)
    assert one.located.all()
    assert (one.xy > 0).all()
    assert (one.xy < (1919, 1079)).all()
    assert made_tracks(2, 3).n_tracks == 2


def test_what_cannot_be_measured() -> None:
    assert "stores pictures" in refusal(*SMALL, "--formats", "tapvid")
    assert "there is no such format" in refusal(*SMALL, "--formats", "nonsense")
