"""Teachers label a video shot by shot: the right points, the right states, and it is told who said so."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.small_models import small_model
from tests.training.moving_clips import HEIGHT, WIDTH, pan, write_clip
from tracker.files import InputError
from tracker.inference.cotracker import CoTrackerTracker
from tracker.labels.label_file import LabelFile, Teacher, read_labels, write_labels
from tracker.labels.table import Source, State
from tracker.training.label_passes import round_trip, track_shot
from tracker.training.pseudo_labels import LabelSettings, Skipped, _shared, label_video
from tracker.training.teachers import LoadedTeacher, load_teachers
from tracker.video import open_source

SETTINGS = LabelSettings(("lucas-kanade",), points=12, frames=3, min_frames=8, max_frames=40)


@pytest.fixture(scope="module")
def two_shots(tmp_path_factory):
    """24 frames that move to the left by 2 pixels each, then 16 that stand still."""
    return write_clip(tmp_path_factory.mktemp("clips") / "two.mkv", pan(1, 24, 2) + pan(2, 16, 0))


def network(name: str, kind: str = "online") -> LoadedTeacher:
    """A small network with random weights: it answers, and that is all that is asked of it here."""
    model = small_model(kind, resolution=(32, 48), iterations=1)
    return LoadedTeacher(Teacher(name, "Apache-2.0"), CoTrackerTracker(model, None, name=name, allow_untrained=True))


@pytest.fixture(scope="module")
def labelled(two_shots) -> LabelFile:
    return label_video(two_shots, SETTINGS, load_teachers(["lucas-kanade"]))


def test_labels_follow_the_picture_and_keep_to_their_shot(labelled):
    tracks, origin = labelled.tracks, labelled.origin
    assert origin.shots == ((0, 24), (24, 40))
    assert origin.drawn == ("lucas-kanade", "lucas-kanade")
    assert tracks.n_tracks == 24
    assert (tracks.names[0], tracks.names[12], tracks.groups[0], tracks.groups[23]) == ("s0-001", "s1-001", "s0", "s1")
    assert (tracks.state[:12, 24:] == State.UNLABELLED).all()
    assert (tracks.state[12:, :24] == State.UNLABELLED).all()
    assert np.isnan(tracks.xy[:12, 24:]).all()
    for n, (t, x, y) in enumerate(tracks.query_points):
        assert tracks.xy[n, int(t)].tolist() == [x, y]
        assert tracks.state[n, int(t)] == State.VISIBLE
        seen = np.flatnonzero(tracks.state[n] == State.VISIBLE)
        assert len(seen) > 4
        moved = np.array([x, y]) - (np.array([[2.0, 0]]) if n < 12 else 0) * (seen - t)[:, None]
        np.testing.assert_allclose(tracks.xy[n, seen], moved, atol=1.0)
    known = tracks.state != State.UNLABELLED
    assert (tracks.source[known] == Source.MODEL).all()
    assert (tracks.source[~known] == Source.NONE).all()
    assert not tracks.approved.any()


def test_a_point_that_leaves_is_out_of_view_and_tracks_go_both_ways(labelled):
    tracks = labelled.tracks
    first = tracks.query_points[:12, 0]
    assert any((tracks.state[n, : int(first[n])] == State.VISIBLE).any() for n in range(12))
    out = tracks.state[:12, :24] == State.OUT_OF_VIEW
    assert out.any()
    beyond = tracks.xy[:12, :24][out]
    assert ((beyond < -0.5) | (beyond > np.array([WIDTH, HEIGHT]) - 0.5)).any(axis=1).all()


def test_the_round_trip_of_an_easy_shot_agrees_and_can_be_left_out(two_shots, labelled):
    assert labelled.tracks.disagreement is not None
    still = labelled.tracks.disagreement[12:, 24:]
    assert np.isfinite(still).mean() > 0.8
    assert np.nanmax(still) < 0.5
    plain = label_video(two_shots, replace(SETTINGS, round_trip=False), load_teachers(["lucas-kanade"]))
    assert plain.tracks.disagreement is not None
    assert np.isnan(plain.tracks.disagreement).all()
    np.testing.assert_array_equal(plain.tracks.xy, labelled.tracks.xy)


def test_the_way_back_starts_where_the_point_was_last_seen(two_shots):
    tracker = load_teachers(["lucas-kanade"])[0].tracker
    queries = np.array([[10, 50, 30], [0, 70, 40]], np.float32)
    with open_source(two_shots) as source:
        out = track_shot(source, tracker, queries, (0, 24))
        back = round_trip(source, tracker, out, queries, (0, 24))
    for n, query in enumerate((10, 0)):
        last, first = np.flatnonzero(out.visible[n])[[-1, 0]]
        np.testing.assert_allclose(back.xy[n, last], out.xy[n, last], atol=1e-4)
        assert np.isnan(back.xy[n, last + 1 :]).all()
        assert np.isnan(back.xy[n, :first]).all()
        assert np.isfinite(back.xy[n, query]).all()


def test_an_ensemble_keeps_what_each_said(two_shots, tmp_path):
    teachers = [network("net"), *load_teachers(["lucas-kanade"])]
    settings = replace(SETTINGS, teachers=("net", "lucas-kanade"), ensemble=True)
    labels = label_video(two_shots, settings, teachers)
    said = labels.opinions
    assert said is not None
    assert said.teachers == ("net", "lucas-kanade")
    assert labels.origin.drawn == ("all", "all")
    assert labels.origin.licence == "Apache-2.0"
    tracks = labels.tracks
    told = np.isfinite(tracks.xy).all(axis=2)
    chosen = (said.xy == tracks.xy).all(axis=3).any(axis=0)
    assert chosen[told].all()
    assert tracks.disagreement is not None
    assert np.nanmax(tracks.disagreement) > 1  # a network that knows nothing
    sure = tracks.visibility * tracks.confidence
    assert ((sure[told] >= 0) & (sure[told] <= 1)).all()
    assert len(np.unique(sure[told])) > 100
    assert (tracks.confidence[told] > 0).all()  # the network never gives a point up
    both = said.visible.all(axis=0)
    inside = ((tracks.xy >= -0.5) & (tracks.xy <= [WIDTH - 0.5, HEIGHT - 0.5])).all(axis=2)
    assert (tracks.state[both & inside] == State.VISIBLE).all()
    write_labels(tmp_path / "a.npz", labels)
    assert read_labels(tmp_path / "a.npz").origin == labels.origin
    write_labels(tmp_path / "b.npz", label_video(two_shots, settings, teachers))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_an_ensemble_of_one_has_its_round_trip_for_a_second_opinion(two_shots, labelled):
    labels = label_video(two_shots, replace(SETTINGS, ensemble=True), load_teachers(["lucas-kanade"]))
    assert labels.opinions is not None
    assert labels.opinions.teachers == ("lucas-kanade", "lucas-kanade (round trip)")
    np.testing.assert_array_equal(labels.tracks.xy, labelled.tracks.xy)
    np.testing.assert_array_equal(labels.tracks.disagreement, labelled.tracks.disagreement)


def test_what_several_are_sure_of_is_the_mean_of_what_each_is():
    visibility = np.array([0.8, 0.4], np.float32).reshape(2, 1, 1)
    confidence = np.array([0.5, 1.0], np.float32).reshape(2, 1, 1)
    certainty = (visibility * confidence).mean(axis=0)
    seen, sure = _shared(visibility, certainty)
    assert seen[0, 0] == pytest.approx(0.6)
    assert (seen * sure)[0, 0] == pytest.approx(0.4)
    lost = np.zeros((2, 1, 1), np.float32)
    assert _shared(lost, lost[0])[1][0, 0] == 0


def test_teachers_are_drawn_by_the_seed(two_shots):
    teachers = [network("a"), network("b"), network("c", "offline")]
    settings = replace(SETTINGS, teachers=("a", "b", "c"), points=4, round_trip=False, sampling="grid", max_frames=15)
    drawn = [label_video(two_shots, replace(settings, seed=seed), teachers).origin.drawn for seed in (0, 1, 2)]
    assert {name for names in drawn for name in names} == {"a", "b", "c"}
    assert drawn[0] == label_video(two_shots, settings, teachers).origin.drawn
    assert len(set(drawn)) > 1


def test_long_shots_are_labelled_in_pieces_and_short_ones_not(two_shots):
    settings = replace(SETTINGS, max_frames=15, min_frames=8, round_trip=False)
    labels = label_video(two_shots, settings, load_teachers(["lucas-kanade"]))
    assert labels.origin.shots == ((0, 12), (12, 24), (24, 32), (32, 40))
    settings = replace(SETTINGS, min_frames=17)
    assert label_video(two_shots, settings, load_teachers(["lucas-kanade"])).origin.shots == ((0, 24),)


def test_what_cannot_be_labelled_is_skipped_with_the_reason(two_shots, tmp_path):
    teachers = load_teachers(["lucas-kanade"])
    with pytest.raises(Skipped, match=r"two\.mkv: no shot has 50 frames, the video has 40"):
        label_video(two_shots, replace(SETTINGS, min_frames=50, max_frames=99), teachers)
    with pytest.raises(Skipped, match=r"two\.mkv: frames 0 to 24: \d+ of 5000 points found"):
        label_video(two_shots, replace(SETTINGS, points=5000), teachers)
    with pytest.raises(Skipped, match="too many"):
        label_video(two_shots, replace(SETTINGS, points=10_000_000), teachers)
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(two_shots.read_bytes()[:3000])
    with pytest.raises(InputError, match=r"broken\.mkv"):
        label_video(broken, SETTINGS, teachers)


def test_a_video_too_long_for_all_its_shots_gets_some(two_shots, monkeypatch):
    monkeypatch.setattr("tracker.training.pseudo_labels.FILE_BYTES", 2 * 12 * 40 * 21)
    settings = replace(SETTINGS, max_frames=15, round_trip=False)
    shots = label_video(two_shots, settings, load_teachers(["lucas-kanade"])).origin.shots
    assert len(shots) == 2
    assert set(shots) < {(0, 12), (12, 24), (24, 32), (32, 40)}


def test_settings_describe_themselves_in_plain_values_but_for_the_device():
    teachers = load_teachers(["lucas-kanade"])
    told = SETTINGS.describe(teachers)
    assert json.loads(json.dumps(told)) == told
    assert told["teachers"][0]["name"] == "lucas-kanade"
    assert told == replace(SETTINGS, device="cpu").describe(teachers)
    assert told != replace(SETTINGS, seed=1).describe(teachers)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sampling": "guess"}, "no such way to sample"),
        ({"points": 0}, "must be 1 or more"),
        ({"min_frames": 16, "max_frames": 20}, "allow 31 or more"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        replace(SETTINGS, **change)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "no teachers"),
        (["lucas-kanade", "lucas-kanade"], "named twice"),
        (["nobody"], "nobody: there is no such tracker"),
        (["nobody:offline"], "nobody: there is no such tracker"),
    ],
)
def test_teachers_that_are_not_there_are_told(names, message):
    with pytest.raises(InputError, match=message):
        load_teachers(names)


def test_a_teacher_from_a_file_is_known_by_its_bytes(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "other.safetensors"
    save_file({"some.weight": small_model().state_dict()["time_emb"].contiguous()}, path)
    with pytest.raises(InputError, match=r"other\.safetensors"):
        load_teachers([str(path)], "cpu")
