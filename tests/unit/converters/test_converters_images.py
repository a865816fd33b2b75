from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from converters.errors import ImageError
from converters.images import encode_png, is_image, load_rgb, read_header

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


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
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
    import zlib

    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    path.write_bytes(bytes(data))
    with pytest.raises(ImageError, match="60000x60000"):
        load_rgb(path)


def test_encode_png_round_trip(tmp_path: Path):
    rgb = np.random.default_rng(1).integers(0, 256, (31, 17, 3), np.uint8)
    path = tmp_path / "a.png"
    path.write_bytes(encode_png(rgb))
    assert np.array_equal(load_rgb(path), rgb)
    assert read_header(path).plain


def test_is_image_in_any_case():
    assert is_image(Path("A.PNG")) and is_image(Path("b.Jpeg")) and not is_image(Path("c.xml"))
