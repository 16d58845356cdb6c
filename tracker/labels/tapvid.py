"""TAP-Vid pickles (Doersch et al., "TAP-Vid: A Benchmark for Tracking Any Point in a Video", 2022), as DAVIS uses them.

A dict of records by video name (DAVIS, RoboTAP) or a list of records (RGB-Stacking, Kinetics); a record is `video`
uint8 (T, H, W, 3) RGB or (T,) JPEG bytes, `points` float32 (N, T, 2) x and y, normalised, and `occluded` bool (N, T).
Programs tell the data sets by the names of their files, and so does the writer: `0000_of_0010.pkl` becomes a shard of
Kinetics, a list with JPEG pictures, and a name with `rgb_stacking` a list; every other name a dict.

*Coordinates.* The published loaders do not agree on what the normalised numbers mean, so it is an option:

* "W" (default): x / W of our centre-origin pixel index; `generate_tapvid.py` stores `(corner_px - 0.5) / W`, which is
  this.
* "W-1": x / (W - 1), for CoTracker's loader, which multiplies by W - 1 and counts from the centre of the first pixel.
* "raster": (x + 0.5) / W, the raster coordinates in which the benchmark's DAVIS annotations and TAPIR are.

At the right and bottom edges "W" and "W-1" are one pixel apart.

*Unlabelled cells* do not exist in the format: every cell is visible or occluded. A track with a gap is left out
("drop") or cut into records of the frames on which it is labelled ("split", named `<name>_<start>_<end>`, end
exclusive). The positions of occluded cells mean nothing in the format; where ours is not known it is 0, the published
files' filler. Occluded and out of view become one.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError, atomic_output
from tracker.labels.conventions import OURS_IN_ORDER
from tracker.labels.formats import (
    ExportOptions,
    Format,
    Frames,
    Normalisation,
    VideoFacts,
    Written,
    register,
    spans_by_extent,
)
from tracker.labels.keys import FARTHEST
from tracker.labels.native import TrackFile
from tracker.labels.pictures import encode_picture
from tracker.labels.plain_pickle import dump_plain, load_plain
from tracker.labels.table import Source, State

CONVENTION = replace(
    OURS_IN_ORDER,
    pixels="0 to 1, x / W and y / H from the centre of the top-left pixel, y down; two other ways to choose",
)
RAW_LIMIT = 4 << 30  # bytes of raw pictures that one pickle may hold; a pickle is made in memory, twice over


def normalise(xy: NDArray[np.float32], size_wh: tuple[int, int], how: Normalisation) -> NDArray[np.float32]:
    """Our pixels (…, 2) to the numbers in the file, float32; see the module's text."""
    size = np.array(size_wh, np.float64)
    if how == "W-1":
        return (xy / np.maximum(size - 1, 1)).astype(np.float32)
    return ((xy + (0.5 if how == "raster" else 0.0)) / size).astype(np.float32)


def denormalise(points: NDArray[Any], size_wh: tuple[int, int], how: Normalisation) -> NDArray[np.float32]:
    """The inverse of `normalise`."""
    size = np.array(size_wh, np.float64)
    if how == "W-1":
        return (points * np.maximum(size - 1, 1)).astype(np.float32)
    return (points * size - (0.5 if how == "raster" else 0.0)).astype(np.float32)


def write_tapvid(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write one pickle with one record, or with "split" one per labelled stretch.

    Raises:
        InputError: no track can be written, raw pictures would take over 4 GiB, or the path cannot be written.
    """
    assert options.frames is not None
    labelled = tracks.state != State.UNLABELLED
    visible = tracks.located & (tracks.state == State.VISIBLE)
    # A visible cell without a position says nothing that the format could hold.
    usable = labelled & (visible | (tracks.state != State.VISIBLE))
    whole = {(0, tracks.n_frames): np.flatnonzero(usable.all(axis=1)).tolist()}
    groups = spans_by_extent(usable) if options.gaps == "split" else whole
    shard = re.fullmatch(r"\d{4}_of_\d{4}", path.stem) is not None
    options = replace(options, jpeg=options.jpeg or shard)
    records: dict[str, Any] = {}
    written: set[int] = set()
    for (start, end), rows in groups.items():
        rows = [row for row in rows if visible[row, start:end].any()]  # a track that is never visible has no query
        if not rows:
            continue
        name = options.name if (start, end) == (0, tracks.n_frames) else f"{options.name}_{start:06d}_{end:06d}"
        records[name] = _record(tracks, rows, start, end, options)
        written.update(rows)
    if not records:
        raise InputError(f"{path}: no track is labelled on every frame and visible on one; gaps 'split' keeps the rest")
    with atomic_output(path) as part, part.open("wb") as handle:
        dump_plain(list(records.values()) if shard or "rgb_stacking" in path.stem else records, handle)
    cells = sum(record["occluded"].size for record in records.values())
    return Written(len(written), tracks.n_tracks - len(written), cells)


def _record(tracks: TrackFile, rows: list[int], start: int, end: int, options: ExportOptions) -> dict[str, Any]:
    assert options.frames is not None
    hidden = tracks.state[rows, start:end] != State.VISIBLE
    points = normalise(tracks.xy[rows, start:end], tracks.size_wh, options.normalisation)
    points[~tracks.located[rows, start:end]] = 0.0
    return {"video": _pictures(options.frames, start, end, options.jpeg), "points": points, "occluded": hidden}


def _pictures(frames: Frames, start: int, end: int, jpeg: bool) -> NDArray[Any]:
    if jpeg:
        return np.array(list(_jpegs(frames, start, end)))
    shape = (end - start, frames.height, frames.width, 3)
    if np.prod(shape, dtype=np.int64) > RAW_LIMIT:
        raise InputError(
            f"{end - start} raw frames would take {np.prod(shape, dtype=float) / 2**30:.0f} GiB; store JPEG"
        )
    pictures = np.empty(shape, np.uint8)
    for index, picture in enumerate(frames.frames(start, end)):
        pictures[index] = picture
    return pictures


def _jpegs(frames: Frames, start: int, end: int) -> Iterator[bytes]:
    for picture in frames.frames(start, end):
        yield encode_picture(picture, ".jpg")


def read_tapvid(path: Path, video: VideoFacts) -> TrackFile:
    """Read one record as imported tracks: all cells labelled, positions only where visible.

    Args:
        path: a pickle, a dict by name or a list of records.
        video: of the record; says what the numbers mean and the record's name, or its number in a list, which may be
            left out where there is only one.

    Raises:
        InputError: not such a file, no such record, or the record is of another video.
    """
    name, content = _choose(path, video.record)
    try:
        pictures, points, occluded = content["video"], np.asarray(content["points"]), np.asarray(content["occluded"])
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise InputError(f"{path}: the record {name} lacks video, points or occluded") from error
    if not isinstance(pictures, np.ndarray | list) or occluded.dtype.kind not in "biu" or occluded.ndim != 2:
        raise InputError(f"{path}: the record {name} has no array of pictures or of occluded")
    n_frames, size_wh = _video_size(path, name, pictures)
    if points.shape != (*occluded.shape, 2) or points.dtype.kind != "f" or occluded.shape[1:] != (n_frames,):
        raise InputError(
            f"{path}: points and occluded of the record {name} do not fit together or its {n_frames} frames"
        )
    if n_frames != len(video.pts) or size_wh != video.size_wh:
        raise InputError(
            f"{path}: the record {name} has {n_frames} frames of {size_wh[0]}x{size_wh[1]}, the video "
            f"{len(video.pts)} of {video.size_wh[0]}x{video.size_wh[1]}"
        )
    far = np.isfinite(points) & (np.abs(points) > FARTHEST / min(size_wh))
    if far[~occluded.astype(bool)].any():
        raise InputError(f"{path}: the record {name} has a point that cannot be a position in this picture")
    tracks = video.empty(len(points))
    visible = ~occluded.astype(bool) & np.isfinite(points).all(axis=2)
    tracks.state[:] = np.where(occluded, State.OCCLUDED, np.where(visible, State.VISIBLE, State.UNLABELLED))
    tracks.xy[visible] = denormalise(points[visible], size_wh, video.normalisation)
    tracks.source[tracks.state != State.UNLABELLED] = Source.IMPORTED
    tracks.query_from_first_visible()
    return tracks


def read_records(path: Path, prefix: str = "") -> dict[str, Any]:
    """The records of a pickle by name; those of a list are named by their number, after `prefix`.

    Raises:
        InputError: it cannot be read, holds code, or no records.
    """
    try:
        with path.open("rb") as handle:
            content = load_plain(handle, path)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or 'cannot be read'}") from error
    if isinstance(content, list):
        content = {f"{prefix}{number}": item for number, item in enumerate(content)}
    if not isinstance(content, dict) or not content:
        raise InputError(f"{path}: this pickle holds no TAP-Vid records")
    return {str(name): item for name, item in content.items()}


def _choose(path: Path, record: str | None) -> tuple[str, Any]:
    content = read_records(path)
    names = list(content)
    if record is None and len(names) > 1:
        raise InputError(f"{path}: which record is meant: {', '.join(names[:20])}?")
    wanted = names[0] if record is None else record
    if wanted not in names:
        raise InputError(f"{path}: there is no record {wanted}, the records are {', '.join(names[:20])}")
    return wanted, content[wanted]


def _video_size(path: Path, name: str, pictures: Any) -> tuple[int, tuple[int, int]]:
    if isinstance(pictures, np.ndarray) and pictures.ndim == 4:
        return len(pictures), (pictures.shape[2], pictures.shape[1])
    if len(pictures) and isinstance(pictures[0], bytes) and pictures[0]:
        first = cv2.imdecode(np.frombuffer(pictures[0], np.uint8), cv2.IMREAD_COLOR)
        if first is not None:
            return len(pictures), (first.shape[1], first.shape[0])
    raise InputError(f"{path}: the video of the record {name} is neither frames nor JPEG pictures")


register(
    Format(
        name="tapvid",
        title="TAP-Vid pickle",
        suffix=".pkl",
        audience="labels",
        records=True,
        convention=CONVENTION,
        carries="position and occluded, of every frame",
        keeps=frozenset({"pts", "time_base", "size_wh"}),
        loses="positions of hidden points, occluded against out of view, visibility, confidence, source, approval, "
        "names, tracks with unlabelled gaps (unless split)",
        write=write_tapvid,
        read=read_tapvid,
        gaps=("drop", "split"),
        needs_video=True,
        normalised=True,
    )
)
