import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment import functional
from converters import geometry
from converters.errors import ImageError


def picture(width=60, height=40, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def box_around(mask):
    ys, xs = np.nonzero(mask)
    return np.array([[xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]], dtype=float)


def one_iou(a, b):
    return float(geometry.iou(a, b)[0, 0])


linears = st.builds(
    lambda angle, lean: functional.shear(lean, 0.0) @ functional.rotation(angle),
    st.floats(-180, 180),
    st.floats(-15, 15),
)
sizes = st.tuples(st.integers(1, 300), st.integers(1, 300))


def boxes_within(size):
    def edges(limit):
        return st.lists(st.floats(0, limit), min_size=2, max_size=2).map(sorted)

    return st.lists(
        st.tuples(edges(size[0]), edges(size[1])).map(lambda e: (e[0][0], e[1][0], e[0][1], e[1][1])),
        max_size=6,
    ).map(lambda rows: np.array(rows, dtype=float).reshape(-1, 4))


def test_exposure_doubles_linear_light():
    # sRGB 188 is half of the light (0.5029), so one stop more is white; one stop less is 137 (0.2514).
    assert functional.exposure_table(1.0)[188] == 255
    assert functional.exposure_table(-0.5)[188] == 137
    assert functional.exposure_table(0.0).tolist() == list(range(256))
    assert functional.exposure_table(0.5)[0] == 0


@pytest.mark.parametrize("change", [-0.5, -0.1, 0.3, 0.5])
def test_exposure_never_swaps_tones(change):
    assert (np.diff(functional.exposure_table(change).astype(int)) >= 0).all()


def test_brightness_adds_a_fraction_of_255():
    table = functional.brightness_table(0.4)
    assert table[0] == 102
    assert table[100] == 202
    assert table[200] == 255
    assert functional.brightness_table(-0.4)[100] == 0


def test_quarter_turn_moves_pixels_without_resampling():
    rgb = picture()
    matrix, size = functional.place_on_canvas(functional.rotation(90), (60, 40), "grow")
    assert size == (40, 60)
    assert np.array_equal(functional.warp(rgb, matrix, size, "grey"), np.rot90(rgb, -1))


def test_no_turn_is_the_same_picture():
    rgb = picture()
    matrix, size = functional.place_on_canvas(np.eye(2), (60, 40), "grow")
    assert np.array_equal(functional.warp(rgb, matrix, size, "smooth"), rgb)


def test_grown_canvas_of_a_half_right_angle():
    assert functional.place_on_canvas(functional.rotation(45), (400, 300), "grow")[1] == (495, 495)
    assert functional.place_on_canvas(functional.rotation(45), (400, 300), "same")[1] == (400, 300)


def test_long_picture_is_scaled_down_instead_of_growing_without_end():
    matrix, (width, height) = functional.place_on_canvas(functional.rotation(45), (4000, 40), "grow")
    assert width * height <= functional.MAX_GROWTH * 4000 * 40 * 1.01
    corners = np.array([[0, 0], [4000, 0], [0, 40], [4000, 40]]) @ matrix[:, :2].T + matrix[:, 2]
    assert corners.min() >= -1e-6
    assert (corners <= (width + 1e-6, height + 1e-6)).all()
    assert functional.warp(picture(4000, 40), matrix, (width, height), "smooth").shape == (height, width, 3)


@given(linears, sizes)
def test_whole_picture_lies_on_the_grown_canvas(linear, size):
    matrix, new_size = functional.place_on_canvas(linear, size, "grow")
    width, height = size
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) @ matrix[:, :2].T + matrix[:, 2]
    assert corners.min() >= -1e-5
    assert (corners <= np.array(new_size) + 1e-5).all()


# The measured table: IoU of the box around the turned face with the box each rule gives.
@pytest.mark.parametrize(
    ("angle", "corners"), [(5, 0.85), (15, 0.67), (30, 0.54), (45, 0.51), (60, 0.54), (90, 1.0)]
)
def test_boxes_of_a_turned_ellipse(angle, corners):
    box = np.array([[89.0, 88.0, 111.0, 112.0]])  # the median face, 22 × 24 pixels
    matrix, _ = functional.place_on_canvas(functional.rotation(angle), (200, 200), "grow")
    t = np.linspace(0, 2 * np.pi, 20_001)
    ring = np.stack([100 + 11 * np.cos(t), 100 + 12 * np.sin(t)], axis=1) @ matrix[:, :2].T + matrix[:, 2]
    truth = np.array([[*ring.min(axis=0), *ring.max(axis=0)]])
    assert one_iou(functional.boxes_of_ellipses(box, matrix), truth) == pytest.approx(1.0, abs=0.001)
    assert one_iou(functional.boxes_of_corners(box, matrix), truth) == pytest.approx(corners, abs=0.015)


@settings(max_examples=40, deadline=None)
@given(linears, st.floats(60, 240), st.floats(60, 240))
def test_ellipse_rule_against_a_drawn_and_warped_ellipse(linear, width, height):
    mask = np.zeros((400, 400, 3), np.uint8)
    cv2.ellipse(mask, ((199.5, 199.5), (width, height), 0), (255, 255, 255), -1)
    box = box_around(mask[:, :, 0])
    matrix, size = functional.place_on_canvas(linear, (400, 400), "grow")
    warped = functional.warp(mask, matrix, size, "mean")
    assert one_iou(functional.boxes_of_ellipses(box, matrix), box_around(warped[:, :, 0] > 127)) > 0.95


@given(linears, sizes.flatmap(lambda size: st.tuples(st.just(size), boxes_within(size))))
def test_boxes_stay_inside_and_ordered(linear, case):
    size, boxes = case
    for canvas in ("grow", "same"):
        matrix, new_size = functional.place_on_canvas(linear, size, canvas)
        for rule in (functional.boxes_of_ellipses, functional.boxes_of_corners):
            before = boxes.copy()
            kept, index = functional.keep_visible(rule(boxes, matrix), new_size, 0.3)
            assert np.array_equal(boxes, before)
            assert len(kept) == len(index) <= len(boxes)
            assert (kept[:, :2] >= 0).all()
            assert (kept[:, 2:] <= new_size).all()
            assert (kept[:, 2:] - kept[:, :2] >= 1).all()


@given(linears, sizes.flatmap(lambda size: st.tuples(st.just(size), boxes_within(size))))
def test_ellipse_box_lies_in_the_corner_box(linear, case):
    size, boxes = case
    matrix, _ = functional.place_on_canvas(linear, size, "grow")
    inner, outer = functional.boxes_of_ellipses(boxes, matrix), functional.boxes_of_corners(boxes, matrix)
    assert (inner[:, :2] >= outer[:, :2] - 1e-9).all()
    assert (inner[:, 2:] <= outer[:, 2:] + 1e-9).all()


def test_growing_canvas_loses_no_box():
    boxes = np.array([[0, 0, 20, 24], [380, 276, 400, 300], [0, 280, 15, 300.0]])
    for angle in range(0, 91, 5):
        matrix, size = functional.place_on_canvas(functional.rotation(angle), (400, 300), "grow")
        kept, index = functional.keep_visible(functional.boxes_of_ellipses(boxes, matrix), size, 1.0)
        assert index.tolist() == [0, 1, 2]
        assert np.allclose(kept, functional.boxes_of_ellipses(boxes, matrix))


def test_keep_visible_drops_by_area_and_by_side():
    boxes = np.array(
        [[-71, 0, 30, 50], [-70, 0, 30, 50], [10, 10, 10.9, 40], [10, 10, 11, 40], [5, 5, 5, 9.0]]
    )
    kept, index = functional.keep_visible(boxes, (100, 100), 0.3)
    assert index.tolist() == [1, 3]
    assert kept.tolist() == [[0, 0, 30, 50], [10, 10, 11, 40]]


def test_keep_visible_of_no_boxes():
    kept, index = functional.keep_visible(np.zeros((0, 4)), (10, 10), 0.3)
    assert kept.shape == (0, 4)
    assert index.shape == (0,)


@pytest.mark.parametrize("fill", ["smooth", "mean", "grey"])
def test_input_stays_as_it_is(fill):
    rgb = picture()
    rgb.flags.writeable = False
    matrix, size = functional.place_on_canvas(functional.rotation(30), (60, 40), "grow")
    matrix.flags.writeable = False
    assert functional.warp(rgb, matrix, size, fill).shape == (size[1], size[0], 3)
    functional.gaussian_blur(rgb, 1.5)
    functional.apply_table(rgb, functional.brightness_table(0.2))
    copy = functional.gaussian_blur(rgb, 0.0)
    assert copy is not rgb
    assert np.array_equal(copy, rgb)


def test_fills():
    rgb = np.full((40, 60, 3), (200, 100, 50), np.uint8)
    rgb[10:30, 10:50] = 0
    matrix, size = functional.place_on_canvas(functional.rotation(45), (60, 40), "grow")
    assert functional.warp(rgb, matrix, size, "grey")[0, 0].tolist() == [127] * 3
    assert functional.warp(rgb, matrix, size, "mean")[0, 0].tolist() == [200, 100, 50]
    smooth = functional.warp(rgb, matrix, size, "smooth")[0, 0]
    assert smooth[0] > smooth[1] > smooth[2] > 0


def test_smooth_fill_shows_nothing_of_a_face():
    # A face at the very edge, as sharp as can be: what is carried on from it has no edge left.
    rgb = np.full((300, 400, 3), 128, np.uint8)
    cv2.circle(rgb, (200, 12), 12, (255, 255, 255), -1)
    cv2.circle(rgb, (196, 10), 3, (0, 0, 0), -1)
    cv2.circle(rgb, (204, 10), 3, (0, 0, 0), -1)
    matrix, size = functional.place_on_canvas(functional.rotation(45), (400, 300), "grow")
    filled = functional.warp(rgb, matrix, size, "smooth").astype(int)
    whole = np.full((300, 400, 3), 255, np.uint8)
    inside = functional.warp(whole, matrix, size, "grey")[:, :, 0] > GREY
    outside = cv2.erode((~inside).astype(np.uint8), np.ones((5, 5))) > 0
    steps = np.abs(np.diff(filled[:, :, 0], axis=1))
    assert steps[outside[:, 1:] & outside[:, :-1]].max() <= 2


GREY = functional.GREY


def test_rim_is_blended_not_cut():
    rgb = np.full((100, 100, 3), 255, np.uint8)
    matrix, size = functional.place_on_canvas(functional.rotation(20), (100, 100), "grow")
    warped = functional.warp(rgb, matrix, size, "grey")
    assert len(np.unique(warped)) > 10
    assert warped.min() >= GREY - 1  # no dark seam between the two


def test_too_long_a_side_is_said():
    matrix, size = functional.place_on_canvas(np.eye(2), (40_000, 1), "same")
    with pytest.raises(ImageError, match="more than 32000 pixels"):
        functional.warp(np.zeros((1, 40_000, 3), np.uint8), matrix, size, "grey")
