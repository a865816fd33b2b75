"""Our mAP beside AlexeyAB's ``detector map`` on the same weights and pictures, to the last printed digit."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import evaluation_samples as samples
import numpy as np
import pytest

from annotator.darknet.metrics import evaluate_detections
from annotator.darknet.prediction.predictor import Predictor
from annotator.darknet.program.dialect import recognise
from annotator.darknet.program.events import MapBlock
from annotator.darknet.program.parser import OutputParser
from converters.images import encode_png
from converters.model import Box


def alexeyab() -> Path:
    path = Path(os.environ.get("DARKNET", "/usr/local/bin/darknet"))
    path = path / "darknet" if path.is_dir() else path
    found = recognise(path) if path.is_file() else None
    if found is None or found.dialect != "alexeyab":
        pytest.skip("$DARKNET is no Darknet of AlexeyAB's")
    return path.absolute()


@pytest.fixture
def noisy(tmp_path: Path) -> tuple[Path, list[tuple[Box, ...]], list[tuple[Box, ...]]]:
    """Pictures of the cell network with noise and labels that fit only partly; truths and predictions."""
    rng = np.random.default_rng(7)
    (tmp_path / "net.cfg").write_text(samples.cell_cfg().render())
    (tmp_path / "net.weights").write_bytes(samples.cell_weights(gain=6.0))
    (tmp_path / "obj.names").write_text("mask\nno_mask\n")
    (tmp_path / "backup").mkdir()
    predictor = Predictor(tmp_path / "net.cfg", tmp_path / "net.weights", samples.CLASSES, letterbox=False)
    truths, found, names = [], [], []
    for index in range(40):
        cells = "".join(rng.choice(list("....rgd"), 16))
        rgb = np.clip(samples.picture(cells) * rng.uniform(0.4, 1) + rng.integers(0, 60, (32, 32, 3)), 0, 255)
        rgb = rgb.astype(np.uint8)
        name = f"p{index}"
        (tmp_path / f"{name}.png").write_bytes(encode_png(rgb))
        lines, boxes = [], []
        for line in samples.label_text(cells).splitlines():
            class_id, x, y, w, h = (float(value) for value in line.split())
            if rng.random() < 0.15:
                class_id = 1 - class_id
            x, y = x + rng.normal(0, 0.012), y + rng.normal(0, 0.012)
            w, h = w * rng.uniform(0.8, 1.15), h * rng.uniform(0.8, 1.15)
            x, y, w, h = (round(float(value), 6) for value in (x, y, w, h))
            lines.append(f"{int(class_id)} {x} {y} {w} {h}\n")
            edges = tuple(32 * value for value in (x - w / 2, y - h / 2, x + w / 2, y + h / 2))
            boxes.append(Box(edges, samples.CLASSES[int(class_id)]))
        (tmp_path / f"{name}.txt").write_text("".join(lines))
        names.append(f"{name}.png\n")
        truths.append(tuple(boxes))
        found.append(predictor.predict(rgb, clipped=False))
    (tmp_path / "val.txt").write_text("".join(names))
    (tmp_path / "obj.data").write_text(
        "classes=2\ntrain=val.txt\nvalid=val.txt\nnames=obj.names\nbackup=backup\n"
    )
    return tmp_path, truths, found


@pytest.mark.darknet
@pytest.mark.parametrize("iou", [0.5, 0.75])
@pytest.mark.parametrize("points", [0, 11, 101])
def test_equal_to_the_last_printed_digit(noisy, iou: float, points: int) -> None:
    folder, truths, found = noisy
    command = [str(alexeyab()), "detector", "map", "obj.data", "net.cfg", "net.weights", "-dont_show"]
    done = subprocess.run(
        [*command, "-iou_thresh", str(iou), "-points", str(points)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen", "OMP_NUM_THREADS": "1"},
        timeout=120,
        check=False,
    )
    events: list[object] = []
    parser = OutputParser(events.append)
    parser.feed(done.stdout)
    parser.close()
    block = next((event for event in events if isinstance(event, MapBlock)), None)
    assert block is not None, done.stdout[-800:] + done.stderr[-800:]
    ours = evaluate_detections(truths, found, samples.CLASSES, iou_threshold=iou, points=points, resamples=0)
    assert 0.05 < ours.mean_ap < 0.98
    assert f"{100 * ours.mean_ap:.4f}" == f"{100 * block.mean_ap:.4f}"
    assert (ours.tp, ours.fp, ours.fn) == (block.tp, block.fp, block.fn)
    for one, printed in zip(ours.classes, block.classes, strict=True):
        assert f"{100 * one.ap:.2f}" == f"{100 * printed.ap:.2f}"
        assert (one.name, one.tp, one.fp) == (printed.name, printed.tp, printed.fp)
    assert f"{100 * ours.average_iou:.2f}" == f"{100 * (block.average_iou or 0):.2f}"
