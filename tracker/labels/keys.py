"""Tracks as the keys of curves, the form in which compositing and matchmove programs hold them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.labels.conventions import Convention
from tracker.labels.native import TrackFile
from tracker.labels.table import Source, State
from tracker.labels.text import bad_line

if TYPE_CHECKING:
    from tracker.labels.formats import Hidden, VideoFacts

FARTHEST = 1e6  # pixels from the picture's corner; what lies beyond is no position


@dataclass(frozen=True)
class TrackKeys:
    """The keys of one track, ready to be written.

    Attributes:
        row: its number among the tracks it was taken from.
        name, group: as the person wrote them.
        frames: (K,) int64 ascending indices into the video.
        xy: (K, 2) float64 pixels, ours.
        visible: (K,) bool; False where the point is hidden and the position is only thought to be here.
        confidence: (K,) float64, 0 to 1; 1 where a person placed the point or nobody said.
    """

    row: int
    name: str
    group: str
    frames: NDArray[np.int64]
    xy: NDArray[np.float64]
    visible: NDArray[np.bool_]
    confidence: NDArray[np.float64]


def keys_of(tracks: TrackFile, hidden: "Hidden") -> list[TrackKeys]:
    """The tracks that have a key, in their order.

    Args:
        hidden: what becomes of frames on which the point is not visible: "gap" leaves them out, "flag" keeps hidden
            cells that have a position, not `visible`; "linear" fills the gaps between visible keys with straight lines.
    """
    located = tracks.located
    shown = located & (tracks.state == State.VISIBLE)
    kept = located if hidden == "flag" else shown
    groups = tracks.groups
    found = []
    for row in np.flatnonzero(kept.any(axis=1)).tolist():
        frames = np.flatnonzero(kept[row])
        xy = tracks.xy[row, frames].astype(np.float64)
        confidence = np.nan_to_num(tracks.confidence[row, frames].astype(np.float64), nan=1.0)
        if hidden == "linear":
            frames, xy, confidence = _filled(frames, xy, confidence)
        visible = shown[row, frames] if hidden == "flag" else np.ones(len(frames), np.bool_)
        found.append(TrackKeys(row, tracks.names[row], groups[row], frames, xy, visible, np.clip(confidence, 0, 1)))
    return found


def _filled(
    frames: NDArray[np.int64], xy: NDArray[np.float64], confidence: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    every = np.arange(frames[0], frames[-1] + 1)
    columns = [np.interp(every, frames, values) for values in (xy[:, 0], xy[:, 1], confidence)]
    return every, np.stack(columns[:2], axis=1), columns[2]


@dataclass
class ReadTrack:
    """One track as a reader finds it: numbers as they stand in the file.

    Attributes:
        name: as in the file.
        frames, xy, lines: one entry per key: the frame's number, the position, and the line it stands on (0 where
            lines mean nothing).
        confidence, visible: one entry per key, or empty where the file says nothing of it.
    """

    name: str
    frames: list[int] = field(default_factory=list)
    xy: list[tuple[float, float]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    confidence: list[float] = field(default_factory=list)
    visible: list[bool] = field(default_factory=list)
    group: str = ""

    def add(self, frame: int, x: float, y: float, line: int = 0) -> None:
        """One more key."""
        self.frames.append(frame)
        self.xy.append((x, y))
        self.lines.append(line)


def tracks_from_keys(path: Path, video: "VideoFacts", convention: Convention, found: Sequence[ReadTrack]) -> TrackFile:
    """Imported tracks of what a reader found; a track without a key comes back unlabelled.

    A position outside the picture is out of view; one whose key says that it is not visible is occluded.

    Raises:
        InputError: a frame that the video lacks, a frame that a track has twice, a position that cannot be one.
    """
    tracks = video.empty(len(found))
    tracks.names = [track.name or str(row + 1) for row, track in enumerate(found)]
    tracks.groups = [track.group for track in found]
    first = convention.first_number(video)
    for row, track in enumerate(found):
        if not track.frames:
            continue
        frames = np.array(track.frames, np.int64) - first
        _check_frames(path, track, frames, first, len(video.pts))
        xy = convention.from_file(np.array(track.xy, np.float64).reshape(-1, 2), video.size_wh, video.plate)
        _check_positions(path, track, xy)
        tracks.xy[row, frames] = xy
        tracks.state[row, frames] = _states(track, xy, video.size_wh)
        tracks.source[row, frames] = Source.IMPORTED
        if track.confidence:
            # A key stands, however little its program thought of it; 0 would mean that nobody vouches for it.
            confidence = np.clip(track.confidence, 0, 1)
            tracks.confidence[row, frames] = np.where(confidence > 0, confidence, np.nan)
    tracks.query_from_first_visible()
    return tracks


def _check_frames(path: Path, track: ReadTrack, frames: NDArray[np.int64], first: int, count: int) -> None:
    outside = np.flatnonzero((frames < 0) | (frames >= count))
    if len(outside):
        at = int(outside[0])
        reason = f"frame {track.frames[at]} is outside the video's {first} to {first + count - 1}"
        raise _fault(path, track, at, f"{reason}; is the first frame's number right?")
    order, where = np.unique(frames, return_index=True)
    if len(order) < len(frames):
        at = int(np.setdiff1d(np.arange(len(frames)), where)[0])
        raise _fault(path, track, at, f"frame {track.frames[at]} is given twice for track {track.name!r}")


def _check_positions(path: Path, track: ReadTrack, xy: NDArray[np.float64]) -> None:
    bad = np.flatnonzero(~(np.abs(xy) < FARTHEST).all(axis=1))
    if len(bad):
        at = int(bad[0])
        x, y = track.xy[at]
        raise _fault(path, track, at, f"{x:g}, {y:g} cannot be a position in this picture")


def _fault(path: Path, track: ReadTrack, at: int, reason: str) -> InputError:
    line = track.lines[at] if track.lines else 0
    return bad_line(path, line, reason) if line else InputError(f"{path}: track {track.name!r}: {reason}")


def _states(track: ReadTrack, xy: NDArray[np.float64], size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    inside = ((xy >= -0.5) & (xy <= np.array(size_wh) - 0.5)).all(axis=1)
    visible = np.array(track.visible, np.bool_) if track.visible else np.ones(len(xy), np.bool_)
    hidden = np.where(inside, State.OCCLUDED, State.OUT_OF_VIEW)
    return np.where(visible & inside, State.VISIBLE, hidden).astype(np.uint8)
