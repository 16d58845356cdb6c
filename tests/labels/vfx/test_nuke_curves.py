"""Words of Tcl and curves, as Nuke writes them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracker.files import InputError
from tracker.labels.vfx.nuke_curves import Curve, Script, Word, curve_text

quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
key_frames = st.lists(st.integers(-50, 1200), unique=True, max_size=9).map(sorted)


def script(tmp_path: Path, text: str) -> Script:
    path = tmp_path / "s.nk"
    path.write_bytes(text.encode("utf-8"))
    return Script(path)


def read_curve(tmp_path: Path, text: str) -> Curve | float | None:
    found = script(tmp_path, f"Node {{\nknob {{{text}}}\n}}\n")
    return found.curve(found.nodes("Node")[0].knobs["knob"])


@pytest.mark.parametrize(
    ("text", "frames", "values"),
    [
        ("curve x1001 5 x1002 6.5", [1001, 1002], [5, 6.5]),
        ("curve K x1 1 x4 0 x5 1", [1, 4, 5], [1, 0, 1]),
        ("curve i x742 888 890.25 s95 891", [742, 743, 744], [888, 890.25, 891]),
        ("curve 7 8 9", [0, 1, 2], [7, 8, 9]),
        ("curve x1 196 326 440 x6 554 658 752", [1, 2, 3, 6, 9, 12], [196, 326, 440, 554, 658, 752]),
        ("curve x61 555 x62 548 545 x100 3 x103 2 1", [61, 62, 63, 100, 103, 106], [555, 548, 545, 3, 2, 1]),
        ("curve L l k x-3 1.5e-05 S s0.5 t-1e-3 u1 v.5 R x-1 2 C 3", [-3, -1, 1], [1.5e-5, 2, 3]),
        ("curve x5.0 -0.5", [5], [-0.5]),
        ("curve L x1 1 K x2 2", [1, 2], [1, 2]),
    ],
)
def test_the_grammar_of_curves(tmp_path: Path, text: str, frames: list[int], values: list[float]) -> None:
    assert read_curve(tmp_path, text) == Curve(frames, values)


@pytest.mark.parametrize("text", ["", "curve", "width", "curve(frame-1)", "$gui ? 1 : 2", "parent.to1.x", "nan", "inf"])
def test_expressions_and_empty_cells_are_passed_over(tmp_path: Path, text: str) -> None:
    assert read_curve(tmp_path, text) is None


def test_a_cell_may_be_one_number(tmp_path: Path) -> None:
    assert read_curve(tmp_path, "-12.5") == -12.5


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("curve x1 5,5", r"s.nk: line 2: '5,5' is no part of a curve \(numbers need a decimal point\)"),
        ("curve x1 5 xx2 6", "line 2: 'xx2' is no part of a curve"),
        ("curve x1 5 six 6", "line 2: 'six' is no part of a curve"),
        ("curve x1 5 x2", "line 2: the curve has no value at frame 2"),
        ("curve x1.5 5", "line 2: a curve has a key at 1.5, between two frames"),
        ("curve x1e300 5", "line 2: 1e.300 cannot be a frame's number"),
        ("curve xnan 5", "line 2: nan cannot be a frame's number"),
        ("curve x1 -inf", "line 2: a curve has a value that is not a finite number"),
    ],
)
def test_a_bad_curve_is_named_with_its_line(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        read_curve(tmp_path, text)


@quick
@given(frames=key_frames, explicit=st.lists(st.booleans(), min_size=9, max_size=9), letter=st.sampled_from("KLSRCi"))
def test_every_spelling_of_a_curve_says_the_same(
    tmp_path: Path, frames: list[int], explicit: list[bool], letter: str
) -> None:
    """A frame may be left out where the rule of steps gives it."""
    values = [frame / 4 for frame in frames]
    short = "curve"
    for at, (frame, value) in enumerate(zip(frames, values, strict=True)):
        follows = frames[at - 1] + (frames[at - 1] - frames[at - 2] if at > 1 else 1) if at else 0
        left_out = frame == follows and not explicit[at]
        short += f" {letter}" * explicit[at] + ("" if left_out else f" x{frame}") + f" {value}"
        short += " s2.5 t-1" * explicit[-at]
    full = curve_text(letter, np.array(frames, np.int64), np.array(values, np.float64))
    expected = Curve(frames, values) if frames else None
    assert read_curve(tmp_path, short) == read_curve(tmp_path, full[1:-1]) == expected


def quoted(text: str) -> str:
    """As Tcl wants it, so that nothing is substituted and no brace counts."""
    return '"' + "".join(f"\\{letter}" if letter in '"\\{}[]$;' else letter for letter in text) + '"'


@quick
@given(name=st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=12))
def test_any_text_can_stand_in_quotation_marks(tmp_path: Path, name: str) -> None:
    found = script(tmp_path, f"Node {{\n list {{ {{1 2}} {quoted(name)} {{}} }}\n}}\nNode {{\n}}\n")
    first, second = found.nodes("Node")
    assert [word.text for word in found.items(first.knobs["list"])] == ["1 2", name, ""]
    assert second.knobs == {}


def test_escapes_are_undone(tmp_path: Path) -> None:
    found = script(tmp_path, r'a "caf\u00e9 \"x\"\n\{ \ud800\u0000" b\ c' + "\n")
    assert [word.text for word in found.items(Word(found.text, 0, True, True))] == ["a", 'café "x" { ��', "b c"]


def test_a_whole_script_is_looked_through(tmp_path: Path) -> None:
    text = (
        "#! /usr/bin/nuke -nx {\n# a } comment\nversion 9.0 v1\nwindow_layout {<a b=\"{\" c='}'/>\n<d/>}\n"
        'set x [stack 0]\nGroup {\n name "a \\{ b"\n}\nGroup {\n\n}\nend_group\nOther {\n Node {\n }\n}\n'
    )
    found = script(tmp_path, text.replace("\n", "\r\n"))
    groups = found.nodes("Group")
    assert [(node.name, node.line) for node in groups] == [("a { b", 7), ("Group", 10)]
    assert found.nodes("Node") == []  # that one is a knob


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Node {\n a {1 2\n}\n", "line 1: this brace is never closed; the file is cut off"),
        ("Node {\n a {1 2}\n}\n}\n", "line 4: this brace closes nothing"),
        ('Node {\n a {1 2}\n}\nb "c\n', "line 4: this quotation mark is never closed"),
        ("Node {\n}\nb \\", "line 3: the file ends with a backslash"),
    ],
)
def test_a_script_that_is_not_whole(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        script(tmp_path, text).nodes("Node")
