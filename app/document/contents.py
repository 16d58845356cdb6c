"""What a project file holds, read as a whole."""

import json
import sqlite3
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from app.document.blocks import Blocks
from app.document.corrections import Correction, read_corrections
from app.document.database import get_meta
from app.document.edits import blank_cells
from app.document.history import History, Step
from app.document.runs import RunInfo
from app.document.scene import Scene
from app.document.scene_rows import read_rows
from app.document.video_ref import VideoRef
from tracker.labels.table import TrackInfo
from tracker.video.view_transform import ViewTransform

ID_KINDS = ("track", "mask", "take")


@dataclass
class Contents:
    """All that a project file holds, save the edits.

    Attributes:
        next_ids: the id that the next "track", "mask" and "take" gets.
    """

    scene: Scene
    history: History
    runs: dict[int, RunInfo]
    video: VideoRef | None
    next_ids: dict[str, int]
    corrections: list[Correction]


def read_contents(connection: sqlite3.Connection, blocks: Blocks, path: Path) -> Contents:
    """Read a project.

    Raises:
        sqlite3.Error, ValueError, KeyError, TypeError: it is damaged.
    """
    video = _video(connection)
    size = (video.width, video.height) if video else (0, 0)
    scene = Scene.empty(int(get_meta(connection, "n_frames")), size)
    table = scene.table
    tracks = [_track(row) for row in connection.execute("SELECT * FROM track ORDER BY id").fetchall()]
    table.insert(tracks, blank_cells(table.n_frames, len(tracks)))
    blocks.load(table)
    read_rows(connection, scene)
    query = """SELECT label, run, (SELECT count(*) FROM piece WHERE piece.step = step.step) FROM step ORDER BY step"""
    steps = [Step(label, run, pieces) for label, run, pieces in connection.execute(query).fetchall()]
    runs = connection.execute("SELECT id, info FROM run ORDER BY id").fetchall()
    return Contents(
        scene=scene,
        history=History(steps, int(get_meta(connection, "position") or 0)),
        runs={run_id: _run(info) for run_id, info in runs},
        video=video.located(path) if video else None,
        next_ids={kind: int(get_meta(connection, next_id_key(kind)) or 0) for kind in ID_KINDS},
        corrections=read_corrections(connection),
    )


def next_id_key(kind: str) -> str:
    """The name under which a project keeps the next id of a kind."""
    return "next_id" if kind == "track" else f"next_id.{kind}"


def video_rows(video: VideoRef) -> dict[str, object]:
    """The values under which a project keeps its video. The view is apart: earlier versions do not ask for it."""
    facts = {
        "path": video.path,
        "relative": video.relative,
        "frame_count": video.frame_count,
        "width": video.width,
        "height": video.height,
        "fps": [video.fps.numerator, video.fps.denominator],
        "time_base": [video.time_base.numerator, video.time_base.denominator],
        "first_frame_number": video.first_frame_number,
        "size": video.size,
        "content_hash": video.content_hash,
    }
    return {
        "video": json.dumps(facts),
        "video.pts": np.ascontiguousarray(video.pts, "<i8").tobytes(),
        "video.view": None if video.view is None else video.view.to_json(),
    }


def _video(connection: sqlite3.Connection) -> VideoRef | None:
    text = get_meta(connection, "video")
    if text is None:
        return None
    facts = json.loads(text)
    facts |= {key: Fraction(*facts[key]) for key in ("fps", "time_base")}
    view = get_meta(connection, "video.view")
    return VideoRef(
        **facts,
        pts=np.frombuffer(get_meta(connection, "video.pts"), dtype="<i8"),
        view=None if view is None else ViewTransform.from_json(view),
    )


def _track(row: tuple[Any, ...]) -> TrackInfo:
    track_id, name, group, locked, frame, x, y, red, green, blue, end = row
    return TrackInfo(track_id, name, (frame, x, y), (red, green, blue), group, bool(locked), end)


def _run(text: str) -> RunInfo:
    """A run that has no outcome was cut off with the program."""
    facts = json.loads(text)
    info = RunInfo(**{**facts, "frames": tuple(facts["frames"])})
    return info if info.outcome else replace(info, outcome="interrupted")
