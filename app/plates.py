"""What only picture sequences have, and how pictures are seen: frames that are missing, and the view transform."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.view_transform_dialog import ViewTransformDialog
from tracker.video import ImageSequence, ViewTransform

if TYPE_CHECKING:
    from app.window import MainWindow


class Plates(QObject):
    """Shows missing frames as such, and has everything that decodes see the video the same way."""

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self._window = window
        window.playback.frame_missing.connect(self._show_missing)

    def ask_view_transform(self) -> None:
        """How the pictures are seen: a dialog that stays open beside the work."""
        self.close_dialog()
        ViewTransformDialog(self._window).show()

    def close_dialog(self) -> None:
        """It belongs to the video that is open."""
        for dialog in self._window.findChildren(ViewTransformDialog):
            dialog.close()

    def set_view(self, view: ViewTransform) -> None:
        """See and track the video this way from now on; the project remembers it."""
        window = self._window
        if window.document is not None and window.source is not None:
            window.source.view = view
            window.document.set_view(view)
            window.playback.set_view(view)
            window.filmstrip.set_source(window.source.path, view)

    def _show_missing(self, frame: int) -> None:
        source = self._window.source
        if isinstance(source, ImageSequence):
            number = frame + source.first_frame_number
            title = self.tr("Frame {} is missing").format(number)
            self._window.canvas.set_missing(frame, (source.width, source.height), title, source.file_name(frame))
