"""labelImg, measured: ``browse_labelimg.py IMAGES CLASSES ANNOTATIONS``."""

from __future__ import annotations

import sys

from browsing import browse
from labelImg.labelImg import get_main_app


def main() -> None:
    """Measure."""
    application, window = get_main_app(["labelImg", *sys.argv[1:]])
    browse(
        application.processEvents,
        window,
        window.canvas,
        lambda: window.file_path if window.canvas.pixmap else None,
    )


main()
