"""Other names and another order for the classes of a set."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from converters.errors import UsageError
from converters.model import AnnotatedImage, Dataset

_COMMA = re.compile(r"(?<!\\),")
_PLACEHOLDER = re.compile(r"_+(ignored?|background)_+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rename:
    """One class gets another name; two with the same new name become one class."""

    old: str
    new: str


def parse_names(text: str) -> tuple[str, ...]:
    r"""Class names of a list such as ``mask,no_mask,chin_diaper`` (``\,`` is a comma inside a name).

    Raises:
        UsageError: The list is empty, a name is empty or stands there twice.
    """
    names = tuple(part.replace("\\,", ",").strip() for part in _COMMA.split(text))
    if not text.strip():
        raise UsageError("the list of classes is empty.", hint="Write it as mask,no_mask,chin_diaper.")
    for name in names:
        if not name:
            raise UsageError(f"{text!r}: a class name between two commas is empty.")
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise UsageError(f"class {repeated[0]!r} stands in {text!r} twice.")
    return names


def parse_rename(text: str) -> tuple[Rename, ...]:
    r"""Renames out of ``with_mask=mask,without_mask=no_mask``.

    All are meant at once: ``a=b,b=a`` exchanges two names. ``\,`` is a comma inside a name.

    Raises:
        UsageError: A part has no ``=``, a side is empty, or a class is renamed twice.
    """
    renames: list[Rename] = []
    for part in _COMMA.split(text):
        old, equals, new = (piece.replace("\\,", ",").strip() for piece in part.partition("="))
        if not (old and equals and new):
            raise UsageError(
                f"{part.strip()!r} is not OLD=NEW.",
                hint="Write renames as with_mask=mask,without_mask=no_mask.",
            )
        if any(rename.old == old for rename in renames):
            raise UsageError(f"class {old!r} is renamed twice in {text!r}.")
        renames.append(Rename(old, new))
    return tuple(renames)


def class_order(
    existing: Sequence[str], renames: Sequence[Rename] = (), classes: Sequence[str] | None = None
) -> tuple[str, ...]:
    """The classes after the renames, in their pinned order.

    Args:
        existing: The classes of the set as it was read, in its order.
        renames: Applied at once. Their order counts where ``classes`` is not given; others follow.
        classes: The order asked for, in new names. It may name classes the set does not have yet.

    Raises:
        UsageError: A rename names a class the set does not have.
    """
    for rename in renames:
        if rename.old not in existing:
            raise _unknown(rename.old, existing)
    if classes is not None:
        return tuple(classes)
    new_name = {rename.old: rename.new for rename in renames}
    ordered = [rename.new for rename in renames] + [new_name.get(name, name) for name in existing]
    return tuple(dict.fromkeys(ordered))


def remap(dataset: Dataset, renames: Sequence[Rename] = (), classes: Sequence[str] | None = None) -> Dataset:
    """The set with renamed classes in another order (see :func:`class_order`); the boxes stay.

    Raises:
        UsageError: A rename names a class the set does not have, or a class with boxes is missing in
            ``classes``.
    """
    order = class_order(dataset.class_names, renames, classes)
    new_name = {rename.old: rename.new for rename in renames}
    images = tuple(_relabelled(image, new_name) for image in dataset)
    boxes = Counter(box.label for image in images for box in image.boxes)
    missing = [name for name in boxes if name not in order]
    if missing:
        counts = ", ".join(f"{name} ({boxes[name]})" for name in missing)
        raise UsageError(
            f"classes with boxes are missing in the list of classes: {counts}.",
            hint="Add them to --classes, or rename them to a class that is in it.",
        )
    return replace(dataset, images=images, class_names=order)


def without_classes(dataset: Dataset, names: Sequence[str]) -> tuple[Dataset, dict[str, int]]:
    """The set without some classes: their boxes go, pictures stay, also those that have no box then.

    Returns:
        The set, and how many boxes of each of these classes it had.

    Raises:
        UsageError: The set has no such class.
    """
    for name in names:
        if name not in dataset.class_names:
            raise _unknown(name, dataset.class_names, "drop")
    dropped = dict.fromkeys(names, 0)
    images: list[AnnotatedImage] = []
    for image in dataset:
        kept = tuple(box for box in image.boxes if box.label not in dropped)
        if len(kept) < len(image.boxes):
            for box in image.boxes:
                if box.label in dropped:
                    dropped[box.label] += 1
            image = image.with_boxes(kept)
        images.append(image)
    classes = tuple(name for name in dataset.class_names if name not in dropped)
    return replace(dataset, images=tuple(images), class_names=classes), dropped


def is_placeholder(name: str) -> bool:
    """Whether a class name is one of those by which tools mark what is no object.

    labelme draws regions to be ignored as ``__ignore__`` and calls the rest of a picture ``_background_``.
    """
    return _PLACEHOLDER.fullmatch(name) is not None


def _relabelled(image: AnnotatedImage, new_name: dict[str, str]) -> AnnotatedImage:
    if not any(box.label in new_name for box in image.boxes):
        return image
    return image.with_boxes(tuple(box.relabelled(new_name.get(box.label, box.label)) for box in image.boxes))


def _unknown(name: str, existing: Iterable[str], what: str = "rename") -> UsageError:
    names = list(existing)
    close = difflib.get_close_matches(name, names, n=1)
    guess = f"Did you mean {close[0]!r}? " if close else ""
    has = ", ".join(names) if names else "no class at all"
    return UsageError(f"there is no class {name!r} to {what}.", hint=f"{guess}The set has: {has}.")
