"""The one loader of pictures: what it returns is what is shown, augmented, trained on and tested.

8-bit RGB with the EXIF orientation applied. 16-bit samples keep their high byte, alpha is dropped
(not blended: in the sets at hand it is a one-pixel border), palettes and grey become RGB.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from converters.errors import ImageError

RgbImage = npt.NDArray[np.uint8]

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif"})
DARKNET_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp"})
MAX_PIXELS = 200_000_000
"""More is refused before decoding: a few bytes of PNG can claim gigabytes of memory."""

# Pillow's own guard only warns up to twice its limit; ours is checked on the header, below.
Image.MAX_IMAGE_PIXELS = None

_COPY_AGAIN = "Copy it again from its source, or remove it."
_SWAPS_SIDES = frozenset({5, 6, 7, 8})
_PLAIN_MODES = frozenset({"RGB", "L"})


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What a picture's header says.

    Attributes:
        size: (width, height) as shown, that is after the EXIF orientation.
        format: Pillow's name, e.g. ``PNG``.
        plain: True where any reader (Darknet's too) sees the same pixels as we do: 8 bit, no alpha,
            no palette, no orientation. Others are baked to an 8-bit RGB PNG for training.
    """

    size: tuple[int, int]
    format: str
    plain: bool


def is_image(path: Path) -> bool:
    """Whether the name ends as a picture's does, in any case."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def read_header(path: Path) -> ImageHeader:
    """Read size and kind without decoding the pixels.

    Raises:
        ImageError: The file is missing, empty, no picture, or claims an absurd size.
    """
    try:
        with Image.open(path) as image:
            return _header(image, path)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _unreadable(error, path) from error


def load_rgb(path: Path) -> RgbImage:
    """Decode a picture to an array of shape (height, width, 3), uint8, RGB.

    Raises:
        ImageError: The file is missing, cut short, no picture, or too large.
    """
    try:
        with Image.open(path) as image:
            header = _header(image, path)
            image.load()
            oriented = ImageOps.exif_transpose(image) or image
            rgb = _to_rgb(oriented)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _unreadable(error, path) from error
    if rgb.shape[1::-1] != header.size:
        raise ImageError(
            f"decodes to {rgb.shape[1]}x{rgb.shape[0]} but its header says "
            f"{header.size[0]}x{header.size[1]}.",
            path=path,
        )
    return rgb


def encode_png(rgb: RgbImage) -> bytes:
    """Encode to an 8-bit RGB PNG (OpenCV's default level: 8 times faster than Pillow's)."""
    import cv2  # takes a quarter of a second; commands that write no picture do not need it

    ok, data = cv2.imencode(".png", rgb[:, :, ::-1])
    if not ok:
        raise ImageError("could not be encoded as PNG.")
    return data.tobytes()


def _header(image: Image.Image, path: Path) -> ImageHeader:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"says it is {width}x{height} pixels, more than {MAX_PIXELS // 1_000_000} million.",
            path=path,
            code="image-too-large",
            hint="Scale it down first.",
        )
    orientation = _orientation(image, path)
    size = (height, width) if orientation in _SWAPS_SIDES else (width, height)
    plain = image.mode in _PLAIN_MODES and orientation in (0, 1) and not _is_deep(image)
    return ImageHeader(size=size, format=image.format or "", plain=plain)


def _orientation(image: Image.Image, path: Path) -> int:
    """EXIF orientation, 1 to 8. Asked for EXIF, Pillow decodes a PNG that has none before its pixels."""
    if image.format == "PNG" and "exif" not in image.info and not _png_has_late_exif(path):
        return 1
    return int(image.getexif().get(ExifTags.Base.Orientation, 1))


def _png_has_late_exif(path: Path) -> bool:
    """Whether a PNG holds EXIF at all (eXIf, or the text older programs wrote), going from chunk to chunk."""
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            length, kind = int.from_bytes(head[:4], "big"), head[4:]
            if kind == b"eXIf":
                return True
            if kind in (b"tEXt", b"zTXt", b"iTXt"):
                if file.read(min(length, 21)).startswith(b"Raw profile type exif"):
                    return True
                length -= min(length, 21)
            file.seek(length + 4, 1)
    return False


def _is_deep(image: Image.Image) -> bool:
    """Whether a decoder of Pillow's reduces 16-bit samples (its mode alone does not tell)."""
    return any(";16" in str(tile[3]) for tile in getattr(image, "tile", []))


def _to_rgb(image: Image.Image) -> RgbImage:
    if image.mode.startswith("I") or image.mode == "F":
        # 16-bit grey: keep the high byte, as for 16-bit colour. ("I" is how some readers widen it.)
        values = np.asarray(image, dtype=np.float64)
        scale = 256.0 if image.mode.startswith("I") else 1.0
        grey = np.clip(values // scale, 0, 255).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    # convert() drops alpha for RGBA; a palette with transparency goes through its colours.
    return np.ascontiguousarray(np.asarray(image.convert("RGB"), dtype=np.uint8))


def _unreadable(error: Exception, path: Path) -> ImageError:
    if isinstance(error, FileNotFoundError):
        return ImageError("the picture is missing.", path=path, code="image-missing")
    if isinstance(error, UnidentifiedImageError):
        try:
            empty = path.stat().st_size == 0
        except OSError:
            empty = False
        text = "the file is empty." if empty else "is not a picture that can be read."
        return ImageError(text, path=path, code="image-unreadable", hint=_COPY_AGAIN)
    text = str(error)
    if "truncated" in text or "broken" in text or isinstance(error, SyntaxError):
        return ImageError(
            "the picture is cut short or damaged.", path=path, code="image-truncated", hint=_COPY_AGAIN
        )
    reason = error.strerror if isinstance(error, OSError) and error.strerror else text
    return ImageError(f"cannot be read: {reason}.", path=path, code="image-unreadable", hint=_COPY_AGAIN)
