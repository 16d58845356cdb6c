"""Label sets of small videos whose motion is known, and a small network to fine-tune."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from tests.training.made import tiny_config
from tracker.checkpoints import save_checkpoint
from tracker.labels import Source, State, TrackFile
from tracker.labels.label_file import LabelFile, Origin, Teacher, write_labels
from tracker.labels.label_set import LabelSet
from tracker.training.loop import new_network
from tracker.video import VideoWriter, content_hash, open_source

WIDTH, HEIGHT = 64, 48
STEP = np.array([1.0, 0.5])  # pixels a frame
TEACHER = Teacher("a-teacher", "CC-BY-NC-4.0", "00ff")


def write_video(path: Path, frames: int = 12, seed: int = 0) -> Path:
    """A smooth texture that moves by `STEP` each frame."""
    noise = np.random.default_rng(seed).integers(0, 255, (HEIGHT // 2, WIDTH // 2, 3), dtype=np.uint8)
    texture = cv2.resize(noise, (2 * WIDTH, 2 * HEIGHT), interpolation=cv2.INTER_CUBIC)
    with VideoWriter(path, WIDTH, HEIGHT, Fraction(25)) as writer:
        for frame in range(frames):
            dx, dy = STEP * frame - (WIDTH / 2, HEIGHT / 2)
            shift = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
            writer.write(np.asarray(cv2.warpAffine(texture, shift, (WIDTH, HEIGHT)), np.uint8))
    return path


def tracks_of(path: Path, tracks: int = 6) -> TrackFile:
    """True positions of some points, said by a tracker; none was looked at."""
    with open_source(path) as source:
        made = TrackFile.empty(tracks, source.pts, source.time_base, (source.width, source.height))
    places = np.random.default_rng(1).uniform((4, 4), (WIDTH - 16, HEIGHT - 12), (tracks, 2))
    made.xy[:] = places[:, None] + STEP * np.arange(made.n_frames)[:, None]
    made.state[:] = State.VISIBLE
    made.source[:] = Source.MODEL
    made.visibility[:] = made.confidence[:] = 0.9
    made.query_points[:] = np.column_stack([np.zeros(tracks), places])
    return made


def add_video(labels: LabelSet, path: Path, tracks: TrackFile | None = None, **origin: object) -> str:
    """Labels of a video go into the set; its name there."""
    with open_source(path) as source:
        content = content_hash(source)
    name = f"{path.stem}-{content[:8]}"
    known = {"video": str(path), "content_hash": content, "drawn": (TEACHER.name,), "teachers": (TEACHER,), **origin}
    file = tracks_of(path) if tracks is None else tracks
    known.setdefault("shots", ((0, file.n_frames),))
    write_labels(labels.labels_path(name), LabelFile(file, Origin(**known)))  # type: ignore[arg-type]
    return name


def label_set(folder: Path, videos: int = 3, frames: int = 12) -> LabelSet:
    """A set of so many videos, v0.mp4 and so on, which lie beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    labels = LabelSet.create(folder / "labels", {"made": "in a test"})
    for number in range(videos):
        add_video(labels, write_video(folder / f"v{number}.mp4", frames, number))
    return labels


def write_base(path: Path, *, matching: bool = False, **facts: str) -> Path:
    """Random weights of a tiny network, which works at 32 x 32."""
    network = new_network(replace(tiny_config().model, matching=matching), 1)
    save_checkpoint(path, network, {"licence": "Apache-2.0", **facts})
    return path
