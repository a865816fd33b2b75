"""Colours of classes: chosen, kept through every change of the list, told apart by every eye."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from annotator.core import class_edits
from annotator.core.class_colours import recolour
from annotator.core.edit_json import edit_from_json, edit_to_json
from annotator.core.edits import SetClasses
from annotator.core.session import Session
from converters.colours import NO_CLASS, PALETTE, ClassColours, class_colour
from converters.errors import FormatError

RED = (250, 10, 20)

# Machado, Oliveira and Fernandes (2009): what eyes without one kind of cones see, in linear light.
_EYES = {
    "all cones": (1, 0, 0, 0, 1, 0, 0, 0, 1),
    "no red": (0.1523, 1.0526, -0.2049, 0.1145, 0.7863, 0.0992, -0.0039, -0.0481, 1.052),
    "no green": (0.3673, 0.8606, -0.228, 0.2801, 0.6725, 0.0474, -0.0118, 0.0429, 0.9689),
    "no blue": (1.2555, -0.0767, -0.1788, -0.0784, 0.9308, 0.1476, 0.0047, 0.6914, 0.3039),
}


def _lab(linear: np.ndarray) -> np.ndarray:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / (0.95047, 1, 1.08883)
    f = np.where(xyz > 0.008856, np.cbrt(np.maximum(xyz, 0)), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], -1)


def _nearest(colours: tuple[tuple[int, int, int], ...], eyes: object) -> float:
    srgb = np.array(colours) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = _lab(np.clip(linear @ np.array(eyes).reshape(3, 3).T, 0, 1))
    distances = np.linalg.norm(seen[:, None] - seen[None], axis=-1)
    return float(distances[np.triu_indices(len(colours), 1)].min())


@pytest.mark.parametrize("eyes", _EYES)
def test_the_palette_is_told_apart_by_every_eye(eyes: str):
    assert _nearest(PALETTE[:3], _EYES[eyes]) > 55
    assert _nearest(PALETTE[:6], _EYES[eyes]) > 25
    assert _nearest(PALETTE, _EYES[eyes]) > 15


def test_past_the_palettes_end_colours_still_differ():
    names = tuple(f"class {number}" for number in range(3 * len(PALETTE)))
    assert len({class_colour(names, name) for name in names}) == len(names)


def test_a_chosen_colour_comes_first_and_goes_along_to_another_list():
    colours = ClassColours(("a", "b"), {"b": RED})
    assert colours.of("b") == RED and colours.of("a") == PALETTE[0] and colours.of("c") == NO_CLASS
    assert colours.on(("c", "b", "a")).of("a") == PALETTE[0]
    assert colours.on(("c", "b", "a")).of("b") == RED


def test_a_recolouring_is_undone_and_survives_a_restart(small_demo: Path):
    session = Session.open(small_demo)
    name = session.class_names[1]
    told: list[str] = []
    session.listen_to("classes", lambda: told.append("classes"))
    session.apply(recolour(session.dataset(), name, RED))
    assert session.colours.of(name) == RED and told == ["classes"] and not session.is_unsaved
    assert session.history.undo_text == f"recolour {name}"
    session.close()
    session = Session.open(small_demo)
    assert session.dataset().colours.of(name) == RED
    session.undo()
    assert session.colours.of(name) == PALETTE[1]
    session.redo()
    session.close()
    session = Session.open(small_demo)
    assert session.colours.of(name) == RED
    session.close()


def test_the_colour_of_the_place_is_no_choice(small_demo: Path):
    session = Session.open(small_demo)
    name = session.class_names[0]
    assert not recolour(session.dataset(), name, PALETTE[0]).changes_something
    with pytest.raises(FormatError):
        recolour(session.dataset(), "nobody", RED)
    session.close()


def test_classes_keep_their_colours_whatever_becomes_of_the_list(small_demo: Path):
    session = Session.open(small_demo)
    first, second, third = session.class_names[:3]
    session.apply(recolour(session.dataset(), second, RED))
    at_first = {name: session.colours.of(name) for name in session.class_names}
    steps = [
        lambda d: class_edits.reorder_classes(d, (third, first, second)),
        lambda d: class_edits.rename_class(d, second, "other"),
        lambda d: class_edits.delete_class(d, first, third),
        lambda d: class_edits.add_class(d, "new"),
    ]
    for step in steps:
        edit = step(session.dataset())
        read = edit_from_json(*edit_to_json(edit), edit.text)
        assert isinstance(read, SetClasses) and read.colours == edit.colours
        session.apply(edit)
    assert session.colours.of(third) == at_first[third] and session.colours.of("other") == RED
    shown = [session.colours.of(name) for name in session.class_names]
    assert len(set(shown)) == len(shown)
    for _ in steps:
        session.undo()
    assert {name: session.colours.of(name) for name in session.class_names} == at_first
    session.close()


def test_damaged_colours_cost_only_colours(small_demo: Path):
    session = Session.open(small_demo)
    session.sidecar.keep_fact("colours", b'{"mask":[1,2],"no_mask":"red","x":[300,0,0]}')
    session.close()
    session = Session.open(small_demo)
    assert session.colours.chosen == {}
    session.close()
