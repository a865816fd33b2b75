"""What the kill storm does to a set: every kind of edit, at random, and what the set says afterwards."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from pathlib import Path

from annotator.core import adding, class_edits, edits
from annotator.core.class_colours import recolour
from annotator.core.incoming import read_incoming
from annotator.core.session import Session
from converters.errors import UsageError
from converters.model import Box, Split

_MOST_CLASSES, _FEWEST_CLASSES = 7, 2
_FEWEST_PICTURES, _MOST_PICTURES = 4, 16

Step = Callable[[Session, random.Random], str]
"""Changes a set; returns a word for what it did."""


def describe(session: Session) -> str:
    """What a set says: classes, colours, pictures with their flags, boxes to a hundredth of a pixel."""
    text = [repr(session.class_names), repr([session.colours.of(name) for name in session.class_names])]
    for key in session.keys:
        image = session.image(key)
        boxes = [(tuple(round(float(edge), 2) for edge in box.xyxy), box.label) for box in image.boxes]
        text.append(f"{key} {image.labelled} {image.reviewed} {image.split} {boxes}")
    return "\n".join(text)


def digest(session: Session) -> str:
    """The same in a few letters."""
    return hashlib.sha256(describe(session).encode()).hexdigest()[:16]


def take(session: Session, rng: random.Random, source: Path | None) -> str:
    """Do something to a set; returns a word for it (after ``nudge`` it may be one with the step before)."""
    word = rng.choices(list(_STEPS), [weight for _, weight in _STEPS.values()])[0]
    try:
        if word == "add-pictures":
            return _add_pictures(session, rng, source)
        if not session.class_names:
            session.apply(class_edits.add_class(session.dataset(), "first"))
            return "classes"
        return _STEPS[word][0](session, rng)
    except UsageError:
        return "refused"  # a Darknet data set takes no new pictures this way, and all of it is in a split


def _boxes(session: Session, rng: random.Random) -> str:
    key = rng.choice(session.keys)
    boxes = session.image(key).boxes
    width, height = session.image(key).size
    what = rng.randrange(4)
    if what == 0 or not boxes:
        x, y = rng.randrange(max(width - 20, 1)), rng.randrange(max(height - 20, 1))
        box = Box((x, y, x + 12, y + 9), rng.choice(session.class_names))
        session.apply(edits.add_box(key, boxes, box))
    elif what == 1:
        session.apply(edits.delete_boxes(key, boxes, frozenset({rng.randrange(len(boxes))})))
    elif what == 2:
        session.apply(edits.paste_boxes(key, boxes, boxes[:2], "paste boxes"))
    else:
        moved = boxes[0].moved_to((1.0, 2.0, 20.0 + rng.randrange(9), 30.0))
        session.apply(edits.SetBoxes(key, boxes, (moved, *boxes[1:]), "move box"))
    return "boxes"


def _nudge(session: Session, rng: random.Random) -> str:
    key = session.keys[0]
    boxes = session.image(key).boxes
    if not boxes:
        return "nothing"
    x1, y1, x2, y2 = boxes[-1].xyxy
    by = rng.choice([-1, 1]) if x1 >= 1 else 1
    after = (*boxes[:-1], boxes[-1].moved_to((x1 + by, y1, x2 + by, y2)))
    session.apply(edits.SetBoxes(key, boxes, after, edits.NUDGE))
    return "nudge"


def _undo(session: Session, rng: random.Random) -> str:
    session.undo()
    return "undo"


def _redo(session: Session, rng: random.Random) -> str:
    session.redo()
    return "redo"


def _relabel_many(session: Session, rng: random.Random) -> str:
    label = rng.choice(session.class_names)
    parts = []
    for key in rng.sample(session.keys, min(5, len(session.keys))):
        boxes = session.image(key).boxes
        parts.append(edits.relabel_boxes(key, boxes, frozenset(range(len(boxes))), label))
    session.apply(edits.together(parts, "relabel {boxes}"))
    return "relabel"


def _reviewed(session: Session, rng: random.Random) -> str:
    session.set_reviewed(rng.sample(session.keys, min(3, len(session.keys))), rng.random() < 0.7)
    return "reviewed"


def _empty(session: Session, rng: random.Random) -> str:
    bare = [key for key in session.keys if not session.image(key).boxes]
    session.set_empty_on_purpose(bare[:2], rng.random() < 0.5)
    return "empty"


def _delete_all(session: Session, rng: random.Random) -> str:
    key = rng.choice(session.keys)
    session.apply(edits.SetBoxes(key, session.image(key).boxes, (), "delete all boxes"))
    return "boxes"


def _split(session: Session, rng: random.Random) -> str:
    # Never all of them: a new picture gets the split of those that nobody moved.
    some = [key for key in session.keys if key[-1] in "02468"]
    session.set_split(
        rng.sample(some, min(2, len(some))), rng.choice([Split.TRAIN, Split.VAL, Split.TEST, None])
    )
    return "split"


def _remove(session: Session, rng: random.Random) -> str:
    if len(session.keys) <= _FEWEST_PICTURES:
        return _restore(session, rng)
    session.remove_images(rng.sample(session.keys, rng.choice([1, 2])))
    return "remove"


def _restore(session: Session, rng: random.Random) -> str:
    items = [item for item in session.trash.items() if item.key not in session]
    if not items or len(session.keys) >= _MOST_PICTURES:
        return "nothing"
    item = rng.choice(items)
    session.restore_images(item.folder, [item.key])
    return "restore"


def _classes(session: Session, rng: random.Random) -> str:
    dataset = session.dataset()
    names = dataset.class_names
    name, other = rng.sample(names, 2) if len(names) > 1 else (names[0], "")
    what = rng.randrange(6)
    if what == 0 and len(names) < _MOST_CLASSES:
        session.apply(class_edits.add_class(dataset, f"class {rng.randrange(10**6)}"))
    elif what == 1:
        session.apply(class_edits.rename_class(dataset, name, f"née {rng.randrange(10**6)}"))
    elif what == 2:
        order = list(names)
        rng.shuffle(order)
        session.apply(class_edits.reorder_classes(dataset, order))
    elif what == 3 and len(names) > _FEWEST_CLASSES:
        session.apply(class_edits.merge_classes(dataset, [name], other))
    elif what == 4 and len(names) > _FEWEST_CLASSES:
        session.apply(class_edits.delete_class(dataset, name, other if rng.random() < 0.5 else None))
    else:
        session.apply(recolour(dataset, name, (rng.randrange(256), 7, 99)))
    return "classes"


def _save(session: Session, rng: random.Random) -> str:
    for error in session.save(seconds=rng.choice([None, 0.0])):
        raise error
    return "save"


def _add_pictures(session: Session, rng: random.Random, source: Path | None) -> str:
    if source is None or len(session.keys) >= _MOST_PICTURES:
        return "nothing"
    found = read_incoming([source], session.root)
    try:
        wanted = rng.sample(found.newcomers, 1)
        names = {name: rng.choice(session.class_names) for name in found.boxes}
        places = adding.find_places(session, wanted)
        session.apply(adding.stage(session, places, names, session.class_names))
    finally:
        found.close()
    return "add-pictures"


_STEPS: dict[str, tuple[Step, int]] = {
    "boxes": (_boxes, 30),
    "nudge": (_nudge, 10),
    "undo": (_undo, 16),
    "redo": (_redo, 10),
    "relabel": (_relabel_many, 5),
    "reviewed": (_reviewed, 5),
    "empty": (_empty, 3),
    "delete-all": (_delete_all, 2),
    "split": (_split, 3),
    "remove": (_remove, 5),
    "restore": (_restore, 3),
    "classes": (_classes, 8),
    "save": (_save, 24),
    "add-pictures": (_save, 2),
}
