"""From what is advised to where it is done: pages, lists and settings, filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PyQt5.QtCore import QObject

from annotator.core.training_plan import TrainingPlan
from annotator.darknet.evaluation.advice import Act, Advice
from annotator.darknet.network.presets import NETWORKS

if TYPE_CHECKING:
    from annotator.darknet.run.folder import RunFolder
    from annotator.qt.main_window import MainWindow
    from annotator.qt.pages.predict import PredictPage
    from annotator.qt.pages.train import TrainPage

_PAGES = {Act.JUDGE: "split", Act.COPIES: "augment", Act.CLASS: "balance"}


class AdviceVisit(QObject):
    """Follows the advice that the person clicks."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        window.later.when_built("train", self._train_built)
        window.later.when_built("predict", self._predict_built)

    def _train_built(self, page: TrainPage) -> None:
        page.advised.connect(self.follow)

    def _predict_built(self, page: PredictPage) -> None:
        page.numbers.advised.connect(self.follow)

    def follow(self, advice: Advice, run: RunFolder) -> None:
        """Go where an advice about a run can be done, with what it says filled in."""
        window = self._window
        if advice.act in _PAGES:
            window.show_page(_PAGES[advice.act])
        elif advice.act in (Act.MISTAKES, Act.LABELS, Act.EVALUATE):
            window.show_page("predict")
            self._look(window.predict, advice, run)
        else:
            window.show_page("train")
            self._train(window.train, advice, run)

    def _look(self, page: PredictPage, advice: Advice, run: RunFolder) -> None:
        page.choose_run(run.path)
        if advice.act is Act.EVALUATE:
            page.parts.setCurrentWidget(page.numbers)
            page.numbers.start()
            return
        page.parts.setCurrentWidget(page.mistakes)
        if advice.act is Act.LABELS:
            page.mistakes.show_sure(advice.split)
        elif advice.kind is not None:
            page.mistakes.show_kind(advice.split, advice.kind, advice.true_label, advice.label)

    def _train(self, page: TrainPage, advice: Advice, run: RunFolder) -> None:
        if advice.act is Act.TRAIN_ON:
            page.train_on(run, advice.iterations)
            return
        info, setup = run.info, page.setup
        if info.network in NETWORKS:
            setup.basic.take_numbers(
                TrainingPlan(
                    info.network, info.width, info.height, info.batch, info.subdivisions, info.max_batches
                )
            )
        if advice.act is Act.SIZE:
            for box in (setup.basic.height_box, setup.basic.size):
                box.setValue(advice.side)
            return
        setup.show_plan()
        if advice.act is Act.RATE:
            setup.options.set_value("learning_rate", f"{advice.rate:g}")
            setup.drawers.open(setup.options)
        else:
            setup.drawers.open(setup.weights)
