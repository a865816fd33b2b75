"""Who is told of what changes in a set; what another thread does is told afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from threading import get_ident
from typing import Literal

Listener = Callable[[str], None]
Topic = Literal["history", "classes", "images"]
"""What else can be listened to: the journal, the list of classes, which images there are."""


class Listeners:
    """The listeners of a session."""

    def __init__(self) -> None:
        self._of_images: list[Listener] = []
        self._of_topics: dict[Topic, list[Callable[[], None]]] = {}
        self._held: list[Callable[[], None]] | None = None
        self._thread = 0

    @property
    def is_held(self) -> bool:
        """Whether what another thread does now is told later."""
        return self._held is not None and self._thread != get_ident()

    def add(self, listener: Listener) -> None:
        """Call it with the key of each image that changed."""
        self._of_images.append(listener)

    def add_to(self, topic: Topic, listener: Callable[[], None]) -> None:
        """Call it after each change of that kind."""
        self._of_topics.setdefault(topic, []).append(listener)

    def changed(self, key: str) -> None:
        """An image changed."""
        self._deliver(partial(listener, key) for listener in tuple(self._of_images))

    def tell(self, topic: Topic) -> None:
        """Something of that kind changed."""
        self._deliver(tuple(self._of_topics.get(topic, ())))

    def hold(self) -> None:
        """From now on keep what is to be told."""
        self._thread = get_ident()
        self._held = []

    def release(self) -> Callable[[], None]:
        """Tell at once again; returns what tells the rest."""
        held, self._held = self._held or [], None

        def tell() -> None:
            for call in held:
                call()

        return tell

    def _deliver(self, calls: Iterable[Callable[[], None]]) -> None:
        for call in calls:
            if self._held is None:
                call()
            else:
                self._held.append(call)
