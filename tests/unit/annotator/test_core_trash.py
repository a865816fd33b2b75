import json
import shutil
from pathlib import Path

import pytest

from annotator.core import edits
from annotator.core.session import Session
from converters import registry
from converters.convert import ConvertOptions, convert_to_work
from converters.errors import DataError, UsageError, WriteError
from converters.model import Box
from converters.registry import FORMATS
from converters.report import Report
from converters.work import WorkFolder, read_split

KEY = "images/maksssksksss0"


def files_of(root: Path) -> dict[str, bytes]:
    found = (path for path in root.rglob("*") if path.is_file() and ".annotator" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def again(session: Session) -> Session:
    session.close()
    return Session.open(session.root)


@pytest.fixture
def session(small_demo: Path):
    opened = Session.open(small_demo)
    yield opened
    opened.close()


def test_removed_images_lie_in_the_trash_with_their_labels(session: Session):
    heard = []
    session.listen_to("images", lambda: heard.append(len(session.keys)))
    image = session.image(KEY)
    picture, label = image.path.read_bytes(), image.annotation.read_bytes()
    session.remove_images([KEY])
    assert KEY not in session and len(session.keys) == 8 and heard == [8]
    assert session.position(session.keys[0]) == 0
    assert not image.path.exists() and not image.annotation.exists()
    (item,) = session.trash.items()
    place = session.trash.folder / item.folder / "files"
    assert (place / "images/maksssksksss0.png").read_bytes() == picture
    assert (place / "annotations/maksssksksss0.xml").read_bytes() == label
    assert item.image.boxes == image.boxes and item.files == (
        "images/maksssksksss0.png",
        "annotations/maksssksksss0.xml",
    )
    assert session.history.undo_text == "remove maksssksksss0"
    session.undo()
    assert session.image(KEY) == image and heard == [8, 9]
    assert image.path.read_bytes() == picture and image.annotation.read_bytes() == label
    assert session.trash.items() == [] and not any(session.trash.folder.iterdir())


def test_an_edit_before_the_removal_can_be_undone_after_it(session: Session):
    before = files_of(session.root)
    boxes = session.image(KEY).boxes
    session.apply(edits.delete_boxes(KEY, boxes, frozenset({0})))
    session.remove_images([KEY, "images/maksssksksss3"])
    session = again(session)
    assert len(session.keys) == 7
    session.undo()
    assert session.image(KEY).boxes == boxes[1:]
    session.undo()
    assert session.image(KEY).boxes == boxes
    assert session.save() == [] and files_of(session.root) == before
    session.redo()
    session.redo()
    assert len(session.keys) == 7 and session.save() == []
    session.close()


def test_images_come_back_from_the_list_when_the_journal_is_gone(session: Session):
    before = session.image(KEY)
    session.remove_images([KEY])
    session.close()
    for path in (session.root / ".annotator").glob("annotator.db*"):
        path.unlink()
    session = Session.open(session.root)
    (item,) = session.trash.items()
    session.restore_images(item.folder, [item.key])
    assert session.image(KEY) == before and session.history.undo_text == "bring back maksssksksss0"
    session.apply(edits.delete_boxes(KEY, before.boxes, frozenset({0})))
    assert session.save() == []
    session.undo()
    session.undo()
    assert KEY not in session
    session.close()


@pytest.mark.parametrize("name", ["coco", "cvat", "csv", "label-studio"])
def test_the_entry_of_a_shared_file_goes_and_comes_back(small_demo: Path, tmp_path: Path, name: str):
    root = tmp_path / "set"
    root.mkdir()
    FORMATS[name].save(registry.load(small_demo, Report()), root, Report())
    session = Session.open(root)
    key = session.keys[1]
    image, before = session.image(key), files_of(root)
    session.remove_images([key])
    assert session.save() == []
    report = Report()
    left = registry.load(root, report)
    assert (
        len(left) == 8
        and report.errors == []
        and image.path.stem.encode() not in image.annotation.read_bytes()
    )
    session = again(session)
    assert len(session.keys) == 8
    other = session.keys[0]
    session.apply(edits.SetBoxes(other, session.image(other).boxes, (), "delete all"))
    assert session.save() == []
    assert image.path.stem.encode() not in image.annotation.read_bytes(), "it does not come back by itself"
    session.undo()
    session.undo()
    assert session.image(key) == image
    assert session.save() == [] and files_of(root) == before
    session.remove_images([key])
    assert session.save() == []
    session.close()
    for path in (root / ".annotator").glob("annotator.db*"):
        path.unlink()
    session = Session.open(root)
    (item,) = session.trash.items()
    session.restore_images(item.folder, [key])
    assert session.save() == []
    session.close()
    back = {one.key: one for one in registry.load(root, Report())}[key]
    assert [box.label for box in back.boxes] == [box.label for box in image.boxes]


def test_split_csv_and_lists_follow(small_demo: Path, tmp_path: Path):
    work = WorkFolder(tmp_path / "work")
    convert_to_work(small_demo, work.root, Report(), ConvertOptions(jobs=1))
    before = files_of(work.root)
    session = Session.open(work.root)
    key = session.keys[0]
    session.remove_images([key])
    assert f"{key}.png" not in {row.image for row in read_split(work)}
    lists = "".join((work.root / f"{split}.txt").read_text() for split in ("train", "val", "test"))
    assert key not in lists and lists.count(".png") == 8
    session = again(session)
    session.undo()
    session.close()
    assert files_of(work.root) == before


def test_what_cannot_be_removed_or_brought_back(session: Session):
    with pytest.raises(UsageError, match="at least one picture"):
        session.remove_images(session.keys)
    image = session.image(KEY)
    session.remove_images([KEY])
    image.path.write_bytes(b"another")
    with pytest.raises(DataError, match="another file is in its place"):
        session.undo()
    assert image.path.read_bytes() == b"another" and KEY not in session
    image.path.unlink()
    (item,) = session.trash.items()
    session.trash.delete(item.folder)
    with pytest.raises(DataError, match="not in the trash any more"):
        session.undo()
    session.forget_step()
    assert session.undo() is None


def test_a_move_that_fails_leaves_everything_as_it_was(session: Session, monkeypatch: pytest.MonkeyPatch):
    before = files_of(session.root)
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.suffix == ".xml" and ".annotator" in target.parts:
            raise OSError(28, "No space left on device")
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refuse)
        with pytest.raises(WriteError, match="disk is full"):
            session.remove_images([KEY])
    assert KEY in session and files_of(session.root) == before and session.undo() is None
    session.remove_images([KEY])
    assert KEY not in session


def test_a_list_that_leads_out_of_the_set_is_not_followed(session: Session, tmp_path: Path):
    session.remove_images([KEY])
    (item,) = session.trash.items()
    manifest = session.trash.folder / item.folder / "manifest.json"
    data = json.loads(manifest.read_text())
    data["images"][0]["picture"] = "../stolen.png"
    manifest.write_text(json.dumps(data))
    assert session.trash.items() == []
    with pytest.raises(DataError, match="damaged"):
        session.undo()
    assert not (tmp_path / "stolen.png").exists()


def test_a_picture_put_back_by_hand_stays(session: Session):
    image = session.image(KEY)
    session.remove_images([KEY])
    (item,) = session.trash.items()
    shutil.copyfile(session.trash.folder / item.folder / "files" / item.picture, image.path)
    session = again(session)
    assert KEY in session and not session.image(KEY).labelled
    session.apply(edits.add_box(KEY, (), Box((1.0, 1.0, 9.0, 9.0), "with_mask")))
    assert session.save() == []
    session.close()
