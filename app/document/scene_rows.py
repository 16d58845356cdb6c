"""Masks, groups and takes as rows of the database."""

import json
import sqlite3
from collections.abc import Iterable

from app.document.groups import GroupInfo
from app.document.masks import Bits, MaskInfo
from app.document.scene import Scene
from app.document.scene_edits import AnyTouched, TouchedGroups, TouchedMask, TouchedTakes
from app.document.serial import pack_take, unpack_take


def write_rows(connection: sqlite3.Connection, scene: Scene, touched: Iterable[AnyTouched]) -> None:
    """Bring the rows up to the scene, in the transaction that goes on."""
    for each in touched:
        if isinstance(each, TouchedMask):
            _write_mask(connection, scene, each)
        elif isinstance(each, TouchedGroups):
            _write_groups(connection, scene, each)
        elif isinstance(each, TouchedTakes):
            _write_takes(connection, scene, each)


def read_rows(connection: sqlite3.Connection, scene: Scene) -> None:
    """Put all masks, groups and takes into a scene that has none.

    Raises:
        sqlite3.Error, ValueError, KeyError, TypeError: they are damaged.
    """
    bits: dict[int, dict[int, Bits]] = {}
    query = "SELECT mask, frame, x, y, width, height, bits FROM mask_frame"
    for mask_id, frame, *box in connection.execute(query).fetchall():
        bits.setdefault(mask_id, {})[frame] = found = Bits(*box)
        found.check(scene.masks.size)
    for mask_id, name, *colour, matte in connection.execute(
        "SELECT id, name, red, green, blue, matte FROM mask"
    ).fetchall():
        scene.masks.put(MaskInfo(mask_id, name, tuple(colour), bool(matte)), bits.get(mask_id))
    for name, *colour, edges in connection.execute("SELECT name, red, green, blue, edges FROM track_group").fetchall():
        pairs = tuple((int(first), int(second)) for first, second in json.loads(edges))
        scene.groups[name] = GroupInfo(name, tuple(colour), pairs)
    for (data,) in connection.execute("SELECT data FROM take ORDER BY id").fetchall():
        take = unpack_take(data)
        scene.takes[take.id] = take


def _write_mask(connection: sqlite3.Connection, scene: Scene, touched: TouchedMask) -> None:
    mask_id, masks = touched.id, scene.masks
    if mask_id not in masks:
        connection.execute("DELETE FROM mask WHERE id = ?", (mask_id,))
        connection.execute("DELETE FROM mask_frame WHERE mask = ?", (mask_id,))
        return
    info, bits = masks.info(mask_id), masks.bits(mask_id)
    connection.execute(
        "INSERT OR REPLACE INTO mask VALUES (?, ?, ?, ?, ?, ?)", (mask_id, info.name, *info.colour, info.matte)
    )
    gone = [(mask_id, frame) for frame in touched.frames if frame not in bits]
    connection.executemany("DELETE FROM mask_frame WHERE mask = ? AND frame = ?", gone)
    there = [(frame, bits[frame]) for frame in touched.frames if frame in bits]
    connection.executemany(
        "INSERT OR REPLACE INTO mask_frame VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(mask_id, frame, b.x, b.y, b.width, b.height, b.data) for frame, b in there],
    )


def _write_groups(connection: sqlite3.Connection, scene: Scene, touched: TouchedGroups) -> None:
    gone = [(name,) for name in touched.names if name not in scene.groups]
    connection.executemany("DELETE FROM track_group WHERE name = ?", gone)
    there = [scene.groups[name] for name in touched.names if name in scene.groups]
    connection.executemany(
        "INSERT OR REPLACE INTO track_group VALUES (?, ?, ?, ?, ?)",
        [(info.name, *info.colour, json.dumps(info.edges)) for info in there],
    )


def _write_takes(connection: sqlite3.Connection, scene: Scene, touched: TouchedTakes) -> None:
    gone = [(i,) for i in touched.ids if i not in scene.takes]
    connection.executemany("DELETE FROM take WHERE id = ?", gone)
    there = [(i, pack_take(scene.takes[i])) for i in touched.ids if i in scene.takes]
    connection.executemany("INSERT OR REPLACE INTO take VALUES (?, ?)", there)
