"""Which network's predictions are shown while labelling, and what its classes are in the open set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PyQt5.QtCore import QObject, pyqtSignal

from annotator import messages
from annotator.core.class_answers import answers_for, keep_answers
from annotator.core.networks_at_hand import LEAST, Network, networks_of
from annotator.core.project import Project
from annotator.core.session import Session
from annotator.core.suggestions import class_mapping
from annotator.qt.background import Task, Work
from annotator.qt.predicting import Boxes, Predicting
from annotator.qt.translation import tr

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow


class NetworkAtHand(QObject):
    """The newest evaluated training of the set, unless the person chose another network.

    Signals:
        taken: It is another network from now on.
        ready: The network that was asked for is there.
        classes_changed: Its classes are others of the set's now.

    Attributes:
        predicting: Lets it look at pictures.
        mapping: The set's class by the network's; None: it is left out.
    """

    taken = pyqtSignal()
    ready = pyqtSignal()
    classes_changed = pyqtSignal()

    def __init__(self, window: MainWindow, parent: QObject) -> None:
        super().__init__(parent)
        self._window = window
        self._project: Project | None = None
        self._chosen = False
        self._asked = False
        self._search: Task | None = None
        self.predicting = Predicting(self)
        self.mapping: dict[str, str | None] = {}
        window.later.when_built("predict", lambda page: page.predicted.connect(self._page_predicted))

    @property
    def network(self) -> Network | None:
        """The network; None while none was asked for."""
        return self.predicting.network

    def set_project(self, project: Project) -> None:
        """Another set was opened."""
        self._project = project
        self._chosen = self._asked = False
        self.mapping = {}
        self.predicting.use(None, lambda _: None, {})
        session = project.session
        session.listen_to("classes", lambda: self._classes_changed(session))

    def stop(self) -> None:
        """End what runs, before the window closes."""
        self.predicting.stop()
        if self._search is not None:
            self._search.wait()

    # Which network

    def find(self) -> None:
        """Look for the newest evaluated training in the background; ``ready`` follows, or a sentence."""
        if self._chosen and self.network is not None:
            self.ready.emit()
            return
        project = self._project
        work = project.work if project is not None else None
        if project is None:
            return
        if work is None or not work.runs.is_dir():
            self._say_how_to_get_one()
            return
        before = self.network

        def find(_: object) -> tuple[Network | None, dict[str, Boxes]]:
            network = next(iter(networks_of(work.root)), None)
            if network is None or _same(network, before):
                return network, {}
            keys = project.open_keys()
            return network, {keys[key]: found for key, found in network.stored().items() if key in keys}

        self._start(find, lambda result: self._searched(project, *result))

    def use(self, network: Network, known: dict[str, Boxes] | None = None) -> None:
        """Take a network that the person chose.

        Args:
            network: The network.
            known: What it is known to find, by the keys of the open set.
        """
        self._chosen = True
        self._take(network, known or {})

    def _searched(self, project: Project, network: Network | None, known: dict[str, Boxes]) -> None:
        if project is not self._project:
            return
        if network is None:
            self._say_how_to_get_one()
            return
        if not _same(network, self.network):
            self._take(network, known)
        self.ready.emit()

    def _start(self, work: Work, then: Callable[[Any], object]) -> None:
        if self._search is not None:
            return  # the key was pressed twice
        task = Task(work, self)
        task.succeeded.connect(then)
        task.failed.connect(messages.error)
        task.finished.connect(self._search_ended)
        self._search = task.start()

    def _search_ended(self) -> None:
        if self._search is not None:
            self._search.wait()
            self._search.deleteLater()
            self._search = None

    def _say_how_to_get_one(self) -> None:
        keys = self._window.keys
        messages.info(
            tr(
                "There is no trained network of this set yet, so nothing is predicted. "
                "Train one on the Train page ({key}), or choose one from elsewhere: "
                "View › Choose the network of the predictions.",
                key=keys.shown_keys("page_train").partition(",")[0],
            )
        )

    def _take(self, network: Network, known: dict[str, Boxes]) -> None:
        project = self._project
        if project is None:
            return
        session = project.session

        def path_of(key: str) -> Path | None:
            return session.image(key).path if key in session else None

        self._asked = False
        self.predicting.use(network, path_of, known)
        self._map()
        self.taken.emit()

    def _page_predicted(self, images: dict[str, Boxes]) -> None:
        """Predictions were made on the predictions page: its network is the one to show."""
        project, page = self._project, self._window.predict
        run, weights = page.run.currentData(), page.weights.currentData()
        if project is None or run is None or weights is None:
            return
        keys = project.open_keys()
        known = {
            keys[key]: tuple(box for box in found if (box.confidence or 0.0) > LEAST)
            for key, found in images.items()
            if key in keys
        }
        network = Network.of_run(run, weights.path)
        if _same(network, self.network):
            self.predicting.learn(known)
            self._chosen = True
        else:
            self.use(network, known)

    def choose(self) -> None:
        """Let the person choose a training of the set, or files from elsewhere."""
        from annotator.qt.dialogs.network import NetworkDialog

        project = self._project
        if project is not None:
            dialog = NetworkDialog(project.work, self._window.settings, self.network, self._window)
            dialog.chosen.connect(lambda network: self._chose(project, network))
            dialog.open()

    def _chose(self, project: Project, network: Network) -> None:
        if project is not self._project:
            return
        if _same(network, self.network):
            self._chosen = True
        else:
            self.use(network)
        self.ready.emit()

    # Its classes

    def _map(self) -> None:
        if self._project is not None and self.network is not None:
            ours = self._project.session.class_names
            self.mapping = class_mapping(self.network.class_names, ours, self._answers())

    def _answers(self) -> dict[str, str]:
        if self._project is None:
            return {}
        return answers_for(self._window.settings, self._project.session.root)

    @property
    def unknown_classes(self) -> tuple[str, ...]:
        """Classes of the network that are none of the set's, and of which the person said nothing."""
        answers = self._answers()
        return tuple(name for name, ours in self.mapping.items() if ours is None and answers.get(name) != "")

    def ask_once(self) -> None:
        """Ask what classes are that the set does not have; until that is answered they are left out."""
        if self.unknown_classes and not self._asked:
            self._asked = True
            self.ask_for_classes()

    def ask_for_classes(self) -> None:
        """Ask which class of the set each class of the network is."""
        from annotator.qt.dialogs.network_classes import NetworkClassesDialog

        project, network = self._project, self.network
        if project is None or network is None:
            key = self._window.keys.shown_keys("predictions")
            messages.info(tr("Show the predictions of a network first ({key}).", key=key))
            return
        dialog = NetworkClassesDialog(network, project.session, self.mapping, self._window)
        dialog.answered.connect(self._answered)
        dialog.open()

    def _answered(self, answers: dict[str, str]) -> None:
        if self._project is not None:
            keep_answers(self._window.settings, self._project.session.root, answers)
        self._map()
        self.classes_changed.emit()

    def _classes_changed(self, session: Session) -> None:
        if self._project is not None and session is self._project.session and self.network is not None:
            self._map()
            self.classes_changed.emit()


def _same(one: Network, other: Network | None) -> bool:
    return other is not None and replace(one, run=None) == replace(other, run=None)
