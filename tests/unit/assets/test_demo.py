"""The shipped demo set: complete, small, sound, and still what its script draws."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
from lxml import etree

from assets import demo_path
from assets.make_demo import SCENES, draw_picture, encode, stem, write_demo

_STEMS = [stem(index) for index in range(len(SCENES))]


@dataclass(frozen=True)
class _Object:
    """A box as the XML file has it."""

    label: str
    left: int
    top: int
    right: int
    bottom: int

    @property
    def area(self) -> int:
        return max(0, self.right - self.left) * max(0, self.bottom - self.top)


def _number(element: etree._Element, path: str) -> int:
    text = element.findtext(path)
    assert text is not None, path
    return int(text)


def _root(name: str) -> etree._Element:
    return etree.parse(demo_path() / "annotations" / f"{name}.xml").getroot()


def _objects(name: str) -> list[_Object]:
    return [
        _Object(
            found.findtext("name") or "",
            *(_number(found, f"bndbox/{key}") for key in ("xmin", "ymin", "xmax", "ymax")),
        )
        for found in _root(name).iter("object")
    ]


def _stored(name: str) -> np.ndarray:
    pixels = cv2.imread(str(demo_path() / "images" / f"{name}.png"), cv2.IMREAD_UNCHANGED)
    assert pixels is not None, name
    return pixels


def _overlap(first: _Object, second: _Object) -> float:
    """Return the IoU of two boxes."""
    left, top = max(first.left, second.left), max(first.top, second.top)
    right, bottom = min(first.right, second.right), min(first.bottom, second.bottom)
    shared = max(0, right - left) * max(0, bottom - top)
    return shared / (first.area + second.area - shared)


def test_holds_one_xml_file_for_each_picture_and_nothing_else() -> None:
    images = {path.name for path in (demo_path() / "images").iterdir()}
    annotations = {path.name for path in (demo_path() / "annotations").iterdir()}
    assert images == {f"{name}.png" for name in _STEMS}
    assert annotations == {f"{name}.xml" for name in _STEMS}


def test_classes_are_as_unbalanced_as_in_the_original() -> None:
    boxes: Counter[str] = Counter()
    pictures: defaultdict[str, set[str]] = defaultdict(set)
    for name in _STEMS:
        for found in _objects(name):
            boxes[found.label] += 1
            pictures[found.label].add(name)
    assert boxes == {"with_mask": 160, "without_mask": 40, "mask_weared_incorrect": 12}
    # A split of 70/15/15 can then have every class in every part.
    assert min(len(names) for names in pictures.values()) >= 6


def test_one_picture_is_empty_and_the_others_hold_one_to_nine_faces() -> None:
    counts = [len(_objects(name)) for name in _STEMS]
    assert counts.count(0) == 1
    assert max(counts) == 9


@pytest.mark.parametrize("name", _STEMS)
def test_boxes_lie_inside_and_apart(name: str) -> None:
    root = _root(name)
    width, height = _number(root, "size/width"), _number(root, "size/height")
    assert _stored(name).shape[:2] == (height, width)
    objects = _objects(name)
    for found in objects:
        assert 1 <= found.left < found.right <= width
        assert 1 <= found.top < found.bottom <= height
        assert min(found.right - found.left, found.bottom - found.top) >= 8
    for first, second in combinations(objects, 2):
        assert _overlap(first, second) < 0.2


def test_some_boxes_are_cut_by_the_edge() -> None:
    cut = [name for name, scene in zip(_STEMS, SCENES, strict=True) if scene.cut]
    assert len(cut) == 3
    for name in cut:
        width = _number(_root(name), "size/width")
        assert any(found.left == 1 or found.right == width for found in _objects(name))


def test_every_encoding_of_the_original_occurs() -> None:
    kinds = Counter((str(pixels.dtype), pixels.shape[2]) for pixels in map(_stored, _STEMS))
    assert kinds == {("uint8", 3): 37, ("uint16", 4): 3, ("uint8", 4): 2}


def test_the_whole_set_stays_small() -> None:
    assert sum(path.stat().st_size for path in demo_path().rglob("*") if path.is_file()) < 2_000_000


@pytest.mark.parametrize("index", range(3))
def test_drawing_again_gives_the_shipped_picture(index: int) -> None:
    picture = draw_picture(index)
    assert np.array_equal(_stored(stem(index))[:, :, ::-1], picture.pixels)
    shipped = [
        (found.label, found.left, found.top, found.right, found.bottom) for found in _objects(stem(index))
    ]
    assert shipped == [(box.label, box.left, box.top, box.right, box.bottom) for box in picture.boxes]


def test_sixteen_bits_keep_black_white_and_opacity() -> None:
    pixels = np.array([[(0, 128, 255)]], np.uint8)
    decoded = cv2.imdecode(np.frombuffer(encode(pixels, "rgba16"), np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded is not None
    assert decoded[0, 0].tolist() == [65535, 128 * 257, 0, 65535]


def test_writes_into_a_folder_that_does_not_exist_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assets.make_demo.SCENES", SCENES[:1])
    write_demo(tmp_path / "new" / "demo")
    written = (tmp_path / "new" / "demo" / "annotations" / f"{stem(0)}.xml").read_bytes()
    assert written == (demo_path() / "annotations" / f"{stem(0)}.xml").read_bytes()
