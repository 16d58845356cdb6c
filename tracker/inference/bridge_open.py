"""Out from one anchor, block after block: each is solved with a look ahead, and the next begins where it was left."""

from collections.abc import Callable, Iterator

import numpy as np

from tracker.inference.bridge_flow import Spans
from tracker.inference.bridge_solve import Evidence, solve
from tracker.inference.bridge_window import Window

BLOCK = 64  # frames that are given at a time
AHEAD = 32  # further frames that are looked at before deciding


def run_blocks(evidence_of: Callable[[Spans], Evidence], spans: Spans) -> Iterator[Window]:
    """From the first anchors of open spans on. The points look as they do at the anchors to the end."""
    begin, length = spans.begin, len(spans.frames)
    for start in range(0, max(1, length - 1), BLOCK):
        stop = min(length, start + BLOCK + AHEAD)
        first, last = (np.clip(times - start, 0, stop - start - 1) for times in (spans.first, spans.last))
        known = None if spans.known is None else spans.known[start:stop]
        part = Spans(spans.frames[start:stop], first, last, begin, begin, True, spans.looks, known)
        solved = solve(evidence_of(part), part)
        count = min(stop - start, BLOCK + 1)
        rows = slice(count)
        yield Window(start, solved.path[rows], solved.visibility[rows], solved.confidence[rows], solved.kept[rows])
        begin = np.where((spans.first < start + count)[:, None], solved.path[count - 1], begin)
        if stop == length and count == stop - start:
            return
