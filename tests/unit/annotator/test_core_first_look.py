import random

import pytest
from natsort import natsorted

from annotator.core.first_look import first_look, first_natural
from annotator.core.session import Session
from converters import registry
from converters.model import Box
from converters.report import Report

VOC = """<annotation><filename>{name}</filename>
<size><width>40</width><height>30</height><depth>3</depth></size>
<object><name>{label}</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>11</xmax><ymax>12</ymax></bndbox></object>
</annotation>
"""


@pytest.fixture
def picture(tmp_path):
    from PIL import Image

    made = tmp_path / "made.png"
    Image.new("RGB", (40, 30)).save(made)
    data = made.read_bytes()
    made.unlink()
    return data


def voc_set(root, picture, count, label="dog"):
    (root / "images").mkdir(parents=True)
    (root / "annotations").mkdir()
    for number in range(count):
        (root / f"images/pic{number}.png").write_bytes(picture)
        text = VOC.format(name=f"pic{number}.png", label=label)
        (root / f"annotations/pic{number}.xml").write_text(text)
    return root


@pytest.mark.parametrize("seed", range(20))
def test_the_first_name_is_the_one_that_sorting_puts_first(seed):
    rng = random.Random(seed)
    names = [
        "".join(rng.choice("ab0123-_./é" if seed > 15 else "ab0123-_./") for _ in range(6)) for _ in range(60)
    ]
    assert first_natural(names) == natsorted(names)[0]


def test_a_name_with_a_line_break_is_one_name():
    assert first_natural(["b\n0", "b1", "b0"]) == natsorted(["b\n0", "b1", "b0"])[0]


def test_the_first_picture_comes_with_its_boxes(tmp_path, picture):
    root = voc_set(tmp_path / "set", picture, 12)
    look = first_look(root)
    assert look is not None
    assert look.image.key == "images/pic0"
    assert look.image.boxes == (Box((1, 2, 11, 12), "dog"),)
    assert look.colours.names == ("dog",)
    assert look.number == 12


def test_a_large_set_is_not_read(tmp_path, picture, monkeypatch):
    root = voc_set(tmp_path / "set", picture, 400)
    opened = []
    from converters.formats import voc

    real = voc._read_labels
    monkeypatch.setattr(voc, "_read_labels", lambda data, file: (opened.append(file.path), real(data, file)))
    look = first_look(root)
    assert look is not None
    assert len(look.image.boxes) == 1
    assert len(opened) == 1


def test_the_picture_one_was_at_comes_first(tmp_path, picture):
    root = voc_set(tmp_path / "set", picture, 12)
    assert first_look(root, "images/pic7").image.key == "images/pic7"
    assert first_look(root, "images/gone").image.key == "images/pic0"


def test_classes_have_the_order_that_was_pinned(tmp_path, picture):
    root = voc_set(tmp_path / "set", picture, 3)
    session = Session.open(root)
    session.add_class("cat")
    session.close()
    assert first_look(root).colours.names == ("dog", "cat")


def test_no_picture_no_folder_and_a_picture_alone(tmp_path, picture):
    assert first_look(tmp_path) is None
    assert first_look(tmp_path / "gone") is None
    (tmp_path / "b.PNG").write_bytes(picture)
    (tmp_path / "a-1.png").write_bytes(picture)
    (tmp_path / "a.png").write_bytes(picture)
    look = first_look(tmp_path)
    assert look.image.key == "a"
    assert not look.image.boxes


def test_a_broken_label_file_still_shows_the_picture(tmp_path, picture):
    root = voc_set(tmp_path / "set", picture, 2)
    (root / "annotations/pic0.xml").write_text("<annotation><obj")
    look = first_look(root)
    assert look.image.path == root / "images/pic0.png"
    assert not look.image.boxes


@pytest.mark.parametrize(
    "name", ["voc", "yolo", "ultralytics", "labelme", "coco", "csv", "cvat", "label-studio"]
)
def test_each_format_shows_the_picture_that_the_session_shows_first(tmp_path, picture, name):
    source = registry.load(voc_set(tmp_path / "set", picture, 3), Report())
    root = tmp_path / "other"
    root.mkdir()
    registry.codec_to_write(name).save(source, root, Report())
    look = first_look(root)
    session = Session.open(root)
    first = session.image(session.keys[0])
    assert (look.image.key, look.image.boxes) == (first.key, first.boxes)
    assert look.colours.names == session.class_names
    session.close()


def test_a_part_of_a_set_is_read_where_only_that_is_listed(tmp_path, picture):
    from converters.formats.base import LoadOptions
    from converters.layout import Tree

    root = voc_set(tmp_path / "set", picture, 3)
    tree = Tree(root, ("annotations/pic1.xml", "images/pic1.png"), frozenset({"", "images", "annotations"}))
    dataset = registry.load(root, Report(), LoadOptions(tree=tree))
    assert [image.key for image in dataset] == ["images/pic1"]
    assert dataset.images[0].labelled
