import errno
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from annotator.core import edits
from annotator.core.demo import demo_copy
from annotator.core.project import Project
from annotator.core.session import Session
from annotator.core.sidecar import Sidecar
from annotator.settings import Settings
from assets import demo_path
from converters import registry
from converters.errors import DataError, FormatError, UsageError
from converters.model import Box, Split
from converters.registry import FORMATS, is_shared
from converters.report import Report

KEY = "images/maksssksksss0"


@pytest.fixture
def session(small_demo: Path):
    opened = Session.open(small_demo)
    yield opened
    opened.close()


def move_first(session: Session, key: str = KEY) -> edits.SetBoxes:
    boxes = session.image(key).boxes
    box = boxes[0]
    moved = box.moved_to(tuple(edge + 1 for edge in box.xyxy))
    return edits.SetBoxes(key, boxes, (moved, *boxes[1:]), "move box")


def test_opening_and_looking_changes_no_file(small_demo: Path):
    before = {path: path.read_bytes() for path in small_demo.rglob("*") if path.is_file()}
    session = Session.open(small_demo)
    assert len(session.keys) == 9 and session.class_names == (
        "with_mask",
        "without_mask",
        "mask_weared_incorrect",
    )
    assert session.save() == []
    session.close()
    assert {path: path.read_bytes() for path in before} == before


def test_an_edit_changes_its_lines_only_and_undo_gives_the_very_file_back(session: Session):
    path = session.image(KEY).annotation
    before = path.read_bytes()
    edit = move_first(session)
    session.apply(edit)
    assert session.dirty_keys == (KEY,)
    assert session.save() == [] and session.dirty_keys == ()
    changed = [
        (a, b) for a, b in zip(before.splitlines(), path.read_bytes().splitlines(), strict=True) if a != b
    ]
    assert len(changed) == 4
    session.apply(edit.inverse())
    assert session.dirty_keys == (KEY,)
    session.save()
    assert path.read_bytes() == before


def test_a_deleted_box_comes_back_with_what_the_file_knew_about_it(session: Session):
    path = session.image(KEY).annotation
    path.write_text(
        path.read_text().replace("<pose>Unspecified</pose>", "<pose>Left</pose><mood>calm</mood>", 1)
    )
    boxes = session.image(KEY).boxes
    delete = edits.delete_boxes(KEY, boxes, frozenset({0}))
    before = path.read_bytes()
    session.apply(delete)
    session.save()
    assert b"<mood>" not in path.read_bytes()
    session.apply(delete.inverse())
    session.save()
    assert path.read_bytes() == before


def test_edit_and_inverse_before_saving_is_not_dirty(session: Session):
    edit = move_first(session)
    session.apply(edit)
    session.apply(edit.inverse())
    assert session.dirty_keys == ()


def test_listeners_hear_the_key(session: Session):
    heard = []
    session.listen(heard.append)
    session.apply(move_first(session))
    assert heard == [KEY]


def test_a_file_changed_by_another_program_is_noticed(session: Session):
    path = session.image(KEY).annotation
    session.apply(move_first(session))
    theirs = path.read_bytes().replace(b"<truncated>0", b"<truncated>1", 1)
    path.write_bytes(theirs)
    (error,) = session.save()
    assert error.code == "changed-on-disk" and error.path == path
    assert path.read_bytes() == theirs and session.dirty_keys == (KEY,)
    assert session.save(overwrite=True) == []
    assert path.read_bytes() != theirs


def test_changed_before_the_first_edit(session: Session):
    path = session.image(KEY).annotation
    text = path.read_text()
    path.write_text(text[: text.index("<object>")] + "</annotation>")
    with pytest.raises(DataError, match="another program"):
        session.apply(move_first(session))
    assert session.dirty_keys == ()


def test_full_disk_keeps_the_edit_and_the_old_file(session: Session, monkeypatch: pytest.MonkeyPatch):
    path = session.image(KEY).annotation
    before = path.read_bytes()
    session.apply(move_first(session))

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        (error,) = session.save()
    assert error.code == "disk-full" and path.name in str(error)
    assert path.read_bytes() == before and session.dirty_keys == (KEY,)
    assert session.save() == [] and path.read_bytes() != before


def test_pictures_without_labels_get_a_label_file_with_the_first_box(tmp_path: Path, make_picture):
    make_picture(tmp_path / "set" / "images" / "a b.PNG")
    session = Session.open(tmp_path / "set")
    assert session.class_names == () and not session.image("images/a b").labelled
    label = session.add_class(" mask ")
    session.apply(edits.add_box("images/a b", (), Box((1, 2, 30, 31), label)))
    assert session.save() == []
    session.close()
    again = Session.open(tmp_path / "set")
    image = again.image("images/a b")
    assert image.labelled and image.boxes == (Box((1, 2, 30, 31), "mask"),)
    assert again.class_names == ("mask",)
    again.close()


def test_a_first_box_that_is_undone_leaves_no_label_file(tmp_path: Path, make_picture):
    make_picture(tmp_path / "set" / "images" / "a.png")
    session = Session.open(tmp_path / "set")
    session.add_class("mask")
    edit = edits.add_box("images/a", (), Box((1, 2, 30, 31), "mask"))
    session.apply(edit)
    session.save()
    path = session.image("images/a").annotation
    assert path.exists()
    session.apply(edit.inverse())
    session.save()
    assert not path.exists() and not session.image("images/a").labelled
    session.close()


def test_class_order_is_pinned_across_restarts(small_demo: Path):
    session = Session.open(small_demo)
    session.add_class("helmet")
    boxes = session.image(KEY).boxes
    session.apply(edits.relabel_boxes(KEY, boxes, frozenset(range(len(boxes))), "helmet"))
    session.save()
    session.close()
    again = Session.open(small_demo)
    assert again.class_names == ("with_mask", "without_mask", "mask_weared_incorrect", "helmet")
    again.close()


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "With_Mask", "with_mask"])
def test_bad_class_names(session: Session, name: str):
    with pytest.raises(FormatError):
        session.add_class(name)


def test_yolo_classes_go_to_the_names_file(tmp_path: Path, make_picture):
    root = tmp_path / "set"
    make_picture(root / "obj_train_data" / "a.png")
    (root / "obj_train_data" / "a.txt").write_text("1 0.5 0.5 0.5 0.5\n")
    (root / "obj.names").write_text("mask\nno_mask\n")
    session = Session.open(root)
    assert session.codec.name == "yolo"
    session.add_class("chin diaper")
    boxes = session.image("obj_train_data/a").boxes
    session.apply(edits.add_box("obj_train_data/a", boxes, Box((0, 0, 30, 20), "chin diaper")))
    assert session.save() == []
    assert (root / "obj.names").read_text() == "mask\nno_mask\nchin diaper\n"
    lines = (root / "obj_train_data" / "a.txt").read_text().splitlines()
    assert lines[0] == "1 0.5 0.5 0.5 0.5" and lines[1].startswith("2 ")
    session.close()


def test_a_new_class_of_a_darknet_set_is_counted_in_obj_data(small_demo: Path, tmp_path: Path):
    from converters.convert import ConvertOptions, convert_to_work
    from converters.report import Report

    convert_to_work(small_demo, tmp_path / "work", Report(), ConvertOptions(jobs=1))
    session = Session.open(tmp_path / "work")
    session.add_class("helmet")
    session.close()
    assert "classes = 4\n" in (tmp_path / "work" / "obj.data").read_text()
    assert (tmp_path / "work" / "obj.names").read_text().endswith("helmet\n")


def test_another_process_is_seen_and_a_dead_one_is_not(tmp_path: Path):
    script = (
        "import sys; from pathlib import Path; from annotator.core.sidecar import Sidecar\n"
        "s = Sidecar(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "open\n"
        here = Sidecar(tmp_path)
        assert here.locked_by == child.pid
        here.close()
        child.kill()
        child.wait()
        after = Sidecar(tmp_path)
        assert after.locked_by is None and after.writable
        after.close()


def test_a_broken_sidecar_costs_only_itself(small_demo: Path):
    folder = small_demo / ".annotator"
    folder.mkdir()
    (folder / "annotator.db").write_bytes(b"not a database" * 100)
    session = Session.open(small_demo)
    session.apply(move_first(session))
    assert session.save() == []
    session.close()


def test_demo_copy_keeps_edits_and_the_shipped_set(tmp_path: Path):
    first = demo_copy(tmp_path)
    names = sorted(path.relative_to(first) for path in first.rglob("*.png"))
    assert names == sorted(path.relative_to(demo_path()) for path in demo_path().rglob("*.png"))
    xml = next(first.rglob("*.xml"))
    xml.write_text("edited")
    assert demo_copy(tmp_path) == first and xml.read_text() == "edited"


def test_project_takes_over_the_split_of_the_work_folder(small_demo: Path, tmp_path: Path):
    from converters.convert import ConvertOptions, convert_to_work
    from converters.report import Report

    session = Session.open(small_demo)
    project = Project(session, Settings(tmp_path / "settings.json"))
    assert project.work is None and not project.work_is_stale()
    target = project.default_work()
    convert_to_work(small_demo, target, Report(), ConvertOptions(jobs=1))
    project.use_work(target)
    assert project.work is not None and project.work.root == target
    assert {session.image(key).split for key in session.keys} == set(Split)
    assert not project.work_is_stale()
    label = session.image(session.keys[0]).annotation
    assert label is not None
    later = (target / "split.csv").stat().st_mtime + 10
    os.utime(label, (later, later))
    assert project.work_is_stale()
    session.close()


@pytest.mark.parametrize("name", sorted(name for name, codec in FORMATS.items() if is_shared(codec)))
def test_a_file_of_many_pictures_is_edited_in_place(small_demo: Path, tmp_path: Path, name: str):
    if name == "coco-results":
        pytest.skip("holds predictions, which are no labels to edit")
    root = tmp_path / "set"
    root.mkdir()
    FORMATS[name].save(registry.load(small_demo, Report()), root, Report())
    session = Session.open(root)
    files = {path: path.read_bytes() for path in {session.image(key).annotation for key in session.keys}}
    first, second = session.keys[:2]
    edit = move_first(session, first)
    session.apply(edit)
    session.apply(edits.SetBoxes(second, session.image(second).boxes, (), "delete all"))
    assert session.save() == [] and session.dirty_keys == ()
    again = registry.load(root, Report())
    by_key = {image.key: image for image in again}
    assert by_key[first].boxes[0].xyxy == pytest.approx(session.image(first).boxes[0].xyxy, abs=5e-4)
    assert by_key[second].boxes == () and by_key[second].labelled
    session.add_class("visor")
    assert registry.load(root, Report()).class_names[-1] == "visor"
    session.close()
    fresh = Session.open(root)
    assert fresh.class_names[-1] == "visor"
    fresh.close()
    assert files.keys() == {path for path in files if path.exists()}


def test_undoing_everything_gives_a_shared_file_back(small_demo: Path, tmp_path: Path):
    root = tmp_path / "set"
    root.mkdir()
    FORMATS["coco"].save(registry.load(small_demo, Report()), root, Report())
    session = Session.open(root)
    path = session.image(session.keys[0]).annotation
    before = path.read_bytes()
    done = [move_first(session, key) for key in session.keys[:3]]
    for edit in done:
        session.apply(edit)
    assert session.save() == [] and path.read_bytes() != before
    for edit in done:
        session.apply(edit.inverse())
    assert session.save() == [] and path.read_bytes() == before
    path.write_bytes(before.replace(b'"iscrowd": 0', b'"iscrowd": 1', 1))
    session.apply(done[0])
    (error,) = session.save()
    assert error.code == "changed-on-disk"
    session.close()


def test_predictions_are_not_opened_as_labels(small_demo: Path, tmp_path: Path):
    dataset = registry.load(small_demo, Report())
    scored = [image.with_boxes(tuple(replace(b, confidence=0.5) for b in image.boxes)) for image in dataset]
    FORMATS["coco-results"].save(replace(dataset, images=tuple(scored)), tmp_path, Report())
    with pytest.raises(UsageError, match="predictions"):
        Session.open(tmp_path)


def test_what_a_killed_process_left_half_written_is_swept_away(small_demo: Path):
    old, new = (small_demo / "annotations" / f".writing-{digit * 16}.part" for digit in "0a")
    other = small_demo / "annotations" / ".writing-by-another-program"
    for path in (old, new, other):
        path.write_bytes(b"<annot")
    os.utime(old, (1, 1))
    os.utime(other, (1, 1))
    Session.open(small_demo).close()
    assert (old.exists(), new.exists(), other.exists()) == (False, True, True)
