"""USD points: one prim with all tracks, for Houdini, Maya, Blender and whatever else reads .usda.

Time samples stand at the plate's frame numbers, of which `timeCodesPerSecond` go in a second; point i is always the
same track. Points lie on the plane z = 0 in pixels from the bottom-left corner, centres at .5, y up: `customData` says
so, with the picture's size, the rate as a fraction and the pixel aspect. USD cannot leave a point out on one frame: it
holds its last position (its first one before that), with 0 in the primvars `visible` and `confidence`. A hidden point
whose position is known keeps it, with `visible` 0 and its confidence. Both are floats and come before the names, so
that Blender's import keeps them as attributes (tried in 4.5, which reads nothing behind the first primvar of texts).

Positions are float32, as in `UsdGeomPoints`: within 0.0001 px at HD, 0.0005 px at 8K.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError, atomic_output
from tracker.labels.conventions import RASTER_UP
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, import_extra, register
from tracker.labels.keys import ReadTrack, TrackKeys, keys_of, tracks_from_keys
from tracker.labels.native import TrackFile
from tracker.labels.vfx.houdini import held

CONVENTION = RASTER_UP
NAME = "usd-points"

_PRIM = "/tracks2d/points"
_UNITS = "pixels from the bottom-left corner, pixel centres at .5, y up, z = 0"
_WIDTH = 4.0  # pixels across a point is drawn


def write_usd(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write the points. Raises InputError where there is nothing to write, usd-core is missing or the path cannot be
    written.
    """
    keys = keys_of(tracks, options.hidden or "gap")
    if not keys:
        raise InputError(f"{path}: no track has a position to write")
    import_extra("pxr", NAME, path)
    with atomic_output(path) as part:
        layer = _layer(tracks, keys, options)
        if not layer.Export(str(part)):
            raise InputError(f"{path}: USD could not write this file")
    return Written(len(keys), tracks.n_tracks - len(keys), sum(len(track.frames) for track in keys))


def _layer(tracks: TrackFile, keys: Sequence[TrackKeys], options: ExportOptions) -> Any:
    from pxr import Sdf, Usd, UsdGeom, Vt

    layer = Sdf.Layer.CreateAnonymous(".usda")
    stage = Usd.Stage.Open(layer)
    _describe(stage, tracks, options)
    points = UsdGeom.Points.Define(stage, _PRIM)
    points.CreateIdsAttr(list(range(len(keys))))
    points.CreateWidthsAttr([_WIDTH] * len(keys))
    primvars = UsdGeom.PrimvarsAPI(points)
    texts, floats, vertex = Sdf.ValueTypeNames.StringArray, Sdf.ValueTypeNames.FloatArray, UsdGeom.Tokens.vertex
    primvars.CreatePrimvar("name", texts, vertex).Set([_text(track.name) for track in keys])
    if any(track.group for track in keys):
        primvars.CreatePrimvar("group", texts, vertex).Set([_text(track.group) for track in keys])
    visible = primvars.CreatePrimvar("visible", floats, vertex)
    confidence = primvars.CreatePrimvar("confidence", floats, vertex)
    # Blender reads them in this order, and leaves off at the texts.
    points.GetPrim().SetPropertyOrder(["primvars:confidence", "primvars:visible"])
    places, shown, trust = _samples(tracks, keys, options)
    for frame in range(tracks.n_frames):
        at = frame + CONVENTION.first_number(options)
        points.GetPointsAttr().Set(Vt.Vec3fArray.FromNumpy(places[frame]), at)
        visible.Set(Vt.FloatArray.FromNumpy(shown[frame]), at)
        confidence.Set(Vt.FloatArray.FromNumpy(trust[frame]), at)
        options.report(frame + 1, tracks.n_frames)
    return layer


def _describe(stage: Any, tracks: TrackFile, options: ExportOptions) -> None:
    """The stage's time, and what the numbers mean, on the root prim."""
    from pxr import UsdGeom

    first = CONVENTION.first_number(options)
    stage.SetStartTimeCode(first)
    stage.SetEndTimeCode(first + tracks.n_frames - 1)
    stage.SetTimeCodesPerSecond(float(options.plate.fps))
    stage.SetFramesPerSecond(float(options.plate.fps))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    root = UsdGeom.Xform.Define(stage, _PRIM.rpartition("/")[0]).GetPrim()
    stage.SetDefaultPrim(root)
    said = {
        "imageWidth": tracks.size_wh[0],
        "imageHeight": tracks.size_wh[1],
        "frameRate": str(options.plate.fps),
        "pixelAspectRatio": float(options.plate.pixel_aspect),
        "units": _UNITS,
    }
    for key, value in said.items():
        root.SetCustomDataByKey(key, value)


def _text(name: str) -> str:
    """Without the zero bytes and halves of letters that a USD string cannot hold."""
    return name.replace("\0", " ").encode("utf-8", "replace").decode()


def _samples(tracks: TrackFile, keys: Sequence[TrackKeys], options: ExportOptions) -> tuple[NDArray[np.float32], ...]:
    """Positions (T, K, 3), visible (T, K) and confidence (T, K)."""
    places = np.zeros((tracks.n_frames, len(keys), 3), np.float32)
    shown, trust = np.zeros((2, tracks.n_frames, len(keys)), np.float32)
    for n, track in enumerate(keys):
        xy = CONVENTION.to_file(held(track, tracks.n_frames), tracks.size_wh, options.plate)
        places[:, n, :2] = xy
        shown[track.frames, n] = track.visible
        trust[track.frames, n] = track.confidence
    return places, shown, trust


def read_usd(path: Path, video: VideoFacts) -> TrackFile:
    """Read the first UsdGeomPoints with time samples, in pixels from the bottom-left corner; layers that the file
    refers to are not loaded. A point with neither `visible` nor `confidence` is not there on that frame; without these
    primvars it is visible on all.

    Raises:
        InputError: no USD file, no moving points, another size than the video's, arrays that do not fit together, or a
            frame that the video lacks.
    """
    import_extra("pxr", NAME, path)
    if not path.is_file():
        raise InputError(f"{path}: {'this is a folder' if path.is_dir() else 'there is no such file'}")
    from pxr import Tf

    try:
        return _read(path, video)
    except Tf.ErrorException as error:
        raise InputError(f"{path}: this is no USD file, or it is damaged") from error


def _read(path: Path, video: VideoFacts) -> TrackFile:
    from pxr import Sdf

    # Specs of this one layer: nothing it refers to is opened, and nothing is kept of it by its path.
    layer = Sdf.Layer.OpenAsAnonymous(str(path))
    if layer is None:
        raise InputError(f"{path}: this is no USD file, or it is damaged")
    prim = _moving_points(layer)
    if prim is None:
        raise InputError(f"{path}: there are no points with time samples in this file")
    _check_size(path, layer, video)
    times = layer.ListTimeSamplesForPath(prim.path.AppendProperty("points"))
    if any(time != round(time) for time in times):
        raise InputError(f"{path}: there are time samples between two frames")
    places = _array(path, layer, prim, "points", times)
    count = places.shape[1]
    shown = _array(path, layer, prim, "primvars:visible", times, count)
    trust = _array(path, layer, prim, "primvars:confidence", times, count)
    names = _names(prim, "primvars:name", count)
    groups = _names(prim, "primvars:group", count)
    frames = np.array(times).round().astype(np.int64)
    found, trusted = [], prim.attributes.get("primvars:confidence") is not None
    for n in range(count):
        visible = shown[:, n] > 0
        there = np.flatnonzero(visible | (trusted & (trust[:, n] > 0)))
        track = ReadTrack(names[n], frames[there].tolist(), list(map(tuple, places[there, n, :2].tolist())))
        track.visible, track.group = visible[there].tolist(), groups[n]
        track.confidence = trust[there, n].tolist() if trusted else []
        found.append(track)
    return tracks_from_keys(path, video, CONVENTION, found)


def _moving_points(layer: Any) -> Any:
    """The first prim of type Points with time samples, None where there is none."""
    waiting = list(layer.rootPrims)
    while waiting:
        prim = waiting.pop(0)
        if prim.typeName == "Points" and layer.ListTimeSamplesForPath(prim.path.AppendProperty("points")):
            return prim
        waiting.extend(prim.nameChildren)
    return None


def _check_size(path: Path, layer: Any, video: VideoFacts) -> None:
    root = layer.GetPrimAtPath(f"/{layer.defaultPrim}") if layer.defaultPrim else None
    said = dict(root.customData) if root else {}
    size = said.get("imageWidth"), said.get("imageHeight")
    if None not in size and size != video.size_wh:
        mine = f"{video.size_wh[0]}x{video.size_wh[1]}"
        raise InputError(f"{path}: the points are of a picture of {size[0]}x{size[1]}, the video has {mine}")


def _array(
    path: Path, layer: Any, prim: Any, name: str, times: Sequence[float], count: int = -1
) -> NDArray[np.float64]:
    """An attribute on all times (len(times), count, …); ones where the prim has no such attribute."""
    if prim.attributes.get(name) is None:
        return np.ones((len(times), count))
    at = prim.path.AppendProperty(name)
    fixed = prim.attributes[name].default
    values = [layer.QueryTimeSample(at, time) for time in times]
    try:
        arrays = [np.asarray(fixed if value is None else value, np.float64) for value in values]
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: {name} holds something else than numbers") from error
    shape = (3,) if name == "points" else ()
    if count < 0:
        count = len(arrays[0]) if arrays[0].ndim else 0
    for time, array in zip(times, arrays, strict=True):
        if array.shape != (count, *shape):
            raise InputError(f"{path}: {name} on frame {time:g} is not one value for each of {count} points")
    return np.stack(arrays)


def _names(prim: Any, name: str, count: int) -> list[str]:
    attribute = prim.attributes.get(name)
    if attribute is None or str(attribute.typeName) != "string[]" or len(attribute.default or ()) != count:
        return [""] * count
    return list(attribute.default)


register(
    Format(
        name=NAME,
        title="USD points",
        suffix=".usda",
        suffixes=(".usda", ".usd", ".usdc"),
        audience="vfx",
        convention=CONVENTION,
        carries="positions, names, groups, visibility, confidence",
        loses="nothing but the difference between a person's position and one of confidence 1",
        keeps=frozenset({"names", "groups"}),
        write=write_usd,
        read=read_usd,
        rounding=1e-3,
        hidden=("gap", "flag", "linear"),
        extra=("usd", "pxr"),
    )
)
