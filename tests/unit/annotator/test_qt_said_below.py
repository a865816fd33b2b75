"""Sentences from below are recognised, and said in the person's language."""

from pathlib import Path

import pytest
from PyQt5.QtCore import QCoreApplication

from annotator.core import class_edits, edits
from annotator.core.box_edits import flag_boxes
from annotator.darknet.network.options import OPTIONS
from annotator.darknet.network.presets import NETWORKS
from annotator.qt.said_below import known, summary
from annotator.qt.translation import Translator, languages
from augment.operations import TRANSFORMS
from augment.policies import ABOUT
from converters.checks import CheckOptions, check_class_names, check_image
from converters.model import AnnotatedImage, Box, Dataset
from converters.report import Report

BOXES = (Box((0, 0, 10, 10), "mask"), Box((0, 0, 10, 9.8), "mask"), Box((2, 2, 3, 3), "mask"))


@pytest.fixture
def french(qapp):
    translator = Translator(languages()["fr"])
    QCoreApplication.installTranslator(translator)
    yield
    QCoreApplication.removeTranslator(translator)


def test_what_nobody_knows_stays(french):
    assert known("") == "" and known("gibberish of 3 boxes") == "gibberish of 3 boxes"


def test_in_english_it_stays_as_it_is(qapp):
    for text in ("relabel 3 boxes as mask", "delete 1,204 boxes", "1 picture", "reading labels"):
        assert known(text) == text


def test_edits(french):
    two = frozenset({0, 1})
    assert known(edits.add_box("k", BOXES, BOXES[0]).text) == "ajouter une boîte mask"
    assert known(edits.delete_boxes("k", BOXES, two).text) == "supprimer 2 boîtes"
    assert known(edits.delete_boxes("k", BOXES, frozenset({1})).text) == "supprimer une boîte"
    assert known(edits.relabel_boxes("k", BOXES, two, "a as b").text) == "donner à 2 boîtes la classe a as b"
    assert known(flag_boxes("k", BOXES, two, "difficult", True).text) == "marquer 2 boîtes comme difficult"
    assert known("delete 1,204 boxes") == "supprimer 1\u00a0204 boîtes"
    assert known("bring back some.png") == "restaurer some.png"
    assert known("nudge box") != "nudge box"


def test_edits_of_classes(french):
    image = AnnotatedImage("a", Path("a.png"), (20, 20), BOXES)
    dataset = Dataset(Path(), "voc", (image,), ("mask", "other"))
    made = [
        class_edits.add_class(dataset, "third"),
        class_edits.rename_class(dataset, "mask", "masque"),
        class_edits.merge_classes(dataset, ["mask"], "other"),
        class_edits.delete_class(dataset, "mask"),
        class_edits.delete_class(dataset, "mask", relabel_as="other"),
        class_edits.delete_class(dataset, "other"),
        class_edits.reorder_classes(dataset, ("other", "mask")),
    ]
    for edit in made:
        assert edit is not None and known(edit.text) != edit.text


def test_fixed_lists_are_all_known(french):
    texts = [network.description for network in NETWORKS.values()]
    texts += [option.meaning for option in OPTIONS.values()]
    texts += [*ABOUT.values(), *(name.replace("_", " ") for name in TRANSFORMS)]
    same = {"cutmix", "cutout", "jpeg", "mixup", "rotation", "saturation"}
    assert {text for text in texts if known(text) == text} <= same


def test_a_part_of_a_sentence_begins_with_a_small_letter(french):
    text = known("flip=3 is unusual (0 to 1 is common): half of the pictures are mirrored.")
    assert text.endswith("la moitié des images sont en miroir.")


def test_findings(french):
    report = Report()
    odd = ((5, 5, 2, 8), (5, 5, 5, 9), (90, 90, 95, 99), (1, 1, 40, 3.5))
    boxes = (*BOXES, BOXES[0], *(Box(xyxy, "mask") for xyxy in odd))
    check_image(AnnotatedImage("a", Path("a.png"), (9, 9), boxes), report)
    check_image(AnnotatedImage("b", Path("b.png"), (900, 900), BOXES), report, CheckOptions((416, 416)))
    check_class_names(Path(), ["mask", "Mask", " x", "ignore", "y"], {"mask"}, report)
    assert len({issue.code for issue in report}) > 6
    for issue in report:
        assert known(issue.message) != issue.message, issue.message


def test_summaries(french):
    report = Report()
    assert summary(report) == "aucune anomalie"
    report.error("x", "y")
    report.warning("x", "y")
    report.warning("x", "z")
    assert summary(report) == "1 erreur, 2 avertissements"
