"""Fusion and the Fusion page of Resolve: a .setting, whose text can also be pasted into the node view.

A table in the manner of Lua: one Tracker tool, and for each of its points an XYPath whose X and Y are two
BezierSplines with one straight key per frame. Positions go from 0 to 1 over the picture from its bottom-left corner;
keys stand at the composition's frames, which follow the plate. No key can say that it is hidden, so Fusion draws a
straight line through a gap.

Built from published excerpts of Blackmagic's own files. Read is what has the same structure; the PolyPath that Fusion
itself writes for a tracked point (a curve timed by a second one) is refused.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tracker.files import InputError
from tracker.labels.conventions import UNIT_UP
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, register
from tracker.labels.keys import ReadTrack, TrackKeys, keys_of, tracks_from_keys
from tracker.labels.native import TrackFile
from tracker.labels.text import bad_line, read_text, rows, to_float, to_frame, write_text

CONVENTION = UNIT_UP

_PATH = """\
		Tracker1Path%d = XYPath {
			ShowKeyPoints = false,
			DrawMode = "ModifyOnly",
			CtrlWZoom = false,
			Inputs = {
				X = Input { SourceOp = "Tracker1Path%dX", Source = "Value", },
				Y = Input { SourceOp = "Tracker1Path%dY", Source = "Value", },
			},
		},
"""
_COLOURS = {"X": "{ Red = 255, Green = 0, Blue = 0 }", "Y": "{ Red = 0, Green = 255, Blue = 0 }"}
_KEY = "\t\t\t\t[%d] = { %.10f, Flags = { Linear = true } },\n"


def write_setting(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write one Tracker with a path per track. Raises InputError where there is nothing to write or the path cannot be
    written.
    """
    keys = keys_of(tracks, options.hidden or "gap")
    if not keys:
        raise InputError(f"{path}: no track has a visible position to write")
    write_text(path, _pieces(tracks, keys, options))
    cells = sum(len(track.frames) for track in keys)
    note = "Drag the file into Fusion's node view, or copy its text and paste it there."
    return Written(len(keys), tracks.n_tracks - len(keys), cells, note)


def _pieces(tracks: TrackFile, keys: Sequence[TrackKeys], options: ExportOptions) -> Iterator[str]:
    first = CONVENTION.first_number(options)
    placed = [CONVENTION.to_file(track.xy, tracks.size_wh, options.plate) for track in keys]
    yield "{\n\tTools = ordered() {\n\t\tTracker1 = Tracker {\n\t\t\tCtrlWZoom = false,\n\t\t\tTrackers = {\n"
    yield "\t\t\t\t{ PatternTime = 0, PatternX = 0.5, PatternY = 0.5 },\n" * len(keys)
    yield "\t\t\t},\n\t\t\tInputs = {\n"
    for n, (track, xy) in enumerate(zip(keys, placed, strict=True), start=1):
        yield f"\t\t\t\tName{n} = Input {{ Value = {_quoted(track.name)}, }},\n"
        yield f"\t\t\t\tPatternCenter{n} = Input {{ Value = {{ {xy[0, 0]:.10f}, {xy[0, 1]:.10f} }}, }},\n"
        yield f'\t\t\t\tTrackedCenter{n} = Input {{ SourceOp = "Tracker1Path{n}", Source = "Value", }},\n'
    yield "\t\t\t},\n\t\t\tViewInfo = OperatorInfo { Pos = { 0, 0 } },\n\t\t},\n"
    for n, (track, xy) in enumerate(zip(keys, placed, strict=True), start=1):
        yield _PATH % (n, n, n)
        for column, axis in enumerate("XY"):
            yield f"\t\tTracker1Path{n}{axis} = BezierSpline {{\n\t\t\tSplineColor = {_COLOURS[axis]},\n"
            yield f"\t\t\tNameSet = true,\n\t\t\tKeyFrames = {{\n{rows(_KEY, track.frames + first, xy[:, column])}"
            yield "\t\t\t}\n\t\t},\n"
        options.report(n, len(keys))
    yield '\t},\n\tActiveTool = "Tracker1"\n}\n'


def _quoted(name: str) -> str:
    """A Lua string: no line ends, quotes and backslashes escaped."""
    plain = "".join(letter if letter.isprintable() else " " for letter in name)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


_TOOL = re.compile(r'\n[ \t]*(?:\["([^"]+)"\]|(\w+)) = (Tracker|XYPath|BezierSpline|PolyPath) \{')
_NAME = re.compile(r'\bName(\d+) = Input \{\s*Value = "((?:[^"\\]|\\.)*)"')
_CENTRE = re.compile(r'\bTrackedCenter(\d+) = Input \{\s*SourceOp = "([^"]+)",\s*Source = "(\w+)"')
_AXIS = re.compile(r'\b([XY]) = Input \{\s*SourceOp = "([^"]+)",\s*Source = "Value"')
# A value may have a decimal comma, so that it can be named as such.
_SPLINE_KEY = re.compile(r"^\s*\[([^\]]+)\] = \{\s*([^\s,}]+(?:,\d+)?)", re.MULTILINE)
_CLOSED = re.compile(r"\n[ \t]*\},?[ \t]*(?=\n)")


@dataclass(frozen=True)
class _Tool:
    """A tool's kind, where it begins and ends in the text, and the line on which it begins, counted from 1."""

    kind: str
    start: int
    end: int
    line: int


def read_setting(path: Path, video: VideoFacts) -> TrackFile:
    """Read the tracked centres of all Tracker tools.

    Raises:
        InputError: there is none, the text is cut off, a centre is a PolyPath or lacks a curve, X and Y have keys on
            different frames, or a bad number.
    """
    text = read_text(path)
    if text.count("{") != text.count("}") and not _balanced(text):
        raise InputError(f"{path}: the text is cut off, or a brace is missing")
    tools = _tools(text)
    found = []
    for tool in tools.values():
        if tool.kind == "Tracker":
            names = dict(_NAME.findall(text, tool.start, tool.end))
            for number, source, kind in _CENTRE.findall(text, tool.start, tool.end):
                name = re.sub(r"\\(.)", r"\1", names.get(number, "")) or f"Tracker {number}"
                found.append(_track(path, text, tools, name, source, kind))
    if not found:
        raise InputError(f"{path}: there is no Tracker with a tracked centre in this text")
    return tracks_from_keys(path, video, CONVENTION, found)


def _balanced(text: str) -> bool:
    """Whether every brace has its other one, those in names not counted."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", text)
    return bare.count("{") == bare.count("}")


def _tools(text: str) -> dict[str, _Tool]:
    """By name. A tool ends where the next of the known ones begins."""
    tools: dict[str, _Tool] = {}
    heads = list(_TOOL.finditer(text))
    line, counted = 1, 0
    for head, after in zip(heads, [*heads[1:], None], strict=True):
        start = head.start() + 1  # after the line end that it begins with
        line, counted = line + text.count("\n", counted, start), start
        tools[head[1] or head[2]] = _Tool(head[3], start, after.start() if after else len(text), line)
    return tools


def _track(path: Path, text: str, tools: dict[str, _Tool], name: str, source: str, kind: str) -> ReadTrack:
    tool = tools.get(source)
    if kind == "Position" or (tool and tool.kind == "PolyPath"):
        raise InputError(f"{path}: track {name!r} is a PolyPath, of which only Fusion knows the timing; use an XY path")
    if tool is None or tool.kind != "XYPath":
        raise InputError(f"{path}: track {name!r} follows {source!r}, which is no XYPath of this text")
    splines = dict(_AXIS.findall(text, tool.start, tool.end))
    curves = [tools.get(splines.get(axis, "")) for axis in "XY"]
    if curves[0] is None or curves[1] is None:
        raise bad_line(path, tool.line, f"track {name!r} has no curve for {'Y' if curves[0] else 'X'}")
    (frames, x, lines), (others, y, _) = (_curve(path, text, curve) for curve in curves if curve)
    if frames != others:
        raise bad_line(path, tool.line, f"track {name!r} has its keys in X and Y on different frames")
    return ReadTrack(name, frames, list(zip(x, y, strict=True)), lines)


def _curve(path: Path, text: str, tool: _Tool) -> tuple[list[int], list[float], list[int]]:
    """Frames, values and lines of a spline's keys, which stand one a line."""
    start = text.find("KeyFrames", tool.start, tool.end)
    last = _CLOSED.search(text, start, tool.end) if start >= 0 else None
    if last is None:
        raise bad_line(path, tool.line, "this curve has no keys")
    keys = _SPLINE_KEY.findall(text, start, last.start() + 1)
    first = tool.line + text.count("\n", tool.start, start) + 1
    lines = list(range(first, first + len(keys)))
    try:
        table = np.array([list(map(float, column)) for column in zip(*keys, strict=True)]).reshape(2, -1)
        if np.isfinite(table).all() and (table[0] == np.round(table[0])).all():
            return table[0].astype(np.int64).tolist(), table[1].tolist(), lines
    except ValueError:
        pass
    # One by one, to name the one that is wrong.
    frames = [to_frame(frame, path, at) for (frame, _), at in zip(keys, lines, strict=True)]
    return frames, [to_float(value, path, at) for (_, value), at in zip(keys, lines, strict=True)], lines


register(
    Format(
        name="fusion",
        title="Fusion and Resolve",
        suffix=".setting",
        pastes=True,
        audience="vfx",
        convention=CONVENTION,
        carries="positions and names",
        loses="frames on which a point is hidden (Fusion draws a straight line through the gap), confidence, groups",
        write=write_setting,
        read=read_setting,
        rounding=1e-4,
        hidden=("gap", "linear"),
        untested="Nobody has opened this file in Fusion yet; look at the first and the last key.",
    )
)
