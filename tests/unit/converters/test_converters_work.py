from pathlib import Path

import pytest

from converters.errors import FormatError, NotADatasetError
from converters.model import Split
from converters.report import Report, Severity
from converters.work import SplitRow, WorkFolder, open_work, read_names, read_split, write_lists, write_split


@pytest.fixture
def work(tmp_path: Path) -> WorkFolder:
    folder = WorkFolder(tmp_path / "work")
    folder.obj.mkdir(parents=True)
    folder.names.write_text("mask\nno_mask\n")
    rows = [SplitRow(f"obj/a{n}.png", s, "", f"images/a{n}.png") for n, s in
            ((10, Split.TRAIN), (2, Split.TRAIN), (3, Split.VAL), (4, Split.TEST))]  # fmt: skip
    write_split(folder, rows)
    return folder


def test_lists_are_derived_in_natural_order(work: WorkFolder):
    work.augmented.mkdir()
    for name in ("a10_c1.png", "a2_c1.png", "a2_c1.txt", ".a.png"):
        (work.augmented / name).write_text("")
    write_lists(work)
    train = (work.root / "train.txt").read_text()
    assert train == "obj/a2.png\nobj/a10.png\naugmented/a2_c1.png\naugmented/a10_c1.png\n"
    assert (work.root / "val.txt").read_text() == "obj/a3.png\n"
    assert "classes = 2\n" in work.data.read_text()


def test_split_round_trip(work: WorkFolder):
    rows = read_split(work)
    assert rows[0] == SplitRow("obj/a2.png", Split.TRAIN, "", "images/a2.png")
    before = work.split_csv.read_bytes()
    write_split(work, reversed(rows))
    assert work.split_csv.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "line"),
    [("image,part\na,train\n", 1), ("image,split\na,learn\n", 2), ("image,split\na,val\na,val\n", 3)],
)
def test_bad_split_names_the_line(work: WorkFolder, text: str, line: int):
    work.split_csv.write_text(text)
    with pytest.raises(FormatError) as caught:
        read_split(work)
    assert caught.value.line == line and caught.value.path == work.split_csv


@pytest.mark.parametrize("text", ["", "a\n\nb\n", "a\nb\na\n"])
def test_bad_names(tmp_path: Path, text: str):
    path = tmp_path / "obj.names"
    path.write_text(text)
    with pytest.raises(FormatError):
        read_names(path)


def test_names_with_bom_and_trailing_blank_lines(tmp_path: Path):
    path = tmp_path / "obj.names"
    path.write_bytes(b"\xef\xbb\xbfmask\r\nno mask \r\n\r\n")
    assert read_names(path) == ("mask", "no mask")


def test_not_a_work_folder(tmp_path: Path):
    with pytest.raises(NotADatasetError, match="convert-cli"):
        open_work(tmp_path)


def test_report_text_and_exit_code():
    report = Report()
    assert report.summary() == "no findings" and report.exit_code(strict=True) == 0
    report.warning("tiny", "is tiny.", path=Path("a.xml"), line=3)
    assert report.exit_code() == 0 and report.exit_code(strict=True) == 1
    report.error("cut", "is cut.", path=Path("b.xml"), hint="Copy it again.")
    assert report.exit_code() == 1 and report.summary() == "1 error, 1 warning"
    assert str(report.issues[0]) == "a.xml:3: [tiny] warning: is tiny."
    assert (
        report.issues[1].severity is Severity.ERROR and report.issues[1].as_dict()["hint"] == "Copy it again."
    )
