from __future__ import annotations

from pathlib import Path

import pytest
from darknet_support import make_work, write_weights

from annotator.darknet.blocks import parameter_count
from annotator.darknet.dialect import Darknet
from annotator.darknet.networks import build
from annotator.darknet.preflight import check_training, kept_files
from annotator.darknet.runs import read_list
from converters.model import Split

DEBIAN = Darknet(Path("/usr/bin/darknet"), "pjreddie")
ALEXEYAB = Darknet(Path("/opt/darknet"), "alexeyab")
CFG = build(
    "yolov3-tiny",
    classes=2,
    width=32,
    height=32,
    batch=2,
    subdivisions=1,
    max_batches=200,
    dialect="pjreddie",
)


@pytest.fixture
def work(tmp_path):
    return make_work(tmp_path / "work")


def check(work, *, darknet=DEBIAN, names=("mask", "no_mask"), weights=None, **lists):
    found = {split: read_list(work.list_of(split)) for split in Split}
    found |= {Split(name): entries for name, entries in lists.items()}
    return check_training(work.root, found, names, darknet, CFG, weights=weights, runs=work.runs)


def codes(report):
    return [issue.code for issue in report]


def test_a_sound_set_has_nothing_to_complain_about(work):
    assert codes(check(work)) == []
    assert codes(check(work, darknet=ALEXEYAB)) == []


def test_no_picture_to_train_on(work):
    report = check(work, train=[])
    assert [issue.code for issue in report.errors] == ["empty-list"]


def test_nothing_to_measure_on_is_a_warning(work):
    report = check(work, val=[], test=[])
    assert (len(report.errors), codes(report)) == (0, ["empty-list", "empty-list"])


def test_a_picture_in_two_splits(work):
    report = check(work, val=["obj/p0.png"])
    assert codes(report) == ["in-two-splits"]
    assert report.errors[0].key == "obj/p0.png"


def test_a_picture_twice_in_a_list(work):
    assert codes(check(work, train=["obj/p0.png", "obj/p0.png"])) == ["twice-in-list"]


def test_missing_empty_and_cut_pictures(work):
    (work.obj / "p0.png").unlink()
    (work.obj / "p1.png").write_bytes(b"")
    picture = work.obj / "p2.png"
    picture.write_bytes(picture.read_bytes()[:-20])
    assert codes(check(work)) == ["image-missing", "image-unreadable", "image-truncated"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("2 0.5 0.5 0.1 0.1", "bad-class-id"),
        ("-1 0.5 0.5 0.1 0.1", "bad-class-id"),
        ("0 0.5 0.5 0.1", "bad-columns"),
        ("0 0.5 0.5 0.1 x", "bad-number"),
        ("0.0 0.5 0.5 0.1 0.1", "bad-number"),
        ("0 0 0.5 0.1 0.1", "bad-box"),
        ("0 0.5 1.5 0.1 0.1", "bad-box"),
        ("0 0.5 0.5 0 0.1", "bad-box"),
        ("0 0.5 0.5 nan 0.1", "bad-box"),
    ],
)
def test_labels_that_darknet_chokes_on(work, text, code):
    (work.obj / "p3.txt").write_text(f"1 0.5 0.5 0.5 0.5\n\n{text}\n")
    (issue,) = check(work)
    assert (issue.code, issue.line, issue.path.name, issue.key) == (code, 3, "p3.txt", "obj/p3.png")


def test_labels_that_are_fine(work):
    (work.obj / "p3.txt").write_text("")
    (work.obj / "p2.txt").write_text("1 1 1 1 1\n0 0.5 0.5 0.5 0.5 more columns\n\n")
    assert codes(check(work)) == []


def test_a_missing_label(work):
    (work.obj / "p3.txt").unlink()
    assert codes(check(work)) == ["label-missing"]


@pytest.mark.parametrize("name", ["drawing.png", "my_images.png", "a.png.png", "b.PNG", "c.jpeg", "d.bmp"])
def test_names_from_which_debian_s_darknet_makes_a_wrong_label_path(work, name):
    from PIL import Image

    path = work.obj / name
    with Image.open(work.obj / "p0.png") as picture:
        picture.save(path, format={".jpeg": "JPEG", ".bmp": "BMP"}.get(path.suffix, "PNG"))
    path.with_suffix(".txt").write_text("")
    assert codes(check(work, train=[f"obj/{name}"])) == ["label-not-found"]
    assert codes(check(work, train=[f"obj/{name}"], darknet=ALEXEYAB)) == []


def test_more_boxes_than_a_darknet_trains_on(work):
    (work.obj / "p0.txt").write_text("0 0.5 0.5 0.1 0.1\n" * 115)
    assert codes(check(work)) == ["many-boxes"]
    assert codes(check(work, darknet=ALEXEYAB)) == []


def test_names_that_do_not_fit_the_network(work):
    report = check(work, names=("mask", "no_mask", "chin_diaper"))
    assert "bad-names" in codes(report)


def test_weights_to_start_from(work, tmp_path):
    path = tmp_path / "start.weights"
    assert codes(check(work, weights=path)) == ["bad-weights"]
    path.touch()
    assert codes(check(work, weights=path)) == ["bad-weights"]
    write_weights(path, 64, parameter_count(CFG))
    assert codes(check(work, weights=path)) == []
    write_weights(path, 64, 1000)
    assert codes(check(work, weights=path)) == ["partial-weights"]
    write_weights(path, 64, parameter_count(CFG) + 1)
    assert codes(check(work, weights=path)) == ["bad-weights"]


def test_a_folder_that_cannot_be_written(work):
    work.runs.write_text("a file where the runs should be")
    assert codes(check(work)) == ["read-only"]


def test_how_many_weights_files_are_kept():
    assert kept_files(CFG, DEBIAN) == 4  # 100, 200, the newest, the final ones
    assert kept_files(CFG.with_net(max_batches=6400), DEBIAN) == 11
    assert kept_files(CFG.with_net(max_batches=6400), ALEXEYAB) == 9
    assert kept_files(CFG.with_net(max_batches=25_000), ALEXEYAB) == 5


def test_a_disk_without_room(work):
    cfg = CFG.with_net(max_batches=10**12)
    report = check_training(work.root, {}, ("a", "b"), ALEXEYAB, cfg, runs=work.runs)
    assert "disk-full" in codes(report)


@pytest.mark.parametrize(("trained", "refused"), [("mask\nno_mask\n", False), ("no_mask\nmask\n", True)])
def test_weights_of_other_classes(work, tmp_path, trained, refused):
    run = tmp_path / "run"
    (run / "backup").mkdir(parents=True)
    (run / "obj.names").write_text(trained)
    weights = run / "backup" / "net_final.weights"
    write_weights(weights, 64, parameter_count(CFG))
    codes = [issue.code for issue in check(work, weights=weights).errors]
    assert codes == (["weights-names"] if refused else [])
