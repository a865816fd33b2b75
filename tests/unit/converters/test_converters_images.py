import hashlib
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from converters.errors import ImageError
from converters.images import RgbImage, encode_png, is_image, load_rgb, read_header

RECORDED = "b1bf503faa6a7b2145b97f0b24518d3f8588259265d8189fe82da56410fb8b31"
RED, BLUE = (255, 0, 0), (0, 0, 255)


def test_plain_png_is_read_as_rgb(tmp_path: Path, make_picture):
    path = make_picture(tmp_path / "a.png")
    rgb = load_rgb(path)
    assert rgb.shape == (40, 60, 3) and rgb.dtype == np.uint8
    assert tuple(rgb[0, 0]) == RED and tuple(rgb[0, -1]) == BLUE
    assert read_header(path).plain and read_header(path).size == (60, 40)


def test_16_bit_rgba_keeps_high_byte_and_drops_alpha(tmp_path: Path):
    bgra = np.zeros((5, 7, 4), np.uint16)
    bgra[..., 2] = 0xABCD
    bgra[..., 3] = 0  # wholly transparent: the colour is what counts
    path = tmp_path / "deep.png"
    cv2.imwrite(str(path), bgra)
    rgb = load_rgb(path)
    assert rgb.dtype == np.uint8 and tuple(rgb[0, 0]) == (0xAB, 0, 0)
    assert not read_header(path).plain


def test_16_bit_rgb_without_alpha_is_not_plain(tmp_path: Path):
    path = tmp_path / "deep.png"
    cv2.imwrite(str(path), np.full((5, 7, 3), 0x1234, np.uint16))
    assert not read_header(path).plain
    assert tuple(load_rgb(path)[0, 0]) == (0x12, 0x12, 0x12)


def test_16_bit_grey(tmp_path: Path):
    path = tmp_path / "grey.png"
    cv2.imwrite(str(path), np.full((5, 7), 0x80FF, np.uint16))
    assert tuple(load_rgb(path)[0, 0]) == (0x80, 0x80, 0x80)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str):
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    Image.new("RGB", (9, 4), (200, 200, 200)).convert(mode).save(path)
    assert load_rgb(path).shape == (4, 9, 3)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, suffix: str, orientation: int):
    # The stored pixels are the inverse of what shows: red left, blue right, wider than high.
    shown = Image.fromarray(
        np.concatenate([np.full((16, 16, 3), RED), np.full((16, 16, 3), BLUE)], 1).astype("u1")
    )
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # PIL.Image.Transpose values
    stored = shown.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else shown
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"turned{suffix}"
    stored.save(path, exif=exif)
    rgb = load_rgb(path)
    assert rgb.shape == (16, 32, 3)
    assert rgb[8, 4, 0] > 200 and rgb[8, 4, 2] < 60 and rgb[8, 28, 2] > 200
    header = read_header(path)
    assert header.size == (32, 16)
    assert header.plain == (orientation == 1)


def test_exif_behind_the_pixels_of_a_png_is_seen(tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "late.png"
    Image.new("RGB", (30, 20)).save(path, exif=exif)
    data = path.read_bytes()
    at = data.index(b"eXIf") - 4
    length = int.from_bytes(data[at : at + 4], "big") + 12
    chunk, rest = data[at : at + length], data[:at] + data[at + length :]
    end = rest.index(b"IEND") - 4
    path.write_bytes(rest[:end] + chunk + rest[end:])
    assert read_header(path).size == (20, 30)
    assert load_rgb(path).shape == (30, 20, 3)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_cut_short(tmp_path: Path, suffix: str):
    noise = np.random.default_rng(1).integers(0, 256, (80, 90, 3), np.uint8)
    path = tmp_path / f"cut{suffix}"
    cv2.imwrite(str(path), noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with pytest.raises(ImageError, match="cut short or damaged") as caught:
        load_rgb(path)
    assert caught.value.path == path and caught.value.hint


@pytest.mark.parametrize(("data", "words"), [(b"", "empty"), (b"hello", "not a picture"), (None, "missing")])
def test_no_picture(tmp_path: Path, data: bytes | None, words: str):
    path = tmp_path / "a.png"
    if data is not None:
        path.write_bytes(data)
    for read in (load_rgb, read_header):
        with pytest.raises(ImageError, match=words):
            read(path)


def test_absurd_size_is_refused_on_its_header(tmp_path: Path, make_picture):
    path = make_picture(tmp_path / "a.png")
    data = bytearray(path.read_bytes())
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    path.write_bytes(bytes(data))
    with pytest.raises(ImageError, match="60000x60000"):
        load_rgb(path)


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Kind and content of each chunk of a PNG, its checksum checked."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    found, at = [], 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        body = data[at + 4 : at + 8 + length]
        assert zlib.crc32(body) == int.from_bytes(data[at + 8 + length : at + 12 + length], "big")
        found.append((body[:4], body[4:]))
        at += length + 12
    return found


def smooth(height: int, width: int) -> RgbImage:
    """A smooth random picture."""
    small = np.random.default_rng(2).integers(0, 256, (4, 4, 3), np.uint8)
    return np.asarray(cv2.resize(small, (width, height)), np.uint8).reshape(height, width, 3)


SAMPLES = {
    "noise": np.random.default_rng(1).integers(0, 256, (31, 17, 3), np.uint8),
    "smooth": smooth(120, 93),
    "flat": np.full((64, 200, 3), 7, np.uint8),
    "checks": np.indices((33, 35)).sum(0)[..., None].repeat(3, 2).astype(np.uint8) % 2 * 255,
    "one pixel": np.array([[[1, 2, 3]]], np.uint8),
    "one row": smooth(1, 997),
    "one column": smooth(997, 1),
    "wide": smooth(3, 20_000),
    "mirrored": smooth(20, 31)[:, ::-1],
    "turned": smooth(20, 31).transpose(1, 0, 2),
    "read-only": np.frombuffer(bytes(range(48)), np.uint8).reshape(4, 4, 3),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_encoded_png_is_read_alike_by_pillow_and_opencv(tmp_path: Path, name: str):
    rgb = SAMPLES[name]
    data = encode_png(rgb)
    path = tmp_path / "a.png"
    path.write_bytes(data)
    assert np.array_equal(load_rgb(path), rgb)
    assert read_header(path).plain
    assert np.array_equal(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1], rgb)


@pytest.mark.parametrize("name", SAMPLES)
def test_encoded_png_keeps_to_the_specification(name: str):
    rgb = SAMPLES[name]
    found = chunks(encode_png(rgb))
    height, width = rgb.shape[:2]
    # Width, height, 8 bit, RGB, deflate, adaptive filters, not interlaced: what the plainest reader takes.
    assert found[0] == (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    assert found[-1] == (b"IEND", b"")
    assert all(kind in (b"IHDR", b"IDAT", b"IEND") or kind[0] & 0x20 for kind, _ in found)  # rest: may skip
    stream = zlib.decompressobj()
    raw = stream.decompress(b"".join(body for kind, body in found if kind == b"IDAT"))
    assert stream.eof and not stream.unused_data
    assert len(raw) == height * (1 + 3 * width)


def test_encoded_bytes_are_those_of_every_machine():
    # Recorded on x86_64; an emulated aarch64 gave the same. Another version of fpng may change them.
    y, x = np.indices((70, 90), np.uint32)
    shades = np.stack([x * y // 40, x + y, (x * x + y) // 50], 2).astype(np.uint8)
    noise = np.stack([(x * 2654435761 + y * k) >> 9 for k in (40503, 66889, 97)], 2).astype(np.uint8)
    data = b"".join(map(encode_png, (shades, noise, shades[:1], noise[:, :1], shades // 90)))
    assert hashlib.sha256(data).hexdigest() == RECORDED


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (np.zeros((4, 4, 4), np.uint8), "cannot be encoded as RGB"),
        (np.zeros((4, 4), np.uint8), "cannot be encoded as RGB"),
        (np.zeros((4, 4, 3), np.uint16), "cannot be encoded as RGB"),
        (np.zeros((0, 4, 3), np.uint8), "4x0"),
        (np.broadcast_to(np.zeros(3, np.uint8), (30_000, 30_000, 3)), "30000x30000"),  # 3 bytes in memory
    ],
)
def test_what_is_no_rgb_picture_is_refused(pixels: np.ndarray, words: str):
    with pytest.raises(ImageError, match=words):
        encode_png(pixels)


def test_is_image_in_any_case():
    assert is_image(Path("A.PNG")) and is_image(Path("b.Jpeg")) and not is_image(Path("c.xml"))
