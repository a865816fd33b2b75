from dataclasses import dataclass

import pytest

from annotator.core.fuzzy import score
from annotator.core.key_bindings import KeyBindings, KeyTakenError

WORDS = {"taken": "{key} belongs to “{action}”.", "reserved": "{key} is reserved."}


@dataclass(frozen=True)
class Action:
    name: str
    text: str
    keys: tuple[str, ...]
    pages: tuple[str, ...] = ()


ACTIONS = (
    Action("draw", "Draw a box", ("W", "R"), ("label",)),
    Action("delete", "Delete boxes", ("Del",), ("label",)),
    Action("wall_delete", "Delete crops", ("Del",), ("gallery",)),
    Action("undo", "Undo", ("Ctrl+Z",)),
    Action("escape", "Stop", ("Esc",), ("label",)),
)


def test_two_pages_share_a_key_and_a_key_of_everywhere_is_nobody_elses():
    keys = KeyBindings(ACTIONS)
    assert keys.clashes() == []
    keys.set_keys("wall_delete", ("Del", "W"), WORDS)
    assert keys.keys("wall_delete") == ("Del", "W")
    with pytest.raises(KeyTakenError, match="Ctrl\\+Z belongs to “Undo”"):
        keys.set_keys("draw", ("W", "Ctrl+Z"), WORDS)
    with pytest.raises(KeyTakenError, match="W belongs to “Draw a box”"):
        keys.set_keys("undo", ("W",), WORDS)
    assert keys.keys("undo") == ("Ctrl+Z",) and keys.keys("draw") == ("W", "R")


def test_esc_is_given_to_nothing_else():
    keys = KeyBindings(ACTIONS)
    with pytest.raises(KeyTakenError, match="reserved"):
        keys.set_keys("wall_delete", ("Esc",), WORDS)
    keys.set_keys("escape", ("Esc", "F2"), WORDS)


def test_what_is_remembered_are_the_changes_only():
    keys = KeyBindings(ACTIONS)
    keys.set_keys("draw", ("W", "W", "B"), WORDS)
    keys.set_keys("undo", (), WORDS)
    assert keys.changed == {"draw": ["W", "B"], "undo": []}
    again = KeyBindings(ACTIONS, keys.changed)
    assert again.keys("draw") == ("W", "B") and again.keys("undo") == ()
    again.reset("undo", WORDS)
    assert again.changed == {"draw": ["W", "B"]}
    again.reset_all()
    assert again.changed == {} and again.keys("draw") == ("W", "R")


def test_a_default_that_was_given_away_does_not_come_back_twice():
    keys = KeyBindings(ACTIONS)
    keys.set_keys("draw", ("R",), WORDS)
    keys.set_keys("delete", ("W",), WORDS)
    with pytest.raises(KeyTakenError, match="Delete boxes"):
        keys.reset("draw", WORDS)


def test_keys_that_were_exchanged_are_read_again():
    exchanged = {"draw": ["Del"], "delete": ["W"]}
    assert KeyBindings(ACTIONS, exchanged).changed == exchanged


def test_settings_that_clash_or_are_of_another_version_are_left_out():
    keys = KeyBindings(ACTIONS, {"draw": ["Ctrl+Z"], "no_such": ["Q"], "delete": ["Del", "F3"]})
    assert keys.clashes() == []
    assert keys.changed == {"delete": ["Del", "F3"]}


def test_search_by_words_beginnings_and_letters():
    text = "Edit: Boxes of the previous picture"
    assert score("prev pic", text) is not None
    assert score("picture prev", text) is not None
    assert score("bpp", text) is not None
    assert score("xyz", text) is None
    assert score("", text) == 0
    assert score("edit", text) > score("prev", text) > score("icture", text) > score("bpp", text)
    assert score("modele", "Modèle du réseau") is not None
