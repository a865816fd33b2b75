import hashlib
import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from converters import registry
from converters.adding import add_to_work
from converters.checks_work import check_work
from converters.cli import check, convert
from converters.conversion import AddOptions, ConvertOptions
from converters.convert import convert_to_work
from converters.errors import DataError, UsageError
from converters.model import Split
from converters.remap import parse_rename
from converters.report import Report
from converters.split import parse_split
from converters.work import SplitRow, WorkFolder, read_names, read_split

ONE = ConvertOptions(jobs=1)
BOX = (5.0, 6.0, 25.0, 30.0)
Boxes = list[tuple[str, tuple[float, float, float, float]]]


def picture(path: Path, seed: int) -> Path:
    """A picture of broad noise (so that its difference hash says something), 60 x 40."""
    path.parent.mkdir(parents=True, exist_ok=True)
    small = np.random.default_rng(seed).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    Image.fromarray(small).resize((60, 40), Image.Resampling.BICUBIC).save(path)
    return path


def label(path: Path, boxes: Boxes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    objects = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{b[0]:g}</xmin><ymin>{b[1]:g}</ymin>"
        f"<xmax>{b[2]:g}</xmax><ymax>{b[3]:g}</ymax></bndbox></object>\n"
        for name, b in boxes
    )
    size = "<size><width>60</width><height>40</height><depth>3</depth></size>"
    path.write_text(f"<annotation>{size}\n{objects}</annotation>\n")


def voc(root: Path, seeds: range, boxes: Boxes | None = None, *, first: int = 0) -> Path:
    """A VOC set of pictures p<first> …, one for each seed; every third shows a no_mask as well."""
    for i, seed in enumerate(seeds, first):
        picture(root / "images" / f"p{i}.png", seed)
        both: Boxes = [("mask", BOX)] + ([("no_mask", (30.0, 5.0, 50.0, 30.0))] if i % 3 == 0 else [])
        label(root / "annotations" / f"p{i}.xml", both if boxes is None else boxes)
    return root


@pytest.fixture
def work(tmp_path: Path) -> WorkFolder:
    """A Darknet data set of 20 pictures, with a run and a copy."""
    options = ConvertOptions(split=parse_split("60/20/20"), jobs=1)
    convert_to_work(voc(tmp_path / "set", range(20)), tmp_path / "work", Report(), options)
    folder = WorkFolder(tmp_path / "work")
    (folder.runs / "one").mkdir()
    (folder.runs / "one" / "best.weights").write_bytes(b"weights")
    folder.augmented.mkdir()
    train = next(row for row in read_split(folder) if row.split is Split.TRAIN)
    stem = Path(train.image).stem
    (folder.augmented / f"{stem}_c1.png").write_bytes(b"a copy")
    (folder.augmented / f"{stem}_c1.txt").write_bytes(b"")
    return folder


def digest(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def rows_of(work: WorkFolder) -> dict[str, SplitRow]:
    return {row.source: row for row in read_split(work)}


def findings(work: WorkFolder) -> list[str]:
    report = Report()
    check_work(work, registry.load(work.root, report), {}, report)
    return [issue.code for issue in report]


def test_what_is_there_stays_and_the_whole_is_balanced(work: WorkFolder, tmp_path: Path) -> None:
    (work.obj / "p3.txt").write_text("0 0.5 0.5 0.25 0.25\n")  # edited since
    before, rows = digest(work.root), rows_of(work)
    more = voc(tmp_path / "more", range(100, 120))
    source = digest(more)
    report = Report()
    result = add_to_work(more, work.root, report, ONE)
    assert len(result.added) == 20 and not len(report)
    after = digest(work.root)
    changed = {name for name in before if after.get(name) != before[name]}
    assert changed <= {"split.csv", "train.txt", "val.txt", "test.txt"}
    now = rows_of(work)
    assert {name: now[name] for name in rows} == rows
    assert set(now) - set(rows) == {f"more!/images/p{i}.png" for i in range(20)}
    # 60/20/20 is what the data set had, so that is what the whole has.
    sizes = [sum(row.split is split for row in now.values()) for split in Split]
    assert sizes == [24, 8, 8]
    assert result.quality is not None and result.quality.worst_error < 0.25
    for row in now.values():
        assert (work.root / row.image).with_suffix(".txt").is_file()
    assert work.list_of(Split.TRAIN).read_text().splitlines()[-1].startswith("augmented/")
    assert findings(work) == []
    assert digest(more) == source
    assert [path.name for path in work.root.iterdir() if path.name.startswith(".")] == [".annotator"]


def test_names_that_collide_are_kept_apart(work: WorkFolder, tmp_path: Path) -> None:
    (work.obj / "p25.txt").write_text("a label file without its picture")
    voc(tmp_path / "more", range(200, 230))
    result = add_to_work(tmp_path / "more", work.root, Report(), ONE)
    assert result.base.renamed.keys() == {f"more!/images/p{i}.png" for i in (*range(20), 25)}
    assert (work.obj / "p25.txt").read_text().startswith("a label file")
    images = [row.image.lower() for row in read_split(work)]
    assert len(set(images)) == 50


def test_the_same_set_twice_adds_nothing_twice(work: WorkFolder, tmp_path: Path) -> None:
    more = voc(tmp_path / "more", range(100, 106))
    add_to_work(more, work.root, Report(), ONE)
    before = digest(work.root)
    report = Report()
    again = add_to_work(more, work.root, report, ONE)
    assert (len(again.added), len(again.already), len(report)) == (0, 6, 0)
    assert digest(work.root) == before
    zipped = tmp_path / "renamed.zip"
    with zipfile.ZipFile(zipped, "w") as file:
        for path in sorted(more.rglob("*.*")):
            file.write(path, path.relative_to(tmp_path))
    from_zip = add_to_work(zipped, work.root, report, ONE)
    assert (len(from_zip.added), len(from_zip.identical)) == (0, 6)
    assert digest(work.root) == before
    # It has grown since: only what is new comes in.
    voc(more, range(300, 303), first=6)
    grown = add_to_work(more, work.root, Report(), ONE)
    assert [image.key for image in grown.added] == ["images/p6", "images/p7", "images/p8"]
    assert grown.set_name == "more"


def test_the_set_it_was_made_from_is_recognised(work: WorkFolder, tmp_path: Path) -> None:
    voc(tmp_path / "set", range(400, 402), first=20)
    result = add_to_work(tmp_path / "set", work.root, Report(), ONE)
    assert (len(result.added), len(result.already), result.set_name) == (2, 20, "")
    assert {"images/p20.png", "images/p21.png"} <= rows_of(work).keys()


def test_two_sets_of_one_name(work: WorkFolder, tmp_path: Path) -> None:
    add_to_work(voc(tmp_path / "a" / "more", range(100, 104)), work.root, Report(), ONE)
    result = add_to_work(voc(tmp_path / "b" / "more", range(500, 504)), work.root, Report(), ONE)
    assert (len(result.added), result.set_name) == (4, "more-2")
    assert "more-2!/images/p0.png" in rows_of(work)


def test_identical_pictures(work: WorkFolder, tmp_path: Path) -> None:
    more = tmp_path / "more"
    picture(more / "images" / "same.png", 1)
    label(more / "annotations" / "same.xml", [("mask", (5.5, 6.0, 25.0, 30.0))])  # hardly moved
    picture(more / "images" / "other.png", 2)
    label(more / "annotations" / "other.xml", [("mask", BOX), ("mask", (30.0, 5.0, 50.0, 30.0))])
    for name in ("new", "twice"):
        picture(more / "images" / f"{name}.png", 77)
        label(more / "annotations" / f"{name}.xml", [("mask", BOX)])
    report = Report()
    result = add_to_work(more, work.root, report, ONE)
    assert [image.key for image in result.added] == ["images/new"]
    assert sorted(result.identical) == ["images/other", "images/same", "images/twice"]
    [issue] = report
    assert (issue.code, issue.key, issue.severity) == ("boxes-differ", "images/other", "warning")
    assert "p2.png" in issue.message
    kept = add_to_work(more, work.root, Report(), ONE, AddOptions(keep_identical=True))
    assert sorted(image.key for image in kept.added) == ["images/other", "images/same", "images/twice"]
    rows = rows_of(work)
    for name, twin in (
        ("same", "images/p1.png"),
        ("other", "images/p2.png"),
        ("twice", "more!/images/new.png"),
    ):
        assert rows[f"more!/images/{name}.png"].split is rows[twin].split
        assert rows[f"more!/images/{name}.png"].group == rows[twin].group != ""
    assert findings(work) == []


def test_nearly_identical_pictures_go_where_the_first_is(work: WorkFolder, tmp_path: Path) -> None:
    more = tmp_path / "more"
    for i in range(20):
        path = picture(more / "images" / f"q{i}.png", i)
        pixels = np.asarray(Image.open(path)).copy()
        pixels[0, 0] = 255 - pixels[0, 0]
        Image.fromarray(pixels).save(path)
        label(more / "annotations" / f"q{i}.xml", [("mask", BOX)])
    before = rows_of(work)
    result = add_to_work(more, work.root, Report(), ONE)
    after = rows_of(work)
    assert len(result.followed) == 20
    for i in range(20):
        new, old = after[f"more!/images/q{i}.png"], after[f"images/p{i}.png"]
        assert new.split is old.split is before[f"images/p{i}.png"].split
        assert new.group == old.group == f"images/p{i}"


def test_unknown_classes(work: WorkFolder, tmp_path: Path) -> None:
    more = voc(tmp_path / "more", range(100, 103), [("Mask", BOX), ("helmet", (30.0, 5.0, 50.0, 30.0))])
    before = digest(work.root)
    with pytest.raises(UsageError, match=r"Mask \(3 boxes\), helmet \(3 boxes\).*Mask=mask,helmet=CLASS"):
        add_to_work(more, work.root, Report(), ONE)
    assert digest(work.root) == before
    report = Report()
    options = ConvertOptions(rename=parse_rename("Mask=mask,nothing=mask"), jobs=1)
    result = add_to_work(more, work.root, report, options, AddOptions(new_classes=True))
    assert result.new_classes == ("helmet",)
    assert read_names(work.names) == ("mask", "no_mask", "helmet")
    assert work.data.read_text().startswith("classes = 3\n")
    assert {issue.code for issue in report} == {"rename-unused", "classes-added"}
    row = rows_of(work)["more!/images/p0.png"]
    lines = (work.root / row.image).with_suffix(".txt").read_text().splitlines()
    assert [line[0] for line in lines] == ["0", "2"]
    assert findings(work) == []


def test_pictures_without_labels(work: WorkFolder, tmp_path: Path) -> None:
    for i in range(3):
        picture(tmp_path / "plain" / f"x{i}.png", 600 + i)
    with pytest.raises(DataError, match=r"none of its 3 pictures.*annotator .*--unlabelled keep"):
        add_to_work(tmp_path / "plain", work.root, Report(), ONE)
    result = add_to_work(
        tmp_path / "plain", work.root, Report(), ConvertOptions(keep_unlabelled=True, jobs=1)
    )
    assert len(result.added) == 3
    assert (work.obj / "x0.txt").read_bytes() == b""


def test_a_bad_file_does_not_stop_the_others(work: WorkFolder, tmp_path: Path) -> None:
    more = voc(tmp_path / "more", range(100, 104))
    (more / "annotations" / "p1.xml").write_text("<annotation>")
    data = (more / "images" / "p2.png").read_bytes()
    (more / "images" / "p2.png").write_bytes(data[: len(data) // 2])
    report = Report()
    result = add_to_work(more, work.root, report, ONE)
    assert [image.key for image in result.added] == ["images/p0", "images/p3"]
    assert {issue.key for issue in report.errors} == {"images/p1", "images/p2"}


def test_places_that_are_refused(work: WorkFolder, tmp_path: Path) -> None:
    more = voc(tmp_path / "more", range(100, 102))
    (tmp_path / "empty").mkdir()
    for source, target in (
        (more, tmp_path / "empty"),
        (more, tmp_path / "nothing"),
        (work.root, work.root),
        (tmp_path, work.root),
        (work.obj, work.root),
        (tmp_path / "nothing", work.root),
    ):
        with pytest.raises(UsageError):
            add_to_work(source, target, Report(), ONE)


def test_groups_of_the_person_join_what_is_there(work: WorkFolder, tmp_path: Path) -> None:
    voc(tmp_path / "more", range(100, 104), first=50)
    listed = "p0,anna\n" + "".join(f"p{i},anna\n" for i in range(50, 54))
    (tmp_path / "groups.csv").write_text(listed)
    add_to_work(
        tmp_path / "more", work.root, Report(), ConvertOptions(groups=tmp_path / "groups.csv", jobs=1)
    )
    rows = rows_of(work)
    lead = rows["images/p0.png"]
    for i in range(50, 54):
        assert (rows[f"more!/images/p{i}.png"].split, rows[f"more!/images/p{i}.png"].group) == (
            lead.split,
            lead.group,
        )


def test_force_keeps_what_was_added(work: WorkFolder, tmp_path: Path) -> None:
    add_to_work(voc(tmp_path / "more", range(100, 106)), work.root, Report(), ONE)
    row = rows_of(work)["more!/images/p0.png"]
    (work.root / row.image).with_suffix(".txt").write_text("1 0.5 0.5 0.25 0.25\n")
    before = rows_of(work)
    label(tmp_path / "set" / "annotations" / "p5.xml", [])
    result = convert_to_work(tmp_path / "set", work.root, Report(), ConvertOptions(force=True, jobs=1))
    assert result.kept_added == 6
    assert rows_of(work) == before
    assert (work.root / row.image).with_suffix(".txt").read_text().split()[0] == "1"
    assert (work.obj / "p5.txt").read_bytes() == b""
    with pytest.raises(UsageError, match=r"no_mask \(2\).*--drop-added"):
        options = ConvertOptions(rename=parse_rename("no_mask=bare"), force=True, jobs=1)
        convert_to_work(tmp_path / "set", work.root, Report(), options)
    assert rows_of(work) == before
    report = Report()
    convert_to_work(tmp_path / "set", work.root, report, ConvertOptions(force=True, drop_added=True, jobs=1))
    assert len(rows_of(work)) == 20
    assert "added-dropped" in {issue.code for issue in report}


def test_force_does_not_lose_an_added_picture_that_cannot_be_read(work: WorkFolder, tmp_path: Path) -> None:
    add_to_work(voc(tmp_path / "more", range(100, 103)), work.root, Report(), ONE)
    row = rows_of(work)["more!/images/p0.png"]
    (work.root / row.image).with_suffix(".txt").write_text("rubbish\n")
    before = digest(work.root)
    with pytest.raises(DataError, match="--drop-added"):
        convert_to_work(tmp_path / "set", work.root, Report(), ConvertOptions(force=True, jobs=1))
    assert digest(work.root) == before


KILLED = """
import os, signal, sys
from pathlib import Path
from converters.adding import add_to_work
from converters.conversion import ConvertOptions
from converters.report import Report
calls, after = 0, int(sys.argv[1])
def hook(event, args):
    global calls
    if event in ("os.rename", "os.link", "os.remove", "os.mkdir"):
        calls += 1
        if calls == after:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
add_to_work(Path("more"), Path("work"), Report(), ConvertOptions(jobs=1))
"""


def test_killed_it_is_the_old_set_or_the_new(tmp_path: Path) -> None:
    convert_to_work(voc(tmp_path / "set", range(6)), tmp_path / "work", Report(), ONE)
    voc(tmp_path / "more", range(100, 103))
    work = WorkFolder(tmp_path / "work")
    old = digest(work.root)
    left, after = 0, 1
    while True:
        child = subprocess.run(
            [sys.executable, "-c", KILLED, str(after)], cwd=tmp_path, capture_output=True, check=False
        )
        if child.returncode == 0:
            break
        assert child.returncode == -signal.SIGKILL
        registry.load(work.root, Report())
        now = {name: hash_ for name, hash_ in digest(work.root).items() if not name.startswith(".new-")}
        if now != old:
            break
        left += 1
        after += 6
    assert left > 3
    assert len(rows_of(work)) == 9
    assert findings(work) == []
    again = add_to_work(tmp_path / "more", work.root, Report(), ONE)
    assert len(again.already) == 3
    assert [path.name for path in work.root.iterdir() if path.name.startswith(".")] == [".annotator"]


def test_by_command(work: WorkFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = voc(tmp_path / "more", range(100, 110))
    assert convert.main([str(more), str(work.root), "--add", "--jobs", "1"]) == 0
    out = capsys.readouterr().out
    assert "10 pictures and 14 boxes added to 20 pictures" in out
    assert "1 augmented copy are as good" in out or "augment-cli again" in out
    assert convert.main([str(more), str(work.root), "--add", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["images_added"], len(data["left_out"]["already"])) == (0, 10)
    next(work.augmented.glob("*.png")).unlink()
    assert check.main([str(work.root), "--no-images"]) == 1  # train.txt names a copy that is gone
    capsys.readouterr()
    for wrong in (["--classes", "a"], ["--force"], ["--to", "voc"], ["--resplit"]):
        try:
            code = convert.main([str(more), str(work.root), "--add", *wrong])
        except SystemExit as stop:
            code = int(stop.code or 0)
        assert code == 2
    assert convert.main([str(more), str(work.root), "--new-classes"]) == 2
    assert convert.main([str(tmp_path / "no"), str(work.root), "--add"]) == 2
    assert "no such file or folder" in capsys.readouterr().err


def test_convert_of_plain_pictures_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for i in range(4):
        picture(tmp_path / "plain" / f"x{i}.png", i)
    target = tmp_path / "work"
    assert convert.main([str(tmp_path / "plain"), str(target)]) == 1
    err = capsys.readouterr().err
    assert f"Label them first: annotator {tmp_path / 'plain'}" in err
    assert "--unlabelled keep --classes" in err
    assert not target.exists()
    arguments = [str(tmp_path / "plain"), str(target), "--unlabelled", "keep", "--classes", "mask,no_mask"]
    assert convert.main(arguments) == 0
    assert "class-unused" not in capsys.readouterr().err
    assert read_names(target / "obj.names") == ("mask", "no_mask")
    assert all((target / "obj" / f"x{i}.txt").read_bytes() == b"" for i in range(4))


def test_an_open_file_is_not_in_the_way(work: WorkFolder, tmp_path: Path) -> None:
    """What others have open keeps its content: files are replaced, never written into."""
    with work.split_csv.open() as file:
        add_to_work(voc(tmp_path / "more", range(100, 102)), work.root, Report(), ONE)
        assert len(file.read().splitlines()) == 21
    assert os.path.lexists(work.root / "runs" / "one" / "best.weights")
