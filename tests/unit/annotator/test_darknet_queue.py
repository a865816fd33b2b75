"""Several trainings one after another, with a Darknet that only pretends to train."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time

import pytest
from darknet_support import make_work, write_program, write_weights
from test_darknet_launcher import PRELUDE

from annotator.darknet.cli import main
from annotator.darknet.network.blocks import parameter_count
from annotator.darknet.run.folder import RunFolder, process_mark
from annotator.darknet.training.queue import TrainingQueue
from converters.errors import FormatError, UsageError

OPTIONS = [
    "--network",
    "yolov3-tiny",
    "--width",
    "32",
    "--height",
    "32",
    "--batch",
    "2",
    "--max-batches",
    "3",
]
# Says its version as pjreddie's; trains as the file beside the data set says.
DARKNET = """
if sys.argv[1] == "version":
    print("Not an option: version", file=sys.stderr); sys.exit()
how = open("../../how").read().split()
with open("../../order", "a") as order: order.write(os.path.basename(os.getcwd()) + "\\n")
line = lambda n: print(f"{n}: 1.5, 1.25 avg, 0.001 rate, 0.5 seconds, {2 * n} images", flush=True)
line(1)
if "wait" in how: open("../../go").read()
if "fail" in how: sys.exit(1)
import shutil; shutil.copy("../../final.weights", "backup/net_final.weights")
"""


@pytest.fixture
def work(tmp_path, monkeypatch):
    work = make_work(tmp_path / "work")
    monkeypatch.setenv("DARKNET", str(write_program(tmp_path / "darknet", PRELUDE + DARKNET)))
    (work.root / "how").write_text("well")
    return work


def add(work, capsys, *options):
    assert main(["queue", "add", str(work.root), *OPTIONS, *options]) == 0
    path = work.runs / capsys.readouterr().out.strip().rpartition("/")[2]
    write_weights(work.root / "final.weights", 6, parameter_count(RunFolder.open(path).read_cfg()))
    return path


def order(work):
    return (work.root / "order").read_text().split()


def test_runs_are_trained_in_their_order(work, capsys):
    runs = [add(work, capsys) for _ in range(3)]
    assert main(["queue", "move", str(work.root), runs[2].name, "--to", "1"]) == 0
    assert main(["queue", "remove", str(work.root), str(runs[0])]) == 0
    assert main(["queue", "list", str(work.root), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "runner": None,
        "waiting": [str(runs[2]), str(runs[1])],
    }
    assert main(["queue", "run", str(work.root)]) == 0
    assert order(work) == [runs[2].name, runs[1].name]
    assert "2 trained, 0 failed" in capsys.readouterr().err
    assert [RunFolder.open(run).info.status for run in runs] == ["stopped", "finished", "finished"]
    assert TrainingQueue(work).waiting() == []
    assert main(["queue", "list", str(work.root)]) == 0
    assert "nothing waits" in capsys.readouterr().err


def test_the_next_does_not_wait_for_the_last_weights_to_be_measured(work, capsys):
    """The first is done, and its process measures yet: the GPU is free."""
    first, second = add(work, capsys), add(work, capsys)
    measuring = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        RunFolder.open(first).update(
            status="finished", owner=measuring.pid, owner_mark=process_mark(measuring.pid), message="finished"
        )
        assert main(["queue", "run", str(work.root)]) == 0
        assert measuring.poll() is None
    finally:
        measuring.communicate(b"\n")
    assert order(work) == [second.name]
    assert "2 trained, 0 failed" in capsys.readouterr().err


def test_one_that_fails_does_not_hold_up_the_others(work, capsys):
    runs = [add(work, capsys) for _ in range(3)]
    (runs[0] / "run.json").unlink()
    (work.root / "how").write_text("fail")
    assert main(["queue", "run", str(work.root)]) == 1
    assert order(work) == [run.name for run in runs[1:]]
    said = capsys.readouterr().err
    assert "left out:" in said and "0 trained, 3 failed" in said
    assert TrainingQueue(work).waiting() == []


def test_one_that_does_not_begin_says_why(work, capsys):
    run = add(work, capsys)
    (run / "obj/p0.png").unlink()  # its own: what happens to the data set meanwhile is nothing to it
    assert main(["queue", "run", str(work.root)]) == 1
    assert f"{run.name}: did not begin: not started: 1 error" in capsys.readouterr().err


def runner_of(work):
    return subprocess.Popen([sys.executable, "-m", "annotator.darknet.cli", "queue", "run", str(work.root)])


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.02)


def begun(run):
    folder = RunFolder.open(run)
    return folder.info.status == "running" and folder.owner_pid() is not None


def test_a_killed_queue_goes_on_where_it_was(work, capsys):
    runs = [add(work, capsys), add(work, capsys)]
    (work.root / "how").write_text("wait")
    os.mkfifo(work.root / "go")
    with runner_of(work) as runner:
        until(lambda: begun(runs[0]))
        assert TrainingQueue(work).runner() == runner.pid
        assert main(["queue", "run", str(work.root)]) == 2
        assert "working through this queue" in capsys.readouterr().err
        assert main(["queue", "remove", str(work.root), runs[0].name]) == 2
        runner.kill()
    assert TrainingQueue(work).runner() is None
    assert begun(runs[0]), "the training itself goes on"
    with runner_of(work) as runner:
        until(lambda: TrainingQueue(work).runner() == runner.pid)
        (work.root / "go").write_text("")
        until(lambda: begun(runs[1]))
        (work.root / "go").write_text("")
    assert runner.returncode == 0
    assert order(work) == [run.name for run in runs], "none was begun twice"


def test_a_stopped_queue_keeps_the_run_it_was_at(work, capsys):
    runs = [add(work, capsys), add(work, capsys)]
    (work.root / "how").write_text("wait")
    os.mkfifo(work.root / "go")
    with runner_of(work) as runner:
        until(lambda: begun(runs[0]))
        assert main(["queue", "stop", str(work.root)]) == 0
    assert runner.returncode == 130
    assert RunFolder.open(runs[0]).info.status == "stopped"
    assert [entry.name for entry in TrainingQueue(work).waiting()] == [run.name for run in runs]
    assert main(["queue", "stop", str(work.root)]) == 2


def test_a_run_that_a_person_stops_makes_way_for_the_next(work, capsys):
    runs = [add(work, capsys), add(work, capsys)]
    (work.root / "how").write_text("wait")
    os.mkfifo(work.root / "go")
    with runner_of(work) as runner:
        until(lambda: begun(runs[0]))
        assert main(["stop", str(runs[0])]) == 0
        until(lambda: begun(runs[1]))
        (work.root / "go").write_text("")
    assert runner.returncode == 0
    assert RunFolder.open(runs[0]).info.status == "stopped"
    assert TrainingQueue(work).waiting() == []


def test_a_run_that_was_stopped_can_wait_again(work, capsys, tmp_path):
    run = add(work, capsys)
    assert main(["queue", "remove", str(work.root), run.name]) == 0
    assert (
        main(["queue", "add", str(work.root), "--run", str(run), "--early-stop", "2", "--threads", "1"]) == 0
    )
    (entry,) = TrainingQueue(work).waiting()
    assert entry.options[-4:] == ("--early-stop", "2", "--threads", "1")
    other = make_work(tmp_path / "other")
    assert main(["queue", "add", str(other.root), "--run", str(run)]) == 2


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1}', '{"version": 1, "waiting": [3]}', "\0"])
def test_a_broken_file(work, text):
    work.runs.mkdir()
    (work.runs / "queue.json").write_text(text)
    with pytest.raises(FormatError, match="broken"):
        TrainingQueue(work).waiting()


def test_what_does_not_wait_cannot_be_moved(work):
    with pytest.raises(UsageError, match="does not wait"):
        TrainingQueue(work).move("x", 1)


def test_the_background(work, capsys):
    run = add(work, capsys)
    assert main(["queue", "run", str(work.root), "--detach"]) == 0
    pid = int(capsys.readouterr().out)
    until(lambda: RunFolder.open(run).info.status == "finished" and TrainingQueue(work).runner() is None)
    until(lambda: "1 trained" in (work.runs / "queue.log").read_text())
    os.waitpid(pid, 0)
