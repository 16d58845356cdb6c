"""The one history of a document: named steps and a position among them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.document.corrections import Correction
from app.document.runs import RunInfo
from app.document.scene import Scene
from app.document.scene_edits import AnyTouched, Edit
from app.document.video_ref import VideoRef


@dataclass(frozen=True)
class Step:
    """One step that can be undone: `pieces` edits, one after the other.

    Attributes:
        run: the run that wrote it, None where a person did.
    """

    label: str
    run: int | None = None
    pieces: int = 0


@dataclass
class History:
    """All steps that were done, oldest first; those from `position` on are undone. It is never cut at its old end.

    The edits themselves lie with the keeper, so that memory does not grow with what was done.
    """

    steps: list[Step] = field(default_factory=list)
    position: int = 0

    @property
    def top(self) -> Step | None:
        """The step that undo would take back."""
        return self.steps[self.position - 1] if self.position else None

    def record(self, index: int, step: Step) -> None:
        """Put the step at `index` and forget all that were undone."""
        del self.steps[index:]
        self.steps.append(step)
        self.position = len(self.steps)

    def forget(self, index: int) -> None:
        """Forget the steps from `index` on, all of which are undone."""
        del self.steps[index:]


class Keeper(Protocol):
    """Where edits, and all else that outlives the process, are kept. Each call is kept whole or not at all.

    Raises:
        InputError: it could not be kept; then nothing was.
    """

    def record(
        self, index: int, step: Step, first: int, edits: Sequence[Edit], touched: Sequence[AnyTouched], scene: Scene
    ) -> None:
        """Keep a step: `edits` become its pieces `first` and on; later pieces and later steps are forgotten."""

    def move(self, position: int, touched: Sequence[AnyTouched], scene: Scene) -> None:
        """The history now stands at `position`, the scene as it is after the undo or redo."""

    def forget(self, index: int) -> None:
        """Forget the steps from `index` on, all of which are undone."""

    def edits(self, index: int, backwards: bool = False) -> Iterator[Edit]:
        """The pieces of a step."""

    def put_next_id(self, kind: str, next_id: int) -> None:
        """Keep the id that the next "track", "mask" or "take" gets; part of the `record` or `move` that follows."""

    def put_corrections(self, corrections: Sequence[Correction]) -> None:
        """Append to the log of corrections; part of the `record` or `move` that follows."""

    def put_run(self, run_id: int, info: RunInfo) -> None:
        """Keep what is known of a run."""

    def put_video(self, video: VideoRef) -> None:
        """Keep where the video is."""

    def close(self) -> None:
        """Let go of it."""


class MemoryKeeper:
    """Keeps edits in memory and nothing else: for tests and headless use."""

    def __init__(self) -> None:
        self._steps: list[list[Edit]] = []

    def record(
        self, index: int, step: Step, first: int, edits: Sequence[Edit], touched: Sequence[AnyTouched], scene: Scene
    ) -> None:
        """See `Keeper`."""
        kept = self._steps[index][:first] if index < len(self._steps) else []
        self._steps[index:] = [[*kept, *edits]]

    def move(self, position: int, touched: Sequence[AnyTouched], scene: Scene) -> None:
        """See `Keeper`."""

    def forget(self, index: int) -> None:
        """See `Keeper`."""
        del self._steps[index:]

    def edits(self, index: int, backwards: bool = False) -> Iterator[Edit]:
        """See `Keeper`."""
        edits = self._steps[index]
        return reversed(edits) if backwards else iter(edits)

    def put_next_id(self, kind: str, next_id: int) -> None:
        """See `Keeper`."""

    def put_corrections(self, corrections: Sequence[Correction]) -> None:
        """See `Keeper`."""

    def put_run(self, run_id: int, info: RunInfo) -> None:
        """See `Keeper`."""

    def put_video(self, video: VideoRef) -> None:
        """See `Keeper`."""

    def close(self) -> None:
        """See `Keeper`."""
