"""All tools of the canvas by their names in the view state."""

from typing import TYPE_CHECKING

from app.canvas.add_tool import AddTool
from app.canvas.brush_tool import BrushTool
from app.canvas.fill_tool import FillTool
from app.canvas.lasso_tool import LassoTool
from app.canvas.polygon_tool import PolygonTool
from app.canvas.select_tool import SelectTool
from app.canvas.tool import Tool

if TYPE_CHECKING:
    from app.canvas.view import CanvasView


def make_tools(canvas: "CanvasView") -> dict[str, Tool]:
    """A fresh set."""
    return {
        "select": SelectTool(canvas),
        "add": AddTool(canvas),
        "lasso": LassoTool(canvas),
        "brush": BrushTool(canvas, paints=True),
        "eraser": BrushTool(canvas, paints=False),
        "polygon": PolygonTool(canvas),
        "fill": FillTool(canvas),
    }
