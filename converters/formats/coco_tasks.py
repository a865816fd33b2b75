"""What COCO's files are for: a folder holds those of several tasks for the same pictures."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

TASKS = {
    "instances": "instances",
    "person_keypoints": "persons with key points",
    "panoptic": "panoptic segments",
    "stuff": "regions of stuff (sky, grass)",
    "labels": "says which classes are in a picture, and not where",
    "captions": "holds captions, sentences about whole pictures",
    "image_info": "lists pictures (image_info) and has no annotations",
}
"""Tasks by how their files' names begin, those that say the most about boxes first, with what they hold."""

_ORDER = list(TASKS)
_NAMED = re.compile(rf"({'|'.join(TASKS)}|deprecated)(?=[_.-])", re.IGNORECASE)
_CAPTION, _SEGMENTS, _BBOX = re.compile(rb'"caption"\s*:'), re.compile(rb'"segments_info"\s*:'), b'"bbox"'


def task_in_name(name: str) -> str | None:
    """The task that a file is named after; None where its name says nothing (it holds instances, then)."""
    found = _NAMED.match(name.rpartition("/")[2])
    return found.group(1).lower() if found else None


def chosen(names: Sequence[str], ends_of: Callable[[str], bytes]) -> list[str]:
    """Of the files of a set those that are read: all of the task that says the most about boxes.

    Args:
        names: The files.
        ends_of: Gives the beginning and end of one.
    """
    tasks = {name: _task_of(name, ends_of) for name in names} if len(names) > 1 else {}
    best = min(tasks.values(), key=_rank, default=None)
    return [name for name in names if not tasks or tasks[name] == best]


def _task_of(name: str, ends_of: Callable[[str], bytes]) -> str:
    task = task_in_name(name)
    if task == "labels":  # other tools call their instances so
        return "labels" if _BBOX not in ends_of(name) else "instances"
    if task is not None:
        return task
    ends = ends_of(name)
    if _SEGMENTS.search(ends):
        return "panoptic"
    if _CAPTION.search(ends) and _BBOX not in ends:
        return "captions"
    return "instances"


def _rank(task: str) -> int:
    return _ORDER.index(task) if task in _ORDER else len(_ORDER)
