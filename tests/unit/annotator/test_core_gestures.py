import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.core.gestures import DrawGesture, MoveGesture, ResizeGesture, move_boxes, resize_by
from annotator.core.hit import Hit, Part, boxes_at, hit_test, next_under
from converters.model import Box

SIZE = (100, 80)
A, B, SMALL = Box((10, 10, 40, 40), "a"), Box((30, 30, 90, 70), "b"), Box((32, 32, 38, 38), "c")


def test_draw_in_any_direction_on_whole_pixels_and_inside():
    gesture = DrawGesture(SIZE, (50.4, 40.6))
    gesture.move((-20, 200))
    assert gesture.result() == (0, 41, 50, 80)


def test_a_slip_is_no_box():
    gesture = DrawGesture(SIZE, (50, 40))
    gesture.move((51, 60))
    assert gesture.result() is None


def test_move_keeps_fractions_and_stays_inside():
    box = Box((10.25, 10.5, 20.75, 20.5), "a", origin=3)
    gesture = MoveGesture(SIZE, (box, B), frozenset({0}), (15, 15))
    gesture.move((18.4, 300))
    moved, other = gesture.preview()
    assert moved.xyxy == (13.25, 69.5, 23.75, 79.5) and moved.origin == 3 and other is B


def test_a_box_beyond_the_edge_is_not_pushed_back_by_a_move_along_it():
    beyond = Box((90, 10, 101, 20), "a")
    assert move_boxes((beyond,), frozenset({0}), (5, 3), SIZE)[0].xyxy == (90, 13, 101, 23)
    assert move_boxes((beyond,), frozenset({0}), (-5, 0), SIZE)[0].xyxy == (85, 10, 96, 20)


def test_several_move_together_until_the_first_meets_the_edge():
    moved = move_boxes((A, B), frozenset({0, 1}), (50, 0), SIZE)
    assert [box.xyxy[0] for box in moved] == [20, 40]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (Part.TOP_LEFT, (15, 17, 40, 40)),
        (Part.TOP, (10, 17, 40, 40)),
        (Part.RIGHT, (10, 10, 45, 40)),
        (Part.BOTTOM_RIGHT, (10, 10, 45, 47)),
        (Part.LEFT, (15, 10, 40, 40)),
    ],
)
def test_resize_moves_only_its_edges(part: Part, expected):
    gesture = ResizeGesture(SIZE, (A,), 0, part, (0, 0))
    gesture.move((5.2, 6.8))
    assert gesture.preview()[0].xyxy == expected


def test_resize_across_the_opposite_edge_flips():
    gesture = ResizeGesture(SIZE, (A,), 0, Part.LEFT, (10, 20))
    gesture.move((60, 20))
    assert gesture.preview()[0].xyxy == (40, 10, 60, 40)


def test_resize_without_a_move_changes_nothing():
    gesture = ResizeGesture(SIZE, (Box((1.5, 1.5, 9.5, 9.5), "a"),), 0, Part.LEFT, (1, 5))
    gesture.move((1, 5))
    assert gesture.preview()[0].xyxy == (1.5, 1.5, 9.5, 9.5)


@given(st.floats(-300, 300), st.floats(-300, 300), st.sampled_from(list(Part)[1:]))
def test_resize_always_leaves_a_box_inside(x, y, part):
    gesture = ResizeGesture(SIZE, (A,), 0, part, (0, 0))
    gesture.move((x, y))
    x1, y1, x2, y2 = gesture.preview()[0].xyxy
    assert 0 <= x1 < x2 <= 101 and 0 <= y1 < y2 <= 81


def test_resize_by_keys_stops_at_the_picture_and_at_one_pixel():
    assert resize_by(B, 50, 0, SIZE).xyxy == (30, 30, 100, 70)
    assert resize_by(A, -100, -100, SIZE).xyxy == (10, 10, 11, 11)
    assert resize_by(A, -100, 5, SIZE, far_edges=False).xyxy == (0, 15, 40, 40)


def test_the_smallest_box_is_hit_and_clicks_cycle():
    boxes = (A, B, SMALL)
    assert boxes_at(boxes, (35, 35)) == [2, 0, 1]
    assert hit_test(boxes, (35, 35), 3, frozenset()) == Hit(2, Part.BODY)
    assert [next_under(boxes, (35, 35), current) for current in (None, 2, 0, 1)] == [2, 0, 1, 2]
    assert next_under(boxes, (5, 5), 0) is None


def test_handles_of_the_selected_box_come_first():
    boxes = (A, B)
    assert hit_test(boxes, (41, 39), 3, frozenset({0})) == Hit(0, Part.BOTTOM_RIGHT)
    assert hit_test(boxes, (39, 39), 1.5, frozenset()) == Hit(0, Part.BODY)
    assert hit_test(boxes, (35, 35), 3, frozenset({1})) == Hit(1, Part.BODY)
    assert hit_test(boxes, (5, 70), 3, frozenset()) is None


def test_a_tiny_box_is_moved_not_resized_from_inside():
    tiny = (Box((50, 50, 54, 54), "a"),)
    assert hit_test(tiny, (52, 52), 3, frozenset({0})) == Hit(0, Part.BODY)
    assert hit_test(tiny, (56, 56), 3, frozenset({0})) == Hit(0, Part.BOTTOM_RIGHT)
