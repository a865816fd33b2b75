"""Which picture a task of Label Studio means: addresses of its own server, of clouds, and of the web."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, unquote

from converters.errors import FormatError
from converters.formats.pictures import Picture, PictureIndex

LOCAL_FILES = "/data/local-files/?d="
"""What Label Studio calls files in the folder that it may serve."""

_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_NOT_KEPT = re.compile(r"[^-\w.]")


def local_reference(name: str) -> str:
    """What a task calls a picture of the folder that Label Studio serves."""
    return LOCAL_FILES + quote(name)


@dataclass(slots=True)
class Names:
    """Finds pictures by what tasks call them.

    Attributes:
        index: The set's pictures.
        label_file: The label file, relative to the set's root.
    """

    index: PictureIndex
    label_file: str
    _uploaded: dict[str, list[Picture]] | None = field(default=None)

    def find(self, reference: str) -> str:
        """The name by which the picture is found, or the one with which it was looked for.

        An uploaded file has eight hexadecimal digits in front of its name; they are left out only where no
        picture has them.
        """
        names = candidates(reference)
        for name in names:
            try:
                self.index.find(name, self.label_file)
            except FormatError:
                continue
            return name
        return self._as_uploaded(names[-1]) or names[0]

    def _as_uploaded(self, name: str) -> str | None:
        """A picture of which an upload would make this name: blanks become ``_``, other signs go."""
        if self._uploaded is None:
            self._uploaded = {}
            for picture in self.index.pictures:
                self._uploaded.setdefault(uploaded_name(picture.name), []).append(picture)
        found = self._uploaded.get(name.rpartition("/")[2], [])
        return found[0].name if len(found) == 1 else None


def candidates(reference: str) -> list[str]:
    """Names that an address may stand for, the likeliest first.

    Raises:
        FormatError: It is no address but the picture itself.
    """
    if reference.startswith("data:"):
        raise FormatError(
            "the picture is in the file itself; it is not read from there.",
            code="no-picture-name",
            hint="Name the picture's file.",
        )
    # An address is as good a name as a path: only its ending can be found in the set.
    path = _SCHEME.sub("", _path_of(reference)).lstrip("/")
    names = [path, unquote(path)]
    for name in tuple(names):
        folder, slash, base = name.rpartition("/")
        if found := _UPLOADED.match(base):
            names.append(folder + slash + base[found.end() :])
    return list(dict.fromkeys(names))


def uploaded_name(name: str) -> str:
    """What an upload makes of a file's name (Django's ``get_valid_filename``)."""
    return _NOT_KEPT.sub("", name.rpartition("/")[2].strip().replace(" ", "_"))


def _path_of(reference: str) -> str:
    """The path in an address."""
    path, mark, query = reference.partition("?")
    if not mark:
        return reference
    values = parse_qs(query)
    if path.rstrip("/").endswith("/local-files") and "d" in values:
        return values["d"][0]
    if path.rstrip("/").endswith(("/presign", "/resolve")) and "fileuri" in values:
        try:
            return base64.urlsafe_b64decode(values["fileuri"][0] + "==").decode()
        except (binascii.Error, UnicodeDecodeError):
            return path
    return path
