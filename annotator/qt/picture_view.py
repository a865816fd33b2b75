"""A view of one picture that can be zoomed and panned: what the canvas and the predictions page share."""

from __future__ import annotations

from PyQt5.QtCore import QPoint, QPointF, Qt, pyqtSignal
from PyQt5.QtGui import (
    QColor,
    QFont,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PyQt5.QtWidgets import QSizePolicy, QWidget

from annotator.core.viewport import Point, Viewport
from annotator.qt import painting
from annotator.qt.painting import PaintContext
from converters.colours import ClassColours

BACKGROUND = QColor(43, 45, 48)
NOTICE = QColor(222, 222, 222)


class PictureView(QWidget):
    """Shows a picture fitted until the person zooms. Sub-classes paint on top in ``paint_layers``.

    Signals:
        viewport_changed: The person zoomed or panned (so that a twin can follow).
    """

    viewport_changed = pyqtSignal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Expanding)
        self.setMinimumSize(160, 120)
        self.setAttribute(Qt.WA_OpaquePaintEvent)
        self.viewport = Viewport()
        self.class_names: tuple[str, ...] = ()
        self.colours: ClassColours | None = None
        self.show_labels = True
        self._pixmap: QPixmap | None = None
        self._size: tuple[int, int] = (1, 1)
        self._fitted = True
        self._notice = ""
        self._pan_from: QPoint | None = None

    # The picture

    def show_image(self, image: QImage) -> None:
        """Show a picture; the zoom is kept only where it has the size of the last one."""
        size = (image.width(), image.height())
        refit = self._fitted or size != self._size
        self._pixmap = QPixmap.fromImage(image)
        self._size = size
        self._notice = ""
        if refit:
            self.fit()
        self.update()

    def show_notice(self, text: str) -> None:
        """Show a sentence instead of a picture."""
        self._pixmap = None
        self._notice = text
        self.update()

    @property
    def has_picture(self) -> bool:
        """Whether a picture is shown."""
        return self._pixmap is not None

    @property
    def picture_size(self) -> tuple[int, int]:
        """(width, height) of the picture in its own pixels."""
        return self._size

    # Zoom

    def fit(self) -> None:
        """Show the whole picture, now and when the view is resized."""
        self._fitted = True
        self._set_viewport(Viewport.fitted(self._size, (self.width(), self.height())))

    def zoom_by(self, factor: float, at: Point | None = None) -> None:
        """Zoom at a view point (default: the middle)."""
        self._fitted = False
        centre = at or (self.width() / 2, self.height() / 2)
        self._set_viewport(self.viewport.zoomed_at(centre, factor))

    def zoom_to_actual(self) -> None:
        """One picture pixel on one screen pixel."""
        self.zoom_by(1.0 / self.viewport.scale)

    def follow(self, viewport: Viewport) -> None:
        """Take over a twin's zoom without telling it back."""
        self._fitted = False
        self.viewport = viewport
        self.update()

    def _set_viewport(self, viewport: Viewport) -> None:
        self.viewport = viewport.kept_in_sight(self._size, (self.width(), self.height()))
        self.viewport_changed.emit(self.viewport)
        self.update()

    # Events

    def paint_layers(self, painter: QPainter, context: PaintContext) -> None:
        """Painted over the picture; nothing here."""

    def paint_context(self) -> PaintContext:
        """What the layers need now."""
        font = QFont(self.font())
        font.setPointSizeF(max(font.pointSizeF() * 0.92, 7.0))
        return PaintContext(
            self.viewport,
            (self.width(), self.height()),
            self.colours or self.class_names,
            font,
            self.show_labels,
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), BACKGROUND)
        context = self.paint_context()
        if self._pixmap is None:
            if self._notice:
                painting.paint_notice(painter, self._notice, context, NOTICE)
            return
        painting.paint_picture(painter, self._pixmap, context)
        self.paint_layers(painter, context)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._fitted:
            self.fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        steps = event.angleDelta().y() / 120
        if event.modifiers() & Qt.ControlModifier:
            at = event.position()
            self.zoom_by(1.25**steps, (at.x(), at.y()))
        elif event.modifiers() & Qt.ShiftModifier:
            self._pan_by(60 * steps, 0)
        else:
            self._pan_by(60 * event.angleDelta().x() / 120, 60 * steps)
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MiddleButton:
            self.start_pan(event.pos())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pan_from is not None:
            delta = event.pos() - self._pan_from
            self._pan_from = event.pos()
            self._pan_by(delta.x(), delta.y())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._pan_from is not None:
            self._pan_from = None
            self.unsetCursor()

    def start_pan(self, at: QPoint) -> None:
        """Begin to move the picture with the pointer."""
        self._pan_from = at
        self.setCursor(Qt.ClosedHandCursor)

    @property
    def is_panning(self) -> bool:
        """Whether the picture follows the pointer."""
        return self._pan_from is not None

    def to_image(self, point: QPoint | QPointF) -> Point:
        """A view position in picture pixels."""
        return self.viewport.to_image((point.x(), point.y()))

    def _pan_by(self, dx: float, dy: float) -> None:
        self._fitted = False
        self._set_viewport(self.viewport.panned(dx, dy))
