"""Small data sets whose truth is known."""

import gzip
import json
import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from tests.cli.commandline import FRAMES, HEIGHT, STEP, WIDTH, drifting_clip

STARTS = ((20.0, 100.0), (60.0, 90.0), (110.0, 60.0))


def drifting_tracks(frames: int = FRAMES) -> np.ndarray:
    """(3, T, 2) points of the drifting clip."""
    return (np.array(STARTS)[:, None] + np.arange(frames)[:, None] * np.array(STEP)).astype(np.float32)


def npz_folder(root: Path, frames: int = FRAMES, **arrays: Any) -> Path:
    """A folder with `tracks/drift.npz` and its clip, all visible; `arrays` are put in its place or beside."""
    (root / "tracks").mkdir(parents=True)
    (root / "videos").mkdir()
    drifting_clip(root / "videos" / "drift.mp4", frames)
    visible = np.ones((3, frames), bool)
    content = {"tracks": drifting_tracks(frames), "visible": visible, "evaluate": visible, "video": "videos/drift.mp4"}
    np.savez(root / "tracks" / "drift.npz", **{**content, **arrays})
    return root


def tapvid_record(size: int = 256, frames: int = 8) -> dict[str, np.ndarray]:
    """Drifting noise with three points, the second hidden on the last two frames."""
    noise = np.random.default_rng(3).integers(0, 256, (size // 4, size // 4, 3), dtype=np.uint8)
    texture = np.asarray(cv2.resize(noise, (2 * size, 2 * size), interpolation=cv2.INTER_CUBIC), np.uint8)
    video = np.stack([texture[k : k + size, 2 * k : 2 * k + size] for k in range(frames)])
    raster = np.array([[0.5, 0.5], [0.6, 0.4], [0.7, 0.8]]) * size
    moved = raster[:, None] - np.arange(frames)[:, None] * np.array([2.0, 1.0])
    occluded = np.zeros((3, frames), bool)
    occluded[1, -2:] = True
    return {"video": video, "points": (moved / size).astype(np.float32), "occluded": occluded}


def jpeg_record(**options: int) -> dict[str, np.ndarray]:
    """The same as Kinetics stores it."""
    record = tapvid_record(**options)
    pictures = [cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))[1].tobytes() for frame in record["video"]]
    return {**record, "video": np.array(pictures), "points": record["points"].astype(np.float64)}


def write_pickle(path: Path, content: object, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


def dynamic_replica(root: Path, frames: int = 14) -> Path:
    """A split `valid` with one sequence of the drifting clip's motion, and a right camera that does not count."""
    folder = root / "valid"
    entries = []
    noise = np.random.default_rng(5).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    for name in ("images", "trajectories"):
        (folder / "seq" / name).mkdir(parents=True)
    tracks = drifting_tracks(frames)
    for frame in reversed(range(frames)):
        shift = np.array([[1, 0, STEP[0] * frame], [0, 1, STEP[1] * frame]], np.float32)
        picture, file = f"seq/images/{frame:04d}.png", f"seq/trajectories/{frame:04d}.pth"
        cv2.imwrite(str(folder / picture), cv2.warpAffine(noise, shift, (WIDTH, HEIGHT)))
        places = np.column_stack([tracks[:, frame], np.ones(3)]).astype(np.float32)
        seen = np.array([True, frame % 4 != 3, frame < 5])
        torch.save({"traj_2d": torch.from_numpy(places), "verts_inds_vis": torch.from_numpy(seen)}, folder / file)
        entries += [
            {
                "sequence_name": "seq",
                "frame_number": frame,
                "frame_timestamp": frame / 30,
                "image": {"path": picture, "size": [HEIGHT, WIDTH]},
                "camera_name": camera,
                "trajectories": {"path": file},
            }
            for camera in ("left", "right")
        ]
    with gzip.open(folder / "frame_annotations_valid.jgz", "wt") as handle:
        json.dump(entries, handle)
    return root
