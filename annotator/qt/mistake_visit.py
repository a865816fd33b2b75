"""From the mistakes of a network to the labels: going there, or letting the labels follow the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PyQt5.QtCore import QObject, QTimer

from annotator import messages
from annotator.core.disagreement import with_labels_of
from annotator.core.edits import SetBoxes
from annotator.qt.entry import Entry
from annotator.qt.translation import tr
from converters.model import Box, Split, Xyxy

if TYPE_CHECKING:
    from annotator.core.project import Project
    from annotator.darknet.evaluation.confusion import Mistake
    from annotator.darknet.evaluation.stored import ImageResult
    from annotator.qt.main_window import MainWindow
    from annotator.qt.pages.predict import PredictPage


class MistakeVisit(QObject):
    """Shows mistakes on the labelling page, and mends labels from the list of mistakes."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._zoom_to: tuple[str, Xyxy] | None = None
        self._is_visit = False
        window.later.when_built("predict", self._page_built)
        window.loader.loaded.connect(lambda *_: self._zoom())
        window.label.escaped.connect(self._escaped)
        window.tabs.currentChanged.connect(self._page_changed)
        # Labels change in bursts (undoing a step over 1,000 pictures): looked at once, when that is over.
        self._later = QTimer(self, singleShot=True, interval=200)
        self._later.timeout.connect(lambda: self.tell_mended() if self.stays() else None)

    def _page_built(self, page: PredictPage) -> None:
        page.mistakes.go_wanted.connect(self.go)
        page.mistakes.accept_wanted.connect(self.accept)
        page.mistakes.mended_wanted.connect(self.tell_mended)
        page.mistakes.since.train_wanted.connect(lambda: self._window.show_page("train"))
        page.mistakes.since.pictures_wanted.connect(self._window.show_only)
        page.mistakes.pictures_wanted.connect(self.show_pictures)
        page.two_runs.pictures_wanted.connect(self.show_pictures)

    def set_project(self, project: Project) -> None:
        """Another set was opened: its edits mend mistakes."""
        project.session.listen(lambda _: self._later.start())

    def tell_mended(self) -> None:
        """Tell the list which mistakes the labels of now make none, and how much was labelled anew."""
        from annotator.core.mended import labels_now, mended_among

        window = self._window
        if window.project is None or "predict" in window.later:
            return  # the page is not made yet
        page, session = window.predict, window.project.session
        results, tab = page.evaluated.results, page.mistakes
        split = tab.split.currentData()
        if results is None or split not in results.analyses:
            tab.since.look(None, None)
            return
        images = results.images(split)
        there = {key: session.image(key) for key in session.keys}
        entries = (image.image for image in images)
        keys, theirs = window.project.open_keys(), results.evaluation.class_names
        now = labels_now(entries, results.run, keys, there, session.class_names, theirs)
        tab.show_mended(mended_among(results.analyses[split].mistakes, images, now))
        tab.since.look(window.project, results.run)

    def step(self, by: int) -> None:
        """On to the next (1) or previous (-1) mistake, on the page that is shown."""
        tab = self._window.predict.mistakes
        self.tell_mended()
        if not tab.model.rows:
            messages.info(tr("There are no mistakes to go to: see Mistakes on the Predictions page first."))
        elif not tab.step(by):
            messages.info(tr("That was the last mistake.") if by > 0 else tr("That was the first mistake."))
        elif self._window.page_name == "label":
            mistake = tab.current()
            if mistake is not None:
                self.go(tab.split.currentData(), mistake)

    def go(self, split: Split, mistake: Mistake) -> None:
        """Go to the picture, with the box selected and large; Esc comes back."""
        from annotator.core.mistake_listing import place_of
        from annotator.qt.pages.predict.mistakes import what_text

        found = self._find(split, mistake)
        if found is None:
            return
        key, truth, prediction = found
        window = self._window
        window.show_page("label")
        window.label.reveal(key)
        window.label.is_visit = self._is_visit = True
        boxes = window.label.canvas.boxes
        window.label.canvas.show_visited(key, prediction)
        place = place_of(truth, boxes) if truth is not None else None
        if place is not None:
            window.label.canvas.select(frozenset({place}))
        shown = prediction if prediction is not None else truth
        if shown is not None:
            self._zoom_to = key, shown.xyxy
            self._zoom()
        window.label.canvas.setFocus()
        number, count = window.predict.mistakes.place()
        window.statusBar().showMessage(
            tr("Mistake {number} of {count}: {what}. F9: the next, Esc: back to the mistakes",
               number=number, count=count, what=what_text(mistake)), 8000)  # fmt: skip

    def accept(self, split: Split, mistake: Mistake) -> None:
        """Let the labels say what the network saw."""
        from annotator.core.mistake_listing import mended

        found = self._find(split, mistake)
        project = self._window.project
        if found is None or project is None:
            return
        key, truth, prediction = found
        image = project.session.image(key)
        if prediction is not None:
            prediction = _inside(prediction, image.size)
        after = mended(mistake.kind, image.boxes, truth, prediction)
        if after is None or after == image.boxes:
            messages.info(tr("There is nothing to change: the label is not there any more, or was changed."))
        elif self._window.undo_stack.push(SetBoxes(key, image.boxes, after, "take the network's answer")):
            self._window.statusBar().showMessage(
                tr("{picture}: labels changed (Ctrl+Z takes it back)", picture=image.name), 6000
            )
            self.tell_mended()
            if not self._window.predict.mistakes.open_only.isChecked():
                self._window.predict.mistakes.step()

    def show_pictures(self, entries: list[str], text: str) -> None:
        """Show only these pictures in the list of the labelling page."""
        from annotator.core.run_predictions import work_key

        project, run = self._window.project, self._window.predict.evaluated.run
        if project is None or run is None:
            return
        keys = project.keys_of(work_key(run, entry) for entry in entries)
        if keys:
            self._window.show_only(keys, text)
        else:
            messages.info(tr("This picture is not in the open set."))

    def stays(self) -> bool:
        """Whether an undo is followed in the list of mistakes."""
        return self._window.page_name == "predict"

    def _find(self, split: Split, mistake: Mistake) -> tuple[str, Box | None, Box | None] | None:
        """Key of the picture in the open set, the box and the prediction with the labels of the set."""
        from annotator.core.run_predictions import work_key

        project, results = self._window.project, self._window.predict.evaluated.results
        if project is None or results is None:
            return None
        image: ImageResult = results.images(split)[mistake.image]
        keys = project.keys_of([work_key(results.run, image.image)])
        if not keys:
            messages.info(tr("This picture is not in the open set."))
            return None
        truth = image.truths[mistake.truth] if mistake.truth is not None else None
        seen = image.predictions[mistake.prediction] if mistake.prediction is not None else None
        theirs, ours = results.evaluation.class_names, project.session.class_names
        boxes = {name: (box,) for name, box in (("truth", truth), ("seen", seen)) if box is not None}
        named = {name: one[0] for name, one in with_labels_of(boxes, theirs, ours).items()}
        return keys[0], named.get("truth"), named.get("seen")

    def _zoom(self) -> None:
        """Zoom as soon as the picture is there, unless the person went on meanwhile."""
        canvas = self._window.label.canvas
        if self._zoom_to is not None and canvas.has_picture:
            (key, xyxy), self._zoom_to = self._zoom_to, None
            if canvas.key == key:
                canvas.show_place(xyxy)

    def _escaped(self) -> None:
        if self._is_visit:
            self._window.statusBar().clearMessage()
            self._window.show_page("predict")

    def _page_changed(self, index: int) -> None:
        if self._window.tabs.widget(index) is not self._window.label:
            self._zoom_to, self._is_visit = None, False
            self._window.label.canvas.show_visited("", None)


def entries(window: MainWindow) -> list[Entry]:
    """The actions of the predictions page."""

    def accept() -> None:
        page = window.predict
        if page.parts.currentWidget() is page.mistakes and page.mistakes.accept.isEnabled():
            page.mistakes.accept.click()

    return [
        Entry("network_is_right", tr("Let the labels say what the network saw (in the mistakes)"), ("K",),
              "Edit", accept, "predict", separated=True),
        Entry("next_mistake", tr("Next mistake of the network"), ("F9",), "Go",
              lambda: window.mistake_visit.step(1), ("label", "predict"), separated=True),
        Entry("previous_mistake", tr("Previous mistake of the network"), ("Shift+F9",), "Go",
              lambda: window.mistake_visit.step(-1), ("label", "predict")),
    ]  # fmt: skip


def _inside(box: Box, size: tuple[int, int]) -> Box:
    """A prediction with its edges limited to the picture."""
    x1, y1, x2, y2 = box.xyxy
    width, height = float(size[0]), float(size[1])
    return Box((max(0.0, x1), max(0.0, y1), min(width, x2), min(height, y2)), box.label, box.confidence)
