import numpy as np

from augment.contact_sheet import BACKGROUND, Picture, contact_sheet
from converters.colours import PALETTE
from converters.model import Box


def test_boxes_are_drawn_in_their_classs_colour_where_they_are():
    rgb = np.full((100, 200, 3), 90, np.uint8)
    before = rgb.copy()
    boxes = (Box((20, 10, 80, 60), "mask"), Box((120, 20, 180, 90), "no_mask"))
    sheet = contact_sheet([Picture(rgb, boxes, "one")], columns=1, class_names=("mask", "no_mask"), cell=400)
    assert np.array_equal(rgb, before)
    top_left = (8, 8)  # the gap; the picture is doubled in size
    for box, colour in zip(boxes, PALETTE, strict=False):
        x, y = int(box.xyxy[0] * 2) + top_left[0], int(box.xyxy[1] + box.xyxy[3]) + top_left[1]
        assert tuple(sheet[y, x]) == colour
        assert tuple(sheet[y, x + 5]) == (90, 90, 90)


def test_grid_grows_by_rows_and_long_captions_are_cut():
    pictures = [Picture(np.zeros((30, 20, 3), np.uint8), (), "a very long caption " * 20)] * 5
    sheet = contact_sheet(pictures, columns=2, class_names=("ä", "b"), cell=64)
    assert sheet.shape[1] == 2 * 72 + 8
    assert sheet.shape[0] == 3 * (64 + 18 + 8) + 8 + 18
    assert contact_sheet([], columns=1, class_names=(), cell=64).shape == (26, 80, 3)


def test_an_empty_cell_leaves_its_place_free():
    white = Picture(np.full((10, 10, 3), 255, np.uint8), ())
    sheet = contact_sheet([white, None, white, white], columns=2, class_names=("mask",), cell=50)
    assert (sheet[30, 30] == 255).all() and (sheet[30, 90] == BACKGROUND).all()
    assert (sheet[110, 30] == 255).all() and (sheet[110, 90] == 255).all()
