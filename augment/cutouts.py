"""Pixels of faces that are cut out of one picture and pasted on another.

What decides about pixels is computed from whole numbers and rounded to steps, so that the last bit of a
floating-point sum, which is not the same on all machines, never shows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from augment.combining import resampled
from augment.functional import gaussian_blur
from converters.faces import cutout
from converters.geometry import FloatArray
from converters.images import RgbImage
from converters.model import Xyxy

Grey = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.uint8]

SIGMAS = (0.0, 0.4, 0.55, 0.7, 0.85, 1.0, 1.25, 1.5, 1.8, 2.2)
"""Blurs that are tried, in pixels, until a face is no sharper than those around it."""

FULL_SIZE = 24
"""Pixels; sharpness is that of a face with this longer side (larger ones are made smaller first)."""

_FEATHER = 0.34
"""The part of a cut-out's radius over which it fades."""
_RING = 1.7
_INNER, _OUTER = 0.62, 0.82
"""Within the first part of the radius a pixel is the face's; beyond the second its colour decides."""
_ALIKE, _UNLIKE = 14, 30
"""Levels: so near to what is behind is taken for it; and so much more is certainly not."""
_FAINT = 16.0
"""Levels; a face of less contrast can hardly be seen, and counts as blurred."""
_STEPS = 1024
_MOST, _LEAST, _MAX_CAST, _MAX_CONTRAST = 1.9, 0.35, 1.15, 1.3


@dataclass(frozen=True)
class Match:
    """How closely a pasted face follows the picture it comes to, each 0 (not at all) to 1.

    Attributes:
        light: Brightness and colour of the light.
        contrast: Spread of the brightness.
        sharpness: 0 or 1: whether a face sharper than the others is blurred.
    """

    light: float = 0.7
    contrast: float = 0.5
    sharpness: float = 1.0


def sharpness(rgb: RgbImage, xyxy: Xyxy, full_size: int = FULL_SIZE) -> float:
    """How sharp a face is, whatever its size and contrast.

    The spread of its Laplacian (Pech-Pacheco et al. 2000) over the spread of its brightness, at
    ``full_size`` pixels or its own size where that is smaller. On the faces of real sets about 0.3 to 0.5
    where they are plainly blurred, around 0.9 at the median.

    Args:
        rgb: The picture.
        xyxy: The face's box in it.
        full_size: Longer side in pixels to which larger faces are reduced; 0: none is.

    Returns:
        0 or more; 0 for a box of less than three pixels a side.
    """
    import cv2

    x1, y1 = max(0, math.floor(xyxy[0])), max(0, math.floor(xyxy[1]))
    face = rgb[y1 : math.ceil(xyxy[3]), x1 : math.ceil(xyxy[2])]
    if min(face.shape[:2]) < 3:
        return 0.0
    grey = np.asarray(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    longer = max(grey.shape)
    if full_size and longer > full_size:
        height, width = (max(3, round(side * full_size / longer)) for side in grey.shape)
        grey = np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    edges = np.asarray(cv2.Laplacian(grey, cv2.CV_16S), dtype=np.int64)[1:-1, 1:-1]
    return _spread(edges) / max(_spread(grey), _FAINT)


def paste_face(
    rgb: RgbImage,
    donor: RgbImage,
    source: Xyxy,
    target: Xyxy,
    *,
    flip: bool = False,
    peers: Sequence[Xyxy] = (),
    match: Match = Match(),
) -> RgbImage:
    """A picture with a face of another one pasted on it; neither input is changed.

    Args:
        rgb: The picture.
        donor: The other picture.
        source: The face's box there.
        target: Its box here, of the same aspect.
        flip: Whether it is mirrored.
        peers: Faces of the picture that it should look like, in light and sharpness.
        match: How closely.
    """
    height, width = rgb.shape[:2]
    area = _around(cutout(np.array([target]))[0], (width, height))
    x1, y1, x2, y2 = area
    patch = _warped(donor, source, target, area, flip)
    ground = rgb[y1:y2, x1:x2]
    distance = _distance(target, area)
    inside = distance <= 1.0
    faces = [face for face in (_pixels(rgb, peer) for peer in peers) if face is not None]
    own = _pixels(patch, (target[0] - x1, target[1] - y1, target[2] - x1, target[3] - y1))
    ring = (distance > 1.0) & (distance <= _RING)
    own_part = _own_part(patch, distance)
    patch = _lit(patch, patch[inside], patch[ring], ground[ring], faces, match)
    if match.sharpness and own is not None and peers:
        local = (target[0] - x1, target[1] - y1, target[2] - x1, target[3] - y1)
        patch = _softened(patch, local, _median([sharpness(rgb, peer, 0) for peer in peers]))
    alpha = _alpha(distance, donor.shape[:2], source, target, area, flip)
    made = rgb.copy()
    made[y1:y2, x1:x2] = _blended(ground, patch, _product(alpha, own_part))
    return made


def _around(ellipse: FloatArray, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The whole pixels around a cut-out and its surroundings, within the picture."""
    x1, y1, x2, y2 = ellipse.tolist()
    right, down = (x2 - x1) / 2 * (_RING - 1), (y2 - y1) / 2 * (_RING - 1)
    return (
        max(0, math.floor(x1 - right)),
        max(0, math.floor(y1 - down)),
        min(size[0], math.ceil(x2 + right)),
        min(size[1], math.ceil(y2 + down)),
    )


def _warped(
    donor: RgbImage, source: Xyxy, target: Xyxy, area: tuple[int, int, int, int], flip: bool
) -> RgbImage:
    """The other picture where and as large as it is pasted, within an area of the picture."""
    scale = (target[2] - target[0]) / (source[2] - source[0])
    left = source[0]
    if flip:
        donor, left = donor[:, ::-1], donor.shape[1] - source[2]
    across, down = target[0] - area[0] - scale * left, target[1] - area[1] - scale * source[1]
    # One scale for both axes: places are rounded, so the other differs in the fourth digit.
    matrix = np.array([[scale, 0.0, across], [0.0, scale, down]])
    return resampled(np.ascontiguousarray(donor), matrix, (area[2] - area[0], area[3] - area[1]))


def _distance(target: Xyxy, area: tuple[int, int, int, int]) -> FloatArray:
    """How far each pixel of an area is from the cut-out's centre; 1 on the ellipse."""
    x1, y1, x2, y2 = cutout(np.array([target]))[0].tolist()
    x = (np.arange(area[0], area[2]) + 0.5 - (x1 + x2) / 2) / ((x2 - x1) / 2)
    y = (np.arange(area[1], area[3]) + 0.5 - (y1 + y2) / 2) / ((y2 - y1) / 2)
    return np.asarray(np.sqrt(x[None, :] ** 2 + y[:, None] ** 2))


def _alpha(
    distance: FloatArray,
    donor: tuple[int, ...],
    source: Xyxy,
    target: Xyxy,
    area: tuple[int, int, int, int],
    flip: bool,
) -> Mask:
    """What of each pixel is the face's, 0 to 255: one inside, fading to nothing at the ellipse."""
    part = np.clip((1.0 - distance) / _FEATHER, 0.0, 1.0)
    # Where the other picture ends there is nothing to paste: fade towards that edge too.
    scale = (target[2] - target[0]) / (source[2] - source[0])
    height, width = donor[:2]
    before, behind = source[0] * scale, (width - source[2]) * scale
    if flip:
        before, behind = behind, before
    x = np.arange(area[0], area[2]) + 0.5
    y = np.arange(area[1], area[3]) + 0.5
    soft = max(1.0, 0.06 * (target[3] - target[1]))
    to_side = np.minimum(x - (target[0] - before), target[2] + behind - x)
    to_end = np.minimum(y - (target[1] - source[1] * scale), target[3] + (height - source[3]) * scale - y)
    edge = np.clip(np.minimum(to_side[None, :], to_end[:, None]) / soft, 0.0, 1.0)
    part = np.minimum(part, edge)
    smooth = part * part * (3.0 - 2.0 * part)
    return np.asarray(np.floor(smooth * 255.0 + 0.5), dtype=np.uint8)


def _own_part(patch: RgbImage, distance: FloatArray) -> Mask:
    """What of each pixel of a cut-out is the person's and not what stood behind, 0 to 255.

    Behind is what lies around the ellipse: carried inwards as the mean of what is near, it looks unlike hair
    and cheeks and like itself. The middle is the face's in any case.
    """
    import cv2

    behind = (distance > 1.0).astype(np.uint8)
    reach = 2 * max(2, round(0.3 * min(patch.shape[:2]))) + 1
    count = _box_sum(behind, reach)
    total = _box_sum(patch * behind[:, :, None], reach)
    mean = total // np.maximum(count, 1)[:, :, None]
    unlike = np.abs(patch.astype(np.int64) - mean).max(axis=2)
    unlike[count == 0] = 255
    part = np.clip((unlike - _ALIKE) * 255 // _UNLIKE, 0, 255).astype(np.uint8)
    part = np.asarray(cv2.blur(part, (3, 3)), dtype=np.uint8)
    sure = np.clip((_OUTER - distance) / (_OUTER - _INNER), 0.0, 1.0)
    middle = np.floor(sure * 255.0 + 0.5).astype(np.uint8)
    return np.asarray(np.maximum(part, middle), dtype=np.uint8)


def _box_sum(values: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.int64]:
    """Sums over squares, in whole numbers."""
    import cv2

    sums = cv2.boxFilter(values, cv2.CV_32S, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(sums, dtype=np.int64)


def _product(one: Mask, other: Mask) -> Mask:
    return ((one.astype(np.uint32) * other + 127) // 255).astype(np.uint8)


def _blended(ground: RgbImage, patch: RgbImage, alpha: Mask) -> RgbImage:
    weight = alpha[:, :, None].astype(np.uint32)
    mixed = (patch.astype(np.uint32) * weight + ground.astype(np.uint32) * (255 - weight) + 127) // 255
    return mixed.astype(np.uint8)


def _lit(
    patch: RgbImage,
    face: RgbImage,
    ring: RgbImage,
    ground: RgbImage,
    faces: Sequence[RgbImage],
    match: Match,
) -> RgbImage:
    """The patch in the light of the picture it comes to.

    In linear light, by channel: what faces and surroundings there have more or less than the patch's own.
    Faces count three times as much as surroundings, where there are any; both are limited.
    """
    if not len(ring) or not len(ground) or not len(face):
        return patch
    around = np.log(_linear_mean(ground) / _linear_mean(ring))
    wanted = 0.5 * around
    if faces:
        among = np.median([np.log(_linear_mean(peer)) for peer in faces], axis=0)
        wanted = 0.75 * (among - np.log(_linear_mean(face))) + 0.25 * around
    wanted = wanted * match.light
    all_over = float(wanted @ _LUMA)
    cast = np.clip(0.6 * (wanted - all_over), -math.log(_MAX_CAST), math.log(_MAX_CAST))
    all_over = min(max(all_over, math.log(_LEAST)), math.log(_MOST))
    gains = np.rint(np.exp(all_over + cast) * _STEPS) / _STEPS
    ratio = 1.0
    if faces and match.contrast:
        target = _median([_spread(_grey(peer)) / max(1.0, float(_grey(peer).mean())) for peer in faces])
        own = _spread(_grey(face)) / max(1.0, float(_grey(face).mean()))
        ratio = (max(target, 0.05) / max(own, 0.05)) ** match.contrast
        ratio = round(min(max(ratio, 1 / _MAX_CONTRAST), _MAX_CONTRAST) * _STEPS) / _STEPS
    import cv2

    table = np.stack([_table(float(gain)) for gain in gains], axis=1)
    if ratio != 1:
        middle = int(np.rint(table[np.rint(face.mean(axis=0)).astype(int), np.arange(3)].mean()))
        table = np.rint(np.clip(middle + (table.astype(float) - middle) * ratio, 0, 255)).astype(np.uint8)
    return np.asarray(cv2.LUT(patch, np.ascontiguousarray(table[None])), dtype=np.uint8)


def _softened(patch: RgbImage, face: Xyxy, wanted: float) -> RgbImage:
    """The patch, blurred until its face is no sharper than ``wanted``."""
    best = patch
    for sigma in SIGMAS:
        best = gaussian_blur(patch, sigma)
        if sharpness(best, face, 0) <= 1.1 * wanted:
            break
    return best


def _pixels(rgb: RgbImage, xyxy: Xyxy) -> RgbImage | None:
    """The pixels in the ellipse of a box, shape (N, 3); None for hardly any."""
    x1, y1 = max(0, math.floor(xyxy[0])), max(0, math.floor(xyxy[1]))
    part = rgb[y1 : math.ceil(xyxy[3]), x1 : math.ceil(xyxy[2])]
    if min(part.shape[:2]) < 4:
        return None
    y, x = np.mgrid[: part.shape[0], : part.shape[1]]
    height, width = part.shape[:2]
    round_one = ((x + 0.5) / width * 2 - 1) ** 2 + ((y + 0.5) / height * 2 - 1) ** 2 <= 1
    return np.asarray(part[round_one])


_LUMA = np.array([0.2126, 0.7152, 0.0722])
_DISPLAY = np.arange(256) / 255.0
_LINEAR = np.where(_DISPLAY <= 0.04045, _DISPLAY / 12.92, ((_DISPLAY + 0.055) / 1.055) ** 2.4)
_LINEAR_STEPS = np.rint(_LINEAR * 65535).astype(np.int64)


def _linear_mean(pixels: RgbImage) -> FloatArray:
    """Mean light of each channel, shape (3,), a little above 0."""
    total = _LINEAR_STEPS[pixels].sum(axis=0)
    return np.asarray(total / (65535.0 * len(pixels)) + 0.002)


def _table(gain: float) -> npt.NDArray[np.uint8]:
    """Look-up table that multiplies light; more of it brings nothing beyond white, which stays white."""
    light = _LINEAR * gain if gain <= 1 else 1.0 - (1.0 - _LINEAR) ** gain
    back = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(np.clip(back, 0.0, 1.0) * 255.0).astype(np.uint8)


def _grey(pixels: RgbImage) -> npt.NDArray[np.int64]:
    """Brightness in whole numbers."""
    values = pixels.astype(np.int64)
    return (77 * values[..., 0] + 150 * values[..., 1] + 29 * values[..., 2]) >> 8


def _spread(values: npt.NDArray[np.integer]) -> float:
    """Standard deviation, from sums of whole numbers."""
    whole = values.astype(np.int64).ravel()
    count, total, squares = whole.size, int(whole.sum()), int((whole * whole).sum())
    return math.sqrt(max(0, count * squares - total * total)) / max(1, count)


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else 0.0
