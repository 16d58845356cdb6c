"""Frames to features: resized, encoded once, and kept for the next pass."""

import hashlib
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from tracker.inference.feature_cache import FeatureCache
from tracker.inference.feature_store import FrameEntry
from tracker.models.cotracker3 import CoTracker3
from tracker.models.guess import grey_frames


def resize_by_area(frame: NDArray[np.uint8], resolution: tuple[int, int]) -> NDArray[np.uint8]:
    """(H, W, 3) -> (h, w, 3) uint8: the mean over the area of each new pixel, bilinear where a side grows."""
    height, width = resolution
    shrinks = height <= frame.shape[0] and width <= frame.shape[1]
    resized = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(resized, np.uint8)


def resize_frames(frames: NDArray[np.uint8], resolution: tuple[int, int], device: torch.device) -> Tensor:
    """(S, H, W, 3) uint8 -> (S, 3, h, w) float32 0..255: bilinear, corner pixels on corner pixels, no anti-aliasing.

    The released networks were trained on frames resized like this, whatever one may think of it.
    """
    images = torch.from_numpy(np.require(frames, requirements=("C", "W"))).to(device).permute(0, 3, 1, 2).float()
    if images.shape[-2:] == resolution:
        return images
    return F.interpolate(images, resolution, mode="bilinear", align_corners=True)


class HeldFrame:
    """A frame that a session still needs: an image at the working resolution until it is encoded, then features."""

    __slots__ = ("features", "grey", "image", "key", "named")

    def __init__(
        self,
        grey: NDArray[np.uint8],
        *,
        image: Tensor | None = None,
        features: Tensor | None = None,
        key: bytes = b"",
        named: bool = False,
    ) -> None:
        self.grey = grey  # (h, w) uint8
        self.image = image  # (3, h, w)
        self.features = features  # (h / stride, w / stride, C)
        self.key = key  # of the cache; none where there is no cache
        self.named = named  # known by a name, and so worth to be kept on disk


class FrameEncoder:
    """Encodes frames with one model at one working resolution, each at most once.

    Args:
        resolution: (height, width) that frames are brought to.
        cache: where features are looked up and kept; None for none.
        autocast: reduced precision to compute in, like torch.bfloat16; None for float32.
    """

    def __init__(
        self,
        model: CoTracker3,
        resolution: tuple[int, int],
        cache: FeatureCache | None = None,
        autocast: torch.dtype | None = None,
    ) -> None:
        self._model, self._resolution, self._cache, self._autocast = model, resolution, cache, autocast
        self._model_key = b"" if cache is None else self._hash_model()

    def find(self, name: bytes) -> HeldFrame | None:
        """The frame of this name from the cache, without a look at its pixels; None where it is not there."""
        key = self._key(b"named", name)
        entry = None if self._cache is None else self._cache.get(key, lasting=True)
        return None if entry is None else HeldFrame(entry.grey, features=entry.features, key=key, named=True)

    def hold(self, frame: NDArray[np.uint8], name: bytes | None = None) -> HeldFrame:
        """Take a frame (H, W, 3) uint8 RGB: look it up, or resize it.

        It is known again by its `name`, which no other frame may have, or else by its content.
        """
        if self._cache is None:
            key, entry = b"", None
        elif name is not None:
            key = self._key(b"named", name)
            entry = self._cache.get(key, lasting=True)
        else:
            key = self._key(b"seen", repr(frame.shape).encode(), np.ascontiguousarray(frame).data)
            entry = self._cache.get(key)
        if entry is not None:
            return HeldFrame(entry.grey, features=entry.features, key=key, named=name is not None)
        image = self._resize(frame)
        return HeldFrame(grey_frames(image), image=image, key=key, named=name is not None)

    def _key(self, *parts: bytes | memoryview) -> bytes:
        digest = hashlib.blake2b(self._model_key, digest_size=16)
        for part in parts:
            digest.update(part)
        return digest.digest()

    def _resize(self, frame: NDArray[np.uint8]) -> Tensor:
        device = self._model.time_emb.device
        if not self._model.config.area_resize:
            return resize_frames(frame[None], self._resolution, device)[0]
        small = torch.from_numpy(resize_by_area(frame, self._resolution))
        return small.to(device).permute(2, 0, 1).float()

    def encode(self, held: Sequence[HeldFrame], at_once: int | None = None) -> None:
        """Give every frame its features; `at_once` is as in `CoTracker3.encode`."""
        device = self._model.time_emb.device
        waiting = [frame for frame in held if frame.features is None]
        size = at_once or len(waiting)
        for first in range(0, len(waiting), max(1, size)):
            some = waiting[first : first + size]
            images = torch.stack([frame.image for frame in some if frame.image is not None]).to(device)
            with torch.autocast(device.type, self._autocast, enabled=self._autocast is not None):
                features = self._model.encode(images, at_once)
            for frame, result in zip(some, features, strict=True):
                # A copy of its own: a view would keep the whole batch in memory.
                frame.features, frame.image = result.clone(), None
                if self._cache is not None:
                    self._cache.put(
                        frame.key, FrameEntry(frame.grey, frame.features.detach().cpu()), lasting=frame.named
                    )

    def _hash_model(self) -> bytes:
        config = self._model.config
        digest = hashlib.blake2b(repr((self._resolution, self._autocast, config.stride, config.area_resize)).encode())
        for key, value in sorted(self._model.fnet.state_dict().items()):
            digest.update(key.encode())
            digest.update(value.detach().cpu().contiguous().numpy().data)
        return digest.digest()
