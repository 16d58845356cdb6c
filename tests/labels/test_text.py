"""Reading and writing text."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.files import InputError
from tracker.labels.text import plain_names, read_text, rows, to_float, to_frame, write_text


@given(names=st.lists(st.text(max_size=8), max_size=8))
def test_plain_names_are_plain_and_no_two_alike(names: list[str]) -> None:
    made = plain_names(names)
    assert len({name.lower() for name in made}) == len(names)
    for name in made:
        assert name.isascii()
        assert name.replace("_", "a").isalnum()
        assert not name[0].isdigit()


def test_plain_names_keep_what_they_can() -> None:
    assert plain_names(["nose", "Nose", "left eye", "1", "é", "鼻"]) == [
        "nose",
        "Nose_2",
        "left_eye",
        "track_1",
        "e",
        "track",
    ]
    assert plain_names(["left eye", "2"], "A-Za-z0-9") == ["lefteye", "track2"]


@pytest.mark.parametrize("data", [b"a\nb\nc", b"a\r\nb\rc", b"\xef\xbb\xbfa\nb\r\nc"])
def test_any_line_end_and_mark_reads_alike(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "t.txt").write_bytes(data)
    assert read_text(tmp_path / "t.txt") == "a\nb\nc"


def test_western_windows_text_is_read(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes("Größe".encode("cp1252"))
    assert read_text(tmp_path / "t.txt") == "Größe"


@pytest.mark.parametrize(("data", "reason"), [(b"", "the file is empty"), (b"a\0b", "this is not a text file")])
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    (tmp_path / "t.txt").write_bytes(data)
    with pytest.raises(InputError, match=rf"t\.txt: {reason}"):
        read_text(tmp_path / "t.txt")
    with pytest.raises(InputError, match="this is a folder"):
        read_text(tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1,5", "line 7: 1,5 has a decimal comma; numbers need a point"),
        ("x", "line 7: expected a number, not 'x'"),
        ("nan", "line 7: nan is not a finite number"),
        ("1e999", "line 7: 1e999 is not a finite number"),
    ],
)
def test_a_bad_number_is_named(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        to_float(text, Path("t.txt"), 7)


@pytest.mark.parametrize("text", ["12.5", "1e300", "-1e10"])
def test_a_frame_is_a_whole_number(text: str) -> None:
    assert to_frame("12.00", Path("t.txt"), 1) == 12
    with pytest.raises(InputError, match=r"t\.txt: line 1"):
        to_frame(text, Path("t.txt"), 1)


def test_rows_and_line_ends(tmp_path: Path) -> None:
    write_text(tmp_path / "t.txt", ["é\n", rows("%d %s\n", [1, 2], ["a", "b"])], newline="\r\n")
    assert (tmp_path / "t.txt").read_bytes() == "é\r\n1 a\r\n2 b\r\n".encode()
