"""Any augmenter of imgaug, by its name in a policy: ``imgaug.Fog``, ``imgaug.MotionBlur``, ….

imgaug comes with the extra ``[imgaug]`` (the distribution *imaug*, imported as ``imgaug``) and is imported
only when a policy names one of its augmenters. A copy keeps one drawn seed; the augmenter is built and seeded
from it anew for the boxes and for the pixels, so that both agree in every process.

imgaug moves points. A box follows by points of its outline (see :data:`OUTLINE`), and is clipped and dropped
by the rules of :mod:`augment.recipe`, not by imgaug's.
"""

from __future__ import annotations

import difflib
import inspect
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar

import numpy as np

from augment.functional import BoxRule
from augment.transforms import ForeignTransform, Params, Range, Scene, Transform, draw_seed
from converters.errors import ImageError, UsageError
from converters.geometry import FloatArray
from converters.images import RgbImage

PREFIX = "imgaug."
"""What the names of these operations begin with in a policy."""

OUTLINE = 32
"""Points of a box's inscribed ellipse that are followed: its box is right to half a percent of its side."""

_SAME = 1e-2
"""Pixels; imgaug computes with 32 bits, and what it moves by less was not moved."""

_OWN_KEYS = frozenset({"seed", "name", "random_state", "deterministic"})
"""Arguments of every augmenter that are not a policy's business."""

_NESTED = "holds other augmenters; name those themselves, and give each a probability under also:"
_LABELS = "changes labels only; min_visible says which boxes stay"
_NOTHING = "changes nothing"
_REFUSED: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "BlendAlpha",
            "BlendAlphaCheckerboard",
            "BlendAlphaElementwise",
            "BlendAlphaFrequencyNoise",
            "BlendAlphaHorizontalLinearGradient",
            "BlendAlphaMask",
            "BlendAlphaRegularGrid",
            "BlendAlphaSimplexNoise",
            "BlendAlphaSomeColors",
            "BlendAlphaVerticalLinearGradient",
            "KeepSizeByResize",
            "OneOf",
            "Sequential",
            "SomeOf",
            "Sometimes",
            "WithBrightnessChannels",
            "WithChannels",
            "WithColorspace",
            "WithHueAndSaturation",
            "WithPolarWarping",
        ),
        _NESTED,
    ),
    "BlendAlphaBoundingBoxes": "needs the labels beside the picture, and other augmenters",
    "BlendAlphaSegMapClassIds": "needs a segmentation map beside the picture",
    "Lambda": "needs a function, which a policy cannot hold",
    "AssertLambda": "needs a function, which a policy cannot hold",
    "AssertShape": "only checks pictures",
    "SaveDebugImageEveryNBatches": "writes files of its own",
    "ClipCBAsToImagePlanes": _LABELS,
    "RemoveCBAsByOutOfImageFraction": _LABELS,
    "Identity": _NOTHING,
    "Noop": _NOTHING,
    "Augmenter": "is what augmenters are made from, and none itself",
    "Voronoi": "needs an object that samples points; UniformVoronoi and RegularGridVoronoi do not",
    "Jigsaw": "cuts faces into pieces that lie apart, and no box can follow them",
    "TotalDropout": "makes the whole picture black, and its labels would be wrong",
    "RandAugment": "moves pixels and cannot move boxes; name what it draws from, and imgaug.Affine",
    "pillike.Affine": "moves pixels and cannot move boxes; imgaug.Affine can",
    "imgcorruptlike.ElasticTransform": "moves pixels and cannot move boxes; imgaug.ElasticTransformation can",
}
"""Augmenters that a policy cannot use, and why."""

_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What imgaug raises for settings or pictures that it cannot work with: mostly assertions."""


@dataclass(frozen=True)
class ImgaugTransform(ForeignTransform):
    """One augmenter of imgaug.

    Attributes:
        augmenter: Its name in ``imgaug.augmenters`` (``Fog``, ``pillike.Autocontrast``).
        settings: Its keyword arguments as they stand in the policy; see :func:`argument`.
    """

    name: ClassVar[str] = "imgaug"
    title: ClassVar[str] = "of imgaug"
    limits: ClassVar[Mapping[str, Range]] = {}
    augmenter: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        """Take the augmenter's name as the operation's, and check the settings."""
        object.__setattr__(self, "name", f"{PREFIX}{self.augmenter}")
        super().__post_init__()

    @classmethod
    def from_settings(
        cls, name: str, entry: Mapping[str, Any], where: str, setting: Callable[[Any, Any, str], Any]
    ) -> Transform:
        """An augmenter from its settings in a policy; they are imgaug's keyword arguments.

        Raises:
            UsageError: imgaug is not installed, there is no such augmenter, it cannot be used in a policy, or
                a setting is wrong. It names the key.
        """
        del setting
        if "minimum" in entry:
            raise UsageError(f"{where}.minimum: no such key; the strengths are imgaug's own arguments.")
        try:
            return cls(augmenter=name.removeprefix(PREFIX), settings=dict(entry))
        except UsageError as error:
            raise UsageError(where.removesuffix(name) + error.message, hint=error.hint) from error

    def check(self) -> None:
        """Build the augmenter and try it on a small picture.

        Raises:
            UsageError: See :meth:`from_settings`.
        """
        kind = _kind(self.augmenter)
        known = {key: one for key, one in inspect.signature(kind).parameters.items() if key not in _OWN_KEYS}
        for key, value in self.settings.items():
            if key not in known:
                raise UsageError(f"{self.name}.{key}: no such key; there are {', '.join(known) or 'none'}.")
            argument(value, f"{self.name}.{key}")
        for key, one in known.items():
            if one.default is one.empty and key not in self.settings:
                raise UsageError(f"{self.name}.{key}: must be given; imgaug has no default for it.")
        try:
            self._try()
        except ImageError as error:
            raise UsageError(f"{self.name}: {error.message}", hint=error.hint) from error

    def as_dict(self) -> dict[str, Any]:
        """The settings as they stand in the policy."""
        return dict(self.settings)

    def get_params(self, rng: np.random.Generator, scene: Scene) -> Params:
        """Draw ``seed``: everything else is drawn from it by imgaug."""
        del scene
        return {"seed": draw_seed(rng)}

    def place(
        self, params: Params, size: tuple[int, int], xyxy: FloatArray, rule: BoxRule
    ) -> tuple[FloatArray, tuple[int, int]]:
        """Where the boxes go, by points of their outlines.

        Raises:
            ImageError: imgaug cannot do it to a picture of this size.
        """
        points = _outlines(xyxy, rule)
        moved, new_size = self._points(params, size, points.reshape(-1, 2))
        if new_size == size and np.abs(moved - points.reshape(-1, 2)).max(initial=0.0) < _SAME:
            return xyxy, size
        outlines = moved.reshape(points.shape)
        return np.concatenate([outlines.min(axis=1), outlines.max(axis=1)], axis=1), new_size

    def apply(self, rgb: RgbImage, params: Params) -> RgbImage:
        """The picture after it; the input stays as it is.

        Raises:
            ImageError: imgaug cannot do it to this picture, or what comes out is no RGB picture.
        """
        try:
            made = np.asarray(self._seeded(params).augment_image(rgb.copy()))
        except _ERRORS as error:
            raise self._refusal(error) from error
        if made.dtype != np.uint8 or made.ndim != 3 or made.shape[2] != 3 or not made.size:
            raise ImageError(f"gives a picture of shape {made.shape}, {made.dtype}, which is not RGB.")
        return np.ascontiguousarray(made)

    def _points(
        self, params: Params, size: tuple[int, int], points: FloatArray
    ) -> tuple[FloatArray, tuple[int, int]]:
        """Where points (shape (N, 2)) go, and the new (width, height)."""
        from imgaug.augmentables import KeypointsOnImage

        # At least one point: imgaug answers an empty list with the size that went in.
        known = np.concatenate([points, [[size[0] / 2, size[1] / 2]]])
        given = KeypointsOnImage.from_xy_array(known, shape=(size[1], size[0], 3))
        try:
            moved = self._seeded(params).augment_keypoints(given)
        except _ERRORS as error:
            raise self._refusal(error) from error
        height, width = moved.shape[:2]
        return np.asarray(moved.to_xy_array(), dtype=np.float64)[:-1], (int(width), int(height))

    def _seeded(self, params: Params) -> Any:
        """The augmenter with its random numbers fixed: whatever it is given it does the same to."""
        built = _kind(self.augmenter)(**{key: argument(one) for key, one in self.settings.items()})
        built.seed_(params["seed"])  # its children too, which the argument `seed` does not reach
        return built.to_deterministic()

    def _try(self) -> None:
        rgb: RgbImage = (np.arange(96 * 128 * 3, dtype=np.int64) * 7919 % 256).astype(np.uint8)
        rgb = rgb.reshape(96, 128, 3)
        made = self.apply(rgb, {"seed": 1})
        _, size = self.place({"seed": 1}, (128, 96), np.array([[30.0, 20.0, 60.0, 50.0]]), "corners")
        if size != (made.shape[1], made.shape[0]):
            raise ImageError("gives the picture another size than its boxes, so it cannot be used.")

    def _refusal(self, error: Exception) -> ImageError:
        said = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
        return ImageError(
            f"imgaug says: {said}.", code="imgaug", hint=f"Look at the settings of {self.name}."
        )


def argument(value: Any, where: str = "") -> Any:
    """The argument that imgaug gets for a value of a policy.

    A number, a word, true, false and null are themselves. A list of two numbers is a range, of which imgaug
    draws (a tuple for it); any other list holds choices; ``{choice: [3, 7]}`` is a list of choices too,
    and ``{tuple: [...]}`` a tuple of any length. Any other mapping is a mapping, each of its values by these
    rules.

    Args:
        value: From YAML or JSON.
        where: Path of its key, for messages.

    Raises:
        UsageError: It is something else (a date).
    """
    if (
        value is None
        or isinstance(value, bool | int | str)
        or (isinstance(value, float) and math.isfinite(value))
    ):
        return value
    if isinstance(value, Mapping):
        if set(value) in ({"choice"}, {"tuple"}):
            ((key, entries),) = value.items()
            if not isinstance(entries, list | tuple):
                raise UsageError(f"{where}: {key} needs a list, not {entries!r}.")
            several = [argument(one, where) for one in entries]
            return several if key == "choice" else tuple(several)
        return {str(key): argument(one, where) for key, one in value.items()}
    if isinstance(value, list | tuple):
        several = [argument(one, where) for one in value]
        is_range = len(several) == 2 and all(_is_number(one) for one in several)
        return tuple(several) if is_range else several
    raise UsageError(f"{where}: {value!r} is none of number, word, true, false, null, list and mapping.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@lru_cache(maxsize=1)
def _library() -> Any:
    """``imgaug.augmenters``.

    Raises:
        UsageError: It is not installed, or it is another fork.
    """
    try:
        version("imaug")
        import imgaug.augmenters as library

        warnings.filterwarnings("ignore", module=r"imgaug\.")  # what it says to its own developers
    except (PackageNotFoundError, ImportError, AttributeError) as error:
        raise UsageError(
            "operations of imgaug need the library imaug, which is not installed.",
            hint="Install it: pip install 'mask-annotator[imgaug]'",
        ) from error
    return library


@cache
def _kind(name: str) -> Any:
    """The augmenter's class.

    Raises:
        UsageError: There is none of this name, or it cannot be used.
    """
    if name in _REFUSED:
        raise UsageError(f"{PREFIX}{name}: {_REFUSED[name]}.")
    kinds = _kinds()
    if name not in kinds:
        close = difflib.get_close_matches(
            name, [one for one in kinds if one not in _REFUSED], n=3, cutoff=0.5
        )
        near = f" Did you mean {' or '.join(PREFIX + one for one in close)}?" if close else ""
        raise UsageError(f"{PREFIX}{name}: imgaug has no such augmenter.{near}")
    return kinds[name]


@lru_cache(maxsize=1)
def _kinds() -> dict[str, Any]:
    """Every augmenter by its name."""
    library = _library()
    found: dict[str, Any] = {}
    for prefix, module in (
        ("", library),
        ("pillike.", library.pillike),
        ("imgcorruptlike.", library.imgcorruptlike),
    ):
        for name, kind in vars(module).items():
            own = not prefix or getattr(kind, "__module__", "") == module.__name__
            is_kind = inspect.isclass(kind) and issubclass(kind, library.Augmenter)
            if own and is_kind and not name.startswith("_"):
                found[prefix + name] = kind
    return found


def _outlines(xyxy: FloatArray, rule: BoxRule) -> FloatArray:
    """Points around each box, shape (N, K, 2): of its inscribed ellipse, or its corners."""
    centre, half = (xyxy[:, :2] + xyxy[:, 2:]) / 2, (xyxy[:, 2:] - xyxy[:, :2]) / 2
    if rule == "corners":
        around = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    else:
        angles = np.arange(OUTLINE) * (2 * np.pi / OUTLINE)
        around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points: FloatArray = centre[:, None] + half[:, None] * around
    return points
