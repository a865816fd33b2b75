"""What a training shall be: the few numbers on top, and under them the parts that are closed at first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt5.QtCore import QTimer, pyqtSignal
from PyQt5.QtWidgets import QLabel, QVBoxLayout, QWidget

from annotator.core.training_fit import proposal
from annotator.core.training_plan import TrainingPlan, option_states, other_hints, steps_of
from annotator.darknet.network.presets import NETWORKS, STUDY_STEPS
from annotator.darknet.program.dialect import Darknet
from annotator.qt.pages.train.anchors_panel import AnchorsPanel
from annotator.qt.pages.train.check_panel import CheckPanel
from annotator.qt.pages.train.drawers import Drawers
from annotator.qt.pages.train.gpu_choice import GpuChoice
from annotator.qt.pages.train.network_panel import NetworkPanel
from annotator.qt.pages.train.options_panel import STEPS, OptionsPanel
from annotator.qt.pages.train.settings import BasicSettings
from annotator.qt.pages.train.time_row import TimeRow
from annotator.qt.pages.train.weights_panel import WeightsPanel
from annotator.qt.pages.train.while_training import WhileTraining
from annotator.qt.said_below import known
from annotator.qt.translation import tr, tr_n
from converters.errors import DataError
from converters.work import WorkFolder

STUDY_CLASSES = 3
"""Shown where there is no training set to count the classes of yet."""
_SOON = 120
"""Milliseconds after a change before what follows from it is worked out."""


class Setup(QWidget):
    """The settings of a new training.

    Signals:
        changed: The plan is another, or whether it is possible.
    """

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.work: WorkFolder | None = None
        self.names: tuple[str, ...] = ()
        self.darknet: Darknet | None = None
        self._has_looked = False
        self._resumption: list[str] = []
        self.problem = ""
        self.basic = BasicSettings()
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.gpu = GpuChoice()
        self.time = TimeRow()
        self.time.fitted.connect(self.basic.take_numbers)
        self.time.found.connect(self._propose)
        self._rule = 0
        self._offered = self.basic.plan()
        self.drawers = Drawers()
        self.network_panel = NetworkPanel()
        self.options = OptionsPanel()
        self.anchors = AnchorsPanel(lambda: (self.basic.plan(), self.work, self.darknet))
        self.weights = WeightsPanel()
        self.meanwhile = WhileTraining()
        self.check = CheckPanel()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON)
        self._soon.timeout.connect(self.show_plan)
        self._build()
        for part in (self.basic, self.options, self.anchors, self.weights, self.gpu):
            part.changed.connect(self._soon.start)
            part.changed.connect(self.check_the_plan)
        self.drawers.opened.connect(self._opened)
        self.basic.study.clicked.connect(self.fill_in_study)
        self.basic.network.currentIndexChanged.connect(lambda _: self.show_plan())

    def _build(self) -> None:
        add = self.drawers.add
        add(
            tr("Layers and costs"),
            tr("What the network is made of, how much memory it needs and how fast it will be"),
            self.network_panel,
        )
        add(
            tr("Options"),
            tr("Learning rate, changes to the pictures, losses: everything that a cfg can say"),
            self.options,
            scrolls=True,
        )
        add(tr("Anchors"), tr("Sizes that boxes are guessed from, chosen for this set"), self.anchors)
        add(tr("Weights to start from"), tr("Begin with what was learned from other pictures"), self.weights)
        add(
            self.meanwhile.title(),
            tr("Measuring saved weights while the training goes on, and ending it early"),
            self.meanwhile,
        )
        self.meanwhile.changed.connect(lambda: self.drawers.title(self.meanwhile, self.meanwhile.title()))
        add(tr("Check"), tr("Everything that would make the training fail, before it starts"), self.check)
        self.check.checked.connect(self._checked)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.basic)
        column.addWidget(self.gpu)
        column.addWidget(self.note)
        column.addWidget(self.time)
        column.addWidget(self.drawers)

    def _opened(self, part: QWidget | None) -> None:
        self.show_plan()
        if part is self.anchors:
            self.anchors.show_now()
        elif part is self.network_panel:
            self.network_panel.measure(self.work.root if self.work is not None else None)

    def fill_in_study(self) -> None:
        """The study's training: its numbers, its options, and steps that are not those of the rule."""
        self.basic.fill_in_study()
        self.options.forget()
        self.show_plan()  # the rule's steps are known then, from which the study's differ
        self.options.set_value(STEPS, ",".join(map(str, STUDY_STEPS)))

    def propose(self, iterations: int, *, anew: bool) -> None:
        """Propose a training for a set: at once its length, and all of it once the speed is known.

        Args:
            iterations: By the rule, for the pictures and classes there are now.
            anew: It is another set than before.
        """
        self._rule = iterations
        is_untouched = self.is_untouched
        self.basic.propose(iterations, anew=anew)
        if is_untouched:
            self._offered = self.basic.plan()
            self._propose()

    @property
    def is_untouched(self) -> bool:
        """Whether the settings are those that were proposed."""
        steps = self.options.steps()
        return (
            self.basic.plan() == self._offered and not self.options.values() and steps in (None, STUDY_STEPS)
        )

    def _propose(self) -> None:
        """Fill in what suits this computer, unless the person has set up something."""
        if self.darknet is None or not self._rule or not self.time.is_known or not self.is_untouched:
            return
        found = proposal(self._rule, self.classes, self.darknet, self.time.pace)
        if found is None:
            return
        self.options.forget()
        self.basic.take_numbers(found)
        self._offered = self.basic.plan()
        self.show_plan()  # the rule's steps are known then, from which the study's differ
        if found.steps is not None:
            self.options.set_value(STEPS, ",".join(map(str, found.steps)))

    @property
    def classes(self) -> int:
        """Number of classes of the training set (the study's where there is none yet)."""
        return len(self.names) or STUDY_CLASSES

    def plan(self) -> TrainingPlan:
        """What is asked for."""
        return self.basic.plan().with_parts(
            options=self.options.values(),
            steps=self.options.steps(),
            auto_anchors=self.anchors.use.isChecked(),
            anchors=self.anchors.pairs,
            weights=self.weights.weights,
            same_classes=self.weights.same_classes,
        )

    def set_work(self, work: WorkFolder | None, names: tuple[str, ...]) -> None:
        """Another training set."""
        self.work, self.names = work, names
        self.anchors.set_changed()
        self.check.forget()
        self.time.measure(self.darknet, work)
        self._soon.start()

    def set_darknet(self, darknet: Darknet | None) -> None:
        """Another Darknet trains."""
        self.darknet = darknet
        self._has_looked = True
        self.gpu.look(darknet)
        self.time.measure(darknet, self.work)
        self.show_plan()

    def show_plan(self) -> None:
        """Work out what follows from the settings, and say what is impossible or odd."""
        self._soon.stop()
        self.anchors.plan_changed()
        plan = self.plan()
        hints: list[str] = []
        cfg = None
        try:
            hints = self._show_options(plan)
            cfg = plan.cfg(self.classes, self.darknet)
            if self.drawers.open_part is self.network_panel:
                self.network_panel.show_cfg(cfg)
            self.problem = self.options.problem() or self.weights.problem()
        except DataError as error:
            self.problem = known(str(error))
            self.network_panel.show_problem(self.problem)
        self.time.show_plan(plan, self.classes, cfg, is_offered=self.is_untouched)
        self.weights.show_plan(plan.network, cfg, self.names)
        self._show_titles(plan)
        self._show_note(plan, hints)
        self.check.check(self._to_check(plan))
        self.drawers.title(self.check, self.check.title())
        self.changed.emit()

    def _show_options(self, plan: TrainingPlan) -> list[str]:
        """Show what there is to say of each option; returns what is odd about the numbers on top."""
        plain = plan.with_parts(options={}, steps=None).plain_cfg(self.classes, self.darknet)
        self.options.show_states(option_states(plan, self.classes, self.darknet), steps_of(plain))
        dialect = self.darknet.dialect if self.darknet is not None else "alexeyab"
        return other_hints(plan, plain, dialect, self.classes)

    def _to_check(self, plan: TrainingPlan) -> list[str]:
        """What the check is asked; nothing without a training set, or where the settings are wrong."""
        if self._resumption:
            return self._resumption
        only_weights = bool(plan.weights) and self.problem == self.weights.problem()
        if self.work is None or (self.problem and not only_weights) or not self._has_looked:
            return []
        which = ["--darknet", str(self.darknet.path)] if self.darknet is not None else []
        return [*plan.arguments(self.work.root)[1:], *which, *self.gpu.arguments()]

    def check_resumption(self, run: Path, arguments: Sequence[str]) -> None:
        """Show what stands in the way of going on with a run, until the settings are changed or it goes on.

        Args:
            run: Its folder.
            arguments: What follows it in ``train-cli check``.
        """
        self._resumption = [str(run), *arguments]
        self.check.subject = run.name
        self.drawers.open(self.check)
        self.show_plan()

    def check_the_plan(self) -> None:
        """Look at the new training again, and no longer at a run to go on with."""
        if self._resumption:
            self._resumption = []
            self.check.subject = ""
            self.show_plan()

    def _checked(self) -> None:
        self.drawers.title(self.check, self.check.title())
        self.changed.emit()

    def _show_titles(self, plan: TrainingPlan) -> None:
        """What is set in a part that is closed stands on its button."""
        changed = len(plan.options) + (plan.steps is not None)
        text = tr("Options")
        if changed:
            text = tr("Options: {changed}", changed=tr_n("{n} changed", "{n} changed", changed))
        self.drawers.title(self.options, text)
        self.drawers.title(self.anchors, tr("Anchors: for this set") if plan.auto_anchors else tr("Anchors"))
        name = plan.weights.rpartition("/")[2]
        if len(name) > 24:
            name = f"{name[:12]}…{name[-10:]}"
        text = tr("Weights: {name}", name=name) if name else tr("Weights to start from")
        if not name and self.weights.proposal is not None:
            text = tr("Weights: at random")  # though there are some that fit
        self.drawers.title(self.weights, text)

    def _show_note(self, plan: TrainingPlan, hints: list[str]) -> None:
        name = plan.network
        lines = [
            known(NETWORKS[name].description)
            if name
            else tr("Your own network, adapted to the set's classes.")
        ]
        if name and self.darknet is not None and not self.darknet.knows(name):
            try:
                self.darknet.require(name)
            except DataError as error:
                lines = [known(str(error))]
        elif self.problem:
            lines = [f"⚠ {self.problem}"]
        lines += [f"⚠ {known(hint)}" for hint in hints]
        self.note.setText("\n".join(lines))

    @property
    def is_possible(self) -> bool:
        """Whether a training can be started with this, as far as the settings tell."""
        has_errors = bool(self.check.errors) and not self._resumption
        return self.darknet is not None and self.knows_network and not self.problem and not has_errors

    @property
    def knows_network(self) -> bool:
        """Whether the Darknet that was found knows the chosen network; True where none was found yet."""
        name = self.basic.network_name
        return self.darknet is None or not name or self.darknet.knows(name)

    def stop(self) -> None:
        """End what runs (the window closes)."""
        self.network_panel.stop()
        self.anchors.stop()
        self.weights.stop()
        self.gpu.stop()
        self.check.stop()
        self.time.stop()
