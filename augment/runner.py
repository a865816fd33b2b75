"""Augmenting the training split of a Darknet data set, and taking the copies out again.

The copies are built in a folder beside augmented/ and swapped in as a whole at the end: whatever happens
before, the data set is as it was. That folder stays when a run is interrupted, and the next one with the same
settings goes on from there.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from augment import manifest, workers
from augment.manifest import Entry, Manifest
from augment.plan import DroppedBox, Loaded, Plan, PlannedCopy, count_boxes, make_plan, some_of
from augment.plan_pastes import Pastes
from augment.policy import STUDY, Policy
from augment.unfinished import Unfinished, remove_part
from augment.workers import CopyTask, Outcome, SourceTask
from converters.errors import DataError, UsageError, WriteError
from converters.files import link_or_copy, write_atomic
from converters.report import Report
from converters.words import counted
from converters.work import WorkFolder, open_work, write_lists

if TYPE_CHECKING:
    from augment.cluster import Cluster

_Make = Callable[[Sequence[SourceTask]], Generator[Outcome, None, None]]
"""Makes copies; outcomes come in the order of the tasks."""

_JUNK = frozenset({"Thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class AugmentResult:
    """What a run did.

    Attributes:
        folder: Where the copies lie.
        images: Training pictures that copies were asked of.
        copies: Copies that are there now.
        made: Those of them that this run made; the others were there, intact.
        boxes_before: Boxes of the training pictures, by class.
        boxes_after: Those and the copies' boxes, by class.
        dropped: Boxes that the copies do not have.
        pasted: Boxes on the copies that were pasted there, by class.
        unplaced: Faces that were asked for and could not be pasted, by class.
        report: Findings; an error for each picture without copies.
    """

    folder: Path
    images: int
    copies: int
    made: int
    boxes_before: dict[str, int]
    boxes_after: dict[str, int]
    dropped: tuple[DroppedBox, ...]
    pasted: dict[str, int]
    unplaced: dict[str, int]
    report: Report

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        return {
            "folder": str(self.folder),
            "images": self.images,
            "copies": self.copies,
            "made": self.made,
            "boxes_before": self.boxes_before,
            "boxes_after": self.boxes_after,
            "dropped": [box.as_dict() for box in self.dropped],
            "pasted": self.pasted,
            "unplaced": self.unplaced,
            "issues": [issue.as_dict() for issue in self.report],
        }


def augment(
    root: Path,
    *,
    copies: int | Mapping[str, int],
    seed: int,
    policy: Policy = STUDY,
    pastes: Pastes | None = None,
    loaded: Loaded | None = None,
    jobs: int | None = None,
    cluster: Cluster | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    on_planned: Callable[[int, int], None] | None = None,
) -> AugmentResult:
    """Make copies of every training picture and list them in train.txt.

    What is there from a run with the same seed and policy, and intact, stays; anything else of an earlier
    run is replaced. Pictures of val and test are never touched.

    Args:
        root: A Darknet data set (see :mod:`converters.work`).
        copies: Copies of each training picture, from 1; or of each by its key.
        seed: The same seed and policy give the same bytes, with any number of workers.
        policy: What a copy may get.
        pastes: Faces to paste on the copies of each picture, by key and class (a balance plan's).
        loaded: The data set, where :func:`augment.plan.load` loaded it before.
        jobs: Worker processes (1: none); None: one for each core, none for a small set.
        cluster: Other computers that make the copies, in the place of ``jobs``.
        on_progress: Called with (copies done, copies to make). What it raises ends the run; the old copies
            are as they were, and those that are finished wait for the next run with these settings.
        on_planned: Called before with (copies planned, copies to plan); what it raises ends the run.

    Raises:
        UsageError: ``copies``, ``seed`` or ``jobs`` is out of range.
        NotADatasetError: ``root`` is no such data set.
        WriteError: The disk is full, read-only, …
        DataError: There is nothing to copy, foreign files lie in augmented/, another run is at work there,
            or a worker process was killed more than once.
    """
    if jobs is not None and jobs < 1:
        raise UsageError(f"{jobs} jobs: must be at least 1.")
    plan = make_plan(
        root,
        copies=copies,
        seed=seed,
        policy=policy,
        pastes=pastes,
        loaded=loaded,
        on_planned=on_planned,
    )
    work = plan.work
    make = partial(cluster.run, work.root) if cluster is not None else partial(workers.run, jobs=jobs)
    with _alone_in(work):
        old = _old_copies(work)
        kept = _intact(plan, old, work.augmented)
        made = 0
        if _nothing_to_do(plan, old, kept):
            remove_part(work)
        else:
            made = _build(plan, old, kept, make, on_progress)
        write_lists(work)
        if cluster is not None:
            cluster.publish(work)
        there = manifest.read(work.augmented)
    return summarise(plan, frozenset(there.entries) if there else frozenset(), made)


def remove(root: Path) -> int:
    """Take all copies out of a data set again and out of train.txt, those of an interrupted run too.

    Returns:
        How many copies there were.

    Raises:
        NotADatasetError: ``root`` is no such data set.
        DataError: Files lie in augmented/ that are not copies.
        WriteError: They cannot be removed.
    """
    work = open_work(root)
    with _alone_in(work):
        old = _old_copies(work)
        if work.augmented.exists():
            _swap(work, None)
        remove_part(work)
        write_lists(work)
    return len(old.entries) if old else 0


def summarise(plan: Plan, stems: frozenset[str], made: int) -> AugmentResult:
    """The result for the copies with these stems.

    Args:
        plan: The run.
        stems: Of the copies that are there.
        made: How many of them the run made.
    """
    there = [copy for copy in plan.copies if copy.stem in stems]
    originals = [image.boxes for image in plan.images]
    return AugmentResult(
        folder=plan.work.augmented,
        images=len(plan.images),
        copies=len(there),
        made=made,
        boxes_before=count_boxes(originals, plan.class_names),
        boxes_after=count_boxes([*originals, *(copy.boxes for copy in there)], plan.class_names),
        dropped=tuple(box for copy in there for box in copy.dropped),
        pasted=count_boxes(
            ([copy.boxes[place] for place in copy.pasted] for copy in there), plan.class_names
        ),
        unplaced=dict(plan.pastes.unplaced) if plan.pastes else {},
        report=plan.report,
    )


def _retired(work: WorkFolder) -> Path:
    """Where the old copies are while the new ones take their place."""
    return work.root / ".augmented.old"


@contextmanager
def _alone_in(work: WorkFolder) -> Iterator[None]:
    """Keep a second run out, and mend what a killed one left. The lock ends with the process, however."""
    try:
        handle = os.open(work.root, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise DataError(f"cannot be opened: {error.strerror}.", path=work.root) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise DataError(
                    "another run is augmenting this data set at the moment.",
                    path=work.root,
                    code="busy",
                    hint="Wait until it is done.",
                ) from error
            # Some network file systems know no locks; going on without is what people expect there.
        _mend(work)
        yield
    finally:
        os.close(handle)


def _mend(work: WorkFolder) -> None:
    """Bring a data set in order in which a run was killed: the old copies count unless the new are in."""
    retired = _retired(work)
    try:
        if retired.is_dir() and not work.augmented.exists():
            retired.replace(work.augmented)
    except OSError as error:
        raise WriteError.from_os_error(error, work.augmented) from error
    shutil.rmtree(retired, ignore_errors=True)


def _old_copies(work: WorkFolder) -> Manifest | None:
    """The manifest of the copies that are there.

    Raises:
        DataError: Something else is there, which the run would delete.
    """
    if not work.augmented.exists():
        return None
    old = manifest.read(work.augmented)
    ours = old.files if old else frozenset()
    try:
        names = sorted(entry.name for entry in work.augmented.iterdir())
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}.", path=work.augmented) from error
    foreign = [name for name in names if name not in ours | _JUNK and not name.startswith(".")]
    if foreign:
        some = ", ".join(foreign[:3]) + (", …" if len(foreign) > 3 else "")
        why = "" if old else f" (there is no {manifest.NAME} that can be read)"
        raise DataError(
            f"holds {len(foreign)} files that are no copies of an earlier run: {some}{why}.",
            path=work.augmented,
            code="foreign-files",
            hint="Move them to another folder, or delete this one; then run it again.",
        )
    return old


def _intact(plan: Plan, old: Manifest | None, folder: Path) -> dict[str, Entry]:
    """The copies of an earlier run, in this folder, whose picture can stay, by stem."""
    if old is None or old.settings != manifest.settings_of(plan):
        return {}
    digest_of = lru_cache(maxsize=None)(_digest_of)
    kept: dict[str, Entry] = {}
    for copy in plan.copies:
        entry = old.entries.get(copy.stem)
        if (
            entry is not None
            and entry.operations == copy.recipe.as_list()
            and entry.source == digest_of(copy.image.path)
            and entry.boxes == manifest.boxes_of(copy)
            and entry.donors == {other.key: digest_of(other.path) for other in copy.donors}
            and entry.picture == _digest_of(folder / copy.picture_name)
        ):
            kept[copy.stem] = entry
    return kept


def _nothing_to_do(plan: Plan, old: Manifest | None, kept: dict[str, Entry]) -> bool:
    """Whether every copy is there as it must be, and no other."""
    return (
        old is not None
        and set(kept) == set(old.entries) == {copy.stem for copy in plan.copies}
        and all(_label_is_there(plan, copy) for copy in plan.copies)
    )


def _label_is_there(plan: Plan, copy: PlannedCopy) -> bool:
    try:
        return (plan.work.augmented / copy.label_name).read_bytes() == copy.label
    except OSError:
        return False


def _build(
    plan: Plan,
    old: Manifest | None,
    kept: dict[str, Entry],
    make: _Make,
    on_progress: Callable[[int, int], None] | None,
) -> int:
    """Make what is missing and swap the folder in; returns how many copies were made."""
    unfinished = Unfinished(plan)
    there = _intact(plan, unfinished.left(), unfinished.folder)
    done = False
    try:
        unfinished.begin(there)
        made = _make_missing(plan, kept | there, unfinished, make, on_progress)
        entries = kept | there | made
        if not entries and old is None:
            return 0  # not one picture could be read: there is nothing to swap in
        names: list[str] = []
        for copy in plan.copies:
            if copy.stem in entries:
                here = copy.stem in there or copy.stem in made
                _complete(plan, copy, unfinished.folder, reuse=not here)
                names += (copy.picture_name, copy.label_name)
        unfinished.complete(entries, names)
        _swap(plan.work, unfinished.folder)
        done = True
        return len(made)
    except WriteError:  # perhaps the disk is full: give back what was taken
        remove_part(plan.work)
        raise
    finally:
        if not done:
            unfinished.leave()


def _make_missing(
    plan: Plan,
    kept: Mapping[str, Entry],
    unfinished: Unfinished,
    make: _Make,
    on_progress: Callable[[int, int], None] | None,
) -> dict[str, Entry]:
    """Make the pictures that cannot stay; what cannot be made goes to the plan's report."""
    missing: dict[str, list[PlannedCopy]] = {}
    for copy in plan.copies:
        if copy.stem not in kept:
            missing.setdefault(copy.image.key, []).append(copy)
    tasks = [
        SourceTask(
            copies[0].image,
            tuple(
                CopyTask(unfinished.folder / copy.picture_name, copy.recipe, copy.donors) for copy in copies
            ),
        )
        for copies in missing.values()
    ]
    tell = on_progress or (lambda done, total: None)
    total, done = sum(map(len, missing.values())), 0
    tell(done, total)
    entries: dict[str, Entry] = {}
    failures = _Failures(plan.report)
    with closing(make(tasks)) as outcomes:
        for outcome in outcomes:
            if outcome.error is not None:
                plan.report.add_exception(outcome.error, key=outcome.key)
            for place, (copy, picture) in enumerate(zip(missing[outcome.key], outcome.digests, strict=False)):
                if place in outcome.failed:
                    failures.add(copy, outcome.failed[place])
                    continue
                entry = manifest.entry_of(copy, picture, outcome.source_digest, outcome.donor_digests)
                entries[copy.stem] = entry
                unfinished.add(copy.stem, entry)
            done += outcome.copies
            tell(done, total)
    failures.tell()
    return entries


class _Failures:
    """Copies that could not be made, by what was wrong: a broken picture may be needed for many."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._found: dict[tuple[Path | None, str], tuple[DataError, list[PlannedCopy]]] = {}

    def add(self, copy: PlannedCopy, error: DataError) -> None:
        """Note a copy and why it is not there."""
        self._found.setdefault((error.path, error.message), (error, []))[1].append(copy)

    def tell(self) -> None:
        """One finding for each cause."""
        for error, copies in self._found.values():
            names = some_of([copy.picture_name for copy in copies])
            one = len(copies) == 1
            self._report.error(
                error.code,
                f"{error.message} {counted(len(copies), 'copy', 'copies')} that {'needs' if one else 'need'} "
                f"it {'is' if one else 'are'} not made: {names}.",
                path=error.path,
                key=copies[0].image.key,
                hint=error.hint,
            )


def _complete(plan: Plan, copy: PlannedCopy, part: Path, *, reuse: bool) -> None:
    """Put a copy's label into the new folder, and its picture where an old one can stay."""
    if reuse:
        link_or_copy(plan.work.augmented / copy.picture_name, part / copy.picture_name)
    if _label_is_there(plan, copy):
        link_or_copy(plan.work.augmented / copy.label_name, part / copy.label_name)
        return
    write_atomic(part / copy.label_name, copy.label, durable=False)


def _swap(work: WorkFolder, new: Path | None) -> None:
    """Put ``new`` in the place of augmented/ (None: nothing) and delete the old folder."""
    retired = _retired(work)
    try:
        if work.augmented.exists():
            work.augmented.replace(retired)
        if new is not None:
            try:
                new.replace(work.augmented)
            except OSError:
                with contextlib.suppress(OSError):
                    retired.replace(work.augmented)
                raise
        if retired.is_symlink():  # what it pointed to is not ours to delete
            retired.unlink()
        elif retired.exists():
            _keep_hidden(retired, work.augmented)
    except OSError as error:
        raise WriteError.from_os_error(error, work.augmented) from error
    shutil.rmtree(retired, ignore_errors=True)


def _keep_hidden(old: Path, new: Path) -> None:
    """Take along what other programs keep there under a name with a dot (``.annotator``)."""
    hidden = [entry for entry in old.iterdir() if entry.name.startswith(".")]
    if hidden:
        new.mkdir(exist_ok=True)
    for entry in hidden:
        entry.replace(new / entry.name)


def _digest_of(path: Path) -> str:
    """Digest of a file, empty for one that cannot be read."""
    try:
        return workers.digest(path.read_bytes())
    except OSError:
        return ""
