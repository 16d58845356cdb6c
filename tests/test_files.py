"""Outputs that are whole or not there."""

import errno
import os
from pathlib import Path

import pytest

import tracker.files
from tracker.files import InputError, atomic_output, describe_os_error


def write_half(path: Path, error: BaseException) -> None:
    path.write_text("half")
    raise error


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "home")


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    with atomic_output(tmp_path / "a.txt") as part:
        assert part.suffix == ".txt"
        assert not part.exists()
        part.write_text("new")
        assert not (tmp_path / "a.txt").exists()
    assert (tmp_path / "a.txt").read_text() == "new"
    assert names(tmp_path) == ["a.txt"]


def test_a_folder_replaces_a_folder(tmp_path: Path) -> None:
    for text in ("old", "new"):
        with atomic_output(tmp_path / "a") as part:
            part.mkdir()
            (part / text).touch()
    assert names(tmp_path / "a") == ["new"]
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("error", [RuntimeError("ours"), KeyboardInterrupt(), InputError("theirs")])
def test_a_block_that_fails_changes_nothing(tmp_path: Path, error: BaseException) -> None:
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(type(error)), atomic_output(tmp_path / "a.txt") as part:
        write_half(part, error)
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EACCES, "no permission to write here"),
        (errno.EROFS, "the file system is read-only"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_an_error_of_the_system_becomes_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    (tmp_path / "a.txt").write_text("old")
    monkeypatch.setattr(tracker.files.os, "fsync", fail)
    with pytest.raises(InputError) as caught, atomic_output(tmp_path / "a.txt") as part:
        part.write_text("new")
    assert str(caught.value) == f"{tmp_path / 'a.txt'}: {reason}"
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_missing_folder(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="the folder does not exist"),
        atomic_output(tmp_path / "none" / "a.txt"),
    ):
        pytest.fail("the block must not run")


def test_an_error_without_a_number_keeps_its_text() -> None:
    assert str(describe_os_error(Path("a"), OSError("odd"))) == "a: odd"
