"""A person's own props: what is read, and what is said about those that are broken."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from assets import props_path
from augment.prop_files import MAX_PNG_SIDE, SKIN_TONES, read_prop
from augment.props import covered, draw_prop, load_props, prop_params, rasterise
from converters.errors import DataError, FormatError, ImageError, NotADatasetError

SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 10">
  <rect width="20" height="10" fill="#c08040" data-tint="cloth"/>
</svg>
"""
FITS = {
    "kind": "visor",
    "anchor": [0.1, 0.2, 0.9, 0.5],
    "tints": {"cloth": {"base": "#c08040", "colours": ["#102030", "white"]}},
}
FACE = (20.0, 20.0, 60.0, 70.0)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "visor.svg").write_text(SVG)
    (tmp_path / "visor.json").write_text(json.dumps(FITS, indent=1))
    return tmp_path


def ring(path, size=(60, 40)) -> None:
    rgba = np.zeros((size[1], size[0], 4), np.uint8)
    rgba[10:30, 10:50] = (200, 30, 30, 255)
    rgba[15:25, 20:40, 3] = 0
    Image.fromarray(rgba).save(path)


def test_an_own_drawing_is_worn(folder):
    (prop,) = load_props(folder)
    assert (prop.name, prop.title, prop.kind, prop.hold, prop.flip) == (
        "visor",
        "visor",
        "visor",
        (0.5, 0.5),
        True,
    )
    params = prop_params(np.random.Generator(np.random.PCG64(1)), prop)
    assert params["x"] == 0 and params["tints"]["cloth"] in ("#102030", "#ffffff")
    assert covered(FACE, prop, params) == pytest.approx(0.8 * 0.3, abs=0.08)


def test_an_own_picture_is_worn(tmp_path):
    ring(tmp_path / "ring.png")
    (tmp_path / "ring.json").write_text(json.dumps({"kind": "ring", "anchor": [0, 0, 1, 1]}))
    (prop,) = load_props(tmp_path)
    alone = rasterise(prop, (60, 40))
    assert alone[20, 15].tolist() == [200, 30, 30, 255] and alone[20, 30, 3] == 0
    params = prop_params(np.random.Generator(np.random.PCG64(1)), prop)
    rgb = np.full((90, 90, 3), 120, np.uint8)
    for tilt in (0.0, 30.0, -170.0):
        out = draw_prop(rgb, FACE, prop, {**params, "tilt": tilt})
        red = out[:, :, 0].astype(int) - out[:, :, 1] > 60
        assert red.sum() > 150 and not red[43:47, 38:42].any()
    share = (40 * 20 - 20 * 10) / (60 * 40)
    assert covered(FACE, prop, {**params, "tilt": 0.0}) == pytest.approx(share, abs=0.05)


def test_the_shipped_ones_can_be_taken_as_a_start(tmp_path):
    shutil.copytree(props_path(), tmp_path / "mine")
    own = load_props(tmp_path / "mine")
    assert [prop.name for prop in own] == [prop.name for prop in load_props()]
    hand = next(prop for prop in own if prop.name == "palm")
    assert len(hand.tints["skin"].colours) == len(SKIN_TONES) >= 6


BROKEN = [
    ({"kind": ""}, "kind: must be a word", 2),
    ({"anchor": [0, 1]}, "anchor: must be 4 numbers", 3),
    ({"anchor": [0, 0, True, 1]}, "True is not a number", 3),
    ({"anchor": [0.9, 0, 0.1, 1]}, "anchor: must be left", 3),
    ({"hold": [0.5, "low"]}, "'low' is not a number", None),
    ({"flip": 1}, "flip", None),
    ({"jitter": {"turn": 1}}, "jitter.turn: no such key", None),
    ({"jitter": {"tilt": -4}}, "jitter.tilt", None),
    ({"jitter": 3}, "jitter: must be an object", None),
    ({"tints": {}}, "does not name 'cloth'", None),
    (
        {"tints": {**FITS["tints"], "lens": {"base": "red", "colours": ["red"]}}},
        "nothing in the drawing",
        None,
    ),
    ({"tints": {"cloth": {"base": "reddish", "colours": ["red"]}}}, "'reddish' is not a colour", None),
    ({"tints": {"cloth": {"base": "red", "colours": []}}}, "list of colours", None),
    ({"tints": {"cloth": {"base": "red"}}}, "list of colours", None),
    ({"tints": {"cloth": ["red"]}}, "object of base", None),
    ({"anchr": 1}, "anchr: no such key", None),
]


@pytest.mark.parametrize(("change", "words", "line"), BROKEN)
def test_a_wrong_key_is_named_with_file_and_line(folder, change, words: str, line: int | None):
    path = folder / "visor.json"
    path.write_text(json.dumps({**FITS, **change}, indent=1))
    with pytest.raises(FormatError) as caught:
        load_props(folder)
    assert words in caught.value.message and caught.value.path == path
    if line:
        assert path.read_text().splitlines()[line - 1].strip().startswith(f'"{next(iter(change))}"')
        assert caught.value.line == line
    else:
        assert caught.value.line and caught.value.line > 1


@pytest.mark.parametrize("text", ["", "[]", "{\n'kind': 1}", '{"kind":', "[" * 100_000, "\ufffe", "nan"])
def test_what_is_no_json_object_is_refused_with_its_line(folder, text: str):
    (folder / "visor.json").write_text(text)
    with pytest.raises(FormatError) as caught:
        load_props(folder)
    assert caught.value.path == folder / "visor.json" and caught.value.line


def test_a_broken_drawing_is_named(folder):
    (folder / "visor.svg").write_text(SVG.replace("<rect", "<image"))
    with pytest.raises(FormatError) as caught:
        load_props(folder)
    assert (caught.value.path, caught.value.line) == (folder / "visor.svg", 2)


def test_files_without_their_other_half(folder, tmp_path_factory):
    (folder / "visor.svg").unlink()
    with pytest.raises(FormatError, match=r"neither visor.svg nor visor.png"):
        load_props(folder)
    (folder / "visor.svg").write_text(SVG)
    (folder / "stray.svg").write_text(SVG)
    with pytest.raises(NotADatasetError, match="no JSON file beside it"):
        load_props(folder)
    empty = tmp_path_factory.mktemp("empty")
    for path in (empty, empty / "missing", folder / "visor.svg"):
        with pytest.raises(NotADatasetError) as caught:
            load_props(path)
        assert caught.value.path == path


def test_pictures_that_cannot_be_worn(tmp_path):
    fits = tmp_path / "ring.json"
    fits.write_text(json.dumps({"kind": "ring", "anchor": [0, 0, 1, 1]}))
    picture = tmp_path / "ring.png"
    Image.new("RGB", (9, 9)).save(picture)
    with pytest.raises(ImageError, match="no transparency"):
        read_prop(fits)
    ring(picture)
    picture.write_bytes(picture.read_bytes()[:60])
    with pytest.raises(DataError) as caught:
        read_prop(fits)
    assert caught.value.path == picture
    Image.new("RGBA", (MAX_PNG_SIDE + 1, 2)).save(picture)
    with pytest.raises(ImageError, match="at most"):
        read_prop(fits)
    ring(picture)
    fits.write_text(json.dumps({"kind": "ring", "anchor": [0, 0, 1, 1], "tints": {"a": {"base": "red"}}}))
    with pytest.raises(FormatError, match="nothing in the drawing"):
        read_prop(fits)
