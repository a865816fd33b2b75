"""A run folder that is moved, renamed or deleted while it is trained."""

from __future__ import annotations

import shutil

import pytest
from darknet_support import make_work, write_program
from test_darknet_launcher import PRELUDE, SMALL

from annotator.core.training import State, TrainingModel
from annotator.darknet.program.dialect import Darknet
from annotator.darknet.program.events import Iteration, Moved, Problem
from annotator.darknet.run.event_log import follow, read_events
from annotator.darknet.run.folder import RunFolder, read_metrics
from annotator.darknet.run.whereabouts import Whereabouts
from annotator.darknet.training.trainer import Start, Trainer
from converters.errors import FormatError, WriteError

# Waits after its first iteration until somebody lets it go on; it sees the file wherever its folder is.
WAITS = (
    "import time\nline(1)\nwhile not os.path.exists('go') and os.path.exists('net.cfg'): time.sleep(0.02)\n"
)
REST = "line(2)\nline(3)\nsave('last', 3)\nsave('final', 3)"


@pytest.fixture
def make(tmp_path):
    work = make_work(tmp_path / "my work")

    def make(code):
        darknet = Darknet(write_program(tmp_path / "darknet", PRELUDE + code), "alexeyab")
        return RunFolder.create(work, network="yolov3-tiny", cfg=SMALL, darknet=darknet), darknet

    return make


def train(run, darknet, at_first):
    """Train; after the first iteration something happens to the folder."""
    events: list = []

    def on_event(event):
        events.append(event)
        if isinstance(event, Iteration) and event.iteration == 1:
            at_first()

    return Trainer(run, darknet, Start()).run(on_event), events


def test_a_renamed_folder_is_trained_in_to_the_end(make):
    run, darknet = make(WAITS + REST)
    old, new = run.path, run.path.with_name("my best one")

    def rename():
        old.rename(new)
        (new / "go").touch()

    outcome, events = train(run, darknet, rename)
    assert outcome.status == "finished"
    assert outcome.weights == new / "backup" / "net_final.weights"
    assert Moved(new) in events
    assert [event.code for event in events if isinstance(event, Problem)] == ["moved"]
    again = RunFolder.open(new)
    assert (again.status, again.info.iteration) == ("finished", 3)
    assert [row["iteration"] for row in read_metrics(again.metrics)] == ["1", "2", "3"]
    model = TrainingModel()
    for event in read_events(again):
        model.take(event)
    assert (model.state, model.run) == (State.FINISHED, new)
    assert not old.exists()


def test_a_deleted_folder_ends_it_with_the_reason(make):
    run, darknet = make(WAITS + "time.sleep(60)")
    with pytest.raises(WriteError, match="was deleted while it was trained") as error:
        train(run, darknet, lambda: shutil.rmtree(run.path))
    assert error.value.code == "run-gone"
    assert not run.path.exists()


def test_who_follows_goes_along(make, monkeypatch):
    run, _ = make(REST)
    new = run.path.with_name("renamed")
    run.events.write_text('{"event": "iteration", "iteration": 1}\n')
    monkeypatch.setattr(RunFolder, "is_looked_after", lambda self: self.info.status == "running")
    run.update(status="running")
    heard: list = []

    def wait(seconds):
        if run.path.exists():
            run.path.rename(new)
            with (new / "events.jsonl").open("a") as file:
                file.write('{"event": "finished", "status": "finished"}\n')
            RunFolder.open(new).update(status="finished")

    assert follow(run.path, heard.append, wait) == "finished"
    assert [one["event"] for one in heard] == ["iteration", "finished"]


def test_who_follows_a_deleted_run_is_told(make, monkeypatch):
    run, _ = make(REST)
    monkeypatch.setattr(RunFolder, "is_looked_after", lambda self: True)
    with pytest.raises(FormatError, match="was deleted while it was trained"):
        follow(run.path, lambda said: None, lambda seconds: shutil.rmtree(run.path))


def test_a_folder_is_followed(tmp_path):
    place = tmp_path / "a"
    place.mkdir()
    follower = Whereabouts(place)
    assert follower.moved_to() is None
    place.rename(tmp_path / "b")
    assert follower.moved_to() == tmp_path / "b"
    assert follower.moved_to() is None
    (tmp_path / "b").rmdir()
    assert follower.is_gone
    follower.close()


def test_where_the_system_does_not_tell_a_folder_stays_where_it_was(tmp_path, monkeypatch):
    def no_proc(path):
        raise FileNotFoundError(path)

    monkeypatch.setattr("pathlib.Path.readlink", no_proc)
    whereabouts = Whereabouts(tmp_path)
    assert whereabouts.moved_to() is None and not whereabouts.is_gone
    whereabouts.close()
