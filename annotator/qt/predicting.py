"""A network looks at pictures in a thread: first at the one that is shown, then at the next ones and all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from PyQt5.QtCore import QObject, pyqtSignal

from annotator.core.networks_at_hand import Network
from annotator.qt.background import Task
from converters.images import load_rgb
from converters.model import Box

if TYPE_CHECKING:
    from annotator.darknet.prediction.predictor import Predictor

Boxes = tuple[Box, ...]


class Predicting(QObject):
    """What a network found, and what it is still to look at.

    Signals:
        found: (key, boxes with the network's own labels).
        failed: (key, sentence): this picture cannot be read.
        broken: Why the network cannot be used.
        ended: Nothing is left to look at.

    Attributes:
        network: The network; None while none is chosen.
    """

    found = pyqtSignal(str, object)
    failed = pyqtSignal(str, str)
    broken = pyqtSignal(str)
    ended = pyqtSignal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.network: Network | None = None
        self._predictor: Predictor | None = None
        self._known: dict[str, Boxes] = {}
        self._problems: dict[str, str] = {}
        self._path_of: Callable[[str], Path | None] = lambda _: None
        self._wanted: list[str] = []
        self._rest: dict[str, None] = {}
        self._task: Task | None = None

    # The network

    def use(
        self, network: Network | None, path_of: Callable[[str], Path | None], known: Mapping[str, Boxes]
    ) -> None:
        """Take another network; what was found by the one before is forgotten.

        Args:
            network: The network.
            path_of: Path of a picture by its key; None where it is not there any more.
            known: What it is known to find.
        """
        self.network, self._predictor = network, None
        self._path_of = path_of
        self._known, self._problems = dict(known), {}
        self._wanted, self._rest = [], {}

    def stop(self) -> None:
        """End what runs, before the window closes."""
        self.pause()
        if self._task is not None:
            self._task.wait()

    # What it finds

    def boxes(self, key: str) -> Boxes | None:
        """What was found in a picture; None where nobody has looked yet."""
        return self._known.get(key)

    def problem(self, key: str) -> str:
        """Why nothing can be found in a picture; empty: nothing is known to be wrong."""
        return self._problems.get(key, "")

    @property
    def known(self) -> Mapping[str, Boxes]:
        """All that was found so far."""
        return self._known

    @property
    def left(self) -> int:
        """How many of the pictures of :meth:`look_at_all` are still to be looked at."""
        return len(self._rest)

    @property
    def is_busy(self) -> bool:
        """Whether a picture is being looked at, or the network is being read."""
        return self._task is not None

    def learn(self, known: Mapping[str, Boxes]) -> None:
        """Take over what the network found elsewhere."""
        for key, boxes in known.items():
            self._known[key] = boxes
            self.found.emit(key, boxes)

    def look_at(self, keys: Iterable[str]) -> None:
        """Look at these pictures next, in this order."""
        self._wanted = [key for key in keys if self._is_open(key)]
        self._go_on()

    def look_at_all(self, keys: Iterable[str]) -> None:
        """Look at these pictures when there is nothing more urgent."""
        self._rest = {key: None for key in keys if self._is_open(key)}
        self._go_on()

    def pause(self) -> None:
        """Look at nothing more than the picture that was begun."""
        self._wanted, self._rest = [], {}

    def _is_open(self, key: str) -> bool:
        return key not in self._known and key not in self._problems

    def _next(self) -> str | None:
        while self._wanted or self._rest:
            key = self._wanted.pop(0) if self._wanted else next(iter(self._rest))
            self._rest.pop(key, None)
            if self._is_open(key) and self._path_of(key) is not None:
                return key
        return None

    def _go_on(self) -> None:
        network = self.network
        if self._task is not None or network is None:
            return
        predictor = self._predictor
        if predictor is None:
            if self._wanted or self._rest:
                self._start(
                    lambda _: network.open(),
                    lambda opened: self._opened(network, opened),
                    lambda problem: self._break(network, problem),
                )
            return
        key = self._next()
        path = self._path_of(key) if key is not None else None
        if key is None or path is None:
            self.ended.emit()
            return
        self._start(
            lambda _: predictor.predict(load_rgb(path)),
            lambda boxes: self._store(network, key, boxes),
            lambda problem: self._fail(network, key, problem),
        )

    def _start(
        self,
        work: Callable[[object], object],
        then: Callable[[object], object],
        failed: Callable[[str], object],
    ) -> None:
        task = Task(work, self)
        task.succeeded.connect(then)
        task.failed.connect(failed)
        task.finished.connect(lambda: self._ended(task))
        self._task = task.start()

    def _ended(self, task: Task) -> None:
        task.wait()
        task.deleteLater()
        self._task = None
        self._go_on()

    def _opened(self, network: Network, predictor: Predictor) -> None:
        if network is self.network:
            self._predictor = predictor

    def _break(self, network: Network, problem: str) -> None:
        if network is self.network:
            self.network = None
            self.pause()
            self.broken.emit(problem)

    def _store(self, network: Network, key: str, boxes: Boxes) -> None:
        if network is self.network:  # else it was looked at for another network, or another set
            self._known[key] = boxes
            self.found.emit(key, boxes)

    def _fail(self, network: Network, key: str, problem: str) -> None:
        if network is self.network:
            self._problems[key] = problem
            self.failed.emit(key, problem)
