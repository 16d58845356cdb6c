"""The video view: picture, points, trails, and the tools that work on them."""

from app.canvas.legend import Legend
from app.canvas.teacher_legend import TeacherLegend
from app.canvas.view import CanvasView

__all__ = ["CanvasView", "Legend", "TeacherLegend"]
