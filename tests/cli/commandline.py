"""The real command line in this process, and clips for it whose motion is known."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from typer.testing import CliRunner, Result

from main import app
from tracker.video import VideoWriter

WIDTH, HEIGHT, FRAMES = 160, 120, 20
STEP = (1.5, -0.75)  # pixels per frame that everything in the drifting clip moves


def run(*arguments: object) -> Result:
    """`trackwright ARGUMENTS`."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="trackwright")


def refusal(*arguments: object) -> str:
    """The one line on stderr of a command that is refused: exit code 2, nothing on stdout."""
    result = run(*arguments)
    assert result.exit_code == 2, (result.exit_code, result.output, result.exception)
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("trackwright: ")
    return lines[0].removeprefix("trackwright: ")


def drifting_clip(path: Path, frames: int = FRAMES, width: int = WIDTH, height: int = HEIGHT) -> Path:
    """A smooth texture that moves by `STEP` each frame."""
    noise = np.random.default_rng(5).integers(0, 255, (height * 2 // 4, width * 2 // 4, 3), dtype=np.uint8)
    texture = cv2.resize(noise, (width * 2, height * 2), interpolation=cv2.INTER_CUBIC)
    with VideoWriter(path, width, height, Fraction(25)) as writer:
        for frame in range(frames):
            dx, dy = (step * (frame % 60) - half / 2 for step, half in zip(STEP, (width, height), strict=True))
            shift = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
            picture = cv2.warpAffine(texture, shift, (width, height), flags=cv2.INTER_LINEAR)
            writer.write(np.asarray(picture, np.uint8))
    return path


def points_csv(path: Path, *rows: tuple[object, ...], header: str = "frame,x,y") -> Path:
    """A file of query points."""
    path.write_text(header + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows), encoding="utf-8")
    return path
