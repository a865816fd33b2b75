"""Charts and tables of an evaluation as HTML with inline SVG: nothing beside the page is needed. Pure."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from annotator.darknet.evaluation.analysis import Analysis
from annotator.darknet.evaluation.coco_metrics import CocoMetrics
from annotator.darknet.evaluation.confusion import Confusion
from annotator.darknet.evaluation.curves import Curve, Reliability, SizeAp
from converters.chart_svg import hex_colour, safe
from converters.charts import toned
from converters.colours import Rgb
from converters.model import Split

_MARKS = """
svg text{fill:currentColor;font-size:12px}
svg .axis{stroke:currentColor;stroke-opacity:.6}svg .grid{stroke:currentColor;stroke-opacity:.14}
svg .ideal{stroke:currentColor;stroke-opacity:.45;stroke-dasharray:5 4}
svg .span{stroke:currentColor;stroke-opacity:.9}
"""
STYLE = (
    f"""
svg{{max-width:100%;height:auto;font-family:inherit}}
{_MARKS}
"""
    + """.charts{display:flex;flex-wrap:wrap;gap:1rem 2rem}.charts figure{margin:.4rem 0}
.key{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin:0 .35em 0 .9em}
table.confusion td.cell{min-width:4.2rem}
"""
)
_LEFT, _TOP, _WIDE, _HIGH, _FOOT = 46.0, 12.0, 330.0, 250.0, 52.0
WIDTH, HEIGHT = _LEFT + _WIDE + 14, _TOP + _HIGH + _FOOT
_HEAD, _KEY = 36.0, 17.0
_TITLE_LETTERS, _NAME_LETTERS = 62, 26
_DARKER = -0.32
"""Class colours are made to lie on pictures; on paper they need more ink."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart, for a page or as a file of its own.

    Attributes:
        name: What its file is called, without extension.
        title: What it shows, one sentence.
        inside: SVG elements.
        legend: Colours with the names of the classes that are drawn in them.
    """

    name: str
    title: str
    inside: str
    legend: tuple[tuple[str, str], ...] = ()

    def figure(self) -> str:
        """For a page, whose legend stands above all of its charts."""
        return (
            f"<figure><figcaption>{safe(self.title)}</figcaption>"
            f'<svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" width="{WIDTH:g}" role="img" '
            f'aria-label="{safe(self.title)}">{self.inside}</svg></figure>'
        )

    def file(self) -> str:
        """An SVG file on white, with title and legend."""
        rows = -(-len(self.legend) // 2)
        height = HEIGHT + _HEAD + rows * _KEY
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {height:g}" '
            f'width="{2 * WIDTH:g}" height="{2 * height:g}" role="img" aria-label="{safe(self.title)}">',
            f"<style>svg{{color:#1e1e1e;font-family:system-ui,sans-serif}}{_MARKS}</style>",
            f'<rect x="0" y="0" width="{WIDTH:g}" height="{height:g}" fill="#ffffff"/>',
            *(
                f'<text text-anchor="start" x="8" y="{15 + 13 * at}">{safe(line)}</text>'
                for at, line in enumerate(_lines(self.title))
            ),
            f'<g transform="translate(0,{_HEAD:g})">{self.inside}</g>',
        ]
        for at, (colour, name) in enumerate(self.legend):
            x, y = 12 + at % 2 * WIDTH / 2, HEIGHT + _HEAD + at // 2 * _KEY
            parts.append(
                f'<rect x="{x:g}" y="{y:g}" width="10" height="10" fill="{colour}"/>'
                f'<text text-anchor="start" x="{x + 15:g}" y="{y + 10:g}">{safe(_short(name))}</text>'
            )
        return "\n".join([*parts, "</svg>\n"])


def charts_of(found: Analysis, colours: Mapping[str, Rgb]) -> tuple[Chart, ...]:
    """All charts of a measured split."""
    split, threshold, names = found.split, found.conf_threshold, found.class_names
    title = "Precision and recall at IoU {}, " + str(split)
    return (
        curves_chart(f"{split}-curves-50", found.curves, title.format("0.50"), threshold, colours),
        curves_chart(f"{split}-curves-75", found.strict_curves, title.format("0.75"), threshold, colours),
        sizes_chart(f"{split}-sizes", found.sizes, names, colours, split),
        reliability_chart(f"{split}-confidences", found.reliability, split),
    )


def ink(colour: Rgb) -> str:
    """A class's colour for lines on paper and on a dark page."""
    return hex_colour(toned(colour, _DARKER))


def legend(class_names: Sequence[str], colours: Mapping[str, Rgb]) -> str:
    """The classes with their colours."""
    parts = (
        f'<span><span class="key" style="background:{ink(colours[name])}"></span>{safe(name)}</span> '
        for name in class_names
    )
    return f"<p class='legend'>{''.join(parts)}</p>"


def curves_chart(
    file: str, curves: Sequence[Curve], title: str, conf_threshold: float, colours: Mapping[str, Rgb]
) -> Chart:
    """Precision against recall of each class; a dot where the confidence threshold is."""
    parts = [_frame(title, "recall", "precision")]
    for curve in curves:
        if not curve.truths or not len(curve.recall):
            continue
        thin = curve.thinned()
        points = _steps(thin.recall.tolist(), thin.envelope().tolist())
        path = " ".join(f"{_x(x)},{_y(y)}" for x, y in points)
        colour = ink(colours[curve.name])
        parts.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{path}">'
            f"<title>{safe(curve.name)}: AP {100 * curve.ap:.2f} %, {curve.truths} boxes</title></polyline>"
        )
        place = curve.at(conf_threshold)
        if place is not None:
            parts.append(
                f'<circle cx="{_x(place[0])}" cy="{_y(place[1])}" r="4" fill="{colour}"><title>'
                f"{safe(curve.name)} at confidence {conf_threshold:g}: recall {100 * place[0]:.0f} %, "
                f"precision {100 * place[1]:.0f} %</title></circle>"
            )
    drawn = tuple((ink(colours[one.name]), f"{one.name} {100 * one.ap:.1f}") for one in curves if one.truths)
    return Chart(file, title, "".join(parts), drawn)


def reliability_chart(file: str, found: Reliability, split: Split) -> Chart:
    """The share of right predictions against their confidence."""
    title = "Are confidences what they say?"
    parts = [_frame(title, "confidence", "share that is right")]
    parts.append(
        f'<line class="ideal" x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}"><title>'
        "here confidence and share would be equal</title></line>"
    )
    for one in found.bins:
        low, high = one.interval
        width, height = _WIDE * (one.high - one.low - 0.012), _HIGH * one.right
        parts.append(
            f'<rect x="{_x(one.low + 0.006)}" y="{_y(one.right)}" width="{width:.1f}" '
            f'height="{height:.1f}" fill="#3a86ff" fill-opacity=".55"><title>confidence {one.low:.1f} to '
            f"{one.high:.1f}: {one.count} predictions, {100 * one.right:.0f} % right</title></rect>"
            f'<line class="span" x1="{_x(one.confidence)}" y1="{_y(low)}" x2="{_x(one.confidence)}" '
            f'y2="{_y(high)}"/>'
        )
    return Chart(file, f"{reliability_text(found)[:-1]}, {split}.", "".join(parts))


def reliability_text(found: Reliability) -> str:
    """One sentence about the diagram."""
    if found.ece is None:
        return f"Confidences: nothing is above {found.threshold:g}."
    sure = "too sure" if found.too_sure > 0 else "not sure enough"
    tail = (
        f"; on average {100 * abs(found.too_sure):.1f} points {sure}" if abs(found.too_sure) > 0.005 else ""
    )
    return (
        f"Confidences: expected calibration error {100 * found.ece:.1f} % "
        f"({found.count} predictions above {found.threshold:g}{tail})."
    )


def sizes_chart(
    file: str, sizes: Sequence[SizeAp], class_names: Sequence[str], colours: Mapping[str, Rgb], split: Split
) -> Chart:
    """AP by the size of the boxes: a bar for each class in each size, with its interval."""
    title = f"AP@0.50 by the size of the boxes, {split}"
    lows = sorted({one.low for one in sizes})
    parts = [_frame(title, "side of the box in pixels of the picture", "AP@0.50", across=False)]
    group = 1 / max(1, len(lows))
    width = 0.8 * group / max(1, len(class_names))
    for one in sizes:
        place = lows.index(one.low)
        start = place * group + 0.1 * group + class_names.index(one.name) * width
        if one.ap is None or one.interval is None:
            continue
        middle = start + width / 2
        parts.append(
            f'<rect x="{_x(start)}" y="{_y(one.ap)}" width="{_WIDE * width * 0.9:.1f}" '
            f'height="{_HIGH * one.ap:.1f}" fill="{ink(colours[one.name])}"><title>{safe(one.name)}, '
            f"{safe(size_text(one.low, one.high))}: AP {100 * one.ap:.1f} %, {one.truths} boxes"
            "</title></rect>"
            f'<line class="span" x1="{_x(middle)}" y1="{_y(one.interval[0])}" x2="{_x(middle)}" '
            f'y2="{_y(one.interval[1])}"/>'
        )
    for place, low in enumerate(lows):
        high = next(one.high for one in sizes if one.low == low)
        count = sum(one.truths for one in sizes if one.low == low)
        parts.append(
            f'<text text-anchor="middle" x="{_x((place + 0.5) * group)}" y="{_TOP + _HIGH + 15:.0f}">'
            f"{safe(size_text(low, high))}</text>"
            f'<text text-anchor="middle" opacity=".7" x="{_x((place + 0.5) * group)}" '
            f'y="{_TOP + _HIGH + 29:.0f}">{count}</text>'
        )
    drawn = tuple((ink(colours[name]), name) for name in class_names)
    return Chart(file, f"{title} (below: the number of boxes)", "".join(parts), drawn)


def size_text(low: float, high: float) -> str:
    """``16–32``, ``< 16`` or ``≥ 96``."""
    if not low:
        return f"< {high:g}"
    return f"≥ {low:g}" if math.isinf(high) else f"{low:g}–{high:g}"


def confusion_table(confusion: Confusion) -> Iterator[str]:
    """What was taken for what."""
    names = [safe(name) for name in confusion.class_names]
    counts = confusion.counts
    heads = "".join(f"<th>{name}</th>" for name in (*names, "not found"))
    yield f'<table class="confusion"><tr><th>ground truth ↓ taken for →</th>{heads}</tr>'
    for row, name in enumerate((*names, "nothing there")):
        total = sum(counts[row])
        cells = "".join(
            _cell(count, total, right=row == column, corner=row == column == len(names))
            for column, count in enumerate(counts[row])
        )
        yield f"<tr><td>{name}</td>{cells}</tr>"
    yield "</table>"


def coco_table(coco: CocoMetrics) -> Iterator[str]:
    """COCO's numbers, each under its own name."""
    heads = ("AP", "AP50", "AP75", "APs", "APm", "APl")
    cells = "".join(f"<th>COCO {head}</th>" for head in heads)
    yield f"<table><tr><th>class</th>{cells}<th>boxes</th></tr>"
    for one in coco.classes:
        values = (one.ap, one.ap50, one.ap75, one.ap_small, one.ap_medium, one.ap_large)
        yield f"<tr><td>{safe(one.name)}</td>{''.join(map(_share, values))}<td>{one.truths}</td></tr>"
    values = (coco.ap, coco.ap50, coco.ap75, coco.ap_small, coco.ap_medium, coco.ap_large)
    total = sum(one.truths for one in coco.classes)
    yield f"<tr class='chosen'><td>all</td>{''.join(map(_share, values))}<td>{total}</td></tr></table>"
    if coco.absent:
        yield f"<p class='dim'>No box, so not in COCO's means: {safe(', '.join(coco.absent))}.</p>"


def _share(value: float | None) -> str:
    return "<td class='dim'>no box</td>" if value is None else f"<td>{100 * value:.2f}</td>"


def _cell(count: int, total: int, *, right: bool, corner: bool) -> str:
    if corner:
        return "<td></td>"
    share = count / total if total else 0.0
    colour = "58,134,255" if right else "230,60,60"
    text = f"{count} <span class='dim'>{100 * share:.0f} %</span>" if count else "0"
    return f"<td class='cell' style='background:rgba({colour},{0.55 * share:.3f})'>{text}</td>"


def _steps(recall: Sequence[float], envelope: Sequence[float]) -> list[tuple[float, float]]:
    """The envelope as the stairs that AP is the area under."""
    points: list[tuple[float, float]] = [(0.0, envelope[0])]
    for x, y in zip(recall, envelope, strict=True):
        if y != points[-1][1]:
            points.append((points[-1][0], y))
        points.append((x, y))
    points.append((recall[-1], 0.0))
    return points


def _frame(title: str, across_title: str, up_title: str, *, across: bool = True) -> str:
    """Axes from 0 to 1 with a grid."""
    parts: list[str] = []
    for tenth in range(0, 11, 2):
        share = tenth / 10
        parts.append(f'<line class="grid" x1="{_x(0)}" y1="{_y(share)}" x2="{_x(1)}" y2="{_y(share)}"/>')
        parts.append(
            f'<text text-anchor="end" x="{_LEFT - 6:.0f}" y="{float(_y(share)) + 4:.1f}">{tenth * 10}</text>'
        )
        if across:
            parts.append(f'<line class="grid" x1="{_x(share)}" y1="{_y(0)}" x2="{_x(share)}" y2="{_y(1)}"/>')
            parts.append(
                f'<text text-anchor="middle" x="{_x(share)}" y="{_TOP + _HIGH + 15:.0f}">{tenth * 10}</text>'
            )
    parts.append(
        f'<polyline class="axis" fill="none" points="{_x(0)},{_y(1)} {_x(0)},{_y(0)} {_x(1)},{_y(0)}"/>'
    )
    foot = _TOP + _HIGH + (33 if across else 46)
    unit = " in %" if across else ""
    parts.append(
        f'<text text-anchor="middle" x="{_x(0.5)}" y="{foot:.0f}">{safe(across_title)}{unit}</text>'
        f'<text text-anchor="middle" transform="rotate(-90)" x="{-_TOP - _HIGH / 2:.0f}" y="12">'
        f"{safe(up_title)} in %</text>"
    )
    return "".join(parts)


def _lines(title: str) -> list[str]:
    """A title in at most two lines."""
    return textwrap.wrap(title, _TITLE_LETTERS)[:2]


def _short(name: str) -> str:
    return name if len(name) <= _NAME_LETTERS else f"{name[:15]}…{name[-10:]}"


def _x(share: float) -> str:
    return f"{_LEFT + _WIDE * share:.1f}"


def _y(share: float) -> str:
    return f"{_TOP + _HIGH * (1 - share):.1f}"
