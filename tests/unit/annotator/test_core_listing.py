"""Filters and sorts of the list of pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotator.core.listing import Facts, Filter, Labels, Order, SortBy, Span, select, smallest_side
from converters.model import AnnotatedImage, Box, Split


def picture(key: str, *boxes: Box, size: tuple[int, int] = (800, 400), **more: object) -> AnnotatedImage:
    return AnnotatedImage(key, Path(f"/set/{key}.PNG"), size, boxes, **more)  # type: ignore[arg-type]


def box(label: str, width: float = 40, height: float = 60) -> Box:
    return Box((10, 10, 10 + width, 10 + height), label)


PICTURES = [
    picture("a/one", box("mask"), box("mask", 6, 9), split=Split.TRAIN, reviewed=True),
    picture("a/Two", box("mask"), box("none", 12, 30), split=Split.TEST),
    picture("b/Élan 3", box("none", 20, 20)),
    picture("b/four", reviewed=True),
    picture("b/five", labelled=False, split=Split.TRAIN),
]
FACTS = Facts(frozenset({"a/Two", "b/four"}), {"a/one": 0.2, "b/Élan 3": 0.9, "b/four": 0.5})


def names(chosen: Filter, order: Order | None = None) -> str:
    keys = select(PICTURES, chosen, order, FACTS)
    return " ".join(key.rpartition("/")[2].split()[0] for key in keys)


ALL = "one Two Élan four five"


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (Filter(), ALL),
        (Filter(text="  "), ALL),
        (Filter(text="TWO"), "Two"),
        (Filter(text="o b/"), "four"),
        (Filter(text="four.png"), "four"),
        (Filter(text="four.jpg"), ""),
        (Filter(text="e\N{COMBINING ACUTE ACCENT}LAN"), "Élan"),
        (Filter(classes=frozenset({"mask"})), "one Two"),
        (Filter(classes=frozenset({"mask", "none"})), "one Two Élan"),
        (Filter(classes=frozenset({"mask", "none"}), all_classes=True), "Two"),
        (Filter(splits=frozenset({Split.TRAIN})), "one five"),
        (Filter(splits=frozenset({Split.TEST, None})), "Two Élan four"),
        (Filter(reviewed=True), "one four"),
        (Filter(reviewed=False), "Two Élan five"),
        (Filter(labels=frozenset({Labels.EMPTY})), "four"),
        (Filter(labels=frozenset({Labels.NONE, Labels.EMPTY})), "four five"),
        (Filter(labels=frozenset({Labels.BOXES})), "one Two Élan"),
        (Filter(findings=True), "Two four"),
        (Filter(disagreement=0.5), "Élan four"),
        (Filter(boxes=Span(high=0)), "four five"),
        (Filter(boxes=Span(1, 1)), "Élan"),
        (Filter(boxes=Span(low=2)), "one Two"),
        (Filter(smallest=Span(high=12)), "one Two"),
        (Filter(smallest=Span(low=20)), "Élan"),
        (Filter(smallest=Span(high=4), network=(416, 416)), "one"),
        (Filter(only=frozenset({"b/five", "a/one", "gone"})), "one five"),
        (Filter(text="b/", reviewed=True, findings=True, boxes=Span(high=0)), "four"),
        (Filter(text="a/", reviewed=True, findings=True), ""),
    ],
)
def test_filters_combine(chosen: Filter, expected: str):
    assert names(chosen) == expected
    assert chosen.is_on() == (expected != ALL)
    for image in PICTURES:
        assert chosen.accepts(image, FACTS) == (image.key in select(PICTURES, chosen, None, FACTS))


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (Order(), ALL),
        (Order(SortBy.NAME, True), "five four Élan Two one"),
        (Order(SortBy.BOXES), "four five Élan one Two"),
        (Order(SortBy.BOXES, True), "one Two Élan four five"),
        (Order(SortBy.SMALLEST), "one Two Élan four five"),
        (Order(SortBy.SMALLEST, True), "Élan Two one four five"),
        (Order(SortBy.DISAGREEMENT), "one four Élan Two five"),
        (Order(SortBy.DISAGREEMENT, True), "Élan four one Two five"),
    ],
)
def test_sorts_with_what_has_no_value_last(order: Order, expected: str):
    assert names(Filter(), order) == expected


def test_what_is_kept_stays_in_its_place():
    shown = select(PICTURES, Filter(reviewed=False), keep=frozenset({"a/one", "gone"}))
    assert shown == ("a/one", "a/Two", "b/Élan 3", "b/five")


def test_smallest_side_as_a_network_stretches_the_picture():
    wide = picture("x", box("mask", 20, 10), size=(800, 200))
    assert smallest_side(wide) == 10
    assert smallest_side(wide, (400, 400)) == 10
    assert smallest_side(wide, (200, 800)) == 5
    assert smallest_side(picture("y")) is None
    assert smallest_side(picture("z", box("mask", 20, 10), size=(0, 0)), (400, 400)) == 10
