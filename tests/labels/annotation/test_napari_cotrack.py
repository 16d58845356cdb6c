"""The long CSV of napari-cotrack."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tracker.files import InputError
from tracker.labels import VideoFacts, import_tracks

VIDEO = VideoFacts(np.arange(4), Fraction(1, 25), (100, 50))
HEADER = "frame,bodypart,x,y,vis\n"


def put(path: Path, text: str, newline: str = "\n") -> Path:
    path.write_text(text, encoding="utf-8", newline=newline)
    return path


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_sparse_labels_and_dense_tracks(tmp_path: Path, newline: str) -> None:
    text = HEADER + '0,"thumb, left",1.5,2,1.0\n0,é,3,4,0.25\n3.0,"thumb, left",5,6,0\n2,é,,,1\n'
    back = import_tracks(put(tmp_path / "n.csv", text, newline), "napari-cotrack", VIDEO)
    assert list(back.names) == ["thumb, left", "é"]
    assert back.state.tolist() == [[1, 0, 0, 2], [2, 0, 0, 0]]
    assert back.xy[0, 3].tolist() == [5, 6]
    assert back.visibility[1, 0] == 0.25
    assert np.isnan(back.confidence).all()


def test_without_vis_all_is_visible(tmp_path: Path) -> None:
    back = import_tracks(put(tmp_path / "n.csv", "x,y,frame,bodypart\n1,2,0,a\n"), "napari-cotrack", VIDEO)
    assert back.state.tolist() == [[1, 0, 0, 0]]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("frame,x,y\n", "line 1: there is no column bodypart"),
        ("frame,bodypart,x,y,x\n0,a,1,2,1\n", "line 1: two columns have the same name"),
        (HEADER + "0,a,1,2,1\n0.5,a,1,2,1\n", "line 3: 0.5 is between two frames"),
        (HEADER + "0,a,1,2\n", "line 2: 4 cells instead of 5"),
        (HEADER + "0,a,1,b,1\n", "line 2: expected a number, not 'b'"),
        (HEADER + '0,a,"1,5",2,1\n', "line 2: 1,5 has a decimal comma"),
        (HEADER + "0,a,1,,1\n", "line 2: expected a number"),
        (HEADER + "0,a,1,2,2\n", "line 2: vis 2 is not between 0 and 1"),
        (HEADER + "0,a,1,2,1\n0,a,1,2,1\n", "line 3: frame 0 is given twice"),
        (HEADER + "4,a,1,2,1\n", "line 2: frame 4 is outside the video's 0 to 3"),
        (HEADER + "0,a,1e9,2,1\n", r"line 2: 1e\+09, 2 cannot be a position"),
        (HEADER, "not one position"),
        (HEADER + "0,a\0,1,2,1\n", "this is not a text file"),
    ],
)
def test_reading_refuses(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(InputError, match=rf"bad\.csv: {'.*' if 'not one' in reason else ''}{reason}"):
        import_tracks(put(tmp_path / "bad.csv", text), "napari-cotrack", VIDEO)
