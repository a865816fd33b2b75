"""Choosing the GPU on the training page, where nvidia-smi names several."""

from __future__ import annotations

from pathlib import Path

import pytest
from darknet_support import write_program
from PyQt5.QtCore import Qt
from PyQt5.QtTest import QTest

from annotator.darknet.program import gpu
from annotator.darknet.program.dialect import Darknet
from annotator.qt.pages.train.gpu_choice import GpuChoice

FOR_GPU = Darknet(Path("/x/darknet"), "alexeyab", gpu=True)
FOR_CPU = Darknet(Path("/x/darknet"), "alexeyab", gpu=False)
ONE = "0, GPU-aaaa-1, NVIDIA GeForce RTX 3090, 24576, 20000, 97, 550.54.14, [N/A]\n"
TWO = ONE + "1, GPU-bbbb-2, NVIDIA GeForce GTX 1080, 8192, 12, 0, 550.54.14, [N/A]\n"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch):
    """Makes an nvidia-smi that names these."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(gpu, "_SMI_PLACES", ())
    return lambda said: write_program(folder / "nvidia-smi", f"print({said!r}, end='')")


@pytest.fixture
def choice(qtbot):
    widget = GpuChoice()
    qtbot.addWidget(widget)
    yield widget
    widget.stop()


def look(choice: GpuChoice, qtbot, darknet: Darknet) -> None:
    choice.look(darknet)
    qtbot.waitUntil(lambda: choice._task is None)


def test_one_of_two_is_chosen_by_key_and_told(machine, choice, qtbot):
    machine(TWO)
    look(choice, qtbot, FOR_GPU)
    assert choice.isVisible() and choice.arguments() == []
    assert "97 % busy" in choice.list.itemText(1) and "GTX 1080" in choice.list.itemText(2)
    with qtbot.waitSignals([choice.chosen, choice.changed]) as told:
        QTest.keyClick(choice.list, Qt.Key_End)
        QTest.keyClick(choice.list, Qt.Key_Up)
    assert told.all_signals_and_args[0].args[0] == ["GPU-aaaa-1", "GPU-bbbb-2"]
    assert choice.arguments() == ["--gpu", "1"]


def test_what_was_chosen_is_found_again_in_any_order_and_not_where_it_is_gone(machine, choice, qtbot):
    choice.remember(["GPU-bbbb-2"])
    machine(TWO.replace("0, GPU-a", "9, GPU-a").replace("1, GPU-b", "0, GPU-b"))
    look(choice, qtbot, FOR_GPU)
    assert choice.arguments() == ["--gpu", "0"] and "GTX 1080" in choice.list.currentText()
    machine(ONE)
    look(choice, qtbot, FOR_GPU)
    assert choice.arguments() == [] and not choice.isVisible()


def test_there_is_nothing_to_choose_for_a_processor(machine, choice, qtbot):
    machine(TWO)
    look(choice, qtbot, FOR_CPU)
    assert not choice.isVisible() and choice.arguments() == []
