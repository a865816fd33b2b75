"""The one excepthook: a mistake of ours is written to a log and said in a sentence, and boxes are saved."""

from __future__ import annotations

import datetime
import faulthandler
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import IO

from PyQt5.QtCore import QCoreApplication, QObject, QThread, pyqtSignal

from annotator import messages, settings
from annotator.qt.translation import tr

_SAME = 3
"""A mistake that happens again and again (while painting, say) is told and written so many times."""
_LARGEST = 5_000_000
"""Bytes of the log from which on a new one is begun; one old one is kept."""
_seen: Counter[str] = Counter()


def record(text: str) -> str:
    """Append a traceback to the error log; returns the sentence for the person."""
    path = settings.log_folder() / "errors.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > _LARGEST:
            path.replace(path.with_suffix(".old.log"))
        with path.open("a", encoding="utf-8") as file:
            file.write(f"--- {datetime.datetime.now().isoformat(timespec='seconds')}\n{text}\n")
    except OSError:
        return tr("Something went wrong inside the tool. Your boxes are kept.")
    return tr(
        "Something went wrong inside the tool. Your boxes are kept; the details are in {path}.", path=path
    )


class _Relay(QObject):
    """Brings what went wrong in a thread to the window's thread: only that may say and save something."""

    happened = pyqtSignal(str)


def install(save_everything: Callable[[], None]) -> None:
    """Make every uncaught exception a message (PyQt5 would abort the process)."""

    def tell(text: str) -> None:
        messages.error(record(text))
        # What went wrong may be the saving itself; nothing may escape from here.
        try:
            save_everything()
        except Exception:  # noqa: BLE001
            record(traceback.format_exc())

    relay = _Relay(QCoreApplication.instance())
    relay.happened.connect(tell)

    def hook(kind: type[BaseException], value: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, value, trace)
            return
        text = "".join(traceback.format_exception(kind, value, trace))
        sys.stderr.write(text)
        _seen[text] += 1
        if _seen[text] > _SAME:
            return
        application = QCoreApplication.instance()
        if application is not None and QThread.currentThread() is not application.thread():
            relay.happened.emit(text)
        else:
            tell(text)

    sys.excepthook = hook
    threading.excepthook = lambda args: hook(args.exc_type, args.exc_value, args.exc_traceback)


def log_aborts() -> IO[str] | None:
    """Write where the code was when the process is killed by a mistake below Python; returns the open log."""
    path = settings.log_folder() / "aborts.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a", encoding="utf-8")
    except OSError:
        return None
    faulthandler.enable(file)
    return file
