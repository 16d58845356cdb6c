"""What a person's marks make of cells. All functions take cells and give changed copies."""

import numpy as np
from numpy.typing import NDArray

from tracker.labels.table import Cells, Source, State


def anchored(cells: Cells, xy: NDArray[np.float32]) -> Cells:
    """Anchors at (F, K, 2) pixels. A person's own occluded flag stays; all else becomes visible."""
    after = cells.copy()
    occluded = (cells.source == Source.ANCHOR) & (cells.state == State.OCCLUDED)
    after.xy[:] = xy
    after.state[:] = np.where(occluded, State.OCCLUDED, State.VISIBLE)
    _vouch(after, np.ones(cells.shape, dtype=bool))
    return after


def flagged(cells: Cells, state: State) -> Cells:
    """Anchors of that state. Out of view has no position; visible without a position is unlabelled."""
    after = cells.copy()
    unknown: NDArray[np.bool_] = np.isnan(cells.xy[..., 0]) | np.isnan(cells.xy[..., 1])
    if state == State.VISIBLE:
        _blank(after, unknown)
        after.state[~unknown] = state
        _vouch(after, ~unknown)
    else:
        after.state[:] = state
        if state == State.OUT_OF_VIEW:
            after.xy[:] = np.nan
        _vouch(after, np.ones(cells.shape, dtype=bool))
    return after


def cleared(cells: Cells) -> Cells:
    """Unlabelled cells."""
    return Cells.empty(*cells.shape)


def approved(cells: Cells, yes: bool) -> Cells:
    """All labelled cells reviewed, or not."""
    after = cells.copy()
    after.approved[:] = (cells.state != State.UNLABELLED) & yes
    return after


def _vouch(cells: Cells, where: NDArray[np.bool_]) -> None:
    cells.source[where] = Source.ANCHOR
    cells.visibility[where] = np.nan
    cells.confidence[where] = np.nan
    cells.disagreement[where] = np.nan
    cells.patch_change[where] = np.nan
    cells.run_id[where] = -1


def _blank(cells: Cells, where: NDArray[np.bool_]) -> None:
    empty = Cells.empty(1, 1)
    for name, array in cells.arrays().items():
        array[where] = getattr(empty, name)[0, 0]
