"""Policies as YAML (JSON is YAML too): read with the line of what is wrong, written for people to change."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from augment.operations import kind_named
from augment.policy import CHOICES, Policy
from converters.errors import FormatError, UsageError
from converters.reading import read_text

if TYPE_CHECKING:
    import yaml

MAX_BYTES = 1024 * 1024
"""A policy has some kilobytes."""


def read_policy(path: Path) -> Policy:
    """The policy in a YAML or JSON file.

    Raises:
        UsageError: It cannot be read, is no YAML, or a key in it is wrong (with its line).
    """
    import yaml

    try:
        text = read_text(path)
    except FormatError as error:
        raise UsageError(
            f"the policy cannot be read: {error.message}", path=path, line=error.line, hint=error.hint
        ) from error
    if len(text) > MAX_BYTES:
        raise UsageError("is far too large for a policy.", path=path)
    try:
        # Aliases could unfold to gigabytes, and nobody needs them here.
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise UsageError("uses YAML's aliases (*name); write the values out.", path=path)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 if mark is not None else None
        raise UsageError(f"is not YAML: {error.problem or error.context}.", path=path, line=line) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UsageError("is not YAML text.", path=path) from error
    try:
        if (twice := _twice(node, "")) is not None:
            raise UsageError(f"{twice}: stands there twice.")
        return Policy.from_dict(data)
    except UsageError as error:
        raise UsageError(
            error.message,
            path=path,
            line=_line_of(error.message, node),
            hint=error.hint or "augment-cli --show-policy prints a valid one.",
        ) from error


def show_policy(policy: Policy) -> str:
    """A policy as YAML with a remark on each line's meaning; :func:`read_policy` reads it back."""
    data = policy.as_dict()
    lines = [
        "# A policy of augmentation. Every copy of a training picture gets some of the operations below.",
        f"version: {data['version']}",
        f"operations_per_copy: {data['operations_per_copy']}  # different ones, drawn for each copy",
        "operations:" if data["operations"] else "operations: {}",
    ]
    for name, entry in data["operations"].items():
        lines += _operation_lines(name, entry)
    if "also" in data:
        lines.append("also:  # what a copy gets beside them, with a probability")
        for name, entry in data["also"].items():
            lines += _operation_lines(name, entry)
    lines += [f"{key}: {data[key]}  # {' or '.join(choices)}" for key, choices in CHOICES.items()]
    lines.append(f"min_visible: {data['min_visible']}  # a box of which less is seen is dropped")
    return "\n".join(lines) + "\n"


def _operation_lines(name: str, entry: Mapping[str, Any]) -> list[str]:
    kind = kind_named(name)
    lines = [f"  {name}:{'' if entry else ' {}'}" + (f"  # {kind.title}" if kind.title else "")]
    for key, value in entry.items():
        remark = kind.unit_of(key) if key.endswith("_range") else kind.remarks.get(key, "")
        lines.append(f"    {key}: {_flow(value)}" + (f"  # {remark}" if remark else ""))
    return lines


def _flow(value: Any) -> str:
    """A value on one line of YAML."""
    import yaml

    text: str = yaml.safe_dump(
        value, default_flow_style=True, width=10**6, allow_unicode=True, sort_keys=False
    )
    return text.removesuffix("...\n").strip()


def _line_of(message: str, node: yaml.Node | None) -> int | None:
    """1-based line of the key that a message begins with (``operations.blur.sigma_range: …``)."""
    named = re.match(r"[\w.]+(?=:)", message)
    line: int | None = None
    rest = named.group() if named else ""
    while rest and node is not None:
        found = None
        for key, value in _pairs(node):
            name = str(key.value)
            if rest == name or rest.startswith(f"{name}."):
                line, found, rest = key.start_mark.line + 1, value, rest[len(name) + 1 :]
                break
        node = found
    return line


def _twice(node: yaml.Node | None, where: str) -> str | None:
    """A key that stands twice in one mapping, which YAML takes without a word."""
    seen: set[str] = set()
    for key, value in _pairs(node):
        name = f"{where}{key.value}"
        if name in seen:
            return name
        seen.add(name)
        if (deeper := _twice(value, f"{name}.")) is not None:
            return deeper
    return None


def _pairs(node: yaml.Node | None) -> list[tuple[yaml.Node, yaml.Node]]:
    """Keys and values of a mapping; nothing for any other node."""
    import yaml

    return list(node.value) if isinstance(node, yaml.MappingNode) else []
