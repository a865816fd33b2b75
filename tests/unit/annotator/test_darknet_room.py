"""A disk that gets full while a training runs: it waits before its weights are lost, and goes on."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from darknet_support import make_work, write_program
from test_darknet_launcher import ALL, PRELUDE, SMALL, follow

from annotator.core.training import State, TrainingModel
from annotator.darknet.network.blocks import parameter_count
from annotator.darknet.program.dialect import Darknet
from annotator.darknet.program.events import Continued, Paused, Problem
from annotator.darknet.run import room
from annotator.darknet.run.event_log import read_events
from annotator.darknet.run.folder import RunFolder, read_metrics
from annotator.darknet.run.room import bytes_wanted, fits, free_bytes, next_save, weights_size
from annotator.darknet.training import following, launcher
from annotator.darknet.training.control import continue_run
from annotator.darknet.training.launcher import Training
from annotator.darknet.training.trainer import Start, Trainer
from converters.errors import UsageError

STEPS = "import time\nfor n in (1, 2):\n    line(n)\ntime.sleep(0.3)\nline(3)\nsave('final', 3)"
SHORT = """
def short(name):
    print(f"Saving weights to backup//net_{name}.weights", file=sys.stderr, flush=True)
    open(f"backup/net_{name}.weights", "wb").write(b"no room")
"""


@pytest.fixture
def disk(monkeypatch):
    """A disk with as much room as is set."""
    disk = SimpleNamespace(free=10**12)
    for module in (room, following):
        monkeypatch.setattr(module, "free_bytes", lambda folder: disk.free)
    for module in (room, launcher):
        monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)
    return disk


@pytest.fixture
def make(tmp_path):
    work = make_work(tmp_path / "my work")

    def make(code):
        darknet = Darknet(write_program(tmp_path / "darknet", PRELUDE + SHORT + code), "alexeyab")
        return RunFolder.create(work, network="yolov3-tiny", cfg=SMALL, darknet=darknet), darknet

    return make


def codes(events):
    return [event.code for event in events if isinstance(event, Problem)]


def test_it_waits_before_a_save_and_goes_on_by_itself(make, disk):
    run, darknet = make(STEPS)
    disk.free = 1000

    def reaction(event):
        if isinstance(event, Paused):
            assert RunFolder.open(run.path).info.lacks
            disk.free = 10**12

    outcome, events = follow(Training(run, darknet), reaction)
    assert outcome.status == "finished"
    assert codes(events)[-2:] == ["no-room", "room-again"]
    why = next(event.text for event in events if isinstance(event, Problem) and event.code == "no-room")
    assert "needs 1.0 MB, and the disk has 1.0 kB left" in why
    assert "goes on by itself" in why
    assert [type(event) for event in events if isinstance(event, Paused | Continued)] == [Paused, Continued]
    assert RunFolder.open(run.path).info.lacks == 0


def test_while_there_is_no_room_continue_says_what_to_free(make, disk):
    run, darknet = make(STEPS)
    disk.free = 400_000
    refused = []

    def reaction(event):
        if isinstance(event, Paused):
            with pytest.raises(UsageError) as error:
                continue_run(RunFolder.open(run.path))
            refused.append(error.value)
            disk.free = 10**12

    follow(Training(run, darknet), reaction)
    (error,) = refused
    assert error.code == "no-room"
    assert "Free 600 kB" in str(error)


def test_a_stop_is_heard_while_it_waits(make, disk):
    run, darknet = make(STEPS)
    disk.free = 0
    training = Training(run, darknet)
    outcome, _ = follow(training, lambda event: isinstance(event, Paused) and training.stop())
    assert outcome.status == "stopped"


def test_a_warning_long_before(make, disk, monkeypatch):
    monkeypatch.setattr(room, "next_save", lambda iteration, last: 100)
    run, darknet = make(ALL.replace("line(n)", "line(n); __import__('time').sleep(0.2)"))
    disk.free = 0
    _, events = follow(Training(run, darknet))
    assert codes(events)[0] == "little-room"
    assert codes(events).count("little-room") == 1
    assert not [event for event in events if isinstance(event, Paused)]


def test_weights_that_came_out_short_hold_it(make, disk, monkeypatch):
    monkeypatch.setattr(following, "fits", lambda folder, size: False)  # a quota: the disk itself has room
    run, darknet = make(
        "line(1)\nshort('last')\nimport time\nfor n in range(5): time.sleep(0.1); line(n + 2, 9)\n"
        "save('final', 3)"
    )
    training = Training(run, darknet)
    held = []

    def reaction(event):
        if isinstance(event, Paused):
            held.append(RunFolder.open(run.path).info.message)
            training.go_on()  # a quota is not seen: the person says when there is room

    outcome, events = follow(training, reaction)
    assert outcome.status == "finished"
    assert codes(events) == ["no-room"]
    assert "net_last.weights of iteration" in held[0]
    assert "7 bytes of" in held[0]
    assert "by itself" not in held[0]


def test_the_same_network_saved_whole_a_moment_before_is_no_loss(make):
    run, darknet = make(ALL + "save('last', 3)\nshort('final')")
    outcome, events = follow(Training(run, darknet))
    assert outcome.status == "finished"
    assert codes(events) == ["final-copied"]
    last, final = (run.backup / f"net_{name}.weights" for name in ("last", "final"))
    assert last.read_bytes() == final.read_bytes()


def test_a_lost_end_is_said(make):
    run, darknet = make(ALL + "short('final')")
    outcome, _ = follow(Training(run, darknet))
    assert outcome.status == "failed"
    assert "net_final.weights could not be saved: the disk was full." in outcome.message


def test_a_network_of_unknown_size_is_left_alone(make):
    """Whole to Darknet, and short by our count: there is room, so it is not the disk."""
    run, darknet = make("line(1)\nshort('last')\nfor n in range(6): line(n + 2, 9)\nsave('final', 3)")
    outcome, events = follow(Training(run, darknet))
    assert outcome.status == "finished"
    assert codes(events) == []


def test_after_a_full_disk_metrics_go_on_in_a_line_of_their_own(make, disk):
    run, darknet = make(STEPS)
    with run.metrics.open("a") as file:
        file.write("1,2.5,3")
    disk.free = 0
    follow(Training(run, darknet), lambda event: isinstance(event, Paused) and setattr(disk, "free", 10**12))
    assert [row["iteration"] for row in read_metrics(run.metrics)] == ["1", "2", "3"]


def test_the_window_says_why_it_waits(make, disk):
    run, darknet = make(STEPS)
    disk.free = 0
    heard = []
    Trainer(run, darknet, Start()).run(
        lambda event: heard.append(event) or (isinstance(event, Paused) and setattr(disk, "free", 10**12))
    )
    model, said = TrainingModel(), []
    for event in read_events(run):
        model.take(event)
        said.append((model.state, bool(model.waits)))
    assert (State.PAUSED, True) in said
    assert said[-1] == (State.FINISHED, False)


@pytest.mark.parametrize(
    ("iteration", "last", "at"),
    [(0, 600, 100), (99, 600, 100), (100, 600, 200), (250, 260, 260), (600, 600, 601)],
)
def test_when_it_saves_next(iteration, last, at):
    assert next_save(iteration, last) == at


def test_what_is_written_over_is_not_counted_twice(make):
    run, _ = make(ALL)
    size = weights_size(parameter_count(SMALL))
    assert bytes_wanted(run, size, 100) == 2 * size  # SMALL has three iterations: those are the final ones
    (run.backup / "net_last.weights").write_bytes(bytes(size))
    assert bytes_wanted(run, size, 100) == size
    assert bytes_wanted(run, size, 2) == 0


def test_room_is_tried(tmp_path):
    assert fits(tmp_path, 1000)
    assert not fits(tmp_path, 1 << 60)
    assert list(tmp_path.iterdir()) == []
    assert 0 <= free_bytes(tmp_path) < free_bytes(tmp_path / "gone")
