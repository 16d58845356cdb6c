"""Runs of cells of one track."""

import numpy as np
from numpy.typing import NDArray


def stretches(flags: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """(row, first frame, end) of every run of set flags (N, T), row by row."""
    edge = np.zeros((len(flags), 1), np.int8)
    change = np.diff(flags.astype(np.int8), axis=1, prepend=edge, append=edge)
    rows, starts = np.nonzero(change == 1)
    ends = np.nonzero(change == -1)[1]
    return list(zip(rows.tolist(), starts.tolist(), ends.tolist(), strict=True))
