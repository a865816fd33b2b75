"""Our window, measured: ``browse_ours.py FOLDER``."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

os.environ.setdefault("QT_XCB_GL_INTEGRATION", "none")  # as annotator.app does


def main() -> None:
    """Measure."""
    from PyQt5.QtWidgets import QApplication

    from annotator.settings import Settings

    application = QApplication(["annotator"])
    application.setStyle("Fusion")

    from annotator.qt.early import show_early

    settings = Settings()
    early = show_early(Path(sys.argv[1]), settings)
    first_at = time.time() if early is not None and early.is_painted else None

    from annotator.qt.main_window import MainWindow

    window = MainWindow(settings)
    window.show()
    if early is not None:
        window.activateWindow()
        early.leave()
    window.open_path(Path(sys.argv[1]))
    canvas = window.label.canvas

    from browsing import browse

    browse(
        application.processEvents,
        canvas,
        canvas,
        lambda: canvas.key if canvas.has_picture else None,
        ready=lambda: window.project is not None,
        first_at=first_at,
    )


main()
