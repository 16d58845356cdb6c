"""A loaded CoTracker3 as a tracker."""

from typing import Literal

from tracker.checkpoints import CheckpointInfo
from tracker.files import InputError
from tracker.inference.feature_cache import FeatureCache, default_budget
from tracker.inference.offline import OfflineSession
from tracker.inference.online import OnlineSession
from tracker.inference.session import FrameKey, TrackingSession
from tracker.models.cotracker3 import CoTracker3

VISIBLE_ABOVE = 0.6  # visibility times confidence
OWN_CACHE_BYTES = 2 << 30


class CoTrackerTracker:
    """CoTracker3 with weights from a checkpoint.

    It keeps the features of the frames it saw last, so that a second run over them, in either direction, encodes
    nothing. Many trackers may run on one machine, so these are few and in memory alone; an application that comes back
    to the same videos gives its runs `feature_cache()` instead.

    Args:
        model: in eval mode, on the device to run on.
        info: the checkpoint that the weights are from.
        mode: "online" runs window by window; "offline" holds the whole clip; "auto" is what the weights are for.
            An online network runs in windows in all of them.
        name: what it is called; without it the model and the file that its weights are from.
        allow_untrained: run a network whose weights are from no file, for benchmarks and tests.

    Raises:
        InputError: an offline network is to run online.
        ValueError: no checkpoint is given.
    """

    def __init__(
        self,
        model: CoTracker3,
        info: CheckpointInfo | None,
        mode: str = "auto",
        *,
        name: str = "",
        allow_untrained: bool = False,
    ) -> None:
        if info is None and not allow_untrained:
            raise ValueError("a network without weights from a checkpoint tracks nothing")
        if mode == "online" and model.config.kind == "offline":
            source = info.path if info else "this network"
            raise InputError(f"{source}: offline weights, which need a whole clip at once; choose the mode offline")
        self._model = model.eval()
        self.info = info
        self._name = name
        self.mode: Literal["online", "offline"] = "offline" if "offline" in (mode, model.config.kind) else "online"
        self.cache = FeatureCache(min(OWN_CACHE_BYTES, default_budget()))

    @property
    def model(self) -> CoTracker3:
        """The network, in eval mode."""
        return self._model

    @property
    def name(self) -> str:
        """What the runs that it makes are known by."""
        if self._name:
            return self._name
        kind = f"cotracker3-{self._model.config.kind}"
        return f"{kind} ({self.info.path.name})" if self.info else f"{kind} (untrained)"

    @property
    def device(self) -> str:
        """Where it runs. Running out of graphics memory can move it to the CPU."""
        return self._model.time_emb.device.type

    @property
    def visible_above(self) -> float:
        """As the checkpoint says, else the threshold of CoTracker's own online predictor and evaluation."""
        stated = self.info.visible_above if self.info else None
        return VISIBLE_ABOVE if stated is None else stated

    @property
    def step_frames(self) -> int:
        """New frames per window."""
        return self._model.config.step if self._model.config.kind == "online" else 8

    def session(
        self, width: int, height: int, *, cache: FeatureCache | None = None, frame_key: FrameKey | None = None
    ) -> TrackingSession:
        """A new session on frames of this size in pixels; `cache` is used instead of the tracker's own."""
        kept = self.cache if cache is None else cache
        kind = OfflineSession if self._model.config.kind == "offline" else OnlineSession
        return kind(self._model, width, height, cache=kept, frame_key=frame_key)
