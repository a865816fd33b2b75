"""Whether a step of the journal still fits what the set is now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from annotator.core.edits import Edit, EditMany, SetBoxes, SetClasses
from converters.errors import DataError
from converters.model import AnnotatedImage, Box


def check_fits(
    edit: Edit,
    images: Mapping[str, AnnotatedImage],
    class_names: tuple[str, ...],
    root: Path,
    *,
    back: bool | None,
) -> None:
    """Refuse a step that was made on other labels than there are now: what came since would be lost.

    Args:
        edit: What would be carried out.
        images: The images that it is about, as far as they are there.
        class_names: The classes as they are.
        root: The set's folder.
        back: Whether it is an undo, or (None) a new edit, for the message.

    Raises:
        DataError: It does not fit (``does-not-fit``).
    """
    parts: Sequence[SetBoxes] = ()
    if isinstance(edit, SetBoxes):
        parts = (edit,)
    elif isinstance(edit, EditMany | SetClasses):
        parts = edit.edits
    for part in parts:
        image = images.get(part.key)
        if image is None:
            raise _does_not_fit(edit, "its picture is not there any more", root, back=back)
        if not _same(image.boxes, part.before):
            path = image.annotation or image.path
            raise _does_not_fit(edit, "its boxes are others by now", path, back=back)
    if isinstance(edit, SetClasses) and edit.before != class_names:
        raise _does_not_fit(edit, "the classes are others by now", root, back=back)


def no_longer_there(root: Path) -> DataError:
    """The error for a set whose folder was moved, renamed or deleted while it was open."""
    return DataError(
        "is not there any more: it was moved, renamed or deleted. Nothing was written.",
        path=root,
        code="set-gone",
        hint="Move it back to go on, or open it where it is now; your edits go with it.",
    )


def _same(first: tuple[Box, ...], second: tuple[Box, ...]) -> bool:
    """Whether boxes are the same and stand for the same elements of a file."""
    return first == second and [box.origin for box in first] == [box.origin for box in second]


def _does_not_fit(edit: Edit, why: str, path: Path, *, back: bool | None) -> DataError:
    if back is None:
        return DataError(
            f"nothing was changed ({edit.text}): {why}.",
            path=path,
            code="does-not-fit",
            hint="Look at it as it is now, then do it again.",
        )
    return DataError(
        f"cannot be {'undone' if back else 'done again'} ({edit.text}): {why}.",
        path=path,
        code="does-not-fit",
        hint="Edit > Forget this step goes on to the step before it; no label is changed.",
    )
