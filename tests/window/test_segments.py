"""Which stretches a run solves, and how predictions of points become predictions of tracks."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.document.project import Document
from app.segments import Segment, merge, segments_backward, segments_forward
from tracker.inference.session import Prediction
from tracker.labels import State

FRAMES = 30


def document_with(anchors: list[int]) -> Document:
    document = Document(FRAMES)
    document.add_tracks([[anchors[0], 5, 5]])
    for frame in anchors[1:]:
        document.place_anchor(0, frame, 6, 6)
    return document


def covered(segments: list[Segment]) -> list[int]:
    return sorted(frame for segment in segments for frame in range(segment.start, segment.end))


anchor_frames = st.lists(st.integers(0, FRAMES - 1), min_size=1, max_size=6, unique=True)


@given(anchor_frames, st.integers(0, FRAMES - 1), st.integers(1, FRAMES))
def test_forward_covers_each_frame_from_the_first_anchor_once(anchors: list[int], start: int, end: int) -> None:
    segments = segments_forward(document_with(anchors), [0], start, end)
    assert covered(segments) == list(range(max(start, min(anchors)), end))
    assert all(segment.anchor <= segment.start for segment in segments)


@given(anchor_frames, st.integers(0, FRAMES - 1), st.integers(1, FRAMES))
def test_backward_covers_each_frame_up_to_the_last_anchor_once(anchors: list[int], start: int, end: int) -> None:
    segments = segments_backward(document_with(anchors), [0], start, end)
    wanted = set(range(start, min(end, max(anchors) + 1)))
    assert covered(segments) == sorted(wanted)
    assert all(segment.end - 1 <= segment.anchor for segment in segments)


@given(anchor_frames)
def test_both_ways_cover_the_whole_video_once(anchors: list[int]) -> None:
    document = document_with(anchors)
    forward = segments_forward(document, [0], 0, FRAMES)
    backward = segments_backward(document, [0], 0, FRAMES, only_before_first=True)
    assert covered(forward) == list(range(min(anchors), FRAMES))
    assert covered(backward) == list(range(min(anchors) + 1))


def test_an_anchor_that_cannot_be_seen_starts_nothing() -> None:
    document = document_with([3])
    document.set_state([0], 10, 11, State.OUT_OF_VIEW)
    assert covered(segments_forward(document, [0], 0, FRAMES)) == list(range(3, 10))


def test_points_of_one_track_are_put_together_within_their_limits() -> None:
    tracks = np.stack([np.full((8, 2), 1.0), np.full((8, 2), 2.0), np.full((8, 2), 3.0)], axis=1).astype(np.float32)
    ones = np.ones((8, 3), np.float32)
    prediction = Prediction(4, np.array([10, 11, 12]), tracks, ones, ones)
    segments = {10: Segment(7, 2, 0, 0, 2, 8), 11: Segment(7, 8, 0, 0, 8, 10), 12: Segment(9, 0, 0, 0, 0, 6)}
    merged = merge(prediction, segments)
    assert merged.ids.tolist() == [7, 9]
    assert merged.first_frame == 4
    np.testing.assert_array_equal(merged.tracks[:, 0, 0], [1, 1, 1, 1, 2, 2, np.nan, np.nan])
    np.testing.assert_array_equal(merged.tracks[:, 1, 0], [3, 3] + [np.nan] * 6)
    assert np.isnan(merged.visibility[6:, 0]).all()
