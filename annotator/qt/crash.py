"""The one excepthook: a mistake of ours is written to a log and said in a sentence, and boxes are saved."""

from __future__ import annotations

import datetime
import sys
import traceback
from collections.abc import Callable
from types import TracebackType

from annotator import messages, settings


def record(text: str) -> str:
    """Append a traceback to the error log; returns the sentence for the person."""
    path = settings.log_folder() / "errors.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"--- {datetime.datetime.now().isoformat(timespec='seconds')}\n{text}\n")
    except OSError:
        return "Something went wrong inside the tool. Your boxes are kept."
    return f"Something went wrong inside the tool. Your boxes are kept; the details are in {path}."


def install(save_everything: Callable[[], None]) -> None:
    """Make every uncaught exception a message (PyQt5 would abort the process)."""

    def hook(kind: type[BaseException], value: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, value, trace)
            return
        text = "".join(traceback.format_exception(kind, value, trace))
        sys.stderr.write(text)
        messages.error(record(text))
        # What went wrong may be the saving itself; nothing may escape from here.
        try:
            save_everything()
        except Exception:  # noqa: BLE001
            record(traceback.format_exc())

    sys.excepthook = hook
