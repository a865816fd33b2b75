"""Names that every system can hold and every person can see."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

MAX_NAME_BYTES = 255
MAX_PATH_BYTES = 1024
MAX_DEPTH = 64

_HIDDEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
_STEERING = frozenset("\u061c\u200b\u200e\u200f\u2060\ufeff") | {
    chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
"""Marks that nobody sees, some of which change the order in which the rest is shown."""

_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_FORBIDDEN = frozenset('<>:"|?*')
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\..*)?", re.IGNORECASE)


def shown(name: str | Path) -> str:
    r"""A name in one line that can be printed and written as UTF-8.

    Control characters (a file's name may hold a line break) and bytes that are no UTF-8 are written as Python
    writes them: ``\n``, ``\xff``. All else, backslashes too, stays as it is.
    """
    return _UNSHOWN.sub(_escaped, str(name))


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def name_problem(part: str) -> str:
    """What is wrong with the name of a file or folder, to follow "has"; empty for a good one.

    The rules are those of Windows as well (Microsoft: Naming Files, Paths, and Namespaces): a set that cannot
    be copied to the next machine is none, and a colon there names a hidden stream.
    """
    for character in part:
        if unicodedata.category(character) in _HIDDEN:
            return "a control character in its name"
        if character in _STEERING:
            return f"a character in its name that cannot be seen (U+{ord(character):04X})"
    if "\\" in part:
        return "a backslash in its name"
    if found := _FORBIDDEN & set(part):
        return f"a character in its name that Windows does not allow ({' '.join(sorted(found))})"
    if part.endswith((" ", ".")) and part not in (".", ".."):
        return "a name that ends with a blank or a dot, which Windows takes away"
    if _DEVICE.fullmatch(part):
        return "the name of a device on Windows"
    if len(part.encode("utf-8", "surrogateescape")) > MAX_NAME_BYTES:
        return f"a name longer than {MAX_NAME_BYTES} bytes"
    return ""


def path_problem(name: str) -> str:
    """What is wrong with the length of a whole path, to follow "has"; empty for a good one."""
    if len(name.encode("utf-8", "surrogateescape")) > MAX_PATH_BYTES:
        return f"a path longer than {MAX_PATH_BYTES} bytes"
    if name.count("/") >= MAX_DEPTH:
        return f"a path of more than {MAX_DEPTH} folders"
    return ""
