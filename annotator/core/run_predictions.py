"""What the runs of a set found on its pictures, read from the evaluations they left."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from annotator.core.disagreement import with_labels_of
from converters.errors import DataError
from converters.model import Box

if TYPE_CHECKING:
    from annotator.darknet.run.folder import RunFolder

Found = Mapping[str, tuple[Box, ...]]


@dataclass(frozen=True, slots=True)
class RunPredictions:
    """What a run's chosen weights found.

    Attributes:
        run: The run's name.
        class_names: Its classes, in the order of their ids.
        images: By the pictures' keys in the Darknet data set.
    """

    run: str
    class_names: tuple[str, ...]
    images: Found

    def on(self, keys: Mapping[str, str], class_names: Sequence[str]) -> dict[str, tuple[Box, ...]]:
        """The same by the keys of the open set and with its labels.

        Args:
            keys: Key in the open set of each picture of the Darknet data set.
            class_names: The classes of the open set.
        """
        found = {keys[key]: boxes for key, boxes in self.images.items() if key in keys}
        return with_labels_of(found, self.class_names, class_names)


def newest_predictions(work: Path) -> RunPredictions | None:
    """The predictions of the newest run that was evaluated; None where there is none.

    Evaluations that are broken are passed over: the page of the run says what is wrong with them.

    Args:
        work: The Darknet data set.
    """
    from annotator.darknet.run.folder import list_runs

    for run in reversed(list_runs(work)):
        found = stored_predictions(run)
        if found is not None:
            return found
    return None


def stored_predictions(run: RunFolder) -> RunPredictions | None:
    """What the last evaluation of a run found on the test pictures; None where there was none."""
    from annotator.darknet.evaluation.stored import load_predictions, load_stored

    try:
        stored = load_stored(run)
    except DataError:
        return None
    if stored is None or not stored.test_looks:
        return None
    look = stored.test_looks[-1]
    predictions = load_predictions(run, look.sha256, look.fingerprint)
    if predictions is None:
        return None
    images = {work_key(run, entry): boxes for entry, boxes in predictions.images.items()}
    return RunPredictions(run.path.name, stored.class_names, images)


def work_key(run: RunFolder, entry: str) -> str:
    """Key in the Darknet data set of an entry in a run's list."""
    path = os.path.normpath(run.path / entry)
    return Path(os.path.relpath(path, run.work)).with_suffix("").as_posix()
