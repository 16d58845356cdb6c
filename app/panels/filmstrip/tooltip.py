"""What the filmstrip says about the cell under the pointer, or the one that the keys are at."""

from PySide6.QtCore import QCoreApplication

from app.document.project import Document
from app.panels.filmstrip.cells import Cell
from app.panels.wording import number, source_text, state_text, timecode

CONTEXT = "Filmstrip"


def cell_text(document: Document, cell: Cell, failure: str) -> str:
    """Frame and time, what is known of the track there, and what can be done."""
    translate = QCoreApplication.translate
    time = timecode(cell.frame, document.video.fps if document.video else None)
    frame = translate(CONTEXT, "Frame {0}").format(document.number_of(cell.frame))
    lines = [f"{frame}  ·  {time}" if time else frame]
    words = [state_text(cell.state), source_text(cell.source)]
    if cell.certainty == cell.certainty and cell.placed:
        words.append(translate(CONTEXT, "certainty {0}").format(number(cell.certainty, 2)))
    if cell.error_px == cell.error_px:
        words.append(translate(CONTEXT, "expected error {0}\u00a0px").format(number(cell.error_px, 1)))
    if cell.approved:
        words.append(translate(CONTEXT, "approved"))
    lines.append(", ".join(word for word in words if word))
    if cell.group > 1:
        lines.append(translate(CONTEXT, "The worst of {0} frames").format(cell.group))
    if failure:
        lines.append(failure)
    elif cell.placed:
        lines.append(translate(CONTEXT, "Click: go there. Drag: pull the right spot of the picture onto the cross."))
    return "\n".join(lines)
