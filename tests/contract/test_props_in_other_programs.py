"""Our reader of SVG against another program's: the shipped props look the same in both."""

from __future__ import annotations

import numpy as np
import pytest

from assets import props_path
from augment.props import load_prop, prop_names, rasterise

WIDTH = 200


@pytest.mark.parametrize("name", prop_names())
def test_qt_draws_a_prop_as_we_do(name: str, qapp):
    from PyQt5.QtGui import QImage, QPainter
    from PyQt5.QtSvg import QSvgRenderer

    prop = load_prop(name)
    left, top, right, bottom = prop.extent
    height = round(WIDTH * (bottom - top) / (right - left))
    image = QImage(WIDTH, height, QImage.Format_RGBA8888_Premultiplied)
    image.fill(0)
    painter = QPainter(image)
    renderer = QSvgRenderer(str(props_path() / f"{name}.svg"))
    renderer.render(painter)
    painter.end()
    theirs = np.frombuffer(image.constBits().asstring(image.sizeInBytes()), np.uint8)
    theirs = theirs.reshape(height, -1, 4)[:, :WIDTH].astype(int)
    apart = np.abs(theirs - rasterise(prop, (WIDTH, height)))
    assert renderer.isValid()
    # Rims are smoothed in other ways; nothing else is drawn otherwise.
    assert apart.mean() < 1.6
    assert (apart.max(axis=2) > 40).mean() < 0.025
