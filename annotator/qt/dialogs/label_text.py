"""A label file as text, at the line that is wrong; it can be corrected there, and the original is kept."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import Qt
from PyQt5.QtGui import QFontDatabase, QTextCursor, QTextFormat
from PyQt5.QtWidgets import QDialog, QDialogButtonBox, QLabel, QPlainTextEdit, QTextEdit, QVBoxLayout, QWidget

from annotator.core.finding_files import read_text_file, replace_text
from annotator.core.findings import Finding
from annotator.qt.translation import tr
from converters.errors import DataError


class LabelText(QDialog):
    """The file's text; a line is marked."""

    def __init__(self, root: Path, path: Path, finding: Finding, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(path.name)
        self._root, self._path = root, path
        self._data, text, self._encoding = read_text_file(path)
        self._windows = "\r\n" in text
        where = f"{path}:{finding.issue.line}" if finding.issue.line is not None else str(path)
        about = QLabel("\n".join(filter(None, (where, finding.issue.message, finding.issue.hint))))
        about.setTextFormat(Qt.PlainText)
        about.setWordWrap(True)
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        self.problem.hide()
        self.view = QPlainTextEdit(text)
        self.view.setLineWrapMode(QPlainTextEdit.NoWrap)
        self.view.setFont(QFontDatabase.systemFont(QFontDatabase.FixedFont))
        self._as_read = self.view.toPlainText()
        buttons = QDialogButtonBox()
        self.save = buttons.addButton(tr("Save and read again"), QDialogButtonBox.AcceptRole)
        self.save.setEnabled(False)
        buttons.addButton(QDialogButtonBox.Close)
        buttons.accepted.connect(self._save)
        buttons.rejected.connect(self.reject)
        self.view.textChanged.connect(lambda: self.save.setEnabled(self.view.toPlainText() != self._as_read))
        column = QVBoxLayout(self)
        for widget in (about, self.view, self.problem, buttons):
            column.addWidget(widget)
        self.resize(820, 520)
        self._mark(finding.issue.line or 1)
        self.view.setFocus()

    def _mark(self, line: int) -> None:
        block = self.view.document().findBlockByNumber(line - 1)
        if not block.isValid():
            return
        cursor = QTextCursor(block)
        self.view.setTextCursor(cursor)
        self.view.centerCursor()
        mark = QTextEdit.ExtraSelection()
        colour = self.palette().highlight().color()
        colour.setAlpha(70)
        mark.format.setBackground(colour)
        mark.format.setProperty(QTextFormat.FullWidthSelection, True)
        mark.cursor = cursor
        self.view.setExtraSelections([mark])

    def _save(self) -> None:
        text = self.view.toPlainText()
        if self._windows:
            text = text.replace("\n", "\r\n")
        try:
            replace_text(self._root, self._path, self._data, text.encode(self._encoding))
        except UnicodeEncodeError as error:
            wrong = text[error.start : error.end]
            self._refuse(tr("The file's encoding ({name}) has no {text}.", name=self._encoding, text=wrong))
            return
        except DataError as error:
            self._refuse(str(error))
            return
        self.accept()

    def _refuse(self, text: str) -> None:
        self.problem.setText(text)
        self.problem.show()


def edit_text(parent: QWidget, root: Path, path: Path, finding: Finding) -> bool:
    """Show a label file at the line of a finding; returns whether it was changed.

    Raises:
        DataError: It cannot be read.
    """
    dialog = LabelText(root, path, finding, parent)
    changed = dialog.exec_() == QDialog.Accepted
    dialog.deleteLater()
    return changed
