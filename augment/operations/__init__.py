"""All operations, by the names they have in a policy."""

from __future__ import annotations

from augment.operations.colour import Blur, Brightness, Contrast, Exposure, Hue, Saturation
from augment.operations.erasing import Cutout, GridMask, HideAndSeek, RandomErase
from augment.operations.geometry import Crop, Flip, Rotation, Scale, Shear, Translate
from augment.operations.imgaug_adapter import PREFIX, ImgaugTransform
from augment.operations.mixing import CutMix, Mixup, Mosaic
from augment.operations.pasting import CopyPaste
from augment.operations.props import Props
from augment.operations.sensor import Jpeg, LowLight, MotionBlur, Noise
from augment.transforms import Transform
from converters.errors import UsageError

_KINDS: tuple[type[Transform], ...] = (
    Blur,
    Exposure,
    Brightness,
    Rotation,
    Shear,
    Contrast,
    Saturation,
    Hue,
    Flip,
    Crop,
    Scale,
    Translate,
    MotionBlur,
    LowLight,
    Noise,
    Jpeg,
    Cutout,
    RandomErase,
    HideAndSeek,
    GridMask,
    Mosaic,
    Mixup,
    CutMix,
    CopyPaste,
    Props,
)

TRANSFORMS: dict[str, type[Transform]] = {kind.name: kind for kind in _KINDS}
"""Every operation by its name, in the order in which a policy lists them: the study's five first."""


def kind_named(name: str) -> type[Transform]:
    """The operation of this name.

    Raises:
        UsageError: There is none.
    """
    if name.startswith(PREFIX):
        return ImgaugTransform
    try:
        return TRANSFORMS[name]
    except KeyError:
        raise UsageError(
            f"{name}: no such key; there are {', '.join(TRANSFORMS)}, and {PREFIX}NAME for those of imgaug."
        ) from None
