"""``python -m benchmarks.interval_coverage``: how often the intervals of an AP hold the true one.

A network is made up: how sure it is of a right and of a wrong box, how many boxes it finds, and how much the
boxes of one picture are found or missed together. Its true AP is that on very many pictures. Then small test
splits are drawn, measured with the code that the tool measures with, and it is counted how often the interval
that the tool shows (the wider of two), each of the two alone, and the paired bootstrap of two runs hold what
is true. The classes are as unequal as those of the Kaggle set.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from annotator.darknet.evaluation.analysis import bootstrap_aps, percentiles
from annotator.darknet.evaluation.stored import ImageResult
from annotator.darknet.metrics import Interval, evaluate_detections, match_image, resample, wilson_interval
from converters.model import Box

CLASSES = ("mask", "no_mask", "chin_diaper")
BOXES = (3.8, 0.84, 0.14)
"""Boxes of each class in a picture, on average: 3,232, 717 and 123 in 853."""
PICTURES = (30, 60, 120, 240)
TRUE_PICTURES = 20_000
WAYS = ("shown", "bootstrap", "Wilson", "mAP, bootstrap", "difference, paired")
_SIDE, _APART, _MOST = 10.0, 20.0, 60


@dataclass(frozen=True, slots=True)
class Made:
    """A made-up network.

    Attributes:
        found: Share of the boxes of each class that it finds.
        wrong: Wrong detections of each class in a picture, on average.
        apart: By how many standard deviations right ones are surer than wrong ones.
        together: How much the boxes of a picture are found or missed together: the standard deviation of
            the pictures' hardness, as a logit.
    """

    found: tuple[float, float, float]
    wrong: tuple[float, float, float] = (1.0, 0.6, 0.3)
    apart: float = 2.0
    together: float = 1.0


NETWORKS = {
    "good": Made((0.97, 0.92, 0.85), (0.5, 0.3, 0.1), 3.0),
    "as the study's": Made((0.92, 0.75, 0.65)),
    "weak": Made((0.6, 0.4, 0.3), (2.0, 1.0, 0.5), 1.0),
}


@dataclass(slots=True)
class Counted:
    """How often intervals held what is true, and how wide they were."""

    held: list[bool] = field(default_factory=list)
    width: list[float] = field(default_factory=list)

    def add(self, interval: Interval, truth: float) -> None:
        """Count one."""
        self.held.append(interval[0] <= truth <= interval[1])
        self.width.append(interval[1] - interval[0])


def draw(network: Made, pictures: int, rng: np.random.Generator, hard: np.ndarray) -> list[ImageResult]:
    """Pictures with what the network finds on them.

    Args:
        network: The network.
        pictures: How many.
        rng: Of what is there and what is found.
        hard: How hard each picture is, in standard deviations, shape (pictures,).
    """
    results: list[ImageResult] = []
    for at in range(pictures):
        truths: list[Box] = []
        found: list[Box] = []
        for name, boxes, share, wrong in zip(CLASSES, BOXES, network.found, network.wrong, strict=True):
            logit = np.log(share / (1 - share)) - network.together * hard[at]
            for _ in range(min(_MOST, int(rng.poisson(boxes)))):
                truths.append(Box(_place(len(truths)), name))
                if rng.random() < 1 / (1 + np.exp(-logit)):
                    found.append(Box(truths[-1].xyxy, name, _sure(rng.normal(network.apart))))
            for _ in range(min(_MOST, int(rng.poisson(wrong)))):
                found.append(Box(_place(500 + len(found)), name, _sure(rng.normal())))
        found.sort(key=lambda box: -(box.confidence or 0.0))
        results.append(ImageResult(f"{at}", tuple(truths), tuple(found), match_image(truths, found)))
    return results


def _place(number: int) -> tuple[float, float, float, float]:
    x = _APART * number
    return x, 0.0, x + _SIDE, _SIDE


def _sure(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))


def true_aps(network: Made, seed: int) -> list[float]:
    """The AP of each class on very many pictures."""
    rng = np.random.default_rng(seed)
    results = draw(network, TRUE_PICTURES, rng, rng.normal(size=TRUE_PICTURES))
    truths, found = [one.truths for one in results], [one.predictions for one in results]
    metrics = evaluate_detections(truths, found, CLASSES, resamples=0)
    return [one.ap for one in metrics.classes]


def coverage(network: Made, pictures: int, times: int, seed: int) -> dict[str, dict[str, Counted]]:
    """Draw test splits and count; by way and class.

    A second network that is a little worse sees the same pictures, for the difference of two runs.
    """
    worse = Made(tuple(0.92 * one for one in network.found), network.wrong, network.apart, network.together)
    aps, others = true_aps(network, seed), true_aps(worse, seed + 1)
    counted = {way: {name: Counted() for name in (*CLASSES, "mAP")} for way in WAYS}
    rng = np.random.default_rng(seed + 2)
    weights = resample(pictures, 400, seed=0)
    for _ in range(times):
        hard = rng.normal(size=pictures)
        same = int(rng.integers(1 << 60))
        # The same boxes for both: what they find differs.
        both = [draw(one, pictures, np.random.default_rng(same), hard) for one in (network, worse)]
        drawn = [bootstrap_aps(each, CLASSES, weights) for each in both]
        metrics = evaluate_detections(
            [one.truths for one in both[0]], [one.predictions for one in both[0]], CLASSES
        )
        for column, (name, one) in enumerate(zip(CLASSES, metrics.classes, strict=True)):
            if one.interval is not None:
                counted["shown"][name].add(one.interval, aps[column])
                counted["bootstrap"][name].add(percentiles(drawn[0][:, column]), aps[column])
                counted["Wilson"][name].add(wilson_interval(one.ap, one.truths), aps[column])
        if metrics.mean_interval is not None:
            counted["shown"]["mAP"].add(metrics.mean_interval, sum(aps) / 3)
        counted["mAP, bootstrap"]["mAP"].add(percentiles(drawn[0].mean(axis=1)), sum(aps) / 3)
        apart = drawn[1].mean(axis=1) - drawn[0].mean(axis=1)
        counted["difference, paired"]["mAP"].add(percentiles(apart), (sum(others) - sum(aps)) / 3)
    return counted


def table(name: str, pictures: int, counted: dict[str, dict[str, Counted]]) -> list[str]:
    """Lines of Markdown."""
    lines = []
    for way, classes in counted.items():
        cells = []
        for each in classes.values():
            share = (
                f"{100 * np.mean(each.held):.0f} % (± {50 * np.mean(each.width):.0f})" if each.held else ""
            )
            cells.append(share)
        lines.append(f"| {name} | {pictures} | {way} | {' | '.join(cells)} |")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate; prints a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.interval_coverage", description=__doc__)
    parser.add_argument(
        "--times", type=int, default=300, help="test splits that are drawn of each kind (300)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="keep the numbers")
    given = parser.parse_args(arguments)
    print(f"| network | pictures | interval | {' | '.join(CLASSES)} | mAP |\n|---|---|---|---|---|---|---|")
    kept = {}
    for name, network in NETWORKS.items():
        for pictures in PICTURES:
            counted = coverage(network, pictures, given.times, given.seed)
            print("\n".join(table(name, pictures, counted)), flush=True)
            kept[f"{name}, {pictures}"] = {
                way: {one: float(np.mean(each.held)) for one, each in classes.items() if each.held}
                for way, classes in counted.items()
            }
    if given.json is not None:
        given.json.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
