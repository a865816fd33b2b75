from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augment.combining import Layout, Tile, boxes_on_tile, compose, covering
from augment.functional import warp
from augment.operations.mixing import CutMix, Mixup, Mosaic
from augment.policy import copy_rng
from augment.recipe import Recipe, Step
from augment.transforms import Donors, Scene
from converters.errors import UsageError
from converters.model import AnnotatedImage, Box

UNMOVED = np.array([[1.0, 0, 0], [0, 1, 0]])


def image(key, size=(60, 40), *boxes):
    return AnnotatedImage(key, Path(f"{key}.png"), size, tuple(boxes))


def scene(own, *others):
    return Scene(own.size, own.key, own.boxes, Donors((own, *others)), ("face",))


def plain(size, colour):
    return np.full((size[1], size[0], 3), colour, np.uint8)


def recipe(transform, params):
    return Recipe((Step(transform, params),), "grow", "ellipse", 0.3, "smooth")


@pytest.mark.parametrize("kind", [Mosaic, Mixup, CutMix])
def test_a_picture_alone_cannot_be_mixed(kind):
    assert kind().get_params(copy_rng(1, "a", 1), scene(image("a"))) is None


def test_two_pictures_make_a_mosaic_three_others_are_taken_where_there_are():
    two = Mosaic().get_params(copy_rng(1, "a", 1), scene(image("a"), image("b")))
    assert sorted(map(str, two["pictures"])) == ["None", "b", "b", "b"]
    many = scene(image("a"), *(image(f"b{n}") for n in range(30)))
    for index in range(20):
        params = Mosaic().get_params(copy_rng(1, "a", index), many)
        assert len(set(params["pictures"])) == 4


@given(
    st.integers(0, 10**6),
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.sampled_from([Mosaic(), Mosaic(size=64), Mixup(), CutMix()]),
)
def test_any_sizes_give_a_picture_of_the_planned_size_with_boxes_inside(seed, size, other, transform):
    own = image("a", size, Box((0, 0, size[0] / 2, size[1] / 2), "face"))
    donor = image("b", other, Box((0, 0, *map(float, other)), "face"))
    params = transform.get_params(copy_rng(seed, "a", 1), scene(own, donor))
    made = recipe(transform, params)
    placed = made.place(size, own.boxes, {"b": donor})
    rgb = plain(size, 10)
    copy = made.apply(rgb, own.boxes, {"b": donor}, lambda key: plain(other, 250))
    assert copy.shape == (placed.size[1], placed.size[0], 3) and copy.dtype == np.uint8
    assert (rgb == 10).all()
    for box in placed.boxes:
        x1, y1, x2, y2 = box.xyxy
        assert 0 <= x1 < x2 <= placed.size[0] and 0 <= y1 < y2 <= placed.size[1]


def test_mosaic_puts_each_face_where_its_pixels_are():
    faces = {}
    pictures = {}
    for number, key in enumerate("abcd"):
        x, y = 20.0 + 7 * number, 12.0 + 3 * number
        faces[key] = image(key, (100, 70), Box((x, y, x + 30, y + 24), "face"))
        rgb = plain((100, 70), 0)
        rgb[int(y) : int(y) + 24, int(x) : int(x) + 30] = 60 + 60 * number
        pictures[key] = rgb
    checked = 0
    for index in range(40):
        params = Mosaic().get_params(copy_rng(3, "a", index), scene(*faces.values()))
        made = recipe(Mosaic(), params)
        placed = made.place((100, 70), faces["a"].boxes, faces)
        copy = made.apply(pictures["a"], faces["a"].boxes, faces, pictures.__getitem__)
        for box in placed.boxes:
            x1, y1, x2, y2 = (round(edge) for edge in box.xyxy)
            inside = copy[y1 + 2 : y2 - 2, x1 + 2 : x2 - 2]
            if inside.size:
                checked += 1
                assert inside.min() > 0 and int(inside.max()) - int(inside.min()) <= 12
        lit = (copy[..., 0] > 30).sum()
        boxed = sum(box.width * box.height for box in placed.boxes)
        assert lit >= 0.8 * boxed
    assert checked > 60


def test_a_mosaic_can_have_a_size_of_its_own():
    params = Mosaic(size=416).get_params(copy_rng(1, "a", 1), scene(image("a"), image("b")))
    layout = Mosaic(size=416).layout(params, (60, 40), {"b": (60, 40)})
    assert layout.size == (416, 416)
    area = sum((t.region[2] - t.region[0]) * (t.region[3] - t.region[1]) for t in layout.tiles)
    assert area == 416 * 416
    with pytest.raises(UsageError, match=r"mosaic\.size"):
        Mosaic(size=7)


def test_mixup_weighs_pixels_and_keeps_the_boxes_of_both():
    own = image("a", (60, 40), Box((1, 1, 20, 20), "face"))
    donor = image("b", (60, 40), Box((30, 10, 50, 30), "face"))
    params = {"donor": "b", "weight": 0.6, "offset": [0.5, 0.5]}
    made = recipe(Mixup(), params)
    copy = made.apply(plain((60, 40), 200), own.boxes, {"b": donor}, lambda key: plain((60, 40), 100))
    assert (copy == 160).all()
    assert [box.xyxy for box in made.place((60, 40), own.boxes, {"b": donor}).boxes] == [
        (1, 1, 20, 20),
        (30, 10, 50, 30),
    ]


@given(st.integers(0, 10**6))
def test_cutmix_has_the_drawn_area(seed):
    transform = CutMix()
    params = transform.get_params(copy_rng(seed, "a", 1), scene(image("a", (400, 300)), image("b")))
    (x1, y1, x2, y2) = transform.layout(params, (400, 300), {"b": (60, 40)}).tiles[1].region
    assert 0 <= x1 < x2 <= 400 and 0 <= y1 < y2 <= 300
    assert (x2 - x1) * (y2 - y1) / 120_000 == pytest.approx(params["area"], abs=0.004)


def test_cutmix_labels_by_what_is_seen():
    boxes = (
        Box((0, 0, 20, 20), "free"),
        Box((50, 40, 60, 50), "hidden"),
        Box((35, 50, 65, 60), "cut"),
        Box((45, 30, 55, 38), "touched"),
    )
    own = image("a", (100, 100), *boxes)
    donor = image("b", (100, 100), Box((45, 45, 65, 75), "theirs"), Box((0, 0, 30, 42), "outside"))
    params = {"donor": "b", "area": 0.16, "at": [2 / 3, 2 / 3], "offset": [0.0, 0.0]}
    transform = CutMix()
    assert transform.layout(params, (100, 100), {"b": (100, 100)}).tiles[1].region == (40, 40, 80, 80)
    made = recipe(transform, params)
    placed = made.place((100, 100), own.boxes, {"b": donor})
    assert {box.label: box.xyxy for box in placed.boxes} == {
        "free": (0, 0, 20, 20),
        "touched": (45, 30, 55, 38),
        "theirs": (45, 45, 65, 75),
    }
    assert placed.dropped == (1, 2)


def test_a_box_cut_from_side_to_side_ends_at_the_cut():
    below = Tile(None, UNMOVED, (0, 0, 100, 100))
    over = Tile("b", UNMOVED, (50, 0, 100, 60))
    boxes = np.array([[30.0, 10, 60, 50], [30, 10, 60, 90], [60, 30, 90, 90], [55, 5, 60, 10]])
    cut, seen = boxes_on_tile(Layout((100, 100), (below, over)), 0, boxes)
    assert cut[:3].tolist() == [[30, 10, 50, 50], [30, 10, 60, 90], [60, 60, 90, 90]]
    assert seen.tolist() == pytest.approx([2 / 3, 1 - 500 / 2400, 0.5, 0.0])


@pytest.mark.parametrize("scale", [0.4, 0.75, 1.0, 1.6])
def test_pieces_are_resampled_as_a_whole_picture_would_be(scale):
    y, x = np.mgrid[0:80, 0:120]
    rgb = np.stack([127 + 100 * np.sin(x / 9), 127 + 100 * np.cos(y / 7), (x + y) % 200], 2).astype(np.uint8)
    region = (10, 5, 50, 35)
    matrix = covering((120, 80), region, scale, (0.3, 0.6))
    layout = Layout((60, 40), (Tile(None, matrix, region),))
    piece = compose(layout, rgb, lambda key: rgb)[5:35, 10:50]
    shifted = matrix - [[0, 0, 10], [0, 0, 5]]
    whole = warp(rgb, shifted, (40, 30), "grey")
    assert np.abs(piece.astype(int) - whole)[2:-2, 2:-2].mean() < 3


def test_compose_leaves_its_input_and_fills_what_no_tile_covers():
    rgb = plain((20, 20), 9)
    layout = Layout((40, 20), (Tile(None, UNMOVED, (0, 0, 20, 20)), Tile("x", UNMOVED, (30, 5, 30, 9))))
    made = compose(layout, rgb, lambda key: pytest.fail("nothing of it is seen"))
    assert (made[:, :20] == 9).all() and (made[:, 20:] == 127).all()
