"""Reading and writing network weights, without ever running code from a file."""

import json
import math
import os
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from tracker.files import InputError, atomic_output, describe_os_error
from tracker.models.cotracker3 import CoTracker3, CoTracker3Config

EXPECTED = "expected CoTracker3 weights (.pth or .safetensors)"
LONGEST_ONLINE_WINDOW = 32  # a checkpoint that does not say what it is and has a longer time embedding is offline
INDEX = "weights.safetensors.index.json"  # of weights in pieces, beside them
SHARD_HEADER_BYTES = 64 << 10  # room that is left in each piece for names, shapes and facts
OFFICIAL_HEAD_WIDTH = 48  # channels per attention head, where a checkpoint does not say how many heads it has


@dataclass(frozen=True)
class CheckpointInfo:
    """What a checkpoint file holds.

    Attributes:
        name: the model, as in `tracker.models.build_model`.
        config: its configuration, from the file's metadata or from the shapes of its tensors.
        parameters: how many numbers were learned.
        licence, source: as recorded in the file; None where it says nothing.
        dtype: of the weights in the file, like "float32". The model itself is float32.
        visible_above: visibility times confidence from which on its points count as visible, where the file says it.
    """

    name: str
    config: CoTracker3Config
    parameters: int
    licence: str | None
    source: str | None
    dtype: str
    path: Path
    visible_above: float | None = None


def load_checkpoint(path: str | os.PathLike[str]) -> tuple[CoTracker3, CheckpointInfo]:
    """The model in a file, in eval mode on the CPU, and what is known about it.

    Reads plain state dicts, those wrapped as {"model": ...} and those with keys that begin with "module."; weights in
    pieces by their index file; and a folder that holds weights, such as that of a training.

    Raises:
        InputError: the file cannot be read or holds something else; the sentence says what it is and what was expected.
    """
    path = _weights_in(Path(path))
    state, metadata = _read(path)
    state = _official_keys(path, state)
    config = _config(path, state, metadata)
    with torch.device("meta"):
        model = CoTracker3(config)
    _check_fit(path, state, model)
    model.load_state_dict({key: value.float() for key, value in state.items()}, assign=True)
    info = CheckpointInfo(
        name=f"cotracker3-{config.kind}",
        config=config,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        licence=metadata.get("licence"),
        source=metadata.get("source"),
        dtype=str(state["fnet.conv1.weight"].dtype).removeprefix("torch."),
        path=path,
        visible_above=_visible_above(path, metadata),
    )
    return model.eval(), info


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
    """Write the weights of a checkpoint to one safetensors file, with all that was known about them and `facts`.

    The numbers stay as they are; the metadata that says so is as for `save_checkpoint`, and `facts` win.

    Raises:
        InputError: there are no such weights, a fact cannot be, or the file cannot be written.
    """
    info = load_checkpoint(path)[1]
    _visible_above(Path(path), facts)
    state, metadata = _read(info.path)
    state = {key: value.clone().contiguous() for key, value in _official_keys(info.path, state).items()}
    fixed = {"model": "cotracker3", "config": json.dumps(asdict(info.config))}
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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an unusual pickle protocol; what cannot be read raises
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        text = str(error)
        if "weights_only" in text.lower() and ("GLOBAL" in text or "Unsupported" in text):
            raise InputError(f"{path}: a pickle with code in it, which is never run; {EXPECTED}") from error
        raise InputError(f"{path}: a pickle that is damaged or holds no weights; {EXPECTED}") from error
    except (RuntimeError, EOFError, ValueError, KeyError, AttributeError, TypeError, IndexError, OSError) as error:
        raise InputError(f"{path}: a PyTorch file that is cut off or damaged; {EXPECTED}") from error
    return _state_dict(path, loaded), {}


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


def _state_dict(path: Path, loaded: object) -> dict[str, Tensor]:
    if isinstance(loaded, dict) and isinstance(loaded.get("model"), dict):
        loaded = loaded["model"]
    if not isinstance(loaded, dict) or not all(isinstance(key, str) for key in loaded):
        raise InputError(f"{path}: a PyTorch file that holds a {type(loaded).__name__}, not weights; {EXPECTED}")
    state = {key: value for key, value in loaded.items() if isinstance(value, Tensor)}
    if not state:
        raise InputError(f"{path}: a PyTorch file without weights in it; {EXPECTED}")
    return state


def _official_keys(path: Path, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Without the "module." of distributed training, and with two heads where the file has a combined one."""
    if all(key.startswith("module.") for key in state):
        state = {key.removeprefix("module."): value for key, value in state.items()}
    required = ("fnet.conv1.weight", "corr_mlp.fc1.weight", "updateformer.flow_head.weight", "time_emb")
    if missing := [key for key in required if key not in state]:
        begins = sorted({key.split(".")[0] for key in state})
        raise InputError(
            f"{path}: a checkpoint of another network (its keys begin with {', '.join(begins[:4])}; "
            f"{missing[0]} is missing); {EXPECTED}"
        )
    if "updateformer.vis_conf_head.weight" not in state and len(state["updateformer.flow_head.weight"]) == 4:
        for part in ("weight", "bias"):
            head = state[f"updateformer.flow_head.{part}"]
            state[f"updateformer.flow_head.{part}"] = head[:2]
            state[f"updateformer.vis_conf_head.{part}"] = head[2:]
    return state


def _config(path: Path, state: Mapping[str, Tensor], metadata: Mapping[str, str]) -> CoTracker3Config:
    try:
        if "config" in metadata:
            known = {field.name for field in fields(CoTracker3Config)}
            given: dict[str, Any] = json.loads(metadata["config"])
            values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items() if k in known}
            return CoTracker3Config(**values)
        return _config_from_shapes(state)
    except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise InputError(f"{path}: CoTracker3 weights of an unknown configuration ({error}); {EXPECTED}") from error


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


def _config_from_shapes(state: Mapping[str, Tensor]) -> CoTracker3Config:
    """What the shapes tell; the rest (stride, working resolution, iterations) is as published."""
    window, inputs = state["time_emb"].shape[1:]
    hidden, volume = state["corr_mlp.fc1.weight"].shape
    channels = state["corr_mlp.fc2.weight"].shape[0]
    width = state["updateformer.input_transform.weight"].shape[0]
    if width % OFFICIAL_HEAD_WIDTH:
        raise ValueError(f"width {width}, and nothing says how many heads")
    return CoTracker3Config(
        kind="online" if window <= LONGEST_ONLINE_WINDOW else "offline",
        window=window,
        encoder_channels=_stage_channels(state),
        feature_channels=state["fnet.conv3.weight"].shape[0],
        levels=round((inputs - 86) / channels),
        radius=(round(volume**0.25) - 1) // 2,
        correlation_hidden=hidden,
        correlation_channels=channels,
        width=width,
        depth=sum(key.startswith("updateformer.time_blocks.") and key.endswith("to_q.weight") for key in state),
        heads=width // OFFICIAL_HEAD_WIDTH,
        mlp_ratio=state["updateformer.time_blocks.0.mlp.fc1.weight"].shape[0] // width,
        virtual_tracks=state["updateformer.virual_tracks"].shape[1],
    )


def _stage_channels(state: Mapping[str, Tensor]) -> tuple[int, int, int, int]:
    a, b, c, d = (len(state[f"fnet.layer{stage}.0.conv1.weight"]) for stage in (1, 2, 3, 4))
    return a, b, c, d


def _check_fit(path: Path, state: Mapping[str, Tensor], model: nn.Module) -> None:
    """Raises InputError where keys or shapes are not those of the model, or a weight is no number."""
    expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in state.items()}
    if wrong := sorted(set(expected) ^ set(found)):
        what = "is missing" if wrong[0] in expected else "does not belong"
        raise InputError(f"{path}: not CoTracker3 weights as published: {wrong[0]} {what}; {EXPECTED}")
    for key, shape in expected.items():
        if found[key] != shape:
            raise InputError(f"{path}: {key} has shape {found[key]} instead of {shape}; {EXPECTED}")
        if not state[key].is_floating_point() or not state[key].isfinite().all():
            raise InputError(f"{path}: {key} holds values that are no weights (not finite, or no floats); {EXPECTED}")
