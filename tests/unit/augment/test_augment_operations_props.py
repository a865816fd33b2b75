import json

import numpy as np
import pytest

from augment.operations.geometry import Rotation
from augment.operations.props import Props
from augment.policy import Chance, Policy, copy_rng
from augment.recipe import Recipe, Step
from augment.transforms import Scene
from converters.errors import UsageError
from converters.model import Box

FACES = (Box((20.0, 30.0, 60.0, 76.0), "no_mask"), Box((110.0, 40.0, 150.0, 90.0), "mask"))
SIZE = (180, 140)


def picture():
    rgb = np.full((SIZE[1], SIZE[0], 3), 120, np.uint8)
    rgb[::7] = 90
    return rgb


def drawn(transform, number, boxes=FACES):
    return transform.get_params(copy_rng(7, f"{number}.png", 1), Scene(SIZE, "a", boxes))


def test_a_copy_wears_something_that_changes_its_pixels_only_near_faces():
    rgb = picture()
    before = rgb.copy()
    for number in range(12):
        params = drawn(Props(), number)
        assert json.loads(json.dumps(params)) == params
        recipe = Recipe((Step(Props(), params),), "grow", "ellipse", 0.3, "smooth")
        copy = recipe.apply(rgb, FACES)
        assert np.array_equal(rgb, before) and copy.shape == rgb.shape and copy.dtype == np.uint8
        assert not np.array_equal(copy, rgb)
        assert np.array_equal(copy, recipe.apply(rgb, FACES))
        placed = recipe.place(SIZE, FACES)
        assert [box.xyxy for box in placed.boxes] == [box.xyxy for box in FACES]


def test_no_face_is_covered_more_than_allowed():
    xyxy = np.array([box.xyxy for box in FACES])
    for number in range(30):
        hidden = Props(max_cover=0.2).hidden(drawn(Props(max_cover=0.2), number), xyxy)
        assert hidden.shape == (2,) and hidden.max() <= 0.2 + 1e-9
    assert max(Props().hidden(drawn(Props(), n), xyxy).max() for n in range(30)) > 0.1


def test_classes_and_kinds_are_kept():
    only = Props(kinds=("hat",), hat_classes=("mask",))
    for number in range(20):
        (worn,) = drawn(only, number)["worn"]
        assert worn["face"] == list(FACES[1].xyxy)
    assert drawn(only, 1, FACES[:1]) is None
    assert drawn(Props(), 1, ()) is None
    assert drawn(Props(), 1, (Box((5.0, 5.0, 10.0, 11.0), "mask"),)) is None  # too small for a prop


def test_a_picture_without_faces_gets_another_operation():
    policy = Policy(operations=(Props(), Rotation()), operations_per_copy=1)
    for number in range(10):
        (step,) = policy.draw(1, f"{number}.png", 1, Scene(SIZE)).steps
        assert step.transform.name == "rotation"
    alone = Policy(operations=(), operations_per_copy=0, also=(Chance(Props()),))
    assert alone.draw(1, "a.png", 1, Scene(SIZE)).steps == ()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kinds": ("wig",)}, "kinds: 'wig'"),
        ({"kinds": ()}, "kinds: must name"),
        ({"chance": 0.0}, "chance"),
        ({"max_cover": 1.5}, "max_cover"),
        ({"eyes": 0.9}, "eyes"),
    ],
)
def test_wrong_settings_are_named(settings, said):
    with pytest.raises(UsageError, match=said):
        Props(**settings)


def test_unknown_class_is_named():
    with pytest.raises(UsageError, match="hand_classes: 'nose' is no class"):
        Props(hand_classes=("nose",)).check_classes(("mask", "no_mask"))
