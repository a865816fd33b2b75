"""The list of pictures: search, filter, sort, and going from picture to picture."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from PyQt5.QtCore import QPoint, Qt, QTimer, pyqtSignal
from PyQt5.QtGui import QPixmap
from PyQt5.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from annotator import messages
from annotator.core.listing import Facts, Filter, Order, SortBy, select
from annotator.core.session import Session
from annotator.qt.background import Task
from annotator.qt.elided import ElidedLabel
from annotator.qt.image_filter import NETWORK, FilterPanel, with_panel, words_for
from annotator.qt.image_list_model import IMAGE_ROLE, KEY_ROLE
from annotator.qt.image_sort import SortButton
from annotator.qt.image_view import ImageView
from annotator.qt.thumbnails import Thumbnails
from annotator.qt.translation import tr, tr_n
from converters.model import AnnotatedImage

__all__ = ["IMAGE_ROLE", "KEY_ROLE", "ImageList"]

AT_ONCE = 20_000
"""So many pictures are filtered and sorted at once; more in the background."""


class ImageList(QWidget):
    """Search, filter, sort and the list.

    Signals:
        chosen: Key of the picture the person went to.
        counted: How many pictures there are or are reviewed may have changed.
    """

    chosen = pyqtSignal(str)
    counted = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session: Session | None = None
        self._key: str | None = None
        self._filter, self._order, self._facts = Filter(), Order(), Facts()
        self._only_text = ""
        self._network = NETWORK
        self._reviewed: set[str] = set()
        self._touched: set[str] = set()
        self._newly_fits: set[str] = set()
        self._task: Task | None = None
        self._again: Callable[[], None] | None = None
        self._build()
        # Many pictures may change at once; they are looked at together.
        self._look = QTimer(self, singleShot=True, interval=0)
        self._look.timeout.connect(self._look_at_touched)

    # Building

    def _build(self) -> None:
        self.search = QLineEdit(placeholderText=tr("Search by name"), clearButtonEnabled=True)
        self.search.setToolTip(tr("Show only pictures with these words in their path (Ctrl+F)"))
        self.search.textChanged.connect(self._search_changed)
        self.panel = FilterPanel(self)
        self.panel.changed.connect(self._panel_changed)
        self.filter_button = _button(tr("Filter"), tr("Show only some pictures"))
        self.filter_button.clicked.connect(self.show_filter)
        self.sort_button = SortButton()
        self.sort_button.chosen.connect(self.sort)
        self.summary = ElidedLabel()
        self.clear_button = _button("✕", tr("Take the filter away"))
        self.clear_button.clicked.connect(self.clear_filter)
        self.count = ElidedLabel()
        self.update_button = _button(tr("Update"), "")
        self.update_button.clicked.connect(self.update_list)
        self.view = ImageView()
        self.thumbnails = Thumbnails(self)
        self.thumbnails.loaded.connect(lambda key: self.view.update_keys({key}))
        self.show_thumbnails(True)
        self.view.selectionModel().currentChanged.connect(self._current_changed)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 0, 6)
        column.setSpacing(4)
        column.addLayout(_row(self.search, self.filter_button, self.sort_button))
        # Above the list: messages cover the lower edge of the window.
        column.addLayout(_row(self.count, self.update_button))
        column.addLayout(_row(self.summary, self.clear_button))
        column.addWidget(self.view)
        self.setMinimumWidth(190)
        self._tell_filter()
        self._tell_count()

    # Thumbnails

    def show_thumbnails(self, on: bool) -> None:
        """Show small pictures in the rows, or not."""
        self.view.painter.thumbnail = self._thumbnail_of if on else None
        self.thumbnails.forget_all()
        self.view.heights_changed()

    @property
    def has_thumbnails(self) -> bool:
        """Whether they are shown."""
        return self.view.painter.thumbnail is not None

    def _thumbnail_of(self, image: AnnotatedImage) -> QPixmap | None:
        return self.thumbnails.get(image.key, image.path)

    # The set

    def set_session(self, session: Session) -> None:
        """Show another set, at its first picture."""
        self._session = session
        self.thumbnails.forget_all()
        session.listen(lambda key: self._changed(session, key))
        self._key = None
        self._filter, self._only_text, self._facts = Filter(), "", Facts()
        self._touched.clear()
        self._count_reviewed()
        self.refresh_filters()
        self.panel.set_value(Filter())
        self.search.clear()
        self._apply()
        self.step(0)
        self.counted.emit()

    def images_changed(self) -> str | None:
        """Some pictures were removed or brought back; returns the picture to stay at.

        That is the open one; where it was removed, the one that follows in the list.
        """
        if self._session is None:
            return None
        before, row = self.view.rows.shown, self.view.currentIndex().row()
        stay = self._key
        if stay is None or stay not in self._session:
            following = (key for key in before[max(row, 0) :] if key in self._session)
            preceding = (key for key in reversed(before[: max(row, 0)]) if key in self._session)
            stay = next(following, None) or next(preceding, None) or next(iter(self._session.keys), None)
            self._key = None
        self._count_reviewed()
        self.refresh_filters()
        self._apply(keep=frozenset(key for key in before if key in self._session))
        self.counted.emit()
        return stay

    def refresh_filters(self) -> None:
        """Offer the session's classes and splits in the filter."""
        if self._session is None:
            return
        session = self._session
        has_splits = any(session.image(key).split is not None for key in session.keys)
        self.panel.set_choices(session.colours, self._network, has_splits=has_splits)
        self.panel.set_known(findings=bool(self._facts.findings), disagreement=bool(self._facts.disagreement))
        self.view.viewport().update()

    def set_network(self, size: tuple[int, int]) -> None:
        """(width, height) of the network that box sizes may be measured at."""
        self._network = size
        self.refresh_filters()

    def set_findings(self, keys: frozenset[str]) -> None:
        """Mark the pictures that a check found something in."""
        self._set_facts(replace(self._facts, findings=frozenset(keys)))

    def set_disagreement(self, scores: Mapping[str, float]) -> None:
        """Mark how much predictions disagree with the labels of pictures.

        Args:
            scores: By key, higher is worse; pictures without predictions are missing.
        """
        self._set_facts(replace(self._facts, disagreement=dict(scores)))

    def _set_facts(self, facts: Facts) -> None:
        self._facts = self.view.painter.facts = facts
        self.panel.set_known(findings=bool(facts.findings), disagreement=bool(facts.disagreement))
        self.view.viewport().update()
        # What the list shows stays under the person's hands; it says that it could be updated.
        if self._filter.findings or self._filter.disagreement is not None:
            self._touched.update(self.view.rows.shown)
            self._look.start()

    # Filter and sort

    @property
    def filter(self) -> Filter:
        """What the list is limited to."""
        return self._filter

    @property
    def order(self) -> Order:
        """The order of the list."""
        return self._order

    def show_only(self, keys: Iterable[str], text: str) -> None:
        """Limit the list to certain pictures, and go to the first of them unless one is open.

        Args:
            keys: Theirs.
            text: What they have in common.
        """
        self._only_text = text
        self.set_filter(Filter(only=frozenset(keys)), then=self._go_into_list)

    def _go_into_list(self) -> None:
        if self.view.current_key() is None:
            self.step(0)

    def set_filter(self, chosen: Filter, then: Callable[[], None] | None = None) -> None:
        """Limit the list.

        Args:
            chosen: To what.
            then: Is called when the list shows it.
        """
        self._filter = chosen
        for widget in (self.search, self.panel):
            widget.blockSignals(True)
        if self.search.text() != chosen.text:
            self.search.setText(chosen.text)
        self.panel.set_value(chosen)
        for widget in (self.search, self.panel):
            widget.blockSignals(False)
        self._apply(then=then)

    def clear_filter(self) -> None:
        """Show all pictures."""
        self.set_filter(Filter())

    def sort(self, order: Order) -> None:
        """Show the pictures in another order."""
        self._order = order
        self.sort_button.show_order(order)
        self._apply()

    def update_list(self) -> None:
        """Drop what no longer fits the filter, and show what fits now."""
        self._apply()

    def show_filter(self) -> None:
        """Open the panel of the filter."""
        self.refresh_filters()
        self.panel.adjustSize()
        corner = self.filter_button.mapToGlobal(QPoint(0, self.filter_button.height()))
        screen = self.screen().availableGeometry() if self.screen() is not None else self.window().geometry()
        x = min(corner.x(), screen.right() - self.panel.width())
        y = min(corner.y(), screen.bottom() - self.panel.height())
        self.panel.move(max(x, screen.left()), max(y, screen.top()))
        self.panel.show()

    def focus_search(self) -> None:
        """Put the cursor into the search field."""
        self.search.setFocus(Qt.ShortcutFocusReason)
        self.search.selectAll()

    def _search_changed(self, text: str) -> None:
        self._filter = replace(self._filter, text=text)
        self._apply()

    def _panel_changed(self) -> None:
        self._filter = with_panel(self._filter, self.panel.value())
        self._apply()

    def _apply(self, keep: frozenset[str] = frozenset(), then: Callable[[], None] | None = None) -> None:
        """List the pictures anew."""
        session = self._session
        if session is None:
            return
        self._tell_filter()
        chosen, order, facts = self._filter, self._order, self._facts
        if self._task is not None:
            self._again = lambda: self._apply(keep, then)
            return
        if not chosen.is_on() and order == Order():
            self._show(session.keys, then)
            return
        images = [session.image(key) for key in session.keys]
        if len(images) <= AT_ONCE:
            self._show(select(images, chosen, order, facts, keep), then)
            return
        task = Task(lambda _tell: select(images, chosen, order, facts, keep), self)
        task.succeeded.connect(lambda keys: self._listed(session, keys, then))
        task.failed.connect(messages.error)
        task.finished.connect(self._task_ended)
        self.count.setText(tr("Looking through {n} pictures…", n=f"{len(images):,}"))
        self._task = task.start()

    def _listed(self, session: Session, keys: tuple[str, ...], then: Callable[[], None] | None) -> None:
        if session is self._session and self._again is None:
            self._show(tuple(key for key in keys if key in session), then)

    def _task_ended(self) -> None:
        self._task = None
        again, self._again = self._again, None
        if again is not None:
            again()
        else:
            self._tell_count()

    def _show(self, keys: tuple[str, ...], then: Callable[[], None] | None) -> None:
        session = self._session
        if session is None:
            return
        self._newly_fits.clear()
        self.view.painter.no_longer_fits.clear()
        self.view.show_keys(session, keys)
        self._mark_open()
        self._tell_count()
        if then is not None:
            then()

    def _mark_open(self) -> None:
        """Make the open picture's row the current one; where it has none, show where it would be."""
        row = self.view.rows.row_of(self._key)
        if row is not None:
            self.view.go_to_row(row)
        elif self._key is not None and self.view.rows.shown:
            row = min(self._row_behind(self._key), len(self.view.rows.shown) - 1)
            self.view.scrollTo(self.view.rows.index(row, 0))

    # Going through it

    def go_to(self, key: str) -> None:
        """Open a picture. The filter stays; it may hide the picture's row."""
        if self._session is None or key not in self._session:
            return
        row = self.view.rows.row_of(key)
        if row is not None:
            self.view.go_to_row(row)
            if self._key == key:
                return
        else:
            self.view.go_to_row(None)
        self._open(key)

    def step(self, by: int) -> None:
        """Go on by some rows of what the list shows."""
        if not self.view.rows.shown:
            return
        row = self.view.currentIndex().row()
        if row < 0:
            # From a picture that the filter hides: to the next of those it shows.
            row = self._row_behind(self._key) - (by > 0)
        row = min(max(row + by, 0), len(self.view.rows.shown) - 1)
        self.view.go_to_row(row)

    def step_in_set(self, by: int) -> None:
        """Go on by some pictures of the whole set, whatever the filter hides."""
        if self._session is None or self._key is None:
            return
        keys = self._session.keys
        place = self._session.position(self._key) + by
        self.go_to(keys[min(max(place, 0), len(keys) - 1)])

    def step_fitting(self, by: int) -> None:
        """Go on to the next (or previous, by = -1) picture that fits the filter as the labels are now."""
        session, chosen, facts = self._session, self._filter, self._facts
        if session is None:
            return
        tests = chosen.tests(facts)
        row = self._walk(by, lambda image: all(test(image) for test in tests))
        if row is not None:
            self.view.go_to_row(row)
        else:
            messages.info(
                tr("No picture further on fits the filter.")
                if by > 0
                else tr("No picture before this one fits the filter.")
            )

    def step_unreviewed(self, by: int) -> None:
        """Go to the next (or previous) picture that is not reviewed; from the end on from the beginning."""
        if self._session is None:
            return
        row = self._walk(by, lambda image: not image.reviewed, around=True)
        if row is not None and row != self.view.currentIndex().row():
            self.view.go_to_row(row)
            return
        left = len(self._session.keys) - self.reviewed_count
        if not left:
            messages.info(tr("All pictures are reviewed."))
        elif row is not None:
            messages.info(tr("This is the only picture in the list that is not reviewed."))
        else:
            messages.info(
                tr_n(
                    "All pictures of this list are reviewed; {n} outside it is not.",
                    "All pictures of this list are reviewed; {n} outside it are not.",
                    left,
                )
            )

    def neighbours(self, reach: int = 2) -> list[str]:
        """Keys of the pictures after and before the current one, nearest first, to be decoded ahead."""
        shown = self.view.rows.shown
        row = self.view.currentIndex().row()
        if row < 0:
            row = self._row_behind(self._key)
            rows = [row + delta for step in range(reach) for delta in (step, -step - 1)]
        else:
            rows = [row + delta for step in range(1, reach + 1) for delta in (step, -step)]
        return [shown[row] for row in rows if 0 <= row < len(shown)]

    def _walk(self, by: int, fits: Callable[[AnnotatedImage], bool], *, around: bool = False) -> int | None:
        """The next row in a direction whose picture fits, also the current one where it goes around."""
        session, shown = self._session, self.view.rows.shown
        if session is None:
            return None
        row = self.view.currentIndex().row()
        if row < 0:
            row = self._row_behind(self._key) - (by > 0)
        rows = list(range(row + 1, len(shown)) if by > 0 else range(row - 1, -1, -1))
        if around:
            rows += list(range(row + 1) if by > 0 else range(len(shown) - 1, row - 1, -1))
        return next((at for at in rows if 0 <= at < len(shown) and fits(session.image(shown[at]))), None)

    def _row_behind(self, key: str | None) -> int:
        """Where a picture that the list does not show would stand in it; 0 where that means nothing."""
        session, shown = self._session, self.view.rows.shown
        if session is None or key is None or key not in session or self._order.by is not SortBy.NAME:
            return 0
        sign = -1 if self._order.descending else 1
        return bisect_left(shown, sign * session.position(key), key=lambda k: sign * session.position(k))

    def _current_changed(self) -> None:
        key = self.view.current_key()
        if key is not None and key != self._key:
            self._open(key)

    def _open(self, key: str) -> None:
        self._key = key
        self._tell_count()
        self.chosen.emit(key)

    # What changes while it is shown

    @property
    def reviewed_count(self) -> int:
        """How many pictures of the set are reviewed."""
        return len(self._reviewed)

    @property
    def total(self) -> int:
        """How many pictures the set has."""
        return len(self._session.keys) if self._session is not None else 0

    def _count_reviewed(self) -> None:
        session = self._session
        keys = session.keys if session is not None else ()
        self._reviewed = {key for key in keys if session is not None and session.reviewed(key)}

    def _changed(self, session: Session, key: str) -> None:
        if session is self._session:
            self._touched.add(key)
            if not self._look.isActive():
                self._look.start()

    def _look_at_touched(self) -> None:
        session = self._session
        touched, self._touched = self._touched, set()
        if session is None:
            return
        before = len(self._reviewed)
        is_on, tests = self._filter.is_on(), self._filter.tests(self._facts)
        for key in touched:
            if key not in session:
                self._reviewed.discard(key)
                continue
            image = session.image(key)
            (self._reviewed.add if image.reviewed else self._reviewed.discard)(key)
            if is_on:
                self._note_fit(key, all(test(image) for test in tests))
        self.view.update_keys(touched)
        self._tell_count()
        if len(self._reviewed) != before:
            self.counted.emit()

    def _note_fit(self, key: str, fits: bool) -> None:
        gone = self.view.painter.no_longer_fits
        if self.view.rows.row_of(key) is None:
            (self._newly_fits.add if fits else self._newly_fits.discard)(key)
        else:
            (gone.discard if fits else gone.add)(key)

    # Words

    def _tell_filter(self) -> None:
        words = words_for(self._filter, self._only_text)
        self.summary.setText(" · ".join(words))
        for widget in (self.summary, self.clear_button):
            widget.setVisible(bool(words))
        self.filter_button.setDown(bool(words))

    def _tell_count(self) -> None:
        shown, total = len(self.view.rows.shown), self.total
        pictures = tr_n("{n} picture", "{n} pictures", total)
        text = pictures if shown == total else tr("{n} of {pictures}", n=f"{shown:,}", pictures=pictures)
        if self._task is None:
            self.count.setText(text)
        gone, new = len(self.view.painter.no_longer_fits), len(self._newly_fits)
        self.update_button.setVisible(bool(gone or new))
        self.update_button.setToolTip(
            tr("{gone} shown here do not fit the filter any more, {new} others do now", gone=gone, new=new)
        )


def _button(text: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.NoFocus)
    button.setAutoRaise(True)
    return button


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(2)
    for widget in widgets:
        row.addWidget(widget)
    return row
