"""The Start button: what happens when it is pressed, and what it says.

Nothing in the way: it starts. Warnings that were not seen yet are shown first, and the next press starts.
With an error it says the first one and goes there. While a check goes on it says so, and starts when that
found nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PyQt5.QtCore import QObject

from annotator import messages
from annotator.qt.pages.train.check_panel import sentence
from annotator.qt.translation import tr, tr_n

if TYPE_CHECKING:
    from annotator.qt.pages.train.page import TrainPage


class Starting(QObject):
    """Decides for a page.

    Args:
        page: The page, built.
    """

    def __init__(self, page: TrainPage) -> None:
        super().__init__(page)
        self._page = page
        self._waits = False
        self._seen: set[tuple[str, str]] = set()
        page.setup.check.checked.connect(self._checked)

    @property
    def waits(self) -> bool:
        """Whether the button was pressed, and the check still goes on."""
        return self._waits

    def press(self) -> None:
        """The button was pressed; a second press while it waits takes it back."""
        page = self._page
        if self._waits:
            self._waits = False
            page.show_state()
        elif page.work_folder() is None:
            messages.info(tr("There is no training set yet: make it on the Split page first."))
            page.page_wanted.emit("split")
        elif page.is_looking:
            messages.info(tr("Looking for Darknet…"))
        elif page.darknet is None:
            page.offer_darknets()
        elif page.setup.problem:
            self._say_problem()
        else:
            self._go_on()

    def text(self, *, busy: bool) -> str:
        """What stands on the button."""
        if self._waits:
            return tr("Checking first…")
        if busy:
            return tr("Put in the queue")
        setup = self._page.setup
        looks_at_them = setup.check.warnings() and setup.drawers.open_part is setup.check
        if looks_at_them and not self._unseen() and not setup.check.errors:
            return tr("Start all the same")
        return tr("Start training")

    def forget(self) -> None:
        """Another set: nothing is waited for, and what was seen was another's."""
        self._waits = False
        self._seen.clear()

    def _go_on(self) -> None:
        page, check = self._page, self._page.setup.check
        page.setup.check_the_plan()
        if check.errors:
            self._say_error()
        elif check.is_waiting:
            self._waits = True
            page.show_state()
        elif self._unseen():
            self._show_warnings()
        else:
            messages.settle("start")
            page.start_or_queue()

    def _checked(self) -> None:
        if self._waits and (self._page.setup.check.errors or not self._page.setup.check.is_waiting):
            self._waits = False
            if self._page.setup.problem or self._page.darknet is None:
                self._page.show_state()
            else:
                self._go_on()

    def _say_problem(self) -> None:
        setup = self._page.setup
        messages.error(setup.problem)
        if setup.weights.problem():
            setup.drawers.open(setup.weights)
        elif setup.options.problem():
            setup.drawers.open(setup.options)

    def _say_error(self) -> None:
        check = self._page.setup.check
        self._page.setup.drawers.open(check)
        first = check.first_error()
        if first is not None:
            text = tr("Not started: {why}", why=sentence(first))
            if check.errors > 1:
                text += " " + tr_n("({n} more error)", "({n} more errors)", check.errors - 1)
            messages.error(text, topic="start")
        check.go_to_first()
        self._page.show_state()

    def _unseen(self) -> set[tuple[str, str]]:
        """Kinds of warnings (with the classes or files they are about) that were not shown yet."""
        return {(one.code, one.image) for one in self._page.setup.check.warnings()} - self._seen

    def _show_warnings(self) -> None:
        check = self._page.setup.check
        number = check.result.warnings if check.result is not None else 0
        self._seen |= self._unseen()
        self._page.setup.drawers.open(check)
        messages.warning(
            tr_n(
                "{n} warning: have a look; press Start once more to train all the same.",
                "{n} warnings: have a look; press Start once more to train all the same.",
                number,
            ),
            topic="start",
        )
        self._page.show_state()
        self._page.start.setFocus()
