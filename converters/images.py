"""The one loader of pictures: what it returns is what is shown, augmented, trained on and tested.

8-bit RGB with the EXIF orientation applied. 16-bit samples keep their high byte, alpha is dropped
(not blended: in the sets at hand it is a one-pixel border), palettes and grey become RGB.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from converters.errors import ImageError
from converters.png_header import read_png_header

RgbImage = npt.NDArray[np.uint8]

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif"})
DARKNET_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp"})
MAX_PIXELS = 200_000_000
"""More is refused before decoding: a few bytes of PNG can claim gigabytes of memory."""

MAX_ENCODED_PIXELS = 700_000_000
"""More would overflow the 32-bit sizes in fpng. (MAX_PIXELS turned on a growing canvas is less.)"""

_UPRIGHT = frozenset({0, 1})
_SWAPS_SIDES = frozenset({5, 6, 7, 8})


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What a picture's header says.

    Attributes:
        size: (width, height) as shown, that is after the EXIF orientation.
        format: Pillow's name, e.g. ``PNG``.
        plain: True where any reader (Darknet's too) sees the same pixels as we do: 8 bit, no alpha,
            no palette, no orientation. Others are baked to an 8-bit RGB PNG for training.
        upright: True where it is shown as it is stored: no orientation.
    """

    size: tuple[int, int]
    format: str
    plain: bool
    upright: bool = True


def is_image(path: Path) -> bool:
    """Whether the name ends as a picture's does, in any case."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def read_header(path: Path) -> ImageHeader:
    """Read size and kind without decoding the pixels.

    Raises:
        ImageError: The file is missing, empty, no picture, or claims an absurd size.
    """
    try:
        quick = read_png_header(path)
    except OSError:
        quick = None  # the decoder says it in its words
    if quick is not None:
        return header_of(quick.size, "PNG", quick.orientation, quick.simple, path)
    from converters import decoding

    return decoding.read_header(path)


def load_rgb(path: Path) -> RgbImage:
    """Decode a picture to an array of shape (height, width, 3), uint8, RGB.

    Raises:
        ImageError: The file is missing, cut short, no picture, or too large.
    """
    from converters import decoding

    return decoding.load_rgb(path)


def load_small(path: Path, side: int) -> RgbImage:
    """Decode a picture as :func:`load_rgb` does, made smaller to fit a square: for overviews.

    Args:
        path: The picture.
        side: Of the square, in pixels; a smaller picture keeps its size.

    Raises:
        ImageError: The file is missing, cut short, no picture, or too large.
    """
    from converters import decoding

    return decoding.load_small(path, side)


def encode_png(rgb: RgbImage) -> bytes:
    """Encode to an 8-bit RGB PNG: the same bytes on every machine (one version of fpng given).

    One row filter (Up) and Huffman codes fixed beforehand: about ten times faster than OpenCV's PNG, for
    2 to 4 % more bytes of a photograph (docs/adr/0008).

    Args:
        rgb: Shape (height, width, 3), uint8, RGB; any strides.

    Raises:
        ImageError: It has another shape or type, no pixel, or more than :data:`MAX_ENCODED_PIXELS`.
    """
    import fpng  # commands that write no picture do not need it

    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ImageError(f"pixels of shape {rgb.shape}, {rgb.dtype} cannot be encoded as RGB.")
    height, width = rgb.shape[:2]
    if not 0 < width * height <= MAX_ENCODED_PIXELS:
        raise ImageError(
            f"a picture of {width}x{height} pixels cannot be encoded as PNG "
            f"(from 1 to {MAX_ENCODED_PIXELS // 1_000_000} million pixels can).",
            code="image-too-large" if width * height else "image-empty",
        )
    data = fpng.from_ndarray(np.ascontiguousarray(rgb))
    if not data:
        raise ImageError(f"a picture of {width}x{height} pixels could not be encoded as PNG.")
    return bytes(data)


def header_of(size: tuple[int, int], format: str, orientation: int, simple: bool, path: Path) -> ImageHeader:
    """The header of a picture, from what its file says.

    Args:
        size: (width, height) as stored.
        format: Pillow's name.
        orientation: As in EXIF, 1 to 8; 0 or 1: upright.
        simple: Whether it is 8 bit, grey or RGB.
        path: The picture, for the message.

    Raises:
        ImageError: It claims an absurd size.
    """
    width, height = size
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"says it is {width}x{height} pixels, more than {MAX_PIXELS // 1_000_000} million.",
            path=path,
            code="image-too-large",
            hint="Scale it down first.",
        )
    shown = (height, width) if orientation in _SWAPS_SIDES else (width, height)
    upright = orientation in _UPRIGHT
    return ImageHeader(shown, format, plain=simple and upright, upright=upright)
