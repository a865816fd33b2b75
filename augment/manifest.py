"""augmented/manifest.json: what the copies were made from and how, so that a run can be repeated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from augment.plan import Plan, PlannedCopy

NAME = "manifest.json"
_FORMAT = 1


@dataclass(frozen=True)
class Entry:
    """What the manifest says about one copy.

    Attributes:
        picture: Digest of the copy's picture file.
        source: Digest of the file it was made from.
        operations: What was done.
        donors: Digest of the file of each other picture that was used, by key.
    """

    picture: str
    source: str
    operations: list[Any]
    donors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """A manifest as it was read.

    Attributes:
        settings: Seed and policy.
        entries: By the copy's stem.
    """

    settings: Mapping[str, Any]
    entries: Mapping[str, Entry] = field(default_factory=dict)

    @property
    def files(self) -> frozenset[str]:
        """Names of all files that belong to the copies, and its own."""
        return frozenset({NAME, *(stem + suffix for stem in self.entries for suffix in (".png", ".txt"))})


def settings_of(plan: Plan) -> dict[str, Any]:
    """What decides about all copies alike; with others nothing of an old run is used again."""
    return {"seed": plan.seed, "policy": plan.policy.as_dict()}


def render(plan: Plan, entries: Mapping[str, Entry]) -> str:
    """The manifest's text: the run's settings, then a line for each copy.

    Args:
        plan: The run.
        entries: Of the copies that were made, by stem; a planned copy without one is left out.
    """
    lines = [
        json.dumps(_line(copy, entries[copy.stem]), ensure_ascii=False)
        for copy in plan.copies
        if copy.stem in entries
    ]
    head = json.dumps({"manifest": _FORMAT, **settings_of(plan)}, indent=2, ensure_ascii=False)
    body = ",\n    ".join(lines)
    return f'{head[:-2]},\n  "copies": [\n    {body}\n  ]\n}}\n'


def read(folder: Path) -> Manifest | None:
    """The manifest in a folder, None where there is none that can be read."""
    try:
        data = json.loads((folder / NAME).read_text(encoding="utf-8"))
        if data["manifest"] != _FORMAT:
            return None
        entries = {
            Path(str(line["copy"])).stem: Entry(
                str(line["digest"]),
                str(line["source_digest"]),
                list(line["operations"]),
                dict(line.get("donors", {})),
            )
            for line in data["copies"]
        }
        return Manifest({"seed": data["seed"], "policy": data["policy"]}, entries)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _line(copy: PlannedCopy, entry: Entry) -> dict[str, Any]:
    return {
        "copy": copy.picture_name,
        "source": copy.image.key + copy.image.path.suffix,
        "operations": copy.recipe.as_list(),
        "size": copy.size,
        "boxes": len(copy.boxes),
        "dropped": [{"box": lost.box, "label": lost.label, "xyxy": lost.xyxy} for lost in copy.dropped],
        "digest": entry.picture,
        "source_digest": entry.source,
        **({"donors": dict(entry.donors)} if entry.donors else {}),
    }
