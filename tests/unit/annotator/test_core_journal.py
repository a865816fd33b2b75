import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from annotator.core import class_edits, edits
from annotator.core.session import Session
from converters import registry
from converters.errors import DataError, FormatError, UsageError
from converters.model import Box, Split
from converters.registry import FORMATS
from converters.report import Report

KEY = "images/maksssksksss0"
OTHER = "images/maksssksksss1"


def again(session: Session) -> Session:
    """The same set in another process, as good as: closed and opened."""
    session.close()
    return Session.open(session.root)


def files_of(root: Path) -> dict[str, bytes]:
    found = (path for path in root.rglob("*") if path.is_file() and ".annotator" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def move(session: Session, key: str = KEY, by: float = 1, text: str = "move box") -> edits.SetBoxes:
    boxes = session.image(key).boxes
    moved = boxes[0].moved_to(tuple(edge + by for edge in boxes[0].xyxy))
    return edits.SetBoxes(key, boxes, (moved, *boxes[1:]), text)


@pytest.fixture(params=["voc", "yolo", "coco", "labelme", "cvat", "csv", "label-studio", "ultralytics"])
def any_set(request, small_demo: Path, tmp_path: Path) -> Path:
    if request.param == "voc":
        return small_demo
    root = tmp_path / "set"
    root.mkdir()
    FORMATS[request.param].save(registry.load(small_demo, Report()), root, Report())
    return root


def everything(session: Session) -> None:
    """One edit of each kind."""
    first, second, third, fourth = session.keys[:4]
    session.apply(move(session, first))
    session.apply(edits.delete_boxes(second, session.image(second).boxes, frozenset({0})))
    many = [
        edits.relabel_boxes(key, session.image(key).boxes, frozenset({0}), "without_mask")
        for key in (first, second, third)
    ]
    session.apply(edits.together(many, "relabel {boxes}"))
    session.apply(class_edits.rename_class(session.dataset(), "with_mask", "mask"))
    session.apply(class_edits.add_class(session.dataset(), "visor"))
    session.set_reviewed([first, fourth])
    session.remove_images([second])
    session.apply(edits.SetBoxes(third, session.image(third).boxes, (), "delete all"))
    session.apply(class_edits.reorder_classes(session.dataset(), session.class_names[::-1]))
    session.apply(class_edits.merge_classes(session.dataset(), ["mask_weared_incorrect"], "mask"))


def test_everything_undone_after_a_restart_gives_every_file_back(any_set: Path):
    before = files_of(any_set)
    session = Session.open(any_set)
    names = session.class_names
    everything(session)
    done = session.dataset()
    assert session.save() == [] and not session.is_unsaved
    assert files_of(any_set) != before
    session = again(session)
    assert session.class_names == done.class_names and "mask" in names + done.class_names
    assert session.dataset() == done
    texts = []
    while (edit := session.undo()) is not None:
        texts.append(edit.text)
        if len(texts) % 3 == 0:
            assert session.save() == []
            session = again(session)
    assert texts[-1] == "move box" and texts[-3] == "relabel 2 boxes" and "remove" in "".join(texts)
    assert session.save() == [] and session.class_names == names
    assert files_of(any_set) == before
    session = again(session)
    while session.redo() is not None:
        pass
    assert session.dataset() == done and session.history.redo_text == ""
    assert session.save() == []
    session.close()
    loaded = {image.key: image for image in registry.load(any_set, Report())}
    for image in done:
        assert [box.label for box in loaded[image.key].boxes] == [box.label for box in image.boxes]


def test_what_was_not_saved_is_there_after_a_restart(any_set: Path):
    session = Session.open(any_set)
    everything(session)
    done = session.dataset()
    session = again(session)
    assert session.dataset() == done
    assert session.replayed and not session.is_unsaved
    session.close()


def test_texts_and_counts_of_the_journal(small_demo: Path):
    session = Session.open(small_demo)
    assert (session.history.undo_text, session.history.redo_text) == ("", "")
    assert session.undo() is None and session.redo() is None
    session.apply(move(session))
    session.apply(edits.delete_boxes(OTHER, session.image(OTHER).boxes, frozenset({0})))
    assert session.history.undo_text == "delete box"
    assert session.undo().keys == (OTHER,)
    assert (session.history.undo_text, session.history.redo_text) == ("move box", "delete box")
    session = again(session)
    assert (session.history.undo_text, session.history.redo_text) == ("move box", "delete box")
    session.apply(move(session, "images/maksssksksss2", text="push box"))
    assert (session.history.undo_text, session.history.redo_text) == ("push box", "")
    assert [entry.text for entry in session.history.latest()] == ["push box", "move box"]
    session.forget_history()
    assert session.undo() is None and session.history.undo_count == 0
    session.close()


def test_nudges_are_one_step_until_something_else_happens(small_demo: Path):
    session = Session.open(small_demo)
    boxes = session.image(KEY).boxes
    for _ in range(5):
        session.apply(move(session, text=edits.NUDGE))
    assert session.history.undo_count == 1
    session = again(session)
    session.apply(move(session, text=edits.NUDGE))
    assert session.history.undo_count == 2
    session.undo()
    session.undo()
    assert session.image(KEY).boxes == boxes
    session.close()


def test_a_file_changed_by_another_program_after_the_restart_is_kept(small_demo: Path):
    session = Session.open(small_demo)
    path = session.image(KEY).annotation
    session.apply(move(session, OTHER))
    session.apply(edits.delete_boxes(KEY, session.image(KEY).boxes, frozenset({0})))
    assert session.save() == []
    session.close()
    text = path.read_text()
    theirs = text[: text.index("<object>")] + "</annotation>\n"
    path.write_text(theirs)
    session = Session.open(small_demo)
    assert session.image(KEY).boxes == () and session.dirty_keys == ()
    with pytest.raises(
        DataError, match=r"cannot be undone \(delete box\): its boxes are others by now"
    ) as info:
        session.undo()
    assert info.value.path == path and "Forget" in info.value.hint
    assert session.save() == [] and path.read_text() == theirs
    session.forget_step()
    assert session.undo().keys == (OTHER,)
    session.close()


def test_bulk_edits_happen_as_a_whole_or_not_at_all(small_demo: Path):
    session = Session.open(small_demo)
    path = session.image(OTHER).annotation
    path.write_bytes(path.read_bytes().replace(b"<name>", b"<name> ").replace(b"with_mask", b"none", 1))
    keys = (KEY, OTHER)
    both = [edits.SetBoxes(key, session.image(key).boxes, (), "") for key in keys]
    with pytest.raises(DataError, match="another program"):
        session.apply(edits.together(both, "delete {boxes}"))
    assert session.dirty_keys == () and session.history.undo_count == 0
    session.close()


def test_a_journal_that_the_disk_refuses_goes_on_in_memory(small_demo: Path):
    session = Session.open(small_demo)
    session.apply(move(session))
    pages = session.sidecar.database.execute("PRAGMA page_count").fetchone()[0]
    session.sidecar.database.execute(f"PRAGMA max_page_count={pages}")
    for _ in range(40):
        session.apply(move(session, text="move on"))
    assert not session.sidecar.persistent
    errors = session.save()
    assert [error.code for error in errors] == ["disk-full"] and "journal" in str(errors[0])
    assert session.dirty_keys == ()
    session.sidecar._detached.execute("PRAGMA max_page_count=1000000")
    assert session.save() == [] and session.sidecar.persistent
    session = again(session)
    assert session.history.undo_count == 41
    session.close()


def test_a_database_that_cannot_be_read_is_put_aside(small_demo: Path):
    folder = small_demo / ".annotator"
    folder.mkdir()
    (folder / "annotator.db").write_bytes(b"not a database" * 100)
    session = Session.open(small_demo)
    assert session.sidecar.damaged.read_bytes().startswith(b"not a database")
    session.apply(move(session))
    session = again(session)
    assert session.history.undo_text == "move box"
    session.close()


def test_a_database_of_a_newer_version_is_left_alone(small_demo: Path):
    folder = small_demo / ".annotator"
    folder.mkdir()
    database = sqlite3.connect(folder / "annotator.db")
    database.execute("PRAGMA user_version=99")
    database.close()
    before = (folder / "annotator.db").read_bytes()
    session = Session.open(small_demo)
    assert session.sidecar.is_newer
    session.apply(move(session))
    assert session.undo() is not None and session.save() == []
    session.close()
    assert (folder / "annotator.db").read_bytes() == before


def test_a_damaged_entry_is_said_and_can_be_passed(small_demo: Path):
    session = Session.open(small_demo)
    session.apply(move(session))
    session.apply(move(session, OTHER, text="push box"))
    session.sidecar.database.execute("UPDATE journal SET payload = X'00' WHERE text = 'push box'")
    with pytest.raises(FormatError, match="damaged"):
        session.undo()
    session.forget_step()
    assert session.undo().text == "move box"
    session.close()


def test_the_first_version_of_the_database_is_taken_over(small_demo: Path):
    folder = small_demo / ".annotator"
    folder.mkdir()
    database = sqlite3.connect(folder / "annotator.db")
    database.execute("CREATE TABLE class_names (position INTEGER PRIMARY KEY, name TEXT NOT NULL)")
    database.execute("INSERT INTO class_names VALUES (0, 'without_mask'), (1, 'with_mask')")
    database.execute("PRAGMA user_version=1")
    database.commit()
    database.close()
    session = Session.open(small_demo)
    assert session.class_names[:2] == ("without_mask", "with_mask")
    session.apply(move(session))
    assert session.history.undo_text == "move box"
    session.close()


def test_two_windows_on_one_set_do_not_share_a_journal(small_demo: Path):
    first, second = Session.open(small_demo), Session.open(small_demo)
    first.apply(move(first))
    second.apply(move(second, OTHER, text="push box"))
    assert (first.history.undo_text, second.history.undo_text) == ("move box", "push box")
    second.close()
    first = again(first)
    assert first.history.undo_count == 1
    first.close()


def test_many_files_are_saved_a_part_at_a_time(small_demo: Path):
    session = Session.open(small_demo)
    for key in session.keys:
        for number in range(9):
            source = session.image(key)
            name = f"copy{number}"
            shutil.copyfile(source.path, source.path.with_stem(source.path.stem + name))
            shutil.copyfile(source.annotation, source.annotation.with_stem(source.annotation.stem + name))
    session = again(session)
    parts = [edits.SetBoxes(key, session.image(key).boxes, (), "") for key in session.keys]
    session.apply(edits.together(parts, "delete {boxes}"))
    assert len(session.dirty_keys) == 90
    assert session.save(seconds=0) == [] and 0 < len(session.dirty_keys) < 90
    while session.dirty_keys:
        assert session.save(seconds=0) == []
    session.close()
    assert registry.load(small_demo, Report()).box_count == 0


# Classes


def test_class_edits_say_what_they_do_and_refuse_what_is_wrong(small_demo: Path):
    session = Session.open(small_demo)
    dataset = session.dataset()
    with_mask = sum(box.label == "with_mask" for image in dataset for box in image.boxes)
    assert class_edits.rename_class(dataset, "with_mask", " mask ").text == "rename with_mask to mask"
    assert class_edits.rename_class(dataset, "with_mask", "With_Mask").after[0] == "With_Mask"
    deleted = class_edits.delete_class(dataset, "with_mask")
    assert deleted.text == f"delete the class with_mask and {with_mask} boxes"
    for wrong in (
        lambda: class_edits.rename_class(dataset, "with_mask", "without_mask"),
        lambda: class_edits.rename_class(dataset, "nobody", "mask"),
        lambda: class_edits.merge_classes(dataset, ["nobody"], "with_mask"),
        lambda: class_edits.delete_class(dataset, "with_mask", "with_mask"),
        lambda: class_edits.reorder_classes(dataset, dataset.class_names[:2]),
    ):
        with pytest.raises(FormatError):
            wrong()
    session.close()


@pytest.mark.parametrize("relabel_as", [None, "without_mask"])
def test_a_deleted_class_does_not_come_back(any_set: Path, relabel_as: str | None):
    before = files_of(any_set)
    session = Session.open(any_set)
    names = session.class_names
    count = session.dataset().box_count
    ours = sum(box.label == "with_mask" for image in session.dataset() for box in image.boxes)
    session.apply(class_edits.delete_class(session.dataset(), "with_mask", relabel_as))
    assert session.save() == []
    session = again(session)
    assert session.class_names == tuple(name for name in names if name != "with_mask")
    loaded = registry.load(any_set, Report())
    assert loaded.box_count == (count if relabel_as else count - ours)
    assert not any(box.label == "with_mask" for image in loaded for box in image.boxes)
    session.undo()
    assert session.save() == [] and files_of(any_set) == before
    session.close()


def test_ids_follow_the_order_of_the_classes(small_demo: Path, tmp_path: Path):
    (tmp_path / "set").mkdir()
    FORMATS["yolo"].save(registry.load(small_demo, Report()), tmp_path / "set", Report())
    session = Session.open(tmp_path / "set")
    key = session.keys[0]
    labels = [box.label for box in session.image(key).boxes]
    session.apply(class_edits.reorder_classes(session.dataset(), session.class_names[::-1]))
    assert session.save() == []
    lines = session.image(key).annotation.read_text().splitlines()
    assert [session.class_names[int(line.split()[0])] for line in lines] == labels
    assert (tmp_path / "set" / "obj.names").read_text().split() == list(session.class_names)
    session.close()


# Splits


def test_a_split_by_hand_is_kept_and_undone(small_demo: Path):
    session = Session.open(small_demo)
    session.set_split([KEY, OTHER], Split.TEST)
    assert session.history.undo_text == "move 2 pictures into test"
    session = again(session)
    assert session.image(KEY).split is Split.TEST
    session.undo()
    session = again(session)
    assert session.image(KEY).split is None
    session.close()


def test_a_split_by_hand_in_a_darknet_set(small_demo: Path, tmp_path: Path):
    from converters.convert import ConvertOptions, convert_to_work
    from converters.work import WorkFolder, read_split, write_split

    work = WorkFolder(tmp_path / "work")
    convert_to_work(small_demo, work.root, Report(), ConvertOptions(jobs=1))
    rows = read_split(work)
    train = [row for row in rows if row.split is Split.TRAIN]
    from dataclasses import replace

    grouped = {train[0].image, train[1].image}
    write_split(work, [replace(row, group="g1") if row.image in grouped else row for row in rows])
    session = Session.open(work.root)
    key = train[0].image.removesuffix(".png")
    session.set_split([key], Split.TEST)
    moved = {row.image for row in read_split(work) if row.split is Split.TEST}
    assert grouped <= moved, "near-identical pictures go together"
    assert set((work.root / "test.txt").read_text().split()) == moved
    with pytest.raises(UsageError):
        session.set_split([key], None)
    session.undo()
    assert {row.image for row in read_split(work) if row.split is Split.TRAIN} == {row.image for row in train}
    work.augmented.mkdir(exist_ok=True)
    shutil.copyfile(session.image(key).path, work.augmented / "copy.png")
    with pytest.raises(UsageError, match="augmented copies"):
        session.set_split([key], Split.VAL)
    session.close()


def test_no_file_of_ours_is_left_where_it_does_not_belong(small_demo: Path):
    session = Session.open(small_demo)
    before = set(files_of(small_demo))
    session.apply(edits.add_box(KEY, session.image(KEY).boxes, Box((1, 1, 9, 9), "with_mask")))
    session.save()
    session.close()
    assert set(files_of(small_demo)) == before
    assert sorted(os.listdir(small_demo / ".annotator")) == ["annotator.db", "lock"]
