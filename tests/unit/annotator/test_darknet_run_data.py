"""The pictures of a run are its own: it is repeated and gone on with whatever becomes of the data set."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest
from darknet_support import make_work, needs_darknet, write_weights

from annotator.core.run_listing import row_of
from annotator.darknet.cli import main
from annotator.darknet.network.blocks import parameter_count
from annotator.darknet.network.cfg import parse_cfg
from annotator.darknet.program.dialect import Darknet
from annotator.darknet.run.data import in_the_set, is_own, read_list
from annotator.darknet.run.folder import RunFolder
from converters.files import write_atomic
from converters.model import Split
from converters.work import SplitRow, write_lists, write_split

SMALL = parse_cfg(
    "[net]\nbatch=4\nsubdivisions=1\nwidth=32\nheight=32\nmax_batches=40\nsteps=32,36\n"
    "[convolutional]\nfilters=4\nsize=1\n"
)
SMALLEST = ["--network", "yolov3-tiny", "--width", "32", "--height", "32", "--batch", "4"]


@pytest.fixture
def work(tmp_path):
    return make_work(tmp_path / "my work")


def make_run(work, weights=None):
    darknet = Darknet(work.root / "darknet", "alexeyab")
    return RunFolder.create(work, network="yolov3-tiny", cfg=SMALL, darknet=darknet, weights=weights)


def test_pictures_are_links_and_labels_are_copies(work):
    run = make_run(work)
    assert read_list(run.path / "val.txt") == ["obj/p4.png"]
    assert run.own_list(Split.VAL) == ["obj/p4.png"] and run.read_list(Split.VAL) == ["../../obj/p4.png"]
    for entry in run.own_list(Split.TRAIN):
        assert (run.path / entry).samefile(work.root / entry)
        label = (run.path / entry).with_suffix(".txt")
        assert label.read_bytes() == (work.root / entry).with_suffix(".txt").read_bytes()
        assert label.stat().st_nlink == 1
    assert row_of(run).size < sum(path.stat().st_size for path in work.obj.iterdir())  # links take no room


def test_what_becomes_of_the_set_changes_no_run(work):
    run = make_run(work)
    before = {path.name: path.read_bytes() for path in (run.path / "obj").iterdir()}
    write_atomic(work.obj / "p0.png", b"another picture")
    (work.obj / "p1.txt").write_text("0 0.5 0.5 0.1 0.1\n")  # in place, as an editor may
    (work.obj / "p2.png").unlink()
    write_split(work, [SplitRow("obj/p3.png", Split.TRAIN)])
    write_lists(work)
    assert {path.name: path.read_bytes() for path in (run.path / "obj").iterdir()} == before
    assert len(run.own_list(Split.TRAIN)) == 4


def test_a_picture_that_is_missing_stays_missing(work):
    (work.obj / "p0.png").unlink()
    (work.obj / "p1.txt").unlink()
    run = make_run(work)
    assert not (run.path / "obj/p0.png").exists() and (run.path / "obj/p0.txt").is_file()
    assert not (run.path / "obj/p1.txt").exists() and (run.path / "obj/p1.png").is_file()


@pytest.mark.parametrize(
    ("line", "own", "there"),
    [
        ("obj/a.png", True, "../../obj/a.png"),
        ("augmented/a.png", True, "../../augmented/a.png"),
        ("../../obj/a.png", False, "../../obj/a.png"),  # of an old version
        ("obj/../../a.png", False, "obj/../../a.png"),
        ("/pictures/a.png", False, "/pictures/a.png"),
    ],
)
def test_whose_picture_a_line_means(line, own, there):
    assert (is_own(line), in_the_set(line)) == (own, there)


def test_weights_to_start_from_are_kept(work, tmp_path):
    given = tmp_path / "given.weights"
    write_weights(given, 0, parameter_count(SMALL), value=0.5)
    run = make_run(work, given)
    assert run.start_weights is not None and run.start_weights.samefile(given)
    theirs = run.backup / "net_last.weights"  # Darknet writes into it when that run goes on
    write_weights(theirs, 8, parameter_count(SMALL), value=0.5)
    other = make_run(work, theirs)
    assert other.start_weights is not None and not other.start_weights.samefile(theirs)
    assert other.start_weights.read_bytes() == theirs.read_bytes()


@pytest.mark.darknet
def test_a_training_is_repeated_from_its_folder_alone(work, tmp_path, capsys):
    needs_darknet()
    assert main(["run", str(work.root), *SMALLEST, "--max-batches", "2", "--json"]) == 0
    run = RunFolder.open(work.runs / json.loads(capsys.readouterr().out)["run"].rpartition("/")[2])
    alone = tmp_path / "somewhere else"
    shutil.copytree(run.path, alone)
    shutil.rmtree(work.root)
    (alone / "backup/net_final.weights").unlink()
    done = subprocess.run(["sh", str(alone / "train.sh")], cwd="/", env=os.environ, check=False, timeout=120)
    assert done.returncode == 0
    assert (alone / "backup/net_final.weights").is_file()
