import csv
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from converters.errors import UsageError
from converters.fingerprint import Fingerprint, groups, pairs
from converters.model import AnnotatedImage, Box, Dataset, Split
from converters.split import (
    SplitRequest,
    largest_remainder,
    measure_split,
    parse_split,
    read_groups,
    split_dataset,
)

KAGGLE = Path(__file__).resolve().parents[3] / ".." / "shared" / "kaggle"


def image(key: str, *labels: str) -> AnnotatedImage:
    boxes = tuple(Box((0.0, 0.0, 10.0, 10.0), label) for label in labels)
    return AnnotatedImage(key, Path(f"{key}.png"), (100, 100), boxes)


def dataset(*images: AnnotatedImage) -> Dataset:
    names = tuple(sorted({box.label for i in images for box in i.boxes}))
    return Dataset(Path(), "voc", images, names)


@pytest.fixture(scope="module")
def kaggle() -> tuple[Dataset, dict[str, str], list[tuple[str, str]]]:
    """All 853 label files of the Kaggle set and the groups of its pictures."""
    if not KAGGLE.is_dir():
        pytest.skip("the Kaggle labels are not there")
    images = []
    marks = {}
    with (KAGGLE / "hashes.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            root = etree.parse(KAGGLE / "all-annotations" / f"{row['stem']}.xml").getroot()
            images.append(image(row["stem"], *(str(e.findtext("name")) for e in root.iterfind("object"))))
            marks[row["stem"]] = Fingerprint(row["pixel_sha256_16"], bytes.fromhex(row["dhash_16x16"]))
    same = [(p.first, p.second) for p in pairs(marks) if p.identical]
    return dataset(*images), groups(marks), same


@pytest.mark.parametrize(
    ("text", "parts", "counts"),
    [
        ("70/15/15", (70, 15, 15), False),
        ("70%/15%/15%", (70, 15, 15), False),
        ("0.7/0.15/0.15", (0.7, 0.15, 0.15), False),
        ("8/1/1", (8, 1, 1), False),
        ("80/20/0", (80, 20, 0), False),
        ("608, 120, 120", (608, 120, 120), True),
    ],
)
def test_parse(text: str, parts: tuple[float, ...], counts: bool) -> None:
    assert parse_split(text) == SplitRequest(parts, counts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "parts"),
        ("70/30", "2 parts"),
        ("70/10/10/10", "4 parts"),
        ("70/x/15", "'x'"),
        ("70/-15/45", "'-15'"),
        ("nan/1/1", "'nan'"),
        ("1e400/1/1", "'1e400'"),
        ("0/50/50", "nothing to train on"),
        ("70/15/20", "105"),
        ("608/120/120", "--split 608,120,120"),
        ("60.5,20,20", "'60.5'"),
    ],
)
def test_bad_requests_say_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_split(text)


def test_largest_remainder() -> None:
    assert largest_remainder((70, 15, 15), 853) == (597, 128, 128)
    assert largest_remainder((70, 15, 15), 10) == (7, 2, 1)
    assert largest_remainder((80, 20, 0), 7) == (6, 1, 0)


@given(st.tuples(st.integers(1, 99), st.integers(0, 99), st.integers(0, 99)), st.integers(0, 5000))
def test_sizes_always_add_up(parts: tuple[int, int, int], total: int) -> None:
    sizes = largest_remainder(parts, total)
    assert sum(sizes) == total
    assert all(abs(size - part * total / sum(parts)) < 1 for size, part in zip(sizes, parts, strict=True))


@pytest.mark.kaggle
def test_kaggle_is_divided_well_with_every_seed(
    kaggle: tuple[Dataset, dict[str, str], list[tuple[str, str]]],
) -> None:
    data, grouped, _ = kaggle
    divisions = set()
    for seed in range(20):
        result = split_dataset(data, seed=seed, groups=grouped)
        assert tuple(result.quality.sizes.values()) == (597, 128, 128)
        assert result.quality.worst_error <= 0.035
        assert result.quality.torn_groups == ()
        assert len(result.quality.cells) == 9
        assert all(cell.images for cell in result.quality.cells)
        divisions.add(frozenset(key for key, split in result.splits.items() if split is Split.TEST))
    assert len(divisions) == 20


@pytest.mark.kaggle
def test_order_of_the_input_does_not_matter(
    kaggle: tuple[Dataset, dict[str, str], list[tuple[str, str]]],
) -> None:
    data, grouped, _ = kaggle
    images = list(data.images)
    random.Random(1).shuffle(images)
    other = split_dataset(replace(data, images=tuple(images)), seed=4, groups=grouped)
    assert other.splits == split_dataset(data, seed=4, groups=grouped).splits


@pytest.mark.kaggle
def test_numbers_of_pictures_leave_out_identical_ones_first(
    kaggle: tuple[Dataset, dict[str, str], list[tuple[str, str]]],
) -> None:
    data, grouped, same = kaggle
    result = split_dataset(data, parse_split("608,120,120"), groups=grouped, identical=same)
    assert tuple(result.quality.sizes.values()) == (608, 120, 120)
    boxes = {i.key: len(i.boxes) for i in data}
    assert len(result.left_out) == 5
    for first, second in same:
        [gone] = {first, second} & set(result.left_out)
        [stays] = {first, second} - {gone}
        assert boxes[stays] >= boxes[gone]


@pytest.mark.kaggle
def test_new_pictures_leave_the_others_where_they_are(
    kaggle: tuple[Dataset, dict[str, str], list[tuple[str, str]]],
) -> None:
    data, grouped, _ = kaggle
    before = split_dataset(replace(data, images=data.images[:600]), groups=grouped).splits
    result = split_dataset(data, seed=9, groups=grouped, fixed=before)
    assert {key: result.splits[key] for key in before} == before
    assert len(result.splits) == 853
    assert tuple(result.quality.sizes.values()) == (597, 128, 128)
    assert result.quality.worst_error < 0.06


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abc"), max_size=4), min_size=1, max_size=40),
    st.lists(st.integers(0, 12), min_size=40, max_size=40),
    st.integers(0, 3),
)
def test_any_set_is_divided(boxes: list[list[str]], numbers: list[int], seed: int) -> None:
    data = dataset(*(image(f"k{i}", *labels) for i, labels in enumerate(boxes)))
    grouped = {f"k{i}": f"g{numbers[i]}" for i in range(len(boxes)) if numbers[i] > 3}
    result = split_dataset(data, seed=seed, groups=grouped)
    assert result.splits.keys() == {i.key for i in data}
    assert result.quality.torn_groups == ()
    assert sum(result.quality.sizes.values()) == len(data)


def test_a_rare_class_is_in_every_split() -> None:
    images = [image(f"k{i}", "common") for i in range(97)] + [image(f"r{i}", "rare") for i in range(3)]
    for seed in range(10):
        result = split_dataset(dataset(*images), seed=seed)
        assert {result.splits[f"r{i}"] for i in range(3)} == set(Split)
        assert tuple(result.quality.sizes.values()) == (70, 15, 15)


def test_pictures_without_boxes_are_spread_too() -> None:
    images = [image(f"k{i}", "a") for i in range(60)] + [image(f"e{i}") for i in range(40)]
    result = split_dataset(dataset(*images))
    empty = [sum(result.splits[f"e{i}"] is split for i in range(40)) for split in Split]
    assert empty == [28, 6, 6]


def test_groups_too_large_for_exact_sizes_stay_whole() -> None:
    images = [image(f"k{i}", "a") for i in range(20)]
    grouped = {f"k{i}": f"g{i // 5}" for i in range(20)}
    result = split_dataset(dataset(*images), groups=grouped)
    assert result.quality.torn_groups == ()
    assert result.quality.sizes != result.quality.wanted
    assert result.quality.sizes[Split.TRAIN] == 15


def test_an_empty_part_stays_empty() -> None:
    result = split_dataset(dataset(*(image(f"k{i}", "a") for i in range(10))), parse_split("80/20/0"))
    assert tuple(result.quality.sizes.values()) == (8, 2, 0)
    assert result.quality.worst_error == pytest.approx(0)


def test_more_pictures_than_there_are() -> None:
    with pytest.raises(UsageError, match="only 3"):
        split_dataset(dataset(image("a"), image("b"), image("c")), parse_split("2,1,1"))


def test_measure_says_what_is_off() -> None:
    data = dataset(image("a", "x", "x"), image("b", "x"), image("c", "x"), image("d"))
    splits = {"a": Split.TRAIN, "b": Split.TRAIN, "c": Split.VAL, "d": Split.TEST}
    quality = measure_split(data, splits, {"a": "g", "c": "g"})
    cell = quality.cell("x", Split.TRAIN)
    assert cell is not None
    assert (cell.boxes, cell.images, cell.share) == (3, 2, 0.75)
    assert cell.error == pytest.approx(0.5)
    assert quality.worst_error == pytest.approx(1.0)
    assert quality.torn_groups == ("g",)


def test_groups_of_the_person(tmp_path: Path) -> None:
    data = dataset(image("x/a"), image("x/b"), image("x/c"))
    path = tmp_path / "groups.csv"
    path.write_text("image,group\na,anna\nx/b,anna\nc.png,bob\n")
    assert read_groups(path, data) == [("x/a", "x/a"), ("x/a", "x/b"), ("x/c", "x/c")]
    path.write_text("nobody,1\n")
    with pytest.raises(UsageError, match="nobody") as caught:
        read_groups(path, data)
    assert caught.value.line == 1
    with pytest.raises(UsageError, match="cannot be read"):
        read_groups(tmp_path / "none.csv", data)
