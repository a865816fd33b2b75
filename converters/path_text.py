"""Paths of many values kept as text.

A Path takes four times the memory of its text; two of them for each of 100,000 pictures are a third of all
that a set takes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


def keep_as_text(kind: type, name: str) -> Any:
    """Keep a field of a dataclass with slots that holds a Path (or None) as text; whoever asks gets a Path.

    Returns:
        The slot that holds the text.
    """
    slot: Any = vars(kind)[name]

    def read(value: Any) -> Path | None:
        text = slot.__get__(value)
        return None if text is None else Path(text)

    def write(value: Any, path: Path | None) -> None:
        slot.__set__(value, None if path is None else str(path))

    setattr(kind, name, property(read, write))
    return slot
