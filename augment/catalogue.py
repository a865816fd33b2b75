"""All operations and built-in policies as text and plain values, for a person who writes a policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from augment.operations import TRANSFORMS
from augment.policies import ABOUT, POLICIES
from augment.transforms import Stage, Transform

STAGES: Mapping[Stage, str] = {
    Stage.PASTE: "drawn on the picture as it was",
    Stage.COLOUR: "light, colour and sharpness; nothing moves",
    Stage.GEOMETRY: "things move; all of a copy's are one resampling",
    Stage.FOREIGN: "imgaug.NAME: an augmenter of imgaug, with its own arguments",
    Stage.COMBINE: "several training pictures on one",
    Stage.ERASE: "parts are hidden",
    Stage.SENSOR: "the camera and the file, last",
}
"""What happens in each stage. The stages come in this order, whatever was drawn first."""


def operations() -> list[dict[str, Any]]:
    """Every operation in plain types, by stage: name, stage, title, and its settings with their limits."""
    kinds = sorted(TRANSFORMS.values(), key=lambda kind: kind.stage)
    return [
        {
            "name": kind.name,
            "stage": kind.stage.name.lower(),
            "title": kind.title,
            "settings": {key: _setting(kind, key, value) for key, value in kind().as_dict().items()},
        }
        for kind in kinds
    ]


def operations_text() -> str:
    """Every operation with its settings, for people."""
    lines: list[str] = []
    stage = ""
    for operation in operations():
        if operation["stage"] != stage:
            stage = operation["stage"]
            lines += ["", f"{stage}: {STAGES[Stage[stage.upper()]]}"]
        lines.append(f"  {operation['name']}  # {operation['title']}")
        for key, setting in operation["settings"].items():
            lines.append(f"    {key}: {_shown(setting['default'])}  # {_remark(setting)}")
    lines += ["", "policies (--policy NAME; --show-policy prints one):"]
    width = max(map(len, POLICIES))
    lines += [f"  {name.ljust(width)}  {ABOUT[name]}" for name in POLICIES]
    return "\n".join(lines[1:]) + "\n"


def _setting(kind: type[Transform], key: str, value: Any) -> dict[str, Any]:
    if key.endswith("_range"):
        return {"default": value, "limits": list(kind.limits_of(key)), "meaning": kind.unit_of(key)}
    if key == "minimum":
        return {"default": value, "meaning": f"nothing nearer to {kind.neutral:g} is drawn"}
    return {"default": value, "meaning": kind.remarks.get(key, "")}


def _remark(setting: Mapping[str, Any]) -> str:
    if "limits" not in setting:
        return str(setting["meaning"])
    low, high = setting["limits"]
    return f"{setting['meaning']} ({low:g} to {high:g})"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_shown(one) for one in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, int | float) else str(value)
