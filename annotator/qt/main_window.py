"""The window: its pages, what is open, and what they tell one another. What is in a page is the page's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PyQt5.QtCore import Qt
from PyQt5.QtGui import (
    QCloseEvent,
    QContextMenuEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
)
from PyQt5.QtWidgets import QLabel, QMainWindow, QMessageBox, QStackedWidget, QTabWidget, QWidget

from annotator import messages
from annotator.core.project import Project
from annotator.core.recent import recent_sets
from annotator.qt import layout_memory, left_training
from annotator.qt.actions import Actions
from annotator.qt.advice_visit import AdviceVisit
from annotator.qt.canvas import Mode
from annotator.qt.context_menu import context_menu
from annotator.qt.dialogs.classes_menu import show_classes
from annotator.qt.dialogs.dropping import drop
from annotator.qt.finding_visits import Visits
from annotator.qt.gallery_visit import GalleryVisit
from annotator.qt.later_pages import LaterPages
from annotator.qt.loader import ImageLoader
from annotator.qt.looking import look_at_pictures
from annotator.qt.message_bar import MessageBar
from annotator.qt.mistake_visit import MistakeVisit
from annotator.qt.network_opinion import NetworkOpinion
from annotator.qt.opening import Opening
from annotator.qt.pages.findings import FindingsPage
from annotator.qt.pages.gallery import GalleryPage
from annotator.qt.pages.label import LabelPage
from annotator.qt.pages.page import PlainPage
from annotator.qt.pages.start import StartPage
from annotator.qt.picture_actions import PictureActions
from annotator.qt.review_progress import ReviewProgress
from annotator.qt.saving import Saving
from annotator.qt.suggestions import Suggestions
from annotator.qt.translation import tr
from annotator.qt.typing_guard import TypingGuard
from annotator.qt.undo import UndoStack
from annotator.settings import Settings
from converters.balance_plan import BalancePlan

if TYPE_CHECKING:
    from annotator.qt.pages.balance import BalancePage
    from annotator.qt.pages.predict import PredictPage
    from annotator.qt.pages.train import TrainPage


class MainWindow(QMainWindow):
    """The one window.

    Attributes:
        project: What is open, or None.
        page_names: The pages behind the tabs by their names, in the order of the tabs.
        pages: Those of them that are a :class:`PlainPage` (all but the labelling page).
        actions_by_name: Every action; see ``annotator.qt.actions``.
    """

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.settings = settings
        self.project: Project | None = None
        self.undo_stack = UndoStack(self)
        self.loader = ImageLoader(self)
        self.opening = Opening(self)
        self.saving = Saving(self)
        self._asks = True
        self.page_names: dict[str, QWidget] = {}
        self.pages: list[PlainPage] = []
        self.later = LaterPages(self)
        self._build()
        self.pictures = PictureActions(self)
        self.keys = Actions(self)
        self.actions_by_name = self.keys.by_name
        self._guard = TypingGuard(self)
        self._connect()
        layout_memory.restore(self)
        self.show_start()

    # Building

    def _build(self) -> None:
        self.setWindowTitle("mask-annotator")
        self.setAcceptDrops(True)
        self.start = StartPage()
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        # A page is reached by the mouse or its key: arrows belong to the canvas.
        self.tabs.tabBar().setFocusPolicy(Qt.NoFocus)
        self._build_pages()
        self.stack = QStackedWidget()
        self.stack.addWidget(self.start)
        self.stack.addWidget(self.tabs)
        self.setCentralWidget(self.stack)
        self.message_bar = MessageBar(self.stack)
        self.mode_label, self.place_label, self.save_label = QLabel(), QLabel(), QLabel()
        self.zoom_label = QLabel()
        self.statusBar().addWidget(self.save_label)
        for label in (self.zoom_label, self.mode_label, self.place_label):
            self.statusBar().addPermanentWidget(label)
        self.review = ReviewProgress.of(self.label.images)
        self.statusBar().addPermanentWidget(self.review)

    def _build_pages(self) -> None:
        """The pages in the order of the loop; a page's name is the context of its actions."""
        self.label = LabelPage(self.loader, self.undo_stack)
        self.findings = FindingsPage(self.undo_stack)
        self.gallery = GalleryPage(self.undo_stack)
        self._add_page("label", tr("Label"), self.label)
        self._add_page("findings", tr("Findings"), self.findings)
        self._add_page("gallery", tr("Gallery"), self.gallery)
        later, pages = self.later, "annotator.qt.pages"
        later.add("balance", tr("Balance"), f"{pages}.balance:BalancePage")
        later.add("split", tr("Split"), f"{pages}.split:SplitPage")
        later.add("augment", tr("Augment"), f"{pages}.augment:AugmentPage")
        later.add("train", tr("Train"), f"{pages}.train:TrainPage")
        later.add("predict", tr("Predictions"), f"{pages}.predict:PredictPage", self.loader)

    def __getattr__(self, name: str) -> Any:
        """A page that was not built yet."""
        later = self.__dict__.get("later")
        if later is not None and name in later:
            return later.build(name)
        raise AttributeError(name)

    def _add_page(self, name: str, title: str, page: QWidget) -> None:
        self.tabs.addTab(page, title)
        self.page_names[name] = page
        if isinstance(page, PlainPage):
            self.page_was_built(page)

    def page_was_built(self, page: PlainPage) -> None:
        """There is one page more."""
        self.pages.append(page)
        page.work_changed.connect(self._work_changed)

    def _connect(self) -> None:
        self.start.demo_wanted.connect(self.opening.open_demo)
        self.start.folder_wanted.connect(self.opening.ask_for_folder)
        self.start.archive_wanted.connect(self.opening.ask_for_archive)
        self.start.look_wanted.connect(lambda: look_at_pictures(self))
        self.start.chosen.connect(self.open_path)
        self.start.unwanted.connect(self.opening.forget)
        self.tabs.currentChanged.connect(self._page_changed)
        self.undo_stack.changed.connect(self.saving.edited)
        self.label.boxes.classes_wanted.connect(lambda name: show_classes(self, name))
        self.label.image_changed.connect(self._image_changed)
        self.label.status.connect(self.place_label.setText)
        self.label.canvas.mode_changed.connect(self._mode_changed)
        self.gallery_visit = GalleryVisit(self)
        self.network_opinion = NetworkOpinion(self)
        self.suggestions = Suggestions(self)
        self.visits = Visits(self)
        self.mistake_visit = MistakeVisit(self)
        self.advice_visit = AdviceVisit(self)
        self.label.canvas.viewport_changed.connect(
            lambda _: self.zoom_label.setText(f"{self.label.canvas.zoom_percent:.0f} %")
        )
        self.label.told.connect(lambda text: self.statusBar().showMessage(text, 4000))
        self.later.when_built("split", lambda page: page.save_wanted.connect(self.save))
        self.later.when_built("balance", self._connect_balance)
        self.later.when_built("train", self._connect_training)
        self.later.when_built("predict", self._connect_predictions)

    def _connect_balance(self, balance: BalancePage) -> None:
        balance.filter_requested.connect(self.show_only)
        balance.plan_ready.connect(self.use_plan)

    def _connect_predictions(self, predict: PredictPage) -> None:
        predict.label_wanted.connect(self.show_image_of)
        predict.any_pictures.set_wanted.connect(self.open_path)

    def _predict_with(self, run: Path, iteration: int) -> None:
        self.show_page("predict")
        self.predict.look_with(run, iteration)

    def _connect_training(self, train: TrainPage) -> None:
        train.run_finished.connect(lambda *run: self.predict.choose_run(*run))
        train.page_wanted.connect(self.show_page)
        train.predictions_wanted.connect(self._predict_with)
        train.label_wanted.connect(self.show_image_of)
        train.size_changed.connect(self.label.boxes.set_network_size)
        train.size_changed.connect(lambda *size: self.label.images.set_network(size))

    # What is shown

    @property
    def page_name(self) -> str:
        """Name of the page that is shown; empty while none is (the start page)."""
        if self.project is None:
            return ""
        shown = self.tabs.currentWidget()
        return next((name for name, page in self.page_names.items() if page is shown), "")

    def show_page(self, name: str) -> None:
        """Go to a page by its name."""
        self.tabs.setCurrentWidget(self.page_names[name])

    def show_start(self) -> None:
        """The start page, while no set is open."""
        self.setWindowTitle("mask-annotator")
        self.start.show_recent(recent_sets(self.settings))
        self.stack.setCurrentWidget(self.start)
        self.keys.enable()
        self.saving.show_saved()

    def show_project(self, project: Project, at: str | None = None) -> None:
        """Show a set that was opened, at a picture of it."""
        self.project = project
        self.undo_stack.set_session(project.session)
        self.setWindowTitle(f"{project.session.root.name} — mask-annotator")
        self.stack.setCurrentWidget(self.tabs)
        self.tabs.setCurrentWidget(self.label)
        self.label.set_project(project)
        if at in project.session:
            self.label.reveal(at)
        for page in self.pages:
            page.set_project(project)
        self.network_opinion.set_project(project)
        self.mistake_visit.set_project(project)
        self.suggestions.set_project(project)
        self.keys.enable()
        left_training.find(self)
        self.saving.show_saved()

    def show_image_of(self, key: str) -> None:
        """Go to the labelling page at a picture (from the predictions, say)."""
        if self.project is not None and key in self.project.session:
            self.tabs.setCurrentWidget(self.label)
            self.label.reveal(key)
        else:
            messages.info(tr("This picture is not in the open set."))

    def show_only(self, keys: tuple[str, ...], text: str) -> None:
        """Go to the labelling page with only these pictures in its list."""
        self.tabs.setCurrentWidget(self.label)
        self.label.images.show_only(keys, text)

    def use_plan(self, plan: BalancePlan) -> None:
        """Go to the augmentation page with a plan to carry out."""
        self.tabs.setCurrentWidget(self.augment)
        self.augment.use_plan(plan)

    def _page_changed(self, index: int) -> None:
        page = self.later.at(index)
        if self.project is not None and page in self.pages:
            page.refresh()
        if page is self.label:
            self.label.canvas.setFocus()
        for label in (self.mode_label, self.place_label, self.zoom_label):
            label.setVisible(page is self.label)
        self.keys.enable()

    def _work_changed(self) -> None:
        if self.project is not None:
            self.project.take_over_split()
            self.label.images.refresh_filters()
            self.later.when_there("train", lambda page: page.set_project(self.project))
            for name in ("augment", "predict"):
                self.later.when_there(name, lambda page: page.refresh())

    def _image_changed(self, key: str) -> None:
        if self.project is not None:
            number = self.project.session.position(key) + 1
            self.mode_label.setText(
                tr("{number} of {count}", number=number, count=len(self.project.session.keys))
            )

    def _mode_changed(self, mode: Mode) -> None:
        text = {
            Mode.SELECT: "",
            Mode.DRAW_ONE: tr("Drawing one box (W again: keep drawing, Esc: stop)"),
            Mode.DRAW_MANY: tr("Drawing boxes (Esc: stop)"),
        }[mode]
        self.statusBar().showMessage(text)

    def show_messages(self) -> None:
        """Everything that was said since the start."""
        from annotator.qt.message_bar import show_text

        lines = [f"[{message.level}] {message.text}" for message in messages.history]
        show_text(self, tr("Messages"), "\n".join(lines) or tr("Nothing was said yet."))

    # Opening, editing, saving: for the pages and the actions

    def open_path(self, path: Path) -> None:
        """Open a folder or an archive in the place of what is open."""
        self.opening.open_path(path)

    def open_demo(self) -> None:
        """Open the working copy of the demo set."""
        self.opening.open_demo()

    def undo(self) -> None:
        """Take back the last edit, and show the picture it was made on; in a drag, take back that."""
        if self.label.canvas.cancel_gesture():
            return
        self._reveal(self.undo_stack.next_key(back=True))
        self.undo_stack.undo()

    def redo(self) -> None:
        """Do again what was taken back."""
        self._reveal(self.undo_stack.next_key(back=False))
        self.undo_stack.redo()

    def _reveal(self, key: str | None) -> None:
        stays = any(one.stays() for one in (self.gallery_visit, self.visits, self.mistake_visit))
        if key is not None and not stays:
            self.tabs.setCurrentWidget(self.label)
            self.label.reveal(key)

    def save(self) -> bool:
        """Write what has changed; returns whether that went well."""
        return self.saving.save()

    def save_quietly(self) -> None:
        """Rescue what can be rescued (after a mistake of ours)."""
        if self.project is not None:
            self.project.session.save()

    # Events

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = context_menu(self)
        if menu is not None:
            menu.exec_(event.globalPos())

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()
            self.start.show_drop(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.start.show_drop(False)

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        self.start.show_drop(False)
        drop(self, paths)

    def may_leave(self) -> bool:
        """Save; ask where something cannot be saved or still runs. False: stay."""
        if not left_training.may_leave(self, self._asks):
            return False
        busy = [page for page in self.pages if page.is_busy()]
        if busy:
            question = tr("Something is still being made. Stop it?")
            if not self._ask(question, tr("It can be begun again."), tr("Stop it")):
                return False
            for page in busy:
                page.stop()
        if self.save():
            return True
        return self._ask(
            tr("Some changes could not be saved and would be lost."),
            tr("The message at the bottom says why. Stay to save them again."),
            tr("Leave and lose them"),
        )

    def _ask(self, text: str, details: str, yes: str) -> bool:
        if not self._asks:
            return True
        box = QMessageBox(QMessageBox.Question, "mask-annotator", text, QMessageBox.NoButton, self)
        box.setInformativeText(details)
        stay = box.addButton(tr("Stay"), QMessageBox.RejectRole)
        agree = box.addButton(yes, QMessageBox.DestructiveRole)
        # Enter and Esc lose nothing.
        box.setDefaultButton(stay)
        box.setEscapeButton(stay)
        box.exec_()
        return box.clickedButton() is agree

    def close_without_asking(self) -> None:
        """Save what can be saved, stop what runs, and close: nobody may be there to answer."""
        self._asks = False
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self.may_leave():
            event.ignore()
            return
        layout_memory.remember(self)
        self.hide()  # what is waited for below may take a second or two
        self.opening.close()
        for page in self.pages:
            page.stop()
        self.network_opinion.stop()
        self.suggestions.stop()
        self.opening.let_go()
        self.loader.shut_down()
        self.start.recent.stop()
        self.label.images.thumbnails.shut_down()
        self.message_bar.stop_listening()
        event.accept()
