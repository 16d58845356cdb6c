"""The training folders that CoTracker's Kubric reader takes.

`<root>/<sequence>/frames/000000.png …` and `<root>/<sequence>/<sequence>.npy`, a pickled dict of `coords` float32 (N,
T, 2) pixels, (0, 0) = centre of the top-left pixel, and `visibility` bool (N, T), which is **inverted: True means
occluded**; the published reader negates it.

The format takes every coordinate for true, also hidden ones. By itself ("mask") a cell whose position nobody vouches
for is written as NaN, and `<sequence>_valid.npy`, plain bool (N, T), says which cells may be used: training here
reads it, other readers do not know it. "drop" leaves out the tracks that have such a cell; "split" writes one
sequence per stretch in which the tracks are whole, named `<sequence>_<start>_<end>`, end exclusive.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError, atomic_output
from tracker.labels.conventions import OURS_IN_ORDER
from tracker.labels.formats import ExportOptions, Format, Frames, VideoFacts, Written, register, spans_by_extent
from tracker.labels.native import TrackFile
from tracker.labels.pictures import encode_picture
from tracker.labels.plain_pickle import dump_plain_npy, load_plain_npy
from tracker.labels.table import Source, State


def write_cotracker(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write one sequence below the folder `path`, or with "split" several; other sequences there are left alone.

    Raises:
        InputError: no track can be written, a folder in the way is not such a sequence, or the path cannot be written.
    """
    usable = tracks.located
    whole = (0, tracks.n_frames)
    if options.gaps == "split":
        groups = spans_by_extent(usable)
    elif options.gaps == "drop":
        groups = {whole: np.flatnonzero(usable.all(axis=1)).tolist()}
    else:
        groups = {whole: np.flatnonzero(usable.any(axis=1)).tolist()}
    groups = {extent: rows for extent, rows in groups.items() if rows}
    if not groups:
        raise InputError(
            f"{path}: no track has a position {'on every frame' if options.gaps == 'drop' else 'anywhere'}"
        )
    root = _root(path)
    written: set[int] = set()
    for (start, end), rows in groups.items():
        name = options.name if (start, end) == whole else f"{options.name}_{start:06d}_{end:06d}"
        _write_sequence(root / name, tracks, rows, (start, end), options)
        written.update(rows)
    cells = sum(int(usable[rows, start:end].sum()) for (start, end), rows in groups.items())
    holes = sum(int((~usable[rows, start:end]).sum()) for (start, end), rows in groups.items())
    note = (
        f"{holes} cells without a known position are NaN and false in the _valid.npy beside the labels" if holes else ""
    )
    return Written(len(written), tracks.n_tracks - len(written), cells, note)


def _root(path: Path) -> Path:
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        reason = "this is not a folder" if path.exists() else error.strerror
        raise InputError(f"{path}: {reason}") from error
    return path


def _write_sequence(
    folder: Path, tracks: TrackFile, rows: list[int], extent: tuple[int, int], options: ExportOptions
) -> None:
    if folder.exists() and not (folder / f"{folder.name}.npy").is_file():
        raise InputError(f"{folder}: this is there already and is no sequence of labels")
    assert options.frames is not None
    start, end = extent
    known = tracks.located[rows, start:end]
    coords = np.where(known[..., None], tracks.xy[rows, start:end], np.float32(np.nan))
    occluded = tracks.state[rows, start:end] != State.VISIBLE
    with atomic_output(folder) as part:
        (part / "frames").mkdir(parents=True)
        _write_pictures(part / "frames", options.frames, extent, ".jpg" if options.jpeg else ".png")
        with (part / f"{folder.name}.npy").open("wb") as handle:
            dump_plain_npy({"coords": coords, "visibility": occluded | ~known}, handle)
        np.save(part / f"{folder.name}_valid.npy", known)


def _write_pictures(folder: Path, frames: Frames, extent: tuple[int, int], suffix: str) -> None:
    start, end = extent
    for number, picture in enumerate(frames.frames(start, end)):
        (folder / f"{number:06d}{suffix}").write_bytes(encode_picture(picture, suffix))


def read_cotracker(path: Path, video: VideoFacts) -> TrackFile:
    """Read a sequence folder (or a root with only one) as imported tracks.

    Hidden cells become occluded; cells that the mask excludes, or that are not finite, unlabelled.

    Raises:
        InputError: not such a folder, or of another video.
    """
    folder = _find_sequence(path)
    labels = folder / f"{folder.name}.npy"
    content = load_plain_npy(labels)
    coords, occluded = _arrays(labels, content)
    if coords.shape[1] != len(video.pts):
        raise InputError(f"{labels}: the labels are of {coords.shape[1]} frames, the video has {len(video.pts)}")
    valid = np.isfinite(coords).all(axis=2) & read_mask(folder / f"{folder.name}_valid.npy", occluded.shape)
    tracks = video.empty(len(coords))
    tracks.xy[valid] = coords[valid]
    tracks.state[valid] = np.where(occluded[valid], State.OCCLUDED, State.VISIBLE)
    tracks.source[valid] = Source.IMPORTED
    tracks.query_from_first_visible()
    return tracks


def _find_sequence(path: Path) -> Path:
    if (path / f"{path.name}.npy").is_file():
        return path
    found = (
        [child for child in sorted(path.iterdir()) if (child / f"{child.name}.npy").is_file()] if path.is_dir() else []
    )
    if len(found) != 1:
        what = "holds several sequences, name one" if found else "this is no folder with <sequence>/<sequence>.npy"
        raise InputError(f"{path}: {what}")
    return found[0]


def _arrays(path: Path, content: Any) -> tuple[NDArray[np.floating[Any]], NDArray[np.bool_]]:
    try:
        coords, occluded = np.asarray(content["coords"]), np.asarray(content["visibility"])
    except (KeyError, TypeError, IndexError) as error:
        raise InputError(f"{path}: the labels lack coords or visibility") from error
    if coords.ndim != 3 or coords.dtype.kind != "f" or occluded.dtype != bool or coords.shape != (*occluded.shape, 2):
        raise InputError(f"{path}: coords and visibility do not fit together")
    return coords, occluded


def read_mask(path: Path, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which labels count, bool of `shape`; all where there is no such file.

    Raises:
        InputError: it is no plain array of bool of this shape.
    """
    if not path.exists():
        return np.ones(shape, np.bool_)
    try:
        mask = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: this is not a plain array") from error
    if mask.dtype != bool or mask.shape != shape:
        raise InputError(f"{path}: expected bool {shape}, this is {mask.dtype} {mask.shape}")
    return np.asarray(mask)


def _check(tracks: TrackFile, path: Path, options: ExportOptions, written: Written) -> str:
    """What is wrong with the sequence that was written, read back; the parts of a split export are not read."""
    if options.gaps == "split":
        return ""
    folder = path / options.name
    video = VideoFacts(tracks.pts, tracks.time_base, tracks.size_wh)
    try:
        back = read_cotracker(folder, video)
    except InputError as error:
        return str(error)
    usable = tracks.located
    rows = usable.all(axis=1) if options.gaps == "drop" else usable.any(axis=1)
    known = usable[rows]
    same = back.n_tracks == int(rows.sum()) and np.array_equal(back.xy[known], tracks.xy[rows][known])
    return "" if same and not np.isfinite(back.xy[~known]).any() else "positions differ"


register(
    Format(
        name="cotracker",
        title="CoTracker training folder",
        suffix="",
        audience="labels",
        convention=OURS_IN_ORDER,
        carries="position, occluded, and which cells may be used",
        keeps=frozenset({"pts", "time_base", "size_wh"}),
        loses="occluded against out of view, hidden cells without a position, visibility, confidence, source, "
        "approval, names",
        write=write_cotracker,
        read=read_cotracker,
        check=_check,
        gaps=("mask", "drop", "split"),
        needs_video=True,
    )
)
