"""The predictions page and its parts."""

from annotator.qt.pages.predict.page import PredictPage

__all__ = ["PredictPage"]
