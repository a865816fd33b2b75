from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from converters import registry
from converters.errors import NotADatasetError, UsageError
from converters.layout import scan
from converters.report import Report

KAGGLE = Path(__file__).resolve().parents[3] / ".." / "shared" / "kaggle" / "archive"
XML = (
    "<annotation><object><name>cat</name><bndbox>"
    "<xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox></object></annotation>"
)


def make(root: Path, **files: str) -> Path:
    """Pictures for names that end so, else text files; ``__`` stands for a folder, ``_DOT_`` for a dot."""
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".png":
            Image.new("RGB", (10, 10)).save(path)
        else:
            path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"images__a_DOT_png": "", "annotations__a_DOT_xml": XML}, "voc"),
        ({"top__images__a_DOT_png": "", "top__annotations__a_DOT_xml": XML}, "voc"),
        ({"a_DOT_png": "", "a_DOT_xml": XML}, "voc"),
        ({"a_DOT_png": ""}, "voc"),
        ({"a_DOT_png": "", "classes_DOT_txt": "cat"}, "voc"),
        ({"a_DOT_png": "", "a_DOT_txt": "a photo of a cat, sitting"}, "voc"),
        ({"a_DOT_png": "", "a_DOT_txt": "0 .5 .5 .1 .1"}, "yolo"),
        ({"a_DOT_png": "", "a_DOT_txt": ""}, "yolo"),
        ({"a_DOT_png": "", "a_DOT_txt": "cat .5 .5 .1 .1", "classes_DOT_txt": "cat"}, "yolo"),
        ({"images__a_DOT_png": "", "labels__a_DOT_txt": "0 .5 .5 .1 .1"}, "yolo"),
        ({"obj__a_DOT_png": "", "obj_DOT_names": "cat"}, "yolo"),
        (
            {
                "a_DOT_png": "",
                "a_DOT_xml": XML,
                "b_DOT_png": "",
                "b_DOT_txt": "0 .5 .5 .1 .1",
                "a_DOT_txt": "",
            },
            "yolo",
        ),
        ({"a_DOT_png": "", "a_DOT_xml": XML, "a_DOT_txt": "0 .5 .5 .1 .1"}, "voc"),
    ],
)
def test_detect(tmp_path: Path, files: dict[str, str], name: str) -> None:
    assert registry.detect(make(tmp_path, **files)).name == name


def test_pictures_without_labels_are_a_set_to_be_labelled(tmp_path: Path) -> None:
    make(tmp_path, images__b_DOT_png="", images__a_DOT_png="")
    report = Report()
    dataset = registry.load(tmp_path, report)
    assert (dataset.format, len(dataset), dataset.box_count, dataset.class_names) == ("voc", 2, 0, ())
    assert not report.errors
    assert [image.labelled for image in dataset] == [False, False]
    assert dataset.images[0].annotation == tmp_path / "annotations" / "a.xml"
    assert registry.codec_of(dataset) is registry.FORMATS["voc"]


def test_no_pictures_says_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(NotADatasetError, match="empty"):
        registry.detect(tmp_path)
    make(tmp_path, a_DOT_xml="", b_DOT_xml="", set_DOT_zip="", c="")
    with pytest.raises(NotADatasetError, match=r"2 \.xml.*1 \.zip.*Open set\.zip itself"):
        registry.detect(tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        registry.load(tmp_path / "nothing", Report())
    with pytest.raises(NotADatasetError, match="is a file"):
        registry.load(tmp_path / "a.xml", Report())


def test_a_named_format_is_not_guessed(tmp_path: Path) -> None:
    make(tmp_path, a_DOT_png="", a_DOT_xml=XML)
    assert registry.load(tmp_path, Report(), format="yolo").box_count == 0
    with pytest.raises(UsageError, match="voc, yolo"):
        registry.load(tmp_path, Report(), format="nothing")
    with pytest.raises(NotADatasetError, match="no label file of COCO"):
        registry.load(tmp_path, Report(), format="coco")


@pytest.mark.kaggle
@pytest.mark.skipif(not KAGGLE.is_dir(), reason="../shared/kaggle is not there")
@pytest.mark.parametrize("root", [KAGGLE, KAGGLE.parent])
def test_the_kaggle_archive(root: Path) -> None:
    report = Report()
    dataset = registry.load(root, report)
    assert (dataset.format, len(dataset), dataset.box_count) == ("voc", 185, 890)
    assert [issue.code for issue in report] == ["box-outside"] * 3


def test_each_format_is_there_under_its_own_name():
    assert [codec.name for codec in registry.FORMATS.values()] == list(registry.FORMATS)
    assert "voc" in registry.FORMATS and "none" not in registry.FORMATS


def test_a_format_claims_nothing_without_files_of_its_suffixes(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "readme.md").write_bytes(b"")
    tree = scan(tmp_path)
    assert not any(codec.claims(tree) for codec in registry.FORMATS.values())


def test_formats_are_imported_when_they_are_needed():
    code = (
        "import sys, converters.cli.convert as cli; cli.main(['--help']);"
        "sys.exit(any(name.startswith('converters.formats.coco') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0
