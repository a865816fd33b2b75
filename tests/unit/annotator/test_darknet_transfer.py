"""Weights of other classes and other networks: what is kept, number for number, and how Darknet takes it."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
from darknet_support import make_work, needs_darknet, write_weights

from annotator.darknet.cli import main
from annotator.darknet.network.blocks import layers, parameter_count
from annotator.darknet.network.cfg import write_cfg
from annotator.darknet.network.coco_names import COCO_NAMES
from annotator.darknet.network.presets import build
from annotator.darknet.network.transfer import find_fit, names_beside, write_fitted
from annotator.darknet.network.weights import read_weights_header
from annotator.darknet.run.folder import RunFolder
from converters.errors import FormatError, WriteError

NAMES = ("mask", "no_mask", "chin_diaper")


def network(name="yolov3-tiny", classes=3, dialect="alexeyab"):
    return build(
        name, classes=classes, width=64, height=64, batch=4, subdivisions=1, max_batches=200, dialect=dialect
    )


def make_weights(path, cfg, names=None, count=None):
    """Random weights, each number another; the names beside them."""
    count = parameter_count(cfg) if count is None else count
    write_weights(path, 6400, 0)
    with path.open("ab") as file:
        np.random.default_rng(1).normal(0, 0.05, count).astype("<f4").tofile(file)
    if names is not None:
        path.with_suffix(".names").write_text("".join(f"{name}\n" for name in names))
    return path


def by_layer(path, cfg):
    """The numbers of each layer that has some."""
    values, found, place = np.fromfile(path, "<f4", offset=20), {}, 0
    for layer in layers(cfg):
        found[layer.index] = values[place : place + layer.parameters]
        place += layer.parameters
    assert place == len(values), "as long as the network"
    return found


def rows(numbers, boxes, classes):
    """A head's bias and kernel of each row: boxes, rows, numbers."""
    filters = boxes * (5 + classes)
    joined = np.concatenate([numbers[:filters, None], numbers[filters:].reshape(filters, -1)], axis=1)
    return joined.reshape(boxes, 5 + classes, -1)


HEADS = (15, 22)


def test_classes_are_found_by_their_names(tmp_path):
    source, target = network(classes=3), network(classes=4)
    path = make_weights(tmp_path / "old.weights", source, NAMES)
    names = ("No-Mask", "hat", "mask", "scarf")
    fit = find_fit(path, target, names)
    assert (fit.kind, fit.kept, fit.new) == ("mapped", ("No-Mask", "mask"), ("hat", "scarf"))
    assert fit.left_out == ("chin_diaper",)
    write_fitted(path, target, fit, tmp_path / "new.weights")
    assert read_weights_header(tmp_path / "new.weights").seen == 0
    old, new = by_layer(path, source), by_layer(tmp_path / "new.weights", target)
    for index, numbers in new.items():
        if index not in HEADS:
            np.testing.assert_array_equal(numbers, old[index])
            continue
        before, after = rows(old[index], 3, 3), rows(numbers, 3, 4)
        np.testing.assert_array_equal(after[:, :5], before[:, :5])  # box and objectness
        np.testing.assert_array_equal(after[:, 5], before[:, 6])
        np.testing.assert_array_equal(after[:, 7], before[:, 5])
        limit = (2 / (after.shape[2] - 1)) ** 0.5  # make_convolutional_layer's, for a 1 x 1 kernel
        for fresh in (after[:, 6], after[:, 8]):
            assert not fresh[:, 0].any() and 0 < np.abs(fresh[:, 1:]).max() <= limit
    again = tmp_path / "again.weights"
    write_fitted(path, target, fit, again)
    assert again.read_bytes() == (tmp_path / "new.weights").read_bytes()


def test_without_a_class_in_common_the_heads_begin_anew(tmp_path):
    source, target = network(classes=80), network(classes=2)
    path = make_weights(tmp_path / "coco.weights", source)
    assert names_beside(path, 80) == COCO_NAMES and len(set(COCO_NAMES)) == 80
    fit = find_fit(path, target, ("mask", "no_mask"))
    assert (fit.kind, fit.trained) == ("heads-new", COCO_NAMES)
    write_fitted(path, target, fit, tmp_path / "new.weights")
    old, new = by_layer(path, source), by_layer(tmp_path / "new.weights", target)
    assert all(np.array_equal(new[index], old[index]) for index in new if index not in HEADS)
    assert all(not new[head][: 3 * 7].any() for head in HEADS)
    assert find_fit(path, target, ("person", "mask")).kept == ("person",)


def test_another_network_gives_the_layers_both_begin_with(tmp_path):
    source, target = network("yolov4-tiny"), network("yolov4-tiny-3l", classes=2)
    path = make_weights(tmp_path / "tiny.weights", source, NAMES)
    fit = find_fit(path, target, ("mask", "no_mask"))
    assert (fit.kind, fit.title, fit.layers) == ("cut", "yolov4-tiny", 29), "as the published …conv.29"
    write_fitted(path, target, fit, tmp_path / "new.weights")
    old, new = by_layer(path, source), by_layer(tmp_path / "new.weights", target)
    assert all(np.array_equal(new[index], old[index]) for index in range(29))
    assert not np.array_equal(new[29][:20], old[29][:20])
    normalised = next(layer for layer in layers(target)[30:] if layer.kind == "convolutional")
    beginning = new[normalised.index][: 4 * normalised.filters].reshape(4, -1)
    assert (beginning[1] == 1).all() and not beginning[[0, 2, 3]].any()


def test_first_layers_become_a_whole_file(tmp_path):
    target = network("yolov4-tiny")
    count = sum(layer.parameters for layer in layers(target)[:29])
    path = make_weights(tmp_path / "yolov4-tiny.conv.29", target, count=count)
    fit = find_fit(path, target, NAMES)
    assert (fit.kind, fit.layers, fit.is_ready) == ("first-layers", 29, False)
    write_fitted(path, target, fit, tmp_path / "new.weights")
    values = np.fromfile(tmp_path / "new.weights", "<f4", offset=20)
    assert len(values) == parameter_count(target)
    np.testing.assert_array_equal(values[:count], np.fromfile(path, "<f4", offset=20))


def test_a_cfg_beside_the_file_is_read(tmp_path):
    source = network("yolov4-tiny")
    odd = source.sections[:12]
    other = type(source)((*odd, *odd[-2:]))
    path = make_weights(tmp_path / "own.weights", other)
    target = network("yolov4-tiny", classes=2)
    with pytest.raises(FormatError, match="shares no layers"):
        find_fit(path, target, ("a", "b"))
    write_cfg(tmp_path / "own.cfg", other)
    fit = find_fit(path, target, ("a", "b"))
    assert (fit.kind, fit.title) == ("cut", "own.cfg") and fit.layers >= 10


def test_what_cannot_be_used_is_refused(tmp_path):
    target = network()
    path = make_weights(tmp_path / "whole.weights", target, NAMES)
    assert find_fit(path, target, NAMES).kind == "same"
    assert find_fit(path, target, ("a", "b", "c"), trained=("a", "b", "c")).kind == "same"
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(FormatError, match="cut short"):
        find_fit(path, target, NAMES)
    whole = make_weights(tmp_path / "other.weights", network(classes=5))
    fit = find_fit(whole, target, NAMES)
    with pytest.raises(WriteError):
        write_fitted(whole, target, fit, tmp_path / "missing" / "x.weights")


@pytest.mark.darknet
def test_a_real_darknet_finds_the_same_with_the_classes_in_another_order(tmp_path):
    darknet = needs_darknet()
    work = make_work(tmp_path / "work")
    cfg = network(classes=2, dialect=darknet.dialect)
    write_cfg(tmp_path / "net.cfg", cfg)
    (tmp_path / "results").mkdir()
    make_weights(tmp_path / "old.weights", cfg, ("mask", "no_mask"))
    sound = np.fromfile(tmp_path / "old.weights", "<f4")
    place = 5
    for layer, part in zip(layers(cfg), cfg.layer_sections, strict=True):
        if "batch_normalize" in part:
            n = layer.filters
            sound[place + n : place + 2 * n] = sound[place + 3 * n : place + 4 * n] = 1  # scale, variance
        place += layer.parameters
    sound.tofile(tmp_path / "old.weights")
    swapped = ("no_mask", "mask")
    write_fitted(
        tmp_path / "old.weights",
        cfg,
        find_fit(tmp_path / "old.weights", cfg, swapped),
        tmp_path / "new.weights",
    )
    pictures = [f"{work.obj / f'p{number}.png'}\n" for number in range(6)]  # fewer than its threads crash it
    (tmp_path / "list.txt").write_text("".join(pictures))
    found = {}
    for which, names in (("old", ("mask", "no_mask")), ("new", swapped)):
        (tmp_path / f"{which}.list").write_text("".join(f"{name}\n" for name in names))
        (tmp_path / f"{which}.data").write_text(
            f"classes=2\ntrain=list.txt\nvalid=list.txt\nnames={which}.list\nbackup=.\n"
        )
        command = [darknet.path, "detector", "valid", f"{which}.data", "net.cfg", f"{which}.weights"]
        subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, check=True)
        found[which] = {
            name: sorted((tmp_path / "results" / f"comp4_det_test_{name}.txt").read_text().splitlines())
            for name in names
        }
    assert found["old"]["mask"] and found["old"] == found["new"]


@pytest.mark.darknet
def test_a_real_training_from_weights_of_other_classes(tmp_path, capsys):
    needs_darknet()
    work = make_work(tmp_path / "work")
    weights = make_weights(tmp_path / "coco.weights", network(classes=80))
    arguments = ["run", str(work.root), "--network", "yolov3-tiny", "--width", "64", "--height", "64"]
    arguments += ["--batch", "4", "--subdivisions", "1", "--max-batches", "2", "--weights", str(weights)]
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert "all but the last layers are taken" in said.err
    run = RunFolder.open(next(work.runs.glob("2*")))
    assert read_weights_header(run.path / "start.weights").parameters == parameter_count(run.read_cfg())
    assert run.newest_weights().iteration == 2
    assert read_weights_header(weights).seen == 6400, "the person's file is as it was"
