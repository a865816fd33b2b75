"""The end of a training that no window looks at is told by the desktop."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from darknet_support import make_work, needs_darknet, write_program

from annotator.darknet.cli import main
from annotator.darknet.run.event_log import follow
from annotator.darknet.training.desktop import is_looked_at, looking_at, notify


@pytest.fixture
def told(tmp_path, monkeypatch):
    """A desktop; returns the file that what it was told goes to."""
    path = tmp_path / "told"
    programs = tmp_path / "programs"
    programs.mkdir()
    write_program(
        programs / "notify-send",
        f"import json, sys\nopen({str(path)!r}, 'a').write(json.dumps(sys.argv[1:]) + chr(10))\n",
    )
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    return path


def test_notify(told, monkeypatch):
    assert notify("Training", "-done")
    assert json.loads(told.read_text())[-2:] == ["Training", "-done"]
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    assert not notify("Training", "done")


def test_one_that_is_killed_looks_no_longer(tmp_path):
    assert not is_looked_at(tmp_path)
    with looking_at(tmp_path), looking_at(tmp_path):
        assert is_looked_at(tmp_path)
    assert not is_looked_at(tmp_path)
    code = (
        "import sys; from pathlib import Path; from annotator.darknet.training.desktop import looking_at\n"
        f"with looking_at(Path({str(tmp_path)!r})): print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None and other.stdout.readline()
        assert is_looked_at(tmp_path)
        other.kill()
    assert not is_looked_at(tmp_path)


@pytest.mark.darknet
def test_a_detached_training_tells_its_end(told, tmp_path, capsys):
    needs_darknet()
    work = make_work(tmp_path / "work")
    options = ["--network", "yolov3-tiny", "--width", "32", "--height", "32", "--batch", "4"]
    assert main(["run", str(work.root), *options, "--max-batches", "2", "--detach", "--json"]) == 0
    run = work.runs / json.loads(capsys.readouterr().out)["run"].rpartition("/")[2]
    assert follow(run, lambda event: None) == "finished"
    (words,) = [json.loads(line) for line in told.read_text().splitlines()]
    assert words[-2] == f"Training: {run.name}" and words[-1].startswith("finished: 2 iterations")
