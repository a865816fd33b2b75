"""Places that the people of the demo set stand in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

import numpy as np

from assets.drawing import Canvas, Colour, darker, lighter, mix, oval, rectangle, smooth

_GOODS: tuple[Colour, ...] = (
    (214, 78, 66),
    (238, 178, 72),
    (98, 152, 96),
    (78, 122, 176),
    (236, 226, 206),
    (162, 96, 148),
    (226, 132, 88),
    (84, 168, 170),
)


def _clouds(canvas: Canvas, rng: Random, lowest: float, count: int) -> None:
    """Draw `count` clouds above the row `lowest`."""
    for _ in range(count):
        x, y = rng.uniform(0, canvas.width), rng.uniform(0.1, 0.9) * lowest
        size = rng.uniform(0.05, 0.1) * canvas.width
        for shift, scale in ((-1.1, 0.6), (0.0, 1.0), (1.0, 0.7)):
            puff = oval(x + shift * size, y + (1 - scale) * size * 0.3, size * scale, size * scale * 0.45)
            canvas.fill(puff, (250, 252, 255), alpha=0.75)


def _tree(canvas: Canvas, rng: Random, x: float, foot: float, height: float) -> None:
    """Draw a broad-leaved tree."""
    trunk = rectangle(x - height * 0.04, foot - height * 0.5, x + height * 0.04, foot)
    canvas.fill(trunk, (112, 84, 62), fade=(84, 62, 48))
    green = mix((86, 140, 78), (146, 160, 70), rng.random())
    for _ in range(8):
        leaf_x, leaf_y = x + rng.gauss(0, 0.15) * height, foot - height * rng.uniform(0.5, 0.86)
        size = height * rng.uniform(0.14, 0.24)
        shade = mix(green, (40, 84, 58), rng.uniform(0.0, 0.5))
        canvas.fill(oval(leaf_x, leaf_y, size, size * 0.85), lighter(shade, 0.12), fade=darker(shade, 0.1))


def draw_street(canvas: Canvas, rng: Random) -> None:
    """Draw a row of houses with shops over a pavement."""
    width, height = canvas.width, canvas.height
    ground = height * rng.uniform(0.5, 0.6)
    canvas.fill(rectangle(0, 0, width, ground), (142, 186, 222), fade=(226, 230, 226))
    _clouds(canvas, rng, height * 0.25, 3)
    left = -rng.uniform(0, width * 0.15)
    while left < width:
        right = left + width * rng.uniform(0.16, 0.3)
        _house(canvas, rng, (left, height * rng.uniform(-0.1, 0.2), right, ground))
        left = right
    canvas.fill(rectangle(0, ground, width, height), (176, 172, 168), fade=(126, 124, 126))
    canvas.fill(rectangle(0, ground, width, ground + height * 0.03), (206, 202, 196))
    for step in range(-8, 9):
        joint = np.array(
            [(width / 2 + step * width * 0.09, ground), (width / 2 + step * width * 0.3, height)]
        )
        canvas.stroke(joint, 1.2, (144, 140, 140), alpha=0.8)
    for share in (0.12, 0.32, 0.62):
        y = ground + (height - ground) * share
        canvas.stroke(np.array([(0.0, y), (float(width), y)]), 1.2, (144, 140, 140), alpha=0.8)
    lamp = width * rng.uniform(0.1, 0.9)
    canvas.stroke(np.array([(lamp, ground * 0.25), (lamp, ground + height * 0.05)]), 4, (60, 64, 68))
    canvas.fill(oval(lamp, ground * 0.24, 9, 7), (252, 244, 206))


def _house(canvas: Canvas, rng: Random, box: tuple[float, float, float, float]) -> None:
    """Draw a house's front with windows and a shop on the ground floor."""
    left, top, right, bottom = box
    wall = mix(
        rng.choice(((190, 126, 100), (214, 190, 156), (168, 174, 182), (140, 104, 92))),
        (220, 210, 196),
        rng.uniform(0, 0.4),
    )
    canvas.fill(rectangle(left, top, right, bottom), lighter(wall, 0.1), fade=darker(wall, 0.15))
    canvas.fill(rectangle(left, top, right, top + 5), darker(wall, 0.35))
    shop_top = bottom - canvas.height * 0.19
    columns = rng.choice((2, 3))
    cell = (right - left) / columns
    row_height = canvas.height * 0.115
    glass = rng.choice(((120, 150, 176), (92, 112, 134), (234, 214, 160)))
    y = top + row_height * 0.4
    while y + row_height < shop_top:
        for column in range(columns):
            x = left + cell * (column + 0.22)
            pane = rectangle(x, y, x + cell * 0.56, y + row_height * 0.68)
            canvas.fill(pane, lighter(glass, 0.2), fade=darker(glass, 0.2))
            sill = rectangle(x - 2, y + row_height * 0.68, x + cell * 0.56 + 2, y + row_height * 0.76)
            canvas.fill(sill, lighter(wall, 0.45))
        y += row_height
    awning = rng.choice(_GOODS)
    window = rectangle(left + 5, shop_top + 10, right - 5, bottom)
    canvas.fill(window, (250, 232, 186), fade=(120, 112, 108))
    stripes = 8
    for stripe in range(stripes):
        x = left + (right - left) * stripe / stripes
        colour = awning if stripe % 2 else (244, 240, 232)
        canvas.fill(
            rectangle(x, shop_top, x + (right - left) / stripes, shop_top + 14),
            colour,
            fade=darker(colour, 0.2),
        )


def draw_park(canvas: Canvas, rng: Random) -> None:
    """Draw a lawn with a path, trees and hills."""
    width, height = canvas.width, canvas.height
    horizon = height * rng.uniform(0.4, 0.5)
    canvas.fill(rectangle(0, 0, width, horizon + 20), (122, 182, 228), fade=(222, 236, 238))
    _clouds(canvas, rng, height * 0.3, 4)
    for colour, lift in (((150, 184, 170), 0.16), ((122, 168, 128), 0.08)):
        ridge = [
            (x, horizon - height * lift * rng.uniform(0.3, 1.0)) for x in np.linspace(-20, width + 20, 7)
        ]
        hill = np.concatenate(
            [smooth(ridge, closed=False), [(width + 20, horizon + 20), (-20, horizon + 20)]]
        )
        canvas.fill(hill, colour, fade=darker(colour, 0.1))
    canvas.fill(rectangle(0, horizon, width, height), (146, 188, 96), fade=(84, 136, 70))
    bend = rng.uniform(-0.15, 0.15) * width
    middle = width * rng.uniform(0.35, 0.65)
    path = [(middle - 6, horizon), (middle + 6, horizon), (middle + 40 + bend, height * 0.7)]
    path += [
        (middle + width * 0.3, height),
        (middle - width * 0.3, height),
        (middle - 40 + bend, height * 0.7),
    ]
    canvas.fill(np.array(path), (216, 200, 164), fade=(190, 170, 132))
    for _ in range(9):
        depth = rng.random()
        foot = horizon + height * (0.01 + 0.12 * depth)
        _tree(canvas, rng, rng.uniform(0, width), foot, height * (0.28 + 0.4 * depth))


def draw_room(canvas: Canvas, rng: Random) -> None:
    """Draw a living room with a window, a picture, a lamp and a sofa."""
    width, height = canvas.width, canvas.height
    wall = rng.choice(((226, 214, 192), (196, 212, 208), (224, 200, 190), (188, 196, 216), (206, 214, 186)))
    floor = height * 0.8
    canvas.fill(rectangle(0, 0, width, floor), lighter(wall, 0.3), fade=darker(wall, 0.12))
    canvas.fill(rectangle(0, floor, width, height), (172, 128, 90), fade=(128, 92, 64))
    canvas.fill(rectangle(0, floor - 6, width, floor), (244, 240, 232))
    left = width * rng.uniform(0.05, 0.45)
    right, top, bottom = left + width * 0.4, height * 0.08, height * 0.52
    canvas.fill(rectangle(left - 5, top - 5, right + 5, bottom + 7), (250, 248, 244))
    canvas.fill(rectangle(left, top, right, bottom), (132, 186, 230), fade=(232, 240, 240))
    canvas.fill(rectangle(left, bottom - height * 0.1, right, bottom), (134, 176, 122), fade=(96, 146, 92))
    for share in (1 / 3, 2 / 3):
        x = left + (right - left) * share
        canvas.fill(rectangle(x - 2, top, x + 2, bottom), (250, 248, 244))
    cloth = rng.choice(_GOODS)
    for edge, out in ((left, -1), (right, 1)):
        for fold in range(3):
            x = edge + out * (fold - 0.6) * width * 0.03
            strip = rectangle(x, top - 10, x + width * 0.03, bottom + 20)
            canvas.fill(strip, mix(cloth, wall, 0.25 + 0.12 * fold), fade=darker(cloth, 0.15))
    x = width * (0.8 if left < width * 0.25 else 0.06)
    canvas.fill(rectangle(x - 4, height * 0.12, x + width * 0.13 + 4, height * 0.36), (92, 70, 56))
    canvas.fill(
        rectangle(x, height * 0.14, x + width * 0.13, height * 0.34),
        rng.choice(_GOODS),
        fade=rng.choice(_GOODS),
    )
    canvas.fill(oval(x + width * 0.065, height * 0.23, width * 0.035, height * 0.05), (250, 240, 214))
    _sofa(canvas, rng, width * rng.uniform(0.05, 0.2))
    x = width * rng.choice((0.02, 0.97))
    for leaf in range(9):
        tip = (x + (leaf - 4) * width * 0.022, height * (0.4 + 0.02 * abs(leaf - 4)))
        canvas.stroke(np.array([(x, height * 0.66), tip]), 5, mix((70, 132, 84), (130, 172, 92), leaf / 8))


def _sofa(canvas: Canvas, rng: Random, left: float) -> None:
    """Draw a sofa of two seats that begins at `left`."""
    width, height = canvas.width, canvas.height
    colour = darker(rng.choice(_GOODS), 0.2)
    wide, top = width * 0.32, height * 0.6
    canvas.fill(rectangle(left, height * 0.86, left + 2 * wide, height * 0.9), (60, 44, 38))
    for start in (left, left + wide):
        back = [(start, height * 0.8), (start + 3, top + 6), (start + 14, top), (start + wide - 14, top)]
        back += [(start + wide - 3, top + 6), (start + wide, height * 0.8)]
        canvas.fill(np.array(back), lighter(colour, 0.18), fade=darker(colour, 0.1))
        seat = rectangle(start, height * 0.76, start + wide - 2, height * 0.87)
        canvas.fill(seat, lighter(colour, 0.1), fade=darker(colour, 0.25))
    for x in (left - 8, left + 2 * wide - 8):
        arm = smooth(
            [
                (x, height * 0.88),
                (x, height * 0.7),
                (x + 9, height * 0.67),
                (x + 18, height * 0.7),
                (x + 18, height * 0.88),
            ]
        )
        canvas.fill(arm, lighter(colour, 0.25), fade=darker(colour, 0.2))


def draw_evening(canvas: Canvas, rng: Random) -> None:
    """Draw a waterfront at dusk with the lights of a skyline."""
    width, height = canvas.width, canvas.height
    water = height * rng.uniform(0.5, 0.6)
    high, low = rng.choice(
        (
            ((62, 74, 132), (250, 176, 128)),
            ((84, 116, 176), (252, 208, 166)),
            ((70, 56, 110), (236, 134, 126)),
        )
    )
    canvas.fill(rectangle(0, 0, width, water), high, fade=low)
    canvas.fill(
        oval(width * rng.uniform(0.2, 0.8), water * 0.82, width * 0.06, width * 0.06),
        (255, 236, 196),
        alpha=0.9,
    )
    x = -10.0
    while x < width:
        wide = width * rng.uniform(0.04, 0.1)
        top = water - height * rng.uniform(0.08, 0.34)
        tower = mix(high, (40, 38, 64), rng.uniform(0.3, 0.7))
        canvas.fill(rectangle(x, top, x + wide, water), tower, fade=darker(tower, 0.2))
        for _ in range(5):
            lit_x, lit_y = x + wide * rng.uniform(0.1, 0.8), rng.uniform(top + 3, water - 4)
            canvas.fill(rectangle(lit_x, lit_y, lit_x + 3, lit_y + 3), (255, 224, 150))
        x += wide
    canvas.fill(rectangle(0, water, width, height), mix(low, high, 0.4), fade=darker(high, 0.4))
    for _ in range(14):
        y = water + (height - water) * rng.random() * 0.6
        start = rng.uniform(0, width)
        canvas.stroke(np.array([(start, y), (start + width * 0.1, y)]), 1.6, lighter(low, 0.3), alpha=0.5)
    canvas.fill(rectangle(0, height * 0.84, width, height), (104, 92, 96), fade=(70, 62, 70))
    for post in np.linspace(0, width, 9):
        canvas.stroke(np.array([(post, height * 0.72), (post, height * 0.86)]), 3, (52, 48, 58))
    canvas.stroke(np.array([(0.0, height * 0.72), (float(width), height * 0.72)]), 4, (52, 48, 58))


def draw_subway(canvas: Canvas, rng: Random) -> None:
    """Draw the inside of a carriage, seen along its side."""
    width, height = canvas.width, canvas.height
    wall = rng.choice(((206, 210, 210), (222, 216, 200), (190, 204, 214)))
    seat = rng.choice(((196, 82, 66), (66, 104, 166), (74, 140, 110), (214, 150, 60)))
    canvas.fill(rectangle(0, 0, width, height), lighter(wall, 0.35), fade=darker(wall, 0.15))
    canvas.fill(rectangle(0, 0, width, height * 0.08), (246, 248, 246))
    for start in np.arange(-0.1, 1.0, 0.36):
        left, right = width * (start + rng.uniform(0, 0.02)), width * (start + 0.3)
        advert = rng.choice(_GOODS)
        canvas.fill(rectangle(left, height * 0.1, right, height * 0.17), lighter(advert, 0.3), fade=advert)
        canvas.fill(rectangle(left - 4, height * 0.2, right + 4, height * 0.56), darker(wall, 0.3))
        canvas.fill(rectangle(left, height * 0.22, right, height * 0.54), (52, 62, 78), fade=(88, 100, 112))
        for _ in range(3):
            x = rng.uniform(left, right - 20)
            canvas.fill(rectangle(x, height * 0.3, x + 18, height * 0.33), (246, 224, 160), alpha=0.7)
        gleam = [
            (left + 8, height * 0.54),
            (left + 34, height * 0.22),
            (left + 50, height * 0.22),
            (left + 24, height * 0.54),
        ]
        canvas.fill(np.array(gleam), (220, 232, 240), alpha=0.18)
        canvas.fill(
            rectangle(left, height * 0.58, right, height * 0.76), lighter(seat, 0.1), fade=darker(seat, 0.25)
        )
        canvas.fill(
            rectangle(left, height * 0.76, right, height * 0.82), darker(seat, 0.1), fade=darker(seat, 0.45)
        )
    canvas.fill(rectangle(0, height * 0.88, width, height), (120, 118, 122), fade=(90, 88, 94))
    canvas.stroke(np.array([(0.0, height * 0.13), (float(width), height * 0.13)]), 4, (178, 184, 190))
    for share in (0.13, 0.5, 0.86):
        x = width * (share + rng.uniform(-0.05, 0.05))
        canvas.stroke(np.array([(x, 0.0), (x, float(height))]), 6, (150, 156, 164))
        canvas.stroke(np.array([(x - 1, 0.0), (x - 1, float(height))]), 2, (238, 240, 242))
    for x in np.linspace(width * 0.05, width * 0.95, 8):
        canvas.stroke(np.array([(x, height * 0.13), (x, height * 0.2)]), 2, (90, 90, 96))
        canvas.stroke(oval(x, height * 0.235, 6, 7), 2.5, (232, 226, 214))


def draw_shop(canvas: Canvas, rng: Random) -> None:
    """Draw shelves full of goods behind a tiled floor."""
    width, height = canvas.width, canvas.height
    canvas.fill(rectangle(0, 0, width, height), (226, 222, 212), fade=(190, 184, 176))
    sign = rng.choice(_GOODS)
    canvas.fill(rectangle(0, 0, width, height * 0.09), lighter(sign, 0.1), fade=darker(sign, 0.15))
    for x in np.arange(width * 0.1, width, width * 0.27):
        canvas.fill(rectangle(x, height * 0.03, x + width * 0.14, height * 0.06), (250, 246, 236))
    floor = height * 0.86
    shelf_height = (floor - height * 0.1) / 4
    for row in range(4):
        board = height * 0.1 + shelf_height * (row + 1)
        canvas.fill(rectangle(0, board - shelf_height, width, board), (120, 106, 98), fade=(158, 144, 132))
        x = 0.0
        while x < width:
            colour, kind = mix(rng.choice(_GOODS), (150, 134, 124), 0.15), rng.random()
            wide, tall = width * rng.uniform(0.03, 0.055), shelf_height * rng.uniform(0.5, 0.8)
            for _ in range(rng.randint(2, 4)):
                _ware(canvas, (x, board - tall, x + wide - 1.5, board - 3), colour, kind)
                x += wide
            x += 2
        canvas.fill(rectangle(0, board - 4, width, board + 2), (238, 234, 226))
        for tag in np.arange(rng.uniform(4, 20), width, width * 0.11):
            canvas.fill(
                rectangle(tag, board - 4, tag + 12, board + 1), rng.choice(((250, 216, 84), (220, 76, 66)))
            )
    canvas.fill(rectangle(0, floor, width, height), (214, 208, 200), fade=(176, 170, 164))
    for step in range(-6, 7):
        joint = np.array([(width / 2 + step * width * 0.12, floor), (width / 2 + step * width * 0.2, height)])
        canvas.stroke(joint, 1.2, (156, 150, 146))


def _ware(canvas: Canvas, box: tuple[float, float, float, float], colour: Colour, kind: float) -> None:
    """Draw one thing on a shelf: a bottle, a tin or a packet, as `kind` (0..1) says."""
    left, top, right, bottom = box
    middle, wide, tall = (left + right) / 2, right - left, bottom - top
    if kind < 0.35:
        bottle = [
            (middle - wide * 0.16, top),
            (middle + wide * 0.16, top),
            (middle + wide * 0.18, top + tall * 0.25),
        ]
        bottle += [(right, top + tall * 0.45), (right, bottom), (left, bottom), (left, top + tall * 0.45)]
        bottle += [(middle - wide * 0.18, top + tall * 0.25)]
        canvas.fill(np.array(bottle), lighter(colour, 0.15), fade=darker(colour, 0.2))
    else:
        canvas.fill(
            rectangle(left, top + tall * 0.15, right, bottom), lighter(colour, 0.1), fade=darker(colour, 0.15)
        )
    label = rectangle(left, top + tall * 0.55, right, top + tall * 0.78)
    canvas.fill(label, (244, 238, 226) if kind < 0.7 else darker(colour, 0.3))


BACKDROPS: Mapping[str, Callable[[Canvas, Random], None]] = {
    "street": draw_street,
    "park": draw_park,
    "room": draw_room,
    "evening": draw_evening,
    "subway": draw_subway,
    "shop": draw_shop,
}
