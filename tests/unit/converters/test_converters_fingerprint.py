import csv
from pathlib import Path

import numpy as np
import pytest

from converters.fingerprint import Fingerprint, distance, fingerprint, groups, join_groups, pairs
from converters.images import RgbImage, load_rgb

KAGGLE = Path(__file__).resolve().parents[3] / ".." / "shared" / "kaggle"


def picture(seed: int, size: tuple[int, int] = (64, 48)) -> RgbImage:
    """A smooth random picture."""
    import cv2

    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def with_bits(name: str, *bits: int) -> Fingerprint:
    """A fingerprint whose hash is a fixed pattern with some bits turned over."""
    value = int.from_bytes(bytes(range(7, 39)), "big")
    for bit in bits:
        value ^= 1 << bit
    return Fingerprint(name, value.to_bytes(32, "big"))


def test_same_pixels_are_identical_and_other_pictures_are_not() -> None:
    marks = {"a": fingerprint(picture(1)), "b": fingerprint(picture(2)), "c": fingerprint(picture(1))}
    [pair] = pairs(marks)
    assert (pair.first, pair.second, pair.distance, pair.identical) == ("a", "c", 0, True)


def test_a_darker_smaller_picture_is_nearly_identical() -> None:
    import cv2

    original = picture(3, (320, 240))
    other = cv2.resize(original, (200, 150), interpolation=cv2.INTER_AREA)
    darker = (other * 0.8).astype(np.uint8)
    a, b = fingerprint(original), fingerprint(darker)
    assert a.pixels != b.pixels
    assert distance(a, b) <= 6
    assert groups({"a": a, "b": b}) == {"a": "a", "b": "a"}


def test_flat_pictures_are_not_alike_unless_identical() -> None:
    marks = {
        "black": fingerprint(np.zeros((20, 30, 3), dtype=np.uint8)),
        "white": fingerprint(np.full((20, 30, 3), 255, dtype=np.uint8)),
        "upright": fingerprint(np.zeros((30, 20, 3), dtype=np.uint8)),
        "black2": fingerprint(np.zeros((20, 30, 3), dtype=np.uint8)),
    }
    assert groups(marks) == {"black": "black", "black2": "black"}


def test_distance_six_is_near_and_seven_is_not() -> None:
    marks = {"a": with_bits("a"), "b": with_bits("b", *range(6)), "c": with_bits("c", *range(100, 107))}
    assert [(p.first, p.second, p.distance) for p in pairs(marks)] == [("a", "b", 6)]
    assert len(pairs(marks, max_distance=7)) == 2


def test_groups_are_joined_through_others_and_named_after_the_first() -> None:
    marks = {
        "k10": with_bits("1"),
        "k9": with_bits("2", *range(5)),
        "k2": with_bits("3", *range(10)),
        "k1": with_bits("4", *range(60, 90)),
    }
    assert groups(marks) == {"k10": "k2", "k9": "k2", "k2": "k2"}
    assert join_groups(iter([("b", "a"), ("c", "d"), ("d", "b")])) == dict.fromkeys("abcd", "a")


def test_bands_find_what_comparing_all_finds() -> None:
    rng = np.random.default_rng(5)
    hashes = rng.integers(0, 256, (300, 32), dtype=np.uint8)
    hashes[:, :16] = hashes[0, :16]  # half of the bits are the same in all: bands with many candidates
    for row in range(150, 300):
        hashes[row] = hashes[row - 150]
        for bit in rng.choice(256, size=int(rng.integers(0, 10)), replace=False):
            hashes[row, bit // 8] ^= 1 << (bit % 8)
    marks = {f"k{i}": Fingerprint(str(i), row.tobytes()) for i, row in enumerate(hashes)}
    keys = list(marks)
    all_near = {
        frozenset((a, b))
        for i, a in enumerate(keys)
        for b in keys[i + 1 :]
        if distance(marks[a], marks[b]) <= 6
    }
    found = {frozenset((p.first, p.second)) for p in pairs(marks)}
    assert found == all_near


@pytest.mark.kaggle
def test_the_hash_is_the_one_the_study_recorded() -> None:
    if not KAGGLE.is_dir():
        pytest.skip("the Kaggle pictures are not there")
    with (KAGGLE / "hashes.csv").open(encoding="utf-8") as file:
        recorded = {row["stem"]: row for row in csv.DictReader(file)}
    for path in sorted((KAGGLE / "archive" / "images").glob("*.png"))[:12]:
        assert fingerprint(load_rgb(path)).dhash.hex() == recorded[path.stem]["dhash_16x16"]


@pytest.mark.kaggle
def test_doubles_of_the_kaggle_set() -> None:
    if not KAGGLE.is_dir():
        pytest.skip("the Kaggle pictures are not there")
    with (KAGGLE / "hashes.csv").open(encoding="utf-8") as file:
        marks = {
            row["stem"]: Fingerprint(row["pixel_sha256_16"], bytes.fromhex(row["dhash_16x16"]))
            for row in csv.DictReader(file)
        }
    found = pairs(marks)
    identical = {(p.first[12:], p.second[12:]) for p in found if p.identical}
    assert identical == {("13", "737"), ("146", "219"), ("410", "428"), ("653", "775"), ("656", "690")}
    assert len(found) == 13
