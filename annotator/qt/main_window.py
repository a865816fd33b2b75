"""The window: pages, actions, saving, opening and closing. What happens inside a page is the page's."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import QByteArray, QSize, Qt, QTimer
from PyQt5.QtGui import QCloseEvent, QContextMenuEvent, QDragEnterEvent, QDropEvent, QGuiApplication
from PyQt5.QtWidgets import (
    QFileDialog,
    QLabel,
    QMainWindow,
    QMenu,
    QMessageBox,
    QProgressDialog,
    QStackedWidget,
    QTabWidget,
    QWidget,
)

from annotator import messages
from annotator.core.project import Project
from annotator.core.session import Session
from annotator.qt.actions import build_actions, build_menus, show_keys
from annotator.qt.background import Task
from annotator.qt.canvas import Mode
from annotator.qt.loader import ImageLoader
from annotator.qt.message_bar import MessageBar
from annotator.qt.pages.augment import AugmentPage
from annotator.qt.pages.balance import BalancePage
from annotator.qt.pages.label import LabelPage
from annotator.qt.pages.predict import PredictPage
from annotator.qt.pages.split import SplitPage
from annotator.qt.pages.start import StartPage
from annotator.qt.pages.train import TrainPage
from annotator.qt.undo import UndoStack
from annotator.settings import Settings
from converters.balance_plan import BalancePlan
from converters.words import counted

SAVE_DELAY = 600
"""Milliseconds after an edit until it is written to its file; the journal has it at once."""
SAVE_SECONDS = 0.2
"""Seconds that writing may keep the window; what is left comes right behind."""
SAVING = "saving"
"""Topic of the messages about what could not be saved."""


class MainWindow(QMainWindow):
    """The one window."""

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.settings = settings
        self.project: Project | None = None
        self.undo_stack = UndoStack(self)
        self.loader = ImageLoader(self)
        self._opening: Task | None = None
        self._closed = False
        self._asks = True
        self._return_to: str | None = None
        self._save_timer = QTimer(self)
        self._save_timer.setSingleShot(True)
        self._save_timer.setInterval(SAVE_DELAY)
        self._save_timer.timeout.connect(self._save_some)
        self._build()
        self.actions_by_name = build_actions(self)
        build_menus(self, self.actions_by_name)
        self._connect()
        self._restore()
        self._show_start()

    # Building

    def _build(self) -> None:
        self.setWindowTitle("mask-annotator")
        self.setAcceptDrops(True)
        self.start = StartPage()
        self.label = LabelPage(self.loader, self.undo_stack)
        self.balance = BalancePage()
        self.split = SplitPage()
        self.augment = AugmentPage()
        self.train = TrainPage()
        self.predict = PredictPage(self.loader)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        # A page is reached by the mouse or its key: arrows belong to the canvas.
        self.tabs.tabBar().setFocusPolicy(Qt.NoFocus)
        for page, title in (
            (self.label, "Label"),
            (self.balance, "Balance"),
            (self.split, "Split"),
            (self.augment, "Augment"),
            (self.train, "Train"),
            (self.predict, "Predictions"),
        ):
            self.tabs.addTab(page, title)
        self.pages = (self.balance, self.split, self.augment, self.train, self.predict)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.start)
        self.stack.addWidget(self.tabs)
        self.setCentralWidget(self.stack)
        self.message_bar = MessageBar(self.stack)
        self.mode_label, self.place_label, self.save_label = QLabel(), QLabel(), QLabel()
        self.zoom_label = QLabel()
        self.statusBar().addWidget(self.save_label)
        self.statusBar().addPermanentWidget(self.zoom_label)
        self.statusBar().addPermanentWidget(self.mode_label)
        self.statusBar().addPermanentWidget(self.place_label)

    def _connect(self) -> None:
        self.start.demo_wanted.connect(self.open_demo)
        self.start.folder_wanted.connect(self.ask_for_folder)
        self.start.archive_wanted.connect(self.ask_for_archive)
        self.start.chosen.connect(self.open_path)
        self.tabs.currentChanged.connect(self._page_changed)
        self.undo_stack.changed.connect(self._edited)
        self.label.image_changed.connect(self._image_changed)
        self.label.status.connect(self.place_label.setText)
        self.label.canvas.mode_changed.connect(self._mode_changed)
        self.split.save_wanted.connect(self.save)
        self.train.run_finished.connect(self.predict.choose_run)
        self.predict.label_wanted.connect(self.show_image_of)
        self.balance.filter_requested.connect(self.show_only)
        self.balance.plan_ready.connect(self.use_plan)
        self.label.canvas.viewport_changed.connect(
            lambda viewport: self.zoom_label.setText(f"{100 * viewport.scale:.0f} %")
        )
        for page in self.pages:
            page.work_changed.connect(self._work_changed)

    def _restore(self) -> None:
        screen = QGuiApplication.primaryScreen().availableGeometry().size()
        # Room for the frame and title bar that the window manager adds.
        self.resize(QSize(1280, 760).boundedTo(screen - QSize(16, 48)))
        geometry = self.settings.get("geometry")
        if isinstance(geometry, str):
            self.restoreGeometry(QByteArray.fromBase64(geometry.encode("ascii")))
        splitter = self.settings.get("label_splitter")
        if isinstance(splitter, str):
            self.label.splitter.restoreState(QByteArray.fromBase64(splitter.encode("ascii")))

    # Opening

    def open_demo(self) -> None:
        """Open the working copy of the demo set; the shipped one is never written."""
        from annotator.core.demo import demo_copy
        from converters.errors import DataError

        try:
            path = demo_copy()
        except DataError as error:
            messages.error(str(error))
            return
        self.open_path(path)

    def ask_for_folder(self) -> None:
        """Ask for a folder and open it."""
        path = QFileDialog.getExistingDirectory(self, "Open a folder of pictures", self._last_place())
        if path:
            self.open_path(Path(path))

    def ask_for_archive(self) -> None:
        """Ask for an archive and open it."""
        path, _ = QFileDialog.getOpenFileName(
            self,
            "Open a zip",
            self._last_place(),
            "Archives (*.zip *.tar *.tar.gz *.tgz *.tar.bz2 *.tar.xz);;All files (*)",
        )
        if path:
            self.open_path(Path(path))

    def _last_place(self) -> str:
        recent = self.settings.recent
        return str(recent[0].parent if recent else Path.home())

    def open_path(self, path: Path) -> None:
        """Open a folder or an archive in the background, in the place of what is open."""
        if self._opening is not None or not self._may_leave():
            return
        dialog = QProgressDialog(f"Opening {path.name}…", "Cancel", 0, 0, self)
        dialog.setWindowTitle("Opening")
        dialog.setWindowModality(Qt.WindowModal)
        # A set that opens at once needs no dialog.
        dialog.setMinimumDuration(500)
        self._let_go()
        task = Task(lambda tell: Session.open(path, tell), self)
        dialog.canceled.connect(task.cancel)
        task.progressed.connect(lambda done, total: _tell(dialog, done, total))
        task.succeeded.connect(lambda session: self._opened(session, path))
        task.failed.connect(self._not_opened)
        task.cancelled.connect(self._show_start)
        task.finished.connect(lambda: self._opening_ended(dialog))
        self._opening = task.start()

    def _opening_ended(self, dialog: QProgressDialog) -> None:
        self._opening = None
        dialog.reset()
        dialog.deleteLater()

    def _not_opened(self, text: str) -> None:
        messages.error(text)
        self._show_start()

    def _opened(self, session: Session, path: Path) -> None:
        if self._closed:  # it was opened in the background while the window closed
            session.close()
            return
        self.project = Project(session, self.settings)
        self.project.take_over_split()
        self.undo_stack.set_session(session)
        self.settings.add_recent(path)
        self.setWindowTitle(f"{session.root.name} — mask-annotator")
        self.stack.setCurrentWidget(self.tabs)
        self.tabs.setCurrentWidget(self.label)
        self.label.set_project(self.project)
        if self._return_to in session:
            self.label.reveal(self._return_to)
        self._return_to = None
        for page in self.pages:
            page.set_project(self.project)
        self._enable_actions()
        self._say_what_was_found(session)
        self._show_saved()

    def _say_what_was_found(self, session: Session) -> None:
        unlabelled = sum(not session.image(key).labelled for key in session.keys)
        details = "\n".join(map(str, session.report))
        if session.sidecar.locked_by is not None:
            messages.warning(
                f"This set is open in another window (process {session.sidecar.locked_by}): edit it in "
                "one of them only. Neither overwrites what the other changed, or shows it before F5."
            )
        elif not session.sidecar.writable:
            messages.warning(
                f"{session.root} is read-only: you can look, but changes cannot be saved here. "
                "Copy the set to a folder of your own to edit it."
            )
        elif session.report.errors:
            problems = counted(len(session.report.errors), "problem")
            messages.warning(
                f"{counted(len(session.keys), 'picture')} open; {problems} found, and what "
                "it is about was left out. Details says what to do.",
                details,
            )
        elif unlabelled == len(session.keys):
            messages.info("No labels were found beside the pictures: press W and draw the first box.")
        elif session.report.issues:
            pictures = counted(len(session.keys), "picture")
            messages.info(f"{pictures} open. To look at some day: {session.report.summary()}.", details)

    def _let_go(self) -> None:
        """Leave the open set."""
        self.undo_stack.clear()
        if self.project is not None:
            self.project.session.close()
            self.project = None
        self.loader.forget_all()

    def _show_start(self) -> None:
        self.setWindowTitle("mask-annotator")
        self.start.show_recent(self.settings.recent)
        self.stack.setCurrentWidget(self.start)
        self._enable_actions()
        self._show_saved()

    # Editing and saving

    def _edited(self) -> None:
        if self.project is None:
            return
        # Not started anew: edit after edit, the first of them is on disk in time all the same.
        if not self._save_timer.isActive():
            self._save_timer.start(SAVE_DELAY)
        self._show_saved()

    def undo(self) -> None:
        """Take back the last edit, and show the picture it was made on."""
        self._reveal(self.undo_stack.next_key(back=True))
        self.undo_stack.undo()

    def redo(self) -> None:
        """Do again what was taken back."""
        self._reveal(self.undo_stack.next_key(back=False))
        self.undo_stack.redo()

    def _reveal(self, key: str | None) -> None:
        if key is not None:
            self.tabs.setCurrentWidget(self.label)
            self.label.reveal(key)

    def _save_some(self) -> None:
        """Write what has changed; of very many files some now, the others once the window had its turn."""
        if self.save(seconds=SAVE_SECONDS) and self.project is not None and self.project.session.is_unsaved:
            self._save_timer.start(0)

    def save(self, overwrite: bool = False, seconds: float | None = None) -> bool:
        """Write what has changed; returns whether that went well.

        Args:
            overwrite: Also files that another program changed meanwhile.
            seconds: Stop after about so long; what is left has to be written by another call.
        """
        self._save_timer.stop()
        if self.project is None:
            return True
        errors = self.project.session.save(overwrite=overwrite, seconds=seconds)
        if errors:
            more = f" ({counted(len(errors) - 1, 'more file')} could not be saved)" if len(errors) > 1 else ""
            messages.error(f"Not saved: {errors[0]}{more}", "\n".join(map(str, errors)), SAVING)
        else:
            messages.settle(SAVING)
        self._show_saved()
        return not errors

    def save_quietly(self) -> None:
        """Rescue what can be rescued (after a mistake of ours)."""
        if self.project is not None:
            self.project.session.save()

    def read_again(self) -> None:
        """Open the set anew, at the same picture: what another program changed is seen."""
        if self.project is not None:
            self._return_to = self.label.key
            self.open_path(self.project.session.root)

    def show_image_of(self, key: str) -> None:
        """Go to the labelling page at a picture (from the predictions, say)."""
        if self.project is not None and key in self.project.session:
            self.tabs.setCurrentWidget(self.label)
            self.label.reveal(key)
        else:
            messages.info("This picture is not in the open set.")

    def show_only(self, keys: tuple[str, ...], text: str) -> None:
        """Go to the labelling page with only these pictures in its list."""
        self.tabs.setCurrentWidget(self.label)
        self.label.images.show_only(keys, text)

    def use_plan(self, plan: BalancePlan) -> None:
        """Go to the augmentation page with a plan to carry out."""
        self.tabs.setCurrentWidget(self.augment)
        self.augment.use_plan(plan)

    def overwrite_changed(self) -> None:
        """Write also the files that another program changed meanwhile."""
        self.save(overwrite=True)

    def _show_saved(self) -> None:
        if self.project is None:
            self.save_label.setText("")
            return
        dirty = len(self.project.session.dirty_keys)
        self.save_label.setText(
            "All changes are saved" if not dirty else f"{counted(dirty, 'picture')} with unsaved changes"
        )

    # What is shown

    def _enable_actions(self) -> None:
        is_open = self.project is not None
        labelling = is_open and self.tabs.currentWidget() is self.label
        for name, action in self.actions_by_name.items():
            needs = action.property("needs")
            action.setEnabled(needs is None or (is_open if needs == "set" else labelling))
            del name

    def _page_changed(self, index: int) -> None:
        page = self.tabs.widget(index)
        if self.project is not None and page in self.pages:
            page.refresh()
        if page is self.label:
            self.label.canvas.setFocus()
        self.mode_label.setVisible(page is self.label)
        self.place_label.setVisible(page is self.label)
        self.zoom_label.setVisible(page is self.label)
        self._enable_actions()

    def _work_changed(self) -> None:
        if self.project is not None:
            self.project.take_over_split()
            self.label.images.refresh_filters()
            self.train.set_project(self.project)
            self.augment.refresh()
            self.predict.refresh()

    def _image_changed(self, key: str) -> None:
        if self.project is not None:
            number = self.project.session.position(key) + 1
            self.mode_label.setText(f"{number} of {len(self.project.session.keys)}")

    def _mode_changed(self, mode: Mode) -> None:
        text = {
            Mode.SELECT: "",
            Mode.DRAW_ONE: "Drawing one box (W again: keep drawing, Esc: stop)",
            Mode.DRAW_MANY: "Drawing boxes (Esc: stop)",
        }[mode]
        self.statusBar().showMessage(text)

    def show_keys(self) -> None:
        """The map of the keys."""
        show_keys(self, self.actions_by_name)

    def show_messages(self) -> None:
        """Everything that was said since the start."""
        from annotator.qt.message_bar import show_text

        lines = [f"[{message.level}] {message.text}" for message in messages.history]
        show_text(self, "Messages", "\n".join(lines) or "Nothing was said yet.")

    # Events

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if (
            self.project is None
            or self.tabs.currentWidget() is not self.label
            or not self.label.canvas.underMouse()
        ):
            return
        menu = QMenu(self)
        if self.label.canvas.selected:
            for name in self.project.session.class_names:
                menu.addAction(f"Relabel as {name}", lambda name=name: self.label.choose_class(name))
            menu.addSeparator()
            for name in ("duplicate", "copy", "delete"):
                menu.addAction(self.actions_by_name[name])
            menu.addSeparator()
        for name in ("paste", "draw", "fit"):
            menu.addAction(self.actions_by_name[name])
        menu.exec_(event.globalPos())

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            self.open_path(paths[0])

    def _may_leave(self) -> bool:
        """Save; ask where something cannot be saved or still runs. False: stay."""
        busy = [page for page in self.pages if page.is_busy()]
        if busy:
            what = "A training is running" if self.train in busy else "Something is still being made"
            question = f"{what}. Stop it?"
            details = self.train.what_a_stop_keeps() if self.train in busy else "It can be begun again."
            if not self._ask(question, details, "Stop it"):
                return False
            for page in busy:
                page.stop()
        if self.save():
            return True
        return self._ask(
            "Some changes could not be saved and would be lost.",
            "The message at the bottom says why. Stay to save them again.",
            "Leave and lose them",
        )

    def _ask(self, text: str, details: str, yes: str) -> bool:
        if not self._asks:
            return True
        box = QMessageBox(QMessageBox.Question, "mask-annotator", text, QMessageBox.NoButton, self)
        box.setInformativeText(details)
        stay = box.addButton("Stay", QMessageBox.RejectRole)
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
        if not self._may_leave():
            event.ignore()
            return
        self.settings.set("geometry", bytes(self.saveGeometry().toBase64()).decode("ascii"))
        self.settings.set("label_splitter", bytes(self.label.splitter.saveState().toBase64()).decode("ascii"))
        self._closed = True
        if self._opening is not None:
            self._opening.cancel()
            self._opening.wait()
        for page in self.pages:
            page.stop()
        self._let_go()
        self.loader.shut_down()
        self.message_bar.stop_listening()
        event.accept()


def _tell(dialog: QProgressDialog, done: int, total: int) -> None:
    dialog.setMaximum(total)
    dialog.setValue(min(done, max(total - 1, 0)))
