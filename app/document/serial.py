"""Edits as bytes: a length, a JSON header, then the raw arrays. No pickle: opening a project never runs code."""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.document.edits import FIELD_NAMES, Patch, Presence, Properties, Values
from app.document.groups import GroupInfo
from app.document.masks import Bits, MaskInfo
from app.document.scene_edits import Edit, GroupsEdit, MaskPaint, MaskPresence, MaskProperties, SceneEdit, TakeEdit
from app.document.takes import Take
from tracker.labels.table import Cells, TrackInfo

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
    elif isinstance(edit, Properties):
        header = {"kind": "properties", "before": _dicts(edit.before), "after": _dicts(edit.after)}
        arrays = {}
    else:
        header, arrays = _scene_parts(edit)
    return _pack(header, arrays)


def _scene_parts(edit: SceneEdit) -> tuple[dict[str, Any], Values]:
    """The header and the arrays of an edit of masks, groups or takes."""
    if isinstance(edit, MaskPaint):
        header = {"kind": "mask paint", "mask": edit.mask_id, "painted": edit.painted}
        return _with_bits(header, {edit.frame: edit.flipped})
    if isinstance(edit, MaskPresence):
        return _with_bits({"kind": "mask presence", "info": asdict(edit.info), "added": edit.added}, edit.bits)
    if isinstance(edit, MaskProperties):
        return {"kind": "mask properties", "before": asdict(edit.before), "after": asdict(edit.after)}, {}
    if isinstance(edit, GroupsEdit):
        return {"kind": "groups", "before": _dicts(edit.before), "after": _dicts(edit.after)}, {}
    takes = {"before": edit.before, "after": edit.after}
    header = {"kind": "take", **{side: take and _take_header(take) for side, take in takes.items()}}
    return header, {
        f"{side}.{name}": array
        for side, take in takes.items()
        if take is not None
        for name, array in take.cells.arrays().items()
    }


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
    return _scene_edit(kind, header, arrays)


def _scene_edit(kind: str, header: dict[str, Any], arrays: Values) -> SceneEdit:
    if kind == "mask paint":
        ((frame, bits),) = _bits(header, arrays).items()
        before, after = header["painted"]
        return MaskPaint(header["mask"], frame, bits, (before, after))
    if kind == "mask presence":
        return MaskPresence(_mask(header["info"]), _bits(header, arrays), header["added"])
    if kind == "mask properties":
        return MaskProperties(_mask(header["before"]), _mask(header["after"]))
    if kind == "groups":
        return GroupsEdit(_groups(header["before"]), _groups(header["after"]))
    if kind == "take":
        sides = {side: _take(header[side], _part(arrays, f"{side}.")) for side in ("before", "after")}
        return TakeEdit(**sides)
    raise ValueError(f"unknown kind of edit {kind!r}")


def pack_take(take: Take) -> bytes:
    """The bytes of a take."""
    return _pack(_take_header(take), take.cells.arrays())


def unpack_take(data: bytes) -> Take:
    """The take of these bytes; raises what `unpack_edit` raises."""
    header, arrays = _unpack(data)
    take = _take(header, arrays)
    if take is None:
        raise ValueError("there is no take")
    return take


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
        array = np.frombuffer(data, dtype=dtype, count=math.prod(stored), offset=offset).reshape(stored)
        offset += array.nbytes
        arrays[name] = np.broadcast_to(array, shape) if uniform else array
    return header, arrays


def _part(arrays: Values, prefix: str) -> Values:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _with_bits(header: dict[str, Any], bits: Mapping[int, Bits]) -> tuple[dict[str, Any], Values]:
    """The boxes in the header, what lies in them in one array."""
    boxes = [[frame, b.x, b.y, b.width, b.height, len(b.data)] for frame, b in bits.items()]
    data = b"".join(b.data for b in bits.values())
    return header | {"boxes": boxes}, {"bits": np.frombuffer(data, dtype=np.uint8)}


def _bits(header: dict[str, Any], arrays: Values) -> dict[int, Bits]:
    data, offset, found = arrays["bits"].tobytes(), 0, {}
    for frame, x, y, width, height, length in header["boxes"]:
        found[frame] = Bits(x, y, width, height, data[offset : offset + length])
        offset += length
    return found


def _take_header(take: Take) -> dict[str, Any]:
    return {"id": take.id, "name": take.name, "ids": take.ids, "start": take.start}


def _take(header: dict[str, Any] | None, arrays: Values) -> Take | None:
    if header is None:
        return None
    cells = Cells(**{name: arrays[name] for name in FIELD_NAMES})
    return Take(header["id"], header["name"], tuple(header["ids"]), header["start"], cells)


def _mask(facts: dict[str, Any]) -> MaskInfo:
    return MaskInfo(**{**facts, "colour": tuple(facts["colour"])})


def _groups(dicts: list[dict[str, Any]]) -> tuple[GroupInfo, ...]:
    edges = [tuple((first, second) for first, second in d["edges"]) for d in dicts]
    return tuple(GroupInfo(d["name"], tuple(d["colour"]), pairs) for d, pairs in zip(dicts, edges, strict=True))


def _dicts(infos: tuple[TrackInfo, ...] | tuple[GroupInfo, ...]) -> list[dict[str, Any]]:
    return [asdict(info) for info in infos]


def _tracks(dicts: list[dict[str, Any]]) -> tuple[TrackInfo, ...]:
    return tuple(
        TrackInfo(**{**d, "query_point": tuple(d["query_point"]), "colour": tuple(d["colour"])}) for d in dicts
    )
