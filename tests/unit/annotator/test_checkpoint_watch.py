"""Saved weights are measured beside the training: real processes, real weights of a network made by hand."""

from __future__ import annotations

import csv
import math
import os
import sys
import threading
from pathlib import Path

import evaluation_samples as samples
import pytest

from annotator.darknet.evaluation import measure as evaluate
from annotator.darknet.evaluation.checkpoint_seen import forget_seen_after, read_seen
from annotator.darknet.evaluation.checkpoints import forget_after, read_measured, table_path
from annotator.darknet.evaluation.spare_weights import thin_out
from annotator.darknet.evaluation.stored import EvaluationFolder
from annotator.darknet.program.dialect import Darknet
from annotator.darknet.program.events import (
    CheckpointMeasured,
    DarknetEnded,
    Finished,
    Iteration,
    Measuring,
    Problem,
    WeightsSaved,
)
from annotator.darknet.run.folder import RunFolder
from annotator.darknet.training import checkpoint_watch
from annotator.darknet.training.checkpoint_watch import CheckpointWatch, step_of
from annotator.darknet.training.early_stop import EarlyStop
from annotator.darknet.training.trainer import Start, Trainer
from converters.model import Split


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return samples.make_run(tmp_path / "work")


class Heard:
    """What a watch tells, and waiting for it."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self._news = threading.Condition()

    def __call__(self, event: object) -> None:
        with self._news:
            self.events.append(event)
            self._news.notify()

    def measured(self) -> list[CheckpointMeasured]:
        return [event for event in self.events if isinstance(event, CheckpointMeasured)]

    def wait_for(self, count: int) -> None:
        with self._news:
            assert self._news.wait_for(lambda: len(self.measured()) >= count, 60), self.events


def save(watch: CheckpointWatch, run: RunFolder, name: str, iteration: int, **how: float | bool) -> None:
    samples.add_weights(run, name, iteration, **how)
    watch.saved(WeightsSaved(f"backup/{name}", iteration))


def test_what_is_overwritten_is_measured_and_the_best_of_it_kept(run: RunFolder) -> None:
    heard = Heard()
    watch = CheckpointWatch(run, heard)
    save(watch, run, "net_last.weights", 100)
    heard.wait_for(1)
    save(watch, run, "net_last.weights", 200, swapped=True)
    watch._not_before = 0.0
    heard.wait_for(2)
    samples.add_weights(run, "net_final.weights", 400, gain=0.0)
    watch.finish(last=True)
    assert [(one.iteration, one.mean_ap) for one in heard.measured()] == [(100, 1.0), (200, 0.0), (400, 0.0)]
    first = heard.measured()[0]
    assert (first.images, first.mean_ap_75) == (3, 1.0)
    assert [(one.name, one.boxes) for one in first.classes] == [("mask", 2), ("no_mask", 1)]
    low = first.classes[0].low
    assert low is not None
    assert 0 < low < 1
    told = [event for event in heard.events if isinstance(event, Measuring)]
    assert list(dict.fromkeys(event.iteration for event in told)) == [100, 200, 400]
    assert {event.images for event in told} == {0, 3}, "how far it is"
    seen = read_seen(run)
    assert list(seen) == [100, 200, 400]
    pictures = [one.entry.rpartition("/")[2] for one in seen[100].pictures]
    assert pictures == ["val0.png", "val1.png", "val2.png"], "the rarest class first, the empty one last"
    found = [[box.label for box in one.found] for one in seen[100].pictures]
    assert found == [["mask", "no_mask"], ["mask"], []]
    assert [box.label for box in seen[200].pictures[1].found] == ["no_mask"]
    assert seen[400].pictures[0].found == ()
    assert [box.label for box in seen[400].pictures[0].truths] == ["mask", "no_mask"]
    assert sorted(path.name for path in run.backup.iterdir()) == [
        "net_100.weights",
        "net_final.weights",
        "net_last.weights",
    ]
    rows = list(csv.DictReader(table_path(run).read_text(encoding="utf-8").splitlines()))
    assert [(row["iteration"], row["mAP@0.50"]) for row in rows] == [
        ("100", "100.00"),
        ("200", "0.00"),
        ("400", "0.00"),
    ]
    assert not list(EvaluationFolder.of(run).path.glob(".*")), "no snapshot is left"


def test_a_better_one_replaces_the_copy_but_never_darknet_s_own(run: RunFolder) -> None:
    heard = Heard()
    watch = CheckpointWatch(run, heard)
    save(watch, run, "net_100.weights", 100, gain=12.0, scale=0.3)
    heard.wait_for(1)
    for place, scale in ((2, 0.6), (3, 1.0)):
        watch._not_before = 0.0
        save(watch, run, "net.backup", place * 100, scale=scale)
        heard.wait_for(place)
    watch.finish(last=False)
    means = [one.mean_ap for one in heard.measured()]
    assert means == sorted(means)
    names = {path.name for path in run.backup.iterdir()}
    assert "net_100.weights" in names
    best = max(read_measured(run), key=lambda one: (one.mean_ap, -one.iteration))
    assert best.checkpoint.path_in(run).is_file()
    assert sum(one.kept for one in read_measured(run)) <= 1


def test_where_darknet_numbers_the_same_weights_these_are_the_best(run: RunFolder) -> None:
    heard = Heard()
    watch = CheckpointWatch(run, heard)
    samples.add_weights(run, "net_100.weights", 100)
    save(watch, run, "net.backup", 100)
    heard.wait_for(1)
    watch._not_before = 0.0
    save(watch, run, "net.backup", 200, swapped=True)
    heard.wait_for(2)
    samples.add_weights(run, "net_300.weights", 300, swapped=True)
    watch.finish(last=False)
    best = max(read_measured(run), key=lambda one: one.mean_ap)
    assert (best.iteration, best.checkpoint.weights, best.kept) == (100, "net_100.weights", False)
    assert heard.measured()[0].weights == "net_100.weights"
    thin_out(run)
    assert (run.backup / "net_100.weights").is_file(), "net.backup holds later and worse ones by now"


def test_the_evaluation_takes_up_what_was_measured(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard()
    watch = CheckpointWatch(run, heard)
    save(watch, run, "net_100.weights", 100)
    heard.wait_for(1)
    samples.add_weights(run, "net_final.weights", 400, swapped=True)
    watch.finish(last=True)
    assert len(heard.measured()) == 2
    looked: list[Path] = []
    real = evaluate.open_run_predictor

    def counting(where, weights, **more):
        looked.append(weights.name)
        return real(where, weights, **more)

    monkeypatch.setattr(evaluate, "open_run_predictor", counting)
    found = evaluate.evaluate_run(run)
    assert looked == ["net_100.weights"], "once, on test"
    assert found.chosen_weights.weights == "net_100.weights"
    assert found.validation is not None
    assert len(found.validation_images) == 3

    label = run.work / "obj/val2.txt"
    label.write_text(samples.label_text("r" + 15 * "."))
    looked.clear()
    evaluate.evaluate_run(run)
    assert looked[:2] == ["net_100.weights", "net_final.weights"], "other labels: measured anew"


def test_weights_that_cannot_be_measured_are_said_once(run: RunFolder) -> None:
    heard = Heard()
    (run.path / "val.txt").write_text("../../obj/gone.png\n")
    watch = CheckpointWatch(run, heard)
    for iteration in (100, 200):
        watch._not_before = 0.0
        save(watch, run, f"net_{iteration}.weights", iteration)
    samples.add_weights(run, "net_final.weights", 400)
    watch.finish(last=True)
    (problem,) = [event for event in heard.events if isinstance(event, Problem)]
    assert problem.code == "not-measured"
    assert "no picture that can be measured" in problem.text
    assert not heard.measured()


def test_half_written_weights_wait_until_they_are_whole(run: RunFolder) -> None:
    heard = Heard()
    watch = CheckpointWatch(run, heard)
    path = samples.add_weights(run, "net_last.weights", 100)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    watch.saved(WeightsSaved("backup/net_last.weights", 100))
    path.write_bytes(whole)
    heard.wait_for(1)
    watch.finish(last=False)
    assert heard.measured()[0].mean_ap == 1


def test_without_validation_pictures_nothing_is_begun(tmp_path: Path) -> None:
    pictures = {name: one for name, one in samples.PICTURES.items() if one[0] is not Split.VAL}
    run = samples.make_run(tmp_path / "work", pictures)
    heard = Heard()
    watch = CheckpointWatch(run, heard)
    save(watch, run, "net_100.weights", 100)
    watch.finish(last=True)
    assert heard.events == []


def test_a_resumption_drops_what_it_does_again(run: RunFolder) -> None:
    heard = Heard()
    watch = CheckpointWatch(run, heard)
    save(watch, run, "net_100.weights", 100)
    heard.wait_for(1)
    watch.finish(last=False)
    forget_after(run, 100)
    assert [one.iteration for one in read_measured(run)] == [100]
    forget_seen_after(run, 100)
    assert list(read_seen(run)) == [100]
    forget_seen_after(run, 50)
    assert read_seen(run) == {}
    forget_after(run, 50)
    assert read_measured(run) == []
    assert len(table_path(run).read_text(encoding="utf-8").splitlines()) == 1


@pytest.mark.parametrize(("max_batches", "step"), [(100, 100), (4000, 100), (6000, 200), (100_000, 2500)])
def test_the_schedule(max_batches: int, step: int) -> None:
    assert step_of(max_batches) == step


def test_early_stops_go_by_our_measures_and_the_loss_of_their_time() -> None:
    rule = EarlyStop(2, ours=True)

    def trained(iteration: int, loss: float) -> None:
        rule.take(Iteration(iteration, loss, loss, 0.001, 1.0, iteration * 4))

    def found(iteration: int, mean: float) -> str | None:
        return rule.take(CheckpointMeasured(iteration, "", mean, 0.0, (), 3, 1.0))

    for number in range(1, 6):
        trained(number * 100, 6 - number)
    assert found(100, 0.5) is None
    assert found(200, 0.4) is None
    why = found(300, 0.3)
    assert why is not None
    assert "50.00% at iteration 100" in why
    assert "(5.000 to 3.000)" in why, "not the loss of iteration 500, at which it was known"
    assert EarlyStop(1, ours=True).take(CheckpointMeasured(1, "", math.nan, 0.0, (), 3, 1.0)) is None


FALLING = """#!{python}
import shutil, signal, sys
for iteration, loss, weights in ((100, 3.0, "good"), (200, 2.0, "bad")):
    print(f" {{iteration}}: {{loss}}, {{loss}} avg loss, 0.001 rate, 0.5 seconds, 9 images", flush=True)
    shutil.copyfile(f"{{weights}}.weights", "backup/net_last.weights")
    print("Saving weights to backup/net_last.weights", file=sys.stderr, flush=True)
    open("go").read() if iteration == 100 else signal.pause()
"""


def test_a_training_ends_early_and_keeps_the_best(run: RunFolder, tmp_path: Path) -> None:
    """A Darknet that overwrites its weights with worse ones, and measures nothing by itself."""
    program = tmp_path / "darknet"
    program.write_text(FALLING.format(python=sys.executable))
    program.chmod(0o755)
    for name, swapped in (("good", False), ("bad", True)):
        weights = samples.cell_weights(seen=200 if swapped else 100, swapped=swapped)
        (run.path / f"{name}.weights").write_bytes(weights)
    os.mkfifo(run.path / "go")
    trainer = Trainer(run, Darknet(program, "alexeyab"), Start(), early_stop=1, measure=True)
    events: list[object] = []

    def hear(event: object) -> None:
        events.append(event)
        if isinstance(event, CheckpointMeasured) and event.iteration == 100:
            (run.path / "go").write_text("")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint_watch, "REST", 0.0)
        outcome = trainer.run(hear)
    assert (outcome.status, outcome.early, outcome.good) == ("stopped", True, True)
    assert "mAP on validation was 100.00% at iteration 100" in outcome.message
    assert "the loss still fell (3.000 to 2.000)" in outcome.message
    assert outcome.message.endswith("the best weights are " + str(run.backup / "net_100.weights"))
    assert [one.iteration for one in events if isinstance(one, CheckpointMeasured)] == [100, 200]
    assert isinstance(events[-1], Finished)


ALL_DONE = """#!{python}
import shutil
for iteration in (100, 400):
    print(f" {{iteration}}: 2.0, 2.0 avg loss, 0.001 rate, 0.5 seconds, 9 images", flush=True)
shutil.copyfile("done.weights", "backup/net_final.weights")
"""


@pytest.mark.parametrize("skips", [False, True])
def test_the_end_is_said_before_the_last_weights_are_measured_and_that_can_be_skipped(
    run: RunFolder, tmp_path: Path, skips: bool
) -> None:
    program = tmp_path / "darknet"
    program.write_text(ALL_DONE.format(python=sys.executable))
    program.chmod(0o755)
    (run.path / "done.weights").write_bytes(samples.cell_weights(seen=400))
    trainer = Trainer(run, Darknet(program, "alexeyab"), Start(), measure=True)
    events: list[object] = []

    def hear(event: object) -> None:
        events.append(event)
        if skips and isinstance(event, DarknetEnded):
            trainer.stop()

    outcome = trainer.run(hear)
    assert outcome.status == "finished", "also where the person would not wait"
    kinds = [type(event) for event in events]
    assert kinds.index(DarknetEnded) < kinds.index(Finished)
    assert (CheckpointMeasured in kinds) is not skips
