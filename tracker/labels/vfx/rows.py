"""What the text formats of matchmove programs share: tracks as blocks of rows `frame x y`, and more numbers behind."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.labels.conventions import Convention
from tracker.labels.formats import ExportOptions, VideoFacts, Written
from tracker.labels.keys import ReadTrack, TrackKeys, keys_of
from tracker.labels.native import TrackFile
from tracker.labels.text import bad_line, plain_names, read_text, to_float, to_frame, write_text

HUGE = 2**31  # no program counts frames as far
FAR = 20.0  # of half pictures from the middle


@dataclass(frozen=True)
class Block:
    """One track as it goes into the file.

    Attributes:
        number: from 0, among the tracks that are written.
        name: as the program takes it.
        frames: (K,) int64 numbers in the file, ascending.
        x, y: (K,) float64 in the file's coordinates.
        confidence: (K,) float64, 0 to 1.
    """

    number: int
    name: str
    frames: NDArray[np.int64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    confidence: NDArray[np.float64]


Pieces = Callable[[int, Iterator[Block]], Iterator[str]]


def write_blocks(
    tracks: TrackFile,
    path: Path,
    options: ExportOptions,
    convention: Convention,
    pieces: Pieces,
    names: Callable[[Sequence[str]], list[str]] = plain_names,
) -> Written:
    """Write a format of keys.

    Args:
        pieces: (number of tracks, their blocks) -> the pieces of the file's text.
        names: the tracks' names to those that the program takes, no two alike.

    Raises:
        InputError: no track has a key, which these programs choke on, or the path cannot be written.
    """
    keys = keys_of(tracks, options.hidden or "gap")
    if not keys:
        raise InputError(f"{path}: no track is visible anywhere, so there is no key to write")
    own = [track.name for track in keys]
    taken = names(own)
    write_text(path, pieces(len(keys), _blocks(keys, taken, tracks.size_wh, options, convention)))
    changed = {old: new for old, new in zip(own, taken, strict=True) if old != new}
    return Written(len(keys), tracks.n_tracks - len(keys), sum(len(track.frames) for track in keys), names=changed)


def _blocks(
    keys: list[TrackKeys], names: list[str], size_wh: tuple[int, int], options: ExportOptions, convention: Convention
) -> Iterator[Block]:
    first = convention.first_number(options)
    for number, (track, name) in enumerate(zip(keys, names, strict=True)):
        xy = convention.to_file(track.xy, size_wh, options.plate)
        yield Block(number, name, track.frames + first, xy[:, 0], xy[:, 1], track.confidence)
        options.report(number + 1, len(keys))


def number_table(path: Path, fields: Sequence[Sequence[str]], lines: Sequence[int], least: int) -> NDArray[np.float64]:
    """Rows of numbers as (n, k) float64, k at least `least`; NaN where a row is shorter than others.

    Raises:
        InputError: a row of fewer than `least` fields, or a field that is no finite number; names the line.
    """
    if not fields:
        return np.empty((0, least))
    try:
        table = np.array(fields, np.float64)
    except ValueError:
        return _ragged_table(path, fields, lines, least)
    if table.ndim != 2 or table.shape[1] < least or not np.isfinite(table).all():
        return _ragged_table(path, fields, lines, least)
    return table


def _ragged_table(path: Path, fields: Sequence[Sequence[str]], lines: Sequence[int], least: int) -> NDArray[np.float64]:
    """The slow way, which knows what is wrong with which line."""
    table = np.full((len(fields), max(map(len, fields))), np.nan)
    for row, (values, line) in enumerate(zip(fields, lines, strict=True)):
        if len(values) < least:
            raise bad_line(path, line, f"expected at least {least} numbers, not {' '.join(values)[:60]!r}")
        table[row, : len(values)] = [to_float(value, path, line) for value in values]
    return table


def track_of_rows(
    path: Path, name: str, fields: Sequence[Sequence[str]], lines: Sequence[int], group: str = ""
) -> tuple[ReadTrack, NDArray[np.float64]]:
    """A track of rows `frame x y …`, and what stands behind y: (K, 0 or more) float64.

    Raises:
        InputError: a row is too short or holds what is no number or no frame; names the line.
    """
    table = number_table(path, fields, lines, 3)
    numbers = table[:, 0]
    for at in np.flatnonzero((numbers != np.round(numbers)) | (np.abs(numbers) > HUGE)).tolist():
        to_frame(fields[at][0], path, lines[at])
        raise bad_line(path, lines[at], f"{fields[at][0]} cannot be the number of a frame")
    xy = list(zip(table[:, 1].tolist(), table[:, 2].tolist(), strict=True))
    return ReadTrack(name, numbers.astype(np.int64).tolist(), xy, list(lines), group=group), table[:, 3:]


def check_size(path: Path, line: int, size: tuple[float, float], video: VideoFacts) -> None:
    """Refuse a file that says it was made for pictures of another size: all its positions would be off.

    Raises:
        InputError: the sizes differ; names the line.
    """
    if size != video.size_wh:
        theirs, ours = f"{size[0]:g}x{size[1]:g}", "{}x{}".format(*video.size_wh)
        raise bad_line(path, line, f"this was made for pictures of {theirs} pixels, the video has {ours}")


def to_count(text: str, path: Path, line: int, of: str) -> int:
    """A number of things, 0 or more. Raises InputError where it is none; names the line."""
    if not text.strip().isdecimal() or len(text.strip()) > 9:
        raise bad_line(path, line, f"expected the number of {of}, not {text.strip()[:40]!r}")
    return int(text)


def by_first_word(text: str) -> dict[str, tuple[list[str], list[int]]]:
    """What stands behind the first word of each line, and the lines' numbers, by that word; no blank lines."""
    groups: dict[str, tuple[list[str], list[int]]] = {}
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split(None, 1)
        if words:
            if words[0] not in groups:
                groups[words[0]] = [], []
            rests, lines = groups[words[0]]
            rests.append(words[1] if len(words) > 1 else "")
            lines.append(number)
    return groups


def check_width(path: Path, behind: NDArray[np.float64], lines: Sequence[int], most: int) -> None:
    """Refuse rows of more numbers behind their positions than the format has. Raises InputError, names the line."""
    if behind.shape[1] > most:
        at = int(np.flatnonzero(np.isfinite(behind[:, most]))[0])
        raise bad_line(path, lines[at], "there are more numbers than this format has")


def counted_tracks(
    path: Path, between: Callable[[str, int], None] | None = None
) -> Iterator[tuple[ReadTrack, NDArray[np.float64]]]:
    """Tracks of a file that counts everything beforehand, and what stands behind their positions.

    The number of tracks; then for each its name, one more line where `between` is there to check it, the number of its
    keys, and the rows.

    Args:
        between: (the line, its number); raises InputError.

    Raises:
        InputError: a bad line, or more or fewer of them than are announced; names the line.
    """
    lines = read_text(path).rstrip("\n").split("\n")
    if lines[0].lstrip().startswith("{"):
        raise bad_line(path, 1, "this is JSON of a later version of the format; version 1, plain text, can be read")
    start = 1
    for _ in range(to_count(lines[0], path, 1, "tracks")):
        at = start + 1 if between is None else start + 2
        if at >= len(lines):
            raise bad_line(path, len(lines), "the file ends where another track should begin")
        if between is not None:
            between(lines[at - 1], at)
        count = to_count(lines[at], path, at + 1, "keys")
        end = at + 1 + count
        name = lines[start].strip()
        if end > len(lines):
            raise bad_line(path, len(lines), f"the file ends within the {count} keys of {name!r}")
        fields = [line.split() for line in lines[at + 1 : end]]
        yield track_of_rows(path, name, fields, range(at + 2, end + 1))
        start = end
    if start < len(lines):
        raise bad_line(path, start + 1, f"there is more than line 1 announces: {lines[start].strip()[:40]!r}")


def check_normalised(path: Path, track: ReadTrack) -> None:
    """Refuse positions many pictures away: they are pixels in a file of which another unit is expected.

    Raises:
        InputError: names the line.
    """
    far = np.flatnonzero((np.abs(np.array(track.xy).reshape(-1, 2)) > FAR).any(axis=1))
    if len(far):
        x, y = track.xy[far[0]]
        raise bad_line(path, track.lines[far[0]], f"{x:g}, {y:g} is far outside the picture, which ends near 1")
