from pathlib import Path

import pytest

from converters.balance_plan import BalancePlan, PlanOptions, parse_target, solve
from converters.errors import FormatError, UsageError
from converters.model import AnnotatedImage, Box, Dataset, Split
from converters.plan_csv import read_plan, write_plan

NAMES = ("mask", "chin; diaper", " odd,=\\ ", "never")


def image(key: str, *labels: str, split: Split = Split.TRAIN, labelled: bool = True) -> AnnotatedImage:
    boxes = tuple(Box((4.0 + 18 * n, 4.0, 17.0 + 18 * n, 17.0), label) for n, label in enumerate(labels))
    return AnnotatedImage(key, Path(f"/set/{key}.PNG"), (400, 300), boxes, split, labelled=labelled)


@pytest.fixture
def data() -> Dataset:
    return Dataset(
        Path("/set"),
        "yolo",
        (
            image("obj/a", *["mask"] * 9),
            image("obj/b,c", "chin; diaper"),
            image("obj/p2", " odd,=\\ ", "mask"),
            image("obj/p10", " odd,=\\ ", "mask"),
            image("obj/v", "mask", split=Split.VAL),
            image("obj/u", labelled=False),
        ),
        NAMES,
    )


def test_what_is_written_is_read(data: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "plan.csv"
    plan = solve(data, parse_target("equal"), PlanOptions(paste=True, max_copies=5))
    assert plan.copies and plan.pastes
    write_plan(path, data, plan)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("image,copies,pastes\n")
    assert '"obj/b,c.PNG"' in text
    assert text.index("obj/p2.PNG") < text.index("obj/p10.PNG")
    read = read_plan(path, data)
    assert (read.copies, read.pastes) == (plan.copies, plan.pastes)
    assert (read.before, read.after) == (plan.before, plan.after)
    assert list(read.copies) == list(plan.copies)
    assert (read.target, read.reached) == ({}, True)
    write_plan(tmp_path / "again.csv", data, read)
    assert (tmp_path / "again.csv").read_bytes() == path.read_bytes()


def test_a_plan_by_hand(data: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "plan.csv"
    path.write_bytes(
        b"\xef\xbb\xbfcopies,why,image\r\n 3 ,more of it,obj/a.PNG \r\n\r\n"
        b"0,,obj/p2.PNG\r\n1,,obj/p10.PNG\r\n"
    )
    plan = read_plan(path, data)
    assert plan.copies == {"obj/a": 3, "obj/p10": 1}
    assert plan.after == {"mask": 11 + 27 + 1, "chin; diaper": 1, " odd,=\\ ": 3, "never": 0}
    path.write_text("image,copies,pastes\nobj/a.PNG,2,mask=1; chin\\; diaper = 2\n")
    assert read_plan(path, data).pastes == {"obj/a": {"mask": 1, "chin; diaper": 2}}
    path.write_text("image,copies\n")
    assert read_plan(path, data).copies == {}


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "is empty"),
        ("\n\n", 1, "is empty"),
        ("picture,copies\n", 1, "needs the columns"),
        ("image;copies;pastes\nobj/a.PNG;1;\n", 1, "with commas"),
        ("image,copies,copies\n", 1, "each once"),
        ("image,copies\nobj/a.PNG,1\nobj/zzz.PNG,1\n", 3, "'obj/zzz.PNG' is no picture"),
        ("image,copies\nobj/a,1\n", 2, "split.csv"),
        ("image,copies\n../../etc/passwd,1\n", 2, "is no picture"),
        ("image,copies\nobj/v.PNG,1\n", 2, "is in val"),
        ("image,copies\nobj/u.PNG,1\n", 2, "no label file"),
        ("image,copies\nobj/a.PNG,1\n\nobj/a.PNG,2\n", 4, "stands in line 2"),
        ("image,copies\nobj/a.PNG,-1\n", 2, "'-1' copies"),
        ("image,copies\nobj/a.PNG,101\n", 2, "from 0 to 100"),
        ("image,copies\nobj/a.PNG,1.5\n", 2, "whole number"),
        ("image,copies\nobj/a.PNG,\n", 2, "whole number"),
        ("image,copies\nobj/a.PNG,99999999999999999999\n", 2, "whole number"),
        ("image,copies\nobj/a.PNG\n", 2, "no number of copies"),
        ("image,copies\nobj/a.PNG,1,2\n", 2, "3 cells"),
        ('image,copies\n"obj/a.PNG,1\n', 2, "is no CSV"),
        ("image,copies,pastes\nobj/a.PNG,1,dog=1\n", 2, "'dog' is no class"),
        ("image,copies,pastes\nobj/a.PNG,1,never=1\n", 2, "no training box"),
        ("image,copies,pastes\nobj/a.PNG,1,mask\n", 2, "CLASS=NUMBER"),
        ("image,copies,pastes\nobj/a.PNG,1,mask=21\n", 2, "21 pasted boxes on 1 copies"),
        ("image,copies,pastes\nobj/a.PNG,0,mask=1\n", 2, "1 pasted boxes on 0 copies"),
    ],
)
def test_bad_plans(data: Dataset, tmp_path: Path, text: str, line: int, says: str) -> None:
    path = tmp_path / "plan.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FormatError) as caught:
        read_plan(path, data)
    assert caught.value.path == path
    assert caught.value.line == line
    assert says in str(caught.value)


def test_no_plan_and_no_text(data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot be read"):
        read_plan(tmp_path / "none.csv", data)
    (tmp_path / "plan.csv").write_bytes(b"image,copies\n\xff\n")
    with pytest.raises(FormatError, match="UTF-8"):
        read_plan(tmp_path / "plan.csv", data)


def test_a_plan_of_another_set(data: Dataset, tmp_path: Path) -> None:
    plan = BalancePlan({"obj/other": 1}, {}, {}, {})
    with pytest.raises(UsageError, match="no picture of"):
        write_plan(tmp_path / "plan.csv", data, plan)
    assert not (tmp_path / "plan.csv").exists()
