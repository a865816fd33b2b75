"""Our window, measured: ``browse_ours.py FOLDER``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("QT_XCB_GL_INTEGRATION", "none")  # as annotator.app does


def main() -> None:
    """Measure."""
    from PyQt5.QtWidgets import QApplication

    from annotator.qt.main_window import MainWindow
    from annotator.settings import Settings

    application = QApplication(["annotator"])
    application.setStyle("Fusion")
    window = MainWindow(Settings())
    window.show()
    window.open_path(Path(sys.argv[1]))
    canvas = window.label.canvas

    from browsing import browse

    browse(
        application.processEvents,
        canvas,
        canvas,
        lambda: canvas.key if canvas.has_picture else None,
        ready=lambda: window.project is not None,
    )


main()
