"""Carrying out a balance plan's pasted faces: so many of each class on the copies of a picture."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from augment.operations.pasting import MAX_PER_COPY, CopyPaste
from augment.policy import Policy, stable_hash
from augment.recipe import Step
from augment.transforms import Scene
from converters.errors import UsageError
from converters.model import AnnotatedImage

_FEW = 2
"""So many pasted faces a copy may get from others in any case."""

CopyId = tuple[str, int]
"""Key of a picture and number of its copy, from 1."""

Pastes = Mapping[str, Mapping[str, int]]
"""How many faces of each class go on the copies of a picture together, by its key."""


@dataclass(frozen=True)
class DealtPastes:
    """What became of the faces that were asked for.

    Attributes:
        steps: What each copy gets beside its policy's operations.
        asked: Faces of each class.
        unplaced: Those of them for which no face or no free place was left.
        elsewhere: Faces that went to a copy of another picture.
    """

    steps: Mapping[CopyId, Step] = field(default_factory=dict)
    asked: Mapping[str, int] = field(default_factory=dict)
    unplaced: Mapping[str, int] = field(default_factory=dict)
    elsewhere: int = 0


@dataclass
class _Copy:
    """A copy while faces are put on it: its generator is its own, so others may come and go."""

    image: AnnotatedImage
    scene: Scene
    rng: np.random.Generator
    faces: list[Mapping[str, Any]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)


def paste_operation(policy: Policy) -> CopyPaste:
    """The policy's ``copy_paste``, or the one with the default settings."""
    return next((one for one in policy.all_transforms if isinstance(one, CopyPaste)), CopyPaste())


def deal_pastes(
    images: Sequence[AnnotatedImage],
    copies: Mapping[str, int],
    pastes: Pastes,
    *,
    seed: int,
    policy: Policy,
    scene_of: Mapping[str, Scene],
) -> DealtPastes:
    """Put faces on copies: evenly over those of their picture, and what finds no place there on others.

    Args:
        images: The pictures that get copies, in natural order.
        copies: How many each gets, by key.
        pastes: What goes on them.
        seed: The run's seed.
        policy: The run's policy.
        scene_of: What each picture shows, by key.

    Raises:
        UsageError: A picture or class is unknown, or one copy would get more than
            :data:`augment.operations.pasting.MAX_PER_COPY` faces.
    """
    operation = paste_operation(policy)
    asked = _asked(images, copies, pastes, scene_of)
    table = {
        (image.key, index): _Copy(image, scene_of[image.key], _rng(seed, image.name, index))
        for image in images
        for index in range(1, copies.get(image.key, 0) + 1)
    }
    waiting: deque[tuple[str, str]] = deque()
    for key, labels in _in_order(images, pastes):
        for place, label in enumerate(labels):
            copy = table[key, place % copies[key] + 1]
            if not _put(operation, copy, label):
                waiting.append((key, label))
    # As many as on the fullest copy of the plan, so that none becomes a page of stickers.
    most = max(
        [_FEW, *(-(-sum(pastes[key].values()) // copies[key]) for key, _ in _in_order(images, pastes))]
    )
    elsewhere = 0
    unplaced: Counter[str] = Counter()
    hopeless: set[str] = set()
    for key, label in waiting:
        home = label not in hopeless and _put_somewhere(operation, table, label, most)
        if not home:
            hopeless.add(label)
            unplaced[label] += 1
        elsewhere += bool(home) and home != key
    steps = {where: Step(operation, {"faces": copy.faces}) for where, copy in table.items() if copy.faces}
    return DealtPastes(steps, asked, dict(unplaced), elsewhere)


def with_pasted(scene: Scene, step: Step | None) -> Scene:
    """The picture with what is pasted on it."""
    return scene if step is None else replace(scene, boxes=scene.boxes + step.added)


def _asked(
    images: Sequence[AnnotatedImage],
    copies: Mapping[str, int],
    pastes: Pastes,
    scene_of: Mapping[str, Scene],
) -> dict[str, int]:
    """Faces of each class, after a check of the request."""
    known = {image.key for image in images}
    asked: Counter[str] = Counter()
    for key, labels in pastes.items():
        count = sum(labels.values())
        if count and (key not in known or not copies.get(key, 0)):
            raise UsageError(f"{key}: gets no copy, so nothing can be pasted on one.")
        if any(number < 0 for number in labels.values()):
            raise UsageError(f"{key}: a number of pasted faces is below 0.")
        if count > MAX_PER_COPY * copies.get(key, 0):
            raise UsageError(
                f"{key}: {count} pasted faces on {copies[key]} copies are more than {MAX_PER_COPY} on each."
            )
        unknown = [label for label in labels if label not in scene_of[key].class_names] if count else []
        if unknown:
            raise UsageError(f"{key}: {unknown[0]!r} is no class of the set, so none can be pasted.")
        asked.update(labels)
    return {label: count for label, count in asked.items() if count}


def _in_order(images: Sequence[AnnotatedImage], pastes: Pastes) -> list[tuple[str, list[str]]]:
    """Classes to paste on each picture's copies, the rarer requests spread among the others."""
    result: list[tuple[str, list[str]]] = []
    for image in images:
        counts = {label: count for label, count in pastes.get(image.key, {}).items() if count}
        row = sorted(
            ((2 * j + 1) / (2 * count), label) for label, count in counts.items() for j in range(count)
        )
        if row:
            result.append((image.key, [label for _, label in row]))
    return result


def _put(operation: CopyPaste, copy: _Copy, label: str) -> bool:
    """Paste a face of a class on a copy; False where there is no face or no place for it."""
    if label in copy.refused:  # where there was no place there is none later, with more faces on it
        return False
    face = operation.draw_face(copy.rng, copy.scene, label, [face["to"] for face in copy.faces])
    if face is None:
        copy.refused.add(label)
        return False
    copy.faces.append(face)
    return True


def _put_somewhere(operation: CopyPaste, table: Mapping[CopyId, _Copy], label: str, most: int) -> str | None:
    """Paste a face on the copy with the fewest faces that has a place; the key of its picture, or None."""
    by_load: dict[int, list[tuple[CopyId, _Copy]]] = defaultdict(list)
    for where, copy in table.items():
        by_load[len(copy.faces)].append((where, copy))
    for load in sorted(by_load):
        if load >= most:
            break
        for where, copy in by_load[load]:
            if _put(operation, copy, label):
                return where[0]
    return None


def _rng(seed: int, name: str, index: int) -> np.random.Generator:
    """The generator of one copy's faces: another one than that of its operations, which stay as they are."""
    sequence = np.random.SeedSequence(seed, spawn_key=(stable_hash(name), index, 1))
    return np.random.Generator(np.random.PCG64(sequence))
