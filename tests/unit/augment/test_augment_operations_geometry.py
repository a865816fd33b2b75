import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from augment import windows
from augment.operations.geometry import Crop, Flip, Rotation, Scale, Shear, Translate
from augment.policy import copy_rng
from augment.recipe import Recipe, Step
from augment.transforms import Scene
from converters import geometry
from converters.model import Box

MIRROR = Step(Flip(), {"axis": "horizontal"})


def recipe_of(*steps, canvas="grow", boxes="ellipse", min_visible=0.3):
    return Recipe(steps, canvas, boxes, min_visible, "grey")


def noise_picture(width, height):
    return np.random.default_rng(5).integers(0, 256, (height, width, 3), dtype=np.uint8)


def with_ellipse(size, xyxy):
    """A black picture with a white ellipse that fills a box, its rim as smooth as a photograph's."""
    width, height = size
    finer = 6
    y, x = np.mgrid[0 : height * finer, 0 : width * finer]
    x1, y1, x2, y2 = xyxy
    u = ((x + 0.5) / finer - (x1 + x2) / 2) / ((x2 - x1) / 2)
    v = ((y + 0.5) / finer - (y1 + y2) / 2) / ((y2 - y1) / 2)
    share = (u**2 + v**2 <= 1).reshape(height, finer, width, finer).mean(axis=(1, 3))
    return np.repeat(np.rint(share * 255).astype(np.uint8)[:, :, None], 3, axis=2)


def extent_of_white(rgb):
    """Edges of what is clearly lighter than the grey around a picture."""
    ys, xs = np.nonzero(rgb[:, :, 0] > 170)
    return [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]


@st.composite
def faces(draw):
    size = (draw(st.integers(90, 160)), draw(st.integers(80, 130)))
    width, height = draw(st.floats(16, 40)), draw(st.floats(16, 40))
    x, y = draw(st.floats(1, size[0] - width - 1)), draw(st.floats(1, size[1] - height - 1))
    return size, (x, y, x + width, y + height)


KINDS = st.lists(st.sampled_from([Flip, Scale, Translate, Crop, Rotation, Shear]), min_size=1, max_size=4)


@settings(max_examples=120, deadline=None)
@given(faces(), KINDS, st.sampled_from(["grow", "same"]), st.integers(0, 10**6))
def test_the_box_hugs_the_face_wherever_it_goes(face, kinds, canvas, seed):
    size, xyxy = face
    boxes = (Box(xyxy, "mask"),)
    rng = copy_rng(seed, "x", 1)
    steps = []
    for kind in kinds:
        params = kind().get_params(rng, Scene(size, "x", boxes))
        steps += [Step(kind(), params)] if params is not None else []
    recipe = recipe_of(*steps, canvas=canvas)
    placed = recipe.place(size, boxes)
    copy = recipe.apply(with_ellipse(size, xyxy), boxes)
    assert copy.shape == (*placed.size[::-1], 3)
    assume(placed.boxes)
    x1, y1, x2, y2 = placed.boxes[0].xyxy
    # Where the canvas cuts a face its box is cut, and what is left of an ellipse may be less than that.
    assume(x1 > 0 and y1 > 0 and x2 < placed.size[0] and y2 < placed.size[1])
    # A pixel, and what half a pixel of the painted ellipse becomes where things are enlarged.
    assert np.abs(np.array([x1, y1, x2, y2]) - extent_of_white(copy)).max() <= 1.3


def test_flip_is_exact():
    rgb = noise_picture(33, 20)
    boxes = (Box((1.0, 2.0, 11.0, 9.0), "mask"),)
    assert np.array_equal(recipe_of(MIRROR).apply(rgb), rgb[:, ::-1])
    assert recipe_of(MIRROR).place((33, 20), boxes).boxes[0].xyxy == (22.0, 2.0, 32.0, 9.0)
    upside_down = recipe_of(Step(Flip(), {"axis": "vertical"}))
    assert np.array_equal(upside_down.apply(rgb), rgb[::-1])
    assert upside_down.place((33, 20), boxes).boxes[0].xyxy == (1.0, 11.0, 11.0, 18.0)
    assert np.array_equal(recipe_of(MIRROR, MIRROR).apply(rgb), rgb)


def test_flip_draws_the_axes_it_may():
    both = Flip(vertical=True)
    axes = {both.get_params(copy_rng(n, "x", 1), Scene((9, 9)))["axis"] for n in range(30)}
    assert axes == {"horizontal", "vertical"}
    assert Flip(horizontal=False, vertical=True).get_params(copy_rng(0, "x", 1), Scene((9, 9))) == {
        "axis": "vertical"
    }


def test_shift_is_exact_and_keeps_the_canvas():
    rgb = noise_picture(50, 40)
    recipe = recipe_of(Step(Translate(), {"x": 0.1, "y": -0.25}))
    copy = recipe.apply(rgb)
    assert copy.shape == rgb.shape
    assert np.array_equal(copy[:30, 5:], rgb[10:, :-5])
    assert (copy[30:] == 127).all() and (copy[:, :5] == 127).all()
    placed = recipe.place((50, 40), (Box((10.0, 12.0, 20.0, 22.0), "m"), Box((0.0, 0.0, 9.0, 9.0), "m")))
    assert placed.boxes[0].xyxy == (15.0, 2.0, 25.0, 12.0)
    assert placed.dropped == (1,)


def test_translate_uses_the_axis_it_may_and_is_never_too_weak():
    for number in range(60):
        params = Translate().get_params(copy_rng(number, "x", 1), Scene((9, 9)))
        assert max(abs(params["x"]), abs(params["y"])) >= 0.03
        sideways = Translate(y_range=(0.0, 0.0)).get_params(copy_rng(number, "x", 1), Scene((9, 9)))
        assert sideways["y"] == 0 and abs(sideways["x"]) >= 0.03


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_scale_keeps_the_canvas_and_the_centre(factor):
    recipe = recipe_of(Step(Scale(), {"factor": factor}))
    placed = recipe.place((100, 80), (Box((40.0, 30.0, 60.0, 50.0), "mask"),))
    assert placed.size == (100, 80)
    half = 10 * factor
    assert placed.boxes[0].xyxy == (50 - half, 40 - half, 50 + half, 40 + half)


def test_crop_is_a_part_of_the_picture_with_all_boxes_whole():
    rgb = noise_picture(120, 90)
    boxes = (Box((30.5, 20.0, 50.0, 41.5), "mask"), Box((60.0, 50.0, 80.0, 70.0), "no_mask"))
    for number in range(40):
        params = Crop().get_params(copy_rng(number, "x", 1), Scene((120, 90), "x", boxes))
        recipe = recipe_of(Step(Crop(), params), min_visible=1.0)
        placed = recipe.place((120, 90), boxes)
        width, height = placed.size
        assert width * height < 120 * 90 * 0.96
        assert placed.dropped == ()
        first = placed.boxes[0].xyxy
        left, top = round(30.5 - first[0]), round(20.0 - first[1])
        assert np.array_equal(recipe.apply(rgb, boxes), rgb[top : top + height, left : left + width])
        sides = geometry.as_array(placed.boxes)
        assert np.allclose((sides[:, 2:] - sides[:, :2]), [[19.5, 21.5], [20, 20]])


def test_crop_makes_way_where_the_faces_fill_the_picture():
    boxes = (Box((0.0, 0.0, 30.0, 30.0), "mask"), Box((90.0, 60.0, 120.0, 90.0), "mask"))
    scene = Scene((120, 90), "x", boxes)
    assert all(Crop().get_params(copy_rng(n, "x", 1), scene) is None for n in range(20))
    some = [Crop(keep=0.5).get_params(copy_rng(n, "x", 1), scene) for n in range(20)]
    assert sum(params is not None for params in some) > 10


def test_crop_with_a_share_keeps_it_and_cuts_no_face_in_its_middle():
    rng = np.random.default_rng(1)
    corners = rng.uniform(0, [360, 260], (24, 2))
    boxes = tuple(Box((x, y, x + 30.0, y + 30.0), "mask") for x, y in corners.tolist())
    crop = Crop(keep=0.25, area_range=(0.05, 0.2))
    for number in range(40):
        params = crop.get_params(copy_rng(number, "x", 1), Scene((400, 300), "x", boxes))
        if params is None:
            continue
        placed = recipe_of(Step(crop, params), min_visible=0.0).place((400, 300), boxes)
        sides = geometry.as_array(placed.boxes)
        area = geometry.area(sides)
        assert (area > 899.99).sum() >= 6
        assert not ((area > 450) & (area < 899.9)).any()


@settings(max_examples=150, deadline=None)
@given(
    st.tuples(st.integers(1, 300), st.integers(1, 300)),
    st.lists(st.tuples(*[st.floats(-50, 350)] * 4), max_size=8),
    st.floats(0, 1),
    st.tuples(st.floats(0.01, 1), st.floats(0.2, 5)),
    st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)),
)
def test_a_part_lies_on_the_canvas_and_holds_what_it_must(size, edges, share, extent, at):
    xyxy = np.array(edges, float).reshape(-1, 4)
    xyxy = np.hstack([np.minimum(xyxy[:, :2], xyxy[:, 2:]), np.maximum(xyxy[:, :2], xyxy[:, 2:])])
    must = windows.to_keep(size, xyxy, share, at[2])
    there = (geometry.area(geometry.clip(xyxy, size)) > 0).sum()
    assert len(must) >= share * there - 1e-6
    left, top, right, bottom = windows.part(size, xyxy, must, extent, at[:2])
    assert 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]
    held = geometry.clip(xyxy, size)[must]
    assert (held[:, :2] >= [left - 1e-6, top - 1e-6]).all()
    assert (held[:, 2:] <= [right + 1e-6, bottom + 1e-6]).all()


def test_a_crop_sees_where_the_turned_faces_are():
    boxes = (Box((10.0, 10.0, 30.0, 30.0), "mask"), Box((70.0, 60.0, 95.0, 80.0), "mask"))
    turn = Step(Rotation(), {"angle": 40.0})
    for number in range(20):
        params = Crop().get_params(copy_rng(number, "x", 1), Scene((200, 100), "x", boxes))
        placed = recipe_of(Step(Crop(), params), turn, min_visible=1.0).place((200, 100), boxes)
        assert placed.dropped == ()
