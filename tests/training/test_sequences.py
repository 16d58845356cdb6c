"""Clips drawn from a sequence: frames, crop and points."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.training.folders import FRAMES, Made, make_sequence, write_kubric, write_picture
from tracker.files import InputError
from tracker.training.augment import Augmentation, inside
from tracker.training.kubric import KubricSequence
from tracker.training.samples import Clips
from tracker.training.sequences import ClipChoice, draw_clip

CHOICE = ClipChoice(frames=4, points=8, size=(32, 40))
SMALL = Augmentation(eraser_side=(2, 9), padding=4, offset_drift=3)

seeds = st.integers(0, 2**32 - 1)
several = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def made() -> Made:
    return make_sequence()


@pytest.fixture(scope="module")
def sequence(made: Made, tmp_path_factory: pytest.TempPathFactory) -> KubricSequence:
    return KubricSequence(write_kubric(tmp_path_factory.mktemp("kubric"), "one", made))


def seen_pixels(clips: Clips) -> torch.Tensor:
    """(M, 3): the colours under the visible points of one clip."""
    x, y = clips.tracks[0].round().long().unbind(-1)
    height, width = clips.video.shape[-2:]
    frame = torch.arange(clips.video.shape[1])[:, None].expand_as(x)
    colours = clips.video[0].permute(0, 2, 3, 1)[frame, y.clamp(0, height - 1), x.clamp(0, width - 1)]
    return colours[clips.visible[0]]


@several
@given(seeds)
def test_a_clip_is_a_stretch_of_the_sequence(sequence: KubricSequence, made: Made, seed: int) -> None:
    clips = draw_clip(sequence, CHOICE, seed)
    assert [tuple(tensor.shape) for tensor in clips[:4]] == [(1, 4, 3, 32, 40), (1, 4, 8, 2), (1, 4, 8), (1, 4, 8)]
    assert clips.valid.all()
    assert torch.equal(clips.visible, clips.visible & inside(clips.tracks, (32, 40)))
    assert (clips.visible[0, 0] | clips.visible[0, 2]).all()  # seen on the first frame or the middle one
    assert (seen_pixels(clips) >= 60).all()  # the grey is 40: every visible point is on its spot
    whole = {tuple(map(int, colour)) for colour in made.video.reshape(-1, 3)}
    assert {tuple(map(int, colour)) for colour in seen_pixels(clips)} <= whole  # red stays red


def test_the_seed_decides(sequence: KubricSequence) -> None:
    once, again, other = (draw_clip(sequence, CHOICE, seed) for seed in (1, 1, 2))
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(once[:4], again[:4], strict=True))
    assert not torch.equal(once.tracks, other.tracks)


def test_every_start_and_rate_comes_and_none_goes_beyond_the_end(made: Made, tmp_path: Path) -> None:
    numbered = made._replace(video=np.zeros_like(made.video))
    numbered.video[:] = np.arange(FRAMES)[:, None, None, None]
    sequence = KubricSequence(write_kubric(tmp_path, "numbered", numbered))
    choice = ClipChoice(frames=5, points=2, size=(32, 40), random_rate=True)
    found = {tuple(draw_clip(sequence, choice, seed).video[0, :, 0, 0, 0].int().tolist()) for seed in range(100)}
    slow = {tuple(range(start, start + 5)) for start in range(8)}
    fast = {tuple(range(start, start + 10, 2)) for start in range(4)}
    assert found == slow | fast


@several
@given(seeds)
def test_points_are_chosen_after_the_augmentation(sequence: KubricSequence, seed: int) -> None:
    choice = ClipChoice(frames=4, points=3, size=(32, 40), augmentation=SMALL)
    clips = draw_clip(sequence, choice, seed)
    assert clips.video.shape == (1, 4, 3, 32, 40)
    assert (clips.visible[0, 0] | clips.visible[0, 2]).all()
    assert inside(clips.tracks, (32, 40))[clips.visible].all()


def test_the_last_frame_counts_where_asked_for(tmp_path: Path) -> None:
    made = make_sequence()
    made.visible[:3] = False
    made.visible[3] = True
    sequence = KubricSequence(write_kubric(tmp_path, "late", Made(made.video[:4], made.tracks[:4], made.visible[:4])))
    assert draw_clip(sequence, ClipChoice(frames=4, points=8, size=(48, 64), last_frame=True), 0).visible[0, 3].all()
    with pytest.raises(InputError, match="late: 0 points are seen in the clip, 8 are needed"):
        draw_clip(sequence, ClipChoice(frames=4, points=8, size=(48, 64)), 0)


def test_a_point_that_goes_too_far_is_not_used(tmp_path: Path) -> None:
    made = make_sequence()
    made.visible[:] = True
    made.tracks[1, :-2] += 2000
    sequence = KubricSequence(write_kubric(tmp_path, "far", made))
    whole = ClipChoice(frames=FRAMES, points=4, size=(48, 64))
    assert (draw_clip(sequence, whole, 0).tracks.abs() < 1000).all()  # the two that stay, twice each
    with pytest.raises(InputError, match="4 points are seen in the clip, 5 are needed"):
        draw_clip(sequence, ClipChoice(frames=FRAMES, points=5, size=(48, 64)), 0)


def test_too_short_and_too_small_sequences_are_named(sequence: KubricSequence) -> None:
    with pytest.raises(InputError, match="one: 12 frames, a clip takes 13"):
        draw_clip(sequence, ClipChoice(frames=13, points=1, size=(8, 8)), 0)
    with pytest.raises(InputError, match="one: pictures of 64 × 48 pixels are smaller than a clip of 64 × 50"):
        draw_clip(sequence, ClipChoice(frames=2, points=1, size=(50, 64)), 0)
    scaled_up = ClipChoice(frames=2, points=1, size=(50, 64), augmentation=SMALL)
    assert draw_clip(sequence, scaled_up, 0).video.shape[-2:] == (50, 64)


def test_a_choice_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="must be more than 0"):
        ClipChoice(points=0)
    with pytest.raises(ValueError, match=r"scale = 1.2, 0.8 must be above 0 and in order"):
        Augmentation(scale=(1.2, 0.8))


def test_damaged_pictures_are_named(made: Made, tmp_path: Path) -> None:
    folder = write_kubric(tmp_path, "bad", made)
    choice = ClipChoice(frames=FRAMES, points=1, size=(48, 64))
    write_picture(folder / "frames" / "004.png", np.zeros((20, 30, 3), np.uint8))
    with pytest.raises(InputError, match=r"004\.png: the picture has another size"):
        draw_clip(KubricSequence(folder), choice, 0)
    (folder / "frames" / "004.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"004\.png: this is no whole picture"):
        draw_clip(KubricSequence(folder), choice, 0)
