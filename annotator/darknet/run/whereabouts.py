"""Where a run folder is while it is trained, also after it was moved or renamed under our feet.

Darknet goes along: it runs in that folder, and all its paths are relative. So does a descriptor of ours.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_DELETED = " (deleted)"  # said by Linux behind a path


class Whereabouts:
    """Follows a folder, where the system says of a descriptor what it stands for (without /proc none moves).

    Args:
        path: Where it is now.

    Raises:
        OSError: It is not there.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._seen = str(path)
        self._seen = self._now()

    def _now(self) -> str:
        try:
            return str(Path(f"/proc/self/fd/{self._fd}").readlink())
        except OSError:
            return self._seen

    @property
    def is_gone(self) -> bool:
        """Whether it was deleted, as also a move to another disk does after copying."""
        place = self._now()
        return place.endswith(_DELETED) and not os.path.lexists(place)

    def moved_to(self) -> Path | None:
        """Where it is now, if it was moved or renamed since this was asked for the last time."""
        place = self._now()
        if place == self._seen or self.is_gone:
            return None
        self._seen = place
        return Path(place)

    def close(self) -> None:
        """Follow no longer."""
        with suppress(OSError):
            os.close(self._fd)
