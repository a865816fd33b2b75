"""Drawing one whole person of a demo picture."""

from __future__ import annotations

from assets.drawing import Canvas, Colour, Frame, Pixels, darker, lighter, mix, oval, rectangle, smooth
from assets.people import Person, head_outline
from assets.wardrobe import (
    draw_body,
    draw_glasses,
    draw_hair_behind,
    draw_hair_in_front,
    draw_hat,
    draw_mask,
)

_LIP: Colour = (176, 62, 66)


def draw_person(canvas: Canvas, person: Person, frame: Frame) -> None:
    """Draw a person from back to front.

    Args:
        canvas: What to draw on.
        person: Who.
        frame: Where the head lies; the body hangs upright below it.
    """
    body = frame.upright()
    if person.hair == "headscarf":
        draw_body(canvas, person, body)
        draw_hair_behind(canvas, person, frame)
    else:
        draw_hair_behind(canvas, person, frame)
        _draw_neck(canvas, person, body)
        draw_body(canvas, person, body)
    _draw_ears(canvas, person, frame)
    _draw_head(canvas, person, frame)
    draw_mask(canvas, person, frame)
    draw_glasses(canvas, person, frame)
    draw_hair_in_front(canvas, person, frame)
    draw_hat(canvas, person, frame)


def _draw_neck(canvas: Canvas, person: Person, frame: Frame) -> None:
    neck = [(-0.46, 0.7), (0.46, 0.7), (0.5, 1.55), (0.72, 1.85), (-0.72, 1.85), (-0.5, 1.55)]
    canvas.fill(frame.place(neck), darker(person.skin, 0.36), fade=darker(person.skin, 0.1))


def _draw_ears(canvas: Canvas, person: Person, frame: Frame) -> None:
    if not person.shows_ears:
        return
    for side in (-1.0, 1.0):
        canvas.fill(frame.place(oval(0.99 * side, 0.06, 0.15, 0.28)), darker(person.skin, 0.08))
        canvas.fill(frame.place(oval(1.02 * side, 0.07, 0.07, 0.17)), darker(person.skin, 0.28))


def _draw_head(canvas: Canvas, person: Person, frame: Frame) -> None:
    """Draw skin, shade and everything on the face."""
    skin = person.skin
    outline = frame.place(head_outline(person))
    canvas.fill(outline, lighter(skin, 0.1), fade=darker(skin, 0.06))
    inside = canvas.region(outline)
    # Light falls from the upper left.
    shade = smooth(
        [(0.5, -1.3), (0.82, -0.5), (0.8, 0.4), (0.4, 1.1), (0.1, 1.4), (0.9, 1.5), (1.4, 0.4), (1.3, -0.9)]
    )
    canvas.fill(frame.place(shade), darker(skin, 0.3), alpha=0.35, clip=inside)
    canvas.fill(frame.place_on_face(oval(-0.3, -0.72, 0.42, 0.2)), lighter(skin, 0.5), alpha=0.3, clip=inside)
    for side in (-1.0, 1.0):
        blush = mix(skin, (226, 96, 90), 0.45)
        canvas.fill(frame.place_on_face(oval(0.56 * side, 0.3, 0.24, 0.17)), blush, alpha=0.35, clip=inside)
    if person.beard:
        _draw_beard(canvas, person, frame, inside)
    for side in (-1.0, 1.0):
        _draw_eye(canvas, person, frame, side)
    _draw_nose(canvas, person, frame)
    _draw_mouth(canvas, person, frame)


def _draw_beard(canvas: Canvas, person: Person, frame: Frame, inside: Pixels) -> None:
    jaw = [
        (-1.1, 0.1),
        (-0.86, 0.12),
        (-0.72, 0.56),
        (-0.4, 0.48),
        (0.0, 0.44),
        (0.4, 0.48),
        (0.72, 0.56),
        (0.86, 0.12),
    ]
    jaw += [(1.1, 0.1), (1.1, 1.5), (-1.1, 1.5)]
    colour = mix(person.skin, person.hair_colour, 0.82)
    canvas.fill(frame.place_on_face(jaw), colour, fade=darker(colour, 0.2), clip=inside)


def _draw_eye(canvas: Canvas, person: Person, frame: Frame, side: float) -> None:
    """Draw one eye with its brow; `side` is -1 or 1."""
    x, y, unit = 0.42 * side, -0.2, frame.unit
    lid = [
        (x - 0.24, y + 0.02),
        (x - 0.12, y - 0.13),
        (x + 0.1, y - 0.14),
        (x + 0.24, y),
        (x + 0.1, y + 0.12),
        (x - 0.12, y + 0.12),
    ]
    white = frame.place_on_face(smooth(lid))
    canvas.fill(frame.place_on_face(oval(x, y - 0.04, 0.3, 0.22)), darker(person.skin, 0.35), alpha=0.3)
    canvas.fill(white, (250, 248, 246))
    inside = canvas.region(white)
    canvas.fill(frame.place_on_face(oval(x, y - 0.01, 0.125, 0.135)), person.iris, clip=inside)
    canvas.fill(frame.place_on_face(oval(x, y - 0.01, 0.065, 0.07)), (16, 14, 18), clip=inside)
    canvas.fill(frame.place_on_face(oval(x - 0.04, y - 0.06, 0.035, 0.035)), (255, 255, 255))
    lashes = frame.place_on_face(
        smooth(
            [(x - 0.25, y + 0.02), (x - 0.1, y - 0.14), (x + 0.1, y - 0.14), (x + 0.25, y + 0.01)],
            closed=False,
        )
    )
    canvas.stroke(lashes, 0.065 * unit, (40, 28, 30))
    brow = smooth([(x - 0.27 * side, y - 0.27), (x, y - 0.36), (x + 0.27 * side, y - 0.28)], closed=False)
    canvas.stroke(frame.place_on_face(brow), 0.1 * unit, darker(person.hair_colour, 0.15))


def _draw_nose(canvas: Canvas, person: Person, frame: Frame) -> None:
    shade = darker(person.skin, 0.38)
    unit = frame.unit
    side = smooth([(0.1, -0.14), (0.13, 0.1), (0.23, 0.26), (0.16, 0.34), (0.0, 0.36), (0.06, 0.1)])
    canvas.fill(frame.place_on_face(side), shade, alpha=0.45)
    canvas.fill(frame.place_on_face(oval(-0.03, 0.2, 0.09, 0.09)), lighter(person.skin, 0.6), alpha=0.55)
    wing = smooth(
        [(-0.22, 0.2), (-0.24, 0.31), (-0.1, 0.34), (0.0, 0.38), (0.1, 0.34), (0.24, 0.31), (0.22, 0.2)],
        closed=False,
    )
    canvas.stroke(frame.place_on_face(wing), 0.06 * unit, shade)
    for x in (-0.1, 0.1):
        canvas.fill(frame.place_on_face(oval(x, 0.33, 0.055, 0.035)), darker(person.skin, 0.7))


def _draw_mouth(canvas: Canvas, person: Person, frame: Frame) -> None:
    """Draw lips, parted and with teeth where the smile is broad."""
    smile = person.smile
    y = 0.7
    corner = y - 0.09 * smile
    lip = mix(person.skin, _LIP, 0.72)
    upper = [(-0.36, corner), (-0.14, y - 0.1), (0.0, y - 0.06), (0.14, y - 0.1), (0.36, corner)]
    if smile > 0.5:
        opened = smooth([*upper, (0.2, y + 0.14), (0.0, y + 0.19), (-0.2, y + 0.14)])
        mouth = frame.place_on_face(opened)
        canvas.fill(mouth, (112, 30, 38))
        teeth = frame.place_on_face(rectangle(-0.3, y - 0.12, 0.3, y + 0.03))
        canvas.fill(teeth, (250, 246, 240), clip=canvas.region(mouth))
        lower = smooth(
            [(-0.34, corner), (-0.2, y + 0.15), (0.0, y + 0.2), (0.2, y + 0.15), (0.34, corner)], closed=False
        )
        canvas.stroke(frame.place_on_face(lower), 0.08 * frame.unit, lip)
        return
    canvas.fill(
        frame.place_on_face(smooth([*upper, (0.18, y + 0.12), (0.0, y + 0.15), (-0.18, y + 0.12)])), lip
    )
    line = smooth([(-0.36, corner), (-0.12, y + 0.01), (0.12, y + 0.01), (0.36, corner)], closed=False)
    canvas.stroke(frame.place_on_face(line), 0.05 * frame.unit, darker(lip, 0.55))
