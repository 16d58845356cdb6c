"""After Effects keyframe text, which is pasted onto a layer: positions, one file per track, and corner pins.

A text has the rate, the layer's size and blocks of keys, one per property: a title of words with tabs between, a line
of column names, then rows that begin with a tab. Pixels count from the top-left corner with centres at .5, frames from
0. A paste puts the first key at the time indicator, whatever its number. No key can say that it holds, so the program
draws its own way through a gap. Corner pins count the layer's own pixels, which are the composition's where the layer
is as large and lies in the middle; their corners come as upper left, upper right, lower left, lower right.

The grammar is that of texts which many programs write (Mocha among them, with version 6.0). Read are Position, the
Feature Center of a tracker's points, Point Control, Corner Pin and CC Power Pin; Scale, Rotation and Anchor Point
beside a Position are passed over.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from tracker.files import InputError, atomic_output
from tracker.labels.conventions import FROM_0, RASTER_DOWN
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, register
from tracker.labels.keys import ReadTrack, TrackKeys, keys_of, tracks_from_keys
from tracker.labels.native import TrackFile
from tracker.labels.text import bad_line, plain_names, read_text, rows, to_float, to_frame, write_text

CONVENTION = replace(RASTER_DOWN, frames=f"{FROM_0}; a paste begins at the time indicator", first=0, fixed=True)

_VERSIONS = range(5, 10)
_TITLE = re.compile(r"Adobe After Effects (\d+)\.\d+ Keyframe Data")
_END = "End of Keyframe Data"
_RATE_OFF = 0.01  # frames per second that two rates may differ: 23.98 is said for 23.976, 24 never
_LONGEST_NAME = 80  # characters of a track's name in a file's name


@dataclass(frozen=True)
class _Pin:
    """How an effect that pins corners is written: its corners in our order (TL, TR, BR, BL), and the text's version."""

    effect: str
    corners: tuple[str, ...]
    version: str
    row_end: str


_CORNER_PIN = _Pin("ADBE Corner Pin #1", tuple(f"ADBE Corner Pin-000{n}" for n in (1, 2, 4, 3)), "8.0", "\t")
_POWER_PIN = _Pin("CC Power Pin #1", tuple(f"CC Power Pin-000{n}" for n in (2, 3, 5, 4)), "6.0", "")
_FILE_ORDER = (0, 1, 3, 2)  # upper left, upper right, lower left, lower right, of our order


def _position_text(tracks: TrackFile, keys: TrackKeys, options: ExportOptions) -> str:
    body = _rows("\t%d\t%.6f\t%.6f\t0\t\n", tracks, keys, options)
    block = f"Transform\tPosition\n\tFrame\tX pixels\tY pixels\tZ pixels\t\n{body}"
    return _text(tracks, options, "8.0", [block])


def _pin_keys(tracks: TrackFile, options: ExportOptions, what: str) -> list[TrackKeys]:
    keys = keys_of(tracks, options.hidden or "gap")
    if len(keys) != 4:
        raise InputError(f"{what}: four tracks with visible positions are needed, these are {len(keys)}")
    return keys


def _pin_text(tracks: TrackFile, keys: list[TrackKeys], options: ExportOptions, pin: _Pin) -> str:
    blocks = []
    for corner in _FILE_ORDER:
        body = _rows(f"\t%d\t%.6f\t%.6f{pin.row_end}\n", tracks, keys[corner], options)
        columns = f"\tFrame\tX pixels\tY pixels{pin.row_end}\n"
        blocks.append(f"Effects\t{pin.effect}\t{pin.corners[corner]}\n{columns}{body}")
    return _text(tracks, options, pin.version, blocks)


def _rows(template: str, tracks: TrackFile, keys: TrackKeys, options: ExportOptions) -> str:
    xy = CONVENTION.to_file(keys.xy, tracks.size_wh, options.plate)
    return rows(template, keys.frames + CONVENTION.first_number(options), xy[:, 0], xy[:, 1])


def _text(tracks: TrackFile, options: ExportOptions, version: str, blocks: list[str]) -> str:
    width, height = tracks.size_wh
    aspect = _decimal(options.plate.pixel_aspect)
    return (
        f"Adobe After Effects {version} Keyframe Data\n\n"
        f"\tUnits Per Second\t{_decimal(options.plate.fps)}\n"
        f"\tSource Width\t{width}\n\tSource Height\t{height}\n"
        f"\tSource Pixel Aspect Ratio\t{aspect}\n\tComp Pixel Aspect Ratio\t{aspect}\n\n"
        + "\n".join(blocks)
        + f"\n\n{_END}\n"
    )


def _decimal(value: Fraction) -> str:
    """As the program writes it: 23.976 for 24000/1001, 24 for 24."""
    return f"{float(value):.3f}".rstrip("0").rstrip(".")


def _check_replaceable(path: Path) -> None:
    """A folder that holds anything else than texts is not replaced."""
    if path.is_dir() and any(entry.suffix != ".txt" or not entry.is_file() for entry in path.iterdir()):
        raise InputError(f"{path}: this folder holds other things than keyframe texts; choose a new one")


def write_positions(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write a folder with one text per track that has keys, in their order: "01 nose.txt".

    Raises:
        InputError: there is nothing to write, or `path` cannot be written.
    """
    keys = keys_of(tracks, options.hidden or "gap")
    if not keys:
        raise InputError(f"{path}: no track has a visible position to write")
    names = plain_names([track.name for track in keys], "A-Za-z0-9_ -")
    digits = max(2, len(str(len(keys))))
    with atomic_output(path) as part:
        part.mkdir()
        for done, (track, name) in enumerate(zip(keys, names, strict=True), start=1):
            target = part / f"{done:0{digits}} {name[:_LONGEST_NAME].rstrip()}.txt"
            # The folder appears as a whole; its files need no care of their own.
            target.write_text(_position_text(tracks, track, options), encoding="utf-8", newline="\r\n")
            options.report(done, len(keys))
    starts = [int(track.frames[0]) for track in keys]
    when = f"on frame {starts[0]}" if len(set(starts)) == 1 else "on the frame of its first key"
    changed = {track.name: name for track, name in zip(keys, names, strict=True) if track.name != name}
    return _written(tracks, keys, f"A paste begins at the time indicator: put it {when} for each text.", changed)


def _written(tracks: TrackFile, keys: list[TrackKeys], note: str, names: dict[str, str] | None = None) -> Written:
    cells = sum(len(track.frames) for track in keys)
    return Written(len(keys), tracks.n_tracks - len(keys), cells, note, names or {})


def write_corner_pin(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write four tracks (top-left, top-right, bottom-right, bottom-left) as the effect Corner Pin.

    Raises:
        InputError: they are not four with visible positions, or the path cannot be written.
    """
    return _write_pin(tracks, path, options, _CORNER_PIN)


def write_power_pin(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """The same as the effect CC Power Pin."""
    return _write_pin(tracks, path, options, _POWER_PIN)


def _write_pin(tracks: TrackFile, path: Path, options: ExportOptions, pin: _Pin) -> Written:
    keys = _pin_keys(tracks, options, str(path))
    write_text(path, [_pin_text(tracks, keys, options, pin)], "\r\n")
    options.report(4, 4)
    first = min(int(track.frames[0]) for track in keys)
    note = f"Paste with the time indicator on frame {first}, onto a layer as large as the composition."
    return _written(tracks, keys, note)


@dataclass
class _Block:
    """One property's keys as they stand in a text; `line` is that of its title, counted from 1."""

    title: tuple[str, ...]
    line: int
    columns: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


def read_keyframes(path: Path, video: VideoFacts) -> TrackFile:
    """Read one keyframe text, or all .txt of a folder by name; a corner pin comes back as four tracks, top-left,
    top-right, bottom-right and bottom-left.

    Raises:
        InputError: not such a text, an unknown version, another rate or size than the video's, a pin that moves its
            layer too, or a bad line.
    """
    if not path.is_dir():
        return _read_file(path, video, path.stem)
    files = sorted(file for file in path.glob("*.txt") if not file.name.startswith("."))
    if not files:
        raise InputError(f"{path}: there is no .txt in this folder")
    # The number in front of a name is only there to keep the order.
    return _joined([_read_file(file, video, re.sub(r"^\d+ +", "", file.stem)) for file in files], video)


def _joined(parts: list[TrackFile], video: VideoFacts) -> TrackFile:
    whole = video.empty(sum(part.n_tracks for part in parts))
    for name in ("xy", "state", "confidence", "source", "query_points"):
        getattr(whole, name)[:] = np.concatenate([getattr(part, name) for part in parts])
    whole.names = [name for part in parts for name in part.names]
    return whole


def _read_file(path: Path, video: VideoFacts, name: str) -> TrackFile:
    lines = read_text(path).split("\n")
    match = _TITLE.fullmatch(lines[0].strip())
    if match is None:
        raise bad_line(path, 1, "this is no After Effects keyframe text")
    if int(match[1]) not in _VERSIONS:
        raise bad_line(path, 1, f"version {match[1]} of the keyframe text is not known here, 5.0 to 9.0 are")
    facts, blocks = _parse(path, lines)
    # A layer's own position is in the composition's pixels, whatever its size; everything else is in the layer's.
    in_layer = any(block.title[0] != "Transform" for block in blocks)
    _check_facts(path, facts, video, in_layer)
    return tracks_from_keys(path, video, CONVENTION, _tracks(path, blocks, name))


def _parse(path: Path, lines: list[str]) -> tuple[dict[str, tuple[float, int]], list[_Block]]:
    """What a text says of its layer, each with its line, and the blocks; everything after the end must be blank."""
    facts: dict[str, tuple[float, int]] = {}
    blocks: list[_Block] = []
    for number, line in enumerate(lines[1:], start=2):
        if not line or line.isspace():
            continue
        if line[0].isspace():
            if not blocks:
                key, _, value = line.strip().partition("\t")
                facts[key] = to_float(value, path, number), number
            elif blocks[-1].columns:
                blocks[-1].rows.append(line)
                blocks[-1].lines.append(number)
            else:
                blocks[-1].columns = line.strip().split("\t")
        elif line.strip() == _END:
            _check_rest(path, lines, number)
            return facts, blocks
        else:
            blocks.append(_Block(tuple(line.strip().split("\t")), number))
    raise InputError(f"{path}: the text is cut off: it lacks the line “{_END}”")


def _check_rest(path: Path, lines: list[str], number: int) -> None:
    for after, line in enumerate(lines[number:], start=number + 1):
        if line.strip():
            raise bad_line(path, after, "there is more after the end of the keyframe data; one text a file is read")


def _check_facts(path: Path, facts: dict[str, tuple[float, int]], video: VideoFacts, in_layer: bool) -> None:
    for key in ("Units Per Second", "Source Width", "Source Height"):
        if key not in facts:
            raise InputError(f"{path}: the text does not say “{key}”")
    (rate, line), (width, at), (height, _) = (
        facts[key] for key in ("Units Per Second", "Source Width", "Source Height")
    )
    if not math.isclose(rate, float(video.plate.fps), rel_tol=0, abs_tol=_RATE_OFF):
        mine = _decimal(video.plate.fps)
        reason = f"the keys count {rate:g} frames per second, the video has {mine}; they would land on other frames"
        raise bad_line(path, line, reason)
    if in_layer and (width, height) != video.size_wh:
        mine = f"{video.size_wh[0]}x{video.size_wh[1]}"
        raise bad_line(path, at, f"the keys are of a layer of {width:g}x{height:g} pixels, the video has {mine}")


def _tracks(path: Path, blocks: list[_Block], name: str) -> list[ReadTrack]:
    """The tracks of one text, in the order in which their blocks begin."""
    points = [(block, label) for block in blocks if (label := _point(block.title))]
    pins: dict[str, dict[int, _Block]] = {}
    for block in blocks:
        corner = _corner(block.title)
        if corner is not None:
            pins.setdefault(block.title[1], {})[corner] = block
    moving = next((block for block in blocks if block.title[0] == "Transform"), None)
    if pins and moving is not None:
        reason = "the corner pin comes with a moving layer (Mocha's way with motion blur); export it without"
        raise bad_line(path, moving.line, reason)
    if not points and not pins:
        said = ", ".join(" ".join(block.title) for block in blocks[:5]) or "nothing"
        raise InputError(f"{path}: there are no positions of points in this text, it has: {said}")
    found = [_track(path, block, name if len(points) == 1 else f"{name} {label}") for block, label in points]
    for effect, corners in pins.items():
        front = name if len(pins) == 1 else f"{name} {effect}"
        found += [_track(path, corners[corner], f"{front} {_NAMES[corner]}") for corner in sorted(corners)]
    return found


_NAMES = ("top left", "top right", "bottom right", "bottom left")


def _point(title: tuple[str, ...]) -> str:
    """What distinguishes this block from others that are positions of a point; "" where it is none."""
    if title == ("Transform", "Position"):
        return "Position"
    if title[0] == "Motion Trackers" and title[-1] == "Feature Center":
        return " ".join(title[1:-1])
    if title[0] == "Effects" and len(title) == 3 and re.match(r"(ADBE )?Point Control\b", title[1]):
        return title[1]
    return ""


def _corner(title: tuple[str, ...]) -> int | None:
    """Which corner (0 to 3: top-left, top-right, bottom-right, bottom-left) of a pin this block is."""
    if title[0] != "Effects" or len(title) != 3 or not re.match(r"(ADBE |CC )?(Corner|Power) Pin\b", title[1]):
        return None
    for pin in (_CORNER_PIN, _POWER_PIN):
        if title[2] in pin.corners:
            return pin.corners.index(title[2])
    words = re.match(r"(upper|top|lower|bottom)[ -]?(left|right)\b", title[2].lower())
    if words is None:
        return None
    return {"ul": 0, "ur": 1, "lr": 2, "ll": 3}[("u" if words[1] in ("upper", "top") else "l") + words[2][0]]


def _track(path: Path, block: _Block, name: str) -> ReadTrack:
    columns = [column.strip().lower() for column in block.columns]
    if columns[:3] != ["frame", "x pixels", "y pixels"]:
        raise bad_line(path, block.line + 1, "expected the columns Frame, X pixels, Y pixels")
    try:
        table = np.array([list(map(float, row.split())) for row in block.rows]).reshape(-1, len(columns))
        plain = bool(np.isfinite(table).all() and (table[:, 0] == np.round(table[:, 0])).all())
    except ValueError:
        plain = False
    if plain and len(table) == len(block.rows):
        frames = table[:, 0].astype(np.int64).tolist()
        xy = list(zip(table[:, 1].tolist(), table[:, 2].tolist(), strict=True))
        return ReadTrack(name, frames, xy, block.lines)
    track = ReadTrack(name)
    for line, key in _slowly(path, block, len(columns)):
        track.add(*key, line)
    return track


def _slowly(path: Path, block: _Block, columns: int) -> Iterator[tuple[int, tuple[int, float, float]]]:
    """Row by row, to say what is wrong with which."""
    for line, row in zip(block.lines, block.rows, strict=True):
        cells = row.split()
        if len(cells) != columns:
            raise bad_line(path, line, f"expected {columns} values, found {len(cells)}")
        yield line, (to_frame(cells[0], path, line), to_float(cells[1], path, line), to_float(cells[2], path, line))


_LOSES = "frames on which a point is hidden (the program draws its own way through the gap), confidence, groups"
_UNTESTED = "Nobody has pasted this text into After Effects yet; look at the first and the last key."

register(
    Format(
        name="after-effects",
        title="After Effects keyframes, a text per track",
        suffix="",
        replaces=_check_replaceable,
        suffixes=(".txt",),
        audience="vfx",
        convention=CONVENTION,
        carries="positions and plain names, one text and one layer per track",
        loses=_LOSES,
        write=write_positions,
        read=read_keyframes,
        rounding=1e-4,
        hidden=("gap", "linear"),
        untested=_UNTESTED,
        pastes=True,
    )
)
_corner_pin = register(
    Format(
        name="after-effects-corner-pin",
        title="After Effects Corner Pin",
        suffix=".txt",
        audience="vfx",
        convention=CONVENTION,
        carries="the positions of four corners",
        loses=f"{_LOSES}, names",
        write=write_corner_pin,
        read=read_keyframes,
        rounding=1e-4,
        hidden=("gap", "linear"),
        corners=True,
        untested=_UNTESTED,
        pastes=True,
    )
)
register(
    replace(
        _corner_pin,
        name="after-effects-power-pin",
        title="After Effects CC Power Pin",
        write=write_power_pin,
    )
)
