"""`trackwright render`: the video with the tracks drawn in, or the tracks alone on nothing."""

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.pictures import (
    AudioOption,
    Codec,
    CodecOption,
    EndOption,
    JsonOption,
    NumberOption,
    OutOption,
    RateOption,
    StartOption,
    TrackOption,
    TracksArgument,
    VideoArgument,
    check_place,
    chosen_rows,
    open_shot,
    output_of,
    tell,
)
from app.cli.progress import progress_bar

if TYPE_CHECKING:
    from app.rendering.render import Rendered


class ColourBy(StrEnum):
    """What the colours say."""

    confidence = "confidence"
    track = "track"


def render(
    video: VideoArgument,
    tracks: TracksArgument,
    out: OutOption,
    codec: CodecOption = None,
    alpha: Annotated[
        bool, typer.Option("--alpha", help="Only the overlay, on nothing: ProRes 4444 or RGBA pictures.")
    ] = False,
    trail: Annotated[int, typer.Option(min=0, help="Length of the trails in frames.")] = 20,
    size: Annotated[
        float | None,
        typer.Option(min=1, max=1000, help="Radius of the dots in written pixels; the default goes by the height."),
    ] = None,
    names: Annotated[bool, typer.Option("--names", help="Write the tracks' names.")] = False,
    legend: Annotated[bool, typer.Option("--legend/--no-legend", help="Explain colours and shapes.")] = False,
    frame_numbers: Annotated[bool, typer.Option("--frame-numbers", help="Write the frame numbers.")] = False,
    colour_by: Annotated[ColourBy, typer.Option(help="What the colours say.")] = ColourBy.confidence,
    track: TrackOption = None,
    scale: Annotated[float, typer.Option(min=0.01, max=8, help="Size of the pictures, by that of the video.")] = 1.0,
    start: StartOption = None,
    end: EndOption = None,
    start_frame: NumberOption = None,
    fps: RateOption = None,
    audio: AudioOption = True,
    as_json: JsonOption = False,
) -> None:
    """Draw tracks into a video: dots coloured by confidence (dark blue low, yellow high), white where placed by hand.

    A dot is visible, a ring occluded, a cross out of view, a diamond an anchor.
    """
    check_place(out, codec, video, tracks)

    from app.rendering.overlay import Look
    from app.rendering.render import render_overlay

    with open_shot(video, tracks) as (source, content):
        output = output_of(
            source,
            out,
            codec=codec,
            alpha=alpha,
            audio=audio,
            start=start,
            end=end,
            start_frame=start_frame,
            fps=fps,
        )
        numbers = output.first_number if frame_numbers else None
        rows = chosen_rows(content, track, tracks) if track else None
        look = Look(trail, size, names, legend, numbers, colour_by.value, rows=rows)
        with progress_bar("Rendering", output.count) as update:
            rendered = render_overlay(source, content, look, output, update, scale)
    count = content.n_tracks if rows is None else len(rows)
    tell(asdict(rendered) | {"tracks": count}, told(rendered, f"with {count} tracks", output.codec), as_json)


def told(rendered: "Rendered", what: str, codec: str) -> str:
    """What was written, in a sentence."""
    numbered = f", numbered {rendered.first_number} to {rendered.last_number}" if codec == Codec.png else ""
    remarks = [
        f"{rendered.held} held without a solve" if rendered.held else "",
        f"{rendered.missing} missing in the sequence, marked" if rendered.missing else "",
        "with its sound" if rendered.sound else "",
    ]
    rest = "".join(f"; {remark}" for remark in remarks if remark)
    return f"{rendered.output}: {rendered.frames} frames {what}{numbered}{rest}"
