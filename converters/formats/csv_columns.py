"""Which column of a table of boxes is which, in the tables that are about.

With a first row that names the columns, in any order and spelling (``x_min``, ``XMin``, ``bbox_xmin``):

Ours:                 ``image,width,height,label,x1,y1,x2,y2,confidence,flags,split``
Roboflow, TensorFlow: ``filename,width,height,class,xmin,ymin,xmax,ymax``
VoTT:                 ``image,xmin,ymin,xmax,ymax,label``
OpenImages:           ``ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,…``
                      (parts of the picture's sides; ImageID has no extension)
MakeSense:            ``label_name,bbox_x,bbox_y,bbox_width,bbox_height,image_name,image_width,image_height``
Kaggle's wheat:       ``image_id,width,height,bbox,source`` (bbox: ``[left, top, width, height]``)
VIA:                  ``filename,file_size,…,region_shape_attributes,region_attributes`` (JSON in the cells)
centres:              ``image,label,x_center,y_center,width,height``

Without one, where the cells leave no doubt:

RetinaNet:  path, x1, y1, x2, y2, class (a picture without boxes: all but the path empty)
SKU-110K:   the same, then the picture's width and height
MakeSense:  class, left, top, width, height, picture, the picture's width and height
AutoML:     set, path, class, x1, y1, -, -, x2, y2, -, - (parts of the picture's sides)

Edges are pixels with decimals, counted from 0 at the picture's top left corner, taken as they stand there;
where all of a table lie between 0 and 1 they are parts of the picture's sides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from converters.errors import FormatError
from converters.images import IMAGE_SUFFIXES
from converters.layout import suffix_of

OWN = ("image", "width", "height", "label", "x1", "y1", "x2", "y2", "confidence", "flags", "split")
"""The columns of a new file."""

DELIMITERS = ",;\t"

CORNERS = ("x1", "y1", "x2", "y2")
SIDES = ("x1", "y1", "w", "h")
CENTRE = ("cx", "cy", "w", "h")
BBOX = ("bbox",)
REGION = ("shape",)
"""What the columns of a box are, in the ways there are: edges; left, top and sides; centre and sides; one
cell of left, top and sides in brackets; one cell of what VIA calls a region."""

NOT_CLEAR = "unclear-columns"
"""Code of the error of a table of boxes whose columns can be understood in several ways."""

_NAMES = {
    "image": "image img filename file filepath path imagepath imagename imagefile imageid imgid id",
    "width": "width imagewidth imgwidth",
    "height": "height imageheight imgheight",
    "label": "label class classname labelname category categoryname name classid labelid categoryid",
    "x1": "x1 xmin left xtl bboxx minx xstart",
    "y1": "y1 ymin top ytl bboxy miny ystart",
    "x2": "x2 xmax right xbr maxx xend",
    "y2": "y2 ymax bottom ybr maxy yend",
    "w": "w bboxwidth boxwidth bboxw boxw",
    "h": "h bboxheight boxheight bboxh boxh",
    "cx": "cx xcenter xcentre centerx centrex xc",
    "cy": "cy ycenter ycentre centery centrey yc",
    "bbox": "bbox boundingbox",
    "shape": "regionshapeattributes",
    "attributes": "regionattributes",
    "x": "x",
    "y": "y",
    "confidence": "confidence score conf",
    "flags": "flags",
    "split": "split subset",
    "difficult": "difficult isdifficult",
    "truncated": "truncated istruncated",
    "occluded": "occluded isoccluded",
    "crowd": "crowd iscrowd isgroupof",
}
_ROLES = {name: role for role, names in _NAMES.items() for name in names.split()}
_IDS = frozenset({"imageid", "imgid", "id", "name", "classid", "labelid", "categoryid"})
"""They give way to a column of a better name: ``imageId,imageName``, ``class_id,class``."""
_NO_CLASS = frozenset(
    {"source", "id", "area", "url", "imageurl", "annotationid", "usage", "fold", "unnamed0", ""}
)
"""Columns that surely hold no class."""
_FROM_ZERO = {"x0": "x1", "y0": "y1", "x1": "x2", "y1": "y2"}
FLAG_COLUMNS = ("difficult", "truncated", "occluded", "crowd")

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?")
_SETS = frozenset({"train", "training", "validate", "validation", "test", "unassigned"})
_RENAME = "Name the columns in the first line so: image,label,xmin,ymin,xmax,ymax"


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns of a file are.

    Attributes:
        places: Number of the column by what it is (``image``, ``x1``, …).
        count: How many columns there are.
        relative: Whether edges are parts of the picture's sides.
        head: Whether the first row names the columns.
        box: What the columns of a box are: one of :data:`CORNERS`, :data:`SIDES`, :data:`CENTRE`,
            :data:`BBOX`, :data:`REGION`.
        coded: Whether classes are OpenImages' ids, and a confidence of 1 is that of people.
    """

    places: dict[str, int]
    count: int
    relative: bool = False
    head: bool = True
    box: tuple[str, ...] = CORNERS
    coded: bool = False

    def cell(self, row: Sequence[str], role: str) -> str:
        """A cell without blanks around it; empty where there is no such column."""
        place = self.places.get(role)
        return row[place].strip() if place is not None and place < len(row) else ""


RETINANET = Columns({"image": 0, "x1": 1, "y1": 2, "x2": 3, "y2": 4, "label": 5}, 6, head=False)
_SKU = Columns({**RETINANET.places, "width": 6, "height": 7}, 8, head=False)
_MAKESENSE = Columns(
    {"label": 0, "x1": 1, "y1": 2, "w": 3, "h": 4, "image": 5, "width": 6, "height": 7},
    8,
    head=False,
    box=SIDES,
)
_AUTOML = Columns(
    {"split": 0, "image": 1, "label": 2, "x1": 3, "y1": 4, "x2": 7, "y2": 8}, 11, relative=True, head=False
)


def columns_of(first: Sequence[str]) -> Columns | None:
    """What the columns are, by the first row; None where that is no table of boxes.

    Raises:
        FormatError: It is one of boxes, but a column that is needed is not there, or could be two things
            (``unclear-columns``): nothing is guessed.
    """
    names = [_plain(name) for name in first]
    places, doubled = _places(names)
    if not places or "image" not in places:
        return _without_head(first)
    if "shape" in places and "attributes" in places:
        return Columns(places, len(first), box=REGION)
    corners = [role for role in (*CORNERS, "cx", "cy", "w", "h", "bbox", "x", "y") if role in places]
    if corners in ([], ["x"], ["y"], ["w"], ["h"], ["w", "h"]):
        return None
    if corners == ["x", "y"] and not {"width", "height"} <= places.keys():
        return None  # points
    if doubled:
        raise _unclear(f"two columns could be the {_WORDS.get(doubled, doubled)}.")
    box = _box_of(places)
    if "label" not in places:
        rest = [
            first[place].strip()
            for place, name in enumerate(names)
            if place not in places.values() and name not in _NO_CLASS and _ROLES.get(name) != "image"
        ]
        if rest:
            raise _unclear(f"no column is named label or class; is it {rest[0]!r:.60}?")
    coded = {"imageid", "labelname", "xmin"} <= set(names)
    return Columns(places, len(first), relative=coded, box=box, coded=coded)


_WORDS = {
    "image": "picture",
    "label": "class",
    "x1": "left edge",
    "y1": "top edge",
    "x2": "right edge",
    "y2": "bottom edge",
    "w": "box's width",
    "h": "box's height",
}


def _places(names: Sequence[str]) -> tuple[dict[str, int], str]:
    """Where each role is, and a role that two columns could have."""
    from_zero = "x0" in names and "y0" in names
    found: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        role = _FROM_ZERO.get(name, "") if from_zero else ""
        role = role or _ROLES.get(name, "")
        if role:
            found.setdefault(role, []).append(place)
    places: dict[str, int] = {}
    doubled = ""
    for role, here in found.items():
        better = [place for place in here if names[place] not in _IDS] or here
        if len(better) > 1 and all(names[place] in _IDS for place in better):
            better = better[: 1 if role == "image" else len(better)]
        if role in ("width", "height") and len(better) == 2:
            # image_width beside width: the plain one is the box's.
            better.sort(key=lambda place: names[place] == role)
            if names[better[0]] != role == names[better[1]]:
                places[role[0]] = better.pop()
        if len(better) > 1:
            doubled = role
        places[role] = better[0]
    return places, doubled


def _box_of(places: dict[str, int]) -> tuple[str, ...]:
    """Which columns make the box; the picture's width and height are the box's where it has no others."""
    if all(role in places for role in CORNERS):
        return CORNERS
    if "bbox" in places:
        return BBOX
    for roles in (SIDES, CENTRE):
        if roles[0] in places and roles[1] in places:
            for side, own in (("w", "width"), ("h", "height")):
                if side not in places and own in places:
                    places[side] = places.pop(own)
            if "w" in places and "h" in places:
                return roles
    if "x" in places and "y" in places:
        raise _unclear(
            "x and y may be a box's corner or its centre.",
            "Name them xmin,ymin (a corner) or x_center,y_center, with width,height beside them.",
        )
    missing = [_WORDS[role] for role in CORNERS if role not in places]
    raise _unclear(f"no column is named as the {' or the '.join(missing)} of a box.")


def _without_head(row: Sequence[str]) -> Columns | None:
    cells = [cell.strip() for cell in row]
    if len(cells) == 6 and _is_picture(cells[0]):
        if not any(cells[1:]):
            return RETINANET
        return RETINANET if _numbers(cells[1:5]) and not _NUMBER.fullmatch(cells[5]) else None
    if len(cells) == 8 and _is_picture(cells[0]):
        return _SKU if _numbers(cells[1:5]) and _numbers(cells[6:]) and cells[5] else None
    if len(cells) == 8 and _is_picture(cells[5]):
        return _MAKESENSE if _numbers(cells[1:5]) and _numbers(cells[6:]) and cells[0] else None
    if len(cells) == 11 and cells[0].casefold() in _SETS and _is_picture(cells[1]):
        return _AUTOML
    return None


def _is_picture(cell: str) -> bool:
    return suffix_of(cell) in IMAGE_SUFFIXES


def _numbers(cells: Sequence[str]) -> bool:
    return all(_NUMBER.fullmatch(cell) for cell in cells)


def _plain(name: str) -> str:
    """A column's name without what spellings differ in."""
    plain = re.sub(r"[\W_]+", "", name.casefold())
    if plain in _ROLES or plain in _FROM_ZERO:
        return plain
    short = re.sub(r"^(bbox|box|boundingbox)", "", plain)
    return short if short in _ROLES and short not in ("x", "y", "name", "id", "path") else plain


def _unclear(what: str, hint: str = "") -> FormatError:
    return FormatError(
        f"is a table of boxes whose columns are not clear: {what}",
        line=1,
        code=NOT_CLEAR,
        hint=hint or _RENAME,
    )
