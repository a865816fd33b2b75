import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment import functional
from augment.operations import TRANSFORMS
from augment.operations.colour import Blur, Brightness, Exposure
from augment.operations.geometry import Rotation, Shear
from augment.policy import STUDY, Policy, copy_rng
from augment.recipe import Recipe, Step
from augment.transforms import ColourTransform, LinearTransform, Scene
from converters import geometry
from converters.model import Box

ROTATION = Step(Rotation(), {"angle": 30.0})
SHEAR = Step(Shear(), {"horizontal": 15.0, "vertical": 0.0})


def picture(width=80, height=50):
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)


def boxes_of(array):
    return tuple(Box(tuple(map(float, row)), "mask") for row in array)


def recipe(*steps, canvas="grow", boxes="ellipse"):
    return Recipe(steps, canvas, boxes, 0.3, "smooth")


def test_turn_then_shear_is_one_map():
    composed = recipe(ROTATION, SHEAR).linear
    assert np.allclose(composed, functional.shear(15, 0) @ functional.rotation(30))
    assert not np.allclose(composed, recipe(SHEAR, ROTATION).linear)


def test_composed_map_hugs_a_face_and_two_boxes_in_a_row_do_not():
    t = np.linspace(0, 2 * np.pi, 10_001)
    box = boxes_of([[100 - 11.0, 100 - 12.0, 100 + 11.0, 100 + 12.0]])
    both = recipe(ROTATION, SHEAR)
    matrix, size = functional.place_on_canvas(both.linear, (200, 200), "grow")
    ring = np.stack([100 + 11 * np.cos(t), 100 + 12 * np.sin(t)], 1) @ matrix[:, :2].T + matrix[:, 2]
    placed = both.place((200, 200), box)
    assert placed.dropped == ()
    assert np.allclose(placed.boxes[0].xyxy, [*ring.min(0), *ring.max(0)], atol=1e-4)
    assert placed.size == size


def test_colours_move_no_box():
    boxes = np.array([[0.25, 0.5, 0.75, 0.9], [1, 2, 30, 40]])
    both = recipe(Step(Blur(), {"sigma": 1.0}), Step(Exposure(), {"change": 0.3}))
    placed = both.place((80, 50), boxes_of(boxes))
    assert np.array_equal(geometry.as_array(placed.boxes), boxes)  # even one that was under a pixel before
    assert placed.dropped == () and placed.size == (80, 50)


def test_order_of_colours_is_kept():
    rgb = picture()
    dark, light = Step(Brightness(), {"change": -0.4}), Step(Exposure(), {"change": 0.5})
    assert not np.array_equal(recipe(dark, light).apply(rgb), recipe(light, dark).apply(rgb))


def test_same_canvas_drops_and_counts_what_leaves_the_picture():
    boxes = np.array([[0, 0, 40, 40], [180, 130, 220, 170.0]])
    turned = recipe(Step(Rotation(), {"angle": 45.0}), canvas="same")
    placed = turned.place((400, 300), boxes_of(boxes))
    assert placed.dropped == (0,) and len(placed.boxes) == 1
    assert placed.size == (400, 300)
    assert turned.apply(picture(400, 300)).shape == (300, 400, 3)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(1, 5),
    st.sampled_from(["grow", "same"]),
    st.sampled_from(["smooth", "mean", "grey"]),
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
)
def test_every_drawn_copy_is_a_picture_of_its_size_and_its_source_stays(seed, per_copy, canvas, fill, size):
    policy = Policy(operations_per_copy=per_copy, canvas=canvas, fill=fill)
    rgb = picture(*size)
    before = rgb.copy()
    drawn = policy.draw(seed, "x.png", 1, Scene(size))
    copy = drawn.apply(rgb)
    assert np.array_equal(rgb, before)
    assert copy.dtype == np.uint8
    assert copy.shape == (*drawn.place(size, ()).size[::-1], 3)
    assert copy.flags.c_contiguous
    assert np.array_equal(copy, drawn.apply(rgb))


def test_no_copy_of_a_real_looking_picture_equals_it():
    rgb = np.clip(picture(64, 48) // 2 + 60, 0, 255).astype(np.uint8)
    for number in range(150):
        copy = STUDY.draw(5, f"{number}.png", 1, Scene((64, 48))).apply(rgb)
        assert copy.shape != rgb.shape or np.abs(copy.astype(int) - rgb).mean() > 1


@pytest.mark.parametrize("name", TRANSFORMS)
def test_each_operation_that_needs_only_the_picture(name):
    transform = TRANSFORMS[name]()
    if not isinstance(transform, ColourTransform | LinearTransform):
        pytest.skip("looks at more than the picture; tested with its like")
    rgb = picture()
    before = rgb.copy()
    params = transform.get_params(copy_rng(1, "x", 1), Scene((80, 50)))
    copy = transform.apply(rgb, params)
    assert copy.dtype == np.uint8 and np.array_equal(rgb, before)
    boxes = np.array([[10.0, 10, 30, 30]])
    moved = transform.apply_to_boxes(boxes, params, (80, 50))
    assert moved is not boxes and boxes.tolist() == [[10, 10, 30, 30]]
    if isinstance(transform, ColourTransform):
        assert np.array_equal(moved, boxes) and not np.array_equal(copy, rgb)


def test_caption_and_list_say_what_was_done():
    both = recipe(ROTATION, SHEAR)
    assert both.caption() == "rotation +30 + shear horizontal +15"
    assert both.as_list() == [
        {"operation": "rotation", "angle": 30.0},
        {"operation": "shear", "horizontal": 15.0, "vertical": 0.0},
    ]
