"""Messages for the person, from anywhere: code reports, it does not pop up. One widget shows them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How loudly a message is shown: an error stays until it is closed."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    Attributes:
        level: How loudly.
        text: One or two sentences.
        details: More to read on demand, e.g. a list of findings.
        topic: What it is about, where it can be settled later (see :func:`settle`).
    """

    level: Level
    text: str
    details: str = ""
    topic: str = ""


Listener = Callable[[Message], None]

_listeners: list[Listener] = []
_settlers: list[Callable[[str], None]] = []
# Messages from before the window listens, and the history a person can look up.
history: deque[Message] = deque(maxlen=500)


def listen(listener: Listener) -> Callable[[], None]:
    """Call ``listener`` for each message from now on; returns what ends that."""
    _listeners.append(listener)

    def stop() -> None:
        if listener in _listeners:
            _listeners.remove(listener)

    return stop


def listen_to_settled(listener: Callable[[str], None]) -> Callable[[], None]:
    """Call ``listener`` with each topic that is settled; returns what ends that."""
    _settlers.append(listener)

    def stop() -> None:
        if listener in _settlers:
            _settlers.remove(listener)

    return stop


def settle(topic: str) -> None:
    """What was said about a topic is no longer true (the file could be saved after all)."""
    for listener in tuple(_settlers):
        listener(topic)


def info(text: str, details: str = "") -> None:
    """Something went well that the person waited for."""
    _publish(Message(Level.INFO, text, details))


def warning(text: str, details: str = "", topic: str = "") -> None:
    """Something to look at. What has a topic goes away when that is settled."""
    _publish(Message(Level.WARNING, text, details, topic))


def error(text: str, details: str = "", topic: str = "") -> None:
    """Something did not work; says what to do."""
    _publish(Message(Level.ERROR, text, details, topic))


def _publish(message: Message) -> None:
    history.append(message)
    for listener in tuple(_listeners):
        listener(message)
