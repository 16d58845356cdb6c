"""Doubts tell bad labels from good ones, and how well is counted right."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.made import npz_folder
from tracker.evaluation import DoesNotMove, LabelledVideo, NpzFolder
from tracker.evaluation.agreement_signal import (
    ClipOpinions,
    Label,
    area_under_curve,
    ask_all,
    format_agreement,
    measure_agreement,
)
from tracker.evaluation.pictures import PictureFrames
from tracker.files import InputError
from tracker.inference.lucas_kanade import LucasKanade


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=20))
def test_the_area_is_the_share_of_pairs_in_the_right_order(cells: list[tuple[int, bool]]) -> None:
    doubt, bad = np.array([doubt for doubt, _ in cells], float), np.array([bad for _, bad in cells])
    pairs = [float(np.sign(a - b)) / 2 + 0.5 for a in doubt[bad] for b in doubt[~bad]]
    area = area_under_curve(doubt, bad)
    assert (np.isnan(area) and not pairs) or area == pytest.approx(np.mean(pairs))


def test_what_nobody_knows_is_doubted_most() -> None:
    assert area_under_curve(np.array([np.nan, 9, 1]), np.array([True, False, False])) == 1
    assert area_under_curve(np.array([np.nan, np.nan, 1]), np.array([True, False, False])) == 0.75


def drift(tmp_path: Path) -> LabelledVideo:
    (video,) = NpzFolder(npz_folder(tmp_path)).videos()
    return video


def labelled_by(which: int, said: ClipOpinions) -> Label:
    return Label(said.xy[which], said.apart(said.xy[0], said.xy[1]))


def test_who_stands_still_is_wrong_where_the_other_moves_on(tmp_path: Path) -> None:
    video = drift(tmp_path)
    trackers = (DoesNotMove(), LucasKanade())
    result = measure_agreement([("real", video)], trackers, partial(labelled_by, 0))
    assert json.loads(json.dumps(result)) == result
    (clip,) = result["clips"]
    assert clip["cells"] == video.visible.size - 3  # the queries themselves are given
    assert 0 < clip["bad"] < 1
    apart = "does-not-move and lucas-kanade apart"
    assert result["areas"][apart]["drift"] == 1
    assert result["areas"]["doubt"]["drift"] == 1
    # It comes back to where it started, whatever happens, and says nothing of how certain it is.
    assert result["areas"]["round trip of does-not-move, worst so far"]["drift"] == 0.5
    assert result["groups"]["real"] == result["groups"]["all"]
    assert result["groups"]["all"][apart] == {"mean": 1, "pooled": 1}
    assert f"| {apart} | 100.0 | 100.0 |" in format_agreement(result)


def test_where_nothing_is_wrong_there_is_nothing_to_tell(tmp_path: Path) -> None:
    result = measure_agreement([("real", drift(tmp_path))], (DoesNotMove(), LucasKanade()), partial(labelled_by, 1))
    assert result["clips"][0]["bad"] == 0
    assert result["groups"]["all"]["doubt"] == {"mean": None, "pooled": None}
    assert "| doubt |  |  |" in format_agreement(result)


def test_the_way_back_starts_where_the_way_out_ended(tmp_path: Path) -> None:
    told: list[str] = []
    video = drift(tmp_path)
    trackers = (LucasKanade(), LucasKanade(), DoesNotMove())
    said = ask_all(video, trackers, told.append)
    assert said is not None
    assert told == ["drift with lucas-kanade"] * 2 + ["drift with does-not-move"]
    assert np.array_equal(said.back[:, :, -1], said.xy[:, :, -1])
    assert said.apart(said.back[0], said.xy[0]).max() < 0.5
    assert np.abs(said.back[0] - video.tracks).max() < 0.5
    result = measure_agreement([("real", video)], trackers, partial(labelled_by, 2))
    assert result["areas"]["farthest two"]["drift"] == 1
    assert result["areas"]["mean distance from label"]["drift"] == 1
    assert result["areas"]["lucas-kanade and lucas-kanade apart"]["drift"] == 0.5


def test_clips_without_anything_to_see_are_left_out() -> None:
    dark = np.zeros((1, 4), bool)
    frames = PictureFrames(lambda index: np.zeros((8, 8, 3), np.uint8), 4, (8, 8))
    video = LabelledVideo("dark", np.zeros((1, 4, 2), np.float32), dark, dark, (8, 8), lambda: frames)
    assert ask_all(video, (DoesNotMove(),)) is None
    with pytest.raises(InputError, match="no clip with a visible point"):
        measure_agreement([("real", video)], (DoesNotMove(), LucasKanade()), partial(labelled_by, 0))
