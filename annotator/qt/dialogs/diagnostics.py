"""One file to send when something is wrong, and what is in it, seen before it is saved."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from PyQt5.QtCore import PYQT_VERSION_STR, Qt, qVersion
from PyQt5.QtGui import QFontDatabase, QGuiApplication
from PyQt5.QtWidgets import (
    QApplication,
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QListWidget,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from annotator import messages
from annotator.core import diagnostics
from annotator.core.diagnostics import SetFacts, Sources
from annotator.qt.dialogs.working import WorkDialog, wrapping
from annotator.qt.translation import tr
from converters.errors import DataError

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow


class DiagnosticsDialog(WorkDialog):
    """Shows each part; saves them all as one zip."""

    def __init__(self, sources: Sources, parent: QWidget | None = None) -> None:
        super().__init__(tr("Save diagnostics"), parent)
        self.sources = sources
        self.parts: dict[str, str] = {}
        self.names = QCheckBox(tr("Also the names of files, folders and classes"))
        self.names.setToolTip(
            tr("Without the tick there is no name of a file, folder, class or person in it")
        )
        self.names.toggled.connect(lambda _: self._collect())
        self.list = QListWidget()
        self.list.currentTextChanged.connect(lambda name: self.view.setPlainText(self.parts.get(name, "")))
        self.view = QPlainTextEdit()
        self.view.setReadOnly(True)
        self.view.setLineWrapMode(QPlainTextEdit.NoWrap)
        self.view.setFont(QFontDatabase.systemFont(QFontDatabase.FixedFont))
        self.go = QPushButton(tr("Save…"))
        self.go.setDefault(True)
        self.go.clicked.connect(self._save)
        self.stay = QPushButton(tr("Cancel"))
        self.stay.setAutoDefault(False)
        self.stay.clicked.connect(self.reject)
        self.work.failed.connect(messages.error)
        self._build()
        self._collect()

    def _build(self) -> None:
        both = QSplitter(Qt.Horizontal)
        both.addWidget(self.list)
        both.addWidget(self.view)
        both.setStretchFactor(1, 1)
        both.setSizes([150, 620])
        both.setChildrenCollapsible(False)
        buttons = QHBoxLayout()
        buttons.addWidget(self.names)
        buttons.addStretch()
        buttons.addWidget(self.go)
        buttons.addWidget(self.stay)
        column = QVBoxLayout(self)
        column.addWidget(
            wrapping(
                tr(
                    "This is all that the file will hold. No picture is in it. Nothing is sent anywhere: "
                    "you save a zip file, and send it if you want to."
                )
            )
        )
        column.addWidget(both, 1)
        column.addWidget(self.work)
        column.addLayout(buttons)
        self.resize(820, 520)

    def _collect(self) -> None:
        if self.work.is_running:
            return
        sources, with_names = self.sources, self.names.isChecked()
        self.go.setEnabled(False)
        self.names.setEnabled(False)
        self.work.run(
            lambda tell: diagnostics.collect(sources, with_names=with_names),
            tr("Collecting"),
            self._show,
        )

    def _show(self, parts: dict[str, str]) -> None:
        self.parts = parts
        row = max(self.list.currentRow(), 0)
        self.list.clear()
        self.list.addItems(list(parts))
        self.list.setCurrentRow(row)

    def _work_ended(self) -> None:
        self.go.setEnabled(bool(self.parts))
        self.names.setEnabled(True)
        super()._work_ended()

    def _save(self) -> None:
        name = f"mask-annotator-diagnostics-{date.today():%Y-%m-%d}.zip"
        path, _ = QFileDialog.getSaveFileName(
            self, tr("Save diagnostics"), str(Path.home() / name), f"{tr('Zip files')} (*.zip)"
        )
        if path:
            self.save_to(Path(path))

    def save_to(self, path: Path) -> None:
        """Write the file."""
        try:
            diagnostics.save(path, self.parts)
        except DataError as error:
            messages.error(str(error))
            return
        messages.info(tr("The diagnostics are in {path}.", path=path))
        self.accept()


def screen_facts() -> list[str]:
    """Qt, and the screens that it sees."""
    style = QApplication.style()
    lines = [
        f"Qt {qVersion()}, PyQt {PYQT_VERSION_STR}, platform {QGuiApplication.platformName()}, "
        f"style {style.objectName() if style is not None else '?'}"
    ]
    for number, screen in enumerate(QGuiApplication.screens()):
        size, room = screen.size(), screen.availableSize()
        lines.append(
            f"Screen {number}: {size.width()}x{size.height()} ({room.width()}x{room.height()} free), "
            f"{screen.logicalDotsPerInch():.0f} dpi, scale {screen.devicePixelRatio():g}"
        )
    return lines


def sources_of(window: MainWindow) -> Sources:
    """What the window knows."""
    opened, work = None, None
    if window.project is not None:
        session = window.project.session
        sidecar = session.sidecar
        facts = {
            "Undo": f"{session.history.undo_count} edits, redo {session.history.redo_count}",
            "Not saved": f"{len(session.dirty_keys)} pictures",
            "Sidecar": f"writable {sidecar.writable}, on disk {sidecar.persistent}, "
            f"open elsewhere {sidecar.locked_by is not None}, newer {sidecar.is_newer}, "
            f"damaged {sidecar.damaged is not None}",
        }
        opened = SetFacts(session.dataset(), session.codec.title, session.report, facts)
        work = window.project.work
    return Sources(
        (*screen_facts(), f"Window {window.width()}x{window.height()}"),
        window.settings.values(),
        tuple(messages.history),
        opened,
        work.root if work is not None else None,
        window.train.darknet,
    )


def show_diagnostics(window: MainWindow) -> DiagnosticsDialog:
    """Open the dialog."""
    dialog = DiagnosticsDialog(sources_of(window), window)
    dialog.setWindowModality(Qt.WindowModal)
    dialog.open()
    return dialog
