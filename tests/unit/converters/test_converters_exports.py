"""Sets as other products export them, built by hand after their documentation."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from converters import registry
from converters.formats.base import LoadOptions
from converters.formats.csv_labels import CsvCodec
from converters.model import Dataset, Split
from converters.report import Report

EDGES = (1.0, 2.0, 30.0, 40.0)
BBOX = [1, 2, 29, 38]
YOLO = "0 0.155 0.2625 0.29 0.475\n"
FLAGLESS = {"image-without-label"}


def build(root: Path, files: dict[str, str], *pictures: str) -> None:
    for name in pictures:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (100, 80)).save(root / name)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def read(root: Path, **options: Any) -> tuple[Dataset, Report]:
    report = Report()
    return registry.load(root, report, LoadOptions(**options)), report


def check(
    root: Path, format: str, pictures: int = 1, splits: dict[str, Split | None] | None = None
) -> Report:
    """All pictures have the one box; nothing is complained of."""
    dataset, report = read(root)
    assert dataset.format == format
    assert [issue for issue in report if issue.code not in FLAGLESS] == []
    assert dataset.class_names == ("mask",)
    assert len(dataset) == pictures
    for image in dataset:
        assert [box.label for box in image.boxes] == ["mask"], image.key
        assert image.boxes[0].xyxy == pytest.approx(EDGES, abs=0.5e-3)
    if splits is not None:
        assert {image.path.stem: image.split for image in dataset} == splits


def coco(name: str, *, categories: list[dict[str, Any]] | None = None, **more: Any) -> str:
    entry = {"id": 1, "image_id": 0, "category_id": 1, "bbox": BBOX, "area": 1102, "iscrowd": 0, **more}
    return json.dumps(
        {
            "info": {"year": "2024"},
            "licenses": [{"id": 1, "name": "CC BY 4.0", "url": ""}],
            "categories": categories or [{"id": 1, "name": "mask", "supercategory": ""}],
            "images": [{"id": 0, "license": 1, "file_name": name, "height": 80, "width": 100}],
            "annotations": [entry],
        }
    )


def test_roboflow_coco(tmp_path: Path) -> None:
    categories = [
        {"id": 0, "name": "masks", "supercategory": "none"},
        {"id": 1, "name": "mask", "supercategory": "masks"},
    ]
    files = {
        f"{part}/_annotations.coco.json": coco(
            f"{part[0]}_png.rf.1.jpg", categories=categories, segmentation=[]
        )
        for part in ("train", "valid", "test")
    }
    build(
        tmp_path,
        {**files, "README.roboflow.txt": "x\n"},
        *(f"{p}/{p[0]}_png.rf.1.jpg" for p in ("train", "valid", "test")),
    )
    dataset, report = read(tmp_path)
    assert {issue.code for issue in report} == {"category-group"}
    assert dataset.class_names == ("mask",)
    assert [image.boxes[0].xyxy for image in dataset] == [EDGES] * 3
    assert {image.split for image in dataset} == set(Split)


def test_roboflow_yolo(tmp_path: Path) -> None:
    data = (
        "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 1\nnames: ['mask']\n\n"
        "roboflow:\n  workspace: w\n  project: p\n  version: 1\n"
    )
    files = {f"{part}/labels/{part[0]}.txt": YOLO for part in ("train", "valid", "test")}
    build(
        tmp_path,
        {"data.yaml": data, **files},
        *(f"{p}/images/{p[0]}.jpg" for p in ("train", "valid", "test")),
    )
    check(tmp_path, "ultralytics", 3)


def test_roboflow_darknet(tmp_path: Path) -> None:
    files = {f"{part}/{part[0]}.txt": YOLO for part in ("train", "valid")}
    files |= {f"{part}/_darknet.labels": "mask\n" for part in ("train", "valid")}
    build(tmp_path, files, "train/t.jpg", "valid/v.jpg")
    check(tmp_path, "yolo", 2, {"t": Split.TRAIN, "v": Split.VAL})


def test_roboflow_tensorflow_csv(tmp_path: Path) -> None:
    head = "filename,width,height,class,xmin,ymin,xmax,ymax\n"
    files = {f"{p}/_annotations.csv": f"{head}{p[0]}.jpg,100,80,mask,1,2,30,40\n" for p in ("train", "valid")}
    build(tmp_path, files, "train/t.jpg", "valid/v.jpg")
    check(tmp_path, "csv", 2, {"t": Split.TRAIN, "v": Split.VAL})


def test_fiftyone(tmp_path: Path) -> None:
    build(tmp_path / "coco", {"labels.json": coco("000001.jpg")}, "data/000001.jpg")
    check(tmp_path / "coco", "coco")
    data = "names:\n  0: mask\npath: /home/me/export\ntrain: ./images/train/\nval: ./images/val/\n"
    files = {"dataset.yaml": data, "labels/train/a.txt": YOLO, "labels/val/b.txt": YOLO}
    build(tmp_path / "yolo", files, "images/train/a.jpg", "images/val/b.jpg")
    check(tmp_path / "yolo", "ultralytics", 2, {"a": Split.TRAIN, "b": Split.VAL})


def test_cvat_coco(tmp_path: Path) -> None:
    text = coco("a.png", segmentation=[], attributes={"occluded": False, "rotation": 0.0})
    build(tmp_path, {"annotations/instances_default.json": text}, "images/default/a.png")
    check(tmp_path, "coco")


def test_cvat_ultralytics(tmp_path: Path) -> None:
    files = {
        "data.yaml": "names:\n  0: mask\npath: .\ntrain: train.txt\nval: val.txt\n",
        "train.txt": "data/images/train/a.png\n",
        "val.txt": "data/images/val/b.png\n",
        "labels/train/a.txt": YOLO,
        "labels/val/b.txt": YOLO,
    }
    build(tmp_path, files, "images/train/a.png", "images/val/b.png")
    check(tmp_path, "ultralytics", 2, {"a": Split.TRAIN, "b": Split.VAL})


def test_a_data_yaml_that_lists_pictures(tmp_path: Path) -> None:
    lists = "train:\n  - images/a.png\n  - ./images/b.png\nval: [images/c.png, images/gone.png]\n"
    data = f"path: .\n{lists}names: [mask]\n"
    files = {"data.yaml": data, **{f"labels/{stem}.txt": YOLO for stem in "abc"}}
    build(tmp_path, files, *(f"images/{stem}.png" for stem in "abc"))
    dataset, report = read(tmp_path)
    assert {image.path.stem: image.split for image in dataset} == {
        "a": Split.TRAIN,
        "b": Split.TRAIN,
        "c": Split.VAL,
    }
    (issue,) = report
    assert (issue.code, issue.line) == ("listed-image-missing", 5) and "gone.png" in issue.message


@pytest.mark.parametrize(
    "name", ["images/1a2b-a.png", "images\\1a2b-a.png", "../images/1a2b-a.png", "1a2b-a.png"]
)
def test_label_studio_coco(tmp_path: Path, name: str) -> None:
    text = coco(name, segmentation=[], ignore=0, categories=[{"id": 1, "name": "mask"}])
    build(tmp_path / "set", {"result.json": text}, "images/1a2b-a.png")
    if name.startswith(".."):
        _, report = read(tmp_path / "set")
        assert [issue.code for issue in report.errors] == ["path-outside"]
        return
    check(tmp_path / "set", "coco")


def test_label_studio_yolo(tmp_path: Path) -> None:
    notes = {"categories": [{"id": 0, "name": "mask"}], "info": {"year": 2024, "version": "1.0"}}
    files = {"classes.txt": "mask\n", "notes.json": json.dumps(notes), "labels/1a2b-a.txt": YOLO}
    build(tmp_path, files, "images/1a2b-a.png")
    check(tmp_path, "yolo")


def test_make_sense(tmp_path: Path) -> None:
    corners = [[1, 2, 30, 2, 30, 40, 1, 40]]
    text = json.loads(coco("a.png", segmentation=corners))
    del text["licenses"]
    build(tmp_path / "coco", {"labels_my-project_2024-01-01-10-00-00.json": json.dumps(text)}, "a.png")
    check(tmp_path / "coco", "coco")


TABLES = {
    "makesense": "mask,1,2,29,38,x.png,100,80\n",
    "makesense-head": "label_name,bbox_x,bbox_y,bbox_width,bbox_height,image_name,image_width,image_height\n"
    "mask,1,2,29,38,x.png,100,80\n",
    "vott": '"image","xmin","ymin","xmax","ymax","label"\n"x.png",1,2,30,40,"mask"\n',
    "labelflow": "imageId,imageName,width,height,class,xmin,ymin,xmax,ymax,imageURL\n"
    "7,x.png,100,80,mask,1,2,30,40,https://x/y\n",
    "kaggle-list": 'image_id,width,height,bbox,label\nx,100,80,"[1.0, 2.0, 29.0, 38.0]",mask\n',
    "corners-from-1": "image_name,x_1,y_1,x_2,y_2,label\nx.png,1,2,30,40,mask\n",
    "corners-from-0": "filename,x0,y0,x1,y1,label\nx.png,1,2,30,40,mask\n",
    "sides": "image,xmin,ymin,width,height,label\nx.png,1,2,29,38,mask\n",
    "sides-beside-the-pictures": "image,bbox_x,bbox_y,w,h,width,height,class\nx.png,1,2,29,38,100,80,mask\n",
    "centres": "image,label,x_center,y_center,width,height\nx.png,mask,15.5,21,29,38\n",
    "pandas": ",filename,class,xmin,ymin,xmax,ymax\n0,x.png,mask,1,2,30,40\n",
    "id-and-name": "image,class_id,class_name,xmin,ymin,xmax,ymax\nx.png,0,mask,1,2,30,40\n",
    "sku": "x.png,1,2,30,40,mask,100,80\n",
    "via": "filename,file_size,file_attributes,region_count,region_id,"
    "region_shape_attributes,region_attributes\n"
    'x.png,9,"{}",1,0,"{""name"":""rect"",""x"":1,""y"":2,""width"":29,""height"":38}",'
    '"{""class"":""mask""}"\n',
}
RELATIVE = {
    "tensorflow": "filename,width,height,class,xmin,ymin,xmax,ymax\nx.png,100,80,mask,.01,.025,.3,.5\n",
    "centres": "image,label,x_center,y_center,width,height\nx.png,mask,.155,.2625,.29,.475\n",
}
UNCLEAR = {
    "image,x,y,width,height,label\nx.png,1,2,29,38,mask\n": "corner or its centre",
    "image,xmin,ymin,xmax,ymax,kind\nx.png,1,2,30,40,mask\n": "'kind'",
    "image,xmin,ymin,label\nx.png,1,2,mask\n": "the right edge or the bottom edge",
    "image,label,label,x1,y1,x2,y2\nx.png,a,a,1,2,3,4\n": "two columns could be the class",
}


@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES)
def test_tables(tmp_path: Path, text: str) -> None:
    build(tmp_path, {"labels.csv": text}, "images/x.png")
    check(tmp_path, "csv")


@pytest.mark.parametrize("text", RELATIVE.values(), ids=RELATIVE)
def test_tables_of_parts_of_the_sides(tmp_path: Path, text: str) -> None:
    build(tmp_path, {"labels.csv": text}, "images/x.png")
    dataset, report = read(tmp_path)
    assert dataset.images[0].boxes[0].xyxy == pytest.approx(EDGES, abs=0.5e-3)
    assert [issue.code for issue in report] == ["relative-edges"]


@pytest.mark.parametrize(("text", "says"), UNCLEAR.items(), ids=UNCLEAR.values())
def test_tables_that_could_mean_two_things(tmp_path: Path, text: str, says: str) -> None:
    build(tmp_path, {"labels.csv": text}, "images/x.png")
    _, report = read(tmp_path)
    (issue,) = report.errors
    assert issue.code == "unclear-columns" and says in issue.message
    assert issue.hint.startswith("Name ") and "xmin,ymin" in issue.hint


@pytest.mark.parametrize(
    "text",
    [
        "image_id,PredictionString\nx,1.0 0 0 50 50\n",
        "epoch,train/box_loss,metrics/mAP50\n1,2,3\n",
        "image,x,y,label\nx.png,1,2,nose\n",
        "image,width,height\nx.png,100,80\n",
        "filename, mask, no_mask\nx.png, 1, 0\n",
    ],
)
def test_tables_of_other_things_claim_nothing(tmp_path: Path, text: str) -> None:
    build(tmp_path, {"some.csv": text, "images/x.txt": YOLO, "classes.txt": "mask\n"}, "images/x.png")
    check(tmp_path, "yolo")


def test_kaggles_wheat_has_no_classes(tmp_path: Path) -> None:
    text = 'image_id,width,height,bbox,source\nx,100,80,"[1.0, 2.0, 29.0, 38.0]",usask_1\n'
    build(tmp_path, {"train.csv": text}, "train/x.jpg", "train/empty.jpg")
    dataset, report = read(tmp_path)
    assert dataset.class_names == ("object",)
    assert {issue.code for issue in report} == {"no-class-column", "image-without-label"}
    assert [box.xyxy for image in dataset for box in image.boxes] == [EDGES]


@pytest.mark.parametrize("name", ["makesense-head", "kaggle-list", "centres", "corners-from-0"])
def test_tables_of_others_are_edited_in_their_way(tmp_path: Path, name: str) -> None:
    build(tmp_path, {"labels.csv": TABLES[name]}, "images/x.png")
    dataset, _ = read(tmp_path)
    path = tmp_path / "labels.csv"
    image = dataset.images[0]
    base = path.read_bytes()
    assert CsvCodec().render_file(path, [image], dataset.class_names, base) == base
    moved = image.boxes[0].moved_to((5.5, 6, 50.25, 70))
    image = replace(image, boxes=(moved, moved.duplicated()))
    edited = CsvCodec().render_file(path, [image], dataset.class_names, base)
    path.write_bytes(edited)
    again, _ = read(tmp_path)
    assert [box.xyxy for box in again.images[0].boxes] == [(5.5, 6, 50.25, 70)] * 2
    assert CsvCodec().render_file(path, again.images, again.class_names, edited) == edited
    assert edited.splitlines()[0] == base.splitlines()[0]


CREATE_ML = json.dumps(
    [{"image": "x.png", "annotations": [{"label": "mask", "coordinates": {"x": 15, "y": 21, "width": 2}}]}]
)


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("_annotations.createml.json", CREATE_ML, "CreateML"),
        ("x.json", CREATE_ML, "CreateML"),
        ("via.json", '{"x9": {"regions": [{"shape_attributes": {}, "region_attributes": {}}]}}', "VIA"),
        ("set-export.json", '{"assets": {"1": {"asset": {"name": "x.png"}, "regions": []}}}', "VoTT"),
        ("x.png.json", '{"objects": [{"classTitle": "mask", "geometryType": "rectangle"}]}', "Supervisely"),
        ("train.tfrecord", "x", "TFRecord"),
    ],
)
def test_formats_that_are_not_read_are_named(tmp_path: Path, name: str, text: str, kind: str) -> None:
    build(tmp_path, {name: text}, "x.png")
    _, report = read(tmp_path)
    (issue,) = report.errors
    assert issue.code == "foreign-format" and kind in issue.message and "COCO" in issue.hint
    assert issue.path == tmp_path / name


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"name": "a", "version": "1.0.0", "images": ["b"]}'])
def test_other_json_beside_labels_is_nothing(tmp_path: Path, text: str) -> None:
    files = {"package.json": text, "annotations.json": text, "x.txt": YOLO, "classes.txt": "mask\n"}
    build(tmp_path, files, "x.png")
    check(tmp_path, "yolo")


def test_files_of_no_known_kind_are_mentioned(tmp_path: Path) -> None:
    build(tmp_path, {"x.json": '{"caption": "a face"}'}, "x.png")
    _, report = read(tmp_path)
    assert "unknown-labels" in {issue.code for issue in report.warnings} and not report.errors


@pytest.mark.parametrize(
    ("text", "code"), [("// from our tool\n{}", "bad-json"), ("", "empty-file"), ("images: []", "bad-json")]
)
def test_a_label_file_that_is_no_json_is_missed(tmp_path: Path, text: str, code: str) -> None:
    build(tmp_path, {"annotations/instances_train.json": text, "notes.json": "// mine"}, "images/a.png")
    _, report = read(tmp_path)
    (error,) = report.errors
    assert error.code == code
    assert error.path == tmp_path / "annotations" / "instances_train.json"
