"""Copy-paste: faces of rare classes, cut out of training pictures and pasted on others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from augment import pasting
from augment.cutouts import Match, paste_face, sharpness
from augment.transforms import (
    Donors,
    Params,
    PasteTransform,
    PictureOf,
    Range,
    Scene,
    check_whole,
    draw,
    draw_whole,
)
from converters import geometry
from converters.errors import ImageError, UsageError
from converters.faces import MIN_SIDE, usable_faces
from converters.geometry import FloatArray
from converters.images import RgbImage
from converters.model import Box, Xyxy

MAX_PER_COPY = 20
"""Faces that can be pasted on one copy."""

_ROWS = 5
"""So many rows of a picture are tried for each face."""
_PLACES = 24
"""And so many places in each."""
_CLOSE = 0.16
"""Part of the picture's height; who stands beside a nearer face stands behind it and is smaller."""
_PEERS = 3
"""So many faces of the picture say what a pasted one should look like."""

_Face = tuple[str, int]


@dataclass(frozen=True)
class CopyPaste(PasteTransform):
    """Faces of other training pictures, with their labels (Dwibedi et al. 2017, Ghiasi et al. 2021).

    A face is cut out with a soft ellipse that takes hair and chin along, made as large as the faces near
    the place it comes to, brought into their light, blurred where it is sharper than they are, and put where
    it hides no other face. The source of each is drawn from those that were used least so far.
    """

    name: ClassVar[str] = "copy_paste"
    title: ClassVar[str] = "faces of rare classes from other training pictures"
    unit: ClassVar[Mapping[str, str]] = {
        "count_range": "faces on a copy",
        "size_range": "height of a pasted face to that of the faces near it",
        "scale_range": "pixels of the copy for one of the face's own picture",
    }
    limits: ClassVar[Mapping[str, Range]] = {
        "count_range": (1, MAX_PER_COPY),
        "size_range": (0.25, 4.0),
        "scale_range": (0.05, 4.0),
    }
    remarks: ClassVar[Mapping[str, str]] = {
        "classes": "which are pasted, rare ones more often; none named: all but the most frequent",
        "max_uses": "how often each face is pasted at most in the whole set of copies",
        "flip": "mirrors every second face",
        "min_side": "pixels; smaller faces are not cut out",
        "min_sharpness": "blurrier faces are not cut out; 0: no picture is looked at for that",
        "light": "how closely light and colour follow the faces there, 0 to 1",
    }
    depends: ClassVar[bool] = True
    count_range: Range = (1, 2)
    classes: tuple[str, ...] = ()
    size_range: Range = (0.85, 1.15)
    scale_range: Range = (0.2, 1.3)
    max_uses: int = 5
    flip: bool = True
    min_side: float = MIN_SIDE
    min_sharpness: float = 0.5
    light: float = 0.7

    def check(self) -> None:
        """Check what is no range.

        Raises:
            UsageError: Names the key that is wrong.
        """
        check_whole(f"{self.name}.count_range", self.count_range)
        if not 1 <= self.max_uses <= 1_000_000:
            raise UsageError(f"{self.name}.max_uses: {self.max_uses} must be 1 to 1,000,000.")
        for key, value, most in (
            ("min_side", self.min_side, 1000.0),
            ("min_sharpness", self.min_sharpness, 10.0),
            ("light", self.light, 1.0),
        ):
            if not 0 <= value <= most:
                raise UsageError(f"{self.name}.{key}: {value:g} must be 0 to {most:g}.")

    def check_classes(self, class_names: Sequence[str]) -> None:
        """Check that the set has the classes that shall be pasted.

        Raises:
            UsageError: It has not.
        """
        unknown = [label for label in self.classes if label not in class_names]
        if unknown:
            raise UsageError(
                f"{self.name}.classes: {', '.join(map(repr, unknown))} is no class of the set.",
                hint=f"Its classes are {', '.join(class_names)}.",
            )

    def get_params(self, rng: np.random.Generator, scene: Scene) -> Params | None:
        """Draw the faces of a copy: where from, where to and how large; None where none can be pasted."""
        weights = self._weights(scene)
        faces: list[Mapping[str, Any]] = []
        for _ in range(draw_whole(rng, self.count_range)):
            left = dict(weights)
            while left:  # a class whose faces are used up makes way for another
                label = _draw_weighted(rng, left)
                del left[label]
                face = self.draw_face(rng, scene, label, [face["to"] for face in faces])
                if face is not None:
                    faces.append(face)
                    break
        return {"faces": faces} if faces else None

    def draw_face(
        self, rng: np.random.Generator, scene: Scene, label: str, pasted: Sequence[Xyxy] = ()
    ) -> Mapping[str, Any] | None:
        """Draw a face of a class and a place for it, and count its use.

        Args:
            rng: The copy's generator.
            scene: The picture it comes to.
            label: Its class.
            pasted: Faces that were put there before.

        Returns:
            One of the ``faces`` of the parameters; None where no face or no place is left.
        """
        taken = np.concatenate([geometry.as_array(scene.boxes), np.array(pasted, float).reshape(-1, 4)])
        for _ in range(_ROWS):
            row = self._draw_row(rng, scene)
            factor = draw(rng, self.size_range)
            wanted = min(row.height, max(_CLOSE * scene.size[1], row.height / 2)) * factor if row else None
            source = self._draw_source(rng, scene, label, wanted)
            if source is None:
                if row is None:
                    return None
                continue
            key, index = source
            image = scene.donors.by_key[key]
            box = image.boxes[index]
            # Without a face to measure by it is as large a part of the picture as in its own.
            height = wanted or box.height / image.size[1] * scene.size[1]
            size = (height / box.height * box.width, height)
            to = pasting.best_place(_draw_centres(rng, scene, row), size, scene.size, taken)
            if to is None:
                continue
            scene.donors.uses[source] += 1
            return {
                "donor": key,
                "box": index,
                "label": box.label,
                "flags": sorted(box.flags),
                "from": [round(edge, 3) for edge in box.xyxy],
                "to": list(to),
                "flip": self.flip and rng.random() < 0.5,
                "peers": [[round(edge, 3) for edge in peer] for peer in (row.peers if row else ())[:_PEERS]],
            }
        return None

    def usable(self, donors: Donors, label: str) -> Sequence[_Face]:
        """The faces of a class that can be cut out, as (key, index of the box), in natural order.

        Args:
            donors: The training pictures.
            label: The class.
        """
        known: dict[str, list[_Face]] | None = donors.known.get((self.name, self.min_side))
        if known is None:
            known = donors.known[self.name, self.min_side] = {}
            for image in donors.images:
                for index in usable_faces(image, self.min_side):
                    known.setdefault(image.boxes[index].label, []).append((image.key, index))
        return known.get(label, [])

    def donors_in(self, params: Params) -> tuple[str, ...]:
        """The pictures the faces are from."""
        return tuple(face["donor"] for face in params["faces"])

    def added(self, params: Params) -> tuple[Box, ...]:
        """The faces' boxes."""
        return tuple(
            Box(_xyxy(face["to"]), face["label"], flags=frozenset(face["flags"])) for face in params["faces"]
        )

    def paste(self, rgb: RgbImage, params: Params, picture_of: PictureOf) -> RgbImage:
        """Paste the faces, the smaller (farther) ones first."""
        for face in sorted(params["faces"], key=lambda one: one["to"][3] - one["to"][1]):
            rgb = paste_face(
                rgb,
                picture_of(face["donor"]),
                _xyxy(face["from"]),
                _xyxy(face["to"]),
                flip=face["flip"],
                peers=[_xyxy(peer) for peer in face["peers"]],
                match=Match(light=self.light),
            )
        return rgb

    def _weights(self, scene: Scene) -> dict[str, float]:
        """How likely each class is drawn: rare ones in proportion to one over their boxes."""
        counts = {label: len(boxes) for label, boxes in scene.donors.by_label.items()}
        order = [label for label in scene.class_names if label in counts] or list(counts)
        labels = [label for label in order if label in self.classes]
        if not self.classes and order:
            most = max(order, key=lambda label: counts[label])
            labels = [label for label in order if label != most] or order
        return {label: 1.0 / counts[label] for label in labels if self.usable(scene.donors, label)}

    def _draw_row(self, rng: np.random.Generator, scene: Scene) -> pasting.Row | None:
        """A height in the picture where a face may stand; None for a picture without faces."""
        chosen, shift = rng.random(), draw(rng, (-0.5, 0.5))
        if not scene.boxes:
            return None
        return pasting.row_at(scene.boxes, int(chosen * len(scene.boxes)), shift)

    def _draw_source(
        self, rng: np.random.Generator, scene: Scene, label: str, height: float | None
    ) -> _Face | None:
        """A face of a class that may become ``height`` pixels high, one of those used least so far."""
        low, high = self.scale_range
        donors = scene.donors
        at = rng.random()
        by_uses: dict[int, list[_Face]] = {}
        for face in self.usable(donors, label):
            uses = donors.uses[face]
            if face[0] == scene.key or uses >= self.max_uses:
                continue
            own = donors.by_key[face[0]].boxes[face[1]].height
            if height is None or low <= height / own <= high:
                by_uses.setdefault(uses, []).append(face)
        for _, fewest in sorted(by_uses.items()):
            while fewest:
                face = fewest.pop(int(at * len(fewest)))
                if self._is_sharp(donors, face):
                    return face
        return None

    def _is_sharp(self, donors: Donors, face: _Face) -> bool:
        """Whether a face is sharp enough; one that cannot be read counts as sharp, and is named later."""
        if not self.min_sharpness or donors.picture_of is None:
            return True
        known: dict[_Face, float] = donors.known.setdefault("sharpness", {})
        if face not in known:
            key = face[0]
            try:
                rgb = donors.picture_of(key)
            except ImageError:
                return True
            for index, box in enumerate(donors.by_key[key].boxes):
                known[key, index] = sharpness(rgb, box.xyxy)
        return known[face] >= self.min_sharpness


def _draw_centres(rng: np.random.Generator, scene: Scene, row: pasting.Row | None) -> FloatArray:
    """Places in a row, or anywhere but at the top and bottom of a picture without faces; shape (N, 2)."""
    width, height = scene.size
    centres = np.array([[rng.random(), rng.random()] for _ in range(_PLACES)])
    if row is None:
        return np.asarray(centres * (width, 0.5 * height) + (0.0, 0.2 * height))
    return np.asarray(centres * (width, 0.4 * row.height) + (0.0, row.y - 0.2 * row.height))


def _draw_weighted(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
    at = rng.random() * sum(weights.values())
    for label, weight in weights.items():
        at -= weight
        if at < 0:
            return label
    return list(weights)[-1]


def _xyxy(edges: Sequence[float]) -> Xyxy:
    x1, y1, x2, y2 = edges
    return (x1, y1, x2, y2)
