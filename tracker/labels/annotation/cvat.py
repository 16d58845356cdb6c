"""CVAT for video 1.1, an XML file (docs.cvat.ai, "XML annotation format", version 1.1).

One `<track>` of `<points>` per track, labelled by its group ("point" for tracks without one), with a keyframe on
every frame, so that CVAT interpolates nothing. `occluded` is 1 where the point is hidden but its position thought to be
known. `outside` is 1 where there is no position, and on the first frame after a labelled stretch, which closes it: the
position beside it repeats the last one and means nothing.

*Coordinates.* The continuous raster from the top-left corner, pixel centres at .5; six decimals (CVAT's own export
keeps two). Frames count from 0 over the whole video, also in a task that is a part of it.

*Attributes* say what CVAT has no word for: `name`, which stays, and `state`, `source`, `approved` and `confidence`
(empty where nobody said), which hold until they change, as mutable attributes do in CVAT.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import NDArray

from tracker.labels.annotation.cvat_reader import CONVENTION, NO_GROUP, read_cvat
from tracker.labels.formats import ExportOptions, Format, Written, register
from tracker.labels.native import TrackFile
from tracker.labels.table import Source, State
from tracker.labels.text import write_text

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SHAPE = '<points frame="%d" keyframe="1" outside="%d" occluded="%d" points="%.6f,%.6f" z_order="0">%s</points>\n'
_CHOICES = {
    "state": [state.name.lower() for state in State],
    "source": [source.name.lower() for source in Source],
}


def write_cvat(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write the tracks that have a position. Raises InputError where the path cannot be written."""
    located = tracks.located
    rows = np.flatnonzero(located.any(axis=1)).tolist()
    labelled = tracks.state != State.UNLABELLED
    changed = {name: clean for row in rows if (clean := _text(name := tracks.names[row])) != name}
    write_text(path, _pieces(tracks, located, rows, options))
    left = tracks.n_tracks - len(rows)
    note = f"tracks left out because they have no position: {left}" if left else ""
    return Written(len(rows), left, int(labelled[rows].sum()), note, changed)


def _text(name: str) -> str:
    """The name without the control characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", name)


def _pieces(tracks: TrackFile, located: NDArray[np.bool_], rows: list[int], options: ExportOptions) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n<meta>\n<task>\n'
    yield f"<name>{escape(_text(options.name))}</name>\n<size>{tracks.n_frames}</size>\n<mode>interpolation</mode>\n"
    yield f"<start_frame>0</start_frame>\n<stop_frame>{tracks.n_frames - 1}</stop_frame>\n<labels>\n"
    for label in dict.fromkeys(_text(tracks.groups[row]) or NO_GROUP for row in rows):
        yield f"<label>\n<name>{escape(label)}</name>\n<type>points</type>\n<attributes>\n{_ATTRIBUTES}</attributes>\n"
        yield "</label>\n"
    width, height = tracks.size_wh
    yield f"</labels>\n<original_size>\n<width>{width}</width>\n<height>{height}</height>\n</original_size>\n"
    yield "</task>\n</meta>\n"
    for number, row in enumerate(rows):
        label = quoteattr(_text(tracks.groups[row]) or NO_GROUP)
        source = "manual" if (tracks.source[row] == Source.ANCHOR).any() else "auto"
        yield f'<track id="{number}" label={label} source="{source}">\n'
        yield from _shapes(tracks, located[row], row)
        yield "</track>\n"
        options.report(number + 1, len(rows))
    yield "</annotations>\n"


def _attribute(name: str, mutable: bool, kind: str, values: list[str]) -> str:
    default = values[0] if values else ""
    return (
        f"<attribute>\n<name>{name}</name>\n<mutable>{mutable}</mutable>\n<input_type>{kind}</input_type>\n"
        f"<default_value>{default}</default_value>\n<values>{chr(10).join(values)}</values>\n</attribute>\n"
    )


_ATTRIBUTES = (
    _attribute("name", False, "text", [])
    + "".join(_attribute(name, True, "select", words) for name, words in _CHOICES.items())
    + _attribute("approved", True, "checkbox", ["false"])
    + _attribute("confidence", True, "text", [])
)


def _shapes(tracks: TrackFile, located: NDArray[np.bool_], row: int) -> Iterator[str]:
    """The shapes of one track: its labelled frames, and the first frame after each stretch of them."""
    labelled = tracks.state[row] != State.UNLABELLED
    closing = np.concatenate(([False], labelled[:-1])) & ~labelled
    frames = np.flatnonzero(labelled | closing)
    state = tracks.state[row, frames].astype(np.int64)
    placed = located[frames] & (state != State.OUT_OF_VIEW)
    # Where there is no position the last one is repeated, at the beginning the first one to come.
    known = np.flatnonzero(placed) if placed.any() else np.flatnonzero(located[frames])
    last = known[np.maximum(np.searchsorted(known, np.arange(len(frames)), side="right") - 1, 0)]
    xy = CONVENTION.to_file(tracks.xy[row, frames[last]], tracks.size_wh, ExportOptions().plate)
    columns = (frames, ~placed, placed & (state == State.OCCLUDED), xy[:, 0], xy[:, 1])
    lists = [column.tolist() for column in columns]
    yield "".join(map(_SHAPE.__mod__, zip(*lists, _changes(tracks, row, frames), strict=True)))


def _changes(tracks: TrackFile, row: int, frames: NDArray[np.intp]) -> list[str]:
    """The attributes that differ from the frame before, as XML."""
    code = (tracks.state[row, frames].astype(np.int64) * len(Source) + tracks.source[row, frames]) * 2
    code += tracks.approved[row, frames]
    same = np.concatenate(([False], code[1:] == code[:-1])).tolist()
    said = [f"{value:.9g}" if value == value else "" for value in tracks.confidence[row, frames].tolist()]
    lines = []
    before = ""
    for stays, number, confidence in zip(same, code.tolist(), said, strict=True):
        words = "" if stays else _WORDS[number]
        if confidence != before:
            words += f'<attribute name="confidence">{confidence}</attribute>'
            before = confidence
        lines.append(words)
    lines[0] = f'<attribute name="name">{escape(_text(tracks.names[row]))}</attribute>{lines[0]}'
    return lines


_WORDS = [
    f'<attribute name="state">{state}</attribute><attribute name="source">{source}</attribute>'
    f'<attribute name="approved">{approved}</attribute>'
    for state in _CHOICES["state"]
    for source in _CHOICES["source"]
    for approved in ("false", "true")
]


register(
    Format(
        name="cvat",
        title="CVAT for video 1.1",
        suffix=".xml",
        untested="Nobody here could open it in CVAT; datumaro reads it right.",
        audience="annotation",
        convention=CONVENTION,
        carries="all states, confidence, source and approval (as attributes), names, groups (as labels)",
        loses="positions out of view, the model's visibility, query points (the first visible cell when read back), "
        "tracks without any position, the name of a group called “point”",
        keeps=frozenset({"state", "confidence", "source", "approved", "pts", "time_base", "size_wh"}),
        rounding=1e-5,
        write=write_cvat,
        read=read_cvat,
    )
)
