"""A run: one training with everything it needs and leaves behind, in a folder of its own.

work/runs/20260114-093012-yolov3-tiny/
  net.cfg obj.data obj.names train.txt val.txt test.txt   what Darknet reads (it runs in this folder)
  obj/ augmented/   the pictures (links, where the file system can) and their labels as they were then
  start.weights  the weights that it began with, where it did not begin at random
  train.sh       repeats the training: the plain command line
  backup/        weights
  darknet.log    all that Darknet printed
  metrics.csv    a line an iteration
  checkpoints.csv  what saved weights found on validation while it trained, a line a checkpoint
  events.jsonl   all that happened, a JSON value a line
  run.json       what was asked for, and how it went
  data.json      what it was trained on: digests of the labels, settings of the augmentation
"""

from __future__ import annotations

import csv
import fcntl
import hashlib
import io
import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from annotator.darknet.network.blocks import parameter_count
from annotator.darknet.network.cfg import Cfg, read_cfg, write_cfg
from annotator.darknet.network.weights import read_weights_header
from annotator.darknet.program.dialect import Darknet
from annotator.darknet.run.data import give_pictures, in_the_set, keep_weights, read_list, refuse_unsafe
from annotator.darknet.run.data_record import record_of, render_record
from annotator.darknet.run.provenance import augmentation_of, versions
from converters.errors import DataError, FormatError, UsageError, WriteError
from converters.files import make_folder, write_atomic
from converters.model import Split
from converters.work import WorkFolder, read_names

RUN_VERSION = 1
METRICS_COLUMNS = ("iteration", "loss", "avg_loss", "rate", "seconds", "images")
STATUSES = ("running", "finished", "stopped", "failed")

_DYING_SECONDS = 2.0
"""A killed Darknet counts as dead when its first thread is; the others give the run back a little later."""
_DYING_LOOK_SECONDS = 0.05
_KINDS = {"final": "final", "last": "last", "previous": "previous", "best": "best", "ema": "ema"}
_ORDER = (
    "final",
    "numbered",
    "last",
    "backup",
    "previous",
    "best",
    "ema",
)  # of the same iteration, the first is taken


@dataclass(frozen=True, slots=True)
class SavedWeights:
    """A whole weights file of a run.

    Attributes:
        path: The file.
        iteration: The iteration it is from, by its header.
        kind: ``final``, ``numbered``, ``last``, ``backup``, ``best`` or ``ema``.
    """

    path: Path
    iteration: int
    kind: str


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What run.json holds.

    Attributes:
        network: Name of the network.
        width: Its input width in pixels.
        height: Its input height.
        class_names: In the order of their ids.
        batch: Pictures in an iteration.
        subdivisions: Parts of a batch.
        max_batches: Iterations asked for.
        darknet: ``path``, ``dialect`` and ``version`` of the Darknet that trains.
        letterbox: Whether that Darknet keeps proportions (grey bars); inference must do likewise.
        seed: A number kept with the run, or None.
        weights: The weights it started from, or None.
        command: The last command line.
        data: ``hash`` of the lists and labels, and the number of pictures in each split.
        status: ``running``, ``finished``, ``stopped`` or ``failed``.
        iteration: The last iteration reached.
        pid: Darknet's process, None while none runs.
        owner: The train-cli that has started it and hears signals for it, None while none runs.
        owner_mark: Tells that process from a later one with its number.
        started: When, ISO 8601.
        ended: When, or None.
        message: How it went, one sentence.
        lacks: Bytes of the weights that it waits for room for (:mod:`annotator.darknet.run.room`), else 0.
        asked: The command line that made the run.
        versions: Of this program, Python, and the packages that make pictures; Darknet's is in ``darknet``.
        augmentation: Seed, policy and number of the augmented copies, None where there are none.
        version: Of this file's format.
    """

    network: str
    width: int
    height: int
    class_names: tuple[str, ...]
    batch: int
    subdivisions: int
    max_batches: int
    darknet: dict[str, str]
    letterbox: bool
    seed: int | None = None
    weights: str | None = None
    command: tuple[str, ...] = ()
    data: dict[str, Any] = field(default_factory=dict)
    status: str = "stopped"
    iteration: int = 0
    pid: int | None = None
    started: str | None = None
    ended: str | None = None
    message: str = ""
    lacks: int = 0
    owner: int | None = None
    owner_mark: str | None = None
    asked: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    augmentation: dict[str, Any] | None = None
    version: int = RUN_VERSION


@dataclass(slots=True)
class RunFolder:
    """A run on disk; :attr:`info` is what run.json said when it was opened or last updated."""

    path: Path
    info: RunInfo

    @property
    def cfg(self) -> Path:
        """The network."""
        return self.path / "net.cfg"

    @property
    def data(self) -> Path:
        """Darknet's data file."""
        return self.path / "obj.data"

    @property
    def names(self) -> Path:
        """The class names."""
        return self.path / "obj.names"

    @property
    def backup(self) -> Path:
        """Folder of the weights."""
        return self.path / "backup"

    @property
    def log(self) -> Path:
        """What Darknet printed."""
        return self.path / "darknet.log"

    @property
    def metrics(self) -> Path:
        """A line for each iteration."""
        return self.path / "metrics.csv"

    @property
    def events(self) -> Path:
        """All that happened, a JSON value a line."""
        return self.path / "events.jsonl"

    @property
    def work(self) -> Path:
        """The data set it belongs to."""
        return self.path.parent.parent

    @property
    def start_weights(self) -> Path | None:
        """Its own copy of the weights it began with; None where it has none."""
        path = self.path / "start.weights"
        return path if path.is_file() else None

    def list_of(self, split: Split) -> Path:
        """The run's own list of a split."""
        return self.path / f"{split}.txt"

    def read_list(self, split: Split) -> list[str]:
        """The pictures of a split in the data set (``../../obj/a.png``). Raises as :func:`own_list`."""
        return [in_the_set(entry) for entry in self.own_list(split)]

    def own_list(self, split: Split) -> list[str]:
        """The pictures of a split as Darknet reads them, relative to the run folder.

        Raises:
            FormatError: The list cannot be read.
        """
        return read_list(self.list_of(split))

    @classmethod
    def create(
        cls,
        work: WorkFolder,
        *,
        network: str,
        cfg: Cfg,
        darknet: Darknet,
        seed: int | None = None,
        weights: Path | None = None,
        asked: Sequence[str] = (),
    ) -> RunFolder:
        """Make the folder of a new run from the data set's present lists.

        Args:
            work: The data set.
            network: Name of the network.
            cfg: The network.
            darknet: The Darknet that will train it.
            seed: Kept with the run.
            weights: Where the training starts from.
            asked: The command line.

        Raises:
            UsageError: A path in a list has a character that must not reach Darknet.
            FormatError: A list or the names file cannot be read.
            WriteError: The folder cannot be written.
        """
        names = read_names(work.names)
        lists = {split: read_list(work.list_of(split)) for split in Split}
        refuse_unsafe(lists, work)
        folder = _new_folder(work.runs, network)
        net = cfg.net
        info = RunInfo(
            network=network,
            width=net.get_int("width"),
            height=net.get_int("height"),
            class_names=names,
            batch=net.get_int("batch"),
            subdivisions=net.get_int("subdivisions"),
            max_batches=net.get_int("max_batches"),
            darknet={"path": str(darknet.path), "dialect": darknet.dialect, "version": darknet.version},
            letterbox=darknet.letterboxes,
            seed=seed,
            weights=str(weights.absolute()) if weights else None,
            data=_fingerprint(work.root, lists),
            message="not started yet",
            asked=tuple(asked),
            versions=versions(),
            augmentation=augmentation_of(work),
        )
        run = cls(folder, info)
        make_folder(run.backup)
        write_cfg(run.cfg, cfg)
        write_atomic(run.names, "".join(f"{name}\n" for name in names))
        give_pictures(folder, work, lists)
        # No blanks in the values: two of the three Darknets remove them. So all paths are relative.
        if weights is not None and weights.is_file():
            keep_weights(weights, folder / "start.weights")
        write_atomic(
            run.data,
            f"classes = {len(names)}\ntrain = train.txt\nvalid = val.txt\n"
            "names = obj.names\nbackup = backup\n",
        )
        write_atomic(run.metrics, ",".join(METRICS_COLUMNS) + "\n")
        listed = dict.fromkeys(entry for entries in lists.values() for entry in entries)
        write_atomic(run.path / "data.json", render_record(record_of(work.root, listed)))
        run.update()
        return run

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open an existing run.

        Raises:
            FormatError: There is no run, or its run.json is broken.
        """
        return cls(path, _read_info(path / "run.json"))

    def update(self, **changes: Any) -> None:
        """Change fields of :attr:`info` and write run.json.

        Raises:
            WriteError: It cannot be written.
        """
        self.info = replace(self.info, **changes)
        text = json.dumps(asdict(self.info), indent=2, ensure_ascii=False) + "\n"
        write_atomic(self.path / "run.json", text)

    def read_cfg(self) -> Cfg:
        """The network. Raises FormatError where it cannot be read."""
        return read_cfg(self.cfg)

    def weights(self) -> list[SavedWeights]:
        """The whole weights files in backup/, by iteration; of equals the one to prefer comes last.

        A file that is empty or cut short (a training was killed while it saved) is left out.

        Raises:
            FormatError: The cfg cannot be read.
        """
        wanted = parameter_count(self.read_cfg())
        found: list[SavedWeights] = []
        for path in self.backup.glob("*") if self.backup.is_dir() else ():
            if path.suffix not in (".weights", ".backup"):
                continue
            with suppress(FormatError):
                header = read_weights_header(path)
                if header.parameters == wanted:
                    found.append(SavedWeights(path, header.iteration(self.info.batch), _kind(path)))
        return sorted(found, key=lambda saved: (saved.iteration, -_ORDER.index(saved.kind), saved.path.name))

    def newest_weights(self) -> SavedWeights | None:
        """The whole weights of the highest iteration, or None. Raises as :meth:`weights`."""
        found = self.weights()
        return found[-1] if found else None

    def keep_best(self) -> None:
        """Give the best weights so far the name of their iteration, ``net_1300.weights``.

        A resumed training knows no mAP from before: the first one it measures is its best, and its weights
        would replace these, however much worse they are.

        Raises:
            FormatError: The cfg cannot be read.
            WriteError: The file cannot be renamed.
        """
        saved = self.weights()
        for best in [one for one in saved if one.kind == "best"]:
            if any(one.iteration == best.iteration and one.kind in ("final", "numbered") for one in saved):
                continue
            target = best.path.with_name(f"{self.cfg.stem}_{best.iteration}.weights")
            try:
                best.path.replace(target)
            except OSError as error:
                raise WriteError.from_os_error(error, best.path) from error

    def forget_metrics_after(self, iteration: int) -> None:
        """Drop the lines of metrics.csv after an iteration: a resumed training does those again.

        Raises:
            WriteError: It cannot be written.
        """
        rows = [row for row in read_metrics(self.metrics) if int(row["iteration"]) <= iteration]
        out = io.StringIO()
        writer = csv.DictWriter(out, METRICS_COLUMNS, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        write_atomic(self.metrics, out.getvalue())

    def running_pid(self) -> int | None:
        """The recorded Darknet's process while it still runs in this folder, else None."""
        pid = self.info.pid
        if pid is None:
            return None
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            here = Path(f"/proc/{pid}/cwd").resolve() == self.path.resolve()
        except (ProcessLookupError, FileNotFoundError):
            return None
        except OSError:
            return pid  # it is there, and cannot be looked at
        return pid if here and state not in "ZX" else None  # Z: dead, and nobody has asked how it ended

    @property
    def is_paused(self) -> bool:
        """Whether its Darknet runs and stands still."""
        pid = self.running_pid()
        return pid is not None and _process_state(pid) in ("T", "t")

    def owner_pid(self) -> int | None:
        """The train-cli that looks after it, while that lives, else None."""
        owner = self.info.owner
        return owner if owner is not None and process_mark(owner) == self.info.owner_mark else None

    def is_looked_after(self) -> bool:
        """Whether its train-cli or its Darknet lives."""
        return self.owner_pid() is not None or self.running_pid() is not None

    @property
    def status(self) -> str:
        """The recorded status; a training that was killed together with its Darknet counts as stopped."""
        if self.info.status == "running" and self.running_pid() is None:
            return "stopped"
        return self.info.status

    def lock(self) -> int:
        """Take the run for one training; returns a file descriptor, closing it gives the run back.

        The descriptor is handed on to Darknet, so the run stays taken while either of the two lives.

        Raises:
            UsageError: A training of this run is going on.
            WriteError: The folder cannot be written.
        """
        path = self.path / ".lock"
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise WriteError.from_os_error(error, path) from error
        try:
            self._take(handle)
        except DataError:
            os.close(handle)
            raise
        return handle

    def _take(self, handle: int) -> None:
        until = time.monotonic() + _DYING_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError as error:
                now = RunFolder.open(self.path)
                if now.is_looked_after() or time.monotonic() > until:
                    pid = now.running_pid()
                    raise UsageError(
                        "this training is still running.",
                        path=self.path,
                        code="still-running",
                        hint=f"Wait for it, or stop it first (its Darknet is process {pid})." if pid else "",
                    ) from error
            time.sleep(_DYING_LOOK_SECONDS)


def list_runs(work: Path) -> list[RunFolder]:
    """The runs of a data set, oldest first; folders that are none are left out."""
    runs: list[RunFolder] = []
    folder = WorkFolder(work).runs
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        with suppress(DataError):
            runs.append(RunFolder.open(path))
    return runs


def read_metrics(path: Path) -> list[dict[str, str]]:
    """The whole lines of metrics.csv as text; a last line cut short and a missing file are nothing."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    rows = csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1]))
    return [row for row in rows if (row["iteration"] or "").isdigit() and all(row.values())]


def now() -> str:
    """The present time, ISO 8601 with the zone."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


def process_mark(pid: int) -> str | None:
    """What tells a process from a later one with its number: the boot and its start; None: no process."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    return None if words[0] in "ZX" else f"{boot} {words[19]}"


def _process_state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def _new_folder(runs: Path, network: str) -> Path:
    make_folder(runs)
    stem = f"{datetime.now():%Y%m%d-%H%M%S}-{network}"
    number = 1
    while True:
        path = runs / (stem if number == 1 else f"{stem}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            number += 1
        except OSError as error:
            raise WriteError.from_os_error(error, path) from error
        else:
            return path


def _fingerprint(root: Path, lists: Mapping[Split, Sequence[str]]) -> dict[str, Any]:
    """A hash of the lists and of all label files in them, and the number of pictures."""
    digest = hashlib.sha256()
    for split, entries in lists.items():
        for entry in entries:
            digest.update(f"{split} {entry}\n".encode())
            with suppress(OSError):
                digest.update((root / entry).with_suffix(".txt").read_bytes())
    return {"hash": digest.hexdigest(), **{str(split): len(entries) for split, entries in lists.items()}}


def data_hash(run: RunFolder) -> str:
    """The hash of the run's lists and labels as they are now (compare with ``info.data["hash"]``).

    Raises:
        FormatError: A list cannot be read.
    """
    lists = {split: [entry.removeprefix("../../") for entry in run.read_list(split)] for split in Split}
    return str(_fingerprint(run.work, lists)["hash"])


def _kind(path: Path) -> str:
    if path.suffix == ".backup":
        return "backup"
    return _KINDS.get(path.stem.rpartition("_")[2], "numbered")


def _read_info(path: Path) -> RunInfo:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FormatError(
            "is not a training run (no run.json in it).", path=path.parent, code="not-a-run"
        ) from error
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror or error}.", path=path, code="bad-run") from error
    except ValueError as error:
        raise FormatError(f"is broken: {error}.", path=path, code="bad-run") from error
    if not isinstance(content, dict):
        raise FormatError("is not the description of a run.", path=path, code="bad-run")
    if content.get("version") != RUN_VERSION:
        raise FormatError(
            f"is of version {content.get('version')}, this program reads {RUN_VERSION}.",
            path=path,
            code="bad-run",
            hint="Use the newer mask-annotator that wrote it.",
        )
    known = {key: value for key, value in content.items() if key in {item.name for item in fields(RunInfo)}}
    known |= {
        key: tuple(known[key])
        for key in ("class_names", "command", "asked")
        if isinstance(known.get(key), list)
    }
    try:
        info = RunInfo(**known)
    except TypeError as error:
        raise FormatError(f"lacks something: {error}.", path=path, code="bad-run") from error
    _check_types(info, path)
    return info


def _check_types(info: RunInfo, path: Path) -> None:
    for key in ("width", "height", "batch", "subdivisions", "max_batches", "iteration", "lacks"):
        if type(getattr(info, key)) is not int:
            raise FormatError(f"{key} is not a whole number.", path=path, code="bad-run")
    darknet = info.darknet
    if not isinstance(darknet, dict) or not {"path", "dialect"} <= set(darknet):
        raise FormatError("does not say which Darknet it is of.", path=path, code="bad-run")
    if not isinstance(info.class_names, tuple) or info.status not in STATUSES:
        raise FormatError("its class names or its status are broken.", path=path, code="bad-run")
