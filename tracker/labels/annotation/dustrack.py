"""DUSTrack's annotation files, `<video>_annotations_<layer>.json` (its manual, "Key Design Concepts").

An object of labels ("0", "1", …), each an object of frame numbers from 0 to `[x, y]` in pixels of the picture as
matplotlib shows it, where 0 is the centre of the first pixel. The file says nothing of hidden points.
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from tracker.files import InputError
from tracker.labels.annotation.json_file import read_json
from tracker.labels.conventions import OURS
from tracker.labels.formats import Format, VideoFacts, register
from tracker.labels.keys import ReadTrack, tracks_from_keys
from tracker.labels.native import TrackFile

CONVENTION = replace(OURS, fixed=True)


def read_dustrack(path: Path, video: VideoFacts) -> TrackFile:
    """Read one layer; labels become tracks of their names, those without a point leave no track.

    Raises:
        InputError: not such a file, a label or frame given twice, a frame that the video lacks.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        for key, count in Counter(key for key, _ in pairs).items():
            if count > 1:
                raise InputError(f"{path}: {key[:40]!r} is given twice")
        return dict(pairs)

    content = read_json(path, each_pairs=unique)
    if not isinstance(content, dict) or not all(isinstance(points, dict) for points in content.values()):
        raise InputError(f"{path}: this is no DUSTrack annotation, an object of labels with frames and [x, y]")
    found = [_track(path, label, points) for label, points in content.items() if points]
    return tracks_from_keys(path, video, CONVENTION, found)


def _track(path: Path, label: str, points: dict[str, Any]) -> ReadTrack:
    track = ReadTrack(label)
    for frame, place in points.items():
        if not (frame.isascii() and frame.isdigit() and len(frame) < 10):
            raise InputError(f"{path}: label {label[:40]!r}: {frame[:40]!r} is no frame number")
        numbers = isinstance(place, list) and all(type(value) in (int, float) for value in place)
        if not numbers or len(place) != 2:
            raise InputError(f"{path}: label {label[:40]!r}: frame {frame} has no [x, y]")
        if not all(value != value for value in place):  # a point taken away may stay as NaN
            track.add(int(frame), *place)
    return track


register(
    Format(
        name="dustrack",
        title="DUSTrack",
        suffix=".json",
        audience="annotation",
        convention=CONVENTION,
        carries="visible points, labels",
        loses="nothing of what it holds",
        read=read_dustrack,
        untested="The layout follows DUSTrack's manual; no file of the program was compared.",
    )
)
