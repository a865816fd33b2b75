"""What findings are called in the window, and what their fixes are called."""

from __future__ import annotations

from collections.abc import Sequence

from annotator.core.finding_files import FileWay
from annotator.core.finding_fixes import Mending, Way
from annotator.core.findings import Finding
from annotator.qt.said_below import known
from annotator.qt.translation import tr, tr_n


def kind_title(code: str) -> str:
    """What a kind of finding is called; of a rare one its code in words."""
    titles = {
        "box-outside": tr("Box outside the picture"),
        "box-far-outside": tr("Box far outside the picture"),
        "box-swapped": tr("Edges exchanged"),
        "box-empty": tr("Box without area"),
        "box-tiny": tr("Tiny box"),
        "box-tiny-network": tr("Tiny for the network"),
        "box-aspect": tr("Very long or flat box"),
        "box-duplicate": tr("Box repeated"),
        "box-near-duplicate": tr("Two boxes on one spot"),
        "class-names-alike": tr("Class names alike"),
        "class-blanks": tr("Blanks around a class name"),
        "class-unused": tr("Class without a box"),
        "class-placeholder": tr("Class that is no object"),
        "class-not-listed": tr("Class not in the list"),
        "unknown-class": tr("Unknown class"),
        "image-identical": tr("Identical pictures"),
        "image-near-identical": tr("Nearly identical pictures"),
        "boxes-differ": tr("Same picture, other boxes"),
        "image-without-label": tr("Picture without labels"),
        "nothing-labelled": tr("Nothing labelled"),
        "label-without-image": tr("Labels without a picture"),
        "image-unreadable": tr("Unreadable picture"),
        "image-truncated": tr("Picture cut short"),
        "image-missing": tr("Picture missing"),
        "size-missing": tr("No size in the label file"),
        "size-mismatch": tr("Labels of another size"),
        "size-swapped": tr("Width and height exchanged"),
        "filename-differs": tr("Label file names another picture"),
        "same-name": tr("Two pictures of one name"),
        "bad-xml": tr("Damaged label file"),
        "bad-json": tr("Damaged label file (JSON)"),
        "bad-encoding": tr("Label file is no text"),
        "bad-number": tr("Not a number"),
        "not-finite": tr("Not a finite number"),
        "bad-columns": tr("Line that says no box"),
        "split-overlap": tr("Same picture in two splits"),
        "list-out-of-step": tr("List not as split.csv says"),
    }
    return titles.get(code) or code.replace("-", " ").capitalize()


def advice(code: str) -> str:
    """What a person had better do about a kind; empty where the finding says it."""
    texts = {
        "box-outside": tr("Cutting it to the picture is right nearly always."),
        "box-tiny": tr("More likely a slip of the hand than an object: look, then delete or keep it."),
        "box-tiny-network": tr("The network hardly sees it: train at a larger size, or delete it."),
        "box-near-duplicate": tr("One object labelled twice, or two that overlap? Delete one, or keep both."),
        "image-identical": tr("Keep the one with more boxes: pictures seen twice make results too good."),
        "image-near-identical": tr("Keep one, or keep both in the same split (a conversion does)."),
        "boxes-differ": tr("Compare them side by side, and take over the better boxes."),
        "class-names-alike": tr("If they mean the same, merge them."),
    }
    return texts.get(code, "")


def way_title(way: Way) -> str:
    """What a fix is called on its button."""
    titles = {
        Way.CUT: tr("Cut to the picture"),
        Way.SWAP: tr("Exchange the edges"),
        Way.DELETE: tr("Delete the box"),
        Way.DELETE_OTHER: tr("Delete the other box"),
        Way.DELETE_SMALLER: tr("Delete the smaller box"),
        Way.REMOVE_PICTURE: tr("Keep the one with more boxes"),
        Way.MERGE_CLASSES: tr("Merge the classes"),
        Way.STRIP_CLASS: tr("Take the blanks away"),
        Way.DELETE_CLASS: tr("Delete the class"),
        Way.EMPTY: tr("There is nothing in it"),
    }
    return titles[way]


def file_way_title(way: FileWay) -> str:
    """What can be done about a label file, on its button."""
    titles = {
        FileWay.TEXT: tr("Open the text…"),
        FileWay.SYSTEM: tr("Open in an editor"),
        FileWay.MEND: tr("Mend what is clear"),
        FileWay.GOOD_BOXES: tr("Take the good boxes"),
        FileWay.TRUST_IMAGE: tr("Boxes fit the picture"),
        FileWay.TRUST_LABEL: tr("Scale the boxes"),
        FileWay.ANEW: tr("Label the picture anew"),
    }
    return titles[way]


def file_way_tip(way: FileWay) -> str:
    """The same in a sentence."""
    tips = {
        FileWay.TEXT: tr("Show the label file at this line; it can be corrected there (Enter)"),
        FileWay.SYSTEM: tr("Open the label file in the editor of the system; F5 reads the set again"),
        FileWay.MEND: tr("Exchange swapped edges, cut to the picture, take boxes without area away"),
        FileWay.GOOD_BOXES: tr("Take out of the file what cannot be read, and keep the rest"),
        FileWay.TRUST_IMAGE: tr("The boxes were drawn on the picture as it is: correct the size in the file"),
        FileWay.TRUST_LABEL: tr("The boxes were drawn on a picture of the size in the file: scale them"),
        FileWay.ANEW: tr("Put the label file aside; the picture is listed without labels"),
    }
    return tips[way]


def what_happens(mending: Mending) -> str:
    """Exactly what a fix will do, in sentences."""
    parts: list[str] = []
    changed = mending.boxes - mending.deleted
    if mending.removed:
        pictures = tr_n("{n} picture goes to the trash", "{n} pictures go to the trash", len(mending.removed))
        boxes = tr_n("its label file has {n} box", "their label files have {n} boxes", mending.deleted)
        parts.append(tr("{pictures} ({boxes}).", pictures=pictures, boxes=boxes))
    else:
        if changed > 0:
            parts.append(tr_n("{n} box is changed.", "{n} boxes are changed.", changed))
        if mending.deleted:
            parts.append(tr_n("{n} box is deleted.", "{n} boxes are deleted.", mending.deleted))
        if mending.edits and mending.pictures:
            parts.append(tr_n("{n} picture is touched.", "{n} pictures are touched.", mending.pictures))
    if mending.empty:
        parts.append(
            tr_n(
                "{n} picture gets an empty label file.",
                "{n} pictures get an empty label file each.",
                len(mending.empty),
            )
        )
    if mending.left:
        parts.append(
            tr_n(
                "{n} finding cannot be mended so, and stays.",
                "{n} findings cannot be mended so, and stay.",
                len(mending.left),
            )
        )
    return " ".join(parts)


def what(finding: Finding) -> str:
    """The finding in a sentence, for the table: without what other columns say."""
    return known(finding.issue.message)


def counted_findings(number: int) -> str:
    """``1 finding``, ``12 findings``."""
    return tr_n("{n} finding", "{n} findings", number)


def what_was_checked(*, compared: bool, network: str) -> Sequence[str]:
    """What the checks looked at, a line each: for a list that is empty."""
    lines = [
        tr("boxes: outside the picture, tiny, without area, exchanged edges, very long, on each other"),
        tr("classes: names that hardly differ, classes without a box"),
        tr("files: labels without a picture, pictures without labels, label files that cannot be read"),
    ]
    if network:
        lines.append(tr("boxes under 8 px at the network's {size}", size=network))
    if compared:
        lines.append(tr("pictures that show the same, and whether their boxes agree"))
    return lines
