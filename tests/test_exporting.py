"""What an export needs to know beside the tracks."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from app.exporting import name_of, nearest_rate, plate_of, rate_of, variable_rate
from tests.labels.made import make_tracks
from tracker.labels import TrackFile


@dataclass(frozen=True)
class Footage:
    """What a source says of itself."""

    first_frame_number: int
    fps: Fraction


@pytest.mark.parametrize(
    ("path", "number", "first"),
    [("car.1017.exr", 1017, 1017), ("still.png", 0, 1001), ("car.mov", 0, 1), ("CAR.DPX", 86400, 86400)],
)
def test_the_first_frame_is_what_the_files_say(path: str, number: int, first: int) -> None:
    plate = plate_of(Footage(number, Fraction(24)), Path(path))
    assert (plate.first_frame, plate.fps, plate.path) == (first, Fraction(24), path)


@pytest.mark.parametrize(
    ("measured", "rate"),
    [("23.976", "24000/1001"), ("29.97", "30000/1001"), ("24.000001", "24"), ("24.02", "1201/50"), ("25", "25")],
)
def test_a_rate_that_is_nearly_usual_is(measured: str, rate: str) -> None:
    assert nearest_rate(Fraction(measured)) == Fraction(rate)


def made(pts: list[int], time_base: Fraction) -> TrackFile:
    return TrackFile.empty(1, np.array(pts), time_base, (20, 12))


def test_a_rate_is_found_in_the_timestamps() -> None:
    assert rate_of(made([0, 1001, 2002, 3003], Fraction(1, 24000))) == Fraction(24000, 1001)
    assert rate_of(made([5], Fraction(1, 30))) == 24
    assert not variable_rate(made([0, 33, 67, 100], Fraction(1, 1000))), "rounded to milliseconds"
    assert variable_rate(made([0, 33, 200, 233], Fraction(1, 1000)))
    assert not variable_rate(make_tracks(1, 1, 1))


@pytest.mark.parametrize(
    ("path", "name"),
    [("shot_v002.1001.exr", "shot_v002"), ("1001.png", "1001"), ("car1001.dpx", "car"), ("clip2.mp4", "clip2")],
)
def test_a_sequence_is_called_without_its_numbers(path: str, name: str) -> None:
    assert name_of(Path(path)) == name
