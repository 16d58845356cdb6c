"""Pictures that hold still: every frame warped so that chosen tracks stay where they are on a reference frame."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from app.rendering.marks import text_height
from app.rendering.overlay import write_corner
from tracker.files import InputError
from tracker.inference.solves import LEAST, SolveKind, solve_motion
from tracker.labels import State, TrackFile


@dataclass(frozen=True)
class Lock:
    """What is held still, and which part of the picture is shown.

    Attributes:
        rows: numbers of the tracks, from 0.
        kind: of the solve.
        reference: the frame whose picture stands still; None: the first of those where most of the tracks are visible.
        crop: width and height, in pixels of the video, of what is shown around the tracks; None: the whole frame.
        zoom: pixels that one pixel of the video becomes.
        labels: write the frame number in the corner, and where a frame is held.
        transparent: RGBA pictures, empty beyond the video's edges instead of black.
    """

    rows: tuple[int, ...]
    kind: SolveKind = "translation"
    reference: int | None = None
    crop: tuple[int, int] | None = None
    zoom: float = 1.0
    labels: bool = False
    transparent: bool = False


class Stabiliser:
    """Warps the frames of one video.

    Attributes:
        size_wh: of the pictures made.
        reference: the frame that stands still.
        held: (T,) bool, the frames without a solve of their own, which move as the last one before them that has one.
    """

    def __init__(
        self,
        tracks: TrackFile,
        lock: Lock,
        start: int,
        end: int,
        first_number: int = 0,
        progress: Callable[[int, int], object] | None = None,
    ) -> None:
        """
        Args:
            start, end: the frames that are meant, end exclusive.
            first_number: the number of frame 0 in labels.
            progress: called now and then while the solve is worked out; may raise to give up.

        Raises:
            InputError: too few tracks, or too few visible on the reference frame, or the picture is too large.
        """
        self._lock, self._first_number = lock, first_number
        rows = list(lock.rows)
        if len(rows) < LEAST[lock.kind]:
            raise InputError(f"{lock.kind}: this solve needs {LEAST[lock.kind]} tracks or more, there are {len(rows)}")
        xy = tracks.xy[rows]
        usable = (tracks.located & (tracks.state == State.VISIBLE))[rows]
        self.reference = _reference(usable, lock, start, end)
        solve = solve_motion(xy, usable, self.reference, lock.kind, progress=progress)
        if not solve.solved[start:end].any():
            raise InputError(f"{lock.kind}: the tracks determine it on no frame")
        self.held = ~solve.solved
        self._matrices = _filled(solve.matrices, solve.solved)
        centre = xy[usable[:, self.reference], self.reference].mean(axis=0).astype(np.float64)
        self.size_wh, self._place = _window(lock, tracks.size_wh, centre)

    def picture(self, frame: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
        """Frame `index` (H, W, 3) uint8 RGB, warped; RGBA where the lock is transparent. Lanczos, 8 × 8 pixels."""
        if self._lock.transparent:
            frame = np.dstack([frame, np.full(frame.shape[:2], 255, np.uint8)])
        matrix = self._place @ self._matrices[index]
        image: NDArray[np.uint8] = np.asarray(
            cv2.warpPerspective(frame, matrix, self.size_wh, flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_CONSTANT),
            np.uint8,
        )
        if self._lock.transparent:
            image = _straightened(image, frame.shape[:2], matrix, self.size_wh)
        if self._lock.labels:
            text = f"{self._first_number + index}{'  held' if self.held[index] else ''}"
            write_corner(image, text, text_height(image.shape[0]))
        return image


def _reference(usable: NDArray[np.bool_], lock: Lock, start: int, end: int) -> int:
    counts = usable.sum(axis=0)
    frame = start + int(counts[start:end].argmax()) if lock.reference is None else lock.reference
    if not 0 <= frame < len(counts):
        raise InputError(f"reference {frame}: there is no such frame, 0 to {len(counts) - 1} are")
    if lock.reference is None and counts[frame] < LEAST[lock.kind]:
        raise InputError(
            f"{lock.kind}: it needs {LEAST[lock.kind]} visible tracks at a time, frames {start} to {end - 1} have "
            f"{counts[frame]} of the chosen ones"
        )
    if counts[frame] < LEAST[lock.kind]:
        raise InputError(
            f"reference {frame}: {counts[frame]} of the tracks are visible on it, {lock.kind} needs {LEAST[lock.kind]}"
        )
    return frame


def _filled(matrices: NDArray[np.float64], solved: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The last solved matrix before each frame, or else the first one of all."""
    last = np.maximum.accumulate(np.where(solved, np.arange(len(solved)), -1))
    return matrices[np.where(last < 0, int(solved.argmax()), last)]


def _window(
    lock: Lock, size_wh: tuple[int, int], centre: NDArray[np.float64]
) -> tuple[tuple[int, int], NDArray[np.float64]]:
    """The size of the pictures, and the matrix from positions on the reference frame to positions in them."""
    wide, high = lock.crop or size_wh
    width, height = round(wide * lock.zoom), round(high * lock.zoom)
    # The corner between pixels is at -0.5: there the crop begins, and there scaling stands still.
    corner = centre - np.array([wide, high]) / 2 + 0.5 if lock.crop else np.zeros(2)
    shift = 0.5 * (lock.zoom - 1) - lock.zoom * corner
    return (width, height), np.array([[lock.zoom, 0, shift[0]], [0, lock.zoom, shift[1]], [0, 0, 1]])


def _straightened(
    image: NDArray[np.uint8], shape: tuple[int, ...], matrix: NDArray[np.float64], size_wh: tuple[int, int]
) -> NDArray[np.uint8]:
    """RGBA with the alpha of bilinear warping: Lanczos would ring at the edge and let colours darken there."""
    inside = cv2.warpPerspective(np.full(shape, 255, np.uint8), matrix, size_wh, flags=cv2.INTER_LINEAR)
    weight = np.maximum(image[..., 3:].astype(np.float32), 1) / 255
    colours = np.clip(np.rint(image[..., :3] / weight), 0, 255)
    return np.dstack([np.where(inside[..., None] > 0, colours, 0).astype(np.uint8), np.asarray(inside, np.uint8)])
