"""The measuring itself: what is measured takes minutes and is not run here."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from converters import registry
from converters.images import read_header
from converters.report import Report

ROOT = Path(__file__).resolve().parents[2]

BUSY = "import time\nwhile time.process_time() < {}: pass"


@pytest.fixture
def measuring(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.measuring")


@pytest.fixture
def sets(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.sets")


def test_time_of_a_process_and_its_children_is_counted(measuring: ModuleType):
    code = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY.format(0.3)!r}]); print('done')"
    )
    taken = measuring.run(measuring.Command("busy", [sys.executable, "-c", code]))
    assert taken.output == "done\n"
    assert taken.cpu >= 0.3 and taken.wall > 0 and taken.peak > 1


def test_what_fails_is_said_with_its_words(measuring: ModuleType):
    command = measuring.Command("bad", [sys.executable, "-c", "import sys; sys.exit('no such thing')"])
    with pytest.raises(measuring.CommandFailedError, match="(?s)bad ended with 1.*no such thing"):
        measuring.run(command)
    assert measuring.run(measuring.Command("bad", command.argv, fine=frozenset({1}))).output == ""


def test_commands_run_in_turn_on_a_clean_place(tmp_path: Path, measuring: ModuleType):
    log, made = tmp_path / "log", tmp_path / "made"
    commands = [
        measuring.Command(
            name,
            [
                sys.executable,
                "-c",
                f"import os; os.mkdir({str(made)!r}); open({str(log)!r}, 'a').write({name!r})",
            ],
            makes=[made],
        )
        for name in "AB"
    ]
    results = measuring.measure(commands, 2)
    assert log.read_text() == "AB" * 3  # the first time does not count
    assert {name: len(runs) for name, runs in results.items()} == {"A": 2, "B": 2}
    lines = measuring.table(results, against=("B",))
    assert len(lines) == 4 and lines[2].startswith("| A |") and lines[3].endswith("| 1 |")


def test_ratios_are_of_pairs(measuring: ModuleType):
    def runs(*seconds: float) -> list[object]:
        return [measuring.Run(value, 0.0, value, 1.0, "") for value in seconds]

    ratio = measuring.ratio({"a": runs(1, 4, 3), "b": runs(2, 4, 1)}, "a", "b")
    assert (ratio.low, ratio.median, ratio.high) == (0.5, 1.0, 3.0)


def test_a_made_up_set_is_one(tmp_path: Path, sets: ModuleType):
    annotations = sets.annotations_of(None, 12)
    root = sets.write_voc(tmp_path / "voc", annotations, times=2)
    report = Report()
    dataset = registry.load(root, report)
    assert len(dataset) == 24 and dataset.box_count > 24 and not report.issues
    pictures = sets.write_pictures(tmp_path / "pictures", annotations, 2)
    assert [read_header(path).plain for path in sorted((pictures / "images").iterdir())] == [False, False]
    assert sets.bytes_in(pictures) > 2 * sets.bytes_in(root) / 24
    assert sets.bytes_in(pictures, but=[pictures]) == 0


def test_a_window_that_is_measured_tells_its_numbers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.syspath_prepend(str(ROOT))
    labelling = importlib.import_module("benchmarks.labelling")
    script = tmp_path / "window.py"
    script.write_text(
        "import json, os; steps = [float(n) for n in range(int(os.environ['BROWSING_STEPS']))];"
        "print(json.dumps({'first': 0.5, 'steps': steps, 'memory': 99.0}))"
    )
    found = labelling.run([sys.executable, script], tmp_path / "home", 21)
    assert (found.first, found.median, found.p95, found.memory) == (0.5, 10.0, 19.0, 99.0)
    table = labelling._table({labelling.OURS: [found], "other": [found]})
    assert table[-1].endswith("| 1.00 (1.00 to 1.00) | 1.00 (1.00 to 1.00) | 1.00 (1.00 to 1.00) |")
    script.write_text("raise SystemExit('no screen')")
    with pytest.raises(labelling.CommandFailedError, match="no screen"):
        labelling.run([sys.executable, script], tmp_path / "home", 3)
