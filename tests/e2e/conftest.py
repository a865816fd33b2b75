"""No test waits for a person."""

from __future__ import annotations

import pytest

from annotator.qt import left_training
from annotator.qt.main_window import MainWindow


@pytest.fixture(autouse=True)
def _the_person_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question at the close of a window (of a test that failed, say) is answered: none waits for ever."""
    monkeypatch.setattr(MainWindow, "_ask", lambda *_: True)
    monkeypatch.setattr(left_training, "ask", lambda *_: left_training.STOP)
