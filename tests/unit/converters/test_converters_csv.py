from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from converters import registry
from converters.formats.base import LoadOptions
from converters.formats.csv_labels import CsvCodec
from converters.model import AnnotatedImage, Box, Dataset, Split
from converters.report import Report

CODEC = CsvCodec()
OWN = "image,width,height,label,x1,y1,x2,y2,confidence,flags,split\n"


def load(
    root: Path, text: str | bytes, name: str = "labels.csv", **options: object
) -> tuple[Dataset, Report]:
    for stem in ("x", "zz_good"):
        (root / "images").mkdir(exist_ok=True)
        Image.new("RGB", (100, 80)).save(root / "images" / f"{stem}.png")
    (root / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    report = Report()
    return registry.load(root, report, LoadOptions(**options)), report  # type: ignore[arg-type]


def boxes(dataset: Dataset) -> dict[str, list[tuple[float, ...]]]:
    return {image.path.stem: [box.xyxy for box in image.boxes] for image in dataset if image.labelled}


@pytest.mark.parametrize(
    ("text", "edges"),
    [
        (OWN + "images/x.png,100,80,mask,1,2,30.5,40,,,\n", (1, 2, 30.5, 40)),
        ("filename,width,height,class,xmin,ymin,xmax,ymax\nx.png,100,80,mask,1,2,30,40\n", (1, 2, 30, 40)),
        (
            "filename;width;height;class;xmin;ymin;xmax;ymax\nx.png;100;80;mask;1;2;30.5;40\n",
            (1, 2, 30.5, 40),
        ),
        ("image\tlabel\tx1\ty1\tx2\ty2\r\nx.png\tmask\t1\t2\t30\t40\r\n", (1, 2, 30, 40)),
        ("\ufeffimage,label,x1,y1,x2,y2\nx.png,mask,1,2,30,40", (1, 2, 30, 40)),
        ('"image","label","x1","y1","x2","y2"\n"x.png","mask","1","2","30","40"\n', (1, 2, 30, 40)),
        ("/data/x.png,1,2,30,40,mask\n", (1, 2, 30, 40)),
        (
            "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,"
            "IsDepiction,IsInside\nx,xclick,mask,1,.01,.3,.025,.5,1,0,0,0,0\n",
            (1, 2, 30, 40),
        ),
    ],
    ids=["own", "roboflow", "semicolons", "tabs", "bom", "quoted", "retinanet", "openimages"],
)
def test_tables_that_are_about(tmp_path: Path, text: str, edges: tuple[float, ...]) -> None:
    dataset, report = load(tmp_path, text)
    assert dataset.format == "csv" and not report.errors
    assert boxes(dataset)["x"] == [pytest.approx(edges)]
    assert dataset.images[0].boxes[0].label == "mask"
    assert dataset.images[0].boxes[0].confidence is None


def test_openimages_flags_and_names(tmp_path: Path) -> None:
    (tmp_path / "class-descriptions-boxable.csv").write_text('/m/01,Human face\n/m/02,"Mask, medical"\n')
    head = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf\n"
    rows = "x,a,/m/01,1,.1,.2,.1,.2,1,-1,0\nx,a,/m/02,0.5,.1,.2,.1,.2,0,1,1\n"
    dataset, report = load(tmp_path, head + rows, "train-annotations-bbox.csv")
    first, second = dataset.images[0].boxes
    assert (first.label, first.confidence, first.flags) == ("Human face", None, {"occluded"})
    assert (second.label, second.confidence, second.flags) == (
        "Mask, medical",
        0.5,
        {"truncated", "crowd"},
    )
    assert "crowd" in [issue.code for issue in report]
    path = tmp_path / "train-annotations-bbox.csv"
    image = dataset.images[0].with_boxes((first.moved_to((10.0, 8.0, 50.0, 16.0)), second))
    data = CODEC.render_file(path, [image, *dataset.images[1:]], dataset.class_names, path.read_bytes())
    assert data.decode() == head + rows.replace(".1,.2,.1,.2,1,-1", "0.1,0.5,0.1,0.2,1,-1")


def test_pictures_without_boxes_and_without_rows(tmp_path: Path) -> None:
    dataset, report = load(tmp_path, OWN + "images/zz_good.png,100,80,,,,,,,,val\n")
    assert [(i.path.stem, i.labelled, i.split) for i in dataset] == [
        ("x", False, None),
        ("zz_good", True, Split.VAL),
    ]
    assert [issue.code for issue in report] == ["image-without-label"]


GOOD = "images/zz_good.png,100,80,mask,1,2,30,40,,,\n"


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("images/x.png,100,80,mask,1,2,30\n", "bad-columns"),
        ("images/x.png,100,80,mask,1,2,30,40,,,,,\n", "bad-columns"),
        ("images/x.png,100,80,mask,a,2,30,40,,,\n", "bad-number"),
        ('images/x.png,100,80,mask,"1,5",2,30,40,,,\n', "bad-number"),
        ("images/x.png,100,80,mask,nan,2,30,40,,,\n", "not-finite"),
        ("images/x.png,100,80,mask,,2,30,40,,,\n", "bad-number"),
        ("images/x.png,100,80,mask,,,,,,,\n", "bad-number"),
        ("images/x.png,100,80,,1,2,30,40,,,\n", "no-name"),
        ('images/x.png,100,80,"a\nb",1,2,30,40,,,\n', "bad-label"),
        ("images/x.png,100,80,mask,1,2,1,40,,,\n", "box-empty"),
        ("images/x.png,100,80,mask,1,2,300,40,,,\n", "box-far-outside"),
        ("images/x.png,200,80,mask,1,2,30,40,,,\n", "size-mismatch"),
        ("images/x.png,10.5,80,mask,1,2,30,40,,,\n", "bad-size"),
        ("images/x.png,100,80,mask,1,2,30,40,2,,\n", "bad-confidence"),
        ("images/x.png,100,80,mask,1,2,30,40,,,\nimages/x.png,90,80,mask,1,2,30,40,,,\n", "bad-size"),
        ("images/gone.png,100,80,mask,1,2,30,40,,,\n", "image-missing"),
        ("../../x.png,100,80,mask,1,2,30,40,,,\n", "path-outside"),
        (",100,80,mask,1,2,30,40,,,\n", "no-picture-name"),
    ],
)
def test_rows_that_are_refused(tmp_path: Path, row: str, code: str) -> None:
    dataset, report = load(tmp_path, OWN + GOOD + row)
    assert [issue.code for issue in report.errors] == [code]
    assert report.errors[0].line == 3 + row.count("\n") - 1 - (code == "bad-label")
    assert boxes(dataset) == {"zz_good": [(1, 2, 30, 40)]}


def test_a_decimal_comma_is_explained(tmp_path: Path) -> None:
    head = OWN.replace(",", ";")
    _, report = load(tmp_path, head + "x.png;100;80;mask;1,5;2;30;40;;;\n")
    assert [issue.code for issue in report.errors] == ["bad-number"]
    assert "point" in report.errors[0].hint


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ((OWN + GOOD + 'images/x.png,100,80,"mask"a,1,2,3,4,,,\n').encode(), "bad-csv"),
        ((OWN + GOOD + 'images/x.png,100,80,"mask,1,2,3,4,,,\n').encode(), "bad-csv"),
        ((OWN + GOOD).encode() + b"\xff\n", "bad-encoding"),
        ((OWN + GOOD).encode() + b"\0\n", "bad-encoding"),
    ],
)
def test_tables_that_are_refused_as_a_whole(tmp_path: Path, data: bytes, code: str) -> None:
    dataset, report = load(tmp_path, data)
    assert [(issue.code, issue.line) for issue in report.errors] == [(code, 3)]
    assert not dataset.images


@pytest.mark.parametrize(
    "text",
    [
        "image,label\nx.png,cat\n",
        "image,group\nx.png,1\n",
        "image,split,group,source\nx.png,train,,\n",
        "a,b,c,d,e,f\n",
        "1,2,3,4,5,6\n",
        "",
    ],
)
def test_tables_of_other_things_are_no_labels(tmp_path: Path, text: str) -> None:
    dataset, _ = load(tmp_path, text)
    assert dataset.format == "voc"


def test_flags_splits_and_names_file(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("no_mask\nmask\nmore\n")
    rows = "images/x.png,100,80,mask,1,2,30,40,0.25,difficult crowd odd,train\n"
    rows += "images/x.png,100,80,mask,1,2,30,40,,,test\nimages/zz_good.png,,,,,,,,,,odd\n"
    dataset, report = load(tmp_path, OWN + rows)
    assert dataset.class_names == ("no_mask", "mask", "more")
    assert [image.split for image in dataset] == [Split.TRAIN, None]
    assert (dataset.images[0].boxes[0].confidence, dataset.images[0].boxes[0].flags) == (
        0.25,
        {"difficult", "crowd"},
    )
    codes = sorted(issue.code for issue in report)
    assert codes == ["bad-flag", "bad-split", "crowd", "in-two-splits", "size-missing"]


def test_an_edit_changes_its_row_alone(tmp_path: Path) -> None:
    text = "id;filename;class;xmin;ymin;xmax;ymax;mood\r\n"
    text += '7;x.png;"no ""real"" mask; or so";1;2;30;40;good\r\n8;x.png;mask;5.50;6;7.0;8;"a\r\nb"\r\n'
    text += "9;zz_good.png;mask;1;2;3;4;\r\n"
    dataset, report = load(tmp_path, text)
    assert not report.issues
    path = tmp_path / "labels.csv"
    x, good = dataset.images
    first, second = x.boxes

    def rendered(*wanted: Box) -> str:
        images = [x.with_boxes(wanted), good]
        return CODEC.render_file(path, images, dataset.class_names, path.read_bytes()).decode()

    assert first.label == 'no "real" mask; or so'
    assert rendered(first, second) == text
    assert rendered(first, second.moved_to((5.5, 6.0, 9.0, 8.25))) == text.replace(
        "8;x.png;mask;5.50;6;7.0;8;", "8;x.png;mask;5.5;6;9;8.25;"
    )
    assert "8;x.png" not in rendered(first) and "7;x.png" in rendered(first)
    assert rendered() == text[: text.index("7;")] + ";x.png;;;;;;\r\n" + text[text.index("9;") :]
    added = Box((1.0, 1.0, 2.0, 2.0), "mask")
    assert '"a\r\nb"\r\n;x.png;mask;1;1;2;2;\r\n9;' in rendered(first, second, added)


def test_a_cell_like_a_formula_stays_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "source.png"
    Image.new("RGB", (100, 80)).save(path)
    image = AnnotatedImage("source", path, (100, 80), (Box((1.0, 2.0, 3.0, 4.0), "=1+1"),))
    (tmp_path / "out").mkdir()
    CODEC.save(Dataset(tmp_path, "memory", (image,), ("=1+1",)), tmp_path / "out", Report())
    again = registry.load(tmp_path / "out", Report())
    assert again.images[0].boxes == image.boxes


def test_retinanet_order_of_classes(tmp_path: Path) -> None:
    (tmp_path / "classes.csv").write_text("no_mask,0\nmask,1\n")
    rows = "images/x.png,1,2,30,40,mask\nimages/zz_good.png,,,,,\n"
    dataset, report = load(tmp_path, rows, "train.csv")
    assert not report.issues
    assert dataset.class_names == ("no_mask", "mask")
    assert boxes(dataset) == {"x": [(1, 2, 30, 40)], "zz_good": []}
    path = tmp_path / "train.csv"
    images = [image.with_boxes(()) for image in dataset]
    data = CODEC.render_file(path, images, dataset.class_names, path.read_bytes())
    assert data == b"images/x.png,,,,,\nimages/zz_good.png,,,,,\n"


def test_flags_and_confidence_survive(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.new("RGB", (100, 80)).save(path)
    flags = frozenset({"difficult", "truncated", "occluded", "crowd"})
    given = (Box((1.0, 2.0, 3.25, 4.123456), "a, b", 0.1, flags), Box((0.0, 0.0, 100.0, 80.0), "b"))
    image = AnnotatedImage("x", path, (100, 80), given, Split.TEST)
    (tmp_path / "out").mkdir()
    CODEC.save(Dataset(tmp_path, "memory", (image,), ("b", "a, b", "c")), tmp_path / "out", Report())
    again = registry.load(tmp_path / "out", Report())
    assert again.images[0].boxes == given and again.images[0].split is Split.TEST
    assert again.class_names == ("b", "a, b", "c")
    assert replace(again.images[0].boxes[0], origin=None) == given[0]
