"""Mending label files that reading refused, and reading the set again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt5.QtCore import QObject, Qt, QUrl, pyqtSignal
from PyQt5.QtGui import QDesktopServices
from PyQt5.QtWidgets import QMessageBox, QProgressDialog, QWidget

from annotator import messages
from annotator.core.finding_files import FilePlan, FileWay, bring_back, carry_out, plan_files
from annotator.core.findings import Finding
from annotator.core.project import Project
from annotator.qt.background import Task
from annotator.qt.finding_texts import file_way_tip, file_way_title
from annotator.qt.translation import tr, tr_n
from converters.errors import DataError


class FileMender(QObject):
    """Changes label files; each time the original is kept.

    Signals:
        read_again_wanted: The set has to be read again, at the picture of this key (or where it was: None).
    """

    read_again_wanted = pyqtSignal(object)

    def __init__(self, page: QWidget) -> None:
        super().__init__(page)
        self._page = page
        self._task: Task | None = None

    def mend(self, project: Project, findings: Sequence[Finding], way: FileWay) -> None:
        """Do something about the label files of findings."""
        path = findings[0].issue.path
        if path is None or self._task is not None:
            return
        if way is FileWay.SYSTEM:
            if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))):
                messages.warning(tr("The system knows no program that opens {name}.", name=path.name))
        elif way is FileWay.TEXT:
            self._open_text(project, findings[0], path)
        else:
            self._plan(project, findings, way)

    def bring_back(self, project: Project) -> None:
        """Bring back the originals of the latest change."""
        if not self._save(project):
            return
        try:
            names = bring_back(project.session.root)
        except DataError as error:
            messages.error(str(error))
            return
        self.read_again_wanted.emit(None)
        messages.info(tr_n("{n} label file is as it was.", "{n} label files are as they were.", len(names)))

    def _open_text(self, project: Project, finding: Finding, path: Path) -> None:
        from annotator.qt.dialogs.label_text import edit_text

        if not self._save(project):
            return
        try:
            changed = edit_text(self._page.window(), project.session.root, path, finding)
        except DataError as error:
            messages.error(str(error))
            return
        if changed:
            self.read_again_wanted.emit(finding.key)

    def _plan(self, project: Project, findings: Sequence[Finding], way: FileWay) -> None:
        if not self._save(project):
            return
        root, format = project.session.root, project.session.codec.name
        dialog = QProgressDialog(tr("Reading the label files…"), tr("Cancel"), 0, 0, self._page.window())
        dialog.setWindowTitle(file_way_title(way))
        dialog.setWindowModality(Qt.WindowModal)
        dialog.setMinimumDuration(500)
        task = Task(lambda tell: plan_files(root, format, findings, way, tell), self)
        dialog.canceled.connect(task.cancel)
        task.progressed.connect(lambda done, total: (dialog.setMaximum(total), dialog.setValue(done)))
        task.failed.connect(messages.error)
        task.finished.connect(lambda: self._ended(dialog))
        task.succeeded.connect(lambda plan: self._planned(plan, way))
        self._task = task.start()

    def _ended(self, dialog: QProgressDialog) -> None:
        self._task = None
        dialog.reset()
        dialog.deleteLater()

    def _planned(self, plan: FilePlan, way: FileWay) -> None:
        if not self._agreed(plan, way):
            return
        try:
            place = carry_out(plan)
        except DataError as error:
            messages.error(str(error))
            return
        self.read_again_wanted.emit(next(iter(plan.keys), None))
        messages.info(
            tr(
                "The originals are in {folder}. Edit › Bring back the label files mended last undoes it.",
                folder=place,
            )
        )

    def _agreed(self, plan: FilePlan, way: FileWay) -> bool:
        box = QMessageBox(self._page.window())
        box.setIcon(QMessageBox.Question)
        box.setWindowTitle(file_way_title(way))
        files = tr_n("{n} label file changes.", "{n} label files change.", len(plan.changes))
        boxes = tr_n("It has {n} good box.", "{n} boxes are in it.", plan.boxes)
        if way is FileWay.ANEW:
            files = tr_n("{n} label file is put aside.", "{n} label files are put aside.", len(plan.changes))
            boxes = ""
        box.setText(f"{file_way_tip(way)}.")
        box.setInformativeText(
            " ".join(filter(None, (files, boxes, tr("The original is kept, and the set is read again."))))
        )
        box.setDetailedText(
            "\n".join([*plan.changes, "", *(str(one.get("message", "")) for one in plan.done)])
        )
        agree = box.addButton(file_way_title(way), QMessageBox.AcceptRole)
        box.addButton(tr("Cancel"), QMessageBox.RejectRole)
        box.setDefaultButton(agree)
        box.exec_()
        return box.clickedButton() is agree

    def _save(self, project: Project) -> bool:
        """Whether all edits are on disk: files that are read now have to say what the window shows."""
        errors = project.session.save()
        if errors:
            messages.error(str(errors[0]))
        return not errors
