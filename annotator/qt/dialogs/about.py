"""What this program is, its version, and what it is built on."""

from __future__ import annotations

import sys

from PyQt5.QtCore import PYQT_VERSION_STR, Qt, qVersion
from PyQt5.QtGui import QGuiApplication
from PyQt5.QtWidgets import QDialog, QDialogButtonBox, QLabel, QPushButton, QVBoxLayout, QWidget

from annotator.core.diagnostics import DISTRIBUTION, packages, version_of
from annotator.qt.dialogs.rows import Column, RowsModel, RowsView
from annotator.qt.dialogs.working import wrapping
from annotator.qt.translation import tr


class AboutDialog(QDialog):
    """Versions and licences."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WA_DeleteOnClose)
        self.setWindowTitle(tr("About mask-annotator"))
        heading = QLabel(f"mask-annotator {version_of(DISTRIBUTION)}")
        font = heading.font()
        font.setPointSizeF(font.pointSizeF() * 1.5)
        font.setBold(True)
        heading.setFont(font)
        heading.setTextInteractionFlags(Qt.TextSelectableByMouse)
        text = wrapping(
            tr(
                "From a small, unbalanced set of pictures to a detector that works: label, balance, split, "
                "augment, train with Darknet, look at the mistakes.\n"
                "Free software under the GNU General Public License, version 3 or later; it comes without "
                "any warranty."
            )
        )
        rows = [
            ("Python", sys.version.split()[0], "PSF-2.0"),
            ("Qt", qVersion(), "LGPL-3.0"),
            *packages(),
        ]
        model = RowsModel(
            [
                Column(tr("Built on"), lambda row: row[0]),
                Column(tr("Version"), lambda row: row[1]),
                Column(tr("Licence"), lambda row: row[2]),
            ],
            self,
        )
        model.set_rows(rows)
        self.table = RowsView(model, 2)
        self.rows = rows
        buttons = QDialogButtonBox(QDialogButtonBox.Close)
        copy = QPushButton(tr("Copy"))
        copy.setAutoDefault(False)
        copy.setToolTip(tr("Copy the versions"))
        copy.clicked.connect(self.copy)
        buttons.addButton(copy, QDialogButtonBox.ActionRole)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        for widget in (heading, text):
            column.addWidget(widget)
        column.addWidget(self.table, 1)
        column.addWidget(buttons)
        self.resize(560, 480)

    def copy(self) -> None:
        """Put the versions into the clipboard."""
        lines = [f"mask-annotator {version_of(DISTRIBUTION)}", f"PyQt {PYQT_VERSION_STR}"]
        lines += [f"{name} {version}" for name, version, _ in self.rows]
        QGuiApplication.clipboard().setText("\n".join(lines))


def show_about(parent: QWidget) -> AboutDialog:
    """Open the dialog."""
    dialog = AboutDialog(parent)
    dialog.setWindowModality(Qt.WindowModal)
    dialog.open()
    return dialog
