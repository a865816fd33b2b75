from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from converters.errors import FormatError
from converters.formats.base import LoadOptions
from converters.formats.yolo import YoloCodec
from converters.formats.yolo_numbers import MAX_ERROR_PX, decimals_for, line_numbers
from converters.geometry import from_normalised
from converters.model import AnnotatedImage, Box, Dataset, Split
from converters.report import Report
from converters.work import SplitRow, WorkFolder, write_split

CODEC = YoloCodec()
CLASSES = ("mask", "no_mask", "chin")


def picture(path: Path, size: tuple[int, int] = (100, 80)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)
    return path


def load(root: Path, **options: object) -> tuple[Dataset, Report]:
    report = Report()
    return CODEC.load(root, report, LoadOptions(**options)), report  # type: ignore[arg-type]


def image(*boxes: Box, size: tuple[int, int] = (100, 80)) -> AnnotatedImage:
    return AnnotatedImage("obj/x", Path("obj/x.png"), size, boxes)


# --- numbers --------------------------------------------------------------------------------------


@st.composite
def box_in_picture(draw: st.DrawFn) -> tuple[tuple[int, int], tuple[float, float, float, float]]:
    size = draw(st.tuples(*[st.one_of(st.integers(1, 3000), st.integers(3000, 40_000))] * 2))
    edges = []
    for side in size:
        whole = st.integers(0, side).map(float)
        low, high = sorted(draw(st.tuples(*[st.one_of(whole, st.floats(0, side, allow_nan=False))] * 2)))
        edges.append((low, high))
    (x1, x2), (y1, y2) = edges
    assume(x2 > x1 and y2 > y1)
    return size, (x1, y1, x2, y2)


@settings(max_examples=200, deadline=None)
@given(box_in_picture())
def test_numbers_read_back_within_the_limit_inside_and_stable(
    case: tuple[tuple[int, int], tuple[float, float, float, float]],
) -> None:
    size, xyxy = case
    text = line_numbers(xyxy, size)
    numbers = tuple(float(part) for part in text.split())
    assert len(numbers) == 4 and all(0 <= number <= 1 for number in numbers)
    again = from_normalised(numbers, size)  # type: ignore[arg-type]
    assert again[2] > again[0] and again[3] > again[1]
    for got, wanted in zip(again, xyxy, strict=True):
        # A box thinner than the last decimal is widened to one unit of it; the next test has real boxes.
        assert abs(got - wanted) <= MAX_ERROR_PX * 2
    noise = 1e-9 * max(size)
    assert min(again[:2]) >= -noise and again[2] <= size[0] + noise and again[3] <= size[1] + noise
    clipped = (max(again[0], 0.0), max(again[1], 0.0), min(again[2], size[0]), min(again[3], size[1]))
    assert line_numbers(clipped, size) == text


@settings(max_examples=100, deadline=None)
@given(box_in_picture())
def test_boxes_of_a_pixel_keep_the_limit(
    case: tuple[tuple[int, int], tuple[float, float, float, float]],
) -> None:
    size, xyxy = case
    assume(xyxy[2] - xyxy[0] >= 0.01 and xyxy[3] - xyxy[1] >= 0.01)
    numbers = tuple(float(part) for part in line_numbers(xyxy, size).split())
    again = from_normalised(numbers, size)  # type: ignore[arg-type]
    assert max(abs(a - b) for a, b in zip(again, xyxy, strict=True)) <= MAX_ERROR_PX * (1 + 1e-6)


def test_six_decimals_unless_the_picture_is_large() -> None:
    assert line_numbers((10.0, 20.0, 110.0, 120.0), (400, 300)) == "0.150000 0.233333 0.250000 0.333333"
    assert [decimals_for((side, 10)) for side in (400, 666, 667, 6666, 6667)] == [6, 6, 7, 7, 8]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_edit_of_any_file(data: st.DataObject) -> None:
    centre = st.integers(300_000, 600_000).map(lambda v: f"{v / 1e6:g}")
    extent = st.integers(100_000, 300_000).map(lambda v: f"{v / 1e6:g}")
    line = st.builds(
        lambda i, values, gap, tail: f"{i}{gap}" + gap.join(values) + tail,
        st.integers(0, 2),
        st.tuples(centre, centre, extent, extent),
        st.sampled_from([" ", "\t", "  "]),
        st.sampled_from(["", " ", "\t "]),
    )
    lines = data.draw(st.lists(st.one_of(line, st.sampled_from(["", "  "])), max_size=5))
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    base = (end.join(lines) + data.draw(st.sampled_from(["", end]))).encode()
    old = _boxes_of(base)
    assert CODEC.render(image(*old), CLASSES, base) == base

    kept = [box for box in old if data.draw(st.booleans())]
    moved = [box.moved_to((1.0, 2.0, 3.0, 4.0)) if data.draw(st.booleans()) else box for box in kept]
    wanted = (*moved, *[Box((5.0, 6.0, 7.0, 8.0), "chin")] * data.draw(st.integers(0, 2)))
    out = CODEC.render(image(*wanted), CLASSES, base)

    got = _boxes_of(out)
    assert [box.label for box in got] == [box.label for box in wanted]
    for box, expected in zip(got, wanted, strict=True):
        assert box.xyxy == pytest.approx(expected.xyxy, abs=MAX_ERROR_PX)
    raw = base.splitlines(keepends=True)
    for before, after in zip(kept, moved, strict=True):
        if before is after and before.origin is not None:
            assert raw[before.origin].rstrip(b"\r\n") in out.splitlines()
    assert CODEC.render(image(*got), CLASSES, out) == out


def _boxes_of(data: bytes) -> tuple[Box, ...]:
    from converters.formats.yolo_lines import read_lines

    lines = read_lines(data.splitlines(keepends=True), (100, 80), CLASSES)
    return tuple(Box(line.xyxy, CLASSES[line.class_id], origin=index) for index, line in lines.items())


# --- rendering ------------------------------------------------------------------------------------

BASE = b"0 .5 .5 .2 .3  \r\n\r\n\t1\t.25 .25 .1 .1\r\n2 .1 .1 .1 .1"


def test_edits_touch_their_line_only() -> None:
    a, b, c = _boxes_of(BASE)
    assert [box.origin for box in (a, b, c)] == [0, 2, 3]
    out = CODEC.render(image(a, b.relabelled("chin"), c), CLASSES, BASE)
    assert out == BASE.replace(b"\t1\t.25 .25 .1 .1", b"2 0.250000 0.250000 0.100000 0.100000")
    out = CODEC.render(image(a, c), CLASSES, BASE)
    assert out == BASE.replace(b"\t1\t.25 .25 .1 .1\r\n", b"")
    out = CODEC.render(image(a, b, c, b, Box((0.0, 0.0, 100.0, 80.0), "mask")), CLASSES, BASE)
    assert out == (
        BASE + b"\r\n1 0.250000 0.250000 0.100000 0.100000\r\n0 0.500000 0.500000 1.000000 1.000000\r\n"
    )
    assert CODEC.render(image(), CLASSES, BASE) == b"\r\n"


def test_new_file() -> None:
    assert CODEC.render(image(), CLASSES, None) == b""
    box = Box((-5.0, 10.0, 50.0, 90.0), "chin")
    assert CODEC.render(image(box), CLASSES, None) == b"2 0.250000 0.562500 0.500000 0.875000\n"
    with pytest.raises(FormatError) as raised:
        CODEC.render(image(Box((-5.0, 10.0, 0.0, 90.0), "chin")), CLASSES, None)
    assert raised.value.code == "box-empty"


def test_an_edited_prediction_keeps_its_confidence(tmp_path: Path) -> None:
    picture(tmp_path / "x.png")
    (tmp_path / "obj.names").write_text("mask\n")
    base = b"0 .5 .5 .2 .2 0.875\n0 .2 .2 .1 .1 0.5\n"
    (tmp_path / "x.txt").write_bytes(base)
    dataset, report = load(tmp_path, allow_confidence=True)
    assert not len(report)
    first, second = dataset.images[0].boxes
    assert (first.confidence, second.confidence) == (0.875, 0.5)
    moved = replace(dataset.images[0], boxes=(first.moved_to((0.0, 0.0, 10.0, 8.0)),))
    assert CODEC.render(moved, ("mask",), base) == b"0 0.050000 0.050000 0.100000 0.100000 0.875\n"
    (tmp_path / "x.txt").write_bytes(b"0 .5 .5 .2 .2 1.5\n")
    assert [issue.code for issue in load(tmp_path, allow_confidence=True)[1]] == ["bad-confidence"]


# --- layouts --------------------------------------------------------------------------------------


def test_cvat_export(tmp_path: Path) -> None:
    for name in ("a", "b"):
        picture(tmp_path / "obj_train_data" / f"{name}.PNG")
        (tmp_path / "obj_train_data" / f"{name}.txt").write_text("1 0.5 0.5 0.2 0.2\n")
    (tmp_path / "obj.names").write_text("mask\nno_mask\n")
    (tmp_path / "obj.data").write_text("classes = 2\ntrain = data/train.txt\n")
    (tmp_path / "train.txt").write_text("data/obj_train_data/a.PNG\n/gone/missing.png\n")
    (tmp_path / "valid.txt").write_text("data/obj_train_data/b.PNG\ndata/obj_train_data/a.PNG\n")
    dataset, report = load(tmp_path)
    assert dataset.class_names == ("mask", "no_mask")
    assert [image.split for image in dataset] == [Split.TRAIN, Split.VAL]
    assert [(issue.code, issue.line) for issue in report] == [
        ("listed-image-missing", 2),
        ("in-two-splits", 2),
    ]


def test_work_folder_reads_obj_and_split_csv_only(tmp_path: Path) -> None:
    for name in ("obj/a.png", "obj/b.png", "augmented/a_1.png", "runs/1/chart.png", "stray.png"):
        picture(tmp_path / name)
    for name in ("obj/a.txt", "obj/b.txt", "augmented/a_1.txt"):
        (tmp_path / name).write_text("0 0.5 0.5 0.2 0.2\n")
    (tmp_path / "obj.names").write_text("mask\n")
    (tmp_path / "train.txt").write_text("obj/a.png\naugmented/a_1.png\n")
    rows = [("obj/a.png", Split.TRAIN), ("obj/b.png", Split.TEST), ("obj/gone.png", Split.VAL)]
    write_split(WorkFolder(tmp_path), [SplitRow(name, split) for name, split in rows])
    dataset, report = load(tmp_path)
    assert [(image.key, image.split) for image in dataset] == [("obj/a", "train"), ("obj/b", "test")]
    assert [issue.code for issue in report] == ["listed-image-missing"]


def test_images_and_labels_folders_with_splits(tmp_path: Path) -> None:
    for split in ("train", "val"):
        picture(tmp_path / "images" / split / "x.jpg")
        (tmp_path / "labels" / split).mkdir(parents=True)
        (tmp_path / "labels" / split / "x.txt").write_text("0 0.5 0.5 0.2 0.2\n" * (1 + (split == "val")))
    picture(tmp_path / "images" / "train" / "new.jpg")
    (tmp_path / "classes.txt").write_text("mask\n")
    dataset, report = load(tmp_path)
    assert [(image.key, len(image.boxes), image.split) for image in dataset] == [
        ("images/train/new", 0, "train"),
        ("images/train/x", 1, "train"),
        ("images/val/x", 2, "val"),
    ]
    assert dataset.images[0].annotation == tmp_path / "labels" / "train" / "new.txt"
    assert [issue.code for issue in report] == ["image-without-label"]


def test_roboflow_darknet(tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        picture(tmp_path / split / "x.jpg")
        (tmp_path / split / "x.txt").write_text("1 0.5 0.5 0.2 0.2\n")
        (tmp_path / split / "_darknet.labels").write_text("a\nb\n")
    dataset, report = load(tmp_path)
    assert not len(report)
    assert dataset.class_names == ("a", "b")
    assert {image.split for image in dataset} == set(Split)
    (tmp_path / "valid" / "_darknet.labels").write_text("b\na\n")
    assert [issue.code for issue in load(tmp_path)[1]] == ["names-differ"]


def test_without_a_names_file_ids_are_the_names(tmp_path: Path) -> None:
    picture(tmp_path / "x.png")
    (tmp_path / "x.txt").write_text("3 0.5 0.5 0.2 0.2\n0 0.5 0.5 0.2 0.2\n")
    dataset, report = load(tmp_path)
    assert [issue.code for issue in report] == ["no-names-file"]
    assert dataset.class_names == ("0", "1", "2", "3")
    assert [box.label for box in dataset.images[0].boxes] == ["3", "0"]
    CODEC.save(dataset, tmp_path, Report())
    assert not (tmp_path / "obj.names").exists()

    dataset, report = load(tmp_path, class_names=("a", "b", "c", "d"))
    assert not len(report)
    assert [box.label for box in dataset.images[0].boxes] == ["d", "a"]

    (tmp_path / "x.txt").write_text("123456 0.5 0.5 0.2 0.2\n")
    assert [issue.code for issue in load(tmp_path)[1].errors] == ["unknown-class"]


def test_losses_are_said(tmp_path: Path) -> None:
    path = picture(tmp_path / "source" / "x.png")
    box = Box((1.0, 2.0, 3.0, 4.0), "mask", 0.5, frozenset({"difficult"}))
    report = Report()
    (tmp_path / "out").mkdir()
    dataset = Dataset(path.parent, "voc", (AnnotatedImage("x", path, (100, 80), (box,)),), CLASSES)
    CODEC.save(dataset, tmp_path / "out", report)
    assert [issue.code for issue in report] == ["loses", "loses"]
    assert (tmp_path / "out/obj/x.txt").read_bytes().count(b" ") == 4


def test_errors_of_saving_name_the_file(tmp_path: Path) -> None:
    path = picture(tmp_path / "source" / "x.png")
    (tmp_path / "out").mkdir()
    bad = AnnotatedImage("x", path, (100, 80), (Box((1.0, 2.0, 3.0, 4.0), "helmet"),))
    with pytest.raises(FormatError) as raised:
        CODEC.save(Dataset(path.parent, "voc", (bad,), CLASSES), tmp_path / "out", Report())
    assert raised.value.path == tmp_path / "out" / "obj" / "x.txt"
    for name in ("a\nb", " ", "a "):
        with pytest.raises(FormatError) as raised:
            CODEC.save(
                Dataset(path.parent, "voc", (replace(bad, boxes=()),), (name,)), tmp_path / "out", Report()
            )
        assert raised.value.code == "bad-label"


def test_saving_overwrites_no_other_picture(tmp_path: Path) -> None:
    path = picture(tmp_path / "source" / "x.png")
    other = picture(tmp_path / "out" / "obj" / "x.png", (5, 5))
    before = other.read_bytes()
    dataset = Dataset(path.parent, "voc", (AnnotatedImage("x", path, (100, 80)),), CLASSES)
    with pytest.raises(Exception, match="already"):
        CODEC.save(dataset, tmp_path / "out", Report())
    assert other.read_bytes() == before
