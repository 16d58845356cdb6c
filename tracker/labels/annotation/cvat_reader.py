"""Reading CVAT for video 1.1, ours (see `tracker.labels.annotation.cvat`) and CVAT's own.

Every line of a track counts, keyframe or not: CVAT interpolates before it writes, one line per frame. A shape that is
`outside` says no more than that the track ended; only our own `state` attribute says why.
"""

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from xml.sax import SAXException, SAXParseException
from xml.sax.handler import ContentHandler

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.labels.conventions import FROM_0, RASTER_DOWN
from tracker.labels.formats import VideoFacts
from tracker.labels.keys import FARTHEST
from tracker.labels.native import TrackFile
from tracker.labels.table import Source, State
from tracker.labels.text import bad_line, to_float, to_frame

NO_GROUP = "point"
CONVENTION = replace(RASTER_DOWN, frames=FROM_0, first=0, fixed=True)
VERSIONS = ("1.0", "1.1")

_STATES = {state.name.lower(): int(state) for state in State}
_SOURCES = {source.name.lower(): int(source) for source in Source}
_OTHER_SHAPES = frozenset({"box", "polygon", "polyline", "cuboid", "ellipse", "mask"})
_UNSAID = -1


@dataclass
class _Track:
    """What stands in the file of one track; the columns have one entry per shape.

    Attributes:
        state, source, approved, confidence: as the last attribute said.
    """

    name: str
    group: str
    columns: "array[float]" = field(default_factory=lambda: array("d"))
    points: list[str] = field(default_factory=list)
    state: int = _UNSAID
    source: int = _UNSAID
    approved: bool = False
    confidence: float = np.nan


class _Parser(DefusedExpatParser):
    """Attributes come as the dicts that they are; wrapping millions of them takes seconds."""

    def start_element(self, name: str, attrs: dict[str, str]) -> None:
        self._cont_handler.startElement(name, attrs)


class _Handler(ContentHandler):
    """Gathers the tracks."""

    def __init__(self, path: Path, video: VideoFacts, line: Callable[[], int]) -> None:
        super().__init__()
        self._path, self._video, self._line = path, video, line
        self._parents: list[str] = []
        self._words: list[str] | None = None
        self._attribute = ""
        self._shape: tuple[_Track, dict[str, str], str] | None = None
        self._skeleton_frame = ""
        self._of_label: dict[str, _Track] = {}
        self._heading: tuple[str, str] = ("", "")
        self.tracks: list[_Track] = []
        self.tasks = 0
        self.seen_version = False

    def fault(self, reason: str) -> InputError:
        """The error for what stands here."""
        return bad_line(self._path, self._line(), reason)

    def startElement(self, name: str, attrs: Any) -> None:
        depth = len(self._parents)
        self._parents.append(name)
        if depth > 30:
            raise self.fault("elements are nested too deeply")
        if not depth and name != "annotations":
            raise self.fault(f"this is no CVAT file, it begins with {name[:40]!r}")
        starts = self._STARTS.get(name)
        if starts is not None:
            starts(self, attrs)
        elif name in _OTHER_SHAPES:
            raise self.fault(f"this track is a {name}; only points can be read")

    def endElement(self, name: str) -> None:
        self._parents.pop()
        if name == "attribute" and self._shape is not None and self._words is not None:
            self._take_attribute(self._shape[0], self._attribute, "".join(self._words))
        elif name == "points":
            self._end_points()
        elif name == "skeleton":
            self._skeleton_frame = ""
        elif self._words is not None:
            self._take_meta(name, "".join(self._words).strip())
        else:
            return
        self._words = None

    def characters(self, content: str) -> None:
        if self._words is not None:
            self._words.append(content)

    def _start_text(self, attrs: dict[str, str]) -> None:
        self._words = []

    def _start_attribute(self, attrs: dict[str, str]) -> None:
        if self._shape is not None:
            self._words = []
            self._attribute = attrs.get("name", "")

    def _start_image(self, attrs: dict[str, str]) -> None:
        raise self.fault("this is CVAT for images; export the task as CVAT for video")

    def _start_track(self, attrs: dict[str, str]) -> None:
        label = attrs.get("label", NO_GROUP)
        self._heading = (attrs.get("id", str(len(self.tracks))), "" if label == NO_GROUP else label)
        self._of_label = {}

    def _start_skeleton(self, attrs: dict[str, str]) -> None:
        self._skeleton_frame = attrs.get("frame", "")

    def _start_points(self, attrs: dict[str, str]) -> None:
        if "track" not in self._parents:
            raise self.fault("these points belong to no track")
        part = attrs.get("label", "") if self._skeleton_frame else ""
        track = self._of_label.get(part)
        if track is None:
            number, group = self._heading
            track = self._of_label[part] = _Track(f"{part} {number}".strip(), group)
            self.tracks.append(track)
        self._shape = (track, attrs, attrs.get("frame") or self._skeleton_frame)

    def _end_points(self) -> None:
        assert self._shape is not None
        track, attrs, frame = self._shape
        self._shape = None
        line = self._line()
        outside = attrs.get("outside") == "1"
        number = int(frame) if frame.isdecimal() and len(frame) < 10 else to_frame(frame, self._path, line)
        track.columns.extend(
            (
                number,
                line,
                outside,
                attrs.get("occluded") == "1",
                track.state,
                track.source,
                track.approved,
                track.confidence,
            )
        )
        track.points.append(attrs.get("points", ""))

    def _take_attribute(self, track: _Track, name: str, text: str) -> None:
        if name == "confidence":
            track.confidence = self._confidence(text.strip())
        elif name == "name" and text:
            track.name = text
        elif name == "state":
            track.state = _STATES.get(text, _UNSAID)
        elif name == "source":
            track.source = _SOURCES.get(text, _UNSAID)
        elif name == "approved":
            track.approved = text == "true"

    def _confidence(self, text: str) -> float:
        if not text:
            return np.nan
        try:
            value = float(text)
        except ValueError:
            value = to_float(text, self._path, self._line())  # says what is wrong
        if not 0 <= value <= 1:
            raise self.fault(f"the confidence {text[:20]} is not between 0 and 1")
        return value

    def _take_meta(self, name: str, text: str) -> None:
        parent = self._parents[-1] if self._parents else ""
        if name == "version" and parent == "annotations":
            self.seen_version = True
            if text not in VERSIONS:
                raise self.fault(f"version {text[:20]!r} of CVAT's annotations is not known here, 1.1 is")
        elif name == "mode" and text == "annotation":
            raise self.fault("this is CVAT for images; export the task as CVAT for video")
        elif name in ("width", "height") and parent == "original_size":
            self.tasks += name == "width"
            side = self._video.size_wh[name == "height"]
            if text != str(side):
                raise self.fault(f"the {name} of the pictures is {text[:20]}, the video's is {side}")
        elif name == "size" and parent in ("task", "job"):
            frames = len(self._video.pts)
            if to_float(text, self._path, self._line()) > frames:
                raise self.fault(f"the task has {text[:20]} frames, the video has {frames}")

    _STARTS: dict[str, Callable[["_Handler", dict[str, str]], None]] = {  # noqa: RUF012 (it is never changed)
        "version": _start_text,
        "mode": _start_text,
        "size": _start_text,
        "width": _start_text,
        "height": _start_text,
        "attribute": _start_attribute,
        "image": _start_image,
        "track": _start_track,
        "skeleton": _start_skeleton,
        "points": _start_points,
    }


def read_cvat(path: Path, video: VideoFacts) -> TrackFile:
    """Read tracks of points; a shape of several points, or a skeleton, becomes several tracks.

    Raises:
        InputError: not such a file, of another video, an unknown version, other shapes than points, or a shape that
            cannot be one; names its line.
    """
    parser = _Parser(forbid_dtd=True)
    handler = _Handler(path, video, parser.getLineNumber)
    parser.setContentHandler(handler)
    try:
        with path.open("rb") as source:
            parser.parse(source)
    except OSError as error:
        reason = "this is a folder" if path.is_dir() else error.strerror or "cannot be read"
        raise InputError(f"{path}: {reason}") from error
    except SAXParseException as error:
        raise bad_line(path, error.getLineNumber() or 1, f"this is no whole XML file ({error.getMessage()})") from error
    except DefusedXmlException as error:
        reason = "the XML declares a document type or entities, which are not read"
        raise bad_line(path, parser.getLineNumber() or 1, reason) from error
    except (SAXException, LookupError) as error:  # LookupError: an encoding that nobody knows
        raise InputError(f"{path}: this is no XML file ({error})") from error
    if not handler.seen_version:
        raise InputError(f"{path}: this is no CVAT file, it has no version")
    if handler.tasks > 1:
        raise InputError(f"{path}: this file holds several tasks; export one")
    return _tracks(path, video, handler.tracks)


def _tracks(path: Path, video: VideoFacts, found: list[_Track]) -> TrackFile:
    parsed = [(track, _positions(path, track)) for track in found]
    tracks = video.empty(sum(xy.shape[1] for _, xy in parsed))
    names, groups = [], []
    row = 0
    for track, xy in parsed:
        for number in range(xy.shape[1]):
            names.append(track.name if xy.shape[1] == 1 else f"{track.name} {number + 1}")
            groups.append(track.group)
            _fill(path, tracks, row, track, xy[:, number], video)
            row += 1
    tracks.names, tracks.groups = names, groups
    tracks.query_from_first_visible()
    return tracks


def _positions(path: Path, track: _Track) -> NDArray[np.float64]:
    """(shapes, points of each, 2) as they stand in the file."""
    count = track.points[0].count(";") + 1 if track.points else 1
    try:
        flat = np.array(",".join(track.points).replace(";", ",").split(","), np.float64)
        if all(text.count(";") + 1 == count for text in track.points) and len(flat) == 2 * count * len(track.points):
            return flat.reshape(-1, count, 2)
    except ValueError:
        pass
    lines = np.array(track.columns).reshape(-1, 8)[:, 1].astype(int).tolist()
    for text, line in zip(track.points, lines, strict=True):
        pairs = [pair.split(",") for pair in text.split(";")]
        if len(pairs) != count or any(len(pair) != 2 for pair in pairs):
            raise bad_line(path, line, f"{text[:40]!r} are not {count} pairs x,y")
        for pair in pairs:
            for number in pair:
                to_float(number, path, line)
    raise InputError(f"{path}: the points of track {track.name!r} cannot be read")


def _fill(
    path: Path, tracks: TrackFile, row: int, track: _Track, points: NDArray[np.float64], video: VideoFacts
) -> None:
    """Put the shapes of one track into its row."""
    columns = np.array(track.columns).reshape(-1, 8)
    frames, lines, outside, occluded, told, source = columns[:, :6].astype(np.int64).T
    count = len(video.pts)
    for at in np.flatnonzero((frames < 0) | (frames >= count))[:1].tolist():
        raise bad_line(path, lines[at], f"frame {frames[at]} is outside the video's 0 to {count - 1}")
    _, once = np.unique(frames, return_index=True)
    for at in np.setdiff1d(np.arange(len(frames)), once)[:1].tolist():
        raise bad_line(path, lines[at], f"frame {frames[at]} is given twice for track {track.name!r}")
    xy = CONVENTION.from_file(points, video.size_wh, video.plate)
    placed = outside == 0
    for at in np.flatnonzero(placed & ~(np.abs(xy) < FARTHEST).all(axis=1))[:1].tolist():
        x, y = points[at].tolist()
        raise bad_line(path, lines[at], f"{x:g}, {y:g} cannot be a position in this picture")
    inside = ((xy >= -0.5) & (xy <= np.array(video.size_wh) - 0.5)).all(axis=1)
    seen = np.where(occluded == 0, State.VISIBLE, State.OCCLUDED)
    guess = np.where(placed, np.where(inside, seen, State.OUT_OF_VIEW), State.UNLABELLED)
    state = np.where(_said(told, placed, occluded != 0), told, guess)
    labelled = state != State.UNLABELLED
    at = frames[labelled]
    tracks.xy[row, frames[placed]] = xy[placed]
    tracks.state[row, frames] = state
    tracks.source[row, at] = np.where(source == _UNSAID, Source.IMPORTED, source)[labelled]
    tracks.approved[row, at] = columns[labelled, 6] != 0
    tracks.confidence[row, at] = columns[labelled, 7]


def _said(told: NDArray[np.int64], placed: NDArray[np.bool_], occluded: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where the state attribute agrees with the shape; who moves or hides a point in CVAT need not change it."""
    fits = np.where(occluded, told == State.OCCLUDED, told == State.VISIBLE)
    return (told != _UNSAID) & np.where(placed, fits, True)
