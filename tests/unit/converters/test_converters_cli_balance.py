import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from converters.class_weights import counters_per_class, multipliers
from converters.cli import balance
from converters.model import Split
from converters.plan_csv import read_plan
from converters.registry import load
from converters.report import Report
from converters.work import SplitRow, WorkFolder, write_lists, write_split


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Four training pictures: 3 mask boxes twice, one box of each class, one no_mask box; and one of val."""
    root = tmp_path / "work"
    (root / "obj").mkdir(parents=True)
    (root / "obj.names").write_text("mask\nno_mask\nchin diaper\n")
    boxes = {"a1": (0, 0, 0), "a2": (0, 0, 0), "b": (0, 1, 2), "c": (1,), "v": (2, 2, 2)}
    rows = []
    for name, ids in boxes.items():
        Image.fromarray(np.zeros((240, 320, 3), np.uint8)).save(root / "obj" / f"{name}.png")
        lines = [f"{number} 0.{place + 2} 0.5 0.05 0.1\n" for place, number in enumerate(ids)]
        (root / "obj" / f"{name}.txt").write_text("".join(lines))
        rows.append(SplitRow(f"obj/{name}.png", Split.VAL if name == "v" else Split.TRAIN))
    write_split(WorkFolder(root), rows)
    write_lists(WorkFolder(root))
    return root


def test_a_plan_is_printed_and_written(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan_file = tmp_path / "plan.csv"
    assert balance.main([str(work), "--target", "2:1", "--plan", str(plan_file)]) == 0
    out, err = capsys.readouterr()
    assert "The target is reached." in out
    assert "largest : smallest class   7 : 1 -> 2 : 1" in out
    assert "wrote" in err and str(plan_file) in err
    plan = read_plan(plan_file, load(work, Report()))
    assert set(plan.copies) == {"obj/b", "obj/c"} or set(plan.copies) == {"obj/b"}
    assert plan.after["mask"] <= 2 * plan.after["chin diaper"]
    line = f"counters_per_class = {', '.join(str(count) for count in plan.after.values())}"
    assert "  counters_per_class = 7, 2, 1\n" in out
    assert f"  {line}\n" in out


def test_json_has_plan_weights_sizes_and_companions(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(work), "--json", "--target", "mask=7,chin diaper=2", "--network-size", "160x60"]
    assert balance.main(arguments) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["plan"]["target"] == {"mask": 7, "chin diaper": 2}
    assert data["plan"]["copies"] == {"obj/b": 1}
    assert data["counters_per_class"] == {"now": [7, 2, 1], "with_plan": [8, 3, 2]}
    assert data["at_network_size"]["size"] == [160, 60]
    assert data["at_network_size"]["classes"][0] == {
        "class": "mask",
        "small": 7,
        "medium": 0,
        "large": 0,
        "median_size": [pytest.approx(8), pytest.approx(6)],
    }
    assert data["co_occurrence"]["alone"] == {"mask": 2, "no_mask": 1, "chin diaper": 1}
    assert {"classes": ["mask", "no_mask"], "images": 1} in data["co_occurrence"]["together"]


def test_a_target_out_of_reach(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(work), "--target", "equal", "--max-copies", "2"]
    assert balance.main(arguments) == 0
    out = capsys.readouterr().out
    assert "The target cannot be reached" in out
    assert "--paste" in out
    assert balance.main([*arguments, "--strict"]) == 1
    assert balance.main([*arguments, "--paste", "--max-uses", "9", "--max-pastes-per-copy", "9"]) == 0
    out = capsys.readouterr().out
    assert "pasted box" in out


def test_existing_copies_count_as_trained_on_but_not_in_a_plan(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (work / "augmented").mkdir()
    (work / "augmented" / "b_c1.png").write_bytes((work / "obj" / "b.png").read_bytes())
    (work / "augmented" / "b_c1.txt").write_text((work / "obj" / "b.txt").read_text())
    assert balance.main([str(work), "--target", "equal"]) == 0
    out = capsys.readouterr().out
    assert "  counters_per_class = 8, 3, 2\n" in out
    assert "The 1 copy in augmented/ is not counted; the plan takes their place." in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--plan", "p.csv"], "needs a target"),
        (["--paste"], "needs a target"),
        (["--strict"], "needs a target"),
        (["--target", "1:5"], "largest class comes first"),
        (["--target", "dog=5"], "no class of the set"),
        (["--target", "equal", "--max-copies", "101"], "1 to 100"),
    ],
)
def test_wrong_use(work: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert balance.main([str(work), *arguments]) == 2
    assert says in capsys.readouterr().err


def test_a_set_without_a_split_has_tables_and_weights_but_no_plan(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    for path in sorted((work / "obj").iterdir()):
        (plain / path.name).write_bytes(path.read_bytes())
    (plain / "obj.names").write_bytes((work / "obj.names").read_bytes())
    assert balance.main([str(plain)]) == 0
    out = capsys.readouterr().out
    assert "all boxes; the set is not split" in out
    assert "counters_per_class = 7, 2, 4" in out
    assert balance.main([str(plain), "--target", "equal", "--plan", str(tmp_path / "p.csv")]) == 2
    assert "convert-cli" in capsys.readouterr().err
    assert not (tmp_path / "p.csv").exists()


def test_class_weights_are_darknets() -> None:
    counts = {"mask": 2283, "no_mask": 514, "chin": 87, "none": 0}
    assert counters_per_class(counts) == "counters_per_class = 2283, 514, 87, 0"
    assert multipliers(counts) == pytest.approx(
        {"mask": 1.0, "no_mask": 2283 / 514, "chin": 2283 / 87, "none": 2283.0}
    )
    assert multipliers({"a": 0}) == {"a": 1.0}
    assert multipliers({}) == {}


def test_exports(work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = {"--csv": "boxes.csv", "--class-csv": "classes.csv", "--html": "report.html", "--png": "c.png"}
    arguments = [part for option, name in names.items() for part in (option, str(tmp_path / name))]
    assert balance.main([str(work), "--target", "2:1", *arguments]) == 0
    out, err = capsys.readouterr()
    assert "wrote" not in out and all(name in err for name in names.values())
    assert (tmp_path / "boxes.csv").read_text().count("\n") == 1 + 13
    assert (tmp_path / "classes.csv").read_text().startswith("class_id,class,boxes,images,")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<svg" in page and "Training boxes with the plan" in page and "base64," in page
    with Image.open(tmp_path / "c.png") as image:
        assert image.width > 1000


def test_a_report_of_an_archive_shows_its_pictures(
    small_demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    archive = shutil.make_archive(str(tmp_path / "faces"), "zip", small_demo)
    assert balance.main([archive, "--html", str(tmp_path / "report.html")]) == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "faces.zip" in page and page.count("base64,") >= 10
    unreadable = next((small_demo / "images").glob("*.png"))
    unreadable.write_bytes(unreadable.read_bytes()[:2000])
    capsys.readouterr()
    assert balance.main([str(small_demo), "--html", str(tmp_path / "again.html")]) in (0, 1)
    assert (tmp_path / "again.html").exists()
