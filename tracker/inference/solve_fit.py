"""Least squares for the transforms of many frames at once.

Hartley and Zisserman, Multiple View Geometry, 2nd edition: normalisation and the direct linear transform in chapter 4;
Umeyama 1991 for similarities, which in the plane is one complex division.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

SolveKind = Literal["translation", "similarity", "affine", "homography"]
LEAST: dict[SolveKind, int] = {"translation": 1, "similarity": 2, "affine": 3, "homography": 4}

THINNEST = 1e-6  # of a scatter: its smaller over its larger variance; tracks on one line are thinner
SMALLEST_SPREAD = 1e-2  # pixels: tracks that are closer together are in one place
REFINEMENTS = 4  # Gauss-Newton steps from the algebraic to the geometric fit of a homography

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def fit_all(source: Floats, target: Floats, there: Bools, kind: SolveKind) -> Floats:
    """(F, 3, 3) float64 transforms from positions (F, K, 2) to (K, 2), over the tracks that are `there` (F, K).

    Least squares of the distances at the target. NaN where the tracks are too few, or do not determine a transform that
    can be inverted.
    """
    matrices = np.full((len(source), 3, 3), np.nan)
    enough = there.sum(axis=1) >= LEAST[kind]
    if not enough.any():
        return matrices
    weights = there[enough].astype(np.float64)
    places = source[enough]
    goals = np.broadcast_to(target, places.shape)
    places, from_unit = _normalised(places, weights)
    goals, to_unit = _normalised(goals, weights)
    fit = {"translation": _translations, "similarity": _similarities, "affine": _affines, "homography": _homographies}
    found = fit[kind](places, goals, weights, from_unit, to_unit)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.linalg.inv(to_unit) @ found @ from_unit
        found /= np.abs(found[:, 2:, 2:])
    found[~np.isfinite(found).all(axis=(1, 2))] = np.nan
    matrices[enough] = found
    return matrices


def transfer_errors(matrices: Floats, source: Floats, target: Floats) -> Floats:
    """(F, K) distances in pixels between positions (F, K, 2) carried by their frame's transform and (K, 2)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        carried = np.einsum("fij,fkj->fki", matrices[:, :2, :2], source) + matrices[:, None, :2, 2]
        depth = np.einsum("fj,fkj->fk", matrices[:, 2, :2], source) + matrices[:, None, 2, 2]
        off = carried / np.where(depth > 0, depth, np.nan)[..., None] - target
    return np.hypot(off[..., 0], off[..., 1])


def _normalised(points: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Points (F, K, 2) around their mean with a mean square of 2, and the (F, 3, 3) transforms that made them so.

    Points in one place are only moved.
    """
    total = weights.sum(axis=1)
    mean = np.einsum("fk,fki->fi", weights, points) / total[:, None]
    around = (points - mean[:, None]) * weights[..., None]
    spread = np.sqrt((around**2).sum(axis=(1, 2)) / total)
    scale = np.where(spread > SMALLEST_SPREAD, np.sqrt(2) / np.maximum(spread, SMALLEST_SPREAD), 1.0)
    matrices = np.zeros((len(points), 3, 3))
    matrices[:, 0, 0] = matrices[:, 1, 1] = scale
    matrices[:, :2, 2] = -mean * scale[:, None]
    matrices[:, 2, 2] = 1
    return around * scale[:, None, None], matrices


def _translations(places: Floats, goals: Floats, weights: Floats, from_unit: Floats, to_unit: Floats) -> Floats:
    """From mean to mean; the scales of both sides are taken out again."""
    found = np.zeros((len(places), 3, 3))
    found[:, 0, 0] = found[:, 1, 1] = to_unit[:, 0, 0] / from_unit[:, 0, 0]
    found[:, 2, 2] = 1
    return found


def _similarities(places: Floats, goals: Floats, weights: Floats, from_unit: Floats, to_unit: Floats) -> Floats:
    old, new = (points[..., 0] + 1j * points[..., 1] for points in (places, goals))
    found = np.full((len(places), 3, 3), np.nan)
    size = (np.abs(old) ** 2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        turn = (old.conj() * new).sum(axis=1) / size
    fine = _spread_out(places, weights) & _spread_out(goals, weights) & (np.abs(turn) > THINNEST)
    turn = turn[fine]
    found[fine] = 0
    found[fine, 0, 0] = found[fine, 1, 1] = turn.real
    found[fine, 1, 0], found[fine, 0, 1] = turn.imag, -turn.imag
    found[fine, 2, 2] = 1
    return found


def _spread_out(points: Floats, weights: Floats) -> Bools:
    """Points in one place were not scaled, so that their mean square is far below the 2 of all others."""
    return np.asarray((points**2).sum(axis=(1, 2)) > weights.sum(axis=1))


def _affines(places: Floats, goals: Floats, weights: Floats, from_unit: Floats, to_unit: Floats) -> Floats:
    found = np.full((len(places), 3, 3), np.nan)
    scatter = np.einsum("fki,fkj->fij", places, places)
    fine = _is_wide(places) & _is_wide(goals)
    across = np.einsum("fki,fkj->fij", goals, places)
    found[fine] = np.eye(3)
    found[fine, :2, :2] = across[fine] @ np.linalg.inv(scatter[fine])
    with np.errstate(invalid="ignore"):
        found[~(np.abs(np.linalg.det(found)) > THINNEST)] = np.nan
    return found


def _is_wide(points: Floats) -> Bools:
    """Whether points span the plane: not in one place, nor on one line."""
    variances = np.linalg.eigvalsh(np.einsum("fki,fkj->fij", points, points))
    return np.asarray((variances[:, 0] > THINNEST * variances[:, 1]) & (variances[:, 1] > SMALLEST_SPREAD**2))


def _homographies(places: Floats, goals: Floats, weights: Floats, from_unit: Floats, to_unit: Floats) -> Floats:
    found = np.full((len(places), 3, 3), np.nan)
    x, y, u, v = places[..., 0], places[..., 1], goals[..., 0], goals[..., 1]
    one, zero = weights, np.zeros_like(x)
    rows = np.stack(
        [
            np.stack([x, y, one, zero, zero, zero, -u * x, -u * y, -u], axis=-1),
            np.stack([zero, zero, zero, x, y, one, -v * x, -v * y, -v], axis=-1),
        ],
        axis=2,
    )
    values, vectors = np.linalg.eigh(np.einsum("fkri,fkrj->fij", rows, rows))
    algebraic = vectors[:, :, 0].reshape(-1, 3, 3)
    with np.errstate(invalid="ignore", divide="ignore"):
        algebraic = algebraic / algebraic[:, 2:, 2:]
    depth = np.einsum("fj,fkj->fk", algebraic[:, 2, :2], places) + 1
    ahead = (np.where(weights > 0, depth, 1.0) > THINNEST).all(axis=1)
    fine = (values[:, 1] > THINNEST**1.5 * values[:, -1]) & ahead & np.isfinite(algebraic).all(axis=(1, 2))
    fine &= _is_wide(places) & _is_wide(goals)
    found[fine] = _refined(algebraic[fine], places[fine], goals[fine], weights[fine])
    with np.errstate(invalid="ignore"):
        found[~(np.abs(np.linalg.det(found)) > THINNEST)] = np.nan
    return found


def _refined(matrices: Floats, places: Floats, goals: Floats, weights: Floats) -> Floats:
    """Gauss-Newton on the distances at the target; a step that makes them larger is not taken."""
    matrices = matrices.copy()
    cost, _, _ = _linearised(matrices, places, goals, weights)
    for _ in range(REFINEMENTS):
        _, normal, slope = _linearised(matrices, places, goals, weights)
        step = np.zeros((len(matrices), 9))
        step[:, :8] = np.linalg.solve(normal + 1e-12 * np.eye(8), slope[..., None])[..., 0]
        tried = matrices - step.reshape(-1, 3, 3)
        tried_cost, _, _ = _linearised(tried, places, goals, weights)
        better = tried_cost < cost
        matrices[better], cost[better] = tried[better], tried_cost[better]
    return matrices


def _linearised(matrices: Floats, places: Floats, goals: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Sums of squared distances (F,), and their normal equations (F, 8, 8), (F, 8); the last element stays 1."""
    flat = np.concatenate([places, np.ones_like(places[..., :1])], axis=-1)
    carried = np.einsum("fij,fkj->fki", matrices, flat)
    depth = np.where(carried[..., 2] > THINNEST, carried[..., 2], THINNEST)
    seen = carried[..., :2] / depth[..., None]
    off = (seen - goals) * weights[..., None]
    near = flat * (weights / depth)[..., None]
    zero = np.zeros_like(near)
    slopes = np.stack(
        [
            np.concatenate([near, zero, -near[..., :2] * seen[..., :1]], axis=-1),
            np.concatenate([zero, near, -near[..., :2] * seen[..., 1:]], axis=-1),
        ],
        axis=2,
    )
    normal = np.einsum("fkri,fkrj->fij", slopes, slopes)
    slope = np.einsum("fkri,fkr->fi", slopes, off)
    return (off**2).sum(axis=(1, 2)), normal, slope
