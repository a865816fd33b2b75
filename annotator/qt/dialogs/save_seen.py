"""Where predictions on any pictures are saved, and as what."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from annotator.core.looked import SaveRequest
from annotator.darknet.prediction.looking import Shown
from annotator.qt.translation import tr


class SaveSeenDialog(QDialog):
    """A folder and what is written there.

    Signals:
        chosen: The SaveRequest.
    """

    chosen = pyqtSignal(object)

    def __init__(
        self, proposed: Path, shown: Shown, weights: Path, what: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WA_DeleteOnClose)
        self.setWindowTitle(tr("Save the predictions"))
        self._shown, self._weights = shown, weights
        self.folder = QLineEdit(str(proposed))
        self.folder.textChanged.connect(self._enable)
        label = QLabel(tr("&Folder"))
        label.setBuddy(self.folder)
        browse = QPushButton(tr("Browse…"))
        browse.setAutoDefault(False)
        browse.clicked.connect(self._browse)
        row = QHBoxLayout()
        for widget in (label, self.folder, browse):
            row.addWidget(widget)
        said = QLabel(what)
        said.setWordWrap(True)
        said.setTextFormat(Qt.PlainText)
        self.drawn = QCheckBox(tr("&Pictures with the boxes drawn"), checked=True)
        always = QCheckBox(tr("Tables: predictions.csv and predictions.json"), checked=True, enabled=False)
        self.formats = {
            "coco": QCheckBox(tr("&COCO, with confidences")),
            "yolo": QCheckBox(tr("&YOLO text, with confidences")),
            "darknet": QCheckBox(tr("&JSON as Darknet writes it")),
        }
        buttons = QDialogButtonBox(QDialogButtonBox.Save | QDialogButtonBox.Cancel)
        self.ok = buttons.button(QDialogButtonBox.Save)
        self.ok.setText(tr("Save"))
        buttons.button(QDialogButtonBox.Cancel).setText(tr("Cancel"))
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addWidget(said)
        column.addLayout(row)
        for widget in (self.drawn, always, *self.formats.values()):
            column.addWidget(widget)
        column.addWidget(buttons)
        self.resize(self.fontMetrics().averageCharWidth() * 76, self.sizeHint().height())

    def accept(self) -> None:
        """Tell the choice."""
        formats = tuple(name for name, box in self.formats.items() if box.isChecked())
        folder = Path(self.folder.text().strip()).expanduser()
        self.chosen.emit(SaveRequest(folder, self._shown, self.drawn.isChecked(), formats, self._weights))
        super().accept()

    def _browse(self) -> None:
        start = str(Path(self.folder.text().strip() or "~").expanduser().parent)
        chosen = QFileDialog.getExistingDirectory(self, tr("Save the predictions"), start)
        if chosen:
            folder = Path(chosen)
            # What is chosen is most often a place for such folders, and never one that holds other things.
            if any(folder.iterdir()) and not (folder / "predictions.json").is_file():
                folder = folder / "predictions"
            self.folder.setText(str(folder))

    def _enable(self) -> None:
        self.ok.setEnabled(bool(self.folder.text().strip()))
