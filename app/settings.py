"""What the application remembers of a person's choices from one start to the next."""

import os
from pathlib import Path
from typing import get_args

import platformdirs
from PySide6.QtCore import QByteArray, QSettings

from app.theme import Theme
from tracker.inference.feature_cache import default_budget
from tracker.inference.trackers import default_tracker

MAX_RECENT = 10


def config_path() -> Path:
    """The settings file. It is plain INI, in the user's configuration folder."""
    return Path(platformdirs.user_config_dir("trackwright", appauthor=False)) / "settings.ini"


class Settings:
    """Typed values over one INI file. A file that cannot be written costs the memory, not the session."""

    def __init__(self) -> None:
        self._store = QSettings(str(config_path()), QSettings.Format.IniFormat)

    @property
    def recent_files(self) -> list[Path]:
        """Videos and projects opened lately, newest first, without those that are gone."""
        value = self._store.value("recent_files", [])
        names = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        return [Path(name) for name in names if Path(name).exists()]

    def add_recent_file(self, path: Path) -> None:
        """Put a file first in the list."""
        path = path.resolve()
        kept = [p for p in self.recent_files if p != path]
        self._store.setValue("recent_files", [os.fspath(p) for p in [path, *kept][:MAX_RECENT]])

    @property
    def training_runs(self) -> list[Path]:
        """Folders of the last trainings, newest first, without those that are gone."""
        value = self._store.value("training_runs", [])
        names = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        return [Path(name) for name in names if Path(name).exists()]

    def add_training_run(self, folder: Path) -> None:
        """Put a folder first in the list."""
        folder = folder.resolve()
        runs = self.training_runs
        if runs[:1] != [folder]:
            kept = [one for one in runs if one != folder]
            self._store.setValue("training_runs", [os.fspath(one) for one in [folder, *kept][:MAX_RECENT]])

    @property
    def last_folder(self) -> str:
        """Where the file dialogs open."""
        return str(self._store.value("last_folder", str(Path.home())))

    @last_folder.setter
    def last_folder(self, folder: str) -> None:
        self._store.setValue("last_folder", folder)

    @property
    def tracker(self) -> str:
        """Name or checkpoint file of the tracker that the person chose; the default where nobody has chosen."""
        return str(self._store.value("tracker") or default_tracker().name)

    @tracker.setter
    def tracker(self, tracker: str) -> None:
        self._store.setValue("tracker", tracker)

    @property
    def device(self) -> str:
        """ "auto", "cpu" or "cuda"."""
        return str(self._store.value("device", "auto"))

    @device.setter
    def device(self, device: str) -> None:
        self._store.setValue("device", device)

    @property
    def theme(self) -> Theme:
        """ "system", "light" or "dark"."""
        value = str(self._store.value("theme", "system"))
        return next((theme for theme in get_args(Theme) if theme == value), "system")

    @theme.setter
    def theme(self, theme: Theme) -> None:
        self._store.setValue("theme", theme)

    @property
    def export_format(self) -> str:
        """Name of the format that was exported last; at first the one that loses nothing."""
        return str(self._store.value("export_format", "npz"))

    @export_format.setter
    def export_format(self, name: str) -> None:
        self._store.setValue("export_format", name)

    @property
    def frame_cache_bytes(self) -> int:
        """Bound of the cache of decoded frames."""
        return int(str(self._store.value("frame_cache_bytes", 1 << 30)))

    @property
    def feature_cache_bytes(self) -> int:
        """Bound of the network's features in main memory; a quarter of the machine's where nobody has chosen."""
        return int(str(self._store.value("feature_cache_bytes", default_budget())))

    @feature_cache_bytes.setter
    def feature_cache_bytes(self, value: int) -> None:
        self._store.setValue("feature_cache_bytes", value)

    @property
    def feature_disk_bytes(self) -> int:
        """Bound of the network's features in the user's cache folder; 0 for none there."""
        return int(str(self._store.value("feature_disk_bytes", 8 << 30)))

    @feature_disk_bytes.setter
    def feature_disk_bytes(self, value: int) -> None:
        self._store.setValue("feature_disk_bytes", value)

    @property
    def corrects_at_once(self) -> bool:
        """Whether a corrected track is solved anew without being asked."""
        return self._flag("corrects_at_once", True)

    @corrects_at_once.setter
    def corrects_at_once(self, value: bool) -> None:
        self._store.setValue("corrects_at_once", value)

    @property
    def review_loops(self) -> bool:
        """Whether a span under review is played round and round."""
        return self._flag("review_loops", False)

    @review_loops.setter
    def review_loops(self, value: bool) -> None:
        self._store.setValue("review_loops", value)

    def _flag(self, key: str, default: bool) -> bool:
        """INI files hold texts."""
        return str(self._store.value(key, default)).lower() == "true"

    @property
    def layout(self) -> tuple[QByteArray, QByteArray]:
        """Geometry and state of the main window; empty at the first start."""
        return self._bytes("geometry"), self._bytes("state")

    @layout.setter
    def layout(self, layout: tuple[QByteArray, QByteArray]) -> None:
        self._store.setValue("geometry", layout[0])
        self._store.setValue("state", layout[1])

    def _bytes(self, key: str) -> QByteArray:
        value = self._store.value(key)
        return value if isinstance(value, QByteArray) else QByteArray()
