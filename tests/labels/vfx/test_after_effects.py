"""After Effects keyframe text: positions, corner pins, and what other programs write."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.labels.made import facts, make_tracks, track_files
from tests.labels.vfx.test_nuke_corner_pin import pin, the_quad
from tests.labels.vfx.test_nuke_tracker import VFX, counts, needs_examples, the_truth, video
from tracker.files import InputError
from tracker.labels import ExportOptions, State, TrackFile, export_tracks, import_tracks
from tracker.labels.plate import Plate

PINS = {"after-effects-corner-pin": "ae_corner_pin.txt", "after-effects-power-pin": "ae_cc_power_pin.txt"}


def text(
    *blocks: str, version: str = "8.0", rate: str = "24", size: Sequence[object] = (20, 12), end: str = "\n\n"
) -> str:
    """A keyframe text of the given blocks, which begin on line 9."""
    said = f"\tUnits Per Second\t{rate}\n\tSource Width\t{size[0]}\n\tSource Height\t{size[1]}\n"
    aspect = "\tSource Pixel Aspect Ratio\t1\n\tComp Pixel Aspect Ratio\t1\n"
    tail = "End of Keyframe Data\n"
    return f"Adobe After Effects {version} Keyframe Data\n\n{said}{aspect}\n" + "\n".join(blocks) + end + tail


def block(title: str, *keys: tuple[object, object, object], z: bool = False) -> str:
    deep = "\tZ pixels" if z else ""
    rows = "".join(f"\t{frame}\t{x}\t{y}" + ("\t0" if z else "") + "\t\n" for frame, x, y in keys)
    return f"{title}\n\tFrame\tX pixels\tY pixels{deep}\t\n{rows}"


POSITION = "Transform\tPosition"
ONE = block(POSITION, (0, 1.5, 2.5), (2, 3.5, 4), z=True)


def saved(folder: Path, content: str, name: str = "nose.txt", newline: str = "\r\n") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8", newline=newline)
    return path


def read(path: Path, n_frames: int = 9) -> TrackFile:
    return import_tracks(path, "after-effects", video(n_frames, 1001, (20, 12)))


def cells(content: str) -> list[object]:
    """Line by line, cell by cell, with numbers as such; blank lines count."""
    found: list[object] = []
    for line in content.split("\n"):
        for cell in line.rstrip("\r").split("\t"):
            plain = cell.replace(".", "", 1).replace("-", "", 1).isdigit()
            found.append(pytest.approx(float(cell), abs=1e-6) if plain else cell)
    return found


def raw(path: Path) -> str:
    return path.read_bytes().decode()


@needs_examples
def test_the_example_holds_the_truth(tmp_path: Path) -> None:
    example = VFX / "examples" / "ae_position_pt_A.txt"
    back = import_tracks(example, "after-effects", video(6))
    np.testing.assert_array_equal(back.state, the_truth().state[:1])
    np.testing.assert_allclose(back.xy, the_truth().xy[:1], atol=1e-3)
    done = export_tracks(the_truth(), tmp_path / "out", "after-effects", ExportOptions())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["01 pt_A.txt", "02 pt_B.txt"]
    assert "frame of its first key" in done.written.note
    assert cells(raw(tmp_path / "out" / "01 pt_A.txt")) == cells(raw(example))
    assert raw(tmp_path / "out" / "01 pt_A.txt").count("\r\n") == raw(example).count("\n")


@needs_examples
@pytest.mark.parametrize(("name", "example"), PINS.items())
def test_the_examples_of_corner_pins(name: str, example: str, tmp_path: Path) -> None:
    path = VFX / "examples" / example
    back = import_tracks(path, name, video(3))
    np.testing.assert_allclose(back.xy, the_quad(), atol=1e-3)
    assert [track.split(" ", 1)[1] for track in back.names] == ["top left", "top right", "bottom right", "bottom left"]
    export_tracks(back, tmp_path / "pin.txt", name, ExportOptions())
    assert cells(raw(tmp_path / "pin.txt")) == cells(raw(path))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=track_files)
def test_there_and_back(tracks: TrackFile, tmp_path: Path) -> None:
    """The folder of the run before is replaced."""
    kept = tracks.located & (tracks.state == State.VISIBLE)
    if not kept.any():
        return
    rows = np.flatnonzero(kept.any(axis=1))
    export_tracks(tracks, tmp_path / "out", "after-effects", ExportOptions())
    assert len(list((tmp_path / "out").iterdir())) == len(rows)
    back = import_tracks(tmp_path / "out", "after-effects", facts(tracks))
    np.testing.assert_array_equal(np.isfinite(back.xy).all(axis=2), kept[rows])
    np.testing.assert_allclose(back.xy[kept[rows]], tracks.xy[rows][kept[rows]], atol=2e-6)


@pytest.mark.parametrize("name", PINS)
def test_corner_pins_there_and_back(name: str, tmp_path: Path) -> None:
    """Whatever order the tracks have, corners come by their places."""
    tracks = pin(5)
    tracks.state[2, 3] = State.OCCLUDED
    shuffled = pin(5)
    for field in ("xy", "state"):
        getattr(shuffled, field)[:] = getattr(tracks, field)[[2, 0, 3, 1]]
    export_tracks(shuffled, tmp_path / "pin.txt", name, ExportOptions())
    back = import_tracks(tmp_path / "pin.txt", name, facts(tracks))
    shown = tracks.state == State.VISIBLE
    np.testing.assert_array_equal(np.isfinite(back.xy).all(axis=2), shown)
    np.testing.assert_allclose(back.xy[shown], tracks.xy[shown], atol=2e-6)
    with pytest.raises(InputError, match="four tracks"):
        export_tracks(make_tracks(3, 3, 0), tmp_path / "pin.txt", name, ExportOptions())


def test_rate_size_and_first_frame_stand_in_the_text(tmp_path: Path) -> None:
    tracks = make_tracks(1, 3, 0, labelled=1.0)
    tracks.state[:], tracks.xy[:], tracks.confidence[:] = State.VISIBLE, 3, 1
    options = ExportOptions(plate=Plate(1001, Fraction(24000, 1001), Fraction(4, 3)), start_frame=77)
    export_tracks(tracks, tmp_path / "texts", "after-effects", options)
    (path,) = (tmp_path / "texts").iterdir()
    written = path.read_text(encoding="utf-8")
    assert "\tUnits Per Second\t23.976\n\tSource Width\t20\n\tSource Height\t12\n" in written
    assert "\tSource Pixel Aspect Ratio\t1.333\n\tComp Pixel Aspect Ratio\t1.333\n" in written
    # After Effects counts from 0 whatever the plate's numbers are.
    assert "\n\t0\t3.500000\t3.500000\t0\t\n" in written
    tracks.state[:] = State.OCCLUDED
    with pytest.raises(InputError, match="no track has a visible position"):
        export_tracks(tracks, tmp_path / "out", "after-effects", options)


def test_gaps_are_left_out_or_filled(tmp_path: Path) -> None:
    tracks = make_tracks(1, 4, 0, labelled=1.0)
    tracks.state[:], tracks.confidence[:] = State.VISIBLE, 1
    tracks.xy[0] = [(0, 0), (9, 9), (4, 8), (6, 8)]
    tracks.state[0, 1] = State.OCCLUDED
    for hidden, expected in (("gap", None), ("linear", (2, 4))):
        export_tracks(tracks, tmp_path / hidden, "after-effects", ExportOptions(hidden=hidden))  # type: ignore[arg-type]
        back = import_tracks(tmp_path / hidden, "after-effects", facts(tracks))
        assert np.isnan(back.xy[0, 1]).all() if expected is None else tuple(back.xy[0, 1]) == expected


def test_names_and_their_order(tmp_path: Path) -> None:
    tracks = make_tracks(12, 2, 0, labelled=1.0)
    tracks.state[:], tracks.xy[:], tracks.confidence[:] = State.VISIBLE, 3, 1
    tracks.names = ["z", "../a/b", 'le"ft é', "z", *(["long " * 99] * 8)]
    done = export_tracks(tracks, tmp_path / "out", "after-effects", ExportOptions())
    names = import_tracks(tmp_path / "out", "after-effects", facts(tracks)).names
    assert list(names)[:4] == ["z", "a_b", "le_ft e", "z_2"]
    assert done.written.names['le"ft é'] == "le_ft e"
    assert (tmp_path / "out" / "02 a_b.txt").is_file()
    assert len(list((tmp_path / "out").iterdir())) == 12


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("version", ["5.0", "6.0", "8.0", "9.0"])
def test_versions_and_line_ends(newline: str, version: str, tmp_path: Path) -> None:
    back = read(saved(tmp_path, text(ONE, version=version), newline=newline))
    assert (list(back.names), counts(back)) == (["nose"], (1, 2))
    np.testing.assert_allclose(back.xy[0, [0, 2]], [(1, 2), (3, 3.5)])


def test_mixed_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "nose.txt"
    path.write_bytes(text(ONE).replace("\n", "\r\n", 12).encode("utf-8-sig"))
    assert counts(read(path)) == (1, 2)


def test_several_properties_in_one_text(tmp_path: Path) -> None:
    """Points of trackers and effects are tracks, one each; the rest is passed over."""
    blocks = (
        block("Motion Trackers\tTracker #1\tTrack Point #1\tFeature Center", (0, 5, 5)),
        block("Motion Trackers\tTracker #1\tTrack Point #1\tConfidence", (0, 1, 1)),
        block("Motion Trackers\tTracker #1\tTrack Point #2\tFeature Center", (1, 6, 6)),
        block("Effects\tPoint Control #1\tPoint #2", (2, 7, 7)),
        block("Effects\tADBE Point Control #2\tADBE Point Control-0001", (3, 8, 8)),
        "Transform\tScale\n\tFrame\tX percent\tY percent\tZ percent\t\n\t0\t100\t100\t100\t\n",
        block(POSITION, (4, 9, 9), z=True),
    )
    back = read(saved(tmp_path, text(*blocks), "shot.txt"))
    assert list(back.names) == [
        "shot Tracker #1 Track Point #1",
        "shot Tracker #1 Track Point #2",
        "shot Point Control #1",
        "shot ADBE Point Control #2",
        "shot Position",
    ]
    for row in range(5):
        np.testing.assert_allclose(back.xy[row, row], (4.5 + row, 4.5 + row))
    assert counts(back) == (5, 5)


def test_a_layers_own_position_is_in_the_composition_whatever_its_size(tmp_path: Path) -> None:
    back = read(saved(tmp_path, text(ONE, size=(100, 100))))
    np.testing.assert_allclose(back.xy[0, 0], (1, 2))


def test_display_names_of_corners(tmp_path: Path) -> None:
    """As the program's own copy has them: upper left, upper right, lower left, lower right."""
    words = ("Upper Left #2", "Upper Right #3", "Lower Left #4", "Lower Right #5")
    blocks = [block(f"Effects\tCorner Pin #1\t{word}", (0, n, n)) for n, word in enumerate(words)]
    back = read(saved(tmp_path, text(*blocks)))
    np.testing.assert_allclose(back.xy[:, 0, 0], [-0.5, 0.5, 2.5, 1.5])  # clockwise from the top left


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("something else\n", "line 1: this is no After Effects"),
        (text(ONE, version="10.0"), "line 1: version 10 of the keyframe text is not known here, 5.0 to 9.0 are"),
        (text(ONE, rate="25"), "line 3: the keys count 25 frames per second, the video has 24"),
        (text(ONE, rate="23,976"), "line 3: 23,976 has a decimal comma"),
        (
            text(block("Effects\tPoint Control #1\tPoint #2", (2, 7, 7)), size=(1920, 1080)),
            "line 4: the keys are of a layer of 1920x1080 pixels, the video has 20x12",
        ),
        (text(ONE).replace("\tSource Height\t12\n", ""), "does not say “Source Height”"),
        (text(ONE).partition("End of")[0], "the text is cut off"),
        (text(ONE) + text(ONE), "line 16: there is more after the end"),
        (text(block(POSITION, (0, "1,5", 2), z=True)), "line 11: 1,5 has a decimal comma"),
        (text(block(POSITION, (0, "x", 2), z=True)), "line 11: expected a number, not 'x'"),
        (text(block(POSITION, (0, "nan", 2), z=True)), "line 11: nan is not a finite number"),
        (text(block(POSITION, (0, 1, 2), (1.5, 1, 2), z=True)), "line 12: 1.5 is between two frames"),
        (text(block(POSITION, (0, 1, 2), (0, 1, 2), z=True)), "line 12: frame 0 is given twice"),
        (text(block(POSITION, (9, 1, 2), z=True)), "line 11: frame 9 is outside the video's 0 to 8"),
        (text(block(POSITION, (0, 1e9, 2), z=True)), "line 11: 1e\\+09, 2 cannot be a position"),
        (text(ONE.replace("\t0\t\n", "\n", 1)), "line 11: expected 4 values, found 3"),
        (text(ONE.replace("X pixels", "X percent")), "line 10: expected the columns Frame"),
        (text("Masks\tMask #1\tMask Shape\n\tFrame\t\n\t0\tx\t\n"), "no positions.*it has: Masks Mask #1 Mask Shape"),
        (
            text(block("Effects\tCorner Pin #1\tUpper Left #2", (0, 1, 1)), ONE),
            "line 13: the corner pin comes with a moving layer",
        ),
    ],
)
def test_a_bad_text_is_named_with_its_line(content: str, reason: str, tmp_path: Path) -> None:
    path = saved(tmp_path, content)
    with pytest.raises(InputError, match=f"nose.txt: .*{reason}"):
        read(path)


def test_one_bad_file_of_a_folder(tmp_path: Path) -> None:
    saved(tmp_path, text(ONE), "01 a.txt")
    saved(tmp_path, text(block(POSITION, (0, "1,5", 2), z=True)), "02 b.txt")
    with pytest.raises(InputError, match=r"02 b\.txt: line 11: 1,5 has a decimal comma"):
        read(tmp_path)


def test_folders_of_other_things(tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"there is no \.txt in this folder"):
        read(tmp_path)
    with pytest.raises(InputError, match="holds other things"):
        export_tracks(pin(), tmp_path, "after-effects", ExportOptions())
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]
