"""A label set: a folder with the labels of many videos, what people made of them, and what they decided.

SET/label-set.json          the job that made it
SET/labels/NAME.npz         what trackers said of a video; never changed
SET/curated/NAME.npz        what a person made of it: all of its tracks, and it wins
SET/projects/NAME.trackwright   the project in which a person did so
SET/decisions.jsonl         what was decided, one line each, only ever added to
SET/skipped.json            videos that have no labels, and why
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError, atomic_output, describe_os_error
from tracker.labels.doubt import doubt
from tracker.labels.label_file import LabelFile, read_labels
from tracker.labels.native import TrackFile, read_tracks
from tracker.labels.table import Source, State

DESCRIPTION, LABELS, CURATED, PROJECTS = "label-set.json", "labels", "curated", "projects"
DECISIONS, SKIPPED = "decisions.jsonl", "skipped.json"
FORMAT_VERSION = 1

Verdict = Literal["open", "accepted", "rejected"]


class Trust(IntEnum):
    """How far one cell may be believed."""

    NONE = 0  # unlabelled, or of a rejected video
    UNDECIDED = 1  # a tracker said so, and nobody looked
    ACCEPTED = 2  # its video, or all cells that agree as well as it does, were accepted
    PERSON = 3  # a person placed or approved it


@dataclass(frozen=True)
class Decision:
    """One line of the decisions; a later one of the same video wins over an earlier one.

    Attributes:
        kind: "verdict" on one video; "bulk" acceptance, in all videos, of cells whose `doubt` is at most
            `threshold` (None takes it back); "check" of one span by a person, from a sample.
        video: its name in the set; "" for "bulk".
        verdict: for "verdict".
        threshold: for "bulk".
        track, start, end, right: for "check": the track's name, its frames (end exclusive) and whether it was right.
        by, at: who, and when (ISO 8601).
    """

    kind: Literal["verdict", "bulk", "check"]
    video: str = ""
    verdict: Verdict = "open"
    threshold: float | None = None
    track: str = ""
    start: int = 0
    end: int = 0
    right: bool = True
    by: str = ""
    at: str = ""


class LabelSet:
    """The folder, opened. It keeps nothing in memory: every question reads what lies there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(cls, folder: Path, description: Mapping[str, Any]) -> Self:
        """A new, empty set, or the one that lies there, if it is of the same description.

        Raises:
            InputError: the folder cannot be written, or holds another set or other things.
        """
        made = cls(folder)
        content = {"format_version": FORMAT_VERSION, **description}
        if (folder / DESCRIPTION).exists():
            found = made.description()
            differing = sorted(key for key in {*found, *content} if found.get(key) != content.get(key))
            if differing:
                raise InputError(
                    f"{folder}: holds labels of another job, made with other {', '.join(differing)}; choose another "
                    "folder, or the same settings to go on"
                )
        try:
            if folder.is_dir() and not (folder / DESCRIPTION).exists() and any(folder.iterdir()):
                raise InputError(f"{folder}: holds other files; labels need a folder of their own")
            (folder / LABELS).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise describe_os_error(folder, error) from error
        if not (folder / DESCRIPTION).exists():
            with atomic_output(folder / DESCRIPTION) as part:
                part.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return made

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Self:
        """The set in a folder. Raises InputError where there is none."""
        opened = cls(Path(folder))
        opened.description()
        return opened

    def description(self) -> dict[str, Any]:
        """What `create` was given, and "format_version". Raises InputError where the folder holds no label set."""
        path = self.folder / DESCRIPTION
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            version = content["format_version"]
        except OSError as error:
            raise InputError(f"{self.folder}: there is no label set here ({DESCRIPTION} is missing)") from error
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: no description of a label set, or a damaged one") from error
        if version != FORMAT_VERSION:
            raise InputError(f"{path}: label set version {version} is not known here, {FORMAT_VERSION} is")
        return dict(content)

    # -- videos

    def names(self) -> list[str]:
        """The videos that have labels, in order of their names."""
        return sorted(path.stem for path in (self.folder / LABELS).glob("*.npz"))

    def labels_path(self, name: str) -> Path:
        """What trackers said."""
        return self.folder / LABELS / f"{name}.npz"

    def curated_path(self, name: str) -> Path:
        """What a person made of it; may not exist."""
        return self.folder / CURATED / f"{name}.npz"

    def project_path(self, name: str) -> Path:
        """The project in which a person works on it; may not exist."""
        return self.folder / PROJECTS / f"{name}.trackwright"

    def read(self, name: str) -> LabelFile:
        """What trackers said of a video. Raises InputError where there are no such labels, or damaged ones."""
        return read_labels(self.labels_path(name))

    def read_current(self, name: str) -> TrackFile:
        """What holds now: the curated tracks where there are any. Raises InputError like `read`."""
        curated = self.curated_path(name)
        return read_tracks(curated if curated.exists() else self.labels_path(name))

    # -- decisions

    def decisions(self) -> list[Decision]:
        """All of them, in the order in which they were made. A last line that was cut off does not count.

        Raises:
            InputError: the file cannot be read, or a line of it is no decision.
        """
        path = self.folder / DECISIONS
        try:
            text = path.read_text(encoding="utf-8") if path.exists() else ""
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read") from error
        lines = text.split("\n")[:-1]
        found = []
        for number, line in enumerate(lines, start=1):
            try:
                found.append(Decision(**json.loads(line)))
            except (ValueError, TypeError) as error:
                raise InputError(f"{path}: line {number} is no decision") from error
        return found

    def decide(self, decision: Decision) -> None:
        """Add one; it is on the disk when this returns. Raises InputError where it cannot be written."""
        path = self.folder / DECISIONS
        line = json.dumps(asdict(decision), ensure_ascii=False) + "\n"
        try:
            with path.open("ab+") as handle:
                size = handle.seek(0, os.SEEK_END)
                handle.seek(max(0, size - 1))
                cut = size > 0 and handle.read(1) != b"\n"  # of a power cut: it must not swallow this one
                if cut:
                    handle.seek(0)
                    whole = handle.read().rfind(b"\n") + 1
                    handle.truncate(whole)
                handle.write(line.encode())
                handle.flush()
                os.fsync(handle.fileno())
        except OSError as error:
            raise describe_os_error(path, error) from error

    def verdicts(self) -> dict[str, Verdict]:
        """The last verdict on each video that has one."""
        return {one.video: one.verdict for one in self.decisions() if one.kind == "verdict"}

    def bulk_threshold(self) -> float | None:
        """Up to which doubt cells are accepted, as was said last; None where nobody said so."""
        said = [one.threshold for one in self.decisions() if one.kind == "bulk"]
        return said[-1] if said else None

    # -- what was skipped

    def skipped(self) -> dict[str, str]:
        """The reason for every video (its path) that has no labels. Raises InputError where the file is damaged."""
        path = self.folder / SKIPPED
        try:
            return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"{path}: cannot be read as a list of skipped videos") from error

    def write_skipped(self, reasons: Mapping[str, str]) -> None:
        """Replace the list. Raises InputError where it cannot be written."""
        with atomic_output(self.folder / SKIPPED) as part:
            part.write_text(json.dumps(dict(sorted(reasons.items())), indent=1, ensure_ascii=False) + "\n", "utf-8")


def trust_of(tracks: TrackFile, verdict: Verdict = "open", threshold: float | None = None) -> NDArray[np.uint8]:
    """(N, T) a `Trust` for each cell of what holds now of a video, by the verdict on it and the bulk threshold."""
    trust = np.full(tracks.state.shape, Trust.UNDECIDED, np.uint8)
    if verdict == "accepted":
        trust[:] = Trust.ACCEPTED
    elif threshold is not None:
        trust[doubt(tracks) <= threshold] = Trust.ACCEPTED
    trust[tracks.approved | (tracks.source == Source.ANCHOR)] = Trust.PERSON
    trust[tracks.state == State.UNLABELLED] = Trust.NONE
    if verdict == "rejected":
        trust[:] = Trust.NONE
    return trust
