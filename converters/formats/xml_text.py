"""Text as it stands in XML.

Extensible Markup Language (XML) 1.0, section 2.4. The standard library's functions for it load its HTTP
client with them, which takes as long as reading a hundred label files.
"""

from __future__ import annotations

from collections.abc import Mapping

_CONTENT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_ATTRIBUTE = _CONTENT | str.maketrans({'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})


def escape(text: str, others: Mapping[str, str] | None = None) -> str:
    """Text as the content of an element.

    Args:
        text: The text.
        others: Characters that are replaced beside those that must be, and what by.
    """
    return text.translate(_CONTENT if others is None else _CONTENT | str.maketrans(dict(others)))


def quoteattr(text: str) -> str:
    """Text as the value of an attribute, in double quotes; line breaks and tabs come back as they are."""
    return f'"{text.translate(_ATTRIBUTE)}"'
