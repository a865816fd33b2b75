import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from augment.functional import rotation
from augment.visible import Ellipses
from converters import geometry

NOTHING = np.zeros((0, 4))
halves = st.floats(4, 30)


def seen_by_points(box, matrix, region, hole):
    """Extent of what is seen of an ellipse, counted on a fine grid of its points; edges are not seen."""
    t, r = np.meshgrid(np.linspace(0, 2 * np.pi, 721), np.sqrt(np.linspace(0, 1, 120)))
    x1, y1, x2, y2 = box
    x = (x1 + x2) / 2 + (x2 - x1) / 2 * r * np.cos(t)
    y = (y1 + y2) / 2 + (y2 - y1) / 2 * r * np.sin(t)
    points = np.stack([x.ravel(), y.ravel()], 1) @ matrix[:, :2].T + matrix[:, 2]
    inside = (points > region[:2] + 1e-6).all(1) & (points < region[2:] - 1e-6).all(1)
    if hole is not None:
        inside &= ~((points > hole[:2] - 1e-6) & (points < hole[2:] + 1e-6)).all(1)
    points = points[inside]
    return (*points.min(0), *points.max(0)) if len(points) else None


@settings(max_examples=150, deadline=None)
@given(halves, halves, st.floats(0, 360), st.floats(-20, 60), st.floats(-20, 60), st.booleans())
def test_the_box_holds_what_is_seen_and_no_more(a, b, degrees, left, top, covered):
    box = np.array([[-a, -b, a, b]])
    matrix = np.column_stack([rotation(degrees), [20.0, 20.0]])
    region = np.array([left, top, left + 50, top + 40])
    hole = np.array([15.0, -40.0, 30.0, 90.0]) if covered else None
    wanted = seen_by_points(box[0], matrix, region, hole)
    assume(wanted is not None and min(wanted[2] - wanted[0], wanted[3] - wanted[1]) > 1e-3)
    moved = Ellipses.in_boxes(box).moved(matrix).limited(region)
    around = np.array([[20 - 60, 20 - 60, 20 + 60, 20 + 60.0]])
    above = NOTHING if hole is None else hole[None]
    (found,) = moved.boxes(
        np.clip(around, np.tile(region[:2], 2), np.tile(region[2:], 2)), np.array([True]), above
    )
    assert np.abs(found - wanted).max() < 0.6


def test_what_lost_nothing_stays_as_it_is():
    boxes = np.array([[1.0, 2.0, 11.0, 22.0], [5.0, 5.0, 9.0, 9.0]])
    ellipses = Ellipses.in_boxes(boxes).limited(np.array([6.0, 0.0, 100.0, 100.0]))
    cut = geometry.clip(boxes, (100, 100))
    result = ellipses.boxes(cut, np.array([False, True]), NOTHING)
    assert np.array_equal(result[0], boxes[0])
    assert result[1][0] >= 6.0 and np.array_equal(cut, boxes)


@pytest.mark.parametrize(
    ("hidden", "right"),
    [
        ([[15, -40, 30, 90]], 15),  # reaches the view's edge
        ([[15, -40, 20, 90], [20, -40, 40, 90]], 15),  # side by side
        ([[15, -40, 31, 90]], 15),  # ends where the face ends
        ([[15, -40, 29, 90]], 30),  # a strip is left
    ],
)
def test_edges_that_coincide_show_nothing(hidden, right):
    view = np.array([-20.0, 0.0, 30.0 if right != 15 or hidden[0][2] == 30 else 60.0, 40.0])
    face = Ellipses.in_boxes(np.array([[9.0, 16.0, 31.0, 24.0]])).limited(view)
    (box,) = face.boxes(np.array([[9.0, 16.0, 31.0, 24.0]]), np.array([True]), np.array(hidden, float))
    assert box[0] == pytest.approx(9) and box[2] == pytest.approx(right, abs=1e-3)
