from __future__ import annotations

import math
import os
import random
import re
from pathlib import Path

import pytest
from darknet_support import LOGS, needs_shared
from hypothesis import given
from hypothesis import strategies as st

from annotator.darknet.program.events import Iteration, Loaded, MapBlock, Problem, WeightsSaved
from annotator.darknet.program.parser import MAX_LINE, OutputParser, plain_text
from annotator.darknet.training.following import Stream

ALEXEYAB = (
    "Loaded: 0.000111 seconds\n\n (next mAP calculation at 300 iterations) \n"
    " Last accuracy mAP@0.50 = 0.36 %, best = 0.36 % "
    "\x1b[H\x1b[J201/300: loss=1.7 map=0.00 best=0.00 hours left=0.1\x07\n"
    " 201: 1.712845, 1.150393 avg loss, 0.001000 rate, 2.804713 seconds, 1608 images, 0.132009 hours left\n"
)
PJREDDIE = (
    "Loaded: 0.000120 seconds\r\n"
    "Region 16 Avg IOU: -nan, Class: -nan, Obj: -nan, No Obj: 0.411795, .5R: -nan, .75R: -nan,  count: 0\r\n"
    "2: 25.472908, 34.514431 avg, 0.000002 rate, 2.135186 seconds, 8 images\r\n"
    "Saving weights to backup//yolov3-tiny-obj.backup\r\n"
)
HANK = (
    "\x1b]2;1/110: loss=18.3 time=3.6 minutes\x07\x1b[1;37m1\x1b[0m: loss=\x1b[0;36m18.282\x1b[0m, "
    "avg loss=\x1b[0;36m18.282\x1b[0m, last=\x1b[0mnone\x1b[0m, best=\x1b[0mnone\x1b[0m, mAP=100, "
    "rate=0.00000010, load 8=297.3 milliseconds, train=2.7 seconds, 8 images, time remaining=3.6 minutes\n"
    "105: loss=nan, avg loss=nan, last=0.00%, best=0.00%, mAP=200, rate=0.00001000, load 8=180.5 "
    "milliseconds, train=965.1 milliseconds, 840 images, time remaining=14 seconds\n"
    "Saving weights to \x1b[1;35mbackup//yolov4-tiny-obj_best.weights\x1b[0m\n"
)
ALEXEYAB_MAP = (
    " detections_count = 8, unique_truth_count = 6  \n"
    " rank = 0 of ranks = 8 \rclass_id = 0, name = mask, ap = 100.00%   \t (TP = 2, FP = 0) \n"
    "class_id = 1, name = no mask, ap = 50.50%   \t (TP = 1, FP = 3) \n\n"
    " for conf_thresh = 0.25, precision = -nan, recall = 0.00, F1-score = -nan \n"
    " for conf_thresh = 0.25, TP = 6, FP = 0, FN = 21, average IoU = 97.49 % \n\n"
    " IoU threshold = 75 %, used Area-Under-Curve for each unique Recall \n"
    " mean average precision (mAP@0.75) = 0.752500, or 75.25 % \n\n"
    " mean_average_precision (mAP@0.75) = 0.752500 \n"
)
HANK_MAP = (
    "detections_count=12, unique_truth_count=6\n\rrank=0 of ranks=12\n"
    "  Id Name                       AP      TP      FP      FN      GT       F1   AvgIoU\n"
    "  -- -------------------- -------- ------- ------- ------- ------- -------- --------\n"
    "   0 mask                 100.0000       2       0       0       2 100.0000  97.8867\n"
    "   1 a rather long class+  50.0000       1       3       1       2  40.0000  94.7238\n\n"
    "-> for conf_thresh=0.250000, precision=1.000000, recall=1.000000, F1 score=1.000000\n"
    "-> for conf_thresh=0.250000, TP=6, FP=0, FN=0, average IoU=97.139244%\n"
    "-> IoU threshold=50.000000%, used area-under-curve for each unique recall\n"
    "-> mean average precision (mAP@0.50)=75.00%\n"
)


def parse(*pieces: str) -> list:
    events: list = []
    parser = OutputParser(events.append)
    for piece in pieces:
        parser.feed(piece)
    parser.close()
    return events


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def test_alexeyab_s_iteration():
    assert parse(ALEXEYAB) == [
        Loaded(300),
        Iteration(201, 1.712845, 1.150393, 0.001, 2.804713, 1608, 0.132009),
    ]


def test_pjreddie_s_iteration_and_save():
    assert parse(PJREDDIE) == [
        Iteration(2, 25.472908, 34.514431, 0.000002, 2.135186, 8, None),
        WeightsSaved("backup//yolov3-tiny-obj.backup", 2),
    ]


def test_hank_ai_s_iteration_in_colours_and_without_a_number():
    events = parse(HANK)
    first, second = of(Iteration, events)
    assert first == Iteration(1, 18.282, 18.282, 1e-7, 2.7, 8, pytest.approx(0.06))
    assert math.isnan(second.loss)
    assert second.seconds == pytest.approx(0.9651)
    assert second.hours_left == pytest.approx(14 / 3600)
    assert [problem.code for problem in of(Problem, events)] == ["nan"]
    assert events[0] == Loaded(110)
    assert events[-1] == WeightsSaved("backup//yolov4-tiny-obj_best.weights", 105)


def test_hours_left_of_minus_one_is_unknown():
    text = " 1: 19.1, -nan avg loss, 0.000000 rate, 2.2 seconds, 8 images, -1.000000 hours left\n"
    (event,) = parse(text)
    assert event.hours_left is None
    assert math.isnan(event.avg_loss)


def test_alexeyab_s_map():
    (block,) = parse(ALEXEYAB_MAP)
    assert isinstance(block, MapBlock)
    assert (block.mean_ap, block.iou, block.confidence) == (0.7525, 0.75, 0.25)
    assert [(c.class_id, c.name, c.ap, c.tp, c.fp) for c in block.classes] == [
        (0, "mask", 1.0, 2, 0),
        (1, "no mask", 0.505, 1, 3),
    ]
    assert (block.tp, block.fp, block.fn, block.detections, block.truths) == (6, 0, 21, 8, 6)
    assert block.average_iou == pytest.approx(0.9749)
    assert math.isnan(block.precision)


def test_hank_ai_s_map():
    (block,) = parse(HANK_MAP)
    assert (block.mean_ap, block.iou, block.precision, block.f1) == (0.75, 0.5, 1.0, 1.0)
    assert [(c.class_id, c.name, c.ap, c.tp, c.fp) for c in block.classes] == [
        (0, "mask", 1.0, 2, 0),
        (1, "a rather long class+", 0.5, 1, 3),
    ]
    assert (block.tp, block.fp, block.fn, block.detections, block.truths) == (6, 0, 0, 12, 6)


def test_two_maps_do_not_mix():
    first, second = parse(ALEXEYAB_MAP + HANK_MAP)
    assert len(first.classes) == len(second.classes) == 2


@pytest.mark.parametrize(
    ("line", "code", "fatal", "words"),
    [
        ('Cannot load image "data/obj/a.png"', "image-unreadable", False, "data/obj/a.png"),
        ("Cannot load image data/obj/a.png", "image-unreadable", False, "data/obj/a.png"),
        (
            '* Error message:  \x1b[1;31mfailed to load image file "data/a.png"\x1b[0m',
            "image-unreadable",
            False,
            "data/a.png",
        ),
        (
            '* Error message:  image filename does not exist: "../../obj/a40.png"',
            "image-missing",
            True,
            "../../obj/a40.png is missing: put the picture back",
        ),
        (
            "Loading weights from nope.weights...Couldn't open file: nope.weights",
            "file-missing",
            True,
            "nope.w",
        ),
        ("Couldn't open file: ", "file-missing", True, "a file without a name"),
        (
            "Wrong annotation: class_id = 7. But class_id should be [from 0 to 2], file: a.txt ",
            "bad-class-id",
            False,
            "a.txt",
        ),
        (" Wrong annotation: x = 0, y = 0, < 0 or > 1, file: data/a.txt ", "bad-box", False, "data/a.txt"),
        ("CUDA Error: out of memory: File exists", "gpu-memory", True, "subdivisions"),
        (
            "* Error message:  current CUDA error: status=2, cudaErrorMemoryAllocation: out of memory",
            "gpu-memory",
            True,
            "subdivisions",
        ),
        (" cuDNN Error: CUDNN_STATUS_ALLOC_FAILED", "gpu-memory", True, "subdivisions"),
        (" cuDNN Error: CUDNN_STATUS_EXECUTION_FAILED", "gpu", True, "EXECUTION_FAILED"),
        (
            "darknet: ./src/parser.c:315: parse_yolo: Assertion `l.outputs == params.inputs' failed.",
            "bad-filters",
            True,
            "filters",
        ),
        ("darknet: ./src/x.c:31: f: Assertion `w > 0' failed.", "assertion", True, "w > 0"),
        ("free(): invalid next size (normal)", "heap", True, "memory"),
        ("* Error message:  something {odd} happened", "darknet-error", True, "something {odd} happened"),
    ],
)
def test_complaints_in_a_person_s_words(line, code, fatal, words):
    (problem,) = parse(line + "\n")
    assert (problem.code, problem.fatal) == (code, fatal)
    assert words in problem.text


@pytest.mark.parametrize(
    "line",
    [
        "Cannot load image data/labels/32_0.png",  # letters to draw with: harmless
        "* Error message:  signal handler invoked for signal #6 (Aborted)",
        "Region 16 Avg IOU: -nan, Class: -nan, Obj: -nan, No Obj: 0.4, .5R: -nan, .75R: -nan,  count: 0",
        "  30 conv     24  1 x 1/ 1     5 x   5 x 512 ->     5 x   5 x  24 0.001 BF",
        "",
    ],
)
def test_lines_that_say_nothing(line):
    assert parse(line + "\n") == []


@pytest.mark.parametrize("sample", [ALEXEYAB, PJREDDIE, HANK, ALEXEYAB_MAP, HANK_MAP])
def test_a_cut_anywhere_changes_nothing(sample):
    whole = repr(parse(sample))
    for cut in range(len(sample)):
        assert repr(parse(sample[:cut], sample[cut:])) == whole
    assert repr(parse(*sample)) == whole


def parse_bytes(*pieces: bytes) -> list:
    """As a stream of a process is parsed: decoded piece by piece."""
    events: list = []
    ours, theirs = os.pipe()
    os.close(theirs)
    stream = Stream(ours, OutputParser(events.append))
    for piece in pieces:
        stream.take(piece)
    stream.close()
    return events


ODD = (
    HANK
    + 'Cannot load image "data/фото/маска 😷.png"\n\x1b[1;31mCouldn\'t open file: \x1b[0mdonnées/é.txt\r\n'
    + "\x1b]2;3/9: loss=1 \x1b\\\x1b[H\x1b[J4/9: loss=2\x07\n"
).encode() + b'Cannot load image "bad \xff\xd0.png"\n'


def test_a_cut_at_any_byte_changes_nothing():
    whole = repr(parse_bytes(ODD))
    assert "маска 😷.png" in whole and "données/é.txt" in whole and "bad \ufffd\ufffd.png" in whole
    for cut in range(len(ODD)):
        assert repr(parse_bytes(ODD[:cut], ODD[cut:])) == whole


@given(
    st.text(alphabet=st.sampled_from(list("\x1b[]0123456789;:=,./ \r\n\x07mHJaglosv%#x\ufffd")), max_size=400)
)
def test_noise_never_breaks_it(text):
    parse(text)
    plain_text(text)


def test_an_endless_line_does_not_eat_the_memory():
    events: list = []
    parser = OutputParser(events.append)
    for _ in range(50):
        parser.feed("x" * 10_000)
    assert len(parser._pending) <= MAX_LINE
    parser.feed("\n" + PJREDDIE)
    assert len(of(Iteration, events)) == 1


# ---- the recorded streams of real Darknets --------------------------------------------------------

_CLASSIC = re.compile(rb"^\s*(\d+): (\S+), \S+ avg", re.M)
_HANK = re.compile(rb"time=[^\x07\n]*\x07\x1b\[1;37m(\d+)\x1b\[0m: loss=\x1b\[[0-9;]*m([^\x1b]+)")


@pytest.mark.parametrize("which", ["pjreddie", "alexey", "alexey-cv", "hank"])
def test_every_recorded_stream(which):
    folder = needs_shared(LOGS / which)
    rng = random.Random(which)
    seen = 0
    for path in sorted(folder.glob("*.out")) + sorted(folder.glob("*.err")):
        raw = path.read_bytes()
        expected = (_HANK if which == "hank" else _CLASSIC).findall(raw)
        text = raw.decode("utf-8", "replace")
        cuts = sorted(rng.randrange(len(text) + 1) for _ in range(40))
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        events = parse(*pieces)
        iterations = of(Iteration, events)
        assert [event.iteration for event in iterations] == [int(number) for number, _ in expected], path.name
        if expected:
            assert str(iterations[-1].loss) == str(float(expected[-1][1])), path.name
        assert len(of(WeightsSaved, events)) == raw.count(b"Saving weights to"), path.name
        assert len(of(MapBlock, events)) == len(re.findall(rb"mean average precision \(mAP", raw)), path.name
        assert repr(events) == repr(parse(text)), path.name
        seen += len(iterations)
    assert seen > 100


@pytest.mark.parametrize("which", ["pjreddie", "alexey", "alexey-cv", "hank"])
def test_every_recorded_stream_cut_at_every_byte(which):
    folder = needs_shared(LOGS / which)
    streams = {path.read_bytes(): path for end in ("out", "err") for path in folder.glob(f"*.{end}")}
    for raw, path in streams.items():
        raw = raw[:40_000]  # they repeat themselves
        pieces = (raw[at : at + 1] for at in range(len(raw)))
        assert repr(parse_bytes(*pieces)) == repr(parse_bytes(raw)), path


@pytest.mark.parametrize(
    "name",
    ["pjreddie/buf_pty.out", "alexey/map50.out", "hank/bad_t00_baseline.out", "alexey/bad_t04_class_oor.out"],
)
def test_recorded_streams_cut_at_every_character(name):
    text = needs_shared(LOGS / name).read_bytes().decode("utf-8", "replace")
    assert repr(parse(*text)) == repr(parse(text))


def test_the_recorded_maps_have_all_classes():
    for path in [*needs_shared(LOGS).glob("*/map*.out"), *Path(LOGS).glob("*/train_map*.out")]:
        for block in of(MapBlock, parse(path.read_bytes().decode("utf-8", "replace"))):
            assert [item.name for item in block.classes] == ["mask", "no_mask", "chin_diaper"], path
            assert None not in (block.fn, block.recall, block.detections, block.average_iou), path
            mean = sum(item.ap for item in block.classes) / 3
            assert block.mean_ap == pytest.approx(mean, abs=2e-4), path
