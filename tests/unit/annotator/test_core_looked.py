"""What was seen in any pictures: counted, listed, saved, made a set of."""

from __future__ import annotations

import csv
import json
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from annotator.core.looked import Looked, LookedOrder, SaveRequest, make_set, save_seen
from annotator.darknet.prediction.looking import Picture, Seen, Shown, collect
from converters import registry
from converters.errors import UsageError
from converters.images import encode_png, load_rgb
from converters.model import Box
from converters.report import Report

NAMES = ("mask", "no_mask")


def nothing(done: int, total: int) -> None:
    """Nobody listens."""


@pytest.fixture
def looked(tmp_path: Path) -> Looked:
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    found = {
        "a.png": (Box((2, 2, 20, 20), "mask", 0.9), Box((5, 5, 30, 30), "no_mask", 0.3)),
        "b.png": (),
        "more/a.png": (Box((1.4, 0, 39.7, 30), "no_mask", 0.5),),
    }
    for name in found:
        (folder / name).write_bytes(encode_png(np.full((30, 40, 3), 90, np.uint8)))
    pictures = collect([folder], Report())
    assert [one.name for one in pictures] == list(found)
    made = Looked(NAMES)
    made.add([Seen(one, (40, 30), found[one.name]) for one in pictures])
    return made


def test_a_threshold_and_classes_count_at_once(looked: Looked) -> None:
    def counted(*how: object) -> tuple[list[int], list[int]]:
        pictures, classes = looked.count(Shown(*how))  # type: ignore[arg-type]
        return pictures.tolist(), classes.tolist()

    assert counted(0.25) == ([2, 0, 1], [1, 2])
    assert counted(0.5) == ([1, 0, 1], [1, 1])
    assert counted(0.25, frozenset({"no_mask"})) == ([1, 0, 0], [1, 2])
    assert Looked(NAMES).count(Shown())[1].tolist() == [0, 0]
    assert looked.order(LookedOrder.NAME, Shown()) == [0, 1, 2]
    assert looked.order(LookedOrder.MOST, Shown(0.25)) == [0, 2, 1]
    assert looked.order(LookedOrder.DOUBTFUL, Shown(0.45)) == [2, 0, 1]


def test_what_is_shown_is_saved(looked: Looked, tmp_path: Path) -> None:
    out = tmp_path / "out"
    request = SaveRequest(out, Shown(0.4), True, ("coco", "yolo", "darknet"), Path("net.weights"))
    assert not len(save_seen(looked, request, nothing))
    rows = list(csv.DictReader((out / "predictions.csv").read_text().splitlines()))
    assert [(row["image"], row["label"]) for row in rows] == [("a.png", "mask"), ("more/a.png", "no_mask")]
    assert load_rgb(out / "more/a.png").shape == (30, 40, 3)
    darknet = json.loads((out / "predictions-darknet.json").read_text())
    assert [len(one["objects"]) for one in darknet] == [1, 0, 1]
    assert darknet[0]["objects"][0]["relative_coordinates"]["width"] == 0.45
    assert len(json.loads((out / "predictions-coco.json").read_text())["annotations"]) == 2
    assert (out / "yolo/b.txt").read_text() == ""
    # The same folder again is fine; that of the pictures is not.
    save_seen(looked, request, nothing)
    for folder in (tmp_path / "photos", tmp_path):
        with pytest.raises(UsageError):
            save_seen(looked, SaveRequest(folder, Shown(), True, (), Path("w")), nothing)


def test_what_is_cancelled_leaves_nothing(looked: Looked, tmp_path: Path) -> None:
    def cancel(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        save_seen(looked, SaveRequest(out, Shown(), True, (), Path("w")), cancel)
    assert not [path for path in out.rglob("*") if path.is_file()]


def test_predictions_become_the_first_labels_of_a_set(looked: Looked, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    assert not make_set(looked, folder, Shown(0.4), nothing).errors
    made = registry.load(folder, Report())
    assert made.class_names == NAMES and len(made) == 3
    by_name = {image.key.partition("obj/")[2]: image for image in made}
    (box,) = by_name["a"].boxes
    assert (box.label, box.confidence) == ("mask", None)
    assert box.xyxy == pytest.approx((2, 2, 20, 20), abs=0.01)
    assert not by_name["b"].labelled and not by_name["a"].reviewed
    assert by_name["more/a"].boxes[0].xyxy == pytest.approx((1, 0, 40, 30), abs=0.01)
    assert sorted(path.name for path in (tmp_path / "photos").rglob("*")) == [
        "a.png",
        "a.png",
        "b.png",
        "more",
    ]
    with pytest.raises(UsageError, match="holds something"):
        make_set(looked, folder, Shown(0.4), nothing)


def test_pictures_are_found_with_names_of_their_own(tmp_path: Path) -> None:
    for name in ("x/a.jpg", "x/a.png", "x/.hidden/c.png", "x/deep/a.JPG", "y/a.jpg", "x/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    found = collect([tmp_path / "x", tmp_path / "y"], Report())
    assert [str(one.drawing) for one in found] == ["a.jpg", "a.png", "deep/a.jpg", "a-2.jpg"]
    assert len({one.name for one in found}) == 4
    with pytest.raises(UsageError, match="no picture"):
        collect([_empty(tmp_path)], Report())
    long = tmp_path / ("é" * 120 + ".jpeg")
    long.write_bytes(b"")
    (only,) = collect([long], Report())
    assert len(str(only.drawing).encode()) <= 255 and only.drawing.suffix == ".jpg"
    assert only == Picture(long, long.name, PurePosixPath("é" * 120 + ".jpg"))


def _empty(folder: Path) -> Path:
    made = folder / "empty"
    made.mkdir()
    return made
