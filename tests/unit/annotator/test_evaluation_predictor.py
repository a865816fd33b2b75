from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import evaluation_samples as samples
import numpy as np
import pytest
from darknet_support import write_weights

from annotator.darknet.network.cfg import parse_cfg, write_cfg
from annotator.darknet.network.presets import NETWORKS, build, parameter_count
from annotator.darknet.network.weights import WeightsError
from annotator.darknet.prediction.predictor import (
    Predictor,
    as_grey,
    darknet_resize,
    distance_exponent,
    network_input,
    open_run_predictor,
    suppress,
    to_picture,
)
from converters.errors import FormatError
from converters.images import RgbImage, encode_png


def make_predictor(folder: Path, *, letterbox: bool = False, **how: float | bool) -> Predictor:
    write_cfg(folder / "net.cfg", samples.cell_cfg())
    (folder / "net.weights").write_bytes(samples.cell_weights(**how))  # type: ignore[arg-type]
    return Predictor(folder / "net.cfg", folder / "net.weights", samples.CLASSES, letterbox=letterbox)


def plain_resize(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """The same rules as a loop over single float32 values."""
    one = np.float32(1)
    rows, columns, channels = pixels.shape
    across = np.zeros((rows, width, channels), np.float32)
    x_scale = np.float32(columns - 1) / np.float32(width - 1)
    y_scale = np.float32(rows - 1) / np.float32(height - 1)
    for c in range(width):
        if c == width - 1 or columns == 1:
            across[:, c] = pixels[:, columns - 1]
            continue
        place = np.float32(c) * x_scale
        left = int(place)
        part = place - np.float32(left)
        across[:, c] = (one - part) * pixels[:, left] + part * pixels[:, left + 1]
    out = np.zeros((height, width, channels), np.float32)
    for r in range(height):
        place = np.float32(r) * y_scale
        top = int(place)
        part = place - np.float32(top)
        out[r] = (one - part) * across[top]
        if r < height - 1 and rows > 1:
            out[r] += part * across[top + 1]
    return out


@pytest.mark.parametrize(
    "size",
    [((7, 5), (13, 11)), ((40, 31), (16, 24)), ((10, 1), (8, 8)), ((1, 10), (8, 8)), ((37, 53), (97, 29))],
)
def test_resize_equals_a_plain_loop(size: tuple[tuple[int, int], tuple[int, int]]) -> None:
    (columns, rows), (width, height) = size
    pixels = np.random.default_rng(columns).random((rows, columns, 3), dtype=np.float32)
    assert np.allclose(darknet_resize(pixels, width, height), plain_resize(pixels, width, height), atol=1e-6)


def test_last_row_is_darker_where_float32_rounds_its_place_down() -> None:
    # From 32 rows to 8 the last one lies at 30.999998, and is not blended with row 31.
    pixels = np.ones((32, 8, 3), np.float32)
    out = darknet_resize(pixels, 8, 8)
    assert np.allclose(out[:-1], 1)
    assert np.all(out[-1] < 0.001)


def test_resize_to_the_same_size_changes_nothing() -> None:
    pixels = np.random.default_rng(0).random((9, 12, 3), dtype=np.float32)
    assert np.array_equal(darknet_resize(pixels, 12, 9), pixels)


def test_letterbox_keeps_proportions_and_fills_with_grey() -> None:
    pixels = network_input(np.full((10, 20, 3), 255, np.uint8), 32, 32, letterbox=True)
    assert np.all(pixels[8:24] == 1)
    assert np.all(pixels[:8] == 0.5)
    assert np.all(pixels[24:] == 0.5)


def test_opencvs_resize_differs_from_darknets_at_the_edges() -> None:
    # Two columns to four: OpenCV's samples lie at -0.25, 0.25, 0.75, 1.25, Darknet's at 0, 1/3, 2/3, 1.
    rgb = np.zeros((4, 2, 3), np.uint8)
    rgb[:, 1] = 240
    opencv = network_input(rgb, 4, 4, letterbox=False, opencv_resize=True)
    assert opencv.dtype == np.float32
    assert np.allclose(opencv[0, :, 0] * 255, [0, 60, 180, 240])
    darknet = network_input(rgb, 4, 4, letterbox=False)
    assert np.allclose(darknet[0, :, 0] * 255, [0, 80, 160, 240])


def test_letterboxed_box_comes_back_to_the_picture() -> None:
    # 20 x 10 in 32 x 32: scaled by 1.6, 8 rows of grey above.
    network = np.array([[0.5, 0.5, 0.5, 0.25]], np.float32)
    assert np.allclose(to_picture(network, (20, 10), 32, 32, letterbox=True), [[5, 2.5, 15, 7.5]])
    assert np.allclose(to_picture(network, (20, 10), 32, 32, letterbox=False), [[5, 3.75, 15, 6.25]])


def test_suppress_keeps_the_surer_of_two_and_those_apart() -> None:
    edges = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [20, 0, 30, 10], [0, 0, 10, 4]], np.float32)
    assert suppress(edges, np.array([0.5, 0.9, 0.1, 0.2], np.float32), 0.45) == [1, 3, 2]


def test_suppress_by_distance_keeps_a_neighbour_that_overlaps_as_much() -> None:
    edges = np.array([[0, 0, 0.2, 0.2], [0.05, 0, 0.25, 0.2], [0.06, 0, 0.26, 0.2]], np.float32)
    confidence = np.array([0.9, 0.5, 0.5], np.float32)
    assert suppress(edges, confidence, 0.45) == [0]  # IoU 0.600 and 0.538
    # Less 0.108 = (0.0025 / 0.1025) ** 0.6 and 0.130 = (0.0036 / 0.1076) ** 0.6.
    assert suppress(edges, confidence, 0.45, 0.6) == [0, 2]
    twice = edges[[0, 0]]
    assert suppress(twice, confidence[:2], 0.45, 0.6) == [0]
    point = np.zeros((2, 4), np.float32)
    assert suppress(point, confidence[:2], 0.45, 0.6) == [0, 1]


@pytest.mark.parametrize(
    ("options", "exponent"),
    [
        ("", None),
        ("nms_kind=default", None),
        ("nms_kind=greedynms\nbeta_nms=0.9", 0.6),
        ("nms_kind=diounms\nbeta_nms=0.9", 0.9),
        ("nms_kind=diounms", 0.6),
    ],
)
def test_the_last_detection_layer_says_how_to_suppress(options: str, exponent: float | None) -> None:
    cfg = parse_cfg(f"[net]\n[yolo]\nnms_kind=cornersnms\n[yolo]\n{options}\n")
    assert distance_exponent(cfg) == exponent


def test_yolov4_suppresses_by_distance_and_yolov3_does_not() -> None:
    size = {"classes": 3, "width": 64, "height": 64, "batch": 4, "subdivisions": 1, "max_batches": 10}
    networks = {"yolov3-tiny": None, "yolov4-tiny": 0.6, "yolov4": 0.6}
    found = {name: distance_exponent(build(name, dialect="alexeyab", **size)) for name in networks}  # type: ignore[arg-type]
    assert found == networks


@pytest.mark.parametrize("letterbox", [False, True])
def test_predicts_what_the_network_was_written_for(tmp_path: Path, letterbox: bool) -> None:
    predictor = make_predictor(tmp_path, letterbox=letterbox)
    found = predictor.predict(samples.picture("r....d.......g.."), threshold=0.3)
    assert [box.label for box in found] == ["mask", "no_mask", "mask"]
    for box, index in zip(found, (0, 13, 5), strict=True):
        assert np.allclose(box.xyxy, samples.cell_box(index, "").xyxy, atol=0.01)
    assert found[0].confidence == pytest.approx(1, abs=1e-3)
    assert found[2].confidence == pytest.approx(1 / (1 + np.exp(10 - 20 * 120 / 255)), abs=1e-3)


def test_letter_box_in_the_cfg_keeps_proportions_whatever_the_darknet(tmp_path: Path) -> None:
    (tmp_path / "net.weights").write_bytes(samples.cell_weights())
    cfg = samples.cell_cfg()
    tall = np.zeros((64, 32, 3), np.uint8)
    tall[16:32, 8:24] = (255, 0, 0)  # a cell of the input once the picture is scaled by a half
    found = []
    for letter_box in (0, 1):
        write_cfg(tmp_path / "net.cfg", cfg.with_net(letter_box=letter_box))
        files = tmp_path / "net.cfg", tmp_path / "net.weights"
        predictor = Predictor(*files, samples.CLASSES, letterbox=False)
        assert predictor.letterbox is bool(letter_box)
        found.append(predictor.predict(tall, threshold=0.4))
    assert [box.label for box in found[1]][:1] == ["mask"]
    assert found[0] != found[1]


def test_low_confidences_are_not_lost(tmp_path: Path) -> None:
    predictor = make_predictor(tmp_path, gain=8.0)
    found = predictor.predict(samples.picture("................"))
    # Objectness of a black cell is sigmoid(-4) = 0.018, each class half of it.
    assert len(found) == 32
    assert {round(box.confidence or 0, 3) for box in found} == {0.009}


def test_boxes_are_clipped_unless_asked_otherwise(tmp_path: Path) -> None:
    cfg = samples.cell_cfg().with_detectors(anchors="12,12")
    write_cfg(tmp_path / "net.cfg", cfg)
    (tmp_path / "net.weights").write_bytes(samples.cell_weights())
    predictor = Predictor(tmp_path / "net.cfg", tmp_path / "net.weights", samples.CLASSES, letterbox=False)
    rgb = samples.picture("r...............")
    assert predictor.predict(rgb, threshold=0.5)[0].xyxy == pytest.approx((0, 0, 10, 10), abs=1e-4)
    whole = predictor.predict(rgb, threshold=0.5, clipped=False)[0]
    assert whole.xyxy == pytest.approx((-2, -2, 10, 10), abs=1e-4)


def test_non_ascii_paths_and_comments_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "маски ü"
    folder.mkdir()
    text = samples.cell_cfg().render().replace("[net]", "# a comment\n[network]\n; another")
    (folder / "сеть.cfg").write_text(text, encoding="utf-8")
    (folder / "вес.weights").write_bytes(samples.cell_weights())
    predictor = Predictor(folder / "сеть.cfg", folder / "вес.weights", samples.CLASSES, letterbox=True)
    assert len(predictor.predict(samples.picture("r..............."), threshold=0.5)) == 1


def test_weights_that_are_no_numbers_find_nothing(tmp_path: Path) -> None:
    predictor = make_predictor(tmp_path, scale=float("nan"))
    assert predictor.predict(samples.picture("rrrrrrrrgggggggg")) == ()


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (None, "weights-missing", "missing"),
        (b"", "weights-empty", "empty"),
        (b"\0" * 9, "weights-empty", "cut short"),
        (samples.cell_weights()[:-4], "weights-mismatch", "holds 615 numbers, but this network needs 616"),
        (samples.cell_weights()[:-2], "weights-mismatch", "holds 615.5 numbers"),
        (samples.cell_weights() + b"1234", "weights-mismatch", "holds 617 numbers"),
    ],
)
def test_weights_of_no_use_are_refused(tmp_path: Path, content: bytes | None, code: str, words: str) -> None:
    write_cfg(tmp_path / "net.cfg", samples.cell_cfg())
    path = tmp_path / "net.weights"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match=words) as caught:
        Predictor(tmp_path / "net.cfg", path, samples.CLASSES, letterbox=True)
    assert (caught.value.code, caught.value.path) == (code, path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[yolo]", "[softmax]", "no .yolo. or .region. section"),
        ("classes=2", "classes=3", "classes=3, but there are 2 class names"),
        ("size=8", "size=eight", "not a whole number"),
        ("width=32", "depth=32", "needs width and height"),
        ("activation=linear", "activation=wobble", "nothing like activation=wobble"),
    ],
)
def test_broken_cfg_is_a_sentence(tmp_path: Path, old: str, new: str, words: str) -> None:
    (tmp_path / "net.cfg").write_text(samples.cell_cfg().render().replace(old, new))
    (tmp_path / "net.weights").write_bytes(samples.cell_weights())
    with pytest.raises(FormatError, match=words) as caught:
        Predictor(tmp_path / "net.cfg", tmp_path / "net.weights", samples.CLASSES, letterbox=True)
    assert caught.value.path == tmp_path / "net.cfg"


def random_weights(parameters: int, cfg_layers: list[tuple[int, int, bool]], seed: int) -> bytes:
    """Weights that keep the activations in range; each layer: (filters, inputs, normalised)."""
    generator = np.random.default_rng(seed)
    parts: list[np.ndarray] = []
    for filters, inputs, normalised in cfg_layers:
        parts.append(generator.normal(0, 0.3, filters))
        if normalised:
            parts += [generator.uniform(0.5, 1.5, filters), generator.normal(0, 0.1, filters)]
            # Some variances are tiny, as early in a training: there the epsilon shows.
            variance = generator.choice([1e-4, 0.3, 1.0], filters, p=[0.1, 0.4, 0.5])
            parts.append(variance)
            spread = np.sqrt(variance)[:, None]
            parts[-2] *= spread[:, 0]
        else:
            spread = np.full((filters, 1), 0.7)
        parts.append((generator.normal(0, 1, (filters, inputs)) * spread / np.sqrt(inputs)).ravel())
    floats = np.concatenate(parts).astype("<f4")
    assert len(floats) == parameters
    return np.array([0, 2, 5, 0, 0], dtype="<i4").tobytes() + floats.tobytes()


@pytest.mark.parametrize(("network", "size"), [(name, 64) for name in NETWORKS if NETWORKS[name].dialects])
def test_networks_of_this_program_can_be_read(tmp_path: Path, network: str, size: int) -> None:
    from annotator.darknet.network.blocks import layers, parameter_count

    cfg = build(
        network,
        classes=2,
        width=size,
        height=size,
        batch=4,
        subdivisions=1,
        max_batches=10,
        dialect="alexeyab",
    )
    write_cfg(tmp_path / "net.cfg", cfg)
    shapes = [
        (layer.filters, layer.size**2 * layer.input[2], "batch_normalize" in part)
        for layer, part in zip(layers(cfg), cfg.layer_sections, strict=True)
        if layer.kind == "convolutional"
    ]
    (tmp_path / "net.weights").write_bytes(random_weights(parameter_count(cfg), shapes, 3))
    predictor = Predictor(tmp_path / "net.cfg", tmp_path / "net.weights", samples.CLASSES, letterbox=False)
    rgb = np.random.default_rng(1).integers(0, 255, (50, 70, 3)).astype(np.uint8)
    found = predictor.predict(rgb)
    assert found
    assert all(0 <= box.xyxy[0] < box.xyxy[2] <= 70 and 0 <= box.xyxy[1] < box.xyxy[3] <= 50 for box in found)


def test_run_predictor_takes_the_final_weights_and_the_runs_resize(tmp_path: Path) -> None:
    run = samples.make_run(tmp_path / "work")
    with pytest.raises(WeightsError, match="no whole weights in this run yet"):
        open_run_predictor(run)
    samples.add_weights(run, "net_100.weights", 100)
    final = samples.add_weights(run, "net_final.weights", 400)
    predictor = open_run_predictor(run)
    assert predictor.weights == final
    assert predictor.letterbox is True


@pytest.mark.parametrize(("dialect", "opencv"), [("alexeyab", False), ("hank", True)])
def test_run_predictor_resizes_as_the_runs_darknet_measures(
    tmp_path: Path, dialect: str, opencv: bool
) -> None:
    run = samples.make_run(tmp_path / "work")
    run.update(letterbox=False, darknet={"path": "/opt/darknet", "dialect": dialect, "version": ""})
    samples.add_weights(run, "net_final.weights", 400)
    predictor = open_run_predictor(run)
    assert (predictor.letterbox, predictor.opencv_resize) == (False, opencv)


# ---- against a real Darknet --------------------------------------------------------------------------

SMALL_CFG = """[net]
batch=1
subdivisions=1
width=96
height=64
channels=3

[convolutional]
batch_normalize=1
filters=8
size=3
stride=1
pad=1
activation=leaky

[maxpool]
size=2
stride=2

[convolutional]
batch_normalize=1
filters=16
size=3
stride=2
pad=1
activation=leaky

[maxpool]
size=2
stride=2

[maxpool]
size=2
stride=1

[convolutional]
filters=21
size=1
stride=1
pad=1
activation=linear

[yolo]
mask=0,1,2
anchors=12,14, 20,30, 44,25, 50,50
classes=2
num=4

[route]
layers=-3

[upsample]
stride=2

[route]
layers=-1,2

[convolutional]
filters=7
size=1
stride=1
pad=1
activation=linear

[yolo]
mask=3
anchors=12,14, 20,30, 44,25, 50,50
classes=2
num=4
"""


REGION_CFG = """[net]
batch=1
subdivisions=1
width=96
height=64
channels=3

[convolutional]
batch_normalize=1
filters=8
size=3
stride=2
pad=1
activation=leaky

[convolutional]
batch_normalize=1
filters=16
size=3
stride=2
pad=1
activation=leaky

[route]
layers=-2

[reorg]
stride=2

[route]
layers=-1,-3

[convolutional]
filters=21
size=1
stride=1
pad=1
activation=linear

[region]
anchors=0.6,0.7, 1.5,2.5, 3.3,1.8
bias_match=1
classes=2
coords=4
num=3
softmax=1
absolute=1
thresh=.6
random=0
"""


@pytest.mark.darknet
@pytest.mark.skipif(shutil.which("darknet") is None, reason="Debian's darknet is not installed")
@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        (SMALL_CFG, [(8, 27, True), (16, 72, True), (21, 16, False), (7, 32, False)]),
        (REGION_CFG, [(8, 27, True), (16, 72, True), (21, 48, False)]),
    ],
    ids=["yolo", "region"],
)
def test_boxes_and_confidences_are_those_of_a_real_darknet(
    tmp_path: Path, text: str, shapes: list[tuple[int, int, bool]]
) -> None:
    parameters = sum(filters * (inputs + (4 if normal else 1)) for filters, inputs, normal in shapes)
    (tmp_path / "net.cfg").write_text(text)
    (tmp_path / "net.weights").write_bytes(random_weights(parameters, shapes, 11))
    (tmp_path / "obj.names").write_text("mask\nno_mask\n")
    (tmp_path / "obj.data").write_text("classes=2\nvalid=val.txt\nnames=obj.names\n")
    (tmp_path / "results").mkdir()
    pictures = _random_pictures(tmp_path)
    (tmp_path / "val.txt").write_text("".join(f"{path}\n" for path in pictures))
    command = ["darknet", "detector", "valid", "obj.data", "net.cfg", "net.weights"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr

    predictor = Predictor(tmp_path / "net.cfg", tmp_path / "net.weights", samples.CLASSES, letterbox=True)
    compared = 0
    for label in samples.CLASSES:
        lines = (tmp_path / f"results/comp4_det_test_{label}.txt").read_text().splitlines()
        for path, rgb in pictures.items():
            real = np.array([line.split()[1:] for line in lines if line.split()[0] == path.stem], float)
            ours = _as_darknet_writes_it(predictor, rgb, label)
            assert ours.shape == real.shape
            # Each its own: the file has six digits, which do not tell the order of near ties.
            apart = np.abs(ours[:, None] - real[None]) / (1e-4, 0.02, 0.02, 0.02, 0.02)
            nearest = apart.max(axis=2).argmin(axis=1)
            assert sorted(nearest) == list(range(len(real)))
            assert apart.max(axis=2).min(axis=1).max() < 1
            compared += len(real)
    assert compared > 100


def _random_pictures(folder: Path) -> dict[Path, RgbImage]:
    """Noise everywhere: on flat ground neighbouring cells tie, and which of them NMS keeps is chance."""
    generator = np.random.default_rng(4)
    pictures: dict[Path, RgbImage] = {}
    for index, (width, height) in enumerate([(96, 64), (131, 76), (110, 87), (40, 30)]):
        coarse = generator.integers(0, 200, (6, 6, 3))
        smooth = np.kron(coarse, np.ones((height // 6 + 1, width // 6 + 1, 1), int))[:height, :width]
        rgb = (smooth + generator.integers(0, 55, (height, width, 3))).astype(np.uint8)
        path = folder / f"p{index}.png"
        path.write_bytes(encode_png(rgb))
        pictures[path] = rgb
    return pictures


def _as_darknet_writes_it(predictor: Predictor, rgb: RgbImage, label: str) -> np.ndarray:
    """Confidence and edges counted from 1, limited to the picture on the one side Darknet looks at."""
    height, width = rgb.shape[:2]
    rows = [
        (
            box.confidence,
            max(1, box.xyxy[0] + 1),
            max(1, box.xyxy[1] + 1),
            min(width, box.xyxy[2] + 1),
            min(height, box.xyxy[3] + 1),
        )
        for box in predictor.predict(rgb, clipped=False)
        if box.label == label
    ]
    return np.array(rows, float)


def test_a_network_for_grey_pictures_gets_them_in_grey(tmp_path: Path):
    cfg = build(
        "yolov4-tiny",
        classes=2,
        width=32,
        height=32,
        channels=1,
        batch=2,
        subdivisions=1,
        max_batches=9,
        dialect="alexeyab",
    )
    write_cfg(tmp_path / "net.cfg", cfg)
    write_weights(tmp_path / "net.weights", 2, parameter_count(cfg), value=0.01)
    found = Predictor(tmp_path / "net.cfg", tmp_path / "net.weights", ("a", "b"), letterbox=False)
    rgb = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    grey = as_grey(rgb)
    assert grey[0, 0, 0] == (77 * int(rgb[0, 0, 0]) + 150 * int(rgb[0, 0, 1]) + 29 * int(rgb[0, 0, 2])) >> 8
    assert found.predict(rgb, threshold=0.0) == found.predict(grey, threshold=0.0) != ()
