"""Exporting and importing tracks: choosing, writing, reading back and comparing, and the manifest."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError, atomic_output
from tracker.labels.conventions import RASTER_UP, UNIT_UP
from tracker.labels.corners import order_corners
from tracker.labels.formats import ExportOptions, Format, Frames, VideoFacts, Written, find_format, formats
from tracker.labels.keys import keys_of
from tracker.labels.manifest import Provenance, write_manifest
from tracker.labels.native import TrackFile
from tracker.labels.selection import Selection, crop, select, take_rows
from tracker.labels.table import State


class SelfCheckError(RuntimeError):
    """A file that was just written says something else than the tracks; it was not kept."""


@dataclass(frozen=True)
class Exported:
    """What an export did.

    Attributes:
        taken: the tracks that were written.
        written: what the writer says.
        unchosen: tracks that the selection left out.
        manifest: where the manifest lies; None where none was asked for.
        checked: the file was read back and compared; False where nothing here can read the format.
    """

    taken: TrackFile
    written: Written
    unchosen: int
    manifest: Path | None
    checked: bool


def export_tracks(
    tracks: TrackFile,
    path: Path,
    name: str,
    options: ExportOptions,
    chosen: Selection | None = None,
    errors: NDArray[np.floating] | None = None,
    origin: Provenance | None = None,
) -> Exported:
    """Write tracks in the format called `name`, read the file back, compare, and only then let it appear.

    Args:
        chosen: what to take; None: everything.
        errors: (N, T) expected errors in pixels, for `Selection.max_error`.
        origin: writes a manifest beside the file, with what it says; None: no manifest.

    Raises:
        InputError: no such format, it cannot be written or lacks a package, its pictures are missing or of another
            video, a way with gaps that it does not have, nothing to write, or the path cannot be written.
        SelfCheckError: what was written does not say what the tracks say.
    """
    entry = find_format(name)
    _check_possible(tracks, path, entry, options)
    chosen = chosen or Selection()
    taken = chosen_tracks(tracks, path, entry, options, chosen, errors)
    if entry.needs_video and not entry.hidden and not chosen.everything:
        # These say something of every frame, so that there must be no others; formats of keys name their frames.
        taken, options = _only_range(taken, chosen, options)
    assert entry.write is not None
    if entry.replaces is not None:
        entry.replaces(path)
    # Other folders may hold sequences already, which their writer knows how to leave alone.
    whole = entry.suffix or entry.replaces is not None
    with atomic_output(path) if whole else nullcontext(path) as part:
        try:
            written = entry.write(taken, part, options)
        except InputError as error:  # about a file that nobody has asked for
            raise InputError(str(error).replace(str(part), str(path))) from error
        checked = _check_file(taken, part, path, entry, options, written)
    manifest = None if origin is None else write_manifest(taken, path, entry, options, written, chosen, origin)
    return Exported(taken, written, tracks.n_tracks - taken.n_tracks, manifest, checked)


def chosen_tracks(
    tracks: TrackFile,
    path: Path,
    entry: Format,
    options: ExportOptions,
    chosen: Selection,
    errors: NDArray[np.floating] | None = None,
) -> TrackFile:
    """The tracks that an export would write, in its order. Raises InputError where there are none, or no corner pin."""
    taken = tracks if chosen.everything else select(tracks, chosen, errors)
    if not taken.n_tracks and tracks.n_tracks:
        raise InputError(f"{path}: nothing is left to export: no track fits what was chosen")
    return _as_corners(taken, path, options.reference_frame) if entry.corners else taken


def _check_possible(tracks: TrackFile, path: Path, entry: Format, options: ExportOptions) -> None:
    if entry.write is None:
        raise InputError(f"{path}: {entry.title} can only be imported")
    if entry.missing:
        raise InputError(f"{path}: {entry.missing}")
    for what, asked, offers in (("gaps", options.gaps, entry.gaps), ("hidden frames", options.hidden, entry.hidden)):
        if asked is not None and asked not in offers:
            offered = ", ".join(offers) or "none"
            raise InputError(f"{path}: the format {entry.name} has no way '{asked}' with {what}, it has: {offered}")
    if entry.needs_video:
        _check_frames(tracks, path, entry.name, options.frames)


def _check_frames(tracks: TrackFile, path: Path, name: str, frames: Frames | None) -> None:
    if frames is None:
        raise InputError(f"{path}: the format {name} stores the pictures too, so it needs the video")
    video = (frames.frame_count, frames.width, frames.height)
    if video != (tracks.n_frames, *tracks.size_wh):
        raise InputError(
            f"{path}: the tracks are of {tracks.n_frames} frames of {tracks.size_wh[0]}x{tracks.size_wh[1]}, "
            f"the video has {video[0]} of {video[1]}x{video[2]}"
        )


def _as_corners(tracks: TrackFile, path: Path, reference: int | None) -> TrackFile:
    """The four tracks as top-left, top-right, bottom-right and bottom-left, by their places on the reference frame."""
    if tracks.n_tracks != 4:
        raise InputError(f"{path}: a corner pin is made of four tracks, these are {tracks.n_tracks}; select four")
    together = np.flatnonzero((tracks.located & (tracks.state == State.VISIBLE)).all(axis=0))
    if not len(together):
        raise InputError(f"{path}: there is no frame on which all four corners are visible")
    frame = int(together[0]) if reference is None else reference
    if frame not in together:
        raise InputError(f"{path}: not all four corners are visible on the reference frame {frame}")
    try:
        order = order_corners(tracks.xy[:, frame])
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    return take_rows(tracks, order)


class _Part:
    """Some frames of a video, counted from 0 anew."""

    def __init__(self, frames: Frames, start: int, end: int) -> None:
        self._frames, self._start = frames, start
        self.frame_count, self.width, self.height = end - start, frames.width, frames.height

    def frames(self, start: int, stop: int) -> Iterator[NDArray[np.uint8]]:
        yield from self._frames.frames(start + self._start, stop + self._start)


def _only_range(tracks: TrackFile, chosen: Selection, options: ExportOptions) -> tuple[TrackFile, ExportOptions]:
    """For formats that store the pictures: a record of the chosen frames only."""
    end = tracks.n_frames if chosen.end is None else chosen.end
    assert options.frames is not None
    return crop(tracks, chosen.start, end), replace(options, frames=_Part(options.frames, chosen.start, end))


def first_key(tracks: TrackFile, entry: Format, options: ExportOptions) -> str:
    """The first key as the receiving program will show it, in words; "" where there is none."""
    seen = tracks.located & (tracks.state == State.VISIBLE)
    rows = np.flatnonzero(seen.any(axis=1))
    if not len(rows):
        return ""
    row = int(rows[0])
    frame = int(np.flatnonzero(seen[row])[0])
    xy = tracks.xy[row, frame].astype(np.float64)
    number = entry.convention.first_number(options) + frame
    x, y = _told(entry.convention.to_file(xy, tracks.size_wh, options.plate))
    place = f"x {x}, y {y} {entry.convention.origin}"
    if entry.convention.to_file is UNIT_UP.to_file:  # a person reads pixels
        place += ", which is pixel " + ", ".join(_told(RASTER_UP.to_file(xy, tracks.size_wh, options.plate)))
    return f"frame {number}, {place} (track “{tracks.names[row]}”)"


def _told(position: NDArray[np.float64]) -> list[str]:
    return [f"{value:.4f}".rstrip("0").rstrip(".") for value in position.tolist()]


def import_tracks(path: Path, name: str, video: VideoFacts) -> TrackFile:
    """Read tracks from a file of the format called `name`; nothing is kept of a file that is bad anywhere.

    Raises:
        InputError: no such format, it cannot be read, lacks a package, or the file is bad; names file and line.
    """
    entry = find_format(name)
    if not entry.readable or entry.read is None:
        raise InputError(f"{path}: {entry.title} can only be exported")
    if entry.missing:
        raise InputError(f"{path}: {entry.missing}")
    tracks = entry.read(path, video)
    if not (tracks.state != State.UNLABELLED).any():
        raise InputError(f"{path}: there is not one position in this file")
    return tracks


def guess_formats(path: Path, video: VideoFacts) -> list[Format]:
    """The formats that this file may be of, the likeliest first: those that read it, by the number of positions.

    Raises:
        InputError: none reads it; the message is that of the one whose suffix fits, where only one does.
    """
    suffix = "" if path.is_dir() else path.suffix.lower()
    fitting = [e for e in formats() if e.readable and not e.missing and suffix in (e.suffix, *e.suffixes)]
    if not fitting:
        raise InputError(f"{path}: no format here has files that end with {suffix or 'no suffix'}; name the format")
    found: list[tuple[int, Format]] = []
    reasons: list[str] = []
    for entry in fitting:
        try:
            found.append((int(import_tracks(path, entry.name, video).located.sum()), entry))
        except InputError as error:
            reasons.append(f"{entry.name}: {str(error).removeprefix(f'{path}: ')}")
    if not found:
        raise InputError(f"{path}: this is no file that is known here ({'; '.join(reasons)})")
    # What is only read is a looser form of something that is written too.
    return [entry for _, entry in sorted(found, key=lambda pair: (-pair[0], pair[1].write is None))]


def _check_file(
    tracks: TrackFile, part: Path, path: Path, entry: Format, options: ExportOptions, written: Written
) -> bool:
    """Read back what was written and compare. Raises SelfCheckError where it differs."""
    if entry.check is not None:
        fault = entry.check(tracks, part, options, written)
    elif entry.read is not None and options.gaps != "split":
        video = VideoFacts(
            tracks.pts, tracks.time_base, tracks.size_wh, options.plate, options.start_frame, options.normalisation
        )
        try:
            back = entry.read(part, video)
        except InputError as error:
            fault = str(error)
        else:
            fault = (
                _keyed_fault(tracks, back, entry, options)
                if entry.hidden
                else _cell_fault(tracks, back, entry, written)
            )
    else:
        return False
    if fault:
        raise SelfCheckError(f"{path}: the file written does not read back as the tracks are: {fault}")
    return True


def _tolerance(entry: Format) -> float:
    return entry.rounding + 1e-3


def _keyed_fault(tracks: TrackFile, back: TrackFile, entry: Format, options: ExportOptions) -> str:
    """What differs in a format of keys: their number, frames, positions, and flags where it has them."""
    wanted = keys_of(tracks, options.hidden or entry.hidden[0])
    if back.n_tracks != len(wanted):
        return f"{back.n_tracks} tracks instead of {len(wanted)}"
    for row, keys in enumerate(wanted):
        frames = np.flatnonzero(np.isfinite(back.xy[row]).all(axis=1))
        if not np.array_equal(frames, keys.frames):
            return f"track {keys.name!r} has keys on other frames"
        off = np.abs(back.xy[row, frames] - keys.xy).max()
        if not off <= _tolerance(entry):
            return f"track {keys.name!r} is {off:.3g} px off"
        inside = back.state[row, frames] != State.OUT_OF_VIEW
        if not np.array_equal((back.state[row, frames] == State.VISIBLE)[inside], keys.visible[inside]):
            return f"track {keys.name!r} is visible on other frames"
    return ""


def _cell_fault(tracks: TrackFile, back: TrackFile, entry: Format, written: Written) -> str:
    """What differs in a format of cells, whose tracks come back in their order where none was left out."""
    if written.left_out:
        return "" if back.n_tracks >= written.tracks else f"{back.n_tracks} tracks instead of {written.tracks}"
    if back.n_tracks != tracks.n_tracks:
        return f"{back.n_tracks} tracks instead of {tracks.n_tracks}"
    if not np.array_equal(back.state > 0, tracks.state > 0) and "state" in entry.keeps:
        return "other cells are labelled"
    for name in sorted(entry.keeps):
        if _differs(name, getattr(tracks, name), getattr(back, name), tracks):
            return f"{name} differs"
    seen = tracks.located & (tracks.state == State.VISIBLE)
    off = np.abs(back.xy[seen] - tracks.xy[seen])
    return f"positions are {off.max():.3g} px off" if off.size and not off.max() <= _tolerance(entry) else ""


def _differs(name: str, mine: Any, theirs: Any, tracks: TrackFile) -> bool:
    """Whether a field came back different, on the cells of which it says something."""
    if not isinstance(mine, np.ndarray):
        return bool(mine != theirs) if not isinstance(mine, Sequence) else list(mine) != list(theirs)
    if mine.shape[:2] == tracks.state.shape:
        # What is not labelled says nothing, and a position that its tracker disowns is not written.
        said = tracks.located if name == "xy" else tracks.state > 0
        mine, theirs = mine[said], theirs[said]
    return not np.array_equal(mine, theirs, equal_nan=mine.dtype.kind == "f")
