"""Weights that others have trained: a table of where they are, and their download.

The table is ``assets/pretrained.json``; a person's own ``pretrained.json`` among the settings adds to it, and
an entry of the same name takes the place of ours.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from annotator.darknet.network.blocks import layers
from annotator.darknet.network.presets import NETWORKS, build
from annotator.darknet.network.weights import read_weights_header
from assets import pretrained_path
from converters.errors import DataError, FormatError, WriteError
from converters.files import make_folder, write_atomic

Progress = Callable[[int, int], None]
"""Told bytes so far and bytes in all (0: not known); may raise to cancel."""

SECONDS = 30
"""Without a byte for so long, a connection is given up; what has come stays."""

_CHUNK = 1 << 16
_HEADER = 20
_COCO_CLASSES = 80
_ANSWERS = {
    401: "It wants a login: fetch it in a browser, and choose the file.",
    403: "It refuses programs or this place: fetch it in a browser, and choose the file.",
    404: "It has moved: look for its new address, and write that into your own pretrained.json.",
    407: "The proxy wants a login: set https_proxy=http://name:password@host:port.",
    410: "It is gone: look for another address, and write that into your own pretrained.json.",
    429: "It was asked too often: wait some minutes; what has come is kept.",
}
"""What to do about a server's answer."""


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


def begin_own_table(path: Path) -> None:
    """Make a person's own table where there is none, with an entry of ours as the example to change.

    Raises:
        WriteError: It cannot be written.
    """
    if path.exists():
        return
    first = json.loads(pretrained_path().read_text(encoding="utf-8"))[:1]
    make_folder(path.parent)
    write_atomic(path, json.dumps(first, indent=2) + "\n")


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
        with _alone(entry, folder):
            _fetch(entry, part, on_progress)
            _check(entry, part)
            part.replace(target)
            _mark(part).unlink(missing_ok=True)
    except OSError as error:
        raise WriteError.from_os_error(error, part) from error
    return target


@contextmanager
def _alone(entry: Pretrained, folder: Path) -> Iterator[None]:
    """Two that write into one file would spoil it: the second is refused."""
    with (folder / f".{entry.name}.lock").open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(
                f"{entry.name} is being fetched already, by another window or command.",
                code="download",
                hint="Wait for that one.",
            ) from None
        yield


def _mark(part: Path) -> Path:
    """Where it is kept which version of the file a part is of."""
    return part.with_name(f"{part.name}.etag")


def _fetch(entry: Pretrained, part: Path, on_progress: Progress | None) -> None:
    begun = part.stat().st_size if part.exists() else 0
    if entry.bytes is not None and begun == entry.bytes:
        return
    if entry.bytes is not None and begun > entry.bytes:
        part.unlink()
        begun = 0
    with _asking(entry), _open(entry, begun, _version(part)) as answer:
        if begun and not _goes_on(answer, begun):  # the server sends all of it again
            begun = 0
        if answer.headers.get_content_type() == "text/html":
            raise _failed(
                entry,
                f"{urlsplit(answer.url).hostname} sends a web page instead of the file (a login, or a page "
                "that says it is gone)",
            )
        length = answer.headers.get("Content-Length") or ""
        total = begun + int(length) if length.isdecimal() else entry.bytes or 0
        _check_room(entry, part, total - begun)
        tag = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
        _mark(part).write_text(tag, encoding="utf-8")
        with part.open("ab" if begun else "wb") as file:
            while chunk := _read_some(entry, answer):
                file.write(chunk)
                begun += len(chunk)
                if on_progress is not None:
                    on_progress(begun, total)
    if total and begun < total:
        raise _failed(entry, f"the connection was lost after {begun:,} of {total:,} bytes")


def _version(part: Path) -> str:
    try:
        return _mark(part).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _goes_on(answer: HTTPResponse, begun: int) -> bool:
    """Whether an answer begins where the part ends."""
    place = answer.headers.get("Content-Range") or f"bytes {begun}-"
    return answer.status == 206 and place.replace("bytes ", "").startswith(f"{begun}-")


def _read_some(entry: Pretrained, answer: HTTPResponse) -> bytes:
    """The next bytes; what goes wrong here is the network's fault, not the disk's."""
    try:
        return answer.read(_CHUNK)
    except (OSError, HTTPException) as error:
        raise _failed(entry, f"the connection was lost: {error or type(error).__name__}") from error


@contextmanager
def _asking(entry: Pretrained) -> Iterator[None]:
    """What a server or the way to it can answer, as sentences."""
    try:
        yield
    except urllib.error.HTTPError as error:
        host = urlsplit(error.url or entry.url).hostname
        raise _failed(
            entry, f"{host} answers {error.code} {error.reason}", _ANSWERS.get(error.code, "")
        ) from error
    except urllib.error.URLError as error:
        host = urlsplit(entry.url).hostname
        hint = ""
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            hint = (
                "Its certificate cannot be trusted: set the machine's clock, install the system's "
                "certificates, or name your company's in SSL_CERT_FILE."
            )
        elif isinstance(error.reason, socket.gaierror):
            hint = "Is this machine on the network? Behind a proxy, set https_proxy=http://host:port first."
        why = getattr(error.reason, "strerror", None) or error.reason
        raise _failed(entry, f"{host} cannot be reached: {why}", hint) from error
    except (TimeoutError, ConnectionError, HTTPException) as error:
        raise _failed(entry, f"the connection was lost: {error or type(error).__name__}") from error


def _open(entry: Pretrained, begun: int, version: str) -> HTTPResponse:
    request = urllib.request.Request(entry.url, headers={"User-Agent": "mask-annotator"})
    if begun:
        request.add_header("Range", f"bytes={begun}-")
        if version and not version.startswith("W/"):  # all of it again, where the file is another by now
            request.add_header("If-Range", version)
    try:
        # A new opener: the usual one keeps the proxy of its first use.
        answer: HTTPResponse = urllib.request.build_opener().open(request, timeout=SECONDS)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not begun:  # there is nothing behind what has come: begin anew
            raise
        return _open(entry, 0, "")
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
    expected = ""
    if entry.bytes is not None and length != entry.bytes:
        expected = f"{length:,} bytes, not {entry.bytes:,}"
    elif entry.sha256 and _sha256(part) != entry.sha256.lower():
        expected = "another content (its checksum differs)"
    else:
        try:
            if read_weights_header(part).parameters == 0:
                expected = "it holds no weights"
        except FormatError as error:
            expected = error.message.rstrip(".")
    if not expected:
        return
    part.unlink()
    _mark(part).unlink(missing_ok=True)
    raise DataError(
        f"what came from {entry.url} is not {entry.name}: {expected}. It was deleted.",
        code="download",
        hint="The address may lead to a page that asks for something; open it in a browser.",
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _failed(entry: Pretrained, why: str, hint: str = "") -> DataError:
    return DataError(
        f"{entry.name} could not be fetched: {why}.",
        code="download",
        hint=hint or f"Try again later (it goes on where it stopped), or fetch {entry.url} yourself.",
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
