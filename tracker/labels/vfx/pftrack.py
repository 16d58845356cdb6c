"""2D feature tracks of PFTrack and PFMatchit.

Blocks divided by blank lines: the name in quotes, the clip's number (in stereo 1 and 2), the number of keys, and rows
`frame x y similarity`. PFTrack 5 has the camera's name in quotes for the clip's number, PFTrack 4 has neither. A
heading of comments says whether the last number is a similarity (1 is perfect) or a residual (0 is perfect). Positions
count from the centre of the bottom-left pixel, which an export of the program with tracks on two known pixels settles.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.labels.conventions import Convention, Positions
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, register
from tracker.labels.keys import ReadTrack, tracks_from_keys
from tracker.labels.native import TrackFile
from tracker.labels.plate import Plate
from tracker.labels.text import bad_line, read_text, rows
from tracker.labels.vfx.rows import Block, to_count, track_of_rows, write_blocks

_HEADING = '# "Name"\n# clipNumber\n# frameCount\n# frame, xpos, ypos, similarity\n\n'


def _centres_up(xy: Positions, size_wh: tuple[int, int], plate: Plate) -> Positions:
    """Pixels from the centre of the bottom-left one, y up; its own inverse."""
    xy = np.asarray(xy, np.float64)
    return np.stack([xy[..., 0], size_wh[1] - 1 - xy[..., 1]], axis=-1)


CONVENTION = Convention(
    "pixels from the centre of the bottom-left pixel, y up",
    "from the bottom-left pixel's centre",
    "from 1, the first frame of the video, unless you choose (PFTrack 4 and 5: from 0)",
    1,
    False,
    _centres_up,
    _centres_up,
)
OLD_CONVENTION = replace(CONVENTION, first=0)


def write_pftrack(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write the layout of PFTrack 2011 and later. Raises InputError where nothing or nowhere is to be written."""
    return write_blocks(tracks, path, options, CONVENTION, _pieces)


def _pieces(count: int, blocks: Iterator[Block]) -> Iterator[str]:
    yield _HEADING
    for block in blocks:
        yield f'"{block.name}"\n1\n{len(block.frames)}\n'
        yield rows("%d %.6f %.6f %.3f\n", block.frames, block.x, block.y, block.confidence)
        yield "\n"


class _Reader:
    """Goes through the lines that are neither blank nor comments."""

    def __init__(self, path: Path, text: str) -> None:
        lines = text.split("\n")
        self.path = path
        self.numbers = [at + 1 for at, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")]
        self.lines = [lines[number - 1].strip() for number in self.numbers]
        self.end = len(lines)
        self.at = 0

    @property
    def line(self) -> int:
        """The number of the line that comes next, or of the last one."""
        return self.numbers[self.at] if self.at < len(self.numbers) else self.end

    def peek(self, ahead: int = 0) -> str:
        """A line to come, "" behind the last."""
        return self.lines[self.at + ahead] if self.at + ahead < len(self.lines) else ""

    def quoted(self, what: str) -> str:
        """What the next line has in quotes."""
        match = re.fullmatch(r'"(.*)"', self.peek())
        if match is None:
            raise bad_line(self.path, self.line, f"expected {what} in quotes, not {self.peek()[:40]!r}")
        self.at += 1
        return match[1]

    def count(self, of: str) -> int:
        """The whole number on the next line."""
        value = to_count(self.peek(), self.path, self.line, of)
        self.at += 1
        return value

    def camera(self) -> tuple[str, bool]:
        """The group of the track: "" for the first camera; and whether this is the layout of PFTrack 4 or 5."""
        if self.peek().startswith('"'):
            camera = self.quoted("the camera")
            return "" if camera == "Primary" else camera, True
        if len(self.peek(1).split()) != 1 or self.peek(1).startswith('"'):
            return "", True
        clip = self.count("a clip")
        return "" if clip == 1 else f"clip {clip}", False

    def track(self) -> tuple[ReadTrack, NDArray[np.float64], bool]:
        """The next track, what stands behind its positions, and whether the layout is an old one."""
        name = self.quoted("the name of a track")
        group, old = self.camera()
        count = self.count("keys")
        start, self.at = self.at, self.at + count
        fields = [line.split() for line in self.lines[start : self.at]]
        cut = next((n for n, values in enumerate(fields) if values[0].startswith('"')), len(fields))
        if cut < count:
            line = self.numbers[start + cut] if start + cut < len(self.numbers) else self.end
            raise bad_line(self.path, line, f"track {name!r} ends after {cut} of its {count} keys")
        track, rest = track_of_rows(self.path, name, fields, self.numbers[start : self.at], group)
        return track, rest, old


def read_pftrack(path: Path, video: VideoFacts) -> TrackFile:
    """Read any of the layouts; a second camera's tracks come as a group. A track without keys comes back unlabelled.

    Raises:
        InputError: not such a file, or a bad line, named by its number.
    """
    text = read_text(path)
    reader = _Reader(path, text)
    found, rests, layouts = [], [], set()
    while reader.at < len(reader.lines):
        track, rest, old = reader.track()
        found.append(track)
        rests.append(rest)
        layouts.add(old)
    if not found:
        raise bad_line(path, reader.end, "there is not one track in this file")
    if len(layouts) > 1:
        raise bad_line(path, reader.end, "the tracks are of different versions of PFTrack")
    _take_quality(text, found, rests, old)
    return tracks_from_keys(path, video, OLD_CONVENTION if old else CONVENTION, found)


def _take_quality(text: str, found: list[ReadTrack], rests: list[NDArray[np.float64]], old: bool) -> None:
    """What the last number means is in the comments; without any, only the old versions leave no doubt."""
    comments = " ".join(re.findall(r"^\s*#.*", text, re.M)).lower()
    similarity = "similarity" in comments
    if not (similarity or "residual" in comments or old):
        return
    for track, rest in zip(found, rests, strict=True):
        if rest.shape[1]:
            track.confidence = (rest[:, 0] if similarity else 1 - rest[:, 0]).tolist()


register(
    Format(
        name="pftrack",
        title="PFTrack",
        suffix=".txt",
        suffixes=(".txt", ".2dt"),
        audience="vfx",
        convention=CONVENTION,
        carries="positions on the frames where a point is visible, confidence as similarity (three decimals), names",
        loses="hidden frames (gaps), approval, groups; names keep letters, digits and _",
        write=write_pftrack,
        read=read_pftrack,
        rounding=5e-7,
        hidden=("gap", "linear"),
    )
)
