"""The whole loop by command, for a machine without a display: each command is shown as it is typed.

python -m annotator.loop [DATA] [--out FOLDER]
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from annotator.core.demo import demo_copy
from converters import registry
from converters.commands import ExitStatus, make_parser, run_command, say
from converters.errors import DataError
from converters.report import Report
from converters.staging import opened

MODULES = {
    "convert-cli": "converters.cli.convert",
    "check-cli": "converters.cli.check",
    "balance-cli": "converters.cli.balance",
    "augment-cli": "augment.cli",
    "train-cli": "annotator.darknet.cli",
}
RENAME = "with_mask=mask,without_mask=no_mask,mask_weared_incorrect=chin_diaper"
ITERATIONS = 300
"""Few: to see the loop go through in minutes on a processor, not to train a detector that is of use."""


class StepFailedError(DataError):
    """A command of the loop ended with an error."""

    code = "step-failed"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run_command(_body, argv)


def _body(arguments: Sequence[str]) -> int:
    parser = make_parser(
        "python -m annotator.loop",
        "Convert, check, balance, augment, train for a short while, evaluate and predict.",
        "  python -m annotator.loop\n  python -m annotator.loop archive.zip --out work",
    )
    parser.add_argument("data", nargs="?", type=Path, help="folder or archive (default: the demo set)")
    parser.add_argument("--out", type=Path, help="the Darknet data set to make (default: NAME-work here)")
    parser.add_argument(
        "--iterations", type=int, default=ITERATIONS, help=f"of the training (default: {ITERATIONS})"
    )
    options = parser.parse_args(arguments)
    data = options.data or demo_copy()
    out = options.out or Path(f"{data.stem}-work")
    run = go_through(data, out, options.iterations)
    pictures = run / "predicted"
    say("")
    say(f"The report:    {run / 'evaluation' / 'report.html'}")
    say(f"The pictures:  {pictures}")
    return ExitStatus.OK


def go_through(data: Path, work: Path, iterations: int) -> Path:
    """All steps of the loop on ``data``; returns the run folder.

    Raises:
        StepFailedError: A command ended with an error, which it has said itself.
    """
    convert = [
        "convert-cli",
        str(data),
        str(work),
        "--to",
        "yolo",
        "--split",
        "70/15/15",
        "--seed",
        "1",
        "--force",
    ]
    if _has_kaggle_names(data):
        convert += ["--rename", RENAME]
    # Findings (exit 1) are worth reading, and no reason to end: the good pictures went through.
    _step(convert, may_find=True)
    _step(["check-cli", str(work)], may_find=True)
    _step(["balance-cli", str(work)])
    _step(["augment-cli", str(work), "--copies", "2", "--seed", "1"], may_find=True)
    size = ["--width", "96", "--height", "96", "--batch", "4"]
    train = [
        "train-cli",
        "run",
        str(work),
        "--network",
        "yolov3-tiny",
        *size,
        "--max-batches",
        str(iterations),
    ]
    run = Path(_step(train).splitlines()[0])
    _step(["train-cli", "evaluate", str(run)])
    test = [line for line in (work / "test.txt").read_text(encoding="utf-8").splitlines() if line]
    looked_at = work / test[0] if len(test) == 1 else work / "obj"
    _step(["train-cli", "predict", str(run), str(looked_at), "--out", str(run / "predicted")], may_find=True)
    return run


def _step(command: list[str], *, may_find: bool = False) -> str:
    """Show a command, run it, pass its output on; returns its stdout."""
    say("")
    say(f"$ {shlex.join(command)}")
    child = subprocess.Popen(
        [sys.executable, "-m", MODULES[command[0]], *command[1:]],
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    lines: list[str] = []
    with child:
        for line in child.stdout or ():
            lines.append(line)
            print(line, end="", flush=True)
    allowed = (ExitStatus.OK, ExitStatus.FINDINGS) if may_find else (ExitStatus.OK,)
    if child.returncode not in allowed:
        raise StepFailedError(
            f"{command[0]} ended with exit code {child.returncode}.",
            hint="What it says above tells why; the steps before it are done and stay.",
        )
    return "".join(lines)


def _has_kaggle_names(data: Path) -> bool:
    """Whether the classes are those of the Kaggle archive, which the study renamed."""
    wanted = {part.split("=")[0] for part in RENAME.split(",")}
    report = Report()
    with opened(data, report) as root:
        return wanted <= set(registry.load(root, report).class_names)


if __name__ == "__main__":
    sys.exit(main())
