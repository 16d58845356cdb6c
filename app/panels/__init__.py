"""The panels around the picture. Each takes `(document, view)` and knows no other panel."""

from app.panels.history_panel import HistoryPanel
from app.panels.run_panel import RunPanel
from app.panels.status import StatusWidgets
from app.panels.timeline import Timeline
from app.panels.track_list import TrackList
from app.panels.transport import Transport

__all__ = ["HistoryPanel", "RunPanel", "StatusWidgets", "Timeline", "TrackList", "Transport"]
