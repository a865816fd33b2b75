"""How a drawn thing comes into a photograph: its light, its sharpness, its rim. Whole numbers throughout."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from augment.svg_raster import RgbaImage
from converters.images import RgbImage
from converters.model import Xyxy

_WELL_LIT = 130
"""Mean luminance of a face in good light, 0 to 255."""

_LEAST, _MOST = 90, 320
"""Limits of the gain of light, in 256ths."""

_HAZE = 56
"""Most of the black level of a hazy picture that a prop takes over."""

_MOST_PASSES = 12

_OWN_BLUR = 0.35
"""Variance (square pixels) of what a fine grid added up to pixels already is blurred by."""


def lit(rgba: RgbaImage, rgb: RgbImage, face: Xyxy, tone: float) -> RgbaImage:
    """A prop in the light of a face.

    The mean luminance of the face scales it (half of the way: faces are dark by themselves too), and what is
    black in it becomes as light as the darkest parts about the face.

    Args:
        rgba: The prop, premultiplied.
        rgb: The picture.
        face: The face box.
        tone: A factor more, about 1.
    """
    of_face = _luminance(_around(rgb, face, 0.0))
    mean = int(of_face.sum()) // of_face.size
    gain = (256 + 256 * mean // _WELL_LIT) // 2
    gain = min(max(int(gain * tone), _LEAST), _MOST)
    counts = np.bincount(_luminance(_around(rgb, face, 0.5)).ravel(), minlength=256).cumsum()
    black = int(np.searchsorted(counts, int(counts[-1]) // 50, side="right"))
    black = min(black * 3 // 4, _HAZE)
    alpha = rgba[:, :, 3:].astype(np.uint32)
    lifted = rgba[:, :, :3].astype(np.uint32) * (gain * (255 - black)) // (255 * 256) + alpha * black // 255
    return np.concatenate([np.minimum(lifted, alpha), alpha], axis=2).astype(np.uint8)


def sharpness_passes(rgb: RgbImage, face: Xyxy) -> int:
    """How often a prop is softened to be as blurred as the picture about a face.

    An edge blurred by a Gaussian of variance v has squared first and second differences whose sums are as
    2 v to 1; each pass of :func:`softened` adds half a square pixel.
    """
    light = _luminance(_around(rgb, face, 0.15)).astype(np.int64)
    if min(light.shape) < 4:
        return 1
    slope = bend = 0
    for lines in (light, light.T):
        twice = lines[:, 2:] - lines[:, :-2]
        curved = lines[:, 2:] - 2 * lines[:, 1:-1] + lines[:, :-2]
        slope += int((twice * twice).sum())
        bend += int((curved * curved).sum())
    variance = slope / 4 / (2 * bend) if bend else 0.0
    # No more than a small part of the face, however soft its skin.
    most = min(_MOST_PASSES, max(1, int(min(light.shape)) // 12))
    passes = int((variance - _OWN_BLUR) * 2 + 0.5)
    return min(max(passes, 0), most)


def softened(rgba: RgbaImage, passes: int) -> RgbaImage:
    """Blur by 1-2-1 along both axes, ``passes`` times; nothing lies beyond the rim."""
    if passes < 1:
        return rgba
    soft = np.pad(rgba.astype(np.uint32) << 4, ((1, 1), (1, 1), (0, 0)))
    inner = soft[1:-1, 1:-1]
    for _ in range(passes):
        rows = soft[:-2] + 2 * soft[1:-1] + soft[2:]
        inner[:] = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:] + 8) >> 4
    return np.asarray((inner + 8) >> 4, dtype=np.uint8)


def blend(rgb: RgbImage, rgba: RgbaImage) -> RgbImage:
    """Premultiplied pixels over a picture of the same size."""
    rest = 255 - rgba[:, :, 3:].astype(np.uint16)
    below = (rgb * rest + 127) // 255
    return np.asarray(np.minimum(below + rgba[:, :, :3], 255), dtype=np.uint8)


def _luminance(rgb: RgbImage) -> npt.NDArray[np.uint16]:
    weights = (77, 150, 29)  # Rec. 601 in 256ths
    channels = [rgb[:, :, i].astype(np.uint16) * weight for i, weight in enumerate(weights)]
    return np.asarray((channels[0] + channels[1] + channels[2]) >> 8, dtype=np.uint16)


def _around(rgb: RgbImage, face: Xyxy, more: float) -> RgbImage:
    """The pixels of a face box grown by ``more`` of its sides on every side; at least one."""
    height, width = rgb.shape[:2]
    wide, high = (face[2] - face[0]) * more, (face[3] - face[1]) * more
    x1 = min(max(int(face[0] - wide), 0), width - 1)
    y1 = min(max(int(face[1] - high), 0), height - 1)
    x2 = min(max(int(face[2] + wide + 0.5), x1 + 1), width)
    y2 = min(max(int(face[3] + high + 0.5), y1 + 1), height)
    return rgb[y1:y2, x1:x2]
