"""Who is told of what changes in a set; what another thread does is told afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from threading import get_ident
from typing import Literal

from converters.formats.base import ProgressCallback

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


class Listenable:
    """Something that is edited and can be listened to."""

    def __init__(self) -> None:
        self._listeners = Listeners()
        self._on_progress: ProgressCallback | None = None

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` with the key of each image that changed."""
        self._listeners.add(listener)

    def listen_to(self, topic: Topic, listener: Callable[[], None]) -> None:
        """Call ``listener`` after each change of what can be undone, the classes, or which images there are.

        ``images`` and ``classes`` are told before ``history``.
        """
        self._listeners.add_to(topic, listener)

    @contextlib.contextmanager
    def quietly(self, on_progress: ProgressCallback | None = None) -> Iterator[list[Callable[[], None]]]:
        """An edit that is made in another thread than that of the listeners.

        Nobody else may edit meanwhile; nothing is saved either. ``on_progress`` may raise to cancel the
        edit, of which nothing has happened then. After the block the list that it yields holds what tells
        the listeners, to be called in their thread.
        """
        then: list[Callable[[], None]] = []
        self._listeners.hold()
        self._on_progress = on_progress
        try:
            yield then
        finally:
            self._on_progress = None
            then.append(self._listeners.release())

    @property
    def is_busy(self) -> bool:
        """Whether an edit is being made in another thread."""
        return self._listeners.is_held
