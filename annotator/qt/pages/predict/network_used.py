"""Which network looks at any pictures, videos and cameras: that of the chosen run, or one from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PyQt5.QtCore import QObject, pyqtSignal
from PyQt5.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QWidget

from annotator import messages
from annotator.core.class_answers import answers_for, keep_answers
from annotator.core.networks_at_hand import LEAST, Network
from annotator.core.suggestions import class_mapping
from annotator.qt.elided import ElidedLabel
from annotator.qt.pages.predict.evaluated import Evaluated
from annotator.qt.said_below import known
from annotator.qt.translation import tr
from converters.errors import DataError, UsageError

if TYPE_CHECKING:
    from annotator.core.project import Project
    from annotator.darknet.prediction.engines import Engine
    from annotator.settings import Settings


DARKNET_SETTING = "darknet"
"""Name of the setting: the Darknet that the person uses."""
Mapping = dict[str, str | None]
"""Our class by the network's; None: it is left out."""


class NetworkUsed(QObject):
    """The network of the chosen run until the person takes another one.

    Signals:
        changed: It is another one, or none.
    """

    changed = pyqtSignal()

    def __init__(self, evaluated: Evaluated, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.evaluated = evaluated
        self.project: Project | None = None
        self.network: Network | None = None
        self._run: object = None
        evaluated.changed.connect(self._run_changed)
        self._run_changed()

    def use(self, network: Network | None) -> None:
        """Take a network."""
        if network != self.network:
            self.network = network
            self.changed.emit()

    def choose(self, parent: QWidget) -> None:
        """Let the person choose another training of the set, or files from elsewhere."""
        from annotator.qt.dialogs.network import NetworkDialog

        work = self.project.work if self.project is not None else None
        dialog = NetworkDialog(work, _settings(parent), self.network, parent)
        dialog.chosen.connect(self.use)
        dialog.open()

    def how_to_get_one(self) -> str:
        """What to do where there is no network."""
        if self.project is None:
            return tr("Choose a network first: the button “Network…”.")
        return tr("Train a network on the Train page first, or choose one from elsewhere (Network…).")

    def opener(self, with_darknet: bool) -> Callable[[], Engine]:
        """What opens the one who looks, in a thread. Without a network that raises.

        Args:
            with_darknet: Whether Darknet looks; else OpenCV.
        """
        from annotator.darknet.prediction.engines import open_engine
        from annotator.darknet.program.dialect import require_darknet

        network = self.network
        project = self.project
        path = str(project.settings.get(DARKNET_SETTING, "") or "") if project is not None else ""

        def opened() -> Engine:
            if network is None:
                raise UsageError("there is no network.")
            darknet = require_darknet(path or None) if with_darknet else None
            return open_engine(network.files(), LEAST, darknet)

        return opened

    def in_set(self, parent: QWidget, then: Callable[[Mapping], object]) -> None:
        """Find out which class of the open set each class of the network is; ask where that is not known.

        Args:
            parent: Over what it is asked.
            then: Told the answer; not where the person gave none.
        """
        from annotator.qt.dialogs.network_classes import NetworkClassesDialog

        network, project = self.network, self.project
        if network is None or project is None:
            return
        session, settings = project.session, _settings(parent)
        answers = answers_for(settings, session.root)
        mapping = class_mapping(network.class_names, session.class_names, answers)
        if all(ours is not None or answers.get(name) == "" for name, ours in mapping.items()):
            then(mapping)
            return

        def answered(said: dict[str, str]) -> None:
            if project is self.project:
                keep_answers(settings, session.root, said)
                then({name: ours or None for name, ours in said.items()})

        dialog = NetworkClassesDialog(network, session, mapping, parent, may_add=True)
        dialog.answered.connect(answered)
        dialog.open()

    def _run_changed(self) -> None:
        run = self.evaluated.run
        path = run.path if run is not None else None
        if path == self._run and (run is not None or self.network is not None):
            return
        self._run = path
        if run is None:
            self.use(None)
            return
        try:
            self.use(Network.of_run(run))
        except DataError as error:
            messages.warning(known(str(error)))
            self.use(None)


class EngineChoice(QComboBox):
    """Who looks: OpenCV or a Darknet."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.addItem(tr("with OpenCV"), False)
        self.addItem(tr("with Darknet"), True)
        self.setToolTip(
            tr("Who looks: OpenCV in this program (faster on a processor), or Darknet itself; same boxes")
        )

    @property
    def with_darknet(self) -> bool:
        """Whether Darknet looks."""
        return bool(self.currentData())


class NetworkRow(QWidget):
    """The name of the network, and a button that changes it."""

    def __init__(self, used: NetworkUsed, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.used = used
        self.name = ElidedLabel()
        self.button = QPushButton(tr("Network…"))
        self.button.setToolTip(tr("Another training of this set, or files from elsewhere"))
        self.button.clicked.connect(lambda: used.choose(self.window()))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.button)
        layout.addWidget(self.name, 1)
        used.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        network = self.used.network
        if network is None:
            without = tr("Choose a network first: the button “Network…”.")
            trained = tr("none: train one on the Train page, or choose files")
            self.name.setText(trained if self.used.project is not None else without)
            return
        weights = network.weights.name
        self.name.setText(weights if network.name == weights else f"{network.name} · {weights}")


def _settings(parent: QWidget) -> Settings:
    from annotator.settings import Settings

    found = getattr(parent.window(), "settings", None)
    return found if isinstance(found, Settings) else Settings()
