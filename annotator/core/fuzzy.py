"""Finding an action by a few letters of its words."""

from __future__ import annotations

import unicodedata


def plain(text: str) -> str:
    """A text without case and accents, as people type in a hurry."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def score(query: str, text: str) -> int | None:
    """How well a text fits what was typed; None: not at all.

    Every word that was typed has to be found: best at the beginning of the text, then at the beginning of a
    word, then anywhere, and at last as letters in their order from the beginning of a word (``dbx``: "Draw a
    box").
    """
    target = plain(text)
    total = 0
    for word in plain(query).split():
        found = _score_word(word, target)
        if found is None:
            return None
        total += found
    return total


def _score_word(word: str, target: str) -> int | None:
    if target.startswith(word):
        return 100
    starts = [0] + [index + 1 for index, letter in enumerate(target) if not letter.isalnum()]
    if any(target.startswith(word, start) for start in starts):
        return 80
    if word in target:
        return 50
    spans = [span for start in starts if (span := _span(word, target, start)) is not None]
    if not spans:
        return None
    return max(1, 40 - (min(spans) - len(word)))


def _span(word: str, target: str, start: int) -> int | None:
    """Length of the part from ``start`` on that holds the letters in their order."""
    if not target.startswith(word[0], start):
        return None
    place = start
    for letter in word:
        place = target.find(letter, place)
        if place < 0:
            return None
        place += 1
    return place - start
