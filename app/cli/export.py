"""`trackwright export`: a track file or a project in another format."""

import json
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.places import check_folder, check_output
from app.cli.progress import progress_bar
from tracker.files import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from app.document.project import Document
    from tracker.labels import ExportOptions, Plate, Provenance, Selection, TrackFile
    from tracker.video import FrameSource
    from tracker.video.view_transform import ViewTransform

PROJECT_SUFFIX = ".trackwright"


class Gaps(StrEnum):
    """What happens where a format cannot say that a cell is unlabelled."""

    drop = "drop"
    split_up = "split"  # StrEnum has a method split
    mask = "mask"


class Normalisation(StrEnum):
    """How TAP-Vid's normalised coordinates are made."""

    width = "W"
    width_less_one = "W-1"
    raster = "raster"


class Hidden(StrEnum):
    """What happens to frames on which a point is not visible, in formats of keys."""

    gap = "gap"
    flag = "flag"
    linear = "linear"


def export(
    tracks: Annotated[Path | None, typer.Argument(help="A track file (.npz) or a project (.trackwright).")] = None,
    format_name: Annotated[str | None, typer.Option("--format", help="A name of --list.")] = None,
    out: Annotated[Path | None, typer.Option("--output", "-o", help="The file or folder to write.")] = None,
    video: Annotated[
        Path | None,
        typer.Option(help="The video: for formats that store pictures, and for its rate and frame numbers."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Of the record or sequence; default the video's or file's.")] = None,
    gaps: Annotated[
        Gaps | None,
        typer.Option(
            help="Tracks with unlabelled cells, where a format cannot say so: drop them, split them into labelled "
            "stretches, or write NaN and a mask; the default is the format's first way of --list."
        ),
    ] = None,
    hidden: Annotated[
        Hidden | None,
        typer.Option(
            help="Frames on which the point is not visible, in formats of keys: leave a gap, keep the position and "
            "flag it, or fill with straight lines; the default is the format's first way of --list."
        ),
    ] = None,
    normalise: Annotated[
        Normalisation, typer.Option(help="TAP-Vid: x/W, x/(W-1) for CoTracker's loader, or (x+0.5)/W.")
    ] = Normalisation.width,
    jpeg: Annotated[bool, typer.Option("--jpeg", help="Store pictures as JPEG, not raw or PNG.")] = False,
    start_frame: Annotated[
        int | None,
        typer.Option(help="Number of the video's first frame in the program that follows; the default is its own."),
    ] = None,
    fps: Annotated[str | None, typer.Option(help="Frame rate, exact: 24, 24000/1001; default the video's.")] = None,
    pixel_aspect: Annotated[str, typer.Option(help="Width of a pixel over its height: 1, 2, 12/11.")] = "1",
    reference_frame: Annotated[
        int | None, typer.Option(help="Corner pins: the frame, from 0, on which the picture stands as it is.")
    ] = None,
    start: Annotated[int, typer.Option(min=0, help="First frame to export; frames count from 0.")] = 0,
    end: Annotated[int | None, typer.Option(help="One past the last frame to export; default all.")] = None,
    track: Annotated[list[str] | None, typer.Option("--track", help="Only the tracks of this name; repeat it.")] = None,
    group: Annotated[list[str] | None, typer.Option("--group", help="Only this group; repeat it.")] = None,
    approved: Annotated[bool, typer.Option("--approved", help="Only what a person approved or placed.")] = False,
    min_length: Annotated[int, typer.Option(min=0, help="Only tracks with so many labelled frames.")] = 0,
    max_error: Annotated[
        float | None, typer.Option(min=0, help="Projects: only cells expected to be so many pixels off at most.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the formats.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write tracks in another format. A coordinate that nobody vouches for is never written.

    What was written is read back and compared before it appears; a manifest (.manifest.json) lies beside it.
    """
    if list_:
        _list_formats(as_json)
        return
    if tracks is None or format_name is None or out is None:
        raise InputError("export wants TRACKS, --format NAME and -o OUT; --list names the formats")

    from tracker.labels import ExportOptions, Selection

    options = ExportOptions(
        name=name or "",
        gaps=gaps.value if gaps else None,
        hidden=hidden.value if hidden else None,
        normalisation=normalise.value,
        jpeg=jpeg,
        start_frame=start_frame,
        reference_frame=reference_frame,
    )
    chosen = Selection(
        start=start,
        end=end,
        groups=frozenset(group) if group else None,
        approved=approved,
        min_length=min_length,
        max_error=max_error,
    )
    rates = (None if fps is None else fraction(fps, "--fps"), fraction(pixel_aspect, "--pixel-aspect"))
    result = export_file(tracks, format_name, out, video, options, chosen, rates, track or [])
    typer.echo(json.dumps(result) if as_json else _sentence(result))


def fraction(text: str, option: str) -> Fraction:
    """A positive fraction such as 24000/1001 or 23.976. Raises InputError that names the option for anything else."""
    try:
        value = Fraction(text.strip())
    except (ValueError, ZeroDivisionError) as error:
        raise InputError(f"{option} {text}: expected a number or a fraction such as 24000/1001") from error
    if value <= 0:
        raise InputError(f"{option} {text}: it must be above 0")
    from app.exporting import nearest_rate

    return nearest_rate(value) if option == "--fps" else value


def export_file(
    path: Path,
    format_name: str,
    out: Path,
    video: Path | None,
    options: "ExportOptions",
    chosen: "Selection",
    rates: tuple[Fraction | None, Fraction],
    names: list[str],
) -> dict[str, object]:
    """Write the tracks of a file in another format; `options` comes without frames and plate, perhaps without a name.

    Args:
        rates: the frame rate (None: the video's) and the pixel aspect.
        names: of the tracks to take; empty for all.

    Raises:
        InputError: a file is bad, or the export is.
    """
    from app.exporting import name_of
    from tracker.labels import export_tracks, find_format, first_key

    entry = find_format(format_name)
    if entry.suffix:
        check_output(out, path, video)
    else:
        check_folder(out)
    found = look_into(path)
    content, video = found.tracks, video or found.video
    chosen = replace(chosen, rows=rows_named(content, names, path) if names else None)
    with ExitStack() as stack:
        source = None
        if video is not None and (entry.needs_video or video.exists()):
            from tracker.video import open_source

            source = stack.enter_context(open_source(video, threads="auto", view=found.view))
        plate, origin = _plate(content, source), _origin(found, source)
        options = replace(
            options,
            name=options.name or name_of(video or path),
            frames=source if entry.needs_video else None,
            plate=replace(plate, fps=rates[0] or plate.fps, pixel_aspect=rates[1]),
        )
        errors = None if chosen.max_error is None else _errors(path, found)
        with progress_bar("Exporting", 1) as update:
            options = replace(options, report=update)
            done = export_tracks(content, out, format_name, options, chosen, errors, origin)
    return {
        "output": str(out),
        "format": format_name,
        **asdict(done.written),
        "left_out": done.written.left_out + done.unchosen,
        "first_key": first_key(done.taken, entry, options),
        "checked": done.checked,
        "manifest": str(done.manifest),
    }


def rows_named(tracks: "TrackFile", names: list[str], path: Path) -> tuple[int, ...]:
    """The numbers of the tracks of these names. Raises InputError where a name is not there."""
    missing = [name for name in names if name not in tracks.names]
    if missing:
        raise InputError(f"{path}: there is no track called {missing[0]}; there are {', '.join(tracks.names[:20])}")
    return tuple(row for row, name in enumerate(tracks.names) if name in names)


def _plate(tracks: "TrackFile", source: "FrameSource | None") -> "Plate":
    from app.exporting import plate_of, rate_of
    from tracker.labels import Plate

    return Plate(fps=rate_of(tracks)) if source is None else plate_of(source, source.path)


def _origin(found: "Found", source: "FrameSource | None") -> "Provenance":
    from app.exporting import origin_of
    from tracker.labels import Provenance
    from tracker.video import content_hash

    if found.document is not None:
        return origin_of(found.document)
    return Provenance() if source is None else Provenance(str(source.path), content_hash(source), source.fps)


def _errors(path: Path, found: "Found") -> "NDArray[np.float32]":
    from app.exporting import expected_errors

    if found.document is None:
        raise InputError(f"{path}: --max-error needs a project; a track file lacks what errors are worked out from")
    return expected_errors(found.document)


def _sentence(result: dict[str, object]) -> str:
    left_out = f", {result['left_out']} left out" if result["left_out"] else ""
    checked = ", read back and compared" if result["checked"] else ""
    lines = [
        f"{result['output']}: {result['tracks']} tracks, {result['cells']} cells as {result['format']}"
        f"{left_out}{checked}"
    ]
    lines += [f"first key: {result['first_key']}"] if result["first_key"] else []
    lines += [str(result["note"])] if result["note"] else []
    return "\n".join(lines)


@dataclass(frozen=True)
class Found:
    """The tracks of a file, and what a project knows beside them: its video, how that is shown, and itself."""

    tracks: "TrackFile"
    video: Path | None = None
    view: "ViewTransform | None" = None
    document: "Document | None" = None


def look_into(path: Path) -> Found:
    """What a track file or project holds.

    Raises:
        InputError: no such file, or it is damaged.
    """
    from tracker.labels import TrackFile, read_tracks

    if path.suffix.lower() != PROJECT_SUFFIX:
        return Found(read_tracks(path))
    from app.document.project import Document

    document = Document.open(path, read_only=True)
    if document.video is None:
        raise InputError(f"{path}: the project has no video")
    video = document.video = document.video.located(path)
    tracks = TrackFile.from_table(document.table, video.pts, video.time_base, (video.width, video.height))
    return Found(tracks, Path(video.path), video.view, document)


def _list_formats(as_json: bool) -> None:
    from tracker.labels import formats

    rows = [
        {
            "name": entry.name,
            "title": entry.title,
            "suffix": entry.suffix or "folder",
            "export": entry.write is not None,
            "import": entry.readable,
            "needs_video": entry.needs_video,
            "gaps": list(entry.gaps),
            "hidden": list(entry.hidden),
            "pixels": entry.convention.pixels,
            "frames": entry.convention.frames,
            "carries": entry.carries,
            "loses": entry.loses,
            "untested": entry.untested,
            "missing": entry.missing,
        }
        for entry in formats()
    ]
    typer.echo(json.dumps(rows) if as_json else "\n".join(_row(row) for row in rows))


def _row(row: dict[str, Any]) -> str:
    ways = " and ".join(way for way in ("export", "import") if row[way])
    lines = [
        f"{row['name']}: {row['title']} ({row['suffix']}{', with the video' if row['needs_video'] else ''}; {ways})",
        f"    {row['pixels']}; frames: {row['frames']}",
        f"    carries {row['carries']}; loses {row['loses']}",
    ]
    lines += [f"    {name}: {', '.join(row[name])}" for name in ("gaps", "hidden") if row[name]]
    lines += [f"    {row[name]}" for name in ("untested", "missing") if row[name]]
    return "\n".join(lines)
