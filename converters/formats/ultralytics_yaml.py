"""The ``data.yaml`` of an Ultralytics data set: where the pictures of each split lie, and the class names.

Keys are those of the Ultralytics documentation ("Datasets", "Dataset YAML format") and of its
``check_det_dataset``: ``path``, ``train``, ``val``, ``test`` (a folder, a list of pictures in a .txt, a
picture, or several of these), ``names`` (a list, or a mapping from ids) and in older files ``nc``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from converters.errors import FormatError
from converters.layout import Tree, folder_of
from converters.model import Split
from converters.reading import decode_utf8, read_small_file

Node = Any
"""A node of PyYAML, whose stubs do not know ``id`` and ``flow_style``."""

MAX_BYTES = 1024 * 1024
"""A larger file is refused unread: names of a thousand classes take some 30 KiB."""

_HEAD = 64 * 1024
_KEYS = {
    "train": Split.TRAIN,
    "val": Split.VAL,
    "valid": Split.VAL,
    "validation": Split.VAL,
    "test": Split.TEST,
}
_LIKELY = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
_HAS_NAMES = re.compile(rb"^[\"']?(names|nc)[\"']?\s*:", re.MULTILINE)
_HAS_SPLIT = re.compile(rb"^[\"']?(train|val|valid|path)[\"']?\s*:", re.MULTILINE)
_PLAIN = re.compile(r"[A-Za-z_](?:[A-Za-z0-9_. -]*[A-Za-z0-9_])?")
_NOT_TEXT = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})


@dataclass(frozen=True, slots=True)
class Reference:
    """A folder, list or picture that the file names.

    Attributes:
        split: The split it is for.
        text: What the file says.
        line: 1-based line.
    """

    split: Split
    text: str
    line: int


@dataclass(slots=True)
class DataYaml:
    """A parsed file.

    Attributes:
        text: Its text, without byte order mark.
        path: What ``path`` says, or empty.
        references: Folders, lists and pictures, in the order train, val, test.
        names: The class names; None where the file gives none.
        count: What ``nc`` says, or None.
        key_points: Whether it is a set for poses.
        names_span: Where the value of ``names`` stands in the text.
        count_span: Where that of ``nc`` does.
        names_style: How ``names`` is written: ``mapping``, ``list`` or ``flow`` (in brackets).
    """

    text: str
    path: str = ""
    references: list[Reference] = field(default_factory=list)
    names: tuple[str, ...] | None = None
    count: int | None = None
    key_points: bool = False
    names_span: tuple[int, int] | None = None
    count_span: tuple[int, int] | None = None
    names_style: str = "mapping"

    def with_names(self, class_names: Sequence[str]) -> str:
        """The text with other class names; all else stays as it is."""
        edits: list[tuple[int, int, str]] = []
        if self.count_span is not None:
            edits.append((*self.count_span, str(len(class_names))))
        if self.names_span is not None:
            edits.append((*self.names_span, _names_value(class_names, self.names_style)))
        text = self.text
        for start, end, new in sorted(edits, reverse=True):
            text = text[:start] + new + text[end:]
        if self.names_span is None:
            text = text.rstrip("\n") + "\nnames:" + _names_value(class_names, "mapping") + "\n"
        return text


def find_data_yaml(tree: Tree) -> str | None:
    """The set's ``data.yaml``, by name and beginning: in the root, else one folder down."""
    found = []
    for name in tree.with_suffix(".yaml", ".yml"):
        base = name.rpartition("/")[2].casefold()
        if name.count("/") > 1 or not _looks_right(tree.root / name):
            continue
        rank = _LIKELY.index(base) if base in _LIKELY else len(_LIKELY)
        found.append((name.count("/"), rank, name))
    return min(found)[2] if found else None


def read_data_yaml(path: Path) -> DataYaml:
    """Read a ``data.yaml``.

    Raises:
        FormatError: It is too large, no YAML, has aliases (which can blow up), or says something else than
            it should; each with its line.
    """
    try:
        return _parse(decode_utf8(read_small_file(path, MAX_BYTES)))
    except FormatError as error:
        error.path = path
        raise


def new_data_yaml(splits: Sequence[Split], class_names: Sequence[str]) -> str:
    """The text of a new file. Without ``path``, what it names is relative to its own folder."""
    lines = [f"{split}: images/{split}\n" for split in splits]
    return "".join(lines) + "names:" + _names_value(class_names, "mapping") + "\n"


def resolve(reference: Reference, data: DataYaml, name: str, there: Collection[str]) -> str | None:
    """The folder, list or picture in the set that a reference means, relative to the root.

    Paths of other computers are matched by their endings; nothing outside the set's folder is looked at.

    Args:
        reference: A folder, a list or a picture.
        data: The file that names it.
        name: That file, relative to the set's root.
        there: What it can mean: the set's folders, lists and pictures, relative to its root.

    Raises:
        FormatError: It leads out of the set, and nothing there has that name (``path-outside``).
    """
    text, base = reference.text.replace("\\", "/"), data.path.replace("\\", "/")
    home = [part for part in folder_of(name).split("/") if part]
    own, above = _parts(text), _parts(base)
    outside = text.startswith("/") or re.match("[A-Za-z]:", text) is not None
    for parts in () if outside else ([*home, *above, *own], [*home, *own], own):
        place = _walk(parts)
        if place is not None and place in there:
            return place
    # Roboflow writes ../train/images and means train/images; others have paths of another computer.
    outside = outside or _walk(own[1:] if own[:1] == [".."] else own) is None
    whole = [part for part in (*above, *own) if part != ".."]
    for start in range(len(whole)):
        for front in (home, []):
            place = "/".join([*front, *whole[start:]])
            if place and place in there:
                return place
    if outside:
        raise FormatError(
            f"{reference.split}: {reference.text[:200]!r} leads out of the set, "
            "and nothing in it has that name.",
            line=reference.line,
            code="path-outside",
            hint="Write it relative to this file.",
        )
    return None


def _looks_right(path: Path) -> bool:
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    head = head.removeprefix(b"\xef\xbb\xbf")
    return bool(_HAS_NAMES.search(head) and _HAS_SPLIT.search(head))


def _parse(text: str) -> DataYaml:
    root = _compose(text)
    data = DataYaml(text)
    entries = _entries(root)
    for key, split in _KEYS.items():
        if key in entries:
            data.references += _references(entries[key], key, split)
    if "path" in entries and _is_text(entries["path"]):
        data.path = entries["path"].value
    data.key_points = "kpt_shape" in entries
    if "nc" in entries:
        node = entries["nc"]
        if not _is_text(node) or not re.fullmatch(r"[0-9]{1,6}", node.value):
            raise FormatError("nc is not a number of classes.", line=_line(node), code="bad-names")
        data.count, data.count_span = int(node.value), (node.start_mark.index, node.end_mark.index)
    if "names" in entries:
        node = entries["names"]
        data.names = _names(node)
        data.names_span = (_value_start(text, node), _value_end(node))
        if node.flow_style:
            data.names_style = "flow"
        else:
            data.names_style = "list" if node.id == "sequence" else "mapping"
        if data.count is not None and data.count != len(data.names):
            raise FormatError(
                f"nc is {data.count}, but there are {len(data.names)} names.",
                line=_line(entries["nc"]),
                code="names-count",
                hint="Correct the one that is wrong; ids in the label files count from 0.",
            )
    return data


def _compose(text: str) -> Node:
    """The document's nodes, which know their lines."""
    import yaml

    class Loader(yaml.SafeLoader):
        def compose_node(self, parent: Any, index: int) -> Any:
            if self.check_event(yaml.AliasEvent):
                event: Any = self.peek_event()  # type: ignore[no-untyped-call]
                line = event.start_mark.line + 1
                raise FormatError(
                    "has an alias (*name), which can hide endless text.",
                    line=line,
                    code="yaml-alias",
                    hint="Write out what it stands for.",
                )
            return super().compose_node(parent, index)

    try:
        root = Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = error.problem or error.context or "it cannot be read"
        line = mark.line + 1 if mark is not None else None
        raise FormatError(f"is not valid YAML: {said}.", line=line, code="bad-yaml") from error
    except yaml.YAMLError as error:
        position = getattr(error, "position", 0)
        line = text.count("\n", 0, position) + 1
        raise FormatError("has a character that YAML does not allow.", line=line, code="bad-yaml") from error
    except RecursionError as error:
        raise FormatError("is nested too deeply.", line=1, code="too-deep") from error
    if root is None:
        raise FormatError("is empty.", line=1, code="bad-yaml")
    return root


def _entries(root: Node) -> dict[str, Node]:
    if root.id != "mapping":
        raise FormatError("holds no keys such as train and names.", line=_line(root), code="bad-yaml")
    entries: dict[str, Node] = {}
    for key, value in root.value:
        name = key.value if _is_text(key) else ""
        if name in entries:
            raise FormatError(f"has the key {name[:40]!r} twice.", line=_line(key), code="repeated-key")
        entries[name] = value
    return entries


def _references(node: Node, key: str, split: Split) -> list[Reference]:
    """What a split's key names; nothing where it is left empty."""
    if _is_null(node):
        return []
    parts = node.value if node.id == "sequence" else [node]
    found = []
    for part in parts:
        if not _is_text(part) or _is_null(part):
            raise FormatError(f"{key} holds something else than paths.", line=_line(part), code="bad-yaml")
        found.append(Reference(split, part.value, _line(part)))
    return found


def _names(node: Node) -> tuple[str, ...]:
    """Class names by id, as they are written (``no`` and ``1`` are names, too)."""
    if node.id == "sequence":
        listed = [(str(index), part) for index, part in enumerate(node.value)]
    elif node.id == "mapping":
        listed = [(key.value if _is_text(key) else "", part) for key, part in node.value]
    else:
        raise FormatError("names is neither a list nor a mapping.", line=_line(node), code="bad-names")
    by_id: dict[int, str] = {}
    lines: dict[str, int] = {}
    for key, part in listed:
        line = _line(part)
        if not re.fullmatch(r"[0-9]{1,6}", key):
            raise FormatError(f"class id {key[:40]!r} is not a whole number.", line=line, code="bad-names")
        if int(key) in by_id:
            raise FormatError(f"names the class id {key} twice.", line=line, code="bad-names")
        if not _is_text(part) or _is_null(part) or not part.value.strip():
            raise FormatError(f"the name of class {key} is empty.", line=line, code="bad-names")
        name = part.value.strip()
        if any(character < " " for character in name):
            raise FormatError(f"the name of class {key} has a line break in it.", line=line, code="bad-names")
        if name in lines:
            raise FormatError(f"{name[:120]!r} is the name of two classes.", line=line, code="bad-names")
        by_id[int(key)], lines[name] = name, line
    missing = next((number for number in range(len(by_id)) if number not in by_id), None)
    if missing is not None:
        raise FormatError(
            f"names no class {missing}, but one with a higher id.",
            line=_line(node),
            code="bad-names",
            hint="Ids count from 0 without a gap.",
        )
    if not by_id:
        raise FormatError("names no class.", line=_line(node), code="no-classes")
    return tuple(by_id[number] for number in range(len(by_id)))


def _names_value(class_names: Sequence[str], style: str) -> str:
    """What stands behind ``names:``."""
    quoted = [_scalar(name) for name in class_names]
    if style == "flow":
        return " [" + ", ".join(_scalar(name, in_brackets=True) for name in class_names) + "]"
    if style == "list":
        return "".join(f"\n  - {name}" for name in quoted)
    return "".join(f"\n  {index}: {name}" for index, name in enumerate(quoted))


def _scalar(text: str, *, in_brackets: bool = False) -> str:
    plain = _PLAIN.fullmatch(text) is not None and text.casefold() not in _NOT_TEXT
    if plain and not in_brackets:
        return text
    if in_brackets and "'" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _value_start(text: str, node: Node) -> int:
    """Behind the colon that precedes a value."""
    return text.rindex(":", 0, node.start_mark.index) + 1


def _value_end(node: Node) -> int:
    """Behind the last character of a value; a block's own mark is behind the blank lines that follow it."""
    if node.id == "scalar" or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _value_end(last[1] if isinstance(last, tuple) else last)


def _is_text(node: Node) -> bool:
    return bool(node.id == "scalar")


def _is_null(node: Node) -> bool:
    return bool(node.tag == "tag:yaml.org,2002:null")


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _walk(parts: Sequence[str]) -> str | None:
    """Follow ``..`` by words alone; None where that leaves the set."""
    place: list[str] = []
    for part in parts:
        if part != "..":
            place.append(part)
        elif place:
            place.pop()
        else:
            return None
    return "/".join(place)
