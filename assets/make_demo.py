"""Draws the demo set that is shipped with the tool.

The set imitates the Kaggle *Face Mask Detection* archive: its folders, file names, class names, XML and
imbalance. Drawing is a function of the scene list and the seed below, so a second run writes the same files::

    python -m assets.make_demo [FOLDER]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from assets import demo_path
from assets.backdrops import BACKDROPS
from assets.drawing import Canvas, Frame, Pixels
from assets.people import WITH_MASK, WITHOUT_MASK, WORN_WRONG, Person, face_box, random_person
from assets.portrait import draw_person

SEED = 853
_LABELS = {"w": WITH_MASK, "o": WITHOUT_MASK, "i": WORN_WRONG}
# Height of a face from hairline to chin, in the units of a head's frame.
_FACE_UNITS = 2.24

Edges: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True)
class Scene:
    """What one picture shows.

    Attributes:
        backdrop: A key of `BACKDROPS`.
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
        faces: A letter a face, from the farthest to the nearest: w(ith), (with)o(ut), i(ncorrect).
        far: Height of the farthest face, in pixels.
        near: Height of the nearest face, in pixels.
        encoding: "rgb", "rgba" or "rgba16", as PNG files of the original come.
        cut: The picture's edge ("left", "right") that cuts the nearest face, or "".
    """

    backdrop: str
    width: int
    height: int
    faces: str
    far: float
    near: float
    encoding: str = "rgb"
    cut: str = ""


@dataclass(frozen=True)
class LabelledBox:
    """A box in whole pixels, as it stands in the XML file; left and top begin at 1."""

    label: str
    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class Picture:
    """A finished picture: RGB pixels of shape (height, width, 3), and its boxes."""

    pixels: Pixels
    boxes: tuple[LabelledBox, ...]


SCENES: tuple[Scene, ...] = (
    Scene("street", 400, 267, "wwwwowww", 15, 44),
    Scene("subway", 400, 300, "wowwi", 30, 62),
    Scene("room", 301, 400, "w", 136, 136),
    Scene("park", 400, 267, "wwowiwwo", 20, 56),
    Scene("shop", 400, 300, "wowwi", 34, 78),
    Scene("evening", 400, 267, "wo", 70, 84),
    Scene("street", 400, 225, "wwwwwwwow", 12, 38),
    Scene("subway", 240, 160, "wow", 30, 44, encoding="rgba16"),
    Scene("park", 267, 400, "i", 128, 128),
    Scene("shop", 400, 267, "wwwoww", 24, 60),
    Scene("room", 400, 300, "owo", 58, 82),
    Scene("evening", 400, 267, "wwowwwww", 16, 50),
    Scene("street", 400, 300, "wowwi", 36, 84, cut="left"),
    Scene("subway", 400, 267, "wwwwowww", 18, 46),
    Scene("shop", 301, 400, "wo", 80, 112),
    Scene("park", 400, 300, "wowwwow", 16, 52),
    Scene("evening", 400, 267, "o", 118, 118),
    Scene("street", 400, 267, "wowwwwi", 20, 64),
    Scene("room", 240, 180, "w", 92, 92, encoding="rgba16"),
    Scene("subway", 400, 300, "wwwowwww", 16, 54),
    Scene("park", 400, 267, "", 0, 0),
    Scene("shop", 400, 300, "wwwwowwww", 14, 46),
    Scene("street", 267, 400, "wi", 70, 104),
    Scene("evening", 400, 267, "wwoww", 28, 66, encoding="rgba"),
    Scene("room", 400, 267, "wiow", 46, 74),
    Scene("park", 400, 267, "wwwowwww", 14, 44),
    Scene("subway", 400, 267, "wwow", 40, 78, cut="right"),
    Scene("street", 400, 300, "owwwwowww", 13, 48),
    Scene("shop", 300, 300, "w", 150, 150),
    Scene("evening", 400, 225, "owwwowi", 22, 58),
    Scene("park", 301, 400, "ow", 76, 108),
    Scene("subway", 400, 267, "wwwwwwo", 18, 52),
    Scene("room", 400, 300, "ww", 86, 104, encoding="rgba"),
    Scene("street", 400, 267, "wwowwoww", 16, 48),
    Scene("shop", 240, 160, "iw", 44, 56, encoding="rgba16"),
    Scene("park", 400, 300, "owwwoww", 22, 64),
    Scene("evening", 400, 267, "wwwwoww", 18, 56),
    Scene("subway", 301, 400, "wwwi", 40, 88),
    Scene("shop", 400, 267, "wwwwwoww", 15, 50),
    Scene("street", 400, 300, "wwoiww", 26, 68),
    Scene("room", 400, 267, "oww", 60, 84, cut="left"),
    Scene("park", 400, 267, "wwwowwwww", 13, 46),
)


def stem(index: int) -> str:
    """Return the file name, without extension, of the picture of `SCENES[index]`."""
    return f"maksssksksss{index}"


def draw_picture(index: int) -> Picture:
    """Draw the picture of `SCENES[index]`, the same one every time."""
    scene = SCENES[index]
    rng = Random(f"{SEED}-{index}")
    canvas = Canvas(scene.width, scene.height)
    BACKDROPS[scene.backdrop](canvas, rng)
    # The nearer the face, the more the lens blurs what is behind it.
    canvas.blur(0.5 + scene.near / 120)
    people = [random_person(rng, _LABELS[letter]) for letter in scene.faces]
    frames = _stand(scene, people, rng)
    boxes = []
    for person, frame in zip(people, frames, strict=True):
        draw_person(canvas, person, frame)
        boxes.append(_whole_box(person.label, face_box(person, frame), scene))
    return Picture(canvas.finish(), tuple(boxes))


def _whole_box(label: str, edges: Edges, scene: Scene) -> LabelledBox:
    """Round the edges of a face and clip them to the picture."""
    left, top, right, bottom = (round(edge) for edge in edges)
    return LabelledBox(label, max(1, left), max(1, top), min(scene.width, right), min(scene.height, bottom))


def _stand(scene: Scene, people: Sequence[Person], rng: Random) -> list[Frame]:
    """Find a place for everyone so that no face is hidden by somebody nearer.

    Raises:
        RuntimeError: The scene is too full.
    """
    for _ in range(400):
        frames: list[Frame] = []
        # From the nearest on: who stands behind has to look for a gap.
        for rank in reversed(range(len(people))):
            nearer = list(zip(people[rank + 1 :], reversed(frames), strict=True))
            frame = _find_gap(scene, people[rank], rank, nearer, rng)
            if frame is None:
                break
            frames.append(frame)
        if len(frames) == len(people):
            return frames[::-1]
    raise RuntimeError(f"no room for {len(people)} people in {scene}")


def _find_gap(
    scene: Scene, person: Person, rank: int, nearer: Sequence[tuple[Person, Frame]], rng: Random
) -> Frame | None:
    """Try some places for the person with number `rank` from the back; None where all are taken."""
    last = len(scene.faces) - 1
    depth = rank / last if last else 1.0
    for _ in range(40):
        height = scene.far + (scene.near - scene.far) * depth
        unit = height * rng.uniform(0.95, 1.05) / _FACE_UNITS
        # The camera looks slightly down on a crowd: far heads are higher in the picture.
        y = scene.height * (0.3 + 0.22 * depth * min(1.0, last / 4) + rng.uniform(-0.05, 0.05))
        y = max(y, 2.1 * unit)
        x = rng.uniform(1.3 * unit, scene.width - 1.3 * unit)
        if scene.cut and rank == last:
            x = {"left": 0.35 * unit, "right": scene.width - 0.35 * unit}[scene.cut]
        tilt = max(-20.0, min(20.0, rng.gauss(0, 9)))
        frame = Frame(x, y, unit, tilt, rng.uniform(-0.42, 0.42))
        face = face_box(person, frame)
        if not any(_covers(other, at, face) for other, at in nearer):
            return frame
    return None


def _covers(person: Person, frame: Frame, face: Edges) -> bool:
    """Say whether a person standing at `frame` hides any of the box `face` of somebody farther away."""
    left, top, right, bottom = face_box(person, frame)
    unit = frame.unit
    head = (left - 0.4 * unit, top - 1.0 * unit, right + 0.4 * unit, bottom + 0.3 * unit)
    body = (frame.x - 2.5 * unit, frame.y + 1.6 * unit, frame.x + 2.5 * unit, frame.y + 13.0 * unit)
    return any(
        part[0] < face[2] and face[0] < part[2] and part[1] < face[3] and face[1] < part[3]
        for part in (head, body)
    )


def encode(pixels: Pixels, encoding: str) -> bytes:
    """Return `pixels` (RGB) as a PNG file with the encoding of a `Scene`.

    Raises:
        RuntimeError: The PNG encoder failed.
    """
    picture: NDArray[np.uint8] | NDArray[np.uint16] = pixels[:, :, ::-1]
    if encoding != "rgb":
        opaque = np.full((*pixels.shape[:2], 1), 255, np.uint8)
        picture = np.concatenate([picture, opaque], axis=2)
    if encoding == "rgba16":
        # 257 * 255 = 65535: white stays white.
        picture = picture.astype(np.uint16) * np.uint16(257)
    done, data = cv2.imencode(".png", np.ascontiguousarray(picture), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    if not done:
        raise RuntimeError("PNG encoding failed")
    return data.tobytes()


def to_xml(name: str, scene: Scene, boxes: Sequence[LabelledBox]) -> str:
    """Return the Pascal VOC text of a picture.

    It is laid out as in the original set: no XML declaration, and no line end after the last tag.
    """
    lines = [
        "<annotation>",
        "    <folder>images</folder>",
        f"    <filename>{name}.png</filename>",
        "    <size>",
        f"        <width>{scene.width}</width>",
        f"        <height>{scene.height}</height>",
        # The original says 3 for its RGBA files too.
        "        <depth>3</depth>",
        "    </size>",
        "    <segmented>0</segmented>",
    ]
    for box in boxes:
        lines += [
            "    <object>",
            f"        <name>{box.label}</name>",
            "        <pose>Unspecified</pose>",
            "        <truncated>0</truncated>",
            "        <occluded>0</occluded>",
            "        <difficult>0</difficult>",
            "        <bndbox>",
            f"            <xmin>{box.left}</xmin>",
            f"            <ymin>{box.top}</ymin>",
            f"            <xmax>{box.right}</xmax>",
            f"            <ymax>{box.bottom}</ymax>",
            "        </bndbox>",
            "    </object>",
        ]
    lines.append("</annotation>")
    return "\n".join(lines)


def write_demo(folder: Path) -> None:
    """Draw all pictures and write them with their labels below `folder`, which is made if it is missing."""
    images, annotations = folder / "images", folder / "annotations"
    images.mkdir(parents=True, exist_ok=True)
    annotations.mkdir(exist_ok=True)
    for index, scene in enumerate(SCENES):
        picture, name = draw_picture(index), stem(index)
        (images / f"{name}.png").write_bytes(encode(picture.pixels, scene.encoding))
        text = to_xml(name, scene, picture.boxes)
        (annotations / f"{name}.xml").write_text(text, encoding="utf-8", newline="\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m assets.make_demo", description="Draw the demo set again."
    )
    parser.add_argument(
        "folder", type=Path, nargs="?", default=demo_path(), help="where to write (default: %(default)s)"
    )
    write_demo(parser.parse_args(arguments).folder)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
