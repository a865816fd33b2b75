"""How many decimals a YOLO line needs, and which, so that a re-read gives the same edges."""

from __future__ import annotations

from itertools import product
from math import floor

from converters.model import Xyxy

MAX_ERROR_PX = 0.5e-3
"""No edge moves by more than this when it is written and read again."""


def line_numbers(xyxy: Xyxy, size: tuple[int, int]) -> str:
    """Centre x, centre y, width, height as text, parts of the sides.

    Six decimals, as everybody writes; more for sides above 666 px, where six are too coarse. The number of
    decimals depends on the picture's size alone, so that writing what was read gives the same text.

    Args:
        xyxy: Edges in pixels, inside the picture.
        size: The picture's (width, height).
    """
    digits = decimals_for(size)
    cx, w = _axis(xyxy[0], xyxy[2], size[0], digits)
    cy, h = _axis(xyxy[1], xyxy[3], size[1], digits)
    return " ".join(_decimal(value, digits) for value in (cx, cy, w, h))


def decimals_for(size: tuple[int, int]) -> int:
    """Decimals that keep every edge within :data:`MAX_ERROR_PX`.

    Rounding a centre and half an extent moves an edge by up to ½ + ¼ units of the last decimal.
    """
    digits = 6
    while 0.75 * 10.0**-digits * max(size) > MAX_ERROR_PX:
        digits += 1
    return digits


def _axis(low: float, high: float, side: int, digits: int) -> tuple[int, int]:
    """Centre and extent in units of the last decimal: the nearest pair with both edges inside the picture."""
    unit = 10**digits
    centre = (low + high) / 2 / side * unit
    extent = (high - low) / side * unit
    # An edge is off by the centre's error plus half the extent's, so the nearest of each is best, if it fits.
    c, e = floor(centre), floor(extent)
    c, e = c + (centre - c > 0.5), e + (extent - e > 0.5)
    if e >= 1 and 2 * c - e >= 0 and 2 * c + e <= 2 * unit:
        return c, e
    best: tuple[float, int, int] | None = None
    for c, e in product(
        (floor(centre), floor(centre) + 1), (floor(extent) - 1, floor(extent), floor(extent) + 1)
    ):
        if e < 1 or 2 * c - e < 0 or 2 * c + e > 2 * unit:
            continue
        error = max(abs((c - centre) - (e - extent) / 2), abs((c - centre) + (e - extent) / 2))
        if best is None or error < best[0]:
            best = (error, c, e)
    if best is None:  # thinner than the last decimal, at the very edge
        c = min(max(round(centre), 1), unit - 1)
        return c, 1
    return best[1], best[2]


def _decimal(value: int, digits: int) -> str:
    whole, part = divmod(value, 10**digits)
    return f"{whole}.{part:0{digits}d}"
