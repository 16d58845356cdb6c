"""Tiny folders of training data in each layout: white spots on grey that move by whole pixels, tracks on them."""

import gzip
import json
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from tracker.labels.plain_pickle import dump_plain_npy

HEIGHT, WIDTH, FRAMES, POINTS = 48, 64, 12, 20


class Made(NamedTuple):
    """What a folder holds, time first."""

    video: NDArray[np.uint8]
    tracks: NDArray[np.float32]
    visible: NDArray[np.bool_]


def make_sequence(seed: int = 0) -> Made:
    """Each point has a colour of its own, on one pixel; some are hidden."""
    random = np.random.default_rng(seed)
    start, speed = random.integers(12, (WIDTH - 12, HEIGHT - 12), (POINTS, 2)), random.integers(-1, 2, (POINTS, 2))
    tracks = (start + speed * np.arange(FRAMES)[:, None, None]).astype(np.float32)
    visible = random.random((FRAMES, POINTS)) < 0.8
    video = np.full((FRAMES, HEIGHT, WIDTH, 3), 40, np.uint8)
    colours = random.integers(60, 256, (POINTS, 3))
    for frame in range(FRAMES):
        for point in np.flatnonzero(visible[frame]):
            x, y = tracks[frame, point].astype(int)
            video[frame, y, x] = colours[point]
            here = (tracks[frame] == tracks[frame, point]).all(axis=1)
            visible[frame, here] = False  # of two at one pixel the last is seen
            visible[frame, point] = True
    return Made(video, tracks, visible)


def write_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture[..., ::-1])


def write_kubric(root: Path, name: str, made: Made) -> Path:
    folder = root / name
    for frame, picture in enumerate(made.video):
        write_picture(folder / "frames" / f"{frame:03d}.png", picture)
    with (folder / f"{name}.npy").open("wb") as handle:
        dump_plain_npy({"coords": made.tracks.swapaxes(0, 1), "visibility": ~made.visible.T}, handle)
    return folder


def write_point_odyssey(root: Path, name: str, made: Made, valid: NDArray[np.bool_] | None = None) -> Path:
    folder = root / "train" / name
    for frame, picture in enumerate(made.video):
        write_picture(folder / "rgbs" / f"rgb_{frame:05d}.jpg", picture)
    valids = np.ones_like(made.visible) if valid is None else valid
    np.savez(
        folder / "anno.npz",
        trajs_2d=made.tracks,
        trajs_3d=np.zeros((*made.visible.shape, 3), np.float32),
        visibs=made.visible,
        valids=valids,
    )
    return folder


def write_dynamic_replica(root: Path, names: list[str], made: Made) -> Path:
    """Every sequence shows the same."""
    split = root / "train"
    entries = []
    for name in names:
        for frame, picture in enumerate(made.video):
            image, trajectory = f"{name}/images/{frame:04d}.png", f"{name}/trajectories/{frame:06d}.pth"
            write_picture(split / image, picture)
            (split / trajectory).parent.mkdir(exist_ok=True)
            positions = np.concatenate([made.tracks[frame], np.ones((POINTS, 1), np.float32)], axis=1)
            content = {"traj_2d": torch.from_numpy(positions), "verts_inds_vis": torch.from_numpy(made.visible[frame])}
            torch.save({**content, "img": torch.from_numpy(picture)}, split / trajectory)
            entry = {
                "sequence_name": name,
                "frame_number": frame,
                "frame_timestamp": frame / 30,
                "image": {"path": image, "size": [HEIGHT, WIDTH]},
                "trajectories": {"path": trajectory},
            }
            entries += [{**entry, "camera_name": "right"}, {**entry, "camera_name": "left"}]
    annotations = split / "frame_annotations_train.jgz"
    with gzip.open(annotations, "wt", encoding="utf-8") as handle:
        json.dump(entries[::-1], handle)  # the order in the file means nothing
    return annotations
