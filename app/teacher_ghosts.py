"""What each teacher said of a video of a label set, as ghosts beside the selected tracks."""

from typing import TYPE_CHECKING

from app.curation.teachers import TeacherPaths, read_teachers
from app.open_document import OnOpenDocument
from app.workers.jobs import Job, run_job

if TYPE_CHECKING:
    from app.window import MainWindow


class TeacherGhosts(OnOpenDocument):
    """Reads them in the background, for as long as they are wanted."""

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self._job: Job | None = None
        self._loaded = False
        end = window.view.changed.subscribe(lambda name: self.load() if name == "show_teachers" else None)
        self.destroyed.connect(lambda: end())

    def toggle(self) -> None:
        """Show them, or not."""
        self._view.show_teachers = not self._view.show_teachers

    def shown(self) -> bool:
        """Whether they are shown."""
        return self._view.show_teachers

    def forget(self) -> None:
        """Another video comes."""
        self.close()
        self._loaded = False
        self._window.teacher_legend.set_names(())

    def load(self) -> None:
        """Read them, where they are wanted and the open video is one of a label set."""
        curating = self._window.curating
        workspace, name = curating.workspace, curating.current
        if workspace is None or name is None or self._loaded or not self._view.show_teachers:
            return
        self._loaded = True
        self._job = run_job(
            lambda _job: read_teachers(workspace.label_set, name),
            self.tr("Reading what the teachers said"),
            self,
            on_result=self._take,
            on_error=self._window.show_message,
        )

    def _take(self, paths: TeacherPaths | None) -> None:
        self._job = None
        if paths is None:
            self._window.show_message(self.tr("What each teacher said of this video was not kept."))
            return
        self._window.canvas.set_teachers(paths)
        self._window.teacher_legend.set_names(paths.names)

    def close(self) -> None:
        """End the reading."""
        if self._job is not None:
            self._job.stop()
            self._job = None
