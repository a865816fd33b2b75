"""The child process: small programs that behave as the three Darknets do, and the real one."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import threading
from pathlib import Path

import pytest
from darknet_support import make_work, needs_darknet, write_program

from annotator.darknet.network.blocks import parameter_count
from annotator.darknet.network.cfg import parse_cfg
from annotator.darknet.network.presets import build
from annotator.darknet.program.dialect import Darknet
from annotator.darknet.program.events import Finished, Iteration, Problem, RunStarted, WeightsSaved
from annotator.darknet.program.memory_kills import MemoryKills
from annotator.darknet.run.folder import RunFolder, read_metrics
from annotator.darknet.training import launcher
from annotator.darknet.training.launcher import Training, train_command
from converters.errors import UsageError
from converters.model import Split

# A network of 20 weights, for the programs that only pretend to train it.
SMALL = parse_cfg(
    "[net]\nbatch=2\nsubdivisions=1\nwidth=32\nheight=32\nmax_batches=3\nsteps=2,2\n"
    "[convolutional]\nfilters=4\nsize=1\n"
)

PRELUDE = f"""
import json, os, signal, struct, subprocess, sys
def line(n, of=3):
    print(f" {{n}}: 1.5, 1.25 avg loss, 0.001000 rate, 0.5 seconds, {{2 * n}} images", flush=True)
def save(name, n):
    print(f"Saving weights to backup//net_{{name}}.weights", file=sys.stderr, flush=True)
    with open(f"backup/net_{{name}}.weights", "wb") as file:
        file.write(struct.pack("<iiiQ", 0, 2, 5, 2 * n) + bytes(4 * {parameter_count(SMALL)}))
"""
ALL = "for n in (1, 2, 3): line(n)\n"


@pytest.fixture
def train(tmp_path):
    """Makes a training of a program; returns it and the list its events go to."""
    work = make_work(tmp_path / "my work")

    def make(code, dialect="alexeyab", **options):
        path = write_program(tmp_path / "darknet", PRELUDE + code)
        darknet = Darknet(path, dialect)
        run = RunFolder.create(work, network="yolov3-tiny", cfg=SMALL, darknet=darknet)
        return Training(run, darknet, **options)

    return make


def follow(training, reaction=None):
    events: list = []

    def on_event(event):
        events.append(event)
        if reaction is not None:
            reaction(event)

    return training.run(on_event), events


def kinds(events):
    return [event.kind for event in events]


def test_a_training_to_its_end(train):
    outcome, events = follow(train(ALL + "save('final', 3)"))
    assert (outcome.status, outcome.exit_code, outcome.iteration, outcome.saved_iteration) == (
        "finished",
        0,
        3,
        3,
    )
    assert sorted(kinds(events)[1:-1]) == ["iteration"] * 3 + ["saved"]
    assert isinstance(events[0], RunStarted)
    assert events[-1] == Finished("finished", outcome.message, 3, 3, str(outcome.weights))
    run = RunFolder.open(events[0].path)
    assert (run.info.status, run.info.iteration, run.info.pid) == ("finished", 3, None)
    assert run.info.started <= run.info.ended
    assert read_metrics(run.metrics)[2] == {
        "iteration": "3", "loss": "1.5", "avg_loss": "1.25", "rate": "0.001", "seconds": "0.5", "images": "6",
    }  # fmt: skip
    assert "3: 1.5, 1.25 avg loss" in run.log.read_text()
    assert run.log.read_text().startswith("--- 20")


TELL = """
told = dict(argv=sys.argv[1:], cwd=os.getcwd(), tty=sys.stdout.isatty(), stdin=sys.stdin.read(),
            sid=os.getsid(0),
            environ={key: os.environ.get(key) for key in ("OMP_NUM_THREADS", "QT_QPA_PLATFORM", "LC_ALL")})
json.dump(told, open("told.json", "w"))
"""


@pytest.mark.parametrize(
    ("dialect", "tty", "stdin", "flags"),
    [
        ("pjreddie", True, "", []),
        ("alexeyab", False, "", ["-dont_show", "-map"]),
        ("hank", False, "yes\n", ["-dont_show", "-nocolour", "-map"]),
    ],
)
def test_how_each_darknet_is_called(train, dialect, tty, stdin, flags):
    training = train(TELL, dialect, threads=3)
    outcome, events = follow(training)
    told = json.loads((events[0].path / "told.json").read_text())
    assert told["argv"] == ["detector", "train", "obj.data", "net.cfg", *flags]
    assert told["cwd"] == str(events[0].path)
    assert (told["tty"], told["stdin"]) == (tty, stdin)
    assert told["environ"] == {"OMP_NUM_THREADS": "3", "QT_QPA_PLATFORM": "offscreen", "LC_ALL": "C"}
    assert told["sid"] != os.getsid(0)
    assert outcome.status == "failed"


def test_command_lines(tmp_path, train):
    training = train("")
    run = training.run_folder
    start = tmp_path / "start.weights"
    alexeyab = Darknet(Path("/opt/darknet"), "alexeyab")
    debian = Darknet(Path("/usr/bin/darknet"), "pjreddie")
    head = ["detector", "train", "obj.data", "net.cfg"]
    assert train_command(run, debian, weights=start, clear=True)[1:] == [*head, str(start), "-clear"]
    assert train_command(run, alexeyab, weights=run.backup / "net_last.weights")[1:] == [
        *head, "backup/net_last.weights", "-dont_show", "-map",
    ]  # fmt: skip
    assert "-map" not in train_command(run, alexeyab, with_map=False)
    run.list_of(Split.VAL).write_text("")
    assert train_command(run, alexeyab)[1:] == [*head, "-dont_show"]


def test_lines_of_debian_s_come_while_it_runs(train):
    # Into a pipe this program would hold its lines back until it ends, and it does not end.
    code = "for n in (1, 2): print(f'{n}: 1.5, 1.2 avg, 0.001 rate, 0.5 seconds, 2 images')\nsignal.pause()"
    training = train(code, "pjreddie")
    outcome, _ = follow(
        training, lambda event: event == Iteration(2, 1.5, 1.2, 0.001, 0.5, 2) and training.stop()
    )
    assert (outcome.status, outcome.signal, outcome.iteration) == ("stopped", signal.SIGTERM, 2)
    assert outcome.message == (
        "stopped at iteration 2; nothing was saved yet: Darknet saves every 100 iterations"
    )


def test_a_stop_says_what_is_kept(train):
    training = train("line(1); save('last', 1); line(2); signal.pause()")
    outcome, events = follow(training, lambda event: getattr(event, "iteration", 0) == 2 and training.stop())
    run = events[0].path
    assert (
        outcome.message == f"stopped at iteration 2; iteration 1 is saved; go on with: train-cli resume {run}"
    )
    assert RunFolder.open(run).info.status == "stopped"


def test_a_stop_waits_for_weights_that_are_being_written(train):
    code = """
line(1); save("last", 1); line(2)
os.utime("backup/net_last.weights", (1, 1))  # these are old
save("best", 2)
with open("go") as go, open("backup/net_last.weights", "rb+") as file:
    print("Saving weights to backup//net_last.weights", file=sys.stderr, flush=True)
    file.truncate(0)
    go.read()  # until the stop was asked for
save("last", 2)
signal.pause()
"""
    training = train(code)
    go = training.run_folder.path / "go"
    os.mkfifo(go)
    writer = os.open(go, os.O_RDWR)
    saves = []

    def reaction(event):
        if isinstance(event, WeightsSaved):
            saves.append(event)
            if len(saves) == 3:
                training.stop()
                os.close(writer)

    outcome, _ = follow(training, reaction)
    assert (outcome.status, len(saves)) == ("stopped", 4)
    assert outcome.weights.name == "net_last.weights"


def test_what_darknet_says_about_our_own_signal_is_no_problem(train):
    # hank-ai's answers SIGTERM with a block for fatal errors.
    code = """
def fatal(number, frame):
    # Not with print: the signal may come in the middle of one.
    os.write(1, b"calling Darknet's fatal error handler due to signal #15\\n\\n"
        b"* Error location: src-cli/darknet_cli.cpp, darknet_signal_handler(), line #485\\n"
        b"* Error message:  signal handler invoked for signal #15 (Terminated)\\n")
    os.abort()
signal.signal(signal.SIGTERM, fatal)
line(1)
while True: signal.pause()
"""
    training = train(code, "hank")
    outcome, events = follow(training, lambda event: isinstance(event, Iteration) and training.stop())
    assert (outcome.status, outcome.signal) == ("stopped", signal.SIGABRT)
    assert [event for event in events if isinstance(event, Problem)] == []
    assert "signal #15" in training.run_folder.log.read_text()


def test_saved_weights_have_their_iteration_whichever_stream_names_them(train):
    code = """
line(1)
with open("go") as go:  # open before the line is said that closes its other end
    line(2)
    go.read()
save("last", 2)
signal.pause()
"""
    training = train(code)
    go = training.run_folder.path / "go"
    os.mkfifo(go)
    writer = os.open(go, os.O_RDWR)

    def reaction(event):
        if isinstance(event, Iteration) and event.iteration == 2:
            os.close(writer)
        elif isinstance(event, WeightsSaved):
            training.stop()

    _, events = follow(training, reaction)
    assert [event.iteration for event in events if isinstance(event, WeightsSaved)] == [2]


def test_a_stop_before_the_start(train):
    training = train("signal.pause()")
    training.stop()
    assert follow(training)[0].message.startswith("stopped before the first iteration")


def test_a_stop_from_another_thread(train):
    training = train("line(1); signal.pause()")
    outcome, _ = follow(
        training,
        lambda event: isinstance(event, Iteration) and threading.Thread(target=training.stop).start(),
    )
    assert outcome.status == "stopped"
    training.stop()  # too late, and harmless


def test_a_darknet_that_does_not_listen_is_killed(train, monkeypatch):
    monkeypatch.setattr(launcher, "STOP_SECONDS", 0.2)
    training = train("signal.signal(signal.SIGTERM, signal.SIG_IGN); line(1)\nwhile True: signal.pause()")
    outcome, _ = follow(training, lambda event: isinstance(event, Iteration) and training.stop())
    assert (outcome.status, outcome.signal) == ("stopped", signal.SIGKILL)


def test_a_closed_standard_input_stops_it(train):
    ours, theirs = os.pipe()
    training = train("line(1); signal.pause()", stop_fd=ours)

    def reaction(event):
        if isinstance(event, RunStarted):
            os.write(theirs, b"something\n")  # which is not the end
        elif isinstance(event, Iteration):
            os.close(theirs)

    assert follow(training, reaction)[0].status == "stopped"
    os.close(ours)


def test_exit_code_0_is_not_success(train):
    code = 'line(1); print("Couldn\'t open file: ../../obj/p1.txt", file=sys.stderr)'
    outcome, events = follow(train(code, "pjreddie"))
    assert (outcome.status, outcome.exit_code) == ("failed", 0)
    assert outcome.message.startswith(
        "Darknet ended with exit code 0 at iteration 1. Darknet could not open ../../obj/p1.txt. (Nothing was"
    )
    assert RunFolder.open(events[0].path).info.status == "failed"


def test_old_final_weights_are_not_success(train):
    training = train("pass")
    path = training.run_folder.backup / "net_final.weights"
    path.write_bytes(
        b"\0\0\0\0\2\0\0\0\5\0\0\0" + (6).to_bytes(8, "little") + bytes(4 * parameter_count(SMALL))
    )
    os.utime(path, (1, 1))
    assert follow(training)[0].status == "failed"


def test_weights_that_are_written_over_leave_the_older_ones(train):
    """Killed while it writes, Darknet leaves neither the newer nor the older ones in that file."""
    code = """
line(1); save("last", 1)
import time; until = time.monotonic() + 60
while not os.path.exists("backup/net_previous.weights") and time.monotonic() < until:
    line(2); time.sleep(0.01)  # the streams are heard in any order: a later line has it looked at once more
print("Saving weights to backup//net_last.weights", file=sys.stderr, flush=True)
open("backup/net_last.weights", "wb").write(b"half"); os.kill(os.getpid(), signal.SIGKILL)
"""
    training = train(code)
    outcome, _ = follow(training)
    assert (outcome.status, outcome.saved_iteration) == ("failed", 1)
    assert outcome.weights is not None and outcome.weights.name == "net_previous.weights"
    assert outcome.weights.read_bytes()[12] == 2  # pictures seen by then


def test_a_finished_training_leaves_no_second_copies(train):
    training = train(ALL + "save('last', 3); save('final', 3)")
    assert follow(training)[0].status == "finished"
    assert {path.name for path in training.run_folder.backup.iterdir()} == {
        "net_last.weights",
        "net_final.weights",
    }
    assert not (training.run_folder.path / ".reserve").exists()


def test_a_clock_that_is_set_back_changes_nothing(train):
    code = ALL + "save('final', 3); os.utime('backup/net_final.weights', (1, 1))"
    assert follow(train(code))[0].status == "finished"


def test_a_program_whose_starter_is_gone_does_not_begin(tmp_path):
    """Killed before its death was tied to ours, it would be a Darknet that nobody knows of."""
    guard = launcher._die_with_us()
    if not guard:
        pytest.skip("no setpriv on this machine")
    begun = tmp_path / "begun"
    assert subprocess.run([*guard, "touch", str(begun)], check=False).returncode == 0
    assert begun.exists()
    begun.unlink()
    assert subprocess.run([*guard[:-1], "1", "touch", str(begun)], check=False).returncode != 0
    assert not begun.exists()


def test_final_weights_cut_short_are_not_success(train):
    code = ALL + "save('final', 3); os.truncate('backup/net_final.weights', 50)"
    assert follow(train(code))[0].status == "failed"


def test_a_crash_after_the_last_weights_is_a_finished_training(train):
    code = (
        ALL
        + "save('final', 3); print('free(): invalid next size (normal)', file=sys.stderr, flush=True)\n"
        + "os.abort()"
    )
    outcome, events = follow(train(code))
    assert (outcome.status, outcome.signal, outcome.good) == ("crashed_at_exit", signal.SIGABRT, True)
    assert "they are whole" in outcome.message
    assert RunFolder.open(events[0].path).info.status == "finished"


def test_a_darknet_that_hangs_after_its_last_weights(train):
    outcome, _ = follow(train(ALL + "save('final', 3); signal.pause()", exit_seconds=0.2))
    assert (outcome.status, outcome.signal) == ("crashed_at_exit", signal.SIGTERM)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (MemoryKills(2), MemoryKills(3), "The system killed it because the machine's memory was full"),
        (MemoryKills(2), MemoryKills(2), "It was killed by hand or by another program"),
        (MemoryKills(), MemoryKills(), "It was killed: by hand, or by the system"),
    ],
)
def test_killed_by_the_system(train, monkeypatch, before, after, said):
    counts = iter((before, after))
    monkeypatch.setattr(launcher, "count_memory_kills", lambda: next(counts))
    outcome, _ = follow(train("line(1); os.kill(os.getpid(), signal.SIGKILL)"))
    assert outcome.status == "failed"
    assert f"ended by SIGKILL at iteration 1. {said}" in outcome.message


def test_children_of_darknet_end_with_it(train):
    code = "child = subprocess.Popen(['sleep', '1000']); line(child.pid)"
    outcome, events = follow(train(code))  # its pipe is open in the child: waiting for its end takes 1000 s
    (pid,) = [event.iteration for event in events if isinstance(event, Iteration)]
    assert outcome.status == "failed"
    try:
        ended = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([ended], [], [], 60)[0], "it goes on running"
    finally:
        os.close(ended)


def test_a_letter_cut_in_two(train):
    code = (
        "out = sys.stderr.buffer\n"
        "out.write(b'Cannot load image \\xd0'); out.flush()\n"
        "out.write(b'\\xbc.png\\n'); out.flush()"
    )
    _, events = follow(train(code))
    (problem,) = [event for event in events if isinstance(event, Problem)]
    assert problem.text.startswith("м.png cannot be read")


def test_a_warning_is_said_once(train):
    code = (
        "for n in range(500): print('Cannot load image a.png', file=sys.stderr)\n" + ALL + "save('final', 3)"
    )
    outcome, events = follow(train(code))
    assert kinds(events).count("warning") == 1
    assert outcome.status == "finished"


def test_endless_output_does_not_fill_the_disk(train):
    code = "for n in range(20000): print(' Video-stream stopped! ')\n" + ALL + "save('final', 3)"
    outcome, events = follow(train(code, max_log_bytes=10_000))
    log = events[0].path / "darknet.log"
    assert log.stat().st_size < 100_000
    assert "the log ends here" in log.read_text()
    assert outcome.status == "finished"


def test_a_run_is_not_trained_twice_at_once(train):
    training = train("line(1); signal.pause()")
    refused = []

    def reaction(event):
        if isinstance(event, Iteration):
            run = RunFolder.open(training.run_folder.path)
            assert run.running_pid() == run.info.pid
            with pytest.raises(UsageError, match=f"still running.*process {run.info.pid}") as caught:
                Training(run, training.darknet).run(refused.append)
            refused.append(caught.value)
            training.stop()

    assert follow(training, reaction)[0].status == "stopped"
    assert len(refused) == 1


def test_an_error_in_the_listener_ends_darknet(train):
    training = train("line(1); signal.pause()")
    pids = []

    def reaction(event):
        if isinstance(event, Iteration):
            pids.append(training.run_folder.info.pid)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        follow(training, reaction)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_a_program_that_is_not_there(train):
    training = train("")
    training.darknet.path.unlink()
    with pytest.raises(UsageError, match="not a program"):
        follow(training)


# ---- the real one -------------------------------------------------------------------------------------


@pytest.fixture
def real(tmp_path):
    """Makes a training of the smallest network that a real Darknet takes (0.15 s an iteration)."""
    darknet = needs_darknet()
    work = make_work(tmp_path / "my work")

    def make(max_batches):
        cfg = build(
            "yolov3-tiny",
            classes=2,
            width=32,
            height=32,
            batch=2,
            subdivisions=1,
            max_batches=max_batches,
            dialect=darknet.dialect,
        )
        return Training(RunFolder.create(work, network="yolov3-tiny", cfg=cfg, darknet=darknet), darknet)

    return make


@pytest.mark.darknet
def test_real_training(real):
    outcome, events = follow(real(4))
    assert (outcome.status, outcome.iteration, outcome.saved_iteration) == ("finished", 4, 4)
    assert [event.iteration for event in events if isinstance(event, Iteration)] == [1, 2, 3, 4]
    assert {event.iteration for event in events if isinstance(event, WeightsSaved)} == {4}
    assert not [event for event in events if isinstance(event, Problem)]


@pytest.mark.darknet
def test_real_training_that_is_killed(real):
    training = real(1000)

    def reaction(event):
        if isinstance(event, Iteration) and event.iteration == 2:
            os.kill(training.run_folder.info.pid, signal.SIGKILL)

    outcome, _ = follow(training, reaction)
    assert (outcome.status, outcome.signal, outcome.weights) == ("failed", signal.SIGKILL, None)


@pytest.mark.darknet
def test_real_training_without_a_label(real):
    training = real(4)
    for path in (training.run_folder.path / "obj").glob("*.txt"):
        path.unlink()
    outcome, events = follow(training)
    if training.darknet.dialect == "alexeyab":  # which goes on as if nothing were in the pictures
        assert "label-missing" in [event.code for event in events if isinstance(event, Problem)]
        return
    assert outcome.status == "failed"
    assert "Darknet could not open obj/p" in outcome.message or "label" in outcome.message


@pytest.mark.darknet
def test_real_training_where_no_terminal_is_to_be_had(real, monkeypatch):
    def none_left():
        raise OSError("out of pty devices")

    monkeypatch.setattr(launcher.pty, "openpty", none_left)
    training = real(500)
    outcome, _ = follow(training, lambda event: isinstance(event, Iteration) and training.stop())
    # Held back in a pipe the first lines would come by the dozen.
    assert outcome.status == "stopped" and 1 <= outcome.iteration < 8
