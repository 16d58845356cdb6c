"""How much to work on at once, and what to do when it does not fit."""

import logging
from collections.abc import Callable
from typing import TypeVar

import torch

from tracker.models.cotracker3 import CoTracker3

log = logging.getLogger(__name__)

BYTES_PER_TOKEN = 120_000  # correlation of one point on one frame with what it is made from, reckoned generously
CPU_TOKENS = 4096
FEWEST_TOKENS, MOST_TOKENS = 64, 1 << 19

Result = TypeVar("Result")


class WorkSize:
    """The size of pieces for one model. Pieces bound the memory; results do not depend on them.

    Attributes:
        max_tokens: points x frames in work at once.
        frames_at_once: frames encoded together.
    """

    def __init__(self, model: CoTracker3, max_tokens: int | None = None) -> None:
        self._model = model
        self.frames_at_once = 16 if self.device.type == "cuda" else 1
        self.max_tokens = self._fitting_tokens() if max_tokens is None else max_tokens

    @property
    def device(self) -> torch.device:
        """Where the model is now."""
        return self._model.time_emb.device

    def attempt(self, work: Callable[[], Result]) -> Result:
        """Do `work`; when memory runs out again with smaller pieces, and at last on the CPU. Says so in the log.

        `work` reads the sizes and the device anew each time and must change nothing before it succeeds.

        Raises:
            RuntimeError: not even the smallest pieces fit into main memory.
        """
        while True:
            try:
                return work()
            except (RuntimeError, MemoryError) as error:
                if not _is_out_of_memory(error) or not self._shrink():
                    raise

    def _shrink(self) -> bool:
        device = self.device.type
        if self.max_tokens > FEWEST_TOKENS or self.frames_at_once > 1:
            self.max_tokens = max(FEWEST_TOKENS, self.max_tokens // 2)
            self.frames_at_once = max(1, self.frames_at_once // 2)
            log.warning("Out of memory (%s): going on in pieces of %d tokens", device, self.max_tokens)
        elif device == "cuda":
            self._model.to("cpu")
            self.max_tokens = CPU_TOKENS
            log.warning("Out of memory on the graphics card even in small pieces: going on, slower, on the CPU")
        else:
            return False
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return True

    def _fitting_tokens(self) -> int:
        if self.device.type != "cuda":
            return CPU_TOKENS
        free, _ = torch.cuda.mem_get_info(self.device)
        return max(FEWEST_TOKENS, min(MOST_TOKENS, free // 2 // BYTES_PER_TOKEN))


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)
