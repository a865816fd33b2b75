"""What runs on a cluster's workers."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from augment.places import Place, make_there
from augment.policy import VERSION
from augment.workers import Outcome, SourceTask, digest
from converters.errors import UsageError

LOOK = 1
"""Of the questions that :func:`look` answers."""

_LIBRARIES = ("numpy", "fpng", "opencv", "imaug")

_CONVERTERS = frozenset({"decoding", "files", "geometry", "images", "model", "png_header"})
"""Modules of converters/ that making a copy goes through."""

_lock = threading.Lock()
_stopped: set[str] = set()
_busy: Counter[str] = Counter()


@dataclass(frozen=True)
class About:
    """What decides whether two computers make the same copies.

    Attributes:
        version: Of this package.
        code: Digest of the source that makes copies, and of the props.
        policy: Of the meaning of policies.
        libraries: Versions by name, empty for one that is not there.
    """

    version: str
    code: str
    policy: int
    libraries: Mapping[str, str]


@dataclass(frozen=True)
class Look:
    """What a worker says about itself.

    Attributes:
        about: Its program.
        split: Digest of the split.csv that it sees, empty where it sees none.
        token: Whether it sees the file that the client wrote just now.
        problem: Why it cannot look, or empty.
    """

    about: About
    split: str
    token: bool
    problem: str = ""


@dataclass(frozen=True)
class Batch:
    """What all batches of a run share.

    Attributes:
        run: Its name.
        code: See :class:`About`; a worker that came later may have another.
        place: The data set.
        fetch: Whether the client fetches what was made.
    """

    run: str
    code: str
    place: Place
    fetch: bool = False


@lru_cache(maxsize=1)
def about() -> About:
    """This computer's."""
    import cv2

    import assets
    import augment
    import converters

    source = hashlib.blake2b(digest_size=16)
    for package, pattern in ((augment, "**/*.py"), (converters, "*.py"), (assets, "props/*.*")):
        folder = Path(package.__path__[0])
        for path in sorted(folder.glob(pattern)):
            if package is not converters or path.stem in _CONVERTERS:
                source.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    libraries = {name: cv2.__version__ if name == "opencv" else _version(name) for name in _LIBRARIES}
    return About(_version("mask-annotator"), source.hexdigest(), VERSION, libraries)


def look(question: int, place: Place, token: Path) -> Look:
    """What this worker is, and what it sees of the data set.

    Args:
        question: :data:`LOOK`.
        place: The data set.
        token: A file in it that the client wrote just now.
    """
    del question
    try:
        split = place.read(place.root / "split.csv")
        seen = place.read(token) is not None
    except (OSError, ImportError, ValueError) as error:
        return Look(about(), "", False, f"nothing ({type(error).__name__}: {error})")
    return Look(about(), digest(split) if split is not None else "", seen)


def do_batch(batch: Batch, tasks: Sequence[SourceTask]) -> list[Outcome]:
    """Make the copies of some pictures; stops between two of them when the run was stopped.

    Raises:
        UsageError: This worker has another version of the program.
        WriteError: A copy cannot be written.
    """
    import cv2

    if about().code != batch.code:
        raise UsageError(
            "a worker that joined has another version of mask-annotator; its copies would not be the same.",
            hint="Install the same one everywhere, and start the workers again.",
        )
    cv2.setNumThreads(0)  # the processors are taken by the other workers
    outcomes: list[Outcome] = []
    with _at_work(batch.run):
        for task in tasks:
            if batch.run in _stopped:
                break
            outcomes.append(make_there(batch.place, task))
    return outcomes


def stop(run: str) -> int:
    """Let this process's batches of a run end; returns how many are still being worked on."""
    with _lock:
        _stopped.add(run)
        return _busy[run]


@contextmanager
def _at_work(run: str) -> Iterator[None]:
    with _lock:
        _busy[run] += 1
    try:
        yield
    finally:
        with _lock:
            _busy[run] -= 1


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
