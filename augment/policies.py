"""Policies that come with the program, by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

from augment.operations import TRANSFORMS
from augment.operations.colour import Blur, Contrast, Exposure, Hue, Saturation
from augment.operations.erasing import Cutout, GridMask, HideAndSeek, RandomErase
from augment.operations.geometry import Crop, Flip, Rotation, Scale, Shear, Translate
from augment.operations.props import Props
from augment.operations.sensor import Jpeg, LowLight, MotionBlur, Noise
from augment.policy import STUDY, Chance, Policy
from converters.errors import UsageError

ROBUST = dataclasses.replace(
    STUDY,
    operations=(*STUDY.operations, Noise(), Jpeg(), MotionBlur(), LowLight()),
    also=(Chance(Flip(), 0.5),),
)
"""The study's five and bad cameras: noise, JPEG, shake, dark places. Every second copy is a mirror image."""

RARE = Policy(
    operations=(
        Blur(sigma_range=(0.0, 1.2)),
        Exposure(change_range=(-0.4, 0.6)),
        Contrast(change_range=(-0.3, 0.3)),
        Saturation(change_range=(-0.4, 0.4)),
        Hue(angle_range=(-12.0, 12.0)),
        Rotation(angle_range=(-20.0, 20.0)),
        Shear(horizontal_range=(-8.0, 8.0), vertical_range=(-8.0, 8.0)),
        Crop(),
        Scale(factor_range=(0.8, 1.25)),
        Noise(sigma_range=(2.0, 8.0)),
    ),
    operations_per_copy=3,
    also=(Chance(Flip(), 0.5),),
)
"""For many copies of few pictures: three mild operations of ten, so that copies differ and stay likely."""

OCCLUSION = Policy(
    operations=(Props(), Cutout(), RandomErase(), HideAndSeek(), GridMask()),
    operations_per_copy=1,
    also=(Chance(Flip(), 0.5), Chance(Exposure(), 0.5), Chance(Rotation(angle_range=(-15.0, 15.0)), 0.5)),
)
"""Something is hidden in every copy: behind glasses, hats, hands and scarves, squares, a grid."""

NIGHT = Policy(
    operations=(Noise(), Jpeg(), MotionBlur(), Saturation(change_range=(-0.8, -0.2))),
    operations_per_copy=1,
    also=(Chance(LowLight()), Chance(Flip(), 0.5)),
)
"""Every copy is a dark place, taken by one more weakness of a cheap camera."""

GEOMETRY = Policy(
    operations=(
        Rotation(angle_range=(-30.0, 30.0)),
        Shear(),
        Flip(),
        Crop(),
        Scale(),
        Translate(),
    ),
    operations_per_copy=2,
)
"""Things move and colours stay."""

EVERYTHING = Policy(operations=tuple(kind() for kind in TRANSFORMS.values()), operations_per_copy=3)
"""Three of all operations: to look at, not to train on."""

POLICIES: Mapping[str, Policy] = MappingProxyType(
    {
        "study": STUDY,
        "robust": ROBUST,
        "rare": RARE,
        "occlusion": OCCLUSION,
        "night": NIGHT,
        "geometry": GEOMETRY,
        "everything": EVERYTHING,
    }
)
"""By the names that ``augment-cli --policy`` takes."""

ABOUT: Mapping[str, str] = MappingProxyType(
    {
        "study": "two of blur, exposure, brightness, rotation, shear (the default)",
        "robust": "the study's, noise, JPEG, shake and dark places; every second copy mirrored",
        "rare": "three mild ones of ten, for many copies of few pictures",
        "occlusion": "parts of every copy are hidden",
        "night": "every copy is a dark place",
        "geometry": "things move, colours stay",
        "everything": "three of all operations, to look at",
    }
)
"""What each is for, in a line."""


def policy_named(name: str) -> Policy:
    """The policy of this name.

    Raises:
        UsageError: There is none.
    """
    try:
        return POLICIES[name]
    except KeyError:
        raise UsageError(
            f"no policy is called {name!r}; there are {', '.join(POLICIES)}.",
            hint="Give one of these names, or a YAML file that ends in .yaml or .json.",
        ) from None
