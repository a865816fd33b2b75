"""Darknet counts beside us: a program that prints a mAP block as AlexeyAB's does, and the real one."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import darknet_support
import evaluation_samples as samples
import pytest

from annotator.darknet.cli import main
from annotator.darknet.evaluation.darknet_count import (
    count_file,
    count_with_darknet,
    darknet_for,
    stored_count,
    why_different,
)
from annotator.darknet.evaluation.measure import evaluate_run
from annotator.darknet.program.dialect import Darknet, recognise
from annotator.darknet.run.folder import RunFolder
from converters.errors import DataError, UsageError
from converters.model import Split

BLOCK = """
import sys
arguments = sys.argv[1:]
if arguments[:1] == ["version"]:
    print("GPU isn't used")
    sys.exit()
iou = float(arguments[arguments.index("-iou_thresh") + 1])
pictures = [line for line in open("list.txt").read().splitlines() if open(line, "rb").read(4) == b"\\x89PNG"]
sys.stderr.write("\\r%d" % len(pictures))
print(" detections_count = 8, unique_truth_count = 4  ")
print("class_id = 0, name = mask, ap = {mask}%   \\t (TP = 3, FP = 0) ")
print("class_id = 1, name = no_mask, ap = 100.00%   \\t (TP = 1, FP = 0) ")
print()
print(" for conf_thresh = 0.25, precision = 1.00, recall = 1.00, F1-score = 1.00 ")
print(" for conf_thresh = 0.25, TP = 4, FP = 0, FN = 0, average IoU = {average} % ")
print()
print(" IoU threshold = %2.0f %%, used Area-Under-Curve for each unique Recall " % (100 * iou))
print(" mean average precision (mAP@%0.2f) = {mean}, or {mean} %% " % iou)
"""


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    made = samples.make_run(tmp_path / "work")
    samples.add_weights(made, "net_200.weights", 200)
    return made


def program(
    folder: Path, *, mask: str = "100.00", mean: str = "1.000000", average: str = "100.00"
) -> Darknet:
    code = BLOCK.replace("{mask}", mask).replace("{mean}", mean).replace("{average}", average)
    return Darknet(darknet_support.write_program(folder / "darknet", code), "alexeyab")


def test_equal_digits_are_no_finding_and_are_kept(run: RunFolder, tmp_path: Path) -> None:
    evaluation = evaluate_run(run)
    assert evaluation.test is not None
    told: list[tuple[int, int]] = []
    average = f"{100 * evaluation.test.metrics.average_iou:.2f}"
    count = count_with_darknet(
        run,
        program(tmp_path, average=average),
        evaluation,
        Split.TEST,
        on_progress=lambda *state: told.append(state),
    )
    assert [block.iou for block in count.blocks] == [0.5, 0.75]
    assert count.differences(evaluation.test) == ()
    assert stored_count(run, evaluation.test) == count
    assert stored_count(run, replace(evaluation.test, sha256="other")) is None
    assert told
    assert sorted(path.name for path in (run.path / "evaluation").iterdir() if path.is_dir()) == []
    count_file(run, Split.TEST).write_text("{")
    assert stored_count(run, evaluation.test) is None


def test_other_digits_are_findings_with_a_reason(run: RunFolder, tmp_path: Path) -> None:
    evaluation = evaluate_run(run)
    assert evaluation.test is not None
    average = f"{100 * evaluation.test.metrics.average_iou:.2f}"
    darknet = program(tmp_path, mask="99.99", mean="0.999900", average=average)
    count = count_with_darknet(run, darknet, evaluation, Split.TEST)
    found = [(one.iou, one.what, one.ours, one.darknet) for one in count.differences(evaluation.test)]
    assert (0.5, "AP of mask", "100.00", "99.99") in found
    assert {one[1] for one in found} == {"mAP", "AP of mask"}
    assert "should be equal" in why_different(count, run)
    assert "hank-ai" in why_different(replace(count, dialect="hank"), run)


def test_what_was_not_measured_and_what_cannot_count_is_said(run: RunFolder, tmp_path: Path) -> None:
    evaluation = evaluate_run(run)
    (run.work / "obj/test1.txt").write_text(samples.label_text("....g..........."))
    with pytest.raises(DataError, match="was not measured with the pictures and labels of now"):
        count_with_darknet(run, program(tmp_path), evaluation, Split.TEST)
    evaluation = evaluate_run(run)
    silent = Darknet(darknet_support.write_program(tmp_path / "silent", "print('Hello')"), "alexeyab")
    with pytest.raises(UsageError, match="printed no mAP"):
        count_with_darknet(run, silent, evaluation, Split.TEST)
    with pytest.raises(UsageError, match="cannot be started"):
        count_with_darknet(run, Darknet(tmp_path / "none", "alexeyab"), evaluation, Split.TEST)


def test_cancel_ends_darknet(run: RunFolder, tmp_path: Path) -> None:
    evaluation = evaluate_run(run)
    slow = Darknet(
        darknet_support.write_program(tmp_path / "slow", "import time\ntime.sleep(60)"), "alexeyab"
    )

    def cancel(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        count_with_darknet(run, slow, evaluation, Split.VAL, on_progress=cancel)


def test_the_command_prints_both(run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    darknet = program(tmp_path, mean="0.990000")
    assert recognise(darknet.path) is not None
    assert darknet_for(run, str(darknet.path)).dialect == "alexeyab"
    command = ["evaluate", str(run.path), "--count-with-darknet", "--darknet", str(darknet.path)]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "mAP@0.50 99.00, ours 100.00" in printed
    assert "differs" in printed


@pytest.mark.darknet
def test_the_real_one_counts_as_we_do(run: RunFolder) -> None:
    found = recognise(Path(os.environ.get("DARKNET", "/usr/local/bin/darknet")))
    if found is None or found.dialect != "alexeyab":
        pytest.skip("$DARKNET is no Darknet of AlexeyAB's")
    # AlexeyAB's stretches pictures; square ones are the same to both.
    evaluation = evaluate_run(run)
    assert evaluation.validation is not None
    count = count_with_darknet(run, found, evaluation, Split.VAL)
    assert count.differences(evaluation.validation) == ()
