"""What CVAT and Label Studio promise beside the promises of every format: edits of one large file."""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from converters.errors import FormatError
from converters.formats.base import LoadOptions, SharedCodec
from converters.formats.cvat import CvatCodec
from converters.formats.label_studio import LabelStudioCodec
from converters.model import AnnotatedImage, Box, Dataset, Split
from converters.report import Report

CLASSES = ("mask", "no mask & <chin>", "маска")
SIZE = (400, 300)
BOXES = (
    Box((10.0, 20.0, 110.0, 120.0), CLASSES[0], None, frozenset({"difficult", "occluded"})),
    Box((0.0, 0.0, 400.0, 300.0), CLASSES[1]),
    Box((250.125, 60.5, 300.25, 90.0), CLASSES[2], None, frozenset({"crowd"})),
)


@pytest.fixture(params=[CvatCodec(), LabelStudioCodec()], ids=lambda codec: codec.name)
def codec(request: pytest.FixtureRequest) -> SharedCodec:
    return request.param


@pytest.fixture
def saved(codec: SharedCodec, tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    images = []
    for name, boxes, labelled in (
        ("a b%20c", BOXES, True),
        ("empty", (), True),
        ("sub/x", BOXES[:1], True),
        ("new", (), False),
    ):
        path = folder / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", SIZE, (len(images), 9, 9)).save(path)
        images.append(AnnotatedImage(name, path, SIZE, boxes, None, None, labelled))
    root = tmp_path / "saved"
    root.mkdir()
    report = Report()
    codec.save(Dataset(folder, "memory", tuple(images), CLASSES), root, report)
    assert not len(report)
    return root


def load(codec: SharedCodec, root: Path, **options: object) -> tuple[Dataset, Report]:
    report = Report()
    return codec.load(root, report, LoadOptions(**options)), report  # type: ignore[arg-type]


def label_file(dataset: Dataset) -> Path:
    (path,) = {image.annotation for image in dataset}
    assert path is not None
    return path


def with_image(dataset: Dataset, image: AnnotatedImage) -> tuple[AnnotatedImage, ...]:
    return tuple(image if other.key == image.key else other for other in dataset)


def rendered(codec: SharedCodec, dataset: Dataset, image: AnnotatedImage, base: bytes) -> bytes:
    path = label_file(dataset)
    return codec.render_file(path, with_image(dataset, image), dataset.class_names, base)


def test_boxes_flags_and_classes_come_back(codec: SharedCodec, saved: Path) -> None:
    loaded, report = load(codec, saved)
    assert [issue.code for issue in report] == ["image-without-label"]
    assert loaded.class_names == CLASSES
    assert [(image.key, image.labelled) for image in loaded] == [
        ("images/a b%20c", True),
        ("images/empty", True),
        ("images/new", False),
        ("images/sub/x", True),
    ]
    for box, expected in zip(loaded.images[0].boxes, BOXES, strict=True):
        assert (box.label, box.flags) == (expected.label, expected.flags)
        assert box.xyxy == pytest.approx(expected.xyxy, abs=0.5e-3)
    origins = [box.origin for image in loaded for box in image.boxes]
    assert len(set(origins)) == len(origins) == 4
    lines = codec.entry_lines(label_file(loaded))
    assert all(lines[origin] > 1 for origin in origins if origin is not None)


def test_nothing_edited_is_the_same_bytes_in_every_style(codec: SharedCodec, saved: Path) -> None:
    path = label_file(load(codec, saved)[0])
    text = path.read_bytes()
    for data in (
        text,
        text.replace(b"\n", b"\r\n"),
        b"\n".join(line.strip() for line in text.splitlines()),
        b"\xef\xbb\xbf" + text,
    ):
        path.write_bytes(data)
        loaded, report = load(codec, saved)
        assert not report.errors
        assert codec.render_file(path, loaded.images, loaded.class_names, data) == data
        first = loaded.images[0]
        edited = first.with_boxes((first.boxes[0], *first.boxes[2:], Box((1.0, 2.0, 3.0, 4.0), CLASSES[0])))
        path.write_bytes(rendered(codec, loaded, edited, data))
        again, report = load(codec, saved)
        assert not report.errors
        got = again.images[0].boxes
        assert [(b.label, b.xyxy) for b in got] == [(b.label, b.xyxy) for b in edited.boxes]


def test_an_edit_touches_its_lines_only(codec: SharedCodec, saved: Path) -> None:
    loaded, _ = load(codec, saved)
    base = label_file(loaded).read_bytes()
    first = loaded.images[0]
    moved = first.boxes[1].moved_to((5.0, 0.0, 400.0, 300.0))
    new = rendered(codec, loaded, first.with_boxes((first.boxes[0], moved, first.boxes[2])), base)
    lines = list(difflib.ndiff(base.decode().splitlines(), new.decode().splitlines()))
    gone, come = ([x for x in lines if x.startswith(sign)] for sign in ("- ", "+ "))
    assert len(gone) == len(come) <= 2

    without = rendered(codec, loaded, first.with_boxes(first.boxes[::2]), base)
    lines = list(difflib.ndiff(base.decode().splitlines(), without.decode().splitlines()))
    assert not [x for x in lines if x.startswith("+ ")] and without != base
    assert rendered(codec, loaded, first, base) == base


def test_every_subset_of_boxes_reads_back(codec: SharedCodec, saved: Path) -> None:
    loaded, _ = load(codec, saved)
    path = label_file(loaded)
    base = path.read_bytes()
    extra = Box((1.0, 2.0, 33.0, 44.0), CLASSES[0], None, frozenset({"truncated"}))
    for image in (loaded.images[0], loaded.images[1], loaded.images[2]):
        for chosen in range(2 ** len(image.boxes)):
            boxes = tuple(box for number, box in enumerate(image.boxes) if chosen >> number & 1)
            for wanted in (boxes, (*boxes, extra), (*boxes, extra, *boxes[:1])):
                path.write_bytes(rendered(codec, loaded, image.with_boxes(wanted), base))
                again, report = load(codec, saved)
                assert not report.errors
                got = next(i for i in again if i.key == image.key).boxes
                assert [(b.label, b.flags) for b in got] == [(b.label, b.flags) for b in wanted]
                for box, expected in zip(got, wanted, strict=True):
                    assert box.xyxy == pytest.approx(expected.xyxy, abs=0.5e-3)
                others = [i for i in again if i.key != image.key]
                assert others == [i for i in loaded if i.key != image.key]
    path.write_bytes(base)


@pytest.mark.parametrize("flag", ["difficult", "truncated", "occluded", "crowd"])
def test_flags_and_classes_can_be_changed(codec: SharedCodec, saved: Path, flag: str) -> None:
    loaded, _ = load(codec, saved)
    path = label_file(loaded)
    image = loaded.images[0]
    boxes = tuple(
        replace(box, flags=box.flags ^ {flag}, label=CLASSES[(place + 1) % 3])
        for place, box in enumerate(image.boxes)
    )
    base = path.read_bytes()
    path.write_bytes(rendered(codec, loaded, image.with_boxes(boxes), base))
    again, report = load(codec, saved)
    assert not report.errors
    assert [(b.label, b.flags, b.xyxy) for b in again.images[0].boxes] == [
        (b.label, b.flags, b.xyxy) for b in boxes
    ]


def test_refused_entries_stay_where_they_are(codec: SharedCodec, saved: Path) -> None:
    path = label_file(load(codec, saved)[0])
    base = path.read_bytes()
    numbers = {"cvat": (b'xtl="250.125"', b'xtl="x250"'), "label-studio": (b": 62.53125", b": null")}
    bad = base.replace(*numbers[codec.name])
    assert bad != base
    path.write_bytes(bad)
    loaded, report = load(codec, saved)
    (issue,) = report.errors
    assert (issue.code, issue.key) == ("bad-number", "images/a b%20c") and (issue.line or 0) > 1
    assert "images/a b%20c" not in {image.key for image in loaded}
    # The image that was refused is not in the set, and an edit of another leaves it alone.
    other = next(image for image in loaded if image.key == "images/sub/x")
    out = rendered(codec, loaded, other.with_boxes(()), bad)
    assert numbers[codec.name][1] in out

    loaded, _ = load(codec, saved, keep_good=True)
    first = loaded.images[0]
    assert len(first.boxes) == 2
    out = rendered(codec, loaded, first.with_boxes(first.boxes[:1]), bad)
    assert numbers[codec.name][1] in out and out != bad


def test_a_set_is_carried_to_another_place(codec: SharedCodec, saved: Path, tmp_path: Path) -> None:
    loaded, _ = load(codec, saved)
    kept = tuple(image for image in loaded if image.key != "images/empty")
    target = tmp_path / "other"
    target.mkdir()
    codec.save(replace(loaded, images=kept), target, Report())
    again, report = load(codec, target)
    assert not report.errors
    assert [(i.path.name, i.boxes, i.labelled) for i in again] == [
        (i.path.name, i.boxes, i.labelled) for i in kept
    ]
    assert b"empty" not in label_file(again).read_bytes()


def test_splits_are_in_the_files(codec: SharedCodec, saved: Path, tmp_path: Path) -> None:
    loaded, _ = load(codec, saved)
    splits = (Split.TRAIN, Split.VAL, None, Split.TEST)
    images = tuple(replace(image, split=split) for image, split in zip(loaded, splits, strict=True))
    target = tmp_path / "split"
    target.mkdir()
    codec.save(replace(loaded, images=images), target, Report())
    again, report = load(codec, target)
    assert not report.errors
    assert [image.split for image in again] == list(splits)
    assert [image.boxes for image in again] == [image.boxes for image in loaded]


def test_a_label_that_is_no_class_is_not_written(codec: SharedCodec, saved: Path) -> None:
    loaded, _ = load(codec, saved)
    image = loaded.images[0].with_boxes((Box((1.0, 1.0, 9.0, 9.0), "helmet"),))
    for base in (None, label_file(loaded).read_bytes()):
        with pytest.raises(FormatError, match="helmet"):
            codec.render_file(label_file(loaded), with_image(loaded, image), CLASSES, base)


def test_a_box_without_area_is_not_written(codec: SharedCodec, saved: Path) -> None:
    loaded, _ = load(codec, saved)
    image = loaded.images[0].with_boxes((Box((1.0, 1.0, 1.0 + 1e-9, 9.0), CLASSES[0]),))
    with pytest.raises(FormatError) as raised:
        codec.render_file(label_file(loaded), with_image(loaded, image), CLASSES, None)
    assert raised.value.code == "box-empty"


def test_a_huge_file_is_refused_unread(codec: SharedCodec, saved: Path) -> None:
    path = label_file(load(codec, saved)[0])
    with path.open("r+b") as file:
        file.truncate(3 << 30)
    loaded, report = load(codec, saved)
    assert [issue.code for issue in report.errors] == ["too-large"]
    assert not loaded.images
