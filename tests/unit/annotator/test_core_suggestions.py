"""What a network suggests for a picture, and the edits that take it over."""

from pathlib import Path

from annotator.core import suggestions as core
from annotator.core.dismissed_predictions import DismissedPredictions
from annotator.core.sidecar import Sidecar
from annotator.core.suggestions import Standing, Suggestion, suggestions
from converters.model import AnnotatedImage, Box


def _box(x: float, label: str, confidence: float | None = None, side: float = 10) -> Box:
    return Box((x, 0, x + side, 10), label, confidence)


def _standings(truths, predictions, threshold=0.25):
    return [(one.box.label, one.standing, one.truth) for one in suggestions(truths, predictions, threshold)]


def test_a_prediction_agrees_contradicts_or_is_new():
    truths = (_box(0, "mask"), _box(50, "no_mask"))
    found = (_box(1, "mask", 0.9), _box(51, "mask", 0.8), _box(100, "no_mask", 0.7), _box(200, "mask", 0.2))
    assert _standings(truths, found) == [
        ("mask", Standing.AGREES, 0),
        ("mask", Standing.OTHER_CLASS, 1),
        ("no_mask", Standing.NEW, None),
    ]
    assert len(_standings(truths, found, 0.1)) == 4


def test_of_several_classes_in_one_place_the_surest_is_suggested():
    found = (_box(0, "no_mask", 0.4), _box(0, "mask", 0.9), _box(1, "chin", 0.3))
    assert _standings((), found) == [("mask", Standing.NEW, None)]
    assert _standings((_box(0, "mask"),), found) == [("mask", Standing.AGREES, 0)]
    # Both are kept where the less sure one is what the label says.
    assert _standings((_box(0, "no_mask"),), found) == [
        ("mask", Standing.OTHER_CLASS, 0),
        ("no_mask", Standing.AGREES, 0),
    ]


def test_half_is_enough_of_an_overlap():
    assert _standings((_box(0, "mask", side=20),), (_box(0, "mask", 0.9),))[0][1] is Standing.AGREES
    assert _standings((_box(0, "mask", side=21),), (_box(0, "mask", 0.9),))[0][1] is Standing.NEW


def test_predictions_lie_on_whole_pixels_inside_the_picture():
    found = core.on_whole_pixels(
        (
            Box((-3.2, 1.4, 20.6, 9.5001), "mask", 0.5),
            Box((-9, 0, -1, 5), "mask", 0.5),
            _box(5.2, "a", 0.3, 0.2),
        ),
        (20, 30),
    )
    assert [box.xyxy for box in found] == [(0.0, 1.0, 20.0, 10.0)] and found[0].confidence == 0.5


def test_accepting_adds_boxes_or_gives_a_class():
    truths = (Box((0, 0, 10, 10), "mask", flags=frozenset({"occluded"}), origin=3),)
    new = Suggestion(_box(50, "mask", 0.9), Standing.NEW)
    other = Suggestion(_box(1, "no_mask", 0.8), Standing.OTHER_CLASS, 0)
    edit = core.accept_new("a", truths, (new, other))
    assert edit.after == (*truths, _box(50, "mask")) and edit.text == "accept 1 prediction"
    assert not core.accept_new("a", truths, (other,)).changes_something
    relabelled = core.accept_one("a", truths, other).after[0]
    assert (relabelled.label, relabelled.xyxy, relabelled.origin) == ("no_mask", (0, 0, 10, 10), 3)
    assert relabelled.flags == {"occluded"}
    assert core.accept_one("a", (), new, "chin").after == (_box(50, "chin"),)


def test_classes_are_found_by_name_then_by_place():
    assert core.class_mapping(("a", "b"), ("b", "a")) == {"a": "a", "b": "b"}
    assert core.class_mapping(("with_mask", "b"), ("mask", "b")) == {"with_mask": "mask", "b": "b"}
    assert core.class_mapping(("Mask", "face"), ("mask", "no", "chin")) == {"Mask": "mask", "face": None}
    answers = {"face": "no", "Mask": ""}
    assert core.class_mapping(("Mask", "face"), ("mask", "no"), answers) == {"Mask": None, "face": "no"}
    assert core.class_mapping(("face",), ("mask", "no"), {"face": "gone"}) == {"face": None}
    assert core.mapped((_box(0, "Mask", 0.5), _box(9, "x", 0.5)), {"Mask": "mask", "x": None}) == (
        _box(0, "mask", 0.5),
    )


def test_what_was_dismissed_disagrees_no_more():
    truths = (_box(0, "mask"),)
    wrong, forgotten, kept = _box(1, "no_mask", 0.8), _box(50, "mask", 0.7), _box(90, "mask", 0.6)
    gone = frozenset((box.xyxy, box.label) for box in (wrong, forgotten))
    assert core.settled(truths, (wrong, forgotten, kept), gone, 0.05) == (kept, wrong.relabelled("mask"))
    assert core.settled(truths, (wrong,), frozenset(), 0.05) == (wrong,)


def test_many_pictures_get_their_first_boxes_as_one_edit():
    images = [AnnotatedImage(key, Path(f"{key}.png"), (100, 20)) for key in ("a", "b", "c")]
    found = {"a": (_box(0, "mask", 0.9), _box(50, "mask", 0.1)), "b": (_box(3, "mask", 0.3),)}
    edit = core.accept_in_many(images, found, 0.25)
    assert edit.keys == ("a", "b") and edit.text == "accept 2 predictions in 2 pictures"
    assert not core.accept_in_many(images, found, 0.95).changes_something


def test_what_was_dismissed_is_remembered_with_the_set(tmp_path: Path):
    sidecar = Sidecar(tmp_path)
    kept = DismissedPredictions(sidecar)
    kept.add("a", _box(0, "mask", 0.9))
    kept.add("b", _box(5, "mask", 0.9))
    assert kept.bring_back("b") and not kept.bring_back("c")
    again = DismissedPredictions(sidecar)
    assert again.of("a") == {((0.0, 0.0, 10.0, 10.0), "mask")} and again.of("b") == frozenset()
    sidecar.keep_fact("dismissed_predictions", b"[[1")
    assert DismissedPredictions(sidecar).of("a") == frozenset()
    sidecar.close()
