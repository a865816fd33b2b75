from __future__ import annotations

import io

import numpy as np
from PIL import Image

from annotator.darknet.metrics import match_image
from annotator.darknet.prediction.drawn import (
    draw_ground_truth,
    draw_predictions,
    enlargement,
    jpeg_thumbnail,
    side_by_side,
)
from converters.colours import class_colours
from converters.images import RgbImage
from converters.model import Box

COLOURS = class_colours(("mask", "no_mask"))
BOX = Box((40.0, 60.0, 120.0, 140.0), "mask")
SEEN = Box((42.0, 60.0, 121.0, 141.0), "mask", 0.87)


def canvas() -> RgbImage:
    return np.full((200, 240, 3), 90, np.uint8)


def coloured(rgb: RgbImage, colour: tuple[int, int, int]) -> np.ndarray:
    return np.all(rgb == np.array(colour, np.uint8), axis=2)


def test_input_is_not_changed_and_size_is_kept() -> None:
    rgb = canvas()
    drawn = draw_predictions(rgb, [SEEN], COLOURS)
    assert np.all(rgb == 90)
    assert drawn.shape == rgb.shape
    assert drawn.dtype == np.uint8
    assert not np.array_equal(drawn, rgb)


def test_prediction_is_solid_and_ground_truth_is_dashed() -> None:
    row = 140 - 1  # the lower edge, away from the labels
    solid = coloured(draw_predictions(canvas(), [SEEN.moved_to(BOX.xyxy)], COLOURS), COLOURS["mask"])
    dashed = coloured(draw_ground_truth(canvas(), [BOX], COLOURS), COLOURS["mask"])
    assert solid[row, 41:119].all()
    assert 0.3 < dashed[row, 41:119].mean() < 0.7


def test_inside_of_a_box_stays_visible() -> None:
    for drawn in (draw_predictions(canvas(), [SEEN], COLOURS), draw_ground_truth(canvas(), [BOX], COLOURS)):
        assert np.all(drawn[70:130, 50:110] == 90)


def test_mistakes_are_marked_in_red() -> None:
    red = (255, 70, 70)
    assert not coloured(draw_predictions(canvas(), [SEEN], COLOURS), red).any()
    assert coloured(draw_predictions(canvas(), [SEEN], COLOURS, wrong=[0]), red).any()
    assert not coloured(draw_ground_truth(canvas(), [BOX], COLOURS), red).any()
    assert coloured(draw_ground_truth(canvas(), [BOX], COLOURS, missed=[0]), red).any()


def test_boxes_at_and_beyond_the_edge_and_odd_labels_are_drawn() -> None:
    boxes = [
        Box((-20.0, -5.0, 30.0, 20.0), "маска <b>", 0.5),
        Box((230.0, 190.0, 260.0, 230.0), "mask", 0.5),
        Box((0.0, 0.0, 240.0, 200.0), "no_mask", 0.5),
        Box((10.0, 10.0, 10.4, 10.4), "mask", 0.5),
    ]
    assert draw_predictions(canvas(), boxes, COLOURS).shape == (200, 240, 3)
    assert draw_ground_truth(canvas(), boxes, COLOURS, scale=3).shape == (600, 720, 3)


def test_side_by_side_has_truth_left_and_prediction_right() -> None:
    truths, predictions = [BOX], [Box((150.0, 20.0, 200.0, 60.0), "no_mask", 0.6)]
    match = match_image(truths, predictions)
    sheet = side_by_side(canvas(), truths, predictions, COLOURS, match)
    scale = enlargement(canvas())
    assert scale == 3
    assert sheet.shape[1] == 2 * 240 * scale + 8
    half = 240 * scale
    assert coloured(sheet[:, :half], COLOURS["mask"]).any()
    assert not coloured(sheet[:, :half], COLOURS["no_mask"]).any()
    assert coloured(sheet[:, half:], COLOURS["no_mask"]).any()
    assert not coloured(sheet[:, half:], COLOURS["mask"]).any()


def test_thumbnail_is_a_small_jpeg() -> None:
    image = Image.open(io.BytesIO(jpeg_thumbnail(canvas(), 60)))
    assert image.format == "JPEG"
    assert image.size == (60, 50)


def test_more_classes_than_colours_still_have_one() -> None:
    names = [f"class{index}" for index in range(20)]
    assert set(class_colours(names)) == set(names)
