"""The panels around the picture. Each takes `(document, view)` and knows no other panel."""

from app.panels.check_bar import CheckBar
from app.panels.compare_bar import CompareBar
from app.panels.curves import Curves
from app.panels.filmstrip import Filmstrip
from app.panels.history_panel import HistoryPanel
from app.panels.label_set_panel import LabelSetPanel
from app.panels.mask_panel import MaskPanel
from app.panels.review_panel import ReviewPanel
from app.panels.run_panel import RunPanel
from app.panels.solve_panel import SolvePanel
from app.panels.status import StatusWidgets
from app.panels.timeline import Timeline
from app.panels.track_list import TrackList
from app.panels.training_panel import TrainingPanel
from app.panels.transport import Transport

__all__ = [
    "CheckBar",
    "CompareBar",
    "Curves",
    "Filmstrip",
    "HistoryPanel",
    "LabelSetPanel",
    "MaskPanel",
    "ReviewPanel",
    "RunPanel",
    "SolvePanel",
    "StatusWidgets",
    "Timeline",
    "TrackList",
    "TrainingPanel",
    "Transport",
]
