"""The plan of the house, held against the code."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from annotator.loop import MODULES

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("annotator", "augment", "converters", "assets")
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def is_qt(path: Path) -> bool:
    relative = path.relative_to(ROOT)
    return relative.parts[:2] == ("annotator", "qt") or str(relative) in (
        "annotator/app.py",
        "annotator/__main__.py",
    )


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_headless_modules_import_without_qt():
    modules = [module_of(path) for path in SOURCES if not is_qt(path)]
    script = (
        "import sys, importlib\n"
        "for name in ('PyQt5', 'pyqtgraph'): sys.modules[name] = None\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "assert 'annotator.qt' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", sorted(MODULES.values()))
def test_commands_import_nothing_heavy_before_it_is_needed(module: str):
    script = (
        f"import sys, {module}\nprint(sorted({{'cv2', 'pandas', 'PyQt5', 'pyqtgraph'}} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_keep_one_meaning(path: Path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 600
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
            assert lines <= 60, f"{path}:{node.lineno} {node.name} has {lines} lines"


@pytest.mark.parametrize("command", sorted(MODULES))
def test_help_has_examples_and_wrong_use_is_2(command: str):
    helped = subprocess.run(
        [sys.executable, "-m", MODULES[command], "--help"], capture_output=True, text=True, check=False
    )
    assert helped.returncode == 0 and "examples:" in helped.stdout and command in helped.stdout
    wrong = subprocess.run(
        [sys.executable, "-m", MODULES[command], "--no-such-thing"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert wrong.returncode == 2 and "Traceback" not in wrong.stderr
