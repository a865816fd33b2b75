import re
from pathlib import Path

import pytest

from converters.checks import (
    CheckOptions,
    check_alike,
    check_classes,
    check_dataset,
    check_image,
    summary_lines,
    without_repeats,
)
from converters.checks_work import check_work
from converters.fingerprint import Fingerprint
from converters.model import AnnotatedImage, Box, Dataset, Split
from converters.report import Report, Severity
from converters.work import SplitRow, WorkFolder, write_lists, write_split

SIZE = (400, 300)


def image(
    *boxes: tuple[float, float, float, float] | Box, key: str = "a", labelled: bool = True
) -> AnnotatedImage:
    made = tuple(b if isinstance(b, Box) else Box(b, "mask") for b in boxes)
    return AnnotatedImage(key, Path(f"{key}.png"), SIZE, made, None, Path(f"{key}.xml"), labelled)


def found(
    *boxes: tuple[float, float, float, float] | Box, network: tuple[int, int] | None = None
) -> list[tuple[str, str]]:
    report = Report()
    check_image(image(*boxes), report, CheckOptions(network))
    return [(str(issue.severity), issue.code) for issue in report]


@pytest.mark.parametrize(
    ("xyxy", "codes"),
    [
        ((10, 10, 60, 60), []),
        ((0, 0, 400, 300), []),
        ((10, 10, 10, 60), [("error", "box-empty")]),
        ((60, 10, 10, 60), [("error", "box-swapped")]),
        ((380, 10, 401, 60), [("warning", "box-outside")]),
        ((380, 10, 400.0005, 60), []),
        ((500, 10, 550, 60), [("error", "box-far-outside")]),
        ((10, 10, 13, 15), [("warning", "box-tiny")]),
        ((10, 10, 210, 40), [("warning", "box-aspect")]),
        ((10, 10, 190, 40), []),
        (
            (397, 10, 500, 20),
            [("warning", "box-outside"), ("warning", "box-tiny"), ("warning", "box-aspect")],
        ),
    ],
)
def test_single_boxes(xyxy: tuple[float, float, float, float], codes: list[tuple[str, str]]) -> None:
    assert found(xyxy) == codes


def test_tiny_at_the_networks_size_is_measured_letterboxed() -> None:
    box = (10.0, 10.0, 17.0, 40.0)  # 7 px wide of 400: 7.3 px at 416, 14.6 at 832
    assert found(box) == []
    assert found(box, network=(416, 416)) == [("warning", "box-tiny-network")]
    assert found(box, network=(832, 832)) == []


def test_boxes_on_each_other() -> None:
    first = (100.0, 100.0, 200.0, 200.0)
    same, near, apart = (
        (101.0, 100.0, 200.0, 200.0),
        (100.0, 100.0, 200.0, 180.0),
        (100.0, 100.0, 200.0, 160.0),
    )
    assert found(first, same) == [("warning", "box-duplicate")]
    assert found(first, near) == [("warning", "box-near-duplicate")]
    assert found(first, apart) == []
    assert found(first, Box(same, "no_mask")) == [("warning", "box-near-duplicate")]


def test_class_names() -> None:
    report = Report()
    data = Dataset(
        Path("set"), "voc", (image((0, 0, 50, 50)),), ("mask", "Mask ", "with_mask", "with mask", "no")
    )
    check_classes(data, report)
    assert [issue.code for issue in report] == [
        *["class-names-alike"] * 2,
        "class-blanks",
        *["class-unused"] * 4,
    ]
    assert "--rename Mask=mask" in report.issues[0].hint


def test_images_without_labels() -> None:
    report = Report()
    check_dataset(Dataset(Path(), "voc", (image(labelled=False),), ("mask",)), report)
    assert [issue.code for issue in report] == ["class-unused", "image-without-label"]


def test_identical_and_nearly_identical_pictures() -> None:
    bits = int.from_bytes(bytes(range(32)), "big")
    marks = {
        "a": Fingerprint("1", bits.to_bytes(32, "big")),
        "b": Fingerprint("1", bits.to_bytes(32, "big")),
        "c": Fingerprint("2", (bits ^ 7).to_bytes(32, "big")),
    }
    data = Dataset(Path(), "voc", (image(key="a"), image((0, 0, 9, 9), key="b"), image(key="c")), ("mask",))
    report = Report()
    check_alike(data, marks, report)
    assert [(issue.code, issue.key) for issue in report] == [
        ("image-identical", "b"),
        ("boxes-differ", "b"),
        ("image-near-identical", "c"),
    ]
    assert "1 of 1 boxes here and 0 of 0 there" in report.issues[1].message


def test_what_the_codec_said_is_not_repeated() -> None:
    report = Report()
    for line in (5, None):
        report.warning("box-outside", "out", key="a", box=0, line=line)
        report.warning("box-near-duplicate", "dup", key="a", box=0)
    assert [(issue.code, issue.line) for issue in without_repeats(report)] == [
        ("box-outside", 5),
        ("box-near-duplicate", None),
        ("box-near-duplicate", None),
    ]


def test_summary_has_errors_first() -> None:
    report = Report()
    for _ in range(3):
        report.warning("w", "x")
    report.error("e", "x")
    assert [line.split() for line in summary_lines(report)] == [["1", "error", "e"], ["3", "warnings", "w"]]


@pytest.fixture
def work(tmp_path: Path) -> WorkFolder:
    """A sound Darknet data set of three pictures (empty files: only names are looked at) and a copy."""
    folder = WorkFolder(tmp_path)
    folder.obj.mkdir()
    folder.augmented.mkdir()
    folder.names.write_text("mask\nno_mask\n")
    for name in ("obj/a", "obj/b", "obj/c", "augmented/a_c1"):
        (tmp_path / f"{name}.png").write_bytes(b"")
        (tmp_path / f"{name}.txt").write_bytes(b"")
    write_split(folder, [SplitRow(f"obj/{n}.png", s) for n, s in zip("abc", Split, strict=True)])
    write_lists(folder)
    return folder


def work_codes(work: WorkFolder, marks: dict[str, Fingerprint] | None = None) -> list[str]:
    images = tuple(AnnotatedImage(f"obj/{path.stem}", path, SIZE) for path in sorted(work.obj.glob("*.png")))
    report = Report()
    check_work(work, Dataset(work.root, "yolo", images, ("mask", "no_mask")), marks or {}, report)
    return [issue.code for issue in report if issue.severity is Severity.ERROR]


def test_a_sound_work_has_no_findings(work: WorkFolder) -> None:
    assert work_codes(work) == []


def test_lists_out_of_step(work: WorkFolder) -> None:
    work.list_of(Split.TRAIN).write_text("obj/a.png\nobj/b.png\n")
    assert work_codes(work) == ["list-out-of-step"] * 2
    work.list_of(Split.TRAIN).unlink()
    assert work_codes(work) == ["list-unreadable"]


def test_classes_out_of_step(work: WorkFolder) -> None:
    work.names.write_text("mask\n")
    assert work_codes(work) == ["class-count"]


def test_copies_without_source_or_of_a_tested_picture(work: WorkFolder) -> None:
    (work.augmented / "gone_c1.png").write_bytes(b"")
    (work.augmented / "c_c1.png").write_bytes(b"")
    (work.augmented / "c_c1.txt").write_bytes(b"")
    write_lists(work)
    assert work_codes(work) == ["copy-leaks", "copy-without-source", "copy-unlabelled"]


def test_the_manifest_says_what_a_copy_was_made_of(work: WorkFolder) -> None:
    (work.augmented / "manifest.json").write_text('{"copies": [{"copy": "a_c1.png", "source": "obj/c.png"}]}')
    assert work_codes(work) == ["copy-leaks"]


def test_missing_pictures_and_labels(work: WorkFolder) -> None:
    (work.obj / "b.png").unlink()
    (work.obj / "c.txt").unlink()
    assert work_codes(work) == ["split-image-missing", "split-label-missing"]


def test_groups_and_pictures_that_show_the_same_in_two_splits(work: WorkFolder) -> None:
    rows = [SplitRow(f"obj/{n}.png", s, "g" if n != "c" else "") for n, s in zip("abc", Split, strict=True)]
    write_split(work, rows)
    assert work_codes(work) == ["split-overlap"]
    mark = Fingerprint("same", bytes(range(32)))
    # a and b were told of by their group already; a and c are found by their pixels
    assert work_codes(work, {"obj/a": mark, "obj/b": mark, "obj/c": mark}) == ["split-overlap"] * 2


def test_every_finding_is_explained() -> None:
    root = Path(__file__).resolve().parents[3]
    explained = set(re.findall(r"`([a-z0-9-]+)`", (root / "docs" / "findings.md").read_text()))
    said: set[str] = set()
    names = (
        "checks",
        "checks_work",
        "layout",
        "adding",
        "intake",
        "fixing",
        "formats/loading",
        "formats/mending",
    )
    for name in names:
        text = (root / "converters" / f"{name}.py").read_text()
        said |= set(re.findall(r'(?:error|warning|warn|EdgesProblem)\(\s*"([a-z0-9-]+)"', text))
        said |= set(re.findall(r'"((?:box|image|class|size|boxes)-[a-z-]+)"', text))
    assert said - explained == set()
    assert len(said) > 30
