"""CoTracker2 as a tracker: the session of CoTracker3 around the older network."""

from pathlib import Path
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from tracker.inference.cotracker import OWN_CACHE_BYTES, VISIBLE_ABOVE
from tracker.inference.feature_cache import FeatureCache, default_budget
from tracker.inference.features import FrameEncoder
from tracker.inference.online import OnlineSession, _Points, _State
from tracker.inference.session import FrameKey
from tracker.models.cotracker2 import CoTracker2
from tracker.models.cotracker3 import CoTracker3
from tracker.models.estimate import Estimate, carry_over


class WeightsInfo(Protocol):
    """Where weights are from, as far as a tracker needs to know."""

    @property
    def path(self) -> Path: ...

    @property
    def visible_above(self) -> float | None: ...


class _Encoder(FrameEncoder):
    """Its features are not of length 1: a cache must not take those of a CoTracker3 with the same encoder for them."""

    def _hash_model(self) -> bytes:
        return b"cotracker2" + super()._hash_model()


class CoTracker2Session(OnlineSession):
    """Follows points through frames as they come; see `OnlineSession`, whose arguments and rules are the same.

    The confidence of every prediction is 1. Results equal those of the published network in its online mode where all
    points are added before the first frame. A point that is added to a frame of which a window has run already begins
    like the points of a first window.
    """

    def __init__(
        self,
        model: CoTracker2,
        width: int,
        height: int,
        *,
        cache: FeatureCache | None = None,
        autocast: torch.dtype | None = None,
        **options: Any,
    ) -> None:
        self._network = model
        asked = cast(CoTracker3, model)  # it has all that the sessions of CoTracker3 ask for
        super().__init__(asked, width, height, autocast=autocast, **options)
        self._encoder = _Encoder(asked, self._space.resolution, cache, autocast)

    def _blank_templates(self, count: int) -> tuple[Tensor, ...]:
        return (torch.zeros(count, 1, self._network.config.feature_channels),)

    def _guess(
        self, state: _State, points: _Points, pyramid: list[Tensor], templates: list[Tensor], order: list[int]
    ) -> Estimate:
        guess = self._network.first_guess(points.places[None])
        return carry_over(guess, points.overlap, self._carries(points, state.start)[None])

    def _window_facts(self, points: _Points, start: int) -> dict[str, Any]:
        return {"since": (points.frames - start)[None], "treated": self._carries(points, start)[None]}


class CoTracker2Tracker:
    """CoTracker2 or 2.1 with weights from a checkpoint. It keeps the features of the frames it saw last.

    Args:
        model: on the device to run on; it is put in eval mode.
        info: the checkpoint that the weights are from.
        name: what it is called; without it the model and the file that its weights are from.
        allow_untrained: run a network whose weights are from no file, for benchmarks and tests.

    Raises:
        ValueError: no checkpoint is given.
    """

    def __init__(
        self, model: CoTracker2, info: WeightsInfo | None, name: str = "", *, allow_untrained: bool = False
    ) -> None:
        if info is None and not allow_untrained:
            raise ValueError("a network without weights from a checkpoint tracks nothing")
        self._model = model.eval()
        self.info = info
        self._name = name
        self.cache = FeatureCache(min(OWN_CACHE_BYTES, default_budget()))

    @property
    def model(self) -> CoTracker2:
        """The network, in eval mode."""
        return self._model

    @property
    def name(self) -> str:
        """What the runs that it makes are known by."""
        if self._name:
            return self._name
        kind = "cotracker2.1" if self._model.config.window == 16 else "cotracker2"
        return f"{kind} ({self.info.path.name})" if self.info else f"{kind} (untrained)"

    @property
    def device(self) -> str:
        """Where it runs. Running out of graphics memory can move it to the CPU."""
        return self._model.time_emb.device.type

    @property
    def visible_above(self) -> float:
        """As the checkpoint says, else the threshold of CoTracker's own online predictor."""
        stated = self.info.visible_above if self.info else None
        return VISIBLE_ABOVE if stated is None else stated

    @property
    def step_frames(self) -> int:
        """New frames per window."""
        return self._model.config.step

    def session(
        self, width: int, height: int, *, cache: FeatureCache | None = None, frame_key: FrameKey | None = None
    ) -> CoTracker2Session:
        """A new session on frames of this size in pixels; `cache` is used instead of the tracker's own."""
        kept = self.cache if cache is None else cache
        return CoTracker2Session(self._model, width, height, cache=kept, frame_key=frame_key)
