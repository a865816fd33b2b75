"""What a person can send when something is wrong: facts, settings, errors, what was said, the last run.

By default it holds no picture and names nobody: the home folder, the user's and the machine's name, folders,
files and classes are left out. Who looks at it does not need them.
"""

from __future__ import annotations

import getpass
import io
import json
import os
import platform
import re
import shutil
import socket
import sys
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from annotator import settings
from annotator.core.amounts import size_text
from annotator.darknet.program.dialect import Darknet
from annotator.darknet.run.folder import list_runs
from annotator.messages import Message
from converters.files import write_atomic
from converters.images import IMAGE_SUFFIXES
from converters.model import Dataset
from converters.report import Report

DISTRIBUTION = "mask-annotator"
LOG_BYTES = 60_000
"""So much of the end of a log is taken."""
_SECRETS = re.compile(r"(token|password|secret|key)$", re.IGNORECASE)
_DROPPED_SETTINGS = ("geometry", "label_splitter")
_SUFFIXES = "|".join(
    re.escape(suffix[1:])
    for suffix in sorted(
        {*IMAGE_SUFFIXES, ".xml", ".txt", ".json", ".csv", ".tsv", ".zip", ".tar", ".gz", ".yaml"}
    )
)
_FILE = re.compile(rf"[^\s/\\'\"<>:;,()]+\.(?:{_SUFFIXES})\b", re.IGNORECASE)
_WORD = re.compile(r"\w+")
_STEP = r"[^\s/'\"<>:;,()]"
# A path may have blanks in it: words behind it belong to it as long as a slash or a file's ending follows.
_PATH = re.compile(
    rf"(?<![\w>.])(?:~|[A-Za-z]:)?/{_STEP}[^\s'\"<>:;,()]*"
    rf"(?:(?:[ ]{_STEP}+){{0,6}}/[^\s'\"<>:;,()]*)*(?:(?:[ ]{_STEP}+){{1,6}}\.(?:{_SUFFIXES})\b)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class SetFacts:
    """What of the open set is looked at.

    Attributes:
        dataset: Everything in it.
        format: Title of its format.
        report: What was found while it was read.
        facts: More, in words by name.
    """

    dataset: Dataset
    format: str
    report: Report
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where it all comes from.

    Attributes:
        screen: About the screens, a line each.
        settings: The settings' values.
        messages: What was said since the start.
        opened: The open set, or None.
        work: The Darknet data set, or None.
        darknet: The Darknet that was found, or None.
    """

    screen: Sequence[str] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    messages: Sequence[Message] = ()
    opened: SetFacts | None = None
    work: Path | None = None
    darknet: Darknet | None = None


def collect(sources: Sources, *, with_names: bool = False) -> dict[str, str]:
    """The parts by the name of the file that each will be.

    Args:
        sources: Where it all comes from.
        with_names: Leave the names of files, folders and classes in (the home folder is ``~`` all the same).
    """
    hide = _hider(sources, with_names=with_names)
    parts = {
        "versions.txt": versions(sources.screen),
        "settings.json": hide(_settings_text(sources.settings, with_names=with_names)),
        "set.txt": hide(_set_text(sources.opened, with_names=with_names)),
        "training.txt": hide(_training_text(sources)),
        "messages.txt": hide(_messages_text(sources.messages)),
        "errors.log": hide(tail(settings.log_folder() / "errors.log") or "No error was written down.\n"),
    }
    return {name: _without_person(text) for name, text in parts.items()}


def save(path: Path, parts: Mapping[str, str]) -> None:
    """Write the parts as one zip file.

    Raises:
        WriteError: It cannot be written.
    """
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in parts.items():
            file.writestr(f"mask-annotator/{name}", text)
    write_atomic(path, data.getvalue())


def versions(screen: Sequence[str] = ()) -> str:
    """The versions of everything, the system and the screen."""
    lines = [
        f"mask-annotator {version_of(DISTRIBUTION)}",
        f"Python {sys.version.split()[0]} ({platform.python_implementation()}, {platform.machine()})",
        f"System {platform.system()} {platform.release()}, {_distribution()}",
        f"Processors {os.cpu_count()}, memory {_memory()}, room in the home folder {_room()}",
        *screen,
    ]
    names = ("LANG", "LC_ALL", "LC_NUMERIC", "XDG_SESSION_TYPE", "XDG_CURRENT_DESKTOP", "QT_QPA_PLATFORM",
             "QT_SCALE_FACTOR", "QT_AUTO_SCREEN_SCALE_FACTOR", "QT_STYLE_OVERRIDE")  # fmt: skip
    lines += [f"{name}={os.environ[name]}" for name in names if name in os.environ]
    lines += ["", *(f"{name} {version}" for name, version, _ in packages())]
    return "\n".join(lines) + "\n"


def version_of(name: str) -> str:
    """Version of an installed package; ``(not installed)`` in a checkout."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "(not installed)"


def packages() -> list[tuple[str, str, str]]:
    """Name, version and licence of each package that the tool needs, as far as it is installed."""
    found: list[tuple[str, str, str]] = []
    try:
        wanted = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        wanted = []
    names = [re.split(r"[\s<>=!~;\[(]", line, maxsplit=1)[0] for line in wanted if "extra ==" not in line]
    for name in sorted(dict.fromkeys(names), key=str.casefold):
        with suppress(metadata.PackageNotFoundError):
            about = metadata.metadata(name)
            found.append((about["Name"], about["Version"], _licence(about)))
    return found


def tail(path: Path, most: int = LOG_BYTES) -> str:
    """The last whole lines of a text file; nothing where it cannot be read."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - most))
            data = file.read()
    except OSError:
        return ""
    text = data.decode("utf-8", "replace")
    return text if size <= most else text.partition("\n")[2]


# What is in the parts


def _settings_text(values: Mapping[str, Any], *, with_names: bool) -> str:
    shown: dict[str, Any] = {}
    for name, value in values.items():
        if name in _DROPPED_SETTINGS or _SECRETS.search(name):
            continue
        if name in ("recent", "work") and not with_names:
            value = f"{len(value)} of them" if isinstance(value, list | dict) else "?"
        shown[name] = value
    return json.dumps(shown, indent=2, ensure_ascii=False, default=str) + "\n"


def _set_text(opened: SetFacts | None, *, with_names: bool) -> str:
    if opened is None:
        return "No set is open.\n"
    dataset = opened.dataset
    boxes = Counter(box.label for image in dataset for box in image.boxes)
    lines = [
        f"Format: {opened.format}",
        f"Pictures: {len(dataset)}, labelled {sum(image.labelled for image in dataset)}, "
        f"reviewed {sum(image.reviewed for image in dataset)}",
        f"Boxes: {dataset.box_count}, most in a picture {max((len(i.boxes) for i in dataset), default=0)}",
        f"Classes: {len(dataset.class_names)}",
    ]
    for number, name in enumerate(dataset.class_names):
        lines.append(f"  {name if with_names else f'class {number}'}: {boxes[name]} boxes")
    lines.append(f"Splits: {_counts(str(image.split or 'none') for image in dataset)}")
    lines.append(f"File types: {_counts(image.path.suffix for image in dataset)}")
    sizes = Counter(image.size for image in dataset)
    lines.append(
        "Sizes: " + ", ".join(f"{w}x{h} ({count})" for (w, h), count in sizes.most_common(8))
        + (f" and {len(sizes) - 8} others" if len(sizes) > 8 else "")
    )  # fmt: skip
    lines += [f"{name}: {text}" for name, text in opened.facts.items()]
    lines.append(f"Found while reading: {_counts(issue.code for issue in opened.report)}")
    if with_names:
        lines += [f"  {issue}" for issue in opened.report.issues[:200]]
    return "\n".join(lines) + "\n"


def _training_text(sources: Sources) -> str:
    darknet = sources.darknet
    lines = ["Darknet: none was found, or nobody looked yet"]
    if darknet is not None:
        kind = {True: "for the GPU", False: "on the CPU", None: "unknown"}[darknet.gpu]
        lines = [f"Darknet: {darknet.title}, {darknet.dialect}, {kind}"]
    runs = list_runs(sources.work) if sources.work is not None else []
    lines.append(f"Runs: {len(runs)}")
    if runs:
        run = runs[-1]
        info = run.info
        lines += [
            f"Last run: {info.network} {info.width}x{info.height}, batch {info.batch}/{info.subdivisions}, "
            f"{run.status} at {info.iteration} of {info.max_batches}: {info.message}",
            "",
            tail(run.log, 12_000),
        ]
    return "\n".join(lines) + "\n"


def _messages_text(said: Sequence[Message]) -> str:
    lines: list[str] = []
    for message in said:
        lines.append(f"[{message.level}] {message.text}")
        lines += [f"    {line}" for line in message.details.splitlines()[:20]]
    return "\n".join(lines) + "\n" if lines else "Nothing was said yet.\n"


def _counts(values: Iterable[str]) -> str:
    found = Counter(values)
    return ", ".join(f"{name} {count}" for name, count in found.most_common()) or "nothing"


# What is left out


class _Hider:
    """Puts words for names in their place.

    Args:
        parts: Texts that are replaced wherever they stand (paths, names of files), and what by.
        words: Texts that are replaced where they stand as words (names of classes and folders).
        all_names: Whether whatever else looks like a path or a file's name is replaced as well.
    """

    def __init__(
        self, parts: Sequence[tuple[str, str]], words: Sequence[tuple[str, str]], *, all_names: bool
    ) -> None:
        # The longer ones first: a name may be the beginning of another.
        self._parts = sorted((pair for pair in parts if len(pair[0]) > 1), key=lambda pair: -len(pair[0]))
        self._words = sorted((pair for pair in words if len(pair[0]) > 2), key=lambda pair: -len(pair[0]))
        self._all = all_names

    def __call__(self, text: str) -> str:
        # Of 100,000 names of pictures a text knows a few; most are told apart by their first word.
        there = set(_WORD.findall(text))
        for name, instead in self._parts:
            first = _WORD.search(name)
            if (first is None or first.group() in there) and name in text:
                text = text.replace(name, instead)
        for name, instead in self._words:
            if name in text:
                text = re.sub(rf"(?<![\w@-]){re.escape(name)}(?![\w-])", instead, text)
        if self._all:
            text = _PATH.sub(_kept_or("<path>"), text)
            text = _FILE.sub("<file>", text)
        return text


def _hider(sources: Sources, *, with_names: bool) -> _Hider:
    here = Path(__file__).resolve().parents[2]
    parts: list[tuple[str, str]] = [(f"{here}{os.sep}", "@tool/"), (sys.prefix, "@python")]
    parts += [(sys.base_prefix, "@python")] if sys.base_prefix not in ("/usr", "/") else []
    words: list[tuple[str, str]] = []
    opened = sources.opened
    if with_names:
        return _Hider(parts, words, all_names=False)
    if sources.work is not None:
        parts.append((str(sources.work), "<work>"))
        words.append((sources.work.name, "<work>"))
    if opened is not None:
        dataset = opened.dataset
        parts.append((str(dataset.root), "<set>"))
        words.append((dataset.root.name, "<set>"))
        for image in dataset:
            parts.append((image.path.name, "<picture>"))
            if image.annotation is not None:
                parts.append((image.annotation.name, "<labels>"))
            if "/" in image.key:
                parts.append((image.key, "<picture>"))
            words.append((image.key.rpartition("/")[2], "<picture>"))
        words += [(name, f"<class {number}>") for number, name in enumerate(dataset.class_names)]
    recent = [path for path in sources.settings.get("recent", []) if isinstance(path, str)]
    parts += [(path, "<set>") for path in recent]
    words += [(Path(path).name, "<set>") for path in recent]
    return _Hider(list(dict.fromkeys(parts)), list(dict.fromkeys(words)), all_names=True)


def _kept_or(instead: str) -> Any:
    def choose(match: re.Match[str]) -> str:
        text = match.group()
        # Programs' own places tell nothing of a person.
        return text if text.startswith(("/usr/", "/proc/", "/dev/", "/lib", "/opt/")) else instead

    return choose


def _without_person(text: str) -> str:
    """The text without the home folder and the names of user and machine."""
    homes = {str(Path.home()), os.environ.get("HOME", "")}
    with suppress(OSError, RuntimeError):
        homes.add(str(Path.home().resolve()))
    for home in sorted(homes, key=len, reverse=True):
        if len(home) > 1:
            text = text.replace(home, "~")
    names = {os.environ.get("USER", ""), os.environ.get("LOGNAME", ""), Path.home().name}
    with suppress(OSError, KeyError, ImportError):
        names.add(getpass.getuser())
    for name, instead in (*((name, "<user>") for name in names), (socket.gethostname(), "<machine>")):
        if len(name) > 1 and name not in ("root", "home", "localhost"):
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", instead, text)
    return text


# The machine


def _licence(about: Any) -> str:
    expression = about.get("License-Expression")
    if expression:
        return str(expression)
    classified = [
        text.rpartition("::")[2].strip()
        for text in about.get_all("Classifier") or []
        if text.startswith("License ::")
    ]
    if classified:
        return ", ".join(dict.fromkeys(classified))
    text = str(about.get("License") or "").strip()
    return text.splitlines()[0][:80] if text else "see its own files"


def _distribution() -> str:
    try:
        found = platform.freedesktop_os_release()
    except OSError:
        return platform.version()
    return str(found.get("PRETTY_NAME", ""))


def _memory() -> str:
    try:
        return size_text(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (ValueError, OSError):
        return "unknown"


def _room() -> str:
    try:
        return size_text(shutil.disk_usage(Path.home()).free)
    except OSError:
        return "unknown"
