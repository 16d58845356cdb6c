"""The dialog of the feature cache: bounds that hold at once, how full it is, and what is wrong with the folder."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from app.cache_dialog import GIBIBYTE, CacheDialog, apply_cache_settings
from app.settings import Settings
from app.window import MainWindow
from tracker.inference.feature_cache import FeatureCache, default_budget, feature_cache
from tracker.inference.feature_store import FrameEntry


def entry(size: int = 64) -> FrameEntry:
    return FrameEntry(np.zeros((size, size), np.uint8), torch.zeros((size // 4, size // 4, 8), dtype=torch.float16))


@pytest.fixture
def cache() -> Iterator[FeatureCache]:
    """The application's, in the folder of this test."""
    cache = feature_cache()
    yield cache
    cache.close()


@pytest.fixture
def dialog(qtbot, cache: FeatureCache) -> CacheDialog:
    dialog = CacheDialog(Settings())
    qtbot.addWidget(dialog)
    with qtbot.waitExposed(dialog):
        dialog.show()
    return dialog


def test_it_begins_with_a_quarter_of_the_memory(dialog: CacheDialog) -> None:
    assert dialog.memory_box.value() == pytest.approx(default_budget() / GIBIBYTE, abs=0.06)
    assert dialog.disk_box.value() == 8


def test_bounds_hold_at_once_and_at_the_next_start(dialog: CacheDialog, cache: FeatureCache) -> None:
    for number in range(5):
        cache.put(bytes([number] * 16), entry())
    assert len(cache) == 5
    dialog.disk_box.setValue(2.5)
    dialog.memory_box.setValue(0.5)
    assert cache.disk is not None
    assert (cache.max_bytes, cache.disk.max_bytes) == (GIBIBYTE // 2, 5 * GIBIBYTE // 2)
    dialog.memory_box.setValue(0)
    assert len(cache) == 0
    settings = Settings()
    assert (settings.feature_cache_bytes, settings.feature_disk_bytes) == (0, 5 * GIBIBYTE // 2)
    cache.max_bytes = GIBIBYTE
    apply_cache_settings(settings)
    assert cache.max_bytes == 0


def test_opening_it_changes_no_bound(qtbot, cache: FeatureCache) -> None:
    settings = Settings()
    settings.feature_cache_bytes = 123_456_789  # finer than the box can say
    apply_cache_settings(settings)
    qtbot.addWidget(CacheDialog(settings))
    assert cache.max_bytes == settings.feature_cache_bytes == 123_456_789


def test_it_shows_how_full_it_is_and_empties_it(qtbot, dialog: CacheDialog, cache: FeatureCache) -> None:
    dialog.memory_box.setValue(0.5)
    large = FrameEntry(np.zeros((8192, 16384), np.uint8))
    cache.put(b"k" * 16, large)
    qtbot.waitUntil(lambda: dialog.memory_bar.value() == 250, timeout=5000)
    assert dialog.memory_bar.text() == "0.12 of 0.5 GiB used"
    (button,) = [b for b in dialog.findChildren(QPushButton) if "Empty" in b.text()]
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert len(cache) == 0
    assert dialog.memory_bar.value() == 0


def test_what_is_on_disk_is_counted(qtbot, dialog: CacheDialog, cache: FeatureCache) -> None:
    dialog.disk_box.setValue(0.1)
    cache.put(b"d" * 16, entry(2048), lasting=True)
    qtbot.waitUntil(lambda: dialog.disk_bar.value() > 0, timeout=5000)
    assert dialog.disk_bar.text() == "0.01 of 0.1 GiB used"


def test_a_folder_that_cannot_be_written_is_told_here_and_in_the_window(
    qtbot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: MainWindow
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    monkeypatch.setenv("TRACKWRIGHT_CACHE", str(blocked))
    cache = feature_cache()
    dialog = CacheDialog(Settings(), opened)
    dialog.show()
    assert not dialog.note.isVisible()
    cache.put(b"w" * 16, entry(), lasting=True)
    qtbot.waitUntil(dialog.note.isVisible, timeout=5000)
    assert str(blocked) in dialog.note.text()
    assert cache.get(b"w" * 16) is not None, "memory goes on"
    qtbot.waitUntil(lambda: opened.statusBar().currentMessage() == dialog.note.text(), timeout=5000)
    dialog.reject()
    cache.close()
