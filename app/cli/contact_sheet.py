"""`trackwright contact-sheet`: a picture of what lies around each track, frame by frame."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from app.cli.pictures import (
    EndOption,
    JsonOption,
    NumberOption,
    StartOption,
    TrackOption,
    TracksArgument,
    VideoArgument,
    chosen_rows,
    open_shot,
    tell,
)
from app.cli.places import check_output
from app.cli.progress import progress_bar
from tracker.files import InputError


def contact_sheet(
    video: VideoArgument,
    tracks: TracksArgument,
    out: Annotated[Path, typer.Option("--output", "-o", help="The picture (.png) to write.")],
    track: TrackOption = None,
    every: Annotated[
        int | None, typer.Option(min=1, help="One tile for so many frames; the default makes about 24 tiles.")
    ] = None,
    columns: Annotated[int, typer.Option(min=1, help="Tiles side by side.")] = 12,
    tile: Annotated[int, typer.Option(min=4, help="Pixels of the video that a tile shows.")] = 64,
    zoom: Annotated[float, typer.Option(min=0.25, max=32, help="Enlarge them so many times.")] = 3.0,
    start: StartOption = None,
    end: EndOption = None,
    start_frame: NumberOption = None,
    as_json: JsonOption = False,
) -> None:
    """Lay out what surrounds each track on its frames: tiles of a good track all look alike.

    The tile apart is the frame of the query point. Borders are coloured by confidence, white where placed by hand; the
    mark says the state as in render.
    """
    if out.suffix.lower() != ".png":
        raise InputError(f"{out}: a contact sheet is a .png picture")
    check_output(out, video, tracks)

    from app.rendering.contact_sheet import SheetOptions, write_contact_sheet
    from app.rendering.output import frame_range

    with open_shot(video, tracks) as (source, content):
        rows = chosen_rows(content, track, tracks) if track else tuple(range(content.n_tracks))
        if not rows:
            raise InputError(f"{tracks}: there are no tracks to show")
        number = source.first_frame_number if start_frame is None else start_frame
        options = SheetOptions(rows, *frame_range(source, start, end), every, columns, tile, zoom, number)
        with progress_bar("Drawing", len(options.frames)) as update:
            sheet = write_contact_sheet(out, source, content, options, update)
    sentence = f"{out}: {sheet.width}x{sheet.height} pixels, {sheet.tracks} tracks with {sheet.tiles} tiles each"
    tell(asdict(sheet), sentence, as_json)
