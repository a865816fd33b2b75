"""Which network looks at any pictures, videos and cameras: that of the chosen run, or one from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PyQt5.QtCore import QObject, pyqtSignal
from PyQt5.QtWidgets import QHBoxLayout, QPushButton, QWidget

from annotator import messages
from annotator.core.networks_at_hand import Network
from annotator.qt.elided import ElidedLabel
from annotator.qt.pages.predict.evaluated import Evaluated
from annotator.qt.said_below import known
from annotator.qt.translation import tr
from converters.errors import DataError

if TYPE_CHECKING:
    from annotator.core.project import Project
    from annotator.settings import Settings


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
            self.name.setText(tr("none: train one on the Train page, or choose files"))
            return
        weights = network.weights.name
        self.name.setText(weights if network.name == weights else f"{network.name} · {weights}")


def _settings(parent: QWidget) -> Settings:
    from annotator.settings import Settings

    found = getattr(parent.window(), "settings", None)
    return found if isinstance(found, Settings) else Settings()
