"""Clips of label sets: what is in them, what is left out, and that a number is always the same clip."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.label_sets import STEP, add_video, label_set, tracks_of, write_video
from tests.training.made import tiny_config
from tracker.files import InputError
from tracker.labels import Source, State
from tracker.labels.label_set import Decision, LabelSet
from tracker.training.label_clips import LabelChoice, LabelClips
from tracker.training.label_videos import find_videos
from tracker.training.samples import Clips
from tracker.training.sources import ClipsByNumber, MixedClips
from tracker.training.synthetic import SyntheticClips, SyntheticConfig

MODEL = replace(tiny_config().model, resolution=(48, 64), area_resize=True)
CHOICE = LabelChoice((32, 40), (5, 5), 4)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> LabelSet:
    """A set of two videos, for tests that change nothing."""
    return label_set(tmp_path_factory.mktemp("pair"), videos=2)


def clips_of(labels: LabelSet, choice: LabelChoice = CHOICE, trust: str = "all", seed: int = 0) -> LabelClips:
    return LabelClips(find_videos([labels], trust).videos, choice, trust, MODEL, seed)  # type: ignore[arg-type]


def same(a: Clips, b: Clips) -> bool:
    return all(x is not None and y is not None and torch.equal(x, y) for x, y in zip(a, b, strict=True))


def patch(clip: Clips, frame: int, point: int, reach: int = 4) -> np.ndarray:
    x, y = (round(float(value)) for value in clip.tracks[0, frame, point])
    grey = clip.video[0, frame].mean(0)
    return grey[y - reach : y + reach + 1, x - reach : x + reach + 1].numpy().ravel()


@pytest.mark.parametrize("area", [True, False])
def test_labels_are_where_the_picture_is(pair: LabelSet, area: bool) -> None:
    """A patch around a point looks alike on all frames, though frames are resized, cropped and taken at any rate."""
    videos = find_videos([pair], "all").videos
    clips = LabelClips(videos, replace(CHOICE, scaled=1.0), "all", replace(MODEL, area_resize=area))
    alike = []
    for number in range(8):
        clip = clips.clip(number, 0)
        assert clip.video.shape == (1, 5, 3, 32, 40)
        whole = ((clip.tracks > 5) & (clip.tracks < torch.tensor([34, 26]))).all(-1) & clip.visible
        for point in whole[0, [0, 4]].all(0).nonzero()[:, 0].tolist():
            alike.append(np.corrcoef(patch(clip, 0, point), patch(clip, 4, point))[0, 1])
    assert len(alike) >= 5
    assert np.median(alike) > 0.9


def test_pictures_that_turn_take_their_points_along(pair: LabelSet) -> None:
    """Every second clip turns; where a point is the picture is as bright on the last frame as on the first."""
    clips = clips_of(pair, replace(CHOICE, scaled=0.0, turn=180.0, fastest=1))
    bright, turned = [], 0
    for number in range(12):
        clip = clips.clip(number, 0)
        whole = ((clip.tracks[0] > 3) & (clip.tracks[0] < torch.tensor([36, 28]))).all(2)
        seen = (clip.visible[0] & whole)[[0, 4]].all(0)
        for point in seen.nonzero()[:, 0].tolist():
            bright.append([patch(clip, frame, point, 2).mean() for frame in (0, 4)])
        moved = clip.tracks[0, 4] - clip.tracks[0, 0]
        kept = clip.valid[0, [0, 4]].all(0)
        turned += bool(kept.sum() > 1 and moved[kept].std(0).max() > 0.5)
    assert 2 <= turned <= 10
    assert len(bright) >= 8
    first, last = np.array(bright).T
    assert np.corrcoef(first, last)[0, 1] > 0.9


def test_what_the_network_sees_is_what_it_will_see(pair: LabelSet) -> None:
    """Without a further factor the frames are those of the working resolution, and points move as they do."""
    clips = clips_of(pair, replace(CHOICE, size=(48, 64), scaled=0.0, fastest=1))
    clip = clips.clip(0, 0)
    moved = (clip.tracks[0, 1:] - clip.tracks[0, :-1])[:, clip.valid[0].all(0)]
    torch.testing.assert_close(moved, torch.tensor(STEP, dtype=torch.float32).expand_as(moved), atol=1e-4, rtol=0)


def test_a_number_is_always_the_same_clip(pair: LabelSet) -> None:
    clips, others = clips_of(pair), clips_of(pair)
    drawn = [clips.clip(number, 0) for number in range(4)]
    again = [others.clip(number, 0) for number in (3, 1, 0, 2)]
    assert all(same(drawn[number], clip) for number, clip in zip((3, 1, 0, 2), again, strict=True))
    assert not any(same(drawn[0], clip) for clip in drawn[1:])
    assert not same(clips_of(pair, seed=1).clip(0, 0), drawn[0])


def test_every_video_before_any_again(pair: LabelSet) -> None:
    clips = clips_of(pair)
    for turn in range(3):
        clips.drawn.clear()
        for number in (2 * turn, 2 * turn + 1):
            clips.clip(number, 0)
        assert clips.drawn == set(pair.names())


def test_lengths_are_one_in_a_batch(pair: LabelSet) -> None:
    clips = clips_of(pair, replace(CHOICE, frames=(3, 7)))
    lengths = {clips.length(first) for first in range(0, 60, 4)}
    assert lengths == {3, 4, 5, 6, 7}
    assert clips.clip(5, 4).video.shape[1] == clips.clip(6, 4).video.shape[1] == clips.length(4)


def test_short_videos_go_back_and_forth(tmp_path: Path) -> None:
    labels = label_set(tmp_path, videos=1, frames=4)
    clip = clips_of(labels, replace(CHOICE, frames=(10, 10))).clip(0, 0)
    order = [0, 1, 2, 3, 3, 2, 1, 0, 0, 1]
    assert all(torch.equal(clip.video[0, at], clip.video[0, shown]) for at, shown in enumerate(order))
    assert all(torch.equal(clip.tracks[0, at], clip.tracks[0, shown]) for at, shown in enumerate(order))


def test_a_clip_stays_in_a_shot(tmp_path: Path) -> None:
    labels = LabelSet.create(tmp_path / "labels", {})
    path = write_video(tmp_path / "a.mp4", 12)
    tracks = tracks_of(path)
    tracks.xy[:, 7:] += 3
    add_video(labels, path, tracks, shots=((0, 7), (7, 12)), drawn=("a", "a"))
    clips = clips_of(labels, replace(CHOICE, scaled=0.0, size=(48, 64)))
    jumps = []
    for number in range(12):
        clip = clips.clip(number, 0)
        jumps.append(float((clip.tracks[0, 1:] - clip.tracks[0, :-1])[:, clip.valid[0].all(0)].abs().max()))
    assert max(jumps) <= 1.001


def test_each_kind_of_cell(tmp_path: Path) -> None:
    labels = LabelSet.create(tmp_path / "labels", {})
    path = write_video(tmp_path / "a.mp4", 5)
    tracks = tracks_of(path, 4)
    tracks.state[0, 2] = State.OCCLUDED
    tracks.state[1, 2] = State.UNLABELLED
    tracks.confidence[2, 3] = 0  # the tracker has lost it
    tracks.source[3, 1] = Source.ANCHOR
    tracks.approved[3, 4], tracks.state[3, 4] = True, State.OCCLUDED
    name = add_video(labels, path, tracks)
    choice = replace(CHOICE, size=(48, 64), scaled=0.0, fastest=1)
    clip = clips_of(labels, choice).clip(0, 0)
    assert clip.weight is not None
    assert clip.judged is not None
    assert not clip.visible[0, 2, 0]
    assert clip.valid[0, 2, 0]
    assert not clip.valid[0, 2, 1]
    assert not clip.valid[0, 3, 2]
    assert int(clip.valid.sum()) == 20 - 2
    assert clip.weight[0, :, 3].tolist() == [1, 4, 1, 1, 4]
    assert clip.judged[0].sum(0).tolist() == [0, 0, 0, 2]
    assert clip.visible[0, :, 3].tolist() == [True, True, True, True, False]

    tracks.source[3, 1], tracks.approved[3, 4] = Source.MODEL, False
    add_video(labels, path, tracks)
    with pytest.raises(InputError, match=r"labels: its video: nothing was accepted or placed by a person"):
        find_videos([labels], "accepted")
    labels.decide(Decision("verdict", name, "accepted"))
    assert int(clips_of(labels, choice, "accepted").clip(0, 0).valid.sum()) == 18


def test_only_what_people_said(tmp_path: Path) -> None:
    labels = LabelSet.create(tmp_path / "labels", {})
    path = write_video(tmp_path / "a.mp4", 12)
    tracks = tracks_of(path, 6)
    tracks.approved[2, 3:6] = True
    add_video(labels, path, tracks)
    clips = clips_of(labels, trust="person")
    for number in range(6):
        clip = clips.clip(number, 0)
        assert clip.valid[0].any(0).tolist() == [True, False, False, False]
        assert clip.judged is not None
        assert torch.equal(clip.judged, clip.valid)
        assert not clip.tracks[~clip.valid].any()


def test_hidden_points_of_tapir_are_guesses(tmp_path: Path) -> None:
    labels = LabelSet.create(tmp_path / "labels", {})
    path = write_video(tmp_path / "a.mp4", 5)
    tracks = tracks_of(path, 4)
    tracks.state[:, 3] = State.OCCLUDED
    tracks.approved[0, 3] = True
    add_video(labels, path, tracks, drawn=("bootstapir",))
    clip = clips_of(labels, replace(CHOICE, size=(48, 64), scaled=0.0)).clip(0, 0)
    assert clip.valid[0, 3].tolist() == [True, False, False, False]
    assert clip.valid[0, [0, 1, 2, 4]].all()


def test_videos_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    labels = label_set(tmp_path, videos=5)
    missing, changed, broken, rejected, _ = labels.names()
    (tmp_path / "v0.mp4").unlink()
    write_video(tmp_path / "v1.mp4", seed=9)
    (tmp_path / "v2.mp4").write_bytes(b"nothing")
    labels.decide(Decision("verdict", rejected, "rejected"))
    found = find_videos([labels], "all")
    assert [video.name for video in found.videos] == labels.names()[4:]
    assert "is not there any more" in found.skipped[missing]
    assert "has changed since it was labelled" in found.skipped[changed]
    assert "v2.mp4" in found.skipped[broken]
    assert found.skipped[rejected] == "rejected by a person"

    labels.labels_path(labels.names()[4]).write_bytes(b"no labels")
    with pytest.raises(InputError, match="none of its 5 videos can be used; "):
        find_videos([labels], "all")


def test_sets_that_hold_nothing(tmp_path: Path) -> None:
    empty = LabelSet.create(tmp_path / "empty", {})
    with pytest.raises(InputError, match=r"empty: the label set is empty$"):
        find_videos([empty], "all")
    labels = label_set(tmp_path / "set", videos=2, frames=3)
    for name in labels.names():
        labels.decide(Decision("verdict", name, "rejected"))
    with pytest.raises(InputError, match="none of its 2 videos can be used: rejected by a person"):
        find_videos([labels], "all")


def test_a_video_beside_its_set_is_found(tmp_path: Path) -> None:
    labels = LabelSet.create(tmp_path / "labels", {})
    path = write_video(tmp_path / "a.mp4", 5)
    add_video(labels, path, video="../a.mp4")
    assert clips_of(labels).clip(0, 0).valid.any()


def test_short_videos_are_decoded_once(pair: LabelSet, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    clips = clips_of(pair)
    decode = clips._decode
    monkeypatch.setattr(clips, "_decode", lambda which, stretch: opened.append(which) or decode(which, stretch))  # type: ignore[func-returns-value]
    for number in range(8):
        clips.clip(number, 0)
    assert sorted(opened) == [0, 1]


def test_a_video_that_breaks_is_passed_over(tmp_path: Path) -> None:
    labels = label_set(tmp_path, videos=2)
    clips = clips_of(labels)
    (tmp_path / "v0.mp4").unlink()
    for number in range(4):
        clips.clip(number, 0)
    assert clips.drawn == {labels.names()[1]}
    assert list(clips.skipped) == labels.names()[:1]


def mixed(labels: LabelSet, share: float) -> MixedClips:
    made = SyntheticClips(SyntheticConfig(CHOICE.size, 5, CHOICE.points, (1, 2)))
    return MixedClips(clips_of(labels), made, share, 0)


def test_processes_share_a_batch_and_the_place_in_it_is_kept(pair: LabelSet) -> None:
    with ClipsByNumber(mixed(pair, 0.5)) as alone:
        whole = [alone.sample(4), alone.sample(4)]
        state = alone.state()
        third = alone.sample(4)
    parts = []
    for rank in range(2):
        with ClipsByNumber(mixed(pair, 0.5), rank, 2) as one:
            parts.append([one.sample(2), one.sample(2)])
            assert one.state() == state
    for number in range(2):
        assert same(Clips.stack([parts[0][number], parts[1][number]]), whole[number])
    assert whole[0].judged is not None
    synthetic = whole[0].judged.flatten(1).all(1)
    assert 0 < int(synthetic.sum()) < 4
    with ClipsByNumber(mixed(pair, 0.5)) as again:
        again.sample(4)
        again.restore(state)
        assert same(again.sample(4), third)
