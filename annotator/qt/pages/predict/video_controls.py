"""What stands around a video: buttons, the place in it, the threshold, the classes."""

from __future__ import annotations

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtGui import QMouseEvent
from PyQt5.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QSplitter,
    QStyle,
    QStyleOptionSlider,
    QVBoxLayout,
    QWidget,
)

from annotator.core.networks_at_hand import LEAST
from annotator.darknet.prediction.cameras import cameras
from annotator.darknet.prediction.encoders import encoder_for
from annotator.darknet.prediction.video import TARGETS
from annotator.qt.elided import ElidedLabel
from annotator.qt.pages.page import TaskRow
from annotator.qt.pages.predict.looked_list import ClassTicks
from annotator.qt.pages.predict.network_used import EngineChoice, NetworkRow, NetworkUsed
from annotator.qt.picture_view import PictureView
from annotator.qt.translation import numbers, tr


class PlaceSlider(QSlider):
    """Where in the video one is; a click goes there.

    Signals:
        wanted: Number of a frame, from 0, that the person wants to see.
    """

    wanted = pyqtSignal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Horizontal, parent)
        self.setFocusPolicy(Qt.NoFocus)  # arrows step through the frames
        self.setToolTip(tr("Click or drag: go to that place of the video"))
        self.sliderMoved.connect(self.wanted)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        handle = self.style().subControlRect(QStyle.CC_Slider, option, QStyle.SC_SliderHandle, self)
        if event.button() == Qt.LeftButton and not handle.contains(event.pos()):
            value = QStyle.sliderValueFromPosition(
                self.minimum(), self.maximum(), event.x() - handle.width() // 2, self.width() - handle.width()
            )
            self.setValue(value)
            self.wanted.emit(value)
        super().mousePressEvent(event)


class VideoControls(QWidget):
    """The widgets of the video tab in their places; what they do is the tab's."""

    def __init__(self, used: NetworkUsed, view: PictureView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.open = QPushButton(tr("Open a video…"))
        self.camera = QPushButton(tr("Camera"))
        self.camera_number = _camera_choice()
        self.engine = EngineChoice()
        self.record = QPushButton(tr("Record"))
        self.record.setToolTip(tr("Write what the camera shows, with the boxes, to a video"))
        self.stop_button = QPushButton(tr("Close"))
        self.stop_button.setToolTip(tr("Close the video, or give the camera back"))
        self.save = TaskRow(tr("Save with boxes…"))
        self.save.button.setToolTip(
            tr("The whole video with what is shown drawn; one that is cancelled is kept up to there")
        )
        top = QHBoxLayout()
        for widget in (self.open, self.camera, self.camera_number, self.engine, self.record):
            top.addWidget(widget)
        top.addWidget(self.stop_button)
        top.addWidget(self.save, 2)
        top.addWidget(NetworkRow(used), 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 0)
        layout.addLayout(top)
        layout.addLayout(self._place_row())
        layout.addLayout(self._threshold_row())
        layout.addWidget(self._pictures(view), 1)
        for button in (
            self.open,
            self.camera,
            self.record,
            self.stop_button,
            self.play,
            self.step,
            self.back,
        ):
            button.setFocusPolicy(Qt.TabFocus)

    def _place_row(self) -> QHBoxLayout:
        self.back, self.play, self.step = QPushButton("◂"), QPushButton(tr("Pause")), QPushButton("▸")
        self.back.setToolTip(tr("One frame back (←; with Shift ten seconds)"))
        self.back.setAccessibleName(tr("One frame back"))
        self.play.setToolTip(tr("Go on or stay at this frame (Space)"))
        self.step.setToolTip(tr("One frame on (→; with Shift ten seconds)"))
        self.step.setAccessibleName(tr("One frame on"))
        narrow = self.fontMetrics().averageCharWidth() * 6
        for button in (self.back, self.step):
            button.setMaximumWidth(narrow)
        self.place = PlaceSlider()
        self.time = QLabel()
        row = QHBoxLayout()
        for widget in (self.back, self.play, self.step):
            row.addWidget(widget)
        row.addWidget(self.place, 1)
        row.addWidget(self.time)
        return row

    def _threshold_row(self) -> QHBoxLayout:
        self.threshold = QSlider(Qt.Horizontal, minimum=round(100 * LEAST), maximum=99, value=25)
        self.threshold.setMaximumWidth(220)
        self.threshold_label = QLabel("25 %")
        self.said = ElidedLabel()
        row = QHBoxLayout()
        for widget in (QLabel(tr("Confidence from")), self.threshold, self.threshold_label):
            row.addWidget(widget)
        row.addSpacing(16)
        row.addWidget(self.said, 1)
        return row

    def _pictures(self, view: PictureView) -> QWidget:
        self.classes = ClassTicks()
        self.label = QPushButton(tr("Label this frame"))
        self.label.setToolTip(
            tr("Add this frame to the open set, with the boxes that are shown to review (L)")
        )
        self.side = QWidget()
        column = QVBoxLayout(self.side)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.classes)
        column.addWidget(self.label)
        column.addStretch()
        splitter = QSplitter(Qt.Horizontal)
        splitter.addWidget(self.side)
        splitter.addWidget(view)
        splitter.setSizes([190, 950])
        splitter.setStretchFactor(1, 1)
        splitter.setCollapsible(1, False)
        return splitter


def _camera_choice() -> QComboBox:
    choice = QComboBox(editable=True)
    for number, name in cameras() or [(0, "")]:
        choice.addItem(f"{number}: {name}" if name else str(number))
    choice.setMinimumContentsLength(9)
    choice.setSizeAdjustPolicy(QComboBox.AdjustToMinimumContentsLengthWithIcon)
    choice.setToolTip(
        tr("Which camera: its number (the first has 0), or an address such as rtsp://name:password@10.0.0.7/")
    )
    return choice


def save_filters() -> str:
    """The kinds of videos that can be saved, with what plays them, for a dialog."""
    told = []
    for suffix in TARGETS:
        encoder = encoder_for(suffix)
        where = (
            tr("plays in browsers, Windows' player and VLC")
            if encoder.everywhere
            else tr("plays in VLC, not in browsers")
        )
        told.append(f"{suffix[1:]}: {encoder.title}, {where} (*{suffix})")
    return ";;".join(told)


def clock(seconds: float) -> str:
    """``1:02:03``, ``2:03``."""
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def place_text(number: int, count: int, seconds: float, fps: float) -> str:
    """``0:12 / 1:02:03 · frame 300 of 93,075``; without a length only what is known."""
    if not count:
        return f"{clock(seconds)} · " + tr("frame {number}", number=numbers(f"{number:,}"))
    total = clock(max(count / fps, seconds))
    of = tr("frame {number} of {count}", number=numbers(f"{number:,}"), count=numbers(f"{count:,}"))
    return f"{clock(seconds)} / {total} · {of}"
