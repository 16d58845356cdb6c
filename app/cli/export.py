"""`trackwright export`: a track file or a project in another format."""

import json
from contextlib import ExitStack
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.places import check_folder, check_output
from tracker.files import InputError

if TYPE_CHECKING:
    from tracker.labels import ExportOptions, TrackFile

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


def export(
    tracks: Annotated[Path | None, typer.Argument(help="A track file (.npz) or a project (.trackwright).")] = None,
    format_name: Annotated[str | None, typer.Option("--format", help="A name of --list.")] = None,
    out: Annotated[Path | None, typer.Option("--output", "-o", help="The file or folder to write.")] = None,
    video: Annotated[Path | None, typer.Option(help="The video, for formats that store pictures.")] = None,
    name: Annotated[str | None, typer.Option(help="Of the record or sequence; default the video's or file's.")] = None,
    gaps: Annotated[
        Gaps | None,
        typer.Option(
            help="Tracks with unlabelled cells, where a format cannot say so: drop them, split them into labelled "
            "stretches, or write NaN and a mask; the default is the format's first way of --list."
        ),
    ] = None,
    normalise: Annotated[
        Normalisation, typer.Option(help="TAP-Vid: x/W, x/(W-1) for CoTracker's loader, or (x+0.5)/W.")
    ] = Normalisation.width,
    jpeg: Annotated[bool, typer.Option("--jpeg", help="Store pictures as JPEG, not raw or PNG.")] = False,
    start_frame: Annotated[
        int | None, typer.Option(help="Number of the first frame, in formats with frame numbers.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the formats.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write tracks in another format. A coordinate that nobody vouches for is never written."""
    if list_:
        _list_formats(as_json)
        return
    if tracks is None or format_name is None or out is None:
        raise InputError("export wants TRACKS, --format NAME and -o OUT; --list names the formats")

    from tracker.labels import ExportOptions

    options = ExportOptions(
        name=name or "",
        gaps=gaps.value if gaps else None,
        normalisation=normalise.value,
        jpeg=jpeg,
        start_frame=start_frame,
    )
    result = export_file(tracks, format_name, out, video, options)
    typer.echo(json.dumps(result) if as_json else _sentence(result))


def export_file(
    tracks: Path, format_name: str, out: Path, video: Path | None, options: "ExportOptions"
) -> dict[str, object]:
    """Write the tracks of a file in another format; `options` comes without frames, and perhaps without a name.

    Raises:
        InputError: a file is bad, or the export is.
    """
    from tracker.labels import export_tracks, find_format

    entry = find_format(format_name)
    if entry.suffix:
        check_output(out, tracks, video)
    else:
        check_folder(out)
    content, found = read_any(tracks)
    video = video or found
    options = replace(options, name=options.name or (video or tracks).stem)
    with ExitStack() as stack:
        if entry.needs_video and video is not None:
            from tracker.video import open_source

            options = replace(options, frames=stack.enter_context(open_source(video, threads="auto")))
        done = export_tracks(content, out, format_name, options)
    return {"output": str(out), "format": format_name} | asdict(done.written)


def _sentence(result: dict[str, object]) -> str:
    left_out = f", {result['left_out']} left out" if result["left_out"] else ""
    note = f"; {result['note']}" if result["note"] else ""
    return (
        f"{result['output']}: {result['tracks']} tracks, {result['cells']} cells as {result['format']}{left_out}{note}"
    )


def read_any(path: Path) -> tuple["TrackFile", Path | None]:
    """The tracks in a track file or project, and where a project says that its video is.

    Raises:
        InputError: no such file, or it is damaged.
    """
    from tracker.labels import TrackFile, read_tracks

    if path.suffix.lower() != PROJECT_SUFFIX:
        return read_tracks(path), None
    from app.document.project import Document

    document = Document.open(path, read_only=True)
    if document.video is None:
        raise InputError(f"{path}: the project has no video")
    video = document.video.located(path)
    tracks = TrackFile.from_table(document.table, video.pts, video.time_base, (video.width, video.height))
    return tracks, Path(video.path)


def _list_formats(as_json: bool) -> None:
    from tracker.labels import formats

    rows = [
        {
            "name": entry.name,
            "title": entry.title,
            "suffix": entry.suffix or "folder",
            "needs_video": entry.needs_video,
            "gaps": list(entry.gaps),
            "loses": entry.loses,
        }
        for entry in formats()
    ]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        gaps = f"; gaps: {', '.join(row['gaps'])}" if isinstance(row["gaps"], list) and row["gaps"] else ""
        typer.echo(
            f"{row['name']:<10} {row['title']} ({row['suffix']}{', with the video' if row['needs_video'] else ''})"
        )
        typer.echo(f"{'':<10} loses {row['loses']}{gaps}")
