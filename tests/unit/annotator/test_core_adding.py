import shutil
import zipfile
from pathlib import Path

import pytest

from annotator.core import adding, edits
from annotator.core.incoming import Incoming, compare, fill_empty_folder, is_empty_folder, read_incoming
from annotator.core.session import Session
from assets import demo_path
from converters.conversion import ConvertOptions
from converters.convert import convert_to_format
from converters.errors import DataError, NotADatasetError, UsageError
from converters.report import Report

FORMATS = ("voc", "yolo", "ultralytics", "labelme", "coco", "csv", "cvat", "label-studio")


def files_of(root: Path) -> dict[str, bytes]:
    found = (path for path in root.rglob("*") if path.is_file() and ".annotator" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


@pytest.fixture
def more(tmp_path: Path) -> Path:
    """Four pictures of the demo set; one of them is in the small set, too."""
    target = tmp_path / "more"
    for folder, suffix in (("images", ".png"), ("annotations", ".xml")):
        (target / folder).mkdir(parents=True)
        for number in (8, 20, 21, 22):
            name = f"maksssksksss{number}{suffix}"
            shutil.copyfile(demo_path() / folder / name, target / folder / name)
    return target


def add(session: Session, found: Incoming, names: dict[str, str] | None = None, **which: bool) -> list[str]:
    wanted = adding.chosen(found, **which)
    names = adding.propose_classes(found, session.class_names) if names is None else names
    classes = adding.new_classes(session, names, tuple(found.boxes))
    if classes is not None:
        session.apply(classes)
        assert session.save() == []
    edit = adding.stage(session, adding.find_places(session, wanted), names, session.class_names)
    session.apply(edit)
    found.close()
    return list(edit.keys)


@pytest.mark.parametrize("format", FORMATS)
def test_pictures_come_into_a_set_of_any_format_and_undo_takes_them_out(
    small_demo: Path, more: Path, tmp_path: Path, format: str
):
    root = tmp_path / "set"
    if format == "yolo":  # a plain folder of it, not a Darknet data set
        convert_to_format(small_demo, root, format, Report(), ConvertOptions())
        (root / "split.csv").unlink(missing_ok=True)
    else:
        convert_to_format(small_demo, root, format, Report(), ConvertOptions(copy=True))
    session = Session.open(root)
    before, source = files_of(root), files_of(more)
    found = read_incoming([more], root)
    compare(found, session.dataset())
    assert [new.is_identical for new in found.newcomers] == [True, False, False, False]
    keys = add(session, found)
    assert len(keys) == 3 and session.history.undo_text == "add 3 pictures" and session.save() == []
    boxes = {new.image.path.name: [b.label for b in new.image.boxes] for new in found.newcomers[1:]}
    session.apply(edits.delete_boxes(keys[0], session.image(keys[0]).boxes, frozenset({0})))
    session.undo()
    assert session.save() == []
    session.close()
    session = Session.open(root)
    assert not session.report.errors and len(session.keys) == 12
    for key in keys:
        assert [box.label for box in session.image(key).boxes] == boxes[session.image(key).path.name]
    session.undo()
    assert session.save() == [] and files_of(root) == before and len(session.trash.items()) == 3
    session.redo()
    assert session.save() == [] and len(session.keys) == 12 and files_of(more) == source
    session.close()
    assert not list(root.glob(".new-*"))


def test_a_name_that_is_taken_gets_a_number_and_classes_are_mapped(small_demo: Path, more: Path):
    for path in (more / "images").iterdir():
        path.rename(path.with_name(f"MAKSSSKSKSSS{path.stem[-1]}.png"))
    shutil.rmtree(more / "annotations")
    (more / "images" / "new.txt").write_text("")
    session = Session.open(small_demo)
    session.remove_images(["images/maksssksksss1"])
    found = read_incoming([more], small_demo)
    places = adding.find_places(session, adding.chosen(found))
    assert [place.is_renamed for place in places] == [True] * 4
    assert places[0].key.startswith("images/MAKSSSKSKSSS")
    assert len({place.key.casefold() for place in places}) == 4
    found.close()
    session.close()


def test_unknown_classes_are_new_or_another_or_left_out(small_demo: Path, more: Path):
    for path in (more / "annotations").iterdir():
        text = (
            path.read_text().replace("without_mask", "Without-Mask").replace("mask_weared_incorrect", "chin")
        )
        path.write_text(text)
    session = Session.open(small_demo)
    found = read_incoming([more], small_demo)
    proposed = adding.propose_classes(found, session.class_names)
    assert proposed.get("Without-Mask") == "without_mask" and proposed.get("chin", "chin") == "chin"
    names = {**proposed, "chin": adding.LEAVE_OUT}
    count = found.boxes["chin"]
    keys = add(session, found, names, identical=True)
    total = sum(len(session.image(key).boxes) for key in keys)
    assert total == sum(found.boxes.values()) - count and "chin" not in session.class_names
    found = read_incoming([more], small_demo)
    classes = adding.new_classes(session, proposed, ("chin",))
    assert classes is not None and classes.text == "add the class chin"
    found.close()
    session.close()


def test_from_archives_and_single_files_with_labels_beside_them(small_demo: Path, more: Path, tmp_path: Path):
    zipped = tmp_path / "more.zip"
    with zipfile.ZipFile(zipped, "w") as file:
        for path in more.rglob("*.*"):
            file.write(path, path.relative_to(tmp_path))
    found = read_incoming([zipped], small_demo)
    assert len(found.newcomers) == 4 and found.formats == {"Pascal VOC": 4}
    found.close()
    loose = [*sorted((more / "images").iterdir())[:2], *(more / "annotations").iterdir()]
    flat = tmp_path / "flat"
    flat.mkdir()
    copies = [Path(shutil.copy(path, flat)) for path in loose]
    found = read_incoming(copies, small_demo)
    assert len(found.newcomers) == 2 and all(new.image.labelled for new in found.newcomers)
    assert not any(issue.code == "image-without-label" for issue in found.report)
    found.close()
    assert not list(small_demo.glob(".new-*"))


def test_what_cannot_be_added_is_said(small_demo: Path, tmp_path: Path):
    for path in (small_demo, small_demo / "images", tmp_path, tmp_path / "nothing"):
        with pytest.raises(UsageError):
            read_incoming([path], small_demo)
    (tmp_path / "notes.txt").write_text("text")
    with pytest.raises(NotADatasetError):
        read_incoming([tmp_path / "notes.txt"], small_demo)
    assert not list(small_demo.glob(".new-*"))


def test_a_cancel_leaves_nothing(small_demo: Path, more: Path):
    session = Session.open(small_demo)
    before = files_of(small_demo)
    found = read_incoming([more], small_demo)

    def stop(done: int, total: int) -> None:
        if done:
            raise DataError("stopped")

    with pytest.raises(DataError, match="stopped"):
        adding.stage(session, adding.find_places(session, found.newcomers), {}, session.class_names, stop)
    assert session.trash.items() == [] and not any(session.trash.folder.iterdir())
    edit = adding.stage(session, adding.find_places(session, found.newcomers), {}, session.class_names)
    adding.discard(session, edit)
    found.close()
    assert session.trash.items() == [] and files_of(small_demo) == before
    session.close()


def test_an_empty_folder_takes_what_is_dropped_on_it(tmp_path: Path, more: Path):
    folder = tmp_path / "empty"
    folder.mkdir()
    assert is_empty_folder(folder) and not is_empty_folder(more) and not is_empty_folder(folder / "no")
    with pytest.raises(NotADatasetError):
        fill_empty_folder([more / "annotations"], folder)
    assert is_empty_folder(folder) and not any(folder.iterdir())
    fill_empty_folder([more], folder)
    assert files_of(folder) == files_of(more)
    assert all(path.stat().st_nlink == 1 for path in folder.rglob("*.png"))
    session = Session.open(folder)
    assert len(session.keys) == 4
    session.close()
