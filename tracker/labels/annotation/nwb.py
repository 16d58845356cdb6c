"""Neurodata Without Borders with the extension for poses (`.nwb`, ndx-pose).

Layout as of ndx-pose 0.4 (https://github.com/rly/ndx-pose): in the processing module "behavior" a
`PoseEstimation` for each group, in it a `PoseEstimationSeries` for each track with positions in pixels and confidence
on every frame, NaN where there is none, and a `Skeleton` that names them. Times are seconds from the first frame of
the video, taken from its own timestamps, so that a variable frame rate stays one. (0, 0) is the centre of the top-left
pixel.

pynwb writes; files are read as plain HDF5, so that what is read back does not rest on what wrote it.
"""

import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError, atomic_output
from tracker.labels.annotation.bodies import Skeleton, skeleton_of
from tracker.labels.annotation.hdf5 import array_of, open_hdf5, plain
from tracker.labels.conventions import OURS
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, import_extra, register
from tracker.labels.keys import ReadTrack, TrackKeys, keys_of, tracks_from_keys
from tracker.labels.native import TrackFile

UNGROUPED = "PoseEstimation"  # the container of tracks without a group, as ndx-pose calls it by itself
REFERENCE = "(0, 0) is the centre of the top-left pixel, x to the right, y down"
CONVENTION = replace(OURS, frames="seconds from the first frame of the video", fixed=True)
_RESERVED = ("Skeletons",)
_PLACE = re.compile(r"track (\d+)")


def write_nwb(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write the tracks that have a key. Raises InputError where there is none, or the path cannot be written."""
    pynwb, pose = import_extra("pynwb", "nwb", path), import_extra("ndx_pose", "nwb", path)
    keys = keys_of(tracks, options.hidden or "gap")
    if not keys:
        raise InputError(f"{path}: there is no visible point to write")
    skeleton = skeleton_of(keys, UNGROUPED)
    bodies, nodes = _plain(skeleton.bodies, _RESERVED), _plain(skeleton.nodes)
    file, source = _session(pynwb, tracks, options)
    behavior = file.create_processing_module(name="behavior", description="Point tracks")
    skeletons = []
    for body, name in enumerate(bodies):
        series = []
        for row, place in enumerate(skeleton.places):
            if place[0] == body:
                options.report(row, len(keys))
                series.append(_series(pose, keys[row], row, nodes[place[1]], source))
        skeletons.append(pose.Skeleton(name=name, nodes=[entry.name for entry in series]))
        behavior.add(
            pose.PoseEstimation(
                name=name,
                pose_estimation_series=series,
                description="Point tracks",
                source_video=source,
                scorer="Trackwright",
                source_software="Trackwright",
                skeleton=skeletons[-1],
            )
        )
    behavior.add(pose.Skeletons(skeletons=skeletons))
    with atomic_output(path) as part, pynwb.NWBHDF5IO(str(part), "w") as out:
        out.write(file)
    return _written(tracks, keys, skeleton, nodes)


def _session(pynwb: Any, tracks: TrackFile, options: ExportOptions) -> tuple[Any, Any]:
    """A file, and in it the video as a series of pictures whose times all tracks share."""
    file = pynwb.NWBFile(
        session_description=f"Point tracks of {options.name}; the session's start is the time of the export",
        identifier=str(uuid.uuid4()),
        session_start_time=datetime.now(UTC),
    )
    source = pynwb.image.ImageSeries(
        name="video",
        description="The video that the points lie on",
        external_file=[options.plate.path or options.name],
        format="external",
        dimension=list(tracks.size_wh),
        unit="n.a.",
        timestamps=_seconds(tracks.pts, float(tracks.time_base)),
    )
    file.add_acquisition(source)
    return file, source


def _series(pose: Any, track: TrackKeys, row: int, name: str, source: Any) -> Any:
    """One track on every frame of the series of pictures `source`, whose times serve all tracks."""
    n_frames = len(source.timestamps)
    data, confidence = np.full((n_frames, 2), np.nan, np.float32), np.full(n_frames, np.nan, np.float32)
    data[track.frames], confidence[track.frames] = track.xy, track.confidence
    return pose.PoseEstimationSeries(
        name=name,
        description=f"The point {track.name}",
        comments=f"track {row}",
        data=data,
        unit="pixels",
        reference_frame=REFERENCE,
        timestamps=source,
        confidence=confidence,
        confidence_definition="The tracker's probability that the position is right; 1 where a person placed it",
    )


def _seconds(pts: NDArray[np.int64], time_base: float) -> NDArray[np.float64]:
    return np.asarray((pts - pts[:1]) * time_base)


def _plain(names: Sequence[str], reserved: Sequence[str] = ()) -> list[str]:
    """Names without the characters that HDF5 gives a meaning, no two alike."""
    taken = set(reserved)
    made = []
    for name in names:
        plain_name = wanted = re.sub(r"[/:\x00]", "_", name).strip(". ") or "track"
        number = 2
        while plain_name in taken:
            plain_name, number = f"{wanted} {number}", number + 1
        taken.add(plain_name)
        made.append(plain_name)
    return made


def _written(tracks: TrackFile, keys: Sequence[TrackKeys], skeleton: Skeleton, nodes: Sequence[str]) -> Written:
    names = {
        track.name: nodes[node]
        for track, (_, node) in zip(keys, skeleton.places, strict=True)
        if nodes[node] != track.name
    }
    cells = sum(len(track.frames) for track in keys)
    note = "NWB demands the time when the session began; the file has that of the export"
    return Written(len(keys), tracks.n_tracks - len(keys), cells, note, names)


def read_nwb(path: Path, video: VideoFacts) -> TrackFile:
    """Read every series of positions in pixels; one that has no position makes no track.

    Raises:
        InputError: not such a file, other units, times that do not fit the video, or as `tracks_from_keys`.
    """
    found: list[tuple[int, ReadTrack]] = []
    with open_hdf5(path, "an NWB file") as file:
        for body, name, series in _all_series(file):
            track = _read_series(path, series, video, ReadTrack(name, group="" if body == UNGROUPED else body))
            place = _PLACE.fullmatch(plain(series.attrs.get("comments", "")))
            if track.frames:
                found.append((int(place.group(1)) if place else len(found), track))
    if not found:
        raise InputError(f"{path}: there is no PoseEstimationSeries with a position in this file")
    return tracks_from_keys(path, video, CONVENTION, [track for _, track in sorted(found, key=lambda entry: entry[0])])


def _all_series(file: Any) -> Iterator[tuple[str, str, Any]]:
    groups: list[Any] = []

    def visit(name: str, node: Any) -> None:
        if plain(node.attrs.get("neurodata_type", "")) == "PoseEstimation":
            groups.append(node)

    file.visititems(visit)
    for group in groups:
        for name, node in group.items():
            if plain(node.attrs.get("neurodata_type", "")) == "PoseEstimationSeries":
                yield group.name.rpartition("/")[2], name, node


def _read_series(path: Path, series: Any, video: VideoFacts, track: ReadTrack) -> ReadTrack:
    data = array_of(path, series, "data").astype(np.float64)
    attributes = series["data"].attrs
    unit = plain(attributes.get("unit", "pixels"))
    if data.ndim != 2 or data.shape[1] != 2:
        raise InputError(f"{path}: track {track.name!r} has positions of shape {data.shape}, expected (frames, 2)")
    if unit.lower() not in ("pixel", "pixels", "px"):
        raise InputError(f"{path}: track {track.name!r} is in {unit}, only pixels can be read")
    data = data * float(attributes.get("conversion", 1.0)) + float(attributes.get("offset", 0.0))
    frames = _frames(path, track.name, _times(path, series, len(data)), video)
    at = np.flatnonzero(np.isfinite(data).all(axis=1))
    track.frames = frames[at].tolist()
    track.xy = list(zip(data[at, 0].tolist(), data[at, 1].tolist(), strict=True))
    if "confidence" in series:
        track.confidence = array_of(path, series, "confidence").astype(np.float64)[at].tolist()
    return track


def _times(path: Path, series: Any, count: int) -> NDArray[np.float64]:
    if "timestamps" in series:
        times = array_of(path, series, "timestamps").astype(np.float64)
    else:
        start = series["starting_time"]
        times = float(start[()]) + np.arange(count) / float(start.attrs["rate"])
    if times.shape != (count,) or not np.isfinite(times).all():
        raise InputError(f"{path}: the times of {series.name} do not fit its {count} positions")
    return times


def _frames(path: Path, name: str, times: NDArray[np.float64], video: VideoFacts) -> NDArray[np.int64]:
    """The frame of each sample: by its time, or one for each frame where the clock began elsewhere."""
    own = _seconds(video.pts, float(video.time_base))
    nearest = np.searchsorted(own[:-1] + np.diff(own) / 2, times)
    slack = np.diff(own).min() / 2 if len(own) > 1 else 1e-3
    off = np.flatnonzero(np.abs(own[nearest] - times) > slack)
    if len(off) and len(times) == len(own):
        return np.arange(len(own))
    if len(off):
        raise InputError(
            f"{path}: track {name!r} has a position at {times[off[0]]:g} s, where the video of {len(own)} frames "
            f"({own[-1]:g} s) has no frame"
        )
    return nearest.astype(np.int64)


register(
    Format(
        name="nwb",
        title="NWB, ndx-pose",
        suffix=".nwb",
        audience="annotation",
        convention=CONVENTION,
        carries="visible points, confidence, timestamps, groups as containers, names as series",
        loses="hidden and unlabelled frames are NaN alike, sources, approval; the characters / and : in names",
        write=write_nwb,
        read=read_nwb,
        hidden=("gap", "linear"),
        extra=("nwb", "pynwb"),
    )
)
