"""How the numbers in a picture are shown: scene-linear light and film densities become 8-bit pictures for the eye, and
for the trackers, which see the same."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal, Self, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.video.ocio import OcioView, ocio_picture

ViewKind = Literal["display", "srgb", "log", "ocio"]
VIEW_KINDS: tuple[ViewKind, ...] = get_args(ViewKind)
MAX_EXPOSURE = 20.0
GAMMAS = (0.1, 10.0)

# Kodak, "Conversion of 10-bit Log Film Data to 8-bit Linear or Video Data" (1995): 0.002 density a code, gamma 0.6.
LOG_BLACK, LOG_WHITE, LOG_STEP = 95, 685, 0.002 / 0.6

Codes = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float16] | NDArray[np.float32]


@dataclass(frozen=True)
class ViewTransform:
    """From the stored numbers to the picture that is seen and tracked.

    Attributes:
        kind: what the numbers are. "display": as they are shown; "srgb": scene-linear light, shown with the sRGB curve
            (IEC 61966-2-1); "log": printing densities (Cineon, DPX); "ocio": as an OpenColorIO configuration says.
        exposure: stops that the light is raised by, before the curve.
        gamma: the picture is raised to the power of 1 / gamma, after the curve; above 1 is brighter.
        config: of "ocio": a configuration file, or the name of a built-in one as ocio://default.
        colour_space, display, view: of "ocio": that of the file, and what it is shown on; "" for the configuration's
            own choice.

    Raises:
        InputError: a value is out of its range.
    """

    kind: ViewKind = "display"
    exposure: float = 0.0
    gamma: float = 1.0
    config: str = ""
    colour_space: str = ""
    display: str = ""
    view: str = ""

    def __post_init__(self) -> None:
        if self.kind not in VIEW_KINDS:
            raise InputError(f"view transform: {self.kind!r} is none of {', '.join(VIEW_KINDS)}")
        if not abs(self.exposure) <= MAX_EXPOSURE:
            raise InputError(f"view transform: an exposure of {self.exposure} is not within ±{MAX_EXPOSURE:g} stops")
        if not GAMMAS[0] <= self.gamma <= GAMMAS[1]:
            raise InputError(f"view transform: a gamma of {self.gamma} is not within {GAMMAS[0]} to {GAMMAS[1]}")

    @property
    def is_identity(self) -> bool:
        """Whether 8-bit pictures stay as they are."""
        return self.kind == "display" and self.exposure == 0 and self.gamma == 1

    @property
    def key(self) -> str:
        """A short text that is the same for the same look, from start to start; it follows changes of a config file."""
        facts = self.to_json()
        if self.kind == "ocio" and Path(self.config).is_file():
            stat = Path(self.config).stat()
            facts += f" {stat.st_size} {stat.st_mtime_ns}"
        return hashlib.blake2b(facts.encode(), digest_size=12).hexdigest()

    def to_json(self) -> str:
        """As text; `from_json` reads it."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises InputError where `text` is not what `to_json` wrote."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise InputError(f"view transform: {text[:60]!r} is not understood") from error

    def neutral(self) -> Self:
        """The same without exposure and gamma."""
        return replace(self, exposure=0.0, gamma=1.0)

    def apply(self, pixels: Codes) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB of (H, W, 3) stored RGB.

        Args:
            pixels: integers are fractions of their type's largest value; floats are meant as they are, NaN being 0.
                Single floats are rounded to half ones first (11 bits): less than a fifth of a code value.

        Raises:
            InputError: with "ocio", the configuration cannot be used.
        """
        if pixels.dtype == np.float32:
            with np.errstate(over="ignore"):  # too bright for a half: infinite, which is shown white
                pixels = pixels.astype(np.float16)
        if self.kind == "ocio":
            wanted = OcioView(self.config, self.colour_space, self.display, self.view, self.exposure, self.gamma)
            return ocio_picture(wanted, _as_float(pixels))
        table = _table(self, pixels.dtype.name)
        if pixels.dtype == np.uint8:
            return np.asarray(cv2.LUT(pixels, table), np.uint8)
        return np.take(table, pixels.view(np.uint16))


def default_view(codec: str, log: bool = False) -> ViewTransform:
    """What a picture is thought to hold that nobody has said more of.

    Args:
        codec: FFmpeg's name of the format.
        log: its header says that it holds printing densities.
    """
    return ViewTransform("srgb" if codec == "exr" else "log" if log else "display")


@lru_cache(maxsize=8)
def _table(view: ViewTransform, dtype: str) -> NDArray[np.uint8]:
    """The 8-bit value of every number that a type has, by the bits of the number."""
    every = np.arange(256, dtype=np.uint8) if dtype == "uint8" else np.arange(65536, dtype=np.uint16)
    floats = _as_float(every.view(np.dtype(dtype)))
    values = np.nan_to_num(floats, nan=0.0, posinf=65504.0, neginf=0.0).astype(np.float64)
    if view.kind == "display" and view.exposure == 0:
        shown = values
    else:
        shown = _srgb_curve(_light(view.kind, values) * 2.0**view.exposure)
    return np.rint(255 * np.clip(shown, 0, 1) ** (1 / view.gamma)).astype(np.uint8)


def _as_float(pixels: Codes) -> NDArray[np.float32]:
    floats = pixels.astype(np.float32)
    return floats / np.float32(np.iinfo(pixels.dtype.name).max) if pixels.dtype.kind == "u" else floats


def _light(kind: ViewKind, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear light, 1 being white."""
    if kind == "srgb":
        return values
    if kind == "log":
        black = 10.0 ** ((LOG_BLACK - LOG_WHITE) * LOG_STEP)
        return (10.0 ** ((np.clip(values, 0, 1) * 1023 - LOG_WHITE) * LOG_STEP) - black) / (1 - black)
    shown = np.clip(values, 0, 1)
    return np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)


def _srgb_curve(light: NDArray[np.float64]) -> NDArray[np.float64]:
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
