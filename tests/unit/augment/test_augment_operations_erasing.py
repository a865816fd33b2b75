import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment import erasing
from augment.operations.erasing import MAX_DRAWN, Cutout, GridMask, HideAndSeek, RandomErase
from augment.policy import copy_rng
from augment.recipe import Recipe, Step
from augment.transforms import Scene
from converters.model import Box

SIZE = (120, 90)
FACES = (Box((10.0, 10.0, 40.0, 40.0), "mask"), Box((60.5, 30.25, 91.0, 70.0), "no_mask"))
ALL = (
    Cutout(),
    RandomErase(),
    RandomErase(where="image"),
    RandomErase(where="both"),
    HideAndSeek(),
    HideAndSeek(where="image"),
    HideAndSeek(where="both"),
    GridMask(),
)


def recipe_of(*steps, min_visible=0.3):
    return Recipe(steps, "grow", "ellipse", min_visible, "smooth")


def drawn(transform, number=1, boxes=FACES, size=SIZE):
    return transform.get_params(copy_rng(number, "x", 1), Scene(size, "x", boxes))


def edges(boxes):
    return np.array([box.xyxy for box in boxes]).reshape(-1, 4)


def hidden_mask(size, holes):
    mask = np.zeros(size[::-1], bool)
    for left, top, right, bottom in holes.astype(int):
        mask[top:bottom, left:right] = True
    return mask


@pytest.mark.parametrize("transform", ALL, ids=lambda one: f"{one.name}-{getattr(one, 'where', '')}")
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.tuples(st.integers(1, 200), st.integers(1, 200)))
def test_holes_are_whole_pixels_of_the_canvas_and_all_that_changes(transform, seed, size):
    boxes = (Box((0.3 * size[0], 0.2 * size[1], 0.9 * size[0], 0.7 * size[1]), "mask"),)
    params = drawn(transform, seed, boxes, size)
    holes = transform.holes(params, size, edges(boxes))
    assert holes.shape == (len(holes), 4) and np.array_equal(holes, np.rint(holes))
    assert (holes[:, :2] >= 0).all() and (holes[:, 2:] <= size).all()
    assert (holes[:, 2:] > holes[:, :2]).all()
    rgb = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    seen = ~hidden_mask(size, holes)
    assert np.array_equal(transform.erase(rgb, params, holes)[seen], rgb[seen])


@pytest.mark.parametrize("transform", ALL[1:7], ids=lambda one: f"{one.name}-{one.where}")
def test_where_it_is_laid(transform):
    in_boxes = hidden_mask(SIZE, np.rint(edges(FACES)))
    outside = 0
    for number in range(30):
        mask = hidden_mask(SIZE, transform.holes(drawn(transform, number), SIZE, edges(FACES)))
        outside += (mask & ~in_boxes).sum()
        if transform.where != "image":
            assert mask[10:40, 10:40].any() and mask[30:70, 61:91].any()
    assert (outside > 0) == (transform.where != "boxes")


def test_without_faces_nothing_can_be_laid_over_them():
    assert drawn(RandomErase(), boxes=()) is None
    assert drawn(HideAndSeek(), boxes=()) is None
    both = drawn(RandomErase(where="both"), boxes=())
    assert len(RandomErase(where="both").holes(both, SIZE, np.zeros((0, 4)))) == 1
    assert RandomErase.depends and HideAndSeek.depends and not Cutout.depends


def test_a_crowd_gets_the_same_rectangles_again():
    crowd = tuple(Box((10.0 * i, 0.0, 10.0 * i + 9, 9.0), "mask") for i in range(40))
    params = drawn(RandomErase(), boxes=crowd, size=(400, 20))
    assert len(params["rectangles"]) == MAX_DRAWN
    assert len(RandomErase().holes(params, (400, 20), edges(crowd))) == 40


def test_random_erase_has_the_area_and_aspect_that_were_drawn():
    size = (1000, 800)
    for number in range(40):
        params = drawn(RandomErase(where="image"), number, size=size)
        area, aspect = params["rectangles"][0][:2]
        ((left, top, right, bottom),) = RandomErase(where="image").holes(params, size, np.zeros((0, 4)))
        assert abs((right - left) * (bottom - top) / 800_000 - area) < 0.01
        assert abs((right - left) / (bottom - top) / aspect - 1) < 0.02
        assert 0.05 <= area <= 0.3 and 0.33 <= aspect <= 3
    # Too tall for the canvas: as tall as it, and as wide as need be.
    long = erasing.rectangles((100, 10), np.array([[0, 0, 100, 10.0]]), [[0.5, 0.1, 0.5, 0.5]])
    assert long.tolist() == [[25, 0, 75, 10]]


def test_grid_mask_hides_its_share_evenly():
    for kept in (0.5, 0.7):
        holes = erasing.grid((600, 600), 0.1, kept, (0.3, 0.6))
        assert abs(hidden_mask((600, 600), holes).mean() - (1 - kept) ** 2) < 0.01
        starts = np.unique(holes[:, 0])
        assert set(np.diff(starts[1:-1])) == {60.0}


@pytest.mark.parametrize("probability", [0.05, 0.5])
def test_hide_and_seek_hides_its_share(probability):
    holes = erasing.hidden_cells((800, 600), erasing.whole((800, 600)), 100, probability, 5)
    assert abs(hidden_mask((800, 600), holes).mean() - probability) < 0.03
    other = erasing.hidden_cells((800, 600), erasing.whole((800, 600)), 100, probability, 6)
    assert len(other) != len(holes) or not np.array_equal(other, holes)
    few = [erasing.hidden_cells((60, 60), erasing.whole((60, 60)), 2, 0.01, seed) for seed in range(50)]
    assert all(len(one) >= 1 for one in few)  # a copy in which nothing is hidden would be its source


def test_cutout_may_hang_over_the_edge():
    holes = erasing.squares((100, 50), [[0.0, 0.0, 0.4], [0.5, 0.5, 0.2]])
    assert holes.tolist() == [[0, 0, 10, 10], [45, 20, 55, 30]]


def test_fills():
    rgb = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    holes = np.array([[5.0, 6, 25, 26], [20, 20, 40, 45]])
    mask = hidden_mask((60, 50), holes)
    made = {fill: erasing.fill_holes(rgb, holes, fill, 3) for fill in erasing.FILLS}
    assert (made["mean"][mask] == np.floor(rgb.mean(axis=(0, 1)) + 0.5)).all()
    assert (made["grey"][mask] == 127).all() and (made["black"][mask] == 0).all()
    assert made["noise"][mask].std() > 60
    assert not np.array_equal(made["noise"], erasing.fill_holes(rgb, holes, "noise", 4))


def test_a_face_that_is_hidden_loses_its_box_and_one_in_part_keeps_it_whole():
    squares = {"squares": [[25 / 120, 25 / 90, 30 / 90], [60.5 / 120, 50 / 90, 10 / 90]]}
    placed = recipe_of(Step(Cutout(), squares)).place(SIZE, FACES)
    assert placed.dropped == (0,)
    assert [box.xyxy for box in placed.boxes] == [FACES[1].xyxy]


def test_what_two_operations_hide_counts_once():
    half = {"squares": [[25 / 120, 17 / 90, 30 / 90]]}  # 22 of the first face's 30 rows
    twice = recipe_of(Step(Cutout(), half), Step(Cutout(), half), min_visible=0.25)
    assert twice.place(SIZE, FACES).dropped == ()
    assert recipe_of(Step(Cutout(), half), min_visible=0.3).place(SIZE, FACES).dropped == (0,)
