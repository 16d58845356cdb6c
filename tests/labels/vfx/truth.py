"""The tracks that the examples and the converter's files hold, and what every format of keys must do with tracks."""

import json
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.labels.made import facts
from tests.reference import ROOT
from tracker.files import InputError
from tracker.labels import ExportOptions, State, TrackFile, VideoFacts, export_tracks, find_format, import_tracks
from tracker.labels.plate import Plate

EXAMPLES, SAMPLES = ROOT / "vfx" / "examples", ROOT / "vfx" / "samples"
needs_files = pytest.mark.skipif(not EXAMPLES.is_dir(), reason=f"no examples of VFX formats in {EXAMPLES}")
HD = (1920, 1080)
GOLDEN_KEYS = (3, 39)  # tracks and keys of what the converter wrote


def clip(n_frames: int, size_wh: tuple[int, int] = HD, first: int = 1001, start: int | None = None) -> VideoFacts:
    """A video; `start` is the number that a person chose for its first frame."""
    return VideoFacts(np.arange(n_frames), Fraction(1, 24), size_wh, Plate(first_frame=first), start)


def counts(tracks: TrackFile) -> tuple[int, int]:
    """Tracks and keys."""
    return tracks.n_tracks, int(np.isfinite(tracks.xy).all(axis=2).sum())


def truth() -> TrackFile:
    """The two tracks of the examples."""
    said = json.loads((EXAMPLES / "ground_truth.json").read_text(encoding="utf-8"))
    tracks = clip(said["last_frame"] - said["first_frame"] + 1).empty(len(said["tracks"]))
    for row, track in enumerate(said["tracks"]):
        for key in track["samples"]:
            at = row, key["frame"] - said["first_frame"]
            tracks.xy[at], tracks.confidence[at] = (key["px"], key["py"]), key["conf"]
            tracks.state[at] = State.VISIBLE
    tracks.names = [track["name"] for track in said["tracks"]]
    return tracks


def assert_truth(tracks: TrackFile, atol: float = 1e-3) -> None:
    """Every key of the examples on its frame and in its place, and no other."""
    wanted = truth()
    np.testing.assert_array_equal(tracks.state, wanted.state)
    np.testing.assert_allclose(tracks.xy, wanted.xy, atol=atol)


def assert_golden(tracks: TrackFile, atol: float = 1.1e-3, dy: float = 0.0) -> None:
    """The converter's two parabolas, with frames 10 and 11 missing, and one more key of a third track."""
    assert counts(tracks) == GOLDEN_KEYS
    frames = np.array([*range(10), *range(12, 21)])
    x, up = 96.0 * frames, 10.8 * (frames - 10.0) ** 2
    for row, (right, down) in enumerate(((x, 1080 - up), (1920 - x, up))):
        np.testing.assert_array_equal(np.flatnonzero(np.isfinite(tracks.xy[row, :, 0])), frames)
        raster = tracks.xy[row, frames] + 0.5
        np.testing.assert_allclose(raster, np.stack([right, down + dy], axis=1), atol=atol)
    np.testing.assert_allclose(tracks.xy[2, 0] + 0.5, (970, 530 + dy), atol=atol)


def written(name: str, path: Path, start: int | None = None, plate: Plate | None = None) -> str:
    """The text that the examples' tracks become."""
    export_tracks(truth(), path, name, ExportOptions(plate=plate or Plate(), start_frame=start))
    return path.read_text(encoding="utf-8")


def words(text: str, atol: float = 1e-3) -> list[object]:
    """A text word by word, numbers as such, to be compared with another one."""
    return [pytest.approx(float(w), abs=atol) if re.fullmatch(r"-?\d+(\.\d+)?", w) else w for w in text.split()]


def assert_round_trip(tracks: TrackFile, name: str, folder: Path) -> None:
    """Visible cells come back on their frames and within the format's rounding; with none there is no file."""
    entry = find_format(name)
    path = folder / f"t{entry.suffix}"
    kept = tracks.located & (tracks.state == State.VISIBLE)
    if not kept.any():
        with pytest.raises(InputError, match="no key to write"):
            export_tracks(tracks, path, name, ExportOptions())
        return
    result = export_tracks(tracks, path, name, ExportOptions())
    rows = np.flatnonzero(kept.any(axis=1))
    assert (result.written.tracks, result.written.left_out) == (len(rows), tracks.n_tracks - len(rows))
    back = import_tracks(path, name, facts(tracks))
    np.testing.assert_array_equal(np.isfinite(back.xy).all(axis=2), kept[rows])
    np.testing.assert_array_equal(back.state == State.VISIBLE, kept[rows])
    np.testing.assert_allclose(back.xy[kept[rows]], tracks.xy[rows][kept[rows]], atol=entry.rounding + 2e-6)


def refused(name: str, path: Path, content: str | bytes, video: VideoFacts) -> str:
    """The sentence with which a file is refused."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as caught:
        import_tracks(path, name, video)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")
