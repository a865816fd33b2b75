"""Measures one weights file of a run on validation: a process of its own, of the lowest priority.

It is started by :mod:`annotator.darknet.checkpoint_watch` while Darknet trains, so that neither the training
nor a window waits for it, and what it needs of memory is given back. On stdout it says one line of JSON.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

NICE = 19
"""As low as can be: Darknet and the window go first."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure. Returns 0, or 1 where it cannot be measured (the reason is on stderr)."""
    parser = argparse.ArgumentParser(prog="measure")
    parser.add_argument("run", type=Path)
    parser.add_argument("weights", type=Path, help="where they lie")
    parser.add_argument("name", help="what they are called in backup/")
    parser.add_argument("kind")
    parser.add_argument("--best", type=float, default=-1.0, help="mAP to exceed for predictions to be kept")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(argv)
    with suppress(OSError):
        os.nice(NICE)
    from converters.errors import DataError

    try:
        print(_measure(args), flush=True)
    except DataError as error:
        print(str(error), file=sys.stderr)
        return 1
    return 0


def _measure(args: argparse.Namespace) -> str:
    # After nice(): reading all of this takes a processor half a second.
    import cv2

    from annotator.darknet.checkpoints import MeasuredCheckpoint
    from annotator.darknet.evaluate import measure_on_validation
    from annotator.darknet.evaluation import Checkpoint, save_predictions
    from annotator.darknet.runs import RunFolder
    from annotator.darknet.weights import read_weights_header
    from converters.files import make_folder
    from converters.report import Report

    cv2.setNumThreads(args.threads)
    started = time.monotonic()
    run = RunFolder.open(args.run.resolve())
    iteration = read_weights_header(args.weights).iteration(run.info.batch)
    one = Checkpoint(args.name, _hash(args.weights), iteration, args.kind)
    measured, results = measure_on_validation(run, one, args.weights, report=Report())
    if measured.metrics.mean_ap > args.best:
        # The evaluation asks for these of the best only.
        make_folder(run.path / "evaluation")
        save_predictions(run, measured, results)
    found = Checkpoint(one.weights, one.sha256, iteration, one.kind, measured.metrics, measured.strict)
    seconds = time.monotonic() - started
    return MeasuredCheckpoint(found, measured.fingerprint, measured.measured, seconds).render()


def _hash(path: Path) -> str:
    import hashlib

    from converters.errors import FormatError

    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror or error}.", path=path) from error


if __name__ == "__main__":
    sys.exit(main())
