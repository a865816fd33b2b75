"""Which keys belong to which actions: the defaults, what the person changed, and what would clash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from converters.errors import DataError

RESERVED = ("Esc",)
"""Keys that mean the same everywhere (stop, close) and are given to nothing else."""


class KeyTakenError(DataError):
    """A key cannot be given to an action because another one has it."""


class Bindable(Protocol):
    """What is needed to know of an action."""

    @property
    def name(self) -> str:
        """Its name in the settings."""

    @property
    def text(self) -> str:
        """What the person calls it."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Its default keys."""

    @property
    def pages(self) -> tuple[str, ...]:
        """The pages it is bound to; none: it works on every page."""


def meet(one: Bindable, other: Bindable) -> bool:
    """Whether there is a page on which both work, so that they cannot share a key."""
    return not one.pages or not other.pages or bool(set(one.pages) & set(other.pages))


class KeyBindings:
    """The keys of all actions.

    Args:
        actions: All actions.
        changed: What the person changed: keys by an action's name; names that are not known and keys that
            clash (settings of another version, edited by hand) are left out.
    """

    def __init__(
        self, actions: Iterable[Bindable], changed: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self._actions = {action.name: action for action in actions}
        self._changed: dict[str, tuple[str, ...]] = {}
        # First all at once, as two that were exchanged would clash one after the other.
        known = {name: tuple(keys) for name, keys in (changed or {}).items() if name in self._actions}
        self._changed = dict(known)
        for name, keys in known.items():
            if any(self.taken_by(name, key) for key in keys):
                del self._changed[name]
        # What was left out has its defaults again, which may clash in turn with what was kept.
        for name in list(self._changed):
            if any(self.taken_by(name, key) for key in self._changed[name]):
                del self._changed[name]

    @property
    def changed(self) -> dict[str, list[str]]:
        """What differs from the defaults, to be remembered."""
        return {name: list(keys) for name, keys in self._changed.items()}

    def keys(self, name: str) -> tuple[str, ...]:
        """Keys of an action, the first is shown."""
        return self._changed.get(name, self._actions[name].keys)

    def is_changed(self, name: str) -> bool:
        """Whether an action has other keys than by default."""
        return name in self._changed

    def taken_by(self, name: str, key: str) -> Bindable | None:
        """The other action that has a key where this one would have it as well."""
        action = self._actions[name]
        for other in self._actions.values():
            if other.name != name and key in self.keys(other.name) and meet(action, other):
                return other
        return None

    def set_keys(self, name: str, keys: Sequence[str], words: Mapping[str, str]) -> None:
        """Give keys to an action instead of those it has.

        Args:
            name: The action.
            keys: Its new keys; none: it is reached by the menu and the command palette.
            words: The sentences for a refusal: ``taken`` with ``{key}`` and ``{action}``, ``reserved`` with
                ``{key}``.

        Raises:
            KeyTakenError: Another action has one of them; nothing was changed.
        """
        wanted = tuple(dict.fromkeys(keys))
        for key in wanted:
            if key in RESERVED and key not in self._actions[name].keys:
                raise KeyTakenError(words["reserved"].format(key=key))
            other = self.taken_by(name, key)
            if other is not None:
                raise KeyTakenError(words["taken"].format(key=key, action=other.text))
        if wanted == self._actions[name].keys:
            self._changed.pop(name, None)
        else:
            self._changed[name] = wanted

    def reset(self, name: str, words: Mapping[str, str]) -> None:
        """Give an action its default keys again.

        Raises:
            KeyTakenError: One of them was given to another action meanwhile.
        """
        self.set_keys(name, self._actions[name].keys, words)

    def reset_all(self) -> None:
        """Every action has its default keys again."""
        self._changed.clear()

    def clashes(self) -> list[tuple[str, str, str]]:
        """Actions that would have the same key at the same time: (name, other's name, key)."""
        found = []
        names = list(self._actions)
        for index, name in enumerate(names):
            for other in names[index + 1 :]:
                if meet(self._actions[name], self._actions[other]):
                    shared = set(self.keys(name)) & set(self.keys(other))
                    found += [(name, other, key) for key in sorted(shared)]
        return found
