"""Pictures that are the same, or nearly: a hash of the pixels and a hash of what is to be seen.

Two pictures with the same pixels, or with a difference hash at most 6 of 256 bits apart, show the same
scene. Such a pair on both sides of a split makes every measurement on it too good.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from natsort import natsort_keygen

from converters.images import RgbImage

NEAR_DISTANCE = 6
"""Bits of 256 in which the hashes of nearly identical pictures differ at most."""

_BITS = 256
_FLAT_BITS = 12
"""A hash with fewer ones (or zeros) than this is of a flat or evenly shaded picture and says nothing."""
_BLOCK = 2048

BitArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a picture is recognised by.

    Attributes:
        pixels: SHA-256 over size and RGB pixels, hexadecimal. Equal exactly where the pictures are.
        dhash: 32 bytes, 16 × 16 bits by rows: is a pixel of the picture, scaled to 17 × 16 grey pixels,
            brighter than its left neighbour?
    """

    pixels: str
    dhash: bytes


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures that show the same.

    Attributes:
        first: Key of the one that comes first in natural order.
        second: Key of the other.
        distance: Bits in which their difference hashes differ.
        identical: Whether every pixel is equal.
    """

    first: str
    second: str
    distance: int
    identical: bool


def fingerprint(rgb: RgbImage) -> Fingerprint:
    """Fingerprint of a picture of shape (height, width, 3), uint8, RGB."""
    import cv2  # a quarter of a second to import; most commands get along without

    height, width = rgb.shape[:2]
    pixels = hashlib.sha256(f"{width}x{height}:".encode())
    pixels.update(np.ascontiguousarray(rgb).data)
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (17, 16), interpolation=cv2.INTER_AREA)
    return Fingerprint(pixels.hexdigest(), np.packbits(small[:, 1:] > small[:, :-1]).tobytes())


def distance(a: Fingerprint, b: Fingerprint) -> int:
    """Bits (0 to 256) in which two difference hashes differ."""
    return (int.from_bytes(a.dhash, "big") ^ int.from_bytes(b.dhash, "big")).bit_count()


def pairs(fingerprints: Mapping[str, Fingerprint], max_distance: int = NEAR_DISTANCE) -> list[Pair]:
    """Identical and nearly identical pictures.

    Many equal pictures give a star, not every pair of them: each is paired with the first.

    Args:
        fingerprints: By key of the image.
        max_distance: Bits in which the hashes of nearly identical pictures may differ.

    Returns:
        Pairs in natural order of their keys.
    """
    natural = natsort_keygen()
    keys = sorted(fingerprints, key=lambda key: (natural(key), key))
    found: list[Pair] = []
    first_with_pixels: dict[str, str] = {}
    first_with_hash: dict[bytes, str] = {}
    for key in keys:
        mark = fingerprints[key]
        twin = first_with_pixels.setdefault(mark.pixels, key)
        if twin != key:
            found.append(Pair(twin, key, 0, True))
        elif not _is_flat(mark.dhash):
            alike = first_with_hash.setdefault(mark.dhash, key)
            if alike != key:
                found.append(Pair(alike, key, 0, False))
    names = list(first_with_hash.values())
    if names:
        packed = np.frombuffer(b"".join(first_with_hash), dtype=np.uint8).reshape(-1, _BITS // 8)
        bits = np.unpackbits(packed, axis=1).astype(np.bool_)
        for i, j, apart in sorted(_near(bits, max_distance)):
            found.append(Pair(names[i], names[j], apart, False))
    return sorted(found, key=lambda pair: (natural(pair.first), natural(pair.second)))


def groups(fingerprints: Mapping[str, Fingerprint], max_distance: int = NEAR_DISTANCE) -> dict[str, str]:
    """Name of its group for each picture that has a double (others are not in the result).

    A group is named after its first member in natural order. Arguments as in :func:`pairs`.
    """
    return join_groups((pair.first, pair.second) for pair in pairs(fingerprints, max_distance))


def join_groups(links: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Groups of what is linked, directly or through others: name of the group by key.

    A group is named after its first member in natural order.
    """
    parent: dict[str, str] = {}

    def top(key: str) -> str:
        parent.setdefault(key, key)
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for a, b in links:
        parent[top(a)] = top(b)
    members: dict[str, list[str]] = {}
    for key in parent:
        members.setdefault(top(key), []).append(key)
    natural = natsort_keygen()
    result: dict[str, str] = {}
    for group in members.values():
        name = min(group, key=lambda key: (natural(key), key))
        result.update(dict.fromkeys(group, name))
    return result


def _is_flat(dhash: bytes) -> bool:
    ones = int.from_bytes(dhash, "big").bit_count()
    return min(ones, _BITS - ones) < _FLAT_BITS


def _near(bits: BitArray, max_distance: int) -> set[tuple[int, int, int]]:
    """Pairs (i, j, distance) of different rows at most ``max_distance`` bits apart, i < j.

    Rows that differ in d bits agree in at least one of d + 1 bands of bits (pigeonhole principle), so only
    rows that share a band are compared: sorting instead of all pairs. Norouzi, Punjani, Fleet: Fast Search
    in Hamming Space with Multi-Index Hashing, CVPR 2012.
    """
    found: set[tuple[int, int, int]] = set()
    bands = min(max_distance + 1, _BITS)
    for band in range(bands):
        # Every n-th bit rather than neighbours: an evenly coloured corner does not fill a whole band.
        values = np.packbits(bits[:, band::bands], axis=1)
        _, bucket = np.unique(values, axis=0, return_inverse=True)
        order = np.argsort(bucket.reshape(-1), kind="stable")
        sizes = np.bincount(bucket.reshape(-1))
        ends = np.cumsum(sizes)
        for number in np.flatnonzero(sizes > 1):
            rows = np.sort(order[ends[number] - sizes[number] : ends[number]])
            found.update(_near_in(bits, rows, max_distance))
    return found


def _near_in(bits: BitArray, rows: npt.NDArray[np.intp], max_distance: int) -> Iterator[tuple[int, int, int]]:
    """Compare all of ``rows`` (ascending) with each other, a block at a time."""
    for start in range(0, len(rows), _BLOCK):
        left = bits[rows[start : start + _BLOCK]].astype(np.float32)
        for other in range(start, len(rows), _BLOCK):
            right = bits[rows[other : other + _BLOCK]].astype(np.float32)
            # |a xor b| = |a| + |b| - 2 a·b, exact in float32 up to 2^24
            apart = left.sum(1)[:, None] + right.sum(1)[None, :] - 2 * (left @ right.T)
            for i, j in zip(*np.nonzero(apart <= max_distance), strict=True):
                a, b = int(rows[start + i]), int(rows[other + j])
                if a < b:
                    yield a, b, int(apart[i, j])
