"""Memory is counted array by array; the speeds come back out of the lines that were laid through them."""

from __future__ import annotations

import pytest

from annotator.darknet.network.blocks import layers
from annotator.darknet.network.cfg import parse_cfg
from annotator.darknet.network.costs import (
    CONTEXT_BYTES,
    DEVICES,
    fitting_subdivisions,
    training_memory,
    training_seconds,
)
from annotator.darknet.network.presets import build

SMALL = """[net]
width=32
height=64
channels=3
batch=8
subdivisions=2
[convolutional]
batch_normalize=1
filters=10
size=3
stride=1
pad=1
activation=mish
[maxpool]
size=2
stride=2
[convolutional]
filters=24
size=1
activation=linear
[yolo]
mask=0,1,2
anchors=1,1,2,2,3,3
classes=3
random=0
"""


def network(name: str, size: int = 416, **changes: int):
    numbers = {"batch": 64, "subdivisions": 16, "max_batches": 6400} | changes
    return build(name, classes=3, width=size, height=size, dialect="alexeyab", **numbers)


def device(name: str):
    return next(item for item in DEVICES if item.name.startswith(name))


def test_each_array_of_a_small_network_is_counted():
    memory = training_memory(parse_cfg(SMALL))
    pixels = 32 * 64
    first = 4 * 10 * pixels  # output, delta, before normalisation, before mish
    pooled = 3 * 10 * pixels // 4  # output, delta, and where the largest was
    last = 2 * 24 * pixels // 4
    assert memory.mini_batch == 4
    assert memory.activations == 4 * 4 * (3 * pixels + first + pooled + last + 3 * 24 * pixels // 4)
    assert memory.weights == 4 * 2 * ((3 * 3 * 3 + 4) * 10 + (10 + 1) * 24)
    assert memory.workspace == 4 * 9 * 3 * pixels
    assert memory.total == memory.activations + memory.weights + memory.workspace + CONTEXT_BYTES


def test_random_sizes_take_the_memory_of_the_largest():
    usual = training_memory(parse_cfg(SMALL)).activations
    larger = training_memory(parse_cfg(SMALL.replace("random=0", "random=1"))).activations
    assert larger == usual * 3 // 2  # 32 x 64 becomes 32 x 96


def test_more_subdivisions_need_less_memory_and_the_fewest_that_fit_are_found():
    cfg = network("yolov4")
    parts = fitting_subdivisions(cfg, 8_000_000_000)
    assert parts is not None
    assert training_memory(cfg.with_net(subdivisions=parts)).most <= 8_000_000_000
    assert training_memory(cfg.with_net(subdivisions=parts // 2)).most > 8_000_000_000
    assert fitting_subdivisions(cfg, 600_000_000) is None


@pytest.mark.parametrize(
    ("size", "subdivisions", "cards", "too_small"),
    [
        (608, 64, (8, 11), ()),  # reported to train on them
        (608, 32, (), (8, 11)),  # reported to run out of memory on them
        (512, 8, (32,), (16, 24)),
        (512, 16, (16, 24), (12,)),
        (512, 32, (12,), (6,)),
    ],
)
def test_memory_of_yolov4_with_random_sizes_is_what_people_report(size, subdivisions, cards, too_small):
    cfg = network("yolov4", size).with_net(batch=64, subdivisions=subdivisions).with_detectors(random=1)
    memory = training_memory(cfg)
    assert memory.total < memory.most
    assert all(memory.most <= card * 1e9 for card in cards)
    assert all(memory.most > card * 1e9 for card in too_small)


@pytest.mark.parametrize(
    ("name", "network_name", "size", "measured"),
    [
        ("Tesla V100", "yolov4", 608, 62),
        ("Tesla V100", "yolov4", 416, 96),
        ("GeForce RTX 2080", "yolov4", 320, 100),
        ("GeForce RTX 2080", "yolov4-tiny", 416, 443),
        ("GeForce RTX 2070", "yolov4", 512, 45),
        ("Tesla K80", "yolov4", 416, 30.3),
        ("Jetson Nano, by", "yolov4", 416, 5.2),
        ("Jetson Nano, as", "yolov4-tiny", 416, 25),
        ("Laptop, Core i7-7700HQ, Darknet", "yolov4-tiny", 416, 3.4),
    ],
)
def test_the_published_speeds_come_back(name, network_name, size, measured):
    speed = 1 / device(name).seconds(layers(network(network_name, size)))
    assert speed == pytest.approx(measured, rel=0.06)


def test_the_studys_training_takes_its_sixteen_hours():
    assert training_seconds(network("yolov4"), device("Tesla K80")) / 3600 == pytest.approx(16, rel=0.05)


def test_the_faster_card_stays_the_faster_one_with_a_small_network():
    table = layers(network("yolov3-tiny", 96))
    cards = [item for item in DEVICES if not item.name.startswith("Laptop")]
    assert [item.name for item in sorted(cards, key=lambda item: item.seconds(table))] == [
        item.name for item in cards
    ]
