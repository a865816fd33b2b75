"""Pure functions on what light, lens, sensor and file do to a picture (height, width, 3, uint8 RGB).

None changes its input and none draws a random number: noise is a function of a seed, computed with integers
from the raw stream of PCG64, which NumPy guarantees. Where OpenCV counts in floats, the numbers are chosen so
that every sum is exact. So the pixels are the same on all machines.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from augment.functional import Table
from converters.errors import ImageError
from converters.geometry import FloatArray
from converters.images import RgbImage

MID_GREY = 127.5
"""The middle of what is displayed; contrast leaves it where it is."""

_BAND = 1 << 16
"""Pixels that are worked on at once: they stay in the processor's cache, and large pictures need no more."""

_SAMPLE_SPREAD = math.sqrt(4 * (256**2 - 1) / 12)
"""Standard deviation of the sum of four evenly distributed bytes."""

_SAMPLE_MEAN = 510

_NOISE_BITS = 12
_COLOUR_STEPS = 1024
_KERNEL_STEPS = 1024


def contrast_table(change: float) -> Table:
    """Look-up table that moves values away from mid-grey (127.5), or to it.

    A constant, not the picture's mean: the same change then means the same for every picture.

    Args:
        change: Fraction of the distance added or taken, from -1 (all grey).

    Returns:
        256 values, uint8.
    """
    moved = MID_GREY + (np.arange(256) - MID_GREY) * (1.0 + change)
    table: Table = np.clip(np.rint(moved), 0, 255).astype(np.uint8)
    return table


def saturation_matrix(change: float) -> FloatArray:
    """The 3 × 3 matrix on RGB that makes colours stronger or weaker; greys and luma stay.

    Source: ``saturate()`` of W3C Filter Effects Module Level 1, in exact form: each sample's distance from
    luma (ITU-R BT.709) is multiplied.

    Args:
        change: Fraction added or taken, from -1 (greys only).
    """
    return _LUMA + (1.0 + change) * (np.eye(3) - _LUMA)


def hue_matrix(degrees: float) -> FloatArray:
    """The 3 × 3 matrix on RGB that turns colours about the grey axis; greys and luma stay.

    Source: ``hue-rotate()`` of W3C Filter Effects Module Level 1. Unlike a turn in 8-bit HSV it has no steps
    in hue, and dark or nearly grey pixels keep theirs.

    Args:
        degrees: From red to yellow for a positive angle.
    """
    angle = math.radians(degrees)
    return _LUMA + math.cos(angle) * (np.eye(3) - _LUMA) + math.sin(angle) * _HUE_SINE


def apply_colour_matrix(rgb: RgbImage, matrix: FloatArray) -> RgbImage:
    """Replace every pixel by a mixture of its three samples.

    Args:
        rgb: The picture.
        matrix: 3 × 3 with rows that add up to 1: greys stay grey to the last bit.
    """
    import cv2

    # In steps of 1/1024 every product and sum is exact in a float, in whatever order it is computed.
    steps = np.rint(matrix * _COLOUR_STEPS)
    steps[range(3), range(3)] += _COLOUR_STEPS - steps.sum(axis=1)
    exact = (steps / _COLOUR_STEPS).astype(np.float32)

    def mixed(band: RgbImage) -> RgbImage:
        return _to_samples(np.asarray(cv2.transform(band.astype(np.float32), exact), dtype=np.float32))

    return _in_bands(rgb, mixed)


def add_noise(rgb: RgbImage, sigma: float, *, seed: int, colour: bool) -> RgbImage:
    """Add nearly Gaussian noise (a sum of four evenly distributed bytes, no farther out than 3.5 sigma).

    Args:
        rgb: The picture.
        sigma: Standard deviation in levels of 255.
        seed: Of the noise.
        colour: Each sample has noise of its own; else all three of a pixel have the same.
    """
    import cv2

    offsets = np.rint((np.arange(2 * _SAMPLE_MEAN + 1) - _SAMPLE_MEAN) * (sigma / _SAMPLE_SPREAD))
    table = offsets.astype(np.int16)
    stream = np.random.PCG64(seed)

    def noisy(band: RgbImage) -> RgbImage:
        height, width = band.shape[:2]
        if colour:
            noise = table[_bell_samples(stream, band.size)].reshape(band.shape)
        else:
            one = table[_bell_samples(stream, height * width)].reshape(height, width)
            noise = np.asarray(cv2.merge([one, one, one]))
        return np.asarray(cv2.add(band, noise, dtype=cv2.CV_8U), dtype=np.uint8)

    return _in_bands(rgb, noisy)


def low_light_table(light: float, gamma: float) -> Table:
    """Look-up table of a dark place: less light, and shadows that close.

    sRGB to linear light, times ``light``, back to sRGB, then a power curve on what is displayed relative to
    the new white: highlights (lamps, windows) stay, what was in shadow sinks.

    Args:
        light: Part of the light that is left, above 0 to 1.
        gamma: From 1 (no change).

    Returns:
        256 values, uint8.
    """
    display = np.arange(256) / 255.0
    white = float(_to_display(np.array(light)))
    dimmed = _to_display(_to_linear(display) * light) / white
    table: Table = np.rint(255.0 * white * dimmed**gamma).astype(np.uint8)
    return table


def shot_noise_levels(sigma: float) -> FloatArray:
    """Standard deviation of the noise at each level that is displayed.

    The Poissonian-Gaussian model of a sensor (Foi, Trimeche, Katkovnik, Egiazarian: Practical
    Poissonian-Gaussian noise modeling and fitting for single-image raw-data, 2008): the variance grows
    linearly with the linear light and starts at that of reading out. What is displayed is a steep curve of
    light in the dark, so the noise is strongest in the shadows.

    Args:
        sigma: At level 64, in levels of 255.

    Returns:
        256 values in levels of 255.
    """
    level = np.arange(256) / 255.0
    light = _to_linear(level)
    # Slope of the sRGB curve: d(display)/d(light).
    slope = np.where(level <= 0.04045, 12.92, (1.055 / 2.4) * np.maximum(light, 1e-9) ** (1 / 2.4 - 1))
    spread: FloatArray = np.sqrt(light + _READ_OUT) * slope
    levels: FloatArray = spread * (sigma / spread[64])
    return levels


def add_noise_by_level(rgb: RgbImage, levels: FloatArray, seed: int) -> RgbImage:
    """Add noise of another strength for each level, each sample with its own.

    Args:
        rgb: The picture.
        levels: Standard deviation for each of the 256 levels, in levels of 255.
        seed: Of the noise.
    """
    factor = np.rint(levels / _SAMPLE_SPREAD * (1 << _NOISE_BITS)).astype(np.int32)
    half = 1 << (_NOISE_BITS - 1)
    stream = np.random.PCG64(seed)

    def noisy(band: RgbImage) -> RgbImage:
        drawn = _bell_samples(stream, band.size).astype(np.int32).reshape(band.shape)
        drawn -= _SAMPLE_MEAN
        drawn *= factor[band]
        drawn += half
        drawn >>= _NOISE_BITS
        drawn += band
        return np.clip(drawn, 0, 255, out=drawn).astype(np.uint8)

    return _in_bands(rgb, noisy)


def jpeg(rgb: RgbImage, quality: int) -> RgbImage:
    """What is left of a picture after it was saved as JPEG with half the colour resolution (4:2:0).

    Args:
        rgb: The picture.
        quality: 1 to 100, on the scale of libjpeg.

    Raises:
        ImageError: A side has more pixels than JPEG can hold (65,500).
    """
    import cv2

    if max(rgb.shape[:2]) > 65_500:
        raise ImageError("a side has more than 65500 pixels, too many for JPEG.")
    settings = [
        cv2.IMWRITE_JPEG_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    ]
    done, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), settings)
    read = cv2.imdecode(data, cv2.IMREAD_COLOR) if done else None
    if read is None:
        raise ImageError("cannot be saved as JPEG.")
    return np.asarray(cv2.cvtColor(read, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def line_kernel(length: float, degrees: float) -> npt.NDArray[np.float32]:
    """The kernel of a camera that moves straight on while the shutter is open.

    Args:
        length: Its way in pixels, from 0.
        degrees: Its direction, clockwise from the right as seen.

    Returns:
        Shape (k, k), k odd; symmetric about its middle, so nothing moves; adds up to 1 in steps of 1/1024.
    """
    radius = math.ceil(length / 2 - 1e-9)
    side = 2 * radius + 1
    weights = np.zeros((side + 1, side + 1))
    angle = math.radians(degrees)
    # Many points along the way, each shared among the four pixels around it.
    along = length * ((np.arange(16 * side) + 0.5) / (16 * side) - 0.5)
    x, y = radius + along * math.cos(angle), radius + along * math.sin(angle)
    left, top = np.floor(x + 1e-9).astype(int), np.floor(y + 1e-9).astype(int)
    right_part, lower_part = x - left, y - top
    np.add.at(weights, (top, left), (1 - right_part) * (1 - lower_part))
    np.add.at(weights, (top, left + 1), right_part * (1 - lower_part))
    np.add.at(weights, (top + 1, left), (1 - right_part) * lower_part)
    np.add.at(weights, (top + 1, left + 1), right_part * lower_part)
    inside = weights[:side, :side]
    return (_in_steps(inside + inside[::-1, ::-1]) / _KERNEL_STEPS).astype(np.float32)


def _in_steps(weights: FloatArray) -> FloatArray:
    """Symmetric whole numbers in proportion to symmetric weights; they add up to :data:`_KERNEL_STEPS`."""
    exact = np.round(weights / weights.sum() * _KERNEL_STEPS, 6).ravel()
    steps = np.floor(exact)
    rest = int(_KERNEL_STEPS - steps.sum())
    middle = exact.size // 2
    # What rounding down has left goes to the pairs that lost most by it, the odd one to the middle.
    first = np.argsort(-(exact - steps)[:middle], kind="stable")[: rest // 2]
    steps[first] += 1
    steps[-1 - first] += 1
    steps[middle] += _KERNEL_STEPS - steps.sum()
    whole: FloatArray = steps.reshape(weights.shape)
    return whole


def motion_blur(rgb: RgbImage, length: float, degrees: float) -> RgbImage:
    """Blur along a straight line.

    Args:
        rgb: The picture.
        length: The camera's way in pixels, from 0.
        degrees: Its direction, clockwise from the right as seen.
    """
    import cv2

    kernel = line_kernel(length, degrees)
    # All sums are multiples of 1/1024. OpenCV takes a Fourier transform for a large kernel; the shift by half
    # a step keeps its rounding errors from deciding which way a half is rounded.
    blurred = cv2.filter2D(rgb, -1, kernel, delta=0.5 / _KERNEL_STEPS, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, dtype=np.uint8)


def _bell_samples(stream: np.random.PCG64, count: int) -> npt.NDArray[np.uint16]:
    """Sums of four random bytes, 0 to 1020, shape (count,).

    Eight bytes of the stream at a time: the bytes in even and in odd places are added as four numbers of
    16 bits, and two such fours are added.
    """
    fours = -(-count // 4)
    raw = stream.random_raw(2 * fours)
    even_bytes = np.uint64(0x00FF00FF00FF00FF)
    pairs = (raw & even_bytes) + ((raw >> np.uint64(8)) & even_bytes)
    sums = (pairs[:fours] + pairs[fours:]).astype("<u8", copy=False)
    return sums.view("<u2")[:count]


def _in_bands(rgb: RgbImage, change: Callable[[RgbImage], RgbImage]) -> RgbImage:
    """Change a picture a few rows at a time."""
    height, width = rgb.shape[:2]
    rows = max(1, _BAND // width)
    result = np.empty_like(rgb, order="C")
    for top in range(0, height, rows):
        result[top : top + rows] = change(rgb[top : top + rows])
    return result


def _to_samples(values: npt.NDArray[np.float32]) -> RgbImage:
    np.rint(values, out=values)
    return np.clip(values, 0, 255, out=values).astype(np.uint8)


def _to_linear(display: FloatArray) -> FloatArray:
    """Linear light of what is displayed (sRGB, IEC 61966-2-1), both 0 to 1."""
    result: FloatArray = np.where(display <= 0.04045, display / 12.92, ((display + 0.055) / 1.055) ** 2.4)
    return result


def _to_display(light: FloatArray) -> FloatArray:
    """What is displayed (sRGB) of linear light, both 0 to 1."""
    result: FloatArray = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return result


_LUMA: FloatArray = np.tile([0.2126, 0.7152, 0.0722], (3, 1))
"""Each row gives a pixel's luma (ITU-R BT.709)."""

_HUE_SINE: FloatArray = np.array(
    [[-0.2126, -0.7152, 0.9278], [0.1430, 0.1400, -0.2830], [-0.7874, 0.7152, 0.0722]]
)
"""What a turn of hue by 90 degrees adds to luma (the W3C's matrix, with BT.709's four digits)."""

_READ_OUT = 0.004
"""Variance of reading out a sensor, in units of the shot noise's at full light."""
