"""What of a cfg decides what weights see, and what only how they are trained."""

from __future__ import annotations

from pathlib import Path

import evaluation_samples as samples
import pytest

from annotator.darknet.evaluation import measure as evaluate
from annotator.darknet.network.cfg import Cfg, parse_cfg, write_cfg
from annotator.darknet.network.mark import network_mark
from annotator.darknet.network.presets import build
from annotator.darknet.training.trainer import more_subdivisions


def tiny() -> Cfg:
    return build(
        "yolov4-tiny", classes=3, width=96, height=96, batch=8, subdivisions=2, max_batches=500,
        dialect="alexeyab",
    )  # fmt: skip


def test_how_it_is_trained_changes_nothing() -> None:
    cfg = tiny()
    other = cfg.with_net(
        batch=64, subdivisions=32, max_batches=9000, learning_rate=0.01, mosaic=1, momentum=0.8
    )
    other = other.with_detectors(ignore_thresh=0.6, iou_normalizer=0.1, jitter=0.1, random=0)
    assert network_mark(other) == network_mark(cfg)
    commented = parse_cfg(cfg.render().replace("stride=2", "stride = 2 # half"))
    assert network_mark(commented) == network_mark(cfg)


@pytest.mark.parametrize(
    ("net", "detectors"),
    [
        ({"width": 128}, {}),
        ({"channels": 1}, {}),
        ({}, {"scale_x_y": 1.2}),
        ({}, {"anchors": "1,2, 3,4"}),
        ({}, {"beta_nms": 0.5}),
    ],
)
def test_what_it_sees_with_does(net: dict[str, int], detectors: dict[str, float | str]) -> None:
    cfg = tiny()
    assert network_mark(cfg.with_net(**net).with_detectors(**detectors)) != network_mark(cfg)


def test_measures_stand_after_the_gpu_s_memory_was_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = samples.make_run(tmp_path / "work")
    samples.add_weights(run, "net_100.weights", 100)
    first = evaluate.evaluate_run(run)
    cfg = run.read_cfg()
    batch = cfg.net.get_int("batch", 1)
    subdivisions = more_subdivisions(batch, 1) or 1
    write_cfg(run.cfg, cfg.with_net(subdivisions=subdivisions, max_batches=90_000))
    monkeypatch.setattr(evaluate, "open_run_predictor", None)  # would be called to measure again
    again = evaluate.evaluate_run(run)
    assert again.chosen_weights == first.chosen_weights
    assert not again.test_measured_now
