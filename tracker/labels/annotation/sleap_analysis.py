"""SLEAP's analysis files (`.h5`): arrays of positions and scores over all frames, for MATLAB and Python scripts.

Layout from SLEAP's documents (https://sleap.ai, "Analysis files"), tried with sleap-io: `tracks` (tracks, 2, nodes,
frames), NaN where a point is missing, `track_occupancy` (frames, tracks), `point_scores` (tracks, nodes, frames),
`instance_scores` and `tracking_scores` (tracks, frames), `node_names`, `track_names`, `edge_names`, `edge_inds`. A
group is a SLEAP track, its tracks are the nodes; where nobody is in a group all are nodes of the one track "ungrouped".
Frames count from 0, (0, 0) is the centre of the top-left pixel.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError, atomic_output
from tracker.labels.annotation.bodies import BodyTable, Skeleton, skeleton_of, tracks_of
from tracker.labels.annotation.hdf5 import array_of, json_of, open_hdf5, texts_of
from tracker.labels.annotation.sleap import ORDER, UNGROUPED
from tracker.labels.conventions import OURS
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, register
from tracker.labels.keys import keys_of
from tracker.labels.native import TrackFile

CONVENTION = replace(OURS, fixed=True)
_AXES = ("track", "xy", "node", "frame")


def write_sleap_analysis(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write the tracks that have a key.

    Raises:
        InputError: the path cannot be written, or groups with too many different names of points.
    """
    import h5py

    keys = keys_of(tracks, options.hidden or "gap")
    skeleton = skeleton_of(keys, UNGROUPED)
    table = BodyTable.of(path, keys, skeleton, np.zeros(tracks.state.shape, np.bool_))
    with atomic_output(path) as part, h5py.File(part, "w") as file:
        options.report(0, len(keys))
        for name, values in _arrays(table, skeleton).items():
            axes = values.dtype.kind in "fu" and values.size > 0
            file.create_dataset(
                name, data=values, compression="gzip" if axes else None, compression_opts=1 if axes else None
            )
        file["provenance"] = json.dumps({"source": "Trackwright", ORDER: skeleton.places})
        file["labels_path"] = ""
        file["video_path"] = options.plate.path or options.name
        file["video_ind"] = 0
        options.report(len(keys), len(keys))
    kept = len(keys)
    return Written(kept, tracks.n_tracks - kept, sum(len(track.frames) for track in keys), names=skeleton.names)


def _arrays(table: BodyTable, skeleton: Skeleton) -> dict[str, NDArray[Any]]:
    known = table.known
    there = known.any(axis=2)
    total = np.nan_to_num(table.score).sum(axis=2)
    return {
        "tracks": table.xy.transpose(1, 3, 2, 0),
        "track_occupancy": np.array(there, np.uint8),
        "point_scores": table.score.transpose(1, 2, 0),
        "instance_scores": np.where(there, total / np.maximum(known.sum(axis=2), 1), np.nan).T,
        "tracking_scores": np.full(there.T.shape, np.nan),
        "node_names": _texts(skeleton.nodes),
        "track_names": _texts(skeleton.bodies),
        "edge_names": np.zeros((0, 2), "S1"),
        "edge_inds": np.zeros((0, 2), np.int64),
    }


def _texts(names: list[str]) -> NDArray[Any]:
    return np.array([name.encode() for name in names] or np.zeros(0, "S1"))


def read_sleap_analysis(path: Path, video: VideoFacts) -> TrackFile:
    """Read points; those without a score have no confidence.

    Raises:
        InputError: not such a file, arrays that do not fit together, or as `tracks_from_keys`.
    """
    with open_hdf5(path, "a SLEAP analysis file") as file:
        xy = _turned(path, file).astype(np.float64)
        nodes, bodies = texts_of(path, file, "node_names"), texts_of(path, file, "track_names")
        n_bodies, _, n_nodes, n_frames = xy.shape
        # SLEAP names no tracks where it tracked nothing: then there is one animal.
        bodies = bodies or [UNGROUPED] * min(n_bodies, 1)
        if (len(bodies), len(nodes)) != (n_bodies, n_nodes):
            raise InputError(
                f"{path}: the tracks are of {n_bodies} bodies with {n_nodes} points, the names of {len(bodies)} with "
                f"{len(nodes)}"
            )
        score = np.full((n_bodies, n_nodes, n_frames), np.nan)
        if "point_scores" in file:
            score = array_of(path, file, "point_scores").astype(np.float64).reshape(score.shape)
        said = json_of(path, file["provenance"][()], "provenance") if "provenance" in file else {}
    table = BodyTable.empty(path, np.arange(n_frames), n_bodies, n_nodes)
    table.xy[:], table.score[:] = xy.transpose(3, 0, 2, 1), score.transpose(2, 0, 1)
    table.visible[:] = True
    groups = ["" if name == UNGROUPED else name for name in bodies]
    order = said.get(ORDER) if isinstance(said, dict) else None
    return tracks_of(path, video, CONVENTION, table, groups, nodes, order)


def _turned(path: Path, file: Any) -> NDArray[Any]:
    """The array of tracks with its axes as SLEAP has them, whatever order the file says it chose."""
    values = array_of(path, file, "tracks")
    said = file["tracks"].attrs.get("dims")
    axes = _AXES if said is None else tuple(json_of(path, said, "the order of the axes"))
    if values.ndim != 4 or sorted(axes) != sorted(_AXES) or values.shape[axes.index("xy")] != 2:
        raise InputError(f"{path}: the array 'tracks' has shape {values.shape}, expected (tracks, 2, nodes, frames)")
    return values.transpose([axes.index(axis) for axis in _AXES])


register(
    Format(
        name="sleap-analysis",
        title="SLEAP analysis",
        suffix=".h5",
        audience="annotation",
        convention=CONVENTION,
        carries="visible points, confidence, groups as SLEAP tracks, names as nodes",
        loses="hidden and unlabelled frames are gaps alike, sources, approval, timestamps",
        write=write_sleap_analysis,
        read=read_sleap_analysis,
        hidden=("gap", "linear"),
    )
)
