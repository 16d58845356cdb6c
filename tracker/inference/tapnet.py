"""A loaded TAPIR or LocoTrack as a tracker."""

from typing import Any, Literal

from tracker.files import InputError
from tracker.inference.causal_session import CausalSession
from tracker.inference.clip_session import ClipSession
from tracker.inference.cotracker2 import WeightsInfo
from tracker.inference.session import FrameKey, TrackingSession
from tracker.models.locotrack import LocoTrack
from tracker.models.tapir import Tapir

VISIBLE_ABOVE = 0.5  # visibility times confidence, as in the published evaluation of all of them


class TapnetTracker:
    """TAPIR, BootsTAPIR or LocoTrack with weights from a checkpoint.

    A causal network tracks frame by frame unless it is to run "offline"; the others hold the whole clip.

    Args:
        model: on the device to run on; it is put in eval mode.
        info: the checkpoint that the weights are from.
        name: what it is called; without it the model and the file that its weights are from.
        mode: "online" runs frame by frame; "offline" holds the whole clip; "auto" is what the network can do best.
        allow_untrained: run a network whose weights are from no file, for benchmarks and tests.

    Raises:
        InputError: a network that needs the whole clip is to run online.
        ValueError: no checkpoint is given.
    """

    def __init__(
        self,
        model: Tapir | LocoTrack,
        info: WeightsInfo | None,
        name: str = "",
        *,
        mode: str = "auto",
        allow_untrained: bool = False,
    ) -> None:
        if info is None and not allow_untrained:
            raise ValueError("a network without weights from a checkpoint tracks nothing")
        causal = isinstance(model, Tapir) and model.config.causal
        if mode == "online" and not causal:
            source = info.path if info else "this network"
            raise InputError(f"{source}: weights of {_kind(model)} need a whole clip at once; choose the mode offline")
        self.mode: Literal["online", "offline"] = "online" if causal and mode != "offline" else "offline"
        self._model = model.eval()
        self.info = info
        self._name = name

    @property
    def model(self) -> Tapir | LocoTrack:
        """The network, in eval mode."""
        return self._model

    @property
    def name(self) -> str:
        """What the runs that it makes are known by."""
        if self._name:
            return self._name
        kind = _kind(self._model)
        return f"{kind} ({self.info.path.name})" if self.info else f"{kind} (untrained)"

    @property
    def device(self) -> str:
        """Where it runs. Running out of graphics memory can move it to the CPU."""
        return next(self._model.parameters()).device.type

    @property
    def visible_above(self) -> float:
        """As the checkpoint says, else the threshold of the published evaluation."""
        stated = self.info.visible_above if self.info else None
        return VISIBLE_ABOVE if stated is None else stated

    @property
    def step_frames(self) -> int:
        """Few, so that a causal network can be stopped soon; a clip may come in any pieces."""
        return 8

    def session(
        self, width: int, height: int, *, cache: Any = None, frame_key: FrameKey | None = None
    ) -> TrackingSession:
        """A new session on frames of this size in pixels. Nothing is cached across sessions."""
        if isinstance(self._model, Tapir) and self.mode == "online":
            return CausalSession(self._model, width, height)
        return ClipSession(self._model, width, height)


def _kind(model: Tapir | LocoTrack) -> str:
    if isinstance(model, LocoTrack):
        return f"locotrack-{model.config.size}"
    if not model.config.extra_convs:
        return "tapir-online" if model.config.causal else "tapir"
    return "bootstapir-online" if model.config.causal else "bootstapir"
