"""SLEAP's label files (`.slp`): HDF5 with tables of frames, instances and points.

Layout as SLEAP 1.3 writes it (format 1.2; https://docs.sleap.ai, https://io.sleap.ai), tried with sleap-io. A group is
a SLEAP track, its tracks are the nodes of the one skeleton; where nobody is in a group all tracks are one instance
without a SLEAP track. Frames count from 0. (0, 0) is the centre of the top-left pixel since format 1.1; files before
that count half a pixel more, which is taken off when they are read.

An instance of which a person placed or approved a point is a user's `Instance`, whose points say by `complete` which
those are; any other is a `PredictedInstance` whose points carry the confidence as their score. A point that is thought
to be here but hidden has a position and is not `visible`.
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
from tracker.labels.conventions import OURS
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, register
from tracker.labels.keys import keys_of
from tracker.labels.native import TrackFile
from tracker.labels.table import Source

UNGROUPED = "ungrouped"  # the SLEAP track of tracks without a group, where others have one
ORDER = "trackwright_order"
CONVENTION = replace(OURS, fixed=True)
_VERSION, _NEWEST = 1.2, 2.0
_CENTRE_SINCE = 1.1
_USER, _PREDICTED = 0, 1
_POINT = [("x", "<f8"), ("y", "<f8"), ("visible", "?"), ("complete", "?")]
_FRAME = [
    ("frame_id", "<u8"),
    ("video", "<u4"),
    ("frame_idx", "<u8"),
    ("instance_id_start", "<u8"),
    ("instance_id_end", "<u8"),
]
_INSTANCE = [
    ("instance_id", "<i8"),
    ("instance_type", "u1"),
    ("frame_id", "<u8"),
    ("skeleton", "<u4"),
    ("track", "<i4"),
    ("from_predicted", "<i8"),
    ("score", "<f4"),
    ("point_id_start", "<u8"),
    ("point_id_end", "<u8"),
    ("tracking_score", "<f4"),
]


def write_sleap(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write the tracks that have a key.

    Raises:
        InputError: the path cannot be written, or groups with too many different names of points.
    """
    import h5py

    keys = keys_of(tracks, options.hidden or "flag")
    skeleton = skeleton_of(keys, UNGROUPED)
    table = BodyTable.of(path, keys, skeleton, tracks.approved | (tracks.source == Source.ANCHOR))
    grouped = any(track.group for track in keys)
    options.report(0, len(keys))
    frames, instances, points, predicted = _tables(table, grouped)
    text = h5py.string_dtype()
    with atomic_output(path) as part, h5py.File(part, "w") as file:
        metadata = file.create_group("metadata")
        metadata.attrs["format_id"] = _VERSION
        metadata.attrs["json"] = np.bytes_(json.dumps(_metadata(skeleton)).encode())
        file["videos_json"] = np.array([json.dumps(_video(tracks, options))], dtype=text)
        names = skeleton.bodies if grouped else []
        file["tracks_json"] = np.array([json.dumps([0, name]) for name in names], dtype=text)
        file["suggestions_json"] = np.array([], dtype=text)
        for name, rows in (
            ("frames", frames),
            ("instances", instances),
            ("points", points),
            ("pred_points", predicted),
        ):
            file[name] = rows
        options.report(len(keys), len(keys))
    kept = len(keys)
    return Written(kept, tracks.n_tracks - kept, sum(len(track.frames) for track in keys), names=skeleton.names)


def _metadata(skeleton: Skeleton) -> dict[str, Any]:
    """The head of the file. The skeleton's points have no edges: tracks know of none."""
    nodes = [{"id": number} for number in range(len(skeleton.nodes))]
    graph = {"name": "Trackwright", "num_edges_inserted": 0}
    return {
        "version": "2.0.0",
        "skeletons": [{"directed": True, "graph": graph, "links": [], "multigraph": True, "nodes": nodes}],
        "nodes": [{"name": name, "weight": 1.0} for name in skeleton.nodes],
        "videos": [],
        "tracks": [],
        "suggestions": [],
        "negative_anchors": {},
        # SLEAP keeps what it does not know of a file's history; points by track would come back in another order.
        "provenance": {"source": "Trackwright", ORDER: skeleton.places},
    }


def _video(tracks: TrackFile, options: ExportOptions) -> dict[str, Any]:
    name = options.plate.path or options.name
    backend = {
        "type": "MediaVideo",
        "shape": [tracks.n_frames, tracks.size_wh[1], tracks.size_wh[0], 3],
        "filename": name,
        "grayscale": False,
        "bgr": True,
        "dataset": "",
        "input_format": "",
    }
    return {"filename": name, "backend": backend}


Rows = NDArray[Any]


def _tables(table: BodyTable, grouped: bool) -> tuple[Rows, Rows, Rows, Rows]:
    """Frames, instances, points of users' instances, points of predicted ones."""
    known, nodes = table.known, table.xy.shape[2]
    at, bodies = np.nonzero(known.any(axis=2))
    user = table.person[at, bodies].any(axis=1)
    cells = np.zeros((len(at), nodes), dtype=[*_POINT, ("score", "<f8")])
    cells["x"], cells["y"] = np.moveaxis(table.xy[at, bodies], 2, 0)
    cells["visible"] = table.visible[at, bodies]
    cells["complete"] = table.person[at, bodies]
    cells["score"] = np.nan_to_num(table.score[at, bodies], nan=0.0)
    instances = np.zeros(len(at), dtype=_INSTANCE)
    instances["instance_id"] = np.arange(len(at))
    instances["instance_type"] = np.where(user, _USER, _PREDICTED)
    instances["track"] = bodies if grouped else -1
    instances["from_predicted"] = -1
    counts = np.maximum(known[at, bodies].sum(axis=1), 1)
    instances["score"] = np.where(user, 0, cells["score"].sum(axis=1) / counts)
    # Each of the two tables of points counts its own.
    number = np.where(user, np.cumsum(user), np.cumsum(~user))
    instances["point_id_start"], instances["point_id_end"] = (number - 1) * nodes, number * nodes
    shown, starts, frame_ids = np.unique(at, return_index=True, return_inverse=True)
    instances["frame_id"] = frame_ids
    frames = np.zeros(len(shown), dtype=_FRAME)
    frames["frame_id"] = np.arange(len(shown))
    frames["frame_idx"] = table.frames[shown]
    frames["instance_id_start"], frames["instance_id_end"] = starts, [*starts[1:], len(at)] if len(at) else []
    points = cells[user].reshape(-1)[[name for name, _ in _POINT]].astype(_POINT)
    return frames, instances, points, cells[~user].reshape(-1)


def read_sleap(path: Path, video: VideoFacts) -> TrackFile:
    """Read the labels of one video; where a person corrected a predicted instance, the person's counts.

    Raises:
        InputError: not such a file, of several videos, several instances without a track on one frame, or as
            `tracks_from_keys`.
    """
    with open_hdf5(path, "a SLEAP label file") as file:
        version = float(file["metadata"].attrs["format_id"])
        if not version < _NEWEST:
            raise InputError(f"{path}: SLEAP's label format {version:g} is not known here, up to 1.x is")
        head = json_of(path, file["metadata"].attrs["json"], "the file's head")
        arrays = {name: array_of(path, file, name) for name in ("frames", "instances", "points", "pred_points")}
        names = [str(json_of(path, entry, "a track's name")[1]) for entry in texts_of(path, file, "tracks_json")]
        nodes = _nodes(path, head)
        table = _read_table(path, arrays, len(names), len(nodes), 0.0 if version >= _CENTRE_SINCE else 0.5)
    groups = ["" if name == UNGROUPED else name for name in names]
    return tracks_of(path, video, CONVENTION, table, [*groups, ""], nodes, (head.get("provenance") or {}).get(ORDER))


def _nodes(path: Path, head: Any) -> list[str]:
    if len(head["skeletons"]) != 1:
        raise InputError(f"{path}: the file has {len(head['skeletons'])} skeletons, one is needed")
    return [str(head["nodes"][entry["id"]]["name"]) for entry in head["skeletons"][0]["nodes"]]


def _read_table(path: Path, arrays: dict[str, Rows], n_groups: int, n_nodes: int, corner: float) -> BodyTable:
    """Bodies are the SLEAP tracks, and one more for instances without."""
    frames, instances = arrays["frames"], _standing(arrays["instances"])
    if len(np.unique(frames["video"])) > 1:
        raise InputError(f"{path}: the file has labels of several videos; save those of one by themselves")
    if (instances["point_id_start"] + n_nodes != instances["point_id_end"]).any():
        raise InputError(f"{path}: instances have other numbers of points than the skeleton's {n_nodes}")
    position = {int(frame): at for at, frame in enumerate(frames["frame_id"])}
    numbers = frames["frame_idx"].astype(np.int64)
    if len(np.unique(numbers)) < len(numbers):
        raise InputError(f"{path}: a frame is in the file twice")
    at = np.array([position[int(frame)] for frame in instances["frame_id"]], np.int64)
    body = np.where(instances["track"] < 0, n_groups, instances["track"]).astype(np.int64)
    _check_alone(path, at, body, numbers, n_groups)
    table = BodyTable.empty(path, numbers, n_groups + 1, n_nodes)
    for kind, name in ((_USER, "points"), (_PREDICTED, "pred_points")):
        chosen = instances["instance_type"] == kind
        rows = arrays[name][instances["point_id_start"][chosen, None].astype(np.int64) + np.arange(n_nodes)]
        where = at[chosen], body[chosen]
        table.xy[where] = np.stack([rows["x"], rows["y"]], axis=-1) - corner
        table.visible[where] = rows["visible"]
        if kind == _USER:
            table.person[where] = rows["complete"]
        else:
            table.score[where] = rows["score"]
    return table


def _standing(instances: Rows) -> Rows:
    """Without the predicted instances that a person's replaces: it was made from them, or is of the same track."""
    user = instances["instance_type"] == _USER
    replaced = np.isin(instances["instance_id"], instances["from_predicted"][user])
    place = np.stack([instances["frame_id"].astype(np.int64), instances["track"].astype(np.int64)], axis=1)
    taken = {tuple(entry) for entry in place[user & (instances["track"] >= 0)].tolist()}
    replaced |= np.array([tuple(entry) in taken for entry in place.tolist()], np.bool_)
    kept: Rows = instances[user | ~replaced]
    return kept


def _check_alone(
    path: Path, at: NDArray[np.int64], body: NDArray[np.int64], numbers: NDArray[np.int64], n_groups: int
) -> None:
    places, counts = np.unique(np.stack([at, body], axis=1).reshape(-1, 2), axis=0, return_counts=True)
    for frame, track in places[counts > 1][:1].tolist():
        which = "without a track; give them tracks in SLEAP first" if track == n_groups else "of the same track"
        raise InputError(f"{path}: frame {numbers[frame]} has several instances {which}")


register(
    Format(
        name="sleap",
        title="SLEAP",
        suffix=".slp",
        audience="annotation",
        convention=CONVENTION,
        carries="visible and hidden points with their positions, confidence as the score of predicted points, groups as"
        " SLEAP tracks, names as nodes, what a person placed or approved (`complete` points of a user's instance)",
        loses="confidence on frames where a person placed or approved a point of the same group, hidden frames without"
        " a position, whether a person placed or only approved a point, sources, timestamps",
        write=write_sleap,
        read=read_sleap,
        hidden=("flag", "gap", "linear"),
    )
)
