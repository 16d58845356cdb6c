"""Reading and writing network weights, without ever running code from a file."""

import json
import math
import os
import pickle
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from tracker.files import InputError, atomic_output, describe_os_error
from tracker.models import config_of, field_names, network_of
from tracker.models.cotracker3 import CoTracker3
from tracker.models.families import (
    COTRACKER3,
    FAMILIES,
    NETWORKS,
    Family,
    Shapes,
    Values,
    family_of,
    values_in,
    weights_in,
)

if TYPE_CHECKING:
    from tracker.models.cotracker2 import CoTracker2, CoTracker2Config
    from tracker.models.cotracker3 import CoTracker3Config
    from tracker.models.locotrack import LocoTrack, LocoTrackConfig
    from tracker.models.tapir import Tapir, TapirConfig

TITLES = [family.title for family in FAMILIES.values()]
EXPECTED = f"expected weights of {', '.join(TITLES[:-1])} or {TITLES[-1]} (.pth, .pt, .ckpt or .safetensors)"
INDEX = "weights.safetensors.index.json"  # of weights in pieces, beside them
SHARD_HEADER_BYTES = 64 << 10  # room that is left in each piece for names, shapes and facts
# Packages whose objects lie beside the weights in checkpoints of training tools: they are not made, nor needed.
BESIDE_WEIGHTS = ("argparse", "pathlib", "numpy", "omegaconf", "lightning", "pytorch_lightning", "lightning_fabric")

Network: TypeAlias = "CoTracker3 | CoTracker2 | Tapir | LocoTrack"
NetworkConfig: TypeAlias = "CoTracker3Config | CoTracker2Config | TapirConfig | LocoTrackConfig"


@dataclass(frozen=True)
class CheckpointInfo:
    """What a checkpoint file holds.

    Attributes:
        name: the model, as in `tracker.models.build_model`. family: as in `tracker.models.families.FAMILIES`.
        config: its configuration, from the file's metadata or from the keys and shapes of its tensors.
        parameters: how many numbers were learned.
        licence, source: as recorded in the file; None where it says nothing.
        dtype: of the weights in the file, like "float32". The model itself is float32.
        visible_above: visibility times confidence from which on its points count as visible, where the file says it.
    """

    name: str
    family: str
    config: NetworkConfig
    parameters: int
    licence: str | None
    source: str | None
    dtype: str
    path: Path
    visible_above: float | None = None


def load_checkpoint(path: str | os.PathLike[str], network: str = "") -> tuple[Network, CheckpointInfo]:
    """The model in a file, in eval mode on the CPU, and what is known about it.

    Reads plain state dicts, those wrapped as {"model": ...} and {"state_dict": ...}, and those whose keys begin with
    "module." or "model."; weights in pieces by their index file; and a folder that holds weights, such as that of a
    training.

    Args:
        network: which of `tracker.models.MODELS` it is, where the file is not believed. A causal TAPIR in a file whose
            name does not say "causal" is told from others only so.

    Raises:
        InputError: the file cannot be read or holds something else; the sentence says what it is and what was expected.
        ValueError: there is no such network.
    """
    path = _weights_in(Path(path))
    state, metadata = _read(path)
    family, state = _official(path, state)
    config = _config(path, family, state, metadata, network)
    with torch.device("meta"):
        model = network_of(family, config)
    _check_fit(path, family, state, model)
    model.load_state_dict({key: value.float() for key, value in state.items()}, assign=True)
    info = CheckpointInfo(
        name=family.call(asdict(config)),
        family=family.name,
        config=config,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        licence=metadata.get("licence"),
        source=metadata.get("source"),
        dtype=str(state[family.marks[0]].dtype).removeprefix("torch."),
        path=path,
        visible_above=_visible_above(path, metadata),
    )
    return cast(Network, model.eval()), info


def load_cotracker3(path: str | os.PathLike[str]) -> tuple[CoTracker3, CheckpointInfo]:
    """As `load_checkpoint`, for what only a CoTracker3 can do, such as to be trained.

    Raises:
        InputError: also where the file holds another network.
    """
    model, info = load_checkpoint(path)
    if not isinstance(model, CoTracker3):
        title = FAMILIES[info.family].title
        raise InputError(f"{info.path}: {title} weights ({info.name}); expected weights of {COTRACKER3.title}")
    return model, info


def save_checkpoint(
    path: str | os.PathLike[str],
    model: CoTracker3,
    metadata: Mapping[str, str] | None = None,
    *,
    dtype: torch.dtype | None = None,
    shard_mib: int | None = None,
) -> None:
    """Write weights and configuration as safetensors; a failure leaves an older file as it was.

    Args:
        path: the file, or where `shard_mib` is given the folder.
        metadata: further facts, such as "licence", "source", "description" (a sentence), "maturity" ("experimental" or
            "stable") and "visible_above" (see `CheckpointInfo`).
        dtype: of the learned numbers in the file; as they are where None.
        shard_mib: the largest size of a file in MiB; makes a folder of files with an index. One tensor is never cut.

    Raises:
        InputError: the file cannot be written.
    """
    learned = {name for name, _ in model.named_parameters()}
    state = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    if dtype is not None:
        state = {key: value.to(dtype) if key in learned else value for key, value in state.items()}
    facts = {**(metadata or {}), "model": "cotracker3", "config": json.dumps(asdict(model.config))}
    with atomic_output(path) as part:
        try:
            if shard_mib is None:
                _write(state, part, facts)
            else:
                _save_shards(part, state, facts, shard_mib * 2**20)
        except SafetensorError as error:
            raise InputError(f"{path}: {error}") from error


def copy_checkpoint(path: str | os.PathLike[str], target: str | os.PathLike[str], facts: Mapping[str, str]) -> None:
    """Write the weights of any network to one safetensors file, with all that was known about them and `facts`.

    The numbers stay as they are; the metadata that says so is as for `save_checkpoint`, and `facts` win.

    Raises:
        InputError: there are no such weights, a fact cannot be, or the file cannot be written.
    """
    info = load_checkpoint(path)[1]
    _visible_above(Path(path), facts)
    state, metadata = _read(info.path)
    state = {key: value.clone().contiguous() for key, value in _official(info.path, state)[1].items()}
    fixed = {"model": info.family, "config": json.dumps(asdict(info.config))}
    with atomic_output(target) as part:
        try:
            _write(state, part, {**metadata, **facts, **fixed})
        except SafetensorError as error:
            raise InputError(f"{target}: {error}") from error


def _write(state: dict[str, Tensor], path: Path, facts: dict[str, str]) -> None:
    save_file(state, path, metadata=facts)
    path.chmod(0o644)  # safetensors leaves it to its owner alone


def _save_shards(folder: Path, state: Mapping[str, Tensor], facts: dict[str, str], largest: int) -> None:
    """Files of at most `largest` bytes, named and indexed as is usual for sharded safetensors."""
    largest -= SHARD_HEADER_BYTES
    shards: list[dict[str, Tensor]] = [{}]
    room = largest
    for key, value in state.items():
        if value.nbytes > room and shards[-1]:
            shards.append({})
            room = largest
        shards[-1][key] = value
        room -= value.nbytes
    folder.mkdir()
    places: dict[str, str] = {}
    for number, shard in enumerate(shards, start=1):
        name = f"weights-{number:05}-of-{len(shards):05}.safetensors"
        _write(shard, folder / name, facts)
        places |= dict.fromkeys(shard, name)
    index = {"metadata": facts, "weight_map": places}
    (folder / INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")


def _weights_in(path: Path) -> Path:
    """The file of weights that a folder stands for; a file stands for itself."""
    if not path.is_dir():
        return path
    for name in (INDEX, "weights.safetensors", f"weights/{INDEX}"):
        if (path / name).is_file():
            return path / name
    raise InputError(f"{path}: this is a folder with no weights in it ({INDEX} or weights.safetensors)")


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    if path.name.endswith(".index.json"):
        return _read_shards(path)
    return _read_safetensors(path) if _looks_like_safetensors(path) else _read_pickle(path)


def _read_shards(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Raises InputError where the index is none, or a file it names is missing, damaged or outside its folder."""
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        places = index["weight_map"]
        names = sorted(set(places.values()))
        metadata = {str(key): str(value) for key, value in index.get("metadata", {}).items()}
    except OSError as error:
        raise describe_os_error(path, error) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: no index of weights in pieces, or a damaged one; {EXPECTED}") from error
    if outside := [name for name in names if Path(name).name != name]:
        raise InputError(f"{path}: names a file in another folder, {outside[0]}; {EXPECTED}")
    state: dict[str, Tensor] = {}
    for name in names:
        shard = path.parent / name
        _looks_like_safetensors(shard)  # says what is wrong with a file that is absent or empty
        state |= _read_safetensors(shard)[0]
    if missing := sorted(set(places) - set(state)):
        raise InputError(f"{path}: {missing[0]} is not in {places[missing[0]]}; {EXPECTED}")
    return state, metadata


def _looks_like_safetensors(path: Path) -> bool:
    """By content: a length of eight bytes, then JSON. The suffix decides nothing, but helps to name what is broken.

    Raises:
        InputError: the file cannot be read, or is empty.
    """
    try:
        with path.open("rb") as handle:
            head = handle.read(9)
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise InputError(f"{path}: there is no such file") from error
        if isinstance(error, PermissionError):
            raise InputError(f"{path}: no permission to read this file") from error
        raise describe_os_error(path, error) from error
    if not head:
        raise InputError(f"{path}: the file is empty; {EXPECTED}")
    return len(head) == 9 and head[8:] == b"{" and int.from_bytes(head[:8], "little") < 1 << 27


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as handle:
            return {key: handle.get_tensor(key) for key in handle.keys()}, dict(handle.metadata() or {})  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: a safetensors file that is cut off or damaged ({error}); {EXPECTED}") from error


def _read_pickle(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Raises InputError where the file is no checkpoint, or is one that could run code."""
    with path.open("rb") as handle:
        head = handle.read(512)
    if not zipfile.is_zipfile(path) and not head.startswith(b"\x80"):
        raise InputError(f"{path}: {_kind_of_file(path, head)}; {EXPECTED}")
    try:
        loaded = _load_pickle(path)
    except pickle.UnpicklingError as error:
        text = str(error)
        if "weights_only" in text.lower() and ("GLOBAL" in text or "Unsupported" in text):
            raise InputError(f"{path}: a pickle with code in it, which is never run; {EXPECTED}") from error
        raise InputError(f"{path}: a pickle that is damaged or holds no weights; {EXPECTED}") from error
    except (RuntimeError, EOFError, ValueError, KeyError, AttributeError, TypeError, IndexError, OSError) as error:
        raise InputError(f"{path}: a PyTorch file that is cut off or damaged; {EXPECTED}") from error
    try:
        state = weights_in(loaded, Tensor)
    except TypeError as error:
        raise InputError(f"{path}: a PyTorch file that holds a {error}, not weights; {EXPECTED}") from error
    if not state:
        raise InputError(f"{path}: a PyTorch file without weights in it; {EXPECTED}")
    return state, {}


class _Left:
    """Stands for an object beside the weights, whose own class is never looked up."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass


def _load_pickle(path: Path) -> object:
    """What is in the file, with nothing in place of objects of `BESIDE_WEIGHTS`; PyTorch refuses any others."""
    named = torch.serialization.get_unsafe_globals_in_checkpoint(path) if zipfile.is_zipfile(path) else []
    # Some of Lightning's are dicts, which only a dict can stand for.
    left: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
        (OrderedDict if name.endswith("Dict") else _Left, name)
        for name in named
        if name.split(".")[0] in BESIDE_WEIGHTS
    ]
    with warnings.catch_warnings(), torch.serialization.safe_globals(left):
        warnings.simplefilter("ignore")  # of an unusual pickle protocol; what cannot be read raises
        return torch.load(path, map_location="cpu", weights_only=True)


def _kind_of_file(path: Path, head: bytes) -> str:
    if head.startswith(b"PK"):
        return "a PyTorch or zip file that is cut off or damaged"
    if path.suffix == ".safetensors":
        return "no safetensors file, or a damaged one"
    try:
        head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # else only the last character was cut in two
            return "no weights file"
    return "no weights file" if b"\0" in head else "a text file"


def _official(path: Path, state: dict[str, Tensor]) -> tuple[Family, dict[str, Tensor]]:
    """Whose weights they are, with two heads where a CoTracker3 has a combined one.

    Raises InputError where they are no known network's.
    """
    state = weights_in(state, Tensor)
    try:
        family = family_of(state)
    except ValueError as error:
        raise InputError(f"{path}: {error}; {EXPECTED}") from error
    if family is COTRACKER3 and "updateformer.vis_conf_head.weight" not in state:
        for part in ("weight", "bias"):
            head = state.get(f"updateformer.flow_head.{part}", torch.empty(0))
            if len(head) == 4:
                state[f"updateformer.flow_head.{part}"] = head[:2]
                state[f"updateformer.vis_conf_head.{part}"] = head[2:]
    return family, state


def _config(
    path: Path, family: Family, state: Mapping[str, Tensor], metadata: Mapping[str, str], network: str
) -> NetworkConfig:
    asked = _asked(path, family, network)
    try:
        known = field_names(family)
        values = values_in(family, _shapes(state), path.name, metadata)
        config: Any = config_of(family, {key: values[key] for key in values if key in known} | dict(asked))
    except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise InputError(f"{path}: {family.title} weights of an unknown configuration ({error}); {EXPECTED}") from error
    return cast(NetworkConfig, config)


def _asked(path: Path, family: Family, network: str) -> Values:
    """What the caller's name of the network says of its configuration. Raises as `load_checkpoint`."""
    if not network:
        return {}
    if network not in NETWORKS:
        raise ValueError(f'there is no model "{network}"; there are {", ".join(sorted(NETWORKS))}')
    if NETWORKS[network].family != family.name:
        raise InputError(f"{path}: {family.title} weights; expected those of {network}")
    return NETWORKS[network].options


def _shapes(state: Mapping[str, Tensor]) -> Shapes:
    return {key: tuple(value.shape) for key, value in state.items()}


def _visible_above(path: Path, metadata: Mapping[str, str]) -> float | None:
    stated = metadata.get("visible_above")
    if stated is None:
        return None
    try:
        threshold = float(stated)
    except ValueError:
        threshold = math.nan
    if not 0 <= threshold <= 1:
        raise InputError(f"{path}: visible_above is {stated!r} in its metadata, not a number from 0 to 1")
    return threshold


def _check_fit(path: Path, family: Family, state: Mapping[str, Tensor], model: nn.Module) -> None:
    """Raises InputError where keys or shapes are not those of the model, or a weight is no number."""
    expected, found = _shapes(model.state_dict()), _shapes(state)
    if wrong := sorted(set(expected) ^ set(found)):
        what = "is missing" if wrong[0] in expected else "does not belong"
        raise InputError(f"{path}: not {family.title} weights as published: {wrong[0]} {what}; {EXPECTED}")
    for key, shape in expected.items():
        if found[key] != shape:
            raise InputError(f"{path}: {key} has shape {found[key]} instead of {shape}; {EXPECTED}")
        if not state[key].is_floating_point() or not state[key].isfinite().all():
            raise InputError(f"{path}: {key} holds values that are no weights (not finite, or no floats); {EXPECTED}")
