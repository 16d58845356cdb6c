"""Joining what several people made of copies of one label set.

What a person did is what differs from the labels that trackers made: a cell they placed or approved, or one that they
took away. Where only one person touched a cell, or all who did agree, that holds. Where they do not, the cell is as
trackers left it, undecided, and the conflict is told.
"""

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError, describe_os_error
from tracker.labels.label_file import read_origin
from tracker.labels.label_set import LABELS, Decision, LabelSet, Verdict
from tracker.labels.native import TrackFile, write_tracks
from tracker.labels.selection import crop
from tracker.labels.stretches import stretches
from tracker.labels.table import CELL_FIELDS, Source, State

AGREE_WITHIN = 3.0  # pixels of a picture of 512 × 512: two people never click on the same spot


class Act(IntEnum):
    """What a person did to one cell."""

    NOTHING = 0
    VOUCHED = 1
    TOOK_AWAY = 2


@dataclass(frozen=True)
class Conflict:
    """Two people who do not agree; `track` is "" where it is about the whole video.

    Attributes:
        frames: (first, end) of the span.
        said: what each of them said, in words, by name.
    """

    video: str
    track: str
    frames: tuple[int, int]
    said: dict[str, str]


@dataclass
class MergeReport:
    """What came of it: how many videos somebody had worked on, how many cells hold now by a person's word."""

    videos: int = 0
    cells: int = 0
    conflicts: list[Conflict] = field(default_factory=list)


def merge_sets(
    copies: Sequence[LabelSet],
    out: Path,
    report: Callable[[int, int], object] = lambda done, total: None,
) -> MergeReport:
    """Write a set that joins the work of all copies; each person goes by the name of their copy's folder.

    Raises:
        InputError: fewer than two copies, copies of different sets, or `out` cannot be written or is not empty.
    """
    people = _named(copies)
    base = copies[0]
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: is not empty; the joined labels need a folder of their own")
    described = {key: value for key, value in base.description().items() if key != "format_version"}
    joined = LabelSet.create(out, described)
    names = sorted({name for copy in copies for name in copy.names()})
    result = MergeReport()
    for done, name in enumerate(names):
        holders = {who: copy for who, copy in people.items() if copy.labels_path(name).exists()}
        _check_same(name, holders)
        first = next(iter(holders.values()))
        try:
            shutil.copyfile(first.labels_path(name), out / LABELS / f"{name}.npz")
        except OSError as error:
            raise describe_os_error(out, error) from error
        made = {who: copy for who, copy in holders.items() if copy.curated_path(name).exists()}
        if made:
            merged = merge_video(
                name, first.read(name).tracks, {who: one.read_current(name) for who, one in made.items()}
            )
            joined.curated_path(name).parent.mkdir(exist_ok=True)
            write_tracks(joined.curated_path(name), merged.tracks)
            result.videos += 1
            result.cells += merged.cells
            result.conflicts += merged.conflicts
        report(done + 1, len(names))
    _join_decisions(people, joined, result)
    return result


@dataclass(frozen=True)
class MergedVideo:
    """What holds of one video, how many cells by a person's word, and where people disagree."""

    tracks: TrackFile
    cells: int
    conflicts: list[Conflict]


def merge_video(name: str, base: TrackFile, made: dict[str, TrackFile]) -> MergedVideo:
    """Join what people made of one video.

    Args:
        base: what trackers said.
        made: by person what they made of it. Tracks are the same where their names are; those that only a person has
            are kept, under another name where two people made different ones of the same name.
    """
    rows = {str(track): row for row, track in enumerate(base.names)}
    shape = base.state.shape
    acts = np.zeros((len(made), *shape), np.uint8)
    theirs = [_on_rows_of(base, rows, one) for one in made.values()]
    for act, one in zip(acts, theirs, strict=True):
        act[one.approved | (one.source == Source.ANCHOR)] = Act.VOUCHED
        act[(base.state != State.UNLABELLED) & (one.state == State.UNLABELLED)] = Act.TOOK_AWAY
    conflict = np.zeros(shape, np.bool_)
    chosen = np.full(shape, -1)
    for person, (act, one) in enumerate(zip(acts, theirs, strict=True)):
        touched = act > Act.NOTHING
        for other in range(person):
            both = touched & (acts[other] > Act.NOTHING)
            conflict |= both & ~_agree(act, one, acts[other], theirs[other])
        # Of people who agree, one who placed the point is followed rather than one who approved it.
        placed = touched & (one.source == Source.ANCHOR)
        before = np.zeros(shape, np.bool_)
        for other in range(person):
            before |= (chosen == other) & (theirs[other].source == Source.ANCHOR)
        chosen[(touched & (chosen < 0)) | (placed & ~before)] = person
    chosen[conflict] = -1
    merged = crop(base, 0, base.n_frames)  # a copy
    for person, one in enumerate(theirs):
        mine = chosen == person
        for cell, *_ in CELL_FIELDS:
            if getattr(merged, cell, None) is not None and getattr(one, cell, None) is not None:
                getattr(merged, cell)[mine] = getattr(one, cell)[mine]
    people = dict(zip(made, theirs, strict=True))
    told = [_tell(name, acts, people, str(base.names[span[0]]), span) for span in stretches(conflict)]
    merged = _with_new_tracks(merged, rows, made)
    return MergedVideo(merged, int((chosen >= 0).sum()), told)


def _named(copies: Sequence[LabelSet]) -> dict[str, LabelSet]:
    if len(copies) < 2:
        raise InputError("merging takes at least two copies of a label set")
    named: dict[str, LabelSet] = {}
    for copy in copies:
        who, number = copy.folder.name, 2
        while who in named:
            who, number = f"{copy.folder.name} ({number})", number + 1
        named[who] = copy
    described = [copy.description() for copy in copies]
    for copy, one in zip(copies, described, strict=True):
        if one != described[0]:
            raise InputError(f"{copy.folder}: is no copy of the label set {copies[0].folder}, another job made it")
    return named


def _check_same(name: str, holders: dict[str, LabelSet]) -> None:
    hashes = {who: read_origin(one.labels_path(name)).content_hash for who, one in holders.items()}
    first = next(iter(hashes))
    for who, value in hashes.items():
        if value != hashes[first]:
            raise InputError(f"{name}: the copies of {first} and {who} have labels of different videos")


def _agree(mine: NDArray[np.uint8], my: TrackFile, yours: NDArray[np.uint8], your: TrackFile) -> NDArray[np.bool_]:
    """Where two people who both touched a cell mean the same."""
    width, height = my.size_wh
    near = AGREE_WITHIN * (width * height) ** 0.5 / 512
    with np.errstate(invalid="ignore"):
        close = np.linalg.norm(my.xy - your.xy, axis=2) <= near
    # Where a hidden point is, is a guess: that both call it hidden is enough.
    same_state = my.state == your.state
    return (mine == yours) & ((mine == Act.TOOK_AWAY) | (same_state & (close | (my.state != State.VISIBLE))))


def _on_rows_of(base: TrackFile, rows: dict[str, int], one: TrackFile) -> TrackFile:
    """A person's tracks in the order of the base's; what they deleted is unlabelled."""
    if (one.n_frames, one.size_wh) != (base.n_frames, base.size_wh):
        raise InputError(
            f"labels of {one.n_frames} frames of {one.size_wh} do not fit {base.n_frames} of {base.size_wh}"
        )
    ordered = TrackFile.empty(base.n_tracks, base.pts, base.time_base, base.size_wh)
    ordered.disagreement = np.full(base.state.shape, np.nan, np.float16)
    for row, track in enumerate(one.names):
        if str(track) in rows:
            for cell, *_ in CELL_FIELDS:
                if getattr(ordered, cell, None) is not None and getattr(one, cell, None) is not None:
                    getattr(ordered, cell)[rows[str(track)]] = getattr(one, cell)[row]
    return ordered


def _with_new_tracks(merged: TrackFile, rows: dict[str, int], made: dict[str, TrackFile]) -> TrackFile:
    """The joined tracks, and after them those that people added."""
    taken = set(rows)
    for who, one in made.items():
        new = [row for row, track in enumerate(one.names) if str(track) not in rows]
        if not new:
            continue
        names = []
        for row in new:
            name = str(one.names[row])
            names.append(name if name not in taken else f"{name} ({who})")
            taken.add(names[-1])
        parts: dict[str, NDArray] = {}
        for cell in ("xy", "state", "visibility", "confidence", "source", "approved", "query_points"):
            parts[cell] = np.concatenate([getattr(merged, cell), getattr(one, cell)[new]])
        unknown = np.full((len(new), merged.n_frames), np.nan, np.float16)
        groups = [*merged.groups, *(one.groups[row] for row in new)]
        spread = None if merged.disagreement is None else np.concatenate([merged.disagreement, unknown])
        merged = TrackFile(
            **parts,
            names=[*merged.names, *names],
            pts=merged.pts,
            time_base=merged.time_base,
            size_wh=merged.size_wh,
            groups=groups,
            disagreement=spread,
        )
    return merged


STATES = {
    State.UNLABELLED: "unknown",
    State.VISIBLE: "visible",
    State.OCCLUDED: "hidden",
    State.OUT_OF_VIEW: "out of view",
}


def _tell(
    name: str, acts: NDArray[np.uint8], made: dict[str, TrackFile], track: str, span: tuple[int, int, int]
) -> Conflict:
    """What each said on the first frame of the span."""
    row, start, end = span
    said = {}
    for (who, one), act in zip(made.items(), acts, strict=True):
        if act[row, start] == Act.TOOK_AWAY:
            said[who] = "took it away"
        elif act[row, start] == Act.VOUCHED:
            x, y = one.xy[row, start].tolist()
            said[who] = STATES[State(int(one.state[row, start]))] + ("" if math.isnan(x) else f" at {x:.1f}, {y:.1f}")
    return Conflict(name, track, (start, end), said)


def _join_decisions(people: dict[str, LabelSet], joined: LabelSet, result: MergeReport) -> None:
    """All decisions in the order in which they were made; a verdict in conflict is taken back at the end."""
    every: dict[Decision, None] = {}
    verdicts: dict[str, dict[str, Verdict]] = {}
    for who, copy in people.items():
        every |= dict.fromkeys(copy.decisions())
        for video, verdict in copy.verdicts().items():
            verdicts.setdefault(video, {})[who] = verdict
    for one in sorted(every, key=lambda decision: decision.at):
        joined.decide(one)
    for video, said in sorted(verdicts.items()):
        decided = {who: verdict for who, verdict in said.items() if verdict != "open"}
        if len(set(decided.values())) > 1:
            result.conflicts.append(Conflict(video, "", (0, 0), dict(decided)))
            joined.decide(Decision("verdict", video, "open", by="merge"))
        elif decided:
            joined.decide(Decision("verdict", video, next(iter(decided.values())), by=next(iter(decided))))
