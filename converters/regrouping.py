"""Pictures that show the same, brought into one split of a Darknet data set that is there already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from converters.fingerprint import join_groups
from converters.made import keep_replaced, sources_of_copies
from converters.model import Split
from converters.swap import alone_in
from converters.work import SplitRow, WorkFolder, copies_in, read_split, write_lists, write_split


@dataclass(frozen=True, slots=True)
class Regrouped:
    """What was moved.

    Attributes:
        moved: Pictures (``obj/a.png``) that are in another split now, with it.
        groups: Number of groups that had been torn.
    """

    moved: dict[str, Split]
    groups: int


def put_together(work: WorkFolder, links: Iterable[tuple[str, str]]) -> Regrouped:
    """Put each group of linked pictures into one split: where most of it is, into train where that is open.

    A group of which there are augmented copies goes into train: elsewhere the network would be trained on
    copies of what it is measured on. The old split.csv is kept in ``.annotator/replaced``.

    Args:
        work: The data set.
        links: Pairs of pictures (``obj/a.png``) that show the same; those that split.csv does not know are
            left out.

    Raises:
        DataError: Another program is changing the data set, split.csv is broken, or cannot be written.
    """
    with alone_in(work.root):
        rows = read_split(work)
        known = {row.image for row in rows}
        old: dict[str, str] = {}
        links = [pair for pair in links if known.issuperset(pair)]
        for row in rows:
            if row.group:
                links.append((old.setdefault(row.group, row.image), row.image))
        groups = join_groups(links)
        copied = set(sources_of_copies(work, copies_in(work)).values())
        members: dict[str, list[SplitRow]] = {}
        for row in rows:
            if row.image in groups:
                members.setdefault(groups[row.image], []).append(row)
        wanted: dict[str, Split] = {}
        torn = 0
        for group in members.values():
            if len({row.split for row in group}) > 1:
                torn += 1
                wanted.update(dict.fromkeys((row.image for row in group), _place_of(group, copied)))
        moved = {
            row.image: wanted[row.image] for row in rows if wanted.get(row.image, row.split) != row.split
        }
        if moved:
            keep_replaced(work, ["split.csv"])
            write_split(
                work,
                [
                    replace(
                        row,
                        split=wanted.get(row.image, row.split),
                        group=row.group or groups.get(row.image, ""),
                    )
                    for row in rows
                ],
            )
            write_lists(work)
    return Regrouped(moved, torn)


def _place_of(group: list[SplitRow], copied: set[str]) -> Split:
    if any(row.split is Split.TRAIN and row.image in copied for row in group):
        return Split.TRAIN
    counts = Counter(row.split for row in group)
    return max(Split, key=lambda split: (counts[split], split is Split.TRAIN))
