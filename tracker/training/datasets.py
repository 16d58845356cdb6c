"""Folders of labelled sequences as an endless source of training clips, read ahead on threads."""

import itertools
import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import numpy as np

from tracker.files import InputError
from tracker.training import dynamic_replica, kubric, point_odyssey
from tracker.training.samples import Clips
from tracker.training.sequences import ClipChoice, LabelledSequence, draw_clip

DatasetKind = Literal["kubric", "point-odyssey", "dynamic-replica"]

_FEWEST_TRIES = 8  # a random crop may miss the points of the only sequence a few times
_logger = logging.getLogger(__name__)


class _Layout(NamedTuple):
    find: Callable[[Path], Sequence[LabelledSequence]]
    in_words: str


_LAYOUTS: dict[DatasetKind, _Layout] = {
    "kubric": _Layout(kubric.find_sequences, "<sequence>/frames with <sequence>/<sequence>.npy"),
    "point-odyssey": _Layout(point_odyssey.find_sequences, "<sequence>/rgbs with <sequence>/anno.npz"),
    "dynamic-replica": _Layout(dynamic_replica.find_sequences, "sequence in its frame_annotations_<split>.jgz"),
}


class FolderClips:
    """Clips of a folder's sequences, each sequence once before any comes again, in an order and cut of chance.

    Clip number i depends on the folder, the choice and the seed alone, whatever was read before it, so that reading
    ahead and going on from a state give the same clips. A sequence that cannot be read, or has too little for a clip,
    is passed over and the next one taken: the log names it once, `skipped` counts each time.
    """

    def __init__(
        self, sequences: Sequence[LabelledSequence], choice: ClipChoice, seed: int = 0, workers: int = 2
    ) -> None:
        """`sequences` are not empty; `workers` is the number of threads that read ahead, 1 or more."""
        self._sequences = sequences
        self._choice = choice
        self._seed = seed
        self._next = 0
        self._workers = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="training-data")
        self._ahead: deque[Future[Clips]] = deque()  # clips number `_next`, `_next` + 1, …
        self._lock = threading.Lock()
        self.skipped: Counter[Path] = Counter()

    def sample(self, batch: int) -> Clips:
        """The next `batch` clips, on the CPU.

        Raises:
            InputError: no sequence of the folder gives a clip.
        """
        self._read_ahead(batch)
        clips = [future.result() for future in itertools.islice(self._ahead, batch)]
        for _ in clips:
            self._ahead.popleft()
        self._next += batch
        self._read_ahead(max(batch, self._workers))
        return Clips.stack(clips)

    def state(self) -> dict[str, Any]:
        """Which clips come next."""
        return {"seed": self._seed, "next": self._next}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where the state was taken, on the same folder with the same choice."""
        self._forget()
        self._seed, self._next = int(state["seed"]), int(state["next"])

    def close(self) -> None:
        """Stop reading ahead and wait for the threads."""
        self._forget()
        self._pool.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _forget(self) -> None:
        for future in self._ahead:
            future.cancel()
        self._ahead.clear()

    def _read_ahead(self, count: int) -> None:
        while len(self._ahead) < count:
            self._ahead.append(self._pool.submit(self._clip, self._seed, self._next + len(self._ahead)))

    def _clip(self, seed: int, number: int) -> Clips:
        """Clip `number` of a seed: of its place in the order of that round, or of the next place that gives one."""
        count = len(self._sequences)
        turn, place = divmod(number, count)
        order = np.random.default_rng((seed, 0, turn)).permutation(count)
        seeds = np.random.default_rng((seed, 1, number))
        places = itertools.islice(itertools.cycle(order), place, place + max(count, _FEWEST_TRIES))
        first: InputError | None = None
        for which in places:
            sequence = self._sequences[which]
            try:
                return draw_clip(sequence, self._choice, int(seeds.integers(2**63)))
            except InputError as error:
                self._note(sequence, error)
                first = first or error
        raise InputError(f"{self._sequences[0].path.parent}: no sequence gives a clip; {first}") from first

    def _note(self, sequence: LabelledSequence, error: InputError) -> None:
        with self._lock:
            self.skipped[sequence.path] += 1
            known = self.skipped[sequence.path] > 1
        if not known:
            _logger.warning("passed over: %s", error)


def open_training_data(
    kind: DatasetKind, folder: Path | str, *, seed: int = 0, workers: int = 2, **options: Any
) -> FolderClips:
    """The training clips of a folder; close it when done.

    Args:
        kind: the layout of the folder.
        folder: of the layout that the module of that name describes.
        seed: of all that is random.
        workers: threads that read ahead.
        **options: the fields of `ClipChoice`.

    Raises:
        InputError: the folder cannot be read or holds no sequence of that layout.
        ValueError: an option is out of range.
    """
    choice = ClipChoice(**options)
    find, layout = _LAYOUTS[kind]
    sequences = find(Path(folder))
    if not sequences:
        raise InputError(f"{folder}: the folder holds no {layout}")
    return FolderClips(sequences, choice, seed, workers)
