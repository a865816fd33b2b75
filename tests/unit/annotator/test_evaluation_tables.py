"""Tables as CSV, charts as SVG and PNG, what a mistake costs, and the report anew from what is stored."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import fromstring

import evaluation_samples as samples
import pytest
from PIL import Image

from annotator.darknet.cli import main
from annotator.darknet.evaluation.analysis import analyse, analyses_of
from annotator.darknet.evaluation.confusion import Kind
from annotator.darknet.evaluation.measure import evaluate_run
from annotator.darknet.evaluation.report import write_report
from annotator.darknet.evaluation.stored import Evaluation, EvaluationFolder, ImageResult
from annotator.darknet.evaluation.tables import tables_of
from annotator.darknet.metrics import match_image
from annotator.darknet.prediction.speed import Speed, keep_speed
from annotator.darknet.run.folder import RunFolder
from converters.model import Box, Split


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    found = samples.make_run(tmp_path / "work")
    samples.add_weights(found, "net_final.weights", 200, swapped=True)
    return found


@pytest.fixture
def evaluation(run: RunFolder) -> Evaluation:
    return evaluate_run(run)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def result(truths: list[Box], found: list[Box]) -> ImageResult:
    return ImageResult("a.png", tuple(truths), tuple(found), match_image(truths, found))


def test_every_table_is_there_with_the_split_of_each_number(evaluation: Evaluation) -> None:
    tables = tables_of(evaluation, analyses_of(evaluation), {})
    assert set(tables) == {
        *("checkpoints.csv", "coco.csv", "bootstrap.csv", "curves.csv", "confusion.csv", "sizes.csv"),
        *("confidences.csv", "mistakes.csv", "darknet.csv"),
    }
    for name, text in tables.items():
        assert text.partition(",")[0] == "split", name
        assert {row["split"] for row in rows_of(text)} <= {"val", "test"}, name
    cells = [row for row in rows_of(tables["confusion.csv"]) if row["split"] == "test"]
    assert sum(int(row["boxes"]) for row in cells if row["ground_truth"] == "mask") == 3
    assert evaluation.test is not None
    mistakes = [row for row in rows_of(tables["mistakes.csv"]) if row["split"] == "test"]
    assert len(mistakes) == 4
    assert {row["mistake"] for row in mistakes} == {"wrong class"}
    assert all(float(row["costs_mAP@0.50"]) > 0 and row["box_x1"] and row["seen_x1"] for row in mistakes)


def test_charts_are_files_of_their_own_and_are_not_drawn_anew(run: RunFolder, evaluation: Evaluation) -> None:
    write_report(run, evaluation)
    charts = EvaluationFolder.of(run).charts
    names = {"curves-50", "curves-75", "sizes", "confidences"}
    assert {one.stem for one in charts.iterdir()} == {
        f"{s}-{name}" for s in ("val", "test") for name in names
    }
    for svg in charts.glob("*.svg"):
        assert fromstring(svg.read_text()).tag.endswith("svg")
        with Image.open(svg.with_suffix(".png")) as image:
            assert image.width > 1000
            assert len(image.getcolors(1 << 20) or ()) > 3
    before = {one.name: one.stat().st_mtime_ns for one in charts.iterdir()}
    write_report(run, evaluation)
    assert {one.name: one.stat().st_mtime_ns for one in charts.iterdir()} == before


def test_a_chart_of_many_classes_with_odd_names_is_well_formed(
    run: RunFolder, evaluation: Evaluation
) -> None:
    names = tuple(f'<b>&"{"long " * 20}{number}' for number in range(20))
    images = tuple(
        result([Box((0, 0, 9, 9), name)], [Box((0, 0, 9, 9), name, 0.9 - number / 40)])
        for number, name in enumerate(names)
    )
    many = replace(evaluation, class_names=names, images=images, validation_images=(), test=None)
    write_report(run, many, {Split.TEST: analyse(Split.TEST, images, names, 0.25)})
    for svg in EvaluationFolder.of(run).charts.glob("*.svg"):
        root = fromstring(svg.read_text())
        assert not list(root.iter("{http://www.w3.org/2000/svg}b"))


def test_what_a_mistake_costs_is_about_what_ap_gains_without_it() -> None:
    truths = [Box((10.0 * at, 0, 10.0 * at + 8, 8), "a") for at in range(6)]
    far = Box((200, 200, 210, 210), "a")
    seen = [
        replace(truths[0], confidence=0.9),
        replace(far, confidence=0.8),
        replace(truths[1], confidence=0.7),
        replace(truths[2], confidence=0.6),
        replace(Box((300, 300, 320, 320), "a"), confidence=0.3),
        replace(truths[3], confidence=0.1),  # below the threshold: missed, but not from the curve
    ]
    found = analyse(Split.TEST, [result(truths, seen)], ("a",), 0.25)
    costs = {(one.kind, one.prediction, one.truth): one.cost for one in found.mistakes}
    high, low = costs[Kind.BACKGROUND, 1, None], costs[Kind.BACKGROUND, 4, None]
    weak, missed = costs[Kind.MISSED, None, 3], costs[Kind.MISSED, None, 5]
    assert high > low > 0
    assert missed > weak > 0

    def area(*hits: int) -> float:
        right = 0
        total = 0.0
        for place, hit in enumerate(hits, 1):
            right += hit
            total += hit * right / place / 6
        return total

    whole = area(1, 0, 1, 1, 0, 1)
    assert high == pytest.approx(area(1, 1, 1, 0, 1) - whole)
    assert low == pytest.approx(area(1, 0, 1, 1, 1) - whole)
    assert missed == pytest.approx(area(1, 1, 0, 1, 1, 0, 1) - whole)
    assert weak == pytest.approx(area(1, 1, 0, 1, 1, 0) - whole)


def test_the_page_says_what_it_was_trained_with_and_how_fast_it_is(
    run: RunFolder, evaluation: Evaluation
) -> None:
    run.update(seed=7, asked=("train-cli", "run", "my work"), augmentation={"copies": 3, "policy": "<i>"})
    speed = Speed("OpenCV <DNN>", "a processor", "all", 32, 32, (2.0, 4.0))
    keep_speed(run, speed)
    keep_speed(run, replace(speed, milliseconds=(3.0,)))
    text = write_report(run, evaluation).read_text()
    for part in ("train-cli run &#x27;my work&#x27;", "hash of lists", "OpenCV &lt;DNN&gt;", "3.0 ms",
                 "[convolutional]", "Darknet was not asked", "&lt;i&gt;"):  # fmt: skip
        assert part in text
    assert "2.0 ms" not in text


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "cv2", None)
    yield


def test_the_report_is_written_anew_and_copied_without_the_network(
    run: RunFolder,
    evaluation: Evaluation,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    no_network: None,
) -> None:
    assert main(["report", str(run.path), "--to", str(tmp_path / "out")]) == 0
    place = Path(capsys.readouterr().out.strip())
    assert place.parent == tmp_path / "out"
    names = sorted(one.name for one in place.iterdir())
    assert names == ["charts", "metrics.csv", "report.html", "tables"]
    assert main(["report", str(run.path), "--to", str(tmp_path / "out")]) != 0
    assert "is there already" in capsys.readouterr().err


def test_no_evaluation_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = samples.make_run(tmp_path / "work")
    assert main(["report", str(run.path)]) != 0
    assert "has no evaluation yet" in capsys.readouterr().err
