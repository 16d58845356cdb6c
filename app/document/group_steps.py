"""What a person does to groups of tracks."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from app.document.edits import change_properties
from app.document.groups import GroupInfo, all_groups, as_edges
from app.document.scene_edits import Edit, GroupsEdit
from app.document.steps import Steps
from tracker.labels.table import colour_for


class GroupSteps(Steps):
    """Names, colours and skeletons of groups. `Document` is what to use."""

    @property
    def groups(self) -> Sequence[GroupInfo]:
        """Every group that a track has or that was given a colour or a skeleton, by name.

        An edge whose ends have left the group is not among them, but comes back with them.
        """
        return all_groups(self.table, self._scene.groups)

    def rename_group(self, old: str, new: str, initiator: object = None) -> None:
        """Give a group another name; where that is a group already, both become one. Raises ValueError for no name."""
        if not old or not new:
            raise ValueError("a group has a name")
        self._settle()
        if old == new:
            return
        tracks = change_properties(self.table, self._members(old), group=new)
        edits: list[Edit] = [tracks] if tracks else []
        described = self._scene.groups
        if old in described:
            moved, there = described[old], described.get(new)
            edges = as_edges([*(there.edges if there else ()), *moved.edges])
            after = GroupInfo(new, there.colour if there else moved.colour, edges)
            edits.append(GroupsEdit((moved, there) if there else (moved,), (after,)))
        self.do(edits, f"Rename group {old}", initiator)

    def set_group_colour(self, group: str, rgb: tuple[int, int, int], initiator: object = None) -> None:
        """Give a group and all its tracks another colour, 0..255 each. Raises ValueError for no name."""
        self._settle()
        red, green, blue = (int(c) for c in rgb)
        tracks = change_properties(self.table, self._members(group), colour=(red, green, blue))
        described = self._describe(replace(self._group(group), colour=(red, green, blue)))
        edits: list[Edit] = [edit for edit in (described, tracks) if edit is not None]
        self.do(edits, f"Colour group {group}", initiator)

    def set_skeleton(self, group: str, edges: Iterable[Iterable[int]], initiator: object = None) -> None:
        """Give a group a skeleton: pairs of ids of its tracks.

        Raises:
            ValueError: an edge is no pair of two different tracks of the group, or the group has no name.
        """
        self._settle()
        pairs, members = as_edges(edges), set(self._members(group))
        strange = sorted({i for edge in pairs for i in edge} - members)
        if strange:
            raise ValueError(f"track {strange[0]} is not in the group {group}")
        described = self._describe(replace(self._group(group), edges=pairs))
        if described:
            self.do(described, f"Skeleton of {group}", initiator)

    def _members(self, group: str) -> list[int]:
        return [track.id for track in self.table.tracks if track.group == group]

    def _group(self, name: str) -> GroupInfo:
        """What is known of a group, with edges that do not show; of a new one what it starts with."""
        if not name:
            raise ValueError("a group has a name")
        shown = {info.name: info for info in self.groups}
        return self._scene.groups.get(name) or shown.get(name) or GroupInfo(name, colour_for(0))

    def _describe(self, after: GroupInfo) -> GroupsEdit | None:
        """The edit that gives a group this description, None where it has it."""
        before = self._scene.groups.get(after.name)
        return None if before == after else GroupsEdit((before,) if before else (), (after,))
