"""Charts as SVG inside an HTML page, whose style sheet says what colour text, muted text and grid have."""

from __future__ import annotations

import unicodedata
from html import escape

from converters.chart_drawing import WIDTH, Anchor, Drawing, Ink, Line, Rectangle, Text
from converters.colours import Rgb

STYLE = """
svg text { font-family: inherit; }
svg .text { fill: var(--text); } svg .muted { fill: var(--muted); }
svg line.text { stroke: var(--text); } svg line.muted { stroke: var(--muted); }
svg line.grid { stroke: var(--grid); }
"""
"""For the page's style sheet; it defines the three colours."""


def safe(text: str) -> str:
    """Text for HTML and for attributes in double quotes: whatever a class or file is called.

    Control characters, halves of UTF-16 pairs (from file names that are not UTF-8) and marks that turn the
    direction of writing become a replacement character.
    """
    return escape("".join("\ufffd" if _is_harmful(letter) else letter for letter in text), quote=True)


def as_svg(drawing: Drawing) -> str:
    """A drawing as an ``<svg>`` element."""
    parts = [
        f'<svg viewBox="0 0 {WIDTH:g} {_number(drawing.height)}" role="img" '
        f'aria-label="{safe(drawing.title)}">'
    ]
    for item in drawing.items:
        if isinstance(item, Rectangle):
            parts.append(_rectangle(item))
        elif isinstance(item, Line):
            parts.append(
                f'<line class="{item.ink}" x1="{_number(item.x1)}" y1="{_number(item.y1)}" '
                f'x2="{_number(item.x2)}" y2="{_number(item.y2)}" stroke-width="{item.width:g}"/>'
            )
        else:
            parts.append(_text(item))
    return "\n".join([*parts, "</svg>"])


def hex_colour(colour: Rgb) -> str:
    """``#44bb99``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _is_harmful(letter: str) -> bool:
    kind = unicodedata.category(letter)
    return kind in ("Cc", "Cs") or letter in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def _rectangle(item: Rectangle) -> str:
    outline = f' stroke="{hex_colour(item.outline)}" stroke-width="0.7"' if item.outline else ""
    opacity = f' fill-opacity="{_number(item.opacity)}"' if item.opacity < 1 else ""
    tooltip = f"<title>{safe(item.tooltip)}</title>" if item.tooltip else ""
    return (
        f'<rect x="{_number(item.x)}" y="{_number(item.y)}" width="{_number(item.width)}" '
        f'height="{_number(item.height)}" fill="{hex_colour(item.fill)}"{opacity}{outline}>{tooltip}</rect>'
    )


def _text(item: Text) -> str:
    paint = f'class="{item.ink}"' if isinstance(item.ink, Ink) else f'fill="{hex_colour(item.ink)}"'
    bold = ' font-weight="600"' if item.bold else ""
    anchor = f' text-anchor="{item.anchor}"' if item.anchor is not Anchor.START else ""
    tooltip = f"<title>{safe(item.tooltip)}</title>" if item.tooltip else ""
    # The baseline of a line of text lies about a third of the letters' height below its middle.
    baseline = _number(item.y + 0.35 * item.size)
    return (
        f'<text {paint} x="{_number(item.x)}" y="{baseline}" font-size="{item.size:g}"{bold}{anchor}>'
        f"{safe(item.text)}{tooltip}</text>"
    )


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
