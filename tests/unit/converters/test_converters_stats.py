from pathlib import Path

import pytest

from converters.model import AnnotatedImage, Box, Dataset, Split
from converters.report import Report
from converters.stats import aspect, balance, boxes_frame, co_occurrence, count_copies, sizes_at
from converters.work import WorkFolder


def box(label: str, width: float = 10.0, height: float = 10.0) -> Box:
    return Box((1.0, 2.0, 1.0 + width, 2.0 + height), label)


def image(key: str, *boxes: Box, split: Split | None = None, labelled: bool = True) -> AnnotatedImage:
    return AnnotatedImage(key, Path(f"{key}.png"), (200, 100), boxes, split, labelled=labelled)


def dataset(*images: AnnotatedImage, classes: tuple[str, ...] = ("mask", "no_mask", "chin")) -> Dataset:
    return Dataset(Path(), "yolo", images, classes)


def test_boxes_images_and_ratios() -> None:
    data = dataset(
        image("a", *[box("mask")] * 6, box("no_mask")),
        image("b", box("mask"), box("mask"), box("no_mask")),
        image("c"),
        image("d", labelled=False),
    )
    result = balance(data)
    mask, no_mask, chin = result.classes
    assert (mask.boxes, mask.images, mask.ratio) == (8, 2, 1.0)
    assert (no_mask.boxes, no_mask.images, no_mask.ratio) == (2, 2, 4.0)
    assert (chin.boxes, chin.ratio, chin.median_size) == (0, None, None)
    assert (result.images, result.boxes, result.empty, result.unlabelled) == (4, 10, 1, 1)
    assert result.imbalance == 4.0
    assert result.sentence() == "For each no_mask box there are 4.0 mask boxes. No box at all of: chin."
    assert result.split_images == {}


def test_sizes_are_cocos() -> None:
    sides = [31.9, 32, 95.9, 96, 200]
    result = balance(dataset(image("a", *(box("mask", side, side) for side in sides))))
    mask = result.classes[0]
    assert (mask.small, mask.medium, mask.large) == (1, 2, 2)
    assert mask.median_size == pytest.approx((95.9, 95.9))


def test_splits_are_counted_each() -> None:
    data = dataset(
        image("a", box("mask"), box("mask"), split=Split.TRAIN),
        image("b", box("mask"), split=Split.TEST),
    )
    result = balance(data)
    assert result.classes[0].split_boxes == {Split.TRAIN: 2, Split.VAL: 0, Split.TEST: 1}
    assert result.classes[0].split_images == {Split.TRAIN: 1, Split.VAL: 0, Split.TEST: 1}
    assert result.split_images == {Split.TRAIN: 1, Split.VAL: 0, Split.TEST: 1}


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ([], "There is no box in the set."),
        (["mask"], "All boxes are of class mask."),
        (["mask", "no_mask"], "All classes have the same number of boxes."),
    ],
)
def test_sentences(labels: list[str], sentence: str) -> None:
    classes = tuple(labels)
    assert balance(dataset(image("a", *map(box, labels)), classes=classes)).sentence() == sentence


def test_copies_are_counted_apart_and_bad_ones_reported(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path)
    work.augmented.mkdir()
    for name, text in {
        "a_c1": "0 .5 .5 .1 .1\n2 .5 .5 .1 .1\n",
        "a_c2": "2 .5 .5 .1 .1\n\n",
        "b_c1": "7 0 0 0 0\n",
    }.items():
        (work.augmented / f"{name}.png").write_bytes(b"")
        (work.augmented / f"{name}.txt").write_text(text)
    (work.augmented / "c_c1.png").write_bytes(b"")
    report = Report()
    copies = count_copies(work, ("mask", "no_mask", "chin"), report)
    assert copies.copies == 4
    assert copies.boxes == {"mask": 1, "chin": 2}
    assert [(issue.code, issue.line) for issue in report] == [("bad-class-id", 1), ("copy-unlabelled", None)]
    result = balance(dataset(image("a", box("mask"))), copies)
    assert [c.copy_boxes for c in result.classes] == [1, 0, 2]
    assert result.boxes == 1


def test_frame_has_a_row_for_each_box() -> None:
    frame = boxes_frame(dataset(image("a", box("mask", 20, 10), split=Split.VAL), image("b")))
    assert frame.to_dict("records") == [
        {
            "image": "a",
            "split": "val",
            "label": "mask",
            "x1": 1.0,
            "y1": 2.0,
            "x2": 21.0,
            "y2": 12.0,
            "width": 20.0,
            "height": 10.0,
            "area": 200.0,
            "aspect": 2.0,
            "image_width": 200,
            "image_height": 100,
            "flags": "",
        }
    ]
    assert "image" in boxes_frame(dataset()).columns


def test_aspect_of_nothing_is_infinite() -> None:
    assert aspect(box("mask", 0, 5)) == float("inf")


def test_sizes_as_the_network_sees_them() -> None:
    data = dataset(image("a", box("mask", 20, 20), box("mask", 10, 10), box("no_mask", 60, 60)))
    mask, no_mask, chin = sizes_at(data, (400, 400))  # twice as wide, four times as high
    assert (mask.small, mask.medium, mask.large) == (1, 1, 0)
    assert mask.median_size == (30, 60)
    assert (no_mask.small, no_mask.medium, no_mask.large) == (0, 0, 1)
    assert (chin.small, chin.median_size) == (0, None)


def test_classes_that_share_pictures() -> None:
    data = dataset(
        image("a", box("chin"), box("mask"), box("mask")),
        image("b", box("mask"), box("no_mask"), box("chin")),
        image("c", box("mask")),
        image("d"),
        image("e", box("dog"), box("mask")),
    )
    found = co_occurrence(data)
    assert found.images == {"mask": 4, "no_mask": 1, "chin": 2, "dog": 1}
    assert found.alone == {"mask": 1, "no_mask": 0, "chin": 0, "dog": 0}
    assert list(found.together.items()) == [
        (("mask", "no_mask"), 1),
        (("mask", "chin"), 2),
        (("mask", "dog"), 1),
        (("no_mask", "chin"), 1),
    ]
    assert found.as_dict()["together"][1] == {"classes": ["mask", "chin"], "images": 2}
