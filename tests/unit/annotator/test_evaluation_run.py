from __future__ import annotations

import csv
import json
from html.parser import HTMLParser
from pathlib import Path

import evaluation_samples as samples
import pytest

from annotator.darknet.evaluation.measure import evaluate_run, stored_evaluation
from annotator.darknet.evaluation.report import (
    MISTAKES_SHOWN,
    metrics_csv,
    render_page,
    worst_first,
    write_report,
)
from annotator.darknet.evaluation.stored import EvaluationFolder, load_stored
from annotator.darknet.network.weights import WeightsError
from annotator.darknet.run.chosen import default_weights
from annotator.darknet.run.folder import RunFolder
from annotator.darknet.run.printed import printed_maps
from converters.errors import DataError, FormatError
from converters.images import load_rgb
from converters.model import Split


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Three checkpoints: blind at 100, right at 200, classes swapped at 300 and at the end."""
    made = samples.make_run(tmp_path / "work")
    samples.add_weights(made, "net_100.weights", 100, gain=0.0)
    samples.add_weights(made, "net_200.weights", 200)
    samples.add_weights(made, "net_300.weights", 300, swapped=True)
    samples.add_weights(made, "net_final.weights", 300, swapped=True)
    return made


def test_best_on_validation_is_chosen_and_only_that_is_tested(run: RunFolder) -> None:
    done = []
    evaluation = evaluate_run(run, on_progress=lambda *state: done.append(state))
    assert [(one.iteration, one.kind) for one in evaluation.checkpoints] == [
        (100, "numbered"),
        (200, "numbered"),
        (300, "final"),
    ]
    assert [one.metrics.mean_ap for one in evaluation.checkpoints if one.metrics] == [0, 1, 0]
    assert evaluation.chosen_weights.weights == "net_200.weights"
    assert evaluation.chosen_by == "validation"
    assert evaluation.validation is not None
    assert evaluation.validation.strict.mean_ap == 1
    assert evaluation.test is not None
    metrics = evaluation.test.metrics
    assert (metrics.images, metrics.truths, metrics.tp, metrics.fp, metrics.fn) == (2, 4, 4, 0, 0)
    assert len(evaluation.test_looks) == 1
    assert done[-1][:2] == (3 * 3 + 2, 3 * 3 + 2)
    assert not len(evaluation.report)


def test_of_equals_the_earlier_is_chosen(run: RunFolder) -> None:
    samples.add_weights(run, "net_250.weights", 250)
    assert evaluate_run(run).chosen_weights.iteration == 200


def test_test_is_measured_once_for_the_same_weights(run: RunFolder) -> None:
    first = evaluate_run(run)
    again = evaluate_run(run)
    assert first.test_measured_now
    assert not again.test_measured_now
    assert again.test == first.test
    assert again.images == first.images
    assert len(again.test_looks) == 1
    assert any("it was not repeated" in note for note in again.notes)


def test_test_is_measured_again_where_its_labels_changed(run: RunFolder) -> None:
    evaluate_run(run)
    (run.work / "obj/test1.txt").write_text(samples.label_text("....g..........."))
    again = evaluate_run(run)
    assert again.test_measured_now
    assert again.test is not None
    assert (again.test.metrics.tp, again.test.metrics.fn) == (3, 1)
    assert again.images[1].match.confused
    assert any("Labels were changed since the training began" in note for note in again.notes)


def test_another_threshold_counts_anew_without_looking_again(run: RunFolder) -> None:
    evaluate_run(run)
    # The dim face has a confidence of 0.35.
    again = evaluate_run(run, conf_threshold=0.6)
    assert not again.test_measured_now
    assert again.test is not None
    assert (again.test.metrics.tp, again.test.metrics.fn) == (3, 1)


def test_weights_that_the_person_names_are_taken(run: RunFolder) -> None:
    evaluate_run(run)
    swapped = evaluate_run(run, weights=run.backup / "net_final.weights", test_again=True)
    assert swapped.chosen_by == "person"
    assert swapped.chosen_weights.weights == "net_final.weights"
    assert [one.iteration for one in swapped.checkpoints] == [100, 200, 300]  # the table stays whole
    assert swapped.test is not None
    assert swapped.test.metrics.tp == 0
    assert any("measured with 2 weights" in note for note in swapped.notes)
    # Going back is no new look: what those weights found is still there.
    back = evaluate_run(run)
    assert not back.test_measured_now
    assert not back.test_is_of_others
    assert len(back.test_looks) == 2


def test_test_is_not_measured_with_other_weights_unless_it_is_asked_for(run: RunFolder) -> None:
    first = evaluate_run(run)
    other = evaluate_run(run, weights=run.backup / "net_final.weights")
    assert other.test_is_of_others
    assert other.test == first.test
    assert other.images == first.images
    assert len(other.test_looks) == 1
    assert any("with net_200.weights: that number stands" in note for note in other.notes)
    stored = stored_evaluation(run)
    assert stored is not None
    assert stored.test_is_of_others
    table = metrics_csv(other).splitlines()
    assert {line.split(",")[1] for line in table if line.startswith("test,")} == {"net_200.weights"}
    again = evaluate_run(run, weights=run.backup / "net_final.weights", test_again=True)
    assert not again.test_is_of_others
    assert [look.weights for look in again.test_looks] == ["net_200.weights", "net_final.weights"]


def test_weights_from_elsewhere_and_of_another_network(run: RunFolder, tmp_path: Path) -> None:
    other = tmp_path / "other.weights"
    other.write_bytes(samples.cell_weights(seen=77))
    evaluation = evaluate_run(run, weights=other)
    assert (evaluation.chosen_weights.kind, evaluation.chosen_weights.iteration) == ("given", 77)
    assert default_weights(run) == other
    other.write_bytes(other.read_bytes() + bytes(400))
    with pytest.raises(WeightsError, match="holds 716 numbers, but this network needs 616"):
        evaluate_run(run, weights=other)
    with pytest.raises(FormatError):
        evaluate_run(run, weights=tmp_path / "none.weights")


def test_no_weights_yet_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no whole weights in this run yet"):
        evaluate_run(samples.make_run(tmp_path / "work"))


def test_default_weights(run: RunFolder) -> None:
    assert default_weights(run).name == "net_final.weights"
    evaluate_run(run)
    assert default_weights(run).name == "net_200.weights"
    EvaluationFolder.of(run).json.write_text("{")
    assert default_weights(run).name == "net_final.weights"
    with pytest.raises(FormatError, match="is broken") as caught:
        evaluate_run(run)
    assert "Delete it" in caught.value.hint


def test_pictures_of_no_use_are_reported_and_the_others_go_on(tmp_path: Path) -> None:
    pictures = {
        **samples.PICTURES,
        "val3": (Split.VAL, "r..............."),
        "val4": (Split.VAL, "r..............."),
        "val5": (Split.VAL, "r..............."),
        "val6": (Split.VAL, "r..............."),
    }
    run = samples.make_run(tmp_path / "work", pictures)
    samples.add_weights(run, "net_200.weights", 200)
    samples.add_weights(run, "net_final.weights", 300)
    obj = run.work / "obj"
    (obj / "val3.png").unlink()
    (obj / "val4.txt").unlink()
    (obj / "val5.txt").write_text("0 0.5 nonsense 0.2 0.2\n")
    (obj / "val6.png").write_bytes((obj / "val6.png").read_bytes()[:-30])
    (obj / "train0.txt").write_text("broken, but nobody asked\n")
    evaluation = evaluate_run(run)
    assert evaluation.validation is not None
    assert evaluation.validation.metrics.images == 3
    assert {(issue.code, issue.key) for issue in evaluation.report} == {
        ("image-missing", "obj/val3"),
        ("image-without-label", "obj/val4"),
        ("bad-number", "obj/val5"),
        ("image-truncated", "obj/val6"),
    }
    assert evaluation.report.exit_code() == 1


def test_classes_that_are_no_longer_there_are_findings(run: RunFolder) -> None:
    (run.work / "obj.names").write_text("mask\nbare_face\n")
    evaluation = evaluate_run(run)
    assert evaluation.report.errors
    assert evaluation.validation is not None
    assert evaluation.validation.metrics.images == 2  # those with masks only


def test_empty_validation_takes_the_final_weights(tmp_path: Path) -> None:
    pictures = {name: one for name, one in samples.PICTURES.items() if not name.startswith("val")}
    run = samples.make_run(tmp_path / "work", pictures)
    samples.add_weights(run, "net_100.weights", 100)
    samples.add_weights(run, "net_final.weights", 200)
    evaluation = evaluate_run(run)
    assert (evaluation.chosen_by, evaluation.chosen_weights.kind) == ("default", "final")
    assert evaluation.validation is None
    assert evaluation.test is not None
    assert any("Validation has no picture" in note for note in evaluation.notes)
    assert "Not measured" in write_report(run, evaluation).read_text()


def test_empty_test_is_said(tmp_path: Path) -> None:
    pictures = {name: one for name, one in samples.PICTURES.items() if not name.startswith("test")}
    run = samples.make_run(tmp_path / "work", pictures)
    samples.add_weights(run, "net_final.weights", 200)
    evaluation = evaluate_run(run)
    assert evaluation.test is None
    assert any("Test has no picture" in note for note in evaluation.notes)
    assert write_report(run, evaluation).is_file()
    for split in (Split.VAL, Split.TEST):
        run.list_of(split).write_text("")
    with pytest.raises(DataError, match="neither validation nor test"):
        evaluate_run(run)


def test_what_spoils_a_number_is_said(tmp_path: Path) -> None:
    run = samples.make_run(tmp_path / "work", {**samples.PICTURES, "val1": (Split.VAL, "r" + "." * 15)})
    run.list_of(Split.VAL).write_text("../../obj/val1.png\n../../obj/train0.png\n")
    samples.add_weights(run, "net_final.weights", 200)
    notes = " ".join(evaluate_run(run).notes)
    assert "1 of the 2 pictures of val are in the training list" in notes
    assert "no_mask has no box in val: it counts as 0 in mAP" in notes
    assert "Over the classes that val has, mAP@0.50 is 100.00 %" in notes
    assert "rests on 1 box (95 % interval" in notes


def test_diverged_weights_are_said(tmp_path: Path) -> None:
    run = samples.make_run(tmp_path / "work")
    samples.add_weights(run, "net_final.weights", 200, scale=float("nan"))
    notes = " ".join(evaluate_run(run).notes)
    assert "None of the weights found anything right" in notes
    assert "its training diverged" in notes


def test_relative_run_path(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.path)
    evaluation = evaluate_run(RunFolder.open(Path()))
    assert evaluation.test is not None
    assert write_report(RunFolder.open(Path()), evaluation).is_file()


def test_cancelling_leaves_nothing_half_done(run: RunFolder) -> None:
    class CancelledError(Exception):
        pass

    def cancel(done: int, total: int, what: str) -> None:
        if done == 4:
            raise CancelledError

    with pytest.raises(CancelledError):
        evaluate_run(run, on_progress=cancel)
    assert load_stored(run) is None


# ---- the page ----------------------------------------------------------------------------------------


class _Checker(HTMLParser):
    """Counts open tags and collects links and pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.pictures: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in ("meta", "img"):
            self.open.append(tag)
        values = dict(attrs)
        if tag == "a":
            self.links.append(values["href"] or "")
        if tag == "img":
            self.pictures.append(values["src"] or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page_stands_alone_and_shows_mistakes_first(run: RunFolder) -> None:
    (run.work / "obj/test1.txt").write_text(samples.label_text("....g.....g....."))
    evaluation = evaluate_run(run)
    page = write_report(run, evaluation)
    text = page.read_text()
    checker = _Checker()
    checker.feed(text)
    assert checker.open == []
    assert not checker.tags & {"script", "link", "iframe"}
    assert checker.links == []
    assert "http" not in text.replace("http://www.w3.org", "")
    assert len(checker.pictures) == 1
    assert checker.pictures[0].startswith("data:image/jpeg;base64,")
    assert "test1.png: 2 missed, 1 false, 0 right" in text
    assert "mAP@0.50 on test" in text
    assert "mAP@0.50 on val" in text
    folder = EvaluationFolder.of(run)
    assert sorted(path.name for path in folder.pictures.iterdir()) == ["test0.png", "test1.png"]
    assert load_rgb(folder.pictures / "test1.png").shape[1] == 2 * 4 * 32 + 8


def test_worst_picture_comes_first(tmp_path: Path) -> None:
    pictures = {
        **samples.PICTURES,
        "test0": (Split.TEST, "r..............."),
        "test1": (Split.TEST, "r..r....g......."),
        "test2": (Split.TEST, "r..r............"),
        "test3": (Split.TEST, "................"),
    }
    run = samples.make_run(tmp_path / "work", pictures)
    samples.add_weights(run, "net_final.weights", 200, gain=0.0)
    evaluation = evaluate_run(run)
    assert [Path(image.image).stem for image in worst_first(evaluation.images)] == ["test1", "test2", "test0"]


def test_names_cannot_break_the_page(tmp_path: Path) -> None:
    evil = "<script>alert('x')</script>&\""
    run = samples.make_run(tmp_path / "work")
    run.update(class_names=(evil, "no_mask"))
    (run.work / "obj.names").write_text(f"{evil}\nno_mask\n")
    samples.add_weights(run, "net_final.weights", 200, swapped=True)
    evaluation = evaluate_run(run)
    evaluation.report.error("odd", "a <b>bad</b> thing")
    text = write_report(run, evaluation).read_text()
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "a <b>bad</b>" not in text


def test_page_shows_a_limited_number_of_pictures(tmp_path: Path) -> None:
    many = {f"test{index}": (Split.TEST, "r...............") for index in range(MISTAKES_SHOWN + 3)}
    run = samples.make_run(tmp_path / "work", {**samples.PICTURES, **many})
    samples.add_weights(run, "net_final.weights", 200, gain=0.0)
    evaluation = evaluate_run(run)
    text = write_report(run, evaluation).read_text()
    assert text.count("<img") == MISTAKES_SHOWN
    assert text.count("<td>1</td><td>0</td><td>0</td></tr>") == 3


def test_drawings_of_pictures_that_left_the_split_are_removed(run: RunFolder) -> None:
    write_report(run, evaluate_run(run))
    run.list_of(Split.TEST).write_text("../../obj/test1.png\n")
    write_report(run, evaluate_run(run))
    assert [path.name for path in EvaluationFolder.of(run).pictures.iterdir()] == ["test1.png"]


def test_table_has_every_number_with_its_split(run: RunFolder) -> None:
    evaluation = evaluate_run(run)
    rows = list(csv.DictReader(metrics_csv(evaluation).splitlines()))
    assert (
        len(rows) == (3 * 2 + 2) * 3
    )  # checkpoints on val and the chosen on test, two IoU, two classes + all
    chosen = [row for row in rows if row["split"] == "test" and row["iou_threshold"] == "0.5"]
    assert [(row["class"], row["ap"], row["truths"]) for row in chosen] == [
        ("mask", "1.000000", "3"),
        ("no_mask", "1.000000", "1"),
        ("(all)", "1.000000", "4"),
    ]


def test_evaluation_file_says_which_split_each_number_is_of(run: RunFolder) -> None:
    evaluate_run(run)
    content = json.loads(EvaluationFolder.of(run).json.read_text())
    assert content["validation"]["split"] == content["validation"]["chosen"]["split"] == "val"
    assert content["test"]["split"] == "test"
    assert content["chosen"]["weights"] == "net_200.weights"
    assert content["test"]["iou_50"]["mean_ap"] == 1
    assert render_page(run, evaluate_run(run), {}, {}).startswith("<!doctype html>")


def test_the_page_has_curves_and_coco_numbers_under_their_own_name(run: RunFolder) -> None:
    evaluation = evaluate_run(run)
    assert evaluation.test is not None and evaluation.test.coco is not None
    assert evaluation.test.coco.ap50 == 1
    page = write_report(run, evaluation).read_text()
    assert page.count("<svg") == 8  # four of test, four of validation
    assert "COCO AP50" in page and "mAP@0.50 on test" in page
    assert "Precision and recall at IoU 0.75, val" in page
    assert "<u>100.00</u>" in page


def test_what_darknet_printed_stands_beside_ours(run: RunFolder) -> None:
    run.log.write_text(
        " 200: 1.0, 1.0 avg loss, 0.001 rate, 1.0 seconds, 12800 images, 0.1 hours left\n"
        " calculation mAP (mean average precision)...\n"
        "class_id = 0, name = mask, ap = 61.50%   \t (TP = 1, FP = 0) \n"
        "class_id = 1, name = no_mask, ap = 50.00%   \t (TP = 1, FP = 0) \n"
        " mean average precision (mAP@0.50) = 0.557500, or 55.75 % \n"
    )
    assert {at: round(block.mean_ap, 4) for at, block in printed_maps(run).items()} == {200: 0.5575}
    page = write_report(run, evaluate_run(run)).read_text()
    assert "Darknet printed" in page and "<td>55.75</td>" in page


def test_an_evaluation_is_read_back_as_it_was(run: RunFolder) -> None:
    assert stored_evaluation(run) is None
    first = evaluate_run(run)
    again = stored_evaluation(run)
    assert again is not None
    assert again.images == first.images
    assert again.validation_images == first.validation_images != ()
    assert (again.test, again.validation, again.chosen) == (first.test, first.validation, first.chosen)
    (run.work / "obj/test1.txt").write_text(samples.label_text("....g..........."))
    changed = stored_evaluation(run)
    assert changed is not None and changed.test == first.test
    assert changed.outdated == {Split.TEST}
    assert changed.images == first.images  # with the labels of then
    assert changed.validation_images == first.validation_images


def test_validation_predictions_are_found_again_where_they_were_not_kept(run: RunFolder) -> None:
    first = evaluate_run(run)
    assert first.validation is not None
    EvaluationFolder.of(run).predictions(first.validation.sha256, Split.VAL).unlink()
    assert evaluate_run(run).validation_images == first.validation_images
