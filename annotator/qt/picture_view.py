"""A view of one picture that can be zoomed and panned: what the canvas and the predictions page share."""

from __future__ import annotations

from PyQt5.QtCore import QEvent, QPoint, QPointF, QSize, Qt, pyqtSignal
from PyQt5.QtGui import (
    QColor,
    QFont,
    QHideEvent,
    QImage,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PyQt5.QtWidgets import QGestureEvent, QPinchGesture, QSizePolicy, QWidget

from annotator.core.viewport import Point, Viewport, near_picture
from annotator.qt import painting
from annotator.qt.painting import PaintContext
from annotator.qt.shrinking import Shrinker
from converters.colours import ClassColours
from converters.model import Xyxy

BACKGROUND = QColor(43, 45, 48)
NOTICE = QColor(222, 222, 222)
WHEEL_STEP = 60.0
"""View pixels that one notch of a wheel scrolls."""
ZOOM_STEP = 1.25
"""Factor of one notch, and of one press of a key."""
TOUCHPAD_NOTCH = 100.0
"""Pixels of a touchpad's movement that zoom as much as one notch of a wheel."""


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
        self.grabGesture(Qt.PinchGesture)
        self._image: QImage | None = None
        self._shrinker = Shrinker(self)
        self._shrinker.ready.connect(self._paint_anew)
        self._base: QPixmap | None = None
        self._base_of: tuple[object, ...] = ()
        self._size: tuple[int, int] = (1, 1)
        self._fitted = True
        self._notice = ""
        self._pan_from: QPoint | None = None
        self._pan_button = Qt.NoButton

    # The picture

    def show_image(self, image: QImage) -> None:
        """Show a picture; the zoom is kept only where it has the size of the last one."""
        size = (image.width(), image.height())
        refit = self._fitted or size != self._size
        self._take_image(image)
        if refit:
            self.fit()

    def _take_image(self, image: QImage) -> None:
        self._image = image
        self._size = (image.width(), image.height())
        self._notice = ""
        self.update()

    def show_notice(self, text: str) -> None:
        """Show a sentence instead of a picture."""
        self._image = self._base = None
        self._notice = text
        self.update()

    @property
    def has_picture(self) -> bool:
        """Whether a picture is shown."""
        return self._image is not None

    @property
    def has_notice(self) -> bool:
        """Whether a sentence is shown instead of a picture."""
        return self._image is None and bool(self._notice)

    @property
    def picture_size(self) -> tuple[int, int]:
        """(width, height) of the picture in its own pixels."""
        return self._size

    # Zoom

    def fit(self) -> None:
        """Show the whole picture, now and when the view is resized."""
        self._fitted = True
        self._set_viewport(Viewport.fitted(self._size, self._view()))

    def zoom_by(self, factor: float, at: Point | None = None) -> None:
        """Zoom at a view point (default: the middle)."""
        self._fitted = False
        centre = at or (self.width() / 2, self.height() / 2)
        self._set_viewport(self.viewport.zoomed_at(centre, factor))

    def zoom_to_actual(self) -> None:
        """One picture pixel on one pixel of the screen (which may be finer than Qt's)."""
        self.zoom_by(1.0 / (self.viewport.scale * self.devicePixelRatioF()))

    @property
    def zoom_percent(self) -> float:
        """Screen pixels per picture pixel, times 100."""
        return 100.0 * self.viewport.scale * self.devicePixelRatioF()

    def reveal(self, xyxy: Xyxy) -> None:
        """Move the picture no farther than needed to see a box; the zoom stays."""
        if self._fitted or not self.has_picture:
            return  # all of it is seen
        viewport = self.viewport.revealing(xyxy, self._view())
        if viewport != self.viewport:
            self._set_viewport(viewport)

    def show_place(self, xyxy: Xyxy) -> None:
        """Show a place of the picture large, in the middle."""
        self._fitted = False
        self._set_viewport(Viewport.showing(near_picture(xyxy, self._size), self._view()))

    def follow(self, viewport: Viewport) -> None:
        """Take over a twin's zoom without telling it back."""
        self._fitted = False
        self.viewport = viewport
        self.update()

    def _set_viewport(self, viewport: Viewport) -> None:
        self.viewport = viewport.kept_in_sight(self._size, self._view())
        self.viewport_changed.emit(self.viewport)
        self.update()

    def _view(self) -> tuple[int, int]:
        return (self.width(), self.height())

    # Painting

    def paint_layers(self, painter: QPainter, context: PaintContext) -> None:
        """Painted over the picture each time; nothing here."""

    def paint_still_layers(self, painter: QPainter, context: PaintContext) -> None:
        """Painted over the picture once, and kept until :meth:`still_state` is another; nothing here."""

    def still_state(self) -> tuple[object, ...]:
        """What :meth:`paint_still_layers` depends on besides zoom and picture."""
        return ()

    def paint_context(self) -> PaintContext:
        """What the layers need now."""
        font = QFont(self.font())
        font.setPointSizeF(max(font.pointSizeF() * 0.92, 7.0))
        return PaintContext(
            self.viewport,
            self._view(),
            self.colours or self.class_names,
            font,
            self.show_labels,
            self.devicePixelRatioF(),
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        context = self.paint_context()
        if self._image is None:
            painter.fillRect(self.rect(), BACKGROUND)
            if self._notice:
                painting.paint_notice(painter, self._notice, context, NOTICE)
            return
        # Qt clips to what has to be painted, which is little during a drag.
        painter.drawPixmap(QPointF(0, 0), self._still(self._image, context))
        self.paint_layers(painter, context)

    def _still(self, image: QImage, context: PaintContext) -> QPixmap:
        """The picture and what does not change during a drag, painted once."""
        state = (image.cacheKey(), context, *self.still_state())
        if self._base is None or state != self._base_of:
            size = QSize(*(round(side * context.ratio) for side in context.view))
            if self._base is None or self._base.size() != size:
                self._base = QPixmap(size)
                self._base.setDevicePixelRatio(context.ratio)
            self._base.fill(BACKGROUND)
            painter = QPainter(self._base)
            shown = self._shrinker.best(image, context.viewport.scale * context.ratio)
            painting.paint_picture(painter, shown, context, self._size)
            self.paint_still_layers(painter, context)
            painter.end()
            self._base_of = state
        return self._base

    def _paint_anew(self) -> None:
        self._base_of = ()
        self.update()

    def hideEvent(self, event: QHideEvent) -> None:
        self._base = None
        self._pan_from = None
        super().hideEvent(event)

    # Events

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._fitted:
            self.fit()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QNativeGestureEvent) and event.gestureType() == Qt.ZoomNativeGesture:
            if self.has_picture:
                at = event.localPos()
                self.zoom_by(max(1.0 + event.value(), 0.1), (at.x(), at.y()))
            return True
        if isinstance(event, QGestureEvent):
            pinch = event.gesture(Qt.PinchGesture)
            if isinstance(pinch, QPinchGesture):
                event.accept(pinch)
                self._pinched(pinch)
                return True
        return super().event(event)

    def _pinched(self, pinch: QPinchGesture) -> None:
        factor = pinch.scaleFactor()
        if self.has_picture and factor > 0:
            at = self.mapFromGlobal(pinch.centerPoint().toPoint())
            self.zoom_by(factor, (at.x(), at.y()))

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.accept()
        if not self.has_picture:
            return
        fine, angle = event.pixelDelta(), event.angleDelta()
        # A touchpad tells pixels; Qt's wheel, an eighth of a degree, of which a notch has 120.
        notches = fine.y() / TOUCHPAD_NOTCH if not fine.isNull() else angle.y() / 120
        if event.modifiers() & Qt.ControlModifier:
            at = event.position()
            self.zoom_by(ZOOM_STEP ** min(max(notches, -8.0), 8.0), (at.x(), at.y()))
            return
        dx, dy = float(fine.x()), float(fine.y())
        if fine.isNull():
            dx, dy = WHEEL_STEP * angle.x() / 120, WHEEL_STEP * angle.y() / 120
        if event.modifiers() & Qt.ShiftModifier and dx == 0:
            dx, dy = dy, 0.0
        self._pan_by(dx, dy)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MiddleButton and self.has_picture:
            self.start_pan(event.pos(), event.button())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pan_from is None:
            return
        if not event.buttons() & self._pan_button:
            self.stop_pan()  # the release went to somebody else
            return
        delta = event.pos() - self._pan_from
        self._pan_from = event.pos()
        self._pan_by(delta.x(), delta.y())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._pan_from is not None and event.button() == self._pan_button:
            self.stop_pan()

    def start_pan(self, at: QPoint, button: Qt.MouseButton = Qt.LeftButton) -> None:
        """Begin to move the picture with the pointer, until ``button`` is let go."""
        self._pan_from = at
        self._pan_button = button
        self.setCursor(Qt.ClosedHandCursor)

    def stop_pan(self) -> None:
        """The picture stays where it is now."""
        self._pan_from = None
        self._show_cursor()

    def _show_cursor(self) -> None:
        self.unsetCursor()

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
