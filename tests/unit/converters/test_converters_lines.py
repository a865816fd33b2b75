import json
from pathlib import Path

from converters.checks import check_dataset
from converters.lines import lines_of, with_lines
from converters.model import AnnotatedImage, Box, Dataset
from converters.report import Report


def test_lines_of_label_files(tmp_path: Path) -> None:
    txt, xml, labelme = tmp_path / "a.txt", tmp_path / "a.xml", tmp_path / "a.json"
    txt.write_text("0 .1 .1 .1 .1\n\n0 .2 .2 .1 .1\n")
    xml.write_text("<annotation>\n<object/>\n<size/>\n<object>\n</object></annotation>")
    labelme.write_text(json.dumps({"shapes": [{"label": "a"}, {"label": "b"}]}, indent=1))
    assert (lines_of("yolo", txt)[0], lines_of("yolo", txt)[2]) == (1, 3)
    assert list(lines_of("voc", xml).values()) == [2, 4]
    assert list(lines_of("labelme", labelme).values()) == [3, 6]
    assert lines_of("yolo", tmp_path / "none.txt") == {}
    assert lines_of("voc", txt) == {}


def test_findings_get_the_line_of_their_box(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text("<annotation>\n<object/>\n<object/>\n</annotation>")
    box = Box((10, 10, 10, 20), "mask", origin=1)
    image = AnnotatedImage("a", tmp_path / "a.png", (400, 300), (box,), None, path)
    data = Dataset(tmp_path, "voc", (image,), ("mask",))
    report = Report()
    check_dataset(data, report)
    [issue] = with_lines(report, data)
    assert str(issue).startswith(f"{path}:3: [box-empty] error: mask box")
