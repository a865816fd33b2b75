"""Is a data set as its labels are now, and is nothing trained on that is measured? Each with its mending."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest
from darknet_support import make_work, write_program

from annotator.darknet.cli import main
from annotator.darknet.preflight.data_set import check_source
from annotator.darknet.preflight.look import Watch, check_training, fix_of
from annotator.darknet.preflight.sheet import Sheet
from converters.conversion import ConvertOptions
from converters.convert import convert_to_work
from converters.images import encode_png, load_rgb
from converters.made import record_path
from converters.model import Split
from converters.remap import Rename
from converters.report import Report
from converters.split import SplitRequest
from converters.work import WorkFolder, copies_in, read_split, write_lists, write_split

SMALL = ["--network", "yolov3-tiny", "--width", "32", "--height", "32", "--batch", "2", "--max-batches", "9"]
OLD = "import sys; print('Not an option: version', file=sys.stderr)"
SIZE = ("few-boxes", "class-untrained", "class-unmeasured", "empty-list")


@pytest.fixture
def source(small_demo: Path) -> Path:
    long_ago = time.time() - 3600
    for path in [small_demo, *small_demo.rglob("*")]:
        os.utime(path, (long_ago, long_ago))
    return small_demo


@pytest.fixture
def made(source: Path, tmp_path: Path) -> WorkFolder:
    options = ConvertOptions(rename=(Rename("with_mask", "covered"),), split=SplitRequest((60, 20, 20)))
    convert_to_work(source, tmp_path / "work", Report(), options)
    return WorkFolder(tmp_path / "work")


def found_in(work: WorkFolder, capsys, tmp_path: Path) -> list[dict]:
    darknet = write_program(tmp_path / "darknet", OLD)
    main(["check", str(work.root), *SMALL, "--darknet", str(darknet), "--json"])
    rows = json.loads(capsys.readouterr().out)["findings"]
    return [row for row in rows if row["code"] not in SIZE]


def codes(rows: list[dict]) -> list[str]:
    return [row["code"] for row in rows]


def label_of(work: WorkFolder, row) -> Path:
    return (work.root / row.image).with_suffix(".txt")


def annotation_of(source: Path, row) -> Path:
    return next(source.rglob(f"{Path(row.source).stem}.xml"))


def edit(source: Path, row) -> None:
    """Move the first box by some pixels, as a person does."""
    path = annotation_of(source, row)
    text = path.read_text()
    before = text[text.index("<xmin>") + 6 : text.index("</xmin>")]
    path.write_text(text.replace(f"<xmin>{before}<", f"<xmin>{int(float(before)) + 3}<", 1))


def test_a_set_that_was_just_made_is_as_its_labels_are(made, source, capsys, tmp_path):
    assert found_in(made, capsys, tmp_path) == []
    os.utime(source)  # something changed there: it is read again, and is the same
    assert found_in(made, capsys, tmp_path) == []


def test_labels_that_changed_since_are_said_and_brought_over(made, source, capsys, tmp_path):
    row, other = [row for row in read_split(made) if label_of(made, row).read_text()][:2]
    before, untouched = label_of(made, row).read_text(), label_of(made, other).read_bytes()
    edit(source, row)
    (found,) = found_in(made, capsys, tmp_path)
    assert (found["code"], found["fix"], found["severity"]) == ("labels-changed", "bring-labels", "warning")
    assert found["message"].startswith(Path(row.image).name) and found["image"] == row.image
    splits = made.split_csv.read_bytes()
    assert main(["mend", str(made.root), "labels"]) == 0
    assert capsys.readouterr().out.split() == [row.image]
    assert label_of(made, row).read_text() != before and label_of(made, other).read_bytes() == untouched
    assert made.split_csv.read_bytes() == splits
    (kept,) = (made.root / ".annotator" / "replaced").rglob("*.txt")
    assert kept.read_text() == before
    assert found_in(made, capsys, tmp_path) == []


def test_a_label_that_is_missing_only_here_is_made_again(made, source, capsys, tmp_path):
    row = next(row for row in read_split(made) if label_of(made, row).read_text())
    before = label_of(made, row).read_text()
    label_of(made, row).unlink()
    (found,) = found_in(made, capsys, tmp_path)
    assert (found["code"], found["fix"], found["severity"]) == ("label-lost", "bring-labels", "error")
    assert main(["mend", str(made.root), "labels"]) == 0
    assert capsys.readouterr().out.split() == [row.image]
    assert label_of(made, row).read_text() == before
    assert found_in(made, capsys, tmp_path) == []


def test_a_picture_that_is_missing_only_here_is_made_again(made, source, capsys, tmp_path):
    row = read_split(made)[0]
    before = (made.root / row.image).read_bytes()
    (made.root / row.image).unlink()
    label_of(made, row).unlink()
    (found,) = found_in(made, capsys, tmp_path)
    assert (found["code"], found["fix"], found["severity"]) == ("image-lost", "bring-labels", "error")
    assert main(["mend", str(made.root), "labels"]) == 0
    assert capsys.readouterr().out.split() == [row.image]
    assert (made.root / row.image).read_bytes() == before and label_of(made, row).is_file()
    assert found_in(made, capsys, tmp_path) == []


def test_labels_that_were_edited_here_later_stay(made, source, capsys, tmp_path):
    row = next(row for row in read_split(made) if label_of(made, row).read_text())
    label_of(made, row).write_text("0 0.5 0.5 0.25 0.25\n")
    os.utime(source)  # it is compared
    assert found_in(made, capsys, tmp_path) == []


def test_a_label_that_is_missing_there_as_well_has_to_be_labelled(made, source, capsys, tmp_path):
    row = read_split(made)[0]
    label_of(made, row).unlink()
    annotation_of(source, row).unlink()
    found = found_in(made, capsys, tmp_path)
    assert [(one["code"], one["fix"]) for one in found] == [
        ("label-missing", "show-picture"),
        ("set-changed", "make-set"),
    ]


def test_new_classes_and_new_pictures_are_said(made, source, capsys, tmp_path):
    row = next(row for row in read_split(made) if label_of(made, row).read_text())
    path = annotation_of(source, row)
    picture = source / row.source
    shutil.copy(picture, picture.with_name("new.png"))
    shutil.copy(path, path.with_name("new.xml"))
    text = path.read_text()
    name = text[text.index("<name>") : text.index("</name>")]
    path.write_text(text.replace(name, "<name>hat", 1))
    found = found_in(made, capsys, tmp_path)
    assert sorted(codes(found)) == ["set-changed", "set-classes"]
    assert {one["fix"] for one in found} == {"make-set"}
    assert "hat" in " ".join(one["message"] for one in found)
    assert "1 picture of the set is not in it yet" in " ".join(one["message"] for one in found)


def test_a_data_set_that_came_from_another_machine_can_be_trained(made, source, capsys, tmp_path):
    shutil.copytree(made.root, tmp_path / "elsewhere")
    shutil.rmtree(made.root)
    shutil.rmtree(source)
    moved = WorkFolder(tmp_path / "elsewhere")
    assert found_in(moved, capsys, tmp_path) == []
    report, sheet = Report(), Sheet()
    check_source(moved, report, sheet)
    assert str(source) in sheet.values["splits"] and "not here" in sheet.values["splits"]
    assert main(["mend", str(moved.root), "labels"]) == 2
    assert f"({source}) is not here" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1, "source": "x", "options": {}}'])
def test_a_broken_record_of_the_source_is_none(made, capsys, tmp_path, text):
    record_path(made).write_text(text)
    assert found_in(made, capsys, tmp_path) == []


def test_a_set_that_cannot_be_read_any_more_is_a_warning(made, source, capsys, tmp_path):
    for path in source.rglob("*.xml"):
        path.write_text("<oops")
    (found,) = found_in(made, capsys, tmp_path)
    assert (found["code"], found["severity"]) == ("set-unreadable", "warning")


# ---- what shows the same in two splits -------------------------------------------------------------------


@pytest.fixture
def work(small_demo: Path, tmp_path: Path) -> WorkFolder:
    """Real pictures without a record of where they are from."""
    convert_to_work(small_demo, tmp_path / "work", Report(), ConvertOptions(split=SplitRequest((60, 20, 20))))
    found = WorkFolder(tmp_path / "work")
    record_path(found).unlink()
    return found


def add_alike(work: WorkFolder, split: Split, name: str) -> str:
    """A picture that nearly shows what the first training picture shows."""
    row = next(row for row in read_split(work) if row.split is Split.TRAIN)
    rgb = load_rgb(work.root / row.image).copy()
    rgb[:3, :3] = 255 - rgb[:3, :3]
    (work.obj / f"{name}.png").write_bytes(encode_png(rgb))
    shutil.copy(label_of(work, row), work.obj / f"{name}.txt")
    from converters.work import SplitRow

    write_split(work, [*read_split(work), SplitRow(f"obj/{name}.png", split)])
    write_lists(work)
    return row.image


def test_nearly_the_same_picture_in_two_splits(work, capsys, tmp_path):
    assert found_in(work, capsys, tmp_path) == []
    first = add_alike(work, Split.VAL, "zz")
    (found,) = found_in(work, capsys, tmp_path)
    assert (found["code"], found["fix"], found["severity"]) == ("alike", "put-together", "warning")
    assert "obj/zz.png" in found["message"] and first in found["message"]
    assert "nearly the same" in found["message"]
    assert main(["mend", str(work.root), "splits"]) == 0
    assert capsys.readouterr().out.split() == ["obj/zz.png", "train"]
    assert found_in(work, capsys, tmp_path) == []
    splits = {row.image: row for row in read_split(work)}
    assert splits["obj/zz.png"].group and splits["obj/zz.png"].group == splits[first].group
    assert "obj/zz.png" in (work.root / "train.txt").read_text()
    assert len(list((work.root / ".annotator" / "replaced").rglob("split.csv"))) == 1


def test_most_of_a_group_says_where_it_goes_and_copies_keep_it_in_train(work, capsys, tmp_path):
    first = add_alike(work, Split.VAL, "zy")
    add_alike(work, Split.VAL, "zz")
    assert main(["mend", str(work.root), "splits"]) == 0
    assert capsys.readouterr().out.split() == [first, "val"]
    write_split(
        work,
        [row if row.image != first else type(row)(first, Split.TRAIN, row.group) for row in read_split(work)],
    )
    work.augmented.mkdir()
    for suffix in (".png", ".txt"):
        shutil.copy(
            (work.root / first).with_suffix(suffix), work.augmented / f"{Path(first).stem}_c0{suffix}"
        )
    assert main(["mend", str(work.root), "splits"]) == 0
    assert capsys.readouterr().out.split() == ["obj/zy.png", "train", "obj/zz.png", "train"]


def test_before_a_training_starts_nothing_is_decoded_to_compare(work, monkeypatch):
    from test_darknet_preflight import ALEXEYAB, CFG, NO_GPU

    add_alike(work, Split.VAL, "zz")
    lists = {split: [row.image for row in read_split(work) if row.split is split] for split in Split}
    monkeypatch.setattr("converters.baking.take_fingerprints", lambda *_, **__: pytest.fail("decoded"))
    report = check_training(
        work.root, lists, ("a", "b", "c"), ALEXEYAB, CFG, runs=work.runs, gpus=NO_GPU,
        watch=Watch(compares=False),
    )  # fmt: skip
    assert "alike" not in [issue.code for issue in report]


# ---- copies ---------------------------------------------------------------------------------------------


def copy_of(work: WorkFolder, image: str, *, manifest: bool = False) -> str:
    work.augmented.mkdir(exist_ok=True)
    stem = f"{Path(image).stem}_c1"
    for suffix in (".png", ".txt"):
        shutil.copy((work.root / image).with_suffix(suffix), work.augmented / f"{stem}{suffix}")
    if manifest:
        lines = [{"copy": f"{stem}.png", "source": image}]
        (work.augmented / "manifest.json").write_text(json.dumps({"copies": lines}))
    write_lists(work)
    return f"augmented/{stem}.png"


@pytest.mark.parametrize("manifest", [True, False])
def test_copies_of_what_is_measured_on(tmp_path, capsys, manifest):
    work = make_work(tmp_path / "work")
    good = copy_of(work, "obj/p0.png", manifest=False)
    copy = copy_of(work, "obj/p4.png", manifest=manifest)
    (found,) = [one for one in found_in(work, capsys, tmp_path) if one["code"] == "copy-leaks"]
    assert (found["fix"], found["severity"]) == ("delete-copies", "error")
    assert Path(found["path"]).name == Path(copy).name and "obj/p4.png, which is in val" in found["message"]
    assert main(["mend", str(work.root), "copies"]) == 0
    assert "1 copy deleted" in capsys.readouterr().err
    assert copies_in(work) == [good]
    assert (work.root / "train.txt").read_text().split()[-1] == good
    assert not (work.root / copy).with_suffix(".txt").exists()
    assert "copy-leaks" not in codes(found_in(work, capsys, tmp_path))


def test_copies_that_are_older_than_the_labels(tmp_path, capsys):
    work = make_work(tmp_path / "work")
    copy = copy_of(work, "obj/p0.png", manifest=True)
    assert "copies-old" not in codes(found_in(work, capsys, tmp_path))
    then = time.time() - 100
    os.utime((work.root / copy).with_suffix(".txt"), (then, then))
    (found,) = [one for one in found_in(work, capsys, tmp_path) if one["code"] == "copies-old"]
    assert found["fix"] == "make-copies" and found["message"].startswith("1 copy is older")


def test_what_a_button_does_is_known_for_each(tmp_path):
    report = Report()
    report.warning("alike", "x")
    assert [fix_of(issue) for issue in report] == ["put-together"]
