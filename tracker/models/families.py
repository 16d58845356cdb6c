"""The networks that run here: how weights of each are told, what each can do, and where its authors publish them.

Nothing here needs torch: what a file holds can be said from the names and shapes of its tensors alone. What is known of
the files themselves is measured on the published code and weights; see docs/teachers.md.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

Shapes = Mapping[str, tuple[int, ...]]
Values = Mapping[str, Any]  # of a configuration; what is left out is as published
T = TypeVar("T")

WRAPPERS = ("model", "state_dict")  # entries that hold the weights, in files that hold more
PREFIXES = ("module.", "model.")  # that training tools put before every key
COMPUTED = {"time_emb", "pos_emb"}  # tables among the weights that are no learned numbers
LONGEST_ONLINE_WINDOW = 32  # a CoTracker3 that does not say what it is and has a longer time embedding is offline
HEAD_WIDTH = 48  # channels per attention head of CoTracker, where a file does not say how many heads there are
PATCH = 49  # positions that CoTracker2 and TAPIR correlate on every level
CAUSAL_WORDS = ("causal", "online")  # in the name of a file with a causal TAPIR; its keys and shapes do not tell


@dataclass(frozen=True)
class Capabilities:
    """What a tracker can do. Of a file that does not tell what it is, nothing is known and all are off.

    Attributes:
        online: it gives tracks while frames come in; else it needs the whole clip.
        joint: points help each other; else each is tracked as if it were alone.
        confidence: it says how sure it is of a position, beside whether the point is seen.
        resolution: (height, width) that frames are brought to; None for their own.
    """

    online: bool = False
    joint: bool = False
    confidence: bool = False
    resolution: tuple[int, int] | None = None


UNKNOWN = Capabilities()


@dataclass(frozen=True)
class Family:
    """Networks of one architecture.

    Attributes:
        name: like "tapir". title: as people write it.
        source: the paper.
        module, network, config: where the network and its configuration are, in `tracker.models`.
        marks: keys that every file of the family has, and no file of another.
        licence: of the weights that the authors publish.
        read: the configuration that keys and shapes tell, given the file's name too. Raises ValueError, KeyError or
            IndexError where they tell none.
        call: the name of a configuration, in `NETWORKS` where one of such is published.
        judge: what a configuration can do.
    """

    name: str
    title: str
    source: str
    module: str
    network: str
    config: str
    marks: tuple[str, ...]
    licence: str
    read: Callable[[Shapes, str], Values]
    call: Callable[[Values], str]
    judge: Callable[[Values], Capabilities]


@dataclass(frozen=True)
class Network:
    """A network by name, as published.

    Attributes:
        name: for `tracker.models.build_model`.
        family: in `FAMILIES`. options: of its configuration that differ from the family's.
        description: one sentence.
        published: address where the authors publish the weights. file: its name there.
    """

    name: str
    family: str
    description: str
    published: str
    file: str
    options: Values = field(default_factory=dict)

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return FAMILIES[self.family].judge(self.options)

    @property
    def licence(self) -> str:
        """Of the published weights."""
        return FAMILIES[self.family].licence


# -- CoTracker


def _read_cotracker3(shapes: Shapes, file: str) -> Values:
    """Stride, working resolution and iterations are as published."""
    window, inputs = shapes["time_emb"][1:]
    hidden, volume = shapes["corr_mlp.fc1.weight"]
    channels = shapes["corr_mlp.fc2.weight"][0]
    return {
        **_read_transformer(shapes),
        "kind": "online" if window <= LONGEST_ONLINE_WINDOW else "offline",
        "levels": round((inputs - 86) / channels),
        "radius": (round(volume**0.25) - 1) // 2,
        "correlation_hidden": hidden,
        "correlation_channels": channels,
    }


def _read_cotracker2(shapes: Shapes, file: str) -> Values:
    """Stride, radius and iterations are as published."""
    values = _read_transformer(shapes)
    correlations = shapes["time_emb"][2] - values["feature_channels"] - 132
    if correlations <= 0 or correlations % PATCH:
        raise ValueError(f"{correlations} correlations per point, and nothing says of how many levels")
    height, width = shapes["pos_emb"][2:]
    return {**values, "levels": correlations // PATCH, "resolution": (height * 4, width * 4)}


def _read_transformer(shapes: Shapes) -> dict[str, Any]:
    """What both versions have."""
    width = shapes["updateformer.input_transform.weight"][0]
    if width % HEAD_WIDTH:
        raise ValueError(f"width {width}, and nothing says how many heads")
    return {
        "window": shapes["time_emb"][1],
        "encoder_channels": tuple(shapes[f"fnet.layer{stage}.0.conv1.weight"][0] for stage in (1, 2, 3, 4)),
        "feature_channels": shapes["fnet.conv3.weight"][0],
        "width": width,
        "depth": sum(key.startswith("updateformer.time_blocks.") and key.endswith("to_q.weight") for key in shapes),
        "heads": width // HEAD_WIDTH,
        "mlp_ratio": shapes["updateformer.time_blocks.0.mlp.fc1.weight"][0] // width,
        "virtual_tracks": shapes["updateformer.virual_tracks"][1],
    }


COTRACKER_RESOLUTION = (384, 512)
COTRACKER3 = Family(
    name="cotracker3",
    title="CoTracker3",
    source="Karaev et al. 2024",
    module="cotracker3",
    network="CoTracker3",
    config="CoTracker3Config",
    marks=("fnet.conv1.weight", "corr_mlp.fc1.weight", "updateformer.flow_head.weight", "time_emb"),
    licence="CC-BY-NC-4.0",
    read=_read_cotracker3,
    call=lambda values: f"cotracker3-{values.get('kind', 'online')}",
    judge=lambda values: Capabilities(
        values.get("kind", "online") == "online", True, True, _resolution(values, COTRACKER_RESOLUTION)
    ),
)
COTRACKER2 = Family(
    name="cotracker2",
    title="CoTracker2",
    source="Karaev et al. 2024",
    module="cotracker2",
    network="CoTracker2",
    config="CoTracker2Config",
    marks=("fnet.conv1.weight", "track_feat_updater.0.weight", "vis_predictor.0.weight", "time_emb", "pos_emb"),
    licence="CC-BY-NC-4.0",
    read=_read_cotracker2,
    call=lambda values: "cotracker2.1" if values.get("window") == 16 else "cotracker2",
    judge=lambda values: Capabilities(True, True, False, _resolution(values, COTRACKER_RESOLUTION)),
)


# -- TAPIR and LocoTrack

GROUPS = tuple(f"resnet_torch.block_groups.{group}.blocks.0.conv_0.weight" for group in range(4))


def _read_tapir(shapes: Shapes, file: str) -> Values:
    """Working resolution and iterations are as published; whether it is causal, the file's name says."""
    channels = tuple(shapes[key][0] for key in GROUPS)
    width, inputs = shapes["torch_pips_mixer.linear.weight"]
    correlations = inputs - 4 - channels[1] - channels[3]
    if correlations < 2 * PATCH or correlations % PATCH:
        raise ValueError(f"{correlations} correlations per point")
    return {
        "pyramid_level": correlations // PATCH - 2,
        "extra_convs": any(key.startswith("extra_convs.") for key in shapes),
        "causal": any(word in file.lower() for word in CAUSAL_WORDS),
        "channels": channels,
        "mixer_width": width,
        "mixer_blocks": _count_blocks(shapes, "torch_pips_mixer.blocks."),
    }


def _count_blocks(shapes: Shapes, prefix: str) -> int:
    return len({key.removeprefix(prefix).split(".")[0] for key in shapes if key.startswith(prefix)})


def _call_tapir(values: Values) -> str:
    name = "bootstapir" if values.get("extra_convs") else "tapir"
    return f"{name}-online" if values.get("causal") else name


TAP_RESOLUTION = (256, 256)
TAPIR = Family(
    name="tapir",
    title="TAPIR",
    source="Doersch et al. 2023",
    module="tapir",
    network="Tapir",
    config="TapirConfig",
    marks=("resnet_torch.initial_conv.weight", "torch_pips_mixer.linear.weight", "torch_pips_mixer.linear_1.weight"),
    licence="Apache-2.0",
    read=_read_tapir,
    call=_call_tapir,
    judge=lambda values: Capabilities(bool(values.get("causal")), False, True, _resolution(values, TAP_RESOLUTION)),
)
LOCOTRACK_SIZES = {256: "small", 384: "base"}  # by the width of the transformer


def _read_locotrack(shapes: Shapes, file: str) -> Values:
    width = shapes["torch_pips_mixer.input_proj.weight"][0]
    if width not in LOCOTRACK_SIZES:
        raise ValueError(f"width {width}; the published ones have {' or '.join(map(str, LOCOTRACK_SIZES))}")
    return {"size": LOCOTRACK_SIZES[width], "channels": tuple(shapes[key][0] for key in GROUPS)}


LOCOTRACK = Family(
    name="locotrack",
    title="LocoTrack",
    source="Cho et al. 2024",
    module="locotrack",
    network="LocoTrack",
    config="LocoTrackConfig",
    marks=("resnet_torch.initial_conv.weight", "torch_pips_mixer.input_proj.weight", "cost_conv.weight"),
    licence="Apache-2.0 (of the code; the weights state none)",
    read=_read_locotrack,
    call=lambda values: f"locotrack-{values.get('size', 'base')}",
    judge=lambda values: Capabilities(False, False, True, _resolution(values, TAP_RESOLUTION)),
)


def _resolution(values: Values, published: tuple[int, int]) -> tuple[int, int]:
    height, width = values.get("resolution", published)
    return height, width


# -- all of them

FAMILIES = {family.name: family for family in (COTRACKER3, COTRACKER2, TAPIR, LOCOTRACK)}

_COTRACKER = "https://github.com/facebookresearch/co-tracker"
_TAPIR = "https://storage.googleapis.com/dm-tapnet"
_LOCOTRACK = "https://huggingface.co/datasets/hamacojr/LocoTrack-pytorch-weights"
NETWORKS = {
    network.name: network
    for network in (
        Network(
            "cotracker3-online",
            "cotracker3",
            "CoTracker3, window by window (Karaev et al. 2024).",
            _COTRACKER,
            "scaled_online.pth",
            {"kind": "online", "window": 16},
        ),
        Network(
            "cotracker3-offline",
            "cotracker3",
            "CoTracker3, a whole clip at once (Karaev et al. 2024).",
            _COTRACKER,
            "scaled_offline.pth",
            {"kind": "offline", "window": 60},
        ),
        Network(
            "cotracker2",
            "cotracker2",
            "CoTracker2, in windows of 8 frames (Karaev et al. 2024).",
            _COTRACKER,
            "cotracker2.pth",
            {"window": 8},
        ),
        Network(
            "cotracker2.1",
            "cotracker2",
            "CoTracker2.1, in windows of 16 frames (Karaev et al. 2024).",
            _COTRACKER,
            "cotracker2v1.pth",
            {"window": 16},
        ),
        Network(
            "tapir",
            "tapir",
            "TAPIR: every frame is searched, then all are refined (Doersch et al. 2023).",
            f"{_TAPIR}/tapir_checkpoint_panning.pt",
            "tapir_checkpoint_panning.pt",
        ),
        Network(
            "bootstapir",
            "tapir",
            "BootsTAPIR: a larger TAPIR, trained on real video too (Doersch et al. 2024).",
            f"{_TAPIR}/bootstap/bootstapir_checkpoint_v2.pt",
            "bootstapir_checkpoint_v2.pt",
            {"pyramid_level": 1, "extra_convs": True},
        ),
        Network(
            "bootstapir-online",
            "tapir",
            "Causal BootsTAPIR, frame by frame (Doersch et al. 2024).",
            f"{_TAPIR}/bootstap/causal_bootstapir_checkpoint.pt",
            "causal_bootstapir_checkpoint.pt",
            {"pyramid_level": 1, "extra_convs": True, "causal": True},
        ),
        Network(
            "locotrack-small",
            "locotrack",
            "LocoTrack, the small one: correlations of neighbourhoods with neighbourhoods (Cho et al. 2024).",
            _LOCOTRACK,
            "locotrack_small.ckpt",
            {"size": "small"},
        ),
        Network(
            "locotrack-base",
            "locotrack",
            "LocoTrack, the larger one: correlations of neighbourhoods with neighbourhoods (Cho et al. 2024).",
            _LOCOTRACK,
            "locotrack_base.ckpt",
            {"size": "base"},
        ),
    )
}


# -- what is in a file


def weights_in(content: object, kind: type[T]) -> dict[str, T]:
    """What a file holds of `kind`, by the official keys: out of its wrapper, without the prefixes of training tools.

    Raises:
        TypeError: it holds no names with values at all.
    """
    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise TypeError(type(content).__name__)
    state = {key: value for key, value in content.items() if isinstance(value, kind)}
    for prefix in (*PREFIXES, *PREFIXES):  # in either order
        if state and all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


def family_of(keys: Mapping[str, object]) -> Family:
    """Whose weights have such keys.

    Raises:
        ValueError: nobody's; the text says what they are, for a sentence about the file.
    """
    lacks = {name: [mark for mark in family.marks if mark not in keys] for name, family in FAMILIES.items()}
    # Of two that lack as much, the one that has more.
    name = min(FAMILIES, key=lambda name: (len(lacks[name]), -len(FAMILIES[name].marks)))
    family, missing = FAMILIES[name], lacks[name]
    if not missing:
        return family
    begins = ", ".join(sorted({key.split(".")[0] for key in keys})[:4])
    if len(missing) == 1:
        raise ValueError(f"it seems to be {family.title}, but {missing[0]} is missing")
    raise ValueError(f"a checkpoint of another network (its keys begin with {begins})")


def values_in(family: Family, shapes: Shapes, file: str, facts: Mapping[str, str]) -> Values:
    """The configuration that a file has among its facts, as our own files do, else what keys and shapes tell.

    Args:
        file: its name. facts: strings beside the tensors of a safetensors file.

    Raises:
        ValueError, KeyError, IndexError, AttributeError, TypeError: they tell none.
    """
    if "config" not in facts:
        return family.read(shapes, file)
    given: dict[str, Any] = json.loads(facts["config"])
    return {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
