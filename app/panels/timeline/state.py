"""What the parts of the timeline show together."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.document.expected_error import ExpectedErrors
from app.document.project import Document
from app.document.view_state import ViewState
from app.panels.timeline.scale import TimeScale
from tracker.labels.table import TrackTable

if TYPE_CHECKING:
    from app.panels.timeline.ranges import RangeDrag

LANE_HEIGHT = 24
NO_TRACKS = TrackTable(1)


@dataclass
class TimelineState:
    """One for the ruler, the names and the lanes; the panel changes it.

    Attributes:
        document: None while nothing is open.
        scale: the time axis of ruler and lanes.
        top: how many pixels of lanes lie above the view.
        cached: frames that are in memory, as (start, end) with the end exclusive.
        missing: frames that have no picture, likewise.
        drag: the range that is being drawn with the mouse, None while there is none.
    """

    view: ViewState
    document: Document | None = None
    scale: TimeScale = field(default_factory=TimeScale)
    top: int = 0
    cached: Sequence[tuple[int, int]] = ()
    missing: Sequence[tuple[int, int]] = ()
    drag: "RangeDrag | None" = None

    @property
    def table(self) -> TrackTable:
        """The tracks; an empty table while nothing is open."""
        return NO_TRACKS if self.document is None else self.document.table

    @property
    def errors(self) -> ExpectedErrors | None:
        """How far off the tracks are thought to be; None while nothing is open."""
        return None if self.document is None else self.document.expected_error

    def number_of(self, frame: int) -> int:
        """The number under which a person knows a frame."""
        return frame if self.document is None else self.document.number_of(frame)

    def lanes(self, height: int) -> range:
        """The lanes that a view of this height shows, wholly or in part."""
        first = self.top // LANE_HEIGHT
        return range(first, min(self.table.n_tracks, -(-(self.top + height) // LANE_HEIGHT)))

    def lane_y(self, lane: int) -> int:
        """Top of a lane in the view."""
        return lane * LANE_HEIGHT - self.top

    def lane_near(self, y: float) -> int:
        """The lane at a height of the view, the first or last one beyond the ends."""
        return max(0, min(self.table.n_tracks - 1, int(y + self.top) // LANE_HEIGHT))

    def lane_at(self, y: float) -> int | None:
        """The lane at a height of the view, None below the last one."""
        lane = int(y + self.top) // LANE_HEIGHT
        return lane if 0 <= lane < self.table.n_tracks else None
