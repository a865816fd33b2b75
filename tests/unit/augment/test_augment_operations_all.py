"""What every operation on a single picture promises."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.operations import TRANSFORMS, colour, erasing, geometry, sensor
from augment.policies import POLICIES
from augment.policy import Policy, copy_rng
from augment.policy_file import read_policy, show_policy
from augment.recipe import Recipe, Step
from augment.transforms import CombineTransform, PasteTransform, Scene
from converters.errors import UsageError
from converters.model import Box

SINGLE = sorted(
    kind.name for kind in TRANSFORMS.values() if not issubclass(kind, PasteTransform | CombineTransform)
)
MODULES = (colour, geometry, sensor, erasing)
DOCS = Path(__file__).resolve().parents[3] / "docs" / "augmentation.md"

SIDES = st.one_of(st.sampled_from([1, 2, 3]), st.integers(1, 90))


@st.composite
def pictures_with_boxes(draw):
    size = (draw(SIDES), draw(SIDES))
    rgb = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    boxes = []
    for _ in range(draw(st.integers(0, 5))):
        x1, x2 = sorted(draw(st.tuples(*[st.floats(0, size[0])] * 2)))
        y1, y2 = sorted(draw(st.tuples(*[st.floats(0, size[1])] * 2)))
        if x2 - x1 > 1e-3 and y2 - y1 > 1e-3:
            boxes.append(Box((x1, y1, x2, y2), "mask"))
    return rgb, tuple(boxes)


def recipe_of(*steps, canvas="grow", boxes="ellipse", min_visible=0.3, fill="smooth"):
    return Recipe(steps, canvas, boxes, min_visible, fill)


@pytest.mark.parametrize("name", SINGLE)
@settings(max_examples=30, deadline=None)
@given(pictures_with_boxes(), st.integers(0, 10**6))
def test_any_picture_and_any_boxes(name, given_picture, seed):
    rgb, boxes = given_picture
    rgb.setflags(write=False)
    before, size = rgb.copy(), (rgb.shape[1], rgb.shape[0])
    transform = TRANSFORMS[name]()
    params = transform.get_params(copy_rng(seed, "x.png", 1), Scene(size, "x", boxes))
    if params is None:
        assert transform.depends
        return
    assert json.loads(json.dumps(params)) == params
    recipe = recipe_of(Step(transform, json.loads(json.dumps(params))))
    copy = recipe.apply(rgb, boxes)
    placed = recipe.place(size, boxes)
    assert np.array_equal(rgb, before)
    assert copy.dtype == np.uint8 and copy.flags.c_contiguous and copy.flags.writeable
    assert copy.shape == (*placed.size[::-1], 3)
    assert np.array_equal(copy, recipe.apply(rgb, boxes))
    assert len(placed.boxes) + len(placed.dropped) == len(boxes)
    for box in placed.boxes:
        x1, y1, x2, y2 = box.xyxy
        assert -1e-9 <= x1 < x2 <= placed.size[0] + 1e-9 and -1e-9 <= y1 < y2 <= placed.size[1] + 1e-9


@settings(max_examples=150, deadline=None)
@given(
    pictures_with_boxes(),
    st.lists(st.sampled_from(SINGLE), min_size=2, max_size=6, unique=True),
    st.sampled_from(["grow", "same"]),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.integers(0, 10**6),
)
def test_any_of_them_together(given_picture, names, canvas, min_visible, seed):
    rgb, boxes = given_picture
    size = (rgb.shape[1], rgb.shape[0])
    rng = copy_rng(seed, "x.png", 1)
    transforms = [TRANSFORMS[name]() for name in names]
    drawn = [(one, one.get_params(rng, Scene(size, "x", boxes))) for one in transforms]
    recipe = recipe_of(
        *(Step(one, params) for one, params in drawn if params is not None),
        canvas=canvas,
        min_visible=min_visible,
    )
    placed = recipe.place(size, boxes)
    assert recipe.apply(rgb, boxes).shape == (*placed.size[::-1], 3)
    assert len(placed.boxes) + len(placed.dropped) == len(boxes)
    for box in placed.boxes:
        x1, y1, x2, y2 = box.xyxy
        assert -1e-9 <= x1 < x2 <= placed.size[0] + 1e-9 and -1e-9 <= y1 < y2 <= placed.size[1] + 1e-9


@pytest.mark.parametrize("name", SINGLE)
def test_nothing_is_drawn_that_changes_nothing(name):
    y, x = np.mgrid[0:90, 0:120]
    rgb = np.stack([60 + x, 40 + y * 2, 200 - x], axis=2).astype(np.uint8)
    rgb[30:50, 40:70] = (240, 180, 150)
    rgb -= np.random.default_rng(1).integers(0, 12, rgb.shape, dtype=np.uint8)
    boxes = (Box((40.0, 30.0, 70.0, 50.0), "mask"),)
    transform = TRANSFORMS[name]()
    for number in range(40):
        params = transform.get_params(copy_rng(number, "x", 1), Scene((120, 90), "x", boxes))
        copy = recipe_of(Step(transform, params)).apply(rgb, boxes)
        assert copy.shape != rgb.shape or np.abs(copy.astype(int) - rgb).mean() > 0.2, params


@pytest.mark.parametrize("name", SINGLE)
def test_drawn_strengths_lie_in_their_ranges(name):
    transform = TRANSFORMS[name]()
    boxes = tuple(Box((20.0 * i, 100.0, 20.0 * i + 15, 120.0), "mask") for i in range(1, 10))
    ranges = {key.removesuffix("_range"): ends for key, ends in transform.ranges().items()}
    if name == "shear":
        return  # the axis that was not drawn is 0
    seen = {}
    for number in range(60):
        params = transform.get_params(copy_rng(number, "x", 1), Scene((400, 300), "x", boxes))
        for key, value in params.items():
            if key in ranges:
                seen.setdefault(key, []).append(value)
    for key, values in seen.items():
        low, high = ranges[key]
        assert low <= min(values) and max(values) <= high
        assert max(values) - min(values) > 0.5 * (high - low)


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_built_in_policies_are_policies_and_survive_a_file(name, tmp_path):
    policy = POLICIES[name]
    path = tmp_path / "p.yaml"
    path.write_text(show_policy(policy))
    assert read_policy(path) == policy
    assert Policy.from_dict(policy.as_dict()) == policy
    scene = Scene((400, 300), "x", (Box((40.0, 30.0, 70.0, 60.0), "mask"),))
    drawn = [policy.draw(1, f"{number}.png", 1, scene) for number in range(20)]
    assert all(recipe.steps for recipe in drawn)
    assert len({recipe.caption() for recipe in drawn}) > 10


@pytest.mark.parametrize(
    ("name", "entry", "said"),
    [
        ("flip", {"horizontal": False}, "flip.horizontal: it or vertical"),
        ("flip", {"horizontal": 1}, "flip.horizontal: 1 must be true or false"),
        ("crop", {"keep": 1.5}, "crop.keep: 1.5 must be from 0 to 1"),
        ("crop", {"area_range": [0.97, 1]}, "crop: its range ends 0.03 from 1"),
        ("crop", {"area_range": [0, 1]}, "crop.area_range: [0, 1]"),
        ("scale", {"factor_range": [0.97, 1.02]}, "scale: its range ends 0.03 from 1"),
        ("scale", {"factor_range": [0, 2]}, "scale.factor_range: [0, 2]"),
        ("translate", {"x_range": [0, 0], "y_range": [0, 0.01]}, "translate: its range ends 0.01 from 0"),
        ("motion_blur", {"length_range": [0, 1]}, "motion_blur: its range ends 1 from 0"),
        ("low_light", {"light_range": [0.9, 1]}, "low_light: its range ends 0.1 from 1"),
        ("jpeg", {"quality_range": [20.5, 50]}, "jpeg.quality_range: [20.5, 50] must be two whole numbers"),
        ("jpeg", {"quality_range": [95, 100]}, "jpeg: its range ends 5 from 100"),
        ("noise", {"kind": "pink"}, "noise.kind: 'pink' is none of either"),
        ("cutout", {"fill": "mirror"}, "cutout.fill: 'mirror' is none of mean"),
        ("cutout", {"count_range": [1, 2.5]}, "cutout.count_range: [1, 2.5] must be two whole numbers"),
        ("random_erase", {"where": "faces"}, "random_erase.where: 'faces' is none of image"),
        ("hide_and_seek", {"probability_range": [0, 1]}, "hide_and_seek.probability_range"),
        ("grid_mask", {"minimum": 1}, "grid_mask.minimum: no such key"),
    ],
)
def test_wrong_settings_are_named(name, entry, said):
    with pytest.raises(UsageError) as caught:
        Policy.from_dict({"operations": {name: entry}})
    assert f"operations.{said}" in str(caught.value)


def test_the_documentation_has_a_row_for_each():
    if not DOCS.exists():
        pytest.skip("installed without the documentation")
    text = DOCS.read_text(encoding="utf-8")
    mine = {kind.name for kind in TRANSFORMS.values() if kind.__module__ in {m.__name__ for m in MODULES}}
    assert [name for name in sorted(mine) if f"| `{name}` |" not in text] == []
