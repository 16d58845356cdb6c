"""CoTracker3 over a stream of frames: windows of 16, each 8 frames after the one before, each frame encoded once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tracker.inference.feature_cache import FeatureCache
from tracker.inference.features import FrameEncoder, HeldFrame
from tracker.inference.memory import WorkSize
from tracker.inference.resolution import WorkingResolution, check_queries, support_grid
from tracker.inference.session import Cancelled, FrameKey, Prediction, ShouldStop
from tracker.models.cotracker3 import CoTracker3
from tracker.models.estimate import Estimate, carry_over, first_guess

FIRST_SUPPORT_ID = np.iinfo(np.int64).min  # support points are followed like others under ids that nobody else has


@dataclass(frozen=True)
class _Points:
    """What is known of the points that are followed. Nothing in it is ever changed in place."""

    ids: Tensor  # (N,) int64
    frames: Tensor  # (N,) int64 query frames
    places: Tensor  # (N, 2) query positions in feature pixels
    templates: tuple[Tensor, ...]  # per level (N, patch, C); zeros until the query frame has come
    described: Tensor  # (N,) bool: the templates are there
    overlap: Estimate  # (1, N, window - step): the last window's result where the next one begins
    carried: Tensor  # (N,) bool: the overlap is there

    def select(self, rows: Tensor) -> "_Points":
        """Those of `rows` (indices, or a mask)."""
        return _Points(
            self.ids[rows],
            self.frames[rows],
            self.places[rows],
            tuple(template[rows] for template in self.templates),
            self.described[rows],
            Estimate(*(part[:, rows] for part in self.overlap)),
            self.carried[rows],
        )

    def join(self, other: "_Points") -> "_Points":
        return _Points(
            torch.cat([self.ids, other.ids]),
            torch.cat([self.frames, other.frames]),
            torch.cat([self.places, other.places]),
            tuple(torch.cat(pair) for pair in zip(self.templates, other.templates, strict=True)),
            torch.cat([self.described, other.described]),
            Estimate(*(torch.cat(pair, dim=1) for pair in zip(self.overlap, other.overlap, strict=True))),
            torch.cat([self.carried, other.carried]),
        )

    def to(self, device: torch.device) -> "_Points":
        return _Points(
            self.ids.to(device),
            self.frames.to(device),
            self.places.to(device),
            tuple(template.to(device) for template in self.templates),
            self.described.to(device),
            Estimate(*(part.to(device) for part in self.overlap)),
            self.carried.to(device),
        )


@dataclass(frozen=True)
class _State:
    """All that a session knows: a snapshot is a reference to it."""

    points: _Points
    held: tuple[HeldFrame, ...] = ()  # the frames from `start` on
    start: int = 0  # first frame of the next window
    seen: int = 0  # frames given
    covered: int = 0  # frames that a window has covered
    finished: bool = False


class OnlineSession:
    """Follows points through frames as they come; see `TrackingSession`.

    A window starts 8 frames after the one before and takes over its result for the 8 frames they share. Results equal
    those of the published online predictor where all points are added before the first frame. Points may also be
    added and removed at any time. Memory grows with the number of points, not of frames.

    Args:
        model: an online network in eval mode. Its weights must be trained ones for the tracks to mean anything.
        width, height: of the frames, in pixels.
        iters: refinement iterations per window; the configuration's where None.
        support_grid: side of a grid of further points from frame 0, which are followed and not given out; 0 for none.
        cache: features of frames, shared with other sessions.
        frame_key: names a frame of the session's time; see `Tracker.session`.
        resolution: (height, width) to work in; the configuration's where None.
        autocast: reduced precision, like torch.bfloat16; None for float32.
        mask_before_query: give NaN before a point's query frame. Otherwise what the network fills in there.
        max_tokens: points x frames in work at once; None chooses by the memory there is.

    Raises:
        ValueError: the model is an offline one.
    """

    def __init__(
        self,
        model: CoTracker3,
        width: int,
        height: int,
        *,
        iters: int | None = None,
        support_grid: int = 0,
        cache: FeatureCache | None = None,
        frame_key: FrameKey | None = None,
        resolution: tuple[int, int] | None = None,
        autocast: torch.dtype | None = None,
        mask_before_query: bool = True,
        max_tokens: int | None = None,
    ) -> None:
        if model.config.kind != "online":
            raise ValueError("an offline network cannot track online")
        self._model, self._iters, self._autocast = model, iters, autocast
        self._window, self._step = model.config.window, model.config.step
        self._space = WorkingResolution.of(model.config, width, height, resolution)
        self._encoder = FrameEncoder(model, self._space.resolution, cache, autocast)
        self._frame_key = frame_key
        self._work = WorkSize(model, max_tokens)
        self._mask = mask_before_query
        nobody = np.zeros(0, np.int64)
        self._state = _State(self._new_points(torch.zeros(0, 2), nobody, nobody))
        if support_grid:
            self._add_support(support_grid)

    @property
    def frames_seen(self) -> int:
        """How many frames `step` has been given."""
        return self._state.seen

    @property
    def earliest_query(self) -> int:
        """The first frame of the next window: older ones have been dropped."""
        return self._state.start

    def add_points(self, queries: NDArray[np.float32], ids: NDArray[np.int64]) -> None:
        """Follow N more points from the next window on; see `TrackingSession`. A fraction of t is cut off."""
        state = self._state
        queries = check_queries(queries, ids, state.points.ids.tolist(), state.start)
        places = self._space.to_model(torch.from_numpy(queries[:, 1:].copy()))
        points = self._new_points(places, queries[:, 0].astype(np.int64), np.asarray(ids, np.int64).reshape(-1))
        self._state = replace(state, points=state.points.to(self._work.device).join(points))

    def remove_points(self, ids: Sequence[int] | NDArray[np.int64]) -> None:
        """Stop following these points; unknown ids are ignored."""
        points = self._state.points
        gone = torch.as_tensor(np.asarray(ids, np.int64).reshape(-1), device=points.ids.device)
        self._state = replace(self._state, points=points.select(~torch.isin(points.ids, gone)))

    def step(self, frames: NDArray[np.uint8], *, should_stop: ShouldStop | None = None) -> Prediction | None:
        """Take the next S frames, (S, H, W, 3) uint8 RGB, and give what became known; None while a window fills.

        Raises:
            Cancelled: `should_stop`, which is asked before every iteration, said so. The session is as before the call.
            ValueError: the frames are not of the session's size, or the session is finished.
        """
        if self._state.finished:
            raise ValueError("the session is finished and takes no more frames")
        if frames.ndim != 4 or frames.shape[1:] != (self._space.height, self._space.width, 3):
            raise ValueError(
                f"frames of shape {frames.shape}, but the session is for (S, height, width, 3) = "
                f"(S, {self._space.height}, {self._space.width}, 3)"
            )
        before = self._state
        pieces: list[Prediction] = []
        try:
            for frame in frames:
                state = self._state
                name = self._frame_key(state.seen) if self._frame_key else None
                held = (*state.held, self._encoder.hold(frame, name))
                self._state = replace(state, held=held, seen=state.seen + 1)
                if len(held) == self._window:
                    pieces += self._run_window(should_stop)
        except BaseException:
            self._state = before
            raise
        return _join(pieces)

    def finish(self, *, should_stop: ShouldStop | None = None) -> Prediction | None:
        """Track the tail that fills no whole window, padded by its last frame. No frames are taken afterwards.

        Raises:
            Cancelled: as in `step`.
        """
        state = self._state
        if state.finished:
            return None
        points = state.points
        pieces: list[Prediction] = []
        if state.seen > state.covered:
            pieces = self._run_window(should_stop)
        elif len(rows := torch.nonzero(~points.carried & (points.frames < state.seen))[:, 0]):
            # Points that were added when the last whole window was over: a window for them alone.
            self._state = replace(state, points=points.select(rows))
            try:
                pieces = self._run_window(should_stop)
            finally:
                self._state = state
        self._state = replace(self._state, finished=True, held=())
        return _join(pieces)

    def snapshot(self) -> _State:
        """All that the session knows, to come back to with `restore`. Costs nothing but the memory it keeps alive."""
        return self._state

    def restore(self, snapshot: _State) -> None:
        """Go back to an earlier `snapshot` of this session, exactly."""
        self._state = snapshot

    # -- points

    def _new_points(self, places: Tensor, frames: NDArray[np.int64], ids: NDArray[np.int64]) -> _Points:
        """Points at `places` (N, 2) in working pixels that nothing is known of yet."""
        count, places = len(ids), places / self._model.config.stride
        return _Points(
            ids=torch.from_numpy(ids.copy()),
            frames=torch.from_numpy(frames.copy()),
            places=places,
            templates=self._blank_templates(count),
            described=torch.zeros(count, dtype=torch.bool),
            overlap=first_guess(places[None], self._window - self._step),
            carried=torch.zeros(count, dtype=torch.bool),
        ).to(self._work.device)

    def _blank_templates(self, count: int) -> tuple[Tensor, ...]:
        """What stands in the place of the templates of points that are not described yet."""
        config = self._model.config
        shape = (count, config.patch, config.feature_channels)
        return tuple(torch.zeros(shape) for _ in range(config.levels))

    def _add_support(self, size: int) -> None:
        places = support_grid(size, self._space.resolution)
        ids = FIRST_SUPPORT_ID + np.arange(len(places), dtype=np.int64)
        self._state = replace(self._state, points=self._new_points(places, np.zeros(len(places), np.int64), ids))

    # -- windows

    def _run_window(self, should_stop: ShouldStop | None) -> list[Prediction]:
        """Track the held frames, from `start` on, as one window and move on to the next."""
        state = self._state
        count = len(state.held)
        points, result = state.points, None
        if len(points.ids) == 0:
            predictions: list[Prediction] = []
        elif self._mask and not bool((points.frames < state.start + count).any()):
            nothing = torch.full((count, len(points.ids)), torch.nan, device=points.places.device)
            predictions = [self._prediction(points, first_guess(points.places[None], count), nothing)]
        else:
            with torch.inference_mode():
                points, result, apart = self._work.attempt(lambda: self._refine(state, should_stop))
            predictions = [self._prediction(points, result.frames(0, count), apart[:count])]
            carried = torch.ones_like(points.carried)
            points = replace(points, overlap=result.frames(self._step, self._window), carried=carried)
        self._state = _State(
            points, state.held[self._step :], state.start + self._step, state.seen, state.start + count
        )
        return predictions

    def _refine(self, state: _State, should_stop: ShouldStop | None) -> tuple[_Points, Estimate, Tensor]:
        """The points, with the templates of those that start in this window, the window's result and disagreement."""

        def ask() -> None:
            if should_stop is not None and should_stop():
                raise Cancelled

        ask()
        device, count = self._work.device, len(state.held)
        self._encoder.encode(state.held, self._work.frames_at_once)
        order = [min(i, count - 1) for i in range(self._window)]
        features = [held.features.to(device) for held in state.held if held.features is not None]
        pyramid = self._model.pyramid(torch.stack([features[i] for i in order])[None])
        points = self._describe(state.points.to(device), pyramid, state.start)
        templates = [template[None] for template in points.templates]
        guess = self._guess(state, points, pyramid, templates, order)
        with torch.autocast(device.type, self._autocast, enabled=self._autocast is not None):
            history = self._model.refine(
                pyramid,
                templates,
                guess,
                self._iters,
                max_tokens=self._work.max_tokens,
                before_iteration=ask,
                **self._window_facts(points, state.start),
            )
        return points, history[-1], self._disagreement(points, guess, history)

    def _window_facts(self, points: _Points, start: int) -> dict[str, Any]:
        """What else the network's `refine` wants to know of the window that begins at `start`: nothing."""
        return {}

    def _carries(self, points: _Points, start: int) -> Tensor:
        """(N,) bool: which points the window that begins at `start` takes over from the one before."""
        return points.carried & (points.frames < start + self._window - self._step)

    def _guess(
        self, state: _State, points: _Points, pyramid: list[Tensor], templates: list[Tensor], order: list[int]
    ) -> Estimate:
        """Where to begin: what the window before found, and from there on what the network makes of it."""
        guess = first_guess(points.places[None], self._window)
        carried = self._carries(points, state.start)
        guess = carry_over(guess, points.overlap, carried[None])
        known_until = torch.where(carried, self._window - self._step - 1, points.frames - state.start)
        seen = np.stack([state.held[i].grey for i in order])[None] if self._model.config.flow else None
        return self._model.follow(guess, known_until[None], pyramid, templates, seen, self._work.max_tokens)

    def _describe(self, points: _Points, pyramid: list[Tensor], start: int) -> _Points:
        """Take the templates of the points whose query frame is in this window and not described yet."""
        rows = torch.nonzero(~points.described & (points.frames < start + self._window))[:, 0]
        if len(rows) == 0:
            return points
        found = self._model.templates(pyramid, (points.frames[rows] - start)[None], points.places[rows][None])
        templates = tuple(old.index_copy(0, rows, new[0]) for old, new in zip(points.templates, found, strict=True))
        return replace(points, templates=templates, described=points.described.index_fill(0, rows, True))

    def _disagreement(self, points: _Points, guess: Estimate, history: list[Estimate]) -> Tensor:
        """(T, N) video pixels from where the window began to where refinement came out; NaN where that says nothing.

        On the frames that two windows share, a window begins with the result of the one before. A network that chooses
        between its first guess and the refinement has two answers for every frame, and tells how far they are apart
        whichever it gives: it nearly always keeps what the window before found.
        """
        refined = history[-1] if self._model.chooser is None else history[-2]
        before, now = (self._space.to_video(self._model.report(one)[0][0]) for one in (guess, refined))
        apart = torch.linalg.vector_norm(now - before, dim=-1)
        if self._model.chooser is None:
            apart[self._window - self._step :] = torch.nan
            apart = apart.masked_fill(~points.carried, torch.nan)
        return apart

    def _prediction(self, points: _Points, estimate: Estimate, disagreement: Tensor) -> Prediction:
        """In pixels and probabilities, without support points."""
        shown = points.ids >= FIRST_SUPPORT_ID + 2**32
        first, count = self._state.start, estimate.coords.shape[2]
        tracks, visibility, confidence = self._model.report(Estimate(*(part[:, shown] for part in estimate)))
        seen, right = visibility[0].sigmoid(), confidence[0].sigmoid()
        values = [self._space.to_video(tracks[0]), seen, right, disagreement[:, shown]]
        if self._mask:
            times = torch.arange(first, first + count, device=tracks.device)
            unknown = times[:, None] < points.frames[shown]
            values = [
                value.masked_fill(unknown.view(*unknown.shape, *[1] * (value.ndim - 2)), torch.nan) for value in values
            ]
        arrays = [np.array(value.cpu().numpy()) for value in values]
        return Prediction(first, points.ids[shown].cpu().numpy().copy(), *arrays)


def _join(pieces: list[Prediction]) -> Prediction | None:
    """One prediction of successive windows of the same points; where they overlap the later one counts."""
    if not pieces:
        return None
    ends = [*(piece.first_frame for piece in pieces[1:]), pieces[-1].end_frame]
    counts = [end - piece.first_frame for piece, end in zip(pieces, ends, strict=True)]

    def together(name: str) -> NDArray[np.float32]:
        return np.concatenate([getattr(piece, name)[:count] for piece, count in zip(pieces, counts, strict=True)])

    names = ("tracks", "visibility", "confidence", "disagreement")
    return Prediction(pieces[0].first_frame, pieces[0].ids, *map(together, names))
