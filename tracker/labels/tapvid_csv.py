"""The CSV of TAP-Vid, without a header, one line per track: of Kinetics, or of videos of one's own.

*Kinetics*: YouTube id, start and end in whole seconds, then 250 triples x, y, occluded (0 or 1) at 25 frames a second:
753 columns. Shorter clips end in 0, 0, 1. *Videos of one's own*: the video's name, then one triple per frame. The
number of columns tells them apart. A name like `dQw4w9WgXcQ_000010_000020`, as the clips of Kinetics are called, makes
lines of Kinetics.

x and y are fractions of the continuous raster, (0.5 / W, 0.5 / H) being the centre of the first pixel, with eight
decimals. Every cell is visible or occluded: tracks with unlabelled cells are left out, and positions of hidden cells
mean nothing to readers; where ours is not known it is 0.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.labels.conventions import FROM_0, RASTER_DOWN, Positions
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, register
from tracker.labels.keys import FARTHEST
from tracker.labels.native import TrackFile
from tracker.labels.plate import Plate
from tracker.labels.table import Source, State
from tracker.labels.text import bad_line, read_text, write_text

FRAMES = 250  # of a clip of Kinetics
RATE = 25  # frames per second, of Kinetics
_CLIP = re.compile(r"(.+)_(\d{6})_(\d{6})")


def _unit(xy: Positions, size_wh: tuple[int, int], plate: Plate) -> Positions:
    return RASTER_DOWN.to_file(xy, size_wh, plate) / np.array(size_wh, np.float64)


def _from_unit(xy: Positions, size_wh: tuple[int, int], plate: Plate) -> Positions:
    return RASTER_DOWN.from_file(xy * np.array(size_wh, np.float64), size_wh, plate)


CONVENTION = replace(
    RASTER_DOWN,
    pixels="0 to 1 over the picture from its top-left corner, y down",
    origin="(0 to 1) from the top-left corner",
    frames=FROM_0,
    first=0,
    fixed=True,
    to_file=_unit,
    from_file=_from_unit,
)


def write_tapvid_csv(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write the tracks that are labelled on every frame and visible on one.

    Raises:
        InputError: there is no such track, a clip of Kinetics has over 250 frames or another rate, the path cannot be
            written.
    """
    clip = _CLIP.fullmatch(options.name)
    if clip is not None and tracks.n_frames > FRAMES:
        raise InputError(f"{path}: a clip of Kinetics has at most {FRAMES} frames, this video has {tracks.n_frames}")
    if clip is not None:
        _check_rate(path, tracks.pts, float(tracks.time_base))
    visible = tracks.located & (tracks.state == State.VISIBLE)
    usable = visible | (tracks.state == State.OCCLUDED) | (tracks.state == State.OUT_OF_VIEW)
    rows = np.flatnonzero(usable.all(axis=1) & visible.any(axis=1)).tolist()
    if not rows:
        raise InputError(f"{path}: no track is labelled on every frame and visible on one")
    write_text(path, _lines(tracks, rows, _heading(clip, options.name), FRAMES if clip else tracks.n_frames, options))
    return Written(len(rows), tracks.n_tracks - len(rows), len(rows) * tracks.n_frames)


def _heading(clip: re.Match[str] | None, name: str) -> str:
    cells = [clip[1], str(int(clip[2])), str(int(clip[3]))] if clip else [name]
    # Readers split at every comma, so that a name cannot have one.
    return ",".join(re.sub(r"[,\"\s]+", "_", cell) for cell in cells)


def _lines(tracks: TrackFile, rows: list[int], heading: str, width: int, options: ExportOptions) -> Iterator[str]:
    located = tracks.located
    filler = ",0,0,1" * (width - tracks.n_frames)
    for number, row in enumerate(rows):
        xy = np.where(located[row][:, None], tracks.xy[row], 0).astype(np.float64)
        unit = np.where(located[row][:, None], CONVENTION.to_file(xy, tracks.size_wh, options.plate), 0)
        columns = (unit[:, 0], unit[:, 1], tracks.state[row] != State.VISIBLE)
        triples = zip(*(column.tolist() for column in columns), strict=True)
        yield heading + "".join(map(",%.8f,%.8f,%d".__mod__, triples)) + filler + "\n"
        options.report(number + 1, len(rows))


def _check_rate(path: Path, pts: NDArray[np.int64], time_base: float) -> None:
    """Labels of Kinetics are at 25 frames per second; on any other clip they would lie on wrong frames."""
    if len(pts) > 1:
        rate = (len(pts) - 1) / (float(pts[-1] - pts[0]) * time_base)
        if abs(rate - RATE) > 0.01 * RATE:
            raise InputError(f"{path}: labels of Kinetics are at {RATE} frames per second, the video has {rate:.5g}")


@dataclass(frozen=True)
class _Line:
    """Where it stands, of which video it is, and its numbers: (frames, 3) x, y, occluded."""

    number: int
    video: str
    kinetics: bool
    cells: NDArray[np.float64]


def read_tapvid_csv(path: Path, video: VideoFacts) -> TrackFile:
    """Read the tracks of one video: all cells labelled, positions only where visible.

    Args:
        video: `record` names the video, where the file holds several; for Kinetics `id` or `id_start_end`.

    Raises:
        InputError: not such a file, no such video, a line of another length, or labels of another video.
    """
    lines = [_parse(path, number, text) for number, text in enumerate(read_text(path).split("\n"), 1) if text.strip()]
    chosen = _choose(path, lines, video.record)
    n_frames = len(video.pts)
    if chosen[0].kinetics:
        _check_rate(path, video.pts, float(video.time_base))
    tracks = video.empty(len(chosen))
    for row, line in enumerate(chosen):
        cells = line.cells
        beyond = cells[n_frames:]
        if len(cells) < n_frames or (len(beyond) and not (line.kinetics and (beyond == (0, 0, 1)).all())):
            raise bad_line(path, line.number, f"labels of {len(cells)} frames, the video has {n_frames}")
        occluded = cells[:n_frames, 2] > 0
        xy = CONVENTION.from_file(cells[:n_frames, :2], video.size_wh, video.plate)
        for at in np.flatnonzero(~occluded & ~(np.abs(xy) < FARTHEST).all(axis=1))[:1].tolist():
            raise bad_line(path, line.number, f"frame {at}: {cells[at, 0]:g}, {cells[at, 1]:g} is no position")
        tracks.state[row] = np.where(occluded, State.OCCLUDED, State.VISIBLE)
        tracks.xy[row, ~occluded] = xy[~occluded]
        tracks.source[row] = Source.IMPORTED
    tracks.query_from_first_visible()
    return tracks


def _parse(path: Path, number: int, text: str) -> _Line:
    cells = text.split(",")
    kinetics = len(cells) == 3 + 3 * FRAMES
    if not kinetics and (len(cells) < 4 or len(cells) % 3 != 1):
        raise bad_line(
            path, number, f"{len(cells)} columns are neither the {3 + 3 * FRAMES} of Kinetics nor a name with triples"
        )
    try:
        numbers = np.array(cells[3 if kinetics else 1 :], np.float64).reshape(-1, 3)
        name = f"{cells[0]}_{int(cells[1]):06d}_{int(cells[2]):06d}" if kinetics else cells[0]
    except ValueError as error:
        raise bad_line(path, number, f"a cell is no number ({error})") from error
    return _Line(number, name, kinetics, numbers)


def _choose(path: Path, lines: list[_Line], record: str | None) -> list[_Line]:
    names = list(dict.fromkeys(line.video for line in lines))
    if record is None and len(names) > 1:
        raise InputError(f"{path}: which video is meant: {', '.join(names[:20])}?")
    wanted = [name for name in names if record in (None, name, (_CLIP.fullmatch(name) or [name, name])[1])]
    if len(wanted) != 1:
        listed = ", ".join((wanted or names)[:20])
        raise InputError(f"{path}: there is no one video {record}, the videos are {listed}")
    return [line for line in lines if line.video == wanted[0]]


register(
    Format(
        name="tapvid-csv",
        title="TAP-Vid CSV",
        suffix=".csv",
        audience="labels",
        records=True,
        convention=CONVENTION,
        carries="position and occluded, of every frame",
        keeps=frozenset({"pts", "time_base", "size_wh"}),
        loses="positions of hidden points, occluded against out of view, visibility, confidence, source, approval, "
        "names, tracks with unlabelled gaps",
        rounding=5e-5,
        write=write_tapvid_csv,
        read=read_tapvid_csv,
        gaps=("drop",),
    )
)
