"""The quick reader must say what the decoder says, or leave it to the decoder."""

import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from converters import decoding, images
from converters.errors import ImageError
from converters.images import ImageHeader, encode_png
from converters.png_header import read_png_header


def told(read, path: Path) -> ImageHeader | str:
    try:
        return read(path)
    except ImageError as error:
        return str(error)


def png_of(mode: str, **options) -> Image.Image:
    return Image.new("RGB", (31, 17), (200, 10, 30)).convert(mode, **options)


def exif_of(orientation: int | None) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    if orientation is not None:
        exif[0x0112] = orientation
    return exif


def moved_behind_pixels(data: bytes, kind: bytes) -> bytes:
    at = data.index(kind) - 4
    length = int.from_bytes(data[at : at + 4], "big") + 12
    chunk, rest = data[at : at + length], data[:at] + data[at + length :]
    end = rest.index(b"IEND") - 4
    return rest[:end] + chunk + rest[end:]


def with_chunk(data: bytes, kind: bytes, body: bytes) -> bytes:
    chunk = len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")
    return data[:33] + chunk + data[33:]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode(tmp_path: Path, mode: str):
    path = tmp_path / "a.png"
    (Image.new(mode, (31, 17)) if mode == "I;16" else png_of(mode)).save(path)
    assert told(images.read_header, path) == told(decoding.read_header, path)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits(tmp_path: Path, channels: int):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.zeros((17, 31, channels), np.uint16))
    quick = read_png_header(path)
    assert quick is not None and quick.size == (31, 17) and not quick.simple
    assert told(images.read_header, path) == told(decoding.read_header, path)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("orientation", [None, *range(10)])
def test_exif(tmp_path: Path, orientation: int | None, late: bool):
    path = tmp_path / "a.png"
    png_of("RGB").save(path, exif=exif_of(orientation))
    if late:
        path.write_bytes(moved_behind_pixels(path.read_bytes(), b"eXIf"))
    assert told(images.read_header, path) == told(decoding.read_header, path)
    if orientation in range(1, 9) and not late:
        quick = read_png_header(path)
        assert quick is not None and quick.orientation == orientation


@pytest.mark.parametrize(
    "body",
    [b"", b"MM\0*", b"MM\0*\0\0\0\x08\xff\xff", b"II*\0\x08\0\0\0\x01\0\x12\x01\x04\0\x01\0\0\0\x06\0\0\0"],
)
def test_odd_exif_is_left_to_the_decoder(tmp_path: Path, body: bytes):
    path = tmp_path / "a.png"
    path.write_bytes(with_chunk(encode_png(np.zeros((4, 5, 3), np.uint8)), b"eXIf", body))
    assert read_png_header(path) is None


@pytest.mark.parametrize("behind", [False, True])
def test_texts_are_left_to_the_decoder(tmp_path: Path, behind: bool):
    path, text = tmp_path / "a.png", PngImagePlugin.PngInfo()
    text.add_text("Comment", "a picture")
    png_of("RGB").save(path, pnginfo=text)
    if behind:
        path.write_bytes(moved_behind_pixels(path.read_bytes(), b"tEXt"))
    assert read_png_header(path) is None
    assert told(images.read_header, path) == told(decoding.read_header, path)


@pytest.mark.parametrize(
    "kind, known", [(b"tIME", True), (b"prVt", False), (b"tRNS", False), (b"acTL", False), (b"PLTE", False)]
)
def test_only_known_chunks_are_passed_over(tmp_path: Path, kind: bytes, known: bool):
    path = tmp_path / "a.png"
    path.write_bytes(with_chunk(encode_png(np.zeros((4, 5, 3), np.uint8)), kind, bytes(7)))
    assert (read_png_header(path) is not None) == known


def test_other_files_and_none(tmp_path: Path):
    path = tmp_path / "a.png"
    for data in (b"", b"\x89PNG", b"GIF89a" + bytes(40), encode_png(np.zeros((4, 5, 3), np.uint8))[:40]):
        path.write_bytes(data)
        assert read_png_header(path) is None
        assert told(images.read_header, path) == told(decoding.read_header, path)
    with pytest.raises(OSError):
        read_png_header(tmp_path / "none.png")
    assert "missing" in str(told(images.read_header, tmp_path / "none.png"))


def test_any_damage_is_judged_as_the_decoder_does(tmp_path: Path):
    samples = []
    for number, options in enumerate(({}, {"exif": exif_of(6)}, {"icc_profile": bytes(200)})):
        path = tmp_path / f"{number}.png"
        png_of("RGB").save(path, **options)
        samples.append(path.read_bytes())
    samples.append(encode_png(np.zeros((4, 5, 3), np.uint8)))
    rng = np.random.default_rng(7)
    path = tmp_path / "a.png"
    for _ in range(400):
        data = bytearray(samples[rng.integers(len(samples))])
        for _ in range(rng.integers(1, 4)):
            data[rng.integers(min(len(data), 300))] = rng.integers(256)
        if rng.random() < 0.3:
            del data[rng.integers(8, len(data)) :]
        path.write_bytes(bytes(data))
        if read_png_header(path) is not None:
            assert told(images.read_header, path) == told(decoding.read_header, path)
