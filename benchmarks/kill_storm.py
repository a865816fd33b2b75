"""``python -m benchmarks.kill_storm``: ``kill -9`` of a process that edits, thousands of times.

A child opens a set and edits it at random: boxes, classes, marks, splits, removals, undo, redo, bulk edits,
saves. It says after each step what the set is, and is killed at no moment in particular. The set is opened
again and has to be what the child said last, or one step farther (the one it was killed in), with every label
file readable and saying the same as the journal. Every hundredth time all is undone; then every file has
to be the one of the beginning, byte for byte.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from annotator.core.session import Session
from assets import demo_path
from converters import registry
from converters.errors import DataError
from converters.report import Report

_MACHINERY = Path(__file__).resolve().parents[1] / "tests" / "unit" / "annotator"
FORMATS = ("voc", "yolo", "ultralytics", "labelme", "coco", "csv", "cvat", "label-studio")


_ALL_BACK = 100


@dataclass
class Tally:
    """What came out of a storm.

    Attributes:
        kills: Number of children killed.
        steps: Edits, undos and saves that they had made.
        in_step: Kills after which the set was one step farther than the child had said.
        replayed: Kills after which label files had to be written from the journal.
        failures: What went wrong, a sentence each.
    """

    kills: int = 0
    steps: int = 0
    in_step: int = 0
    replayed: int = 0
    failures: list[str] = field(default_factory=list)


def main() -> int:
    """Run the storm; the exit code is 1 where anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kill_storm", description=__doc__)
    parser.add_argument("--kills", type=int, default=2000, help="how often (2000), shared by the formats")
    parser.add_argument("--formats", nargs="+", default=list(FORMATS), choices=FORMATS, metavar="NAME")
    parser.add_argument("--pictures", type=int, default=9, help="pictures of the set (9)")
    parser.add_argument("--longest", type=float, default=0.5, help="seconds until the latest kill (0.5)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    failed = False
    begun = time.monotonic()
    print(
        "| format | kills | steps | killed in a step | written from the journal | lost |\n" + "|---" * 6 + "|"
    )
    for place, name in enumerate(given.formats):
        share = given.kills // len(given.formats) + (place < given.kills % len(given.formats))
        with tempfile.TemporaryDirectory(prefix="kill-storm-") as folder:
            root = small_set(Path(folder) / "set", name, given.pictures)
            tally = storm(root, share, random.Random(f"{given.seed} {name}"), given.longest)
        failed |= bool(tally.failures)
        print(
            f"| {name} | {tally.kills:,} | {tally.steps:,} | {tally.in_step:,} | {tally.replayed:,} "
            f"| {len(tally.failures)} |",
            flush=True,
        )
        for failure, times in Counter(tally.failures).items():
            print(f"error: {name}: {times} times: {failure}", file=sys.stderr, flush=True)
    print(f"\n{given.kills:,} kills in {time.monotonic() - begun:.0f} s.")
    return int(failed)


def small_set(root: Path, name: str, pictures: int) -> Path:
    """Some pictures of the demo set in a format."""
    source = root.with_name("voc")
    for folder in ("images", "annotations"):
        (source / folder).mkdir(parents=True)
        for file in sorted((demo_path() / folder).iterdir())[:pictures]:
            shutil.copyfile(file, source / folder / file.name)
    if name == "voc":
        return source
    root.mkdir()
    registry.codec_to_write(name).save(registry.load(source, Report()), root, Report())
    return root


def storm(root: Path, kills: int, rng: random.Random, longest: float) -> Tally:
    """Kill children that edit a set, and look at it each time."""
    tally = Tally()
    before = files_of(root)
    for number in range(kills):
        said = edited_and_killed(root, rng.randrange(2**31), rng.random() * longest)
        tally.kills += 1
        tally.steps += max(len(said) - 1, 0)
        try:
            look_at(root, said, tally)
            if (number + 1) % _ALL_BACK == 0 or number == kills - 1:
                all_back(root, before, tally)
        except DataError as error:
            tally.failures.append(f"{error.code}: {error.message}")
    return tally


def edited_and_killed(root: Path, seed: int, seconds: float) -> list[str]:
    """What a child said that was killed some seconds after it had opened the set: a digest a step."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        _edit_for_ever(root, seed, write)
    os.close(write)
    with os.fdopen(read, "rb", buffering=0) as pipe:
        said = pipe.read(17)
        time.sleep(seconds if said else 0.0)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        while more := pipe.read(65536):
            said += more
    return [line.decode() for line in said.split(b"\n")[:-1]]


def _edit_for_ever(root: Path, seed: int, write: int) -> None:
    """The child: it never returns."""
    try:
        machinery = _machinery()
        rng = random.Random(seed)
        session = Session.open(root)
        os.write(write, f"{machinery.digest(session)}\n".encode())
        while True:
            machinery.step(session, rng)
            os.write(write, f"{machinery.digest(session)}\n".encode())
    except BaseException as error:  # noqa: BLE001 - a forked child must not go on with its parent's work
        os.write(write, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(1)


def look_at(root: Path, said: list[str], tally: Tally) -> None:
    """Open a set after a kill and note what is not as it should be.

    Raises:
        DataError: It cannot even be opened.
    """
    for sentence in said:
        if len(sentence) != 16:
            tally.failures.append(f"the child could not go on: {sentence}")
            return
    digest = _machinery().digest
    with opened(root) as session:
        tally.replayed += bool(session.replayed)
        codes = {issue.code for issue in session.report} & {"journal-damaged", "edits-overruled"}
        # Of a picture that is on its way to the trash, the label file of many pictures still speaks.
        codes |= {issue.code for issue in session.report.errors} - {"image-missing"}
        if codes:
            tally.failures.append(f"the set was opened with {', '.join(sorted(codes))}")
        if session.is_unsaved:
            tally.failures.append("something was not on the disk after opening")
        now = digest(session)
        if said and now != said[-1]:
            tally.in_step += 1
            if not _one_step_from(session, said[-1]):
                tally.failures.append("more than the step in progress was lost")
        files = {image.key: image for image in registry.load(root, Report())}
        if files.keys() != set(session.keys):
            tally.failures.append("files and journal have other pictures")
        for key, image in files.items():
            if key in session and _rounded(image.boxes) != _rounded(session.image(key).boxes):
                tally.failures.append("a label file says something else than the journal")


def _one_step_from(session: Session, last: str) -> bool:
    """Whether a set was as the child had said before its last step."""
    digest = _machinery().digest
    for back in (True, False):
        there = session.undo() if back else session.redo()
        if there is None:
            continue
        found = digest(session) == last
        _ = session.redo() if back else session.undo()
        if found:
            return True
    return False


def all_back(root: Path, before: dict[str, bytes], tally: Tally) -> None:
    """Undo everything: the files have to be those of the beginning."""
    with opened(root) as session:
        while session.undo() is not None:
            pass
        if session.save():
            tally.failures.append("what was undone could not be saved")
        session.forget_history()
    if files_of(root) != before:
        tally.failures.append("undoing everything did not give back the files of the beginning")


@contextlib.contextmanager
def opened(root: Path) -> Iterator[Session]:
    """A set, closed behind the block."""
    session = Session.open(root)
    try:
        yield session
    finally:
        session.close()


def files_of(root: Path) -> dict[str, bytes]:
    """All files of a set but those of the sidecar, and what a killed write left behind."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".annotator" not in path.parts and not path.name.startswith(".writing-")
    }


def _rounded(boxes: Any) -> list[Any]:
    return [(box.label, tuple(round(edge, 1) for edge in box.xyxy)) for box in boxes]


def _machinery() -> Any:
    if str(_MACHINERY) not in sys.path:
        sys.path.insert(0, str(_MACHINERY))
    import journal_storm

    return journal_storm


if __name__ == "__main__":
    sys.exit(main())
