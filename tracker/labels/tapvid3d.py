"""The npz of TAPVid-3D (Koppula et al., "TAPVid-3D: A Benchmark for Tracking Any Point in 3D", 2024) for points in 2D.

One file per video, time first: `images_jpeg_bytes` (T,), `queries_xyt` float32 (N, 3), `visibility` bool (T, N), as
published; in the place of `tracks_XYZ` (T, N, 3) metres and `fx_fy_cx_cy` stands `tracks_xy` float32 (T, N, 2) pixels.
Besides, `valid` bool (T, N) says which positions somebody vouches for (NaN and invisible elsewhere), and `pts`,
`time_base`, `size_wh` and `names` are as in the native track file.

*Coordinates.* The continuous raster: the intrinsics of the benchmark have their principal point at half the size.
Published files are read too: what `tracks_XYZ` is in the picture follows from the intrinsics, behind the camera there
is nothing. Their pictures are pickled objects; they are read without running anything. Ours are plain byte strings.
"""

import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError, atomic_output
from tracker.labels.conventions import FROM_0, RASTER_DOWN
from tracker.labels.formats import ExportOptions, Format, Frames, VideoFacts, Written, register
from tracker.labels.keys import FARTHEST
from tracker.labels.native import TrackFile
from tracker.labels.pictures import encode_picture
from tracker.labels.plain_pickle import load_plain
from tracker.labels.table import Source, State

CONVENTION = replace(RASTER_DOWN, frames=FROM_0, first=0, fixed=True)
LARGEST = 8 << 30  # bytes of one array in a file


def write_tapvid3d(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write all tracks that have a position.

    Raises:
        InputError: there is none, or the path cannot be written.
    """
    located = tracks.located
    rows = np.flatnonzero(located.any(axis=1))
    if not len(rows):
        raise InputError(f"{path}: no track has a position anywhere")
    assert options.frames is not None
    known = located[rows]
    xy = CONVENTION.to_file(tracks.xy[rows].astype(np.float64), tracks.size_wh, options.plate)
    queries = tracks.query_points[rows][:, [1, 2, 0]] + np.array([0.5, 0.5, 0])
    arrays = {
        "images_jpeg_bytes": np.array(list(_jpegs(options.frames, options))),
        "queries_xyt": queries.astype(np.float32),
        "tracks_xy": np.where(known[..., None], xy, np.nan).astype(np.float32).swapaxes(0, 1),
        "visibility": (known & (tracks.state[rows] == State.VISIBLE)).T,
        "valid": known.T,
        "pts": tracks.pts,
        "time_base": np.array(tracks.time_base.as_integer_ratio(), np.int64),
        "size_wh": np.array(tracks.size_wh, np.int64),
        "names": np.array([tracks.names[row] for row in rows.tolist()], np.str_),
    }
    with atomic_output(path) as part, part.open("wb") as handle:
        np.savez(handle, **arrays)
    return Written(len(rows), tracks.n_tracks - len(rows), int(known.sum()))


def _jpegs(frames: Frames, options: ExportOptions) -> Iterator[bytes]:
    for number, picture in enumerate(frames.frames(0, frames.frame_count), start=1):
        yield encode_picture(picture, ".jpg")
        options.report(number, frames.frame_count)


def read_tapvid3d(path: Path, video: VideoFacts) -> TrackFile:
    """Read tracks, ours or those of a published file.

    Raises:
        InputError: not such a file, damaged, or of another video.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(path, archive, video)
    except OSError as error:
        reason = "this is a folder" if path.is_dir() else error.strerror or "cannot be read"
        raise InputError(f"{path}: {reason}") from error
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, MemoryError) as error:
        raise InputError(f"{path}: this is no whole .npz file") from error


def _read(path: Path, archive: zipfile.ZipFile, video: VideoFacts) -> TrackFile:
    visible = _array(path, archive, "visibility", "b", 2)
    n_frames, n_tracks = visible.shape
    if n_frames != len(video.pts):
        raise InputError(f"{path}: the labels are of {n_frames} frames, the video has {len(video.pts)}")
    _check_size(path, archive, video)
    if "tracks_xy.npy" in archive.namelist():
        xy = _array(path, archive, "tracks_xy", "f", 3)
        valid = _array(path, archive, "valid", "b", 2) if "valid.npy" in archive.namelist() else visible
    else:
        xyz = _array(path, archive, "tracks_XYZ", "f", 3)
        xy, valid = _project(path, xyz, _array(path, archive, "fx_fy_cx_cy", "f", 1)), visible
    if xy.shape != (n_frames, n_tracks, 2) or valid.shape != visible.shape:
        raise InputError(f"{path}: the positions do not fit the {n_tracks} tracks of {n_frames} frames")
    valid = (valid & np.isfinite(xy).all(axis=2)).T
    place = CONVENTION.from_file(xy.swapaxes(0, 1), video.size_wh, video.plate)
    if not (np.abs(place[valid]) < FARTHEST).all():
        raise InputError(f"{path}: a position is too far from the picture to be one")
    tracks = video.empty(n_tracks)
    inside = ((place >= -0.5) & (place <= np.array(video.size_wh) - 0.5)).all(axis=2)
    hidden = np.where(inside, State.OCCLUDED, State.OUT_OF_VIEW)
    tracks.xy[valid] = place[valid]
    tracks.state[valid] = np.where(visible.T, State.VISIBLE, hidden)[valid]
    tracks.source[valid] = Source.IMPORTED
    if "names.npy" in archive.namelist():
        names = _array(path, archive, "names", "U", 1).tolist()
        tracks.names = names if len(names) == n_tracks else tracks.names
    tracks.query_from_first_visible()
    return tracks


def _project(path: Path, xyz: NDArray[Any], intrinsics: NDArray[Any]) -> NDArray[np.float64]:
    """Metres in the camera's frame to pixels of the raster; NaN behind the camera."""
    if xyz.shape[-1] != 3 or intrinsics.shape != (4,):
        raise InputError(f"{path}: tracks_XYZ or fx_fy_cx_cy has another shape")
    depth = np.where(xyz[..., 2:] > 0, xyz[..., 2:].astype(np.float64), np.nan)
    return xyz[..., :2] / depth * intrinsics[:2] + intrinsics[2:]


def _check_size(path: Path, archive: zipfile.ZipFile, video: VideoFacts) -> None:
    pictures = _array(path, archive, "images_jpeg_bytes", "SO", 1)
    if len(pictures) != len(video.pts):
        raise InputError(f"{path}: the file has {len(pictures)} pictures, the video has {len(video.pts)}")
    first = pictures[0] if len(pictures) and isinstance(pictures[0], bytes) else b""
    picture = cv2.imdecode(np.frombuffer(first, np.uint8), cv2.IMREAD_COLOR) if first else None
    if picture is None:
        raise InputError(f"{path}: the first picture is no JPEG")
    if (picture.shape[1], picture.shape[0]) != video.size_wh:
        raise InputError(
            f"{path}: the pictures are {picture.shape[1]}x{picture.shape[0]}, the video is "
            f"{video.size_wh[0]}x{video.size_wh[1]}"
        )


def _array(path: Path, archive: zipfile.ZipFile, name: str, kinds: str, dimensions: int) -> NDArray[Any]:
    """One array of the file. Raises InputError where it is missing, damaged, or of other kinds or dimensions."""
    try:
        entry = archive.getinfo(f"{name}.npy")
    except KeyError as error:
        raise InputError(f"{path}: this is no TAPVid-3D file, it has no {name}") from error
    if entry.file_size > LARGEST:
        raise InputError(f"{path}: {name} takes over {LARGEST >> 30} GiB")
    content = io.BytesIO(archive.read(entry))
    try:
        array = _objects(path, content) if "O" in kinds else None
        if array is None:
            content.seek(0)
            array = np.lib.format.read_array(content, allow_pickle=False)
    except InputError:
        raise
    except (ValueError, EOFError, SyntaxError, TypeError) as error:
        raise InputError(f"{path}: {name} is damaged or no plain array") from error
    if array.dtype.kind not in kinds or array.ndim != dimensions:
        raise InputError(f"{path}: {name} is {array.dtype} {array.shape}")
    return array


def _objects(path: Path, content: io.BytesIO) -> NDArray[Any] | None:
    """An array of pickled objects, read by our own reader; None where it holds none."""
    version = np.lib.format.read_magic(content)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    _, _, dtype = read_header(content)
    return np.asarray(load_plain(content, path)) if dtype.hasobject else None


register(
    Format(
        name="tapvid3d",
        title="TAPVid-3D npz, in 2D",
        suffix=".npz",
        audience="labels",
        convention=CONVENTION,
        carries="positions, visible or not, which cells are labelled, names",
        keeps=frozenset({"names", "pts", "time_base", "size_wh"}),
        loses="hidden cells without a position, occluded against out of view, visibility, confidence, source, "
        "approval, tracks without any position",
        rounding=1e-4,
        write=write_tapvid3d,
        read=read_tapvid3d,
        needs_video=True,
    )
)
