from pathlib import Path

import pytest

from converters.errors import UsageError
from converters.model import AnnotatedImage, Box, Dataset
from converters.remap import Rename, class_order, parse_names, parse_rename, remap

KAGGLE = ("with_mask", "mask_weared_incorrect", "without_mask")


def dataset(*labels: str, classes: tuple[str, ...] = KAGGLE) -> Dataset:
    boxes = tuple(Box((i, 0.0, i + 5.0, 5.0), label, origin=i) for i, label in enumerate(labels))
    image = AnnotatedImage("a", Path("a.png"), (100, 100), boxes)
    return Dataset(Path(), "voc", (image,), classes)


def labels(of: Dataset) -> list[str]:
    return [box.label for image in of for box in image.boxes]


def test_parse_rename_keeps_the_order() -> None:
    assert parse_rename("with_mask=mask, without_mask = no_mask") == (
        Rename("with_mask", "mask"),
        Rename("without_mask", "no_mask"),
    )


def test_comma_in_a_name_can_be_escaped() -> None:
    assert parse_rename(r"a\,b=c") == (Rename("a,b", "c"),)
    assert parse_names(r"a\,b,c") == ("a,b", "c")


@pytest.mark.parametrize("text", ["", "mask", "a=", "=b", "a=b,", "a=b,a=c"])
def test_bad_renames_say_what_is_wrong(text: str) -> None:
    with pytest.raises(UsageError):
        parse_rename(text)


@pytest.mark.parametrize("text", ["", " ", "a,,b", "a,b,a", "a,"])
def test_bad_class_lists_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_names(text)


def test_rename_gives_the_order_and_others_follow() -> None:
    renames = parse_rename("without_mask=no_mask,with_mask=mask")
    assert class_order(KAGGLE, renames) == ("no_mask", "mask", "mask_weared_incorrect")


def test_classes_beat_the_order_of_rename() -> None:
    renames = parse_rename("without_mask=no_mask,with_mask=mask,mask_weared_incorrect=chin_diaper")
    result = remap(dataset(*KAGGLE), renames, ["mask", "no_mask", "chin_diaper"])
    assert result.class_names == ("mask", "no_mask", "chin_diaper")
    assert labels(result) == ["mask", "chin_diaper", "no_mask"]


def test_two_to_one_merges_and_boxes_stay() -> None:
    result = remap(dataset(*KAGGLE), parse_rename("with_mask=face,without_mask=face"))
    assert result.class_names == ("face", "mask_weared_incorrect")
    assert labels(result) == ["face", "mask_weared_incorrect", "face"]
    assert [box.origin for box in result.images[0].boxes] == [0, 1, 2]


def test_names_can_be_exchanged() -> None:
    result = remap(dataset("a", "b", classes=("a", "b")), parse_rename("a=b,b=a"))
    assert labels(result) == ["b", "a"]


def test_unknown_class_lists_those_there_are() -> None:
    with pytest.raises(UsageError) as caught:
        remap(dataset(*KAGGLE), parse_rename("with_maks=mask"))
    assert "'with_maks'" in str(caught.value)
    assert "Did you mean 'with_mask'?" in str(caught.value)
    assert "with_mask, mask_weared_incorrect, without_mask" in str(caught.value)


def test_a_class_with_boxes_cannot_be_left_out() -> None:
    with pytest.raises(UsageError, match=r"without_mask \(2\)"):
        remap(dataset("without_mask", "without_mask"), (), ["with_mask"])


def test_without_wishes_nothing_changes() -> None:
    before = dataset(*KAGGLE)
    assert remap(before) == before
