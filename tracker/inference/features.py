"""Frames to features: resized, encoded once, and kept for the next pass."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from tracker.models.cotracker3 import CoTracker3
from tracker.models.guess import grey_frames

DEFAULT_CACHE_BYTES = 2 << 30


class FeatureCache:
    """Features of frames, the least recently used dropped first. Any thread.

    Keys come from the content of a frame, the encoder's weights and the working resolution (`FrameEncoder`), so one
    cache serves any videos, directions and models, and a frame that changed on disk never gets old features.
    """

    def __init__(self, max_bytes: int = DEFAULT_CACHE_BYTES) -> None:
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._entries: OrderedDict[bytes, Tensor] = OrderedDict()
        self._bytes = 0

    @property
    def used_bytes(self) -> int:
        """Memory that the features take."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes) -> Tensor | None:
        """The features, which must not be changed, or None."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
            return self._entries.get(key)

    def put(self, key: bytes, features: Tensor) -> None:
        """Keep features in main memory. Those larger than the whole cache are not kept."""
        features = features.detach().cpu()
        size = features.numel() * features.element_size()
        with self._lock:
            old = self._entries.pop(key, None)
            self._bytes -= 0 if old is None else old.numel() * old.element_size()
            if size > self.max_bytes:
                return
            self._entries[key] = features
            self._bytes += size
            while self._bytes > self.max_bytes:
                _, dropped = self._entries.popitem(last=False)
                self._bytes -= dropped.numel() * dropped.element_size()

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._entries.clear()
            self._bytes = 0


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
    images = torch.from_numpy(np.ascontiguousarray(frames)).to(device).permute(0, 3, 1, 2).float()
    if images.shape[-2:] == resolution:
        return images
    return F.interpolate(images, resolution, mode="bilinear", align_corners=True)


class HeldFrame:
    """A frame that a session still needs: an image at the working resolution until it is encoded, then features."""

    __slots__ = ("features", "grey", "image", "key")

    def __init__(
        self, image: Tensor | None, features: Tensor | None, key: bytes | None, grey: NDArray[np.uint8] | None = None
    ) -> None:
        self.image = image  # (3, h, w)
        self.features = features  # (h / stride, w / stride, C)
        self.key = key
        self.grey = grey  # (h, w) uint8, for a network whose guesses follow flow


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

    def hold(self, frame: NDArray[np.uint8]) -> HeldFrame:
        """Take a frame (H, W, 3) uint8 RGB: look it up, or resize it."""
        key, features = None, None
        if self._cache is not None:
            digest = hashlib.blake2b(self._model_key, digest_size=16)
            digest.update(repr(frame.shape).encode())
            digest.update(np.ascontiguousarray(frame).data)
            key = digest.digest()
            features = self._cache.get(key)
        needs_grey = self._model.config.flow
        image = self._resize(frame) if features is None or needs_grey else None
        grey = grey_frames(image) if needs_grey and image is not None else None
        return HeldFrame(image if features is None else None, features, key, grey)

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
                if self._cache is not None and frame.key is not None:
                    self._cache.put(frame.key, frame.features)

    def _hash_model(self) -> bytes:
        config = self._model.config
        digest = hashlib.blake2b(repr((self._resolution, self._autocast, config.stride, config.area_resize)).encode())
        for key, value in sorted(self._model.fnet.state_dict().items()):
            digest.update(key.encode())
            digest.update(value.detach().cpu().contiguous().numpy().data)
        return digest.digest()
