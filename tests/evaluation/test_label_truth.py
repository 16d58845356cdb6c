"""Ground truth out of a label set."""

from pathlib import Path

import numpy as np
import pytest

from tests.cli.commandline import FRAMES, drifting_clip
from tests.evaluation.made import drifting_tracks
from tracker.evaluation import DoesNotMove
from tracker.evaluation.compare import compare_trackers
from tracker.evaluation.label_truth import labelled_videos
from tracker.files import InputError
from tracker.inference.lucas_kanade import LucasKanade
from tracker.labels import Source, State, TrackFile, write_tracks
from tracker.labels.label_file import LabelFile, Origin, write_labels
from tracker.labels.label_set import Decision, LabelSet, Trust
from tracker.video import content_hash, open_source


def tracks_of(video: Path) -> TrackFile:
    """The three true tracks of the drifting clip, as a tracker would have written them."""
    with open_source(video) as source:
        file = TrackFile.empty(3, source.pts, source.time_base, (source.width, source.height))
    file.xy[:] = drifting_tracks()
    file.state[:] = State.VISIBLE
    file.source[:] = Source.MODEL
    file.visibility[:] = file.confidence[:] = 1
    file.disagreement = np.full(file.state.shape, 3, np.float16)
    file.disagreement[1] = 0.5
    file.query_from_first_visible()
    return file


def add_labels(label_set: LabelSet, name: str, video: Path, tracks: TrackFile) -> None:
    with open_source(video) as source:
        origin = Origin(str(video), content_hash(source))
    write_labels(label_set.labels_path(name), LabelFile(tracks, origin))


def made_set(folder: Path) -> tuple[LabelSet, Path]:
    """One video, on whose first track a person approved and placed, whose last is nobody's."""
    video = drifting_clip(folder / "drift.mp4")
    label_set = LabelSet.create(folder / "set", {})
    add_labels(label_set, "drift", video, tracks_of(video))
    return label_set, video


def test_what_people_did_is_the_truth(tmp_path: Path) -> None:
    label_set, video = made_set(tmp_path)
    curated = tracks_of(video)
    curated.approved[0, 4:10] = True
    curated.source[1, 7] = Source.ANCHOR
    curated.state[0, 8] = State.OCCLUDED
    curated.approved[2, 3] = True
    curated.state[2, 3] = State.UNLABELLED
    label_set.curated_path("drift").parent.mkdir()
    write_tracks(label_set.curated_path("drift"), curated)
    videos, skipped, note = labelled_videos(label_set)
    [found] = videos
    assert skipped == []
    assert "placed or approved" in note
    assert found.labelled.sum() == 7
    assert found.visible.sum() == 6
    assert found.visible[1, 7]
    assert not found.visible[0, 8]
    assert found.labelled[0, 8]
    assert not found.labelled[2].any()
    np.testing.assert_array_equal(found.tracks[found.visible], drifting_tracks()[found.visible])


def test_a_tracker_is_scored_on_it(tmp_path: Path) -> None:
    label_set, _ = made_set(tmp_path)
    label_set.decide(Decision("verdict", "drift", verdict="accepted"))
    truth = labelled_videos(label_set)
    assert "accepted unchanged" in truth.note
    found = compare_trackers(DoesNotMove(), LucasKanade(), truth.videos, effort=None, notes=[truth.note])
    assert found.rows[0].student["average_pts_within_thresh"] == 1
    assert found.rows[0].base["average_pts_within_thresh"] < 0.8
    assert truth.note in found.format_table()


def test_accepted_cells_count_where_nobody_corrected(tmp_path: Path) -> None:
    label_set, _ = made_set(tmp_path)
    assert labelled_videos(label_set).videos == []
    assert "nobody placed, approved or accepted" in labelled_videos(label_set).skipped[0]
    label_set.decide(Decision("bulk", threshold=1.0))
    [video] = labelled_videos(label_set).videos
    assert video.labelled.sum() == FRAMES
    assert video.labelled[1].all()
    assert labelled_videos(label_set, trust=Trust.PERSON).videos == []
    undecided = labelled_videos(label_set, trust=Trust.UNDECIDED)
    assert undecided.videos[0].labelled.all()
    assert "nobody looked" in undecided.note


def test_what_cannot_be_used_is_left_out_with_a_sentence(tmp_path: Path) -> None:
    label_set, video = made_set(tmp_path)
    tracks = tracks_of(video)
    tracks.approved[:] = True
    add_labels(label_set, "drift", video, tracks)
    for name in ("changed", "gone", "rejected", "damaged"):
        other = tmp_path / f"{name}.mp4"
        other.write_bytes(video.read_bytes())
        add_labels(label_set, name, other, tracks)
    drifting_clip(tmp_path / "changed.mp4", FRAMES, width=96)
    (tmp_path / "gone.mp4").unlink()
    label_set.decide(Decision("verdict", "rejected", verdict="rejected"))
    label_set.labels_path("damaged").write_bytes(b"no labels")
    videos, skipped, _ = labelled_videos(label_set)
    assert [one.name for one in videos] == ["drift"]
    reasons = {
        "changed": "changed since",
        "damaged": "damaged.npz",
        "gone": "not there any more",
        "rejected": "rejected",
    }
    assert len(skipped) == len(reasons)
    for sentence, (name, reason) in zip(skipped, reasons.items(), strict=True):
        assert f"{name}.npz: " in sentence
        assert reason in sentence
    assert [one.name for one in labelled_videos(label_set, ["drift"]).videos] == ["drift"]
    add_labels(label_set, "drift-0123abcd", video, tracks)
    assert [one.name for one in labelled_videos(label_set, ["drift"]).videos] == ["drift", "drift-0123abcd"]
    with pytest.raises(InputError, match="there is no video other"):
        labelled_videos(label_set, ["drift", "other"])
