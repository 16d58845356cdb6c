"""Time and value text for Nuke: a folder with one file per track, each imported on one row of a Tracker.

A row is `frame x y`, separated by blanks, commas or colons; empty lines and those that begin with #, ; or / say
nothing. Gaps have no rows. Pixels on the raster from the bottom-left, pixel centres at .5; frames as the plate numbers
them. Source: The Foundry's documentation of importing tracking data.
"""

import re
from pathlib import Path

from tracker.files import InputError, atomic_output
from tracker.labels.conventions import RASTER_UP
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, register
from tracker.labels.keys import ReadTrack, keys_of, tracks_from_keys
from tracker.labels.native import TrackFile
from tracker.labels.text import bad_line, plain_names, read_text, rows
from tracker.labels.vfx.shake import track_of_cells

SUFFIX = ".txt"
_NUMBER = re.compile(r"^\d+_(?=[A-Za-z])")  # before a file's name, which keeps the tracks in their order


def write_nuke_ascii(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write a folder with one file per track that has a key, numbered in the tracks' order.

    Raises:
        InputError: there is nothing to write, or the path cannot be written.
    """
    keys = keys_of(tracks, options.hidden or "gap")
    if not keys:
        raise InputError(f"{path}: no track has a position to write")
    names = plain_names([track.name[:100] for track in keys])
    digits = len(str(len(keys)))
    first = RASTER_UP.first_number(options)
    with atomic_output(path) as part:
        part.mkdir()
        for done, (track, name) in enumerate(zip(keys, names, strict=True), start=1):
            xy = RASTER_UP.to_file(track.xy, tracks.size_wh, options.plate)
            text = rows("%d %.6f %.6f\n", track.frames + first, xy[:, 0], xy[:, 1])
            head = f"# {name}: frame x y, pixels {RASTER_UP.origin}\n"
            (part / f"{done:0{digits}d}_{name}{SUFFIX}").write_text(head + text, encoding="utf-8", newline="\n")
            options.report(done, len(keys))
    changed = {track.name: name for track, name in zip(keys, names, strict=True) if track.name != name}
    cells = sum(len(track.frames) for track in keys)
    return Written(len(keys), tracks.n_tracks - len(keys), cells, names=changed)


def _check_replaceable(path: Path) -> None:
    """A folder that holds anything else than our files is not replaced."""
    if not path.is_dir():
        return
    for item in sorted(path.iterdir()):
        if not (item.is_file() and item.suffix == SUFFIX and _NUMBER.match(item.name)):
            raise InputError(f"{path}: the folder holds {item.name}, which is no file of tracks; choose another folder")


def read_nuke_ascii(path: Path, video: VideoFacts) -> TrackFile:
    """The tracks of a folder's .txt files by their names, or of one file; each is named like its file.

    Raises:
        InputError: there is no such file, or a bad line, named by its number.
    """
    paths = sorted(p for p in path.glob(f"*{SUFFIX}") if not p.name.startswith(".")) if path.is_dir() else [path]
    if not paths:
        raise InputError(f"{path}: there is no {SUFFIX} file in this folder")
    tracks = video.empty(len(paths))
    names = []
    for row, item in enumerate(paths):
        one = tracks_from_keys(item, video, RASTER_UP, [_track(item)])
        tracks.xy[row], tracks.state[row], tracks.source[row] = one.xy[0], one.state[0], one.source[0]
        names.append(one.names[0])
    tracks.names = names
    tracks.query_from_first_visible()
    return tracks


def _track(path: Path) -> ReadTrack:
    numbers: list[int] = []
    found: list[str] = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        text = line.strip()
        if not text or text[0] in "#;/":
            continue
        cells = text.replace(",", " ").replace(":", " ").split()
        if len(cells) != 3:
            hint = "; numbers need a point, not a decimal comma" if "," in text and len(cells) > 3 else ""
            raise bad_line(path, number, f"expected the three numbers frame, x and y, not {len(cells)}{hint}")
        numbers.append(number)
        found += cells
    return track_of_cells(path, _NUMBER.sub("", path.stem), numbers, found)


register(
    Format(
        name="nuke-ascii",
        title="Nuke ASCII, a text per track",
        suffix="",
        replaces=_check_replaceable,
        suffixes=(SUFFIX,),
        audience="vfx",
        convention=RASTER_UP,
        carries="positions, names of plain letters as the files' names; gaps have no rows",
        loses="other characters in names, groups, confidence and every state but visible",
        write=write_nuke_ascii,
        read=read_nuke_ascii,
        rounding=1e-6,
        hidden=("gap", "linear"),
        untested="Written by Nuke's documentation; no file of Nuke itself could be compared.",
    )
)
