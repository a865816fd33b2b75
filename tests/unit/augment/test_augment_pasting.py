from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augment.cutouts import Match, paste_face, sharpness
from augment.functional import gaussian_blur
from augment.operations.pasting import CopyPaste
from augment.pasting import best_place, row_at
from augment.policy import Policy, copy_rng
from augment.recipe import Recipe, Step
from augment.transforms import Donors, Scene
from converters import geometry
from converters.errors import ImageError, UsageError
from converters.faces import cutout, usable_faces
from converters.model import AnnotatedImage, Box

NAMES = ("mask", "no_mask", "chin_diaper")


def image(key, *boxes, size=(400, 300)):
    return AnnotatedImage(key, Path(f"{key}.png"), size, tuple(boxes))


def face(x, y, label="mask", width=30.0, height=36.0, flags=()):
    return Box((x, y, x + width, y + height), label, flags=frozenset(flags))


def texture(size=(400, 300), seed=1, low=60, high=200):
    rng = np.random.default_rng(seed)
    return rng.integers(low, high, (size[1], size[0], 3)).astype(np.uint8)


def some_scene(label="chin_diaper", **donor):
    host = image("host", face(50, 100), face(150, 110), face(260, 95))
    source = image("source", face(120, 90, label), face(250, 90, "mask"))
    donors = Donors((host, source), **donor)
    return Scene(host.size, host.key, host.boxes, donors, NAMES)


def test_only_whole_large_single_faces_are_cut_out():
    good = face(100, 100)
    boxes = (
        good,
        face(0.5, 100),  # touches the edge
        face(200, 100, width=9, height=11),  # tiny
        face(300, 100, flags=["truncated"]),
        face(300, 200, width=60, height=20),  # no face's shape
        face(200, 200),
        face(222, 205),  # too near to the one before
    )
    assert usable_faces(image("a", *boxes), 12) == [0]
    assert usable_faces(image("a", *boxes), 8) == [0, 2]
    assert usable_faces(image("a"), 12) == []


@given(
    st.lists(
        st.tuples(st.floats(0, 360), st.floats(0, 250), st.floats(8, 40), st.floats(8, 50)), max_size=12
    ),
    st.tuples(st.floats(8, 60), st.floats(8, 70)),
    st.integers(0, 10**6),
)
def test_a_place_is_inside_and_hides_nobody(others, size, seed):
    boxes = np.array([[x, y, x + w, y + h] for x, y, w, h in others]).reshape(-1, 4)
    centres = np.random.default_rng(seed).random((24, 2)) * (400, 300)
    found = best_place(centres, size, (400, 300), boxes)
    if found is None:
        return
    x1, y1, x2, y2 = found
    assert 0 <= x1 < x2 <= 400 and 0 <= y1 < y2 <= 300
    area = cutout(np.array([found]))[0]
    for box in boxes:
        sides = np.minimum(box[2:], area[2:]) - np.maximum(box[:2], area[:2])
        shared = max(0, sides[0]) * max(0, sides[1])
        assert shared <= 0.021 * (box[2] - box[0]) * (box[3] - box[1]) + 1e-6


def test_beside_somebody_is_better_than_on_a_chest_or_far_away():
    boxes = np.array([[100.0, 100, 130, 136]])
    beside, chest, far = [165.0, 120.0], [115.0, 180.0], [380.0, 20.0]
    found = best_place(np.array([chest, far, beside]), (28.0, 34.0), (400, 300), boxes)
    assert found == (151.0, 103.0, 179.0, 137.0)
    assert best_place(np.array([[110.0, 120.0]]), (28.0, 34.0), (400, 300), boxes) is None


def test_a_face_is_as_large_as_those_near_its_row():
    boxes = [face(10, 40, height=20), face(60, 44, height=24), face(100, 240, height=60)]
    row = row_at(boxes, 0, 0.0)
    assert (row.y, row.height) == (50.0, 22.0)
    assert row.peers[0] == boxes[0].xyxy
    assert row_at(boxes, 2, 0.0).height == 60


def test_everything_is_known_before_a_pixel_is_seen():
    scene = some_scene()
    params = CopyPaste(count_range=(1, 1)).get_params(copy_rng(1, "host.png", 1), scene)
    (one,) = params["faces"]
    assert (one["donor"], one["box"], one["label"]) == ("source", 0, "chin_diaper")
    (box,) = CopyPaste().added(params)
    assert box.label == "chin_diaper" and 36 * 0.84 <= box.height <= 36 * 1.16
    assert scene.donors.uses == Counter({("source", 0): 1})
    recipe = Recipe((Step(CopyPaste(), params),), "grow", "ellipse", 0.3, "smooth")
    placed = recipe.place(scene.size, scene.boxes, scene.donors.by_key)
    assert placed.pasted == (3,) and placed.boxes[3].xyxy == box.xyxy and placed.dropped == ()


def test_flags_travel_with_the_face():
    host, source = image("host", face(50, 100)), image("source", face(120, 90, "no_mask", flags=["pose"]))
    scene = Scene(host.size, host.key, host.boxes, Donors((host, source)), NAMES)
    params = CopyPaste(classes=("no_mask",)).get_params(copy_rng(1, "h", 1), scene)
    assert CopyPaste().added(params)[0].flags == {"pose"}


def test_a_face_is_used_so_often_and_no_more():
    operation = CopyPaste(count_range=(1, 1), max_uses=3, classes=("chin_diaper",))
    scene = some_scene()
    drawn = [operation.get_params(copy_rng(1, "host.png", index), scene) for index in range(6)]
    assert [params is not None for params in drawn] == [True] * 3 + [False] * 3


def test_the_least_used_face_comes_next():
    host = image("host", *(face(20 + 90 * n, 100) for n in range(4)))
    sources = [image(f"s{n}", face(120, 90, "chin_diaper")) for n in range(5)]
    scene = Scene(host.size, host.key, host.boxes, Donors((host, *sources)), NAMES)
    for index in range(10):
        operation = CopyPaste(count_range=(1, 1), classes=("chin_diaper",))
        assert operation.get_params(copy_rng(1, "h", index), scene)
    assert set(scene.donors.uses.values()) == {2}


def test_default_classes_are_all_but_the_most_frequent_and_rare_ones_come_more_often():
    host = image("host", *(face(20 + 60 * n, 100) for n in range(4)))
    many = [image(f"n{n}", face(120, 90, "no_mask")) for n in range(20)]
    few = [image(f"c{n}", face(120, 90, "chin_diaper")) for n in range(5)]
    plenty = [image(f"m{n}", face(120, 90), face(220, 90)) for n in range(20)]
    scene = Scene(host.size, host.key, host.boxes, Donors((host, *many, *few, *plenty)), NAMES)
    drawn = Counter()
    for index in range(200):
        params = CopyPaste(count_range=(1, 1), max_uses=1000).get_params(copy_rng(1, "h", index), scene)
        drawn.update(one["label"] for one in params["faces"])
    assert set(drawn) == {"no_mask", "chin_diaper"}
    assert 120 < drawn["chin_diaper"] < 190


def test_a_class_that_is_used_up_makes_way_for_another():
    host = image("host", face(50, 100), face(150, 110))
    sources = (image("a", face(120, 90, "chin_diaper")), image("b", face(120, 90, "no_mask")))
    more = [image(f"m{n}", face(120, 90)) for n in range(3)]
    scene = Scene(host.size, host.key, host.boxes, Donors((host, *sources, *more)), NAMES)
    operation = CopyPaste(count_range=(1, 1), max_uses=4)
    drawn = [operation.get_params(copy_rng(1, "h", index), scene) for index in range(9)]
    labels = Counter(one["label"] for params in drawn if params for one in params["faces"])
    assert labels == {"chin_diaper": 4, "no_mask": 4}


def test_blurred_faces_are_not_used_and_unreadable_ones_are_left_for_later():
    sharp = texture(seed=3)
    asked = []

    def pixels(key):
        asked.append(key)
        return gaussian_blur(sharp, 6.0)

    scene = some_scene(picture_of=pixels)
    operation = CopyPaste(count_range=(1, 1), classes=("chin_diaper",))
    assert operation.get_params(copy_rng(1, "h", 1), scene) is None
    assert asked == ["source"]
    assert CopyPaste(min_sharpness=0.0).get_params(copy_rng(1, "h", 1), scene)
    assert operation.get_params(copy_rng(1, "h", 1), some_scene(picture_of=lambda key: sharp))

    def broken(key):
        raise ImageError("is no picture.", path=Path(key))

    assert operation.get_params(copy_rng(1, "h", 1), some_scene(picture_of=broken))


def test_sharpness_falls_with_blur_and_hardly_with_size():
    rgb = gaussian_blur(texture((96, 96), seed=4), 1.5)
    box = (8.0, 8.0, 88.0, 88.0)
    values = [sharpness(gaussian_blur(rgb, sigma), box) for sigma in (0.0, 3.0, 6.0)]
    assert values[0] > 1.5 * values[1] > values[2]
    assert sharpness(rgb, (5, 5, 6, 6)) == 0.0
    assert sharpness(np.full((50, 50, 3), 90, np.uint8), (5, 5, 45, 45)) == 0.0


def test_the_pasted_face_is_where_its_box_is_at_every_angle():
    """The bright ellipse that is pasted spans the planned box, also after turns."""
    from augment.operations.geometry import Flip, Rotation

    source_box = face(200, 120, "no_mask", width=40, height=50)
    donor = np.full((300, 400, 3), 20, np.uint8)
    y, x = np.mgrid[0:300, 0:400] + 0.5
    inside = ((x - 220) / 20) ** 2 + ((y - 145) / 25) ** 2 <= 1
    donor[inside] = 230
    host, source = image("host"), image("source", source_box)
    scene = Scene(host.size, host.key, (), Donors((host, source)), NAMES)
    operation = CopyPaste(count_range=(1, 1), classes=("no_mask",), light=0.0)
    rgb = np.full((300, 400, 3), 20, np.uint8)
    for index in range(12):
        scene.donors.uses.clear()
        params = operation.get_params(copy_rng(5, "host.png", index), scene)
        steps = [Step(operation, params), Step(Rotation(), {"angle": 30.0 * index})]
        if index % 2:
            steps.append(Step(Flip(), Flip().get_params(copy_rng(1, "f", 1), scene)))
        recipe = Recipe(tuple(steps), "grow", "ellipse", 0.3, "smooth")
        (box,) = recipe.place(host.size, (), {"source": source}).boxes
        copy = recipe.apply(rgb, (), {"source": source}, lambda key: donor)
        rows, columns = np.nonzero(copy[..., 1] > 125)
        found = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert geometry.iou(np.array([box.xyxy]), np.array([found], float))[0, 0] > 0.87


def test_pasting_changes_nothing_else_and_no_input():
    rgb, donor = texture(seed=5), texture(seed=6)
    before, theirs = rgb.copy(), donor.copy()
    target = (100.0, 100.0, 130.0, 136.0)
    made = paste_face(rgb, donor, (200.0, 150.0, 230.0, 186.0), target, flip=True, peers=[(10, 10, 40, 46)])
    assert np.array_equal(rgb, before) and np.array_equal(donor, theirs)
    changed = np.argwhere((made != rgb).any(axis=2))
    x1, y1, x2, y2 = cutout(np.array([target]))[0]
    assert len(changed) > 500
    assert changed[:, 1].min() >= x1 - 1 and changed[:, 1].max() <= x2 + 1
    assert changed[:, 0].min() >= y1 - 1 and changed[:, 0].max() <= y2 + 1


@pytest.mark.parametrize(("target", "source"), [(0.5, 1.0), (1.0, 0.7)])
def test_light_follows_the_faces_there(target, source):
    pattern = texture(seed=7).astype(float)
    rgb, donor = (pattern * target).astype(np.uint8), (texture(seed=8) * source).astype(np.uint8)
    place = (200.0, 100.0, 230.0, 136.0)
    peers = [(100.0, 100.0, 130.0, 136.0)]
    arguments = (rgb, donor, (60.0, 60.0, 90.0, 96.0), place)
    lit = paste_face(*arguments, peers=peers, match=Match())
    plain = paste_face(*arguments, peers=peers, match=Match(light=0.0, contrast=0.0))
    wanted = rgb[100:136, 100:130].mean()

    def off(made):
        return abs(made[108:128, 208:222].mean() - wanted)

    assert off(lit) < 0.6 * off(plain)


def test_a_sharp_face_is_softened_among_blurred_ones():
    rgb, donor = gaussian_blur(texture(seed=9), 2.0), texture(seed=10)
    peers = [(100.0, 100.0, 130.0, 136.0)]
    place = (200.0, 100.0, 230.0, 136.0)
    made = paste_face(rgb, donor, (60.0, 60.0, 90.0, 96.0), place, peers=peers)
    raw = paste_face(rgb, donor, (60.0, 60.0, 90.0, 96.0), place, peers=peers, match=Match(sharpness=0.0))
    inner = (206.0, 108.0, 224.0, 130.0)
    assert sharpness(made, inner, 0) < 0.5 * sharpness(raw, inner, 0)
    assert sharpness(made, inner, 0) < 1.6 * sharpness(rgb, peers[0], 0)


@pytest.mark.parametrize(
    ("target", "source"),
    [
        ((1.0, 1.0, 21.0, 25.0), (2.0, 2.0, 22.0, 26.0)),
        ((378.0, 275.0, 398.0, 299.0), (378.0, 275.0, 398.0, 299.0)),
        ((200.0, 100.0, 203.0, 104.0), (60.0, 60.0, 120.0, 140.0)),
        ((100.0, 20.0, 300.0, 280.0), (60.0, 60.0, 72.0, 75.6)),
    ],
)
@pytest.mark.parametrize("flip", [False, True])
def test_corners_specks_and_giants(target, source, flip):
    made = paste_face(texture(), texture(seed=2), source, target, flip=flip, peers=[(0, 0, 3, 3)])
    assert made.shape == (300, 400, 3)


def test_pictures_of_few_pixels():
    made = paste_face(
        texture((5, 4)), texture((3, 3)), (0.0, 0.0, 3.0, 3.0), (1.0, 0.0, 4.0, 3.0), peers=[(0, 0, 5, 4)]
    )
    assert made.shape == (4, 5, 3)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"count_range": (0.5, 2)}, "count_range"),
        ({"count_range": (1, 99)}, "count_range"),
        ({"max_uses": 0}, "max_uses"),
        ({"light": 2.0}, "light"),
        ({"min_side": -1.0}, "min_side"),
    ],
)
def test_wrong_settings_name_the_key(wrong, said):
    with pytest.raises(UsageError, match=rf"copy_paste\.{said}"):
        CopyPaste(**wrong)


def test_settings_survive_a_policy_file():
    policy = Policy(operations=(CopyPaste(classes=("chin_diaper",), max_uses=9),), operations_per_copy=1)
    assert Policy.from_dict(policy.as_dict()) == policy
    with pytest.raises(UsageError, match=r"copy_paste\.classes: 'nobody' is no class .* mask, no_mask"):
        CopyPaste(classes=("nobody",)).check_classes(NAMES)
