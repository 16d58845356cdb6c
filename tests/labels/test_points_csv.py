"""Query points as a person writes them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracker.files import InputError
from tracker.labels import read_points_csv

WIDTH, HEIGHT, COUNT = 64, 48, 30
points = st.tuples(
    st.integers(0, COUNT - 1),
    st.floats(-0.5, WIDTH - 1, width=32),
    st.floats(-0.5, HEIGHT - 1, width=32),
)


def read(tmp_path: Path, text: str) -> tuple[list[list[float]], list[str]]:
    (tmp_path / "p.csv").write_text(text, encoding="utf-8")
    found = read_points_csv(tmp_path / "p.csv", COUNT, WIDTH, HEIGHT)
    return found.queries.tolist(), found.names


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(points, min_size=1, max_size=5))
def test_points_come_back(rows: list[tuple[int, float, float]], tmp_path: Path) -> None:
    text = "frame,x,y\n" + "".join(f"{frame},{x!r},{y!r}\n" for frame, x, y in rows)
    queries, names = read(tmp_path, text)
    np.testing.assert_array_equal(np.array(queries, np.float32), np.array(rows, np.float32))
    assert names == [str(n + 1) for n in range(len(rows))]


def test_names_blank_lines_spaces_and_a_byte_order_mark(tmp_path: Path) -> None:
    text = "\ufeffframe, x, y, name\r\n0, 1, 2, nose\r\n\r\n3,4,5,\r\n"
    assert read(tmp_path, text) == ([[0, 1, 2], [3, 4, 5]], ["nose", "2"])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0,64,5", "the point 64, 5 is outside the 64x48 frame"),
        ("0,63.5,5", "outside"),
        ("0,5,-0.6", "outside"),
        ("30,5,5", "frame 30 is after the end, the video has frames 0 to 29"),
        ("-1,5,5", "frame -1 is not a whole number"),
        ("1.5,5,5", "frame 1.5 is not a whole number"),
        ("0,abc,5", "x is not a number: 'abc'"),
        ("0,5,nan", "y is not a finite number"),
        ("0,5", "2 values, the header names 3"),
        ("0,5,5,left,right", "5 values"),
    ],
)
def test_a_bad_line_is_named_by_its_number(tmp_path: Path, line: str, reason: str) -> None:
    with pytest.raises(InputError, match=f"p.csv: line 4: .*{reason}"):
        read(tmp_path, f"frame,x,y\n0,1,2\n\n{line}\n")


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "line 1: expected the header"), ("0,1,2\n", "line 1: expected the header"), ("frame,x,y\n", "no points")],
)
def test_a_file_without_header_or_points(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        read(tmp_path, text)


def test_a_missing_or_binary_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_points_csv(tmp_path / "none.csv", COUNT, WIDTH, HEIGHT)
    (tmp_path / "p.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InputError, match="not a UTF-8 text file"):
        read_points_csv(tmp_path / "p.csv", COUNT, WIDTH, HEIGHT)
