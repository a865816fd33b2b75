"""train-cli as a person calls it, with the real Darknet."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys

import pytest
from darknet_support import make_work, needs_darknet, write_program, write_weights

from annotator.darknet.cli import main
from annotator.darknet.network.blocks import parameter_count
from annotator.darknet.run.folder import RunFolder, read_metrics

SMALLEST = ["--network", "yolov3-tiny", "--width", "32", "--height", "32", "--batch", "2"]


@pytest.fixture
def work(tmp_path):
    return make_work(tmp_path / "work")


def start(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "annotator.darknet.cli", *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def wait_for(process, kind):
    """Read events until one of a kind comes."""
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == kind:
            return event
    raise AssertionError(f"no {kind} event came")


@pytest.mark.darknet
def test_run_prints_its_folder_first_and_finishes(work, capsys):
    needs_darknet()
    assert main(["run", str(work.root), *SMALLEST, "--max-batches", "3", "--seed", "5"]) == 0
    out, err = capsys.readouterr()
    (line,) = out.splitlines()
    run = RunFolder.open(work.runs / line.rpartition("/")[2])
    assert str(run.path) == line
    assert (run.info.status, run.info.subdivisions, run.info.seed) == ("finished", 1, 5)
    assert "3/3  loss" in err
    assert "finished: 3 iterations" in err
    assert main(["runs", str(work.root)]) == 0
    assert capsys.readouterr().out == f"{line}\tfinished\t3/3\n"
    # Nothing is left to do; how to go on is said, and done.
    assert main(["resume", line]) == 0
    assert "nothing to do: iteration 3 is reached" in capsys.readouterr().err
    assert main(["resume", line, "--max-batches", "5", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["status"], result["saved_iteration"]) == ("finished", 5)
    assert [row["iteration"] for row in read_metrics(run.metrics)] == ["1", "2", "3", "4", "5"]
    assert run.read_cfg().net.get("steps") == "4,4"


@pytest.mark.darknet
def test_stop_at_100_and_go_on_at_101(work, capsys):
    needs_darknet()
    with start("run", work.root, *SMALLEST, "--max-batches", "102", "--events") as process:
        run = wait_for(process, "run")["path"]
        saved = wait_for(process, "saved")
        process.send_signal(signal.SIGINT)
        finished = wait_for(process, "finished")
    assert process.returncode == 130
    assert saved["iteration"] == 100
    assert finished["status"] == "stopped"
    assert finished["saved_iteration"] == 100, finished
    assert f"iteration 100 is saved; go on with: train-cli resume {run}" in finished["message"]
    assert main(["resume", run, "--events"]) == 0
    out, err = capsys.readouterr()
    events = [json.loads(line) for line in out.splitlines()]
    assert "going on from iteration 100" in err
    assert events[0] == {"event": "run", "path": run, "max_batches": 102, "resumed_from": 100}
    assert [event["iteration"] for event in events if event["event"] == "iteration"] == [101, 102]
    assert events[-1]["status"] == "finished"
    rows = read_metrics(RunFolder.open(work.runs / run.rpartition("/")[2]).metrics)
    assert [int(row["iteration"]) for row in rows] == list(range(1, 103))


@pytest.mark.darknet
def test_a_window_that_dies_takes_its_training_with_it(work):
    needs_darknet()
    arguments = ("run", work.root, *SMALLEST, "--max-batches", "1000", "--events", "--stop-on-eof")
    with start(*arguments, stdin=subprocess.PIPE) as process:
        wait_for(process, "iteration")
        process.stdin.close()
        finished = wait_for(process, "finished")
    assert process.returncode == 130
    assert "nothing was saved yet: Darknet saves every 100 iterations" in finished["message"]


@pytest.mark.darknet
def test_a_killed_train_cli_leaves_no_darknet_and_a_run_to_go_on_with(work, capsys):
    needs_darknet()
    arguments = ("run", work.root, *SMALLEST, "--max-batches", "1000", "--events")
    with start(*arguments) as process:
        path = wait_for(process, "run")["path"]
        wait_for(process, "iteration")
        run = RunFolder.open(work.runs / path.rpartition("/")[2])
        watch = os.pidfd_open(run.info.pid)
        process.kill()
    poll = select.poll()
    poll.register(watch, select.POLLIN)
    assert poll.poll(20_000), "Darknet outlived its train-cli"
    os.close(watch)
    assert run.info.status == "running"
    assert run.status == "stopped"
    # Nothing was saved, so it starts anew in the same folder. (Two iterations of it will do.)
    assert main(["resume", path, "--max-batches", "2"]) == 0
    assert "nothing was saved yet: starting anew" in capsys.readouterr().err
    assert [row["iteration"] for row in read_metrics(run.metrics)] == ["1", "2"]


@pytest.mark.darknet
def test_a_new_run_from_weights_counts_from_one(work, capsys):
    needs_darknet()
    assert main(["run", str(work.root), *SMALLEST, "--max-batches", "2", "--json"]) == 0
    weights = json.loads(capsys.readouterr().out)["weights"]
    assert (
        main(["run", str(work.root), *SMALLEST, "--max-batches", "2", "--weights", weights, "--events"]) == 0
    )
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["iteration"] for event in events if event["event"] == "iteration"] == [1, 2]


@pytest.mark.darknet
def test_resume_puts_weights_that_are_no_numbers_aside(work, capsys):
    needs_darknet()
    assert main(["run", str(work.root), *SMALLEST, "--max-batches", "2", "--json"]) == 0
    run = RunFolder.open(work.runs / json.loads(capsys.readouterr().out)["run"].rpartition("/")[2])
    parameters = parameter_count(run.read_cfg())
    write_weights(run.backup / "net_best.weights", 8, parameters, value=float("nan"))
    assert run.newest_weights().iteration == 4
    assert main(["resume", str(run.path), "--max-batches", "3"]) == 0
    assert "net_best.weights is put aside" in capsys.readouterr().err
    assert (run.backup / "net_best.weights.diverged").is_file()
    assert [row["iteration"] for row in read_metrics(run.metrics)] == ["1", "2", "3"]


@pytest.mark.darknet
def test_a_missing_picture_stops_it_before_it_starts(work, capsys):
    needs_darknet()
    (work.obj / "p1.png").unlink()
    assert main(["run", str(work.root), *SMALLEST, "--max-batches", "3"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "p1.png: [image-missing] error: the picture is missing." in err
    assert "not started: 1 error" in err
    assert not work.runs.exists()


@pytest.mark.darknet
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--width", "70"], "multiple of 32"),
        (["--batch", "4", "--subdivisions", "3"], "must divide"),
        (["--steps", "5"], "not two rising iterations"),
        (["--max-batches", "0"], "at least 1"),
    ],
)
def test_wrong_use(work, capsys, arguments, words):
    needs_darknet()
    try:
        code = main(["run", str(work.root), *SMALLEST, *arguments])
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    assert words in capsys.readouterr().err
    assert not work.runs.exists()


def test_a_network_that_the_darknet_would_run_wrong(work, tmp_path, capsys):
    path = write_program(tmp_path / "darknet", "import sys; print('Not an option: version', file=sys.stderr)")
    assert main(["run", str(work.root), "--network", "yolov4-tiny", "--darknet", str(path)]) == 2
    assert "does not know yolov4-tiny: it would run it silently wrong" in capsys.readouterr().err


def test_another_darknet_than_the_run_s(work, tmp_path, capsys):
    hank = write_program(tmp_path / "darknet", "print('Darknet V5 \"Moonlit\" v5.1-104\\nGPU is disabled')")
    assert main(["darknet", "--darknet", str(hank), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["dialect"], found["version"], found["gpu"]) == ("hank", "5.1-104", False)
    assert {"yolov4", "yolov4-csp", "yolov3-spp"} <= set(found["networks"])
    assert not {"yolov2", "yolov2-tiny", "yolov1-tiny"} & set(found["networks"])
    debian = write_program(tmp_path / "old", "import sys; print('Not an option: version', file=sys.stderr)")
    assert main(["run", str(work.root), *SMALLEST, "--max-batches", "2", "--darknet", str(debian)]) == 1
    run = capsys.readouterr().out.strip()
    assert main(["resume", run, "--darknet", str(hank)]) == 2
    assert "trained with pjreddie's Darknet" in capsys.readouterr().err


def test_no_darknet_says_what_to_do(work, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("DARKNET", raising=False)
    assert main(["darknet"]) == 1
    assert "apt install darknet" in capsys.readouterr().err
    assert main(["run", str(work.root)]) == 2
    assert "apt install darknet" in capsys.readouterr().err


def test_folders_that_are_none(tmp_path, capsys):
    assert main(["run", str(tmp_path)]) == 1
    assert "not a Darknet data set" in capsys.readouterr().err
    assert main(["resume", str(tmp_path)]) == 1
    assert "not a training run" in capsys.readouterr().err


@pytest.mark.darknet
def test_a_training_in_the_background_is_followed_paused_and_stopped(work, capsys):
    needs_darknet()
    assert main(["run", str(work.root), *SMALLEST, "--max-batches", "1000", "--detach", "--json"]) == 0
    begun = json.loads(capsys.readouterr().out)
    path = begun["run"]
    try:
        with start("follow", path, "--events") as process:
            assert json.loads(process.stdout.readline())["event"] == "run"
            wait_for(process, "iteration")
            assert main(["pause", path]) == 0
            wait_for(process, "paused")
            assert RunFolder.open(work.runs / path.rpartition("/")[2]).is_paused
            capsys.readouterr()
            assert main(["runs", str(work.root)]) == 0
            assert "\tpaused\t" in capsys.readouterr().out
            assert main(["continue", path]) == 0
            wait_for(process, "continued")
            wait_for(process, "iteration")
            assert main(["stop", path]) == 0
            finished = wait_for(process, "finished")
        assert process.returncode == 130
        assert finished["status"] == "stopped"
        assert "stopped at iteration" in capsys.readouterr().err
        assert main(["stop", path]) == 2
        assert "is not being trained" in capsys.readouterr().err
        assert main(["follow", path]) == 130, "what was said can be read again"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(begun["pid"], signal.SIGKILL)


@pytest.mark.darknet
def test_a_background_training_that_cannot_begin_says_why(work, capsys):
    needs_darknet()
    assert main(["run", str(work.root), *SMALLEST, "--max-batches", "2"]) == 0
    path = capsys.readouterr().out.strip()
    held = RunFolder.open(work.runs / path.rpartition("/")[2]).lock()
    try:
        assert main(["resume", path, "--max-batches", "4", "--detach"]) == 2
    finally:
        os.close(held)
    assert "still running" in capsys.readouterr().err
