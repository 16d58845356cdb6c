"""Flame's and Smoke's `.stabilizer`: trackers, and corner pins of four of them.

A heading, channels of animation between `Anim` and `ChannelEnd`, and a paragraph per tracker. On a frame a tracker is
at `ref` - `shift`, in pixels from the bottom-left corner, centres at .5. Where the reference was moved on the way
("snap"), `ref` has several keys, but shifts go on counting from the first one. A key is `Key n`, `Frame`, `Value` and
how the curve goes on, up to `End`; `Size` is how many there are. Version 5.0 is that of 2013 and before, 6.0 that of
2014 and after. Frames count from 1.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tracker.files import InputError
from tracker.labels.formats import Format, VideoFacts, register
from tracker.labels.keys import ReadTrack, tracks_from_keys
from tracker.labels.native import TrackFile
from tracker.labels.text import bad_line, read_text, to_float
from tracker.labels.vfx.flame_writer import CONVENTION, CORNERS_2014, write_corner_pin, write_flame
from tracker.labels.vfx.rows import check_size, to_count, track_of_rows

VERSIONS = ("5.0", "6.0")
# Top-left, top-right, bottom-right, bottom-left, as Flame named them before 2014.
CORNERS_2013 = ("top_left", "top_right", "bottom_right", "bottom_left")
_WANTED = ("shift/x", "shift/y", "ref/x", "ref/y")


@dataclass(frozen=True)
class _Channel:
    """One channel of the file.

    Attributes:
        line: it begins on.
        value: where there are no keys.
        frames, values: of the keys, as in the file.
        lines: of the keys' frames.
    """

    line: int
    value: str
    frames: list[str]
    values: list[str]
    lines: list[int]


def _read_channels(path: Path, video: VideoFacts) -> dict[str, dict[str, _Channel]]:
    """The channels that say where trackers are, by tracker and what they are of."""
    text = read_text(path)
    heading, anim, body = text.partition("\nAnim\n")
    _check_heading(path, heading, video)
    body, end, _ = body.partition("\nChannelEnd")
    if not anim or not end:
        raise bad_line(path, text.count("\n") + 1, "the file ends before its ChannelEnd")
    line = heading.count("\n") + 3
    trackers: dict[str, dict[str, _Channel]] = {}
    for block in ("\n" + body).split("\nChannel ")[1:]:
        tracker, _, what = block[: block.find("\n")].strip().partition("/")
        if what in _WANTED:
            channels = trackers.setdefault(tracker, {})
            if what in channels:
                raise bad_line(path, line, f"{tracker} has a second channel {what}")
            channels[what] = _read_channel(path, block, line)
        line += block.count("\n") + 1
    return trackers


def _check_heading(path: Path, heading: str, video: VideoFacts) -> None:
    lines = heading.split("\n")
    kind, _, version = lines[0].strip().partition(" ")
    if kind != "StabilizerFileVersion":
        raise bad_line(path, 1, "this does not begin with a StabilizerFileVersion")
    if version.strip() not in VERSIONS:
        raise bad_line(path, 1, f"version {version.strip()[:20]} is not known, {' and '.join(VERSIONS)} are")
    size = {}
    for number, line in enumerate(lines, 1):
        words = line.split()
        if len(words) == 2 and words[0] in ("FrameWidth", "FrameHeight"):
            size[words[0]] = (to_float(words[1], path, number), number)
    if len(size) == 2:
        (width, _), (height, number) = size["FrameWidth"], size["FrameHeight"]
        check_size(path, number, (width, height), video)


def _read_channel(path: Path, block: str, line: int) -> _Channel:
    """A channel without its word, that begins on `line`."""
    head, *keys = block.split("\n\tKey ")
    settings = dict(words for words in (row.split() for row in head.split("\n")[1:]) if len(words) == 2)
    at = line + head.count("\n") + 1
    frames: list[str] = []
    values: list[str] = []
    lines: list[int] = []
    for key in keys:
        words = key.split(None, 5)
        if len(words) < 6 or words[1] != "Frame" or words[3] != "Value":
            raise bad_line(path, at, "a key needs a number, a Frame, a Value and an End")
        frames.append(words[2])
        values.append(words[4])
        lines.append(at + 1)
        at += key.count("\n") + 1
    if "Size" in settings and to_count(settings["Size"], path, line, "keys") != len(keys):
        raise bad_line(path, line, f"this channel announces {settings['Size']} keys and has {len(keys)}")
    return _Channel(line, settings.get("Value", "0"), frames, values, lines)


def read_flame(path: Path, video: VideoFacts) -> TrackFile:
    """Read versions 5.0 and 6.0; a tracker that was never run comes back as an unlabelled track.

    Raises:
        InputError: not such a file, another version, pictures of another size, or a bad line, named by its number.
    """
    channels = _read_channels(path, video)
    found = [_read_tracker(path, name, channels[name]) for name in channels]
    return tracks_from_keys(path, video, CONVENTION, found)


def read_corner_pin(path: Path, video: VideoFacts) -> TrackFile:
    """Read a corner pin of either layout as top-left, top-right, bottom-right and bottom-left.

    Raises:
        InputError: as `read_flame`, or the trackers are no four corners.
    """
    channels = _read_channels(path, video)
    for names in (CORNERS_2014, CORNERS_2013):
        if set(channels) == set(names):
            found = [_read_tracker(path, name, channels[name]) for name in names]
            return tracks_from_keys(path, video, CONVENTION, found)
    raise InputError(f"{path}: these trackers are not the four corners of a pin")


def _read_tracker(path: Path, name: str, channels: dict[str, _Channel]) -> ReadTrack:
    line = next(iter(channels.values())).line
    missing = [what for what in _WANTED if what not in channels]
    if missing:
        raise bad_line(path, line, f"{name} has no channel {missing[0]}")
    x, y = channels["shift/x"], channels["shift/y"]
    if x.frames != y.frames:
        raise bad_line(path, y.line, f"shift/x and shift/y of {name} have keys on different frames")
    track, _ = track_of_rows(path, name, list(zip(x.frames, x.values, y.values, strict=True)), x.lines)
    reference = np.array([_first(path, channels[what]) for what in ("ref/x", "ref/y")])
    right, up = (reference - np.array(track.xy, np.float64).reshape(-1, 2)).T.tolist()
    track.xy = list(zip(right, up, strict=True))
    return track


def _first(path: Path, channel: _Channel) -> float:
    """The value of the first key, or the one that always holds."""
    if channel.values:
        return to_float(channel.values[0], path, channel.lines[0] + 1)
    return to_float(channel.value, path, channel.line)


_CARRIES = "positions on the frames where a point is visible, the plate's size"
_LOSES = "hidden frames (gaps), confidence, approval, groups, names"

register(
    Format(
        name="flame",
        title="Flame stabiliser",
        suffix=".stabilizer",
        audience="vfx",
        convention=CONVENTION,
        carries=_CARRIES,
        loses=_LOSES,
        write=write_flame,
        read=read_flame,
        rounding=5e-4,
        hidden=("gap", "linear"),
    )
)
register(
    Format(
        name="flame-corner-pin",
        title="Flame corner pin",
        suffix=".stabilizer",
        audience="vfx",
        convention=CONVENTION,
        carries=f"four corners: {_CARRIES}",
        loses=_LOSES,
        write=write_corner_pin,
        read=read_corner_pin,
        rounding=5e-4,
        hidden=("gap", "linear"),
        untested="Nobody here could try it in Flame: the names of the corners are those that a public converter uses.",
        corners=True,
    )
)
