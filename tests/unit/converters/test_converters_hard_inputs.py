"""What a set from somebody else's disk may hold, through the commands: names, links, floods, lost edits."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from converters.checks import MAX_COMPARED, check_dataset, duplicates
from converters.cli import check, convert
from converters.commands import print_report
from converters.errors import DataError, FormatError
from converters.layout import scan
from converters.model import AnnotatedImage, Box, Dataset
from converters.portable import shown
from converters.report import Issue, Report, Severity
from converters.work import open_work, read_names, read_split

LINE = "0 0.5 0.5 0.2 0.2\n"
NOT_UTF8 = os.fsdecode(b"bad\xff.png")


def add_picture(root: Path, name: str, label: str = LINE, colour: int = 0) -> None:
    """A picture with its label file, both beside each other."""
    Image.new("RGB", (80, 60), (colour, 99, 200)).save(root / name, format="PNG")
    (root / name).with_suffix(".txt").write_text(label)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A set of three pictures."""
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "obj.names").write_text("mask\nno_mask\n")
    for number in range(3):
        add_picture(folder, f"good{number}.png", colour=90 * number)
    return folder


def test_names_are_shown_in_one_line() -> None:
    assert shown("a\nb\tc\\d" + NOT_UTF8) == r"a\nb\tc\dbad\xff.png"
    issue = Issue(Severity.ERROR, "x", "is as bad\nas that.", Path("a\nb.png"), 3)
    assert str(issue) == r"a\nb.png:3: [x] error: is as bad\nas that."
    assert str(DataError("is bad.", path=NOT_UTF8)) == r"bad\xff.png: is bad."


def test_a_link_in_a_circle_does_not_hide_the_set(root: Path) -> None:
    (root / "circle.png").symlink_to(root / "circle.png")
    (root / "below").mkdir()
    (root / "below" / "again").symlink_to(root)
    assert check.main([str(root), "--no-images", "--json"]) == 1
    assert "circle.png" in scan(root).files


def test_a_folder_is_known_by_its_own_name_not_by_a_link_to_it(root: Path) -> None:
    (root / "real").mkdir()
    add_picture(root / "real", "x.png")
    for name in ("a", "zz"):
        (root / name).symlink_to(root / "real")
    files = scan(root).files
    assert "real/x.png" in files and not any(name.startswith(("a/", "zz/")) for name in files)


@pytest.mark.parametrize("name", [NOT_UTF8, "new\nline.png", "tab\t.png"])
def test_odd_names_go_into_work(root: Path, tmp_path: Path, name: str) -> None:
    add_picture(root, name, colour=10)
    work = tmp_path / "work"
    assert convert.main([str(root), str(work), "--jobs", "1"]) == 0
    rows = read_split(open_work(work))
    assert shown(name) in {row.source for row in rows}

    before = {row.source: row.split for row in rows}
    assert convert.main([str(root), str(work), "--jobs", "1", "--force"]) == 0
    assert {row.source: row.split for row in read_split(open_work(work))} == before
    assert convert.main([str(root), str(work), "--jobs", "1", "--add"]) == 0
    assert len(read_split(open_work(work))) == 4


@pytest.mark.parametrize("format", ["voc", "cvat", "labelme", "label-studio", "ultralytics"])
def test_odd_names_do_not_stop_the_others(
    root: Path, tmp_path: Path, format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    add_picture(root, NOT_UTF8)
    add_picture(root, "new\nline.png")
    assert convert.main([str(root), str(tmp_path / "new"), "--to", format]) == 1
    assert capsys.readouterr().err.count("[bad-name]") == 2
    assert check.main([str(tmp_path / "new"), "--no-images"]) == 0


def test_names_that_are_no_utf8_are_printed_by_a_strict_terminal(root: Path) -> None:
    (root / NOT_UTF8).write_bytes(b"")
    for more in ([], ["--json"]):
        command = [sys.executable, "-m", "converters.cli.check", str(root), "--no-images", *more]
        environment = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
        child = subprocess.run(command, capture_output=True, env=environment, check=False)
        assert child.returncode == 1 and b"Traceback" not in child.stderr
    assert NOT_UTF8 in json.loads(child.stdout)["issues"][0]["path"]


def test_a_file_of_the_same_line_is_a_finding_a_line() -> None:
    boxes = tuple(Box((10.0, 10.0, 30.0, 30.0), "mask") for _ in range(3000))
    image = AnnotatedImage("a", Path("a.png"), (80, 60), boxes)
    report = Report()
    check_dataset(Dataset(Path(), "yolo", (image,), ("mask",)), report)
    assert [issue.box for issue in report if issue.code == "box-duplicate"] == list(range(1, 3000))
    assert len(report) == 2999 == len(duplicates(image))


def test_each_box_is_told_of_once_with_the_one_it_overlaps_most() -> None:
    edges = [(0.0, 0.0, 40.0, 40.0), (0.0, 0.0, 40.0, 30.0), (0.0, 0.0, 40.0, 37.0), (0.0, 0.0, 40.0, 40.0)]
    image = AnnotatedImage("a", Path("a.png"), (80, 60), tuple(Box(xyxy, "mask") for xyxy in edges))
    report = Report()
    check_dataset(Dataset(Path(), "yolo", (image,), ("mask",)), report)
    assert [(issue.code, issue.box) for issue in report] == [
        ("box-near-duplicate", 1),
        ("box-near-duplicate", 2),
        ("box-duplicate", 3),
    ]
    assert "on mask box 1" in report.issues[1].message
    assert duplicates(image) == [(0, 3, 1.0)]


def test_of_very_many_boxes_exact_repeats_are_found() -> None:
    count = MAX_COMPARED + 1
    boxes = [Box((float(i), 0.0, i + 10.0, 10.0), "mask") for i in range(count)]
    image = AnnotatedImage("a", Path("a.png"), (9000, 60), (*boxes, boxes[5].duplicated()))
    assert duplicates(image) == [(5, count, 1.0)]


def test_a_person_is_told_some_of_each_kind(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    for number in range(50):
        report.warning("many", f"number {number}.")
    report.error("one", "alone.")
    print_report(report, to_stdout=True, most=20, rest="See there.")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 22 and "[one] error: alone." in lines
    assert lines[-1] == "… and 30 more [many] warnings. See there."


def test_a_pipe_gets_every_finding(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(25):
        (root / f"lost{number}.txt").write_text(LINE)
    assert check.main([str(root), "--no-images"]) == 0
    assert capsys.readouterr().out.count("[label-without-image]") == 25
    assert convert.main([str(root), str(root.parent / "work"), "--jobs", "1"]) == 0
    err = capsys.readouterr().err
    assert err.count("label file.\n") <= 20 and "… and 5 more [label-without-image] warnings." in err


def test_what_keeps_a_set_from_being_read_is_a_finding(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "obj.names").write_text("mask\n\nno_mask\n")
    assert check.main([str(root)]) == 1
    line = capsys.readouterr().out
    assert line.startswith(f"{root}/obj.names:2: [bad-names] error: blank line") and line.count("\n") == 1
    assert check.main([str(root), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["format"] is None and [issue["line"] for issue in found["issues"]] == [2]


def test_json_of_a_failed_command_is_json(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convert.main([str(root), str(root / "inside"), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "usage"
    for file in root.glob("*.txt"):
        file.write_text("0 nonsense\n")
    assert convert.main([str(root), str(root.parent / "work"), "--json"]) == 1
    failed = json.loads(capsys.readouterr().out)
    assert failed["error"]["code"] == "nothing-left" and len(failed["issues"]) == 3


def test_a_names_file_is_not_read_without_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "obj.names"
    path.touch()
    os.truncate(path, 3 << 30)
    with pytest.raises(FormatError) as raised:
        read_names(path)
    assert raised.value.code == "too-large"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(FormatError, match="regular file"):
        read_names(path)


VOC = (
    "<annotation><size><width>80</width><height>60</height></size>\n<object><name>{}</name>\n"
    "<bndbox><xmin>10</xmin><ymin>10</ymin><xmax>40</xmax><ymax>40</ymax></bndbox></object></annotation>\n"
)


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """Pascal VOC with a list of classes, which lacks one."""
    folder = tmp_path / "voc"
    folder.mkdir()
    (folder / "labelmap.txt").write_text("# label:color_rgb:parts:actions\nmask:0,0,0::\n")
    for number, name in enumerate(("mask", "helmet", "mask")):
        Image.new("RGB", (80, 60), (90 * number, 9, 9)).save(folder / f"{number}.png")
        (folder / f"{number}.xml").write_text(VOC.format(name))
    return folder


def test_a_class_outside_the_sets_own_list_is_an_error(
    listed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.main([str(listed), "--no-images"]) == 1
    wanted = f"{listed}/1.xml:2: [class-not-listed] error: 'helmet' is none of the classes in labelmap.txt"
    assert wanted in capsys.readouterr().out
    assert convert.main([str(listed), str(tmp_path / "a"), "--jobs", "1"]) == 1
    assert wanted in capsys.readouterr().err
    assert (tmp_path / "a" / "obj.names").read_text() == "mask\n"
    assert len(list((tmp_path / "a" / "obj").glob("*.png"))) == 2


@pytest.mark.parametrize(
    ("option", "names", "boxes"),
    [
        (["--rename", "helmet=mask"], "mask\n", 3),
        (["--classes", "mask,helmet"], "mask\nhelmet\n", 3),
        (["--drop", "helmet"], "mask\n", 2),
    ],
)
def test_unless_an_option_says_what_it_is(
    listed: Path, tmp_path: Path, option: list[str], names: str, boxes: int
) -> None:
    assert convert.main([str(listed), str(tmp_path / "a"), "--jobs", "1", *option]) == 0
    assert (tmp_path / "a" / "obj.names").read_text() == names
    labels = "".join(file.read_text() for file in (tmp_path / "a" / "obj").glob("*.txt"))
    assert labels.count("\n") == boxes


def test_edited_labels_that_are_replaced_are_kept(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = tmp_path / "work"
    assert convert.main([str(root), str(work), "--jobs", "1"]) == 0
    label = work / "obj" / "good1.txt"
    label.write_text("1 0.4 0.4 0.1 0.1\n")
    capsys.readouterr()
    assert convert.main([str(root), str(work), "--jobs", "1", "--force"]) == 0
    assert "[labels-replaced] warning: 1 label file in it" in capsys.readouterr().err
    (kept,) = (work / ".annotator" / "replaced").glob("*/obj/*.txt")
    assert kept.name == "good1.txt" and kept.read_text() == "1 0.4 0.4 0.1 0.1\n"
    assert convert.main([str(root), str(work), "--jobs", "1", "--force"]) == 0
    assert "labels-replaced" not in capsys.readouterr().err


def test_a_folder_of_plain_pictures_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(30):
        Image.new("RGB", (20, 20), (number, 0, 0)).save(tmp_path / f"{number}.png")
    assert check.main([str(tmp_path), "--no-images"]) == 0
    assert capsys.readouterr().out.count("\n") == 1
    assert convert.main([str(tmp_path), str(tmp_path.parent / "work")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
