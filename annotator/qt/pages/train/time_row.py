"""How long the training that is set up will take here, and a button that makes it fit into a night."""

from __future__ import annotations

from PyQt5.QtCore import pyqtSignal
from PyQt5.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from annotator import messages
from annotator.core.amounts import seconds_text
from annotator.core.training_fit import STUDY, fitting
from annotator.core.training_plan import TrainingPlan
from annotator.darknet.network.cfg import Cfg
from annotator.darknet.program.dialect import Darknet
from annotator.darknet.training.time_left import NIGHT, Pace, pace_of, training_time
from annotator.qt.background import Task
from annotator.qt.said_below import known
from annotator.qt.translation import tr, tr_n
from converters.errors import DataError
from converters.work import WorkFolder

_LONG = 1.5 * NIGHT
"""Seconds from which a training on a processor is warned of."""
_DAYS = 48 * 3600.0
_HOURS = 5 * 3600.0


class TimeRow(QWidget):
    """One line under the settings; hidden where nothing is known.

    Signals:
        fitted: A TrainingPlan that ends in a night, which the person has asked for.
        found: How fast the chosen Darknet trains here was found out.
    """

    fitted = pyqtSignal(object)
    found = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pace: Pace | None = None
        self.is_known = False
        self._is_offered = False
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.fit = QPushButton(tr("Fit into a night"))
        self.fit.setToolTip(
            tr("Fills in a smaller network, size, batch and length, so that it ends in about 8 hours here")
        )
        self.fit.clicked.connect(self._fit)
        self._task: Task | None = None
        self._asked: tuple[Darknet, WorkFolder] | None = None
        self._plan: tuple[TrainingPlan, int] | None = None
        self._cfg: Cfg | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.text, 1)
        row.addWidget(self.fit)
        self.hide()

    def measure(self, darknet: Darknet | None, work: WorkFolder | None) -> None:
        """Find out how fast a Darknet trains here: now, as another training has told more."""
        self._asked = (darknet, work) if darknet is not None and work is not None else None
        self.is_known = False
        if self._asked is None:
            self.pace = None
            self._show()
        elif self._task is None:
            self._begin(*self._asked)

    def _begin(self, darknet: Darknet, work: WorkFolder) -> None:
        asked = (darknet, work)
        task = Task(lambda tell: pace_of(darknet, work.root), self)
        task.succeeded.connect(lambda pace: self._measured(asked, pace))
        task.finished.connect(lambda: self._ended(asked))
        self._task = task.start()

    def _measured(self, asked: tuple[Darknet, WorkFolder], pace: Pace | None) -> None:
        if asked == self._asked:
            self.pace, self.is_known = pace, True
            self._show()
            self.found.emit()

    def _ended(self, asked: tuple[Darknet, WorkFolder]) -> None:
        self._task = None
        if self._asked is not None and asked != self._asked:
            self._begin(*self._asked)

    def show_plan(
        self, plan: TrainingPlan, classes: int, cfg: Cfg | None, *, is_offered: bool = False
    ) -> None:
        """Another training is set up.

        Args:
            plan: It.
            classes: Number of classes.
            cfg: Its network; None: it is impossible.
            is_offered: It is what was proposed, so why is said.
        """
        self._plan, self._cfg, self._is_offered = (plan, classes), cfg, is_offered
        self._show()

    def _show(self) -> None:
        seconds = self._seconds()
        self.setVisible(seconds is not None)
        if seconds is None or self.pace is None:
            return
        is_long = seconds > _LONG and not self.pace.on_gpu
        where = tr("with this graphics card") if self.pace.on_gpu else tr("on this computer's processor")
        text = tr("Takes about {time} {where}.", time=about(seconds), where=where)
        text = f"⚠ {text}" if is_long else text
        self.text.setText(" ".join(filter(None, (text, self._why(seconds)))))
        self.text.setToolTip(
            tr("As fast as {run} was at its best; slower while other programs work.", run=self.pace.measured)
            if self.pace.measured
            else tr("Estimated; more exact once a training ran here.")
        )
        self.fit.setVisible(is_long)

    def _why(self, seconds: float) -> str:
        """Why this is proposed, where it is not the study's; empty for what the person has set up."""
        if self.pace is None or self.pace.on_gpu or self._plan is None or self._asked is None:
            return ""
        if not self._is_offered:
            return ""
        try:
            longer = training_time(STUDY.plain_cfg(self._plan[1], self._asked[0]), self.pace)
        except DataError:
            return ""
        if longer <= seconds:
            return ""
        return tr(
            "It is chosen to end in a night without a graphics card; the study's training ({network}, "
            "{size} px, {iterations} iterations) would take {time}.",
            network=STUDY.network,
            size=STUDY.width,
            iterations=f"{STUDY.max_batches:,}",
            time=about(longer),
        )

    def _seconds(self) -> float | None:
        if self.pace is None or self._cfg is None:
            return None
        try:
            return training_time(self._cfg, self.pace)
        except DataError:
            return None  # a layer whose work nobody counts

    def _fit(self) -> None:
        if self.pace is None or self._plan is None or self._asked is None:
            return
        try:
            self.fitted.emit(fitting(*self._plan, self._asked[0], self.pace))
        except DataError as error:
            messages.error(known(str(error)))

    def stop(self) -> None:
        """End what runs (the window closes)."""
        self._asked = None
        if self._task is not None:
            self._task.wait()


def about(seconds: float) -> str:
    """A forecast, as precise as one can be: ``12 min``, ``9 h``, ``5 days``."""
    if seconds >= _DAYS:
        return tr_n("{n} day", "{n} days", round(seconds / 86400))
    return seconds_text(round(seconds / 3600) * 3600 if seconds >= _HOURS else seconds)
