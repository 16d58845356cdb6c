"""Where messages go: a rotating file in the user's log folder, crashes and Qt's own messages included."""

import faulthandler
import logging
import sys
import threading
import traceback
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

import platformdirs
from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler

log = logging.getLogger("trackwright")

QT_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


def log_path() -> Path:
    """The log file."""
    return Path(platformdirs.user_log_dir("trackwright", appauthor=False)) / "trackwright.log"


def start_logging(on_fault: Callable[[BaseException, str], None]) -> None:
    """Log to the file; hand every uncaught exception and its traceback to `on_fault`, in whichever thread."""
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    try:
        log_path().parent.mkdir(parents=True, exist_ok=True)
        handler: logging.Handler = RotatingFileHandler(log_path(), maxBytes=1 << 20, backupCount=2, encoding="utf-8")
        crash_file = log_path().with_suffix(".crash").open("a", encoding="utf-8")
        faulthandler.enable(crash_file)
    except OSError:
        handler = logging.StreamHandler()
        faulthandler.enable()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root.addHandler(handler)

    def qt_message(kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
        log.log(QT_LEVELS.get(kind, logging.WARNING), "Qt: %s", text)

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        text = "".join(traceback.format_exception(kind, error, trace))
        log.error("uncaught: %s", text)
        on_fault(error, text)

    def uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            uncaught(args.exc_type, args.exc_value, args.exc_traceback)

    qInstallMessageHandler(qt_message)
    sys.excepthook = uncaught
    threading.excepthook = uncaught_in_thread
