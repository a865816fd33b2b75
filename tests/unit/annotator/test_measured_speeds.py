"""Speeds that were measured with trainings, as machines for an estimate."""

from __future__ import annotations

import json
from pathlib import Path

import evaluation_samples as samples
import pytest

from annotator.darknet.network.blocks import layers
from annotator.darknet.prediction.measured_speeds import measured_here
from annotator.qt.pages.train.network_panel import NetworkPanel


def entry(engine: str, ms: float, measured: str) -> dict[str, object]:
    times = {"mean_ms": ms, "median_ms": ms, "p95_ms": ms, "fps": 1000 / ms if ms else 0}
    return {
        "engine": engine,
        "device": "a processor",
        "width": 32,
        "height": 32,
        "measured": measured,
    } | times


@pytest.fixture
def run(tmp_path: Path):
    made = samples.make_run(tmp_path / "work")
    stored = [
        entry("OpenCV DNN 4", 50, "2026-01-01"),
        entry("OpenCV DNN 4", 20, "2026-01-02"),
        entry("Darknet", 100, "2026-01-01"),
        entry("broken", 0, "2026-01-03"),
    ]
    (made.path / "speed.json").write_text(json.dumps(stored))
    return made


def test_the_newest_of_each_engine_gives_its_own_speed_back(run):
    found = measured_here(run.work)
    assert [(one.engine, one.fps, one.size) for one in found] == [
        ("OpenCV DNN 4", 50.0, (32, 32)),
        ("Darknet", 10.0, (32, 32)),
    ]
    table = layers(run.read_cfg())
    assert [1 / one.device.seconds(table) for one in found] == pytest.approx([50.0, 10.0])
    assert measured_here(run.work / "missing") == []


def test_they_stand_above_the_machines_of_others(qtbot, run):
    panel = NetworkPanel()
    qtbot.addWidget(panel)
    panel.show_cfg(run.read_cfg())
    panel.measure(run.work)
    qtbot.waitUntil(lambda: bool(panel.measured), timeout=30_000)
    rows = [[panel.devices.item(row, at).text() for at in range(3)] for row in range(3)]
    assert rows[0] == ["Measured here, OpenCV DNN 4", "50.0", "–"]
    assert rows[1][:2] == ["Measured here, Darknet", "10.0"] and rows[2][0] == "This computer, OpenCV"
    assert run.path.name in panel.devices.item(0, 0).toolTip()
    panel.stop()
