"""Copies go where they can be seen, into pictures of any size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.core import box_edits, copies
from annotator.core.edits import NUDGE, SetBoxes, merged
from converters.model import Box

SIZE = (100, 80)
A = Box((10, 10, 30, 40), "a", flags=frozenset({"difficult"}))


def test_pasting_again_and_again_never_hides_a_copy():
    there = (A,)
    for _ in range(30):
        there += copies.placed((A,), there, SIZE, 6)
    assert len({box.xyxy for box in there}) == 31
    assert all(b.xyxy[0] >= 0 and b.xyxy[2] <= 100 and b.xyxy[3] <= 80 for b in there)
    assert {(b.width, b.height) for b in there[:3]} == {(20, 30)}


def test_into_another_picture_they_are_clipped_and_none_is_lost():
    small = (25, 35)
    assert [b.xyxy for b in copies.placed((A,), (), small, 6)] == [(10, 10, 25, 35)]
    far = Box((80, 60, 100, 80), "a")
    assert [b.xyxy for b in copies.placed((far,), (), small, 6)] == [(5, 15, 25, 35)]
    huge = Box((0, 0, 5000, 4000), "a")
    assert [b.xyxy for b in copies.placed((huge,), (), small, 6)] == [(0, 0, 25, 35)]
    assert copies.placed((A,), (), SIZE, 6) == (A,)


def test_what_is_missing_of_the_previous_picture():
    other = Box((50, 50, 60, 60), "b")
    assert copies.missing((A, other), (A,), SIZE) == (other,)
    assert copies.missing((A,), (A,), SIZE) == ()


@pytest.mark.parametrize(
    ("number", "value", "expected"),
    [
        ("x", 12.5, (12.5, 10, 32.5, 40)),
        ("x", 95, (80, 10, 100, 40)),
        ("y", -7, (10, 0, 30, 30)),
        ("width", 7.25, (10, 10, 17.25, 40)),
        ("width", 500, (10, 10, 100, 40)),
        ("height", 0, (10, 10, 30, 11)),
    ],
)
def test_a_typed_number_is_exact_and_stays_in_the_picture(number, value, expected):
    edit = box_edits.type_number("k", (A,), 0, number, value, SIZE)
    assert edit.after[0].xyxy == expected and edit.after[0].flags == A.flags


@given(
    st.sampled_from(["x", "y", "width", "height"]),
    st.floats(-1e6, 1e6),
    st.sampled_from([A.xyxy, (-1.0, 0.0, 50.0, 81.0), (90.0, 70.0, 101.0, 80.0)]),
)
def test_a_typed_number_never_makes_it_worse(number, value, xyxy):
    x1, y1, x2, y2 = box_edits.with_number(xyxy, number, value, SIZE)
    assert x2 - x1 >= 1 - 1e-6 and y2 - y1 >= 1 - 1e-6
    assert x1 >= min(0, xyxy[0]) - 1e-6 and x2 <= max(100, xyxy[2]) + 1e-6
    assert y1 >= min(0, xyxy[1]) - 1e-6 and y2 <= max(80, xyxy[3]) + 1e-6


def test_flags_of_several_boxes():
    boxes = (A, Box((1, 1, 5, 5), "b"), Box((2, 2, 6, 6), "b"))
    edit = box_edits.flag_boxes("k", boxes, frozenset({0, 1}), "occluded", True)
    assert [sorted(b.flags) for b in edit.after] == [["difficult", "occluded"], ["occluded"], []]
    assert edit.text == "mark 2 boxes as occluded"
    assert not box_edits.flag_boxes("k", boxes, frozenset({1}), "difficult", False).changes_something


def test_steps_of_other_boxes_are_taken_back_one_by_one():
    boxes = (A, Box((50, 50, 60, 60), "b"))
    first = SetBoxes("k", boxes, (A.moved_to((11, 10, 31, 40)), boxes[1]), NUDGE)
    same = SetBoxes("k", first.after, (A.moved_to((12, 10, 32, 40)), boxes[1]), NUDGE)
    other = SetBoxes("k", first.after, (first.after[0], boxes[1].moved_to((51, 50, 61, 60))), NUDGE)
    assert merged(first, same) == SetBoxes("k", boxes, same.after, NUDGE)
    assert merged(first, other) is None
    edges = [box_edits.resize_boxes("k", boxes, frozenset({0}), (1, 0), SIZE) for _ in range(2)]
    assert merged(edges[0], edges[1]) is not None and merged(edges[0], same) is None
