"""What a person said about the classes of networks, by the folder of the set: asked once, and kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from annotator.settings import Settings

CLASSES = "suggestion_classes"
"""Name of the setting."""
MOST_SETS = 50


def answers_for(settings: Settings, root: Path) -> dict[str, str]:
    """Our class by theirs; an empty text: it is left out.

    Args:
        settings: The person's.
        root: The set's folder.
    """
    stored = settings.get(CLASSES, {})
    found = stored.get(str(root.resolve()), {}) if isinstance(stored, dict) else {}
    return {str(name): str(ours) for name, ours in found.items()} if isinstance(found, dict) else {}


def keep_answers(settings: Settings, root: Path, answers: Mapping[str, str]) -> None:
    """Remember these beside what was said before; sets that were asked about longest ago are forgotten."""
    name = str(root.resolve())
    stored = settings.get(CLASSES, {})
    others = {k: v for k, v in stored.items() if k != name} if isinstance(stored, dict) else {}
    kept = [*others.items(), (name, {**answers_for(settings, root), **answers})][-MOST_SETS:]
    settings.set(CLASSES, dict(kept))
