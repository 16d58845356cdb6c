"""What the timeline says about the cell under the pointer."""

from PySide6.QtCore import QCoreApplication

from app.document.project import Document
from app.panels.wording import number, source_text, state_text, timecode
from tracker.labels.table import State


def cell_text(document: Document, lane: int | None, frame: int) -> str:
    """Frame and time, and what is known of the track of a lane there."""
    time = timecode(frame, document.video.fps if document.video else None)
    text = QCoreApplication.translate("Timeline", "Frame {0}").format(document.number_of(frame))
    lines = [f"{text}  ·  {time}" if time else text]
    if lane is not None:
        table = document.table
        state, source = table.state[lane, frame], table.source[lane, frame]
        words = [state_text(state), source_text(source)]
        confidence = float(table.confidence[lane, frame])
        if state != State.UNLABELLED and confidence == confidence:
            words.append(QCoreApplication.translate("Timeline", "confidence {0}").format(number(confidence, 2)))
        if table.approved[lane, frame]:
            words.append(QCoreApplication.translate("Timeline", "approved"))
        error = float(document.expected_error.read([table.tracks[lane].id], frame, frame + 1)[0, 0])
        if error == error:
            words.append(QCoreApplication.translate("Timeline", "expected error {0}\u00a0px").format(number(error, 1)))
        lines = [table.tracks[lane].name, *lines, ", ".join(word for word in words if word)]
    return "\n".join(lines)
