"""`trackwright doctor`: what is installed, and what is missing."""

import json
import os
import platform
import subprocess
import sys
from ctypes.util import find_library
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tracker.files import InputError

if TYPE_CHECKING:
    from tracker.inference.trackers import TrackerInfo

Status = Literal["ok", "note", "fault"]

# PySide6 6.12.0 was built for Python 3.12 on and drops a reference of None with every call that gives nothing back.
BROKEN_PYSIDE, NEEDED_PYTHON = (6, 12), (3, 12)
QT_PROBE = """
import sys
from PySide6.QtCore import QObject
from PySide6 import QtGui, QtWidgets
thing = QObject()
before = sys.getrefcount(None)
for _ in range(100):
    thing.setObjectName("a")
print(sys.getrefcount(None) - before)
"""

# Library by the name that the linker knows: its Debian package. The second group is for a window on X11 only.
QT_LIBRARIES = {
    "EGL": "libegl1",
    "GL": "libgl1",
    "glib-2.0": "libglib2.0-0",
    "fontconfig": "libfontconfig1",
    "freetype": "libfreetype6",
    "xkbcommon": "libxkbcommon0",
    "dbus-1": "libdbus-1-3",
    "X11": "libx11-6",
    "zstd": "libzstd1",
}
X11_LIBRARIES = {
    "xcb-cursor": "libxcb-cursor0",
    "xcb-icccm": "libxcb-icccm4",
    "xcb-keysyms": "libxcb-keysyms1",
    "xcb-image": "libxcb-image0",
    "xcb-render-util": "libxcb-render-util0",
    "xcb-xkb": "libxcb-xkb1",
    "X11-xcb": "libx11-xcb1",
    "xkbcommon-x11": "libxkbcommon-x11-0",
}
READ_CODECS = ("h264", "hevc", "vp9", "av1", "prores", "mjpeg", "exr", "dpx")
WRITE_CODECS = ("libx264",)


@dataclass(frozen=True)
class Check:
    """One thing looked at. A "fault" stops something from working, a "note" does not."""

    name: str
    status: Status
    detail: str


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> None:
    """Tell what is installed and what is missing. Exits with 1 where something that Trackwright needs does not work."""
    checks = run_checks()
    faults = sum(check.status == "fault" for check in checks)
    if as_json:
        typer.echo(json.dumps({"ok": not faults, "checks": [asdict(check) for check in checks]}))
    else:
        for check in checks:
            mark = {"ok": "ok   ", "note": "note ", "fault": "FAULT"}[check.status]
            typer.echo(f"{mark} {check.name:<18} {check.detail}")
        typer.echo(f"{faults} faults" if faults else "All that Trackwright needs works.")
    raise typer.Exit(1 if faults else 0)


def run_checks() -> list[Check]:
    """All checks. They take a few seconds: torch is imported, and Qt in another process."""
    return [
        _python(),
        *(_package(name) for name in ("numpy", "av", "opencv-python-headless", "pyqtgraph", "safetensors")),
        _second_opencv(),
        *_torch(),
        *_trackers(),
        *_qt(),
        _libraries(),
        _display(),
        *_codecs(),
        _formats(),
        *_folders(),
    ]


def _python() -> Check:
    return Check(
        "python", "ok" if sys.version_info >= (3, 11) else "fault", f"{sys.version.split()[0]} ({platform.platform()})"
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _package(name: str) -> Check:
    found = _version(name)
    return Check(name, "ok" if found else "fault", found or f"not installed: pip install {name}")


def _second_opencv() -> Check:
    other = [name for name in ("opencv-python", "opencv-contrib-python") if _version(name)]
    if other:
        return Check(
            "other OpenCV", "note", f"{other[0]} brings a Qt of its own; better remove it: pip uninstall {other[0]}"
        )
    return Check("other OpenCV", "ok", "none that brings its own Qt")


def _torch() -> list[Check]:
    try:
        import torch
    except (ImportError, OSError) as error:
        return [Check("torch", "fault", f"cannot be imported: {_line(error)}")]
    checks = [Check("torch", "ok", str(torch.__version__))]
    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count()))
        checks.append(Check("graphics card", "ok", names))
    else:
        checks.append(Check("graphics card", "note", "none that torch can use; networks run on the CPU"))
    return checks


def _trackers() -> list[Check]:
    """The default tracker and, where it is another, each installed network: whether the weights can be used."""
    from tracker.inference import available_trackers, default_tracker

    default = default_tracker()
    others = [info for info in available_trackers() if info.weights is not None and info != default]
    return [_tracker("default tracker", default, "fault"), *(_tracker("tracker", info, "note") for info in others)]


def _tracker(name: str, info: "TrackerInfo", failing: Status) -> Check:
    from tracker.inference import load_tracker

    try:
        load_tracker(info.name, device="cpu")
    except (InputError, ImportError, OSError) as error:
        return Check(name, failing, f"{info.name} cannot be used: {_line(error)}")
    weights = f"its weights load ({info.parameters:,} parameters)" if info.needs_weights else "needs no weights"
    return Check(name, "ok", f"{info.name}{' (experimental)' if info.experimental else ''}, {weights}")


def pyside_verdict(pyside: tuple[int, ...], python: tuple[int, ...]) -> str:
    """Why this PySide6 must not be used with this Python, "" where it may."""
    if pyside[:2] >= BROKEN_PYSIDE and python[:2] < NEEDED_PYTHON:
        return (
            f"PySide6 {'.'.join(map(str, pyside))} crashes Python {python[0]}.{python[1]}: "
            'pip install "pyside6-essentials<6.12", or use Python 3.12 or newer'
        )
    return ""


def _qt() -> list[Check]:
    found = _version("pyside6-essentials") or _version("pyside6")
    if not found:
        return [Check("PySide6", "fault", "not installed: pip install pyside6-essentials")]
    verdict = pyside_verdict(tuple(int(part) for part in found.split(".")[:3]), sys.version_info[:2])
    if verdict:
        return [Check("PySide6", "fault", verdict)]
    return [Check("PySide6", "ok", found), _probe_qt()]


def _probe_qt() -> Check:
    """Import Qt in another process, where it may crash, and see whether its calls lose references of None."""
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    try:
        probe = subprocess.run(
            [sys.executable, "-c", QT_PROBE], capture_output=True, text=True, timeout=120, env=environment, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check("Qt works", "fault", f"it could not be tried: {_line(error)}")
    if probe.returncode:
        last = (probe.stderr.strip().splitlines() or [f"it ended with code {probe.returncode}"])[-1]
        return Check("Qt works", "fault", last)
    lost = -int(probe.stdout)
    if lost > 50 and sys.version_info[:2] < NEEDED_PYTHON:
        return Check("Qt works", "fault", f"100 calls lost {lost} references of None: this PySide6 will crash Python")
    return Check("Qt works", "ok", "imports, and its calls keep their references")


def _libraries() -> Check:
    if not sys.platform.startswith("linux"):
        return Check("system libraries", "ok", "come with Qt here")
    missing = [package for name, package in (QT_LIBRARIES | X11_LIBRARIES).items() if find_library(name) is None]
    if missing:
        return Check("system libraries", "note", f"for the window: apt install {' '.join(missing)}")
    return Check("system libraries", "ok", "all that Qt wants are here")


def _display() -> Check:
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    found = [f"{name}={os.environ[name]}" for name in names if os.environ.get(name)]
    if found or not sys.platform.startswith("linux"):
        return Check("display", "ok", ", ".join(found) or "the system's")
    return Check("display", "note", "none: the window cannot open here, the other commands work")


def _codecs() -> list[Check]:
    try:
        from av import library_versions
        from av.codec import Codec
    except (ImportError, OSError) as error:
        return [Check("codecs", "fault", f"PyAV cannot be imported: {_line(error)}")]

    def missing(names: tuple[str, ...], mode: Literal["r", "w"]) -> list[str]:
        lost = []
        for name in names:
            try:
                Codec(name, mode)
            except ValueError:  # what PyAV raises for a codec it does not have
                lost.append(name)
        return lost

    unread, unwritten = missing(READ_CODECS, "r"), missing(WRITE_CODECS, "w")
    ffmpeg = ".".join(map(str, library_versions["libavcodec"]))
    return [
        Check(
            "read video",
            "note" if unread else "ok",
            f"cannot read {', '.join(unread)}" if unread else f"{', '.join(READ_CODECS)} (libavcodec {ffmpeg})",
        ),
        Check("write video", "fault" if unwritten else "ok", "no libx264: cannot render" if unwritten else "H.264"),
    ]


def _formats() -> Check:
    """Formats of tracks; some need a package that is not installed by itself."""
    from tracker.labels import formats

    entries = formats()
    extras = sorted({entry.extra[0] for entry in entries if entry.missing})
    if not extras:
        return Check("formats of tracks", "ok", f"all {len(entries)}")
    names = ", ".join(entry.name for entry in entries if entry.missing)
    return Check("formats of tracks", "note", f"{names} need pip install 'trackwright[{','.join(extras)}]'")


def _folders() -> list[Check]:
    import platformdirs

    from tracker.video.index import cache_folder

    def place(kind: str) -> Path:
        return Path(getattr(platformdirs, f"user_{kind}_dir")("trackwright", appauthor=False))

    folders = {"cache": cache_folder(), "settings": place("config"), "data": place("data")}
    return [_folder(f"{name} folder", path) for name, path in folders.items()]


def _folder(name: str, path: Path) -> Check:
    """A folder that exists, or can be made, and be written to."""
    there = path
    while not there.exists() and there != there.parent:
        there = there.parent
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return Check(name, "ok", str(path))
    return Check(name, "fault", f"{path} cannot be written to")


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())
