"""What a person should be told of a solved gap."""

from collections.abc import Iterator, Sequence

import numpy as np

from tracker.inference.bridge_choice import GOOD
from tracker.inference.bridge_flow import Bools, Floats
from tracker.inference.bridge_solve import Solved
from tracker.inference.gaps import Gap, Remark

MOSTLY = 0.9  # of the frames of a gap, from which on a point counts as hidden all through
APART = 6.0  # pixels of the video between both directions, where they are told as apart


def remarks_on(
    gaps: Sequence[Gap], asked: Sequence[tuple[int, int]], solved: Solved, disagreement: Floats
) -> Iterator[Remark]:
    """Of N gaps between two anchors.

    Args:
        asked: of each gap, the rows [start, stop) of `solved` that were asked for.
        disagreement: (T, N) pixels.
    """
    for column, (gap, (start, stop)) in enumerate(zip(gaps, asked, strict=True)):
        rows = slice(start, stop)
        beyond = solved.beyond[rows, column]
        if beyond.any() or solved.cut[rows, column].any():
            left_out = np.flatnonzero(solved.cut[rows, column])
            first = int(left_out[0] if len(left_out) else beyond.argmax())
            yield Remark(gap.id, gap.start + first, gap.start + first + max(1, len(left_out)), "cut")
        elif solved.hidden[rows, column].mean() >= MOSTLY:
            yield Remark(gap.id, gap.start, gap.end, "hidden")
        else:
            doubtful = (disagreement[rows, column] > APART) & (solved.likeness[rows, column] < GOOD)
            for first, last in _stretches(doubtful, solved.sudden[rows, column] & ~solved.hidden[rows, column]):
                yield Remark(gap.id, gap.start + first, gap.start + last, "apart")


def _stretches(wide: Bools, cores: Bools) -> Iterator[tuple[int, int]]:
    """The stretches [first, last) of `wide` or `cores` that hold one of the cores."""
    edges = np.flatnonzero(np.diff(np.pad((wide | cores).astype(np.int8), 1)))
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if cores[first:last].any():
            yield first, last
