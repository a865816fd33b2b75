"""The augmentation page: copies of the training pictures, with a look at what they become."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtGui import QPixmap, QResizeEvent
from PyQt5.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QWidget,
)

from annotator import messages
from annotator.core.balance import check_plan
from annotator.core.project import Project
from annotator.qt.loader import to_qimage
from annotator.qt.pages.page import Page, TaskRow
from annotator.qt.said_below import known, summary
from annotator.qt.translation import tr, tr_n
from augment.plan import load, make_plan
from augment.policies import ABOUT, POLICIES
from augment.policy import STUDY, Policy
from augment.policy_file import read_policy
from augment.preview import sheet_of
from augment.runner import AugmentResult, augment, remove
from augment.transforms import Transform
from converters.balance_plan import BalancePlan
from converters.errors import DataError
from converters.images import RgbImage
from converters.work import WorkFolder, copies_in

EXAMPLES = 6
"""Training pictures on the sheet of examples."""
_SHOWN_COPIES = 4
"""Copies of each of them on it, at most."""


class Preview(QLabel):
    """A contact sheet, scaled to the width there is."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAlignment(Qt.AlignHCenter | Qt.AlignTop)
        self.setMinimumSize(200, 40)
        self._pixmap: QPixmap | None = None

    def show_sheet(self, rgb: RgbImage) -> None:
        """Show a contact sheet."""
        self._pixmap = QPixmap.fromImage(to_qimage(rgb))
        self._scale()

    def clear_sheet(self) -> None:
        """Show nothing."""
        self._pixmap = None
        self.clear()
        self.setMinimumHeight(40)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._scale()

    def _scale(self) -> None:
        if self._pixmap is None:
            return
        width = min(self.width(), self._pixmap.width())
        scaled = self._pixmap.scaledToWidth(max(width, 1), Qt.SmoothTransformation)
        self.setPixmap(scaled)
        self.setMinimumHeight(scaled.height())


class AugmentPage(Page):
    """Makes the copies, shows some of them, takes them away again.

    Signals:
        examples_shown: The contact sheet is there, or could not be made.
    """

    examples_shown = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            tr("Augment"),
            tr(
                "Each training picture is copied; every copy gets different random operations. Validation "
                "and test pictures are never touched. The same seed gives the same copies."
            ),
            parent,
        )
        self.state = QLabel()
        self.state.setWordWrap(True)
        amounts = self._build_amounts()
        self.per_copy = QSpinBox(minimum=1, maximum=len(STUDY.operations), value=STUDY.operations_per_copy)
        _in_words(
            self.per_copy,
            lambda n: tr_n("{n} operation on each copy", "{n} different operations on each copy", n),
        )
        self.seed = QSpinBox(minimum=0, maximum=2**31 - 1, value=1)
        self.policies = QComboBox()
        for name, about in ABOUT.items():
            self.policies.addItem(tr("{name}: {what}", name=name, what=known(about)), name)
        self.policies.addItem(tr("from a file…"), "")
        self.policies.setSizeAdjustPolicy(QComboBox.AdjustToMinimumContentsLengthWithIcon)
        self.policies.setMinimumContentsLength(60)
        self.operations = QLabel()
        self.operations.setWordWrap(True)
        box = QGroupBox(tr("Copies"))
        form = QFormLayout(box)
        form.setFieldGrowthPolicy(QFormLayout.FieldsStayAtSizeHint)
        form.setRowWrapPolicy(QFormLayout.DontWrapRows)
        form.addRow(tr("Number"), amounts)
        form.addRow(tr("Policy"), self.policies)
        form.addRow(tr("Operations"), self.per_copy)
        form.addRow(tr("Seed"), self.seed)
        self.make = TaskRow(tr("Make the copies"))
        self.remove = QPushButton(tr("Take the copies away"))
        self.preview_button = QPushButton(tr("Show examples"))
        self.preview_button.setToolTip(tr("Six training pictures and what becomes of them, with their boxes"))
        row = QWidget()
        buttons = QHBoxLayout(row)
        buttons.setContentsMargins(0, 0, 0, 0)
        for button in (self.preview_button, self.remove):
            buttons.addWidget(button)
        buttons.addStretch()
        self.preview = Preview()
        for widget in (self.state, box, self.operations, self.make, row, self.preview):
            self.column.addWidget(widget)
        self.column.addStretch(1)
        self.make.button.clicked.connect(self._make)
        self.make.succeeded.connect(self._made)
        self.make.failed.connect(messages.error)
        self.make.ended.connect(self.refresh)
        self.remove.clicked.connect(self._remove)
        self.preview_button.clicked.connect(self._show_examples)
        self._preview_task: Any = None
        self._chosen = STUDY
        self._shown = 0
        self.policies.activated.connect(self._choose_policy)
        self._show_policy(STUDY)

    def set_project(self, project: Project) -> None:
        self.forget_plan()
        super().set_project(project)

    def use_plan(self, plan: BalancePlan) -> None:
        """Offer the copies and pasted boxes of a balance plan, and choose them."""
        self.forget_plan()
        self._plan = plan
        pasted = sum(plan.pasted.values())
        what = tr(
            "{copies} of {pictures}",
            copies=tr_n("{n} copy", "{n} copies", plan.copy_count),
            pictures=tr_n("{n} picture", "{n} pictures", len(plan.copies)),
        )
        if pasted:
            what += ", " + tr_n("{n} pasted box", "{n} pasted boxes", pasted)
        self.amount.addItem(tr("as the balance plan says: {what}", what=what))
        self.amount.setCurrentIndex(1)
        self.make.say("")

    def forget_plan(self) -> None:
        """Offer no plan any more."""
        self._plan = None
        if self.amount.count() > 1:
            self.amount.removeItem(1)

    def _show_amount(self) -> None:
        self.copies.setVisible(self.amount.currentIndex() <= 0)

    def _chosen_plan(self) -> BalancePlan | None:
        return self._plan if self.amount.currentIndex() == 1 else None

    def _build_amounts(self) -> QWidget:
        """How many copies: the same of each picture, or those of a plan."""
        self.amount = QComboBox()
        self.amount.addItem(tr("the same of each picture"))
        self.amount.setToolTip(tr("How many copies of which picture; the Balance page makes a plan of it"))
        self.amount.currentIndexChanged.connect(self._show_amount)
        self._plan: BalancePlan | None = None
        self.copies = QSpinBox(minimum=1, maximum=50, value=2)
        _in_words(
            self.copies,
            lambda n: tr_n("{n} copy of each training picture", "{n} copies of each training picture", n),
        )
        amounts = QWidget()
        row = QHBoxLayout(amounts)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.amount)
        row.addWidget(self.copies)
        return amounts

    def refresh(self) -> None:
        work = self.project.work if self.project is not None else None
        count = len(copies_in(work)) if work is not None else 0
        ready = work is not None and not self.make.is_running
        for widget in (self.make.button, self.preview_button):
            widget.setEnabled(ready)
        self.remove.setEnabled(ready and count > 0)
        if work is None:
            self.state.setText(tr("There is no training set yet: make it on the Split page first."))
        else:
            there = tr("No copies yet.")
            if count:
                there = tr_n(
                    "{n} copy lies in {folder}.", "{n} copies lie in {folder}.", count, folder=work.augmented
                )
            text = tr("Training set: {folder}.", folder=work.root)
            if self.project is not None and self.project.work_is_stale():
                text += " " + tr(
                    "Labels were saved since it was made: if boxes changed, make it again on the Split page."
                )
            self.state.setText(text + " " + there)

    def is_busy(self) -> bool:
        return self.make.is_running

    def stop(self) -> None:
        self.make.stop()
        if self._preview_task is not None:
            self._preview_task.wait()

    def _choose_policy(self, row: int) -> None:
        """Take a built-in policy, or ask for a file."""
        name = self.policies.itemData(row)
        if isinstance(name, str) and name:
            self._take(POLICIES[name], row)
            return
        chosen, _ = QFileDialog.getOpenFileName(
            self,
            tr("Policy"),
            "",
            f"{tr('Policies')} (*.yaml *.yml *.json);;{tr('All files')} (*)",
        )
        if not chosen or not self.use_policy_file(Path(chosen)):
            self.policies.setCurrentIndex(self._shown)

    def use_policy_file(self, path: Path) -> bool:
        """Take the policy in a file; says what is wrong with it otherwise."""
        try:
            policy = read_policy(path)
        except DataError as error:
            messages.error(str(error))
            return False
        row = self.policies.findData(policy)
        if row < 0:
            row = self.policies.count() - 1
            self.policies.insertItem(row, path.name, policy)
            self.policies.setItemData(row, str(path), Qt.ToolTipRole)
        self._take(policy, row)
        return True

    def _take(self, policy: Policy, row: int) -> None:
        self._chosen, self._shown = policy, row
        self.policies.setCurrentIndex(row)
        self._show_policy(policy)

    def _show_policy(self, policy: Policy) -> None:
        most = len(policy.operations)
        self.per_copy.setRange(min(1, most), most)
        self.per_copy.setValue(policy.operations_per_copy)
        self.operations.setText(_describe(policy))

    def _policy(self) -> Policy:
        return replace(self._chosen, operations_per_copy=self.per_copy.value())

    def _work(self) -> WorkFolder | None:
        return self.project.work if self.project is not None else None

    def _make(self) -> None:
        work = self._work()
        if work is None:
            return
        copies, seed, policy = self.copies.value(), self.seed.value(), self._policy()
        plan = self._chosen_plan()
        self.make.run(
            lambda tell: augment(
                work.root,
                seed=seed,
                policy=policy,
                on_progress=tell,
                on_planned=lambda _, total: tell(0, total),  # nothing is made yet, and one may cancel
                **_amounts(work, copies, plan),
            ),
            tr("%v of %m copies"),
        )
        self.refresh()

    def _made(self, result: AugmentResult) -> None:
        total = result.images + result.copies
        parts = [
            tr(
                "{copies} beside {pictures}: train.txt lists {total} now.",
                copies=tr_n("{n} copy", "{n} copies", result.copies),
                pictures=tr_n("{n} training picture", "{n} training pictures", result.images),
                total=f"{total:,}",
            )
        ]
        if result.dropped:
            parts.append(
                tr_n(
                    "{n} box is dropped, since too little is left.",
                    "{n} boxes are dropped, since too little is left.",
                    len(result.dropped),
                )
            )
        if result.unplaced:
            parts.append(
                tr_n(
                    "{n} box found no place to be pasted.",
                    "{n} boxes found no place to be pasted.",
                    sum(result.unplaced.values()),
                )
            )
        self.make.say(" ".join(parts))
        issues = "\n".join(map(str, result.report))
        if result.report.errors:
            messages.warning(
                tr("Some pictures could not be copied: {summary}.", summary=summary(result.report)), issues
            )
        self.work_changed.emit()

    def _remove(self) -> None:
        work = self._work()
        if work is None:
            return
        try:
            count = remove(work.root)
        except DataError as error:
            messages.error(str(error))
            return
        self.make.say(tr_n("{n} copy is taken away.", "{n} copies are taken away.", count))
        self.preview.clear_sheet()
        self.refresh()
        self.work_changed.emit()

    def _show_examples(self) -> None:
        from annotator.qt.background import Task

        work = self._work()
        if work is None or self._preview_task is not None:
            return
        copies, seed, policy = min(self.copies.value(), _SHOWN_COPIES), self.seed.value(), self._policy()
        plan = self._chosen_plan()
        self.preview_button.setEnabled(False)
        self.preview_button.setText(tr("Making examples…"))
        task = Task(lambda tell: _examples(work, copies, plan, seed, policy), self)
        task.succeeded.connect(self.preview.show_sheet)
        task.failed.connect(messages.error)
        task.finished.connect(self._examples_shown)
        self._preview_task = task.start()

    def _examples_shown(self) -> None:
        self._preview_task = None
        self.preview_button.setText(tr("Show examples"))
        self.refresh()
        self.examples_shown.emit()


def _in_words(number: QSpinBox, words: Callable[[int], str]) -> None:
    """Let a number be followed by what it counts, as one or as many.

    Args:
        number: The field.
        words: The number and what it counts, the number first.
    """

    def show() -> None:
        number.setSuffix(words(number.value()).removeprefix(f"{number.value():,}"))

    number.valueChanged.connect(show)
    show()


def _describe(policy: Policy) -> str:
    """A policy's operations in words."""
    parts = []
    if policy.operations:
        parts.append(
            tr("Drawn from: {operations}.", operations=", ".join(map(_describe_one, policy.operations)))
        )
    if policy.also:
        also = (
            tr(
                "{operation} on {percent} % of the copies",
                operation=_describe_one(c.transform),
                percent=f"{100 * c.probability:.0f}",
            )
            for c in policy.also
        )
        parts.append(tr("Also: {operations}.", operations=", ".join(also)))
    return " ".join(parts)


def _describe_one(operation: Transform) -> str:
    """``blur (sigma 0 to 2 pixels)``, ``exposure (±50 %)``, ``shear (±15°)``, ``flip``."""
    name, what = known(operation.name.replace("_", " ")), ""
    key, (low, high) = next(iter(operation.ranges().items()), ("", (0.0, 0.0)))
    unit_of = operation.unit_of(key)
    if unit_of.startswith("fraction"):
        low, high, unit = 100 * low, 100 * high, " %"
    elif unit_of.startswith("degrees"):
        unit = "°"
    elif unit_of.startswith("sigma"):
        what, unit = "sigma ", f" {known(unit_of.removeprefix('sigma in '))}"
    else:
        return name
    limits = f"±{high:g}" if low == -high else tr("{low} to {high}", low=f"{low:g}", high=f"{high:g}")
    return f"{name} ({what}{limits}{unit})"


def _amounts(work: WorkFolder, copies: int, plan: BalancePlan | None) -> dict[str, Any]:
    """What is asked of :func:`augment.plan.make_plan`: the same of each picture, or what a balance plan says.

    Raises:
        UsageError: The training pictures are not those that the plan was made for.
        DataError: The data set cannot be read.
    """
    if plan is None:
        return {"copies": copies}
    loaded = load(work.root)
    check_plan(plan, loaded)
    pastes = plan.pastes if any(plan.pastes.values()) else None
    return {"copies": plan.copies, "pastes": pastes, "loaded": loaded}


def _examples(work: WorkFolder, copies: int, plan: BalancePlan | None, seed: int, policy: Policy) -> RgbImage:
    """A contact sheet of some training pictures and their copies; nothing is written."""
    planned = make_plan(work.root, seed=seed, policy=policy, **_amounts(work, copies, plan))
    if plan is not None:
        # The sheet has rows of one length: pictures with as many copies as are shown of each.
        most = min(max(plan.copies.values(), default=0), _SHOWN_COPIES)
        shown = (c for c in planned.copies if c.index <= most <= plan.copies.get(c.image.key, 0))
        planned = replace(planned, copies=tuple(shown))
    return sheet_of(planned, EXAMPLES)
