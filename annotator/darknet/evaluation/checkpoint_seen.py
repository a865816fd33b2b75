"""What each of the saved weights saw on a few validation pictures: one looks at these rather than at numbers.

RUN/evaluation/seen.jsonl       a line of each checkpoint that was measured while the run was trained

They are the same pictures each time, so that one sees how the network learns; the rarest class comes first,
as it is what a small and unbalanced set fails at.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotator.darknet.evaluation.stored import EvaluationFolder, ImageResult
from annotator.darknet.run.folder import RunFolder
from converters.files import append_line, make_folder, write_atomic
from converters.model import Box, Xyxy

PICTURES = 6
LEAST = 0.1
"""Predictions below this confidence are not kept here."""
MOST_BOXES = 200
"""Of a picture: weights of the first iterations may see thousands."""
_FEW = 8
_LARGE = 0.15


@dataclass(frozen=True, slots=True)
class SeenPicture:
    """A validation picture with what some weights found on it.

    Attributes:
        entry: Its entry in the run's list.
        truths: Its labels when that was measured.
        found: Predictions, highest confidence first.
    """

    entry: str
    truths: tuple[Box, ...]
    found: tuple[Box, ...]

    def path_in(self, run: RunFolder) -> Path:
        """The picture's file."""
        return run.path / self.entry


@dataclass(frozen=True, slots=True)
class Seen:
    """What weights saw.

    Attributes:
        iteration: The iteration they are from.
        pictures: The rarest class first.
    """

    iteration: int
    pictures: tuple[SeenPicture, ...]

    def render(self) -> str:
        """A line of JSON."""
        pictures = [
            {
                "image": one.entry,
                "truths": [[box.label, *box.xyxy] for box in one.truths],
                "found": [[box.label, box.confidence, *_rounded(box.xyxy)] for box in one.found],
            }
            for one in self.pictures
        ]
        return json.dumps({"iteration": self.iteration, "seen": pictures}, ensure_ascii=False)

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Seen:
        """Of what :meth:`render` wrote.

        Raises:
            KeyError, TypeError, ValueError: It is none.
        """
        return cls(
            int(said["iteration"]),
            tuple(
                SeenPicture(
                    str(one["image"]),
                    tuple(Box(_xyxy(edges), str(label)) for label, *edges in one["truths"]),
                    tuple(
                        Box(_xyxy(edges), str(label), confidence=float(confidence))
                        for label, confidence, *edges in one["found"]
                    ),
                )
                for one in said["seen"]
            ),
        )


def seen_by(
    iteration: int,
    results: Sequence[ImageResult],
    sizes: Mapping[str, tuple[int, int]],
    class_names: Sequence[str],
) -> Seen:
    """What weights found on the pictures that one looks at.

    Args:
        iteration: The iteration that the weights are from.
        results: Of all validation pictures.
        sizes: (width, height) of each by its entry.
        class_names: The classes.
    """
    kept = []
    for one in chosen(results, sizes, class_names):
        found = tuple(box for box in one.predictions if (box.confidence or 0.0) >= LEAST)
        kept.append(SeenPicture(one.image, one.truths, found[:MOST_BOXES]))
    return Seen(iteration, tuple(kept))


def chosen(
    results: Sequence[ImageResult],
    sizes: Mapping[str, tuple[int, int]],
    class_names: Sequence[str],
    count: int = PICTURES,
) -> list[ImageResult]:
    """The pictures to look at: of each class in turn, the rarest first, those on which one sees something.

    That is: with a box of the class that is not tiny, and without a crowd. Among equals chance decides, the
    same each time.
    """
    boxes = Counter(box.label for one in results for box in one.truths)
    classes = sorted((name for name in class_names if boxes[name]), key=lambda name: boxes[name])
    queues = {
        name: sorted(
            (one for one in results if any(box.label == name for box in one.truths)),
            key=lambda one: _worth(one, name, sizes.get(one.image)),
            reverse=True,
        )
        for name in classes
    }
    found: dict[str, ImageResult] = {}
    while len(found) < count and any(queues.values()):
        for name in classes:
            while queues[name] and queues[name][0].image in found:
                queues[name].pop(0)
            if queues[name] and len(found) < count:
                one = queues[name].pop(0)
                found[one.image] = one
    for one in results:  # few have boxes: on the others nothing should be seen
        if len(found) < count:
            found.setdefault(one.image, one)
    return list(found.values())


def seen_path(run: RunFolder) -> Path:
    """Where it is kept."""
    return EvaluationFolder.of(run).path / "seen.jsonl"


def read_seen(run: RunFolder) -> dict[int, Seen]:
    """What each checkpoint saw, by its iteration; a line that is broken or cut short is left out."""
    try:
        lines = seen_path(run).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    found: dict[int, Seen] = {}
    for line in lines:
        with suppress(KeyError, TypeError, ValueError):
            one = Seen.of(json.loads(line))
            found[one.iteration] = one
    return dict(sorted(found.items()))


def add_seen(run: RunFolder, seen: Seen) -> None:
    """Keep what a checkpoint saw. Raises WriteError."""
    path = seen_path(run)
    make_folder(path.parent)
    append_line(path, seen.render())


def forget_seen_after(run: RunFolder, iteration: int) -> None:
    """Drop what later weights saw: a resumed training makes those again. Raises WriteError."""
    before = read_seen(run)
    kept = [one for one in before.values() if one.iteration <= iteration]
    if len(kept) < len(before):
        write_atomic(seen_path(run), "".join(one.render() + "\n" for one in kept))


def _worth(one: ImageResult, name: str, size: tuple[int, int] | None) -> tuple[float, bool, str]:
    """How well one sees a class on a picture; compared only."""
    area = (size[0] * size[1] if size else 0) or 1
    side = max(math.sqrt(max(0.0, box.width * box.height) / area) for box in one.truths if box.label == name)
    chance = hashlib.sha256(one.image.encode("utf-8", "surrogateescape")).hexdigest()
    return min(side, _LARGE), len(one.truths) <= _FEW, chance


def _rounded(xyxy: Xyxy) -> list[float]:
    return [round(edge, 2) for edge in xyxy]


def _xyxy(edges: Sequence[Any]) -> Xyxy:
    x1, y1, x2, y2 = (float(edge) for edge in edges)
    return x1, y1, x2, y2
