"""All that edits apply to: what a person and the trackers have made of a video."""

from dataclasses import dataclass, field

from app.document.groups import GroupInfo
from app.document.masks import Masks
from app.document.takes import Take
from tracker.labels.table import TrackTable


@dataclass
class Scene:
    """The tracks, and what belongs to them.

    Attributes:
        groups: those that were given a colour or a skeleton, by name.
        takes: by id.
    """

    table: TrackTable
    masks: Masks
    groups: dict[str, GroupInfo] = field(default_factory=dict)
    takes: dict[int, Take] = field(default_factory=dict)

    @classmethod
    def empty(cls, n_frames: int, size: tuple[int, int]) -> "Scene":
        """Nothing yet, over so many frames of so many pixels in width and height."""
        return cls(TrackTable(n_frames), Masks(size))
