"""Changes of the list of classes, each as one edit that can be undone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from annotator.core.edits import ColourChange, SetBoxes, SetClasses
from converters.colours import PALETTE, ClassColours, default_colour
from converters.errors import FormatError
from converters.model import AnnotatedImage, Box, Dataset
from converters.words import counted


@dataclass(frozen=True, slots=True)
class ClassCount:
    """How much a class is used.

    Attributes:
        boxes: Its boxes.
        pictures: Pictures with a box of it.
    """

    boxes: int = 0
    pictures: int = 0


def count_classes(images: Iterable[AnnotatedImage]) -> dict[str, ClassCount]:
    """The use of each class that has a box; may be called in any thread."""
    boxes: Counter[str] = Counter()
    pictures: Counter[str] = Counter()
    for image in images:
        labels = [box.label for box in image.boxes]
        boxes.update(labels)
        pictures.update(set(labels))
    return {label: ClassCount(count, pictures[label]) for label, count in boxes.items()}


def pictures_with(images: Iterable[AnnotatedImage], names: Collection[str]) -> int:
    """How many pictures have a box of one of these classes."""
    return sum(any(box.label in names for box in image.boxes) for image in images)


def nearly_same(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Classes whose names differ only in case, blanks, hyphens and underscores: probably one class each."""
    groups: dict[str, list[str]] = {}
    for name in names:
        plain = "".join(char for char in name.casefold() if not char.isspace() and char not in "-_")
        groups.setdefault(plain or name, []).append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def add_class(dataset: Dataset, name: str) -> SetClasses:
    """Add a class at the end of the order.

    Raises:
        FormatError: The name is empty, taken (also but for case), or has a line break.
    """
    name = checked_name(dataset, name)
    return _edit(dataset, (*dataset.class_names, name), [], f"add the class {name}")


def add_missing(dataset: Dataset, names: Iterable[str]) -> SetClasses | None:
    """Add classes that boxes of removed pictures have and the list has not; None where it has them all."""
    missing = tuple(name for name in dict.fromkeys(names) if name not in dataset.class_names)
    if not missing:
        return None
    what = missing[0] if len(missing) == 1 else counted(len(missing), "class", "classes")
    text = f"add the class {what}" if len(missing) == 1 else f"add {what}"
    return _edit(dataset, (*dataset.class_names, *missing), [], text)


def rename_class(dataset: Dataset, old: str, new: str) -> SetClasses:
    """Give a class another name; its place in the order, and so its id, stays.

    Raises:
        FormatError: There is no class ``old``, or the new name is empty, taken, or has a line break.
    """
    _check_there(dataset, old)
    new = checked_name(dataset, new, besides=old)
    after = tuple(new if name == old else name for name in dataset.class_names)
    changes = _changes(dataset, lambda box: box.relabelled(new) if box.label == old else box, "")
    return _edit(dataset, after, changes, f"rename {old} to {new}", {new: old})


def merge_classes(dataset: Dataset, names: Sequence[str], into: str) -> SetClasses:
    """Let the boxes of some classes be of another one, and take these classes out of the list.

    Raises:
        FormatError: One of them is no class.
    """
    gone = [name for name in names if name != into]
    for name in (*gone, into):
        _check_there(dataset, name)
    after = tuple(name for name in dataset.class_names if name not in gone)
    changes = _changes(dataset, lambda box: box.relabelled(into) if box.label in gone else box, "")
    return _edit(dataset, after, changes, f"merge {', '.join(gone)} into {into}")


def delete_class(dataset: Dataset, name: str, relabel_as: str | None = None) -> SetClasses:
    """Take a class out of the list.

    Args:
        dataset: The set.
        name: The class.
        relabel_as: The class that its boxes get; None: they are deleted.

    Raises:
        FormatError: One of them is no class, or both are the same.
    """
    _check_there(dataset, name)
    if relabel_as is not None:
        _check_there(dataset, relabel_as)
        if relabel_as == name:
            raise FormatError(f"the boxes of {name!r} cannot stay in it: it is to be deleted.")
    after = tuple(other for other in dataset.class_names if other != name)
    count = Counter(box.label for image in dataset for box in image.boxes)[name]
    if relabel_as is None:
        changes = _changes(dataset, lambda box: None if box.label == name else box, "")
        what = f"delete the class {name} and {counted(count, 'box', 'boxes')}"
    else:
        changes = _changes(dataset, lambda box: box.relabelled(relabel_as) if box.label == name else box, "")
        what = f"delete the class {name}, {counted(count, 'box', 'boxes')} to {relabel_as}"
    return _edit(dataset, after, changes, what if count else f"delete the class {name}")


def reorder_classes(dataset: Dataset, order: Sequence[str]) -> SetClasses:
    """Put the classes into another order (and so give them other ids, where files hold ids).

    Raises:
        FormatError: ``order`` is not the same classes.
    """
    if sorted(order) != sorted(dataset.class_names):
        raise FormatError("the order must name every class once.")
    return _edit(dataset, tuple(order), [], "reorder the classes")


def namesake(names: Iterable[str], name: str, besides: str | None = None) -> str | None:
    """The class whose name a new name is already, also but for case; None where there is none."""
    same = name.strip().casefold()
    return next((other for other in names if other.casefold() == same and other != besides), None)


def checked_name(dataset: Dataset, name: str, besides: str | None = None) -> str:
    """A new class name without outer blanks.

    Args:
        dataset: The set.
        name: The name.
        besides: A class that goes away, whose name may differ from it in case alone.

    Raises:
        FormatError: It is empty, taken (also but for case), or has a line break.
    """
    name = name.strip()
    if not name or not name.isprintable():
        raise FormatError("a class name needs at least one character and no line break.")
    other = namesake(dataset.class_names, name, besides)
    if other is not None:
        raise FormatError(f"the class {other!r} exists already.", hint="Merge the two classes instead.")
    return name


def _check_there(dataset: Dataset, name: str) -> None:
    if name not in dataset.class_names:
        raise FormatError(f"there is no class {name!r}; there are {', '.join(dataset.class_names)}.")


def _changes(dataset: Dataset, change: Callable[[Box], Box | None], text: str) -> list[SetBoxes]:
    """What happens to the boxes of each image; None deletes a box."""
    changes: list[SetBoxes] = []
    for image in dataset:
        after = tuple(box for old in image.boxes if (box := change(old)) is not None)
        if after != image.boxes:
            changes.append(SetBoxes(image.key, image.boxes, after, text))
    return changes


def _edit(
    dataset: Dataset,
    after: tuple[str, ...],
    changes: list[SetBoxes],
    text: str,
    renamed: Mapping[str, str] | None = None,
) -> SetClasses:
    colours = _kept_colours(dataset, after, renamed or {})
    return SetClasses(dataset.class_names, after, tuple(changes), text, colours)


def _kept_colours(
    dataset: Dataset, after: tuple[str, ...], renamed: Mapping[str, str]
) -> tuple[ColourChange, ...]:
    """What has to be chosen so that every class goes on in its colour, whatever its place is now.

    Args:
        dataset: The set before.
        after: The classes after.
        renamed: The former name of a class that has another one.
    """
    shown, places = dataset.colours, ClassColours(after)
    wanted = {
        name: shown.of(renamed.get(name, name))
        for name in after
        if renamed.get(name, name) in dataset.class_names
    }
    for place, name in enumerate(after):
        if name not in wanted:
            # A new class: the colour of its place, unless another class has that already.
            free = (default_colour((place + step) % len(PALETTE)) for step in range(len(PALETTE)))
            taken = set(wanted.values())
            wanted[name] = next((colour for colour in free if colour not in taken), places.of(name))
    changes: list[ColourChange] = []
    for name in after:
        before = dataset.chosen_colours.get(name)
        chosen = None if wanted[name] == places.of(name) else wanted[name]
        if chosen != before:
            changes.append((name, before, chosen))
    return tuple(changes)
