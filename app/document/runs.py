"""Runs: what executed, and how what it predicts falls into the cells of the table."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from app.document.edits import Patch, make_patch
from tracker.labels.table import Cells, Source, State, TrackTable

if TYPE_CHECKING:
    from tracker.inference.session import Prediction


@dataclass(frozen=True)
class RunInfo:
    """One execution of a tracker. The list of runs is a log: undoing what a run wrote does not take it from the list.

    Attributes:
        tracker: its name or the checkpoint file.
        device: where it ran: "cpu", "cuda", ….
        settings: whatever else belongs to it; values that JSON can hold.
        frames: (first, end) of the frames asked for, end exclusive; (0, 0) where nobody said.
        visible_above: a point whose visibility times confidence is below counts as occluded, 0..1.
        version: of Trackwright.
        started, ended: ISO 8601 in UTC; the document fills them in.
        outcome: "" while it runs, then "done", "cancelled", "failed", or "interrupted" by the end of the program.
        verb: what it does: "Track forward", "Re-track", ….
        label: what the history calls it: "Bridge 2 tracks", …; "" for the verb with the tracker.
    """

    tracker: str
    device: str = "cpu"
    settings: dict[str, Any] = field(default_factory=dict)
    frames: tuple[int, int] = (0, 0)
    visible_above: float = 0.5
    version: str = ""
    started: str = ""
    ended: str = ""
    outcome: str = ""
    verb: str = "Track"
    label: str = ""

    @property
    def title(self) -> str:
        """What the history calls it."""
        return self.label or f"{self.verb} with {self.tracker}"


def prediction_patch(
    table: TrackTable,
    prediction: "Prediction",
    run_id: int,
    source: Source,
    visible_above: float,
    size: tuple[int, int] | None,
) -> Patch | None:
    """What a prediction changes, None where nothing.

    Protected cells, positions that are NaN, frames outside the table, and tracks that are gone are left as they are;
    but where a bridge has probabilities and no position, nothing is known any more. A position outside the frame is out
    of view; inside it is visible where visibility times confidence reaches `visible_above`, else occluded.

    Args:
        size: width and height of the frame in pixels, None where unknown.
    """
    known = [k for k, track_id in enumerate(prediction.ids.tolist()) if track_id in table]
    ids = [int(prediction.ids[k]) for k in known]
    first = int(prediction.first_frame)
    start, end = max(first, 0), min(first + len(prediction.tracks), table.n_frames)
    if not ids or start >= end:
        return None
    rows = slice(start - first, end - first)
    xy = prediction.tracks[rows][:, known]
    write = np.isfinite(xy).all(axis=2) & ~table.protected(ids, start, end)
    before = table.read(ids, start, end)
    after = before.copy()
    visibility, confidence = prediction.visibility[rows][:, known], prediction.confidence[rows][:, known]
    after.xy[write] = xy[write]
    after.state[write] = predicted_states(xy, visibility, confidence, visible_above, size)[write]
    after.visibility[write] = visibility[write]
    after.confidence[write] = confidence[write]
    after.source[write] = source
    after.run_id[write] = run_id
    for name in ("disagreement", "patch_change"):
        values = getattr(prediction, name)
        written = np.nan if values is None else values[rows][:, known][write]
        getattr(after, name)[write] = np.minimum(written, np.finfo(np.float16).max)
    if source == Source.BRIDGE:
        nothing = np.isfinite(confidence) & ~np.isfinite(xy).all(axis=2) & ~table.protected(ids, start, end)
        for name, array in Cells.empty(1, 1).arrays().items():
            getattr(after, name)[nothing] = array[0, 0]
    return make_patch(ids, start, before, after)


def predicted_states(
    xy: NDArray[np.float32],
    visibility: NDArray[np.float32],
    confidence: NDArray[np.float32],
    visible_above: float,
    size: tuple[int, int] | None,
) -> NDArray[np.uint8]:
    """(F, K) states of predicted positions (F, K, 2) with their two probabilities."""
    states = np.where(visibility * confidence >= visible_above, State.VISIBLE, State.OCCLUDED).astype(np.uint8)
    if size is not None:
        # Pixel centres are whole numbers, so that a frame reaches from -0.5 to its size less 0.5.
        inside = ((xy >= -0.5) & (xy <= np.array(size, dtype=np.float32) - 0.5)).all(axis=2)
        states[~inside] = State.OUT_OF_VIEW
    return states
