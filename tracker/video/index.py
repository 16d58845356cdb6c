"""The frame table of a video file, made by demuxing, and its place in the user's cache folder."""

import hashlib
import json
import os
import tempfile
import zipfile
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import platformdirs
from numpy.typing import NDArray

from tracker.files import READING_ARRAYS, InputError
from tracker.video.decoder import StreamDecoder, open_container, picture_stream
from tracker.video.picture import Orientation, orientation_of

_VERSION = 1  # to be raised with every change of what is stored or how it is found
_HEAD = 8  # frames decoded at the start to compare the packets with what the decoder shows


@dataclass(frozen=True, eq=False)
class VideoIndex:
    """What a reader must know of a file to find every frame.

    Attributes:
        pts: (T,) int64, ascending, in `time_base`: one per frame that can be shown.
        key_pts: (K,) int64, ascending: where decoding can start, key frames hidden by an edit list included.
        fps: average frames per second.
        width, height: displayed size in pixels, the rotation applied.
        counted: the packets' times do not identify the frames: frames are counted from the start instead.
    """

    pts: NDArray[np.int64]
    key_pts: NDArray[np.int64]
    time_base: Fraction
    fps: Fraction
    width: int
    height: int
    orientation: Orientation
    has_audio: bool
    codec: str
    counted: bool


@dataclass(frozen=True, eq=False)
class _Packets:
    """What demuxing tells; `reliable` says that every packet has a time of its own."""

    pts: NDArray[np.int64]
    key_pts: NDArray[np.int64]
    reliable: bool
    cut_off: bool
    time_base: Fraction
    rate: Fraction | None
    has_audio: bool
    codec: str


def load_index(path: Path) -> VideoIndex:
    """The index of a video file, from the cache if the file has not changed since.

    Raises:
        InputError: the file cannot be read, is not a video, or has no frame that can be decoded.
    """
    entry = _cache_entry(path)
    index = _read_cached(entry) if entry else None
    if index is None:
        index = build_index(path)
        if entry:
            _write_cached(entry, index)
    return index


def build_index(path: Path) -> VideoIndex:
    """Demuxes the whole file and decodes its first frames. Raises as `load_index`."""
    packets = _demux(path)
    decoder = StreamDecoder(path, "slice")
    try:
        head = list(islice(iter(decoder.next_frame, None), _HEAD))
        if not head:
            raise InputError(f"{path}: the video has no frame that can be decoded")
        pts, counted = _frame_table(packets, head, decoder)
    finally:
        decoder.close()
    orientation = orientation_of(head[0])
    width, height = orientation.displayed_size(head[0].width, head[0].height)
    fps = _average_rate(pts, packets)
    if counted and not np.all(np.diff(pts) > 0):
        step = 1 / (fps * packets.time_base)
        pts = np.array([round(number * step) for number in range(len(pts))], np.int64)
    return VideoIndex(
        pts=pts,
        key_pts=packets.key_pts,
        time_base=packets.time_base,
        fps=fps,
        width=width,
        height=height,
        orientation=orientation,
        has_audio=packets.has_audio,
        codec=packets.codec,
        counted=counted,
    )


def _demux(path: Path) -> _Packets:
    with open_container(path) as container:
        stream = picture_stream(container, path)
        codec = stream.codec_context.codec.name
        times: list[int | None] = []
        keys: list[int | None] = []
        seen, corrupt, failed = 0, False, False
        try:
            for packet in container.demux(stream):
                if not packet.size or (codec == "vp8" and not _vp8_is_shown(packet)):
                    continue
                seen, corrupt = seen + 1, packet.is_corrupt
                if packet.is_keyframe:
                    keys.append(packet.pts)  # hidden ones too: the first shown frames build on them
                if not packet.is_discard:
                    times.append(packet.pts)
        except (av.FFmpegError, OSError):
            failed = True
        # AVI stores no presentation times: where pictures are reordered and the packets are not, the times are guesses.
        reordered = bool(stream.codec_context.has_b_frames)
        guessed = container.format.name == "avi" and reordered and times == sorted(times, key=lambda time: time or 0)
        known = np.array(sorted(time for time in times if time is not None), np.int64)
        return _Packets(
            pts=known,
            key_pts=np.array(sorted({key for key in keys if key is not None}), np.int64),
            reliable=len(known) == len(times) and bool(np.all(np.diff(known) > 0)) and not guessed,
            cut_off=failed or corrupt or stream.frames > seen,
            time_base=stream.time_base or Fraction(1, 1000),
            rate=stream.average_rate or stream.guessed_rate,
            has_audio=bool(container.streams.audio),
            codec=codec,
        )


def _vp8_is_shown(packet: av.Packet) -> bool:
    """The show_frame bit of the frame tag (RFC 6386, 9.1): alternate reference frames are decoded but never shown."""
    return bool(bytes(packet)[0] >> 4 & 1)


def _frame_table(
    packets: _Packets, head: list[av.VideoFrame], decoder: StreamDecoder
) -> tuple[NDArray[np.int64], bool]:
    """The pts of the frames that can be shown, and whether frames must be counted."""
    if packets.reliable:
        shown = [frame.pts for frame in head]
        # Leading frames without their references, as at the start of a cut broadcast, are never shown.
        first = int(np.searchsorted(packets.pts, shown[0] if shown[0] is not None else 0))
        if packets.pts[first : first + len(shown)].tolist() == shown:
            pts = packets.pts[first:]
            return (_without_lost_tail(pts, packets.key_pts, decoder) if packets.cut_off else pts), False
    decoder.restart()
    decoded = [frame.pts for frame in iter(decoder.next_frame, None)]
    pts = np.array([time if time is not None else 0 for time in decoded], np.int64)
    trusted = packets.reliable and bool(np.all(np.diff(pts) > 0)) and bool(np.isin(pts, packets.pts).all())
    return pts, not trusted


def _without_lost_tail(pts: NDArray[np.int64], key_pts: NDArray[np.int64], decoder: StreamDecoder) -> NDArray[np.int64]:
    """Leaves out the last frames of a cut off file that cannot be decoded; earlier damage stays in the table."""
    for key in key_pts[::-1].tolist():
        decoder.seek(key)
        shown = [frame.pts for frame in iter(decoder.next_frame, None) if frame.pts is not None]
        if shown:
            return pts[pts <= max(shown)]
    return pts


def _average_rate(pts: NDArray[np.int64], packets: _Packets) -> Fraction:
    """Frames per second over the whole length: the rate the file states where it agrees within 1 %."""
    span = (int(pts[-1]) - int(pts[0])) * packets.time_base
    if span <= 0:
        return packets.rate or Fraction(25)
    measured = (len(pts) - 1) / span
    if packets.rate and abs(packets.rate / measured - 1) < Fraction(1, 100):
        return packets.rate
    return measured.limit_denominator(1001)


def cache_folder() -> Path:
    """Where indexes are kept: `TRACKWRIGHT_CACHE`, or else the user's cache folder."""
    return Path(os.environ.get("TRACKWRIGHT_CACHE") or platformdirs.user_cache_dir("trackwright", appauthor=False))


def _cache_entry(path: Path) -> Path | None:
    try:
        status = path.stat()
        key = f"{_VERSION}\n{path.resolve()}\n{status.st_size}\n{status.st_mtime_ns}"
    except OSError:
        return None
    return cache_folder() / "index" / f"{hashlib.sha256(key.encode('utf-8', 'surrogateescape')).hexdigest()}.npz"


def _read_cached(entry: Path) -> VideoIndex | None:
    try:
        with entry.open("rb") as handle, READING_ARRAYS, np.load(handle, allow_pickle=False) as stored:
            facts = json.loads(str(stored["facts"]))
            return VideoIndex(
                pts=stored["pts"],
                key_pts=stored["key_pts"],
                time_base=Fraction(*facts["time_base"]),
                fps=Fraction(*facts["fps"]),
                width=facts["width"],
                height=facts["height"],
                orientation=Orientation(*facts["orientation"]),
                has_audio=facts["has_audio"],
                codec=facts["codec"],
                counted=facts["counted"],
            )
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None  # missing or damaged: it is made anew


def _write_cached(entry: Path, index: VideoIndex) -> None:
    facts = {
        "time_base": index.time_base.as_integer_ratio(),
        "fps": index.fps.as_integer_ratio(),
        "width": index.width,
        "height": index.height,
        "orientation": index.orientation,
        "has_audio": index.has_audio,
        "codec": index.codec,
        "counted": index.counted,
    }
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=entry.parent) as folder:
            part = Path(folder) / "index.npz"
            np.savez_compressed(part, pts=index.pts, key_pts=index.key_pts, facts=np.array(json.dumps(facts)))
            os.replace(part, entry)
    except OSError:
        return  # a cache that cannot be written costs time, nothing else
