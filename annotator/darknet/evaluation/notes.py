"""What a reader of an evaluation's numbers must know, as sentences; and whether test was used up before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from annotator.darknet.evaluation.stored import Checkpoint, Evaluation, Measured, Stored
from annotator.darknet.network.weights import all_finite
from annotator.darknet.run.folder import RunFolder, data_hash
from converters.errors import FormatError
from converters.model import Split

CONF_THRESHOLD = 0.25
FEW_TRUTHS = 50
"""An AP that rests on fewer boxes is said with its interval."""


def held_back(evaluation: Evaluation, stored: Stored | None) -> bool:
    """Whether test was measured with other weights of the run, and never with the chosen ones."""
    if stored is None or stored.test is None:
        return False
    return all(look.sha256 != evaluation.chosen_weights.sha256 for look in stored.test_looks)


def weights_on_test(evaluation: Evaluation) -> str:
    """Name of the weights that the number on test is of; empty where there is none."""
    if evaluation.test is None:
        return ""
    sha256 = evaluation.test.sha256
    looks = (look.weights for look in reversed(evaluation.test_looks) if look.sha256 == sha256)
    return next(looks, sha256[:12])


def measured_on_test(evaluation: Evaluation) -> Checkpoint:
    """The weights that the number on test is of."""
    test, chosen = evaluation.test, evaluation.chosen_weights
    if test is None or test.sha256 == chosen.sha256:
        return chosen
    found = (one for one in evaluation.checkpoints if one.sha256 == test.sha256)
    return next(found, Checkpoint(weights_on_test(evaluation), test.sha256, 0, "gone"))


def note_numbers(
    run: RunFolder, evaluation: Evaluation, measured: Mapping[Split, tuple[Sequence[str], int]]
) -> None:
    """Say what a reader of the numbers must know.

    Args:
        run: The run.
        evaluation: What was measured; the sentences are added to its notes.
        measured: List entries and number of the pictures of each split that can be measured.
    """
    note = evaluation.notes.append
    chosen = evaluation.chosen_weights
    if evaluation.validation is None:
        note(
            f"Validation has no picture to measure, so nothing could be compared: the {chosen.kind} weights "
            "were taken."
        )
    elif evaluation.chosen_by == "validation" and not evaluation.validation.metrics.mean_ap:
        note("None of the weights found anything right on validation. Train longer, or look at the labels.")
    if evaluation.test is None:
        note("Test has no picture to measure: there is no number for pictures that nothing was chosen by.")
    else:
        _note_test(evaluation, evaluation.test)
    for one in (evaluation.validation, evaluation.test):
        if one is not None:
            _note_classes(one, note)
    trained_on = set(run.read_list(Split.TRAIN))
    for split, (entries, count) in measured.items():
        shared = len(trained_on.intersection(entries))
        if shared:
            note(
                f"{shared} of the {count} pictures of {split} are in the training list: "
                "the numbers are too good."
            )
    if run.running_pid() is not None:
        note("The training is still running: later weights are not in this table.")
    if run.info.data.get("hash") not in (None, data_hash(run)):
        note("Labels were changed since the training began; these numbers are against the present ones.")
    try:
        if not all_finite(chosen.path_in(run)):
            note(f"{chosen.weights} holds values that are no numbers: its training diverged.")
    except FormatError as error:
        note(str(error))


def _note_test(evaluation: Evaluation, test: Measured) -> None:
    chosen = evaluation.chosen_weights
    looks = [look for look in evaluation.test_looks if look.sha256 == test.sha256]
    if evaluation.test_is_of_others:
        weights = weights_on_test(evaluation)
        evaluation.notes.append(
            f"Test was measured on {test.measured[:10]} with {weights}: that number stands. "
            f"The chosen weights, {chosen.weights}, were not measured on test."
        )
    elif not evaluation.test_measured_now:
        note = (
            f"Test was measured with these weights on {test.measured[:10]}; that stands, it was not repeated."
        )
        if test.metrics.conf_threshold != CONF_THRESHOLD:
            note += f" TP, FP and FN are counted at confidence {test.metrics.conf_threshold:g}."
        evaluation.notes.append(note)
    elif len(looks) > 1:
        evaluation.notes.append(
            "Pictures or labels of test were changed since it was measured: it was measured again."
        )
    seen = {look.sha256 for look in evaluation.test_looks}
    if len(seen) > 1:
        evaluation.notes.append(
            f"Test has been measured with {len(seen)} weights of this run. "
            "A number that weights are chosen by is no longer a test."
        )


def _note_classes(measured: Measured, note: Callable[[str], None]) -> None:
    metrics = measured.metrics
    for name in metrics.absent:
        note(f"{name} has no box in {measured.split}: it counts as 0 in mAP, as Darknet counts it.")
    if metrics.absent and metrics.mean_ap_of_present:
        note(
            f"Over the classes that {measured.split} has, "
            f"mAP@0.50 is {100 * metrics.mean_ap_of_present:.2f} %."
        )
    for one in metrics.classes:
        if one.interval is not None and one.truths < FEW_TRUTHS:
            low, high = (100 * end for end in one.interval)
            boxes = "1 box" if one.truths == 1 else f"{one.truths} boxes"
            note(
                f"{one.name}: the AP of {100 * one.ap:.0f} % on {measured.split} rests on {boxes} "
                f"(95 % interval {low:.0f} to {high:.0f} %)."
            )
