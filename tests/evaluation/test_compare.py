"""Whether a student is better: the figures, the intervals and the words."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.made import npz_folder
from tests.small_models import small_model
from tracker.evaluation import DoesNotMove, LabelledVideo, open_dataset
from tracker.evaluation.compare import EffortCap, compare_trackers
from tracker.evaluation.comparison import MEASURES, Comparison, VideoPair
from tracker.evaluation.pictures import PictureFrames
from tracker.files import InputError
from tracker.inference.cotracker import CoTrackerTracker
from tracker.inference.lucas_kanade import LucasKanade
from tracker.inference.session import Cancelled

FIGURES = [measure.name for measure in MEASURES]


def figures(position: float, corrections: float = 2.0) -> dict[str, float]:
    values = (position, position - 0.1, 0.9, 0.05, corrections)
    return dict(zip(FIGURES, values, strict=True))


def made(*gains: float, corrections: float = 0.0) -> Comparison:
    """One video for each gain of the student."""
    rows = [
        VideoPair(f"clip {i}", 10, 3, figures(0.5 + i / 100), figures(0.5 + i / 100 + gain, 2 + corrections))
        for i, gain in enumerate(gains)
    ]
    return Comparison("old", "new", "made", tuple(rows), "simulated")


def words(comparison: Comparison) -> dict[str, str]:
    return {one.measure.label: one.word for one in comparison.summary()}


def test_a_steady_gain_is_better() -> None:
    found = made(0.05, 0.06, 0.04, 0.05, 0.07, 0.05, corrections=-0.5)
    expected = {"δavg": "better", "AJ": "better", "OA": "no better", "lost": "no better", "corrections": "better"}
    assert words(found) == expected
    assert found.verdict().startswith("Better on δavg +5.3 [+4.7 to +6.2], AJ ")
    assert "corrections −0.50" in found.verdict()
    assert "So few" not in found.verdict()
    difference = found.summary()[0].difference
    assert difference.mean == pytest.approx(0.32 / 6)
    assert 0.04 <= difference.low < difference.mean < difference.high <= 0.07


def test_a_gain_that_may_be_chance_is_no_better() -> None:
    found = made(0.05, -0.04, 0.06, -0.05, 0.01, 0.01)
    assert set(words(found).values()) == {"no better"}
    assert found.verdict().startswith("No better: on 6 videos every difference may be chance")
    same = made(*[0.0] * 6)
    assert same.verdict().startswith("No better")


def test_a_steady_loss_is_worse() -> None:
    found = made(*[-0.02, -0.03] * 3, corrections=1)
    assert words(found)["δavg"] == words(found)["corrections"] == "worse"
    assert found.verdict().startswith("Worse on δavg −2.5")


def test_few_videos_are_told_to_be_few() -> None:
    assert "an interval from 3 is narrower than it claims" in made(0.05, 0.06, 0.04).verdict()
    one = made(0.05)
    assert one.verdict().startswith("No better can be shown on one video, which says nothing of others (δavg +5.0")
    assert set(words(one).values()) == {"not known"}
    assert "-  " in one.format_table()


def test_a_figure_that_one_of_them_lacks_does_not_count() -> None:
    whole = made(0.1, 0.1, 0.1)
    rows = (*whole.rows, VideoPair("odd", 5, 1, figures(0.5), figures(float("nan"))))
    found = Comparison("old", "new", "made", rows, "simulated")
    assert [one.difference.count for one in found.summary()] == [3, 3, 4, 4, 4]
    assert found.summary()[0].base.mean == whole.summary()[0].base.mean


def test_tables_show_every_video_and_what_was_left_out() -> None:
    found = Comparison("old", "new|er", "made", made(0.05, 0.07).rows, "Simulated so.", ("a.mp4: gone",), ("By hand.",))
    table, document = found.format_table(), found.to_markdown()
    for text in (table, document):
        for part in ("clip 1", "50.0 → 55.0 (+5.0)", "Simulated so.", "By hand.", "Left out: a.mp4: gone"):
            assert part in text
        assert found.verdict() in text
    assert "new\\|er" in document
    assert "corrections" not in Comparison("old", "new", "made", found.rows).format_table()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.one_of(st.floats(-1, 1), st.just(float("nan"))), max_size=4), st.integers(0, 5), st.text(max_size=5))
def test_json_comes_back(gains: list[float], seed: int, name: str) -> None:
    whole = made(*gains)
    found = Comparison(name, "new", "made", whole.rows, "simulated", (name,), ("a", "b"), seed)
    back = Comparison.from_json(found.to_json())
    assert back.to_json() == found.to_json()
    assert back.verdict() == found.verdict()
    assert (back.base, back.skipped, back.seed, len(back.rows)) == (name, (name,), seed, len(gains))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"rows": 3}', '{"rows": [{"video": "a"}]}'])
def test_other_text_is_no_comparison(text: str) -> None:
    with pytest.raises(InputError, match="no comparison"):
        Comparison.from_json(text)


def video(name: str = "made", frames: int = 12) -> LabelledVideo:
    """A smooth texture that moves by 2 pixels a frame, and two points on it."""
    noise = np.random.default_rng(4).integers(0, 255, (16, 32, 3), dtype=np.uint8)
    texture = np.asarray(cv2.resize(noise, (128, 64), interpolation=cv2.INTER_CUBIC), np.uint8)
    moments = np.arange(frames, dtype=np.float32)
    tracks = np.stack([np.stack([x - 2 * moments, 0 * moments + 30], -1) for x in (40, 55)])
    seen = np.ones(tracks.shape[:2], bool)
    opened = partial(PictureFrames, lambda t: texture[:, 2 * t : 2 * t + 64].copy(), frames, (64, 64))
    return LabelledVideo(name, tracks, seen, seen, (64, 64), opened)


def test_trackers_are_compared_on_videos() -> None:
    told: list[str] = []
    found = compare_trackers(
        DoesNotMove(),
        LucasKanade(),
        [video("a"), video("b")],
        dataset="made",
        names=("still", "flow"),
        effort=EffortCap(),
        progress=lambda what, done, of: told.append(what),
    )
    assert list(dict.fromkeys(told)) == [
        f"{name}: {clip}{what}" for clip in "ab" for what in ("", ", corrections") for name in ("still", "flow")
    ]
    assert [row.video for row in found.rows] == ["a", "b"]
    for row in found.rows:
        # What stays is 8 pixels off, at 256x256, after one frame and 16 after two.
        assert row.base["average_pts_within_thresh"] == pytest.approx(1 / 11 / 5)
        assert row.base["lost"] == pytest.approx(10 / 11)
        assert row.student["average_pts_within_thresh"] > 0.95
        assert row.base["corrections"] > 1
        assert row.student["corrections"] == 0
    assert words(found)["δavg"] == words(found)["corrections"] == "better"
    assert "simulated (nearest" in found.effort


def test_a_tracker_is_no_better_than_itself() -> None:
    tracker = CoTrackerTracker(small_model(), None, allow_untrained=True)
    found = compare_trackers(tracker, tracker, [video("a", 9), video("b", 9)], effort=EffortCap(tracks=1, clicks=2))
    assert set(words(found).values()) == {"no better"}
    assert "simulated (bridge" in found.effort
    assert all(row.base == row.student for row in found.rows)
    assert all(0 <= row.base["corrections"] <= 1 for row in found.rows)


def test_it_stops_when_asked() -> None:
    asked: list[str] = []
    with pytest.raises(Cancelled):
        compare_trackers(
            DoesNotMove(),
            LucasKanade(),
            [video()],
            progress=lambda what, done, of: asked.append(what),
            should_stop=lambda: len(asked) > 2,
        )
    assert len(asked) == 3


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    def broken() -> PictureFrames:
        raise InputError("b.mp4: cannot be read")

    bad = replace(video("b"), open=broken)
    found = compare_trackers(DoesNotMove(), DoesNotMove(), [bad, video()], effort=None, skipped=["c.mp4: gone"])
    assert found.skipped == ("c.mp4: gone", "b: no video to score, the first because b.mp4: cannot be read")
    assert not found.effort
    with pytest.raises(InputError, match=r"made: no video to compare on, the first because b: "):
        compare_trackers(DoesNotMove(), DoesNotMove(), [bad], dataset="made")
    folder = open_dataset(f"npz:{npz_folder(tmp_path)}")
    assert compare_trackers(DoesNotMove(), DoesNotMove(), folder.videos(), frames=4, effort=None).rows[0].frames == 4
