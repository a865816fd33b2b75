"""What people wear in a demo picture: hair, hats, glasses, masks and clothes."""

from __future__ import annotations

import numpy as np

from assets.drawing import (
    Canvas,
    Colour,
    Frame,
    Pixels,
    Point,
    Points,
    darker,
    lighter,
    mirrored,
    mix,
    oval,
    rectangle,
    smooth,
)
from assets.people import NOT_WORN, ON_CHIN, PROPER, Person, head_outline, mask_outline

_LOOP_COLOUR: Colour = (232, 236, 240)
# The outer edge of hair lying on the skull, right half from the crown to the temple.
_CROWN: list[Point] = [(0.0, -1.56), (0.6, -1.42), (1.0, -0.88), (1.05, -0.15)]


def _cap(hairline: list[Point]) -> Points:
    """Return hair that lies on the skull and ends at `hairline`, listed from the right to the left temple."""
    left = [(-x, y) for x, y in _CROWN[1:]]
    return smooth([*reversed(left), *_CROWN, *hairline])


def _curtain(foot: float) -> Points:
    """Return hair that is parted and hangs along both cheeks down to `foot`."""
    right = [(1.08, -0.88), (1.2, 0.0), (1.2, 0.6 * foot), (1.06, foot), (0.95, 0.5 * foot), (0.93, -0.1)]
    left = [(-x, y) for x, y in right]
    over_forehead = [(0.78, -0.64), (0.2, -1.02), (-0.1, -1.08), (-0.7, -0.72)]
    return smooth(
        [
            *reversed(left[:4]),
            (-0.62, -1.46),
            (0.0, -1.6),
            (0.62, -1.46),
            *right,
            *over_forehead,
            left[5],
            left[4],
        ]
    )


_FRONTS: dict[str, Points] = {
    "short": _cap(
        [(0.94, -0.3), (0.86, -0.68), (0.4, -0.9), (0.0, -0.86), (-0.4, -0.92), (-0.86, -0.66), (-0.94, -0.3)]
    ),
    "parted": _cap(
        [
            (0.94, -0.3),
            (0.86, -0.62),
            (0.3, -0.8),
            (-0.34, -1.06),
            (-0.7, -0.78),
            (-0.9, -0.56),
            (-0.94, -0.3),
        ]
    ),
    "fringe": _cap(
        [
            (0.94, -0.25),
            (0.84, -0.56),
            (0.42, -0.7),
            (0.12, -0.64),
            (-0.3, -0.72),
            (-0.8, -0.58),
            (-0.94, -0.25),
        ]
    ),
    "curly": _cap(
        [(0.93, -0.25), (0.84, -0.7), (0.4, -0.9), (0.0, -0.84), (-0.4, -0.9), (-0.84, -0.7), (-0.93, -0.25)]
    ),
    "bun": _cap(
        [
            (0.97, -0.2),
            (0.86, -0.66),
            (0.42, -0.98),
            (0.0, -1.04),
            (-0.42, -0.98),
            (-0.86, -0.66),
            (-0.97, -0.2),
        ]
    ),
}
_FRONTS["afro"] = _FRONTS["curly"]
_FRONTS["ponytail"] = _FRONTS["bun"]
_FRONTS["bob"] = _curtain(1.0)
_FRONTS["long"] = _curtain(1.9)


def draw_hair_behind(canvas: Canvas, person: Person, frame: Frame) -> None:
    """Draw the hair that is seen behind head and neck."""
    shade = darker(person.hair_colour, 0.3)
    if person.hair == "long":
        right = [(0.0, -1.55), (0.9, -1.2), (1.2, -0.3), (1.26, 0.9), (1.38, 2.1), (0.9, 2.5), (0.0, 2.4)]
        canvas.fill(frame.place(smooth(mirrored(right))), person.hair_colour, fade=shade)
    elif person.hair == "bob":
        right = [(0.0, -1.55), (0.9, -1.2), (1.22, -0.3), (1.3, 0.7), (1.1, 1.25), (0.0, 1.2)]
        canvas.fill(frame.place(smooth(mirrored(right))), person.hair_colour, fade=shade)
    elif person.hair == "afro":
        for angle in np.linspace(0.0, 2 * np.pi, 14, endpoint=False):
            x, y = 1.05 * np.cos(angle), -0.75 + 0.9 * np.sin(angle)
            canvas.fill(frame.place(oval(x, y, 0.5, 0.5)), person.hair_colour)
        canvas.fill(frame.place(oval(0, -0.75, 1.3, 1.15)), person.hair_colour)
    elif person.hair == "bun":
        canvas.fill(frame.place(oval(0, -1.72, 0.5, 0.42)), lighter(person.hair_colour, 0.06), fade=shade)
    elif person.hair == "ponytail":
        tail = [(0.5, -1.2), (1.2, -1.1), (1.55, -0.2), (1.5, 1.0), (1.25, 1.7), (1.1, 0.6), (0.9, -0.4)]
        canvas.fill(frame.place(smooth(tail)), person.hair_colour, fade=shade)
    elif person.hair == "headscarf":
        right = [(0.0, -1.62), (0.8, -1.4), (1.2, -0.6), (1.22, 0.4), (1.0, 1.3), (1.3, 2.0), (0.0, 2.3)]
        cloth = frame.place(smooth(mirrored(right)))
        canvas.fill(cloth, person.scarf_colour, fade=darker(person.scarf_colour, 0.3))


def draw_hair_in_front(canvas: Canvas, person: Person, frame: Frame) -> None:
    """Draw the hair that lies on the head, or the headscarf around the face."""
    if person.hair == "bald":
        return
    if person.hair == "headscarf":
        _draw_headscarf(canvas, person, frame)
        return
    if person.hair == "buzz":
        stubble = mix(person.skin, person.hair_colour, 0.75)
        head = canvas.region(frame.place(head_outline(person)))
        cap = [
            (-1.1, -0.3),
            (-1.1, -1.5),
            (1.1, -1.5),
            (1.1, -0.3),
            (0.9, -0.55),
            (0.7, -0.9),
            (-0.7, -0.9),
            (-0.9, -0.55),
        ]
        canvas.fill(frame.place(cap), stubble, clip=head)
        return
    hair = frame.place(_FRONTS[person.hair])
    canvas.fill(hair, lighter(person.hair_colour, 0.1), fade=darker(person.hair_colour, 0.12))
    inside = canvas.region(hair)
    if person.hair in ("curly", "afro"):
        for x in np.linspace(-0.95, 0.95, 7).tolist():
            y = -0.62 - 0.85 * np.sqrt(1 - (x / 1.1) ** 2)
            curl = frame.place(oval(x, y, 0.27, 0.27))
            canvas.fill(curl, lighter(person.hair_colour, 0.08), fade=darker(person.hair_colour, 0.1))
        return
    for x in (-0.55, -0.1, 0.4):
        strand = smooth([(x * 0.6, -1.5), (x, -1.2), (x * 1.5, -0.8)], closed=False)
        gleam = lighter(person.hair_colour, 0.28)
        canvas.stroke(frame.place(strand), 0.07 * frame.unit, gleam, alpha=0.6, clip=inside)


def _draw_headscarf(canvas: Canvas, person: Person, frame: Frame) -> None:
    """Draw the cloth over the forehead and along the cheeks."""
    colour = person.scarf_colour
    band = [
        (-1.14, 1.1),
        (-1.16, 0.0),
        (-1.05, -0.85),
        (-0.6, -1.45),
        (0.0, -1.6),
        (0.6, -1.45),
        (1.05, -0.85),
    ]
    band += [(1.16, 0.0), (1.14, 1.1), (0.92, 0.75), (0.95, 0.1), (0.8, -0.62), (0.36, -0.9), (0.0, -0.94)]
    band += [(-0.36, -0.9), (-0.8, -0.62), (-0.95, 0.1), (-0.92, 0.75)]
    canvas.fill(frame.place(smooth(band)), lighter(colour, 0.12), fade=darker(colour, 0.1))
    for shift in (-0.12, 0.1):
        fold = smooth([(-0.9, -0.5 + shift), (-0.45, -1.1 + shift), (0.2, -1.3 + shift)], closed=False)
        canvas.stroke(frame.place(fold), 0.05 * frame.unit, darker(colour, 0.3), alpha=0.6)


def draw_hat(canvas: Canvas, person: Person, frame: Frame) -> None:
    """Draw what is worn on the head."""
    colour, shade = person.scarf_colour, darker(person.scarf_colour, 0.35)
    if person.hat == "beanie":
        dome = [(0.0, -1.82), (0.62, -1.66), (1.05, -1.1), (1.12, -0.7), (0.0, -0.82)]
        canvas.fill(frame.place(smooth(mirrored(dome))), lighter(colour, 0.15), fade=colour)
        rim = smooth(
            [(-1.16, -0.62), (-1.14, -0.98), (0.0, -1.12), (1.14, -0.98), (1.16, -0.62), (0.0, -0.72)]
        )
        canvas.fill(frame.place(rim), darker(colour, 0.18))
        for x in np.linspace(-0.9, 0.9, 7):
            rib = frame.place([(x, -1.02 + 0.08 * abs(x)), (x, -0.72 + 0.06 * abs(x))])
            canvas.stroke(rib, 0.05 * frame.unit, shade, alpha=0.7)
        canvas.fill(frame.place(oval(0, -1.86, 0.22, 0.22)), lighter(colour, 0.35))
    elif person.hat == "cap":
        dome = [(0.0, -1.7), (0.62, -1.56), (1.04, -1.1), (1.1, -0.66), (0.0, -0.86)]
        canvas.fill(frame.place(smooth(mirrored(dome))), lighter(colour, 0.15), fade=colour)
        canvas.stroke(frame.place([(0, -1.68), (0, -0.95)]), 0.04 * frame.unit, shade, alpha=0.7)
        peak = smooth(
            [
                (-1.02, -0.72),
                (-0.6, -0.98),
                (0.0, -1.06),
                (0.6, -0.98),
                (1.02, -0.72),
                (0.6, -0.6),
                (0.0, -0.54),
                (-0.6, -0.6),
            ]
        )
        canvas.fill(frame.place_on_face(peak), darker(colour, 0.1), fade=shade)
    elif person.hat == "brimmed":
        brim = oval(0, -0.86, 1.75, 0.3)
        canvas.fill(frame.place(brim), darker(colour, 0.15), fade=shade)
        dome = [(0.0, -1.72), (0.6, -1.64), (0.92, -1.3), (1.02, -0.88), (0.0, -0.78)]
        canvas.fill(frame.place(smooth(mirrored(dome))), lighter(colour, 0.15), fade=colour)
        ribbon = [(-0.98, -1.1), (0.0, -1.0), (0.98, -1.1), (1.02, -0.9), (0.0, -0.78), (-1.02, -0.9)]
        canvas.fill(frame.place(smooth(ribbon)), shade)


def draw_glasses(canvas: Canvas, person: Person, frame: Frame) -> None:
    """Draw glasses over the eyes."""
    if not person.glasses:
        return
    rim: Colour = (34, 30, 34)
    width = 0.06 * frame.unit
    for side in (-1.0, 1.0):
        if person.glasses == "round":
            lens = oval(0.42 * side, -0.2, 0.32, 0.31)
        else:
            x = 0.43 * side
            lens = smooth(
                [(x - 0.34, -0.42), (x + 0.34, -0.42), (x + 0.3, 0.02), (x, 0.07), (x - 0.3, 0.02)], steps=4
            )
        edge = frame.place_on_face(lens)
        if person.glasses == "dark":
            canvas.fill(edge, (26, 26, 32), fade=(76, 70, 80))
        else:
            canvas.fill(edge, (232, 244, 250), alpha=0.22)
        canvas.stroke(np.concatenate([edge, edge[:1]]), width, rim)
        canvas.stroke(frame.place_on_face([(0.74 * side, -0.26), (0.99 * side, -0.2)]), width, rim)
    canvas.stroke(
        frame.place_on_face(smooth([(-0.12, -0.2), (0, -0.26), (0.12, -0.2)], closed=False)), width, rim
    )


def draw_mask(canvas: Canvas, person: Person, frame: Frame) -> None:
    """Draw the mask and its ear loops as they are worn."""
    if person.worn == NOT_WORN:
        return
    local = mask_outline(person)
    outline = frame.place_on_face(local)
    colour = person.mask_colour
    upper, lower = {PROPER: (0.14, 0.72), ON_CHIN: (0.76, 1.0)}.get(person.worn, (0.34, 0.8))
    for side in (-1.0, 1.0):
        ear_top, ear_foot = frame.place([(1.03 * side, -0.14), (1.03 * side, 0.3)])
        for start, end in ((upper, ear_top), (lower, ear_foot)):
            fixed = frame.place_on_face([(0.88 * side, start)])[0]
            loop = darker(colour, 0.1) if person.mask == "cloth" else _LOOP_COLOUR
            canvas.stroke(np.stack([fixed, end]), 0.06 * frame.unit, loop)
    # A soft dark rim keeps a white mask apart from pale skin.
    canvas.stroke(
        np.concatenate([outline, outline[:1]]), 0.09 * frame.unit, darker(person.skin, 0.5), alpha=0.55
    )
    canvas.fill(outline, lighter(colour, 0.14), fade=darker(colour, 0.16))
    inside = canvas.region(outline)
    _draw_cloth(canvas, person, frame, local, inside)
    far = frame.place_on_face([(0.5, -0.4), (1.2, -0.4), (1.2, 2.0), (0.62, 2.0)])
    canvas.fill(far, darker(colour, 0.5), alpha=0.18, clip=inside)


def _draw_cloth(canvas: Canvas, person: Person, frame: Frame, local: Points, inside: Pixels) -> None:
    """Draw pleats, seams or the pattern on a mask; `inside` is the mask's region."""
    colour = person.mask_colour
    unit = frame.unit
    top, bottom = float(local[:, 1].min()), float(local[:, 1].max())
    contrast = lighter(colour, 0.75) if sum(colour) < 480 else darker(colour, 0.55)
    if person.mask == "surgical":
        for share in (0.36, 0.56, 0.76):
            y = top + (bottom - top) * share
            pleat = smooth([(-0.95, y - 0.1), (-0.4, y), (0.4, y), (0.95, y - 0.1)], closed=False)
            canvas.stroke(
                frame.place_on_face(pleat), 0.05 * unit, darker(colour, 0.38), alpha=0.75, clip=inside
            )
        edge = smooth(
            [(-0.9, top + 0.24), (-0.3, top + 0.12), (0.3, top + 0.12), (0.9, top + 0.24)], closed=False
        )
        canvas.stroke(frame.place_on_face(edge), 0.07 * unit, lighter(colour, 0.6), clip=inside)
    elif person.mask == "cup":
        ridge = [(0.0, top + 0.1), (0.06, (top + bottom) / 2), (0.0, bottom - 0.06)]
        canvas.stroke(
            frame.place_on_face(smooth(ridge, closed=False)), 0.05 * unit, darker(colour, 0.3), clip=inside
        )
        valve = frame.place_on_face(
            oval(0.34, top + (bottom - top) * 0.62, 0.16, min(0.14, (bottom - top) * 0.2))
        )
        canvas.fill(valve, darker(colour, 0.25), clip=inside)
    elif person.mask == "cloth":
        seam = smooth([(0.0, top), (0.08, (top + bottom) / 2), (0.0, bottom)], closed=False)
        canvas.stroke(frame.place_on_face(seam), 0.05 * unit, darker(colour, 0.45), clip=inside)
        gleam = frame.place_on_face(oval(-0.4, top + (bottom - top) * 0.3, 0.26, (bottom - top) * 0.14))
        canvas.fill(gleam, lighter(colour, 0.4), alpha=0.3, clip=inside)
    elif person.mask == "dots":
        for row, y in enumerate(np.arange(top, bottom + 0.1, 0.25)):
            for x in np.arange(-0.9, 0.91, 0.3) + 0.15 * (row % 2):
                canvas.fill(frame.place_on_face(oval(x, y, 0.075, 0.075, 12)), contrast, clip=inside)
    else:
        for y in np.arange(top, bottom + 0.2, 0.26):
            line = smooth([(-1, y - 0.06), (0, y), (1, y - 0.06)], closed=False)
            canvas.stroke(frame.place_on_face(line), 0.09 * unit, contrast, alpha=0.8, clip=inside)
        for x in np.arange(-0.9, 1.0, 0.3) if person.mask == "checks" else ():
            canvas.stroke(
                frame.place_on_face([(x, top), (x, bottom)]), 0.08 * unit, contrast, alpha=0.55, clip=inside
            )


def draw_body(canvas: Canvas, person: Person, frame: Frame) -> None:
    """Draw legs, trunk and arms of the person whose (upright) head frame is `frame`."""
    colour, unit = person.garment_colour, frame.unit
    shade = darker(colour, 0.35)
    canvas.fill(frame.place(oval(0.3, 12.8, 2.3, 0.4)), (30, 26, 36), alpha=0.35)
    for side in (-1.0, 1.0):
        leg = [
            (0.04 * side, 6.2),
            (1.36 * side, 6.0),
            (1.24 * side, 9.2),
            (1.1 * side, 12.4),
            (0.36 * side, 12.4),
        ]
        canvas.fill(frame.place(leg), person.trouser_colour, fade=darker(person.trouser_colour, 0.35))
        shoe = smooth([(0.3 * side, 12.3), (1.12 * side, 12.3), (1.5 * side, 12.8), (0.3 * side, 12.85)])
        canvas.fill(frame.place(shoe), (46, 40, 42))
        hand = oval(2.16 * side, 6.25, 0.3, 0.4)
        canvas.fill(frame.place(hand), darker(person.skin, 0.08))
        arm = [
            (1.3 * side, 1.9),
            (1.95 * side, 2.15),
            (2.3 * side, 3.0),
            (2.5 * side, 4.6),
            (2.46 * side, 6.1),
        ]
        arm += [(1.86 * side, 6.1), (1.8 * side, 4.4), (1.5 * side, 3.0)]
        canvas.fill(frame.place(smooth(arm)), darker(colour, 0.08), fade=shade)
    trunk_right = [
        (0.0, 1.5),
        (0.55, 1.55),
        (1.1, 1.76),
        (1.8, 2.06),
        (1.86, 3.2),
        (1.66, 4.6),
        (1.62, 6.5),
        (0.0, 6.7),
    ]
    trunk = frame.place(smooth(mirrored(trunk_right)))
    canvas.fill(trunk, lighter(colour, 0.1), fade=shade)
    inside = canvas.region(trunk)
    for side in (-1.0, 1.0):
        fold = smooth([(1.5 * side, 2.7), (1.6 * side, 3.6), (1.5 * side, 5.0)], closed=False)
        canvas.stroke(frame.place(fold), 0.1 * unit, shade, alpha=0.8)
    _draw_garment(canvas, person, frame, inside)


def _draw_garment(canvas: Canvas, person: Person, frame: Frame, inside: Pixels) -> None:
    """Draw collar, zip, stripes or tie on the trunk; `inside` is the trunk's region."""
    colour, unit = person.garment_colour, frame.unit
    shade, light = darker(colour, 0.4), lighter(colour, 0.55)
    opening = frame.place([(-0.55, 1.4), (0.55, 1.4), (0.0, 3.2)])
    if person.garment == "striped":
        for y in np.arange(2.2, 6.8, 0.62):
            canvas.fill(frame.place(rectangle(-2.2, y, 2.2, y + 0.26)), light, clip=inside)
    elif person.garment == "hoodie":
        hood = smooth([(-1.15, 1.9), (-0.8, 1.3), (0.0, 1.75), (0.8, 1.3), (1.15, 1.9), (0.0, 2.5)])
        canvas.fill(frame.place(hood), darker(colour, 0.2))
        for x in (-0.26, 0.26):
            canvas.stroke(frame.place([(x, 2.2), (x * 1.1, 3.2)]), 0.07 * unit, light)
        pocket = [(-0.9, 5.9), (-0.6, 4.9), (0.6, 4.9), (0.9, 5.9)]
        canvas.stroke(frame.place(pocket), 0.07 * unit, shade)
    elif person.garment == "jacket":
        canvas.stroke(frame.place([(0, 1.6), (0, 6.6)]), 0.09 * unit, light)
        collar = smooth([(-0.85, 1.75), (-0.6, 1.2), (0.0, 1.62), (0.6, 1.2), (0.85, 1.75), (0.0, 2.1)])
        canvas.fill(frame.place(collar), darker(colour, 0.25))
    elif person.garment in ("coat", "tie"):
        canvas.fill(opening, (238, 236, 232), clip=inside)
        if person.garment == "tie":
            tie = [(-0.13, 1.8), (0.13, 1.8), (0.1, 2.05), (0.2, 3.0), (-0.2, 3.0), (-0.1, 2.05)]
            canvas.fill(frame.place(tie), person.scarf_colour, clip=inside)
        for side in (-1.0, 1.0):
            lapel = [(0.5 * side, 1.45), (0.95 * side, 1.75), (0.9 * side, 2.4), (0.0, 3.4)]
            canvas.fill(frame.place(lapel), darker(colour, 0.25), clip=inside)
        canvas.stroke(frame.place([(0, 3.3), (0, 6.6)]), 0.07 * unit, shade)
    else:
        canvas.fill(frame.place(oval(0, 1.5, 0.66, 0.5)), darker(person.skin, 0.15), clip=inside)
        ring = smooth([(-0.68, 1.5), (-0.45, 1.9), (0.0, 2.05), (0.45, 1.9), (0.68, 1.5)], closed=False)
        canvas.stroke(frame.place(ring), 0.12 * unit, shade)
