"""Templates of the sentences that come in English from below; see :mod:`annotator.qt.said_below`.

A name in braces stands for what differs: ``n`` for a number, ``what`` ``why`` ``how`` ``where`` and
``kept`` for a part that is looked up here as well, every other one for a name or a number that is shown as it
is. A test compares these with the code below.
"""

from __future__ import annotations

from annotator.qt import advice_templates, evaluation_templates, gpu_templates, training_templates
from annotator.qt.training_templates import Pair, said, said_n


def templates() -> list[Pair]:
    """All of them: text (for many), and the same for one where a number decides."""
    parts = (
        _counts, _edits, _class_edits, _picture_edits, _stages, _ends, _networks, _policies, _operations,
        _plans, _findings, _losses, _refusals, _key_names,
    )  # fmt: skip
    return [
        *(pair for part in parts for pair in part()),
        *training_templates.templates(),
        *gpu_templates.templates(),
        *evaluation_templates.templates(),
        *advice_templates.templates(),
    ]


def _counts() -> list[Pair]:
    return [
        said_n("{n} box", "{n} boxes"),
        said_n("{n} picture", "{n} pictures"),
        said_n("{n} training picture", "{n} training pictures"),
        said("no findings"),
        said("pixels"),
        said_n("{n} error", "{n} errors"),
        said_n("{n} warning", "{n} warnings"),
    ]


def _edits() -> list[Pair]:
    """What the journal calls edits of boxes."""
    return [
        said("add {name} box"),
        said("delete box"),
        said("move box"),
        said("resize box"),
        said("nudge box"),
        said("nudge edge"),
        said("paste"),
        said("duplicate"),
        said("delete {what}"),
        said("move {what}"),
        said("mend {what}"),
        said("mend box"),
        said("relabel {what} as {name}"),
        said("relabel box as {name}"),
        said("mark {what} as {flag}"),
        said("mark box as {flag}"),
        said("mark box as not {flag}"),
        said("mark {what} as not {flag}"),
        said("cut {what} to the picture"),
        said("cut box to the picture"),
        said("cut {what} to their pictures"),
        said("exchange the edges of {what}"),
        said("take over {what}"),
    ]


def _class_edits() -> list[Pair]:
    return [
        said("add the class {name}"),
        said_n("add {n} class", "add {n} classes"),
        said("rename {old} to {new}"),
        said("merge {names} into {into}"),
        said("delete the class {name}"),
        said("delete the class {name} and {what}"),
        said("delete the class {name}, {what} to {other}"),
        said("reorder the classes"),
    ]


def _picture_edits() -> list[Pair]:
    return [
        said("add {what}"),
        said("remove {what}"),
        said("remove {what} that others show as well"),
        said("bring back {what}"),
        said("mark {what} as reviewed"),
        said("mark {what} as not reviewed"),
        said("mark {what} as empty"),
        said("mark {what} as not labelled yet"),
        said("move {what} into {split}"),
        said("move {what} out of the split"),
    ]


def _stages() -> list[Pair]:
    """Parts of long work."""
    return [
        said("reading labels"),
        said("pictures"),
        said("comparing"),
        said("splitting"),
        said("writing labels"),
        said("copying pictures"),
    ]


def _ends() -> list[Pair]:
    """How a training ended."""
    return [
        said("not started yet"),
        said("finished: {count} iterations; the weights are {path}"),
        said(
            "finished: {count} iterations; the weights are {path} (they are whole; Darknet itself "
            "then ended {how})"
        ),
        said("stopped {where}; {kept}"),
        said("at iteration {iteration}"),
        said("before the first iteration"),
        said("by {signal}"),
        said("with exit code {code}"),
        said("iteration {iteration} is saved; go on with: train-cli resume {path}"),
        said("nothing was saved yet: Darknet saves every {count} iterations"),
    ]


def _networks() -> list[Pair]:
    """What each network is, in a line."""
    return [
        said("the most accurate of the study: three detection layers, for a GPU"),
        said("small and fast with YOLOv4's losses; 8 to 10 times lighter than yolov4"),
        said("yolov4-tiny with a third detection layer for small objects; little slower"),
        said("Scaled-YOLOv4: about as accurate as yolov4 with a sixth less work"),
        said("YOLOv4's forerunner: as heavy, less accurate; every Darknet knows it"),
        said("yolov3 that sees more of the surroundings (spatial pyramid); a little more accurate"),
        said("small and fast; every Darknet knows it, also Debian's on a CPU"),
        said("of 2017, to compare with: one detection layer of 32 pixels a cell, poor at small things"),
        said("YOLOv2's small network, to compare with, or for very weak machines"),
        said("of 2016, to look at: no Darknet trains it on classes of one's own"),
    ]


def _policies() -> list[Pair]:
    """What each policy of augmentation is for."""
    return [
        said("two of blur, exposure, brightness, rotation, shear (the default)"),
        said("the study's, noise, JPEG, shake and dark places; every second copy mirrored"),
        said("three mild ones of ten, for many copies of few pictures"),
        said("parts of every copy are hidden"),
        said("every copy is a dark place"),
        said("things move, colours stay"),
        said("three of all operations, to look at"),
    ]


def _operations() -> list[Pair]:
    return [
        said("blur"),
        said("brightness"),
        said("contrast"),
        said("copy paste"),
        said("crop"),
        said("cutmix"),
        said("cutout"),
        said("exposure"),
        said("flip"),
        said("grid mask"),
        said("hide and seek"),
        said("hue"),
        said("jpeg"),
        said("low light"),
        said("mixup"),
        said("mosaic"),
        said("motion blur"),
        said("noise"),
        said("props"),
        said("random erase"),
        said("rotation"),
        said("saturation"),
        said("scale"),
        said("shear"),
        said("translate"),
    ]


def _plans() -> list[Pair]:
    """What a plan against the imbalance says of itself."""
    return [
        said("No training box of {name}: copies cannot add any."),
        said("{name} has {count} boxes already; nothing is taken away."),
        said("{name} comes to {ratio} ({count} of {target} boxes)."),
        said("{name} comes to {count} of {target} boxes."),
        said("{count} more classes are below their target."),
        said(
            "The search ended after {seconds} s with the best plan so far; another machine may find "
            "another one."
        ),
        said(
            "With pasted boxes (boxes of a class cut out and pasted on copies) up to: {list}, each class "
            "by itself."
        ),
        said("All {what} with {name} have {count} copies, the most that is allowed."),
        said("All {what} with {name} has {count} copies, the most that is allowed."),
        said("{some} of the {what} with {name} have {count} copies, the most that is allowed."),
        said(
            "None of its {what} can be cut out: they are small, at the edge, not whole, or beside another "
            "face."
        ),
        said("Each of its {what} that can be cut out is pasted {count} times already."),
        said("Each copy with room has {count} pasted boxes already."),
        said(
            "On the pictures with {name} stand {share} {other} boxes for each of its own; a copy adds both."
        ),
    ]


def _findings() -> list[Pair]:
    """What the checks of a set find."""
    return [
        said("{name} box at {place} has its edges swapped."),
        said("{name} box at {place} has no area."),
        said("{name} box at {place} lies outside the {size} picture."),
        said("{name} box at {place} passes the edge of the {size} picture by {over} px."),
        said("{name} box at {place} is only {size} px."),
        said("{name} box at {place} is only {size} px at the network's {network}."),
        said("{name} box at {place} is {times} times as long as wide."),
        said("{name} box {later} repeats box {first} (IoU {value})."),
        said("{name} box {later} lies almost on {other} box {first} (IoU {value})."),
        said("box {place} passes the edge of the picture of {size} by {over} px."),
        said("box {place} lies wholly outside the picture of {size}."),
        said("box {place} reaches far outside the picture of {size}."),
        said("{count} more boxes cannot be read."),
        said("has no label file."),
        said("is in no label file."),
        said("none of its {what} has a label file."),
        said("classes {names} differ only by case, blanks, - or _."),
        said("class name {name} has blanks around it."),
        said("class {name} is by its name no class but marks what is to be ignored."),
        said("class {name} has no box."),
        said("has exactly the pixels of {name}."),
        said("shows nearly the same as {name}."),
        said(
            "has exactly what {name} shows, but {here} of {all} boxes here and {there} of {others} there "
            "have no counterpart."
        ),
        said(
            "shows nearly what {name} shows, but {here} of {all} boxes here and {there} of {others} there "
            "have no counterpart."
        ),
        said("the picture is in no split."),
        said("there is no picture in {split}."),
        said("{count} pictures are missing: {names}."),
        said("{image} ({split}) is of the same group as {other} ({where})."),
        said("shows the same as {name}, but is in {split} and that in {where}."),
    ]


def _losses() -> list[Pair]:
    """What a format cannot hold."""
    return [
        said("confidence"),
        said("coordinates finer than {size} px"),
        said("flags"),
        said("the flag {flag}"),
        said("the picture's size"),
        said("the split of pictures without labels"),
    ]


def _key_names() -> list[Pair]:
    """Keys that Qt's own catalogue calls otherwise than the keyboards do."""
    return [
        said("Enter"),
    ]


def _refusals() -> list[Pair]:
    """Errors that a person meets while labelling."""
    return [
        said("a class name needs at least one character and no line break."),
        said("there is no Darknet there{source}."),
    ]
