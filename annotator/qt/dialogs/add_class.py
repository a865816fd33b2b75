"""Asked for a class while labelling: a name that is typed, completed, and refused beside the field."""

from __future__ import annotations

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QCompleter, QDialog, QDialogButtonBox, QLabel, QLineEdit, QVBoxLayout, QWidget

from annotator.core.session import Session
from annotator.qt.dialogs.class_choices import name_problem
from annotator.qt.translation import tr


class AddClassDialog(QDialog):
    """One field. A name that exists already chooses that class; nothing is added then."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Add class"))
        self._names = session.class_names
        self.field = QLineEdit()
        # Also names that were used here before: what was deleted may come back under the same name.
        completer = QCompleter([*self._names, *session.sidecar.retired_names()], self)
        completer.setCaseSensitivity(Qt.CaseInsensitive)
        completer.setFilterMode(Qt.MatchContains)
        self.field.setCompleter(completer)
        self.says = QLabel()
        self.says.setWordWrap(True)
        self.says.setTextFormat(Qt.PlainText)
        buttons = QDialogButtonBox(QDialogButtonBox.Ok | QDialogButtonBox.Cancel)
        self.ok = buttons.button(QDialogButtonBox.Ok)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addWidget(QLabel(tr("Name of the class:")))
        column.addWidget(self.field)
        column.addWidget(self.says)
        column.addWidget(buttons)
        self.field.textChanged.connect(self._say)
        self.resize(self.fontMetrics().averageCharWidth() * 50, self.sizeHint().height())
        self._say("")

    @property
    def name(self) -> str:
        """What was typed, without outer blanks."""
        return self.field.text().strip()

    @property
    def exists(self) -> bool:
        """Whether it is the name of a class that there is."""
        return self.name in self._names

    def _say(self, text: str) -> None:
        problem = ""
        if self.exists:
            problem = tr("There is this class already: it is chosen.")
        elif text.strip():
            problem = name_problem(self._names, text)
        self.says.setText(problem)
        self.ok.setEnabled(bool(text.strip()) and (self.exists or not problem))


def ask_name(parent: QWidget, session: Session) -> tuple[str, bool] | None:
    """Ask for a class.

    Returns:
        Its name, and whether it exists already; None where the person gave up.
    """
    dialog = AddClassDialog(session, parent)
    try:
        return (dialog.name, dialog.exists) if dialog.exec_() == QDialog.Accepted else None
    finally:
        dialog.deleteLater()
