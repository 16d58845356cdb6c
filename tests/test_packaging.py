"""What is in the wheel that users install."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_wheel_holds_all_resources_with_weights_and_cards(tmp_path: Path) -> None:
    """Of a copy without the code, with further weights beside those that are there."""
    pytest.importorskip("setuptools")
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE", "main.py"):
        shutil.copy(ROOT / name, tree)
    shutil.copytree(ROOT / "resources", tree / "resources", ignore=shutil.ignore_patterns("__pycache__"))
    weights = tree / "resources" / "weights"
    weights.mkdir(exist_ok=True)
    for name in ("mini.safetensors", "mini.md"):
        (weights / name).write_text("mini")
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, tmp_path], cwd=tree, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    expected = {path.relative_to(tree).as_posix() for path in (tree / "resources").rglob("*") if path.is_file()}
    assert {"resources/weights/mini.safetensors", "resources/weights/mini.md", "resources/demo.mp4"} <= expected
    assert expected <= packed
