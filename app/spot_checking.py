"""A spot check in the window: what is to be accepted, one span after the other, and what the answers say."""

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer

from app.bulk_dialog import BulkDialog
from app.curation.spot_check import SpotCheck, unfinished_check
from app.curation.workspace import Workspace, now, person
from app.open_document import OnOpenDocument
from app.panels.wording import estimate_text, number
from app.workers.jobs import Job, run_job
from app.workers.protocol import Progress
from tracker.files import InputError
from tracker.labels.label_set import Decision
from tracker.labels.spot_check import CheckSpan, sample_spans

if TYPE_CHECKING:
    from app.window import MainWindow


class SpotChecking(OnOpenDocument):
    """Asks for a threshold, shows spans drawn by chance, and accepts, or does not.

    Attributes:
        check: the one that goes on, None where none does.
    """

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self.check: SpotCheck | None = None
        self._workspace: Workspace | None = None
        self._job: Job | None = None
        self._hid_others: bool | None = None  # as it was before the check
        self._goes_on = False  # spans are being shown; else it is asked what to make of the answers
        self._seen: int | None = None  # the place in the sample that is on screen
        self._revision = -1  # of the tracks when it came there
        self._rejected: dict[int, str] = {}  # by place, the step that took a wrong span away
        self._bar = window.check_bar
        self._bar.action_requested.connect(lambda action: window.registry.trigger(action))

    # -- conditions

    def is_going_on(self) -> bool:
        """Whether spans are shown one after the other."""
        return self.check is not None and self._goes_on

    def is_asking(self) -> bool:
        """Whether it is asked what is to be made of the answers."""
        return self.check is not None and not self._goes_on

    def may_accept(self) -> bool:
        """Whether something was looked at, so that a person knows what they accept."""
        return self.is_asking() and self.check is not None and bool(self.check.answers)

    # -- the set

    def set_workspace(self, workspace: Workspace | None) -> None:
        """Another label set is open, or none; a check that an earlier start has left is taken up."""
        self._stop_job()
        self._workspace, self._goes_on, self._seen = workspace, False, None
        self._rejected.clear()
        may_go_on = workspace is not None and self._window.curating.may_curate()
        self.check = unfinished_check(workspace.label_set) if workspace is not None and may_go_on else None
        self._show()

    def ask(self) -> None:
        """Ask up to which doubt everything should be accepted."""
        if self._workspace is None:
            return
        dialog = BulkDialog(self._window, self._workspace.label_set)
        dialog.check_wanted.connect(self.begin)
        dialog.take_back_wanted.connect(self.take_back)
        dialog.open()

    def begin(self, threshold: float, count: int) -> None:
        """Draw so many spans from all that a threshold would accept, and show the first one."""
        workspace = self._workspace
        if workspace is None:
            return
        self._stop_job()
        label_set, panel = workspace.label_set, self._window.label_set_panel

        def drawn(result: tuple[list[CheckSpan], int]) -> None:
            self._job = None
            panel.set_busy("")
            spans, total = result
            if not spans:
                self._window.files.show_error(self.tr("Nothing would be accepted up to {:g} px.").format(threshold))
                return
            self.check = SpotCheck(label_set, threshold, spans, total)
            self._rejected.clear()
            if self._try(self.check.save):
                self.go_on()

        def failed(message: str) -> None:
            self._job = None
            panel.set_busy("")
            self._window.files.show_error(message)

        def progress(so_far: Progress) -> None:
            panel.set_busy(self.tr("Drawing a sample: {} of {}").format(so_far.done, so_far.total))

        seed = secrets.randbits(32)
        self._job = run_job(
            lambda job: sample_spans(label_set, threshold, count, seed, job.report),
            self.tr("Drawing a sample"),
            self,
            on_result=drawn,
            on_error=failed,
            on_progress=progress,
        )

    # -- one span after the other

    def go_on(self) -> None:
        """Show the span that is to be judged."""
        if self.check is not None:
            self._goes_on = self.check.current is not None
            if self._hid_others is None:
                self._hid_others, self._view.hide_others = self._view.hide_others, True
            self._show_span()

    def answer(self, right: bool) -> None:
        """The span on screen is right, or wrong: then it is rejected, unless the person has put something right there.

        Where a person has gone elsewhere meanwhile, it is shown first.
        """
        check = self.check
        span = check.current if check is not None else None
        if check is None or span is None:
            return
        if self._seen != check.position or self._window.curating.current != span.video:
            self._show_span()
        elif self._try(lambda: check.answer(right)):
            if not right:
                self._reject(check.spans.index(span), span)
            self.go_on()

    def _reject(self, place: int, span: CheckSpan) -> None:
        """What is known to be wrong must not be accepted with the rest."""
        document, track_id = self._document, self._view.primary
        if track_id is None or document.table.track(track_id).name != span.track:
            return
        if document.table.revision == self._revision:
            document.reject([track_id], span.start, span.end)
            self._rejected[place] = document.undo_text

    def _take_rejection_back(self, place: int) -> None:
        """A person has second thoughts on a span that they called wrong."""
        step = self._rejected.pop(place, None)
        if step is not None and self._document.undo_text == step:
            self._document.undo()

    def back(self) -> None:
        """To the span before, to answer anew."""
        if self.check is not None and self.check.back():
            self.go_on()

    def _show_span(self) -> None:
        check = self.check
        span = check.current if check is not None else None
        self._show()
        if check is None or span is None:
            self._leave_span()
            return
        place = check.position
        self._seen = None

        def shown() -> None:
            if self.check is check and check.position == place:
                self._take_rejection_back(place)
                self._seen, self._revision = place, self._document.table.revision

        def failed(message: str) -> None:
            if self.check is check and check.position == place:
                self._window.show_message(self.tr("Left out: {}").format(message))
                check.leave_out()
                QTimer.singleShot(0, self, self.go_on)

        self._window.curating.show_span(span.video, span.track, span.start, span.end, shown, failed)

    # -- its end

    def stop(self) -> None:
        """Look at no more; what is known by now can be acted on."""
        self._goes_on = False
        self._leave_span()
        self._show()

    def accept(self) -> None:
        """Accept everything up to the threshold."""
        check = self.check
        if check is not None and self._decide(check.threshold):
            said = estimate_text(check.estimate)
            self.drop()
            self._window.show_message(self.tr("Accepted up to {:g} px. {}").format(check.threshold, said))

    def take_back(self) -> None:
        """What was accepted up to a threshold is open again."""
        self._decide(None)

    def drop(self) -> None:
        """The check is over; the answers stay among the decisions."""
        if self.check is not None:
            self._try(self.check.forget)
        self.check, self._goes_on, self._seen = None, False, None
        self._leave_span()
        self._show()

    def _leave_span(self) -> None:
        self._window.playback.stop()
        if self._hid_others is not None:
            self._view.hide_others, self._hid_others = self._hid_others, None
        self._view.loop_range = None
        self._window.canvas.fit()

    def _decide(self, threshold: float | None) -> bool:
        workspace = self._workspace
        if workspace is None:
            return False
        decision = Decision("bulk", threshold=threshold, by=person(), at=now())
        done = self._try(lambda: workspace.label_set.decide(decision))
        if done:
            self._window.curating.rank_again()
        return done

    def _try(self, act: Callable[[], object]) -> bool:
        try:
            act()
        except (InputError, OSError) as error:
            self._window.files.show_error(str(error))
            return False
        return True

    # -- what the bar says

    def _show(self) -> None:
        check, bar = self.check, self._bar
        if check is None:
            bar.hide()
        elif self._goes_on:
            bar.show_span(self._question(check), estimate_text(check.estimate))
        else:
            text = self.tr("Spot check of {0} spans in doubt by at most {1} px")
            said = text.format(number(check.total), f"{check.threshold:g}")
            accept = self.tr("Accept up to {:g} px").format(check.threshold)
            may_go_on, may_accept = check.current is not None, bool(check.answers)
            bar.show_end(said, estimate_text(check.estimate), accept, may_go_on=may_go_on, may_accept=may_accept)
        self._window.refresh()

    def _question(self, check: SpotCheck) -> str:
        span, document = check.current, self._window.document
        assert span is not None
        text = self.tr("Span {0} of {1}: is {2} right on frames {3} to {4}?")
        first = document.number_of(0) if document is not None else 0
        place, count = number(check.position + 1), number(len(check.spans))
        frames = span.start + first, span.end - 1 + first
        return text.format(place, count, span.track, *frames)

    def _stop_job(self) -> None:
        if self._job is not None:
            self._job.stop()
            self._job = None

    def close(self) -> None:
        """The window closes."""
        self._stop_job()
