"""What several opinions on the same points come to: one position, votes on visibility, and how far they lie apart."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.float32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Agreement:
    """One label for N points on T frames.

    Attributes:
        xy: (N, T, 2) float32 pixels, the position of one of the opinions; NaN where none has any.
        visible: (N, T) bool, more than half of those that said anything saw the point. A tie counts as hidden: a
            student loses less by a visible point called hidden than by a hidden one called visible.
        votes, voters: (N, T) uint8, how many saw the point, and of how many.
        confidence: (N, T) float32 in 0..1, the mean of those that vouch for their position, 0 where none does.
        certainty: (N, T) float32 in 0..1, the mean of all that said anything, also of those that do not vouch.
        disagreement: (N, T) float16 pixels, NaN with one opinion and no round trip.
    """

    xy: Positions
    visible: Flags
    votes: NDArray[np.uint8]
    voters: NDArray[np.uint8]
    confidence: NDArray[np.float32]
    certainty: NDArray[np.float32]
    disagreement: NDArray[np.float16]

    @property
    def split(self) -> Flags:
        """(N, T) bool, some saw the point and some did not."""
        return (self.votes > 0) & (self.votes < self.voters)


def agree(
    xy: Positions,
    visible: Flags,
    certainty: NDArray[np.float32],
    *,
    trips: Positions | None = None,
    query_frames: NDArray[np.integer] | None = None,
) -> Agreement:
    """What K opinions come to.

    The position is the medoid: the opinion from which the others, weighted by their certainty, lie least far. Unlike a
    mean, and unlike the geometric median of two or four, it never lies between two objects where nobody saw the point;
    and less than half of the opinions cannot move it far. Of equals the more certain one is taken, then the first.

    The disagreement is the mean distance of the other opinions from that position. Opinions that do not vouch count
    too: a tracker that lost a point stays behind, and that is told by how far (docs/benchmarks/agreement.md). Where
    there is but one opinion it is that one's distance from its own round trip (`round_trip_miss`), which tells less:
    added to the spread of several it made the doubt worse.

    Args:
        xy: (K, N, T, 2) float32 pixels, NaN where an opinion says nothing.
        visible: (K, N, T) bool, the opinion sees the point.
        certainty: (K, N, T) float32 in 0..1 that the position is right. An opinion with exactly 0 does not vouch for
            its position, which counts only where no opinion vouches.
        trips: (K, N, T, 2) float32 pixels where the same trackers come by on their way back to the query from the other
            end of what they saw; NaN where they did not. They have no vote and place nothing.
        query_frames: (N,) the frame of each query; needed with `trips`.

    Raises:
        ValueError: the shapes do not fit together.
    """
    if visible.shape != xy.shape[:3] or certainty.shape != xy.shape[:3] or xy.shape[3:] != (2,):
        raise ValueError(f"opinions of shapes {xy.shape}, {visible.shape} and {certainty.shape} do not fit together")
    spoken = np.asarray(np.isfinite(xy).all(axis=3))
    vouching = spoken & (certainty > 0)
    heard = np.where(vouching.any(axis=0), vouching, spoken)
    weight = np.where(vouching, certainty, heard).astype(np.float32)
    chosen, spread = _medoid(xy, spoken, heard, weight)
    votes = (visible & spoken).sum(axis=0, dtype=np.uint8)
    voters = spoken.sum(axis=0, dtype=np.uint8)
    count = vouching.sum(axis=0)
    total = np.where(vouching, certainty, 0).sum(axis=0, dtype=np.float32)
    if trips is not None:
        if query_frames is None:
            raise ValueError("round trips need the frames of the queries")
        misses = np.stack([round_trip_miss(a, b, query_frames) for a, b in zip(xy, trips, strict=True)])
        spread = np.where(np.isnan(spread), _mean(misses, np.isfinite(misses)), spread)
    return Agreement(
        xy=chosen,
        visible=2 * votes.astype(np.int16) > voters,
        votes=votes,
        voters=voters,
        confidence=(total / np.maximum(count, 1)).astype(np.float32),
        certainty=(total / np.maximum(voters, 1)).astype(np.float32),
        disagreement=np.minimum(spread, np.finfo(np.float16).max).astype(np.float16),
    )


def round_trip_miss(xy: Positions, back: Positions, query_frames: NDArray[np.integer]) -> NDArray[np.float32]:
    """(N, T) float32 pixels: how far a tracker's way back lies from its way out, at most, from the query to each frame.

    A tracker that slips onto something else follows that back: both ways agree where it is wrong, and part where it
    went astray. So what they miss each other by counts from there on, away from the query. Frames that the way back
    does not reach count like the last before them.

    Args:
        xy, back: (N, T, 2) float32 pixels, NaN where the tracker said nothing.
        query_frames: (N,) where the ways out start.
    """
    distance = np.linalg.norm(back - xy, axis=2)
    after = np.arange(xy.shape[1]) >= np.asarray(query_frames)[:, None]
    # The largest so far, away from the query: to the right of it, and to the left of it.
    onwards = np.fmax.accumulate(np.where(after, distance, np.nan), axis=1)
    before = np.fmax.accumulate(np.where(after, np.nan, distance)[:, ::-1], axis=1)[:, ::-1]
    miss = np.where(after, onwards, before)
    return np.where(np.isfinite(xy).all(axis=2), miss, np.nan).astype(np.float32)


def _medoid(
    xy: Positions, spoken: Flags, heard: Flags, weight: NDArray[np.float32]
) -> tuple[Positions, NDArray[np.float32]]:
    """Of the opinions that are heard the one in the middle; the mean distance of all others, NaN without others."""
    points = np.where(spoken[..., None], xy, 0).astype(np.float32)
    cost = np.empty(heard.shape, np.float32)
    apart = np.empty(heard.shape, np.float32)
    others = spoken.sum(axis=0) - 1
    for k, point in enumerate(points):
        distance = np.linalg.norm(points - point, axis=3) * spoken
        cost[k] = (distance * weight * heard).sum(axis=0)
        apart[k] = distance.sum(axis=0)
    cost[~heard] = np.inf
    cheapest = cost <= cost.min(axis=0)
    best = np.where(cheapest, weight, -1).argmax(axis=0)
    chosen = np.take_along_axis(points, best[None, ..., None], axis=0)[0]
    chosen[~heard.any(axis=0)] = np.nan
    spread = np.take_along_axis(apart, best[None], axis=0)[0] / np.maximum(others, 1)
    return chosen, np.where(others > 0, spread, np.nan).astype(np.float32)


def _mean(values: NDArray[np.float32], known: Flags) -> NDArray[np.float32]:
    """Over the first axis, of what is known; NaN where nothing is."""
    count = known.sum(axis=0)
    total = np.where(known, values, 0).sum(axis=0, dtype=np.float32)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
