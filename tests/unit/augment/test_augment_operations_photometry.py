import hashlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment import photometry
from augment.operations.colour import Contrast, Exposure
from augment.operations.sensor import Jpeg, LowLight, MotionBlur, Noise
from augment.recipe import Recipe, Step
from converters.errors import ImageError


def picture(width=80, height=60):
    """Slow waves and some noise."""
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([np.sin(x / 9 + y / 7 + channel) for channel in range(3)], axis=2)
    rng = np.random.default_rng(2)
    return np.clip(127 + 90 * waves + rng.normal(0, 9, waves.shape), 0, 255).astype(np.uint8)


def digest(rgb):
    return hashlib.blake2b(np.ascontiguousarray(rgb).tobytes(), digest_size=8).hexdigest()


def ramp():
    return np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2).repeat(20, axis=0)


def test_contrast_leaves_mid_grey_and_is_a_table():
    assert photometry.contrast_table(0).tolist() == list(range(256))
    assert set(photometry.contrast_table(-1).tolist()) == {128}
    more = photometry.contrast_table(0.5).astype(int)
    assert (more[127], more[128], more[0], more[255], more[100]) == (127, 128, 0, 255, 86)
    assert Contrast().table({"change": 0.5}).tolist() == more.tolist()


@given(st.floats(-1, 3), st.floats(-180, 180))
def test_greys_stay_grey(change, degrees):
    for matrix in (photometry.saturation_matrix(change), photometry.hue_matrix(degrees)):
        assert np.array_equal(photometry.apply_colour_matrix(ramp(), matrix), ramp())


@given(st.floats(-0.9, 0.4), st.floats(-180, 180))
def test_luma_stays(change, degrees):
    weights = np.array([0.2126, 0.7152, 0.0722])
    rgb = (picture() // 3 + 85).astype(np.uint8)  # nothing leaves the range
    for matrix in (photometry.saturation_matrix(change), photometry.hue_matrix(degrees)):
        changed = photometry.apply_colour_matrix(rgb, matrix)
        assert np.abs((changed - rgb.astype(float)) @ weights).max() < 2


def test_hue_turns_red_to_yellow_and_all_the_way_round():
    red = np.full((4, 4, 3), (200, 40, 40), np.uint8)
    turned = photometry.apply_colour_matrix(red, photometry.hue_matrix(40))[0, 0].astype(int)
    assert turned[1] > 60 and turned[0] > turned[2]
    assert np.array_equal(photometry.apply_colour_matrix(red, photometry.hue_matrix(360)), red)
    assert (photometry.apply_colour_matrix(red, photometry.saturation_matrix(-1)) == 74).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 99), st.integers(1, 40), st.floats(-180, 180))
def test_colour_matrix_is_what_whole_numbers_give(width, height, degrees):
    rgb = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    steps = np.rint(photometry.hue_matrix(degrees) * 1024).astype(int)
    steps[range(3), range(3)] += 1024 - steps.sum(axis=1)
    exact = np.rint(rgb.astype(np.int64) @ steps.T / 1024)
    assert np.array_equal(
        photometry.apply_colour_matrix(rgb, photometry.hue_matrix(degrees)), np.clip(exact, 0, 255)
    )


def test_noise_has_its_strength_and_shape():
    flat = np.full((400, 500, 3), 128, np.uint8)
    for sigma in (3.0, 10.0, 25.0):
        noise = photometry.add_noise(flat, sigma, seed=7, colour=True).astype(float) - 128
        assert abs(noise.std() / sigma - 1) < 0.02
        assert abs(noise.mean()) < 0.05
        assert np.abs(noise).max() < 3.6 * sigma
        assert abs((noise**4).mean() / noise.var() ** 2 - 3) < 0.35  # a Gaussian has 3
        assert abs(np.corrcoef(noise[:, :, 0].ravel(), noise[:, :, 1].ravel())[0, 1]) < 0.02
        assert abs(np.corrcoef(noise[:, :-1, 0].ravel(), noise[:, 1:, 0].ravel())[0, 1]) < 0.02
    grey = photometry.add_noise(flat, 10.0, seed=7, colour=False)
    assert (grey[:, :, 0] == grey[:, :, 2]).all() and grey.std() > 9


def test_noise_of_two_seeds_differs_and_is_pinned():
    one, two = (photometry.add_noise(ramp(), 8.0, seed=seed, colour=True) for seed in (1, 2))
    assert not np.array_equal(one, two)
    # These must be the same on every machine, and with every NumPy and OpenCV.
    assert digest(one) == "f3a984a3cff644f0"
    assert digest(photometry.add_noise(ramp(), 8.0, seed=1, colour=False)) == "2fc4b04dd98d065e"
    levels = np.full(256, 6.0)
    assert digest(photometry.add_noise_by_level(ramp(), levels, 1)) == "6d2e67efe5e050a7"


def test_large_pictures_are_worked_on_in_bands_without_a_seam():
    rgb = np.full((700, 300, 3), 100, np.uint8)
    noise = photometry.add_noise(rgb, 9.0, seed=3, colour=True)
    rows = 65536 // 300
    assert not np.array_equal(noise[:rows], noise[rows : 2 * rows])
    matrix = photometry.saturation_matrix(0.5)
    tall = np.tile(picture(300, 100), (7, 1, 1))
    assert np.array_equal(
        photometry.apply_colour_matrix(tall, matrix)[600:], photometry.apply_colour_matrix(tall[600:], matrix)
    )


def test_low_light_darkens_all_and_closes_shadows():
    table = photometry.low_light_table(0.25, 1.4).astype(int)
    levels = np.arange(256)
    assert (np.diff(table) >= 0).all() and (table <= levels).all()
    assert 130 < table[255] < 145  # a quarter of the light is level 137 of sRGB
    assert table[64] / table[255] < 0.2 < 64 / 255
    assert photometry.low_light_table(1.0, 1.0).tolist() == levels.tolist()


def test_low_light_is_noisiest_in_the_shadows():
    levels = photometry.shot_noise_levels(5.0)
    assert levels[64] == 5.0
    assert (np.diff(levels[12:]) < 0).all()
    flat = np.stack([np.full((200, 200), level, np.uint8) for level in (40, 120, 200)], axis=2)
    noisy = photometry.add_noise_by_level(flat, levels, 3).astype(float)
    measured = noisy.std(axis=(0, 1))
    assert np.abs(measured / levels[[40, 120, 200]] - 1).max() < 0.03
    assert np.abs(noisy.mean(axis=(0, 1)) - (40, 120, 200)).max() < 0.1


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 40), st.floats(-360, 360))
def test_line_kernel_is_a_line_about_its_middle(length, degrees):
    kernel = photometry.line_kernel(length, degrees).astype(float)
    assert kernel.sum() == 1 and kernel.min() >= 0
    assert kernel.shape[0] == kernel.shape[1] and kernel.shape[0] % 2 == 1
    assert np.array_equal(kernel, kernel[::-1, ::-1])
    radius = kernel.shape[0] // 2
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    angle = np.radians(degrees)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    assert np.abs(across[kernel > 0]).max(initial=0) < 1.5
    assert abs((kernel * along**2).sum() - length**2 / 12) < 0.03 * length**2 / 12 + 0.3


@pytest.mark.parametrize(("length", "degrees"), [(5.0, 30.0), (17.5, 100.0), (40.0, 45.0)])
def test_motion_blur_is_what_whole_numbers_give(length, degrees):
    rgb = picture()
    kernel = np.rint(photometry.line_kernel(length, degrees).astype(float) * 1024).astype(int)
    radius = kernel.shape[0] // 2
    padded = np.pad(rgb, ((radius, radius), (radius, radius), (0, 0)), mode="edge").astype(int)
    total = np.zeros(rgb.shape, int)
    for row, column in zip(*np.nonzero(kernel), strict=True):
        total += kernel[row, column] * padded[row : row + rgb.shape[0], column : column + rgb.shape[1]]
    assert np.array_equal(photometry.motion_blur(rgb, length, degrees), (2 * total + 1025) // 2048)


def test_motion_blur_smears_along_and_not_across():
    rgb = np.zeros((21, 21, 3), np.uint8)
    rgb[10, 10] = 250
    smeared = photometry.motion_blur(rgb, 4.0, 0.0)
    assert smeared[10, 7:14, 0].tolist() == [0, 31, 63, 63, 63, 31, 0]
    assert smeared.any(axis=(1, 2)).sum() == 1
    assert np.array_equal(photometry.motion_blur(rgb, 0.0, 33.0), rgb)


def test_jpeg_is_the_worse_the_lower_its_quality_and_keeps_colours():
    rgb = picture(101, 67)
    before = rgb.copy()
    errors = [np.abs(photometry.jpeg(rgb, q).astype(int) - rgb).mean() for q in (10, 30, 60, 95)]
    assert errors == sorted(errors, reverse=True) and errors[0] > 5
    assert np.array_equal(rgb, before)
    red = np.full((16, 16, 3), (200, 30, 20), np.uint8)
    assert np.abs(photometry.jpeg(red, 90).astype(int) - red).max() < 5
    with pytest.raises(ImageError, match="65500"):
        photometry.jpeg(np.zeros((1, 65_501, 3), np.uint8), 50)


def test_the_camera_comes_before_the_file_whatever_was_drawn_first():
    steps = [
        Step(Jpeg(), {"quality": 40}),
        Step(Noise(), {"sigma": 6.0, "kind": "colour", "seed": 5}),
        Step(LowLight(), {"light": 0.3, "gamma": 1.2, "noise": 3.0, "seed": 4}),
        Step(MotionBlur(), {"length": 5.0, "angle": 20.0}),
        Step(Exposure(), {"change": 0.2}),
    ]
    made = [
        Recipe(tuple(order), "grow", "ellipse", 0.3, "smooth").apply(picture())
        for order in (steps, steps[::-1])
    ]
    assert np.array_equal(*made)
    rgb = cv2.LUT(picture(), Exposure().table({"change": 0.2}))
    for step in reversed(steps[:4]):
        rgb = step.transform.apply(rgb, step.params)
    assert np.array_equal(made[0], rgb)
