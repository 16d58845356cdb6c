"""Motions that are known are found again, whatever some tracks say."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tracker.inference.solves import LEAST, OUTLIER_PX, SolveKind, map_points, solve_motion

KINDS: tuple[SolveKind, ...] = ("translation", "similarity", "affine", "homography")
FRAMES, REFERENCE = 6, 2
SIZE = np.array([640.0, 480.0])


def motion(kind: SolveKind, rng: np.random.Generator) -> NDArray[np.float64]:
    """A transform from one frame to another, of the size that cameras make."""
    matrix = np.eye(3)
    matrix[:2, 2] = rng.uniform(-40, 40, 2)
    if kind == "similarity":
        angle, scale = rng.uniform(-0.4, 0.4), rng.uniform(0.7, 1.4)
        matrix[:2, :2] = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    elif kind in ("affine", "homography"):
        matrix[:2, :2] += rng.uniform(-0.2, 0.2, (2, 2))
    if kind == "homography":
        matrix[2, :2] = rng.uniform(-3e-4, 3e-4, 2)
    return matrix


def moved(kind: SolveKind, n_tracks: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Tracks (N, T, 2) that move exactly so, and the true transforms to the reference frame."""
    rng = np.random.default_rng(seed)
    corners = np.array([[40, 40], [600, 50], [580, 440], [60, 430]]) + rng.uniform(-20, 20, (4, 2))
    points = np.concatenate([corners, rng.uniform(20, SIZE - 20, (max(0, n_tracks - 4), 2))])[:n_tracks]
    ways = np.stack([np.eye(3) if t == REFERENCE else motion(kind, rng) for t in range(FRAMES)])  # from the reference
    xy = np.stack([map_points(way, points) for way in ways], axis=1)
    return xy.astype(np.float32), np.linalg.inv(ways).astype(np.float64)


def error(solve_matrix: NDArray[np.float64], true: NDArray[np.float64], at: NDArray[np.floating]) -> float:
    return float(np.abs(map_points(solve_matrix, at) - map_points(true, at)).max())


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(KINDS), st.integers(0, 10_000), st.integers(0, 12), st.booleans())
def test_an_exact_motion_is_found_to_a_thousandth_of_a_pixel(
    kind: SolveKind, seed: int, more: int, robust: bool
) -> None:
    xy, true = moved(kind, LEAST[kind] + more, seed)
    solve = solve_motion(xy, np.ones(xy.shape[:2], bool), REFERENCE, kind, robust)
    assert solve.solved.all()
    for frame in range(FRAMES):
        assert error(solve.matrices[frame], true[frame], xy[:, frame]) < 1e-3
    assert np.nanmax(solve.residuals) < 1e-3
    assert solve.inliers.all()


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(KINDS), st.integers(0, 10_000), st.integers(14, 30))
def test_three_tenths_of_gross_outliers_are_left_out(kind: SolveKind, seed: int, n_tracks: int) -> None:
    xy, true = moved(kind, n_tracks, seed)
    rng = np.random.default_rng(seed + 1)
    wrong = rng.permutation(n_tracks)[: int(0.3 * n_tracks)]
    for frame in set(range(FRAMES)) - {REFERENCE}:
        angle = rng.uniform(0, 2 * np.pi, len(wrong))
        xy[wrong, frame] += (rng.uniform(40, 150, (1, len(wrong))) * np.array([np.cos(angle), np.sin(angle)])).T
    solve = solve_motion(xy, np.ones(xy.shape[:2], bool), REFERENCE, kind, robust=True)
    right = np.setdiff1d(np.arange(n_tracks), wrong)
    for frame in set(range(FRAMES)) - {REFERENCE}:
        assert error(solve.matrices[frame], true[frame], xy[right, frame]) < 1e-2
        assert not solve.inliers[wrong, frame].any()
        assert solve.inliers[right, frame].all()
        assert (solve.residuals[wrong, frame] > OUTLIER_PX).all()


def test_without_robustness_an_outlier_pulls() -> None:
    xy, true = moved("similarity", 10, 3)
    xy[0, 4] += 90
    pulled = solve_motion(xy, np.ones(xy.shape[:2], bool), REFERENCE, "similarity", robust=False)
    assert error(pulled.matrices[4], true[4], xy[1:, 4]) > 1
    assert pulled.inliers[0, 4]


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(KINDS), st.integers(0, 10_000))
def test_residuals_are_distances_on_the_reference_frame(kind: SolveKind, seed: int) -> None:
    xy, _ = moved(kind, 12, seed)
    xy += np.random.default_rng(seed).normal(0, 0.5, xy.shape).astype(np.float32)
    usable = np.random.default_rng(seed).random(xy.shape[:2]) < 0.9
    solve = solve_motion(xy, usable, REFERENCE, kind)
    for frame in np.flatnonzero(solve.solved).tolist():
        off = map_points(solve.matrices[frame], xy[:, frame]) - xy[:, REFERENCE]
        known = usable[:, frame] & usable[:, REFERENCE]
        assert np.allclose(solve.residuals[known, frame], np.hypot(*off[known].T), atol=1e-3)
        assert np.isnan(solve.residuals[~known, frame]).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_no_other_homography_near_by_fits_better(seed: int) -> None:
    xy, _ = moved("homography", 12, seed)
    rng = np.random.default_rng(seed)
    xy += rng.normal(0, 0.5, xy.shape).astype(np.float32)
    solve = solve_motion(xy, np.ones(xy.shape[:2], bool), REFERENCE, "homography", robust=False)

    def cost(matrix: NDArray[np.float64]) -> float:
        return float(((map_points(matrix, xy[:, 0]) - xy[:, REFERENCE]) ** 2).sum())

    best = cost(solve.matrices[0])
    scale = np.array([[1e-4, 1e-4, 1e-2], [1e-4, 1e-4, 1e-2], [1e-7, 1e-7, 0]])
    for _ in range(20):
        assert cost(solve.matrices[0] + rng.normal(0, 1, (3, 3)) * scale) > best * (1 - 1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_with_too_few_tracks_is_not_solved(kind: SolveKind) -> None:
    xy, _ = moved(kind, LEAST[kind], 5)
    usable = np.ones(xy.shape[:2], bool)
    usable[0, 4] = False
    xy[0, 5] = np.nan
    solve = solve_motion(xy, usable, REFERENCE, kind)
    assert solve.solved.tolist() == [True, True, True, True, False, False]
    assert solve.matrix(4) is None
    assert solve.matrix(-1) is None
    assert np.isnan(solve.matrices[4]).all()
    assert np.isnan(solve.residuals[:, 4]).all()
    assert not solve.inliers[:, 4].any()
    mean, largest = solve.frame_errors()
    assert np.isnan(mean[4])
    assert np.isnan(largest[4])


def test_nothing_is_chained_over_tracks_that_the_reference_frame_lacks() -> None:
    xy, _ = moved("similarity", 6, 1)
    usable = np.ones(xy.shape[:2], bool)
    usable[:3, 4] = usable[3:, REFERENCE] = False  # frame 4 shares no track with the reference frame
    solve = solve_motion(xy, usable, REFERENCE, "similarity")
    assert solve.solved.tolist() == [True, True, True, True, False, True]
    assert np.isnan(solve.residuals[3:]).all()


@pytest.mark.parametrize("kind", ["affine", "homography"])
def test_tracks_on_one_line_determine_no_plane(kind: SolveKind) -> None:
    along = np.linspace(10, 500, 7)
    line = np.stack([along, 30 + along * 0.4], axis=1)
    xy = np.stack([line + 3 * t for t in range(4)], axis=1).astype(np.float32)
    solve = solve_motion(xy, np.ones(xy.shape[:2], bool), 0, kind)
    assert not solve.solved.any()


def test_tracks_in_one_place_have_no_turn() -> None:
    xy = np.full((3, 4, 2), 50, np.float32)
    assert not solve_motion(xy, np.ones((3, 4), bool), 0, "similarity").solved.any()
    assert solve_motion(xy, np.ones((3, 4), bool), 0, "translation").solved.all()


def test_where_nobody_can_tell_who_is_wrong_all_stay_in() -> None:
    xy, _ = moved("homography", 5, 8)
    xy[0, 4] += 60
    solve = solve_motion(xy, np.ones(xy.shape[:2], bool), REFERENCE, "homography", robust=True)
    assert solve.inliers[:, 4].all()
    assert solve.residuals[:, 4].max() > OUTLIER_PX


def test_smoothing_takes_jitter_away() -> None:
    rng = np.random.default_rng(0)
    xy = np.full((1, 60, 2), 100, np.float32) + rng.normal(0, 1, (1, 60, 2)).astype(np.float32)
    usable = np.ones((1, 60), bool)
    usable[:, 20] = False
    rough, smooth = (solve_motion(xy, usable, 0, "translation", smooth=k) for k in (0, 5))
    assert np.nanstd(smooth.matrices[:, 0, 2]) < 0.6 * np.nanstd(rough.matrices[:, 0, 2])
    assert np.isnan(smooth.matrices[20]).all()
    assert smooth.solved.sum() == 59
    assert np.nanmax(rough.residuals) < 1e-4 < np.nanmean(smooth.residuals)


def test_errors_by_track_name_the_worst_frame() -> None:
    xy, _ = moved("affine", 12, 2)
    xy[3, 5] += 20
    usable = np.ones(xy.shape[:2], bool)
    usable[7] = False
    solve = solve_motion(xy, usable, REFERENCE, "affine")
    mean, largest, worst = solve.track_errors()
    assert worst[3] == 5
    assert largest[3] == pytest.approx(solve.residuals[3, 5])
    assert mean[3] == pytest.approx(largest[3] / FRAMES, rel=1e-2)
    assert worst[7] == -1
    assert np.isnan(mean[7])


def test_no_tracks_solve_nothing() -> None:
    solve = solve_motion(np.zeros((0, 5, 2), np.float32), np.zeros((0, 5), bool), 0, "affine")
    assert not solve.solved.any()
    assert solve.residuals.shape == (0, 5)
    assert np.isnan(solve.frame_errors()[0]).all()
    assert len(solve.track_errors()[0]) == 0


def test_the_same_input_gives_the_same_answer() -> None:
    xy, _ = moved("homography", 30, 4)
    xy[:8, 1] += np.random.default_rng(1).uniform(30, 90, (8, 2)).astype(np.float32)
    usable = np.ones(xy.shape[:2], bool)
    first, second = (solve_motion(xy, usable, REFERENCE, "homography") for _ in range(2))
    assert first.matrices.tobytes() == second.matrices.tobytes()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"reference": 9}, "no frame 9"),
        ({"usable": np.ones((2, 2), bool)}, "do not fit"),
        ({"kind": "spline"}, "spline"),
        ({"smooth": -1}, "negative"),
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, object], says: str) -> None:
    asked: dict[str, Any] = {
        "xy": np.zeros((4, 5, 2), np.float32),
        "usable": np.ones((4, 5), bool),
        "reference": 0,
        "kind": "affine",
    }
    with pytest.raises(ValueError, match=says):
        solve_motion(**(asked | change))


def test_it_can_be_given_up() -> None:
    def stop(done: int, total: int) -> None:
        raise InterruptedError(f"{done} of {total}")

    with pytest.raises(InterruptedError, match="5 of 5"):
        solve_motion(np.zeros((4, 5, 2), np.float32), np.ones((4, 5), bool), 0, "affine", progress=stop)
