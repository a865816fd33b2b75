"""Ground truth and predictions drawn on a picture, for reports and for ``train-cli predict``. Pure.

Ground truth is thin and dashed, predictions are solid with label and confidence, so that the two cannot
be taken for each other, also in black and white.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from annotator.darknet.metrics import ImageMatch
from converters.colours import Rgb
from converters.images import RgbImage
from converters.model import Box

_MISTAKE: Rgb = (255, 70, 70)
_DARK: Rgb = (20, 20, 20)
_PAPER: Rgb = (255, 255, 255)
_WORK_SIDE = 720
"""Small pictures are enlarged to about this many pixels before drawing: text would hide their boxes."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """How one box is drawn."""

    box: Box
    text: str
    colour: Rgb
    dashed: bool
    wide: bool = False


def draw_ground_truth(
    rgb: RgbImage,
    boxes: Sequence[Box],
    colours: Mapping[str, Rgb],
    *,
    missed: Sequence[int] = (),
    scale: int = 1,
) -> RgbImage:
    """A copy of the picture with ground truth: thin, dashed, with the label.

    Args:
        rgb: Shape (height, width, 3), uint8.
        boxes: Ground truth in pixels of ``rgb``.
        colours: Of each label; an unknown one is drawn white.
        missed: Indices of the boxes that no prediction found: wider, and said so.
        scale: The copy is this many times larger (text and lines are not).
    """
    marks = [
        _Mark(
            box,
            f"{box.label} missed" if index in missed else box.label,
            colours.get(box.label, _PAPER),
            dashed=True,
            wide=index in missed,
        )
        for index, box in enumerate(boxes)
    ]
    return _draw(rgb, marks, scale)


def draw_predictions(
    rgb: RgbImage,
    boxes: Sequence[Box],
    colours: Mapping[str, Rgb],
    *,
    wrong: Sequence[int] = (),
    scale: int = 1,
) -> RgbImage:
    """A copy of the picture with predictions: solid, with label and confidence.

    Args:
        rgb: Shape (height, width, 3), uint8.
        boxes: Predictions in pixels of ``rgb``.
        colours: Of each label; an unknown one is drawn white.
        wrong: Indices of the false positives: framed in red, and said so.
        scale: The copy is this many times larger (text and lines are not).
    """
    marks = [
        _Mark(
            box,
            f"{box.label} {box.confidence or 0.0:.2f}{' FP' if index in wrong else ''}",
            colours.get(box.label, _PAPER),
            dashed=False,
            wide=index in wrong,
        )
        for index, box in enumerate(boxes)
    ]
    return _draw(rgb, marks, scale)


def side_by_side(
    rgb: RgbImage,
    truths: Sequence[Box],
    predictions: Sequence[Box],
    colours: Mapping[str, Rgb],
    match: ImageMatch | None = None,
    *,
    scale: int | None = None,
) -> RgbImage:
    """``ground truth | prediction`` as one picture.

    Args:
        rgb: Shape (height, width, 3), uint8.
        truths: Ground truth.
        predictions: Predictions; those of the same indices as in ``match``.
        colours: Of each label.
        match: Marks what was missed and what is wrong.
        scale: How many times larger it is drawn; default: small pictures are enlarged.
    """
    scale = enlargement(rgb) if scale is None else scale
    missed, wrong = (match.fn, match.fp) if match is not None else ((), ())
    left = draw_ground_truth(rgb, truths, colours, missed=missed, scale=scale)
    right = draw_predictions(rgb, predictions, colours, wrong=wrong, scale=scale)
    height, width = left.shape[:2]
    font = _font(15)
    bar, gap = 26, 8
    sheet = Image.new("RGB", (2 * width + gap, height + bar), _PAPER)
    pen = ImageDraw.Draw(sheet)
    for x, title, side in (
        (0, f"ground truth: {_counted(len(truths), 'box', 'boxes')}", left),
        (width + gap, f"prediction: {_counted(len(predictions), 'box', 'boxes')}", right),
    ):
        sheet.paste(Image.fromarray(side), (x, bar))
        pen.text((x + 4, 4), title, fill=_DARK, font=font)
    return np.asarray(sheet, dtype=np.uint8)


def enlargement(rgb: RgbImage) -> int:
    """How many times larger a picture is drawn so that labels leave its boxes visible, from 1 to 4."""
    height, width = rgb.shape[:2]
    return max(1, min(4, round(_WORK_SIDE / max(int(width), int(height)))))


def jpeg_thumbnail(rgb: RgbImage, side: int) -> bytes:
    """The picture as a JPEG of at most ``side`` pixels on its longer side."""
    image = Image.fromarray(rgb)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=82)
    return out.getvalue()


def _draw(rgb: RgbImage, marks: Sequence[_Mark], scale: int) -> RgbImage:
    image = Image.fromarray(np.ascontiguousarray(rgb))
    if scale > 1:
        image = image.resize((image.width * scale, image.height * scale), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image)
    side = max(image.size)
    font = _font(max(9, min(22, round(side / 55))))
    line = max(1, round(side / 450))
    for mark in marks:
        _frame(pen, mark, scale, line)
    for mark in marks:  # after all frames, so that no frame runs through a label
        _tag(pen, mark, scale, line, font, image.size)
    return np.asarray(image, dtype=np.uint8)


def _frame(pen: ImageDraw.ImageDraw, mark: _Mark, scale: int, line: int) -> None:
    x1, y1, x2, y2 = _corners(mark.box, scale)
    width = line + 1 if mark.wide or not mark.dashed else line
    outer = _MISTAKE if mark.wide else _DARK
    pen.rectangle((x1 - 1, y1 - 1, x2 + 1, y2 + 1), outline=outer, width=width + 2)
    if not mark.dashed:
        pen.rectangle((x1, y1, x2, y2), outline=mark.colour, width=width)
        return
    dash = 4 + 2 * line
    for start, end in (
        ((x1, y1), (x2, y1)),
        ((x2, y1), (x2, y2)),
        ((x2, y2), (x1, y2)),
        ((x1, y2), (x1, y1)),
    ):
        _dashes(pen, start, end, dash, mark.colour, width)


def _dashes(
    pen: ImageDraw.ImageDraw,
    start: tuple[float, float],
    end: tuple[float, float],
    dash: int,
    colour: Rgb,
    width: int,
) -> None:
    length = math.dist(start, end)
    if not length:
        return
    dx, dy = (end[0] - start[0]) / length, (end[1] - start[1]) / length
    at = 0.0
    while at < length:
        to = min(at + dash, length)
        pen.line(
            (start[0] + dx * at, start[1] + dy * at, start[0] + dx * to, start[1] + dy * to),
            fill=colour,
            width=width,
        )
        at += 2 * dash


def _tag(
    pen: ImageDraw.ImageDraw,
    mark: _Mark,
    scale: int,
    line: int,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    size: tuple[int, int],
) -> None:
    """The label on a plate above the box; below it, or inside the picture, where there is no room."""
    x1, y1, _, y2 = _corners(mark.box, scale)
    left, top, right, bottom = pen.textbbox((0, 0), mark.text, font=font)
    width, height = right - left + 5, bottom - top + 5
    y = y1 - height - line
    if y < 0:
        y = y2 + line if y2 + line + height <= size[1] else max(0.0, y1)
    x = min(max(0.0, x1), max(0.0, size[0] - width))
    pen.rectangle((x, y, x + width, y + height), fill=_MISTAKE if mark.wide else mark.colour, outline=_DARK)
    pen.text((x + 3 - left, y + 3 - top), mark.text, fill=_DARK, font=font)


def _corners(box: Box, scale: int) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (edge * scale for edge in box.xyxy)
    # Edges lie between pixels; the last pixel inside is one before the edge.
    return x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A font that knows more scripts than Latin where the system has it, else Pillow's own."""
    try:
        return ImageFont.truetype("DejaVuSans.ttf", size)
    except OSError:
        return ImageFont.load_default(size)


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
