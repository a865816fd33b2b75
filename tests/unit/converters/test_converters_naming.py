import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters.naming import MAX_STEM, is_plain, plain_names, plain_stem

REPLACED_BY_DARKNET = ("images", "raw", "JPEGImages", "train2014", "train2017", "val2014", "val2017")


def names(*keys: str, taken: dict[str, str] | None = None) -> dict[str, str]:
    return plain_names(keys, dict.fromkeys(keys, ".png"), taken)


@pytest.mark.parametrize("stem", ["maksssksksss0", "IMG_1234", "a.b", "A-1", "0"])
def test_fine_names_stay(stem: str) -> None:
    assert plain_stem(stem) == stem


@pytest.mark.parametrize(
    ("stem", "plain"),
    [
        ("two words", "two_words"),
        ("café", "cafe"),
        ("x$(touch PWNED0)", "x_touch_PWNED0"),
        ("-rf", "rf"),
        (".hidden", "hidden"),
        ("draw", "drw"),
        ("my images", "my_pictures"),
        ("a.jpg", "a_jpg"),
        ("a.PNG.b", "a_png.b"),
        ("маска", "picture"),
        ("train2017_5", "train_2017_5"),
    ],
)
def test_others_are_mended(stem: str, plain: str) -> None:
    assert plain_stem(stem) == plain


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=120))
def test_every_stem_becomes_plain(stem: str) -> None:
    plain = plain_stem(stem)
    assert is_plain(plain)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", plain)
    assert len(plain) <= MAX_STEM
    assert not any(part in plain for part in REPLACED_BY_DARKNET)
    assert plain_stem(plain) == plain


@given(
    st.lists(st.sampled_from(["a", "A", "b/a", "c/a", "ä", "a b", "a_b", "маска", "x/маска"]), unique=True)
)
def test_names_are_unique_and_do_not_depend_on_the_order(keys: list[str]) -> None:
    result = names(*keys)
    assert result.keys() == set(keys)
    assert len({name.lower() for name in result.values()}) == len(keys)
    assert names(*reversed(keys)) == result


def test_same_name_in_two_folders_gets_a_suffix() -> None:
    result = names("train/1", "val/1")
    assert result["train/1"] == "1.png"
    assert re.fullmatch(r"1_[0-9a-f]{6}\.png", result["val/1"])


def test_a_mended_name_does_not_take_a_good_one() -> None:
    assert names("a b", "a_b")["a_b"] == "a_b.png"


def test_given_names_stay() -> None:
    first = names("m/1")
    assert names("a/1", "m/1", taken={"m/1": "1"})["m/1"] == first["m/1"]
