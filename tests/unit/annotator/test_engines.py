"""Who looks at pictures: OpenCV, and real Darknets where there are some."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import evaluation_samples as samples
import numpy as np
import pytest

from annotator.darknet.asking import ask
from annotator.darknet.dialect import Darknet, require_darknet
from annotator.darknet.engines import DarknetEngine, NetworkFiles, open_engine
from converters.errors import FormatError, UsageError

PICTURES = ["r....g..........", "................", "......d........r"]
PROGRAMS = {os.environ.get("DARKNET", ""), shutil.which("darknet") or ""} - {""}


@pytest.fixture
def network(tmp_path: Path) -> NetworkFiles:
    run = samples.make_run(tmp_path / "work")
    samples.add_weights(run, "net_200.weights", 200)
    return NetworkFiles.of_run(run)


@pytest.mark.skipif(not PROGRAMS, reason="there is no Darknet on this machine")
@pytest.mark.parametrize("letterbox", [True, False])
@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_a_darknet_finds_the_boxes_that_opencv_finds(
    network: NetworkFiles, program: str, letterbox: bool
) -> None:
    files = NetworkFiles(network.cfg, network.weights, network.class_names, letterbox)
    pictures = [samples.picture(cells) for cells in PICTURES]
    pictures.append(np.repeat(pictures[0], 3, axis=1))  # not of the input's proportions
    ours = list(open_engine(files, 0.1).look(pictures))
    theirs = list(open_engine(files, 0.1, require_darknet(program)).look(iter(pictures)))
    assert [len(boxes) for _, boxes in theirs] == [len(boxes) for _, boxes in ours] and len(theirs) == 4
    for (rgb, one), (same, other) in zip(ours, theirs, strict=True):
        assert rgb is same
        for a, b in zip(
            sorted(one, key=lambda box: box.xyxy), sorted(other, key=lambda box: box.xyxy), strict=True
        ):
            assert a.label == b.label
            assert a.xyxy == pytest.approx(b.xyxy, abs=0.2)
            assert a.confidence == pytest.approx(b.confidence, abs=0.005)


def fake(folder: Path, body: str) -> Darknet:
    program = folder / "darknet"
    program.write_text(f"#!{sys.executable}\n{body}")
    program.chmod(0o755)
    return Darknet(program, "alexeyab")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("print('no memory'); raise SystemExit(3)", "exit code 3.*no memory"),
        ("print('nothing done')", "wrote no results.*nothing done"),
        ("open('seen.json', 'w').write('[]')", "told of 0 pictures out of 3"),
    ],
)
def test_a_darknet_that_breaks_off_is_a_sentence(
    network: NetworkFiles, tmp_path: Path, body: str, said: str
) -> None:
    engine = DarknetEngine(fake(tmp_path, body), network, 0.1)
    with pytest.raises(UsageError, match=said):
        list(engine.look([samples.picture(cells) for cells in PICTURES]))


def test_it_ends_where_nobody_waits_any_more(network: NetworkFiles, tmp_path: Path) -> None:
    body = "import os, time\nopen(os.environ['SAID'], 'w').write(str(os.getpid()))\ntime.sleep(600)"
    said = tmp_path / "said"
    engine = DarknetEngine(fake(tmp_path, body), network, 0.1)

    class GaveUpError(Exception):
        pass

    def tick() -> None:
        if said.is_file() and said.read_text():
            raise GaveUpError

    os.environ["SAID"] = str(said)
    try:
        with pytest.raises(GaveUpError):
            list(engine.look([samples.picture(PICTURES[0])], tick=tick))
    finally:
        del os.environ["SAID"]
    with pytest.raises(ProcessLookupError):
        os.kill(int(said.read_text()), 0)


def test_one_that_hangs_is_ended(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    with pytest.raises(UsageError, match="said nothing"):
        ask(command, "", tmp_path, patience=0.3)
    with pytest.raises(UsageError, match="cannot be started"):
        ask([str(tmp_path / "missing")], "", tmp_path)


def test_files_that_do_not_belong_together_are_a_sentence(network: NetworkFiles, tmp_path: Path) -> None:
    darknet = Darknet(Path("/usr/bin/darknet"), "pjreddie")
    short = NetworkFiles(network.cfg, network.weights, ("mask",))
    with pytest.raises(FormatError, match="2 classes, but the list of class names has 1"):
        open_engine(short, 0.1, darknet)
    cut = tmp_path / "cut.weights"
    cut.write_bytes(network.weights.read_bytes()[:-400])
    with pytest.raises(FormatError, match="this network needs"):
        open_engine(NetworkFiles(network.cfg, cut, network.class_names), 0.1, darknet)
    modern = tmp_path / "modern.cfg"
    modern.write_text(network.cfg.read_text().replace("[yolo]\n", "[yolo]\niou_loss=ciou\n"))
    with pytest.raises(FormatError, match="silently wrong"):
        open_engine(NetworkFiles(modern, network.weights, network.class_names), 0.1, darknet)
