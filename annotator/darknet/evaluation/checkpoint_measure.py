"""Measures one weights file of a run on validation: a process of its own, of the lowest priority.

It is started by :mod:`annotator.darknet.training.checkpoint_watch` while Darknet trains, so that neither
the training nor a window waits for it, and what it needs of memory is given back. On stdout it says lines of
JSON: how far it is, what the weights saw on a few pictures, and at last the numbers.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

NICE = 19
"""As low as can be: Darknet and the window go first."""
_TELL_SECONDS = 1.0


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
        for line in _measure(args):
            print(line, flush=True)
    except DataError as error:
        print(str(error), file=sys.stderr)
        return 1
    return 0


def _measure(args: argparse.Namespace) -> Iterator[str]:
    # After nice(): reading all of this takes a processor half a second.
    import cv2

    from annotator.darknet.evaluation.checkpoint_seen import seen_by
    from annotator.darknet.evaluation.checkpoints import MeasuredCheckpoint
    from annotator.darknet.evaluation.measure import hash_file, measure_on_validation
    from annotator.darknet.evaluation.stored import Checkpoint, save_predictions
    from annotator.darknet.network.weights import read_weights_header
    from annotator.darknet.run.folder import RunFolder
    from converters.files import make_folder
    from converters.images import read_header
    from converters.report import Report

    cv2.setNumThreads(args.threads)
    started = time.monotonic()
    run = RunFolder.open(args.run.resolve())
    iteration = read_weights_header(args.weights).iteration(run.info.batch)
    one = Checkpoint(args.name, hash_file(args.weights), iteration, args.kind)
    measured, results = measure_on_validation(
        run, one, args.weights, report=Report(), on_progress=_Progress()
    )
    if measured.metrics.mean_ap > args.best:
        # The evaluation asks for these of the best only.
        make_folder(run.path / "evaluation")
        save_predictions(run, measured, results)
    found = Checkpoint(one.weights, one.sha256, iteration, one.kind, measured.metrics, measured.strict)
    seconds = time.monotonic() - started
    sizes = {one.image: read_header(one.path_in(run)).size for one in results}
    yield seen_by(iteration, results, sizes, run.info.class_names).render()
    yield MeasuredCheckpoint(found, measured.fingerprint, measured.measured, seconds).render()


class _Progress:
    """Says now and then how far it is."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, done: int, total: int, what: str) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _TELL_SECONDS
            print(json.dumps({"done": done, "images": total}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
