"""Label Studio tasks with `VideoRectangle` regions (labelstud.io, "VideoRectangle" and "Label Studio task format").

Label Studio has no point in a video, so that each track is a region of small boxes, whose centre is the point. A
region's `sequence` holds `frame`, `time` in seconds, and x, y, width, height in percent of the picture from its
top-left corner. Between entries a region is interpolated as long as the earlier one is `enabled`; hence the last frame
before a gap is not. Frames count from 1 as in the program's own tasks, though its manual also says 0. The name is in
the region's `meta`, its group is the label.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.labels.annotation.json_file import read_json
from tracker.labels.conventions import FROM_1, RASTER_DOWN, Positions
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, register
from tracker.labels.keys import ReadTrack, TrackKeys, keys_of, tracks_from_keys
from tracker.labels.native import TrackFile
from tracker.labels.plate import Plate
from tracker.labels.text import write_text

BOX = 8.0  # pixels; large enough to be clicked
LARGEST = 1e9  # of any number in a box
NO_GROUP = "point"


def _percent(xy: Positions, size_wh: tuple[int, int], plate: Plate) -> Positions:
    return RASTER_DOWN.to_file(xy, size_wh, plate) * 100 / np.array(size_wh, np.float64)


def _from_percent(xy: Positions, size_wh: tuple[int, int], plate: Plate) -> Positions:
    return RASTER_DOWN.from_file(xy * np.array(size_wh, np.float64) / 100, size_wh, plate)


CONVENTION = replace(
    RASTER_DOWN,
    pixels="0 to 100 over the picture from its top-left corner, y down; boxes of 8 pixels around the point",
    origin="(0 to 100) from the top-left corner",
    frames=FROM_1,
    first=1,
    to_file=_percent,
    from_file=_from_percent,
)


def write_label_studio(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write one task with one annotation. Raises InputError where the path cannot be written."""
    keys = keys_of(tracks, options.hidden or "gap")
    write_text(path, _pieces(tracks, keys, options))
    return Written(len(keys), tracks.n_tracks - len(keys), sum(len(track.frames) for track in keys))


def _pieces(tracks: TrackFile, keys: list[TrackKeys], options: ExportOptions) -> Iterator[str]:
    seconds = (tracks.pts - tracks.pts[0]).astype(np.float64) * float(tracks.time_base)
    first = CONVENTION.first_number(options)
    box = BOX * 100 / np.array(tracks.size_wh, np.float64)
    template = (
        '{"frame":%d,"time":%.6f,"enabled":%s,"rotation":0,"x":%.7f,"y":%.7f,'
        f'"width":{box[0]:.7f},"height":{box[1]:.7f}}}'
    )
    yield f'[{{"data":{json.dumps({"video": options.plate.path or options.name})},\n"annotations":[{{"result":[\n'
    for number, track in enumerate(keys):
        corner = CONVENTION.to_file(track.xy, tracks.size_wh, options.plate) - box / 2
        goes_on = np.append(np.diff(track.frames) == 1, False)
        columns = (track.frames + first, seconds[track.frames], corner[:, 0], corner[:, 1])
        frames, times, xs, ys = (column.tolist() for column in columns)
        words = ["true" if on else "false" for on in goes_on.tolist()]
        head = {
            "id": f"track{track.row + 1}",
            "type": "videorectangle",
            "from_name": "box",
            "to_name": "video",
            "origin": "manual",
            "meta": {"text": [track.name]},
        }
        value = {
            "framesCount": tracks.n_frames,
            "duration": round(float(seconds[-1]), 6),
            "labels": [track.group or NO_GROUP],
        }
        yield (",\n" if number else "") + json.dumps(head)[:-1] + ', "value": ' + json.dumps(value)[:-1]
        yield ', "sequence": [\n'
        yield ",\n".join(map(template.__mod__, zip(frames, times, words, xs, ys, strict=True))) + "]}}"
        options.report(number + 1, len(keys))
    yield "]}]}]\n"


def read_label_studio(path: Path, video: VideoFacts) -> TrackFile:
    """Read the video rectangles of one task: the centres of their boxes, also where Label Studio interpolates them.

    Raises:
        InputError: not such a file, several tasks, of another video, or a region that cannot be one.
    """
    content = read_json(path)
    tasks = content if isinstance(content, list) else [content]
    if len(tasks) != 1:
        raise InputError(f"{path}: this file holds {len(tasks)} tasks; export one")
    try:
        done = tasks[0].get("annotations") or tasks[0].get("predictions") or []
        regions = [region for item in done for region in item["result"] if region.get("type") == "videorectangle"]
        found = [_track(path, region, video) for region in regions]
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: this is no Label Studio task with video rectangles ({error!r})") from error
    if len(done) > 1:
        raise InputError(f"{path}: the task has {len(done)} annotations; export one")
    return tracks_from_keys(path, video, CONVENTION, found)


def _track(path: Path, region: dict[str, Any], video: VideoFacts) -> ReadTrack:
    value, meta = region["value"], region.get("meta") or {}
    label = str((value.get("labels") or [NO_GROUP])[0])
    texts: Any = meta.get("text")
    name = str(texts[0] if isinstance(texts, list) and texts else texts or region["id"])
    count = value.get("framesCount", len(video.pts))
    if count != len(video.pts):
        raise InputError(f"{path}: region {name[:40]!r} is of {count} frames, the video has {len(video.pts)}")
    sequence = sorted(value["sequence"], key=lambda item: item["frame"])
    numbers = [[float(item[key]) for key in ("frame", "x", "y", "width", "height")] for item in sequence]
    boxes = np.array(numbers, np.float64).reshape(-1, 5)
    if not (np.abs(boxes) < LARGEST).all() or (boxes[:, 0] != np.round(boxes[:, 0])).any():
        raise InputError(f"{path}: region {name[:40]!r} has an entry that is no frame with a box")
    frames, xy = _filled(boxes, [bool(item.get("enabled", True)) for item in sequence], len(video.pts))
    return ReadTrack(name, frames.tolist(), list(map(tuple, xy.tolist())), group="" if label == NO_GROUP else label)


def _filled(
    boxes: NDArray[np.float64], enabled: list[bool], n_frames: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Frames and centres, with the frames between an enabled entry and the next one."""
    frames = boxes[:, 0].astype(np.int64)
    centres = boxes[:, 1:3] + boxes[:, 3:5] / 2
    gaps = np.diff(frames) - 1
    # A number beyond the video is an error that is found later; it must not fill the memory before.
    fill = np.flatnonzero((gaps > 0) & (gaps < n_frames) & np.array(enabled[:-1], np.bool_))
    between = [np.arange(frames[at] + 1, frames[at + 1]) for at in fill.tolist()]
    if not between:
        return frames, centres
    every = np.sort(np.concatenate([frames, *between]))
    return every, np.stack([np.interp(every, frames, centres[:, axis]) for axis in (0, 1)], axis=1)


register(
    Format(
        name="label-studio",
        title="Label Studio (experimental)",
        suffix=".json",
        audience="annotation",
        convention=CONVENTION,
        carries="positions of visible points, names (as notes of the region), groups (as labels)",
        loses="occluded against out of view, visibility, confidence, source, approval",
        rounding=1e-5,
        write=write_label_studio,
        read=read_label_studio,
        hidden=("gap", "linear"),
        untested="Nobody could try the file in Label Studio, whose manual contradicts itself about the first frame's "
        "number; compare the first key.",
    )
)
