"""Data shipped with the tool: a small drawn data set to try everything on, and props to put on faces.

The demo set has the layout, the class names and the imbalance of the Kaggle *Face Mask Detection* archive,
but every picture was drawn by `assets.make_demo`, so it can be shipped and changed freely.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["demo_path", "pretrained_path", "props_path", "translations_path"]


def demo_path() -> Path:
    """Return the folder of the shipped demo set.

    All shipped data is reached through functions of this module, so that it is found in a checkout and in an
    installed wheel alike. The folder may be read-only: copy it before editing.

    Returns:
        A folder with `images/<stem>.png` and `annotations/<stem>.xml` (Pascal VOC).
    """
    return Path(__file__).resolve().parent / "demo"


def props_path() -> Path:
    """Return the folder of the shipped props: `<name>.svg` with `<name>.json`, which says how it is worn.

    The drawings were made for this tool and may be shipped and changed freely.
    """
    return Path(__file__).resolve().parent / "props"


def translations_path() -> Path:
    """Folder of the window's texts in other languages, a ``.ts`` file each."""
    return Path(__file__).resolve().parent / "translations"


def pretrained_path() -> Path:
    """The table of weights that others have trained and that can be fetched."""
    return Path(__file__).resolve().parent / "pretrained.json"
