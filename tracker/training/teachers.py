"""The trackers that label: named on a command line, known by their weights, loaded where they work."""

from collections.abc import Sequence
from dataclasses import dataclass

from tracker.files import InputError
from tracker.inference.session import Tracker
from tracker.inference.trackers import file_sha256, load_tracker, tracker_info
from tracker.labels.label_file import Teacher

MODE_SUFFIXES = ("online", "offline")


@dataclass(frozen=True)
class LoadedTeacher:
    """A tracker that is ready to label, and what is told of it in the labels."""

    teacher: Teacher
    tracker: Tracker


def load_teachers(names: Sequence[str], device: str = "auto") -> list[LoadedTeacher]:
    """Teachers by `NAME`, or `NAME:online` and `NAME:offline` for one network in two ways; NAME may be a file.

    Raises:
        InputError: none or one twice, no such tracker, or its weights are not here or of another network.
    """
    if not names:
        raise InputError("no teachers: name one or more trackers")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(f"{twice[0]}: this teacher is named twice")
    loaded = []
    for name in names:
        tracker_name, mode = _parts(name)
        tracker = load_tracker(tracker_name, device, mode)
        loaded.append(LoadedTeacher(_described(name, tracker_name), tracker))
    return loaded


def _parts(name: str) -> tuple[str, str]:
    head, colon, tail = name.rpartition(":")
    return (head, tail) if colon and tail in MODE_SUFFIXES else (name, "auto")


def _described(name: str, tracker_name: str) -> Teacher:
    info = tracker_info(tracker_name)
    return Teacher(name, info.licence, file_sha256(info.weights) if info.weights is not None else "")
