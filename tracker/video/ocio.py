"""Looks that an OpenColorIO configuration describes; PyOpenColorIO comes with the extra "colour"."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError

BUILT_IN = "ocio://"
THREADS = max(1, (os.cpu_count() or 1) - 1)  # one core is left to the GUI


class OcioView(NamedTuple):
    """A look; the fields are those of `ViewTransform`."""

    config: str
    colour_space: str
    display: str
    view: str
    exposure: float
    gamma: float


@dataclass(frozen=True)
class OcioChoices:
    """What a configuration offers.

    Attributes:
        colour_spaces: names that a file may be in; `colour_space` is the one for scene-linear light.
        displays: the views by display; `display` is the configuration's own choice, and its first view too.
    """

    colour_spaces: tuple[str, ...]
    colour_space: str
    displays: dict[str, tuple[str, ...]]
    display: str


def has_ocio() -> bool:
    """Whether OpenColorIO is installed."""
    return find_spec("PyOpenColorIO") is not None


def ocio_choices(config: str) -> OcioChoices:
    """What to choose from. Raises InputError where the configuration cannot be read."""
    read = _config(config)
    displays = {display: tuple(read.getViews(display)) for display in read.getDisplays()}
    default = read.getDefaultDisplay()
    first = read.getDefaultView(default)
    displays[default] = tuple(sorted(displays[default], key=lambda view: view != first))
    linear = read.getColorSpace("scene_linear")
    names = tuple(read.getColorSpaceNames())
    return OcioChoices(names, linear.getName() if linear is not None else names[0], displays, default)


def ocio_picture(wanted: OcioView, rgb: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 of (H, W, 3) float32, which is written over.

    Raises:
        InputError: OpenColorIO is not there, or the configuration cannot be used.
    """
    rgb, processor = np.ascontiguousarray(rgb), _processor(wanted)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(processor.applyRGB, np.array_split(rgb, min(THREADS, len(rgb)))))
    return np.rint(255 * np.clip(np.nan_to_num(rgb), 0, 1)).astype(np.uint8)


def _config(config: str) -> Any:
    if not has_ocio():
        raise InputError(f"{config}: OpenColorIO is not installed; install trackwright[colour] to use this view")
    import PyOpenColorIO as Ocio

    if not config.startswith(BUILT_IN) and not Path(config).is_file():
        raise InputError(f"{config}: there is no such OpenColorIO configuration")
    try:
        read = Ocio.Config.CreateFromFile(config)
        read.validate()
    except Ocio.Exception as error:
        raise InputError(f"{config}: not a usable OpenColorIO configuration ({_first_line(error)})") from error
    return read


@lru_cache(maxsize=4)
def _processor(wanted: OcioView) -> Any:
    read, choices = _config(wanted.config), ocio_choices(wanted.config)
    import PyOpenColorIO as Ocio

    display = wanted.display or choices.display
    source = wanted.colour_space or choices.colour_space
    view = wanted.view or next(iter(choices.displays.get(display, ())), "")
    light = Ocio.ExposureContrastTransform(style=Ocio.EXPOSURE_CONTRAST_LINEAR, exposure=wanted.exposure)
    curve = Ocio.ExponentTransform(value=[*[1 / wanted.gamma] * 3, 1.0])
    pipeline = Ocio.LegacyViewingPipeline()
    pipeline.setLinearCC(light)
    pipeline.setDisplayCC(curve)
    try:
        pipeline.setDisplayViewTransform(Ocio.DisplayViewTransform(src=source, display=display, view=view))
        return pipeline.getProcessor(read).getDefaultCPUProcessor()
    except Ocio.Exception as error:
        raise InputError(f"{wanted.config}: this view cannot be made ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")
