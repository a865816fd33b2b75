import hashlib
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from converters import registry
from converters.baking import Bake, take_fingerprints
from converters.convert import ConvertOptions, convert_to_format, convert_to_work
from converters.errors import DataError, NotADatasetError, UsageError, WriteError
from converters.images import load_rgb
from converters.model import Split
from converters.remap import parse_rename
from converters.report import Report
from converters.split import parse_split
from converters.work import WorkFolder, read_names, read_split

ONE = ConvertOptions(jobs=1)
BOX = (5.0, 6.0, 25.0, 30.0)


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (60, 40)) -> Path:
    """A picture of noise, of the kind that its suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def label(
    path: Path, *boxes: tuple[str, tuple[float, float, float, float]], size: tuple[int, int] = (60, 40)
) -> None:
    """A Pascal VOC label file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    objects = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{b[0]:g}</xmin><ymin>{b[1]:g}</ymin>"
        f"<xmax>{b[2]:g}</xmax><ymax>{b[3]:g}</ymax></bndbox></object>\n"
        for name, b in boxes
    )
    path.write_text(
        f"<annotation><filename>{path.stem}.png</filename><size><width>{size[0]}</width>"
        f"<height>{size[1]}</height><depth>3</depth></size>\n{objects}</annotation>\n"
    )


def voc(root: Path, count: int = 10) -> Path:
    """A small VOC set: pictures 0 … count - 1, each with a mask, every third with a no_mask too."""
    for i in range(count):
        picture(root / "images" / f"p{i}.png", i)
        boxes = [("with_mask", BOX)] + ([("without_mask", (30.0, 5.0, 50.0, 30.0))] if i % 3 == 0 else [])
        label(root / "annotations" / f"p{i}.xml", *boxes)
    return root


def digest(root: Path) -> dict[str, str]:
    """Every file under a folder with a hash of its bytes."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_folder_becomes_a_darknet_data_set(tmp_path: Path) -> None:
    source = voc(tmp_path / "set")
    before = digest(source)
    options = ConvertOptions(
        rename=parse_rename("with_mask=mask,without_mask=no_mask"), split=parse_split("60/20/20"), jobs=1
    )
    report = Report()
    result = convert_to_work(source, tmp_path / "work", report, options)
    work = WorkFolder(tmp_path / "work")
    assert work.exists()
    assert read_names(work.names) == ("mask", "no_mask")
    rows = read_split(work)
    assert [row.image for row in rows] == [f"obj/p{i}.png" for i in range(10)]
    assert rows[0].source == "images/p0.png"
    assert result.quality is not None
    assert tuple(result.quality.sizes.values()) == (6, 2, 2)
    for split in Split:
        listed = work.list_of(split).read_text().splitlines()
        assert listed == [row.image for row in rows if row.split is split]
    # 5..25 of 60 and 6..30 of 40
    assert (work.obj / "p1.txt").read_text().split() == ["0", "0.250000", "0.450000", "0.333333", "0.600000"]
    assert (result.linked, result.baked, len(report)) == (10, 0, 0)
    assert digest(source) == before
    assert leftovers(tmp_path) == []


def test_what_was_written_is_read_the_same(tmp_path: Path) -> None:
    source = voc(tmp_path / "set")
    convert_to_work(source, tmp_path / "work", Report(), ONE)
    first = registry.load(source, Report())
    again = registry.load(tmp_path / "work", Report())
    assert again.format == "yolo"
    assert again.class_names == first.class_names
    for a, b in zip(first, again, strict=True):
        assert [box.label for box in a.boxes] == [box.label for box in b.boxes]
        for x, y in zip(a.boxes, b.boxes, strict=True):
            assert y.xyxy == pytest.approx(x.xyxy, abs=1e-3)
        assert b.split is not None


def test_an_archive_is_not_changed_and_named_in_findings(tmp_path: Path) -> None:
    source = voc(tmp_path / "set", 6)
    label(source / "annotations" / "p2.xml", ("with_mask", (50.0, 5.0, 61.0, 30.0)))
    archive = tmp_path / "set.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(source.rglob("*.*")):
            file.write(path, path.relative_to(tmp_path))
    before = archive.read_bytes()
    report = Report()
    convert_to_work(archive, tmp_path / "from_zip", report, ONE)
    convert_to_work(source, tmp_path / "from_folder", Report(), ONE)
    assert archive.read_bytes() == before
    [issue] = report
    assert issue.code == "box-outside"
    assert issue.path == archive / "set" / "annotations" / "p2.xml"
    zipped, unzipped = digest(tmp_path / "from_zip"), digest(tmp_path / "from_folder")
    for names_the_source in ("split.csv", ".annotator/made.json"):
        del zipped[names_the_source], unzipped[names_the_source]
    assert zipped == unzipped
    assert leftovers(tmp_path) == []


def test_pictures_that_darknets_read_differently_are_baked(tmp_path: Path) -> None:
    images = tmp_path / "set" / "images"
    picture(images / "plain.png", 1)
    picture(images / "photo.jpeg", 2)
    picture(images / "CAPS.PNG", 3)
    picture(images / "bitmap.bmp", 4)
    rgba16 = np.random.default_rng(5).integers(0, 65536, (40, 60, 4), dtype=np.uint16)
    assert cv2.imwrite(str(images / "deep.png"), rgba16)
    Image.open(picture(images / "grey.png", 6)).convert("LA").save(images / "grey.png")
    for path in images.iterdir():
        label(tmp_path / "set" / "annotations" / f"{path.stem}.xml", ("mask", BOX))
    result = convert_to_work(tmp_path / "set", tmp_path / "work", Report(), ONE)
    obj = tmp_path / "work" / "obj"
    assert sorted(path.name for path in obj.iterdir() if path.suffix != ".txt") == [
        *("CAPS.png", "bitmap.png", "deep.png", "grey.png", "photo.jpg", "plain.png")
    ]
    assert (result.linked, result.baked) == (3, 3)
    for name in ("deep", "grey"):
        with Image.open(obj / f"{name}.png") as image:
            assert (image.mode, image.format) == ("RGB", "PNG")
        assert np.array_equal(load_rgb(obj / f"{name}.png"), load_rgb(images / f"{name}.png"))
    assert (obj / "plain.png").read_bytes() == (images / "plain.png").read_bytes()


def test_bake_all_links_nothing(tmp_path: Path) -> None:
    result = convert_to_work(
        voc(tmp_path / "set", 3), tmp_path / "work", Report(), ConvertOptions(bake=Bake.ALL, jobs=1)
    )
    assert (result.linked, result.baked) == (0, 3)


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    source = voc(tmp_path / "set", 8)
    (source / "annotations" / "p1.xml").write_text("<annotation><object>")
    good = (source / "images" / "p2.png").read_bytes()
    (source / "images" / "p2.png").write_bytes(good[: len(good) // 2])
    (source / "annotations" / "p3.xml").unlink()
    label(source / "annotations" / "p4.xml", ("with_mask", (-1.0, 5.0, 0.0, 20.0)), ("with_mask", BOX))
    label(source / "annotations" / "p5.xml")
    report = Report()
    result = convert_to_work(source, tmp_path / "work", report, ONE)
    obj = tmp_path / "work" / "obj"
    assert sorted(path.stem for path in obj.glob("*.txt")) == ["p0", "p5", "p6", "p7"]
    assert sorted(path.stem for path in obj.glob("*.png")) == ["p0", "p5", "p6", "p7"]
    assert (obj / "p5.txt").read_bytes() == b""
    assert result.unlabelled == ["images/p3"]
    assert sorted(result.rejected + result.unreadable) == ["images/p1", "images/p2", "images/p4"]
    assert {issue.key for issue in report.errors} == {"images/p1", "images/p2", "images/p4"}
    assert "image-without-label" in {issue.code for issue in report.warnings}


def test_unlabelled_pictures_can_be_kept(tmp_path: Path) -> None:
    source = voc(tmp_path / "set", 4)
    (source / "annotations" / "p3.xml").unlink()
    convert_to_work(source, tmp_path / "work", Report(), ConvertOptions(keep_unlabelled=True, jobs=1))
    assert (tmp_path / "work" / "obj" / "p3.txt").read_bytes() == b""


def test_identical_pictures_stay_together_and_are_the_first_to_go(tmp_path: Path) -> None:
    source = voc(tmp_path / "set", 12)
    for copy, original in ((10, 0), (11, 3)):
        data = (source / "images" / f"p{original}.png").read_bytes()
        (source / "images" / f"p{copy}.png").write_bytes(data)
    result = convert_to_work(source, tmp_path / "a", Report(), ONE)
    rows = {row.image: row for row in read_split(WorkFolder(tmp_path / "a"))}
    for copy, original in ((10, 0), (11, 3)):
        assert rows[f"obj/p{copy}.png"].split is rows[f"obj/p{original}.png"].split
        assert rows[f"obj/p{copy}.png"].group == rows[f"obj/p{original}.png"].group == f"images/p{original}"
    assert len(result.groups) == 2
    options = ConvertOptions(split=parse_split("6,2,2"), jobs=1)
    fewer = convert_to_work(source, tmp_path / "b", Report(), options)
    assert fewer.surplus == ["images/p10", "images/p11"]
    assert len(list((tmp_path / "b" / "obj").glob("*.png"))) == 10


def test_groups_of_the_person_stay_together(tmp_path: Path) -> None:
    source = voc(tmp_path / "set", 12)
    (tmp_path / "groups.csv").write_text("".join(f"p{i},anna\n" for i in range(4)))
    options = ConvertOptions(groups=tmp_path / "groups.csv", jobs=1)
    convert_to_work(source, tmp_path / "work", Report(), options)
    rows = {row.image: row.split for row in read_split(WorkFolder(tmp_path / "work"))}
    assert len({rows[f"obj/p{i}.png"] for i in range(4)}) == 1


def test_names_are_made_plain_and_unique(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        picture(tmp_path / "set" / folder / "images" / "x $(id).png", ord(folder))
        label(tmp_path / "set" / folder / "annotations" / "x $(id).xml", ("mask", BOX))
    result = convert_to_work(tmp_path / "set", tmp_path / "work", Report(), ONE)
    names = sorted(path.name for path in (tmp_path / "work" / "obj").glob("*.png"))
    assert names[0] == "x_id.png"
    assert len(names) == 2
    assert len(result.renamed) == 2


def test_force_replaces_and_keeps_runs_split_and_names(tmp_path: Path) -> None:
    source = voc(tmp_path / "set", 12)
    target = tmp_path / "work"
    convert_to_work(source, target, Report(), ConvertOptions(seed=1, jobs=1))
    before = {row.source: row for row in read_split(WorkFolder(target))}
    (target / "runs" / "one").mkdir()
    (target / "runs" / "one" / "best.weights").write_bytes(b"weights")
    (target / ".annotator").mkdir(exist_ok=True)
    (target / "augmented").mkdir()
    (target / "augmented" / "p0_c1.png").write_bytes(b"")
    for i in range(12, 20):
        picture(source / "images" / f"p{i}.png", i)
        label(source / "annotations" / f"p{i}.xml", ("without_mask", BOX))
    with pytest.raises(UsageError, match="--force"):
        convert_to_work(source, target, Report(), ONE)
    options = ConvertOptions(seed=2, jobs=1, force=True)
    result = convert_to_work(source, target, Report(), options)
    after = {row.source: row for row in read_split(WorkFolder(target))}
    assert len(after) == 20
    for source_path, row in before.items():
        assert (after[source_path].image, after[source_path].split) == (row.image, row.split)
    assert result.quality is not None
    assert tuple(result.quality.sizes.values()) == (14, 3, 3)
    assert (target / "runs" / "one" / "best.weights").read_bytes() == b"weights"
    assert (target / ".annotator").is_dir()
    assert not (target / "augmented").exists()
    assert (result.kept_splits, result.removed_copies) == (12, 1)
    assert leftovers(tmp_path) == []


def test_the_sets_own_split_is_kept_unless_another_is_asked_for(tmp_path: Path) -> None:
    source = voc(tmp_path / "set", 10)
    first = tmp_path / "first"
    convert_to_work(source, first, Report(), ConvertOptions(seed=5, jobs=1))
    splits = {Path(row.image).name: row.split for row in read_split(WorkFolder(first))}
    convert_to_work(first, tmp_path / "second", Report(), ONE)
    again = {Path(row.image).name: row.split for row in read_split(WorkFolder(tmp_path / "second"))}
    assert again == splits
    options = ConvertOptions(split=parse_split("40/30/30"), jobs=1)
    result = convert_to_work(first, tmp_path / "third", Report(), options)
    assert result.quality is not None
    assert tuple(result.quality.sizes.values()) == (4, 3, 3)


def test_targets_that_are_refused(tmp_path: Path) -> None:
    source = voc(tmp_path / "set", 2)
    full = tmp_path / "full"
    full.mkdir()
    (full / "letter.txt").write_text("dear")
    before = digest(tmp_path)
    for target in (source, source / "work", tmp_path, full, full / "letter.txt"):
        with pytest.raises(UsageError):
            convert_to_work(source, target, Report(), ConvertOptions(jobs=1, force=True))
    assert digest(tmp_path) == before


def test_sources_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "note.txt").write_text("no archive")
    refused = {"empty": NotADatasetError, "note.txt": NotADatasetError, "nothing": UsageError}
    for source, error in refused.items():
        with pytest.raises(error):
            convert_to_work(tmp_path / source, tmp_path / "work", Report(), ONE)
    picture(tmp_path / "pictures" / "a.png")
    with pytest.raises(DataError, match="none of its 1 pictures has a label file"):
        convert_to_work(tmp_path / "pictures", tmp_path / "work", Report(), ONE)
    assert not (tmp_path / "work").exists()
    assert leftovers(tmp_path) == []


def test_a_place_where_nothing_can_be_written(tmp_path: Path) -> None:
    if not Path("/proc/self").is_dir():
        pytest.skip("needs /proc, where no folder can be made")
    with pytest.raises(WriteError):
        convert_to_work(voc(tmp_path / "set", 2), Path("/proc/work"), Report(), ONE)


def test_an_empty_folder_is_a_good_target(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    convert_to_work(voc(tmp_path / "set", 3), tmp_path / "work", Report(), ONE)
    assert WorkFolder(tmp_path / "work").exists()


def test_cancelling_leaves_nothing_behind(tmp_path: Path) -> None:
    class CancelledError(Exception):
        pass

    def cancel(done: int, total: int) -> None:
        if done == 2:
            raise CancelledError

    with pytest.raises(CancelledError):
        convert_to_work(voc(tmp_path / "set", 4), tmp_path / "work", Report(), ONE, on_progress=cancel)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set"]


def test_voc_to_voc_keeps_the_boxes(tmp_path: Path) -> None:
    source = voc(tmp_path / "set", 4)
    options = ConvertOptions(rename=parse_rename("with_mask=mask"))
    result = convert_to_format(source, tmp_path / "out", "voc", Report(), options)
    again = registry.load(tmp_path / "out", Report())
    assert again.format == "voc"
    assert [[box.label for box in image.boxes] for image in again][:2] == [["mask", "without_mask"], ["mask"]]
    assert result.target_format == "voc"
    with pytest.raises(UsageError, match="no format is named"):
        convert_to_format(source, tmp_path / "other", "tfrecord", Report())


def test_processes_give_the_same_as_one(tmp_path: Path) -> None:
    pictures = [(f"p{i}", picture(tmp_path / f"p{i}.png", i)) for i in range(60)]
    pictures[7][1].write_bytes(b"no picture")
    ticks: list[int] = []
    one, bad_one = take_fingerprints(pictures, workers=1)
    two, bad_two = take_fingerprints(pictures, workers=2, on_progress=lambda done, _: ticks.append(done))
    assert one == two
    assert list(two) == [key for key, _ in pictures if key != "p7"]
    assert bad_one.keys() == bad_two.keys() == {"p7"}
    assert (bad_two["p7"].path, bad_two["p7"].code) == (pictures[7][1], "image-unreadable")
    assert ticks == list(range(1, 61))


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    ("number", "code", "said"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_ctrl_c_and_sigterm_leave_nothing_behind(
    tmp_path: Path, jobs: int, number: int, code: int, said: str
) -> None:
    voc(tmp_path / "set", 120)
    snippet = (
        "import sys\n"
        "from pathlib import Path\n"
        "from converters.commands import run_command\n"
        "from converters.convert import ConvertOptions, convert_to_work\n"
        "from converters.report import Report\n"
        "state = []\n"
        "def pictures(stage): state.append(stage)\n"
        "def tick(done, total):\n"
        "    if state[-1] == 'pictures' and done == 3:\n"
        "        print('going', flush=True)\n"
        "        sys.stdin.read()\n"
        "def body(argv):\n"
        f"    options = ConvertOptions(jobs={jobs})\n"
        "    calls = {'on_progress': tick, 'on_stage': pictures}\n"
        "    convert_to_work(Path('set'), Path('work'), Report(), options, **calls)\n"
        "    return 0\n"
        "if __name__ == '__main__':\n"
        "    sys.exit(run_command(body, []))\n"
    )
    script = tmp_path / "convert_it.py"
    script.write_text(snippet)
    child = subprocess.Popen(
        [sys.executable, script],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "going\n"
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    os.killpg(child.pid, number)  # as a terminal does: to all processes of the command
    _, talk = child.communicate(timeout=60)
    assert child.returncode == code
    assert talk.strip() == said
    script.unlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set"]
