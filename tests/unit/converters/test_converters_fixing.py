import hashlib
import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from converters import registry
from converters.cli import check, convert
from converters.errors import DataError, UsageError
from converters.fixing import plan_fixes, relative_changes
from converters.formats.base import LoadOptions
from converters.originals import change_files, undo_latest
from converters.report import Report

CASES = {
    # the box as it stands, what becomes of it, the finding's code
    "outside": ((80, 10, 101, 40), (80, 10, 100, 40), "box-outside"),
    "swapped": ((50, 10, 20, 40), (20, 10, 50, 40), "box-swapped"),
    "swapped both": ((50, 60, 20, 40), (20, 40, 50, 60), "box-swapped"),
    "swapped and outside": ((101, 10, 20, 40), (20, 10, 100, 40), "box-swapped"),
    "no width": ((20, 10, 20, 40), None, "box-empty"),
    "no height": ((20, 40, 50, 40), None, "box-empty"),
}
STAY = {
    "far outside": ((20, 10, 300, 40), "box-far-outside"),
    "wholly outside": ((100, 10, 101, 40), "box-far-outside"),
    "swapped and far outside": ((300, 10, 20, 40), "box-swapped"),
}
Edges = tuple[float, float, float, float]
MEANT = ("0.500000", "0.500000", "0.200000", "0.200000")
GOOD = (5.0, 5.0, 30.0, 30.0)


def voc_object(edges: Edges, name: str = "mask", more: str = "") -> str:
    tags = "".join(
        f"<{tag}>{value:g}</{tag}>"
        for tag, value in zip(("xmin", "ymin", "xmax", "ymax"), edges, strict=True)
    )
    head = f"\t<object>\n\t\t<name>{name}</name><pose>Left</pose>{more}\n"
    return f"{head}\t\t<bndbox>{tags}</bndbox>\n\t</object>"


def voc_file(*objects: str, size: str = "<width>100</width><height>80</height>") -> bytes:
    text = "\r\n".join(("<annotation><!-- mine -->", f"<size>{size}</size>", *objects, "</annotation>", ""))
    return text.encode()


def one(folder: Path, name: str, data: bytes) -> Path:
    """A set of one picture, 100 x 80, with this label file."""
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (100, 80)).save(folder / "x.png")
    (folder / name).write_bytes(data)
    if name.endswith(".txt"):
        (folder / "obj.names").write_text("mask\nno_mask\n")
    return folder


def digest(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def boxes(root: Path) -> tuple[list[Edges], Report]:
    report = Report()
    dataset = registry.load(root, report, LoadOptions())
    return [box.xyxy for image in dataset for box in image.boxes], report


@pytest.mark.parametrize("case", CASES)
def test_edges_in_voc(tmp_path: Path, case: str, capsys: pytest.CaptureFixture[str]) -> None:
    edges, wanted, code = CASES[case]
    bad, good, last = voc_object(edges), voc_object(GOOD), voc_object((60.0, 50.0, 90.0, 70.0), "no_mask")
    data = voc_file(good, bad, last)
    root = one(tmp_path / "set", "x.xml", data)
    assert check.main([str(root), "--fix", "--no-images"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{root / 'x.xml'}:7: [{code}] fixed: ")
    assert len(out.splitlines()) == 1
    found, report = boxes(root)
    assert not len(report)
    assert found == [GOOD, *([wanted] if wanted else []), (60, 50, 90, 70)]
    after = (root / "x.xml").read_bytes()
    if wanted:  # nothing but the numbers that were wrong
        assert after == voc_file(good, voc_object(wanted), last)
    else:
        assert after == voc_file(good, last)
    assert check.main([str(root), "--undo-fix"]) == 0
    assert (root / "x.xml").read_bytes() == data


@pytest.mark.parametrize("case", STAY)
def test_edges_that_stay(tmp_path: Path, case: str, capsys: pytest.CaptureFixture[str]) -> None:
    edges, code = STAY[case]
    root = one(tmp_path / "set", "x.xml", voc_file(voc_object(GOOD), voc_object(edges)))
    before = digest(root)
    assert check.main([str(root), "--fix", "--no-images"]) == 1
    assert f"[{code}] error" in capsys.readouterr().out
    assert digest(root) == before


def test_far_outside_only_where_the_rest_is_sensible(tmp_path: Path) -> None:
    data = voc_file(
        voc_object((20, 10, 300, 60)), voc_object((98, 10, 300, 60)), voc_object((-500, 70, 99, 75))
    )
    root = one(tmp_path / "set", "x.xml", data)
    plan = plan_fixes(root, LoadOptions(fix_outside=True, keep_good=True))
    assert [(fix.code, fix.line) for fix in plan.fixes] == [("box-far-outside", 3)]
    assert [issue.code for issue in plan.report.errors] == ["box-far-outside"] * 2
    [(_, after)] = plan.changes.values()
    assert after == data.replace(b"<xmax>300</xmax><ymax>60</ymax>", b"<xmax>100</xmax><ymax>60</ymax>", 1)


def test_what_is_wrong_beside_it_stays_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rubbish = voc_object(GOOD).replace("<xmin>5<", "<xmin>five<")
    root = one(tmp_path / "set", "x.xml", voc_file(rubbish, voc_object((50, 10, 20, 40))))
    assert check.main([str(root), "--fix", "--no-images"]) == 1
    out = capsys.readouterr().out
    assert "[box-swapped] fixed" in out and "[bad-number] error" in out
    assert (root / "x.xml").read_bytes() == voc_file(rubbish, voc_object((20, 10, 50, 40)))


@pytest.mark.parametrize(
    ("data", "after", "codes"),
    [
        ("0.0 .5 .5 .1 .1\r\n1 .5 .5 .2 .2\r\n", "0 .5 .5 .1 .1\r\n1 .5 .5 .2 .2\r\n", ["class-float"]),
        ("\ufeff0 .5 .5 .1 .1\n", "0 .5 .5 .1 .1\n", ["bom"]),
        ("0 .5 .5 0 .1\n\n1 .5 .5 .2 .2", "\n1 .5 .5 .2 .2", ["box-empty"]),
        (
            "0 .5 .5 .1 .1\n0 .5 .5 -.2 .2\n",
            "0 .5 .5 .1 .1\n0 0.500000 0.500000 0.200000 0.200000\n",
            ["box-swapped"],
        ),
        (
            "1 .5 .5 .4 .4\n0 .5 .5 .4 .4\n1 .5 .5 .4 .401\n",
            "1 .5 .5 .4 .4\n0 .5 .5 .4 .4\n",
            ["box-duplicate"],
        ),
        ("0 .5 .5 .1 .1\n", None, []),
        ("0 .5 .5 .1 .1\n0 .55 .5 .1 .1\n", None, []),
    ],
)
def test_lines_of_yolo(tmp_path: Path, data: str, after: str | None, codes: list[str]) -> None:
    root = one(tmp_path / "set", "x.txt", data.encode())
    plan = plan_fixes(root, LoadOptions())
    assert [fix.code for fix in plan.fixes] == codes
    assert [new for _, new in plan.changes.values()] == ([after.encode()] if after is not None else [])
    assert not [issue for issue in plan.report if issue.code in codes]


def test_a_size_of_zero(tmp_path: Path) -> None:
    zero = "<width>0</width>\n<height>0</height><depth>0</depth>"
    root = one(tmp_path / "set", "x.xml", voc_file(voc_object(GOOD), size=zero))
    plan = plan_fixes(root, LoadOptions())
    assert [(fix.code, fix.line) for fix in plan.fixes] == [("size-missing", 2)]
    right = zero.replace("<width>0", "<width>100").replace("<height>0", "<height>80")
    assert [new for _, new in plan.changes.values()] == [voc_file(voc_object(GOOD), size=right)]


def test_of_repeated_boxes_the_first_stays(tmp_path: Path) -> None:
    first = voc_object(GOOD, more="<difficult>1</difficult>")
    other = voc_object(GOOD, "no_mask")  # another class: which one is right nobody can tell
    root = one(tmp_path / "set", "x.xml", voc_file(first, other, voc_object(GOOD), voc_object(GOOD)))
    plan = plan_fixes(root, LoadOptions())
    assert [(fix.code, fix.line) for fix in plan.fixes] == [("box-duplicate", 11), ("box-duplicate", 15)]
    assert [new for _, new in plan.changes.values()] == [voc_file(first, other)]


def coco(root: Path, *annotations: dict[str, object], names: tuple[str, ...] = ("mask", "no_mask")) -> Path:
    data = {
        "info": {"description": "mine"},
        "images": [{"id": 7, "file_name": "x.png", "width": 100, "height": 80}],
        "categories": [{"id": 10 + i, "name": name} for i, name in enumerate(names)],
        "annotations": [{"id": 100 + i, "image_id": 7, "iscrowd": 0, **a} for i, a in enumerate(annotations)],
    }
    return one(root, "instances.json", json.dumps(data, indent=2).encode())


def test_a_file_of_many_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = coco(
        tmp_path / "set",
        {"category_id": 10, "bbox": [80, 10, 21, 30], "note": "kept"},
        {"category_id": 11, "bbox": [5, 5, 25, 25], "area": 625},
        {"category_id": 11, "bbox": [5, 5, 25, 25]},
    )
    before = json.loads((root / "instances.json").read_text())
    assert check.main([str(root), "--fix", "--no-images", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [fix["code"] for fix in data["fixed"]] == ["box-outside", "box-duplicate"]
    assert all(fix["line"] for fix in data["fixed"])
    after = json.loads((root / "instances.json").read_text())
    assert after["annotations"][0]["bbox"] == [80, 10, 20, 30]
    assert after["annotations"][0]["note"] == "kept"
    assert after["annotations"][1:] == before["annotations"][1:2]
    assert {key: after[key] for key in ("info", "images", "categories")} == {
        key: before[key] for key in ("info", "images", "categories")
    }
    assert data["issues"] == []


def test_classes_and_boxes_without_area_in_a_file_of_many_pictures(tmp_path: Path) -> None:
    flat = {"category_id": 10, "bbox": [5, 50, 20, 0]}
    good = {"category_id": 11, "bbox": [5, 5, 20, 20]}
    root = coco(tmp_path / "set", flat, good, names=(" mask ", "no_mask"))
    plan = plan_fixes(root, LoadOptions())
    assert sorted(fix.code for fix in plan.fixes) == ["box-empty", "class-blanks"]
    [(_, after)] = plan.changes.values()
    data = json.loads(after)
    assert data["categories"] == [{"id": 10, "name": "mask"}, {"id": 11, "name": "no_mask"}]
    assert [entry["id"] for entry in data["annotations"]] == [101]
    both = coco(tmp_path / "both", good, names=(" mask ", "mask"))
    assert not plan_fixes(both, LoadOptions()).changes  # are they one class? Nobody can tell.


TABLE = b"image,label,x1,y1,x2,y2\nx.png,mask,5,5,30,30\nx.png,no,5,50,30,50\nx.png,no,60,50,30,70\n"
TASK = (
    b'<annotations><version>1.1</version><image id="0" name="x.png" width="100" height="80">\n'
    b'<box label="mask" occluded="0" xtl="5" ytl="5" xbr="30" ybr="30"/>\n'
    b'<box label="no" occluded="0" xtl="5" ytl="50" xbr="30" ybr="50"/>\n'
    b'<box label="no" occluded="0" xtl="60" ytl="50" xbr="30" ybr="70"/>\n</image></annotations>\n'
)


@pytest.mark.parametrize(("name", "data"), [("labels.csv", TABLE), ("annotations.xml", TASK)])
def test_other_files_of_many_pictures(
    tmp_path: Path, name: str, data: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    root = one(tmp_path / "set", name, data)
    assert check.main([str(root), "--fix", "--no-images"]) == 0
    out = capsys.readouterr().out
    assert [line.split("[")[1].split("]")[0] for line in out.splitlines()] == ["box-empty", "box-swapped"]
    assert boxes(root)[0] == [(5, 5, 30, 30), (30, 50, 60, 70)]
    first = data.splitlines()[1]
    assert first in (root / name).read_bytes().splitlines()


def test_a_class_of_which_all_boxes_go(tmp_path: Path) -> None:
    rows = TABLE.splitlines(keepends=True)
    root = one(tmp_path / "set", "labels.csv", b"".join(rows[:3]))
    plan = plan_fixes(root, LoadOptions())
    assert [after for _, after in plan.changes.values()] == [b"".join(rows[:2])]
    only = one(tmp_path / "only", "x.xml", voc_file(voc_object((5, 5, 5, 30))))
    assert [after for _, after in plan_fixes(only, LoadOptions()).changes.values()] == [voc_file()]


def test_a_copy_is_mended_and_the_source_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = one(tmp_path / "set", "x.xml", voc_file(voc_object((50, 10, 20, 40))))
    (root / "readme.txt").write_text("hello")
    before = digest(root)
    copy = tmp_path / "copy"
    assert check.main([str(root), "--fix", "--to", str(copy), "--no-images"]) == 0
    assert f"{copy / 'x.xml'}:3: [box-swapped] fixed" in capsys.readouterr().out
    assert digest(root) == before
    assert boxes(copy)[0] == [(20, 10, 50, 40)]
    assert (copy / "x.png").samefile(root / "x.png")
    assert not (copy / "readme.txt").samefile(root / "readme.txt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "set"]
    assert check.main([str(root), "--fix", "--to", str(copy)]) == 2
    assert check.main([str(root), "--fix", "--to", str(root / "inside")]) == 2


def test_an_archive_only_into_a_copy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = one(tmp_path / "set", "x.xml", voc_file(voc_object((50, 10, 20, 40))))
    archive = tmp_path / "set.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(root.iterdir()):
            file.write(path, path.name)
    raw = archive.read_bytes()
    assert check.main([str(archive), "--fix"]) == 2
    assert "--to COPY" in capsys.readouterr().err
    assert check.main([str(archive), "--fix", "--dry-run", "--no-images"]) == 0
    assert f"{archive / 'x.xml'}:3: [box-swapped] would be fixed" in capsys.readouterr().out
    assert check.main([str(archive), "--fix", "--to", str(tmp_path / "copy"), "--no-images"]) == 0
    assert boxes(tmp_path / "copy")[0] == [(20, 10, 50, 40)]
    assert archive.read_bytes() == raw


def test_a_dry_run_writes_nothing_and_says_what_would_remain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = one(tmp_path / "set", "x.xml", voc_file(voc_object((50, 10, 20, 40)), voc_object((5, 5, 7, 30))))
    before = digest(tmp_path)
    assert check.main([str(root), "--fix", "--dry-run", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [fix["code"] for fix in data["fixed"]] == ["box-swapped"]
    assert [issue["code"] for issue in data["issues"]] == ["box-tiny", "box-aspect"]
    assert (data["dry_run"], data["files_changed"], data["originals"]) == (True, 1, None)
    assert digest(tmp_path) == before


def test_a_darknet_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "source"
    for i in range(6):
        (source / f"s{i}").mkdir(parents=True)
        Image.effect_noise((100, 80), 60 + i).convert("RGB").save(source / f"p{i}.png")
        (source / f"p{i}.xml").write_bytes(voc_file(voc_object(GOOD)))
        (source / f"s{i}").rmdir()
    work = tmp_path / "work"
    assert convert.main([str(source), str(work)]) == 0
    (work / "augmented").mkdir()
    label = work / "obj" / "p0.txt"
    label.write_text(label.read_text() * 2)
    capsys.readouterr()
    assert check.main([str(work), "--fix", "--no-images"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{label}:2: [box-duplicate] fixed")
    assert "augment-cli again" in err
    copy = tmp_path / "copy"
    label.write_text(label.read_text() * 2)
    assert check.main([str(work), "--fix", "--to", str(copy), "--no-images"]) == 0
    assert len((copy / "obj" / "p0.txt").read_text().splitlines()) == 1
    assert (copy / "split.csv").read_bytes() == (work / "split.csv").read_bytes()


def test_lists_of_a_darknet_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "source"
    for i in range(6):
        one(source / f"s{i}", "x.xml", voc_file(voc_object(GOOD)))
        Image.effect_noise((100, 80), 60 + i).convert("RGB").save(source / f"s{i}" / "x.png")
    work = tmp_path / "work"
    assert convert.main([str(source), str(work)]) == 0
    before = digest(work)
    (work / "train.txt").write_text("obj/nothing.png\n")
    (work / "obj.data").write_text(
        (work / "obj.data").read_text().replace("classes = 1", "classes = 7") + "x = y\n"
    )
    capsys.readouterr()
    assert check.main([str(work), "--fix", "--no-images"]) == 0
    out = capsys.readouterr().out
    assert "[list-out-of-step] fixed" in out and "[class-count] fixed" in out
    after = {name: value for name, value in digest(work).items() if not name.startswith(".annotator")}
    assert {name for name in after if after[name] != before[name]} == {"obj.data"}
    assert (work / "obj.data").read_text().startswith("classes = 1\n")


def test_undo_goes_back_one_at_a_time(tmp_path: Path) -> None:
    root = one(tmp_path / "set", "x.xml", voc_file(voc_object((50, 10, 20, 40))))
    first = (root / "x.xml").read_bytes()
    assert check.main([str(root), "--fix", "--no-images"]) == 0
    second = (root / "x.xml").read_bytes()
    third = second.replace(b"<xmax>50<", b"<xmax>101<")
    (root / "x.xml").write_bytes(third)
    assert check.main([str(root), "--fix", "--no-images"]) == 0
    assert undo_latest(root) == ["x.xml"]
    assert (root / "x.xml").read_bytes() == third
    with pytest.raises(DataError, match="edited since"):
        undo_latest(root)
    (root / "x.xml").write_bytes(second)
    assert undo_latest(root) == ["x.xml"]
    assert (root / "x.xml").read_bytes() == first
    with pytest.raises(UsageError):
        undo_latest(root)
    assert check.main([str(root), "--undo-fix"]) == 2


def test_links_are_replaced_not_written_through(tmp_path: Path) -> None:
    data = voc_file(voc_object((50, 10, 20, 40)))
    root = one(tmp_path / "set", "x.xml", data)
    elsewhere = tmp_path / "elsewhere.xml"
    os.link(root / "x.xml", elsewhere)
    assert check.main([str(root), "--fix", "--no-images"]) == 0
    assert elsewhere.read_bytes() == data
    assert check.main([str(root), "--undo-fix"]) == 0
    assert (root / "x.xml").read_bytes() == data


def test_what_was_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    root = one(tmp_path / "set", "x.xml", voc_file(voc_object((50, 10, 20, 40))))
    plan = plan_fixes(root, LoadOptions())
    (root / "x.xml").write_bytes(voc_file())
    before = digest(root)
    with pytest.raises(DataError, match="meanwhile"):
        change_files(root, relative_changes(plan), [])
    assert digest(root) == before


KILLED = """
import os, signal, sys
from converters.cli import check
calls, after = 0, int(sys.argv[1])
def hook(event, args):
    global calls
    if event in ("os.rename", "os.link", "os.remove", "os.mkdir"):
        calls += 1
        if calls == after:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
sys.exit(check.main(["set", "--fix", "--no-images"]))
"""


def test_killed_it_is_all_or_nothing(tmp_path: Path) -> None:
    root = tmp_path / "set"
    (root / "images").mkdir(parents=True)
    for i in range(3):
        Image.new("RGB", (100, 80)).save(root / "images" / f"p{i}.png")
        (root / "images" / f"p{i}.xml").write_bytes(voc_file(voc_object((50, 10, 20, 40))))
    old = {path.name: path.read_bytes() for path in (root / "images").iterdir()}
    after, left = 1, 0
    while True:
        child = subprocess.run(
            [sys.executable, "-c", KILLED, str(after)], cwd=tmp_path, capture_output=True, check=False
        )
        registry.load(root, Report(), LoadOptions(keep_good=True))
        now = {path.name: path.read_bytes() for path in (root / "images").iterdir()}
        if child.returncode == 0 or now != old:
            break
        assert child.returncode == -signal.SIGKILL
        left += 1
        after += 3
    assert left > 3
    assert boxes(root)[0] == [(20, 10, 50, 40)] * 3
    assert undo_latest(root) == [f"images/p{i}.xml" for i in range(3)]
    assert {path.name: path.read_bytes() for path in (root / "images").iterdir()} == old


@pytest.mark.parametrize("arguments", [["--to", "x"], ["--dry-run"], ["--fix-outside"]])
def test_wrong_use(tmp_path: Path, arguments: list[str]) -> None:
    assert check.main([str(tmp_path), *arguments]) == 2


def test_a_set_that_is_not_there(tmp_path: Path) -> None:
    for arguments in (
        [],
        ["--fix"],
        ["--undo-fix"],
        ["--fix", "--dry-run"],
        ["--fix", "--to", str(tmp_path / "c")],
    ):
        assert check.main([str(tmp_path / "nothing"), *arguments]) == 2
