"""`trackwright import`: tracks from another program's file, onto a video."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.export import PROJECT_SUFFIX, Normalisation, fraction
from app.cli.places import check_output
from tracker.files import InputError

if TYPE_CHECKING:
    from tracker.labels import TrackFile
    from tracker.video import FrameSource


def import_(
    file: Annotated[Path, typer.Argument(help="The file or folder that another program wrote.")],
    video: Annotated[Path, typer.Option(help="The video that the tracks belong to.")],
    out: Annotated[
        Path, typer.Option("--output", "-o", help="The track file (.npz) or project (.trackwright) to write.")
    ],
    format_name: Annotated[
        str | None, typer.Option("--format", help="A name of export --list; default: what the file turns out to be.")
    ] = None,
    start_frame: Annotated[
        int | None, typer.Option(help="Number that the video's first frame has in the file; default the format's own.")
    ] = None,
    fps: Annotated[str | None, typer.Option(help="Frame rate the file was made for; default the video's.")] = None,
    pixel_aspect: Annotated[str, typer.Option(help="Width of a pixel over its height.")] = "1",
    normalise: Annotated[Normalisation, typer.Option(help="TAP-Vid: what its numbers mean.")] = Normalisation.width,
    record: Annotated[str | None, typer.Option(help="Name or number of the video, in files that hold several.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Read tracks from another program's file. A file that is bad anywhere is not taken at all.

    A project that is there already gets the tracks as one step, which can be undone in the window.
    """
    check_output(out, file, video)
    if not file.exists():
        raise InputError(f"{file}: there is no such file or folder")

    from app.exporting import plate_of
    from tracker.labels import VideoFacts, guess_formats, import_tracks
    from tracker.video import open_source

    with open_source(video) as source:
        plate = plate_of(source, source.path)
        rate = plate.fps if fps is None else fraction(fps, "--fps")
        facts = VideoFacts(
            source.pts,
            source.time_base,
            (source.width, source.height),
            replace(plate, fps=rate, pixel_aspect=fraction(pixel_aspect, "--pixel-aspect")),
            start_frame,
            normalise.value,
            record,
        )
        name = format_name or guess_formats(file, facts)[0].name
        tracks = import_tracks(file, name, facts)
        _write(tracks, out, source, f"Import {file.name}")
    result = _result(tracks, out, name)
    typer.echo(json.dumps(result) if as_json else _sentence(result))


def _write(tracks: "TrackFile", out: Path, source: "FrameSource", label: str) -> None:
    if out.suffix.lower() != PROJECT_SUFFIX:
        from tracker.labels import write_tracks

        write_tracks(out, tracks)
        return
    from app.document.project import Document
    from app.document.video_ref import VideoRef
    from tracker.video import content_hash

    reference = VideoRef.of(source, content_hash(source))
    if out.exists():
        document = Document.open(out)
        differences = document.video.differences(reference) if document.video is not None else ["no video at all"]
        if differences:
            document.close()
            raise InputError(f"{out}: this project is of another video, which has {differences[0]}")
    else:
        document = Document.new(reference)
        document.save_as(out)
    try:
        document.import_tracks(tracks, label)
    finally:
        document.close()


def _result(tracks: "TrackFile", out: Path, name: str) -> dict[str, object]:
    from tracker.labels import State

    counts = Counter(tracks.state.ravel().tolist())
    return {
        "output": str(out),
        "format": name,
        "tracks": tracks.n_tracks,
        "frames": tracks.n_frames,
        "keys": int(tracks.located.sum()),
        "cells": {state.name.lower(): counts[state] for state in State},
    }


def _sentence(result: dict[str, object]) -> str:
    return f"{result['output']}: {result['tracks']} tracks with {result['keys']} keys from {result['format']}"
