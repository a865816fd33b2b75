import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.core.viewport import MAX_SCALE, Viewport, near_picture

points = st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
viewports = st.builds(Viewport, st.floats(0.05, 20), st.floats(-500, 500), st.floats(-500, 500))


@given(viewports, points)
def test_there_and_back(viewport, point):
    assert viewport.to_image(viewport.to_view(point)) == pytest.approx(point, abs=1e-4)


@given(viewports, points, st.floats(0.5, 2))
def test_zoom_keeps_the_point_under_the_pointer(viewport, at, factor):
    before = viewport.to_image(at)
    assert viewport.zoomed_at(at, factor).to_image(at) == pytest.approx(before, abs=1e-4)


def test_fitted_is_centred_and_whole():
    viewport = Viewport.fitted((400, 200), (824, 624))
    assert viewport.scale == 2.0
    assert viewport.box_to_view((0, 0, 400, 200)) == (12, 112, 812, 512)


def test_showing_a_box_centres_it():
    viewport = Viewport.showing((10, 10, 20, 30), (800, 600))
    assert viewport.to_view((15, 20)) == pytest.approx((400, 300))


def test_scale_has_a_limit_and_the_picture_stays_in_sight():
    viewport = Viewport()
    for _ in range(100):
        viewport = viewport.zoomed_at((0, 0), 2)
    assert viewport.scale == MAX_SCALE
    lost = Viewport(1, -10_000, 9_000).kept_in_sight((400, 300), (800, 600))
    x1, y1, x2, _ = lost.box_to_view((0, 0, 400, 300))
    assert x2 == 60 and y1 == 540 and x1 < 0


def test_a_box_far_taller_than_the_picture_is_shown_by_its_part_near_the_picture():
    assert near_picture((40.0, -5000.0, 50.0, 6000.0), (100, 200)) == (40.0, -20.0, 50.0, 220.0)
    assert near_picture((-1.0, 10.0, 50.0, 60.0), (100, 200)) == (-1.0, 10.0, 50.0, 60.0)
    assert near_picture((900.0, 10.0, 950.0, 60.0), (100, 200)) == (900.0, 10.0, 950.0, 60.0)
