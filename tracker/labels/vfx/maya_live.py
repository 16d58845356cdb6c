"""Maya Live's tracked points, as Autodesk's "Tracked point file format" has them.

`#  Size width height aspect`, then for each point `#  Name …` and rows `number frame x y error`. x runs from -a to a
and y from -1 to 1 over the picture, y up; a is the device's aspect, width over height times the pixels' own. With
`#  Pixels` they are pixels from the bottom-left corner. The error is 0 where the match was perfect and 1 where there
was none; -1 marks a key set by hand. Frames are added to Live's Start Frame, so the first is 0.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from tracker.labels.conventions import FROM_0, RASTER_UP, Convention, Positions
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, register
from tracker.labels.keys import ReadTrack, tracks_from_keys
from tracker.labels.native import TrackFile
from tracker.labels.plate import Plate
from tracker.labels.text import bad_line, read_text, rows, to_float
from tracker.labels.vfx.rows import Block, check_normalised, check_size, check_width, track_of_rows, write_blocks

BY_HAND = -1.0
ROUNDED = 0.006  # files give the aspect with as few as two decimals


def device_aspect(size_wh: tuple[int, int], plate: Plate) -> Fraction:
    """Width over height of the picture as it is seen."""
    return Fraction(*size_wh) * plate.pixel_aspect


def _to_file(xy: Positions, size_wh: tuple[int, int], plate: Plate) -> Positions:
    reach = np.array([float(device_aspect(size_wh, plate)), 1.0])
    return (2 * RASTER_UP.to_file(xy, size_wh, plate) / np.array(size_wh) - 1) * reach


def _from_file(xy: Positions, size_wh: tuple[int, int], plate: Plate) -> Positions:
    reach = np.array([float(device_aspect(size_wh, plate)), 1.0])
    return RASTER_UP.from_file((np.asarray(xy, np.float64) / reach + 1) / 2 * np.array(size_wh), size_wh, plate)


CONVENTION = Convention(
    "x from -a to a, a being the picture's aspect with the pixels' own, y from -1 to 1 over the picture, y up",
    "(±aspect, ±1) from the centre, y up",
    FROM_0,
    0,
    True,
    _to_file,
    _from_file,
)
PIXELS = replace(RASTER_UP, frames=FROM_0, first=0, fixed=True)


def write_maya_live(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write tracked points, normalised. Raises InputError where nothing or nowhere is to be written."""
    width, height = tracks.size_wh
    heading = f"#  Size  {width}  {height}  {float(device_aspect(tracks.size_wh, options.plate)):.4f}\n"

    def pieces(count: int, blocks: Iterator[Block]) -> Iterator[str]:
        yield heading
        for block in blocks:
            yield f"#  Name  {block.name}\n"
            template = f"{block.number} %d %.10f %.10f %.10f\n"
            yield rows(template, block.frames, block.x, block.y, 1 - block.confidence)

    return write_blocks(tracks, path, options, CONVENTION, pieces)


@dataclass
class _Point:
    name: str
    rests: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


class _Reader:
    """What the headings say so far, and the points."""

    def __init__(self, path: Path, video: VideoFacts) -> None:
        self.path, self.video = path, video
        self.pixels = False
        self.name = ""
        self.points: dict[str, _Point] = {}

    def heading(self, words: list[str], line: int) -> None:
        """A line that begins with #; other comments say nothing."""
        key = words[0].lower() if words else ""
        if key == "pixels":
            self.pixels = True
        elif key == "name":
            self.name = " ".join(words[1:])
        elif key == "size":
            if len(words) < 3:
                raise bad_line(self.path, line, "expected width, height and aspect behind Size")
            width, height, *aspect = (to_float(word, self.path, line) for word in words[1:4])
            check_size(self.path, line, (width, height), self.video)
            if aspect:
                self._take_aspect(aspect[0], line)

    def _take_aspect(self, aspect: float, line: int) -> None:
        """The plate's pixel aspect unless the file says another one."""
        if aspect <= 0:
            raise bad_line(self.path, line, f"{aspect:g} cannot be the aspect of a picture")
        if abs(aspect - float(device_aspect(self.video.size_wh, self.video.plate))) > ROUNDED:
            width, height = self.video.size_wh
            plate = replace(self.video.plate, pixel_aspect=Fraction(aspect) * height / width)
            self.video = replace(self.video, plate=plate)

    def row(self, text: str, line: int) -> None:
        """A line that is no heading."""
        number, *rest = text.split(None, 1)
        if not number.isdecimal():
            raise bad_line(self.path, line, f"expected the number of a point, not {number[:40]!r}")
        if number not in self.points:
            self.points[number] = _Point(self.name or f"point {number}")
            self.name = ""
        point = self.points[number]
        point.rests.append(rest[0] if rest else "")
        point.lines.append(line)


def read_maya_live(path: Path, video: VideoFacts) -> TrackFile:
    """Read tracked points, normalised or in pixels. Where the aspect in the file is not the plate's, it is believed.

    Raises:
        InputError: not such a file, one for pictures of another size, or a bad line, named by its number.
    """
    reader = _Reader(path, video)
    for number, line in enumerate(read_text(path).split("\n"), 1):
        text = line.strip()
        if text.startswith("#"):
            reader.heading(text.lstrip("#").split(), number)
        elif text:
            reader.row(text, number)
    found = [_track(path, point) for point in reader.points.values()]
    if not reader.pixels:
        for track in found:
            check_normalised(path, track)
    return tracks_from_keys(path, reader.video, PIXELS if reader.pixels else CONVENTION, found)


def _track(path: Path, point: _Point) -> ReadTrack:
    track, rest = track_of_rows(path, point.name, [rest.split() for rest in point.rests], point.lines)
    check_width(path, rest, point.lines, 1)
    if rest.shape[1]:
        error = rest[:, 0]
        track.confidence = np.where(error == BY_HAND, np.nan, 1 - error).tolist()
    return track


register(
    Format(
        name="maya-live",
        title="Maya Live",
        suffix=".txt",
        audience="vfx",
        convention=CONVENTION,
        carries="positions on the frames where a point is visible, confidence as error, names, size and aspect",
        loses="hidden frames (gaps), approval, groups; names keep letters, digits and _",
        write=write_maya_live,
        read=read_maya_live,
        rounding=5e-7,
        hidden=("gap", "linear"),
    )
)
