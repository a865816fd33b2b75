"""What a network suggests for the labels of one picture, and the edits that take it over. Qt-free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from annotator.core.edits import EditMany, SetBoxes
from converters.formats.base import ProgressCallback
from converters.model import AnnotatedImage, Box, Xyxy
from converters.words import counted

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

IOU = 0.5
"""From so much on a prediction is about a box, and two predictions are about one thing."""
LEAST_SIDE = 1.0
"""Shorter side (pixels) of a prediction that is worth to be shown."""
LOWEST, HIGHEST, STEP = 5, 95, 5
"""The confidence (per cent) from which predictions are shown: its limits, and how far a key moves it."""


class Standing(StrEnum):
    """How a prediction stands to the labels of its picture."""

    NEW = "new"
    """There is no box where it is."""
    OTHER_CLASS = "other class"
    """There is a box, of another class."""
    AGREES = "agrees"
    """There is a box of its class."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A prediction on a picture that is being labelled.

    Attributes:
        box: The prediction, on whole pixels inside the picture.
        standing: What the labels say to it.
        truth: Index of the box that it is about; None where there is none.
    """

    box: Box
    standing: Standing
    truth: int | None = None

    @property
    def differs(self) -> bool:
        """Whether there is something to take over."""
        return self.standing is not Standing.AGREES


def on_whole_pixels(predictions: Sequence[Box], size: tuple[int, int]) -> tuple[Box, ...]:
    """Predictions as boxes are drawn: on whole pixels, inside the picture; what is outside is left out.

    Args:
        predictions: As the network gave them.
        size: (width, height) of the picture.
    """
    found = []
    for box in predictions:
        x1, x2 = (_inside(edge, size[0]) for edge in (box.xyxy[0], box.xyxy[2]))
        y1, y2 = (_inside(edge, size[1]) for edge in (box.xyxy[1], box.xyxy[3]))
        if x2 - x1 >= LEAST_SIDE and y2 - y1 >= LEAST_SIDE:
            found.append(box.moved_to((x1, y1, x2, y2)))
    return tuple(found)


def suggestions(
    truths: Sequence[Box], predictions: Sequence[Box], threshold: float
) -> tuple[Suggestion, ...]:
    """What predictions say to the labels of their picture, the surest first.

    One thing has one class: of predictions of several classes in one place only the surest is suggested. A
    prediction that agrees with a box is always kept.

    Args:
        truths: The boxes of the picture.
        predictions: What the network found, with the labels of the open set.
        threshold: Confidence from which a prediction counts.
    """
    shown = sorted(
        (box for box in predictions if (box.confidence or 0.0) >= threshold),
        key=lambda box: -(box.confidence or 0.0),
    )
    if not shown:
        return ()
    # Here: the window starts without what only networks need.
    from annotator.darknet.metrics import iou_float32

    on_truths = iou_float32(shown, truths)
    about_of = _pairs(on_truths)
    near_of = _pairs(iou_float32(shown, shown))
    kept: set[int] = set()
    said: set[int | None] = set()
    found: list[Suggestion] = []
    for index, box in enumerate(shown):
        about = sorted(about_of.get(index, ()), key=lambda place: -on_truths[index, place])
        same = next((place for place in about if truths[place].label == box.label), None)
        if same is not None:
            found.append(Suggestion(box, Standing.AGREES, same))
        elif any(surer in kept and shown[surer].label != box.label for surer in near_of.get(index, ())):
            continue
        elif about:
            if about[0] in said:
                continue  # something surer was said of this box
            found.append(Suggestion(box, Standing.OTHER_CLASS, about[0]))
        else:
            found.append(Suggestion(box, Standing.NEW))
        kept.add(index)
        said.add(found[-1].truth)
    return tuple(found)


def not_found(truths: Sequence[Box], found: Sequence[Suggestion]) -> tuple[int, ...]:
    """Indices of the boxes that no prediction is about; those that are difficult do not have to be found."""
    about = {one.truth for one in found}
    return tuple(
        index for index, box in enumerate(truths) if index not in about and "difficult" not in box.flags
    )


def accept_new(key: str, boxes: tuple[Box, ...], accepted: Sequence[Suggestion]) -> SetBoxes:
    """Add a box for each of the suggestions that have none yet."""
    new = tuple(_as_truth(one.box) for one in accepted if one.standing is Standing.NEW)
    return SetBoxes(key, boxes, boxes + new, f"accept {counted(len(new), 'prediction', 'predictions')}")


def accept_in_many(
    images: Sequence[AnnotatedImage],
    found: Mapping[str, Sequence[Box]],
    threshold: float,
    on_progress: ProgressCallback | None = None,
) -> EditMany:
    """Add a box for each prediction without one, in many pictures, as one edit.

    Args:
        images: The pictures.
        found: What the network found in them, with the labels of the open set.
        threshold: Confidence from which a prediction counts.
        on_progress: Told (done, total); it may raise to stop.
    """
    made = []
    boxes = 0
    for done, image in enumerate(images):
        if on_progress is not None:
            on_progress(done, len(images))
        predictions = on_whole_pixels(found.get(image.key, ()), image.size)
        edit = accept_new(image.key, image.boxes, suggestions(image.boxes, predictions, threshold))
        if edit.changes_something:
            made.append(edit)
            boxes += len(edit.after) - len(edit.before)
    text = (
        f"accept {counted(boxes, 'prediction', 'predictions')} in {counted(len(made), 'picture', 'pictures')}"
    )
    return EditMany(tuple(made), text)


def accept_one(
    key: str, boxes: tuple[Box, ...], suggestion: Suggestion, label: str | None = None
) -> SetBoxes:
    """Take over one suggestion: add its box, or give the box that is there its class.

    Args:
        key: The picture.
        boxes: Its boxes.
        suggestion: Which.
        label: The class to give, where the person knows better than the network.
    """
    label = label or suggestion.box.label
    at = suggestion.truth
    if at is None:
        box = _as_truth(suggestion.box).relabelled(label)
        return SetBoxes(key, boxes, (*boxes, box), f"accept a prediction as {label}")
    after = (*boxes[:at], boxes[at].relabelled(label), *boxes[at + 1 :])
    return SetBoxes(key, boxes, after, f"accept a prediction: relabel box as {label}")


def settled(
    truths: Sequence[Box], predictions: Sequence[Box], dismissed: frozenset[tuple[Xyxy, str]], least: float
) -> tuple[Box, ...]:
    """Predictions without the disagreement that a person has dismissed.

    Of what was dismissed on a box it is as if the network had said what the label says; elsewhere, as if it
    had said nothing.

    Args:
        truths: The boxes of the picture.
        predictions: What the network found there.
        dismissed: Edges and labels of what was dismissed.
        least: Confidence from which a prediction was ever shown.
    """
    if not dismissed:
        return tuple(predictions)
    left = [box for box in predictions if (box.xyxy, box.label) not in dismissed]
    gone = suggestions(truths, [b for b in predictions if (b.xyxy, b.label) in dismissed], least)
    return (*left, *(one.box.relabelled(truths[one.truth].label) for one in gone if one.truth is not None))


def class_mapping(
    theirs: Sequence[str], ours: Sequence[str], answers: Mapping[str, str] | None = None
) -> dict[str, str | None]:
    """Which class of the open set each class of a network is; None: none is known.

    What the person said counts first, then the name, then the name but for case. Ids are pinned: where as
    many classes are there as the network has, one that was renamed since is the one in its place.

    Args:
        theirs: The network's classes.
        ours: The open set's.
        answers: What the person said: our class by theirs, an empty text for "leave it out". What is no
            class any more is not heeded.
    """
    answers = answers or {}
    folded = {name.casefold(): name for name in reversed(ours)}
    mapping: dict[str, str | None] = {}
    for place, name in enumerate(theirs):
        answer = answers.get(name)
        if answer == "" or answer in ours:
            mapping[name] = answer or None
        elif name in ours:
            mapping[name] = name
        elif name.casefold() in folded:
            mapping[name] = folded[name.casefold()]
        elif len(theirs) == len(ours) and ours[place] not in theirs:
            mapping[name] = ours[place]
        else:
            mapping[name] = None
    return mapping


def mapped(predictions: Sequence[Box], mapping: Mapping[str, str | None]) -> tuple[Box, ...]:
    """Predictions with the labels of the open set; those of classes that are none of it are left out."""
    found = []
    for box in predictions:
        label = mapping.get(box.label, box.label)
        if label is not None:
            found.append(box if label == box.label else box.relabelled(label))
    return tuple(found)


def _pairs(overlaps: npt.NDArray[np.float32]) -> dict[int, list[int]]:
    """The columns that each row overlaps enough with; of hundreds of boxes few lie on one."""
    pairs: dict[int, list[int]] = {}
    rows, columns = (overlaps >= IOU).nonzero()
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        pairs.setdefault(row, []).append(column)
    return pairs


def _as_truth(box: Box) -> Box:
    return Box(box.xyxy, box.label)


def _inside(edge: float, room: int) -> float:
    return float(min(max(round(edge), 0), room))
