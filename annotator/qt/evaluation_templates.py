"""Templates of what comes in English from evaluations: what a reader of the numbers must know."""

from __future__ import annotations

from annotator.qt.training_templates import Pair, said


def templates() -> list[Pair]:
    """All of them."""
    return [*_test(), *_numbers(), *_counts(), *_two_runs()]


def _test() -> list[Pair]:
    """How often test was looked at."""
    return [
        said("Test was measured with these weights on {day}; that stands, it was not repeated."),
        said(
            "Test was measured with these weights on {day}; that stands, it was not repeated. TP, FP and FN "
            "are counted at confidence {threshold}."
        ),
        said(
            "Test was measured on {day} with {weights}: that number stands. The chosen weights, {chosen}, "
            "were not measured on test."
        ),
        said("Pictures or labels of test were changed since it was measured: it was measured again."),
        said(
            "Test has been measured with {count} weights of this run. A number that weights are chosen by is "
            "no longer a test."
        ),
        said("Test has no picture to measure: there is no number for pictures that nothing was chosen by."),
    ]


def _numbers() -> list[Pair]:
    """What the numbers rest on."""
    return [
        said(
            "Validation has no picture to measure, so nothing could be compared: the {kind} weights were "
            "taken."
        ),
        said("None of the weights found anything right on validation. Train longer, or look at the labels."),
        said(
            "{shared} of the {count} pictures of {split} are in the training list: the numbers are too good."
        ),
        said("The training is still running: later weights are not in this table."),
        said("Labels were changed since the training began; these numbers are against the present ones."),
        said("{weights} holds values that are no numbers: its training diverged."),
        said("{name} has no box in {split}: it counts as 0 in mAP, as Darknet counts it."),
        said("Over the classes that {split} has, mAP@0.50 is {value} %."),
        said(
            "{name}: the AP of {value} % on {split} rests on {boxes} boxes (95 % interval {low} to {high} %)."
        ),
        said("{name}: the AP of {value} % on {split} rests on 1 box (95 % interval {low} to {high} %)."),
    ]


def _counts() -> list[Pair]:
    """Why a Darknet may count otherwise."""
    return [
        said(
            "hank-ai's Darknet reads and resizes pictures with its own OpenCV: a box near a threshold can "
            "fall on the other side. It looks for labels beside the file that a link leads to, and "
            "letter_box=1 counts for its training, but not for its map."
        ),
        said(
            "hank-ai's Darknet trained this network and shrinks pictures with OpenCV, as the numbers here "
            "do; this one shrinks them in its own way. hank-ai's would count what stands here."
        ),
        said(
            "pjreddie's Darknet trained this network with pictures that keep their proportions, as the "
            "numbers here do; hank-ai's stretches them."
        ),
        said(
            "With this Darknet the digits should be equal: a build with -Ofast or a graphics card (half "
            "precision) can move a box over a threshold."
        ),
    ]


def _two_runs() -> list[Pair]:
    """What a reader of two runs must know."""
    return [
        said("{count} pictures are left out: one of the runs was trained on them, which would flatter it."),
        said(
            "These are validation pictures, by which the weights of both were chosen: both look a little "
            "too good."
        ),
        said("Only one of the runs knows {names}: left out."),
        said("{count} pictures tell small differences from chance badly."),
        said(
            "One of the runs kept no record of its labels, so what was relabelled between them is not known."
        ),
    ]
