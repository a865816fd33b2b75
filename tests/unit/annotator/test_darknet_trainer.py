"""What happens around the process: events that are kept, following, pauses, GPU memory, early stops."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading

import pytest
from darknet_support import make_work, write_program
from test_darknet_launcher import ALL, PRELUDE, SMALL

from annotator.darknet.program.dialect import Darknet
from annotator.darknet.program.events import (
    ClassAp,
    Continued,
    DarknetEnded,
    Finished,
    Iteration,
    Loaded,
    MapBlock,
    Measuring,
    Paused,
    Problem,
    RunStarted,
    WeightsSaved,
    event_of,
)
from annotator.darknet.run.event_log import EventLog, EventReader, follow, read_events
from annotator.darknet.run.folder import RunFolder, process_mark, read_metrics
from annotator.darknet.training.control import continue_run, pause_run, stop_run
from annotator.darknet.training.early_stop import EarlyStop
from annotator.darknet.training.trainer import Start, Trainer, more_subdivisions
from converters.errors import UsageError, WriteError


@pytest.fixture
def make_run(tmp_path):
    """Makes a run and the program that trains it."""
    work = make_work(tmp_path / "my work")

    def make(code, dialect="alexeyab", cfg=SMALL):
        darknet = Darknet(write_program(tmp_path / "darknet", PRELUDE + code), dialect)
        return RunFolder.create(work, network="yolov3-tiny", cfg=cfg, darknet=darknet), darknet

    return make


def hear(trainer, reaction=None):
    events: list = []

    def on_event(event):
        events.append(event)
        if reaction is not None:
            reaction(event)

    return trainer.run(on_event), events


def a_block(iteration, mean_ap):
    return MapBlock(mean_ap, 0.5, (ClassAp(0, "mask", mean_ap, 1, 2),), iteration=iteration)


def iteration(number, loss):
    return Iteration(number, loss, loss, 0.001, 1.0, number)


# ---- events that are kept -----------------------------------------------------------------------------


def test_events_are_kept_and_read_again(make_run):
    run, darknet = make_run(ALL + "save('final', 3)")
    _, events = hear(Trainer(run, darknet, Start()))
    said = read_events(run)
    assert [event_of(one) for one in said] == events
    assert all(one["time"] > 1e9 for one in said)
    told: list = []
    assert follow(run.path, told.append) == "finished"
    assert told == said


@pytest.mark.parametrize(
    "event",
    [
        iteration(3, float("nan")),
        WeightsSaved("backup/a.weights", None),
        Loaded(5),
        a_block(7, 0.25),
        MapBlock(float("nan"), 0.5, (), precision=float("nan"), tp=3),
        Problem("Ü is odd.", "odd", True, "x"),
        Measuring(3, "a.weights", 1, 9),
        DarknetEnded("finished", 3),
        Paused(2),
        Continued(2),
        Finished("stopped", "said", 3, 2, "a"),
    ],
)
def test_an_event_comes_back_as_it_was(event):
    assert repr(event_of(json.loads(json.dumps(event.as_dict())))) == repr(event)


def test_unknown_events_are_nothing():
    assert event_of({"event": "of the future", "x": 1}) is None


def test_a_line_that_is_being_written_is_not_read(tmp_path):
    path = tmp_path / "events.jsonl"
    reader = EventReader(path)
    assert reader.read() == []
    whole = json.dumps(Paused(1).as_dict()) + "\n"
    for cut in range(len(whole)):
        path.write_text(whole[:cut])
        assert EventReader(path).read() == []
    path.write_text(whole + '{"event": "cut sh')
    assert len(reader.read()) == 1
    log = EventLog(path)  # the line that a killed program left is ended, and passed over
    log.write(Continued(1))
    log.close()
    assert [one["event"] for one in reader.read()] == ["continued"]


def test_a_follower_hears_what_is_said_while_it_listens(make_run):
    run, darknet = make_run("line(1)\nopen('go').read()\n" + "line(2); line(3); save('final', 3)")
    os.mkfifo(run.path / "go")
    told: list = []
    trainer = Trainer(run, darknet, Start(), owner=os.getpid())
    began = threading.Event()
    thread = threading.Thread(
        target=hear, args=(trainer, lambda event: isinstance(event, Iteration) and began.set())
    )
    thread.start()
    assert began.wait(60)

    def wait(seconds):
        if len(told) == 2 and (run.path / "go").exists():
            (run.path / "go").write_text("")
            (run.path / "go").unlink()
        threading.Event().wait(0.01)

    assert follow(run.path, told.append, wait) == "finished"
    thread.join()
    assert [one["event"] for one in told][:2] == ["run", "iteration"]
    assert told[-1]["event"] == "finished"
    assert [one["iteration"] for one in told if one["event"] == "iteration"] == [1, 2, 3]


def test_a_training_killed_with_everything_around_it_has_an_end_all_the_same(make_run):
    run, _ = make_run("")
    log = EventLog(run.events)
    log.write(RunStarted(run.path, 3))
    log.write(iteration(1, 2.0))
    log.close()
    run.update(status="running", pid=2**22 - 1, owner=os.getpid(), owner_mark="another boot 12", iteration=1)
    told: list = []
    assert follow(run.path, told.append) == "stopped"
    assert told[-1]["event"] == "finished"
    assert "ended from outside" in told[-1]["message"]
    assert RunFolder.open(run.path).status == "stopped"


def test_a_full_disk_does_not_end_the_training(make_run, monkeypatch):
    def full(self, event):
        raise WriteError("the disk is full.", code="disk-full")

    run, darknet = make_run(ALL + "save('final', 3)")
    monkeypatch.setattr(EventLog, "write", full)
    outcome, events = hear(Trainer(run, darknet, Start()))
    assert outcome.status == "finished"
    assert [event.code for event in events if isinstance(event, Problem)] == ["disk-full"]


def test_a_second_training_of_a_run_leaves_the_first_one_s_mark(make_run):
    run, darknet = make_run("line(1); signal.pause()")
    first = Trainer(run, darknet, Start(), owner=os.getpid())
    marks = []

    def reaction(event):
        if isinstance(event, Iteration):
            again = RunFolder.open(run.path)
            with pytest.raises(UsageError, match="still running"):
                Trainer(again, darknet, Start(), owner=1).run(lambda event: None)
            marks.append(RunFolder.open(run.path).owner_pid())
            first.stop()

    hear(first, reaction)
    assert marks == [os.getpid()]
    assert RunFolder.open(run.path).owner_pid() is None


# ---- pause, continue, stop ----------------------------------------------------------------------------


def test_a_pause_and_its_end(make_run):
    run, darknet = make_run("line(1)\nopen('go').read()\n" + "line(2); line(3); save('final', 3)")
    os.mkfifo(run.path / "go")
    trainer = Trainer(run, darknet, Start(), owner=os.getpid())

    def reaction(event):
        if isinstance(event, Iteration) and event.iteration == 1:
            trainer.pause()
        elif isinstance(event, Paused):
            os.waitid(os.P_PID, run.info.pid, os.WSTOPPED | os.WNOWAIT)
            assert RunFolder.open(run.path).is_paused
            trainer.go_on()
        elif isinstance(event, Continued):
            (run.path / "go").write_text("")

    outcome, events = hear(trainer, reaction)
    assert outcome.status == "finished"
    assert [event for event in events if isinstance(event, Paused | Continued)] == [Paused(1), Continued(1)]


def test_a_paused_training_can_be_stopped(make_run):
    run, darknet = make_run("line(1); signal.pause()")
    trainer = Trainer(run, darknet, Start())

    def reaction(event):
        if isinstance(event, Iteration):
            trainer.pause()
        elif isinstance(event, Paused):
            trainer.stop()

    outcome, _ = hear(trainer, reaction)
    assert (outcome.status, outcome.signal) == ("stopped", signal.SIGTERM)


def test_steering_what_does_not_run(make_run):
    run, _ = make_run("")
    for steer in (stop_run, pause_run, continue_run):
        with pytest.raises(UsageError, match="not being trained"):
            steer(run)


def test_a_darknet_whose_train_cli_is_gone_can_be_stopped(make_run):
    run, darknet = make_run("line(1); signal.pause()")
    child = subprocess.Popen(
        [str(darknet.path)], cwd=run.path, start_new_session=True, stdout=subprocess.DEVNULL
    )
    run.update(status="running", pid=child.pid, owner=child.pid, owner_mark="gone")
    reaper = threading.Thread(target=child.wait)
    reaper.start()
    pause_run(RunFolder.open(run.path))
    stopped = stop_run(RunFolder.open(run.path))
    reaper.join()
    assert child.returncode < 0
    assert (stopped.status, stopped.info.pid) == ("stopped", None)


def test_a_mark_is_of_one_process_only():
    assert process_mark(os.getpid()) == process_mark(os.getpid())
    assert process_mark(os.getpid()) != process_mark(1)
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert process_mark(child.pid) is None, "dead, and not asked how it ended"


# ---- GPU memory ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("batch", "before", "after"),
    [(64, 16, 32), (64, 32, 64), (64, 64, None), (24, 8, 24), (6, 2, 6), (2, 1, 2), (7, 1, 7), (12, 5, 12)],
)
def test_more_subdivisions(batch, before, after):
    assert more_subdivisions(batch, before) == after


FULL = """
parts = [row for row in open("net.cfg") if row.startswith("subdivisions")][0].split("=")[1].strip()
if parts == "1":
    {before}
    print("CUDA Error: out of memory", file=sys.stderr, flush=True)
    sys.exit(1)
json.dump(sys.argv[1:], open("told.json", "w"))
for n in range({first}, 4): line(n)
save('final', 3)
"""


def test_full_gpu_memory_starts_anew_in_smaller_parts(make_run):
    run, darknet = make_run(FULL.format(before="pass", first=1))
    outcome, events = hear(Trainer(run, darknet, Start()))
    assert outcome.status == "finished"
    (note,) = [event for event in events if isinstance(event, Problem) and event.code == "more-subdivisions"]
    assert "subdivisions=1: going on anew, as nothing was saved yet, with subdivisions=2" in note.text
    again = RunFolder.open(run.path)
    assert again.info.subdivisions == again.read_cfg().net.get_int("subdivisions") == 2
    assert [event.resumed_from for event in events if isinstance(event, RunStarted)] == [0, 0]
    assert [type(event) for event in events].count(Finished) == 1


def test_full_gpu_memory_goes_on_from_the_newest_weights(make_run):
    run, darknet = make_run(FULL.format(before="line(1); save('last', 1); line(2)", first=2))
    outcome, events = hear(Trainer(run, darknet, Start()))
    assert outcome.status == "finished"
    assert json.loads((run.path / "told.json").read_text())[4] == "backup/net_last.weights"
    assert [event.resumed_from for event in events if isinstance(event, RunStarted)] == [0, 1]
    assert [row["iteration"] for row in read_metrics(run.metrics)] == ["1", "2", "3"]


def test_full_gpu_memory_with_the_smallest_parts_is_an_end(make_run):
    run, darknet = make_run("print('CUDA Error: out of memory', file=sys.stderr); sys.exit(1)")
    outcome, events = hear(Trainer(run, darknet, Start()))
    assert (outcome.status, outcome.reason) == ("failed", "gpu-memory")
    assert "even with one picture at a time" in outcome.message
    assert RunFolder.open(run.path).info.subdivisions == 2
    assert isinstance(events[-1], Finished)


# ---- early stop ---------------------------------------------------------------------------------------


def ended_at(checkpoints, *points):
    """The checkpoint at which the rule ends a training of (mAP, average loss), 0: never."""
    rule = EarlyStop(checkpoints)
    for number, (mean_ap, loss) in enumerate(points, 1):
        rule.take(iteration(number * 1000, loss))
        if rule.take(a_block(number * 1000, mean_ap)):
            return number
    return 0


def test_the_rule_of_early_stops():
    assert ended_at(2, (0.5, 3), (0.6, 2), (0.58, 1.5), (0.55, 1.2), (0.5, 1)) == 4
    assert ended_at(2, (0.5, 3), (0.6, 2), (0.58, 1.5), (0.61, 1.2), (0.5, 1)) == 0
    assert ended_at(2, (0.6, 2), (0.58, 2.5), (0.55, 2.2), (0.5, 2.1)) == 0, "the loss has not fallen"
    assert ended_at(2, (0.6, 2), (0.58, 2.5), (0.55, 2.2), (0.5, 1.9)) == 4
    assert ended_at(1, (0.6, 2), (float("nan"), 1), (0.5, 1)) == 3
    assert ended_at(2, (0.6, float("nan")), (0.5, 1), (0.4, 1), (0.3, 1)) == 0


def test_the_study_would_have_been_ended_after_its_best():
    study = [0.582, 0.7027, 0.7161, 0.7351, 0.7387, 0.7343, 0.7362]
    assert ended_at(2, *((ap, 10 - number) for number, ap in enumerate(study))) == 7


def test_what_was_measured_before_a_resumption_counts():
    rule = EarlyStop(2)
    said = [event.as_dict() for event in (iteration(100, 3), a_block(100, 0.6), iteration(200, 2),
            a_block(200, 0.5), iteration(300, 1), a_block(300, 0.4))]  # fmt: skip
    rule.remember(said, 200)
    rule.take(iteration(200, 2))
    assert rule.take(a_block(200, 0.5)) is None, "the same checkpoint twice"
    rule.take(iteration(300, 1))
    assert "60.00% at iteration 100" in rule.take(a_block(300, 0.45))


def test_an_early_stop(make_run):
    code = """
def measured(ap):
    print(f" mean average precision (mAP@0.50) = {ap}, or {100 * ap} %", flush=True)
def step(n, loss, ap):
    print(f" {n}: {loss}, {loss} avg loss, 0.001 rate, 0.5 seconds, {2 * n} images", flush=True)
    measured(ap)
step(1, 3, 0.5); save("best", 1); step(2, 2, 0.4); signal.pause()
"""
    run, darknet = make_run(code)
    outcome, events = hear(Trainer(run, darknet, Start(), early_stop=1))
    assert (outcome.status, outcome.early, outcome.good) == ("stopped", True, True)
    assert outcome.message.startswith("stopped early at iteration 2: mAP on validation was 50.00%")
    assert outcome.message.endswith("net_best.weights")
    assert events[-1].message == outcome.message == RunFolder.open(run.path).info.message
