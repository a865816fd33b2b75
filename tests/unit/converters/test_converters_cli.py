import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from converters.cli import balance, check, convert
from converters.cli.balance import bar_of
from converters.cli.common import network_size, positive, table
from converters.work import WorkFolder, read_names

RENAME = "with_mask=mask,without_mask=no_mask,mask_weared_incorrect=chin_diaper"
KAGGLE = Path(__file__).resolve().parents[3] / ".." / "shared" / "kaggle" / "archive"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Twelve pictures in the layout of the Kaggle archive; picture 5 has a box past the edge."""
    names = ["with_mask"] * 8 + ["without_mask"] * 3 + ["mask_weared_incorrect"]
    for i, name in enumerate(names):
        image, xml = (
            tmp_path / "archive" / "images" / f"m{i}.png",
            tmp_path / "archive" / "annotations" / f"m{i}.xml",
        )
        image.parent.mkdir(parents=True, exist_ok=True)
        xml.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(i).integers(0, 256, (50, 80, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(image)
        right = 81 if i == 5 else 60
        xml.write_text(
            "<annotation><size><width>80</width><height>50</height><depth>3</depth></size>\n"
            f"<object><name>{name}</name><bndbox><xmin>10</xmin><ymin>8</ymin><xmax>{right}</xmax>"
            "<ymax>40</ymax></bndbox></object></annotation>\n"
        )
    return tmp_path / "archive"


def test_convert_prints_a_summary_and_findings_apart(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "work"
    assert convert.main([str(archive), str(target), "--rename", RENAME, "--split", "50/25/25"]) == 0
    out, err = capsys.readouterr()
    assert f"{target}: 12 pictures, 12 boxes, 3 classes (voc → yolo)" in out
    assert "chin_diaper" in out
    assert "yolo does not keep: confidence" in out
    assert err.startswith(f"{archive / 'annotations' / 'm5.xml'}:2: [box-outside] warning: ")
    assert read_names(WorkFolder(target).names) == ("mask", "no_mask", "chin_diaper")


def test_convert_json_is_nothing_but_json(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert.main([str(archive), str(tmp_path / "work"), "--json", "--jobs", "1"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["classes"] == {"with_mask": 8, "without_mask": 3, "mask_weared_incorrect": 1}
    assert data["split"]["sizes"] == {"train": 8, "val": 2, "test": 2}
    assert [issue["code"] for issue in data["issues"]] == ["box-outside"]


def test_convert_of_a_set_with_errors_writes_what_is_good(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (archive / "annotations" / "m0.xml").write_text("<annotation>")
    assert convert.main([str(archive), str(tmp_path / "work")]) == 1
    assert len(list((tmp_path / "work" / "obj").glob("*.txt"))) == 11
    assert "m0.xml" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--split", "70/30"], "2 parts"),
        (["--rename", "mask=x"], "no class 'mask' to rename"),
        (["--classes", "with_mask"], "missing in the list of classes"),
        (["--split", "10,10,10"], "only 12"),
    ],
)
def test_convert_wrong_use(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert convert.main([str(archive), str(tmp_path / "work"), *arguments]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


def test_convert_divides_other_formats_and_copies(archive: Path, tmp_path: Path) -> None:
    target = tmp_path / "voc"
    assert convert.main([str(archive), str(target), "--to", "voc", "--split", "6,3,3", "--copy"]) == 0
    lists = {path.stem: path.read_text().split() for path in (target / "ImageSets" / "Main").glob("*.txt")}
    assert {name: len(lines) for name, lines in lists.items()} == {"train": 6, "val": 3, "test": 3}
    pictures = list(target.rglob("*.png"))
    assert len(pictures) == 12 and all(path.stat().st_nlink == 1 for path in pictures)
    assert not list(target.rglob("*.part"))
    assert convert.main([str(archive), str(tmp_path / "work"), "--copy"]) == 0
    assert all(path.stat().st_nlink == 1 for path in (tmp_path / "work" / "obj").iterdir())


def test_check_finds_and_says_where(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = (archive / "images" / "m1.png").read_bytes()
    (archive / "images" / "m2.png").write_bytes(data)
    assert check.main([str(archive)]) == 0
    out, err = capsys.readouterr()
    assert [line.split("[")[1].split("]")[0] for line in out.splitlines()] == [
        "box-outside",
        "image-identical",
    ]
    assert f"{archive / 'annotations' / 'm5.xml'}:2: [box-outside] warning" in out
    assert "12 pictures, 12 boxes (voc): 2 warnings" in err
    assert check.main([str(archive), "--strict"]) == 1
    capsys.readouterr()
    assert check.main([str(archive), "--no-images"]) == 0
    assert "image-identical" not in capsys.readouterr().out


def test_check_exits_with_1_for_an_error_and_gives_json(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = archive / "images" / "m3.png"
    picture.write_bytes(picture.read_bytes()[:400])
    assert check.main([str(archive), "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert data["errors"] == 1
    [issue] = [issue for issue in data["issues"] if issue["severity"] == "error"]
    assert (issue["code"], issue["image"]) == ("image-truncated", "images/m3")


def test_check_of_a_work_folder(archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "work"
    convert.main([str(archive), str(target)])
    capsys.readouterr()
    assert check.main([str(target)]) == 0
    assert capsys.readouterr().out == ""
    (target / "train.txt").write_text("obj/nothing.png\n")
    assert check.main([str(target), "--no-images"]) == 1
    assert f"{target / 'train.txt'}:1: [list-out-of-step] error" in capsys.readouterr().out


def test_check_network_size(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main([str(archive), "--no-images", "--network-size", "16"]) == 0
    assert "box-tiny-network" in capsys.readouterr().out


def test_balance_of_a_folder_an_archive_and_a_work(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    zipped = tmp_path / "archive.zip"
    with zipfile.ZipFile(zipped, "w") as file:
        for path in sorted(archive.rglob("*.*")):
            file.write(path, path.relative_to(tmp_path))
    assert balance.main([str(archive)]) == 0
    of_folder = capsys.readouterr().out
    assert "For each mask_weared_incorrect box there are 8.0 with_mask boxes." in of_folder
    ratios = [line[-7:].strip() for line in of_folder.splitlines()[2:6]]
    assert ratios == ["ratio", "most", "1 : 2.7", "1 : 8.0"]
    assert balance.main([str(zipped)]) == 0
    assert capsys.readouterr().out == of_folder
    convert.main([str(archive), str(tmp_path / "work")])
    (tmp_path / "work" / "augmented").mkdir()
    (tmp_path / "work" / "augmented" / "m11_c1.png").write_bytes(b"")
    (tmp_path / "work" / "augmented" / "m11_c1.txt").write_text("2 .5 .5 .2 .2\n")
    capsys.readouterr()
    assert balance.main([str(tmp_path / "work")]) == 0
    out = capsys.readouterr().out
    assert "1 augmented copy, counted apart" in out
    assert "train" in out
    assert "+1" in out


def test_balance_json_and_csv(archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table_file = tmp_path / "boxes.csv"
    assert balance.main([str(archive), "--json", "--csv", str(table_file)]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["imbalance"] == 8.0
    lines = table_file.read_text().splitlines()
    assert lines[0].startswith("image,split,label,x1,y1,x2,y2,width,height,area")
    assert len(lines) == 13


@pytest.mark.parametrize("command", [check.main, balance.main])
def test_no_set_there(command: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(command)
    (tmp_path / "empty").mkdir()
    assert command([str(tmp_path / "empty")]) == 1
    assert command([str(tmp_path / "nothing")]) == 2
    out, err = capsys.readouterr()
    assert "the folder is empty" in out + err
    assert "no such file or folder" in err


@pytest.mark.parametrize("command", [convert.main, check.main, balance.main])
def test_help_has_examples(command: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(command)
    with pytest.raises(SystemExit) as caught:
        command(["--help"])
    assert caught.value.code == 0
    assert "examples:\n" in capsys.readouterr().out


def test_small_parts() -> None:
    assert network_size("416") == (416, 416)
    assert network_size("608x416") == (608, 416)
    assert positive("3") == 3
    for text in ("", "0", "x", "4x", "1x2x3"):
        with pytest.raises(Exception, match="not a"):
            network_size(text)
    assert bar_of(0, 10) == ""
    assert bar_of(10, 10, 4) == "████"
    assert bar_of(1, 10_000, 4) == "▏"
    assert table([["a", "b"], ["long", "1"]]) == ["a     b", "long  1"]


@pytest.mark.kaggle
def test_the_real_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if not KAGGLE.is_dir():
        pytest.skip("the Kaggle pictures are not there")
    target = tmp_path / "work"
    assert convert.main([str(KAGGLE), str(target), "--rename", RENAME, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["classes"] == {"mask": 718, "no_mask": 132, "chin_diaper": 40}
    assert data["split"]["sizes"] == {"train": 129, "val": 28, "test": 28}
    assert data["split"]["worst_error"] < 0.035
    assert (data["linked"], data["baked"], data["boxes_clipped"]) == (2, 183, 3)
    assert len(data["groups"]) == 3
    assert check.main([str(target)]) == 0
