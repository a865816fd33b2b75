"""Ways in which boxes could be lost or get another class, each of which once did."""

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from annotator.core import class_edits, edits
from annotator.core.session import Session
from converters import registry
from converters.convert import ConvertOptions, convert_to_work
from converters.errors import DataError
from converters.model import Split
from converters.registry import FORMATS
from converters.report import Report
from converters.work import WorkFolder


def again(session: Session) -> Session:
    session.close()
    return Session.open(session.root)


def in_format(small_demo: Path, root: Path, name: str) -> Path:
    root.mkdir()
    FORMATS[name].save(registry.load(small_demo, Report()), root, Report())
    return root


def labels(images: registry.Dataset | Session, key: str) -> list[str]:
    if isinstance(images, Session):
        return [box.label for box in images.image(key).boxes]
    return [box.label for image in images if image.key == key for box in image.boxes]


@pytest.mark.parametrize("name", ["yolo", "ultralytics"])
@pytest.mark.parametrize("restart", [False, True])
def test_a_picture_that_comes_back_has_its_classes_whatever_their_ids_are_by_now(
    small_demo: Path, tmp_path: Path, name: str, restart: bool
):
    session = Session.open(in_format(small_demo, tmp_path / "set", name))
    key = next(key for key in session.keys if len(set(labels(session, key))) > 1)
    before = labels(session, key)
    session.remove_images([key])
    session.apply(class_edits.reorder_classes(session.dataset(), session.class_names[::-1]))
    assert session.save() == []
    session = again(session) if restart else session
    session.restore_images(session.trash.items()[0].folder, [key])
    # Already now, before anything is saved: another program may read it, or this one may be killed.
    assert labels(registry.load(session.root, Report()), key) == before
    assert session.save() == [] and labels(session, key) == before
    session = again(session)
    assert labels(session, key) == before and not session.report.errors
    session.close()


@pytest.mark.parametrize("name", ["voc", "yolo", "coco"])
def test_a_picture_comes_back_with_a_class_that_is_gone(small_demo: Path, tmp_path: Path, name: str):
    root = small_demo if name == "voc" else in_format(small_demo, tmp_path / "set", name)
    session = Session.open(root)
    key = next(key for key in session.keys if "with_mask" in labels(session, key))
    before, names = labels(session, key), session.class_names
    session.remove_images([key])
    session.apply(class_edits.merge_classes(session.dataset(), ["with_mask"], "without_mask"))
    assert session.save() == []
    session = again(session)
    session.restore_images(session.trash.items()[0].folder, [key])
    assert session.class_names[-1] == "with_mask" and session.save() == []
    assert labels(registry.load(root, Report()), key) == before
    session = again(session)
    assert labels(session, key) == before and set(session.class_names) == set(names)
    while session.undo() is not None:
        pass
    assert session.save() == [] and session.class_names == names and labels(session, key) == before
    session.close()


def test_a_restore_that_fails_changes_nothing_and_the_next_edit_is_its_own(
    small_demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    session = Session.open(in_format(small_demo, tmp_path / "set", "yolo"))
    key, other = session.keys[:2]
    session.remove_images([key])
    session.apply(class_edits.reorder_classes(session.dataset(), session.class_names[::-1]))
    assert session.save() == []
    with monkeypatch.context() as patch:

        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr(os, "replace", full)
        with pytest.raises(DataError):
            session.restore_images(session.trash.items()[0].folder, [key])
    assert key not in session
    session.apply(edits.SetBoxes(other, session.image(other).boxes, (), "delete all"))
    assert session.save() == [] and key not in session
    session = again(session)
    assert key not in session and session.image(other).boxes == ()
    session.restore_images(session.trash.items()[0].folder, [key])
    assert key in session
    session.close()


def test_a_file_that_was_gone_is_not_taken_for_the_one_that_was_written(small_demo: Path, tmp_path: Path):
    session = Session.open(in_format(small_demo, tmp_path / "set", "yolo"))
    key = session.keys[0]
    session.remove_images([key])
    session = again(session)
    session.restore_images(session.trash.items()[0].folder, [key])
    session.close()
    # The edit that deletes the boxes is in the journal; another program deletes the file.
    session = Session.open(session.root)
    session.apply(edits.SetBoxes(key, session.image(key).boxes, (), "delete all"))
    session.set_empty_on_purpose([key], False)
    assert session.save() == []
    session = again(session)
    assert session.dirty_keys == () and session.image(key).boxes == () and not session.image(key).labelled
    session.close()


def test_a_split_that_cannot_be_written_is_taken_back(
    small_demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    root = tmp_path / "work"
    convert_to_work(small_demo, root, Report(), ConvertOptions(jobs=1))
    session = Session.open(root)
    before = WorkFolder(root).split_csv.read_bytes()
    key = next(key for key in session.keys if session.image(key).split is Split.TRAIN)
    with monkeypatch.context() as patch:

        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr(os, "replace", full)
        with pytest.raises(DataError):
            session.set_split([key], Split.TEST)
    assert session.image(key).split is Split.TRAIN and session.history.undo_text == ""
    assert WorkFolder(root).split_csv.read_bytes() == before
    session.set_split([key], Split.TEST)
    session = again(session)
    assert session.image(key).split is Split.TEST
    session.undo()
    assert WorkFolder(root).split_csv.read_bytes() == before
    session.close()


def test_a_linked_picture_in_the_trash_is_listed(small_demo: Path):
    picture = small_demo / "images" / "maksssksksss0.png"
    elsewhere = small_demo.parent / "elsewhere.png"
    shutil.move(picture, elsewhere)
    picture.symlink_to("../../elsewhere.png")
    session = Session.open(small_demo)
    session.remove_images(["images/maksssksksss0"])
    assert [item.key for item in session.trash.items()] == ["images/maksssksksss0"]
    session.undo()
    assert picture.is_symlink() and picture.read_bytes() == elsewhere.read_bytes()
    session.close()


def test_another_folder_of_the_same_name_is_noticed(small_demo: Path):
    """A backup that is put in place by renaming has older files: their times say nothing."""
    annotations = small_demo / "annotations"
    shutil.copytree(annotations, small_demo.parent / "backup")
    for path in (small_demo.parent / "backup").iterdir():
        path.write_bytes(path.read_bytes().replace(b"without_mask", b"with_mask"))
    session = Session.open(small_demo)
    annotations.rename(small_demo.parent / "old")
    (small_demo.parent / "backup").rename(annotations)
    key = next(key for key in session.keys if "without_mask" in labels(session, key))
    with pytest.raises(DataError) as caught:
        session.apply(edits.delete_boxes(key, session.image(key).boxes, frozenset({0})))
    assert caught.value.code == "changed-on-disk"
    session.close()


@pytest.mark.parametrize("name", ["voc", "yolo", "coco"])
def test_a_set_that_was_moved_away_is_not_made_anew(small_demo: Path, tmp_path: Path, name: str):
    root = small_demo if name == "voc" else in_format(small_demo, tmp_path / "set", name)
    session = Session.open(root)
    key = session.keys[0]
    session.apply(edits.SetBoxes(key, session.image(key).boxes, (), "delete all"))
    moved = root.rename(root.with_name("moved"))
    assert [error.code for error in session.save()] == ["set-gone"]
    with pytest.raises(DataError, match="moved, renamed or deleted"):
        session.apply(edits.SetBoxes(session.keys[1], session.image(session.keys[1]).boxes, (), "delete all"))
    with pytest.raises(DataError, match="moved, renamed or deleted"):
        session.remove_images([session.keys[2]])
    session.set_split([session.keys[3]], Split.TEST)
    assert not root.exists()
    moved.rename(root)
    assert session.save() == [] and not session.is_unsaved
    session = again(session)
    assert session.image(key).boxes == () and session.image(session.keys[3]).split is Split.TEST
    session.close()


@pytest.mark.parametrize("name", ["voc", "yolo"])
def test_a_picture_whose_name_is_no_text_is_edited_like_any_other(
    small_demo: Path, tmp_path: Path, name: str
):
    odd = os.fsdecode(b"caf\xe9")
    for folder, suffix in (("images", ".png"), ("annotations", ".xml")):
        (small_demo / folder / f"maksssksksss0{suffix}").rename(small_demo / folder / f"{odd}{suffix}")
    root = small_demo if name == "voc" else in_format(small_demo, tmp_path / "set", name)
    session = Session.open(root)
    key = next(key for key in session.keys if odd in key)
    boxes = session.image(key).boxes
    session.apply(edits.delete_boxes(key, boxes, frozenset({0})))
    session.set_reviewed([key])
    session.set_split([key], Split.VAL)
    assert session.save() == []
    session = again(session)
    assert session.image(key).boxes == boxes[1:] and session.image(key).split is Split.VAL
    session.remove_images([key])
    session = again(session)
    assert key not in session and [item.key for item in session.trash.items()] == [key]
    while session.undo() is not None:
        pass
    assert session.image(key).boxes == boxes and session.save() == []
    session.close()


def test_a_journal_that_is_damaged_inside_is_put_aside(small_demo: Path):
    session = Session.open(small_demo)
    key = session.keys[0]
    for _ in range(50):
        session.apply(edits.SetBoxes(key, session.image(key).boxes, (), "delete all"))
        session.undo()
    session.apply(edits.SetBoxes(key, session.image(key).boxes, (), "delete all"))
    assert session.save() == []
    session.close()
    database = session.sidecar.folder / "annotator.db"
    data = bytearray(database.read_bytes())
    for page in range(4096, len(data), 4096):
        data[page : page + 512] = b"\x07" * 512
    database.write_bytes(data)
    session = Session.open(small_demo)
    assert session.sidecar.damaged is not None and session.image(key).boxes == ()
    assert "journal-damaged" in {issue.code for issue in session.report.issues}
    session.undo()
    session.apply(edits.SetBoxes(session.keys[1], session.image(session.keys[1]).boxes, (), "delete all"))
    assert session.save() == []
    session = again(session)
    assert session.history.undo_count == 1 and session.sidecar.damaged is None
    session.close()


def test_a_sidecar_that_is_deleted_while_the_set_is_open_is_made_anew(small_demo: Path):
    session = Session.open(small_demo)
    for key in session.keys[:2]:
        session.apply(edits.SetBoxes(key, session.image(key).boxes, (), "delete all"))
    shutil.rmtree(session.sidecar.folder)
    session.set_reviewed([session.keys[3]])
    assert session.save() == []
    session.remove_images([session.keys[4]])
    session = again(session)
    assert session.history.undo_count == 4
    while session.undo() is not None:
        pass
    assert session.save() == [] and all(session.image(key).boxes for key in session.keys[:2])
    session.close()


def test_a_journal_that_another_program_locks_does_not_hold_anything_up(small_demo: Path):
    session = Session.open(small_demo)
    other = sqlite3.connect(session.sidecar.folder / "annotator.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    key = session.keys[0]
    session.apply(edits.SetBoxes(key, session.image(key).boxes, (), "delete all"))
    assert [error.code for error in session.save()] == ["write"], "the labels are written all the same"
    assert labels(registry.load(small_demo, Report()), key) == []
    other.execute("ROLLBACK")
    other.close()
    assert session.save() == []
    session = again(session)
    assert session.history.undo_count == 1
    session.close()


def test_a_restore_that_was_refused_leaves_nothing_to_be_saved(
    small_demo: Path, monkeypatch: pytest.MonkeyPatch
):
    session = Session.open(small_demo)
    first, second = session.keys[:2]
    for key in (first, second):
        session.apply(edits.delete_boxes(key, session.image(key).boxes, frozenset({0})))
    session.remove_images([first, second])
    session = again(session)
    folder = session.trash.items()[0].folder
    with monkeypatch.context() as patch:

        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr(os, "replace", full)  # the list of what is left in the trash
        with pytest.raises(DataError):
            session.restore_images(folder, [first])
    assert first not in session and session.save() == []
    session.restore_images(folder, [first])
    assert session.save() == []
    while session.undo() is not None:
        pass
    assert session.save() == [] and len(session.keys) == 9
    session.close()


def test_an_edit_that_was_planned_on_other_boxes_does_not_take_the_new_ones_away(small_demo: Path):
    session = Session.open(small_demo)
    key, other = session.keys[:2]
    boxes = session.image(key).boxes
    planned = edits.together(
        [edits.relabel_boxes(k, session.image(k).boxes, frozenset({0}), "x") for k in (key, other)], "relabel"
    )
    drawn = edits.add_box(key, boxes, boxes[0].duplicated())
    session.apply(drawn)
    with pytest.raises(DataError) as caught:
        session.apply(planned)
    assert caught.value.code == "does-not-fit" and session.image(key).boxes == drawn.after
    assert session.history.undo_count == 1
    session.close()
