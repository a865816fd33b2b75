from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from converters.errors import NotADatasetError, UsageError
from converters.formats import voc, yolo
from converters.layout import label_path, pair_up, report_layout, scan, splits_from_folders, splits_from_lists
from converters.model import Split
from converters.report import Report


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def pairs(root: Path, kind: object = voc.KIND) -> dict[str, str | None]:
    pairing = pair_up(scan(root), kind)  # type: ignore[arg-type]
    return {pair.picture: pair.label if pair.exists else None for pair in pairing.pairs}


def homes(root: Path, kind: object = voc.KIND) -> dict[str, str]:
    return {pair.picture: pair.label for pair in pair_up(scan(root), kind).pairs}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("picture", "label"),
    [
        ("images/a.png", "annotations/a.xml"),
        ("archive/images/a.png", "archive/annotations/a.xml"),
        ("JPEGImages/a.JPG", "Annotations/a.XML"),
        ("IMAGES/a.png", "annotations/a.xml"),
        ("a.png", "a.xml"),
        ("train/a.png", "train/a.xml"),
        ("images/train/a.png", "annotations/train/a.xml"),
        ("images/train/a.png", "annotations/a.xml"),
        ("train/images/a.png", "train/annotations/a.xml"),
        ("a.png", "annotations/a.xml"),
        ("pics/a.png", "annotations/a.xml"),
        ("images/a.b.png", "annotations/a.b.xml"),
        ("images/a.png", "images/a.xml"),
    ],
)
def test_places_where_labels_are_found(tmp_path: Path, picture: str, label: str) -> None:
    touch(tmp_path, picture, label)
    assert pairs(tmp_path) == {picture: label}
    assert pair_up(scan(tmp_path), voc.KIND).orphans == ()
    assert label_path(tmp_path, voc.KIND, tmp_path / picture) == tmp_path / label


@pytest.mark.parametrize(
    ("files", "home"),
    [
        (["images/new.png"], "annotations/new.xml"),
        (["JPEGImages/new.png"], "Annotations/new.xml"),
        (["images/new.png", "Annotations/a.xml"], "Annotations/new.xml"),
        (["new.png"], "new.xml"),
        (["new.png", "annotations/a.xml", "a.png"], "annotations/new.xml"),
        (["pics/new.png"], "pics/new.xml"),
        (["images/new.png", "images/a.png", "images/a.xml"], "images/new.xml"),
        (["images/train/new.png", "annotations/x"], "annotations/train/new.xml"),
    ],
)
def test_places_where_labels_would_be_written(tmp_path: Path, files: list[str], home: str) -> None:
    touch(tmp_path, *files)
    picture = next(name for name in files if "new" in name)
    assert homes(tmp_path)[picture] == home
    assert label_path(tmp_path, voc.KIND, tmp_path / picture) == tmp_path / home


def test_yolo_makes_labels_beside_images(tmp_path: Path) -> None:
    touch(tmp_path, "images/new.png", "obj/new.png")
    assert homes(tmp_path, yolo.KIND) == {"images/new.png": "labels/new.txt", "obj/new.png": "obj/new.txt"}


def test_hidden_and_derived_folders_are_not_looked_into(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", ".a.png", ".hidden/b.png", ".annotator/c.png", "runs/d.png", "Augmented/e.png")
    touch(tmp_path, "__MACOSX/f.png", "sub/runs/g.png")
    assert scan(tmp_path).files == ("a.png",)


def test_the_root_itself_may_be_called_anything(tmp_path: Path) -> None:
    assert scan(touch(tmp_path / "runs", "a.png")).files == ("a.png",)


def test_accents_of_a_mac_find_their_label(tmp_path: Path) -> None:
    composed, decomposed = unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")
    touch(tmp_path, f"images/{composed}.png", f"annotations/{decomposed}.xml")
    assert pairs(tmp_path) == {f"images/{composed}.png": f"annotations/{decomposed}.xml"}


def test_linked_folders_are_followed_and_loops_are_not(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere", "a.png")
    root = touch(tmp_path / "set", "b.png")
    (root / "images").symlink_to(tmp_path / "elsewhere")
    (root / "loop").symlink_to(root)
    assert scan(root).files == ("b.png", "images/a.png")


def test_orphans(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "annotations/a.xml", "annotations/gone.xml", "config/settings.xml")
    pairing = pair_up(scan(tmp_path), voc.KIND)
    assert pairing.orphans == ("annotations/gone.xml",)
    touch(tmp_path, "images/readme.txt", "classes.txt", "labels/train.txt", "labels/gone.txt")
    assert pair_up(scan(tmp_path), yolo.KIND).orphans == ("labels/gone.txt",)


def test_a_label_two_pictures_could_claim_goes_to_neither(tmp_path: Path) -> None:
    touch(tmp_path, "one/a.png", "two/a.png", "annotations/a.xml", "one/b.png", "one/b.xml", "two/b.png")
    tree = scan(tmp_path)
    pairing = pair_up(tree, voc.KIND)
    assert [(pair.key, pair.exists) for pair in pairing.pairs] == [("one/b", True), ("two/b", False)]
    report = Report()
    report_layout(tree, pairing, report)
    assert [issue.code for issue in report] == ["label-ambiguous"]
    assert "one/a.png" in report.errors[0].message and "two/a.png" in report.errors[0].message


def test_the_surer_of_two_claims_wins(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "images/sub/a.png", "annotations/a.xml")
    assert pairs(tmp_path) == {"images/a.png": "annotations/a.xml", "images/sub/a.png": None}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_unreadable_folder_is_reported(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "closed/b.png")
    (tmp_path / "closed").chmod(0)
    try:
        tree = scan(tmp_path)
    finally:
        (tmp_path / "closed").chmod(0o700)
    report = Report()
    report_layout(tree, pair_up(tree, voc.KIND), report)
    assert [issue.code for issue in report.errors] == ["folder-unreadable"]


def test_what_is_no_folder(tmp_path: Path) -> None:
    touch(tmp_path, "file")
    for name, error in (("file", NotADatasetError), ("nothing", UsageError)):
        with pytest.raises(error):
            scan(tmp_path / name)
    with pytest.raises(UsageError):
        label_path(tmp_path, voc.KIND, Path("/elsewhere/a.png"))


def test_lists_name_pictures_in_many_ways(tmp_path: Path) -> None:
    keys = ["obj/a", "obj/b c", "obj/d", "sub/obj/a", "obj/e.f"]
    (tmp_path / "train.txt").write_bytes(
        "\ufeffdata/obj/a.jpg\r\n./obj/b c.png\nC:\\my\\obj\\d.PNG\n\nobj/e.f\n".encode()
    )
    report = Report()
    lists = {"train.txt": Split.TRAIN}
    assert splits_from_lists(lists, scan(tmp_path), keys, report) == dict.fromkeys(
        ["obj/a", "obj/b c", "obj/d", "obj/e.f"], Split.TRAIN
    )
    assert not len(report)
    (tmp_path / "train.txt").write_text("a.png\nx.png\ny.png\n")
    assert splits_from_lists(lists, scan(tmp_path), keys, report) == {}
    assert "3 such lines" in report.warnings[0].message
    (tmp_path / "train.txt").write_bytes(b"\xff\xfe")
    assert splits_from_lists(lists, scan(tmp_path), keys, report) == {}
    assert [issue.code for issue in report.errors] == ["bad-encoding"]


def test_splits_from_folders_only_where_all_pictures_have_one() -> None:
    assert splits_from_folders(["Train/a", "x/valid/b"]) == {"Train/a": Split.TRAIN, "x/valid/b": Split.VAL}
    assert splits_from_folders(["train/a", "b"]) == {}
