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
from converters.formats.base import Codec, ImageCodec, LoadOptions, SharedCodec
from converters.model import AnnotatedImage, Box, Dataset, Split
from converters.report import Report

CLASSES = ("mask", "no mask & <chin>", "маска")
SIZE = (400, 300)

per_image = pytest.mark.parametrize(
    "codec", [name for name, codec in registry.FORMATS.items() if registry.is_per_image(codec)], indirect=True
)
shared = pytest.mark.parametrize(
    "codec", [name for name, codec in registry.FORMATS.items() if registry.is_shared(codec)], indirect=True
)


@pytest.fixture(params=list(registry.FORMATS))
def codec(request: pytest.FixtureRequest) -> Codec:
    return registry.FORMATS[request.param]


@pytest.fixture
def source(codec: Codec, tmp_path: Path) -> Dataset:
    """A set in memory: boxes, none, not labelled, odd names; predictions where a format holds only these."""
    folder = tmp_path / "source"
    folder.mkdir()
    boxes = (
        Box((10.0, 20.0, 110.0, 120.0), CLASSES[0]),
        Box((0.0, 0.0, 400.0, 300.0), CLASSES[1]),
        Box((250.0, 60.5, 300.25, 90.0), CLASSES[2]),
    )
    if codec.name == "coco-results":
        boxes = tuple(replace(box, confidence=0.25 + n / 7) for n, box in enumerate(boxes))
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
    # Ultralytics knows no set that is not divided.
    assert {issue.code for issue in report} <= {"not-split"}
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


def rendered(
    codec: Codec, dataset: Dataset, image: AnnotatedImage, boxes: tuple[Box, ...], base: bytes | None
) -> bytes:
    """The label file of an image with other boxes."""
    edited = image.with_boxes(boxes)
    if registry.is_per_image(codec):
        return codec.render(edited, dataset.class_names, base)
    assert registry.is_shared(codec) and image.annotation is not None
    images = [edited if other.key == image.key else other for other in dataset]
    same = [other for other in images if other.annotation == image.annotation]
    return codec.render_file(image.annotation, same, dataset.class_names, base)


def scored(codec: Codec, box: Box) -> Box:
    return replace(box, confidence=0.5) if codec.name == "coco-results" else box


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
            assert rendered(codec, loaded, image, image.boxes, base) == base


def test_editing_a_box_changes_only_its_lines(codec: Codec, saved: Path) -> None:
    loaded, _ = load(codec, saved)
    image = image_of(loaded, "a1")
    base = image.annotation.read_bytes()
    boxes = list(image.boxes)
    boxes[1] = boxes[1].moved_to((5.0, 0.0, 400.0, 300.0))

    gone, come = changed_lines(base, rendered(codec, loaded, image, tuple(boxes), base))

    assert len(gone) == len(come) == 1
    assert boxes[2].label not in gone[0]


def test_deleting_and_undoing_gives_the_original(codec: Codec, saved: Path) -> None:
    loaded, _ = load(codec, saved)
    image = image_of(loaded, "a1")
    base = image.annotation.read_bytes()

    without = rendered(codec, loaded, image, image.boxes[::2], base)
    gone, come = changed_lines(base, without)

    assert gone and not come
    assert rendered(codec, loaded, image, image.boxes, base) == base


def test_every_subset_of_boxes_reads_back(codec: Codec, saved: Path) -> None:
    loaded, _ = load(codec, saved)
    image = image_of(loaded, "a1")
    base = image.annotation.read_bytes()
    extra = scored(codec, Box((1.0, 2.0, 33.0, 44.0), CLASSES[0]))
    for chosen in range(8):
        boxes = tuple(box for number, box in enumerate(image.boxes) if chosen >> number & 1)
        for wanted in (boxes, (*boxes, extra), (*boxes, extra, *(box for box in boxes[:1]))):
            image.annotation.write_bytes(rendered(codec, loaded, image, wanted, base))
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
    image.annotation.write_bytes(rendered(codec, loaded, image, boxes, base))
    again, _ = load(codec, saved)
    assert {box.label for box in image_of(again, "a1").boxes} == {CLASSES[2]}


def test_another_class_order_keeps_every_label(codec: Codec, saved: Path) -> None:
    loaded, _ = load(codec, saved)
    if codec.name == "coco-results":
        with pytest.raises(FormatError, match="another order"):
            codec.save(replace(loaded, class_names=CLASSES[::-1]), saved, Report())
        return
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


@per_image
def test_label_path_is_where_loading_says(codec: ImageCodec, saved: Path) -> None:
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
    boxes = (scored(codec, Box((1.0, 1.0, 9.0, 9.0), "helmet")),)
    image = replace(source.images[0], annotation=source.root / "labels")
    with pytest.raises(FormatError, match="helmet"):
        rendered(codec, replace(source, images=(image,)), image, boxes, None)


@per_image
def test_unreadable_pictures_and_labels_are_reported_and_the_others_load(
    codec: ImageCodec, saved: Path
) -> None:
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


@per_image
def test_pipes_and_broken_links_do_not_hang(codec: ImageCodec, saved: Path) -> None:
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


@per_image
def test_two_pictures_of_one_name(codec: ImageCodec, saved: Path) -> None:
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
    label_file = image_of(loaded, "a1").annotation
    head, _, tail = label_file.read_bytes().partition(b"\n") if registry.is_shared(codec) else (b"", b"", b"")
    label_file.write_bytes(head + b"\xff rubbish\n" + tail)
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


# --- formats that keep many pictures in one file ----------------------------------------------------


def label_file_of(codec: Codec, root: Path) -> Path:
    loaded, _ = load(codec, root)
    path = image_of(loaded, "a1").annotation
    assert path is not None
    return path


@shared
def test_unreadable_pictures_of_a_shared_file(codec: SharedCodec, saved: Path) -> None:
    loaded, _ = load(codec, saved)
    broken = image_of(loaded, "a1").path
    broken.unlink()  # a hard link of the source's
    broken.write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    missing = image_of(loaded, "a10 with space").path
    missing.unlink()
    again, report = load(codec, saved)
    assert sorted(issue.code for issue in report.errors) == ["image-missing", "image-unreadable"]
    (issue,) = (issue for issue in report.errors if issue.code == "image-missing")
    assert missing.name in issue.message and issue.line is not None
    assert [image.path.stem for image in again] == ["a2", "unlabelled", "лицо#1"]


@shared
def test_a_shared_file_that_is_refused_as_a_whole(codec: SharedCodec, saved: Path) -> None:
    path = label_file_of(codec, saved)
    os.truncate(path, 3 << 30)
    again, report = load(codec, saved)
    assert [(issue.path, issue.code) for issue in report.errors] == [(path, "too-large")]
    assert not again.images, "a picture whose labels may be in there is not one without labels"

    path.unlink()
    os.mkfifo(path)
    again, report = load(codec, saved, labels=path)
    assert [(issue.path, issue.code) for issue in report.errors] == [(path, "unreadable")]


@shared
def test_all_pictures_missing_is_said_once(codec: SharedCodec, saved: Path) -> None:
    loaded, _ = load(codec, saved)
    for image in loaded:
        image.path.rename(image.path.with_stem(f"other {image.path.stem}"))
    _, report = load(codec, saved)
    (issue,) = report.errors
    assert issue.code == "image-missing" and "none of its 4 pictures" in issue.message
    assert "--images" in issue.hint


@shared
def test_pictures_in_another_folder(codec: SharedCodec, saved: Path, tmp_path: Path) -> None:
    loaded, _ = load(codec, saved)
    elsewhere = tmp_path / "elsewhere" / "deep"
    elsewhere.parent.mkdir()
    image_of(loaded, "a1").path.parent.rename(elsewhere)
    again, report = load(codec, saved, images=elsewhere.parent)
    assert not report.errors
    assert [image.boxes for image in again] == [image.boxes for image in loaded]
    assert image_of(again, "a1").path == elsewhere / "a1.png"
    assert image_of(again, "a1").key == "deep/a1"
    assert registry.detect(saved, elsewhere) is codec


@shared
def test_a_label_file_is_a_source_itself(codec: SharedCodec, saved: Path) -> None:
    loaded, _ = load(codec, saved)
    path = label_file_of(codec, saved)
    assert codec.recognises(path)
    report = Report()
    again = registry.load(path, report)
    assert not report.issues, "a picture that it does not name is no part of the set"
    assert again.format == codec.name and again.root == saved
    assert again.images == tuple(image for image in loaded if image.labelled)


@shared
def test_two_pictures_of_one_name_in_a_shared_set(codec: SharedCodec, saved: Path) -> None:
    loaded, _ = load(codec, saved)
    picture = image_of(loaded, "a2").path
    Image.new("RGB", SIZE).save(picture.with_suffix(".jpg"))
    again, report = load(codec, saved)
    assert image_of(again, "a2").path == picture, "the one that the label file names is kept"
    (issue,) = report.errors
    assert (issue.code, issue.path) == ("same-name", picture.with_suffix(".jpg"))


@shared
def test_new_pictures_come_into_a_shared_file(codec: SharedCodec, saved: Path) -> None:
    if codec.name == "coco-results":
        pytest.skip("its pictures are those of the instances file")
    loaded, _ = load(codec, saved)
    image = image_of(loaded, "unlabelled")
    path = label_file_of(codec, saved)
    box = Box((1.0, 2.0, 33.0, 44.0), CLASSES[2])
    assert image.annotation == path
    path.write_bytes(rendered(codec, loaded, image, (box,), path.read_bytes()))
    again, report = load(codec, saved)
    assert not report.issues
    assert image_of(again, "unlabelled").boxes == (box,)
    assert [i.boxes for i in again if i.key != image.key] == [i.boxes for i in loaded if i.key != image.key]


@shared
def test_lines_of_entries(codec: SharedCodec, saved: Path) -> None:
    loaded, _ = load(codec, saved)
    path = label_file_of(codec, saved)
    lines = codec.entry_lines(path)
    text = path.read_text().splitlines()
    found = [lines[box.origin] for image in loaded for box in image.boxes if box.origin is not None]
    assert len(set(found)) == len(found) == 5
    assert all(1 <= line <= len(text) for line in found)
