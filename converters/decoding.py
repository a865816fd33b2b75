"""Decoding with Pillow: what :mod:`converters.images` calls, and does not import before it needs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from converters.errors import ImageError
from converters.images import ImageHeader, RgbImage, header_of

# Pillow's own guard only warns up to twice its limit; ours is checked on the header.
Image.MAX_IMAGE_PIXELS = None

_COPY_AGAIN = "Copy it again from its source, or remove it."
_PLAIN_MODES = frozenset({"RGB", "L"})


def read_header(path: Path) -> ImageHeader:
    """See :func:`converters.images.read_header`."""
    try:
        with Image.open(path) as image:
            return _header(image, path)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _unreadable(error, path) from error


def load_rgb(path: Path) -> RgbImage:
    """See :func:`converters.images.load_rgb`."""
    try:
        with Image.open(path) as image:
            header = _header(image, path)
            image.load()
            # Where nothing is to be turned, asking for it would copy the pixels all the same.
            rgb = _to_rgb(image if header.upright else ImageOps.exif_transpose(image) or image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _unreadable(error, path) from error
    if rgb.shape[1::-1] != header.size:
        raise ImageError(
            f"decodes to {rgb.shape[1]}x{rgb.shape[0]} but its header says "
            f"{header.size[0]}x{header.size[1]}.",
            path=path,
        )
    return rgb


def load_small(path: Path, side: int) -> RgbImage:
    """See :func:`converters.images.load_small`."""
    try:
        with Image.open(path) as image:
            header = _header(image, path)
            if image.format == "JPEG":
                # The decoder itself can leave out all but every second, fourth or eighth pixel.
                image.draft("RGB", (side, side))
            image.load()
            rgb = _to_rgb(image if header.upright else ImageOps.exif_transpose(image) or image)
            small = Image.fromarray(rgb)
            small.thumbnail((side, side), Image.Resampling.BILINEAR, reducing_gap=2.0)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _unreadable(error, path) from error
    return np.asarray(small, dtype=np.uint8)


def _header(image: Image.Image, path: Path) -> ImageHeader:
    simple = image.mode in _PLAIN_MODES and not _is_deep(image)
    return header_of(_stored_size(image), image.format or "", _orientation(image, path), simple, path)


def _stored_size(image: Image.Image) -> tuple[int, int]:
    """(width, height) before any turn. Of a TIFF, newer versions of Pillow give it as it will be shown."""
    if image.format == "TIFF":
        tags = getattr(image, "tag_v2", {})
        return int(tags[ExifTags.Base.ImageWidth]), int(tags[ExifTags.Base.ImageLength])
    return image.size


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
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"), dtype=np.uint8)


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
