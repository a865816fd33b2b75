"""A child process for the tests: edits a set at random until it is killed, and says what it has done.

Usage: journal_storm.py SET SEED. After each step a line with the digest of what the session has.
"""

from __future__ import annotations

import hashlib
import random
import sys
from pathlib import Path

from annotator.core import class_edits, edits
from annotator.core.class_colours import recolour
from annotator.core.session import Session
from converters.errors import DataError
from converters.model import Box, Split


def digest(session: Session) -> str:
    """What the session says, as a person sees it: images, classes, boxes to a hundredth of a pixel, flags."""
    text = [repr(session.class_names)]
    for key in session.keys:
        image = session.image(key)
        boxes = [(tuple(round(float(edge), 2) for edge in box.xyxy), box.label) for box in image.boxes]
        text.append(f"{key} {image.labelled} {image.reviewed} {boxes}")
    return hashlib.sha256("\n".join(text).encode()).hexdigest()[:16]


def change_boxes(session: Session, rng: random.Random) -> None:
    key = rng.choice(session.keys)
    boxes = session.image(key).boxes
    width, height = session.image(key).size
    what = rng.randrange(3)
    if what == 0 or not boxes:
        x, y = rng.randrange(width - 20), rng.randrange(height - 20)
        box = Box((x, y, x + 12, y + 9), rng.choice(session.class_names))
        session.apply(edits.add_box(key, boxes, box))
    elif what == 1:
        session.apply(edits.delete_boxes(key, boxes, frozenset({rng.randrange(len(boxes))})))
    else:
        moved = boxes[0].moved_to((1.0, 2.0, 20.0 + rng.randrange(9), 30.0))
        session.apply(edits.SetBoxes(key, boxes, (moved, *boxes[1:]), "move box"))


def step(session: Session, rng: random.Random) -> None:
    what = rng.choices(range(12), [40, 12, 8, 5, 4, 4, 3, 24, 2, 2, 2, 1])[0]
    some = rng.sample(session.keys, min(3, len(session.keys)))
    if what == 0:
        change_boxes(session, rng)
    elif what == 1:
        session.undo()
    elif what == 2:
        session.redo()
    elif what == 3:
        label = rng.choice(session.class_names)
        parts = [
            edits.relabel_boxes(
                k, session.image(k).boxes, frozenset(range(len(session.image(k).boxes))), label
            )
            for k in some
        ]
        session.apply(edits.together(parts, "relabel {boxes}"))
    elif what == 4:
        session.set_reviewed(some, rng.random() < 0.7)
    elif what == 5 and len(session.keys) > 3:
        session.remove_images(some[:1])
    elif what == 6:
        dataset = session.dataset()
        name = rng.choice(dataset.class_names)
        if rng.random() < 0.3 and len(dataset.class_names) < 6:
            session.apply(class_edits.add_class(dataset, f"class {rng.randrange(10**6)}"))
        elif rng.random() < 0.4:
            session.apply(class_edits.rename_class(dataset, name, f"name {rng.randrange(10**6)}"))
        elif rng.random() < 0.5:
            order = list(dataset.class_names)
            rng.shuffle(order)
            session.apply(class_edits.reorder_classes(dataset, order))
        elif len(dataset.class_names) > 2:
            other = next(n for n in dataset.class_names if n != name)
            session.apply(class_edits.merge_classes(dataset, [name], other))
    elif what == 8:
        label = rng.choice(session.class_names)
        every = ((key, session.image(key).boxes) for key in session.keys)
        parts = [edits.relabel_boxes(k, b, frozenset(range(len(b))), label) for k, b in every]
        session.apply(edits.together(parts, "relabel {boxes}"))
    elif what == 9:
        session.set_split(some, rng.choice([None, *Split]))
    elif what == 10:
        session.set_empty_on_purpose([k for k in some if not session.image(k).boxes], rng.random() < 0.7)
    elif what == 11:
        colour = (rng.randrange(256), rng.randrange(256), rng.randrange(256))
        session.apply(recolour(session.dataset(), rng.choice(session.class_names), colour))
    else:
        errors = session.save(seconds=0.0 if rng.random() < 0.2 else None)
        if errors:
            raise errors[0]


def main() -> None:
    root, seed = Path(sys.argv[1]), int(sys.argv[2])
    rng = random.Random(seed)
    session = Session.open(root)
    print("open", digest(session), flush=True)
    while True:
        try:
            step(session, rng)
        except DataError as error:
            print("error", error.code, error, flush=True)
            raise
        print("step", digest(session), flush=True)


if __name__ == "__main__":
    main()
