"""One direction by a network, window by window, as a session does it, from features that are there already."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from tracker.inference.bridge_flow import Floats, Spans
from tracker.inference.bridge_frames import NetworkFrames
from tracker.inference.bridge_window import Window
from tracker.models.estimate import Estimate, carry_over, first_guess
from tracker.models.held import Held


def run_windows(
    frames: NetworkFrames, spans: Spans, begin: list[Tensor], finish: list[Tensor] | None = None
) -> Iterator[Window]:
    """From the first anchors on over all frames of the spans; the newer window counts.

    Args:
        begin, finish: templates at the anchors. With those at the last one it is held too.
    """
    model, length = frames.model, len(spans.frames)
    window, step = model.config.window, model.config.step
    starts = torch.from_numpy(spans.first).to(frames.work.device)[None]
    points = frames.coords(spans.begin[None])[:, :, 0]
    overlap: Estimate | None = None
    for start in range(0, max(1, length - step), step):
        order = np.minimum(np.arange(start, start + window), length - 1)
        with torch.inference_mode():
            pyramid = frames.pyramid([spans.frames[i] for i in order])
            known = [one * (starts < start + window)[..., None, None] for one in begin]
            guess, known_until = first_guess(points, window), starts - start
            if overlap is not None:
                carried = starts < start + window - step
                guess = carry_over(guess, overlap, carried)
                known_until = torch.where(carried, window - step - 1, known_until)
            greys = np.stack([frames.grey(spans.frames[i]) for i in order])[None] if model.config.flow else None
            guess = model.follow(guess, known_until, pyramid, known, greys, frames.work.max_tokens)
            estimate = model.refine(
                pyramid,
                known,
                guess,
                max_tokens=frames.work.max_tokens,
                before_iteration=frames.ask,
                held=None if finish is None else _hold(frames, spans, finish, order),
            )[-1]
        overlap = estimate.frames(step, window)
        count = min(window, length - start)
        visibility, confidence = (
            np.asarray(values[0, :, :count].sigmoid().T.cpu().numpy(), np.float64)
            for values in (estimate.visibility, estimate.confidence)
        )
        yield Window(
            start, frames.pixels(estimate.coords)[:count], visibility, confidence, np.zeros(visibility.shape, bool)
        )


def follow_windows(frames: NetworkFrames, spans: Spans, begin: list[Tensor], finish: list[Tensor]) -> Floats:
    """(T, N, 2) paths from the first anchors with the last ones held; standing still outside the spans."""
    path = np.repeat(spans.begin[None], len(spans.frames), axis=0)
    for window in run_windows(frames, spans, begin, finish):
        path[window.first : window.first + len(window.path)] = window.path
    times = np.arange(len(path))[:, None]
    path = np.where((times > spans.first)[..., None], path, spans.begin)
    return np.where((times < spans.last)[..., None], path, spans.finish)


def _hold(frames: NetworkFrames, spans: Spans, finish: list[Tensor], order: np.ndarray) -> Held:
    """Both anchors; the other end's template counts the more the nearer it is."""
    times = order[:, None]
    at_end = times >= spans.last
    share = np.clip((times - spans.first) / (spans.last - spans.first), 0, 1)
    places = np.where(at_end[..., None], spans.finish, spans.begin)
    device = frames.work.device
    return Held(
        torch.from_numpy((at_end | (times == spans.first)).T.copy()).to(device)[None],
        frames.coords(places),
        finish,
        torch.from_numpy(share.T.astype(np.float32).copy()).to(device)[None],
    )
