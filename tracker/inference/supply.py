"""Frames by their number, as trackers work on them: decoded and encoded only where that was never done before."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.inference.feature_cache import FeatureCache, feature_cache
from tracker.inference.feature_store import FrameEntry
from tracker.inference.lucas_kanade import grey_picture
from tracker.inference.session import Cancelled, FrameKey, Prediction, ShouldStop
from tracker.video import FrameSource, ImageSequence, present_frame

if TYPE_CHECKING:
    from torch import Tensor

    from tracker.inference.cotracker import CoTrackerTracker

Grey = NDArray[np.uint8]
OnRead = Callable[[], object]


def source_key(source: FrameSource) -> bytes:
    """16 bytes that name a video, or a sequence of pictures, as it is now: its place, sizes, times and look.

    Raises:
        InputError: the files are not there any more or cannot be asked.
    """
    paths = [source.path]
    try:
        if isinstance(source, ImageSequence):
            paths = sorted(path for path in source.path.parent.iterdir() if path.suffix == source.path.suffix)
        stats = [(path.name, stat.st_size, stat.st_mtime_ns) for path in paths for stat in [path.stat()]]
    except OSError as error:
        raise InputError(f"{source.path}: the file cannot be read ({error.strerror})") from error
    facts = (
        str(source.path.resolve()),
        source.name,
        source.frame_count,
        source.width,
        source.height,
        stats,
        source.view.key,
    )
    return hashlib.blake2b(repr(facts).encode(), digest_size=16).digest()


def frame_keys(source: FrameSource) -> FrameKey:
    """Names for the frames of a source, by their numbers; a missing frame has that of the frame that stands in for it.

    Raises InputError as `source_key`.
    """
    key, missing = source_key(source), source.missing
    return lambda index: key + present_frame(missing, index).to_bytes(8, "little")


def without_missing(prediction: Prediction, missing: Sequence[int]) -> Prediction:
    """The same with nothing known on frames that a sequence lacks: what a tracker says there, it says of the picture
    before."""
    gone = np.isin(np.arange(prediction.first_frame, prediction.end_frame), missing)
    if not gone.any():
        return prediction

    def blank(values: NDArray[np.float32], nothing: float = np.nan) -> NDArray[np.float32]:
        return np.where(gone[:, None], np.float32(nothing), values)

    return replace(
        prediction,
        tracks=np.where(gone[:, None, None], np.float32(np.nan), prediction.tracks),
        visibility=blank(prediction.visibility, 0),
        confidence=blank(prediction.confidence, 0),
        disagreement=None if prediction.disagreement is None else blank(prediction.disagreement),
        patch_change=None if prediction.patch_change is None else blank(prediction.patch_change),
    )


class Supplied(NamedTuple):
    """A frame as a network works on it. Neither may be changed.

    Attributes:
        features: (h / stride, w / stride, C) on the CPU or on the network's device.
        grey: (h, w) uint8, the frame at the working resolution.
    """

    features: "Tensor"
    grey: Grey


class FrameSupply:
    """Features of frames by their number. What is in the cache is neither decoded nor encoded again.

    Args:
        source: belongs to the thread that asks.
        cache: the tracker's own where None.
        on_read: called after every frame that had to be decoded.

    Raises:
        InputError: the file is not there any more.
    """

    def __init__(
        self,
        source: FrameSource,
        tracker: "CoTrackerTracker",
        cache: FeatureCache | None = None,
        on_read: OnRead | None = None,
    ) -> None:
        # Not above: what needs no network needs no torch either.
        from tracker.inference.features import FrameEncoder
        from tracker.inference.memory import WorkSize

        self._source, self._name, self._on_read = source, frame_keys(source), on_read
        kept = tracker.cache if cache is None else cache
        self._encoder = FrameEncoder(tracker.model, tracker.model.config.resolution, kept)
        self._work = WorkSize(tracker.model)

    def features(self, frames: Sequence[int], should_stop: ShouldStop | None = None) -> list[Supplied]:
        """The frames of these numbers, in the order asked for; a number may come more than once.

        Args:
            should_stop: asked before every frame that has to be decoded.

        Raises:
            Cancelled: `should_stop` said so. What was encoded until then stays in the cache.
            InputError: a frame cannot be decoded.
            IndexError: there is no such frame.
        """
        import torch

        held = {index: self._encoder.find(self._name(index)) for index in frames}
        for indices in _batched([index for index, found in held.items() if found is None], self._work.frames_at_once):
            pictures = _decode(self._source, indices, should_stop, self._on_read)
            some = [self._encoder.hold(picture, self._name(index)) for index, picture in pictures]
            with torch.inference_mode():
                self._work.attempt(partial(self._encoder.encode, some, self._work.frames_at_once))
            held.update(zip(indices, some, strict=True))
        given = {i: Supplied(one.features, one.grey) for i, one in held.items() if one and one.features is not None}
        return [given[index] for index in frames]


class GreySupply:
    """Grey pictures of frames, as `LucasKanade` sees them, by the frames' number. Errors as in `FrameSupply`.

    They are kept in main memory alone: decoding a frame again costs no more than reading its picture from a disk.

    Args:
        source: belongs to the thread that asks.
        cache: `feature_cache()` where None.
        on_read: called after every frame that had to be decoded.
    """

    def __init__(self, source: FrameSource, cache: FeatureCache | None = None, on_read: OnRead | None = None) -> None:
        self._source, self._name, self._on_read = source, frame_keys(source), on_read
        self._cache = feature_cache() if cache is None else cache

    def greys(self, frames: Sequence[int], should_stop: ShouldStop | None = None) -> list[Grey]:
        """(H, W) uint8 for each number, in the order asked for; else as `FrameSupply.features`."""
        kept = {index: self._cache.get(b"grey" + self._name(index)) for index in frames}
        given = {index: entry.grey for index, entry in kept.items() if entry is not None}
        for index, picture in _decode(self._source, [i for i in kept if i not in given], should_stop, self._on_read):
            given[index] = grey_picture(picture)
            self._cache.put(b"grey" + self._name(index), FrameEntry(given[index]))
        return [given[index] for index in frames]


def _batched(indices: list[int], size: int) -> Iterator[list[int]]:
    """Ascending, so that decoding goes straight on."""
    indices = sorted(indices)
    for first in range(0, len(indices), size):
        yield indices[first : first + size]


def _decode(
    source: FrameSource, indices: Sequence[int], should_stop: ShouldStop | None, on_read: OnRead | None
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    for index in sorted(indices):
        if should_stop is not None and should_stop():
            raise Cancelled
        yield index, source.frame(present_frame(source.missing, index))
        if on_read is not None:
            on_read()
