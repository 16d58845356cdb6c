"""Label sets over tiny decoded clips, made as trackers would leave them."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.labels import Source, State, TrackFile
from tracker.labels.label_file import LabelFile, Opinions, Origin, Teacher, write_labels
from tracker.labels.label_set import LabelSet
from tracker.video import VideoWriter, content_hash, open_source

FRAMES, WIDTH, HEIGHT, TRACKS = 24, 96, 64, 4
POINTS = np.array([[20, 16], [70, 16], [20, 46], [70, 46]], np.float32)
TEACHERS = ("lucas-kanade", "a network")


def write_clip(path: Path, seed: int) -> None:
    """A textured picture that moves one pixel to the right in two frames."""
    texture = np.random.default_rng(seed).integers(0, 255, (HEIGHT, WIDTH + FRAMES, 3), np.uint8)
    texture = cv2.GaussianBlur(texture, (0, 0), 1.5)
    with VideoWriter(path, WIDTH, HEIGHT, Fraction(25)) as writer:
        for frame in range(FRAMES):
            left = FRAMES - frame // 2
            writer.write(np.ascontiguousarray(texture[:, left : left + WIDTH]))


def labels_of(video: Path, disagreement: NDArray[np.floating], as_given: str = "") -> LabelFile:
    """Labels of four points whose teachers are (4, FRAMES) pixels apart."""
    with open_source(video) as source:
        hashed, pts, base = content_hash(source), np.array(source.pts), source.time_base
    tracks = TrackFile.empty(TRACKS, pts, base, (WIDTH, HEIGHT))
    drift = np.stack([np.arange(FRAMES) // 2, np.zeros(FRAMES)], axis=1)
    tracks.xy[:] = POINTS[:, None] + drift
    tracks.state[:] = State.VISIBLE
    tracks.source[:] = Source.MODEL
    tracks.visibility[:] = tracks.confidence[:] = 1.0
    tracks.query_points[:, 1:] = POINTS
    tracks.query_points[:, 0] = 0
    tracks.disagreement = disagreement.astype(np.float16)
    xy = np.stack([tracks.xy, tracks.xy + disagreement[..., None].astype(np.float32) / np.float32(2**0.5)])
    visible = np.ones((2, TRACKS, FRAMES), np.bool_)
    teachers = tuple(Teacher(name, "Apache-2.0") for name in TEACHERS)
    origin = Origin(as_given or str(video), hashed, ((0, FRAMES),), ("all",), teachers, {"seed": 0})
    return LabelFile(tracks, origin, Opinions(TEACHERS, xy, visible))


def spread(*spans: tuple[int, int, int, float]) -> NDArray[np.float32]:
    """(4, FRAMES): half a pixel, but for (track, start, end, pixels)."""
    pixels = np.full((TRACKS, FRAMES), 0.5, np.float32)
    for row, start, end, value in spans:
        pixels[row, start:end] = value
    return pixels


SPREADS = {
    "street": spread((0, 4, 10, 6.0)),
    "garden": spread((1, 2, 14, 9.0), (2, 15, 20, 12.0)),
    "harbour": spread(),
}


def make_set(folder: Path, videos: Path) -> LabelSet:
    """Three videos, of which the garden is worst and the harbour has nothing to be looked at."""
    label_set = LabelSet.create(folder, {"teachers": list(TEACHERS), "seed": 0})
    videos.mkdir(exist_ok=True)
    for seed, (name, disagreement) in enumerate(SPREADS.items()):
        path = videos / f"{name}.mp4"
        if not path.exists():
            write_clip(path, seed)
        labels = labels_of(path, disagreement)
        write_labels(label_set.labels_path(f"{name}-{labels.origin.content_hash[:8]}"), labels)
    return label_set


def name_in(label_set: LabelSet, title: str) -> str:
    """The name of a video in the set."""
    (name,) = [name for name in label_set.names() if name.startswith(f"{title}-")]
    return name
