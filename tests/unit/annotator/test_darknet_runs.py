from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from pathlib import Path

import pytest
from darknet_support import make_work, write_weights

from annotator.darknet.network.blocks import parameter_count
from annotator.darknet.network.cfg import Cfg, parse_cfg
from annotator.darknet.network.presets import build
from annotator.darknet.network.weights import all_finite, ends_in_nothing, read_weights_header
from annotator.darknet.program.dialect import Darknet
from annotator.darknet.run.data import read_list
from annotator.darknet.run.folder import RunFolder, data_hash, list_runs, read_metrics
from converters.errors import FormatError, UsageError
from converters.model import Split

DARKNET = Darknet(Path("/usr/bin/darknet"), "pjreddie")
# A network of 16 weights: the run folder does not care what it is.
SMALL = parse_cfg(
    "[net]\nbatch=4\nsubdivisions=1\nwidth=32\nheight=32\nmax_batches=40\nsteps=32,36\n"
    "[convolutional]\nfilters=4\nsize=1\n"
)
PARAMETERS = parameter_count(SMALL)


def make_run(tmp_path, cfg: Cfg = SMALL) -> RunFolder:
    work = make_work(tmp_path / "my work")
    return RunFolder.create(work, network="yolov3-tiny", cfg=cfg, darknet=DARKNET, seed=7)


def test_what_a_run_holds(tmp_path):
    run = make_run(tmp_path)
    assert re.fullmatch(r"\d{8}-\d{6}-yolov3-tiny", run.path.name)
    assert run.path.parent.name == "runs"
    assert read_list(run.path / "train.txt") == [f"obj/p{index}.png" for index in range(4)]
    assert run.read_list(Split.TRAIN) == [f"../../obj/p{index}.png" for index in range(4)]
    assert [(run.path / entry).is_file() for entry in run.read_list(Split.VAL)] == [True]
    assert run.data.read_text().splitlines() == [
        "classes = 2",
        "train = train.txt",
        "valid = val.txt",
        "names = obj.names",
        "backup = backup",
    ]
    assert run.backup.is_dir()
    assert run.read_cfg().render() == SMALL.render()


def test_run_json_reads_back(tmp_path):
    run = make_run(tmp_path)
    run.update(status="stopped", iteration=12, message="stopped")
    again = RunFolder.open(run.path)
    assert again.info == run.info
    assert again.info.class_names == ("mask", "no_mask")
    assert (again.info.letterbox, again.info.seed, again.info.max_batches) == (True, 7, 40)
    assert again.info.darknet == {"path": "/usr/bin/darknet", "dialect": "pjreddie", "version": ""}
    assert {key: again.info.data[key] for key in ("train", "val", "test")} == {
        "train": 4,
        "val": 1,
        "test": 1,
    }


def test_two_runs_in_one_second_have_two_folders(tmp_path):
    work = make_work(tmp_path / "work")
    runs = [RunFolder.create(work, network="yolov3-tiny", cfg=SMALL, darknet=DARKNET) for _ in range(3)]
    assert len({run.path for run in runs}) == 3
    (work.runs / "something else").mkdir()
    assert {run.path for run in list_runs(work.root)} == {run.path for run in runs}
    assert list_runs(tmp_path / "nothing") == []


@pytest.mark.parametrize(
    "name", ["a b.png", "x$(touch PWNED).png", "x;y.png", "x'y.png", "-x.png", "a\tb.png"]
)
def test_names_that_must_not_reach_a_shell(tmp_path, name):
    work = make_work(tmp_path / "work")
    work.list_of(Split.VAL).write_text(f"obj/{name}\n" if name[0] != "-" else f"{name}\n")
    with pytest.raises(UsageError, match="must not reach Darknet") as caught:
        RunFolder.create(work, network="yolov3-tiny", cfg=SMALL, darknet=DARKNET)
    assert caught.value.line == 1
    assert not work.runs.exists()


def test_letters_of_any_alphabet_are_fine(tmp_path):
    work = make_work(tmp_path / "work")
    work.list_of(Split.VAL).write_text("obj/маска_1.png\n", encoding="utf-8")
    run = RunFolder.create(work, network="yolov3-tiny", cfg=SMALL, darknet=DARKNET)
    assert run.read_list(Split.VAL) == ["../../obj/маска_1.png"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "not a training run"),
        ("{", "is broken"),
        ("[]", "not the description"),
        ('{"version": 99}', "version 99"),
        ('{"version": 1}', "lacks something"),
    ],
)
def test_folders_that_are_no_run(tmp_path, text, words):
    if text is not None:
        (tmp_path / "run.json").write_text(text)
    with pytest.raises(FormatError, match=words):
        RunFolder.open(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"), [("status", "dancing"), ("batch", "4"), ("darknet", None), ("class_names", "mask")]
)
def test_a_run_json_with_a_wrong_value(tmp_path, key, value):
    run = make_run(tmp_path)
    path = run.path / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(FormatError):
        RunFolder.open(run.path)


def test_weights_by_iteration_and_broken_ones_left_out(tmp_path):
    run = make_run(tmp_path)
    assert run.newest_weights() is None
    write_weights(run.backup / "net_100.weights", 400, PARAMETERS)
    write_weights(run.backup / "net.backup", 400, PARAMETERS)
    write_weights(run.backup / "net_best.weights", 800, PARAMETERS)
    write_weights(run.backup / "net_last.weights", 1200, PARAMETERS, missing=3)
    write_weights(run.backup / "net_200.weights", 1200, PARAMETERS, missing=8 + 4 * PARAMETERS)
    (run.backup / "net_final.weights").touch()
    (run.backup / "notes.txt").write_text("hello")
    found = [(saved.path.name, saved.iteration, saved.kind) for saved in run.weights()]
    assert found == [
        ("net.backup", 100, "backup"),
        ("net_100.weights", 100, "numbered"),
        ("net_best.weights", 200, "best"),
    ]
    assert run.newest_weights().iteration == 200


def test_a_resumed_training_does_not_replace_the_best_of_before(tmp_path):
    run = make_run(tmp_path)
    run.keep_best()
    write_weights(run.backup / "net_best.weights", 800, PARAMETERS)
    write_weights(run.backup / "net_last.weights", 1200, PARAMETERS)
    run.keep_best()
    found = [(saved.path.name, saved.iteration, saved.kind) for saved in run.weights()]
    assert found == [("net_200.weights", 200, "numbered"), ("net_last.weights", 300, "last")]
    # The same weights twice: they are kept under the other name, so these may go.
    write_weights(run.backup / "net_best.weights", 800, PARAMETERS)
    run.keep_best()
    assert (run.backup / "net_best.weights").is_file()


def test_weights_headers(tmp_path):
    path = tmp_path / "x.weights"
    write_weights(path, 5_000_000_000, 3)
    header = read_weights_header(path)
    assert (header.version, header.seen, header.parameters) == ((0, 2, 5), 5_000_000_000, 3)
    assert header.iteration(64) == 78_125_000
    path.write_bytes(b"\0\0\0\0\1\0\0\0\0\0\0\0\x40\0\0\0" + b"\0" * 8)  # version 0.1: 32 bits
    assert (read_weights_header(path).seen, read_weights_header(path).parameters) == (64, 2)
    for content, words in ((b"", "is empty"), (b"\0" * 13, "cut short"), (b"PNG " * 9, "no Darknet weights")):
        path.write_bytes(content)
        with pytest.raises(FormatError, match=words):
            read_weights_header(path)
    with pytest.raises(FormatError, match="cannot be read"):
        read_weights_header(tmp_path / "nothing")


def test_weights_of_a_training_that_diverged(tmp_path):
    path = tmp_path / "x.weights"
    write_weights(path, 64, 10, value=0.5)
    assert all_finite(path)
    write_weights(path, 64, 10, value=float("nan"))
    assert not all_finite(path)


def test_weights_whose_end_a_power_cut_took(tmp_path):
    path = tmp_path / "x.weights"
    write_weights(path, 64, 5000, value=0.5)
    assert not ends_in_nothing(path)
    with path.open("r+b") as file:
        file.seek(-5000, 2)
        file.write(bytes(5000))
    assert ends_in_nothing(path)
    with pytest.raises(FormatError, match="cannot be read"):
        ends_in_nothing(tmp_path / "nothing")


def test_a_run_is_taken_as_soon_as_a_dying_darknet_lets_go(tmp_path):
    run = make_run(tmp_path)
    held = run.lock()
    threading.Timer(0.2, os.close, [held]).start()
    os.close(run.lock())


def test_a_resumed_training_forgets_the_lines_it_does_again(tmp_path):
    run = make_run(tmp_path)
    lines = [f"{number},1.5,1.4,0.001,0.2,{number * 4}" for number in range(1, 6)]
    run.metrics.write_text("iteration,loss,avg_loss,rate,seconds,images\n" + "\n".join(lines) + "\n6,1.")
    run.forget_metrics_after(3)
    assert [row["iteration"] for row in read_metrics(run.metrics)] == ["1", "2", "3"]
    assert run.metrics.read_text().endswith(f"{lines[2]}\n")


def test_a_run_is_trained_by_one_at_a_time(tmp_path):
    run = make_run(tmp_path)
    handle = run.lock()
    with pytest.raises(UsageError, match="still running"):
        RunFolder.open(run.path).lock()
    os.close(handle)
    os.close(run.lock())


def test_changed_labels_are_noticed(tmp_path):
    run = make_run(tmp_path)
    assert data_hash(run) == run.info.data["hash"]
    (run.work / "obj" / "p0.txt").write_text("")
    assert data_hash(run) != run.info.data["hash"]


def test_lists_that_cannot_be_read(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text("a.png\n\nb.png\n")
    with pytest.raises(FormatError, match="blank line") as caught:
        read_list(path)
    assert caught.value.line == 2
    path.write_bytes(b"\xff\n")
    with pytest.raises(FormatError, match="UTF-8"):
        read_list(path)
    with pytest.raises(FormatError, match="cannot be read"):
        read_list(tmp_path / "nothing")


def test_only_a_process_in_the_run_folder_counts_as_its_darknet(tmp_path):
    run = make_run(tmp_path)
    assert run.running_pid() is None
    run.update(pid=os.getpid(), status="running")
    assert run.running_pid() is None  # it is there, but works elsewhere: the number was given out again
    assert run.status == "stopped"
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, cwd=run.path) as process:
        run.update(pid=process.pid)
        assert (run.running_pid(), run.status) == (process.pid, "running")
    assert run.running_pid() is None


def test_a_real_network(tmp_path):
    cfg = build(
        "yolov3-tiny",
        classes=2,
        width=32,
        height=64,
        batch=2,
        subdivisions=1,
        max_batches=5,
        dialect="pjreddie",
    )
    run = make_run(tmp_path, cfg)
    assert (run.info.width, run.info.height, run.info.batch, run.info.max_batches) == (32, 64, 2, 5)


def test_a_run_says_where_it_comes_from(tmp_path):
    from augment.cli import main as augment

    work = make_work(tmp_path / "work")
    assert RunFolder.create(work, network="n", cfg=SMALL, darknet=DARKNET).info.augmentation is None
    assert augment([str(work.root), "--copies", "1", "--seed", "3"]) == 0
    made = RunFolder.create(work, network="n", cfg=SMALL, darknet=DARKNET, seed=5, asked=["train-cli", "run"])
    info = RunFolder.open(made.path).info
    assert info == made.info
    assert (info.seed, info.asked) == (5, ("train-cli", "run"))
    assert info.augmentation["seed"] == 3
    assert info.augmentation["copies"] == info.data["train"] - 4
    assert info.augmentation["policy"]
    assert {"python", "system", "numpy", "mask-annotator"} <= set(info.versions)
    assert len(info.data["hash"]) == 64
