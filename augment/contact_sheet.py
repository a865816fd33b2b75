"""A contact sheet: pictures with their boxes and captions in a grid, to see at a glance what a run does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from converters.colours import class_colour
from converters.images import RgbImage
from converters.model import Box

BACKGROUND = (32, 32, 32)
TEXT = (230, 230, 230)
_GAP = 8
_LINE = 18


@dataclass(frozen=True)
class Picture:
    """One cell of a sheet.

    Attributes:
        rgb: (height, width, 3), uint8.
        boxes: In its pixels.
        caption: One line; what does not fit is cut.
    """

    rgb: RgbImage
    boxes: Sequence[Box]
    caption: str = ""


def contact_sheet(
    pictures: Sequence[Picture | None], *, columns: int, class_names: Sequence[str], cell: int = 320
) -> RgbImage:
    """Lay pictures out in rows and draw their boxes.

    Args:
        pictures: Row by row; None leaves a cell empty.
        columns: Pictures in a row, from 1.
        class_names: A class's colour goes by its place here; the last line says which is which.
        cell: Side of the square each picture is fitted into, in pixels. Small pictures are enlarged.

    Returns:
        The sheet, (height, width, 3), uint8.
    """
    rows = -(-len(pictures) // columns)
    width = columns * (cell + _GAP) + _GAP
    height = rows * (cell + _LINE + _GAP) + _GAP + _LINE
    sheet = Image.new("RGB", (width, height), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=12)
    for number, picture in enumerate(pictures):
        if picture is None:
            continue
        row, column = divmod(number, columns)
        left, top = _GAP + column * (cell + _GAP), _GAP + row * (cell + _LINE + _GAP)
        sheet.paste(_thumbnail(picture, class_names, cell), (left, top))
        draw.text((left, top + cell + 2), _cut(picture.caption, font, cell), fill=TEXT, font=font)
    x = float(_GAP)
    for name in class_names:
        draw.rectangle(
            (x, height - _LINE + 2, x + 10, height - _LINE + 12), fill=class_colour(class_names, name)
        )
        draw.text((x + 15, height - _LINE), name, fill=TEXT, font=font)
        x += 30 + font.getlength(name)
    return np.asarray(sheet, dtype=np.uint8)


def _thumbnail(picture: Picture, class_names: Sequence[str], cell: int) -> Image.Image:
    """A picture fitted into the cell's square, its boxes drawn at the cell's resolution."""
    height, width = picture.rgb.shape[:2]
    scale = cell / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = Image.fromarray(picture.rgb).resize(size, Image.Resampling.BILINEAR)
    draw = ImageDraw.Draw(small)
    factors = np.array([size[0] / width, size[1] / height] * 2)
    for box in picture.boxes:
        x1, y1, x2, y2 = (np.array(box.xyxy) * factors).tolist()
        edges = (x1, y1, max(x1, x2 - 1), max(y1, y2 - 1))
        draw.rectangle(edges, outline=class_colour(class_names, box.label), width=2 if x2 - x1 > 24 else 1)
    return small


def _cut(text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"
