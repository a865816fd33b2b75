"""Mending findings: which ways there are, what exactly each would do, and the edits that do it.

Every fix is an edit of the session (so it is journalled and can be undone), and one edit however many
findings it mends. What is said before is worked out from the very edits that follow.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from natsort import natsort_keygen

from annotator.core import class_edits
from annotator.core.edits import Edit, EditMany, SetBoxes
from annotator.core.findings import Finding
from annotator.core.session import Session
from converters.errors import DataError
from converters.fingerprint import join_groups
from converters.formats.loading import clip_edges
from converters.formats.mending import SENSIBLE_ASPECT, SENSIBLE_SIDE
from converters.model import Box, Xyxy
from converters.words import counted


class Way(StrEnum):
    """A way to mend a finding."""

    CUT = "cut"
    SWAP = "swap"
    DELETE = "delete"
    DELETE_OTHER = "delete-other"
    DELETE_SMALLER = "delete-smaller"
    REMOVE_PICTURE = "remove-picture"
    MERGE_CLASSES = "merge-classes"
    STRIP_CLASS = "strip-class"
    DELETE_CLASS = "delete-class"
    EMPTY = "empty"


WAYS: dict[str, tuple[Way, ...]] = {
    "box-outside": (Way.CUT, Way.DELETE),
    "box-far-outside": (Way.CUT, Way.DELETE),
    "box-swapped": (Way.SWAP, Way.DELETE),
    "box-empty": (Way.DELETE,),
    "box-duplicate": (Way.DELETE,),
    "box-near-duplicate": (Way.DELETE, Way.DELETE_OTHER, Way.DELETE_SMALLER),
    "box-tiny": (Way.DELETE,),
    "box-tiny-network": (Way.DELETE,),
    "box-aspect": (Way.DELETE,),
    "image-identical": (Way.REMOVE_PICTURE,),
    "image-near-identical": (Way.REMOVE_PICTURE,),
    "boxes-differ": (Way.REMOVE_PICTURE,),
    "class-names-alike": (Way.MERGE_CLASSES,),
    "class-blanks": (Way.STRIP_CLASS,),
    "class-unused": (Way.DELETE_CLASS,),
    "image-without-label": (Way.EMPTY,),
}
"""The ways to mend each kind, the likeliest first."""

ONE_RIGHT_ANSWER = frozenset({"box-outside", "box-swapped", "box-empty", "box-duplicate", "class-blanks"})
"""Kinds that have one right answer, the first of their ways: what ``check-cli --fix`` mends."""

_BOX_WAYS = frozenset({Way.CUT, Way.SWAP, Way.DELETE, Way.DELETE_OTHER, Way.DELETE_SMALLER})


@dataclass(frozen=True, slots=True)
class Mending:
    """What a fix would do. Nothing is done yet.

    Attributes:
        edits: The edits, each undoable.
        empty: Pictures of which is to be said that there is nothing in them.
        boxes: How many boxes change.
        deleted: How many boxes go.
        pictures: How many pictures are touched.
        removed: Pictures that go to the trash.
        mended: Findings that it mends.
        left: Findings that this way cannot mend, or that are no longer as they were.
    """

    edits: tuple[Edit, ...] = ()
    empty: tuple[str, ...] = ()
    boxes: int = 0
    deleted: int = 0
    pictures: int = 0
    removed: tuple[str, ...] = ()
    mended: tuple[Finding, ...] = ()
    left: tuple[Finding, ...] = ()

    @property
    def does_something(self) -> bool:
        """Whether anything would change."""
        return bool(self.edits or self.empty)


def ways_for(findings: Iterable[Finding]) -> tuple[Way, ...]:
    """The ways that mend all of these findings, the likeliest first."""
    codes = list(dict.fromkeys(one.code for one in findings))
    if not codes:
        return ()
    common = [way for way in WAYS.get(codes[0], ()) if all(way in WAYS.get(code, ()) for code in codes)]
    return tuple(common)


def mend(session: Session, findings: Sequence[Finding], way: Way | None = None) -> Mending:
    """Work out a fix.

    Args:
        session: The open set.
        findings: What is to be mended.
        way: How; None: each by its one right answer, where it has one.

    Raises:
        DataError: Pictures are to go to the trash, and cannot.
    """
    if way is None:
        return _mend_boxes(session, [(one, _right_way(one)) for one in findings])
    if way in _BOX_WAYS:
        return _mend_boxes(session, [(one, way) for one in findings])
    if way is Way.REMOVE_PICTURE:
        return _remove_pictures(session, findings)
    if way is Way.EMPTY:
        keys = [one.key for one in findings if one.key is not None and one.key in session]
        empty = tuple(key for key in keys if not session.image(key).boxes and not session.image(key).labelled)
        return Mending(empty=empty, pictures=len(empty), mended=tuple(f for f in findings if f.key in empty))
    return _mend_classes(session, findings, way)


def cut_to_picture(xyxy: Xyxy, size: tuple[int, int]) -> Xyxy | None:
    """A box's edges limited to its picture; None where nothing sensible would be left of it.

    Args:
        xyxy: Its edges.
        size: The picture's (width, height).
    """
    cut = clip_edges(xyxy, size)
    width, height = cut[2] - cut[0], cut[3] - cut[1]
    if width <= 0 or height <= 0:
        return None
    # What is cut by a hair is the same object, however small; what loses a lot has to look like one.
    whole_width, whole_height = xyxy[2] - xyxy[0], xyxy[3] - xyxy[1]
    if width >= 0.5 * whole_width and height >= 0.5 * whole_height:
        return cut
    shorter, longer = sorted((width, height))
    return cut if shorter >= SENSIBLE_SIDE and longer <= SENSIBLE_ASPECT * shorter else None


def keep_which(session: Session, keys: Sequence[str]) -> str:
    """Of pictures that show the same, the one to keep: the one with most boxes, else the first by name."""
    natural = natsort_keygen()
    return min(keys, key=lambda key: (-len(session.image(key).boxes), natural(key)))


def _right_way(finding: Finding) -> Way | None:
    if finding.code not in ONE_RIGHT_ANSWER:
        return None
    way = WAYS[finding.code][0]
    return way if way in _BOX_WAYS else None


def _target(finding: Finding, way: Way, boxes: Sequence[Box]) -> int | None:
    """Index of the box that changes; None where the boxes are not those that were looked at."""
    index, other = finding.issue.box, finding.issue.other_box
    if index is None or index >= len(boxes) or boxes[index] != finding.box:
        return None
    if other is None:
        return index if way not in (Way.DELETE_OTHER, Way.DELETE_SMALLER) else None
    if other >= len(boxes) or boxes[other] != finding.other:
        return None
    if way is Way.DELETE_OTHER:
        return other
    if way is Way.DELETE_SMALLER:
        return min((index, other), key=lambda at: (boxes[at].width * boxes[at].height, -at))
    return index


def _mend_boxes(session: Session, wanted: Sequence[tuple[Finding, Way | None]]) -> Mending:
    by_key: dict[str, list[tuple[Finding, Way]]] = defaultdict(list)
    left: list[Finding] = []
    mended: list[Finding] = []
    for finding, way in wanted:
        if way is None or finding.key is None or finding.key not in session:
            left.append(finding)
        else:
            by_key[finding.key].append((finding, way))
    changes: list[SetBoxes] = []
    done: Counter[Way] = Counter()
    for key, ones in by_key.items():
        image = session.image(key)
        after: list[Box | None] = list(image.boxes)
        touched: dict[int, Way] = {}
        for finding, way in ones:
            index = _target(finding, way, image.boxes)
            box = after[index] if index is not None else None
            if index is None:
                left.append(finding)
                continue
            if box is not None:  # else another finding has deleted it already
                new = _changed(box, way, image.size)
                if new is box:
                    left.append(finding)
                    continue
                after[index] = new
                touched[index] = Way.DELETE if new is None else way
            mended.append(finding)
        done.update(touched.values())
        boxes = tuple(box for box in after if box is not None)
        if boxes != image.boxes:
            changes.append(SetBoxes(key, image.boxes, boxes, ""))
    if not changes:
        return Mending(mended=tuple(mended), left=tuple(left))
    edit = EditMany(tuple(changes), _text(done, len(changes)))
    return Mending(
        (edit,),
        boxes=sum(done.values()),
        deleted=done[Way.DELETE],
        pictures=len(changes),
        mended=tuple(mended),
        left=tuple(left),
    )


def _changed(box: Box, way: Way, size: tuple[int, int]) -> Box | None:
    """The box mended; None: it goes; the same one: this way cannot mend it."""
    x1, y1, x2, y2 = box.xyxy
    if way is Way.CUT:
        cut = cut_to_picture(box.xyxy, size)
        return box.moved_to(cut) if cut is not None and cut != box.xyxy else box
    if way is Way.SWAP:
        meant = (min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
        edges = cut_to_picture(meant, size)
        return box.moved_to(edges) if edges is not None and edges != box.xyxy else box
    return None


def _text(done: Counter[Way], pictures: int) -> str:
    """What a fix of boxes is called in the menu: ``cut 12 boxes to their pictures``."""
    number = sum(done.values())
    boxes = "box" if number == 1 else f"{number:,} boxes"
    if set(done) == {Way.CUT}:
        return f"cut {boxes} to {'the picture' if pictures == 1 else 'their pictures'}"
    if set(done) == {Way.SWAP}:
        return f"exchange the edges of {counted(number, 'box', 'boxes')}"
    if set(done) == {Way.DELETE}:
        return f"delete {boxes}"
    return f"mend {boxes}"


def _remove_pictures(session: Session, findings: Sequence[Finding]) -> Mending:
    links: list[tuple[str, str]] = []
    mended: list[Finding] = []
    left: list[Finding] = []
    for one in findings:
        first, second = one.issue.other_key, one.key
        if first is not None and second is not None and first in session and second in session:
            links.append((first, second))
            mended.append(one)
        else:
            left.append(one)
    groups: dict[str, list[str]] = defaultdict(list)
    for key, group in join_groups(links).items():
        groups[group].append(key)
    gone = sorted(
        (key for keys in groups.values() for key in keys if key != keep_which(session, keys)),
        key=session.position,
    )
    return removing(session, gone, mended, left)


def removing(
    session: Session, keys: Sequence[str], mended: Sequence[Finding] = (), left: Sequence[Finding] = ()
) -> Mending:
    """Pictures that another one shows as well go to the trash.

    Raises:
        DataError: They cannot.
    """
    if not keys:
        return Mending(left=tuple(left))
    edit = session.trash.removal(tuple(keys), len(session.keys) - len(keys))
    if len(keys) > 1:
        edit = replace(edit, text=f"remove {counted(len(keys), 'picture')} that others show as well")
    boxes = sum(len(session.image(key).boxes) for key in keys)
    return Mending(
        (edit,),
        deleted=boxes,
        pictures=len(keys),
        removed=tuple(keys),
        mended=tuple(mended),
        left=tuple(left),
    )


def _mend_classes(session: Session, findings: Sequence[Finding], way: Way) -> Mending:
    """One class at a time: after an edit of the list the next would be about another list."""
    dataset = session.dataset()
    counts = Counter(box.label for image in dataset for box in image.boxes)
    for one in findings:
        names = tuple(name for name in one.issue.names if name in dataset.class_names)
        if not names:
            continue
        rest = tuple(other for other in findings if other is not one)
        try:
            if way is Way.MERGE_CLASSES:
                if len(names) < 2:
                    continue
                into = max(names, key=lambda name: (counts[name], name == name.strip()))
                edit = class_edits.merge_classes(dataset, [name for name in names if name != into], into)
            elif way is Way.STRIP_CLASS:
                stripped = names[0].strip()
                if stripped in dataset.class_names:
                    edit = class_edits.merge_classes(dataset, [names[0]], stripped)
                else:
                    edit = class_edits.rename_class(dataset, names[0], stripped)
            else:
                if counts[names[0]]:
                    continue
                edit = class_edits.delete_class(dataset, names[0])
        except DataError:
            continue  # another class is in the way: to be merged by hand
        boxes = sum(
            1 for change in edit.edits for a, b in zip(change.before, change.after, strict=False) if a != b
        )
        return Mending((edit,), boxes=boxes, pictures=len(edit.edits), mended=(one,), left=rest)
    return Mending(left=tuple(findings))


def copy_boxes(session: Session, source: str, target: str, finding: Finding) -> Mending:
    """A picture gets the boxes of another one that shows the same."""
    before = session.image(target).boxes
    after = tuple(box.duplicated() for box in session.image(source).boxes)
    if before == after:
        return Mending()
    edit = SetBoxes(target, before, after, f"take over {counted(len(after), 'box', 'boxes')}")
    gone = sum(box not in after for box in before)
    return Mending((edit,), boxes=len(after) + gone, deleted=gone, pictures=1, mended=(finding,))
