"""Which trackers there are, and how to get one that is ready to run."""

from dataclasses import dataclass
from pathlib import Path

from tracker.files import InputError
from tracker.inference.lucas_kanade import LucasKanade
from tracker.inference.session import Tracker

MODES = ("auto", "online", "offline")
DEVICES = ("auto", "cpu", "cuda")

WEIGHTS_FOLDER = Path(__file__).parents[2] / "resources" / "weights"
WEIGHT_SUFFIXES = (".safetensors", ".pth", ".pt")


@dataclass(frozen=True)
class TrackerInfo:
    """One tracker that can be named.

    Attributes:
        name: what `load_tracker` takes.
        description: one sentence.
        licence: of the weights, or of the method's implementation where it has none.
        weights: the installed file; None for a tracker that needs none, or whose weights are not here.
        needs_weights: whether it runs only with weights.
    """

    name: str
    description: str
    licence: str
    weights: Path | None = None
    needs_weights: bool = False

    @property
    def ready(self) -> bool:
        """Whether it can be loaded by its name."""
        return self.weights is not None or not self.needs_weights


LUCAS_KANADE = TrackerInfo(
    LucasKanade.name,
    "Classical pyramidal Lucas-Kanade with a forward-backward check. Needs no weights; lost points stay lost.",
    "Apache-2.0 (OpenCV)",
)
OFFICIAL = "The official weights are CC-BY-NC-4.0 and not part of Trackwright: give your own copy as a file."
COTRACKER3 = tuple(
    TrackerInfo(
        f"cotracker3-{mode}",
        f"CoTracker3, {text} (Karaev et al. 2024). {OFFICIAL}",
        "CC-BY-NC-4.0 (official weights)",
        needs_weights=True,
    )
    for mode, text in (("online", "window by window"), ("offline", "a whole clip at once"))
)


def available_trackers() -> list[TrackerInfo]:
    """The trackers by name: built in, installed weights files, and those that wait for a weights file."""
    files = sorted(path for path in WEIGHTS_FOLDER.glob("*") if path.suffix in WEIGHT_SUFFIXES)
    installed = [
        TrackerInfo(path.stem, "Weights that come with Trackwright.", "Apache-2.0", path, needs_weights=True)
        for path in files
    ]
    names = {info.name for info in installed}
    return [LUCAS_KANADE, *installed, *(info for info in COTRACKER3 if info.name not in names)]


def load_tracker(name_or_file: str | Path, device: str = "auto", mode: str = "auto") -> Tracker:
    """A tracker that is ready to run. A network always comes with weights from a file.

    Args:
        name_or_file: a name of `available_trackers`, or a checkpoint file.
        device: "auto" takes a graphics card where there is one, "cpu", or "cuda". Lucas-Kanade runs on the CPU.
        mode: how a network runs: "online" window by window, "offline" over the whole clip, "auto" as suits its weights.

    Raises:
        InputError: no such tracker, device or mode, its weights are not here, or the file is no checkpoint.
    """
    for value, choices in ((device, DEVICES), (mode, MODES)):
        if value not in choices:
            raise InputError(f"{value}: there is no such choice; there are {', '.join(choices)}")
    known = {info.name: info for info in available_trackers()}
    info = known.get(str(name_or_file))
    if info is not None and not info.needs_weights:
        return LucasKanade()
    if info is not None and info.weights is None:
        raise InputError(f"{info.name}: its weights are not installed. {OFFICIAL}")
    path = Path(name_or_file) if info is None else info.weights
    assert path is not None
    if info is None and not path.exists() and path.suffix not in WEIGHT_SUFFIXES:
        ready = ", ".join(name for name, one in known.items() if one.ready)
        raise InputError(f"{name_or_file}: there is no such tracker or file; there are {ready}, or a checkpoint file")
    return _load_network(path, device, mode)


def _load_network(path: Path, device: str, mode: str) -> Tracker:
    import torch

    from tracker.checkpoints import load_checkpoint
    from tracker.inference.cotracker import CoTrackerTracker

    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("cuda: no graphics card that PyTorch can use was found; choose cpu or auto")
    chosen = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    model, info = load_checkpoint(path)
    return CoTrackerTracker(model.to(chosen), info, mode=mode)
