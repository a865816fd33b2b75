"""Divide a made-up set of N images in memory; prints the seconds of processor time that took."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from converters.model import AnnotatedImage, Box, Dataset
from converters.split import SplitRequest, split_dataset

CLASSES = ("mask", "no_mask", "chin_diaper")


def main() -> None:
    """Divide it."""
    count = int(sys.argv[1])
    rng = np.random.default_rng(1)
    numbers = np.minimum(rng.geometric(0.21, count), 115)
    labels = iter(rng.choice(3, int(numbers.sum()), p=(0.79, 0.18, 0.03)).tolist())
    box = (10.0, 10.0, 30.0, 34.0)
    images = tuple(
        AnnotatedImage(
            f"{index:06d}",
            Path(f"{index:06d}.png"),
            (400, 300),
            tuple(Box(box, CLASSES[next(labels)]) for _ in range(number)),
        )
        for index, number in enumerate(numbers.tolist())
    )
    dataset = Dataset(Path("set"), "voc", images, CLASSES)
    # Of sixty images one has a double, as in the Kaggle set.
    groups = {
        images[index + step].key: images[index].key for index in range(0, count - 1, 60) for step in (0, 1)
    }
    start = time.process_time()
    result = split_dataset(dataset, SplitRequest(), seed=1, groups=groups)
    print(
        json.dumps(
            {
                "seconds": time.process_time() - start,
                "worst_error": result.quality.worst_error,
                "images": count,
            }
        )
    )


if __name__ == "__main__":
    main()
