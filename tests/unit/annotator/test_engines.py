"""Who looks at pictures: OpenCV, and real Darknets where there are some."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import evaluation_samples as samples
import numpy as np
import pytest

from annotator.darknet.prediction.engines import DarknetEngine, NetworkFiles, open_engine
from annotator.darknet.prediction.looking import collect, look_at
from annotator.darknet.program.asking import ask
from annotator.darknet.program.dialect import Darknet, require_darknet
from converters.errors import DataError, FormatError, UsageError
from converters.images import encode_png
from converters.report import Report

PICTURES = ["r....g..........", "................", "......d........r"]
PROGRAMS = {os.environ.get("DARKNET", ""), shutil.which("darknet") or ""} - {""}


@pytest.fixture
def network(tmp_path: Path) -> NetworkFiles:
    run = samples.make_run(tmp_path / "work")
    samples.add_weights(run, "net_200.weights", 200)
    return NetworkFiles.of_run(run)


@pytest.mark.skipif(not PROGRAMS, reason="there is no Darknet on this machine")
@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_a_darknet_looks_at_a_single_picture(network: NetworkFiles, program: str) -> None:
    engine = open_engine(network, 0.1, require_darknet(program))
    assert [len(boxes) for _, boxes in engine.look([samples.picture(PICTURES[0])])] == [2]


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


# Looks for a size in the pictures' headers: at one that is 40 wide it dies or hangs.
SPITEFUL = """
import json, os, struct, sys, time
found = []
for name in sys.stdin.read().split():
    print("Enter Image Path: ", end="", flush=True)
    width = struct.unpack(">I", open(name, "rb").read(20)[16:])[0]
    if width == 40:
        {spite}
    found.append({{"objects": []}})
json.dump(found, open("seen.json", "w"))
"""


@pytest.mark.parametrize(
    ("spite", "said"), [("os.abort()", "exit code -6"), ("time.sleep(600)", "said nothing for 1 seconds")]
)
def test_one_that_stops_at_a_picture_goes_on_with_the_next(
    network: NetworkFiles, tmp_path: Path, monkeypatch, spite: str, said: str
) -> None:
    monkeypatch.setattr("annotator.darknet.prediction.engines._SHORTEST_PATIENCE", 1.0)
    monkeypatch.setattr("annotator.darknet.prediction.engines._PATIENCE", 1.0)
    engine = DarknetEngine(fake(tmp_path, SPITEFUL.format(spite=spite)), network, 0.1)
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(12):
        width = 40 if number in (4, 9) else 32
        (folder / f"{number:02d}.png").write_bytes(encode_png(np.zeros((32, width, 3), np.uint8)))
    problems: list[tuple[str, str]] = []
    looked = look_at(
        engine,
        collect([folder], Report()),
        on_problem=lambda picture, error: problems.append((picture.name, str(error))),
    )
    names = [seen.picture.name for seen, _ in looked]
    assert names == [f"{number:02d}.png" for number in range(12) if number not in (4, 9)]
    assert [name for name, _ in problems] == ["04.png", "09.png"]
    assert all(said in text and name in text for name, text in problems)


def test_one_that_stops_at_everything_is_given_up(network: NetworkFiles, tmp_path: Path) -> None:
    engine = DarknetEngine(fake(tmp_path, "raise SystemExit(9)"), network, 0.1)
    lost: list[DataError] = []
    with pytest.raises(UsageError, match="exit code 9"):
        list(engine.look([samples.picture(PICTURES[0])] * 9, on_lost=lost.append))
    assert len(lost) == 2


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
