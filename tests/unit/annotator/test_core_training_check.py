"""What the check printed becomes lines: errors first, and many of a kind are a few and a number."""

from __future__ import annotations

import json
from pathlib import Path

from darknet_support import make_work, needs_darknet

from annotator.core.training_check import read_check
from annotator.darknet.cli import main


def row(code: str, severity: str = "error", **rest):
    empty = {"path": None, "line": None, "image": None, "box": None, "hint": "", "fix": None}
    return {"severity": severity, "code": code, "message": f"{code}.", **empty, **rest}


def test_many_of_a_kind_are_three_and_a_number_and_errors_come_first():
    rows = [row("odd", "warning"), *(row("label-missing", image=f"obj/{n}.png") for n in range(9))]
    found = read_check(json.dumps({"errors": 9, "warnings": 1, "findings": rows}))
    assert found is not None and (found.errors, found.warnings) == (9, 1)
    assert [(line.code, line.more) for line in found.findings] == [
        ("label-missing", 0),
        ("label-missing", 0),
        ("label-missing", 0),
        ("label-missing", 6),
        ("odd", 0),
    ]


def test_the_sentence_names_file_and_line_and_says_what_to_do():
    text = json.dumps(
        {
            "errors": 1,
            "warnings": 0,
            "findings": [row("bad-box", path="/x/obj/a.txt", line=3, hint="Mend it.", fix="show-picture")],
        }
    )
    found = read_check(text)
    assert found is not None
    line = found.findings[0]
    assert line.text == "a.txt:3: bad-box. Mend it." and line.fix == "show-picture"
    assert line.path == Path("/x/obj/a.txt") and line.is_error


def test_what_is_no_answer_is_none():
    assert read_check("") is None and read_check("[]") is None and read_check('{"findings": [1]}') is None


def test_the_commands_own_answer(tmp_path: Path, capsys):
    needs_darknet()
    work = make_work(tmp_path / "work")
    (work.obj / "p1.txt").unlink()
    main(["check", str(work.root), "--network", "yolov3-tiny", "--batch", "16", "--json"])
    found = read_check(capsys.readouterr().out)
    assert found is not None and found.errors == 1
    assert found.findings[0].image == "obj/p1.png" and found.findings[0].fix == "show-picture"


def test_what_is_known_while_it_goes_on(tmp_path: Path, capsys):
    needs_darknet()
    work = make_work(tmp_path / "work")
    (work.obj / "p1.txt").unlink()
    main(["check", str(work.root), "--network", "yolov3-tiny", "--batch", "16", "--events"])
    lines = [read_check(line) for line in capsys.readouterr().out.splitlines()]
    first, last = lines[0], lines[-1]
    assert first is not None and not first.is_final and first.total == 6
    parts = {reading.part: str(reading.state) for reading in first.sheet}
    assert parts["darknet"] == "ok" and parts["labels"] == "open"
    assert last is not None and last.is_final and last.errors == 1
    (worst, findings), *rest = last.by_part()
    assert worst.part == "labels" and [found.code for found in findings] == ["label-missing"]
    assert len(rest) == 8


def test_a_number_of_its_own_for_each_kind():
    rows = [row("label-missing", image=f"obj/{n}.png") for n in range(4)]
    said = {"errors": 900, "warnings": 0, "findings": rows, "counts": {"error:label-missing": 900}}
    found = read_check(json.dumps(said))
    assert found is not None and [line.more for line in found.findings] == [0, 0, 0, 897]
