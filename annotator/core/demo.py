"""The working copy of the demo set: the shipped one is never written."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from annotator.settings import data_folder
from assets import demo_path
from converters.errors import WriteError
from converters.files import make_folder


def demo_copy(into: Path | None = None) -> Path:
    """Path of the working copy, which is made on first use and then kept with the person's edits.

    Args:
        into: Folder for it; default: the tool's data folder.

    Raises:
        WriteError: The copy cannot be made.
    """
    folder = into or data_folder()
    target = folder / "demo"
    if target.is_dir():
        return target
    make_folder(folder)
    try:
        # Copied beside its place and moved there whole: a half copy is never taken for the set.
        with tempfile.TemporaryDirectory(prefix=".demo-", dir=folder) as temporary:
            part = Path(temporary) / "demo"
            for source in sorted(demo_path().rglob("*")):
                if source.is_file():
                    copy = part / source.relative_to(demo_path())
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    # The content alone: the shipped files may be read-only.
                    shutil.copyfile(source, copy)
            part.rename(target)
    except OSError as error:
        raise WriteError.from_os_error(error, target) from error
    return target
