"""The charts of :mod:`converters.charts` with their titles, axes and legends in the person's language."""

from __future__ import annotations

from dataclasses import replace

from annotator.qt.translation import tr, tr_n
from converters.charts import BarChart, Matrix, Part, Subject


def in_words(chart: BarChart, network_size: tuple[int, int] | None = None) -> BarChart:
    """The same chart in the person's language; names of classes and splits stay.

    Args:
        chart: With English texts.
        network_size: (width, height) of the network's input in pixels, for a chart of sizes as it sees them.
    """
    return replace(
        chart,
        title=_title(chart, network_size),
        axis=_axis(chart.subject),
        parts=tuple(_part(part, chart.subject) for part in chart.parts),
        mark_name=tr("target") if chart.mark_name else "",
        unit=(tr("box"), tr("boxes")),
    )


def note(chart: BarChart) -> str:
    """What a chart leaves out; empty where it shows all."""
    if chart.left_out is None:
        return ""
    classes, boxes = chart.left_out
    return tr(
        "The {shown} largest of {classes} classes; the others have {number} together and stand in the table.",
        shown=len(chart.rows),
        classes=f"{classes:,}",
        number=f"{boxes:,}",
    )


def describe_cell(matrix: Matrix, row: int, column: int) -> str:
    """A cell of a matrix in words."""
    images, together = matrix.images[row], matrix.together[row][column]
    return tr(
        "{first} and {second}: {pictures}, {percent} % of those with {first}",
        first=matrix.labels[row],
        second=matrix.labels[column],
        pictures=tr_n("{n} picture", "{n} pictures", together),
        percent=f"{100 * together / images if images else 0.0:.0f}",
    )


def _title(chart: BarChart, network_size: tuple[int, int] | None) -> str:
    if chart.subject is Subject.PAIRS:
        return tr("Classes that meet most")
    width, height = network_size or (0, 0)
    titles = {
        Subject.BOXES: tr("Boxes of each class"),
        Subject.IMAGES: tr("Pictures with each class"),
        Subject.SIZES: tr("Sizes in the pictures as they are"),
        Subject.NETWORK_SIZES: tr(
            "Sizes as a network of {width} × {height} px sees them", width=width, height=height
        ),
        Subject.CROWDS: tr("Boxes on a picture"),
        Subject.PLAN: tr("Training boxes with the plan"),
    }
    return titles[chart.subject]


def _axis(subject: Subject) -> str:
    axes = {
        Subject.BOXES: tr("boxes"),
        Subject.IMAGES: tr("pictures"),
        Subject.SIZES: tr("% of the boxes of the class"),
        Subject.NETWORK_SIZES: tr("% of the boxes of the class"),
        Subject.CROWDS: tr("pictures with so many boxes"),
        Subject.PAIRS: tr("pictures with both"),
        Subject.PLAN: tr("training boxes"),
    }
    return axes[subject]


def _part(part: Part, subject: Subject) -> Part:
    more = tr("more with the copies") if subject is Subject.PLAN else tr("in copies of train")
    names = {
        "none": tr("not split"),
        "copies": more,
        "small": tr("small (under 32² px)"),
        "medium": tr("medium"),
        "large": tr("large (from 96² px)"),
        "both": tr("both"),
        "now": tr("now"),
        "pasted": tr("pasted"),
    }
    return replace(part, name=names.get(part.key, part.name))
