"""What the commands that make pictures share: their options, their video and tracks, and their output."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.export import fraction, look_into
from app.cli.places import check_folder, check_output
from tracker.files import InputError

if TYPE_CHECKING:
    from app.rendering.output import Output
    from tracker.labels import TrackFile
    from tracker.video import FrameSource


class Codec(StrEnum):
    """How pictures are written."""

    h264 = "h264"
    prores = "prores"
    png = "png"


class Kind(StrEnum):
    """What a solve may do."""

    translation = "translation"
    similarity = "similarity"
    affine = "affine"
    homography = "homography"


VideoArgument = Annotated[Path, typer.Argument(help="The video that was tracked.")]
TracksArgument = Annotated[Path, typer.Argument(help="A track file (.npz) or a project (.trackwright).")]
OutOption = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        help="A movie: .mp4 is H.264, .mov ProRes 422 HQ (ProRes 4444 with --alpha); or PNG pictures: name.####.png, "
        "name.%04d.png or a folder.",
    ),
]
CodecOption = Annotated[Codec | None, typer.Option(help="Where the name does not say it; h264 may go into .mov.")]
AudioOption = Annotated[
    bool, typer.Option("--audio/--no-audio", help="Keep the video's sound, copied where the movie can hold it.")
]
StartOption = Annotated[int | None, typer.Option(help="The first frame; frames count from 0.")]
EndOption = Annotated[int | None, typer.Option(help="The frame to end before.")]
NumberOption = Annotated[
    int | None,
    typer.Option(
        "--start-frame",
        help="The number of frame 0, in picture names and burnt-in numbers; the default is that of the plate's first "
        "picture, and 0 for a movie.",
    ),
]
RateOption = Annotated[
    str | None, typer.Option(help="Rate of a movie made of pictures, exact: 24, 24000/1001; the default is 24.")
]
TrackOption = Annotated[
    list[str] | None, typer.Option("--track", help="A track's name, or its number from 1. May be given again.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@contextmanager
def open_shot(video: Path, tracks: Path) -> Iterator[tuple["FrameSource", "TrackFile"]]:
    """The video and its tracks, while the block runs.

    Raises:
        InputError: one cannot be read, or the tracks are of another video.
    """
    from app.rendering.output import check_fits
    from tracker.video import open_source

    found = look_into(tracks)
    with open_source(video, threads="auto", view=found.view) as source:
        check_fits(found.tracks, tracks, source)
        yield source, found.tracks


def check_place(out: Path, codec: Codec | None, *inputs: Path) -> None:
    """Raise InputError where the output cannot be written or would replace an input; before the work starts."""
    from app.rendering.output import codec_of
    from tracker.video.picture_writer import picture_pattern

    if codec_of(out, codec.value if codec else None) != "png":
        check_output(out, *inputs)
        return
    folder = picture_pattern(out, "frame").parent
    check_folder(folder / out.name if folder.exists() else folder)


def output_of(
    source: "FrameSource",
    out: Path,
    *,
    codec: Codec | None = None,
    alpha: bool = False,
    audio: bool = True,
    start: int | None = None,
    end: int | None = None,
    start_frame: int | None = None,
    fps: str | None = None,
) -> "Output":
    """What is written. Raises InputError where the options do not go together."""
    from app.rendering.output import Output, codec_of, frame_range
    from tracker.video import VideoReader

    first, last = frame_range(source, start, end)
    if fps is not None and isinstance(source, VideoReader):
        raise InputError(f"--fps {fps}: {source.path} has a rate of its own; this is for pictures")
    return Output(
        out,
        codec_of(out, codec.value if codec else None),
        alpha,
        audio,
        first,
        last,
        source.first_frame_number if start_frame is None else start_frame,
        None if fps is None else fraction(fps, "--fps"),
    )


def chosen_rows(tracks: "TrackFile", wanted: list[str], of: Path) -> tuple[int, ...]:
    """The numbers (from 0) of the tracks named, or numbered from 1; a name goes before a number.

    Raises:
        InputError: there is no such track, or there are several.
    """
    rows: list[int] = []
    for text in wanted:
        named = [row for row, name in enumerate(tracks.names) if name == text]
        if len(named) > 1:
            numbers = " or ".join(str(row + 1) for row in named[:4])
            raise InputError(f"{of}: {len(named)} tracks are named {text}; say which by its number ({numbers})")
        if not named and text.isdecimal() and 1 <= int(text) <= tracks.n_tracks:
            named = [int(text) - 1]
        if not named:
            raise InputError(f"{of}: there is no track {text}, by name or by number from 1 to {tracks.n_tracks}")
        rows += [row for row in named if row not in rows]
    return tuple(rows)


def tell(result: Mapping[str, object], sentence: str, as_json: bool) -> None:
    """Print what was done."""
    typer.echo(json.dumps(result) if as_json else sentence)
