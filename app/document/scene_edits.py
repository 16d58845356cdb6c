"""Edits of masks, groups and takes; and what any edit is."""

from dataclasses import dataclass

from app.document.edits import Patch, Presence, Properties, Touched
from app.document.groups import GroupInfo
from app.document.masks import Bits, MaskInfo
from app.document.scene import Scene
from app.document.takes import Take


@dataclass(frozen=True)
class TouchedMask:
    """A mask that may differ: its properties, and what was painted on these frames.

    Attributes:
        frames: empty where it looks different on all of them.
    """

    id: int
    frames: tuple[int, ...]


@dataclass(frozen=True)
class TouchedGroups:
    """Groups that may have come, gone or changed."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class TouchedTakes:
    """Takes that may have come, gone or changed."""

    ids: tuple[int, ...]


AnyTouched = Touched | TouchedMask | TouchedGroups | TouchedTakes


@dataclass(frozen=True)
class MaskPaint:
    """Pixels of a mask that turned on one frame: its own inverse.

    Attributes:
        painted: whether the frame counts as painted before, and after.
    """

    mask_id: int
    frame: int
    flipped: Bits
    painted: tuple[bool, bool]

    @property
    def touched(self) -> TouchedMask:
        """What differs after this."""
        return TouchedMask(self.mask_id, (self.frame,))

    def apply(self, scene: Scene) -> None:
        """Do it."""
        scene.masks.flip(self.mask_id, self.frame, self.flipped, self.painted[1])

    def revert(self, scene: Scene) -> None:
        """Undo it."""
        scene.masks.flip(self.mask_id, self.frame, self.flipped, self.painted[0])


@dataclass(frozen=True)
class MaskPresence:
    """A mask that comes, or goes with all that was painted on it.

    Attributes:
        bits: by frame.
        added: whether applying adds the mask, or takes it away.
    """

    info: MaskInfo
    bits: dict[int, Bits]
    added: bool

    @property
    def touched(self) -> TouchedMask:
        """What differs after this."""
        return TouchedMask(self.info.id, tuple(self.bits))

    def apply(self, scene: Scene) -> None:
        """Do it."""
        self._set(scene, self.added)

    def revert(self, scene: Scene) -> None:
        """Undo it."""
        self._set(scene, not self.added)

    def _set(self, scene: Scene, present: bool) -> None:
        if present:
            scene.masks.put(self.info, self.bits)
        else:
            scene.masks.remove(self.info.id)


@dataclass(frozen=True)
class MaskProperties:
    """Other properties of a whole mask."""

    before: MaskInfo
    after: MaskInfo

    @property
    def touched(self) -> TouchedMask:
        """What differs after this."""
        return TouchedMask(self.after.id, ())

    def apply(self, scene: Scene) -> None:
        """Do it."""
        scene.masks.put(self.after)

    def revert(self, scene: Scene) -> None:
        """Undo it."""
        scene.masks.put(self.before)


@dataclass(frozen=True)
class GroupsEdit:
    """Groups described anew: those of `before` go, those of `after` come."""

    before: tuple[GroupInfo, ...]
    after: tuple[GroupInfo, ...]

    @property
    def touched(self) -> TouchedGroups:
        """What differs after this."""
        return TouchedGroups(tuple(dict.fromkeys(info.name for info in (*self.before, *self.after))))

    def apply(self, scene: Scene) -> None:
        """Do it."""
        self._replace(scene, self.before, self.after)

    def revert(self, scene: Scene) -> None:
        """Undo it."""
        self._replace(scene, self.after, self.before)

    def _replace(self, scene: Scene, old: tuple[GroupInfo, ...], new: tuple[GroupInfo, ...]) -> None:
        for info in old:
            del scene.groups[info.name]
        for info in new:
            scene.groups[info.name] = info


@dataclass(frozen=True)
class TakeEdit:
    """A take that comes (`before` is None), goes (`after` is None) or holds something else."""

    before: Take | None
    after: Take | None

    @property
    def touched(self) -> TouchedTakes:
        """What differs after this."""
        return TouchedTakes(tuple({take.id for take in (self.before, self.after) if take is not None}))

    def apply(self, scene: Scene) -> None:
        """Do it."""
        self._replace(scene, self.before, self.after)

    def revert(self, scene: Scene) -> None:
        """Undo it."""
        self._replace(scene, self.after, self.before)

    def _replace(self, scene: Scene, old: Take | None, new: Take | None) -> None:
        if old is not None:
            del scene.takes[old.id]
        if new is not None:
            scene.takes[new.id] = new


SceneEdit = MaskPaint | MaskPresence | MaskProperties | GroupsEdit | TakeEdit
Edit = Patch | Presence | Properties | SceneEdit
