"""The options of a training: each with what the network says, what it means, and what is odd about it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtGui import QWheelEvent
from PyQt5.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLabel, QLineEdit, QPushButton, QWidget

from annotator.core.training_plan import OptionState
from annotator.darknet.network.options import OPTIONS, Option
from annotator.qt.said_below import known
from annotator.qt.translation import tr

STEPS = "steps"
_PICTURES = frozenset(
    {"angle", "saturation", "exposure", "hue", "flip", "mosaic", "mixup", "letter_box", "blur"}
    | {"channels", "gaussian_noise", "jitter", "random", "dynamic_minibatch"}
)
"""Options about how pictures are changed while they are trained on."""


class _Choice(QComboBox):
    """A choice that leaves the wheel to the page until it is chosen."""

    def __init__(self, values: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.StrongFocus)
        for value, text in values:
            self.addItem(text, value)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class _Field:
    """The widget of one option; empty text means what the network says."""

    def __init__(self, option: Option | None) -> None:
        self.default = ""
        if option is not None and option.kind in ("switch", "choice"):
            values = [(text, text) for text in option.choices] or [("0", tr("0: no")), ("1", tr("1: yes"))]
            self.widget: QComboBox | QLineEdit = _Choice([("", tr("not set")), *values])
        else:
            self.widget = QLineEdit()
            self.widget.setPlaceholderText(tr("not set"))

    @property
    def text(self) -> str:
        if isinstance(self.widget, QComboBox):
            return str(self.widget.currentData())
        return self.widget.text().strip()

    @property
    def is_changed(self) -> bool:
        return self.text not in ("", self.default)

    def set_text(self, text: str) -> None:
        self.widget.blockSignals(True)
        if isinstance(self.widget, QComboBox):
            self.widget.setCurrentIndex(max(0, self.widget.findData(text)))
        elif self.widget.text().strip() != text:
            self.widget.setText(text)
        self.widget.blockSignals(False)

    def set_default(self, default: str) -> None:
        """The network says something else now; a value of the person's stays."""
        if not self.is_changed and not self.widget.hasFocus():
            self.set_text(default)
        self.default = default


class OptionsPanel(QWidget):
    """All options, by what they are about.

    Signals:
        changed: The person changed one.
    """

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.fields: dict[str, _Field] = {}
        self.notes: dict[str, QLabel] = {}
        self._names: dict[str, QLabel] = {}
        self._grid = QGridLayout(self)
        self._grid.setColumnStretch(2, 1)
        self._grid.setVerticalSpacing(4)
        self.reset = QPushButton(tr("Back to the network's values"))
        self.reset.setToolTip(tr("Forget all that was changed here"))
        self.reset.clicked.connect(self.forget)
        row = QHBoxLayout()
        row.addWidget(QLabel(tr("Bold: changed by you. An empty field is what the network says.")))
        row.addStretch()
        row.addWidget(self.reset)
        self._grid.addLayout(row, 0, 0, 1, 3)
        pictures = [key for key in OPTIONS if key in _PICTURES]
        rest = [key for key in OPTIONS if key not in _PICTURES]
        learning = [key for key in rest if OPTIONS[key].place == "net"]
        boxes = [key for key in rest if OPTIONS[key].place == "yolo"]
        self._add_group(tr("How it learns"), [learning[0], STEPS, *learning[1:]])
        self._add_group(tr("How pictures are changed while it learns"), pictures)
        self._add_group(tr("How boxes are learned and chosen"), boxes)

    def _add_group(self, title: str, keys: Sequence[str]) -> None:
        heading = QLabel(title)
        font = heading.font()
        font.setBold(True)
        heading.setFont(font)
        self._grid.addWidget(heading, self._grid.rowCount(), 0, 1, 3)
        for key in keys:
            row = self._grid.rowCount()
            field = _Field(OPTIONS.get(key))
            name, note = QLabel(key), QLabel()
            note.setWordWrap(True)
            note.setTextFormat(Qt.PlainText)
            name.setBuddy(field.widget)
            meaning = self._meaning(key)
            for widget in (name, field.widget, note):
                widget.setToolTip(f"{key}: {meaning}")
            note.setText(meaning)
            field.widget.setAccessibleName(key)
            field.widget.setMaximumWidth(field.widget.fontMetrics().averageCharWidth() * 24)
            signal = (
                field.widget.currentIndexChanged
                if isinstance(field.widget, QComboBox)
                else field.widget.textEdited
            )
            signal.connect(partial(self._edited, key))
            self.fields[key], self.notes[key], self._names[key] = field, note, name
            for column, widget in enumerate((name, field.widget, note)):
                self._grid.addWidget(widget, row, column)

    def _meaning(self, key: str) -> str:
        if key == STEPS:
            return tr("Iterations at which the learning rate falls; usually at 80 and 90 % of all")
        return known(OPTIONS[key].meaning)

    def values(self) -> dict[str, str]:
        """What the person changed, without the steps."""
        return {key: field.text for key, field in self.fields.items() if key != STEPS and field.is_changed}

    def steps(self) -> tuple[int, int] | None:
        """The two steps where they were changed and are two rising numbers."""
        field = self.fields[STEPS]
        return _two(field.text) if field.is_changed else None

    def problem(self) -> str:
        """What is wrong with the steps, which are no option of the list; else empty."""
        field = self.fields[STEPS]
        if field.is_changed and _two(field.text) is None:
            return tr("steps are two rising iterations with a comma between them, as 4800,5400.")
        return ""

    def set_value(self, key: str, text: str) -> None:
        """Change an option as the person would."""
        self.fields[key].set_text(text)
        self._edited(key)

    def forget(self) -> None:
        """Everything as the network says."""
        for field in self.fields.values():
            field.set_text(field.default)
        self._show_changed()
        self.changed.emit()

    def show_states(self, states: Sequence[OptionState], steps: str) -> None:
        """Show what there is to say of each option.

        Args:
            states: Of all options.
            steps: The steps that the network has without the person.
        """
        for state in states:
            field, note = self.fields[state.option.key], self.notes[state.option.key]
            field.set_default(state.default)
            field.widget.setEnabled(not state.why_not)
            self._names[state.option.key].setEnabled(not state.why_not)
            note.setEnabled(not state.why_not)
            meaning = self._meaning(state.option.key)
            odd = state.wrong or state.hint
            note.setText(f"⚠ {known(odd)}" if odd else known(state.why_not) or meaning)
            tip = f"{state.option.key}: {meaning}"
            for widget in (field.widget, note):
                widget.setToolTip(f"{tip}\n{known(state.why_not)}" if state.why_not else tip)
        self.fields[STEPS].set_default(steps)
        wrong = self.problem()
        self.notes[STEPS].setText(f"⚠ {wrong}" if wrong else self._meaning(STEPS))
        self._show_changed()

    def _edited(self, key: str) -> None:
        self._show_changed()
        self.changed.emit()

    def _show_changed(self) -> None:
        changed = 0
        for key, field in self.fields.items():
            font = self._names[key].font()
            if font.bold() != field.is_changed:
                font.setBold(field.is_changed)
                self._names[key].setFont(font)
            changed += field.is_changed
        self.reset.setEnabled(bool(changed))


def _two(text: str) -> tuple[int, int] | None:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 2 or not all(part.isdecimal() for part in parts):
        return None
    first, second = map(int, parts)
    return (first, second) if first <= second else None
