"""`trackwright render`: a preview video with the tracks drawn in."""

import json
from pathlib import Path
from typing import Annotated

import typer

from app.cli.export import read_any
from app.cli.places import check_output
from app.cli.progress import progress_bar
from tracker.files import InputError


def render(
    video: Annotated[Path, typer.Argument(help="The video that was tracked.")],
    tracks: Annotated[Path, typer.Argument(help="A track file (.npz) or a project (.trackwright).")],
    out: Annotated[Path, typer.Option("--output", "-o", help="The H.264 video (.mp4) to write.")],
    trail: Annotated[int, typer.Option(min=0, help="Length of the trails in frames.")] = 20,
    size: Annotated[float, typer.Option(min=1, help="Radius of the dots in pixels.")] = 4.0,
    names: Annotated[bool, typer.Option("--names", help="Write the tracks' names.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Draw tracks into a video: dots coloured by confidence (dark blue low, yellow high), white where placed by hand.

    A dot is visible, a ring occluded, a cross out of view, a diamond an anchor.
    """
    check_output(out, video, tracks)

    from app.cli.overlay import Overlay
    from tracker.video import VideoWriter, open_source

    content, _ = read_any(tracks)
    with open_source(video, threads="auto") as source:
        if (source.frame_count, source.width, source.height) != (content.n_frames, *content.size_wh):
            raise InputError(
                f"{tracks}: the tracks are of {content.n_frames} frames of {content.size_wh[0]}x{content.size_wh[1]}, "
                f"the video has {source.frame_count} of {source.width}x{source.height}"
            )
        overlay = Overlay(content, trail, size, names)
        with (
            VideoWriter(out, source.width, source.height, source.fps) as writer,
            progress_bar("Rendering", source.frame_count) as update,
        ):
            for index, picture in enumerate(source.frames(0, source.frame_count)):
                writer.write(overlay.draw(picture, index))
                update(index + 1, source.frame_count)
    result = {"output": str(out), "frames": content.n_frames, "tracks": content.n_tracks}
    typer.echo(json.dumps(result) if as_json else f"{out}: {content.n_frames} frames with {content.n_tracks} tracks")
