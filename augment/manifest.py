"""augmented/manifest.json: what the copies were made from and how, so that a run can be repeated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from augment.operations.pasting import CopyPaste
from augment.plan import Plan, PlannedCopy
from augment.plan_pastes import paste_operation

NAME = "manifest.json"
JOURNAL = "journal.jsonl"
"""What a run that is going on has made so far, a line for each copy."""
_FORMAT = 1
_SETTINGS = ("seed", "policy", "paste")
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True)
class Entry:
    """What the manifest says about one copy.

    Attributes:
        picture: Digest of the copy's picture file.
        source: Digest of the file it was made from.
        operations: What was done.
        donors: Digest of the file of each other picture that was used, by key.
        boxes: Digest of the boxes it was made with, where its pixels depend on them; else empty.
    """

    picture: str
    source: str
    operations: list[Any]
    donors: Mapping[str, str] = field(default_factory=dict)
    boxes: str = ""


@dataclass(frozen=True)
class Manifest:
    """A manifest as it was read.

    Attributes:
        settings: Seed and policy, and how faces are pasted where the policy does not say it.
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
    settings: dict[str, Any] = {"seed": plan.seed, "policy": plan.policy.as_dict()}
    if plan.pastes is not None and not any(isinstance(one, CopyPaste) for one in plan.policy.all_transforms):
        settings["paste"] = paste_operation(plan.policy).as_dict()
    return settings


def entry_of(copy: PlannedCopy, picture: str, source: str, donors: Mapping[str, str]) -> Entry:
    """The entry of a copy that was made.

    Args:
        copy: The copy.
        picture: Digest of its file.
        source: Digest of the file it was made from.
        donors: Digest of each other picture's file, by key.
    """
    used = {donor.key: donors[donor.key] for donor in copy.donors}
    return Entry(picture, source, copy.recipe.as_list(), used, boxes_of(copy))


def boxes_of(copy: PlannedCopy) -> str:
    """Digest of the boxes that a copy's pixels depend on; empty where they depend on none."""
    if not copy.recipe.looks_at_boxes:
        return ""
    pictures = (copy.image, *copy.donors)
    edges = [[box.xyxy for box in picture.boxes] for picture in pictures]
    return hashlib.blake2b(json.dumps(edges).encode(), digest_size=16).hexdigest()


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
        entries = {Path(str(line["copy"])).stem: _entry(line) for line in data["copies"]}
        return Manifest({key: data[key] for key in _SETTINGS if key in data}, entries)
    except _UNREADABLE:
        return None


def read_journal(folder: Path) -> Manifest | None:
    """What the journal of a run that did not end says, None where there is none that can be read.

    A line that was cut short, as the last may be, is left out.
    """
    try:
        lines = (folder / JOURNAL).read_text(encoding="utf-8", errors="replace").split("\n")
        head = json.loads(lines[0])
        if head["journal"] != _FORMAT:
            return None
    except _UNREADABLE:
        return None
    entries: dict[str, Entry] = {}
    for line in lines[1:]:
        try:
            data = json.loads(line)
            entries[str(data["copy"])] = _entry(data)
        except _UNREADABLE:
            continue
    return Manifest({key: head[key] for key in _SETTINGS if key in head}, entries)


def journal_head(plan: Plan) -> str:
    """The journal's first line."""
    return json.dumps({"journal": _FORMAT, **settings_of(plan)}, ensure_ascii=False)


def journal_line(stem: str, entry: Entry) -> str:
    """The journal's line about a copy that is done."""
    line = {"copy": stem, "operations": entry.operations, **_digests(entry)}
    return json.dumps(line, ensure_ascii=False)


def _entry(line: Mapping[str, Any]) -> Entry:
    return Entry(
        str(line["digest"]),
        str(line["source_digest"]),
        list(line["operations"]),
        dict(line.get("donors", {})),
        str(line.get("boxes_digest", "")),
    )


def _digests(entry: Entry) -> dict[str, Any]:
    return {
        "digest": entry.picture,
        "source_digest": entry.source,
        **({"donors": dict(entry.donors)} if entry.donors else {}),
        **({"boxes_digest": entry.boxes} if entry.boxes else {}),
    }


def _line(copy: PlannedCopy, entry: Entry) -> dict[str, Any]:
    return {
        "copy": copy.picture_name,
        "source": copy.image.key + copy.image.path.suffix,
        "operations": copy.recipe.as_list(),
        "size": copy.size,
        "boxes": len(copy.boxes),
        "dropped": [{"box": lost.box, "label": lost.label, "xyxy": lost.xyxy} for lost in copy.dropped],
        **_digests(entry),
    }
