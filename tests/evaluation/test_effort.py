"""The simulated annotator: counts worked out by hand on made strategies and trackers."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.made import npz_folder
from tracker.evaluation import DoesNotMove, LabelledVideo, effort_strategies, open_dataset
from tracker.evaluation.effort import EffortSettings, annotate, measure_effort
from tracker.evaluation.effort_clip import ClipFrames, EffortClip, Hand
from tracker.evaluation.effort_strategies import BridgedGaps, Clicks, Floats, Footage, Linear, NearestClick, gaps_around
from tracker.evaluation.pictures import PictureFrames
from tracker.files import InputError
from tracker.inference.gaps import Bridged, Gap
from tracker.inference.lucas_kanade import LucasKanade
from tracker.inference.session import Prediction

STEADY = EffortSettings(noise=0.0)


def pictures(frames: int, width: int = 256, height: int = 256) -> PictureFrames:
    return PictureFrames(lambda t: np.full((height, width, 3), t, np.uint8), frames, (width, height))


def clip_of(xs: Sequence[Sequence[float]], hidden: Sequence[int] = (), **size: int) -> EffortClip:
    """Tracks that move along x."""
    tracks = np.stack([np.array(xs, np.float32), np.full(np.shape(xs), 100, np.float32)], axis=-1)
    judged = np.ones(tracks.shape[:2], bool)
    judged[:, list(hidden)] = False
    count = tracks.shape[1]
    return EffortClip("made", tracks, judged, ClipFrames("made", pictures(count, **size), count))


def linear(clip: EffortClip) -> Linear:
    return Linear(Footage(clip, DoesNotMove()))


class Stubborn:
    """Says the same whatever is clicked, and notes where it was clicked."""

    def __init__(self, paths: Floats) -> None:
        self.paths, self.clicked = paths, list[dict[int, int]]()

    def first(self, clicks: Sequence[Clicks]) -> Floats:
        return self.paths

    def corrected(self, tracks: Floats, clicks: Sequence[Clicks], new: Mapping[int, int]) -> Floats:
        self.clicked.append(dict(new))
        return self.paths


def test_a_straight_track_takes_one_correction() -> None:
    clip = clip_of([[10.0 * t for t in range(11)]])
    effort = annotate(clip, linear(clip), STEADY)
    assert (effort.tracks, effort.clicks, effort.done, effort.done_within.tolist()) == (1, 2, 1, [1, 1, 1])
    assert (effort.right, effort.disturbed) == (1, 0)  # only frame 0 was right


def test_a_track_there_and_back_takes_two_and_one_frame_is_disturbed() -> None:
    clip = clip_of([[50.0 - 10 * abs(t - 5) for t in range(11)]])
    effort = annotate(clip, linear(clip), STEADY)
    # The click on frame 5 moves frame 10, which was right by chance, away; the click on it brings it back.
    assert (effort.clicks, effort.done_within.tolist()) == (3, [0, 1, 1])
    assert (effort.right, effort.disturbed) == (2 + 6, 1)
    figures = effort.figures()
    assert (figures["clicks"], figures["corrections"], figures["done_1"], figures["done_3"]) == (3, 2, 0, 1)
    assert (figures["disturbed"], figures["disturbed_frames"]) == (1 / 8, 1 / 2)


def test_what_nobody_sees_is_neither_judged_nor_clicked() -> None:
    away = [0.0] * 5 + [200.0] + [0.0] * 5
    clip = clip_of([away], hidden=[0, 5])
    strategy = Stubborn(np.zeros((1, 11, 2), np.float32) + np.array([0, 100], np.float32))
    effort = annotate(clip, strategy, STEADY)
    assert (effort.clicks, effort.done, strategy.clicked) == (1, 1, [])
    assert clip.first_frames.tolist() == [1]


def test_the_worst_frame_is_corrected_and_nothing_said_is_worst_of_all() -> None:
    clip = clip_of([[0.0] * 6, [0.0] * 6])
    said = np.zeros((2, 6, 2), np.float32) + np.array([0, 100], np.float32)
    said[0, [2, 4], 0] = 30, 40
    said[1, 3] = np.nan
    said[1, 5, 0] = 200
    said[0, 5, 0] = 4  # just tolerated
    strategy = Stubborn(said)
    effort = annotate(clip, strategy, STEADY)
    assert strategy.clicked == [{0: 4, 1: 3}, {0: 2, 1: 5}]
    assert (effort.clicks, effort.done, effort.done_within.tolist()) == (6, 2, [0, 2, 2])


def test_after_twenty_clicks_he_gives_up() -> None:
    clip = clip_of([[0.0] * 30])
    strategy = Stubborn(np.full((1, 30, 2), 250, np.float32))
    effort = annotate(clip, strategy, STEADY)
    assert (effort.clicks, effort.done, effort.done_within.tolist()) == (20, 0, [0, 0, 0])
    assert len({frame for new in strategy.clicked for frame in new.values()}) == 19
    assert effort.right == sum(range(1, 20))  # the frames clicked on so far
    assert effort.disturbed == 0
    assert annotate(clip, strategy, EffortSettings(clicks=3)).clicks == 3


def test_errors_are_scaled_to_the_square_of_the_benchmark() -> None:
    clip = clip_of([[10.0, 10.0, 10.0]], hidden=[2], width=512, height=128)
    said = clip.tracks + np.array([6, 2], np.float32)
    assert clip.errors(said)[0].tolist() == [5, 5, 0]  # 6 / 2 and 2 * 2
    said[0, 1, 1] = said[0, 2, 1] = np.nan
    assert clip.errors(said)[0].tolist() == [5, np.inf, 0]


def test_the_hand_is_unsteady_and_always_the_same() -> None:
    clip = clip_of([[256.0] * 4] * 300, width=512)
    hands = [Hand(clip, 0.5, 20, seed) for seed in (0, 0, 1)]
    clicks = np.array([[hand.click(row, row % 4, 7) for row in range(300)] for hand in hands])
    assert (clicks[0] == clicks[1]).all()
    assert not (clicks[0] == clicks[2]).any()
    off = (clicks[0] - [256, 100]) * clip.metric_scale
    assert np.allclose(off.std(axis=0), 0.5, atol=0.06)
    assert hands[0].click(3, 0, 7) == hands[0].click(3, 2, 7) != hands[0].click(3, 0, 8)
    corner = clip_of([[511.0] * 2] * 50, width=512)
    edge = [Hand(corner, 5, 20, 0).click(row, 0, 0)[0] for row in range(50)]
    assert max(edge) == 511


def test_a_clip_is_held_in_memory_or_read_again() -> None:
    for limit in (0, 1 << 20):
        frames = ClipFrames("made", pictures(5, 8, 4), 3, limit)
        assert [picture[0, 0, 0] for picture in frames.frames(2, -1, -1)] == [2, 1, 0]
        assert frames.frame(1).shape == (4, 8, 3)
        assert frames.frame_count == 3


def test_gaps_reach_to_the_neighbouring_clicks_and_out_to_the_end() -> None:
    clicks = {2: (1.0, 1.0), 6: (2.0, 2.0), 9: (3.0, 3.0)}
    first, middle, last = (2.0, 1.0, 1.0), (6.0, 2.0, 2.0), (9.0, 3.0, 3.0)
    assert gaps_around(clicks, 6, 20) == [(first, middle, 3, 6), (middle, last, 7, 9)]
    assert gaps_around(clicks, 9, 20) == [(middle, last, 7, 9), (last, None, 10, 20)]
    assert gaps_around(clicks, 2, 20) == [(first, middle, 3, 6)]
    assert gaps_around({0: (0.0, 0.0), 1: (1.0, 1.0)}, 1, 2) == []


@given(st.lists(st.integers(0, 29), min_size=1, max_size=6, unique=True))
@settings(max_examples=40, deadline=None)
def test_the_nearest_click_decides(frames: list[int]) -> None:
    """With a tracker that leaves points where they are, every frame has the place of its nearest click."""
    first, *later = [min(frames), *(frame for frame in frames if frame != min(frames))]
    clip = clip_of([[0.0] * 30])
    strategy = NearestClick(Footage(clip, DoesNotMove()))
    clicks = {first: (float(first), 5.0)}
    paths = strategy.first([clicks])
    age = {first: 0}
    for frame in later:
        clicks[frame] = (float(frame), 5.0)
        age[frame] = len(age)
        paths = strategy.corrected(paths, [clicks], {0: frame})
    nearest = [min(clicks, key=lambda one: (abs(one - t), age[one])) for t in range(first, 30)]
    assert paths[0, first:, 0].tolist() == nearest


def made_videos(frames: int = 12) -> list[LabelledVideo]:
    """A track that stands still and one that moves, and one that is never seen."""
    tracks = np.zeros((3, frames, 2), np.float32) + 50
    tracks[1, :, 0] += 10 * np.arange(frames)
    visible = np.ones((3, frames), bool)
    visible[2] = False
    opened = partial(pictures, frames)
    return [LabelledVideo(name, tracks, visible, visible, (256, 256), opened) for name in ("one", "two")]


def test_measuring_gives_rows_for_clips_and_for_all() -> None:
    told: list[str] = []
    names = ("linear", "nearest")
    result = measure_effort(made_videos(), DoesNotMove(), names, EffortSettings(frames=10), told.append)
    assert json.loads(json.dumps(result)) == result
    assert told[0] == "one, linear, 2 tracks over 10 frames"
    rows = {(row["strategy"], row["clip"]): row for row in result["rows"]}
    assert len(rows) == 2 * (2 + 2)
    # Straight lines need one click at the end. Without motion, every click mends what lies within 4 px of it.
    assert [rows["linear", clip]["corrections"] for clip in ("one", "two", "all tracks", "mean of clips")] == [0.5] * 4
    assert rows["nearest", "all tracks"]["corrections"] > 2
    assert rows["linear", "all tracks"]["tracks"] == 4
    one, two, together = (rows["nearest", clip] for clip in ("one", "two", "all tracks"))
    assert together["seconds"] == pytest.approx(
        (one["seconds"] * one["corrections"] + two["seconds"] * two["corrections"])
        / (one["corrections"] + two["corrections"])
    )
    same = measure_effort(made_videos(), DoesNotMove(), names, EffortSettings(frames=10))
    assert [row["clicks"] for row in same["rows"]] == [row["clicks"] for row in result["rows"]]


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(InputError, match="magic: there is no such strategy"):
        measure_effort(made_videos(), DoesNotMove(), ("magic",))
    with pytest.raises(InputError, match="no visible"):
        measure_effort([], DoesNotMove(), ("linear",))


class PretendedBridge:
    """Says (7, 7) on every frame of a clip of ten, whatever the gap, and nothing on frame 6."""

    asked: ClassVar[list[Gap]] = []

    def __init__(self, source: object, tracker: object, gaps: Sequence[Gap], *, cache: object) -> None:
        self.asked[:] = gaps

    def __iter__(self) -> Iterator[Bridged]:
        for gap in self.asked:
            tracks = np.full((10, 1, 2), 7, np.float32)
            tracks[6] = np.nan
            ones = np.ones((10, 1), np.float32)
            yield Bridged(Prediction(0, np.array([gap.id], np.int64), tracks, ones, ones))


def test_a_bridge_changes_what_lies_between_the_clicks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effort_strategies, "BridgeRun", PretendedBridge)
    clip = clip_of([[0.0] * 10, [0.0] * 10])
    strategy = BridgedGaps(Footage(clip, DoesNotMove()))
    clicks = [{0: (1.0, 1.0), 4: (2.0, 2.0), 8: (3.0, 3.0)}, {0: (4.0, 4.0), 7: (5.0, 5.0)}]
    before = np.arange(40, dtype=np.float32).reshape(2, 10, 2)
    after = strategy.corrected(before.copy(), clicks, {0: 4, 1: 7})
    assert np.array_equal(after[0, :, 0], [0, 7, 7, 7, 8, 7, np.nan, 7, 16, 18], equal_nan=True)
    assert np.array_equal(after[1, :, 0], [20, 7, 7, 7, 7, 7, np.nan, 34, 7, 7], equal_nan=True)
    assert [(gap.id, gap.start, gap.end, gap.right) for gap in PretendedBridge.asked] == [
        (0, 1, 4, (4, 2, 2)),
        (1, 5, 8, (8, 3, 3)),
        (2, 1, 7, (7, 5, 5)),
        (3, 8, 10, None),
    ]
    assert [gap.others for gap in PretendedBridge.asked] == [((8, 3, 3),), ((0, 1, 1),), (), ((0, 4, 4),)]
    assert [gap.known.tolist() for gap in PretendedBridge.asked if gap.known is not None] == [
        before[0, 1:4].tolist(),
        before[0, 5:8].tolist(),
        before[1, 1:7].tolist(),
        before[1, 8:].tolist(),
    ]


def test_all_strategies_work_on_a_real_clip(tmp_path: Path) -> None:
    videos = open_dataset(f"npz:{npz_folder(tmp_path)}").videos()
    strict = EffortSettings(tolerance=0.01, noise=0.0, clicks=4)
    result = measure_effort(videos, LucasKanade(), settings=strict)
    rows = {row["strategy"]: row for row in result["rows"] if row["clip"] == "drift"}
    assert set(rows) == {"linear", "flow", "nearest", "bridge"}
    assert all(1 < row["clicks"] <= 4 for row in rows.values())
    assert rows["flow"]["clicks"] == rows["bridge"]["clicks"]
    assert "frames that bridge wrongly disturbs" in {bar["name"] for bar in result["bars"]}
