from pathlib import Path

import pytest

from annotator.core import edits
from annotator.core.new_sets import FORMATS
from annotator.core.session import Session
from converters.model import Box


@pytest.fixture
def plain(tmp_path: Path, make_picture) -> Path:
    for name in ("a.png", "b.JPG", "sub folder/ç.png"):
        make_picture(tmp_path / "plain" / name)
    return tmp_path / "plain"


@pytest.mark.parametrize("format", FORMATS)
def test_plain_pictures_are_labelled_in_the_format_that_was_chosen(plain: Path, format: str):
    session = Session.open(plain, new_labels=format)
    assert session.codec.name == format and session.class_names == () and len(session.keys) == 3
    session.add_class("mask")
    for key in session.keys:
        session.apply(edits.add_box(key, (), Box((4, 4, 20, 20), "mask")))
    assert session.save() == []
    session.close()
    suffix = {"voc": ".xml", "yolo": ".txt", "labelme": ".json"}[format]
    assert (plain / f"a{suffix}").is_file() and (plain / "sub folder" / f"ç{suffix}").is_file()
    session = Session.open(plain)
    assert session.codec.name == format and session.class_names == ("mask",)
    assert [len(session.image(key).boxes) for key in session.keys] == [1, 1, 1]
    for _ in range(4):
        session.undo()
    assert session.save() == [] and not list(plain.rglob(f"*{suffix}"))
    session.close()


def test_a_set_with_labels_keeps_its_format(small_demo: Path):
    session = Session.open(small_demo, new_labels="yolo")
    assert session.codec.name == "voc"
    session.close()
    session = Session.open(small_demo, new_labels="nonsense")
    session.close()
