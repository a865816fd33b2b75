"""The window's command, and the only place where things are wired together."""

from __future__ import annotations

import ctypes
import ctypes.util
import faulthandler
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from converters.commands import ExitStatus, make_parser, run_command, say

if TYPE_CHECKING:
    from PyQt5.QtWidgets import QApplication


def can_show_windows() -> bool:
    """Whether there is a display that accepts a window; Qt aborts the process where there is none."""
    if os.environ.get("QT_QPA_PLATFORM") in ("offscreen", "minimal", "vnc"):
        return True
    if os.environ.get("WAYLAND_DISPLAY"):
        return True
    if not os.environ.get("DISPLAY"):
        return False
    name = ctypes.util.find_library("xcb") or "libxcb.so.1"
    try:
        xcb = ctypes.CDLL(name)
    except OSError:
        return False
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(None, None))
    works = xcb.xcb_connection_has_error(connection) == 0
    xcb.xcb_disconnect(connection)
    return works


def _body(arguments: Sequence[str]) -> int:
    parser = make_parser(
        "annotator",
        "Label pictures, see the class balance, augment, train with Darknet, look at the mistakes.",
        "  annotator                     the start page\n"
        "  annotator --demo              the demo set (a copy of it)\n"
        "  annotator photos/             a folder of pictures, with labels or without\n"
        "  annotator archive.zip         a zip, unpacked beside itself",
    )
    parser.add_argument("path", nargs="?", type=Path, help="a folder, or a zip or tar archive")
    parser.add_argument("--demo", action="store_true", help="open the demo set")
    options = parser.parse_args(arguments)
    if options.path is not None and not options.path.exists():
        say(f"error: {options.path}: there is no such folder or file.")
        return ExitStatus.USAGE
    if not can_show_windows():
        say("error: there is no display to open a window on. Every step has a command as well: see README.")
        return ExitStatus.FINDINGS
    return _show(options.path, demo=options.demo)


def _show(path: Path | None, *, demo: bool) -> int:
    from PyQt5.QtCore import QEvent, QTimer

    from annotator.qt.collecting import Collector
    from annotator.settings import Settings

    application = _make_application()
    collector = Collector(application)
    settings = Settings()
    early = None
    if path is not None and path.is_dir():
        from annotator.qt.early import show_early

        early = show_early(path, settings)

    from annotator.qt import crash, languages, themes
    from annotator.qt.main_window import MainWindow

    _forget_plugins_of_opencv()
    languages.install(settings)
    themes.apply(settings)
    themes.Follower(settings, application)
    window = MainWindow(settings)
    crash.install(window.save_quietly)
    aborts = crash.log_aborts()
    window.show()
    if early is not None:
        # Where no window manager sees to it, keys would go nowhere: the picture was there first.
        window.activateWindow()
        early.leave()
    if demo:
        QTimer.singleShot(0, window.open_demo)
    elif path is not None:
        QTimer.singleShot(0, lambda: window.open_path(path))
    # From the event loop, not from here: the handler may run in the middle of any other code of ours. Python
    # sees a signal only when its code runs, and a slow timer lets it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: QTimer.singleShot(0, window.close_without_asking))
    ticker = QTimer()
    ticker.start(500)
    ticker.timeout.connect(lambda: None)
    code = int(application.exec_())
    # In this order: left to Python, the application may go before its widgets, which ends in a crash.
    ticker.stop()
    if early is not None:
        early.deleteLater()
    window.deleteLater()
    application.sendPostedEvents(None, QEvent.DeferredDelete)
    application.processEvents()
    collector.leave()
    if aborts is not None:
        faulthandler.disable()
        aborts.close()
    return code


def _make_application() -> QApplication:
    from PyQt5.QtCore import Qt
    from PyQt5.QtWidgets import QApplication

    from annotator.qt.outlines import OutlinedStyle

    _forget_plugins_of_opencv()
    # Nothing here is drawn by OpenGL, and merely asking for it loads 50 MB of drivers.
    os.environ.setdefault("QT_XCB_GL_INTEGRATION", "none")
    QApplication.setAttribute(Qt.AA_EnableHighDpiScaling)
    QApplication.setAttribute(Qt.AA_UseHighDpiPixmaps)
    # A screen at 125 % or 150 % is drawn at just that.
    QApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    application = QApplication(sys.argv[:1])
    application.setApplicationName("mask-annotator")
    application.setStyle(OutlinedStyle())
    return application


def _forget_plugins_of_opencv() -> None:
    """OpenCV's full build (imgaug brings it) points Qt at plugins of its own, with which PyQt5 aborts.

    Before Qt starts, for it may have been imported by whoever started us; and after our imports, so that a
    process that we start does not inherit it.
    """
    for name in ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR"):
        if "cv2" in os.environ.get(name, ""):
            del os.environ[name]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run_command(_body, argv)


if __name__ == "__main__":
    sys.exit(main())
