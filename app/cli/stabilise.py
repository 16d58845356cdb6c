"""`trackwright stabilise`: the video locked to a track, or to a solve of several."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.pictures import (
    AudioOption,
    CodecOption,
    EndOption,
    JsonOption,
    Kind,
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
from app.cli.render import told
from tracker.files import InputError

if TYPE_CHECKING:
    from tracker.inference.solves import SolveKind
    from tracker.labels import TrackFile


def stabilise(
    video: VideoArgument,
    tracks: TracksArgument,
    out: OutOption,
    track: TrackOption = None,
    all_: Annotated[bool, typer.Option("--all", help="A solve of all tracks.")] = False,
    kind: Annotated[
        Kind | None,
        typer.Option(help="What the solve may do; the default is translation for one track, similarity for more."),
    ] = None,
    reference: Annotated[
        int | None,
        typer.Option(help="The frame, from 0, that stays as it is; the default is the first with most tracks visible."),
    ] = None,
    crop: Annotated[
        str | None, typer.Option(help="Show only so much around the tracks, in pixels of the video: 256x256.")
    ] = None,
    zoom: Annotated[float, typer.Option(min=0.05, max=64, help="Enlarge so many times.")] = 1.0,
    labels: Annotated[
        bool, typer.Option("--labels", help="Write the frame numbers, and which frames are held.")
    ] = False,
    alpha: Annotated[
        bool, typer.Option("--alpha", help="Transparent beyond the edges: ProRes 4444 or RGBA pictures.")
    ] = False,
    codec: CodecOption = None,
    start: StartOption = None,
    end: EndOption = None,
    start_frame: NumberOption = None,
    fps: RateOption = None,
    audio: AudioOption = True,
    as_json: JsonOption = False,
) -> None:
    """Warp every frame so that the tracks hold still. A frame without a solve moves as the last one that has one."""
    check_place(out, codec, video, tracks)

    from app.rendering.render import render_stabilised
    from app.rendering.stabilised import Lock

    window = crop_size(crop)
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
        rows = _rows(content, track, all_, tracks)
        motion: SolveKind = kind.value if kind else "translation" if len(rows) == 1 else "similarity"
        lock = Lock(rows, motion, reference, window, zoom, labels, alpha)
        with progress_bar("Stabilising", output.count) as update:
            rendered, still = render_stabilised(source, content, lock, output, update)
    result = asdict(rendered) | {"kind": motion, "tracks": len(rows), "reference": still}
    name = content.names[rows[0]] if len(rows) == 1 else f"{len(rows)} tracks"
    sentence = told(rendered, f"locked to {name} ({motion}, frame {still} stands still)", output.codec)
    tell(result, sentence, as_json)


def _rows(tracks: "TrackFile", wanted: list[str] | None, everything: bool, of: Path) -> tuple[int, ...]:
    if wanted and everything:
        raise InputError("--track and --all: give one of them")
    if everything or (not wanted and tracks.n_tracks == 1):
        return tuple(range(tracks.n_tracks))
    if not wanted:
        raise InputError(f"{of}: there are {tracks.n_tracks} tracks, say which with --track, or --all")
    return chosen_rows(tracks, wanted, of)


def crop_size(text: str | None) -> tuple[int, int] | None:
    """Width and height of a text such as 256x256. Raises InputError for anything else."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)\s*[x×]\s*(\d+)", text.strip())
    if match is None or not (int(match[1]) and int(match[2])):
        raise InputError(f"--crop {text}: expected width x height, as 256x256")
    return int(match[1]), int(match[2])
