"""Who stands in a demo picture: looks, how the mask is worn, and the box that belongs to the face."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

import numpy as np

from assets.drawing import Colour, Frame, Points, mirrored, mix, smooth

WITH_MASK = "with_mask"
WITHOUT_MASK = "without_mask"
# The original set spells it so.
WORN_WRONG = "mask_weared_incorrect"

# Where the upper and the lower edge of a mask lie, in a head's coordinates.
PROPER = "proper"
UNDER_NOSE = "under nose"
ON_CHIN = "on chin"
NOT_WORN = "not worn"

_SKINS: tuple[Colour, ...] = (
    (252, 220, 196),
    (246, 205, 172),
    (236, 188, 150),
    (222, 170, 128),
    (200, 146, 104),
    (172, 116, 78),
    (138, 90, 60),
    (108, 70, 48),
)
_NATURAL_HAIR: tuple[Colour, ...] = (
    (30, 26, 30),
    (46, 34, 30),
    (74, 48, 34),
    (112, 72, 42),
    (150, 100, 56),
    (208, 156, 74),
    (168, 74, 40),
    (196, 194, 196),
)
_IRISES: tuple[Colour, ...] = ((74, 48, 30), (52, 36, 28), (92, 120, 84), (74, 116, 160))
_CLOTHES: tuple[Colour, ...] = (
    (196, 62, 58),
    (40, 58, 100),
    (62, 68, 76),
    (36, 36, 42),
    (228, 224, 214),
    (88, 128, 92),
    (226, 172, 66),
    (142, 98, 158),
    (92, 150, 190),
    (226, 142, 132),
    (150, 112, 80),
    (48, 112, 116),
)
_HAIRSTYLES: Mapping[str, int] = {
    "short": 6,
    "parted": 6,
    "fringe": 4,
    "buzz": 2,
    "bald": 1,
    "curly": 3,
    "afro": 1,
    "long": 6,
    "bob": 4,
    "bun": 3,
    "ponytail": 3,
    "headscarf": 2,
}
_HATS: Mapping[str, int] = {"": 15, "beanie": 3, "cap": 3, "brimmed": 1}
_GLASSES: Mapping[str, int] = {"": 8, "round": 2, "square": 2, "dark": 1}
_GARMENTS: Mapping[str, int] = {"shirt": 3, "hoodie": 3, "jacket": 4, "coat": 3, "striped": 2, "tie": 2}
_MASKS: Mapping[str, int] = {"surgical": 8, "cup": 3, "cloth": 4, "dots": 1, "stripes": 1, "checks": 1}
_MASK_COLOURS: Mapping[str, tuple[Colour, ...]] = {
    "surgical": ((128, 190, 226), (104, 172, 220), (150, 212, 212), (240, 244, 246), (240, 178, 196)),
    "cup": ((244, 244, 240), (236, 240, 244)),
    "cloth": ((38, 38, 44), (52, 54, 62), (150, 152, 160), (40, 62, 112), (150, 44, 58)),
    "dots": ((196, 54, 74), (52, 84, 150), (248, 214, 110)),
    "stripes": ((62, 120, 160), (236, 232, 222), (80, 130, 100)),
    "checks": ((176, 58, 58), (64, 92, 132), (218, 190, 150)),
}
# Styles under which no ear is seen.
_HIDES_EARS = ("long", "bob", "headscarf")
_HAIRLINES: Mapping[str, float] = {"fringe": -0.72, "bald": -1.06, "buzz": -0.96, "headscarf": -0.84}
_HAT_EDGES: Mapping[str, float] = {"beanie": -0.66, "cap": -0.62, "brimmed": -0.7}


@dataclass(frozen=True)
class Person:
    """One person's looks. All colours are RGB.

    Attributes:
        label: The class name of the face.
        worn: Where the mask is: PROPER, UNDER_NOSE, ON_CHIN or NOT_WORN.
        mask: What kind of mask: a key of the mask kinds.
        mask_colour: The cloth's colour.
        skin: The skin's colour.
        hair: A hairstyle, or "headscarf".
        hair_colour: Of hair, brows and beard.
        scarf_colour: Of the headscarf and the hat.
        hat: "" for none.
        glasses: "" for none.
        iris: The eyes' colour.
        garment: What is worn on the shoulders.
        garment_colour: Its colour.
        trouser_colour: Of the legs.
        jaw: How square the chin is, -0.1 (pointed) to 0.1.
        length: How long the face is, as a factor.
        smile: -0.3 (glum) to 1.
        beard: Whether there is one.
    """

    label: str
    worn: str
    mask: str
    mask_colour: Colour
    skin: Colour
    hair: str
    hair_colour: Colour
    scarf_colour: Colour
    hat: str
    glasses: str
    iris: Colour
    garment: str
    garment_colour: Colour
    trouser_colour: Colour
    jaw: float
    length: float
    smile: float
    beard: bool

    @property
    def shows_ears(self) -> bool:
        """Whether the ears are seen beside the face."""
        return self.hair not in _HIDES_EARS

    @property
    def face_top(self) -> float:
        """Where the face begins under hair or hat, in a head's coordinates."""
        hairline = _HAIRLINES.get(self.hair, -0.92)
        return max(hairline, _HAT_EDGES.get(self.hat, hairline))


def _pick(rng: Random, weights: Mapping[str, int]) -> str:
    """Choose a key, each as often as its weight says."""
    return rng.choices(list(weights), list(weights.values()))[0]


def random_person(rng: Random, label: str) -> Person:
    """Make up a person whose face has the class name `label`."""
    if label == WITH_MASK:
        worn = PROPER
    elif label == WORN_WRONG:
        worn = rng.choice((ON_CHIN, ON_CHIN, UNDER_NOSE))
    else:
        worn = NOT_WORN
    mask = _pick(rng, _MASKS)
    hair = _pick(rng, _HAIRSTYLES)
    skin = rng.choice(_SKINS)
    # Brown skin with fair hair is rare enough to look like a mistake in a drawing.
    hair_colours = _NATURAL_HAIR if sum(skin) > 480 else _NATURAL_HAIR[:3]
    masculine = hair in ("short", "parted", "buzz", "bald", "curly")
    return Person(
        label=label,
        worn=worn,
        mask=mask,
        mask_colour=rng.choice(_MASK_COLOURS[mask]),
        skin=mix(skin, rng.choice(_SKINS), 0.12),
        hair=hair,
        hair_colour=rng.choice(hair_colours),
        scarf_colour=rng.choice(_CLOTHES),
        hat="" if hair in ("headscarf", "afro", "bun") else _pick(rng, _HATS),
        glasses=_pick(rng, _GLASSES),
        iris=rng.choice(_IRISES if sum(skin) > 560 else _IRISES[:2]),
        garment=_pick(rng, _GARMENTS),
        garment_colour=rng.choice(_CLOTHES),
        trouser_colour=rng.choice(((44, 54, 82), (40, 40, 46), (122, 106, 84), (86, 92, 104))),
        jaw=rng.uniform(0.0, 0.1) if masculine else rng.uniform(-0.1, 0.03),
        length=rng.uniform(0.94, 1.06),
        smile=rng.uniform(-0.3, 1.0),
        beard=masculine and worn != ON_CHIN and rng.random() < 0.3,
    )


def head_outline(person: Person) -> Points:
    """Return the outline of the bald head, in its own coordinates."""
    jaw, length = person.jaw, person.length
    return smooth(
        mirrored(
            [
                (0.0, -1.34),
                (0.55, -1.22),
                (0.9, -0.78),
                (1.0, -0.12),
                (0.95, 0.38),
                (0.78 + jaw, 0.82 * length),
                (0.4 + jaw, 1.2 * length),
                (0.0, 1.32 * length),
            ]
        )
    )


def mask_outline(person: Person) -> Points:
    """Return the outline of the mask as it is worn, in the head's coordinates; empty where none is worn."""
    chin = 1.32 * person.length
    jaw = 0.4 + person.jaw
    if person.worn == NOT_WORN:
        return np.empty((0, 2))
    if person.worn == PROPER:
        bridge = -0.14 if person.mask == "cup" else -0.06
        right = [(0.0, bridge), (0.2, bridge + 0.06), (0.52, 0.08), (0.9, 0.12), (0.93, 0.3)]
        right += [(0.86, 0.74), (jaw + 0.16, chin - 0.1), (jaw - 0.1, chin + 0.07), (0.0, chin + 0.1)]
    elif person.worn == UNDER_NOSE:
        right = [(0.0, 0.44), (0.22, 0.42), (0.52, 0.34), (0.88, 0.3), (0.92, 0.44)]
        right += [(0.85, 0.8), (jaw + 0.16, chin - 0.06), (jaw - 0.1, chin + 0.14), (0.0, chin + 0.18)]
    else:
        # Pulled down: creased under the lower lip and hanging below the chin.
        right = [(0.0, 0.97), (0.3, 0.95), (0.58, 0.86), (0.84, 0.7), (0.9, 0.8)]
        right += [(0.84, 1.02), (jaw + 0.22, chin + 0.06), (jaw - 0.04, chin + 0.24), (0.0, chin + 0.28)]
    return smooth(mirrored(right))


def face_box(person: Person, frame: Frame) -> tuple[float, float, float, float]:
    """Return the box that hugs the face: hairline to chin (or to the mask below it), ear to ear.

    Args:
        person: Whose face.
        frame: Where the head lies.

    Returns:
        (left, top, right, bottom) in pixels; it may pass the picture's edge.
    """
    outline = head_outline(person)
    parts = [frame.place(outline[outline[:, 1] >= person.face_top])]
    # The curve has no point exactly at the hairline, and the forehead is widest below it.
    half = math.sqrt(max(0.0, 1 - (person.face_top / 1.34) ** 2)) * 0.9
    parts.append(frame.place([(-half, person.face_top), (0.0, person.face_top), (half, person.face_top)]))
    if person.worn != NOT_WORN:
        parts.append(frame.place_on_face(mask_outline(person)))
    if person.shows_ears:
        parts.append(frame.place([(-1.1, -0.1), (-1.1, 0.25), (1.1, -0.1), (1.1, 0.25)]))
    points = np.concatenate(parts)
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return float(left), float(top), float(right), float(bottom)
