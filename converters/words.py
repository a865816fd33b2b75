"""Words for people."""

from __future__ import annotations


def counted(number: int, one: str, many: str | None = None) -> str:
    """``1 picture``, ``1,204 pictures``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
