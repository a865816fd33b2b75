"""Which column of a table of boxes is which, in the tables that are about.

Ours:       ``image,width,height,label,x1,y1,x2,y2,confidence,flags,split``
Roboflow, TensorFlow: ``filename,width,height,class,xmin,ymin,xmax,ymax``
OpenImages: ``ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,…``
            (parts of the picture's sides; ImageID has no extension)
RetinaNet:  no head; path, x1, y1, x2, y2, class (a picture without boxes: all but the path empty)

Edges are pixels with decimals, counted from 0 at the picture's top left corner, taken as they stand there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from converters.images import IMAGE_SUFFIXES
from converters.layout import suffix_of

OWN = ("image", "width", "height", "label", "x1", "y1", "x2", "y2", "confidence", "flags", "split")
"""The columns of a new file."""

EDGES = ("x1", "y1", "x2", "y2")
DELIMITERS = ",;\t"

_NEEDED = ("image", "label", *EDGES)
_NAMES = {
    "image": "image filename file_name filepath file_path path image_path image_name imageid image_id",
    "width": "width image_width img_width",
    "height": "height image_height img_height",
    "label": "label class class_name classname labelname label_name category category_name name",
    "x1": "x1 xmin x_min left xtl",
    "y1": "y1 ymin y_min top ytl",
    "x2": "x2 xmax x_max right xbr",
    "y2": "y2 ymax y_max bottom ybr",
    "confidence": "confidence score conf",
    "flags": "flags",
    "split": "split subset",
    "difficult": "difficult isdifficult",
    "truncated": "truncated istruncated",
    "occluded": "occluded isoccluded",
    "crowd": "crowd iscrowd isgroupof",
}
_ROLE_OF = {name: role for role, names in _NAMES.items() for name in names.split()}
FLAG_COLUMNS = ("difficult", "truncated", "occluded", "crowd")

_NUMBER = re.compile(r"[+-]?[0-9]*[.,]?[0-9]*(?:[eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns of a file are.

    Attributes:
        places: Number of the column by what it is (``image``, ``x1``, …).
        count: How many columns there are.
        relative: Whether edges are parts of the picture's sides (OpenImages).
        head: Whether the first row names the columns.
    """

    places: dict[str, int]
    count: int
    relative: bool = False
    head: bool = True

    def cell(self, row: Sequence[str], role: str) -> str:
        """A cell without blanks around it; empty where there is no such column."""
        place = self.places.get(role)
        return row[place].strip() if place is not None and place < len(row) else ""


RETINANET = Columns({"image": 0, "x1": 1, "y1": 2, "x2": 3, "y2": 4, "label": 5}, 6, head=False)


def columns_of(first: Sequence[str]) -> Columns | None:
    """What the columns are, by the first row; None where that is no table of boxes.

    A column that could be two things, or two that could be one, make it none: nothing is guessed.
    """
    places: dict[str, int] = {}
    for place, name in enumerate(first):
        role = _ROLE_OF.get(name.strip().casefold())
        if role is None:
            continue
        if role in places:
            return None
        places[role] = place
    if all(role in places for role in _NEEDED):
        names = {name.strip().casefold() for name in first}
        return Columns(places, len(first), relative={"imageid", "labelname"} <= names)
    if not places and _is_retinanet(first):
        return RETINANET
    return None


def _is_retinanet(row: Sequence[str]) -> bool:
    if len(row) != 6 or suffix_of(row[0].strip()) not in IMAGE_SUFFIXES:
        return False
    rest = [cell.strip() for cell in row[1:]]
    if not any(rest):
        return True
    return all(cell and _NUMBER.fullmatch(cell) for cell in rest[:4]) and not _NUMBER.fullmatch(rest[4])
