"""Weights that others have trained: a table of where they are, and their download.

The table is ``assets/pretrained.json``; a person's own ``pretrained.json`` among the settings adds to it, and
an entry of the same name takes the place of ours.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from annotator.darknet.blocks import layers
from annotator.darknet.networks import NETWORKS, build
from assets import pretrained_path
from converters.errors import DataError, FormatError, WriteError
from converters.files import make_folder

Progress = Callable[[int, int], None]
"""Told bytes so far and bytes in all (0: not known); may raise to cancel."""

SECONDS = 30
"""Without a byte for so long, a connection is given up; what has come stays."""

_CHUNK = 1 << 16
_HEADER = 20
_COCO_CLASSES = 80


@dataclass(frozen=True, slots=True)
class Pretrained:
    """One file of weights.

    Attributes:
        name: The file's name.
        url: Where it is.
        networks: What it is a start for.
        bytes: How long it is, or None where that is not known.
        sha256: What it must hash to, or None.
        classes: ``coco``, where it is a whole network for those 80 classes; empty: a backbone.
    """

    name: str
    url: str
    networks: tuple[str, ...]
    bytes: int | None = None
    sha256: str | None = None
    classes: str = ""


def known_weights(own: Path | None = None) -> dict[str, Pretrained]:
    """The table by file name.

    Args:
        own: The person's table, if there is one.

    Raises:
        FormatError: The person's table is broken.
    """
    entries = _read(pretrained_path())
    if own is not None and own.exists():
        entries |= _read(own)
    return entries


def download(entry: Pretrained, folder: Path, on_progress: Progress | None = None) -> Path:
    """Fetch weights, going on where an earlier attempt stopped; nothing is fetched that is there already.

    Args:
        entry: Which.
        folder: Where to.
        on_progress: Told how far it is.

    Returns:
        The file, whole and checked.

    Raises:
        DataError: The server cannot be reached or answers otherwise, the disk is full, or what came is not
            what the table says. A part that can be gone on from is kept.
    """
    target = folder / entry.name
    if target.exists() and (entry.bytes is None or target.stat().st_size == entry.bytes):
        return target
    make_folder(folder)
    part = folder / f"{entry.name}.part"
    try:
        _fetch(entry, part, on_progress)
        _check(entry, part)
        part.replace(target)
    except OSError as error:
        raise WriteError.from_os_error(error, part) from error
    return target


def _fetch(entry: Pretrained, part: Path, on_progress: Progress | None) -> None:
    begun = part.stat().st_size if part.exists() else 0
    if entry.bytes is not None and begun == entry.bytes:
        return
    if entry.bytes is not None and begun > entry.bytes:
        part.unlink()
        begun = 0
    try:
        with _open(entry, begun) as answer:
            if begun and answer.status != 206:  # the server sends all of it again
                begun = 0
            total = begun + int(answer.headers.get("Content-Length") or 0)
            _check_room(entry, part, total - begun)
            with part.open("ab" if begun else "wb") as file:
                while chunk := answer.read(_CHUNK):
                    file.write(chunk)
                    begun += len(chunk)
                    if on_progress is not None:
                        on_progress(begun, total)
    except urllib.error.HTTPError as error:
        raise _failed(entry, f"the server answers {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise _failed(entry, f"the server cannot be reached: {error.reason}") from error
    except (TimeoutError, ConnectionError, HTTPException) as error:
        raise _failed(entry, f"the connection was lost: {error or type(error).__name__}") from error
    if total and begun < total:
        raise _failed(entry, f"the connection was lost after {begun:,} of {total:,} bytes")


def _open(entry: Pretrained, begun: int) -> HTTPResponse:
    request = urllib.request.Request(entry.url, headers={"User-Agent": "mask-annotator"})
    if begun:
        request.add_header("Range", f"bytes={begun}-")
    try:
        answer: HTTPResponse = urllib.request.urlopen(request, timeout=SECONDS)
    except urllib.error.HTTPError as error:
        if error.code != 416:  # there is nothing behind what has come: begin anew
            raise
        return _open(entry, 0)
    return answer


def _check_room(entry: Pretrained, part: Path, needed: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise DataError(
            f"{entry.name} needs {needed / 1e6:.0f} MB, and {free / 1e6:.0f} MB are free.",
            path=part.parent,
            code="disk-full",
            hint="Make room, or choose another folder.",
        )


def _check(entry: Pretrained, part: Path) -> None:
    length = part.stat().st_size
    digest = _sha256(part) if entry.sha256 else None
    if (entry.bytes is None or length == entry.bytes) and digest == (entry.sha256 and entry.sha256.lower()):
        return
    part.unlink()
    expected = f"{length:,} bytes, not {entry.bytes:,}" if length != entry.bytes else "another content"
    raise DataError(
        f"what came from {entry.url} is not {entry.name}: {expected}. It was deleted.",
        code="download",
        hint="The address may lead to a page that asks for something; open it in a browser.",
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _failed(entry: Pretrained, why: str) -> DataError:
    return DataError(
        f"{entry.name} could not be fetched: {why}.",
        code="download",
        hint=f"Try again later (it goes on where it stopped), or fetch {entry.url} yourself.",
    )


def _read(path: Path) -> dict[str, Pretrained]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {entry.name: entry for entry in map(_entry, rows)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"no {error} in an entry" if isinstance(error, KeyError) else str(error)
        raise FormatError(
            f"is no table of weights ({why}).",
            path=path,
            hint='It is a list of {"name": …, "url": …, "networks": […]}.',
        ) from error


def _entry(row: dict[str, Any]) -> Pretrained:
    name, url = str(row["name"]), str(row["url"])
    if urlsplit(url).scheme not in ("http", "https") or Path(name).name != name or name.startswith("."):
        raise ValueError(f"{name}: {url} is no address of a file")
    length = row.get("bytes")
    if length is None and row.get("like") in NETWORKS:
        length = _length(row["like"], row.get("layers"))
    return Pretrained(
        name,
        url,
        tuple(map(str, row["networks"])),
        None if length is None else int(length),
        row.get("sha256"),
        str(row.get("classes", "")),
    )


def _length(network: str, count: int | None) -> int:
    """Bytes of the weights of a network for COCO's classes, or of its first layers."""
    side = NETWORKS[network].fixed_size or 416
    cfg = build(
        network,
        classes=_COCO_CLASSES,
        width=side,
        height=side,
        batch=64,
        subdivisions=16,
        max_batches=6000,
        dialect=sorted(NETWORKS[network].dialects)[0],
    )
    return _HEADER + 4 * sum(layer.parameters for layer in layers(cfg)[:count])
