"""DUSTrack's annotation files."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tracker.files import InputError
from tracker.labels import ExportOptions, Source, VideoFacts, export_tracks, import_tracks

VIDEO = VideoFacts(np.arange(20), Fraction(1, 25), (400, 300))


def test_the_manuals_example(tmp_path: Path) -> None:
    layer = {
        "0": {"5": [120.3, 240.7], "10": [122.1, 241.5], "15": [123.8, 242.1]},
        "1": {"10": [131.8, 251], "5": [130.5, 250.2]},
        "2": {},
    }
    path = tmp_path / "video_annotations_manual.json"
    path.write_text(json.dumps(layer))
    back = import_tracks(path, "dustrack", VIDEO)
    assert list(back.names) == ["0", "1"]
    assert np.flatnonzero(back.state[1]).tolist() == [5, 10]
    np.testing.assert_allclose(back.xy[0, [5, 10, 15]], list(layer["0"].values()), rtol=1e-6)
    assert set(back.source[back.state > 0].tolist()) == {Source.IMPORTED}
    with pytest.raises(InputError, match="can only be imported"):
        export_tracks(back, tmp_path / "o.json", "dustrack", ExportOptions())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"0": {"5": [1, 2]', "line 1: this is no whole JSON"),
        ("[]", "no DUSTrack annotation"),
        ('{"0": 5}', "no DUSTrack annotation"),
        ('{"0": {"5": [1, 2]}, "0": {"6": [1, 2]}}', "'0' is given twice"),
        ('{"0": {"5": [1, 2], "5": [1, 3]}}', "'5' is given twice"),
        ('{"0": {"5": [1, 2], "05": [1, 3]}}', "track '0': frame 5 is given twice"),
        ('{"0": {"x": [1, 2]}}', "label '0': 'x' is no frame number"),
        ('{"0": {"5": [1]}}', r"label '0': frame 5 has no \[x, y\]"),
        ('{"0": {"5": ["1,5", 2]}}', r"label '0': frame 5 has no \[x, y\]"),
        ('{"0": {"5": [NaN, 2]}}', "nan, 2 cannot be a position"),
        ('{"0": {"20": [1, 2]}}', "frame 20 is outside the video's 0 to 19"),
        ('{"0": {"5": [NaN, NaN]}}', "not one position"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_reading_refuses(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(InputError, match=rf"bad\.json: .*{reason}"):
        import_tracks(tmp_path / "bad.json", "dustrack", VIDEO)
