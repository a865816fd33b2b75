"""``augment-cli --copies N`` written with imaug: two of the five operations a copy, PNG by OpenCV."""

from __future__ import annotations

import cv2
import imgaug
from darknet_set import arguments, pictures, write_labels
from imgaug import augmenters as iaa
from imgaug.augmentables.bbs import BoundingBox, BoundingBoxesOnImage


def main() -> None:
    """Make the copies."""
    work, out, copies = arguments()
    cv2.setNumThreads(0)
    imgaug.seed(1)
    policy = iaa.SomeOf(
        2,
        [
            iaa.GaussianBlur((0.5, 2.0)),
            iaa.Multiply((0.5, 1.5)),
            iaa.Add((-102, 102)),
            iaa.Affine(rotate=(0, 90), fit_output=True),
            iaa.Affine(shear=(-15, 15), fit_output=True),
        ],
        random_order=True,
    )
    for path, ids, boxes in pictures(work):
        picture = cv2.imread(str(path))
        height, width = picture.shape[:2]
        marked = BoundingBoxesOnImage(
            [
                BoundingBox(
                    (x - w / 2) * width,
                    (y - h / 2) * height,
                    (x + w / 2) * width,
                    (y + h / 2) * height,
                    label,
                )
                for label, (x, y, w, h) in zip(ids, boxes, strict=True)
            ],
            picture.shape,
        )
        for number in range(copies):
            copy, moved = policy(image=picture, bounding_boxes=marked)
            moved = moved.remove_out_of_image_fraction(0.7).clip_out_of_image()
            high, wide = copy.shape[:2]
            cv2.imwrite(str(out / f"{path.stem}_{number}.png"), copy)
            write_labels(
                out / f"{path.stem}_{number}.txt",
                [box.label for box in moved],
                [
                    [box.center_x / wide, box.center_y / high, box.width / wide, box.height / high]
                    for box in moved
                ],
            )


if __name__ == "__main__":
    main()
