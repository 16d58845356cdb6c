"""Nuke's CornerPin2D."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.labels.made import facts, make_tracks
from tests.labels.vfx.test_nuke_tracker import VFX, counts, needs_examples, video
from tracker.files import InputError
from tracker.labels import ExportOptions, State, TrackFile, export_tracks, import_tracks
from tracker.labels.vfx.nuke_corner_pin import CORNERS

SQUARE = np.array([(2, 3), (12, 2), (13, 9), (1, 8)], np.float32)  # top-left, top-right, bottom-right, bottom-left


def pin(n_frames: int = 3, seed: int = 0) -> TrackFile:
    """A square that trembles, its corners in their order."""
    tracks = make_tracks(4, n_frames, seed, labelled=1.0)
    tracks.state[:], tracks.confidence[:] = State.VISIBLE, 1
    tracks.xy[:] = SQUARE[:, None] + np.random.default_rng(seed).random((4, n_frames, 2)).astype(np.float32)
    return tracks


def knobs(path: Path) -> dict[str, list[float]]:
    """The numbers of to1, from1, …: x of all keys, then y."""
    found = {}
    for name, rest in re.findall(r"^((?:to|from)\d) \{(.*)\}$", path.read_text(), re.MULTILINE):
        found[name] = [float(word) for word in re.findall(r"(?<![x\d.])-?\d+(?:\.\d+)?(?![\d.])", rest)]
    return found


def the_quad() -> NDArray[np.float64]:
    """(4, 3, 2) corners as the example has them."""
    quad = json.loads((VFX / "examples" / "ground_truth_quad.json").read_text())["quad"]
    return np.array([quad[frame] for frame in sorted(quad)], np.float64).swapaxes(0, 1)


@needs_examples
def test_the_example_holds_the_truth(tmp_path: Path) -> None:
    example = VFX / "examples" / "nuke_cornerpin2d.nk"
    for name in ("nuke", "nuke-corner-pin"):
        back = import_tracks(example, name, video(3))
        assert tuple(back.names) == CORNERS
        np.testing.assert_allclose(back.xy, the_quad(), atol=1e-3)
    tracks = video(3).empty(4)
    tracks.xy[:], tracks.state[:] = the_quad(), State.VISIBLE
    export_tracks(tracks, tmp_path / "t.nk", "nuke-corner-pin", ExportOptions(name="quad"))
    mine, theirs = knobs(tmp_path / "t.nk"), knobs(example)
    assert sorted(mine) == sorted(theirs) == [f"{end}{n}" for end in ("from", "to") for n in range(1, 5)]
    for name, numbers in theirs.items():
        np.testing.assert_allclose(mine[name], numbers, atol=1e-6, err_msg=name)


@needs_examples
def test_a_script_of_nuke_itself() -> None:
    path = VFX / "samples" / "nuke" / "cornerpin.nk"
    back = import_tracks(path, "nuke-corner-pin", video(101, 1, (2048, 1556)))
    assert counts(back) == (4, 404)
    top_left, top_right, bottom_right, bottom_left = back.xy[:, 0]
    assert top_left[0] < top_right[0]
    assert bottom_left[0] < bottom_right[0]
    assert top_left[1] < bottom_left[1]
    assert top_right[1] < bottom_right[1]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(4)), seed=st.integers(0, 999), hide=st.tuples(st.integers(0, 3), st.integers(1, 4)))
def test_there_and_back(order: list[int], seed: int, hide: tuple[int, int], tmp_path: Path) -> None:
    """Whatever the order of the tracks, the corners come out as they lie; a hidden corner is a gap in its curve."""
    tracks = pin(5, seed)
    mixed = pin(5, seed)
    tracks.state[hide], tracks.xy[hide] = State.OCCLUDED, np.nan
    mixed.xy, mixed.state = tracks.xy[order], tracks.state[order]
    export_tracks(mixed, tmp_path / "t.nk", "nuke-corner-pin", ExportOptions())
    back = import_tracks(tmp_path / "t.nk", "nuke-corner-pin", facts(tracks))
    np.testing.assert_allclose(back.xy, tracks.xy, atol=2e-6)


def test_what_is_pinned(tmp_path: Path) -> None:
    """The whole plate, or the four points as they lie on the frame of reference."""
    tracks, path = pin(), tmp_path / "t.nk"
    export_tracks(tracks, path, "nuke-corner-pin", ExportOptions())
    numbers = knobs(path)
    assert [numbers[f"from{n}"] for n in (1, 2, 3, 4)] == [[0, 0], [20, 0], [20, 12], [0, 12]]
    export_tracks(tracks, path, "nuke-corner-pin", ExportOptions(reference_frame=2, name="x"))
    numbers = knobs(path)
    for n in (1, 2, 3, 4):
        x, y = numbers[f"to{n}"][:3], numbers[f"to{n}"][3:]
        assert numbers[f"from{n}"] == [x[2], y[2]]
    np.testing.assert_allclose(numbers["from1"], tracks.xy[3, 2] * (1, -1) + (0.5, 11.5), atol=1e-6)
    assert "\nname CornerPin_x\n" in path.read_text()


def test_the_corner_pin_that_mocha_exports(tmp_path: Path) -> None:
    """Mocha's "Nuke Corner Pin": the node with the plate's own corners bound to the picture's size."""
    curves = [f"{{curve i x1 {x} {x + 1}}} {{curve i x1 {y} {y}}}" for x, y in ((2, 3), (12, 2), (13, 9), (1, 8))]
    sizes = ["0 0", "{width} 0", "{width} {height}", "0 {height}"]
    lines = [f" to{n} {{{curve}}}" for n, curve in enumerate(curves, 1)]
    lines += [f" from{n} {{{size}}}" for n, size in enumerate(sizes, 1)]
    text = "\r\n".join(["CornerPin2D {", *lines, " invert false", ' label "mocha {1\\}"', " name CornerPin1", "}", ""])
    (tmp_path / "t.nk").write_bytes(text.replace("{1\\}", "\\{1\\}").encode())
    back = import_tracks(tmp_path / "t.nk", "nuke-corner-pin", video(2, 1, (20, 12)))
    assert tuple(back.names) == CORNERS
    np.testing.assert_allclose(back.xy[:, 0], [(0.5, 3.5), (12.5, 2.5), (11.5, 9.5), (1.5, 8.5)])


def test_four_corners_are_needed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a corner pin is made of four tracks, these are 3"):
        export_tracks(make_tracks(3, 3, 0), tmp_path / "t.nk", "nuke-corner-pin", ExportOptions())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Tracker4 {\n}\n", "t.nk: there is no CornerPin2D node"),
        ("\nCornerPin2D {\n to1 {5 5}\n to2 {{width} 0}\n}\n", "line 2: no corner of the CornerPin2D node has keys"),
        ("CornerPin2D {\n to1 {{curve x1 1,5} {curve x1 2}}\n}\n", "line 2: '1,5' is no part of a curve"),
        ("CornerPin2D {\n to1 {{curve x1 1} {curve x2 2}}\n}\n", "line 2: x and y of the track 'bottom-left' have no"),
        ("CornerPin2D {\n to1 {{curve x9 1} {curve x9 2}}\n}\n", "line 2: frame 9 is outside the video's 1 to 2"),
        ("CornerPin2D {\n to1 {{curve x1 1} {curve x1 2}\n}\n", "line 1: this brace is never closed"),
    ],
)
def test_a_bad_script_is_named_with_its_line(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "t.nk").write_text(text)
    with pytest.raises(InputError, match=reason):
        import_tracks(tmp_path / "t.nk", "nuke-corner-pin", video(2, 1, (20, 12)))
