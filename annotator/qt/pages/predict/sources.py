"""What is dropped or chosen to be looked at: pictures and folders, or a video."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt5.QtWidgets import QTabWidget

from annotator.darknet.prediction.video import is_video
from annotator.qt.pages.predict.any_pictures import AnyPicturesTab
from annotator.qt.pages.predict.video_tab import VideoTab


def show_sources(paths: Sequence[Path], parts: QTabWidget, pictures: AnyPicturesTab, video: VideoTab) -> None:
    """Hand pictures and folders to one tab, else the first video to the other."""
    films = [path for path in paths if is_video(path) and path.is_file()]
    others = [path for path in paths if path not in films]
    if others:
        parts.setCurrentWidget(pictures)
        pictures.take_sources(others)
    elif films:
        parts.setCurrentWidget(video)
        video.watch(films[0])
