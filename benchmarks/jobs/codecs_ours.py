"""Only what cannot be left out, by our codecs: decode each training picture once, encode it N times."""

from __future__ import annotations

from darknet_set import arguments, pictures

from converters.images import encode_png, load_rgb


def main() -> None:
    """Do it."""
    work, out, copies = arguments()
    for path, _, _ in pictures(work):
        picture = load_rgb(path)
        for number in range(copies):
            (out / f"{path.stem}_{number}.png").write_bytes(encode_png(picture))


if __name__ == "__main__":
    main()
