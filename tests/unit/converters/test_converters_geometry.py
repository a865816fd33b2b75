import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters.geometry import area, as_array, clip, from_normalised, iou, to_normalised
from converters.model import Box

edges = st.tuples(*[st.floats(-1e4, 1e4) for _ in range(4)])


def test_iou_by_hand():
    a = np.array([[0, 0, 10, 10.0]])
    b = np.array([[5, 0, 15, 10.0], [20, 20, 30, 30], [0, 0, 10, 10], [3, 3, 3, 3]])
    assert iou(a, b)[0] == pytest.approx([1 / 3, 0, 1, 0])


def test_empty_arrays():
    none = as_array(())
    assert none.shape == (0, 4) and iou(none, none).shape == (0, 0) and area(none).shape == (0,)


@given(edges, edges)
def test_iou_is_symmetric_and_bounded(a, b):
    one, other = np.array([a]), np.array([b])
    value = iou(one, other)[0, 0]
    assert 0 <= value <= 1 + 1e-9
    assert value == pytest.approx(iou(other, one)[0, 0])


@given(edges, st.tuples(st.integers(1, 5000), st.integers(1, 5000)))
def test_normalised_round_trip(xyxy, size):
    back = from_normalised(to_normalised(xyxy, size), size)
    assert back == pytest.approx(xyxy, abs=1e-6)


def test_clip_and_area():
    boxes = as_array([Box((-5, -5, 50, 20), "a"), Box((90, 5, 120, 10), "a")])
    clipped = clip(boxes, (100, 10))
    assert clipped.tolist() == [[0, 0, 50, 10], [90, 5, 100, 10]]
    assert area(clipped).tolist() == [500, 50]
