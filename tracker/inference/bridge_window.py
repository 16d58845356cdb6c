"""What a run out from one anchor gives, piece by piece."""

from typing import NamedTuple

from tracker.inference.bridge_flow import Bools, Floats


class Window(NamedTuple):
    """What is known of N points after one more window."""

    first: int  # the first of S frames among those of the spans
    path: Floats  # (S, N, 2) pixels of the pictures
    visibility: Floats  # (S, N) probability
    confidence: Floats  # (S, N) probability
    kept: Bools  # (S, N) the path is where the point was thought to be until now
