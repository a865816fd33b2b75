"""The parts of the training page, each with the real thing behind it."""

from __future__ import annotations

import functools
import http.server
import json
import math
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from darknet_support import make_work, write_program, write_weights
from PyQt5.QtCore import Qt
from PyQt5.QtGui import QImage
from PyQt5.QtTest import QTest

from annotator.core.training import State, TrainingModel, boxes_of, interval, model_of
from annotator.darknet.network.blocks import parameter_count
from annotator.darknet.network.presets import build
from annotator.darknet.program.dialect import Darknet
from annotator.darknet.program.events import CheckpointMeasured, ClassMeasured
from annotator.darknet.program.gpu import read_gpus_of
from annotator.darknet.run.folder import RunFolder
from annotator.qt.pages.train.chart import accuracy_text
from annotator.qt.pages.train.gpu_watch import GpuWatch
from annotator.qt.pages.train.live import Live
from annotator.qt.pages.train.setup import Setup
from annotator.qt.pages.train.weights_panel import WeightsPanel

ALEXEY = Darknet(Path("/x/darknet"), "alexeyab", gpu=False, opencv=True)
DEBIAN = Darknet(Path("/x/darknet"), "pjreddie", gpu=False)


@pytest.fixture
def setup(qtbot, tmp_path: Path):
    widget = Setup()
    qtbot.addWidget(widget)
    widget.check.check = lambda arguments: None  # it has its own tests
    widget.set_work(make_work(tmp_path / "work", pictures=20), ("mask", "no_mask"))
    widget.set_darknet(ALEXEY)
    widget.show()
    yield widget
    widget.stop()


def iteration(number: int, loss: object = 1.0, **rest):
    numbers = {"avg_loss": loss, "rate": 0.001, "seconds": 0.5, "images": 4 * number}
    return {"event": "iteration", "iteration": number, "loss": loss, **numbers, **rest}


def test_all_parts_are_closed_at_first_and_one_is_open_at_most(setup: Setup):
    assert setup.drawers.open_part is None and not setup.network_panel.isVisible()
    setup.drawers.open(setup.network_panel)
    setup.drawers.open(setup.weights)
    assert setup.drawers.open_part is setup.weights and not setup.network_panel.isVisible()


def test_layers_memory_and_speed_of_the_chosen_network(setup: Setup):
    setup.basic.take("yolov4")
    setup.drawers.open(setup.network_panel)
    panel = setup.network_panel
    assert panel.model.rowCount() == 162 and "59.5" in panel.totals.text()
    assert "4 pictures at once" in panel.memory.text()
    texts = [panel.devices.item(row, 0).text() for row in range(panel.devices.rowCount())]
    nano = texts.index("Jetson Nano, by peak figures")
    assert panel.devices.item(nano, 1).text() == "5.2"


def test_height_follows_width_until_it_is_changed(setup: Setup, qtbot):
    basic = setup.basic
    basic.size.setValue(320)
    assert basic.height_box.value() == 320
    basic.height_box.setValue(256)
    with qtbot.waitSignal(basic.size_changed) as told:
        basic.size.setValue(352)
    assert told.args == [352, 256]


def test_an_impossible_number_is_said_at_once_and_forbids_to_start(setup: Setup):
    setup.basic.size.setValue(100)
    setup.show_plan()
    assert not setup.is_possible and "multiple of 32" in setup.note.text()
    setup.basic.size.setValue(96)
    setup.show_plan()
    assert setup.is_possible


def test_an_odd_value_has_its_hint_beside_it_and_a_wrong_one_is_refused(setup: Setup, qtbot):
    setup.drawers.open(setup.options)
    field = setup.options.fields["saturation"].widget
    field.selectAll()
    QTest.keyClicks(field, "7")
    qtbot.waitUntil(lambda: "unusual" in setup.options.notes["saturation"].text())
    assert setup.is_possible and setup.plan().options == {"saturation": "7"}
    QTest.keyClicks(field, "x")
    qtbot.waitUntil(lambda: not setup.is_possible)
    assert "is a number" in setup.options.notes["saturation"].text()
    setup.options.reset.click()
    setup.show_plan()
    assert setup.is_possible and setup.plan().options == {}


def test_what_the_darknet_does_not_know_is_disabled_with_the_reason(setup: Setup):
    setup.set_darknet(DEBIAN)
    setup.basic.take("yolov3-tiny")
    setup.show_plan()
    options = setup.options
    assert not options.fields["mosaic"].widget.isEnabled()
    assert "does not know" in options.notes["mosaic"].text()
    assert options.fields["jitter"].widget.isEnabled()


def test_a_persons_own_cfg_is_taken(setup: Setup, tmp_path: Path):
    numbers = {"width": 160, "height": 96, "batch": 8, "subdivisions": 2, "max_batches": 500}
    path = tmp_path / "mine.cfg"
    path.write_text(build("yolov3-tiny", classes=80, dialect="pjreddie", **numbers).render())
    assert setup.basic.use_own(path)
    plan = setup.plan()
    assert plan.own_cfg == path and (plan.width, plan.height, plan.batch) == (160, 96, 8)
    (tmp_path / "no.cfg").write_text("hello\n")
    assert not setup.basic.use_own(tmp_path / "no.cfg") and setup.plan().own_cfg == path


def test_anchors_are_worked_out_drawn_and_used(setup: Setup, qtbot):
    work = setup.work
    assert work is not None
    for number, label in enumerate(sorted(work.obj.glob("*.txt"))):
        side = 0.1 + number * 0.02
        label.write_text(f"0 0.5 0.5 {side:.3f} {side / 2:.3f}\n")
    panel = setup.anchors
    with qtbot.waitSignal(panel.row.ended):
        panel.use.setChecked(True)
    qtbot.waitUntil(lambda: bool(panel.pairs))
    setup.show_plan()
    assert "18 boxes" in panel.text.text() and "--anchors" in setup.plan().arguments(work.root)
    assert len(panel.chart._boxes) == 2 * len(panel.pairs)
    before = panel.pairs
    with qtbot.waitSignal(panel.row.ended):
        setup.basic.size.setValue(256)
        setup.show_plan()
    qtbot.waitUntil(lambda: bool(panel.pairs) and panel.pairs != before)


class _Server(http.server.BaseHTTPRequestHandler):
    body = b"\0\0\0\0\2\0\0\0\5\0\0\0" + bytes(8) + b"x" * 2980  # a header, then weights
    asked: list[str]

    def do_GET(self):
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        self.asked.append(self.headers.get("Range") or "")
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(self.body) - start))
        self.end_headers()
        self.wfile.write(self.body[start:])

    def log_message(self, *_):
        pass


def test_known_weights_are_fetched_and_go_on_where_they_stopped(qtbot, tmp_path: Path, monkeypatch):
    asked: list[str] = []
    handler = type("Handler", (_Server,), {"asked": asked})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=functools.partial(server.serve_forever, 0.01), daemon=True).start()
    table = tmp_path / "own.json"
    url = f"http://127.0.0.1:{server.server_port}/tiny.conv.9"
    table.write_text(
        json.dumps([{"name": "tiny.conv.9", "url": url, "networks": ["yolov3-tiny"], "bytes": 3000}])
    )
    module = "annotator.qt.pages.train.weights_panel"
    monkeypatch.setattr(f"{module}.own_table", lambda: table)
    monkeypatch.setattr(f"{module}.weights_folder", lambda: tmp_path / "weights")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "tiny.conv.9.part").write_bytes(_Server.body[:1000])
    panel = WeightsPanel()
    qtbot.addWidget(panel)
    panel.show_plan("yolov3-tiny", None, ())
    names = [entry.name for entry in panel.model.rows]
    panel.table.selectRow(names.index("tiny.conv.9"))
    assert panel.known.isChecked() and "fetch it first" in panel.problem()
    with qtbot.waitSignal(panel.work.ended):
        qtbot.mouseClick(panel.fetch, Qt.LeftButton)
    server.shutdown()
    server.server_close()
    assert asked == ["bytes=1000-"] and panel.problem() == ""
    assert panel.weights == str(tmp_path / "weights" / "tiny.conv.9")
    assert not panel.fetch.isEnabled()


def test_a_file_of_weights(qtbot, tmp_path: Path):
    panel = WeightsPanel()
    qtbot.addWidget(panel)
    assert panel.weights == "" and panel.problem() == ""
    panel.use_file(tmp_path / "a.weights")
    assert panel.weights == str(tmp_path / "a.weights")
    panel.use_none()
    assert panel.weights == ""


def fed_live(qtbot, *events) -> Live:
    live = Live()
    # Held until it is closed: collected earlier, its charts would fall apart in any order.
    qtbot.addWidget(live, before_close_func=lambda widget, live=live: live.leave())
    live.model.begin()
    live._take(events)
    live.show_model()
    return live


def test_nan_is_shown_as_what_it_is(qtbot):
    live = fed_live(qtbot, iteration(1), iteration(2, "nan"), iteration(3, "-nan"))
    assert "diverged" in live.facts.text() and live.chart._diverged.isVisible()
    assert live.chart._diverged.value() == 2
    live.model.ended_without_word("over")
    live.show_model()
    assert live.headline.text() == "Over"


def test_accuracy_says_on_how_many_boxes_it_rests(qtbot):
    classes = [
        {"class_id": 0, "name": "mask", "ap": 0.9},
        {"class_id": 1, "name": "chin", "ap": 0.75},
    ]
    measured = {"event": "map", "mean_ap": 0.825, "iou": 0.5, "iteration": 2, "classes": classes}
    live = fed_live(qtbot, iteration(1), iteration(2), measured)
    live.boxes = {"mask": 500, "chin": 18}
    live.show_model()
    assert "mAP@0.50 on val 82.5 %" in live.facts.text()
    assert "chin 75 % (52 to 89: 18 boxes)" in accuracy_text(live.model, live.boxes)
    live.tabs.setCurrentIndex(1)
    assert live.accuracy.isVisibleTo(live.tabs) and not live.no_accuracy.isVisibleTo(live.tabs)
    low, high = interval(0.75, 18)
    assert high - low == pytest.approx(0.4, abs=0.03) and interval(0.5, 0) == (0, 1)


def test_the_chart_and_the_numbers_are_exported(qtbot, tmp_path: Path):
    live = fed_live(qtbot, iteration(1, 5.0), iteration(2, "nan"))
    live.log_axis.setChecked(True)
    live.export_to(tmp_path / "chart.png")
    assert QImage(str(tmp_path / "chart.png")).width() > 100
    live.export_to(tmp_path / "numbers.csv")
    lines = (tmp_path / "numbers.csv").read_text().splitlines()
    assert lines[0] == "iteration,loss,avg_loss,rate,images,seconds,map"
    assert lines[1] == "1,5,5,0.001,4,0.5," and lines[2].startswith("2,nan,nan")


def test_a_resumed_training_does_its_last_iterations_again():
    model = TrainingModel()
    for event in ({"event": "run", "path": "/x", "max_batches": 9}, *map(iteration, range(1, 8))):
        model.take(event)
    model.take({"event": "finished", "status": "stopped", "message": "stopped"})
    model.take({"event": "run", "path": "/x", "max_batches": 9, "resumed_from": 5})
    assert model.state is State.STARTING and model.iterations == [1, 2, 3, 4, 5] and model.saved == 5
    model.take(iteration(6, "nan"))
    assert model.is_busy and math.isnan(model.losses[-1])
    assert model.seconds_left() is None, "the first of a process is slow, and alone"
    model.take(iteration(7))
    assert model.images_per_second() is not None and model.seconds_left() is not None
    model.take({"event": "paused", "iteration": 7})
    assert model.state is State.PAUSED and model.is_busy
    model.take({"event": "continued", "iteration": 7})
    assert model.state is State.RUNNING


def test_an_earlier_run_is_shown_also_where_only_its_metrics_are_left(qtbot, tmp_path: Path):
    work = make_work(tmp_path / "work")
    numbers = {"width": 32, "height": 32, "batch": 4, "subdivisions": 1, "max_batches": 10}
    cfg = build("yolov3-tiny", classes=2, dialect="pjreddie", **numbers)
    run = RunFolder.create(work, network="yolov3-tiny", cfg=cfg, darknet=DEBIAN)
    with run.metrics.open("a") as file:
        file.write("1,3.5,3.5,0.001,0.1,4\n2,3.1,3.4,0.001,0.1,8\n")
    write_weights(run.backup / "net_final.weights", 8, parameter_count(cfg))
    run.update(status="stopped", message="stopped at iteration 2")
    assert model_of(run).losses == [3.5, 3.1] and model_of(run).saved == 2
    assert boxes_of(run) == {"mask": 1, "no_mask": 0}
    live = Live()
    # Held until it is closed: collected earlier, its charts would fall apart in any order.
    qtbot.addWidget(live, before_close_func=lambda widget, live=live: live.leave())
    with qtbot.waitSignal(live.changed):
        live.look_at(run)
    assert live.headline.text() == "Stopped at iteration 2" and not live.is_busy
    assert "Nothing was measured" in live.no_accuracy.text()
    live.leave()


def test_the_gpus_use_is_asked_of_nvidia_smi(qtbot, tmp_path: Path, monkeypatch):
    write_program(tmp_path / "nvidia-smi", "print('0, GPU-1, GeForce X, 8192, 4096, 87, 535.1, [N/A]')\n")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    watch = GpuWatch()
    watch.set_on(True)
    qtbot.waitUntil(lambda: watch.text() != "")
    assert watch.text() == "GeForce X: 87 % busy, 4.3 of 8.6 GB"
    watch.set_on(False)
    assert watch.text() == ""
    watch.stop()


def test_only_the_gpus_that_darknet_may_use_are_shown(tmp_path: Path, monkeypatch):
    lines = [f"{n}, GPU-{n}, Card, {memory}, {100 * n}, [N/A], 535.1, [N/A]" for n, memory in
             enumerate((8192, "[N/A]", 8192, 8192))]  # fmt: skip
    write_program(tmp_path / "nvidia-smi", f"print(*{lines!r}, sep=chr(10))\n")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    told = os.environ | {"CUDA_VISIBLE_DEVICES": "GPU-1"}
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env=told) as darknet:
        qt = GpuWatch()
        qt.state = read_gpus_of(darknet.pid)
        darknet.communicate(b"\n")
    assert [gpu.index for gpu in qt.state.gpus] == [1]
    assert qt.text() == "Card", "it says neither its memory nor how busy it is"
    qt.state = read_gpus_of(darknet.pid)  # it has ended
    assert qt.text() == "GPU 2 Card: 0.2 of 8.6 GB · GPU 3 Card: 0.3 of 8.6 GB"


def measured(number, mean, low=0.6, high=0.9):
    classes = (
        ClassMeasured("mask", mean, mean / 2, 67, low, high),
        ClassMeasured("chin", mean / 3, 0.0, 18, 0.1, 0.5),
        ClassMeasured("gone", 0.0, 0.0, 0),
    )
    return CheckpointMeasured(number, f"net_{number}.weights", mean, mean / 2, classes, 128, 7.0).as_dict()


def test_saved_weights_are_a_row_of_the_table_each(qtbot, tmp_path: Path):
    live = fed_live(
        qtbot,
        *map(iteration, range(1, 4)),
        {"event": "measuring", "iteration": 2, "weights": "net_last.weights"},
    )
    assert "iteration 2" in live.no_accuracy.text()
    live._take((measured(3, 0.5), measured(2, 0.8)))
    live.show_model()
    table = live.checkpoints
    heads = [table.horizontalHeaderItem(column).text() for column in range(table.columnCount())]
    assert heads == ["Iteration", "mAP@0.50", "mAP@0.75", "mask", "chin", "gone"]
    rows = [[table.item(row, column).text() for column in range(6)] for row in range(table.rowCount())]
    assert rows[0] == ["2", "80.0", "40.0", "80.0 (60–90) / 40.0", "26.7 (10–50) / 0.0", "–"]
    assert table.item(0, 0).font().bold() and not table.item(1, 0).font().bold()
    assert "18 boxes" in table.item(0, 4).toolTip() and "no box" in table.item(0, 5).toolTip()
    assert "best 80.0 % at 2" in live.facts.text()
    assert "mAP@0.50 80.0 %" in live.log.toPlainText()
    live.tabs.setCurrentWidget(table)
    live.export_to(tmp_path / "table.csv")
    assert (
        (tmp_path / "table.csv").read_text().splitlines()[1].startswith("2,net_2.weights,val,128,80.00,40.00")
    )
    live.tabs.setCurrentIndex(0)
    live.export_to(tmp_path / "numbers.csv")
    lines = (tmp_path / "numbers.csv").read_text().splitlines()
    assert lines[0].endswith(
        ",map,measured map@0.50,measured map@0.75,measured ap mask,measured ap chin,measured ap gone"
    )
    assert lines[2].split(",")[7:9] == ["0.8", "0.4"]
    live._take(({"event": "run", "path": "/x", "max_batches": 9, "resumed_from": 2},))
    assert [one.iteration for one in live.model.checkpoints] == [2], "3 is done again"


def test_the_time_left_is_by_the_clock_without_pauses_and_starts():
    model = TrainingModel()
    model.take({"event": "run", "path": "/x", "max_batches": 104})

    def at(number, time):
        model.take(iteration(number) | {"time": time})

    at(1, 100.0)
    at(2, 102.0)
    model.take({"event": "paused", "iteration": 2, "time": 103.0})
    model.take({"event": "continued", "iteration": 2, "time": 1003.0})
    at(3, 1004.0)
    at(4, 1006.0)
    assert model.seconds_left() == pytest.approx(200) and model.images_per_second() == pytest.approx(2)
    model.take({"event": "run", "path": "/x", "max_batches": 104, "resumed_from": 4})
    at(5, 9000.0)
    assert model.seconds_left() is None
    at(6, 9001.0)
    assert model.seconds_left() == pytest.approx(98)


def test_what_happens_beside_a_training_is_asked_for(setup: Setup):
    meanwhile = setup.meanwhile
    assert meanwhile.arguments() == [] and not meanwhile.checkpoints.isEnabled()
    meanwhile.early.setChecked(True)
    assert meanwhile.arguments() == ["--early-stop", "3"] and "early" in meanwhile.title()
    meanwhile.early.setChecked(False)
    meanwhile.measure.setChecked(False)
    assert meanwhile.arguments() == ["--no-measure"]


def test_the_study_s_training_is_one_click(setup: Setup, qtbot):
    qtbot.mouseClick(setup.basic.study, Qt.LeftButton)
    plan = setup.plan()
    assert (plan.network, plan.width, plan.height) == ("yolov4", 416, 416)
    assert (plan.batch, plan.subdivisions, plan.max_batches) == (64, 16, 6400)
    assert plan.cfg(2, ALEXEY).net.get("steps") == "4800,5400"
    assert "4800,5400" in plan.arguments(Path("work"))


def test_the_rule_s_iterations_follow_the_set_until_they_are_changed(setup: Setup):
    basic = setup.basic
    basic.propose(8000)
    assert basic.max_batches.value() == 8000
    basic.max_batches.setValue(300)
    basic.propose(9000)
    assert basic.max_batches.value() == 300
    basic.propose(9000, anew=True)
    assert basic.max_batches.value() == 9000


def test_anchors_are_seen_as_soon_as_their_part_is_opened(setup: Setup, qtbot):
    setup.drawers.open(setup.anchors)
    qtbot.waitUntil(lambda: setup.anchors.choice is not None, timeout=10_000)
    assert setup.anchors.text.text() and not setup.plan().auto_anchors


def test_this_computer_is_measured_and_stands_above_the_machines_of_others(setup: Setup, qtbot):
    panel = setup.network_panel
    setup.drawers.open(panel)
    qtbot.waitUntil(lambda: panel.here is not None, timeout=30_000)
    assert "OpenCV" in panel.devices.item(0, 0).text() and panel.devices.item(0, 2).text() == "–"
    assert float(panel.devices.item(0, 1).text()) > 0


def test_what_chosen_weights_are_and_what_becomes_of_them_is_said_at_once(
    setup: Setup, tmp_path: Path, qtbot
):
    panel = setup.weights
    numbers = {"width": 416, "height": 416, "batch": 64, "subdivisions": 16, "max_batches": 6000}
    cfg = build("yolov3-tiny", classes=2, dialect="alexeyab", **numbers)
    run = tmp_path / "run"
    (run / "backup").mkdir(parents=True)
    (run / "net.cfg").write_text(cfg.render())
    (run / "obj.names").write_text("with_mask\nno_mask\n")
    path = run / "backup/net_last.weights"
    write_weights(path, 64 * 1200, parameter_count(cfg), value=0.5)
    setup.basic.take("yolov3-tiny")
    panel.use_file(path)
    qtbot.waitUntil(lambda: "iteration 1,200" in panel.about.text())
    said = panel.about.text()
    assert "classes with_mask, no_mask" in said and "22 of 24 layers are kept" in said
    assert "goes on from what it knows: no_mask; begins at random: mask; left out: with_mask." in said
    assert "--same-classes" not in setup.plan().arguments(tmp_path)
    assert panel.same.isVisibleTo(panel)
    panel.same.click()
    assert "with_mask → mask" in panel.about.text()
    assert "--same-classes" in setup.plan().arguments(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><p>Sign in</p>" + b" " * 99, "is a web page"),
        (b"PK\x03\x04" + bytes(99), "is an archive"),
        (b"[net]\nbatch=64\nsubdivisions=16\n", "is a text"),
        (None, "is a folder"),
    ],
)
def test_what_is_no_weights_file_is_said_at_once_and_forbids_to_start(
    setup: Setup, tmp_path: Path, qtbot, content: bytes | None, said: str
):
    path = tmp_path / "some.weights"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    setup.weights.use_file(path)
    qtbot.waitUntil(lambda: said in setup.weights.about.text())
    qtbot.waitUntil(lambda: not setup.is_possible and said in setup.problem)
    setup.weights.use_none()
    qtbot.waitUntil(lambda: setup.is_possible)


def test_weights_of_another_network_say_which_and_those_that_fit_are_proposed(
    setup: Setup, tmp_path: Path, qtbot
):
    numbers = {"width": 416, "height": 416, "batch": 64, "subdivisions": 16, "max_batches": 6000}
    other = build("yolov4-tiny", classes=5, dialect="alexeyab", **numbers)
    write_weights(tmp_path / "other.weights", 0, parameter_count(other), value=0.5)
    setup.basic.take("yolov2")
    setup.show_plan()
    assert setup.weights.proposal is not None and setup.weights.proposal.name == "darknet19_448.conv.23"
    assert "darknet19_448.conv.23" in setup.weights.propose.text()
    setup.weights.use_file(tmp_path / "other.weights")
    qtbot.waitUntil(lambda: "another network (yolov4-tiny)" in setup.weights.about.text())
