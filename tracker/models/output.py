"""What every point tracking network of this project gives back."""

from typing import NamedTuple

from torch import Tensor


class WindowIterations(NamedTuple):
    """Every refinement iteration of one window, for losses that look at all of them."""

    start: int  # first frame of the window
    tracks: Tensor  # (I, B, S, N, 2) pixels of the given video
    visibility_logits: Tensor  # (I, B, S, N)
    confidence_logits: Tensor  # (I, B, S, N)


class Choice(NamedTuple):
    """What one window's choice between its first guess and the refined position was made from."""

    begun: Tensor  # (B, N, S, 2) the first guess in feature pixels
    refined: Tensor  # (B, N, S, 2) the position after the last iteration
    keep: Tensor  # (B, N, S) logits that the first guess is the nearer


class TrackOutput(NamedTuple):
    """Tracks of N points over the T frames of B videos."""

    tracks: Tensor  # (B, T, N, 2) pixels (x, y) of the given video
    visibility: Tensor  # (B, T, N) probability
    confidence: Tensor  # (B, T, N) probability that the position is within 12 pixels
    windows: list[WindowIterations] | None = None  # only when asked for
    search_logits: list[Tensor] | None = None  # with them, from a network that matches: (B, N, T, h, w) per level
    choices: list[Choice] | None = None  # likewise, one for every window
