"""File names for Darknet: plain, short and unique.

Darknet finds a picture's label file by replacing parts of its path, wherever they stand: pjreddie's turns
the first ``images``, ``JPEGImages`` and ``raw`` into ``labels`` and ``.jpg``, ``.png``, … into ``.txt``;
AlexeyAB's does so with ``train2014``, ``val2017``, … and more suffixes. It hands file names it cannot read
to a shell. So a name keeps only characters that mean nothing to either.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping

from natsort import natsorted

MAX_STEM = 80
"""Longest stem; Darknet reads a path into 256 bytes."""

_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")
_REPLACED = (
    ("JPEGImages", "JPEGPictures"),
    ("images", "pictures"),
    ("raw", "rw"),
    ("train2014", "train_2014"),
    ("train2017", "train_2017"),
    ("val2014", "val_2014"),
    ("val2017", "val_2017"),
)
_DOTTED = (".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".tif", ".txt")


def plain_stem(stem: str) -> str:
    """A stem that every Darknet takes as it is; the same stem where it already is one.

    Accents are dropped (``é`` → ``e``), other characters become ``_``; never empty.
    """
    if is_plain(stem):
        return stem
    ascii_only = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    if not re.search(r"[A-Za-z0-9]", ascii_only):
        ascii_only = "picture"
    result = _NOT_PLAIN.sub("_", ascii_only)
    while True:  # a replacement may bring a forbidden part together: repeat until nothing changes
        before = result
        for part, instead in _REPLACED:
            result = result.replace(part, instead)
        for suffix in _DOTTED:
            result = re.sub(re.escape(suffix), "_" + suffix[1:], result, flags=re.IGNORECASE)
        result = result.lstrip("-._").rstrip("._")[:MAX_STEM]
        if result == before:
            break
    return result or "picture"


def is_plain(stem: str) -> bool:
    """Whether Darknet takes a picture's stem as it is."""
    lower = stem.lower()
    return (
        0 < len(stem) <= MAX_STEM
        and stem[0] not in "-."
        and _NOT_PLAIN.search(stem) is None
        and not any(part in stem for part, _ in _REPLACED)
        and not any(suffix in lower for suffix in _DOTTED)
    )


def plain_names(
    keys: Iterable[str], suffixes: Mapping[str, str], taken: Mapping[str, str] | None = None
) -> dict[str, str]:
    """A file name for each picture, unique also where a file system ignores case.

    Args:
        keys: Keys of the images (paths with ``/``, without extension), in any order.
        suffixes: ``.png`` or ``.jpg`` for each key.
        taken: Stems that are already given, by key; they stay.

    Returns:
        File name by key. Who shares a stem with another (``a/1`` and ``b/1``) gets six digits of a hash
        of its key, all but the first in natural order.
    """
    kept = dict(taken or {})
    wanted = natsorted(set(keys))
    stems = {key: kept[key] for key in wanted if key in kept}
    used = {stem.lower() for stem in kept.values()}
    # Those that can stay as they are come first: a mended name never takes a good one's place.
    rest = [key for key in wanted if key not in stems]
    for key in sorted(rest, key=lambda key: not is_plain(_stem(key))):
        stem = plain_stem(_stem(key))
        digits = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
        candidate, length = stem, 6
        while candidate.lower() in used:
            candidate = f"{stem[: MAX_STEM - length - 1]}_{digits[:length]}"
            length += 1
        used.add(candidate.lower())
        stems[key] = candidate
    return {key: stems[key] + suffixes[key] for key in wanted}


def _stem(key: str) -> str:
    return key.rpartition("/")[2]
