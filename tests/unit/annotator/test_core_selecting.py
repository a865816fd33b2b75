"""The order of cycling, and what stays selected after an edit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.core import selecting
from annotator.core.gestures import BandGesture
from converters.model import Box


def box(x, y, size=10, label="a"):
    return Box((x, y, x + size, y + size), label)


ROWS = (box(60, 12), box(5, 50), box(0, 10), box(30, 8), box(40, 52), box(80, 47))


def test_reading_order_goes_by_lines_though_no_two_are_at_one_height():
    assert selecting.reading_order([b.xyxy for b in ROWS]) == [2, 3, 0, 1, 4, 5]


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 90), st.integers(1, 40)), max_size=30))
def test_reading_order_has_every_box_once(places):
    edges = [box(*place).xyxy for place in places]
    assert sorted(selecting.reading_order(edges)) == list(range(len(edges)))


def test_stepping_goes_round_and_back():
    at: frozenset[int] = frozenset()
    seen = []
    for _ in range(7):
        index = selecting.step(ROWS, at, 1, None)
        seen.append(index)
        at = frozenset({index})
    assert seen == [2, 3, 0, 1, 4, 5, 2]
    assert selecting.step(ROWS, frozenset(), -1, None) == 5
    assert selecting.step(ROWS, frozenset({3, 0}), 1, None) == 1
    assert selecting.step((), frozenset(), 1, None) is None


def test_after_a_deletion_one_goes_on_where_the_box_was():
    left = tuple(b for b in ROWS if b is not ROWS[0])
    assert left[selecting.step(left, frozenset(), 1, ROWS[0].xyxy)] == ROWS[1]
    assert left[selecting.step(left, frozenset(), -1, ROWS[0].xyxy)] == ROWS[3]


@pytest.mark.parametrize(
    ("after", "selected", "expected"),
    [
        ((ROWS[0], box(1, 1), ROWS[2]), {1}, {1}),  # one was changed
        ((ROWS[0], ROWS[1], ROWS[2], box(1, 1)), {0}, {3}),  # one was added
        ((ROWS[0], box(1, 1), ROWS[1], ROWS[2]), {0}, {1}),  # one came back in the middle
        ((ROWS[0], ROWS[2]), {1}, set()),  # the selected one is gone
        ((ROWS[0], ROWS[2]), {2}, {1}),  # another one is gone
        ((ROWS[1],), {0, 1, 2}, {0}),
    ],
)
def test_what_is_selected_after_an_edit(after, selected, expected):
    assert selecting.after_edit(ROWS[:3], after, frozenset(selected)) == expected


def test_twins_are_told_apart_by_number():
    twins = (ROWS[0], ROWS[0])
    assert selecting.after_edit(twins, (*twins, ROWS[0]), frozenset({0})) == {2}
    assert selecting.after_edit(twins, (ROWS[0],), frozenset({1})) == frozenset()


def test_a_band_takes_what_has_its_middle_in_it_besides_what_was_selected():
    gesture = BandGesture(ROWS, frozenset({5}), (50, 0))
    gesture.move((-5, 20))
    assert gesture.result() == {2, 3, 5}
