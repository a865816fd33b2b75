"""What to do next with a run: each rule where it holds, and where it does not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from evaluation_samples import add_weights, label_text, make_run
from PyQt5.QtCore import QCoreApplication

from annotator.darknet.cli import main
from annotator.darknet.evaluation.advice import Act, Advice, Course, Facts, advise, after_training
from annotator.darknet.evaluation.advice_facts import advice_of, command_for, course_of
from annotator.darknet.evaluation.analysis import analyse
from annotator.darknet.evaluation.confusion import Kind
from annotator.darknet.evaluation.measure import evaluate_run
from annotator.darknet.evaluation.stored import ImageResult
from annotator.darknet.evaluation.training_pictures import (
    TrainingSample,
    measure_training,
    sample_of,
    stored_sample,
)
from annotator.darknet.metrics import match_image
from annotator.qt.said_below import known
from annotator.qt.translation import Translator, languages
from converters.model import Box, Split

NAMES = ("mask", "no_mask")
FLAT = Course(tuple(range(1, 2001)), (1.0,) * 2000, ((1000, 0.6), (2000, 0.5)))
FALLING = replace(FLAT, averages=tuple(3 - at / 1000 for at in range(2000)))


def box(at: int, label: str, confidence: float | None = None) -> Box:
    return Box((at, 10, at + 40, 50), label, confidence)


def picture(truths: Sequence[Box], found: Sequence[Box]) -> ImageResult:
    match = match_image(truths, found, iou_threshold=0.5, conf_threshold=0.25)
    return ImageResult("obj/a.png", tuple(truths), tuple(found), match)


def right(label: str, count: int) -> list[ImageResult]:
    return [picture([box(0, label)], [box(0, label, 0.95)]) for _ in range(count)]


def missed(label: str, count: int) -> list[ImageResult]:
    return [picture([box(0, label)], []) for _ in range(count)]


def taken(label: str, other: str, count: int, confidence: float) -> list[ImageResult]:
    return [picture([box(0, label)], [box(0, other, confidence)]) for _ in range(count)]


def facts(results: Sequence[ImageResult], course: Course = FLAT, **more: object) -> Facts:
    return Facts(course, analyse(Split.VAL, results, NAMES, 0.25), 1000, **more)  # type: ignore[arg-type]


def acts(advice: Sequence[Advice]) -> list[Act]:
    return [one.act for one in advice]


GOOD = [*right("mask", 60), *right("no_mask", 40)]


def test_of_a_good_network_nothing_is_said():
    assert advise(facts(GOOD)) == []


def test_a_loss_that_is_no_number_asks_for_a_lower_rate_and_nothing_else():
    course = Course((1, 2, 3, 4), (5.0, 4.0, float("nan"), float("nan")), rate=0.002)
    (said,) = advise(facts(GOOD, course))
    assert said.act is Act.RATE and said.rate == pytest.approx(0.0002) and "iteration 3 on" in said.text
    assert after_training(course) == [said]
    assert Course((1, 2, 3), (5.0, float("nan"), 4.0)).diverged_at == 0


def test_next_to_nothing_is_trained_on_while_the_loss_falls_or_the_training_was_short():
    bad = [*missed("mask", 60), *missed("no_mask", 40)]
    (said,) = advise(facts(bad, FALLING))
    assert said.act is Act.TRAIN_ON and said.iterations == 4000 and "still fell" in said.text
    assert acts(advise(facts(bad, FLAT))) == [Act.PRETRAINED]
    short = Course(tuple(range(1, 301)), (3.0,) * 300)
    (said,) = advise(facts(bad, short))
    assert said.act is Act.TRAIN_ON and said.iterations == 1000 and "300 iterations are few" in said.text


def test_a_good_network_is_trained_on_only_where_its_last_weights_are_the_best():
    better = replace(FALLING, maps=((1000, 0.6), (2000, 0.8)))
    assert acts(advise(replace(facts(GOOD, better), chosen=2000))) == [Act.TRAIN_ON]
    assert advise(facts(GOOD, FALLING)) == []  # chosen are those of 1000
    assert acts(after_training(better)) == [Act.TRAIN_ON, Act.EVALUATE]
    assert acts(after_training(FALLING)) == [Act.EVALUATE]


def test_few_boxes_say_so():
    assert acts(advise(facts(right("mask", 12)))) == [Act.JUDGE]
    (said,) = advise(facts([*right("mask", 60), *right("no_mask", 3)]))
    assert said.act is Act.JUDGE and "3 boxes of no_mask" in said.text
    assert acts(advise(Facts(FLAT))) == [Act.JUDGE]


def test_far_better_on_training_than_on_validation_asks_for_pictures():
    half = [*right("mask", 50), *missed("mask", 50)]
    sample = TrainingSample(48, 0.95, (0.9, 1.0), {"mask": 0.95})
    found = advise(facts(half, sample=sample, pictures=50))
    assert Act.COPIES in acts(found) and "make copies" in found[0].text
    found = advise(facts(half, sample=sample, pictures=50, copies=90))
    assert "90 copies already" in found[0].text
    unsure = TrainingSample(4, 0.95, (0.4, 1.0), {"mask": 0.95})
    assert Act.COPIES not in acts(advise(facts(half, sample=unsure, pictures=50)))


def test_a_rare_class_behind_the_others_says_how_many_boxes_more():
    results = [*right("mask", 60), *right("no_mask", 5), *missed("no_mask", 20)]
    said = advise(facts(results, train_boxes={"mask": 400, "no_mask": 50}))[0]
    assert said.act is Act.CLASS and said.true_label == "no_mask" and ": 350 more" in said.text
    often = advise(facts(results, train_boxes={"mask": 400, "no_mask": 390}))
    assert Act.CLASS not in acts(often)  # it has boxes enough


def test_small_boxes_that_are_missed_ask_for_a_larger_network():
    sides = [(8.0, False)] * 30 + [(40.0, True)] * 30
    found = advise(facts(GOOD, sides=sides, side=416))
    assert acts(found) == [Act.SIZE] and found[0].side == 832 and found[0].side % 32 == 0
    assert advise(facts(GOOD, sides=sides, side=0)) == []  # of a fixed size
    assert advise(facts(GOOD, sides=[(8.0, False)] * 5 + [(40.0, True)] * 30, side=416)) == []


def test_a_mistake_that_is_made_often_is_named_and_sure_ones_may_be_labels():
    results = [*GOOD, *taken("no_mask", "mask", 14, 0.6)]
    said = next(one for one in advise(facts(results)) if one.act is Act.MISTAKES)
    assert "no_mask is taken for mask 14 times (of 14 mistakes)" in said.text
    assert (said.kind, said.true_label, said.label) == (Kind.WRONG_CLASS, "no_mask", "mask")
    sure = advise(facts([*GOOD, *taken("no_mask", "mask", 1, 0.97)]))
    assert acts(sure) == [Act.LABELS] and " 1 time " in sure[0].text
    unreliable = [*right("mask", 30), *taken("mask", "no_mask", 30, 0.97)]
    assert Act.LABELS not in acts(advise(facts(unreliable)))


@pytest.fixture
def french(qapp):
    translator = Translator(languages()["fr"])
    QCoreApplication.installTranslator(translator)
    yield
    QCoreApplication.removeTranslator(translator)


def test_every_sentence_has_a_french_one(french):
    rare = [*right("mask", 60), *right("no_mask", 5), *missed("no_mask", 20)]
    half = [*right("mask", 50), *missed("mask", 50)]
    sample = TrainingSample(48, 0.95, (0.9, 1.0), {"mask": 0.95})
    sentences = [
        *advise(facts(right("mask", 12))),
        *advise(facts(missed("mask", 90))),
        *advise(facts(missed("mask", 90), Course((1, 2), (float("nan"), float("nan"))))),
        *advise(facts(missed("mask", 90), Course((1, 2), (3.0, 3.0)))),
        *after_training(replace(FALLING, maps=((1000, 0.6), (2000, 0.8)))),
        *advise(facts(rare, train_boxes={"mask": 400, "no_mask": 50})),
        *advise(facts(half, sample=sample, pictures=50)),
        *advise(facts(half, sample=sample, pictures=50, copies=90)),
        *advise(facts([*GOOD, *taken("no_mask", "mask", 2, 0.97)])),
        *advise(facts([*GOOD, *taken("no_mask", "mask", 1, 0.97)])),
        *advise(Facts(FLAT)),
        *advise(facts([*right("mask", 60), *right("no_mask", 3)])),
        *advise(facts(GOOD, sides=[(8.0, False)] * 30 + [(40.0, True)] * 30, side=416)),
        *advise(facts([*missed("mask", 60)], FALLING)),
        *advise(facts([*GOOD, *taken("no_mask", "mask", 14, 0.6)])),
    ]
    assert [one.text for one in sentences if known(one.text) == one.text] == []
    assert not any(word in known(one.text) for one in sentences for word in (" the ", " boxes", " copies a"))


def test_a_sample_is_the_same_each_time_and_lies_over_the_whole_list():
    entries = [f"obj/{at}.png" for at in range(100)]
    assert sample_of(entries, 4) == ["obj/0.png", "obj/25.png", "obj/50.png", "obj/75.png"]
    assert sample_of(entries[:3], 4) == entries[:3]


@pytest.fixture
def run(tmp_path):
    run = make_run(tmp_path / "work")
    add_weights(run, "net_final.weights", 400)
    return run


def test_a_run_is_read_and_a_sample_of_its_training_pictures_is_kept(run):
    lines = [f"{at},2.0,{3 - at / 200},0.001,0.1,{at}" for at in range(1, 401)]
    run.metrics.write_text("\n".join(["iteration,loss,avg_loss,rate,seconds,images", *lines]) + "\n")
    evaluation = evaluate_run(run)
    assert stored_sample(run, evaluation) is None
    found = advice_of(run, evaluation, measure=True)
    assert acts(found) == [Act.JUDGE] and course_of(run).falls
    sample = stored_sample(run, evaluation)
    assert sample is not None and sample.images == 1 and sample.mean_ap == 1.0
    assert advice_of(run, evaluation, measure=False) == found
    on = Advice(Act.TRAIN_ON, "", iterations=800)
    assert command_for(on, run) == f"train-cli resume {run.path} --max-batches 800"


def test_wrong_labels_among_the_training_pictures_are_found(run):
    (run.work / "obj" / "train0.txt").write_text(label_text("g..............."))
    evaluation = evaluate_run(run)
    results = measure_training(run, evaluation)
    (wrong,) = analyse(Split.TRAIN, results, run.info.class_names, 0.25).mistakes
    assert wrong.kind is Kind.WRONG_CLASS and (wrong.true_label, wrong.label) == ("no_mask", "mask")
    told: list[int] = []
    assert measure_training(run, evaluation, lambda done, total, what: told.append(done)) == results
    assert not told  # it was kept


def test_the_command_says_what_to_do_next(run, capsys):
    assert main(["evaluate", str(run.path)]) == 0
    assert "next: Validation has 3 boxes: too few" in capsys.readouterr().err
    assert main(["evaluate", str(run.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["next"][0]["act"] == "judge"
