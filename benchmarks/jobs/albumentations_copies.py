"""``augment-cli --copies N`` with albumentations: two of the five operations a copy, PNG by OpenCV."""

from __future__ import annotations

import albumentations
import cv2
import numpy as np
from darknet_set import arguments, pictures, write_labels


def main() -> None:
    """Make the copies."""
    work, out, copies = arguments()
    cv2.setNumThreads(0)
    policy = albumentations.Compose(
        [
            albumentations.SomeOf(
                [
                    albumentations.GaussianBlur(blur_limit=0, sigma_limit=(0.5, 2.0), p=1),
                    albumentations.MultiplicativeNoise(multiplier=(0.5, 1.5), p=1),
                    albumentations.RandomBrightnessContrast(
                        brightness_limit=0.4, contrast_limit=(0, 0), brightness_by_max=True, p=1
                    ),
                    albumentations.Affine(rotate=(0, 90), fit_output=True, p=1),
                    albumentations.Affine(shear=(-15, 15), fit_output=True, p=1),
                ],
                n=2,
            )
        ],
        bbox_params=albumentations.BboxParams(
            format="yolo", label_fields=["ids"], min_visibility=0.3, clip=True
        ),
        seed=1,
    )
    for path, ids, boxes in pictures(work):
        picture = cv2.imread(str(path))
        for number in range(copies):
            copy = policy(image=picture, bboxes=np.array(boxes).reshape(-1, 4), ids=np.array(ids))
            cv2.imwrite(str(out / f"{path.stem}_{number}.png"), copy["image"])
            write_labels(
                out / f"{path.stem}_{number}.txt",
                [int(number) for number in copy["ids"]],
                np.asarray(copy["bboxes"]).tolist(),
            )


if __name__ == "__main__":
    main()
