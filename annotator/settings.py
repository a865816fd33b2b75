"""What the tool remembers between starts, in one readable JSON file. Qt-free."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import platformdirs

from converters.errors import WriteError
from converters.files import make_folder, write_if_changed

_APP = "mask-annotator"
MAX_RECENT = 12
MAX_PLACES = 50


def config_folder() -> Path:
    """Folder of the settings (``~/.config/mask-annotator`` on Linux)."""
    return platformdirs.user_config_path(_APP)


def data_folder() -> Path:
    """Folder of the working copy of the demo set (``~/.local/share/mask-annotator``)."""
    return platformdirs.user_data_path(_APP)


def log_folder() -> Path:
    """Folder of the error log."""
    return platformdirs.user_log_path(_APP)


class Settings:
    """Named values, saved at each change. A broken or unwritable file costs the memory, nothing else."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or config_folder() / "settings.json"
        self._values: dict[str, Any] = {}
        try:
            loaded = json.loads(self.path.read_text(encoding="utf-8"))
            if isinstance(loaded, dict):
                self._values = loaded
        except (OSError, ValueError):
            pass

    def get(self, name: str, default: Any = None) -> Any:
        """The value, or ``default``."""
        return self._values.get(name, default)

    def set(self, name: str, value: Any) -> None:
        """Remember a JSON value; None forgets it."""
        if self._values.get(name) == value:
            return
        if value is None:
            self._values.pop(name, None)
        else:
            self._values[name] = value
        try:
            make_folder(self.path.parent)
            write_if_changed(self.path, json.dumps(self._values, indent=2, ensure_ascii=False) + "\n")
        except WriteError:
            pass  # e.g. a read-only home: the tool works, it just does not remember

    def values(self) -> dict[str, Any]:
        """A copy of all that is remembered."""
        return dict(self._values)

    @property
    def recent(self) -> list[Path]:
        """Sets opened before, newest first, those that still exist."""
        return [path for text in self.get("recent", []) if (path := Path(text)).exists()]

    def add_recent(self, path: Path) -> None:
        """Put a set at the head of the recent ones."""
        text = str(path.resolve())
        known = [other for other in self.get("recent", []) if other != text]
        self.set("recent", [text, *known][:MAX_RECENT])

    def place_in(self, root: Path) -> str | None:
        """Key of the picture that was open last in the set in ``root``."""
        places = self.get("places", {})
        key = places.get(str(root.resolve())) if isinstance(places, dict) else None
        return key if isinstance(key, str) else None

    def set_place_in(self, root: Path, key: str) -> None:
        """Remember which picture of a set is open; of the sets opened longest ago it is forgotten."""
        known, places = str(root.resolve()), self.get("places", {})
        others = [item for item in places.items() if item[0] != known] if isinstance(places, dict) else []
        self.set("places", dict([*others, (known, key)][-MAX_PLACES:]))

    def work_of(self, root: Path) -> Path | None:
        """The Darknet data set that was made from the set in ``root``, if remembered and still there."""
        text = self.get("work", {}).get(str(root.resolve()))
        return Path(text) if text and Path(text).is_dir() else None

    def set_work_of(self, root: Path, work: Path) -> None:
        """Remember which Darknet data set was made from a set."""
        self.set("work", {**self.get("work", {}), str(root.resolve()): str(work.resolve())})
