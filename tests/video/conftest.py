import pytest


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    """Indexes go to a folder of the test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("TRACKWRIGHT_CACHE", str(folder))
    return folder
