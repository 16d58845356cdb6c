"""Edits as bytes: a length, a JSON header, then the raw arrays. No pickle: opening a project never runs code."""

import json
import struct
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.document.edits import Edit, Patch, Presence, Properties, Values
from tracker.labels.table import TrackInfo

_LENGTH = struct.Struct("<I")


def pack_edit(edit: Edit) -> bytes:
    """The bytes of an edit. Uniform arrays take the room of one value."""
    if isinstance(edit, Patch):
        header: dict[str, Any] = {"kind": "patch", "start": edit.start, "anchors": edit.anchors}
        arrays = {"ids": np.array(edit.ids, dtype="<i8")}
        arrays |= {f"before.{name}": array for name, array in edit.before.items()}
        arrays |= {f"after.{name}": array for name, array in edit.after.items()}
    elif isinstance(edit, Presence):
        header = {"kind": "presence", "start": edit.start, "added": edit.added, "tracks": _dicts(edit.tracks)}
        arrays = dict(edit.cells)
    else:
        header = {"kind": "properties", "before": _dicts(edit.before), "after": _dicts(edit.after)}
        arrays = {}
    return _pack(header, arrays)


def unpack_edit(data: bytes) -> Edit:
    """The edit of these bytes.

    Raises:
        ValueError, KeyError, TypeError, struct.error: the bytes are damaged.
    """
    header, arrays = _unpack(data)
    kind = header.pop("kind")
    if kind == "patch":
        ids = tuple(arrays["ids"].tolist())
        return Patch(ids, header["start"], _part(arrays, "before."), _part(arrays, "after."), header["anchors"])
    if kind == "presence":
        return Presence(_tracks(header["tracks"]), header["start"], arrays, header["added"])
    if kind == "properties":
        return Properties(_tracks(header["before"]), _tracks(header["after"]))
    raise ValueError(f"unknown kind of edit {kind!r}")


def _pack(header: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    parts, layout = [], []
    for name, array in arrays.items():
        uniform = array.ndim > 1 and array.size > 0 and array.strides[:2] == (0, 0)
        dtype = array.dtype.newbyteorder("<")
        layout.append([name, dtype.str, list(array.shape), uniform])
        parts.append(np.asarray(array[0, 0] if uniform else array).astype(dtype, copy=False).tobytes())
    text = json.dumps(header | {"arrays": layout}).encode()
    return b"".join([_LENGTH.pack(len(text)), text, *parts])


def _unpack(data: bytes) -> tuple[dict[str, Any], Values]:
    (length,) = _LENGTH.unpack_from(data)
    offset = _LENGTH.size + length
    header = json.loads(data[_LENGTH.size : offset])
    arrays: Values = {}
    for name, dtype, shape, uniform in header.pop("arrays"):
        stored = shape[2:] if uniform else shape
        array = np.frombuffer(data, dtype=dtype, count=int(np.prod(stored, dtype=np.int64)), offset=offset)
        offset += array.nbytes
        arrays[name] = np.broadcast_to(array.reshape(stored), shape)
    return header, arrays


def _part(arrays: Values, prefix: str) -> Values:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _dicts(tracks: tuple[TrackInfo, ...]) -> list[dict[str, Any]]:
    return [asdict(track) for track in tracks]


def _tracks(dicts: list[dict[str, Any]]) -> tuple[TrackInfo, ...]:
    return tuple(
        TrackInfo(**{**d, "query_point": tuple(d["query_point"]), "colour": tuple(d["colour"])}) for d in dicts
    )
