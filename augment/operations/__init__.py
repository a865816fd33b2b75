"""All operations, by the names they have in a policy."""

from __future__ import annotations

from augment.operations.colour import Blur, Brightness, Exposure
from augment.operations.geometry import Rotation, Shear
from augment.transforms import Transform
from converters.errors import UsageError

TRANSFORMS: dict[str, type[Transform]] = {
    kind.name: kind for kind in (Blur, Exposure, Brightness, Rotation, Shear)
}
"""Every operation by its name, in the order in which a policy lists them: the study's five first."""


def kind_named(name: str) -> type[Transform]:
    """The operation of this name.

    Raises:
        UsageError: There is none.
    """
    try:
        return TRANSFORMS[name]
    except KeyError:
        raise UsageError(f"{name}: no such key; there are {', '.join(TRANSFORMS)}.") from None
