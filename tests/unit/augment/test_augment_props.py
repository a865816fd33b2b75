"""Props on faces: where they come, what they cover, what they look like there."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest

from assets import props_path
from augment.prop_light import sharpness_passes, softened
from augment.prop_plan import PropPolicy, PropRule, plan_props
from augment.props import (
    EYES,
    MAX_COVER,
    cover_of,
    covered,
    draw_prop,
    load_prop,
    load_props,
    place,
    prop_names,
    prop_params,
    rasterise,
    reach,
)
from augment.svg import Drawing
from augment.svg_values import moved
from converters.errors import UsageError
from converters.images import load_rgb
from converters.model import Box

FACE = (80.0, 80.0, 180.0, 190.0)
STILL = {"x": 0.0, "y": 0.0, "scale": 1.0, "tilt": 0.0, "tone": 1.0, "flip": False, "tints": {}, "eyes": EYES}
NAMES = prop_names()


def generator(seed: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def picture(side: int = 260, seed: int = 3) -> np.ndarray:
    coarse = generator(seed).random((side // 10, side // 10, 3)) * 160 + 40
    return np.kron(coarse, np.ones((10, 10, 1))).astype(np.uint8)


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return np.any(before != after, axis=2)


def test_the_wish_list_is_there():
    kinds: dict[str, int] = {}
    for prop in load_props():
        kinds[prop.kind] = kinds.get(prop.kind, 0) + 1
    assert kinds["glasses"] >= 4 and kinds["hat"] >= 5 and kinds["hand"] >= 3 and kinds["scarf"] >= 4
    assert all(load_prop(name).name == name for name in NAMES)
    for path in props_path().glob("*.svg"):
        assert path.with_suffix(".json").is_file()
    with pytest.raises(UsageError, match="aviator"):
        load_prop("monocle")


@pytest.mark.parametrize("name", NAMES)
def test_every_prop_has_parts_and_stays_on_its_canvas(name: str):
    prop = load_prop(name)
    assert isinstance(prop.art, Drawing)
    assert len({layer.part for layer in prop.art.layers}) >= 2 and len(prop.art.layers) >= 6
    left, top, right, bottom = prop.extent
    unit = (right - left) / ((prop.anchor[2] - prop.anchor[0]) * 100)
    # Drawn for a face box of 100 by 110.
    assert (bottom - top) / ((prop.anchor[3] - prop.anchor[1]) * 110) == pytest.approx(unit, rel=1e-3)
    for layer in prop.art.layers:
        points = np.concatenate([ring.points for ring in layer.rings])
        assert points[:, 0].min() >= left - 2 and points[:, 0].max() <= right + 2
        assert points[:, 1].min() >= top - 2 and points[:, 1].max() <= bottom + 2


@pytest.mark.parametrize("name", NAMES)
def test_the_label_stays_honest_at_the_place_a_prop_is_drawn_for(name: str):
    prop = load_prop(name)
    part = covered(FACE, prop, STILL)
    assert part <= MAX_COVER
    if prop.kind == "glasses":
        assert part > 0.05
    # The same on a face of any size and place, and of the same proportions.
    small = tuple(v * 0.2 + 7 for v in FACE)
    assert covered(small, prop, STILL) == pytest.approx(part, abs=0.01)


@pytest.mark.parametrize("side", [8, 12, 24, 48, 120, 300])
def test_props_are_drawn_at_every_size(side: int):
    rgb = picture(3 * side + 10)
    face = (side, side, 2 * side - 0.4, 2 * side + 0.3)
    for name in ("round", "beanie", "hand_over_mouth", "gaiter"):
        prop = load_prop(name)
        params = prop_params(generator(side), prop)
        before = rgb.copy()
        out = draw_prop(rgb, face, prop, params)
        assert np.array_equal(rgb, before) and out is not rgb and out.dtype == np.uint8
        hit = changed(rgb, out)
        assert hit.sum() > 0.05 * side * side
        x1, y1, x2, y2 = reach(face, prop, params)
        rows, columns = np.nonzero(hit)
        slack = 14
        assert columns.min() >= x1 - slack and columns.max() <= x2 + slack
        assert rows.min() >= y1 - slack and rows.max() <= y2 + slack
        assert np.array_equal(out, draw_prop(rgb, face, prop, params))


def test_what_is_covered_is_what_is_drawn_over():
    rgb = np.full((300, 300, 3), 128, np.uint8)
    for name in NAMES:
        prop = load_prop(name)
        params = prop_params(generator(5), prop)
        solid = changed(rgb, draw_prop(rgb, FACE, prop, params))[80:190, 80:180]
        if name != "clear_glasses":
            assert solid.mean() >= covered(FACE, prop, params) - 0.04
    assert covered(FACE, load_prop("clear_glasses"), STILL) < 0.15 < covered(FACE, load_prop("round"), STILL)


def test_parameters_are_plain_and_drawn_alike():
    for name in NAMES:
        prop = load_prop(name)
        drawn = prop_params(generator(9), prop)
        assert drawn == prop_params(generator(9), prop) != prop_params(generator(10), prop)
        again = json.loads(json.dumps(drawn))
        assert again == drawn
        rgb = picture()
        assert np.array_equal(draw_prop(rgb, FACE, prop, again), draw_prop(rgb, FACE, prop, drawn))
        jitter = prop.jitter
        for seed in range(40):
            params = prop_params(generator(seed), prop)
            assert abs(params["x"]) <= jitter.x and abs(params["y"]) <= jitter.y
            assert abs(params["tilt"]) <= jitter.tilt and abs(params["scale"] - 1) <= jitter.scale + 1e-9
            assert all(
                tuple(bytes.fromhex(colour[1:])) in prop.tints[tint].colours
                for tint, colour in params["tints"].items()
            )


def test_place_tilt_flip_and_eyes():
    prop = load_prop("round")
    eye_level = np.array([[27.5, 24.0], [72.5, 24.0]])
    left, right = moved(eye_level, place(FACE, prop, STILL))
    assert left[1] == right[1] == pytest.approx(80 + 24, abs=1)
    assert (left[0], right[0]) == pytest.approx((107.5, 152.5), abs=1)
    tilted = moved(eye_level, place(FACE, prop, {**STILL, "tilt": 10.0}))
    assert tilted[1, 1] > tilted[0, 1]  # clockwise as seen
    mirrored = moved(eye_level, place(FACE, prop, {**STILL, "flip": True}))
    assert mirrored[0] == pytest.approx(right, abs=0.01)
    # A box that reaches to the crown holds its eyes lower, and the glasses come along.
    lower = moved(eye_level, place(FACE, prop, {**STILL, "eyes": 0.4}))
    assert lower[0, 1] == pytest.approx(80 + 110 * 0.4 + (24 - 22) * 0.75, abs=0.5)
    # In a narrow box (a head from the side) glasses are not squeezed as much.
    narrow = moved(eye_level, place((0, 0, 50, 110), prop, STILL))
    assert narrow[1, 0] - narrow[0, 0] > 45 * 0.5 * 1.3


def test_a_prop_is_in_the_light_of_its_face():
    prop = load_prop("cup")

    def mean_of(light: int) -> float:
        rgb = np.full((260, 260, 3), light, np.uint8)
        out = draw_prop(rgb, FACE, prop, STILL)
        return float(out[changed(rgb, out)].mean())

    assert mean_of(30) < mean_of(90) - 20 < mean_of(170) - 40
    # In haze nothing is black.
    hazy = draw_prop(np.full((260, 260, 3), 120, np.uint8), FACE, load_prop("wayfarer"), STILL)
    assert hazy.min() > 25


def test_a_prop_is_as_sharp_as_its_picture():
    sharp = np.zeros((120, 120, 3), np.uint8)
    sharp[:, (np.arange(120) // 12) % 2 == 0] = 200
    assert sharpness_passes(sharp, (0, 0, 120, 120)) == 0
    whole = np.dstack([sharp, sharp[:, :, :1]])
    for passes in (2, 4, 8):
        blurred = softened(whole, passes)[:, :, :3]
        assert sharpness_passes(blurred, (20, 20, 100, 100)) == pytest.approx(passes, abs=1)
    assert sharpness_passes(sharp, (5, 5, 7, 7)) <= 1  # hardly any pixels to judge by


def test_faces_at_the_edge_and_far_outside():
    rgb = picture(60)
    for face in ((-20, -30, 15, 10), (40, 45, 90, 100), (0, 0, 60, 60)):
        assert draw_prop(rgb, face, load_prop("straw_hat"), STILL).shape == rgb.shape
    assert np.array_equal(draw_prop(rgb, (500, 500, 520, 525), load_prop("cap"), STILL), rgb)
    assert draw_prop(rgb[:1, :1], (0, 0, 1, 1), load_prop("palm"), STILL).shape == (1, 1, 3)


def test_a_neighbour_stays_in_front():
    rgb = picture()
    hat = load_prop("straw_hat")
    neighbour = (150.0, 10.0, 210.0, 76.0)
    assert cover_of(neighbour, [(FACE, hat, STILL)]) > 0.2
    free = draw_prop(rgb, FACE, hat, STILL, [neighbour], max_cover=1.0)
    held = draw_prop(rgb, FACE, hat, STILL, [neighbour], max_cover=0.1)
    inside = (slice(30, 56), slice(165, 195))
    assert changed(rgb, free)[inside].any()
    assert not changed(rgb, held)[inside].any()
    assert changed(rgb, held)[20:70, 90:140].any()


def test_rasterise_fills_its_canvas_and_recolours_by_tint():
    prop = load_prop("beanie")
    plain = rasterise(prop, (64, 48))
    assert plain.shape == (48, 64, 4) and not plain.flags.writeable
    assert np.all(plain[:, :, :3] <= plain[:, :, 3:])
    assert plain is rasterise(prop, (64, 48))
    green = rasterise(prop, (64, 48), {"cloth": (20, 160, 40)})
    assert np.array_equal(green[:, :, 3], plain[:, :, 3])
    solid = green[green[:, :, 3] == 255].astype(int)
    assert solid[:, 1].mean() > 2 * solid[:, 0].mean()
    assert solid[:, 1].std() > 8  # folds and light are still there
    case = rasterise(load_prop("phone"), (64, 64), {"cloth": (255, 0, 0)})
    assert not np.array_equal(case, rasterise(load_prop("phone"), (64, 64)))


def test_props_travel_to_other_processes():
    prop = load_prop("hood")
    other = pickle.loads(pickle.dumps(prop))
    rgb = picture()
    assert np.array_equal(draw_prop(rgb, FACE, other, STILL), draw_prop(rgb, FACE, prop, STILL))


CROWD = [Box((x * 30.0, y * 34.0, x * 30.0 + 28, y * 34.0 + 31), "mask" if (x + y) % 3 else "no_mask")
         for x in range(8) for y in range(6)]  # fmt: skip


def test_a_plan_is_a_function_of_its_generator_and_keeps_every_box_visible():
    props = load_props()
    policy = PropPolicy(chance=0.8)
    plan = plan_props(generator(4), CROWD, props, policy)
    again = plan_props(generator(4), CROWD, props, policy)
    assert [(p.box, p.params) for p in plan] == [(p.box, p.params) for p in again]
    assert 10 < len(plan) <= len(CROWD)
    assert {p.prop.kind for p in plan} == {"glasses", "hat", "hand", "scarf"}
    worn = [(CROWD[p.box].xyxy, p.prop, p.params) for p in plan]
    assert max(cover_of(box.xyxy, worn) for box in CROWD) <= MAX_COVER
    assert not plan_props(generator(4), CROWD, props, PropPolicy(chance=0.0))
    assert not plan_props(generator(4), CROWD, (), policy)


def test_classes_are_left_out_where_the_person_says_so():
    props = load_props()
    rules = (
        PropRule("hand", exclude=("no_mask",)),
        PropRule("hat", include=("no_mask",)),
        PropRule("glasses", weight=0),
        PropRule("scarf", max_cover=0.0),
    )
    far = [Box((x * 500.0, 900.0, x * 500.0 + 90, 1000.0), "mask" if x % 2 else "no_mask") for x in range(60)]
    plan = plan_props(generator(2), far, props, PropPolicy(rules, chance=1.0))
    assert plan
    for placed in plan:
        assert placed.prop.kind == ("hand" if far[placed.box].label == "mask" else "hat")
        assert placed.params["eyes"] == EYES
    tiny = [Box((0, 0, 6, 20), "mask")]
    assert not plan_props(generator(2), tiny, props, PropPolicy(chance=1.0))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: PropRule("hat", max_cover=1.5), "max_cover"),
        (lambda: PropRule("hat", weight=-1), "weight"),
        (lambda: PropRule("hat", include=("a",), exclude=("a",)), "included and excluded"),
        (lambda: PropPolicy(chance=2), "chance"),
        (lambda: PropPolicy(eyes=0.9), "eyes"),
        (lambda: PropPolicy(min_side=-1), "min_side"),
        (lambda: PropPolicy((PropRule("hat"), PropRule("hat"))), "once"),
        (lambda: replace(PropRule("hat"), max_cover=float("nan")), "max_cover"),
    ],
)
def test_a_policy_names_the_key_that_is_wrong(make, words: str):
    with pytest.raises(UsageError, match=words):
        make()


@pytest.mark.kaggle
def test_props_on_real_faces(kaggle_archive):
    from lxml import etree

    drawn = 0
    for path in sorted((kaggle_archive / "annotations").glob("*.xml"))[:6]:
        rgb = load_rgb(kaggle_archive / "images" / f"{path.stem}.png")
        boxes = [
            Box(tuple(float(b.findtext(k)) for k in ("xmin", "ymin", "xmax", "ymax")), "mask")
            for b in etree.parse(str(path)).iter("bndbox")
        ]
        for placed in plan_props(generator(7), boxes, load_props(), PropPolicy(chance=1.0)):
            others = [box.xyxy for i, box in enumerate(boxes) if i != placed.box]
            out = draw_prop(rgb, boxes[placed.box].xyxy, placed.prop, placed.params, others)
            assert changed(rgb, out).any()
            rgb = out
            drawn += 1
    assert drawn > 3
