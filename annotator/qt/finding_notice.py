"""A small notice on the canvas: what was found in the picture that is shown, and its fix at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PyQt5.QtCore import QEvent, QObject, Qt
from PyQt5.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton

from annotator.core.finding_fixes import ONE_RIGHT_ANSWER
from annotator.core.findings import SAID_ANYWAY, Finding
from annotator.qt.finding_texts import kind_title
from annotator.qt.translation import tr, tr_n

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow

SHOWN = "finding_notice"
"""Setting: whether the notice is shown."""
MARGIN = 10


class FindingNotice(QFrame):
    """Lies over the upper left corner of the canvas (messages lie below). Looking at it changes nothing."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window.label.canvas)
        self._window = window
        self._findings: list[Finding] = []
        self._canvas = window.label.canvas
        self._canvas.installEventFilter(self)
        self.setAutoFillBackground(True)
        self.setFrameShape(QFrame.StyledPanel)
        # A press on the notice is none on the picture under it.
        self.setAttribute(Qt.WA_NoMousePropagation)
        self.setCursor(Qt.ArrowCursor)
        self.text = QLabel()
        self.text.setTextFormat(Qt.PlainText)
        self.fix = QPushButton(tr("Fix"))
        self.right = QPushButton(tr("This is right"))
        self.right.setToolTip(tr("Do not tell it any more, unless it changes"))
        close = QToolButton(text="✕")
        close.setToolTip(tr("Show no such notice (View brings it back)"))
        close.setAutoRaise(True)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 4, 4)
        for widget in (self.text, self.fix, self.right, close):
            row.addWidget(widget)
        for button in (self.fix, self.right, close):
            button.setFocusPolicy(Qt.NoFocus)
        self.fix.clicked.connect(lambda: window.visits.mend_here())
        self.right.clicked.connect(self._dismiss)
        close.clicked.connect(self.toggle)
        window.label.image_changed.connect(lambda _: self.refresh())
        window.findings.checker.changed.connect(self.refresh)
        self.hide()

    def is_on(self) -> bool:
        """Whether it is to be shown."""
        return bool(self._window.settings.get(SHOWN, True))

    def toggle(self) -> None:
        """Show it or not, from now on."""
        self._window.settings.set(SHOWN, not self.is_on())
        self.refresh()

    def refresh(self) -> None:
        """Say what was found in the picture that is shown."""
        findings, key = self._window.findings.checker.findings, self._window.label.key
        found = findings.of(key) if findings is not None and key is not None else []
        self._findings = [one for one in found if one.code not in SAID_ANYWAY]
        self.setVisible(bool(self._findings) and self.is_on())
        if self.isHidden():
            return
        mendable = [one for one in self._findings if one.code in ONE_RIGHT_ANSWER]
        self.fix.setVisible(bool(mendable))
        key_text = self._window.actions_by_name["mend_here"].shortcut().toString()
        self.fix.setToolTip(
            tr_n("Mend what has one right answer: {n} finding ({key})",
                 "Mend what has one right answer: {n} findings ({key})", len(mendable), key=key_text)
        )  # fmt: skip
        self.setToolTip("\n".join(one.issue.message for one in self._findings))
        self._place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Resize and not self.isHidden():
            self._place()
        return False

    def _place(self) -> None:
        """In the corner, never wider than the canvas."""
        counts = dict.fromkeys(one.code for one in self._findings)
        kinds = ", ".join(kind_title(code) for code in counts)
        number = len(self._findings)
        text = kinds if number == 1 else f"{number}: {kinds}"
        self.text.setText("")
        self.layout().activate()
        room = max(self._canvas.width() - 2 * MARGIN - self.sizeHint().width(), 40)
        self.text.setText("⚠ " + self.fontMetrics().elidedText(text, Qt.ElideRight, room - 24))
        self.layout().activate()
        self.adjustSize()
        self.move(MARGIN, MARGIN)
        self.raise_()

    def _dismiss(self) -> None:
        self._window.findings.checker.dismiss(self._findings)
