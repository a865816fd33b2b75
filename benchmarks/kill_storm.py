"""``python -m benchmarks.kill_storm``: kill processes that edit a set: is anything lost?

In turn for each format: a child opens the set, edits it at random, undoes, saves, and says after each step
what the set is. It is killed by SIGKILL: some time after a step, or just before the N-th time that it opens,
renames or deletes a file, be that while editing or while opening the set. Then

- every label file must read without an error, as any other tool finds it;
- the set, opened again, must be what the child said last, or one step farther: the step it was killed in;
- the files must say the same as the session;
- nobody is asked whether the list of classes was changed by another program;
- now and then everything is undone: every file must have the bytes it had at first; then all is done again.

The exit code is 1 where one of these does not hold; the set is kept then.
"""

from __future__ import annotations

import argparse
import errno
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from annotator.core.edits import RestoreImages
from annotator.core.id_mapping import misfit_of
from annotator.core.session import Session
from assets import demo_path
from benchmarks.storm_steps import describe, digest, take
from converters import registry
from converters.convert import ConvertOptions, convert_to_work
from converters.errors import DataError
from converters.registry import FORMATS
from converters.report import Report

PICTURES = 9
KINDS = ("voc", "yolo", "ultralytics", "labelme", "coco", "csv", "cvat", "label-studio", "work", "plain")
"""Formats; a Darknet data set; pictures without labels."""
_CALLS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree", "shutil.copyfile")
_WRITES = os.O_WRONLY | os.O_RDWR
_ROUND = 20
"""After so many kills of a set everything is undone."""
_FAULT = 0.02
"""How often a rename or an fsync fails, where that is wanted."""


class LostError(Exception):
    """What must not be."""


@dataclass
class Tally:
    """What was done."""

    kills: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    in_progress: int = 0
    rounds: int = 0
    undone: int = 0


class Storm:
    """One set that is edited and killed over and over.

    Args:
        kind: One of :data:`KINDS`.
        folder: An empty folder.
        seed: For the dice.
        faults: Whether the disk is to refuse some writes.
        tally: Where everything is counted.
    """

    def __init__(self, kind: str, folder: Path, seed: int, faults: bool, tally: Tally) -> None:
        self.root = folder / "set"
        self.more = folder / "more"
        self.faults = faults
        self.tally = tally
        self._rng = random.Random(f"{seed} {kind}")
        _make(kind, folder)
        self._first = _snapshot(self.root)
        session = Session.open(self.root)
        self._last = digest(session)
        self._before_nudges = self._last
        session.close()
        self.kills = 0

    def kill_one(self) -> None:
        """Let a child edit the set, kill it, and look.

        Raises:
            LostError: Something is not as it must be.
        """
        how = self._rng.choice(["timer", "timer", "call", "call", "opening"])
        said, talk = _child(self.root, self.more, how, self._rng.randrange(2**31), self.faults)
        if talk:
            raise LostError(f"the child failed ({how}):\n{talk}")
        self._heard(said)
        self.tally.kills[how] += 1
        self.kills += 1
        self._look()
        if self.kills % _ROUND == 0:
            self.undo_everything()

    def undo_everything(self) -> None:
        """Undo to the beginning, compare each byte, do it all again and compare what the session says."""
        session = Session.open(self.root)
        now, count = digest(session), 0
        while session.undo() is not None:
            count += 1
            if self._rng.random() < 0.05:
                _saved(session)
        _saved(session)
        self._same_bytes()
        if self._rng.random() < 0.5:
            for _ in range(count):
                session.redo()
                if self._rng.random() < 0.02:
                    _saved(session)
            _saved(session)
            if digest(session) != now:
                raise LostError(f"{count} steps undone and done again give another set")
        self._last = self._before_nudges = digest(session)
        session.close()
        self.tally.rounds += 1
        self.tally.undone += count

    def _same_bytes(self) -> None:
        files = _snapshot(self.root)
        differ = [n for n in {*files, *self._first} if files.get(n) != self._first.get(n)]
        if differ:
            raise LostError(f"after undoing everything these files are others: {sorted(differ)}")

    def _heard(self, said: Sequence[Sequence[str]]) -> None:
        for word, now in said:
            if word == "open":
                if now != self._last:
                    raise LostError("a set that nobody edited meanwhile opens as another one")
            elif word != "nudge" and now != self._last:
                self._before_nudges = now
            self._last = now
            self.tally.steps[word] += 1

    def _look(self) -> None:
        report = Report()
        registry.load(self.root, report)
        _sound(report)
        session = Session.open(self.root)
        _sound(session.report)
        if session.dirty_keys:
            raise LostError(f"not in the files after opening: {session.dirty_keys}")
        if session.replayed:
            self.tally.in_progress += 1
        why = misfit_of(session)
        if why is not None and session.codec.name != "voc" and self._first_names(session):
            raise LostError(f"a person would be asked about the classes: {why}")
        self._reach(session)
        difference = _difference(session)
        if difference:
            raise LostError(difference)
        self._last = digest(session)
        session.close()

    def _first_names(self, session: Session) -> bool:
        return bool(session.sidecar.class_names())

    def _reach(self, session: Session) -> None:
        """Check that the set is as the child said last, or one step (the one it was killed in) farther."""
        if digest(session) == self._last:
            return
        edit = session.undo()
        undone = digest(session)
        if isinstance(edit, RestoreImages) and undone != self._last:
            session.undo()  # the step began with adding a class
            undone = digest(session)
            session.redo()
        session.redo()
        if undone in (self._last, self._before_nudges):
            return
        session.redo()
        again = digest(session)
        session.undo()
        if again != self._last:
            if "STORM_SAID" in os.environ:
                Path(os.environ["STORM_SAID"] + ".now").write_text(describe(session))
            raise LostError(f"more than the last step is lost; the journal: {session.history.latest(4)}")


def _child(root: Path, more: Path, how: str, seed: int, faults: bool) -> tuple[list[list[str]], str]:
    """Fork, edit in the child, kill it; what it said, and its traceback where it failed."""
    rng = random.Random(seed)
    reading, writing = os.pipe()
    crying, crier = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.close(crying)
        code = 0
        try:
            _edit(root, more, how, rng, writing, faults)
        except BaseException:  # noqa: BLE001 - a forked child must not go on with its parent's work
            os.write(crier, traceback.format_exc().encode())
            code = 1
        os._exit(code)
    os.close(writing)
    os.close(crier)
    patience = threading.Timer(120, os.kill, (child, signal.SIGKILL))
    patience.start()
    steps, delay = rng.randrange(30), rng.random() * 0.02
    with os.fdopen(reading) as lines, os.fdopen(crying) as cries:
        said = []
        for line in lines:
            if line.endswith("\n"):
                said.append(line.split())
            if how == "timer" and len(said) == steps + 1:
                time.sleep(delay)
                os.kill(child, signal.SIGKILL)
        talk = cries.read()
    os.waitpid(child, 0)
    patience.cancel()
    return said, talk


def _edit(root: Path, more: Path, how: str, rng: random.Random, out: int, faults: bool) -> None:
    """What the child does until it is killed."""

    def say(word: str, session: Session) -> None:
        if said is not None:
            said.write_text(describe(session))
        os.write(out, f"{word} {digest(session)}\n".encode())

    said = Path(os.environ["STORM_SAID"]) if "STORM_SAID" in os.environ else None

    if how == "opening":
        _die_before_call(rng.randrange(1, 25))
    session = Session.open(root)
    say("open", session)
    if how == "opening":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "call":
        _die_before_call(rng.randrange(1, 150))
    if faults:
        _refuse_some(rng)
    source = more if more.is_dir() else None
    while True:
        try:
            word = take(session, rng, source)
        except DataError as error:
            if not faults:
                raise
            word = f"error-{error.code}"
        say(word, session)


def _die_before_call(number: int) -> None:
    """Kill this process just before the N-th time that it changes something in the file system."""
    left = number

    def hook(event: str, given: tuple[Any, ...]) -> None:
        nonlocal left
        if event not in _CALLS or (
            event == "open" and not (isinstance(given[2], int) and given[2] & _WRITES)
        ):
            return
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def _refuse_some(rng: random.Random) -> None:
    """Let the disk be full now and then."""

    def failing(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            if rng.random() < _FAULT:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*given, **named)

        return call

    for name in ("fsync", "replace", "rename", "unlink", "link"):
        setattr(os, name, failing(getattr(os, name)))


def _make(kind: str, folder: Path) -> None:
    """A small set of a kind, and a folder with more pictures beside it."""
    plain = folder / "plain"
    for target, numbers in ((plain, range(PICTURES)), (folder / "more", range(PICTURES, PICTURES + 6))):
        for part, suffix in (("images", ".png"), ("annotations", ".xml")):
            (target / part).mkdir(parents=True)
            for number in numbers:
                name = f"maksssksksss{number}{suffix}"
                shutil.copyfile(demo_path() / part / name, target / part / name)
    root = folder / "set"
    if kind == "voc":
        plain.rename(root)
    elif kind == "plain":
        (plain / "images").rename(root)
    elif kind == "work":
        convert_to_work(plain, root, Report(), ConvertOptions(jobs=1))
    else:
        root.mkdir()
        FORMATS[kind].save(registry.load(plain, Report()), root, Report())


def _snapshot(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".annotator" not in path.parts and not path.name.startswith(".writing-")
    }


def _saved(session: Session) -> None:
    for error in session.save():
        raise error


def _sound(report: Report) -> None:
    """No label file may be broken. Of a picture on its way to the trash a file of many may still speak."""
    wrong = [issue for issue in report.errors if issue.code != "image-missing"]
    if wrong:
        raise LostError("a label file cannot be read: " + "; ".join(map(str, wrong[:3])))


def _difference(session: Session) -> str:
    """What reading the files gives that the session does not say; empty where there is nothing."""
    if session.codec.name == "voc" and not any(session.image(key).labelled for key in session.keys):
        return ""  # pictures alone: there is no format to read yet
    found = {image.key: image for image in registry.load(session.root, Report())}
    if found.keys() != set(session.keys):
        return f"pictures differ: {sorted(found.keys() ^ set(session.keys))}"
    for key, image in found.items():
        boxes = session.image(key).boxes
        if [box.label for box in image.boxes] != [box.label for box in boxes]:
            return f"{key}: the file has {image.boxes}, the session {boxes}"
        for there, here in zip(image.boxes, boxes, strict=True):
            if max(abs(a - b) for a, b in zip(there.xyxy, here.xyxy, strict=True)) > 2e-3:
                return f"{key}: the file has {there}, the session {here}"
    return ""


def main() -> int:
    """Run the storm; prints what was done."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kill_storm", description=__doc__)
    parser.add_argument("--kills", type=int, default=2000, help="how many processes are killed (2000)")
    parser.add_argument("--seed", type=int, default=1, help="another number: another storm")
    parser.add_argument("--formats", nargs="+", choices=KINDS, default=KINDS, metavar="NAME")
    parser.add_argument("--faults", action="store_true", help="let the disk refuse some writes, too")
    parser.add_argument("--room", type=Path, help="folder for some ten MiB (default: the system's for this)")
    given = parser.parse_args()
    tally, begun, lost = Tally(), time.monotonic(), 0
    for place, kind in enumerate(given.formats):
        share = given.kills // len(given.formats) + (place < given.kills % len(given.formats))
        folder = Path(tempfile.mkdtemp(prefix=f"storm-{kind}-", dir=given.room))
        storm = Storm(kind, folder, given.seed, given.faults, tally)
        try:
            for _ in range(share):
                storm.kill_one()
            storm.undo_everything()
        except (LostError, DataError) as error:
            lost += 1
            print(f"LOST: {kind}, kill {storm.kills}: {error}\nthe set: {folder}", flush=True)
            continue
        shutil.rmtree(folder)
        print(f"{kind}: {share} kills, nothing lost", flush=True)
    _print(tally, time.monotonic() - begun)
    return 1 if lost else 0


def _print(tally: Tally, seconds: float) -> None:
    steps = sum(tally.steps.values())
    print(f"{sum(tally.kills.values())} kills in {seconds:.0f} s: {dict(tally.kills)}")
    print(f"{steps} steps: {dict(tally.steps.most_common())}")
    print(f"{tally.in_progress} sets had edits in the journal that the files did not have yet")
    print(f"{tally.rounds} times everything was undone ({tally.undone} steps), each file as at first")


if __name__ == "__main__":
    sys.exit(main())
