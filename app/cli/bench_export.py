"""`trackwright bench export`: how long writing and reading the label formats takes."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from tracker.files import InputError

if TYPE_CHECKING:
    from tracker.labels import Format, TrackFile

Result = TypeVar("Result")

SIZE = (1920, 1080)
COLUMNS = (
    ("format", "s"),
    ("text", "s"),
    ("tracks", ",d"),
    ("export_s", ".2f"),
    ("export_cpu_s", ".2f"),
    ("import_s", ".2f"),
    ("import_cpu_s", ".2f"),
    ("mib", ".1f"),
    ("note", "s"),
)


def export(
    tracks: Annotated[int, typer.Option(min=1, help="How many tracks.")] = 1000,
    frames: Annotated[int, typer.Option(min=2, help="How many frames.")] = 1000,
    formats: Annotated[
        list[str] | None,
        typer.Option(help="A format by name; may be given several times; default all."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """How long export and import of made tracks take, in each format, and how large the files are.

    An export writes the file, reads it back and compares, as in the window; an import reads it. Made tracks wander over
    an HD picture and are hidden on every tenth frame. What a format's libraries need to load is not counted. Formats
    that store pictures are left out, those of a corner pin get four tracks.
    """
    from tracker.labels import find_format
    from tracker.labels import formats as all_formats

    entries = [find_format(name) for name in formats] if formats else list(all_formats())
    for entry in entries:
        if formats and (entry.write is None or entry.needs_video):
            raise InputError(f"{entry.name}: this format {'stores pictures' if entry.write else 'cannot be written'}")
    rows = [_measure(entry, tracks, frames) for entry in entries if entry.write is not None and not entry.needs_video]
    typer.echo(json.dumps({"frames": frames, "rows": rows}) if as_json else _table(rows))


def _measure(entry: "Format", n_tracks: int, n_frames: int) -> dict[str, Any]:
    """One row: seconds and size, or why there are none."""
    from tracker.labels import ExportOptions, SelfCheckError, VideoFacts, export_tracks, import_tracks

    typer.echo(f"measuring: {entry.name}", err=True)
    made = made_tracks(4 if entry.corners else n_tracks, n_frames)
    row: dict[str, Any] = dict.fromkeys((name for name, _ in COLUMNS))
    row |= {"format": entry.name, "tracks": made.n_tracks, "note": ""}
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"tracks{entry.suffix}"
        with suppress(InputError):  # loads the libraries; some formats refuse so short a clip
            export_tracks(made_tracks(4, 2), Path(folder) / f"few{entry.suffix}", entry.name, ExportOptions())
        try:
            (row["export_s"], row["export_cpu_s"]), done = _timed(
                lambda: export_tracks(made, path, entry.name, ExportOptions())
            )
        except (InputError, SelfCheckError) as error:
            return row | {"note": str(error).removeprefix(f"{path}: ")}
        row["note"] = "" if done.checked else "not read back"
        row["mib"] = sum(file.stat().st_size for file in _files(path)) / 2**20
        row["text"] = "yes" if all(_is_text(file) for file in _files(path)) else "no"
        if entry.readable:
            video = VideoFacts(made.pts, made.time_base, made.size_wh)
            (row["import_s"], row["import_cpu_s"]), _ = _timed(lambda: import_tracks(path, entry.name, video))
    return row


def _timed(work: Callable[[], Result]) -> tuple[tuple[float, float], Result]:
    """Seconds on the clock and of this process, and what came of it."""
    start, busy = time.perf_counter(), time.process_time()
    result = work()
    return (time.perf_counter() - start, time.process_time() - busy), result


def _files(path: Path) -> Iterator[Path]:
    """The file, or all files of the folder."""
    yield from (entry for entry in (path, *path.rglob("*")) if entry.is_file())


def _is_text(file: Path) -> bool:
    """Whether it begins without a zero byte."""
    with file.open("rb") as handle:
        return b"\0" not in handle.read(1 << 16)


def made_tracks(n_tracks: int, n_frames: int) -> "TrackFile":
    """Tracks that wander over an HD picture, always the same, four of which begin in the corners of a square."""
    import numpy as np

    from tracker.labels import Source, State, TrackFile

    random = np.random.default_rng(7)
    made = TrackFile.empty(n_tracks, np.arange(n_frames), Fraction(1, 24), SIZE)
    start = random.uniform((200, 200), np.array(SIZE) - 200, (n_tracks, 1, 2))
    start[:4, 0] = np.array([(300, 300), (700, 300), (700, 700), (300, 700)])[:n_tracks]
    turns = random.uniform(0.5, 3, (n_tracks, 1, 2))
    turns[:4] = 1
    made.xy[:] = start + 150 * np.sin(2 * np.pi * turns * np.linspace(0, 1, n_frames)[:, None])
    made.state[:] = State.VISIBLE
    hidden = random.random((n_tracks, n_frames)) < 0.1
    hidden[:, 0] = False
    made.state[hidden] = State.OCCLUDED
    made.source[:] = Source.MODEL
    made.visibility[:], made.confidence[:] = random.uniform(0.5, 1, (2, n_tracks, n_frames))
    made.names = [f"point {n + 1}" for n in range(n_tracks)]
    made.query_from_first_visible()
    return made


def _table(rows: list[dict[str, Any]]) -> str:
    texts = [
        ["format", "text", "tracks", "export, s", "CPU s", "import, s", "CPU s", "MiB", ""],
        ["---"] * len(COLUMNS),
    ]
    texts += [["–" if row[name] is None else format(row[name], form) for name, form in COLUMNS] for row in rows]
    return "\n".join(f"| {' | '.join(text)} |" for text in texts)
