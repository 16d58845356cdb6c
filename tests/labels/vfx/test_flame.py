"""Flame's stabiliser, and its corner pins."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.labels.made import facts, make_tracks, track_files
from tests.labels.vfx.truth import (
    SAMPLES,
    assert_golden,
    assert_round_trip,
    assert_truth,
    clip,
    counts,
    needs_files,
    refused,
    words,
    written,
)
from tracker.labels import ExportOptions, TrackFile, export_tracks, import_tracks
from tracker.labels.vfx.flame import CORNERS_2013, CORNERS_2014

SMALL = clip(9, (20, 12))
GOLDEN = SAMPLES / "converter_golden" / "ref_flame_2014.stabilizer"


def stabilizer(shift: str, version: str = "6.0", name: str = "tracker1", end: str = "ChannelEnd\n") -> str:
    """A file of one tracker at (10, 5) from the bottom-left corner, that moves by these keys in x."""
    reference = "".join(f"Channel {name}/ref/{axis}\n\tValue {at}\n\tEnd\n" for axis, at in (("x", 10), ("y", 5)))
    still = f"Channel {name}/shift/y\n\tSize 1\n\tKey 0\n\t\tFrame 1\n\t\tValue 0\n\t\tEnd\n\tEnd\n"
    heading = f"StabilizerFileVersion {version}\nFrameWidth 20\nFrameHeight 12\nAnim\n"
    return f"{heading}{reference}Channel {name}/shift/x\n{shift}\tEnd\n{still}{end}"


def keys(*values: tuple[object, object]) -> str:
    rows = [f"\tKey {n}\n\t\tFrame {frame}\n\t\tValue {value}\n\t\tEnd\n" for n, (frame, value) in enumerate(values)]
    return f"\tSize {len(values)}\n" + "".join(rows)


@needs_files
def test_the_truth_there_and_back(tmp_path: Path) -> None:
    text = written("flame", tmp_path / "t.stabilizer")
    assert_truth(import_tracks(tmp_path / "t.stabilizer", "flame", clip(6)))
    # pt_B is first seen on the second frame: 1500.5, 279.5 from the corner, and 2 px to the left a frame later.
    assert "Channel tracker2/ref/x\n\tExtrapolation constant\n\tValue 1500.500\n" in text
    assert "\tKey 0\n\t\tFrame 2\n\t\tValue 0\n" in text
    assert "\tKey 1\n\t\tFrame 3\n\t\tValue 2.000\n" in text


@needs_files
def test_what_is_written_is_the_converters_file(tmp_path: Path) -> None:
    tracks = import_tracks(GOLDEN, "flame", clip(21))
    assert_golden(tracks)
    export_tracks(tracks, tmp_path / "t.stabilizer", "flame", ExportOptions())
    mine, theirs = ((tmp_path / "t.stabilizer").read_text().splitlines(), GOLDEN.read_text().splitlines())
    assert mine[1].split()[0] == theirs[1].split()[0] == "CreationDate"
    assert words("\n".join(mine[2:])) == words("\n".join(theirs[2:]))


@needs_files
def test_a_file_of_version_5() -> None:
    file = SAMPLES / "flame" / "fromTracksperanto.stabilizer"
    tracks = import_tracks(file, "flame", clip(9, (720, 576)))
    assert counts(tracks) == (3, 9)
    raster = tracks.xy[0, 3:6] + 0.5
    np.testing.assert_allclose(raster, [(100, 376), (200, 456), (210, 431)], atol=1e-3)


@needs_files
def test_a_reference_that_was_moved_on_the_way() -> None:
    """Where it was set anew, the tracker is at the reference."""
    file = SAMPLES / "flame" / "fromCombustion_fromMidClip_wSnap.stabilizer"
    tracks = import_tracks(file, "flame", clip(232, (1280, 540)))
    assert counts(tracks) == (1, 232)
    up = np.stack([tracks.xy[0, :, 0] + 0.5, 540 - 0.5 - tracks.xy[0, :, 1]], axis=1)
    np.testing.assert_allclose(
        up[[111, 220, 226]], [(355.131, 444.515), (648.394, 131.998), (625.237, 175.775)], atol=2e-3
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=track_files)
def test_there_and_back(tracks: TrackFile, tmp_path: Path) -> None:
    assert_round_trip(tracks, "flame", tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Stabiliser\n", "line 1: this does not begin with a StabilizerFileVersion"),
        (stabilizer(keys((1, 0)), version="7.0"), "line 1: version 7.0 is not known, 5.0 and 6.0 are"),
        (stabilizer(keys((1, 0))).replace("Width 20", "Width 40"), "line 3: this was made for pictures of 40x12"),
        (stabilizer(keys((1, 0))).replace("Width 20", "Width x"), "line 2: expected a number, not 'x'"),
        (stabilizer(keys((1, 0)), end=""), "line 25: the file ends before its ChannelEnd"),
        ("StabilizerFileVersion 5.0\n", "line 2: the file ends before its ChannelEnd"),
        (stabilizer(keys((1, 0)).replace("Size 1", "Size 2")), "line 11: this channel announces 2 keys and has 1"),
        (stabilizer(keys((1, "1,5"))), "line 14: 1,5 has a decimal comma"),
        (stabilizer(keys((1.5, 0))).replace("Frame 1\n", "Frame 1.5\n"), "line 14: 1.5 is between two frames"),
        (stabilizer(keys((10, 0))).replace("Frame 1\n", "Frame 10\n"), "line 14: frame 10 is outside"),
        (stabilizer(keys((2, 0))), "line 18: shift/x and shift/y of tracker1 have keys on different frames"),
        (stabilizer(keys((1, 0)).replace("Frame", "Time")), "line 13: a key needs a number, a Frame"),
        (stabilizer(keys((1, 0)).replace("Value", "")), "line 13: a key needs a number, a Frame"),
        (stabilizer("").replace("1/ref/x", "1/x"), "line 8: tracker1 has no channel ref/x"),
        (stabilizer("").replace("ref/x", "ref/y"), "line 8: tracker1 has a second channel ref/y"),
        (stabilizer("").replace("Key 0", "Key "), "line 15: a key needs a number"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file(text: str, reason: str, tmp_path: Path) -> None:
    assert refused("flame", tmp_path / "bad.stabilizer", text, SMALL).startswith(reason)


def pin() -> TrackFile:
    """Bottom-right, top-left, bottom-left and top-right, each moving its own way."""
    tracks = make_tracks(4, 3, 0, labelled=1.0)
    tracks.state[:], tracks.confidence[:] = 1, 1
    starts, steps = np.array([(15, 9), (2, 2), (3, 10), (16, 1)]), np.array([(1, 0), (0, 1), (0.5, 0.25), (-1, 0.5)])
    tracks.xy[:] = starts[:, None] + steps[:, None] * np.arange(3)[None, :, None]
    return tracks


def test_a_corner_pin_names_its_corners(tmp_path: Path) -> None:
    export_tracks(pin(), tmp_path / "p.stabilizer", "flame-corner-pin", ExportOptions())
    back = import_tracks(tmp_path / "p.stabilizer", "flame-corner-pin", facts(pin()))
    np.testing.assert_allclose(back.xy, pin().xy[[1, 3, 0, 2]], atol=1e-3)
    assert list(back.names) == list(CORNERS_2014)
    # In the file they stand as bottom-left, top-left, bottom-right, top-right.
    plain = import_tracks(tmp_path / "p.stabilizer", "flame", facts(pin()))
    np.testing.assert_allclose(plain.xy, pin().xy[[2, 1, 0, 3]], atol=1e-3)


def test_corner_pins_of_2013_and_what_is_none(tmp_path: Path) -> None:
    export_tracks(pin(), tmp_path / "p.stabilizer", "flame-corner-pin", ExportOptions())
    text = (tmp_path / "p.stabilizer").read_text()
    for new, old in zip(CORNERS_2014, CORNERS_2013, strict=True):
        text = text.replace(f"Channel {new}/", f"Channel {old}/")
    (tmp_path / "old.stabilizer").write_text(text.replace("6.0", "5.0", 1))
    back = import_tracks(tmp_path / "old.stabilizer", "flame-corner-pin", facts(pin()))
    np.testing.assert_allclose(back.xy, pin().xy[[1, 3, 0, 2]], atol=1e-3)
    single = stabilizer(keys((1, 0)))
    assert refused("flame-corner-pin", tmp_path / "b.stabilizer", single, SMALL).startswith("these trackers are not")
