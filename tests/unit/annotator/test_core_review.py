from pathlib import Path

import pytest

from annotator.core import edits
from annotator.core.session import Session
from converters import registry
from converters.errors import UsageError
from converters.model import Box
from converters.registry import FORMATS
from converters.report import Report

KEY = "images/maksssksksss0"


def again(session: Session) -> Session:
    session.close()
    return Session.open(session.root)


def test_reviewed_is_labelimgs_attribute_in_voc_and_nothing_else_changes(small_demo: Path):
    session = Session.open(small_demo)
    path = session.image(KEY).annotation
    before = path.read_bytes()
    session.set_reviewed([KEY])
    assert session.reviewed(KEY) and session.is_dirty(KEY)
    assert session.save() == []
    assert path.read_bytes() == before.replace(b"<annotation>", b'<annotation verified="yes">')
    assert session.history.undo_text == "mark maksssksksss0.png as reviewed"
    counts = session.review_counts()
    assert (counts.images, counts.reviewed, counts.labelled, counts.empty) == (9, 1, 9, 0)
    session = again(session)
    assert session.reviewed(KEY) and not session.reviewed(session.keys[1])
    session.set_reviewed([KEY])
    assert session.history.undo_count == 1, "what is so already is no edit"
    session.undo()
    assert session.save() == [] and path.read_bytes() == before
    session.close()


def test_the_flag_survives_edits_and_labelimgs_no(small_demo: Path):
    first = small_demo / "annotations" / "maksssksksss0.xml"
    second = small_demo / "annotations" / "maksssksksss1.xml"
    first.write_bytes(
        first.read_bytes().replace(b"<annotation>", b"<annotation verified='yes' note=\"&lt;\">")
    )
    second.write_bytes(second.read_bytes().replace(b"<annotation>", b'<annotation verified="no">'))
    session = Session.open(small_demo)
    one, two = session.keys[:2]
    assert session.reviewed(one) and not session.reviewed(two)
    for key in (one, two):
        session.apply(edits.SetBoxes(key, session.image(key).boxes, (), "delete all"))
    session.set_reviewed([two])
    session.set_reviewed([one], False)
    assert session.save() == []
    assert b'<annotation note="&lt;">' in first.read_bytes()
    assert b'<annotation verified="yes">' in second.read_bytes()
    session.close()
    assert not registry.load(small_demo, Report()).images[0].reviewed


@pytest.mark.parametrize("name", ["yolo", "coco"])
def test_reviewed_is_in_the_sidecar_for_formats_without_a_place_for_it(
    small_demo: Path, tmp_path: Path, name: str
):
    root = tmp_path / "set"
    root.mkdir()
    FORMATS[name].save(registry.load(small_demo, Report()), root, Report())
    session = Session.open(root)
    key, other = session.keys[:2]
    path = session.image(key).annotation
    before = path.read_bytes()
    session.set_reviewed([key, other])
    assert session.save() == [] and path.read_bytes() == before
    session.apply(edits.delete_boxes(other, session.image(other).boxes, frozenset({0})))
    session = again(session)
    assert session.reviewed(key) and session.reviewed(other) and session.review_counts().reviewed == 2
    session.undo()
    session.undo()
    session = again(session)
    assert session.review_counts().reviewed == 0
    session.close()


def test_a_picture_without_label_file(tmp_path: Path, make_picture):
    root = tmp_path / "set"
    for name in ("a", "b"):
        make_picture(root / f"{name}.png")
    session = Session.open(root)
    path = session.image("a").annotation
    session.set_reviewed(["a"])
    assert session.save() == [] and not path.exists()
    session = again(session)
    assert session.reviewed("a") and not session.image("a").labelled
    session.add_class("mask")
    session.apply(edits.add_box("a", (), Box((1.0, 2.0, 9.0, 9.0), "mask")))
    assert session.save() == []
    assert b'<annotation verified="yes">' in path.read_bytes()
    session.close()


@pytest.mark.parametrize("name", ["voc", "yolo"])
def test_empty_on_purpose_is_an_empty_label_file(tmp_path: Path, make_picture, name: str):
    root = tmp_path / "set"
    for picture in ("a", "b", "c"):
        make_picture(root / f"{picture}.png")
    if name == "yolo":
        (root / "obj.names").write_text("mask\n")
        (root / "c.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    session = Session.open(root)
    assert session.codec.name == name
    path = session.image("a").annotation
    session.set_empty_on_purpose(["a"])
    assert session.empty_on_purpose("a") and not session.empty_on_purpose("b")
    assert session.save() == [] and path.exists()
    assert session.review_counts().empty == 1
    if name == "voc":
        session.add_class("mask")
    edit = edits.add_box("a", (), Box((1.0, 2.0, 9.0, 9.0), "mask"))
    session.apply(edit)
    with pytest.raises(UsageError, match="1 box; it cannot be called empty"):
        session.set_empty_on_purpose(["a"])
    session.apply(edit.inverse())
    assert session.empty_on_purpose("a")
    session = again(session)
    assert session.empty_on_purpose("a") and session.image("a").boxes == ()
    while session.undo() is not None:
        pass
    assert session.save() == [] and not path.exists() and not session.image("a").labelled
    session.close()


def test_an_empty_label_file_can_be_taken_back(small_demo: Path):
    session = Session.open(small_demo)
    boxes, path = session.image(KEY).boxes, session.image(KEY).annotation
    before = path.read_bytes()
    session.apply(edits.SetBoxes(KEY, boxes, (), "delete all"))
    assert session.save() == [] and path.exists() and session.empty_on_purpose(KEY)
    session.set_empty_on_purpose([KEY], False)
    assert session.save() == [] and not path.exists()
    session = again(session)
    assert not session.image(KEY).labelled
    session.undo()
    session.undo()
    assert session.save() == [] and path.read_bytes() == before
    session.close()


@pytest.mark.parametrize("name", ["voc", "yolo", "coco"])
def test_who_finds_nothing_has_looked_and_one_undo_takes_both_back(tmp_path: Path, make_picture, name: str):
    for stem in ("a", "b"):
        make_picture(tmp_path / "set" / f"{stem}.png")
    session = Session.open(tmp_path / "set", new_labels=name)
    session.set_empty_on_purpose(["a"])
    assert session.empty_on_purpose("a") and session.reviewed("a")
    assert session.history.undo_count == 1
    assert session.save() == []
    session = again(session)
    assert session.empty_on_purpose("a") and session.reviewed("a") and not session.reviewed("b")
    session.undo()
    assert not session.empty_on_purpose("a") and not session.reviewed("a")
    session.redo()
    assert session.empty_on_purpose("a") and session.reviewed("a")
    assert session.save() == []
    session.set_empty_on_purpose(["a"], False)
    assert not session.empty_on_purpose("a") and session.reviewed("a")
    session.close()
