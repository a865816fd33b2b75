"""What may be wrong with the open set, as its boxes are now: the list that ``check-cli`` would print.

The whole set is looked at once, in the background (:func:`check_all`); after that an edit of a picture costs
a look at that picture alone. Pictures that show the same are compared when their fingerprints are there.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from annotator.core.dismissed import Dismissed
from annotator.core.session import Session
from converters.checks import (
    CheckOptions,
    check_class_names,
    check_image,
    check_labelled,
    check_nothing_labelled,
    check_pair,
    judged,
)
from converters.checks_work import check_work
from converters.errors import DataError
from converters.fingerprint import Fingerprint, Pair, pairs
from converters.formats.base import ProgressCallback
from converters.model import AnnotatedImage, Box, Dataset
from converters.report import Issue, Report, Severity
from converters.work import WorkFolder

BOX_CODES = frozenset(
    {"box-outside", "box-far-outside", "box-empty", "box-swapped", "box-tiny", "box-tiny-network"}
    | {"box-aspect", "box-duplicate", "box-near-duplicate"}
)
"""About a box as it is now: another look says whether they are still true."""
PAIR_CODES = frozenset({"image-identical", "image-near-identical", "boxes-differ"})
SAID_ANYWAY = frozenset({"image-without-label"})
"""What the list of pictures says in words: no mark there, and no notice on the canvas, says it again."""
_LOOKED_AT_AGAIN = frozenset({"image-without-label", "nothing-labelled"})
DEFAULT = CheckOptions()
_STEP = 64
"""Pictures between two reports of progress."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that may be wrong.

    Attributes:
        issue: What it is, as ``check-cli`` has it.
        mark: What it is recognised by when it was dismissed: it changes with what the finding is about.
        box: The box it is about, as it was when it was looked at.
        other: The other box that it is about.
    """

    issue: Issue
    mark: str
    box: Box | None = None
    other: Box | None = None

    @property
    def code(self) -> str:
        """Name of its kind."""
        return self.issue.code

    @property
    def key(self) -> str | None:
        """The picture it is about."""
        return self.issue.key

    @property
    def is_error(self) -> bool:
        """Whether it takes something out of the work."""
        return self.issue.severity is Severity.ERROR


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The set as it was when a look began; a thread of its own may read it.

    Attributes:
        dataset: All pictures.
        told: What reading found about a picture, as long as it holds, by key.
        options: What is looked for.
    """

    dataset: Dataset
    told: Mapping[str, tuple[Issue, ...]]
    options: CheckOptions


@dataclass(slots=True)
class Checked:
    """What a look at the whole set found.

    Attributes:
        images: The pictures as they were looked at, by key.
        by_key: What was found in each of them, where that is something.
        work: What was found about a Darknet data set as such.
        options: What was looked for.
        labels: How many boxes of each class there are.
        labelled: How many pictures have a label file.
    """

    images: dict[str, AnnotatedImage]
    by_key: dict[str, tuple[Finding, ...]]
    work: tuple[Issue, ...]
    options: CheckOptions
    labels: Counter[str] = field(default_factory=Counter)
    labelled: int = 0


@dataclass(frozen=True, slots=True)
class Compared:
    """What comparing all pictures found.

    Attributes:
        pairs: Those that show the same.
        marks: Fingerprints, by key.
        errors: Pictures that cannot be read, by key.
    """

    pairs: tuple[Pair, ...]
    marks: Mapping[str, Fingerprint] = field(default_factory=dict)
    errors: Mapping[str, DataError] = field(default_factory=dict)


def check_all(snapshot: Snapshot, on_progress: ProgressCallback | None = None) -> Checked:
    """Look at every picture; to be called in any thread.

    Args:
        snapshot: The set.
        on_progress: Told how many were looked at; what it raises ends the look.
    """
    dataset, found = snapshot.dataset, Checked({}, {}, (), snapshot.options)
    for done, image in enumerate(dataset.images):
        if on_progress is not None and done % _STEP == 0:
            on_progress(done, len(dataset))
        found.images[image.key] = image
        found.labels.update(box.label for box in image.boxes)
        found.labelled += image.labelled
        if findings := check_one(image, snapshot.told.get(image.key, ()), snapshot.options):
            found.by_key[image.key] = findings
    found.work = work_issues(dataset, {})
    if on_progress is not None:
        on_progress(len(dataset), len(dataset))
    return found


def check_one(
    image: AnnotatedImage, told: Sequence[Issue] = (), options: CheckOptions = DEFAULT
) -> tuple[Finding, ...]:
    """What is to be said of one picture.

    Args:
        image: The picture as it is now.
        told: What reading found about it.
        options: What is looked for.
    """
    report = Report(list(told))
    check_labelled(image, report)
    if image.boxes:
        check_image(image, report, options)
    return tuple(_finding(issue, image) for issue in judged(report)) if report.issues else ()


def work_issues(dataset: Dataset, marks: Mapping[str, Fingerprint]) -> tuple[Issue, ...]:
    """What is to be said of a Darknet data set as such; nothing of another set."""
    work = WorkFolder(dataset.root)
    if not work.exists():
        return ()
    report = Report()
    check_work(work, dataset, marks, report)
    return tuple(report)


def compare_all(dataset: Dataset, on_progress: ProgressCallback | None = None) -> Compared:
    """Find the pictures that show the same; to be called in any thread.

    Fingerprints that are known from an earlier time are not taken again.

    Raises:
        DataError: A process was killed.
    """
    from converters.baking import take_fingerprints  # OpenCV: a quarter of a second

    listed = [(image.key, image.path) for image in dataset]
    marks, errors = take_fingerprints(listed, on_progress=on_progress)
    return Compared(tuple(pairs(marks)), marks, errors)


class Findings:
    """The list for one open set.

    Attributes:
        dismissed: What a person said is right.
        is_checked: Whether every picture has been looked at.
        is_compared: Whether the pictures have been compared with each other.
        options: What is looked for.
    """

    def __init__(self, session: Session, options: CheckOptions = DEFAULT) -> None:
        self.dismissed = Dismissed(session.sidecar)
        self.is_checked = False
        self.is_compared = False
        self.options = options
        self._session = session
        self._images: dict[str, AnnotatedImage] = {}
        self._by_key: dict[str, tuple[Finding, ...]] = {}
        self._labels: Counter[str] = Counter()
        self._labelled = 0
        self._pairs: dict[str, list[Pair]] = {}
        self._of_pairs: dict[tuple[str, str], tuple[Finding, ...]] = {}
        self._marks: Mapping[str, Fingerprint] = {}
        self._unreadable: tuple[Issue, ...] = ()
        self._work: tuple[Issue, ...] = ()
        self._told_of: dict[str, tuple[tuple[Box, ...], tuple[Issue, ...]]] = {}
        self._unlisted: dict[str, Issue] = {}
        self._general: tuple[Issue, ...] = ()
        self._divide(session.report)

    # Looking

    def snapshot(self) -> Snapshot:
        """What :func:`check_all` looks at."""
        told = {key: self._told(self._session.image(key)) for key in self._told_of if key in self._session}
        return Snapshot(self._session.dataset(), told, self.options)

    def adopt(self, found: Checked) -> list[str]:
        """Take over what a look found.

        Returns:
            The pictures that changed since it began, of which :meth:`look_at` has to be called.
        """
        self._images, self._by_key, self._work = found.images, found.by_key, found.work
        self._labels, self._labelled = found.labels, found.labelled
        self.is_checked = True
        here = self._session
        changed = [key for key in here.keys if self._images.get(key) is not here.image(key)]
        changed += [key for key in self._images if key not in here]
        if found.options == self.options:
            return changed
        self._images = {}  # all of it was looked at for something else
        self._labels.clear()
        self._labelled = 0
        return list(here.keys)

    def look_at(self, key: str) -> bool:
        """Look at one picture again; returns whether anything that is listed changed."""
        before = self._images.get(key)
        now = self._session.image(key) if key in self._session else None
        if before is now and now is not None:
            return False
        self._count(before, -1)
        self._count(now, 1)
        old = self._by_key.pop(key, ())
        new: tuple[Finding, ...] = ()
        if now is None:
            self._images.pop(key, None)
        else:
            self._images[key] = now
            new = check_one(now, self._told(now), self.options)
            if new:
                self._by_key[key] = new
        pairs_changed = self._look_at_pairs(key)
        # Classes may be used, or not, by one box: the list of them is short enough to be made anew.
        labels = {box.label for image in (before, now) if image is not None for box in image.boxes}
        return old != new or pairs_changed or bool(labels)

    def missing(self) -> list[str]:
        """Pictures that were looked at and are gone, and those that came back and were not looked at."""
        here = self._session
        return [
            *(key for key in self._images if key not in here),
            *(key for key in here.keys if key not in self._images),
        ]

    @property
    def marks(self) -> Mapping[str, Fingerprint]:
        """Fingerprints of the pictures that are there, as far as they were compared."""
        return {key: mark for key, mark in self._marks.items() if key in self._session}

    def set_work(self, issues: Sequence[Issue]) -> None:
        """What is said of a Darknet data set as such is this now."""
        self._work = tuple(issues)

    def adopt_comparison(self, compared: Compared) -> None:
        """Take over which pictures show the same."""
        self.is_compared = True
        self._marks = compared.marks
        self._pairs, self._of_pairs = {}, {}
        for pair in compared.pairs:
            for key in (pair.first, pair.second):
                self._pairs.setdefault(key, []).append(pair)
            self._check_pair(pair)
        told = {issue.path for issue in self._session.report.errors}
        report = Report()
        for key, error in compared.errors.items():
            if error.path not in told:
                report.add_exception(error, key=key)
        self._unreadable = tuple(report)

    # What is listed

    def all(self) -> list[Finding]:
        """Everything, also what was dismissed: what is about the set first, then picture by picture."""
        session = self._session
        general = [*self._general, *self._left_out(), *self._class_issues(), *self._work]
        found = [_finding(issue, None) for issue in general]
        unlabelled = self._nothing_labelled()
        found += [_finding(issue, None) for issue in unlabelled]
        for key in sorted((key for key in self._by_key if key in session), key=session.position):
            for one in self._by_key[key]:
                if not unlabelled or one.code != "image-without-label":
                    found.append(one)
        for pair in sorted(self._of_pairs, key=lambda pair: pair[1]):
            found += self._of_pairs[pair]
        found += [_finding(i, None) for i in self._unreadable if i.key is None or i.key in session]
        return found

    def of(self, key: str) -> list[Finding]:
        """What is to be said of one picture and was not dismissed."""
        found = list(self._by_key.get(key, ())) if key in self._session else []
        for pair in self._pairs.get(key, ()):
            found += [one for one in self._of_pairs.get((pair.first, pair.second), ()) if one.key == key]
        return [one for one in found if one not in self.dismissed]

    def image_keys(self) -> frozenset[str]:
        """The pictures about which there is something to say that was not dismissed."""
        return frozenset(
            one.key
            for one in self.all()
            if one.key is not None and one.key in self._session and one not in self.dismissed
        )

    # Inside

    def _divide(self, report: Report) -> None:
        """Tell apart what reading found: of boxes, of label files of pictures, of the rest."""
        told: dict[str, list[Issue]] = {}
        general: list[Issue] = []
        for issue in judged(report):
            if issue.code in _LOOKED_AT_AGAIN:
                continue
            image = (
                self._session.image(issue.key)
                if issue.key is not None and issue.key in self._session
                else None
            )
            if image is None:
                general.append(issue)
            elif issue.code == "class-not-listed":
                box = (
                    image.boxes[issue.box] if issue.box is not None and issue.box < len(image.boxes) else None
                )
                self._unlisted[box.label if box is not None else ""] = issue
            else:
                told.setdefault(image.key, []).append(issue)
        self._general = tuple(general)
        for key, issues in told.items():
            self._told_of[key] = (self._session.image(key).boxes, tuple(issues))

    def _told(self, image: AnnotatedImage) -> tuple[Issue, ...]:
        """What reading found about a picture, as far as it still holds."""
        boxes, issues = self._told_of.get(image.key, ((), ()))
        if boxes == image.boxes:
            return issues
        return tuple(issue for issue in issues if issue.code not in BOX_CODES)

    def _left_out(self) -> list[Issue]:
        """Classes that the set's own list lacks, as long as a box has them."""
        return [issue for label, issue in self._unlisted.items() if not label or self._labels[label] > 0]

    def _class_issues(self) -> list[Issue]:
        report = Report()
        used = {label for label, count in self._labels.items() if count > 0}
        if self.is_checked:
            check_class_names(self._session.root, self._session.class_names, used, report)
        return list(report)

    def _nothing_labelled(self) -> list[Issue]:
        report = Report()
        if self.is_checked and self._labelled == 0:
            check_nothing_labelled(self._session.root, len(self._session.keys), report)
        return list(report)

    def _count(self, image: AnnotatedImage | None, by: int) -> None:
        if image is not None:
            self._labelled += by * image.labelled
            for box in image.boxes:
                self._labels[box.label] += by

    def _look_at_pairs(self, key: str) -> bool:
        changed = False
        for pair in self._pairs.get(key, ()):
            before = self._of_pairs.get((pair.first, pair.second), ())
            self._check_pair(pair)
            changed = changed or before != self._of_pairs.get((pair.first, pair.second), ())
        return changed

    def _check_pair(self, pair: Pair) -> None:
        names = (pair.first, pair.second)
        self._of_pairs.pop(names, None)
        if all(key in self._session for key in names):
            first, second = (self._session.image(key) for key in names)
            report = Report()
            check_pair(pair, first, second, report)
            self._of_pairs[names] = tuple(_finding(issue, second, first) for issue in report)


def _finding(issue: Issue, image: AnnotatedImage | None, other: AnnotatedImage | None = None) -> Finding:
    box = _box_at(image, issue.box)
    second = _box_at(image, issue.other_box)
    about: list[object] = [issue.code, issue.key, issue.other_key]
    if box is not None and image is not None:
        about += [image.size, *(_content(one) for one in (box, second) if one is not None)]
    elif issue.code == "boxes-differ" and image is not None and other is not None:
        about += [[_content(one) for one in both.boxes] for both in (image, other)]
    elif issue.code not in PAIR_CODES and issue.code not in _LOOKED_AT_AGAIN:
        about += [issue.path.name if issue.path is not None else None, issue.line, issue.message]
    mark = hashlib.blake2b(repr(about).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
    return Finding(issue, mark, box, second)


def _box_at(image: AnnotatedImage | None, index: int | None) -> Box | None:
    if image is None or index is None or index >= len(image.boxes):
        return None
    return image.boxes[index]


def _content(box: Box) -> tuple[object, ...]:
    return (box.label, *(round(float(edge), 3) for edge in box.xyxy))


def shown(findings: Iterable[Finding], dismissed: Dismissed) -> list[Finding]:
    """Those that were not dismissed."""
    return [one for one in findings if one not in dismissed]
