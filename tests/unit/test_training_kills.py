"""A training that is killed at some moments; the benchmark does it at many, with a real Darknet."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent / "annotator"))

from darknet_support import make_work, write_program

from benchmarks.training_kills import storm

# Trains as pjreddie's does, but 50 times as fast; its weights take a while to be written.
DARKNET = """
import os, struct, sys, time
if sys.argv[1] == "version":
    print("Not an option: version", file=sys.stderr); sys.exit()
cfg = dict(row.replace(" ", "").strip().split("=") for row in open("net.cfg") if "=" in row)
last, seen, size = int(cfg["max_batches"]), 0, int(open("../../size").read())
weights = [arg for arg in sys.argv[5:] if not arg.startswith("-")]
if weights and "-clear" not in sys.argv:
    seen = struct.unpack_from("<Q", open(weights[0], "rb").read(20), 12)[0]
def save(name):
    print(f"Saving weights to backup//net{name}", flush=True)
    with open(f"backup/net{name}", "wb") as file:
        file.write(struct.pack("<iiiQ", 0, 2, 5, seen))
        for _ in range(4):
            time.sleep(0.01)
            file.write(b"\\x3d" * size); file.flush()
for n in range(seen // 2 + 1, last + 1):
    time.sleep(0.002)
    seen = 2 * n
    print(f"{n}: 1.5, 1.25 avg, 0.001 rate, 0.5 seconds, {2 * n} images", flush=True)
    if n % 100 == 0: save(".backup"); save(f"_{n}.weights")
save("_final.weights")
"""


@pytest.mark.parametrize("seed", [1, 2])
def test_a_training_survives_kills(tmp_path, seed):
    from annotator.darknet.network.presets import build, parameter_count

    work = make_work(tmp_path / "work")
    cfg = build(
        "yolov3-tiny", classes=2, width=32, height=32, batch=2, subdivisions=1, max_batches=320,
        dialect="pjreddie",
    )  # fmt: skip
    (work.root / "size").write_text(str(parameter_count(cfg)))
    darknet = write_program(tmp_path / "darknet", DARKNET)
    kills = storm(work.root, darknet, kills=6, iterations=320, seed=seed)
    assert len(kills) == 6
