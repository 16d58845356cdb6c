"""Tracks made at random for the tests of the formats, and pictures to go with them."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from tracker.labels import Source, State, TrackFile, VideoFacts

WIDTH, HEIGHT = 20, 12


class Pictures:
    """Frames of one grey each, so that a reader sees which frame it got."""

    def __init__(self, frame_count: int, width: int = WIDTH, height: int = HEIGHT) -> None:
        self.frame_count, self.width, self.height = frame_count, width, height

    def frames(self, start: int, stop: int) -> Iterator[NDArray[np.uint8]]:
        for frame in range(start, stop):
            yield np.full((self.height, self.width, 3), frame * 7 % 256, np.uint8)


def facts(tracks: TrackFile) -> VideoFacts:
    """The video that the tracks belong to."""
    return VideoFacts(tracks.pts, tracks.time_base, tracks.size_wh)


def make_tracks(n_tracks: int, n_frames: int, seed: int, labelled: float = 0.8) -> TrackFile:
    """Tracks with every state, positions missing here and there, and a share of labelled cells."""
    random = np.random.default_rng(seed)
    pts = np.cumsum(random.integers(1, 5, n_frames)).astype(np.int64) - 3
    tracks = TrackFile.empty(n_tracks, pts, Fraction(1, 30), (WIDTH, HEIGHT))
    shape = (n_tracks, n_frames)
    known = random.random(shape) < labelled
    tracks.state[known] = random.integers(1, len(State), shape)[known]
    tracks.xy[known] = (random.random((*shape, 2)) * (WIDTH, HEIGHT) - 0.5).astype(np.float32)[known]
    tracks.xy[(tracks.state == State.OCCLUDED) & (random.random(shape) < 0.3)] = np.nan
    tracks.source[known] = random.integers(1, len(Source), shape)[known]
    model = known & (tracks.source != Source.ANCHOR)
    tracks.visibility[model] = random.random(shape)[model]
    tracks.confidence[model] = 1 - random.random(shape)[model] / 2
    tracks.approved[known] = (random.random(shape) < 0.3)[known]
    tracks.names = [f"point {n}, “é”" for n in range(n_tracks)]
    tracks.query_from_first_visible()
    return tracks


track_files = st.builds(
    make_tracks,
    n_tracks=st.integers(0, 4),
    n_frames=st.integers(1, 9),
    seed=st.integers(0, 2**32 - 1),
    labelled=st.sampled_from([0.0, 0.3, 0.8, 1.0]),
)


def assert_same(mine: object, theirs: object, field: str) -> None:
    """Equal to the bit, NaN equals NaN."""
    if isinstance(mine, np.ndarray):
        assert isinstance(theirs, np.ndarray)
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs, err_msg=field)
    else:
        assert mine == theirs, field
