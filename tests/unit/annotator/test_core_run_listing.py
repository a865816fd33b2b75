import json
import os
from pathlib import Path
from urllib.parse import unquote

import pytest
from darknet_support import make_work, write_weights

from annotator.core import system_trash
from annotator.core.run_listing import delete_runs, delete_spare_weights, row_of, rows_of
from annotator.core.system_trash import has_trash, move_to_trash
from annotator.darknet.cli import main
from annotator.darknet.evaluation.checkpoints import MeasuredCheckpoint, add_measured
from annotator.darknet.evaluation.stored import EVALUATION_VERSION, Checkpoint
from annotator.darknet.metrics import Metrics
from annotator.darknet.network.blocks import parameter_count
from annotator.darknet.network.cfg import parse_cfg
from annotator.darknet.program.dialect import Darknet
from annotator.darknet.run.folder import RunFolder, process_mark
from converters.errors import UsageError

NET = parse_cfg(
    "[net]\nbatch=4\nsubdivisions=1\nwidth=32\nheight=32\nmax_batches=40\nsteps=32,36\n"
    "[convolutional]\nfilters=4\nsize=1\n"
)
COUNT = parameter_count(NET)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    work = make_work(tmp_path / "work")
    made = RunFolder.create(
        work, network="tiny", cfg=NET, darknet=Darknet(Path("/usr/bin/darknet"), "alexeyab")
    )
    for name, iteration in (("100", 100), ("200", 200), ("300", 300), ("best", 200), ("last", 300)):
        write_weights(made.backup / f"net_{name}.weights", iteration * 4, COUNT)
    (made.backup / "net_250.weights").write_bytes(b"cut short")
    made.log.write_text(
        "x\n mean average precision (mAP@0.50) = 0.412300, or 41.23 %\n"
        " mean average precision (mAP@0.50) = 0.398000, or 39.80 %\n"
    )
    made.update(status="finished", iteration=300)
    return made


def names(paths) -> set[str]:
    return {path.name for path in paths}


def test_what_a_run_takes_and_what_of_it_is_spare(run: RunFolder):
    (row,) = rows_of(run.work)
    assert names(row.spare) == {"net_100.weights", "net_200.weights"} | (
        {"net_300.weights"} - names(row.kept)
    )
    assert "net_best.weights" in names(row.kept) and any("300" in n or "last" in n for n in names(row.kept))
    assert row.best_map == pytest.approx(0.4123) and row.status == "finished"
    assert row.spare_size == sum(path.stat().st_size for path in row.spare)
    assert row.size > row.weights > row.spare_size > 0


def test_spare_weights_go_and_the_run_still_works(run: RunFolder):
    before = row_of(run)
    freed = delete_spare_weights([before], to_trash=False)
    after = row_of(RunFolder.open(run.path))
    assert freed == before.spare_size and after.spare == () and names(after.kept) == names(before.kept)
    assert run.newest_weights() is not None and (run.backup / "net_250.weights").exists()


def test_the_weights_that_an_evaluation_chose_are_kept(run: RunFolder):
    folder = run.path / "evaluation"
    folder.mkdir()
    content = {
        "version": EVALUATION_VERSION,
        "class_names": ["mask", "no_mask"],
        "chosen": {"weights": "backup/net_100.weights", "by": "validation"},
        "validation": {"checkpoints": [], "chosen": None},
        "test_looks": [],
        "test": None,
        "conf_threshold": 0.25,
        "notes": [],
    }
    (folder / "evaluation.json").write_text(json.dumps(content))
    assert "net_100.weights" in names(row_of(run).kept) and row_of(run).spare
    (folder / "evaluation.json").write_text("{")
    assert row_of(run).spare == (), "nobody knows which of them was chosen"


def test_a_run_goes_to_the_systems_trash_and_can_be_put_back(run: RunFolder, monkeypatch, tmp_path: Path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "a home"))
    assert has_trash(run.path)
    size = delete_runs([row_of(run)], to_trash=True)
    trash = tmp_path / "a home" / "Trash"
    assert size > 0 and not run.path.exists()
    assert (trash / "files" / run.path.name / "net.cfg").is_file()
    note = (trash / "info" / f"{run.path.name}.trashinfo").read_text().splitlines()
    assert (
        note[0] == "[Trash Info]"
        and unquote(note[1]) == f"Path={run.path}"
        and note[2][:13] == "DeletionDate="
    )


def test_two_files_of_one_name_in_the_trash(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    places = []
    for text in "ab":
        path = tmp_path / "é file.weights"
        path.write_text(text)
        places.append(move_to_trash(path))
    assert [place.read_text() for place in places] == ["a", "b"] and places[0] != places[1]
    assert len(list((tmp_path / "data" / "Trash" / "info").iterdir())) == 2


def test_a_disk_without_a_trash_says_so(tmp_path: Path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("x")
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the trash would be")
    monkeypatch.setattr(system_trash, "_places", lambda path: [(blocked / "Trash", None)])
    with pytest.raises(UsageError, match="no trash"):
        move_to_trash(path)
    assert path.exists()


def test_a_running_training_is_never_deleted(run: RunFolder):
    import os

    handle = run.lock()
    try:
        with pytest.raises(UsageError, match="still running"):
            delete_runs([row_of(run)], to_trash=False)
        with pytest.raises(UsageError, match="still running"):
            delete_spare_weights([row_of(run)], to_trash=False)
    finally:
        os.close(handle)
    assert run.path.exists() and len(row_of(run).spare) >= 2
    delete_runs([row_of(run)], to_trash=False)
    assert not run.path.exists() and rows_of(run.work) == []


def measured(run: RunFolder, name: str, mean: float) -> None:
    one = {"name": "mask", "ap": mean, "interval": [0.0, 1.0], "truths": 9, "difficult": 0}
    one |= {"tp": 1, "fp": 1, "iou_sum": 1.0, "curve": []}
    metrics = {"classes": [one], "iou_threshold": 0.5, "conf_threshold": 0.25, "points": 0, "images": 1}
    point = Metrics.from_dict(metrics | {"detections": 2})
    checkpoint = Checkpoint(f"net_{name}.weights", name, int(name), "numbered", point, point)
    add_measured(run, MeasuredCheckpoint(checkpoint, "x", "2026-01-14", 1.0))


def test_the_best_that_was_measured_while_it_trained_is_no_spare(run: RunFolder):
    for name, mean in (("100", 0.2), ("200", 0.7), ("300", 0.5)):
        measured(run, name, mean)
    row = row_of(run)
    assert "net_200.weights" in names(row.kept)
    assert names(row.spare) == {"net_100.weights"}
    assert row.best_map == pytest.approx(0.7)


def test_spare_weights_go_by_command_also_while_it_trains(run: RunFolder, capsys):
    run.update(status="running", owner=os.getpid(), owner_mark=process_mark(os.getpid()))
    lock = run.lock()
    assert main(["thin", str(run.path)]) == 0
    os.close(lock)
    said = capsys.readouterr()
    assert "net_last.weights" in said.out
    assert "freed; these weights are kept" in said.err
    assert not (run.backup / "net_100.weights").exists()
    assert (run.backup / "net_best.weights").exists()
