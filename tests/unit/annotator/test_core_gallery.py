from pathlib import Path

import numpy as np
import pytest

from annotator.core.disagreement import (
    box_disagreements,
    disagreements,
    picture_disagreement,
    picture_disagreements,
    with_labels_of,
)
from annotator.core.gallery import Order, State, Wall, Wanted, counts_by_label, crop_region, match_boxes
from annotator.core.grid_selection import Grid, GridSelection
from annotator.core.unlikeness import Descriptors, describe, unlikeness
from converters.images import encode_png
from converters.model import AnnotatedImage, Box, Split


def box(x: float, label: str, side: float = 10, confidence: float | None = None) -> Box:
    return Box((x, 0.0, x + side, side), label, confidence)


def picture(key: str, *boxes: Box, split: Split | None = None) -> AnnotatedImage:
    return AnnotatedImage(key, Path(f"{key}.png"), (400, 100), boxes, split)


A = picture("a", box(0, "mask", 30), box(50, "none", 8), split=Split.TRAIN)
B = picture("b", box(0, "mask", 20), box(50, "mask", 9), split=Split.VAL)


def hung(wanted: Wanted | None = None, order: Order = Order.IMAGE, scores=None) -> Wall:
    wall = Wall()
    wall.hang([A, B], wanted or Wanted(), order, scores)
    return wall


def shown(wall: Wall) -> list[tuple[str, int]]:
    return [(tile.key, tile.index) for tile in wall.tiles]


def test_the_wall_is_filtered_and_sorted():
    assert shown(hung()) == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    assert shown(hung(Wanted(labels=frozenset({"mask"})))) == [("a", 0), ("b", 0), ("b", 1)]
    assert shown(hung(Wanted(splits=frozenset({Split.VAL})))) == [("b", 0), ("b", 1)]
    assert shown(hung(Wanted(splits=frozenset({None})))) == []
    assert shown(hung(Wanted(min_side=9))) == [("a", 0), ("b", 0), ("b", 1)]
    assert shown(hung(order=Order.SMALLEST)) == [("a", 1), ("b", 1), ("b", 0), ("a", 0)]
    assert shown(hung(order=Order.LARGEST))[0] == ("a", 0)
    scores = {("b", B.boxes[1].xyxy): 2.0, ("a", A.boxes[1].xyxy): 3.0}
    assert shown(hung(order=Order.UNLIKE, scores=scores)) == [("a", 1), ("b", 1), ("a", 0), ("b", 0)]
    assert counts_by_label([A, B], ("none", "mask", "rare")) == {"none": 1, "mask": 3, "rare": 0}


def test_one_edit_relabels_boxes_of_many_pictures_and_its_name_may_hold_braces():
    boxes = {"a": A.boxes, "b": B.boxes}
    edit = hung().relabel({0, 2, 3}, "chin{1}", boxes.__getitem__)
    assert edit.text == "relabel 3 boxes as chin{1}" and edit.keys == ("a", "b")
    assert [b.label for b in edit.edits[1].after] == ["chin{1}"] * 2
    assert not hung().relabel({1}, "none", boxes.__getitem__).changes_something
    gone = hung().delete({1, 2}, boxes.__getitem__)
    assert gone.text == "delete 2 boxes" and gone.edits[0].after == (A.boxes[0],)


def test_tiles_keep_their_places_while_boxes_change():
    wall = hung(Wanted(labels=frozenset({"mask"})))
    relabelled = B.with_boxes((B.boxes[0].relabelled("none"), B.boxes[1]))
    assert wall.follow(relabelled) == [1] and wall.tiles[1].state is State.RELABELLED
    assert wall.follow(relabelled) == []
    assert wall.follow(B) == [1] and wall.changed == 0
    deleted = B.with_boxes(B.boxes[1:])
    assert wall.follow(deleted) == [1] and wall.tiles[1].state is State.DELETED
    assert wall.tiles[2].index == 0, "the index of the box behind it went down"
    assert not wall.delete({1}, lambda key: deleted.boxes).changes_something
    assert wall.follow(B) == [1] and wall.tiles[1].state is State.AS_IT_WAS and wall.tiles[2].index == 1
    more = B.with_boxes((*B.boxes, box(90, "mask"), box(120, "none")))
    assert wall.follow(more) == [3] and wall.tiles[3].state is State.ADDED
    assert wall.tiles[3].box == more.boxes[2]
    assert wall.row_of(("b", more.boxes[2].xyxy)) == 3 and wall.row_of(("b", (0.0, 0.0, 1.0, 1.0))) is None


def test_a_moved_box_is_the_same_box():
    moved = (A.boxes[0].moved_to((3.0, 0.0, 33.0, 30.0)), A.boxes[1])
    wall = hung()
    assert wall.follow(A.with_boxes(moved)) == [0]
    assert wall.tiles[0].box == moved[0] and wall.tiles[0].state is State.AS_IT_WAS


def test_boxes_are_known_again_after_an_edit():
    one, two, three = box(0, "a"), box(20, "a"), box(40, "b")
    assert match_boxes((one, two, three), (one, three)) == {0: 0, 2: 1}
    assert match_boxes((one, two), (two, one)) == {0: 1, 1: 0}
    assert match_boxes((one,), (one.relabelled("b"), two)) == {0: 0}
    assert match_boxes((one, one), (one,)) == {0: 0}
    assert match_boxes((one, one.relabelled("b")), (one.relabelled("b"), one)) == {0: 1, 1: 0}


@pytest.mark.parametrize(
    ("xyxy", "region"),
    [
        ((40, 40, 50, 50), (38, 38, 52, 52)),
        ((-5, 0, 5, 4), (0, 0, 14, 14)),
        ((90, 90, 120, 120), (58, 58, 100, 100)),
        ((0, 0, 500, 10), (0, 0, 100, 100)),
        ((300, 300, 310, 310), (86, 86, 100, 100)),
        ((5, 5, 5, 5), (4, 4, 6, 6)),
    ],
)
def test_a_crop_is_a_square_inside_the_picture(xyxy, region):
    assert crop_region(xyxy, (100, 100)) == region


def test_selection_by_mouse_and_keys():
    selection = GridSelection()
    selection.click(3)
    selection.click(6, extend=True)
    assert selection.rows == {3, 4, 5, 6} and selection.current == 6
    selection.click(1, extend=True)
    assert selection.rows == {1, 2, 3}
    selection.click(9, toggle=True)
    selection.click(2, toggle=True)
    assert selection.rows == {1, 3, 9} and selection.current == 2
    selection.move(5)
    assert selection.rows == {5}
    selection.move(7, keep=True)
    assert selection.rows == {5} and selection.current == 7
    selection.band([1, 2], {5})
    assert selection.rows == {1, 2, 5}


def test_moving_in_the_grid():
    grid = Grid.fitted(10, 100, (25, 30))
    assert (grid.columns, grid.height) == (4, 90)
    assert grid.step(5, 0, 1) == 9 and grid.step(7, 0, 1) == 9 and grid.step(9, 0, 1) == 9
    assert grid.step(1, 0, -1) == 1 and grid.step(0, -1, 0) == 0 and grid.step(9, 1, 0) == 9
    assert grid.step(2, 0, 5) == 9 and grid.step(9, 0, -5) == 1
    assert grid.at(30, 31) == 5 and grid.at(99, 80) is None and grid.at(120, 0) is None
    assert list(grid.between(0, 31)) == list(range(8)) and list(grid.between(-50, 0)) == []
    assert grid.inside(60, 40, 20, 10) == [0, 1, 2, 4, 5, 6]
    assert Grid.fitted(0, 10, (25, 30)).height == 0


def test_swapped_labels_come_first(tmp_path):
    rng = np.random.default_rng(1)
    images = []
    for number in range(60):
        rgb = rng.integers(0, 60, (40, 80, 3)).astype(np.uint8)
        rgb[5:35, 5:35] += np.array([150, 60, 20], np.uint8)
        rgb[20:35, 45:75] += np.array([40, 120, 180], np.uint8)
        path = tmp_path / f"{number}.png"
        path.write_bytes(encode_png(rgb))
        boxes = (Box((5, 5, 35, 35), "face"), Box((45, 5, 75, 35), "mask"))
        images.append(AnnotatedImage(str(number), path, (80, 40), boxes[: 1 + number % 2]))
    for wrong in (4, 11):
        images[wrong] = images[wrong].with_boxes(
            (images[wrong].boxes[0].relabelled("mask"), *images[wrong].boxes[1:])
        )
    descriptors, told = Descriptors(), []
    descriptors.complete(images, lambda done, total: told.append((done, total)))
    assert told[-1] == (60, 60)
    scores = descriptors.scores(images)
    worst = sorted(scores, key=lambda id_: -scores[id_])[:2]
    assert {key for key, _ in worst} == {"4", "11"} and all(scores[id_] > 1 for id_ in worst)
    told.clear()
    descriptors.complete(images, lambda done, total: told.append((done, total)))
    assert told == [(0, 0)], "nothing is described twice"


def test_unlikeness_of_odd_sets():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(9, 516)).astype(np.float16)
    alone = unlikeness(points, ["a"] * 8 + ["b"])
    assert alone[8] == 1 and np.isfinite(alone).all()
    assert np.isfinite(unlikeness(points, ["a"] * 9)).all()
    assert unlikeness(points[:1], ["a"]) == [1]
    same = unlikeness(np.zeros((6, 516), np.float16), ["a", "b"] * 3)
    assert np.allclose(same, 1)
    assert Descriptors().scores([A]) == {}


def test_a_box_outside_its_picture_and_a_picture_that_is_missing_are_no_error(tmp_path):
    rgb = np.zeros((10, 10, 3), np.uint8)
    for xyxy in ((-5.0, -5.0, -1.0, -1.0), (20.0, 20.0, 30.0, 30.0), (3.0, 3.0, 3.2, 3.2)):
        assert describe(rgb, xyxy).shape == (516,)
    gone = AnnotatedImage("gone", tmp_path / "gone.png", (10, 10), (box(0, "a"),))
    descriptors = Descriptors()
    descriptors.complete([gone], lambda done, total: None)
    assert descriptors.scores([gone]) == {}


def test_disagreement_of_boxes():
    truths = (box(0, "mask"), box(50, "mask"), box(100, "mask"), box(150, "mask"))
    predictions = (
        box(0, "mask", confidence=0.9),
        box(50, "none", confidence=0.8),
        box(50, "mask", confidence=0.1),
        box(150, "mask", confidence=0.3),
        box(300, "none", confidence=0.7),
    )
    assert disagreements(truths, predictions) == pytest.approx((0.05, 0.85, 0.5, 0.35))
    assert picture_disagreement(truths, predictions) == pytest.approx(0.85)
    assert picture_disagreement((), predictions[-1:]) == pytest.approx(0.85)
    assert picture_disagreement((), ()) == 0 and disagreements((), predictions) == ()
    difficult = Box((100, 0, 110, 10), "mask", flags=frozenset({"difficult"}))
    assert disagreements((difficult,), predictions) == (0.0,)


def test_disagreement_by_picture_and_with_renamed_classes():
    found = {"a": (box(0, "with_mask", 30, 0.9),), "x": ()}
    ours = with_labels_of(found, ("with_mask", "none"), ("mask", "none"))
    assert ours["a"][0].label == "mask"
    assert with_labels_of(found, ("with_mask",), ("mask", "none")) == found
    assert picture_disagreements([A, B], ours) == {"a": pytest.approx(0.5)}
    scores = box_disagreements([A, B], ours)
    assert scores[("a", A.boxes[0].xyxy)] == pytest.approx(0.05) and len(scores) == 2
