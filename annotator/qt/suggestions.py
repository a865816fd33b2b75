"""A network's predictions over the picture that is being labelled: shown, walked through, accepted by key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PyQt5.QtCore import QEvent, QObject, QPoint, Qt, QTimer
from PyQt5.QtGui import QContextMenuEvent, QMouseEvent
from PyQt5.QtWidgets import QLabel

from annotator import messages
from annotator.core import selecting
from annotator.core import suggestions as core
from annotator.core.dismissed_predictions import DismissedPredictions
from annotator.core.edits import SetBoxes
from annotator.core.hit import BODY_REACH, boxes_at
from annotator.core.networks_at_hand import LEAST
from annotator.core.project import Project
from annotator.core.session import Session
from annotator.core.suggestions import Standing, Suggestion
from annotator.qt.canvas import CLICK_SLACK, Mode
from annotator.qt.entry import LABELLING, Entry
from annotator.qt.network_at_hand import NetworkAtHand
from annotator.qt.predicting import Boxes
from annotator.qt.prelabelling import Unlabelled
from annotator.qt.translation import tr, tr_n
from converters.model import Box, Xyxy

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow
    from annotator.qt.pages.train import TrainPage

THRESHOLD, ONLY_DIFFERENT, CLASSES = (
    "suggestion_threshold",
    "suggestions_only_different",
    "suggestion_classes",
)
"""Names of the settings: per cent, yes or no, and the person's answers about classes by the set's folder."""
FIRST_THRESHOLD = 25
AHEAD = 3
"""So many pictures on each side are looked at before the person comes there."""
TELL_AFTER, TELL_SELDOM = 700, 5000
"""Milliseconds in which what was found is collected, before the list and the gallery hear of it."""


class Suggestions(QObject):
    """The predictions on the labelling page of a window.

    Attributes:
        is_on: Whether they are shown.
        threshold: Confidence in per cent from which they are.
        only_different: Whether those that agree with a box are left out.
        shown: Those of the picture that is shown.
        selected: The one that keys act on.
        network: Which network they are of.
        unlabelled: Accepts them in many pictures at once.
        status: What the status bar says of them.
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._label = window.label
        self._canvas = window.label.canvas
        self._project: Project | None = None
        self._dismissed = DismissedPredictions()
        self._news: set[str] = set()
        self._is_anew = False
        self._pressed_at: QPoint | None = None
        self.is_on = False
        self.threshold = self._remembered_threshold()
        self.only_different = bool(window.settings.get(ONLY_DIFFERENT, False))
        self.shown: tuple[Suggestion, ...] = ()
        self._all: tuple[Suggestion, ...] = ()
        self.selected: Suggestion | None = None
        self.status = QLabel()
        self.status.setTextFormat(Qt.PlainText)
        self.status.setContentsMargins(0, 0, 10, 0)
        self.status.hide()
        window.statusBar().insertPermanentWidget(1, self.status)
        self.network = NetworkAtHand(window, self)
        self._predicting = self.network.predicting
        self._timer = QTimer(self, singleShot=True)
        self.unlabelled = Unlabelled(window, self)
        self._connect()

    def _connect(self) -> None:
        window = self._window
        self.network.taken.connect(self._network_taken)
        self.network.ready.connect(self._switch_on)
        self.network.classes_changed.connect(self._all_are_news)
        self._predicting.found.connect(self._found)
        self._predicting.failed.connect(lambda key, _: self._refresh_if(key))
        self._predicting.broken.connect(self._broken)
        self._predicting.ended.connect(self._looked)
        self._timer.timeout.connect(self._feed_opinion)
        self._label.image_changed.connect(lambda _: self._image_changed())
        self._label.escaped.connect(lambda: self._select(None))
        self._canvas.selection_changed.connect(self._boxes_selected)
        self._canvas.installEventFilter(self)
        self._label.class_taker = self.accept_as
        window.tabs.currentChanged.connect(lambda _: self.tell())
        window.later.when_built("train", self._follow_training)

    def _follow_training(self, train: TrainPage) -> None:
        train.run_finished.connect(lambda _: self.network.find() if self.is_on else None)

    def _remembered_threshold(self) -> int:
        value = self._window.settings.get(THRESHOLD, FIRST_THRESHOLD)
        return min(max(value, core.LOWEST), core.HIGHEST) if isinstance(value, int) else FIRST_THRESHOLD

    # The set and its network

    def set_project(self, project: Project) -> None:
        """Another set was opened: nothing is shown until it is asked for."""
        self._project = project
        self.is_on = False
        self._dismissed = DismissedPredictions(project.session.sidecar)
        self.unlabelled.give_up()
        self._news.clear()
        self.network.set_project(project)
        session = project.session
        session.listen(lambda key: self._edited(session, key))
        self._refresh()

    def stop(self) -> None:
        """End what runs, before the window closes."""
        self._timer.stop()
        self.unlabelled.stop()
        self.network.stop()

    def toggle(self) -> None:
        """Show the predictions, or hide them."""
        if self.is_on:
            self.is_on = False
            self.unlabelled.give_up()
            self._predicting.pause()
            self._refresh()
        else:
            self.network.find()

    def _network_taken(self) -> None:
        """There is another network: nothing is known of what it finds but what was stored."""
        self.unlabelled.give_up()
        self._is_anew = True
        self._all_are_news()

    def _all_are_news(self) -> None:
        """What was found has other labels now."""
        self._news.update(self._predicting.known)
        self._timer.start(TELL_AFTER)
        self._refresh()

    def _switch_on(self) -> None:
        self.is_on = True
        self._look()
        self._refresh()
        self.network.ask_once()

    def _broken(self, problem: str) -> None:
        self.is_on = False
        self.unlabelled.give_up()
        self._refresh()
        messages.error(problem)

    # What is shown

    def _image_changed(self) -> None:
        self.selected = None
        self._look()
        self._refresh()

    def _look(self) -> None:
        """Look at the shown picture and the next ones, as far as that was not done."""
        if self.is_on and self._label.key is not None:
            self._predicting.look_at([self._label.key, *self._label.images.neighbours(AHEAD)])

    def _found(self, key: str, _: Boxes) -> None:
        self._news.add(key)
        if not self._timer.isActive():
            # While all pictures are looked at, lists and walls are not sorted anew all the time.
            self._timer.start(TELL_AFTER if not self._predicting.left else TELL_SELDOM)
        self._refresh_if(key)

    def _looked(self) -> None:
        if self._news:
            self._timer.start(TELL_AFTER)
        self.tell()

    def _edited(self, session: Session, key: str) -> None:
        if self._project is not None and session is self._project.session:
            self._refresh_if(key)

    def _refresh_if(self, key: str) -> None:
        if key == self._label.key:
            self._refresh()
        elif self._predicting.left:
            self.tell()

    def _refresh(self) -> None:
        """Compare what the network found with the labels as they are now."""
        self._all = self._compare() if self.is_on else ()
        self.shown = tuple(one for one in self._all if one.differs or not self.only_different)
        before = self.selected
        self.selected = next(
            (one for one in self.shown if before is not None and one.box == before.box and one.differs), None
        )
        self._show()

    def _compare(self) -> tuple[Suggestion, ...]:
        project, key = self._project, self._label.key
        if project is None or key is None or key not in project.session:
            return ()
        found = self._predicting.boxes(key)
        if not found:
            return ()
        image = project.session.image(key)
        size = image.size if all(image.size) else self._canvas.picture_size
        boxes = core.on_whole_pixels(core.mapped(found, self.network.mapping), size)
        dismissed = self._dismissed.of(key)
        left = [box for box in boxes if (box.xyxy, box.label) not in dismissed]
        return core.suggestions(image.boxes, left, self.threshold / 100)

    def _show(self) -> None:
        self._canvas.show_suggestions(self.shown, self.selected)
        self.tell()

    def tell(self) -> None:
        """Say in the status bar what there is."""
        self.unlabelled.go_on()
        self.status.setVisible(self.is_on and self._window.page_name == "label")
        if not self.is_on:
            return
        left = self._predicting.left
        text = tr("Predictions from {percent} %: {what}", percent=self.threshold, what=self._summary())
        self.status.setText(
            text + " · " + tr_n("{n} picture to go", "{n} pictures to go", left) if left else text
        )
        network = self.network.network
        if network is not None:
            lines = (
                tr("{network}, {weights}", network=network.name, weights=network.weights.name),
                tr(
                    "{all}: accept all new ones, {one}: the selected one",
                    all=self._key("accept_predictions"),
                    one=self._key("accept_prediction"),
                ),
                tr(
                    "{more} and {fewer}: more or fewer predictions",
                    more=self._key("more_predictions"),
                    fewer=self._key("fewer_predictions"),
                ),
            )
            self.status.setToolTip("\n".join(lines))

    def _summary(self) -> str:
        project, key = self._project, self._label.key
        if project is None or key is None:
            return ""
        if self._predicting.problem(key):
            return tr("the picture cannot be read")
        if self._predicting.boxes(key) is None:
            return tr("looking…")
        parts = []
        new = sum(one.standing is Standing.NEW for one in self.shown)
        other = sum(one.standing is Standing.OTHER_CLASS for one in self.shown)
        if new:
            parts.append(tr_n("{n} new", "{n} new", new))
        if other:
            parts.append(tr_n("{n} of another class", "{n} of another class", other))
        truths = project.session.image(key).boxes
        missed = len(core.not_found(truths, self._all))
        if missed:
            parts.append(tr_n("{n} box not found", "{n} boxes not found", missed))
        if not parts:
            parts.append(tr("nothing that differs") if truths else tr("nothing found"))
        return " · ".join(parts)

    def _key(self, name: str) -> str:
        return self._window.keys.shown_keys(name).partition(",")[0]

    # Keys

    def move_threshold(self, by: int) -> None:
        """Show more or fewer predictions, by steps of the confidence; remembered."""
        self.threshold = min(max(self.threshold + by * core.STEP, core.LOWEST), core.HIGHEST)
        self._window.settings.set(THRESHOLD, self.threshold)
        if self.is_on:
            self._refresh()
        else:
            self._label.told.emit(tr("Predictions from {percent} %", percent=self.threshold))

    def toggle_only_different(self) -> None:
        """Leave out what agrees with the labels, or show it thin; remembered."""
        self.only_different = not self.only_different
        self._window.settings.set(ONLY_DIFFERENT, self.only_different or None)
        self._refresh()

    def is_asked_off(self) -> bool:
        """Whether a key that needs predictions was pressed without any; then that is said."""
        if not self.is_on:
            self._label.told.emit(
                tr("{key} shows the predictions of a network", key=self._key("predictions"))
            )
        return not self.is_on

    def accept_all(self) -> None:
        """Add a box for each shown prediction that has none."""
        key = self._label.key
        if self.is_asked_off() or key is None or self._canvas.cancel_gesture():
            return
        edit = core.accept_new(key, self._boxes(), self.shown)
        other = sum(one.standing is Standing.OTHER_CLASS for one in self.shown)
        if edit.changes_something:
            self._push(edit, keep_selection=False)
        if other:
            self._label.told.emit(
                tr_n(
                    "{n} box has another class: {next} selects it, {accept} takes the predicted one over",
                    "{n} boxes have another class: {next} selects one, {accept} takes the predicted one over",
                    other,
                    next=self._key("next_box"),
                    accept=self._key("accept_prediction"),
                )
            )
        elif not edit.changes_something:
            self._label.told.emit(tr("No prediction to accept in this picture"))

    def accept_one(self, label: str | None = None) -> None:
        """Take over the selected prediction, and select the next one."""
        key = self._label.key
        if self.is_asked_off() or key is None or self._canvas.cancel_gesture():
            return
        one = self._target()
        if one is None:
            self._label.told.emit(
                tr("Select a prediction first ({key}, or a click)", key=self._key("next_box"))
            )
            return
        following, is_large = self._after(one), self._canvas.large == one.box.xyxy
        if label not in (None, one.box.label):
            self._dismiss(key, one)  # the person has seen what the network says of it
        self._push(core.accept_one(key, self._boxes(), one, label))
        self._go_on(following, is_large)

    def accept_as(self, label: str) -> bool:
        """Take over the selected prediction with another class; returns whether one is selected."""
        if self.selected is None:
            return False
        self.accept_one(label)
        return True

    def dismiss(self) -> None:
        """Say that the selected prediction is wrong: it is not shown on this picture any more."""
        key = self._label.key
        if self.is_asked_off() or key is None:
            return
        one = self._target()
        if one is None:
            self._label.told.emit(
                tr("Select a prediction first ({key}, or a click)", key=self._key("next_box"))
            )
            return
        following, is_large = self._after(one), self._canvas.large == one.box.xyxy
        self._dismiss(key, one)
        self._refresh()
        self._go_on(following, is_large)

    def _dismiss(self, key: str, one: Suggestion) -> None:
        self._dismissed.add(key, one.box)
        self._note(key)

    def bring_back(self) -> None:
        """Show the dismissed predictions of this picture again."""
        key = self._label.key
        if key is not None and self._dismissed.bring_back(key):
            self._note(key)
            self._refresh()
        else:
            self._label.told.emit(tr("No prediction was dismissed in this picture"))

    def cycle(self, by: int) -> None:
        """Select the next (1) or previous (-1) box or prediction, in reading order."""
        found = [one for one in self.shown if one.differs]
        boxes = self._canvas.boxes
        if not found:
            self._canvas.cycle(by)
            return
        chosen = self._canvas.selected
        if self.selected is not None:
            chosen = frozenset({len(boxes) + found.index(self.selected)})
        place = selecting.step([*boxes, *(one.box for one in found)], chosen, by, self._canvas.last_selected)
        if place is None:
            return
        if place < len(boxes):
            self._select(None)
            self._canvas.select(frozenset({place}))
            self._canvas.reveal(boxes[place].xyxy)
        else:
            self._select(found[place - len(boxes)])

    def zoom(self, by: int) -> None:
        """Show what is selected large; where it is, the next (1) or previous (-1) box or prediction."""
        canvas = self._canvas
        if not any(one.differs for one in self.shown):
            canvas.zoom_to_selected(by)
            return
        target = self._selected_edges()
        if target is None or target == canvas.large:
            self.cycle(by)
            target = self._selected_edges()
        if target is not None:
            canvas.show_large(target)

    def _selected_edges(self) -> Xyxy | None:
        if self.selected is not None:
            return self.selected.box.xyxy
        chosen = self._canvas.selected
        return self._canvas.boxes[min(chosen)].xyxy if len(chosen) == 1 else None

    def network_found(self, key: str) -> Boxes | None:
        """What the network found in a picture, with the set's labels and without what was dismissed.

        None where it has not looked yet.
        """
        boxes, project = self._predicting.boxes(key), self._project
        if boxes is None or project is None or key not in project.session:
            return None
        dismissed = self._dismissed.of(key)
        if not dismissed:
            return core.mapped(boxes, self.network.mapping)
        image = project.session.image(key)
        boxes = core.on_whole_pixels(core.mapped(boxes, self.network.mapping), image.size)
        return core.settled(image.boxes, boxes, dismissed, LEAST)

    def look_at_all(self) -> None:
        """Let the network look at every picture of the list; asked again, stop that."""
        if self.is_asked_off():
            return
        if self._predicting.left:
            self.unlabelled.give_up()
            self._predicting.look_at_all(())
        else:
            self._predicting.look_at_all(self._label.images.view.rows.shown)
            if not self._predicting.left:
                self._label.told.emit(tr("The network has looked at all pictures of the list"))
        self.tell()

    # Selecting

    def _select(self, one: Suggestion | None) -> None:
        if one is self.selected:
            return
        self.selected = one
        if one is not None:
            self._canvas.select(frozenset())
            self._canvas.reveal(one.box.xyxy)
        self._show()

    def _boxes_selected(self, indices: frozenset[int]) -> None:
        if indices and self.selected is not None:
            self._select(None)

    def _target(self) -> Suggestion | None:
        """The selected prediction, else what is said of the one box that is selected."""
        if self.selected is not None or len(self._canvas.selected) != 1:
            return self.selected
        (index,) = self._canvas.selected
        return next((one for one in self.shown if one.differs and one.truth == index), None)

    def _after(self, one: Suggestion) -> Suggestion | None:
        """The prediction behind one in reading order, to go on with."""
        found = [other for other in self.shown if other.differs]
        place = selecting.step([other.box for other in found], frozenset({found.index(one)}), 1, None)
        return found[place] if place is not None and found[place] is not one else None

    def _go_on(self, following: Suggestion | None, is_large: bool) -> None:
        one = next(
            (o for o in self.shown if following is not None and o.box == following.box and o.differs), None
        )
        self._canvas.select(frozenset())
        self._select(one)
        if one is not None and is_large:
            self._canvas.show_large(one.box.xyxy)
        if one is None:
            self._label.told.emit(tr("That was the last prediction of this picture"))

    # Edits

    def _boxes(self) -> tuple[Box, ...]:
        return self._canvas.boxes

    def _push(self, edit: SetBoxes, *, keep_selection: bool = True) -> None:
        self._label.push(edit)
        if not keep_selection:
            self._select(None)
            self._canvas.select(frozenset())

    # The mouse

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if not self.shown:
            return False
        if isinstance(event, QContextMenuEvent) and self._canvas.hit(event.pos()) is None:
            under = self._all_under(event.pos())
            if under and self.selected not in under:
                self._select(under[0])
            elif not under:
                self._select(None)
        if not isinstance(event, QMouseEvent) or event.button() != Qt.LeftButton:
            return False
        kind, at = event.type(), event.pos()
        if kind == QEvent.MouseButtonPress:
            plain = event.modifiers() == Qt.NoModifier and self._canvas.mode is Mode.SELECT
            self._pressed_at = at if plain and self._canvas.hit(at) is None else None
        elif kind == QEvent.MouseButtonRelease and self._pressed_at is not None:
            if (at - self._pressed_at).manhattanLength() <= CLICK_SLACK:
                self._select(self._under(at))
            self._pressed_at = None
        elif (
            kind == QEvent.MouseButtonDblClick
            and self._canvas.hit(at) is None
            and self.selected is not None
            and self.selected in self._all_under(at)
        ):
            self.accept_one()
            return True
        return False

    def _all_under(self, at: QPoint) -> list[Suggestion]:
        canvas = self._canvas
        found = [one for one in self.shown if one.differs]
        reach = canvas.reach * BODY_REACH
        return [found[i] for i in boxes_at([one.box for one in found], canvas.to_image(at), reach)]

    def _under(self, at: QPoint) -> Suggestion | None:
        """The prediction that a click takes: of several in one place each in its turn."""
        found = self._all_under(at)
        if self.selected in found:
            return found[(found.index(self.selected) + 1) % len(found)]
        return found[0] if found else None

    # What others hear

    def _note(self, key: str) -> None:
        self._news.add(key)
        self._timer.start(TELL_AFTER)

    def _feed_opinion(self) -> None:
        """Tell the list and the gallery what was found: they filter and sort by disagreement."""
        project = self._project
        news, self._news = self._news, set()
        if project is None or self.network.network is None:
            return
        each = {key: self.network_found(key) for key in news}
        found = {key: boxes for key, boxes in each.items() if boxes is not None}
        self._window.network_opinion.hear(project, found, anew=self._is_anew)
        self._is_anew = False


def entries(window: MainWindow) -> list[Entry]:
    """The actions about predictions on the labelling page."""
    return [
        Entry("predictions", tr("Predictions of a network"), ("P",), "View",
              lambda: window.suggestions.toggle(), LABELLING, separated=True,
              checked=lambda: window.suggestions.is_on),
        Entry("only_different", tr("Only predictions that differ from the labels"), ("Shift+P",), "View",
              lambda: window.suggestions.toggle_only_different(), LABELLING,
              checked=lambda: window.suggestions.only_different),
        Entry("more_predictions", tr("More predictions (less sure ones)"), ("[",), "View",
              lambda: window.suggestions.move_threshold(-1), LABELLING),
        Entry("fewer_predictions", tr("Fewer predictions (surer ones)"), ("]",), "View",
              lambda: window.suggestions.move_threshold(1), LABELLING),
        Entry("predict_all", tr("Predict all pictures of the list"), (), "View",
              lambda: window.suggestions.look_at_all(), LABELLING),
        Entry("accept_unlabelled", tr("Accept predictions in all unlabelled pictures…"), ("Ctrl+Return",),
              "Edit", lambda: window.suggestions.unlabelled.begin(), LABELLING),
        Entry("choose_network", tr("Choose the network of the predictions…"), (), "View",
              lambda: window.suggestions.network.choose(), LABELLING),
        Entry("network_classes", tr("Classes of the network…"), (), "View",
              lambda: window.suggestions.network.ask_for_classes(), LABELLING),
        Entry("accept_predictions", tr("Accept all new predictions"), ("Return", "Enter"), "Edit",
              lambda: window.suggestions.accept_all(), LABELLING, separated=True),
        Entry("accept_prediction", tr("Accept the selected prediction"),
              ("Shift+Return", "Shift+Enter"), "Edit", lambda: window.suggestions.accept_one(), LABELLING),
        Entry("dismiss_prediction", tr("Dismiss the selected prediction"), ("Backspace",), "Edit",
              lambda: window.suggestions.dismiss(), LABELLING),
        Entry("dismissed_back", tr("Show dismissed predictions again"), ("Shift+Backspace",), "Edit",
              lambda: window.suggestions.bring_back(), LABELLING),
    ]  # fmt: skip
