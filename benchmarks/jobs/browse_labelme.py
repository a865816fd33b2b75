"""labelme, measured: ``browse_labelme.py FOLDER``, with the label files beside the pictures."""

from __future__ import annotations

import sys

from browsing import browse
from labelme.app import MainWindow
from loguru import logger
from PyQt5.QtWidgets import QApplication


def main() -> None:
    """Measure."""
    logger.remove()
    application = QApplication(["labelme"])
    window = MainWindow(config_overrides={"auto_save": True}, file_or_dir=sys.argv[1])
    window.show()
    canvas = window._canvas_widgets.canvas
    browse(
        application.processEvents,
        window,
        canvas,
        lambda: None if canvas.pixmap is None or canvas.pixmap.isNull() else window._image_path,
    )


main()
