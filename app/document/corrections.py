"""The log of corrections: how far off predictions were that a person put right. Expected errors are fitted on it."""

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

from tracker.labels.table import Cells, Source

PREDICTED = (Source.MODEL, Source.BRIDGE)


@dataclass(frozen=True)
class Correction:
    """A person's anchor over a predicted cell.

    Attributes:
        error_px: how far the prediction was from the anchor, in pixels; 0 where it was approved as it was.
        visibility, confidence, disagreement, patch_change: what the cell held; NaN where it held none.
        expected_error: pixels, as the model that comes with the program expected before; NaN where it said nothing.
        time: Unix seconds.
    """

    track: int
    frame: int
    error_px: float
    visibility: float
    confidence: float
    disagreement: float
    patch_change: float
    expected_error: float
    time: float


def correction_of(
    track_id: int, frame: int, before: Cells, xy: tuple[float, float] | None, expected_error: float
) -> Correction | None:
    """The correction that an anchor at `xy` is of (1, 1) cells; None where they held no prediction.

    Without `xy` the cells were approved as they are.
    """
    old = before.xy[0, 0]
    if before.source[0, 0] not in PREDICTED or not np.isfinite(old).all():
        return None
    return Correction(
        track=track_id,
        frame=frame,
        error_px=0.0 if xy is None else float(np.hypot(xy[0] - float(old[0]), xy[1] - float(old[1]))),
        visibility=float(before.visibility[0, 0]),
        confidence=float(before.confidence[0, 0]),
        disagreement=float(before.disagreement[0, 0]),
        patch_change=float(before.patch_change[0, 0]),
        expected_error=float(expected_error),
        time=time.time(),
    )


def write_corrections(connection: sqlite3.Connection, corrections: Sequence[Correction]) -> None:
    """Append them, in the transaction that goes on; NaN becomes NULL."""
    connection.executemany(
        """INSERT INTO correction (track, frame, error_px, visibility, confidence, disagreement, patch_change,
        expected_error, time) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        [astuple(correction) for correction in corrections],  # SQLite keeps NaN as NULL
    )


def read_corrections(connection: sqlite3.Connection) -> list[Correction]:
    """All, oldest first."""
    rows = connection.execute(
        """SELECT track, frame, error_px, visibility, confidence, disagreement, patch_change, expected_error, time
        FROM correction ORDER BY id"""
    )
    return [Correction(*row[:2], *(np.nan if value is None else value for value in row[2:])) for row in rows.fetchall()]
