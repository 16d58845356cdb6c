"""Groups of tracks: their colour and their skeleton."""

from collections.abc import Iterable
from dataclasses import dataclass

from tracker.labels.table import TrackTable, colour_for


@dataclass(frozen=True)
class GroupInfo:
    """What belongs to a group; its tracks are those that name it.

    Attributes:
        colour: red, green, blue, 0..255.
        edges: the skeleton: pairs of track ids.
    """

    name: str
    colour: tuple[int, int, int]
    edges: tuple[tuple[int, int], ...] = ()


def all_groups(table: TrackTable, described: dict[str, GroupInfo]) -> list[GroupInfo]:
    """Every group that a track has or that was described, by name; edges whose ends have left are not shown.

    A group that was given no colour has that of its first track.
    """
    colours: dict[str, tuple[int, int, int]] = {}
    for track in table.tracks:
        if track.group:
            colours.setdefault(track.group, track.colour)
    found = []
    for name in sorted({*colours, *described}):
        info = described.get(name) or GroupInfo(name, colours.get(name) or colour_for(0))
        kept = tuple(edge for edge in info.edges if all(_belongs(table, i, name) for i in edge))
        found.append(GroupInfo(name, info.colour, kept))
    return found


def as_edges(edges: Iterable[Iterable[int]]) -> tuple[tuple[int, int], ...]:
    """Pairs of two different ids, each pair once. Raises ValueError for anything else."""
    found: dict[frozenset[int], tuple[int, int]] = {}
    for edge in edges:
        ends = tuple(int(i) for i in edge)
        if len(ends) != 2 or ends[0] == ends[1]:
            raise ValueError(f"an edge joins two different tracks, not {ends}")
        found.setdefault(frozenset(ends), (ends[0], ends[1]))
    return tuple(found.values())


def _belongs(table: TrackTable, track_id: int, group: str) -> bool:
    return track_id in table and table.track(track_id).group == group
