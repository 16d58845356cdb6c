"""What is worked out over a label set: what to look at first, how good a sample was, several people's work joined."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.files import InputError
from tracker.labels import Source, State, TrackFile, write_tracks
from tracker.labels.label_file import LabelFile, Origin, write_labels
from tracker.labels.label_set import Decision, LabelSet
from tracker.labels.merge_sets import merge_sets, merge_video
from tracker.labels.ranking import rank
from tracker.labels.selection import crop
from tracker.labels.spot_check import accepted_spans, estimate, sample_spans, wilson_interval
from tracker.labels.stretches import stretches


def tracks(count: int = 3, frames: int = 60, spread: float = 1.0) -> TrackFile:
    made = TrackFile.empty(count, np.arange(frames, dtype=np.int64), Fraction(1, 25), (512, 512))
    made.xy[:] = 100
    made.state[:] = State.VISIBLE
    made.source[:] = Source.MODEL
    made.visibility[:] = made.confidence[:] = 1
    made.query_points[:] = (0, 100, 100)
    made.disagreement = np.full((count, frames), spread, np.float16)
    return made


def label_set(folder: Path, videos: dict[str, TrackFile]) -> LabelSet:
    made = LabelSet.create(folder, {"seed": 1})
    for name, one in videos.items():
        write_labels(made.labels_path(name), LabelFile(one, Origin(f"{name}.mp4", name)))
    return made


def curate(one: LabelSet, name: str, made: TrackFile) -> None:
    one.curated_path(name).parent.mkdir(exist_ok=True)
    write_tracks(one.curated_path(name), made)


@given(st.integers(1, 5), st.integers(1, 40), st.integers(0, 10_000))
def test_stretches_are_the_flags_again(rows: int, frames: int, seed: int) -> None:
    flags = np.random.default_rng(seed).uniform(size=(rows, frames)) < 0.5
    again = np.zeros_like(flags)
    for row, start, end in stretches(flags):
        assert not again[row, max(0, start - 1) : end].any(), "neither overlapping nor touching"
        again[row, start:end] = True
    np.testing.assert_array_equal(again, flags)


def test_an_interval_for_a_share() -> None:
    low, high = wilson_interval(3, 200)
    assert (round(100 * low, 1), round(100 * high, 1)) == (0.5, 4.3)
    assert wilson_interval(0, 50)[0] == 0
    assert 0 < wilson_interval(0, 50)[1] < 0.08
    assert wilson_interval(0, 0) == (0, 1)
    with pytest.raises(ValueError, match="3 bad ones of 2"):
        wilson_interval(3, 2)


def test_the_interval_holds_the_true_share_as_often_as_it_says() -> None:
    chance = np.random.default_rng(0)
    bad = chance.binomial(200, 0.03, 2000)
    inside = [low <= 0.03 <= high for low, high in (wilson_interval(int(one), 200) for one in bad)]
    assert 0.93 < np.mean(inside) < 0.98


def test_only_the_last_word_on_a_span_counts() -> None:
    first = Decision("check", "a", track="1", start=0, end=9, right=False)
    result = estimate(
        [first, replace(first, right=True), replace(first, start=9, right=False), Decision("verdict", "a")]
    )
    assert (result.checked, result.bad) == (2, 1)


def test_spans_of_a_sample_cover_what_would_be_accepted(tmp_path: Path) -> None:
    one = tracks()
    assert one.disagreement is not None
    one.disagreement[1] = 9
    one.approved[2] = True
    spans = accepted_spans("a", one, 2.0, longest=25)
    assert [(span.row, span.start, span.end) for span in spans] == [(0, 0, 25), (0, 25, 50), (0, 50, 60)]
    other = label_set(tmp_path / "set", {"a": one, "b": tracks(), "gone": tracks()})
    other.decide(Decision("verdict", "gone", "rejected"))
    sample, total = sample_spans(other, 2.0, 4, seed=3)
    assert total == 2 + 3 * 2
    assert len(set(sample)) == 4
    assert {span.video for span in sample} <= {"a", "b"}
    assert sample == sample_spans(other, 2.0, 4, seed=3)[0]


def test_what_is_most_in_doubt_comes_first(tmp_path: Path) -> None:
    worse, bad = tracks(), tracks()
    assert worse.disagreement is not None
    assert bad.disagreement is not None
    worse.disagreement[0, 10:20] = 8
    worse.disagreement[0, 22:30] = 12  # two frames of relief do not end the span
    bad.disagreement[1, 5:8] = 20
    made = label_set(tmp_path / "set", {"bad": bad, "fine": tracks(), "worse": worse, "done": worse})
    made.decide(Decision("verdict", "done", "accepted"))
    (tmp_path / "set" / "labels" / "broken.npz").write_bytes(b"no")
    found, broken = rank(made, lambda size: 4.0)
    assert [video.name for video in found] == ["worse", "bad", "fine", "done"]
    [span] = found[0].spans
    assert (span.row, span.start, span.end) == (0, 10, 30)
    assert span.doubt == pytest.approx(12 / 1.05)
    assert 22 <= span.worst < 30
    assert found[3].spans == ()
    assert found[3].decided == found[3].cells == 180
    assert list(broken) == ["broken"]
    made.decide(Decision("bulk", threshold=9.0))
    assert [len(video.spans) for video in rank(made, lambda size: 4.0)[0]] == [1, 1, 0, 0]
    own = rank(made, lambda size: 4.0, lambda one: np.full(one.state.shape, 30.0))[0]
    assert own[0].doubt == 30, "another doubt than disagreement can be given"


def test_people_who_touched_different_cells_are_joined() -> None:
    base = tracks(2, 10)
    ann, bob = crop(base, 0, 10), crop(base, 0, 10)
    ann.xy[0, 2], ann.source[0, 2] = 50, Source.ANCHOR
    ann.approved[0, 3:5] = True
    bob.state[1, 6:], bob.xy[1, 6:], bob.source[1, 6:] = State.UNLABELLED, np.nan, Source.NONE
    merged = merge_video("v", base, {"Ann": ann, "Bob": bob})
    assert merged.conflicts == []
    assert merged.cells == 1 + 2 + 4
    assert merged.tracks.xy[0, 2].tolist() == [50, 50]
    assert merged.tracks.approved[0].tolist() == [False] * 3 + [True] * 2 + [False] * 5
    assert (merged.tracks.state[1, 6:] == State.UNLABELLED).all()
    assert np.isnan(merged.tracks.xy[1, 6:]).all()


def test_people_who_do_not_agree_leave_a_conflict_and_an_undecided_cell() -> None:
    base = tracks(1, 10)
    ann, bob = crop(base, 0, 10), crop(base, 0, 10)
    ann.approved[0, :4] = True
    bob.state[0, 2:6], bob.xy[0, 2:6] = State.UNLABELLED, np.nan
    ann.xy[0, 8], ann.source[0, 8] = 102, Source.ANCHOR  # 2 px apart at 512: the same place
    bob.xy[0, 8], bob.source[0, 8] = 100, Source.ANCHOR
    ann.xy[0, 9], ann.source[0, 9] = 120, Source.ANCHOR
    bob.approved[0, 9] = True
    merged = merge_video("v", base, {"Ann": ann, "Bob": bob})
    assert [(one.track, one.frames) for one in merged.conflicts] == [("1", (2, 4)), ("1", (9, 10))]
    assert merged.conflicts[0].said == {"Ann": "visible at 100.0, 100.0", "Bob": "took it away"}
    assert merged.conflicts[1].said == {"Ann": "visible at 120.0, 120.0", "Bob": "visible at 100.0, 100.0"}
    assert (merged.tracks.state[0, 2:4] == State.VISIBLE).all()
    assert not merged.tracks.approved[0, 2:4].any()
    assert (merged.tracks.state[0, 4:6] == State.UNLABELLED).all()
    assert merged.tracks.xy[0, 8].tolist() == [102, 102]
    assert merged.tracks.xy[0, 9].tolist() == [100, 100]


def test_a_placed_point_wins_over_an_approved_one() -> None:
    base = tracks(1, 2)
    ann, bob = crop(base, 0, 2), crop(base, 0, 2)
    ann.approved[0, 0] = True
    bob.xy[0, 0], bob.source[0, 0] = 101, Source.ANCHOR
    assert merge_video("v", base, {"Ann": ann, "Bob": bob}).tracks.xy[0, 0].tolist() == [101, 101]
    assert merge_video("v", base, {"Bob": bob, "Ann": ann}).tracks.xy[0, 0].tolist() == [101, 101]


def test_tracks_that_people_added_are_all_kept() -> None:
    base = tracks(1, 4)

    def more(position: float) -> TrackFile:
        made = tracks(2, 4)
        made.names = ["1", "new"]
        made.xy[1] = position
        return made

    merged = merge_video("v", base, {"Ann": more(5), "Bob": more(9)}).tracks
    assert list(merged.names) == ["1", "new", "new (Bob)"]
    assert merged.xy[1:, 0, 0].tolist() == [5, 9]
    assert merged.disagreement is not None
    assert merged.disagreement.shape == (3, 4)


def test_whole_sets_are_merged_with_their_decisions(tmp_path: Path) -> None:
    videos = {"a": tracks(1, 5), "b": tracks(1, 5), "c": tracks(1, 5)}
    ann, bob = label_set(tmp_path / "ann", videos), label_set(tmp_path / "bob", videos)
    mine = tracks(1, 5)
    mine.approved[:] = True
    curate(ann, "a", mine)
    ann.decide(Decision("verdict", "b", "accepted", by="Ann", at="1"))
    bob.decide(Decision("verdict", "b", "rejected", by="Bob", at="2"))
    bob.decide(Decision("verdict", "c", "accepted", by="Bob", at="3"))
    found = merge_sets([ann, bob], tmp_path / "both")
    assert [(one.video, one.said) for one in found.conflicts] == [("b", {"ann": "accepted", "bob": "rejected"})]
    both = LabelSet.open(tmp_path / "both")
    assert both.verdicts() == {"b": "open", "c": "accepted"}
    assert both.read_current("a").approved.all()
    assert len(both.decisions()) == 5
    with pytest.raises(InputError, match="not empty"):
        merge_sets([ann, bob], tmp_path / "both")
    with pytest.raises(InputError, match="no copy of the label set"):
        merge_sets([ann, LabelSet.create(tmp_path / "else", {"seed": 5})], tmp_path / "x")
    with pytest.raises(InputError, match="at least two"):
        merge_sets([ann], tmp_path / "x")
    write_labels(bob.labels_path("a"), LabelFile(tracks(1, 5), Origin("a.mp4", "changed")))
    with pytest.raises(InputError, match="labels of different videos"):
        merge_sets([ann, bob], tmp_path / "x")
