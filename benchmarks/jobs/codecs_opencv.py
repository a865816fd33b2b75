"""Only what cannot be left out, by OpenCV: decode each training picture once, encode it N times."""

from __future__ import annotations

import cv2
from darknet_set import arguments, pictures


def main() -> None:
    """Do it."""
    work, out, copies = arguments()
    cv2.setNumThreads(0)
    for path, _, _ in pictures(work):
        picture = cv2.imread(str(path))
        for number in range(copies):
            cv2.imwrite(str(out / f"{path.stem}_{number}.png"), picture)


if __name__ == "__main__":
    main()
