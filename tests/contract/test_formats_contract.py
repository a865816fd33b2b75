"""What every format promises, checked for each of them in the same words."""

from __future__ import annotations

import difflib
import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from converters import registry
from converters.errors import FormatError, NotADatasetError
from converters.formats.base import Codec, LoadOptions
from converters.model import AnnotatedImage, Box, Dataset, Split
from converters.report import Report

CLASSES = ("mask", "no mask & <chin>", "маска")
SIZE = (400, 300)


@pytest.fixture(params=list(registry.FORMATS))
def codec(request: pytest.FixtureRequest) -> Codec:
    return registry.FORMATS[request.param]


@pytest.fixture
def source(tmp_path: Path) -> Dataset:
    """A set in memory: boxes, none, not labelled, odd names."""
    folder = tmp_path / "source"
    folder.mkdir()
    boxes = (
        Box((10.0, 20.0, 110.0, 120.0), CLASSES[0]),
        Box((0.0, 0.0, 400.0, 300.0), CLASSES[1]),
        Box((250.0, 60.5, 300.25, 90.0), CLASSES[2]),
    )
    images = []
    for name, content, labelled in (
        ("a1", boxes, True),
        ("a2", (), True),
        ("a10 with space", boxes[:1], True),
        ("лицо#1", boxes[1:2], True),
        ("unlabelled", (), False),
    ):
        path = folder / f"{name}.png"
        Image.new("RGB", SIZE, (len(images), 9, 9)).save(path)
        images.append(AnnotatedImage(name, path, SIZE, content, None, None, labelled))
    return Dataset(folder, "memory", tuple(images), CLASSES)


@pytest.fixture
def saved(codec: Codec, source: Dataset, tmp_path: Path) -> Path:
    root = tmp_path / "saved"
    root.mkdir()
    report = Report()
    codec.save(source, root, report)
    assert report.summary() == "no findings"
    return root


def fingerprint(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def load(codec: Codec, root: Path, **options: object) -> tuple[Dataset, Report]:
    report = Report()
    return codec.load(root, report, LoadOptions(**options)), report  # type: ignore[arg-type]


def image_of(dataset: Dataset, stem: str) -> AnnotatedImage:
    return next(image for image in dataset if image.path.stem == stem)


def changed_lines(before: bytes, after: bytes) -> tuple[list[str], list[str]]:
    """Lines that were taken out, lines that came in."""
    lines = list(
        difflib.ndiff(before.decode().splitlines(keepends=True), after.decode().splitlines(keepends=True))
    )
    return [x[2:] for x in lines if x.startswith("- ")], [x[2:] for x in lines if x.startswith("+ ")]


def test_what_was_saved_is_what_is_loaded(codec: Codec, source: Dataset, saved: Path) -> None:
    loaded, report = load(codec, saved)

    assert [issue.code for issue in report] == ["image-without-label"]
    assert loaded.class_names == source.class_names
    assert len(loaded) == len(source)
    for image in source:
        again = image_of(loaded, image.path.stem)
        assert (again.size, again.labelled, len(again.boxes)) == (
            image.size,
            image.labelled,
            len(image.boxes),
        )
        for box, expected in zip(again.boxes, image.boxes, strict=True):
            assert box.label == expected.label
            assert box.xyxy == pytest.approx(expected.xyxy, abs=0.5e-3)
        assert again.path.read_bytes() == image.path.read_bytes()


def test_it_recognises_what_it_wrote(codec: Codec, saved: Path) -> None:
    assert codec.detect(saved)
    assert registry.detect(saved) is codec


def test_images_come_in_natural_order_with_keys_relative_to_the_root(codec: Codec, saved: Path) -> None:
    loaded, _ = load(codec, saved)
    stems = [image.path.stem for image in loaded]
    assert stems[:3] == ["a1", "a2", "a10 with space"]
    for image in loaded:
        assert image.path == saved / f"{image.key}.png"


def test_second_save_writes_the_same_bytes(codec: Codec, saved: Path, tmp_path: Path) -> None:
    loaded, _ = load(codec, saved)
    other = tmp_path / "other"
    other.mkdir()
    codec.save(loaded, other, Report())
    assert fingerprint(other) == fingerprint(saved)

    without_base = replace(
        loaded, format="memory", images=tuple(replace(image, annotation=None) for image in loaded)
    )
    third = tmp_path / "third"
    third.mkdir()
    codec.save(without_base, third, Report())
    assert fingerprint(third) == fingerprint(saved)


def test_saving_in_its_own_folder_changes_nothing(codec: Codec, saved: Path) -> None:
    before = fingerprint(saved)
    times = {path: path.stat().st_mtime_ns for path in saved.rglob("*")}
    loaded, _ = load(codec, saved)
    codec.save(loaded, saved, Report())
    assert fingerprint(saved) == before
    assert {path: path.stat().st_mtime_ns for path in saved.rglob("*")} == times


def test_loading_changes_no_file(codec: Codec, saved: Path) -> None:
    before = fingerprint(saved)
    load(codec, saved)
    assert fingerprint(saved) == before


def test_unedited_label_files_come_out_byte_for_byte(codec: Codec, saved: Path) -> None:
    loaded, _ = load(codec, saved)
    for image in loaded:
        if image.labelled:
            base = image.annotation.read_bytes()
            assert codec.render(image, loaded.class_names, base) == base


def test_editing_a_box_changes_only_its_lines(codec: Codec, saved: Path) -> None:
    loaded, _ = load(codec, saved)
    image = image_of(loaded, "a1")
    base = image.annotation.read_bytes()
    boxes = list(image.boxes)
    boxes[1] = boxes[1].moved_to((5.0, 0.0, 400.0, 300.0))

    gone, come = changed_lines(base, codec.render(image.with_boxes(tuple(boxes)), loaded.class_names, base))

    assert len(gone) == len(come) == 1
    assert boxes[1].label not in gone[0]


def test_deleting_and_undoing_gives_the_original(codec: Codec, saved: Path) -> None:
    loaded, _ = load(codec, saved)
    image = image_of(loaded, "a1")
    base = image.annotation.read_bytes()

    without = codec.render(image.with_boxes(image.boxes[::2]), loaded.class_names, base)
    gone, come = changed_lines(base, without)

    assert gone and not come
    assert codec.render(image, loaded.class_names, base) == base


def test_every_subset_of_boxes_reads_back(codec: Codec, saved: Path) -> None:
    loaded, _ = load(codec, saved)
    image = image_of(loaded, "a1")
    base = image.annotation.read_bytes()
    extra = Box((1.0, 2.0, 33.0, 44.0), CLASSES[0])
    for chosen in range(8):
        boxes = tuple(box for number, box in enumerate(image.boxes) if chosen >> number & 1)
        for wanted in (boxes, (*boxes, extra), (*boxes, extra, *(box for box in boxes[:1]))):
            image.annotation.write_bytes(codec.render(image.with_boxes(wanted), loaded.class_names, base))
            again, report = load(codec, saved)
            assert not report.errors
            got = image_of(again, "a1").boxes
            assert [box.label for box in got] == [box.label for box in wanted]
            for box, expected in zip(got, wanted, strict=True):
                assert box.xyxy == pytest.approx(expected.xyxy, abs=0.5e-3)


def test_relabelling_survives(codec: Codec, saved: Path) -> None:
    loaded, _ = load(codec, saved)
    image = image_of(loaded, "a1")
    base = image.annotation.read_bytes()
    boxes = tuple(box.relabelled(CLASSES[2]) for box in image.boxes)
    image.annotation.write_bytes(codec.render(image.with_boxes(boxes), loaded.class_names, base))
    again, _ = load(codec, saved)
    assert {box.label for box in image_of(again, "a1").boxes} == {CLASSES[2]}


def test_another_class_order_keeps_every_label(codec: Codec, saved: Path) -> None:
    loaded, _ = load(codec, saved)
    codec.save(replace(loaded, class_names=CLASSES[::-1]), saved, Report())
    again, report = load(codec, saved)
    assert not report.errors
    assert again.class_names == CLASSES[::-1]
    for image in loaded:
        assert image_of(again, image.path.stem).boxes == image.boxes


def test_a_class_can_be_appended(codec: Codec, saved: Path) -> None:
    loaded, _ = load(codec, saved)
    codec.write_class_names(saved, (*CLASSES, "new"))
    again, _ = load(codec, saved)
    assert again.class_names == (*CLASSES, "new")
    assert [image.boxes for image in again] == [image.boxes for image in loaded]


def test_splits_survive(codec: Codec, source: Dataset, tmp_path: Path) -> None:
    splits = (Split.TRAIN, Split.TRAIN, Split.VAL, Split.TEST, None)
    images = tuple(replace(image, split=split) for image, split in zip(source, splits, strict=True))
    root = tmp_path / "split"
    root.mkdir()
    codec.save(replace(source, images=images), root, Report())
    loaded, report = load(codec, root)
    assert not report.errors
    assert [image_of(loaded, image.path.stem).split for image in images] == list(splits)


def test_subfolders_with_equal_names_stay_apart(codec: Codec, source: Dataset, tmp_path: Path) -> None:
    first, second = source.images[0], source.images[2]
    images = (replace(first, key="one/images/x"), replace(second, key="two/images/x"))
    root = tmp_path / "sub"
    root.mkdir()
    codec.save(replace(source, images=images), root, Report())
    loaded, report = load(codec, root)
    assert not report.errors
    assert [len(image.boxes) for image in loaded] == [3, 1]


def test_label_path_is_where_loading_says(codec: Codec, saved: Path) -> None:
    loaded, _ = load(codec, saved)
    for image in loaded:
        assert codec.label_path(image.path, saved) == image.annotation


def test_pinned_classes_refuse_others(codec: Codec, saved: Path) -> None:
    loaded, report = load(codec, saved, class_names=CLASSES[:2])
    assert [issue.code for issue in report.errors] == ["unknown-class"]
    assert "1 box in 1 file" in report.errors[0].message
    assert report.errors[0].line is not None
    assert "a1" not in {image.path.stem for image in loaded}
    assert loaded.class_names == CLASSES[:2]

    loaded, report = load(codec, saved, class_names=CLASSES[:2], drop_unknown=True)
    assert not report.errors
    assert len(image_of(loaded, "a1").boxes) == 2


def test_a_label_that_is_no_class_is_not_written(codec: Codec, source: Dataset) -> None:
    image = source.images[0].with_boxes((Box((1.0, 1.0, 9.0, 9.0), "helmet"),))
    with pytest.raises(FormatError, match="helmet"):
        codec.render(image, CLASSES, None)


def test_unreadable_pictures_and_labels_are_reported_and_the_others_load(codec: Codec, saved: Path) -> None:
    loaded, _ = load(codec, saved)
    broken = image_of(loaded, "a1").path
    broken.unlink()  # a hard link of the source's
    broken.write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    huge = image_of(loaded, "a10 with space").annotation
    os.truncate(huge, 3 << 30)
    again, report = load(codec, saved)
    assert {(issue.path.name, issue.code) for issue in report.errors} == {
        (broken.name, "image-unreadable"),
        (huge.name, "too-large"),
    }
    assert [image.path.stem for image in again] == ["a2", "unlabelled", "лицо#1"]


def test_pipes_and_broken_links_do_not_hang(codec: Codec, saved: Path) -> None:
    loaded, _ = load(codec, saved)
    image = image_of(loaded, "a1")
    image.annotation.unlink()
    os.mkfifo(image.annotation)
    os.mkfifo(image.path.with_name("pipe.png"))
    image.path.with_name("nowhere.png").symlink_to("nothing.png")
    (image.path.parent / "folder.png").mkdir()
    again, report = load(codec, saved)
    assert {(issue.path.name, issue.code) for issue in report.errors} == {
        (image.annotation.name, "unreadable"),
        ("pipe.png", "image-unreadable"),
        ("nowhere.png", "image-missing"),
    }
    assert len(again) == 4


def test_two_pictures_of_one_name(codec: Codec, saved: Path) -> None:
    loaded, _ = load(codec, saved)
    picture = image_of(loaded, "a2").path
    Image.new("RGB", SIZE).save(picture.with_suffix(".jpg"))
    again, report = load(codec, saved)
    (issue,) = report.errors
    assert issue.code == "same-name"
    assert "a2.jpg" in issue.message and issue.path == picture
    assert image_of(again, "a2").path.suffix == ".jpg"


def test_fail_fast_raises_the_first(codec: Codec, saved: Path) -> None:
    loaded, _ = load(codec, saved)
    image_of(loaded, "a1").annotation.write_bytes(b"\xff rubbish")
    with pytest.raises(FormatError) as raised:
        codec.load(saved, Report(fail_fast=True))
    assert raised.value.line == 1
    assert raised.value.path == image_of(loaded, "a1").annotation


def test_no_pictures_is_no_set(codec: Codec, tmp_path: Path) -> None:
    with pytest.raises(NotADatasetError):
        codec.load(tmp_path, Report())


def test_progress_can_cancel(codec: Codec, saved: Path) -> None:
    class StoppedError(Exception):
        pass

    seen: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        load(codec, saved, on_progress=stop)
    assert seen == [(0, 5), (1, 5), (2, 5)]
