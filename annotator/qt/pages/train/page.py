"""The training page: finds Darknet, starts it, shows the loss as it falls, stops and resumes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from annotator import messages
from annotator.core.training import State, running_run
from annotator.darknet.evaluation.advice import Advice
from annotator.darknet.evaluation.advice_facts import advice_after_training
from annotator.darknet.network.presets import default_max_batches, suggested
from annotator.darknet.program.dialect import Darknet, find_darknet
from annotator.darknet.program.places import candidates
from annotator.darknet.run.folder import RunFolder, list_runs
from annotator.qt.background import Task
from annotator.qt.next_steps import NextSteps
from annotator.qt.notification import notify
from annotator.qt.pages.page import Page
from annotator.qt.pages.train.fixes import mend
from annotator.qt.pages.train.gpu_choice import GPU_SETTING
from annotator.qt.pages.train.live import Live
from annotator.qt.pages.train.queue_control import QueueControl
from annotator.qt.pages.train.runs_table import RunsTable
from annotator.qt.pages.train.setup import Setup
from annotator.qt.pages.train.starting import Starting
from annotator.qt.run_texts import headline, no_darknet
from annotator.qt.said_below import known
from annotator.qt.translation import tr
from converters.errors import DataError
from converters.made import source_of_work
from converters.work import WorkFolder, read_names

DARKNET_SETTING = "darknet"


class TrainPage(Page):
    """One training at a time.

    Signals:
        run_finished: Folder of a run that ended with weights.
        runs_wanted: The person wants to see the old runs.
        size_changed: Width and height of the network's input.
        page_wanted: Name of another page, where something can be mended.
        label_wanted: Key of a picture to label.
        predictions_wanted: A run folder, and the iteration whose weights shall look at its pictures.
        advised: An Advice that the person follows, and the run it is about.
    """

    run_finished = pyqtSignal(object)
    runs_wanted = pyqtSignal()
    size_changed = pyqtSignal(int, int)
    page_wanted = pyqtSignal(str)
    label_wanted = pyqtSignal(str)
    predictions_wanted = pyqtSignal(object, int)
    advised = pyqtSignal(object, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("Train"), "", parent)
        self.darknet: Darknet | None = None
        self._search: Task | None = None
        self._advising: Task | None = None
        self._advised_run: RunFolder | None = None
        self._resumed: tuple[Path, list[str]] | None = None
        self._build_darknet()
        self._build_settings()
        self._build_live()
        self._show_state()

    # Building

    def _build_darknet(self) -> None:
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        self.found = QLabel(tr("Looking for Darknet…"))
        self.found.setWordWrap(True)
        self.found.setTextInteractionFlags(Qt.TextSelectableByMouse)
        self.choose = QPushButton(tr("Choose…"))
        self.choose.setToolTip(tr("Use another darknet program"))
        self.again = QPushButton(tr("Look again"))
        layout.addWidget(self.found, 1)
        layout.addWidget(self.choose)
        layout.addWidget(self.again)
        self.choose.clicked.connect(self.offer_darknets)
        self.again.clicked.connect(self.look_for_darknet)
        self.column.addWidget(row)

    def _build_settings(self) -> None:
        self.setup = Setup()
        basic = self.setup.basic
        self.network = basic.network
        self.size = basic.size
        self.batch = basic.batch
        self.subdivisions = basic.subdivisions
        self.max_batches = basic.max_batches
        self.start = basic.start
        self.network_note = self.setup.note
        self.setup.check.fix_wanted.connect(lambda finding: mend(self, finding))
        basic.size_changed.connect(self.size_changed)
        self.setup.changed.connect(self._show_state)
        self.setup.gpu.chosen.connect(self._gpus_chosen)
        self.max_batches.valueChanged.connect(lambda: self._show_resume(self.model.is_busy))
        self.starting = Starting(self)
        self.start.clicked.connect(self.starting.press)
        self.column.addWidget(self.setup)

    def _build_live(self) -> None:
        self.live = Live()
        self.model = self.live.model
        self.headline = self.live.headline
        self.stop_button = self.live.stop_button
        self.live.changed.connect(self._show_state)
        self.live.moved.connect(self._show_iteration)
        self.live.saved.connect(self._list_runs)
        self.live.ended.connect(self._ended)
        self.live.refused.connect(self._refused)
        self.live.predictions_wanted.connect(self.predictions_wanted)
        self.column.addWidget(self.live)
        self.next = NextSteps()
        self.next.wanted.connect(lambda advice: self.advised.emit(advice, self._advised_run))
        self.column.addWidget(self.next)
        self.runs = RunsTable()
        self.runs.itemSelectionChanged.connect(self._run_chosen)
        self.resume = QPushButton(tr("Resume the chosen run"))
        self.resume.clicked.connect(self._resume)
        self.earlier, self.later = QPushButton(tr("Earlier")), QPushButton(tr("Later"))
        self.take_out = QPushButton(tr("Take out"))
        self.earlier.setToolTip(tr("Train the chosen run that waits before the one in front of it"))
        self.later.setToolTip(tr("Train the chosen run that waits after the next one"))
        self.take_out.setToolTip(tr("Take the chosen run out of the queue; its folder stays"))
        self.earlier.clicked.connect(lambda: self._with_chosen(lambda name: self.queue.move(name, -1)))
        self.later.clicked.connect(lambda: self._with_chosen(lambda name: self.queue.move(name, 1)))
        self.take_out.clicked.connect(lambda: self._with_chosen(self.queue.remove))
        self.queue = QueueControl(lambda: self.live.is_busy and self.model.state is not State.ENDING, self)
        self.queue.changed.connect(self._queue_changed)
        self.queue.started.connect(self._turn_came)
        manage = QPushButton(tr("Runs…"))
        manage.setToolTip(tr("Old runs and their weights: how much room they take, and deleting them"))
        manage.clicked.connect(self.runs_wanted)
        buttons = QHBoxLayout()
        buttons.addWidget(self.resume)
        self.go_through = QPushButton(tr("Start the queue"))
        self.go_through.setToolTip(
            tr("Trainings wait and nobody works through them, as after a restart: train them one by one")
        )
        self.go_through.clicked.connect(self.queue.keep_going)
        for button in (self.earlier, self.later, self.take_out, self.go_through):
            buttons.addWidget(button)
        buttons.addWidget(manage)
        buttons.addStretch()
        side = QWidget()
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.runs)
        column.addLayout(buttons)
        both = QSplitter(Qt.Horizontal)
        # Its preferred height would make the page scroll on a small screen.
        both.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Ignored)
        both.setMinimumHeight(230)
        both.addWidget(self.live.tabs)
        both.addWidget(side)
        both.setSizes([640, 480])
        both.setChildrenCollapsible(False)
        self.column.addWidget(both, 1)

    # Showing

    def set_project(self, project) -> None:
        if self.project is not None and self.project.session is not project.session:
            self.live.forget()
            self.starting.forget()
        super().set_project(project)
        work = project.work
        self.live.seen.set_colours(project.session.colours.on)
        self.queue.set_work(work)
        if work is not None:
            anew = self.setup.work is None or self.setup.work.root != work.root
            self._propose_max_batches(work, anew=anew)
        else:
            self.setup.set_work(None, ())
        self._find_running()
        if self.darknet is None and self._search is None:
            self.look_for_darknet()

    def refresh(self) -> None:
        if self.setup.check.result is not None and self.setup.check.result.findings:
            self.setup.check.check_now()  # it may have been mended on another page
        self._list_runs()
        self._show_state()

    def _work(self) -> WorkFolder | None:
        return self.project.work if self.project is not None else None

    def _propose_max_batches(self, work: WorkFolder, *, anew: bool) -> None:
        """Iterations by the rule, for the pictures and classes there are now."""
        try:
            names = read_names(work.names)
            self.setup.set_work(work, names)
            lines = (work.root / "train.txt").read_text(encoding="utf-8").split()
            self.setup.propose(default_max_batches(len(names), len(lines)), anew=anew)
        except (OSError, DataError):
            pass  # the pre-flight says what is wrong with the set

    def _list_runs(self) -> None:
        work = self._work()
        self.runs.show_runs(list_runs(work.root) if work is not None else [], self.queue.waiting())

    def _show_iteration(self) -> None:
        if self.model.is_busy:
            self.runs.show_iteration(self.model.run, self.model.iteration, self.model.max_batches)

    def _chosen_run(self) -> RunFolder | None:
        return self.runs.chosen()

    def show_state(self) -> None:
        """Show what can be done now."""
        self._show_state()

    @property
    def is_looking(self) -> bool:
        """Whether Darknet is still looked for."""
        return self._search is not None

    def work_folder(self) -> WorkFolder | None:
        """The training set, if there is one."""
        return self._work()

    def _show_state(self) -> None:
        busy = self.model.is_busy
        work = self._work()
        self.start.setText(self.starting.text(busy=busy))
        self.start.setEnabled(self.setup.knows_network and not self.queue.is_adding)
        self._show_queue()
        self._show_resume(busy)
        if work is None:
            self.purpose.setText(tr("There is no training set yet: make it on the Split page first."))
            return
        text = tr("Training set: {folder}.", folder=work.root)
        known = source_of_work(work) is not None  # then the check knows what changed
        if self.project is not None and not known and self.project.work_is_stale():
            text += " " + tr(
                "Labels were saved since it was made: if boxes changed, make it again on the Split page."
            )
        self.purpose.setText(text)

    def _show_resume(self, busy: bool) -> None:
        """What the button does with the chosen run: go on, or (where it is done) train it further."""
        run = self._chosen_run()
        possible = run is not None and self.darknet is not None
        text = tr("Resume the chosen run")
        if busy:
            possible = possible and run is not None and run.path != self.model.run
            text = tr("Put the chosen run in the queue")
        if run is not None and run.info.iteration >= run.info.max_batches:
            further = self.max_batches.value()
            if not busy:
                text = tr("Train the chosen run on to {count} iterations", count=further)
            if further <= run.info.max_batches:
                text, possible = tr("The chosen run is done (raise Iterations to go on)"), False
        self.resume.setText(text)
        self.resume.setEnabled(possible)

    # Darknet

    def _gpus_chosen(self, identifiers: list[str]) -> None:
        if self.project is not None:
            self.project.settings.set(GPU_SETTING, identifiers or None)

    def look_for_darknet(self) -> None:
        """Find Darknet in the background: it is run to see what it is."""
        if self._search is not None:
            return
        setting = self.project.settings.get(DARKNET_SETTING) if self.project is not None else None
        if self.project is not None:
            gpus = self.project.settings.get(GPU_SETTING)
            self.setup.gpu.remember(
                [one for one in gpus if isinstance(one, str)] if isinstance(gpus, list) else []
            )
        self.found.setText(tr("Looking for Darknet…"))
        task = Task(lambda tell: find_darknet(setting), self)
        task.succeeded.connect(self._darknet_found)
        task.failed.connect(self._darknet_refused)
        task.finished.connect(self._search_ended)
        self._search = task.start()

    def _search_ended(self) -> None:
        self._search = None

    def _darknet_found(self, darknet: Darknet | None) -> None:
        self.darknet = darknet
        if darknet is None:
            self.found.setText(no_darknet())
        else:
            kind = {True: tr("for the GPU"), False: tr("on the CPU"), None: ""}[darknet.gpu]
            self.found.setText(" · ".join(filter(None, (darknet.title, kind, str(darknet.path)))))
            name = self.setup.basic.network_name
            if name and not darknet.knows(name):
                self.network.setCurrentText(suggested(darknet.dialect, darknet.gpu))
        self.setup.set_darknet(darknet)

    def _darknet_refused(self, text: str) -> None:
        self.darknet = None
        self.found.setText(known(text))
        if self.project is not None:
            # What was chosen is no Darknet: "Look again" shall not ask for it for ever.
            self.project.settings.set(DARKNET_SETTING, None)
        self.setup.set_darknet(None)

    def offer_darknets(self) -> None:
        """Those that are on this machine, and any other; where there is none of them, ask at once."""
        own = self.darknet.path.resolve() if self.darknet is not None else None
        others = [path for path in candidates() if path.resolve() != own]
        if not others:
            self.choose_darknet()
            return
        menu = QMenu(self)
        for path in others:
            action = menu.addAction(str(path).replace("&", "&&"))
            action.triggered.connect(lambda _, path=path: self.use_darknet(str(path)))
        menu.addSeparator()
        menu.addAction(tr("Another program…")).triggered.connect(lambda _: self.choose_darknet())
        menu.setAttribute(Qt.WA_DeleteOnClose)
        menu.popup(self.choose.mapToGlobal(self.choose.rect().bottomLeft()))

    def use_darknet(self, path: str) -> None:
        """Take this one from now on."""
        if self.project is not None:
            self.project.settings.set(DARKNET_SETTING, path)
            self.look_for_darknet()

    def choose_darknet(self) -> None:
        """Ask for the program."""
        path, _ = QFileDialog.getOpenFileName(self, tr("Choose the darknet program"), str(Path.home()))
        if path:
            self.use_darknet(path)

    # Running

    def start_or_queue(self) -> None:
        """Start the training that is set up."""
        work = self._work()
        if work is None or self.darknet is None:
            return
        arguments = [*self.setup.plan().arguments(work.root), *self._how()]
        if not self.live.is_busy:
            self._launch(arguments)
            return
        self.queue.add(arguments[2:], str(self.darknet.path), self._running())
        self._show_state()

    def _how(self) -> list[str]:
        """What holds for new trainings and for those that go on."""
        return [*self.setup.meanwhile.arguments(), *self.setup.gpu.arguments()]

    def _with_chosen(self, what: Callable[[str], None]) -> None:
        run = self._chosen_run()
        if run is not None:
            what(run.path.name)

    def _run_chosen(self) -> None:
        run = self._chosen_run()
        if run is not None and not self.live.is_busy and run.path != self.model.run:
            self.live.look_at(run)
        self._show_state()

    def _queue_changed(self) -> None:
        self._list_runs()
        self._show_state()

    def _show_queue(self) -> None:
        """The buttons for what waits, where something that waits is chosen."""
        run = self._chosen_run()
        names = self.queue.waiting()
        place = names.index(run.path.name) if run is not None and run.path.name in names else -1
        waits = place >= 0 and run is not None and run.status != "running"
        for button in (self.earlier, self.later, self.take_out):
            button.setVisible(waits)
        self.resume.setVisible(not waits)
        self.go_through.setVisible(not self.model.is_busy and self.queue.stands_still)
        self.earlier.setEnabled(place > 0)
        self.later.setEnabled(place < len(names) - 1)

    def _turn_came(self, run: RunFolder) -> None:
        self.live.watch(run)
        self.refresh()

    def _resume(self) -> None:
        run = self._chosen_run()
        if run is not None:
            done = run.info.iteration >= run.info.max_batches
            further = ["--max-batches", str(self.max_batches.value())] if done else []
            further += self._how()
            running = self._running()
            if running is not None and self.darknet is not None:
                self.queue.add_resumed(run, further, str(self.darknet.path), running)
            else:
                self._launch(["resume", str(run.path), *further])

    def _refused(self) -> None:
        """Why it did not start is shown by the check, with what can be done about it."""
        if self._resumed is not None and self.darknet is not None:
            run, further = self._resumed
            self.setup.check_resumption(run, [*further, "--darknet", str(self.darknet.path)])
        else:
            self.setup.check.check_now()
            self.setup.drawers.open(self.setup.check)

    def _running(self) -> RunFolder | None:
        """The training that is followed; None where there is none, or it was deleted under its feet."""
        if not self.live.is_busy or self.model.run is None:
            return None
        try:
            return RunFolder.open(self.model.run)
        except DataError:
            return None

    def train_on(self, run: RunFolder, iterations: int) -> None:
        """Train a run further, to an iteration; it waits in the queue where another one runs."""
        further = ["--max-batches", str(max(iterations, run.info.max_batches))]
        further += self.setup.meanwhile.arguments()
        running = self._running()
        if running is not None and self.darknet is not None:
            self.queue.add_resumed(run, further, str(self.darknet.path), running)
        else:
            self._launch(["resume", str(run.path), *further])

    def _advise(self, path: Path) -> None:
        """Say what to do after a training that has ended."""
        try:
            run = RunFolder.open(path)
        except DataError:
            return  # it was deleted meanwhile
        self._advised_run = run
        task = Task(lambda _: advice_after_training(run) if run.weights() else [], self)
        task.succeeded.connect(lambda found: self._say_next(run, found))
        self._advising = task.start()

    def _say_next(self, run: RunFolder, advice: list[Advice]) -> None:
        if run is self._advised_run and not self.live.is_busy:
            self.next.show_advice(advice)

    def _launch(self, arguments: list[str]) -> None:
        if self.darknet is not None and not self.live.is_busy:
            self._resumed = _resumption_of(arguments)
            self.setup.check_the_plan()
            self.setup.drawers.close_all()
            self.next.show_advice(())
            self.live.launch([*arguments, "--darknet", str(self.darknet.path)])

    def _find_running(self) -> None:
        """Show the training of this set that goes on, if one was left running."""
        work = self._work()
        if work is None or self.live.is_busy:
            return
        run = running_run(list_runs(work.root))
        if run is not None:
            self.live.watch(run)
            messages.info(tr("A training of this set goes on: see the Train page."))

    def _ended(self, path: Path) -> None:
        self.refresh()
        self.setup.time.measure(self.darknet, self._work())  # now it is known how fast it goes
        notify(tr("Training: {run}", run=path.name), headline(self.model))
        if self.model.state is State.FAILED:
            messages.error(headline(self.model), "\n".join(self.model.notes))
        elif self.model.state is State.FINISHED:
            messages.info(tr("The training is finished. Its predictions are on the next page."))
        self._advise(path)
        self.run_finished.emit(path)

    def is_training(self) -> bool:
        """Whether a training runs, which can go on without this window."""
        return self.live.is_busy

    def what_a_stop_keeps(self) -> str:
        """What is left of the running training if it is stopped now."""
        if self.model.saved:
            return tr(
                "The weights of iteration {iteration} are kept, and it can be resumed from there.",
                iteration=self.model.saved,
            )
        return tr("Nothing was saved yet (Darknet saves every 100 iterations): it would have to begin anew.")

    def stop(self) -> None:
        """End what runs here before the window closes; a training goes on."""
        self.live.leave()
        self.queue.stop()
        for task in (self._search, self._advising):
            if task is not None:
                task.wait()
        self.setup.stop()


def _resumption_of(arguments: Sequence[str]) -> tuple[Path, list[str]] | None:
    """The run that a command goes on with, and what the check has to know of it; None: it is a new one."""
    if arguments[0] != "resume":
        return None
    at = arguments.index("--max-batches") if "--max-batches" in arguments else len(arguments)
    return Path(arguments[1]), list(arguments[at : at + 2])
