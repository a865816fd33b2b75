"""Templates of what is advised after a training or an evaluation (:mod:`…evaluation.advice`)."""

from __future__ import annotations

from annotator.qt.training_templates import Pair, said


def templates() -> list[Pair]:
    """All of them."""
    return [*_training(), *_numbers(), *_mistakes()]


def _training() -> list[Pair]:
    """More iterations, or others."""
    return [
        said("Evaluate: it takes the best of the saved weights, and says what the network gets wrong."),
        said(
            "The loss is no number (nan) from iteration {at} on: what was saved since is of no use. Train "
            "anew with a lower learning rate, {rate}. A darknet for the processor that was built with "
            "-Ofast does this at any rate: then build it with -O3."
        ),
        said("{why}: train on to {further} iterations."),
        said("The loss still fell when the training ended, and the network finds next to nothing yet"),
        said("The loss still fell when the training ended, and the last weights are the best so far"),
        said("The network finds next to nothing yet, but {count} iterations are few"),
        said(
            "The network finds next to nothing, and the loss does not fall any more: more iterations alone "
            "will not help. Start from weights that were trained on other pictures, and look at the boxes of "
            "some training pictures."
        ),
    ]


def _numbers() -> list[Pair]:
    """What the numbers say, or are too few to say."""
    return [
        said("Validation has no picture: nobody can say how good the network is. Split the set anew."),
        said(
            "Validation has {what}: too few to say how good the network is, or whether a change made it "
            "better. Label more pictures, or give validation a larger part."
        ),
        said(
            "Validation has {what} of {name}: too few to say how well it is found. Label more of them, or "
            "give validation a larger part."
        ),
        said(
            "On pictures that it was trained on the network reaches {here} %, on validation {there} %: it "
            "learns these pictures by heart. {what}"
        ),
        said("Label more pictures, or make copies of them."),
        said("There are {copies} copies already: label more pictures, of other kinds."),
        said(
            "{name} is found worse than others (AP {ap} %) and has {what} to learn from; the next class that "
            "is found better has {other}: {more} more, as labels or copies, would make them equal."
        ),
        said(
            "{missed} of {what} that are smaller than {side} pixels to the network are not found, of larger "
            "ones {usual} %. Train with a larger input, {wanted} pixels."
        ),
    ]


def _mistakes() -> list[Pair]:
    """What is taken for what, and labels that may be wrong."""
    return [
        said(
            "Of the mistakes, one stands out: {what} (of {total} mistakes). Look at them: what do they have "
            "in common?"
        ),
        said("{name} is not found {count} times"),
        said("{name} is taken for {other} {count} times"),
        said("{name} is seen twice {count} times"),
        said("boxes of {name} do not fit {count} times"),
        said("{name} is seen where no box is {count} times"),
        said(
            "The network is sure of something else than the labels {count} time (confidence from {low} %, "
            "where it is right in {right} %): are these labels wrong? Training pictures have such labels "
            "too: choose training in the list."
        ),
        said(
            "The network is sure of something else than the labels {count} times (confidence from {low} %, "
            "where it is right in {right} %): are these labels wrong? Training pictures have such labels "
            "too: choose training in the list."
        ),
    ]
