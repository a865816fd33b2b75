"""The training page and its parts."""

from annotator.qt.pages.train.page import TrainPage

__all__ = ["TrainPage"]
