"""Sets that were opened before: what is remembered of each, and what is told of it on the start page."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotator.core.session import Session
from annotator.settings import Settings

FACTS = "recent_facts"


@dataclass(frozen=True, slots=True)
class RecentSet:
    """One line of the start page.

    Attributes:
        path: The folder or archive that was opened.
        pictures: How many pictures it had, or None where that is not known.
        boxes: How many boxes.
        opened: When it was opened last.
        picture: A picture of it that can be shown.
    """

    path: Path
    pictures: int | None = None
    boxes: int | None = None
    opened: datetime.datetime | None = None
    picture: Path | None = None


def recent_sets(settings: Settings) -> list[RecentSet]:
    """The sets that were opened before, the newest first, also those that are not there now."""
    paths, facts = settings.get("recent", []), settings.get(FACTS, {})
    if not isinstance(paths, list):
        return []
    facts = facts if isinstance(facts, dict) else {}
    return [_of(text, facts.get(text)) for text in paths if isinstance(text, str) and text]


def _of(text: str, facts: Any) -> RecentSet:
    facts = facts if isinstance(facts, dict) else {}
    pictures, boxes, picture = facts.get("pictures"), facts.get("boxes"), facts.get("picture")
    try:
        opened = datetime.datetime.fromisoformat(facts.get("opened") or "")
    except (ValueError, TypeError):
        opened = None
    return RecentSet(
        Path(text),
        pictures if isinstance(pictures, int) else None,
        boxes if isinstance(boxes, int) else None,
        opened.astimezone().replace(tzinfo=None) if opened is not None and opened.tzinfo else opened,
        Path(picture) if isinstance(picture, str) and picture else None,
    )


def facts_of(session: Session) -> dict[str, Any]:
    """What is remembered of an open set. It looks at every picture: not in the window's turn."""
    keys = session.keys
    shown = next((key for key in keys if session.image(key).boxes), keys[0] if keys else None)
    return {
        "pictures": len(keys),
        "boxes": sum(len(session.image(key).boxes) for key in keys),
        "picture": str(session.image(shown).path) if shown is not None else "",
    }


def remember(settings: Settings, path: Path, facts: dict[str, Any]) -> None:
    """Keep what is told of a set; of sets that are no longer listed nothing is kept."""
    text = str(path.resolve())
    listed = settings.get("recent", [])
    known = settings.get(FACTS, {})
    kept = {name: value for name, value in known.items() if name in listed} if isinstance(known, dict) else {}
    opened = datetime.datetime.now().isoformat(timespec="seconds")
    settings.set(FACTS, {**kept, text: {**facts, "opened": opened}})


def forget(settings: Settings, path: Path) -> None:
    """Take a set from the list. Nothing happens to its files."""
    text = str(path)
    settings.set("recent", [other for other in settings.get("recent", []) if other != text])
    settings.set(FACTS, {name: value for name, value in settings.get(FACTS, {}).items() if name != text})


def days_ago(then: datetime.datetime, now: datetime.datetime) -> int:
    """How many midnights lie between; a clock that was set back gives 0."""
    return max(0, (now.date() - then.date()).days)
