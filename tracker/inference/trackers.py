"""Which trackers there are, which one is the default, and how to get one that is ready to run."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from safetensors import SafetensorError, safe_open

from tracker.files import InputError
from tracker.inference.lucas_kanade import LucasKanade
from tracker.inference.session import Tracker

MODES = ("auto", "online", "offline")
DEVICES = ("auto", "cpu", "cuda")

WEIGHTS_FOLDER = Path(__file__).parents[2] / "resources" / "weights"
WEIGHT_SUFFIXES = (".safetensors", ".pth", ".pt")
NOT_LEARNED = "time_emb"  # a table in every weights file of CoTracker3 that is computed

Maturity = Literal["experimental", "stable"]


@dataclass(frozen=True)
class TrackerInfo:
    """One tracker that can be named.

    Attributes:
        name: what `load_tracker` takes.
        description: one sentence.
        licence: of the weights, or of the method's implementation where it has none.
        weights: the weights file; None for a tracker that needs none, or whose weights are not here.
        needs_weights: whether it runs only with weights.
        maturity: "stable" where its accuracy was measured and found good enough to be the default, "experimental"
            where not; None where nobody has said.
        source: who or what made the weights, as recorded in the file.
        parameters: how many numbers were learned; 0 where the file does not tell without being loaded.
        card: the model card beside the weights, a Markdown file.
    """

    name: str
    description: str
    licence: str
    weights: Path | None = None
    needs_weights: bool = False
    maturity: Maturity | None = None
    source: str | None = None
    parameters: int = 0
    card: Path | None = None

    @property
    def ready(self) -> bool:
        """Whether it can be loaded by its name."""
        return self.weights is not None or not self.needs_weights

    @property
    def experimental(self) -> bool:
        """Whether a person should be told not to expect much of it."""
        return self.maturity == "experimental"


LUCAS_KANADE = TrackerInfo(
    LucasKanade.name,
    "Classical pyramidal Lucas-Kanade with a forward-backward check. Needs no weights; lost points stay lost.",
    "Apache-2.0 (OpenCV)",
    maturity="stable",
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
    """The trackers by name: built in, installed weights files, and those that wait for a weights file.

    Of weights files only the headers are read.
    """
    files = sorted(path for path in WEIGHTS_FOLDER.glob("*") if path.suffix in WEIGHT_SUFFIXES)
    installed = [_describe_weights(path, installed=True) for path in files]
    names = {info.name for info in installed}
    return [LUCAS_KANADE, *installed, *(info for info in COTRACKER3 if info.name not in names)]


def default_tracker() -> TrackerInfo:
    """What runs where nobody has chosen: the first installed network that is marked stable, else Lucas-Kanade."""
    networks = (info for info in available_trackers() if info.needs_weights and info.ready)
    return next((info for info in networks if info.maturity == "stable"), LUCAS_KANADE)


def tracker_info(name_or_file: str | Path) -> TrackerInfo:
    """What is known of a tracker by its name, or of a weights file by its header.

    A file that cannot be read is described as that: only loading it raises.
    """
    known = {info.name: info for info in available_trackers()}
    return known.get(str(name_or_file)) or _describe_weights(Path(name_or_file), installed=False)


def _describe_weights(path: Path, installed: bool) -> TrackerInfo:
    """Installed weights that do not say that they are stable are experimental; of other files only what they say."""
    description = "Weights that come with Trackwright." if installed else f"A weights file in {path.parent}."
    facts: dict[str, str] = {}
    parameters = 0
    if not path.exists():
        description = "There is no such tracker or file here any more."
    elif path.suffix == ".safetensors":
        try:
            facts, parameters = _read_header(path)
        except (SafetensorError, OSError):
            description = "This weights file is damaged, or no safetensors file."
    marked = facts.get("maturity")
    maturity: Maturity | None = "experimental" if installed or marked == "experimental" else None
    card = path.with_suffix(".md")
    return TrackerInfo(
        name=path.stem if installed else str(path),
        description=facts.get("description", description),
        licence=facts.get("licence", "not stated in the file"),
        weights=path if path.exists() else None,
        needs_weights=True,
        maturity="stable" if marked == "stable" else maturity,
        source=facts.get("source"),
        parameters=parameters,
        card=card if path.suffix in WEIGHT_SUFFIXES and card.is_file() else None,
    )


def _read_header(path: Path) -> tuple[dict[str, str], int]:
    """The metadata of a safetensors file and how many learned numbers it holds. No weights are read."""
    with safe_open(path, framework="np") as handle:
        shapes = {name: handle.get_slice(name).get_shape() for name in handle.keys()}  # noqa: SIM118
        facts = dict(handle.metadata() or {})
    return facts, sum(math.prod(shape) for name, shape in shapes.items() if name != NOT_LEARNED)


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
    return _load_network(path, device, mode, info.name if info else "")


def _load_network(path: Path, device: str, mode: str, name: str) -> Tracker:
    import torch

    from tracker.checkpoints import load_checkpoint
    from tracker.inference.cotracker import CoTrackerTracker

    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("cuda: no graphics card that PyTorch can use was found; choose cpu or auto")
    chosen = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    model, checkpoint = load_checkpoint(path)
    return CoTrackerTracker(model.to(chosen), checkpoint, mode=mode, name=name)
