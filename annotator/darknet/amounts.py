"""Bytes in a person's words."""

from __future__ import annotations

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def size_text(size: int) -> str:
    """``812 bytes``, ``1.4 MB``: powers of 1000, as file managers and disks count."""
    value, power = float(size), 0
    while value >= 999.5 and power < len(_UNITS) - 1:
        value, power = value / 1000, power + 1
    if power == 0:
        return "1 byte" if size == 1 else f"{size} bytes"
    unit = _UNITS[power]
    return f"{value:.0f} {unit}" if value >= 99.5 else f"{value:.1f} {unit}"
