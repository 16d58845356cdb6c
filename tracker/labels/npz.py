"""The native track file as a format of the register; the file itself is in `tracker.labels.native`."""

from pathlib import Path

from tracker.files import InputError
from tracker.labels.conventions import OURS_IN_ORDER
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, register
from tracker.labels.native import TrackFile, read_tracks, write_tracks


def _write(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    write_tracks(path, tracks)
    return Written(tracks.n_tracks, 0, int((tracks.state > 0).sum()))


def _read(path: Path, video: VideoFacts) -> TrackFile:
    tracks = read_tracks(path)
    if tracks.n_frames != len(video.pts) or tracks.size_wh != video.size_wh:
        raise InputError(
            f"{path}: the tracks are of {tracks.n_frames} frames of {tracks.size_wh[0]}x{tracks.size_wh[1]}, the video "
            f"has {len(video.pts)} of {video.size_wh[0]}x{video.size_wh[1]}"
        )
    return tracks


register(
    Format(
        name="npz",
        title="Trackwright track file",
        suffix=".npz",
        audience="labels",
        convention=OURS_IN_ORDER,
        carries="all states, visibility, confidence, source, approval, query points, names, groups",
        loses="colours, locks, undo history and runs of a project",
        write=_write,
        read=_read,
        keeps=frozenset(TrackFile.__dataclass_fields__),
    )
)
