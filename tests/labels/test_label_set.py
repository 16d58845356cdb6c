"""Label files and the folder they lie in."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.files import InputError
from tracker.labels import Source, State, TrackFile, read_tracks, write_tracks
from tracker.labels.label_file import LabelFile, Opinions, Origin, Teacher, read_labels, read_origin, write_labels
from tracker.labels.label_set import Decision, LabelSet, Trust, trust_of
from tracker.labels.licences import strictest
from tracker.labels.selection import Selection, crop, select


def made(seed: int = 0, tracks: int = 3, frames: int = 5) -> LabelFile:
    chance = np.random.default_rng(seed)
    file = TrackFile.empty(tracks, np.arange(frames, dtype=np.int64), Fraction(1, 25), (64, 48))
    file.xy[:] = chance.uniform(0, 40, file.xy.shape)
    file.state[:] = chance.integers(0, 4, file.state.shape)
    file.visibility[:] = file.confidence[:] = chance.uniform(0.1, 1, file.state.shape)
    file.source[:] = np.where(file.state > 0, Source.MODEL, Source.NONE)
    file.query_points[:] = 0
    file.disagreement = chance.uniform(0, 9, file.state.shape).astype(np.float16)
    said = Opinions(
        ("a", "b"),
        chance.uniform(0, 40, (2, tracks, frames, 2)).astype(np.float32),
        chance.uniform(size=(2, tracks, frames)) < 0.5,
    )
    teachers = (Teacher("a", "Apache-2.0"), Teacher("b", "CC-BY-NC-4.0", "00ff"))
    return LabelFile(file, Origin("clip.mp4", "abc", ((0, 3), (3, 5)), ("all", "all"), teachers, {"seed": 7}), said)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 4), st.integers(1, 6), st.booleans())
def test_labels_come_back_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, seed: int, tracks: int, frames: int, keeps: bool
) -> None:
    path = tmp_path_factory.mktemp("labels") / "a.npz"
    labels = made(seed, tracks, frames)
    labels = labels if keeps else replace(labels, opinions=None)
    write_labels(path, labels)
    found = read_labels(path)
    assert found.origin == labels.origin == read_origin(path)
    assert (found.opinions is None) == (labels.opinions is None)
    if found.opinions is not None and labels.opinions is not None:
        np.testing.assert_array_equal(found.opinions.xy, labels.opinions.xy)
        np.testing.assert_array_equal(found.opinions.votes, labels.opinions.visible.sum(0))
    for name in ("xy", "state", "visibility", "disagreement"):
        np.testing.assert_array_equal(getattr(found.tracks, name), getattr(labels.tracks, name))
    before = path.read_bytes()
    write_labels(path, found)
    assert path.read_bytes() == before


def test_a_label_file_is_a_track_file_and_a_track_file_is_none(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.npz", made())
    tracks = read_tracks(tmp_path / "a.npz")
    np.testing.assert_array_equal(tracks.xy, made().tracks.xy)
    write_tracks(tmp_path / "b.npz", tracks)
    with pytest.raises(InputError, match=r"b\.npz: does not say of which video"):
        read_labels(tmp_path / "b.npz")


def test_disagreement_goes_through_the_table_and_through_a_selection() -> None:
    tracks = made().tracks
    again = TrackFile.from_table(tracks.to_table(), tracks.pts, tracks.time_base, tracks.size_wh)
    np.testing.assert_array_equal(again.disagreement, tracks.disagreement)
    part = select(tracks, Selection(start=1, end=3))
    assert part.disagreement is not None
    assert tracks.disagreement is not None
    kept = part.state > 0
    assert kept.any()
    assert np.isnan(part.disagreement[~kept]).all()
    cut = crop(tracks, 1, 3)
    np.testing.assert_array_equal(cut.disagreement, tracks.disagreement[:, 1:3])


def test_the_strictest_licence_wins() -> None:
    assert strictest(["Apache-2.0 (OpenCV)", "CC-BY-NC-4.0", "CC-BY-SA-4.0"]) == "CC-BY-NC-4.0"
    assert strictest(["MIT", ""]) == "not stated"
    assert strictest([]) == "not stated"
    weights = "Apache-2.0 (of the code; the weights state none)"
    assert strictest(["CC-BY-NC-4.0", weights]) == weights
    assert made().origin.licence == "CC-BY-NC-4.0"
    drawn = replace(made().origin, drawn=("a", "a"))
    assert drawn.licence == "Apache-2.0", "b had no say"


def test_a_set_is_made_once_and_only_gone_on_with_by_the_same_job(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    made_set = LabelSet.create(folder, {"seed": 1})
    write_labels(made_set.labels_path("one"), made())
    assert LabelSet.create(folder, {"seed": 1}).names() == ["one"]
    with pytest.raises(InputError, match="another job, made with other seed"):
        LabelSet.create(folder, {"seed": 2})
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x.txt").write_text("x")
    with pytest.raises(InputError, match="holds other files"):
        LabelSet.create(tmp_path / "full", {})
    with pytest.raises(InputError, match="no label set here"):
        LabelSet.open(tmp_path / "nowhere")
    (folder / "label-set.json").write_text(json.dumps({"format_version": 99}))
    with pytest.raises(InputError, match="version 99"):
        LabelSet.open(folder)


def test_decisions_outlive_a_line_that_was_cut_off(tmp_path: Path) -> None:
    one = LabelSet.create(tmp_path / "set", {})
    one.decide(Decision("verdict", "a", "accepted", by="Ann"))
    one.decide(Decision("verdict", "b", "rejected"))
    path = tmp_path / "set" / "decisions.jsonl"
    with path.open("a") as handle:
        handle.write('{"kind": "verd')
    assert one.verdicts() == {"a": "accepted", "b": "rejected"}
    one.decide(Decision("verdict", "a", "open"))
    one.decide(Decision("bulk", threshold=1.5))
    assert one.verdicts() == {"a": "open", "b": "rejected"}
    assert one.bulk_threshold() == 1.5
    assert len(one.decisions()) == 4
    path.write_text("nonsense\n")
    with pytest.raises(InputError, match="line 1 is no decision"):
        one.decisions()


def test_trust_follows_verdict_threshold_and_persons() -> None:
    tracks = made().tracks
    tracks.state[:] = State.VISIBLE
    tracks.state[0, 0] = State.UNLABELLED
    tracks.visibility[:] = tracks.confidence[:] = 1
    tracks.disagreement = np.full(tracks.state.shape, 2, np.float16)
    tracks.disagreement[1] = 5
    tracks.confidence[0, 3] = 0.2  # they agree and are not sure
    tracks.disagreement[2, 1:] = np.nan
    tracks.approved[1, 1] = True
    tracks.source[1, 2] = Source.ANCHOR
    expected = np.full(tracks.state.shape, Trust.ACCEPTED)
    expected[1], expected[2, 1:] = Trust.UNDECIDED, Trust.UNDECIDED
    expected[1, 1:3], expected[0, 0], expected[0, 3] = Trust.PERSON, Trust.NONE, Trust.UNDECIDED
    np.testing.assert_array_equal(trust_of(tracks, "open", 2.0), expected)
    assert set(trust_of(tracks, "accepted").ravel().tolist()) == {Trust.NONE, Trust.ACCEPTED, Trust.PERSON}
    assert not trust_of(tracks, "rejected", 2.0).any()
