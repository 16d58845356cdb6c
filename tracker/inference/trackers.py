"""Which trackers there are, which one is the default, and how to get one that is ready to run."""

import hashlib
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tracker.files import InputError, atomic_output, describe_os_error, user_data_folder
from tracker.inference.lucas_kanade import LucasKanade
from tracker.inference.session import Tracker
from tracker.inference.weight_header import WeightHeader, read_header
from tracker.models.families import FAMILIES, NETWORKS, UNKNOWN, Capabilities, Network

if TYPE_CHECKING:
    from tracker.checkpoints import CheckpointInfo
    from tracker.checkpoints import Network as LoadedNetwork

MODES = ("auto", "online", "offline")
DEVICES = ("auto", "cpu", "cuda")

WEIGHTS_FOLDER = Path(__file__).parents[2] / "resources" / "weights"
WEIGHT_SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # of weights that a person installs: also that of a file
NOT_STATED = "not stated in the file"

Maturity = Literal["experimental", "stable"]


@dataclass(frozen=True)
class TrackerInfo:
    """One tracker that can be named.

    Attributes:
        name: what `load_tracker` takes.
        description: one sentence.
        licence: of the weights, as their file says, or of the method's implementation where it has none. Of a file that
            says nothing, that of the family's released weights, and that the file does not say it.
        weights: the weights file; None for a tracker that needs none, or whose weights are not here.
        needs_weights: whether it runs only with weights.
        maturity: "stable" where its accuracy was measured and found good enough to be the default, "experimental"
            where not; None where nobody has said.
        source: who or what made the weights, as recorded in the file.
        parameters: how many numbers were learned; 0 where the file does not tell without being loaded.
        card: the model card beside the weights, a Markdown file.
        family: in `tracker.models.families.FAMILIES`; "" for a tracker that is no network, or an unknown one.
        network: the network by name, as in `tracker.models.MODELS`; "" likewise.
        capabilities: what it can do; all off where a file does not tell.
        published: where the authors of the network publish weights of theirs; "" where there are none.
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
    family: str = ""
    network: str = ""
    capabilities: Capabilities = UNKNOWN
    published: str = ""

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
    capabilities=Capabilities(online=True, confidence=True),
)


def _without_weights(network: Network) -> TrackerInfo:
    return TrackerInfo(
        network.name,
        f"{network.description} Needs a weights file of your own.",
        network.licence,
        needs_weights=True,
        family=network.family,
        network=network.name,
        capabilities=network.capabilities,
        published=network.published,
    )


def _how_to_get(network: Network) -> str:
    """A sentence."""
    return (
        f"They are no part of Trackwright: the authors publish {network.file} at {network.published} under "
        f"{network.licence}; give your own copy as a file."
    )


def models_folder() -> Path:
    """Where weights lie that a person installed."""
    return user_data_folder() / "models"


def available_trackers() -> list[TrackerInfo]:
    """The trackers by name: built in, weights that come with Trackwright, those that a person installed, and networks
    that wait for a weights file.

    Of weights files only names and shapes of tensors are read.
    """
    shipped = [_describe_weights(path, shipped=True, by_name=True) for path in _weights_in(WEIGHTS_FOLDER)]
    own = [_describe_weights(path, by_name=True) for path in _weights_in(models_folder())]
    found = {info.name: info for info in [*own, LUCAS_KANADE, *shipped]}  # a name stays what it always was
    here = [LUCAS_KANADE, *shipped, *(info for info in own if found[info.name] is info)]
    return [*here, *(_without_weights(network) for name, network in NETWORKS.items() if name not in found)]


def _weights_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.suffix in WEIGHT_SUFFIXES)


def default_tracker() -> TrackerInfo:
    """What runs where nobody has chosen: the first network that comes with Trackwright and is marked stable, else
    Lucas-Kanade."""
    shipped = [_describe_weights(path, shipped=True, by_name=True) for path in _weights_in(WEIGHTS_FOLDER)]
    return next((info for info in shipped if info.maturity == "stable"), LUCAS_KANADE)


def tracker_info(name_or_file: str | Path) -> TrackerInfo:
    """What is known of a tracker by its name, or of a weights file without loading it.

    A file that cannot be read is described as that: only loading it raises.
    """
    known = {info.name: info for info in available_trackers()}
    return known.get(str(name_or_file)) or _describe_weights(Path(name_or_file))


def _describe_weights(path: Path, *, shipped: bool = False, by_name: bool = False) -> TrackerInfo:
    """Weights that come with Trackwright and do not say that they are stable are experimental; of others only what they
    say."""
    description = "Weights that come with Trackwright." if shipped else f"A weights file in {path.parent}."
    header = WeightHeader({}, 0, None, "", UNKNOWN)
    if not path.exists():
        description = "There is no such tracker or file here any more."
    elif path.suffix in WEIGHT_SUFFIXES and path.is_file():
        try:
            header = read_header(path)
            description = _describe(header, description)
        except InputError:
            description = "This weights file is damaged, or no weights file."
    facts, network = header.facts, NETWORKS.get(header.network)
    maturity: Maturity | None = "experimental" if shipped or facts.get("maturity") == "experimental" else None
    card = path.with_suffix(".md")
    return TrackerInfo(
        name=path.stem if by_name else str(path),
        description=facts.get("description", description),
        licence=_licence(header),
        weights=path if path.exists() else None,
        needs_weights=True,
        maturity="stable" if facts.get("maturity") == "stable" else maturity,
        source=facts.get("source"),
        parameters=header.parameters,
        card=card if path.suffix in WEIGHT_SUFFIXES and card.is_file() else None,
        family=header.family.name if header.family else "",
        network=header.network,
        capabilities=header.capabilities,
        published=network.published if network and not _made_here(header) else "",
    )


def _describe(header: WeightHeader, description: str) -> str:
    if header.family is None:
        titles = ", ".join(family.title for family in FAMILIES.values())
        return f"{description} It holds none of the networks that can run here ({titles})."
    return f"{description} It holds {header.family.title} ({header.family.source})."


def _made_here(header: WeightHeader) -> bool:
    """Whether Trackwright wrote the file, so that its weights are not as somebody else released them."""
    return "config" in header.facts


def _licence(header: WeightHeader) -> str:
    stated = header.facts.get("licence")
    if stated or header.family is None or _made_here(header):
        return stated or NOT_STATED
    return f"{header.family.licence} for the released weights; not stated in this file"


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
        raise InputError(f"{info.name}: its weights are not installed. {_how_to_get(NETWORKS[info.name])}")
    path = Path(name_or_file) if info is None else info.weights
    assert path is not None
    if info is None and not path.exists() and path.suffix not in WEIGHT_SUFFIXES:
        ready = ", ".join(name for name, one in known.items() if one.ready)
        raise InputError(f"{name_or_file}: there is no such tracker or file; there are {ready}, or a checkpoint file")
    return _load_network(path, device, mode, info.name if info else "")


def _load_network(path: Path, device: str, mode: str, name: str) -> Tracker:
    import torch

    from tracker.checkpoints import load_checkpoint

    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("cuda: no graphics card that PyTorch can use was found; choose cpu or auto")
    chosen = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    model, checkpoint = load_checkpoint(path)
    return _as_tracker(model.to(chosen), checkpoint, mode, name)


def _as_tracker(model: "LoadedNetwork", checkpoint: "CheckpointInfo", mode: str, name: str) -> Tracker:
    """Raises InputError where a network that needs the whole clip is to run online."""
    from tracker.inference.cotracker import CoTrackerTracker
    from tracker.inference.cotracker2 import CoTracker2Tracker
    from tracker.inference.tapnet import TapnetTracker
    from tracker.models.cotracker2 import CoTracker2
    from tracker.models.cotracker3 import CoTracker3

    if isinstance(model, CoTracker3):
        return CoTrackerTracker(model, checkpoint, mode=mode, name=name)
    if isinstance(model, CoTracker2):
        return CoTracker2Tracker(model, checkpoint, name=name)
    # The others run in one way only. It is no error to ask frame by frame for the tracks of a whole clip.
    if mode == "online" and not FAMILIES[checkpoint.family].judge(asdict(checkpoint.config)).online:
        causal = '; a causal one is known by "causal" in its file\'s name' if checkpoint.family == "tapir" else ""
        raise InputError(
            f"{checkpoint.path}: weights of {checkpoint.name}, which needs a whole clip at once{causal}; "
            "choose the mode offline"
        )
    return TapnetTracker(model, checkpoint, name=name)


def file_sha256(path: Path) -> str:
    """The SHA-256 of what is in a file, in hexadecimal.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: the file cannot be read ({error.strerror})") from error


def install_tracker(weights: Path, name: str, card: str) -> TrackerInfo:
    """Keep weights under a name, from now on one of `available_trackers`, with what their file said and a model card.

    Args:
        weights: any file that `tracker.checkpoints.load_checkpoint` reads.
        name: letters, digits, ".", "_" and "-". The name of a network that waits for weights is for such weights.
        card: Markdown; none is written where it is empty.

    Raises:
        InputError: the name is none or taken, the weights cannot be read, or the folder cannot be written.
    """
    from tracker.checkpoints import copy_checkpoint, load_checkpoint

    if not NAME.fullmatch(name) or name.lower().endswith((".md", *WEIGHT_SUFFIXES)):
        raise InputError(f"{name}: a tracker's name is made of letters, digits, dots, hyphens and underscores")
    taken = {info.name.lower(): info for info in available_trackers()}
    if (other := taken.get(name.lower())) is not None:
        if other.ready:
            raise InputError(f"{name}: there is a tracker of this name already")
        if other.name != name or load_checkpoint(weights)[1].name != name:
            raise InputError(f"{name}: this name is kept for weights of {other.name}, which {weights} does not hold")
    folder = models_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise describe_os_error(folder, error) from error
    place = folder / f"{name}.safetensors"
    # The licence stays what it was taken for: the copy is a file of ours, which must say it itself.
    licence = tracker_info(weights).licence
    copy_checkpoint(weights, place, {} if licence == NOT_STATED else {"licence": licence})
    if card:
        with atomic_output(folder / f"{name}.md") as part:
            part.write_text(card, encoding="utf-8")
    return _describe_weights(place, by_name=True)
