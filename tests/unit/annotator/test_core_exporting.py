import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from annotator.core.exporting import (
    ExportRequest,
    command_of,
    export,
    free_folder,
    preview,
    writable_formats,
)
from annotator.core.session import Session
from converters import registry
from converters.cli import convert
from converters.errors import UsageError
from converters.model import Dataset, Split
from converters.report import Report
from converters.split import SplitRequest


@pytest.fixture
def dataset(small_demo: Path):
    session = Session.open(small_demo)
    yield session.dataset()
    session.close()


def same_names(dataset: Dataset) -> dict[str, str]:
    return {name: name for name in dataset.class_names}


def files_of(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("format", writable_formats())
def test_every_format_holds_the_boxes_and_the_command_line_does_the_same(
    dataset: Dataset, tmp_path: Path, format: str
):
    request = ExportRequest(tmp_path / "out", format, same_names(dataset))
    before = files_of(dataset.root / "annotations")
    seen = preview(request, dataset)
    result = export(request, dataset, Report())
    assert len(result.dataset) == seen.pictures == 9 and result.dataset.box_count == seen.boxes
    again = registry.load(request.target, Report())
    assert again.box_count == dataset.box_count and files_of(dataset.root / "annotations") == before
    line = shlex.split(command_of(replace(request, target=tmp_path / "other"), dataset))
    assert line[0] == "convert-cli" and convert.main(line[1:]) == 0
    made, other = files_of(request.target), files_of(tmp_path / "other")
    assert made.keys() == other.keys()
    same = [
        name for name, data in made.items() if other[name] == data or name.endswith((".csv", ".json", ".xml"))
    ]
    assert len(same) == len(made)


def test_classes_are_renamed_joined_and_left_out(dataset: Dataset, tmp_path: Path):
    first, second, third = dataset.class_names
    request = ExportRequest(tmp_path / "out", "voc", {first: "mask, of any kind", third: "mask, of any kind"})
    boxes = {name: sum(b.label == name for i in dataset for b in i.boxes) for name in dataset.class_names}
    seen = preview(request, dataset)
    assert seen.dropped == boxes[second] and seen.boxes == boxes[first] + boxes[third]
    export(request, dataset, Report())
    assert registry.load(request.target, Report()).class_names == ("mask, of any kind",)
    line = shlex.split(command_of(replace(request, target=tmp_path / "other"), dataset))
    assert convert.main(line[1:]) == 0 and files_of(tmp_path / "other") == files_of(tmp_path / "out")
    with pytest.raises(UsageError, match="needs a name"):
        preview(replace(request, names={first: " "}), dataset)
    with pytest.raises(UsageError, match="every class"):
        preview(replace(request, names={}), dataset)


def test_a_split_is_made_in_any_format_and_one_set_by_hand_is_kept(dataset: Dataset, tmp_path: Path):
    request = ExportRequest(tmp_path / "a", "coco", same_names(dataset), SplitRequest((5, 2, 2), True), 7)
    export(request, dataset, Report())
    made = registry.load(request.target, Report())
    assert [len(made.in_split(split)) for split in Split] == [5, 2, 2]
    by_hand = {image.key: Split.VAL for image in dataset.images[:2]}
    request = ExportRequest(tmp_path / "b", "yolo", same_names(dataset), by_hand=by_hand)
    export(request, dataset, Report())
    assert len(registry.load(request.target, Report()).in_split(Split.VAL)) >= 2


def test_pictures_are_copied_or_linked(dataset: Dataset, tmp_path: Path):
    for copy in (True, False):
        target = tmp_path / str(copy)
        export(ExportRequest(target, "voc", same_names(dataset), copy=copy), dataset, Report())
        picture = next(target.rglob("*.png"))
        assert (picture.stat().st_nlink == 1) is copy


def test_the_set_itself_is_never_written_to(dataset: Dataset):
    for target in (dataset.root, dataset.root / "inside"):
        with pytest.raises(UsageError):
            export(ExportRequest(target, "coco", same_names(dataset)), dataset, Report())
    free = free_folder(dataset.root, "coco")
    assert free.name == "small-coco"
    free.mkdir()
    assert free_folder(dataset.root, "coco").name == "small-coco-2"


def test_what_is_lost_is_said_beforehand(dataset: Dataset, tmp_path: Path):
    flagged = dataset.images[0].with_boxes(
        tuple(replace(box, flags=frozenset({"difficult"})) for box in dataset.images[0].boxes)
    )
    unlabelled = replace(dataset.images[1], boxes=(), labelled=False)
    changed = replace(dataset, images=(flagged, unlabelled, *dataset.images[2:]))
    seen = preview(ExportRequest(tmp_path / "out", "yolo", same_names(dataset)), changed)
    assert [loss.what for loss in seen.lost] == ["difficult"] and seen.left_out == 1 and "flags" in seen.never
    assert preview(ExportRequest(tmp_path / "o", "voc", same_names(dataset)), changed).lost == ()
