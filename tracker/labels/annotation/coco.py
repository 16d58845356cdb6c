"""COCO keypoints with track ids (Lin et al., "Microsoft COCO: Common Objects in Context", 2014; cocodataset.org).

One category per group ("point" for tracks without one) with a single keypoint named `point`; one annotation per
labelled cell, tied together by `track_id` (and `attributes.object_id`, where other tools look); one image per frame
with `frame_id`, `video_id` and `pts`; ids count from 1. Names are in the list `tracks`.

*Coordinates.* Keypoints count pixels from 0, so that 0 is the centre of the first pixel, as inside Trackwright;
programs with a continuous raster add 0.5 (Detectron2 does). Numbers are written with nine digits, which name a float32
exactly. The box is that of the pixel in which the point lies; boxes count from the picture's corner.

*States.* v is 2 where the point is visible, 1 where it is hidden and its position thought to be known, 0 (and x = y =
0) where there is no position. Hidden and out of view, source, approval and the model's visibility are in `attributes`,
the confidence is the `score`.

Other people's keypoint files are read too: each keypoint of each instance becomes a track. Instances are told apart by
`track_id`, `attributes.track_id` or `attributes.object_id`; a frame's number is its `frame_id`, else the last number
in its file name.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.labels.annotation.coco_reader import VERSION, read_coco
from tracker.labels.conventions import OURS
from tracker.labels.formats import ExportOptions, Format, Written, register
from tracker.labels.native import TrackFile
from tracker.labels.table import Source, State
from tracker.labels.text import write_text

NO_GROUP = "point"

_ANNOTATION = (
    '{"id":%d,"image_id":%d,"category_id":%d,"track_id":%d,"keypoints":[%s,%s,%d],"num_keypoints":%d,'
    '"bbox":[%d,%d,%d,%d],"area":%d,"iscrowd":0%s,"attributes":{"object_id":%d,%s}}'
)


def write_coco(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write all tracks. Raises InputError where the path cannot be written."""
    write_text(path, _pieces(tracks, options))
    return Written(tracks.n_tracks, 0, int((tracks.state != State.UNLABELLED).sum()))


def _pieces(tracks: TrackFile, options: ExportOptions) -> Iterator[str]:
    groups = list(dict.fromkeys(tracks.groups)) or [""]
    category_of = {group: number for number, group in enumerate(groups, start=1)}
    width, height = tracks.size_wh
    first = OURS.first_number(options)
    yield '{"info":' + json.dumps({"description": "point tracks", "trackwright_version": VERSION})
    video = {"id": 1, "name": options.name, "width": width, "height": height, "length": tracks.n_frames}
    video["time_base"] = list(tracks.time_base.as_integer_ratio())
    yield f',\n"licenses":[],\n"videos":[{json.dumps(video)}],\n"images":[\n'
    yield ",\n".join(
        json.dumps(
            {
                "id": frame + 1,
                "file_name": f"{options.name}/{first + frame:06d}.png",
                "width": width,
                "height": height,
                "video_id": 1,
                "frame_id": first + frame,
                "pts": pts,
            }
        )
        for frame, pts in enumerate(tracks.pts.tolist())
    )
    yield '],\n"categories":[\n' + ",\n".join(_category(group, category_of[group]) for group in groups)
    yield '],\n"tracks":[\n' + ",\n".join(
        json.dumps({"id": row + 1, "name": name, "category_id": category_of[group], "video_id": 1})
        for row, (name, group) in enumerate(zip(tracks.names, tracks.groups, strict=True))
    )
    yield '],\n"annotations":[\n'
    yield from _annotations(tracks, [category_of[group] for group in tracks.groups], options)
    yield "]}\n"


def _category(group: str, number: int) -> str:
    return json.dumps(
        {
            "id": number,
            "name": group or NO_GROUP,
            "supercategory": "point",
            "keypoints": ["point"],
            "skeleton": [],
            "group": group,
        }
    )


def _annotations(tracks: TrackFile, categories: list[int], options: ExportOptions) -> Iterator[str]:
    """The labelled cells, one frame at a time."""
    words = _attribute_words()
    located = tracks.located
    written = 0
    for frame in range(tracks.n_frames):
        rows = np.flatnonzero(tracks.state[:, frame])
        known = located[rows, frame]
        state = tracks.state[rows, frame].astype(np.int64)
        code = (state * len(Source) + tracks.source[rows, frame]) * 2 + tracks.approved[rows, frame]
        xs, ys = (
            [f"{value:.9g}" for value in np.where(known, tracks.xy[rows, frame, axis], 0).tolist()] for axis in (0, 1)
        )
        one = known.astype(np.int64).tolist()
        numbers = (rows + 1).tolist()
        lines = zip(
            range(written + 1, written + 1 + len(rows)),
            [frame + 1] * len(rows),
            [categories[row] for row in rows.tolist()],
            numbers,
            *(xs, ys, np.where(known, np.where(state == State.VISIBLE, 2, 1), 0).tolist(), one),
            *(*np.rint(np.where(known[:, None], tracks.xy[rows, frame], 0)).astype(np.int64).T.tolist(), one, one, one),
            _optional(',"score":', tracks.confidence[rows, frame]),
            numbers,
            map(
                str.__add__,
                [words[each] for each in code.tolist()],
                _optional(',"visibility":', tracks.visibility[rows, frame]),
            ),
            strict=True,
        )
        if len(rows):
            yield (",\n" if written else "") + ",\n".join(map(_ANNOTATION.__mod__, lines))
        written += len(rows)
        options.report(frame + 1, tracks.n_frames)


def _attribute_words() -> list[str]:
    """The attributes of each state, source and approval, in the order in which a cell's code counts them."""
    return [
        f'"state":"{state.name.lower()}","source":"{source.name.lower()}","approved":{str(approved).lower()}'
        for state in State
        for source in Source
        for approved in (False, True)
    ]


def _optional(key: str, values: NDArray[np.float32]) -> list[str]:
    return [f"{key}{value:.9g}" if value == value else "" for value in values.tolist()]


register(
    Format(
        name="coco",
        title="COCO keypoints",
        suffix=".json",
        audience="annotation",
        records=True,
        convention=OURS,
        carries="all states, visibility, confidence (as score), source, approval, names, groups (as categories)",
        loses="positions that a tracker itself disowns, query points (the first visible cell when read back)",
        keeps=frozenset(
            {
                "xy",
                "state",
                "visibility",
                "confidence",
                "source",
                "approved",
                "names",
                "groups",
                "pts",
                "time_base",
                "size_wh",
            }
        ),
        write=write_coco,
        read=read_coco,
    )
)
