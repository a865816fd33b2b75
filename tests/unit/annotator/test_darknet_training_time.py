"""How long a training will take: by earlier runs, the processor, the card; one that fits into a night."""

from __future__ import annotations

from pathlib import Path

import pytest
from darknet_support import make_work
from PyQt5.QtCore import Qt
from PyQt5.QtTest import QTest

from annotator.core.training_fit import STUDY as STUDYS
from annotator.core.training_fit import fitting, proposal
from annotator.core.training_plan import TrainingPlan
from annotator.darknet.network.blocks import layers
from annotator.darknet.network.costs import total_bflops
from annotator.darknet.program.dialect import Darknet
from annotator.darknet.program.gpu import Gpu, GpuState
from annotator.darknet.run.folder import RunFolder
from annotator.darknet.training.time_left import NIGHT, Pace, pace_of, training_time
from annotator.qt.pages.train.setup import Setup
from converters.errors import DataError
from converters.work import open_work

ALEXEY = Darknet(Path("/x/darknet"), "alexeyab", gpu=False, opencv=True)
ON_GPU = Darknet(Path("/x/darknet"), "alexeyab", gpu=True, opencv=True)
DEBIAN = Darknet(Path("/x/darknet"), "pjreddie", gpu=False)
STUDY = TrainingPlan("yolov4", 416, 416, 64, 16, 6000)


def no_card() -> GpuState:
    return GpuState(asked=False)


def card(name: str) -> GpuState:
    return GpuState(True, (Gpu(name, 8000, 0, 0),))


def trained(tmp_path: Path, seconds: list[float], darknet: Darknet = ALEXEY) -> RunFolder:
    """A run with an iteration for each of these durations."""
    work = make_work(tmp_path / "work", pictures=20)
    cfg = TrainingPlan("yolov4-tiny", 96, 96, 8, 2, 100).plain_cfg(2, darknet)
    run = RunFolder.create(
        work,
        network="yolov4-tiny",
        cfg=cfg,
        darknet=darknet,
    )
    rows = [f"{number},1.0,1.0,0.001,{value},8" for number, value in enumerate(seconds, 1)]
    run.metrics.write_text("\n".join(["iteration,loss,avg_loss,rate,seconds,images", *rows]) + "\n")
    return run


def test_a_processor_takes_weeks_for_the_studys_training_and_a_third_of_a_second_for_a_small_picture(
    tmp_path,
):
    pace = pace_of(ALEXEY, tmp_path, no_card)
    assert pace is not None and not pace.measured and not pace.on_gpu
    assert training_time(STUDY.plain_cfg(3, ALEXEY), pace) > 14 * 86400
    tiny = TrainingPlan("yolov4-tiny", 416, 416, 2, 1, 1).plain_cfg(3, ALEXEY)
    assert training_time(tiny, pace) / 8.4 == pytest.approx(0.32, rel=0.1)  # as measured on one core
    plain = pace_of(DEBIAN, tmp_path, no_card)
    assert plain is not None and plain.seconds_per_bflop == pytest.approx(3 * pace.seconds_per_bflop)


def test_a_run_of_the_same_darknet_tells_how_fast_it_is(tmp_path: Path):
    run = trained(tmp_path, [30.0, 0.5, 0.5, 0.5, 9.0])
    pace = pace_of(ALEXEY, tmp_path / "work", no_card)
    assert pace is not None and pace.measured == run.path.name
    assert training_time(run.read_cfg(), pace) == pytest.approx(100 * 0.5)
    other = Darknet(Path("/y/darknet"), "alexeyab", gpu=False)
    elsewhere = pace_of(other, tmp_path / "work", no_card)
    assert elsewhere is not None and not elsewhere.measured


def test_a_run_of_two_iterations_tells_nothing(tmp_path: Path):
    trained(tmp_path, [30.0, 20.0])
    pace = pace_of(ALEXEY, tmp_path / "work", no_card)
    assert pace is not None and not pace.measured


def test_a_card_is_known_by_its_name_and_of_another_nothing_is_said(tmp_path: Path):
    known = pace_of(ON_GPU, tmp_path, lambda: card("NVIDIA GeForce RTX 2070"))
    assert known is not None and known.on_gpu
    hours = training_time(STUDY.plain_cfg(3, ON_GPU), known) / 3600
    assert 2 < hours < 12
    assert pace_of(ON_GPU, tmp_path, lambda: card("Voodoo 3")) is None


def test_what_fits_into_a_night_is_as_large_as_it_can_be(tmp_path: Path):
    pace = pace_of(ALEXEY, tmp_path, no_card)
    assert pace is not None
    plan = fitting(STUDY, 3, ALEXEY, pace)
    assert (plan.network, plan.batch, plan.max_batches) == ("yolov4-tiny", 16, 2000)
    assert NIGHT / 2 < training_time(plan.plain_cfg(3, ALEXEY), pace) <= NIGHT and plan.width % 32 == 0
    assert fitting(STUDY, 3, DEBIAN, pace).network == "yolov3-tiny"
    slow = Pace(pace.seconds_per_bflop * 40)
    assert fitting(STUDY, 3, ALEXEY, slow).width < plan.width
    with pytest.raises(DataError, match="not even the smallest"):
        fitting(STUDY, 3, ALEXEY, Pace(1e6))


def test_an_own_cfg_stays_what_it_is_and_gets_smaller(tmp_path: Path):
    path = tmp_path / "mine.cfg"
    path.write_text(STUDY.plain_cfg(80, ALEXEY).render())
    pace = pace_of(ALEXEY, tmp_path, no_card)
    assert pace is not None
    own = TrainingPlan("", 608, 608, 64, 16, 6000, own_cfg=path)
    plan = fitting(own, 3, ALEXEY, pace)
    cfg = plan.plain_cfg(3, ALEXEY)
    assert plan.own_cfg == path and len(layers(cfg)) == 162 and total_bflops(layers(cfg)) < 30
    assert training_time(cfg, pace) <= NIGHT


@pytest.fixture
def setup(qtbot, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("annotator.darknet.training.time_left.read_gpus", no_card)
    widget = Setup()
    qtbot.addWidget(widget)
    widget.check.check = lambda arguments: None
    widget.set_work(make_work(tmp_path / "work", pictures=20), ("mask", "no_mask"))
    widget.set_darknet(ALEXEY)
    widget.show()
    yield widget
    widget.stop()


def test_the_page_says_days_and_a_click_makes_a_night_of_them(setup: Setup, qtbot):
    setup.basic.take("yolov4")
    qtbot.waitUntil(lambda: "days" in setup.time.text.text())
    assert setup.time.text.text().startswith("⚠") and setup.time.fit.isVisible()
    QTest.mouseClick(setup.time.fit, Qt.LeftButton)
    qtbot.waitUntil(lambda: not setup.time.fit.isVisible())
    plan = setup.plan()
    assert (plan.network, plan.batch, plan.max_batches) == ("yolov4-tiny", 16, 2000) and setup.is_possible
    assert "h on this computer's processor" in setup.time.text.text()
    setup.basic.fill_in_trial()
    qtbot.waitUntil(lambda: " h " not in setup.time.text.text())


def test_nothing_is_said_where_nothing_can_be_trained(setup: Setup, qtbot):
    qtbot.waitUntil(setup.time.isVisible)
    setup.basic.size.setValue(100)
    qtbot.waitUntil(lambda: not setup.time.isVisible())
    setup.basic.size.setValue(416)
    qtbot.waitUntil(setup.time.isVisible)
    setup.set_darknet(None)
    assert not setup.time.isVisible()


def test_the_fastest_of_what_was_measured_counts_not_what_ran_beside_other_programs(tmp_path: Path):
    fast = trained(tmp_path, [0.5] * 200 + [4.0] * 230)
    slow = RunFolder.create(
        open_work(tmp_path / "work"), network="yolov4-tiny", cfg=fast.read_cfg(), darknet=ALEXEY
    )
    slow.metrics.write_text(fast.metrics.read_text().replace(",0.5,", ",3.0,"))
    pace = pace_of(ALEXEY, tmp_path / "work", no_card)
    assert pace is not None and pace.measured == fast.path.name
    assert training_time(fast.read_cfg(), pace) == pytest.approx(100 * 0.5)


def test_what_is_proposed_ends_overnight_on_a_processor_and_is_the_studys_on_a_card(tmp_path: Path):
    for darknet in (ALEXEY, DEBIAN):
        pace = pace_of(darknet, tmp_path, no_card)
        plan = proposal(8000, 4, darknet, pace)
        assert plan is not None and pace is not None
        assert training_time(plan.plain_cfg(4, darknet), pace) <= NIGHT
    for pace in (Pace(0.001, on_gpu=True), None):
        assert proposal(6000, 3, ON_GPU, pace) == STUDYS
    many = proposal(20_000, 10, ON_GPU, None)
    assert many is not None and (many.max_batches, many.steps) == (20_000, None)
    assert proposal(6000, 3, ALEXEY, Pace(1e6)) is None


def test_untouched_the_page_proposes_a_night_and_says_why(setup: Setup, qtbot):
    setup.propose(6000, anew=True)
    qtbot.waitUntil(lambda: setup.basic.max_batches.value() == 2000)
    plan = setup.plan()
    assert plan.network == "yolov4-tiny" and plan.batch == 16
    assert "chosen to end in a night" in setup.time.text.text() and "days" in setup.time.text.text()
    assert not setup.time.fit.isVisible()
    setup.basic.batch.setValue(8)
    qtbot.waitUntil(lambda: "chosen to end" not in setup.time.text.text())
    setup.propose(9000, anew=False)
    assert setup.basic.batch.value() == 8
    QTest.mouseClick(setup.basic.study, Qt.LeftButton)
    assert setup.plan().network == "yolov4" and setup.time.fit.isVisible()


def test_with_a_graphics_card_the_page_proposes_the_studys(setup: Setup, qtbot, monkeypatch):
    monkeypatch.setattr("annotator.qt.pages.train.time_row.pace_of", lambda *_: Pace(0.001, on_gpu=True))
    setup.propose(6000, anew=True)
    setup.set_darknet(ON_GPU)
    qtbot.waitUntil(lambda: setup.plan().network == "yolov4")
    assert setup.plan().max_batches == 6400 and setup.plan().steps == (4800, 5400)
    assert "night" not in setup.time.text.text()
