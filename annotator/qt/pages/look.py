"""Pictures and videos looked at without an open set: with the cfg, weights and names of somebody."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt5.QtCore import pyqtSignal
from PyQt5.QtGui import QDragEnterEvent, QDropEvent
from PyQt5.QtWidgets import QHBoxLayout, QLabel, QPushButton, QTabWidget, QVBoxLayout, QWidget

from annotator.core.project import Project
from annotator.qt.loader import ImageLoader
from annotator.qt.pages.page import PlainPage
from annotator.qt.pages.predict.any_pictures import AnyPicturesTab
from annotator.qt.pages.predict.evaluated import Evaluated
from annotator.qt.pages.predict.network_used import NetworkUsed
from annotator.qt.pages.predict.sources import show_sources
from annotator.qt.pages.predict.video_tab import VideoTab
from annotator.qt.translation import tr


class LookPage(PlainPage):
    """What the predictions page has for any pictures, for whoever has no set.

    Signals:
        left: Back to the start page.
    """

    left = pyqtSignal()

    def __init__(self, loader: ImageLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAcceptDrops(True)
        self.used = NetworkUsed(Evaluated(self), self)
        self.any_pictures = AnyPicturesTab(self.used, loader)
        self.video = VideoTab(self.used)
        self.parts = QTabWidget()
        self.parts.setDocumentMode(True)
        self.parts.addTab(self.any_pictures, tr("Pictures"))
        self.parts.addTab(self.video, tr("Video"))
        back = QPushButton(tr("Back"))
        back.setToolTip(tr("Back to the start page"))
        back.clicked.connect(self.left)
        text = QLabel(tr("Look at pictures with a network"))
        top = QHBoxLayout()
        top.addWidget(back)
        top.addWidget(text, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 8, 10, 8)
        column.addLayout(top)
        column.addWidget(self.parts, 1)

    def set_project(self, project: Project) -> None:
        """A set was opened: its own page looks at pictures from now on."""
        super().set_project(project)
        self.video.stop_player()

    def begin(self) -> None:
        """Ask for the network where there is none yet."""
        if self.used.network is None:
            self.used.choose(self.window())

    def is_busy(self) -> bool:
        """Whether something is looked at or saved."""
        return self.any_pictures.is_busy or self.video.save.is_running

    def stop(self) -> None:
        """End it."""
        self.any_pictures.stop()
        self.video.stop()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.look_at([Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()])

    def look_at(self, paths: Sequence[Path]) -> None:
        """Let the network look at pictures, folders, or a video."""
        show_sources(paths, self.parts, self.any_pictures, self.video)
