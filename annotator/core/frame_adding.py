"""A frame of a video becomes a picture of the open set, with its predictions as boxes to review."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from annotator.core.adding import find_places, stage
from annotator.core.edits import RestoreImages
from annotator.core.incoming import Newcomer
from annotator.core.session import Session
from annotator.core.suggestions import on_whole_pixels
from converters.files import write_atomic
from converters.images import RgbImage, encode_png
from converters.model import AnnotatedImage, Box


def stage_frame(session: Session, rgb: RgbImage, stem: str, boxes: Sequence[Box]) -> RestoreImages:
    """Lay a frame into the trash of the set as a PNG; returns the edit that lets it in. For a thread.

    Args:
        session: The set; all its changes are saved.
        rgb: Shape (height, width, 3), uint8.
        stem: What it is called, without an ending; a number comes behind where that is taken.
        boxes: With classes of the set. Without one the picture has no label file: nobody said it is empty.

    Raises:
        DataError: The set is read-only or a Darknet data set, or the picture cannot be written.
    """
    size = (rgb.shape[1], rgb.shape[0])
    found = tuple(Box(box.xyxy, box.label) for box in on_whole_pixels(tuple(boxes), size))
    with tempfile.TemporaryDirectory(prefix="frame-") as name:
        path = Path(name) / f"{stem}.png"
        write_atomic(path, encode_png(rgb), durable=False)
        image = AnnotatedImage(stem, path, size, found, labelled=bool(found))
        places = find_places(session, [Newcomer(image)])
        return stage(session, places, {}, session.class_names)
