"""Class ids that do not fit the list of names: found, asked about, written as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotator.core.id_mapping import Misfit, Why, agree, carry_out, look, mapping_for, misfit_of
from annotator.core.session import Session
from converters.errors import FormatError
from converters.originals import undo_latest


def _make(root: Path, make_picture, names: str | None, labels: dict[str, str]) -> Path:
    for stem, text in labels.items():
        make_picture(root / f"{stem}.png")
        (root / f"{stem}.txt").write_bytes(text.encode())
    if names is not None:
        (root / "obj.names").write_text(names)
    return root


def _misfit(root: Path) -> Misfit:
    session = Session.open(root)
    try:
        why = misfit_of(session)
        assert why is not None
        return look(root, session.codec.name, why, session.class_names, session.sidecar.class_names())
    finally:
        session.close()


def _open(root: Path) -> tuple[Why | None, tuple[str, ...], list[list[str]]]:
    session = Session.open(root)
    try:
        labels = [[box.label for box in session.image(key).boxes] for key in session.keys]
        return misfit_of(session), session.class_names, labels
    finally:
        session.close()


LABELS = {"p1": "0 0.5 0.5 0.2 0.2\r\n2 0.3 0.3 0.1 0.1\r\n", "p2": "1 0.5 0.5 0.2 0.2\n0 0.2 0.2 0.1 0.1"}


def test_an_id_past_the_list_gets_a_name(tmp_path: Path, make_picture):
    root = _make(tmp_path / "set", make_picture, "a\nb\n", LABELS)
    misfit = _misfit(root)
    assert misfit.why is Why.NO_NAME_OF_ID
    assert [(use.id, use.now, use.boxes) for use in misfit.uses] == [(0, "a", 2), (1, "b", 1), (2, "", 1)]
    assert misfit.uses[2].samples[0][0] == root / "p1.png"
    with pytest.raises(FormatError):
        mapping_for(misfit, {0: "a", 1: "b", 2: ""})
    mapping = mapping_for(misfit, {0: "a", 1: "b", 2: "c"})
    assert mapping.names == ("a", "b", "c") and not mapping.ids
    carry_out(misfit, mapping)
    assert (root / "p1.txt").read_bytes() == LABELS["p1"].encode()
    assert _open(root) == (None, ("a", "b", "c"), [["a", "c"], ["b", "a"]])


def test_boxes_of_an_id_become_another_class_or_are_left_out(tmp_path: Path, make_picture):
    root = _make(tmp_path / "set", make_picture, "a\nb\n", LABELS)
    misfit = _misfit(root)
    mapping = mapping_for(misfit, {0: "a", 1: None, 2: "b"})
    assert (mapping.boxes, mapping.left_out, mapping.files) == (1, 1, 2)
    carry_out(misfit, mapping)
    assert (root / "p1.txt").read_bytes() == b"0 0.5 0.5 0.2 0.2\r\n1 0.3 0.3 0.1 0.1\r\n"
    assert (root / "p2.txt").read_bytes() == b"0 0.2 0.2 0.1 0.1"
    assert _open(root) == (None, ("a", "b"), [["a", "b"], ["a"]])
    undo_latest(root)
    assert {name: (root / f"{name}.txt").read_bytes().decode() for name in LABELS} == LABELS


def test_a_set_without_names_gets_them(tmp_path: Path, make_picture):
    root = _make(tmp_path / "set", make_picture, None, LABELS)
    misfit = _misfit(root)
    assert misfit.why is Why.NO_NAMES and all(use.now == "" for use in misfit.uses)
    carry_out(misfit, mapping_for(misfit, {0: "mask", 1: "none", 2: "chin"}))
    assert (root / "obj.names").read_text() == "mask\nnone\nchin\n"
    assert {name: (root / f"{name}.txt").read_bytes().decode() for name in LABELS} == LABELS
    assert _open(root) == (None, ("mask", "none", "chin"), [["mask", "chin"], ["none", "mask"]])


def test_another_order_of_the_names_is_noticed(tmp_path: Path, make_picture):
    root = _make(tmp_path / "set", make_picture, "a\nb\nc\n", LABELS)
    session = Session.open(root)
    assert misfit_of(session) is None
    agree(session)
    session.close()
    (root / "obj.names").write_text("b\na\nc\nd\n")
    misfit = _misfit(root)
    assert misfit.why is Why.NAMES_CHANGED and misfit.uses[0].before == "a" and misfit.uses[0].now == "b"
    # As the list says: nothing is written.
    assert not mapping_for(misfit, {0: "b", 1: "a", 2: "c"}).ids
    # As it was: the list goes back, the label files stay.
    mapping = mapping_for(misfit, {0: "a", 1: "b", 2: "c"})
    assert mapping.names == ("a", "b", "c") and not mapping.ids
    carry_out(misfit, mapping)
    assert _open(root) == (None, ("a", "b", "c"), [["a", "c"], ["b", "a"]])


def test_a_name_more_at_the_end_is_no_reason_to_ask(tmp_path: Path, make_picture):
    root = _make(tmp_path / "set", make_picture, "a\nb\nc\n", LABELS)
    session = Session.open(root)
    agree(session)
    session.close()
    (root / "obj.names").write_text("a\nb\nc\nd\n")
    assert _open(root)[0] is None


def test_who_calls_classes_by_their_ids_is_asked_once(tmp_path: Path, make_picture):
    root = _make(tmp_path / "set", make_picture, None, LABELS)
    session = Session.open(root)
    assert misfit_of(session) is Why.NO_NAMES
    agree(session)
    session.close()
    assert _open(root)[0] is None
