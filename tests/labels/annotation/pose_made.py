"""Tracks in groups, for the tests of the formats of pose programs."""

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.labels.made import make_tracks
from tracker.labels import State, TrackFile
from tracker.labels.keys import TrackKeys, keys_of

GROUPS = ("", "left fly", "right, “é”")
NAMES = ("nose", "tail tip", 'the "left" ü')
few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def make_grouped(n_tracks: int, n_frames: int, seed: int, labelled: float) -> TrackFile:
    """Tracks of three groups (no group is one), in any order, with few names that several may share."""
    tracks = make_tracks(n_tracks, n_frames, seed, labelled)
    random = np.random.default_rng(seed)
    tracks.groups = [GROUPS[n] for n in random.integers(0, len(GROUPS), n_tracks)]
    tracks.names = [NAMES[n] for n in random.integers(0, len(NAMES), n_tracks)]
    tracks.state[:, 0] = State.VISIBLE
    tracks.xy[:, 0] = random.random((n_tracks, 2)).astype(np.float32) * 9
    return tracks


grouped_files = st.builds(
    make_grouped,
    n_tracks=st.integers(1, 5),
    n_frames=st.integers(1, 7),
    seed=st.integers(0, 2**32 - 1),
    labelled=st.sampled_from([0.0, 0.3, 0.8, 1.0]),
)


def two_flies() -> TrackFile:
    """Nose and tail of two flies on five frames, all visible and of a model, and at places of their own."""
    tracks = make_tracks(4, 5, 1, labelled=1.0)
    tracks.names, tracks.groups = ["nose", "nose", "tail", "tail"], ["A", "B", "A", "B"]
    tracks.state[:], tracks.source[:], tracks.approved[:] = State.VISIBLE, 2, False
    tracks.xy[:] = np.arange(40, dtype=np.float32).reshape(4, 5, 2) / 4
    tracks.confidence[:] = 0.5
    tracks.query_from_first_visible()
    return tracks


def assert_keys_come_back(
    tracks: TrackFile, back: TrackFile, hidden: str = "gap", atol: float = 0.0
) -> list[tuple[TrackKeys, TrackKeys]]:
    """Frames, flags and groups are the same, positions within `atol` pixels; gives the keys of both, by track."""
    mine, theirs = keys_of(tracks, hidden), keys_of(back, hidden)  # type: ignore[arg-type]
    assert [key.group for key in mine] == [key.group for key in theirs]
    for one, other in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(one.frames, other.frames)
        np.testing.assert_array_equal(one.visible, other.visible)
        np.testing.assert_allclose(one.xy, other.xy, rtol=0, atol=atol)
    return list(zip(mine, theirs, strict=True))
