"""Augmenters of imgaug in policies; the real library, where it is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pytest

from augment.operations import kind_named
from augment.operations.imgaug_adapter import ImgaugTransform, argument
from augment.plan import make_plan
from augment.policy import Chance, Policy
from augment.policy_file import read_policy, show_policy
from augment.recipe import Recipe, Step
from augment.runner import augment
from converters.errors import UsageError
from converters.model import Box

try:
    version("imaug")
    INSTALLED = True
except PackageNotFoundError:
    INSTALLED = False

needs_imgaug = pytest.mark.skipif(not INSTALLED, reason="the extra [imgaug] is not installed")
# Warnings of imgaug, and of scikit-image about how imgaug uses it, are not ours.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{what}")
    for what in (":DeprecationWarning", ":FutureWarning", "AffineCv2 is deprecated")
]

SIZE = (200, 140)
BOX = (70.0, 45.0, 110.0, 95.0)


def of(name: str, **settings) -> ImgaugTransform:
    return ImgaugTransform(augmenter=name, settings=settings)


def recipe_of(transform, seed=3, boxes="ellipse", min_visible=0.0) -> Recipe:
    return Recipe((Step(transform, {"seed": seed}),), "grow", boxes, min_visible, "smooth")


def blob(size=SIZE, xyxy=BOX):
    """A bright ellipse that fills a box, on mid-grey with a little texture."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]] + 0.5
    rgb = np.full((size[1], size[0], 3), 60, np.uint8)
    rgb[((x + y) % 16) < 8] = 70
    cx, cy, a, b = (xyxy[0] + xyxy[2]) / 2, (xyxy[1] + xyxy[3]) / 2, xyxy[2] - xyxy[0], xyxy[3] - xyxy[1]
    rgb[((x - cx) / a) ** 2 + ((y - cy) / b) ** 2 <= 0.25] = 250
    return rgb


def test_values_of_a_policy_become_imgaug_arguments():
    assert argument([3, 7]) == (3, 7)
    assert argument([1, 2, 3]) == [1, 2, 3]
    assert argument(["RGB", "Lab"]) == ["RGB", "Lab"]
    assert argument({"choice": [3, 7]}) == [3, 7]
    assert argument({"tuple": [1, [2, 3], 4, {"choice": [5, 6]}]}) == (1, (2, 3), 4, [5, 6])
    assert argument({"x": [-0.1, 0.1], "y": 0}) == {"x": (-0.1, 0.1), "y": 0}
    assert argument(True) is True and argument(None) is None
    for wrong in (float("nan"), object(), {"choice": 3}):
        with pytest.raises(UsageError, match="key"):
            argument(wrong, "key")


@pytest.mark.skipif(INSTALLED, reason="it is about a computer without imgaug")
def test_without_the_extra_it_says_what_to_install():
    with pytest.raises(UsageError, match=r"pip install 'mask-annotator\[imgaug\]'"):
        Policy.from_dict({"operations": {"imgaug.Fog": {}}})


def test_imgaug_is_imported_only_when_a_policy_names_it():
    script = "import sys, augment.cli, augment.policies\nassert 'imgaug' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
    assert kind_named("imgaug.Fog") is ImgaugTransform


@needs_imgaug
@pytest.mark.parametrize(
    ("name", "entry", "said"),
    [
        ("imgaug.Fgo", {}, "Did you mean imgaug.Fog"),
        ("imgaug.np", {}, "no such augmenter"),
        ("imgaug.Sometimes", {}, "holds other augmenters"),
        ("imgaug.BlendAlphaSegMapClassIds", {}, "segmentation map"),
        ("imgaug.Jigsaw", {}, "no box can follow"),
        ("imgaug.TotalDropout", {}, "black"),
        ("imgaug.pillike.Affine", {}, "cannot move boxes"),
        ("imgaug.RandAugment", {}, "cannot move boxes"),
        ("imgaug.MotionBlur", {"sigma": 3}, "operations.imgaug.MotionBlur.sigma: no such key"),
        ("imgaug.MotionBlur", {"seed": 3}, "operations.imgaug.MotionBlur.seed: no such key"),
        ("imgaug.MotionBlur", {"k": "many"}, "imgaug says"),
        ("imgaug.CropToFixedSize", {"width": 30}, "height: must be given"),
        ("imgaug.Fog", {"minimum": 1}, "minimum: no such key"),
    ],
)
def test_what_cannot_be_used_is_said(name, entry, said):
    with pytest.raises(UsageError, match=said.replace("[", r"\[")):
        Policy.from_dict({"operations": {name: entry}})


@needs_imgaug
def test_a_policy_file_with_them_reads_back_and_errors_have_lines(tmp_path):
    policy = Policy.from_dict(
        {
            "operations": {
                "imgaug.Fog": {},
                "blur": {},
                "imgaug.MotionBlur": {"k": [3, 7], "angle": [-30, 30]},
            },
            "also": {"imgaug.Affine": {"probability": 0.5, "translate_percent": {"x": [-0.1, 0.1]}}},
        }
    )
    path = tmp_path / "p.yaml"
    path.write_text(show_policy(policy))
    assert read_policy(path) == policy
    assert [one.name for one in policy.operations] == ["blur", "imgaug.Fog", "imgaug.MotionBlur"]
    path.write_text("operations:\n  imgaug.MotionBlur:\n    k: 3\n    sigma: 4\n")
    with pytest.raises(UsageError, match="sigma") as caught:
        read_policy(path)
    assert caught.value.line == 4


GEOMETRIC = [
    ("Fliplr", {}),
    ("Flipud", {}),
    ("Rot90", {"k": 1, "keep_size": False}),
    ("Rot90", {"k": 3}),
    ("Affine", {"rotate": [20, 50], "fit_output": True}),
    ("Affine", {"rotate": [-20, 20], "shear": [-10, 10], "scale": [0.8, 1.2], "cval": 60}),
    ("AffineCv2", {"rotate": [15, 30]}),
    ("PiecewiseAffine", {"scale": [0.01, 0.02]}),
    ("PerspectiveTransform", {"scale": [0.03, 0.06]}),
    ("PerspectiveTransform", {"scale": [0.03, 0.06], "keep_size": False}),
    ("ElasticTransformation", {"alpha": 20, "sigma": 6}),
    ("Crop", {"percent": [0.05, 0.15]}),
    ("Crop", {"px": {"tuple": [10, 20, 5, 30]}, "keep_size": False}),
    ("CropAndPad", {"percent": [-0.1, 0.2]}),
    ("Pad", {"px": [5, 20], "keep_size": False}),
    ("Resize", {"size": {"tuple": [0.7, 1.3]}}),
    ("TranslateX", {"px": [-20, 20]}),
    ("CropToFixedSize", {"width": 150, "height": 120}),
    ("PadToSquare", {}),
]


@needs_imgaug
@pytest.mark.parametrize(("name", "settings"), GEOMETRIC)
@pytest.mark.parametrize("seed", [3, 11])
def test_pixels_and_boxes_agree(name, settings, seed):
    recipe = recipe_of(of(name, **settings), seed)
    placed = recipe.place(SIZE, [Box(BOX, "mask")])
    rgb = blob()
    made = recipe.apply(rgb, [Box(BOX, "mask")])
    assert (made.shape[1], made.shape[0]) == placed.size
    bright = made.min(axis=2) > 160
    ys, xs = np.nonzero(bright)
    found = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], float)
    np.testing.assert_allclose(placed.boxes[0].xyxy, found, atol=2.5)
    assert (rgb == blob()).all()


@needs_imgaug
@pytest.mark.parametrize("name", ["Fog", "Rain", "Snowflakes", "Clouds", "MotionBlur", "imgcorruptlike.Fog"])
def test_what_moves_nothing_leaves_boxes_and_repeats_itself(name):
    recipe = recipe_of(of(name))
    boxes = [Box((-3.0, 10.25, 20.0, 30.5), "mask")]
    assert [box.xyxy for box in recipe.place(SIZE, boxes).boxes] == [boxes[0].xyxy]
    first, again = recipe.apply(blob(), boxes), recipe.apply(blob(), boxes)
    assert (first == again).all() and not (first == blob()).all()
    assert not (first == recipe_of(of(name), 4).apply(blob(), boxes)).all()


@needs_imgaug
def test_boxes_that_leave_the_picture_are_clipped_and_dropped():
    recipe = recipe_of(of("TranslateX", px=80), min_visible=0.5)
    placed = recipe.place(SIZE, [Box((10, 10, 50, 50), "mask"), Box((100, 10, 150, 50), "mask")])
    assert [box.xyxy for box in placed.boxes] == [pytest.approx((90, 10, 130, 50), abs=0.3)]
    assert placed.dropped == (1,)


@needs_imgaug
def test_the_same_bytes_on_any_number_of_workers(make_work):
    policy = Policy(
        operations=(of("Affine", rotate=[-20, 20]), of("AdditiveGaussianNoise", scale=[5, 20])),
        operations_per_copy=1,
        also=(Chance(of("Rain"), 0.5),),
    )
    found = []
    for jobs in (1, 2):
        work = make_work(train=4, folder=f"work{jobs}")
        assert make_plan(work.root, copies=2, seed=1, policy=policy).copies
        assert augment(work.root, copies=2, seed=1, policy=policy, jobs=jobs).made == 8
        found.append({path.name: path.read_bytes() for path in sorted(work.augmented.glob("*.png"))})
    assert found[0] == found[1]


@needs_imgaug
@pytest.mark.skipif(not os.environ.get("DISPLAY"), reason="needs an X server (Xvfb)")
def test_the_window_opens_with_both_builds_of_opencv(tmp_path):
    """OpenCV's full build brings Qt plugins along, which end a PyQt5 program on a screen."""
    script = (
        "import sys, cv2\n"
        "from PyQt5.QtCore import QTimer\n"
        "from PyQt5.QtWidgets import QApplication\n"
        "from annotator.qt.main_window import MainWindow\n"
        "shown = MainWindow.show\n"
        "def show(self):\n"
        "    shown(self)\n"
        "    QTimer.singleShot(500, QApplication.instance().quit)\n"
        "MainWindow.show = show\n"
        "from annotator.app import main\n"
        "sys.exit(main([]))\n"
    )
    environ = {**os.environ, "HOME": str(tmp_path), "QT_QPA_PLATFORM": "xcb"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
