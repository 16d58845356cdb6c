"""What a person looks at: playhead, selection, tool and colours. Not part of the document: no undo, no file."""

from collections.abc import Iterable
from typing import Any, Literal

from app.document.changes import Callbacks

Tool = Literal["select", "add", "lasso", "brush", "eraser", "polygon", "fill"]
ColourBy = Literal["confidence", "error", "track", "source"]

FIELDS: dict[str, Any] = {
    "playhead": 0,
    "selection": (),
    "tool": "select",
    "loop_range": None,
    "loop": False,
    "colour_by": "confidence",
    "threshold": 0.5,
    "trail_length": 30,
    "show_trails": True,
    "hide_others": False,
    "hidden": frozenset(),
    "error_threshold": 4.0,
    "cell_range": None,
    "mask": None,
    "brush_size": 24.0,
    "take": None,
    "show_teachers": False,
    "lock": (),
    "stabilise": False,
}


class ViewState:
    """Observable values; `changed` is called with the name of the value that changed, only when it did change.

    Attributes:
        playhead: the shown frame.
        selection: ids of the selected tracks, the primary one last.
        tool: what the left button does on the picture.
        loop_range: (first, end) of the in and out points, end exclusive; None for the whole video.
        loop: whether playing goes round.
        colour_by: "confidence", "error" (expected, in pixels), "track" or "source".
        threshold: points whose visibility times confidence is below are drawn as uncertain, 0..1.
        trail_length: frames.
        show_trails, hide_others: switches of the overlay.
        hidden: ids of tracks that are not drawn.
        error_threshold: cells whose expected error is above this many pixels are to be reviewed.
        cell_range: (ids, start, end) of cells chosen in the timeline or the curves, end exclusive; None for none.
        mask: the id of the mask that the paint tools work on; None for none.
        brush_size: diameter of brush and eraser in pixels of the picture.
        take: the id of the take that is shown as a ghost; None for none.
        show_teachers: whether the paths of each teacher of a label set are shown for the selected tracks.
        lock: ids of the tracks that stay at one place on the screen; () for none.
        stabilise: whether the picture is shown as the solve carries it to its reference frame.
    """

    playhead: int
    selection: tuple[int, ...]
    tool: Tool
    loop_range: tuple[int, int] | None
    loop: bool
    colour_by: ColourBy
    threshold: float
    trail_length: int
    show_trails: bool
    hide_others: bool
    hidden: frozenset[int]
    error_threshold: float
    cell_range: tuple[tuple[int, ...], int, int] | None
    mask: int | None
    brush_size: float
    take: int | None
    show_teachers: bool
    lock: tuple[int, ...]
    stabilise: bool

    def __init__(self) -> None:
        self.changed: Callbacks[str] = Callbacks()
        self.__dict__.update(FIELDS)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in FIELDS:
            if getattr(self, name) == value:
                return
            super().__setattr__(name, value)
            self.changed(name)
        else:
            super().__setattr__(name, value)

    def forget(self) -> None:
        """Nothing is chosen any more, as another document comes."""
        self.selection, self.hidden, self.lock = (), frozenset(), ()
        self.stabilise = False
        self.loop_range = self.cell_range = self.mask = self.take = None
        self.playhead = 0

    @property
    def primary(self) -> int | None:
        """The track that keys act on where only one can be meant."""
        return self.selection[-1] if self.selection else None

    def select(self, ids: Iterable[int], extend: bool = False) -> None:
        """Select these tracks; `extend` keeps those already selected and toggles the ones that were."""
        wanted = tuple(dict.fromkeys(int(i) for i in ids))
        if extend:
            kept = tuple(i for i in self.selection if i not in wanted)
            wanted = kept + tuple(i for i in wanted if i not in self.selection)
        self.selection = wanted
