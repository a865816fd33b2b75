from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from darknet_support import make_work, write_program, write_weights

from annotator.darknet.cli import main
from annotator.darknet.network.blocks import layers, parameter_count
from annotator.darknet.network.presets import build
from annotator.darknet.preflight import pictures as preflight_pictures
from annotator.darknet.preflight.checked import Checked
from annotator.darknet.preflight.look import FIXES, Watch, check_training, fix_of, kept_files
from annotator.darknet.preflight.sheet import PARTS, part_of
from annotator.darknet.program.builds import loses_nan_checks
from annotator.darknet.program.dialect import Darknet
from annotator.darknet.program.gpu import Gpu, GpuState, read_gpus, read_nvcc
from annotator.darknet.run.data import read_list
from converters.model import Split

DEBIAN = Darknet(Path("/usr/bin/darknet"), "pjreddie")
ALEXEYAB = Darknet(Path("/opt/darknet"), "alexeyab")
CFG = build(
    "yolov3-tiny",
    classes=2,
    width=32,
    height=32,
    batch=2,
    subdivisions=1,
    max_batches=200,
    dialect="pjreddie",
)


@pytest.fixture
def work(tmp_path):
    return make_work(tmp_path / "work")


NO_GPU = GpuState(asked=False)


def check(work, *, darknet=DEBIAN, names=("mask", "no_mask"), weights=None, cfg=CFG, gpus=NO_GPU, nvcc=None,
          runs=None, from_iteration=0, watch=None, **lists):  # fmt: skip
    found = {split: read_list(work.list_of(split)) for split in Split}
    found |= {Split(name): entries for name, entries in lists.items()}
    return check_training(
        work.root, found, names, darknet, cfg, weights=weights, runs=runs or work.runs, gpus=gpus, nvcc=nvcc,
        from_iteration=from_iteration, watch=watch,
    )  # fmt: skip


OF_SMALL_SETS = ("few-boxes", "class-untrained", "class-unmeasured")


def apart_from_size(found):
    """Without what is said of every set as small as these."""
    return [issue for issue in found if issue.code not in OF_SMALL_SETS]


def codes(report):
    return [issue.code for issue in apart_from_size(report)]


def rows_of(said):
    return [one for one in said["findings"] if one["code"] not in OF_SMALL_SETS]


def test_a_sound_set_has_nothing_to_complain_about(work):
    assert codes(check(work)) == []
    assert codes(check(work, darknet=ALEXEYAB)) == []


def test_no_picture_to_train_on(work):
    report = check(work, train=[])
    assert [issue.code for issue in report.errors] == ["empty-list"]


def test_nothing_to_measure_on_is_a_warning(work):
    report = check(work, val=[], test=[])
    assert (len(report.errors), codes(report)) == (0, ["empty-list", "empty-list"])


def test_a_picture_in_two_splits(work):
    report = check(work, val=["obj/p0.png"])
    assert codes(report) == ["in-two-splits"]
    assert report.errors[0].key == "obj/p0.png"


def test_validation_that_is_training(work):
    everything = [f"obj/p{number}.png" for number in range(4)]
    report = check(work, train=everything, val=everything[:3])
    assert codes(report) == ["validation-is-training"]
    assert report.errors[0].path.name == "val.txt"


def test_the_same_picture_under_two_names(work):
    shutil.copy(work.obj / "p0.png", work.obj / "p4.png")
    (issue,) = apart_from_size(check(work))
    assert (issue.code, issue.key, issue.other_key) == ("same-picture", "obj/p4.png", "obj/p0.png")
    # Of the same size, and with the same ends: still two pictures.
    data = (work.obj / "p0.png").read_bytes()
    for name, middle in (("p0", b"a"), ("p4", b"b")):
        (work.obj / f"{name}.png").write_bytes(data[:-12] + middle * 20_000 + data[-12:])
    for name, byte in (("p0", b"x"), ("p4", b"y")):
        raw = bytearray((work.obj / f"{name}.png").read_bytes())
        raw[4200:16000] = byte * 11800
        raw[200:4200] = b"z" * 4000
        raw[16000:-12] = b"z" * (len(raw) - 16012)
        (work.obj / f"{name}.png").write_bytes(raw)
    assert codes(check(work)) == []


@pytest.mark.parametrize(
    "name", ["x$(touch PWNED).png", "a b.png", "a;b.png", "a'b.png", "a`b`.png", "a|b.png"]
)
def test_names_that_must_not_reach_darknet(work, name):
    name = Path(name).with_suffix(".png").name
    shutil.copy(work.obj / "p0.png", work.obj / name)
    (work.obj / name).with_suffix(".txt").write_text("")
    (issue,) = check(work, train=[f"obj/{name}"], darknet=ALEXEYAB).errors
    assert (issue.code, issue.key, issue.line) == ("unsafe-name", f"obj/{name}", 1)
    assert check(work, train=["-clear.png"]).errors[0].code == "unsafe-name"


def test_a_picture_twice_in_a_list(work):
    assert codes(check(work, train=["obj/p0.png", "obj/p0.png"])) == ["twice-in-list"]


def test_missing_empty_and_cut_pictures(work):
    (work.obj / "p0.png").unlink()
    (work.obj / "p1.png").write_bytes(b"")
    picture = work.obj / "p2.png"
    picture.write_bytes(picture.read_bytes()[:-20])
    assert codes(check(work)) == ["image-missing", "image-unreadable", "image-truncated"]


def test_a_jpeg_that_is_cut_short(work):
    from PIL import Image

    path = work.obj / "photo.jpg"
    with Image.open(work.obj / "p0.png") as picture:
        picture.save(path, quality=95)
    path.with_suffix(".txt").write_text("")
    whole = path.read_bytes()
    for behind in (b"", bytes(5000), bytes(100_000)):  # a camera's own data
        path.write_bytes(whole + behind)
        assert codes(check(work, train=["obj/photo.jpg"])) == []
    path.write_bytes(whole[: len(whole) * 2 // 3])
    assert codes(check(work, train=["obj/photo.jpg"])) == ["image-truncated"]
    path.with_suffix(".png").write_bytes(whole)  # the wrong suffix: it is whole all the same
    assert "image-truncated" not in codes(check(work, train=["obj/photo.png"]))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("2 0.5 0.5 0.1 0.1", "bad-class-id"),
        ("-1 0.5 0.5 0.1 0.1", "bad-class-id"),
        ("0 0.5 0.5 0.1", "bad-columns"),
        ("0 0.5 0.5 0.1 x", "bad-number"),
        ("0.0 0.5 0.5 0.1 0.1", "bad-number"),
        ("0 0 0.5 0.1 0.1", "bad-box"),
        ("0 0.5 1.5 0.1 0.1", "bad-box"),
        ("0 0.5 0.5 0 0.1", "bad-box"),
        ("0 0.5 0.5 nan 0.1", "bad-box"),
    ],
)
def test_labels_that_darknet_chokes_on(work, text, code):
    (work.obj / "p3.txt").write_text(f"1 0.5 0.5 0.5 0.5\n\n{text}\n")
    (issue,) = apart_from_size(check(work))
    assert (issue.code, issue.line, issue.path.name, issue.key) == (code, 3, "p3.txt", "obj/p3.png")


def test_labels_that_are_fine(work):
    (work.obj / "p3.txt").write_text("")
    (work.obj / "p2.txt").write_text("1 1 1 1 1\n0 0.5 0.5 0.5 0.5 more columns\n\n")
    assert codes(check(work)) == []


def test_a_missing_label(work):
    (work.obj / "p3.txt").unlink()
    assert codes(check(work)) == ["label-missing"]


@pytest.mark.parametrize("name", ["drawing.png", "my_images.png", "a.png.png", "b.PNG", "c.jpeg", "d.bmp"])
def test_names_from_which_debian_s_darknet_makes_a_wrong_label_path(work, name):
    from PIL import Image

    path = work.obj / name
    with Image.open(work.obj / "p0.png") as picture:
        picture.save(path, format={".jpeg": "JPEG", ".bmp": "BMP"}.get(path.suffix, "PNG"))
    path.with_suffix(".txt").write_text("")
    assert codes(check(work, train=[f"obj/{name}"])) == ["label-not-found"]
    assert codes(check(work, train=[f"obj/{name}"], darknet=ALEXEYAB)) == []


def test_more_boxes_than_a_darknet_trains_on(work):
    (work.obj / "p0.txt").write_text("0 0.5 0.5 0.1 0.1\n" * 115)
    assert codes(check(work)) == ["many-boxes"]
    assert codes(check(work, darknet=ALEXEYAB)) == []


def test_names_that_do_not_fit_the_network(work):
    report = check(work, names=("mask", "no_mask", "chin_diaper"))
    assert "bad-names" in codes(report)


def test_weights_to_start_from(work, tmp_path):
    path = tmp_path / "start.weights"
    assert codes(check(work, weights=path)) == ["bad-weights"]
    path.touch()
    assert codes(check(work, weights=path)) == ["bad-weights"]
    write_weights(path, 64, parameter_count(CFG))
    assert codes(check(work, weights=path)) == ["weights-unnamed"]
    path.with_suffix(".names").write_text("mask\nno_mask\n")
    assert codes(check(work, weights=path)) == []
    first_two = sum(layer.parameters for layer in layers(CFG)[:3])
    write_weights(path, 64, first_two)
    assert codes(check(work, weights=path)) == ["partial-weights"]
    write_weights(path, 64, first_two + 1)
    assert codes(check(work, weights=path)) == ["bad-weights"]
    write_weights(path, 64, parameter_count(CFG) + 1)
    assert codes(check(work, weights=path)) == ["bad-weights"]


def test_a_folder_that_cannot_be_written(work):
    work.runs.write_text("a file where the runs should be")
    assert codes(check(work)) == ["read-only"]


def test_how_many_weights_files_are_kept():
    assert kept_files(CFG, DEBIAN) == 5  # 100, 200, the newest, its copy, the final ones
    assert kept_files(CFG.with_net(max_batches=6400), DEBIAN) == 12
    assert kept_files(CFG.with_net(max_batches=6400), ALEXEYAB) == 10
    assert kept_files(CFG.with_net(max_batches=25_000), ALEXEYAB) == 6


def test_a_disk_without_room(work):
    cfg = CFG.with_net(max_batches=10**12)
    report = check_training(work.root, {}, ("a", "b"), ALEXEYAB, cfg, runs=work.runs)
    assert "disk-full" in codes(report)


@pytest.mark.parametrize(
    ("trained", "said"),
    [
        ("mask\nno_mask\n", ""),
        ("no_mask\nmask\n", "mask, no_mask goes on from what it knows."),
        ("mask\nhat\n", "mask goes on from what it knows; no_mask begins at random; hat is left out."),
        ("cat\ndog\n", "knows none of this set"),
    ],
)
def test_weights_of_other_classes(work, tmp_path, trained, said):
    run = tmp_path / "run"
    (run / "backup").mkdir(parents=True)
    (run / "obj.names").write_text(trained)
    weights = run / "backup" / "net_final.weights"
    write_weights(weights, 64, parameter_count(CFG))
    report = check(work, weights=weights)
    found = [issue.code for issue in report if issue.code.startswith("weights")]
    assert found == (["weights-mapped"] if said else [])
    assert said in "".join(issue.message for issue in report)
    same = check_training(
        work.root, {}, ("mask", "no_mask"), ALEXEYAB, CFG, weights=weights, runs=work.runs, gpus=NO_GPU,
        trained=("mask", "no_mask"),
    )  # fmt: skip
    assert not [issue for issue in same if issue.code.startswith("weights")]


# ---- Darknet and the machine --------------------------------------------------------------------------

YOLOV4 = build(
    "yolov4-tiny", classes=2, width=32, height=32, batch=2, subdivisions=1, max_batches=200,
    dialect="alexeyab",
)  # fmt: skip
FOR_GPU = replace(ALEXEYAB, gpu=True, cuda=(11, 8), cudnn="8.6.0")
K80 = Gpu("Tesla K80", 11441, 300, 0)
PRESENT = GpuState(True, (K80,), "470.57", (11, 4))


def test_mosaic_without_opencv(work):
    cfg = YOLOV4.with_net(mosaic=1)
    assert codes(check(work, darknet=replace(ALEXEYAB, opencv=False), cfg=cfg)) == ["mosaic-without-opencv"]
    both = cfg.with_net(letter_box=1)
    assert codes(check(work, darknet=replace(ALEXEYAB, opencv=True), cfg=both)) == ["mosaic-with-letter-box"]
    assert codes(check(work, darknet=replace(ALEXEYAB, opencv=True), cfg=cfg)) == []
    assert codes(check(work, darknet=replace(ALEXEYAB, opencv=False), cfg=YOLOV4.with_net(mosaic=0))) == []


def test_a_build_that_ends_in_nan(work):
    fast = replace(ALEXEYAB, gpu=False, fast_math=True)
    assert codes(check(work, darknet=fast, cfg=YOLOV4)) == ["fast-math"]
    assert codes(check(work, darknet=fast)) == [], "yolov3-tiny measures boxes another way"
    assert codes(check(work, darknet=replace(fast, gpu=True, cudnn="8"), cfg=YOLOV4, gpus=PRESENT)) == []


def test_how_such_a_build_is_told(tmp_path):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler on this machine")
    source = tmp_path / "x.c"
    source.write_text(
        "#include <math.h>\n#include <stddef.h>\n"
        "void fix_nan_and_inf_cpu(float *a, size_t n) { for (size_t i = 0; i < n; ++i) "
        "if (isnan(a[i]) || isinf(a[i])) a[i] = 1.0f / (i + 1); }\nint main(void) { return 0; }\n"
    )
    for flag, lost in (("-Ofast", True), ("-O3", False)):
        program = tmp_path / flag[1:]
        subprocess.run([compiler, flag, "-w", "-rdynamic", str(source), "-o", str(program)], check=True)
        assert loses_nan_checks(program) is lost
        data = program.read_bytes()
        for cut in range(0, len(data), 997):  # a program that is cut short is none, and no reason to fail
            program.write_bytes(data[:cut])
            loses_nan_checks(program)
    assert loses_nan_checks(source) is None
    assert loses_nan_checks(tmp_path / "missing") is None


@pytest.mark.parametrize(
    ("darknet", "gpus", "nvcc", "found"),
    [
        (FOR_GPU, PRESENT, None, []),
        (FOR_GPU, NO_GPU, None, ["gpu-unknown"]),
        (FOR_GPU, GpuState(True, error="No devices were found"), None, ["no-gpu"]),
        (FOR_GPU, replace(PRESENT, cuda=(10, 2)), None, ["driver-too-old"]),
        (FOR_GPU, PRESENT, (12, 1), ["other-cuda"]),
        (replace(FOR_GPU, cudnn=""), PRESENT, (11, 8), ["no-cudnn"]),
        (FOR_GPU, replace(PRESENT, gpus=(replace(K80, used=9000),)), None, ["gpu-busy"]),
        (FOR_GPU, replace(PRESENT, gpus=(replace(K80, used=9000), K80)), None, []),
        (FOR_GPU, replace(PRESENT, gpus=(replace(K80, used=9000), K80), chosen=True), None, ["gpu-busy"]),
        (FOR_GPU, replace(PRESENT, gpus=(replace(K80, used=9000), replace(K80, index=1))), None, []),
        (FOR_GPU, replace(PRESENT, gpus=(replace(K80, memory=0, used=0),)), None, []),
        (FOR_GPU, replace(PRESENT, gpus=(), hidden=1), None, ["no-gpu"]),
        (FOR_GPU, replace(PRESENT, error="Unable to determine the device handle"), None, ["gpu-trouble"]),
        (replace(FOR_GPU, gpu_error="no CUDA-capable device is detected"), NO_GPU, None, ["no-gpu"]),
        (replace(FOR_GPU, dialect="hank", cuda=None, rocm=True), NO_GPU, None, []),
        (replace(ALEXEYAB, gpu=False), PRESENT, None, ["gpu-unused"]),
        (replace(ALEXEYAB, gpu=False), NO_GPU, None, []),
    ],
)
def test_gpu_and_driver(work, darknet, gpus, nvcc, found):
    assert codes(check(work, darknet=darknet, gpus=gpus, nvcc=nvcc)) == found


@pytest.fixture
def on_path(tmp_path, monkeypatch):
    """Makes programs that are the only ones on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return lambda name, code: write_program(folder / name, code)


def test_nvidia_smi(on_path, monkeypatch):
    monkeypatch.setattr("annotator.darknet.program.gpu._SMI_PLACES", ())
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert read_gpus() == GpuState(asked=False)
    on_path(
        "nvidia-smi",
        "import sys\nif len(sys.argv) == 1: print('| Driver Version: 470.57  CUDA Version: 11.4  |')"
        "\nelse: print('0, GPU-a, Tesla K80, 11441, 300, 12, 470.57, [N/A]\\n"
        "1, GPU-b, Tesla K80, 11441, 0, [N/A], 470.57, [N/A]')\n",
    )
    assert read_gpus() == GpuState(
        True,
        (Gpu("Tesla K80", 11441, 300, 12, 0, "GPU-a"), Gpu("Tesla K80", 11441, 0, None, 1, "GPU-b")),
        "470.57",
        (11, 4),
    )
    on_path("nvidia-smi", "import sys\nprint('NVIDIA-SMI has failed because it could not')\nsys.exit(9)\n")
    assert read_gpus() == GpuState(True, error="NVIDIA-SMI has failed because it could not")
    on_path("nvidia-smi", "print('No devices were found')\n")
    assert read_gpus().error == "No devices were found"


def test_nvcc(on_path, monkeypatch):
    monkeypatch.setattr("annotator.darknet.program.gpu._NVCC_PLACES", ())
    monkeypatch.delenv("CUDA_HOME", raising=False)
    monkeypatch.delenv("CUDA_PATH", raising=False)
    assert read_nvcc() is None
    on_path("nvcc", "print('Cuda compilation tools, release 11.8, V11.8.89')\n")
    assert read_nvcc() == (11, 8)
    on_path("nvcc", "print('something else')\n")
    assert read_nvcc() is None


# ---- where a run goes on ------------------------------------------------------------------------------


@pytest.fixture
def run(work):
    from annotator.darknet.run.folder import RunFolder

    return RunFolder.create(work, network="yolov3-tiny", cfg=CFG, darknet=DEBIAN)


def test_an_iteration_that_is_reached_already(work):
    assert codes(check(work, from_iteration=199)) == []
    assert codes(check(work, from_iteration=200)) == ["max-batches-reached"]


def test_a_backup_folder_that_is_gone(work, run):
    assert codes(check(work, runs=run.path)) == []
    run.backup.rmdir()
    (issue,) = apart_from_size(check(work, runs=run.path))
    assert (issue.code, issue.path) == ("read-only", run.backup)
    run.backup.write_text("a file where the folder should be")
    assert codes(check(work, runs=run.path)) == ["read-only"]


def test_blanks_in_the_paths_of_a_data_file(work, run):
    run.data.write_text("classes = 2\ntrain = my data/train.txt\nvalid = val.txt\nbackup = backup\n")
    (issue,) = apart_from_size(check(work, runs=run.path))
    assert (issue.code, issue.line) == ("blank-in-path", 2)
    assert codes(check(work, runs=run.path, darknet=Darknet(Path("hank"), "hank"))) == []


# ---- classes ------------------------------------------------------------------------------------------


def test_classes_without_boxes_where_they_are_needed(work):
    assert "class-unmeasured" in [issue.code for issue in check(work)]  # one validation picture, one class
    for number in range(0, 6, 2):
        (work.obj / f"p{number}.txt").write_text("1 0.5 0.5 0.1 0.1\n")
    found = {issue.code: issue for issue in check(work)}
    assert found["class-untrained"].names == ("mask",)
    assert "mask" in found["class-untrained"].message and fix_of(found["class-untrained"]) == "split"


def test_a_class_with_few_boxes_and_one_with_enough(work):
    (work.obj / "p0.txt").write_text("0 0.5 0.5 0.1 0.1\n" * 30)
    few = [issue for issue in check(work) if issue.code == "few-boxes"]
    assert [(issue.names, fix_of(issue)) for issue in few] == [(("no_mask",), "balance")]
    assert "2 boxes" in few[0].message


# ---- what was looked at ---------------------------------------------------------------------------------


def test_the_sheet_has_each_part_with_its_value(work):
    watch = Watch()
    check(work, watch=watch)
    said = {one.part: (one.value, str(one.state)) for one in watch.sheet.readings(watch.report)}
    assert list(said) == list(PARTS)
    assert said["splits"] == ("4 train, 1 val, 1 test", "ok")
    assert said["pictures"] == ("6 pictures", "ok") and said["labels"] == ("6 boxes", "ok")
    assert said["classes"] == ("mask 2/1/0, no_mask 2/0/1", "warning")
    assert "GB free" in said["disk"][0] and said["gpu"][0] == "none: it trains on the CPU"
    (work.obj / "p1.txt").unlink()
    watch = Watch()
    check(work, watch=watch)
    assert {one.part: str(one.state) for one in watch.sheet.readings(watch.report)}["labels"] == "error"


def test_each_code_with_a_button_belongs_to_a_part():
    assert [code for code in FIXES if not part_of(code)] == []


# ---- what is remembered ----------------------------------------------------------------------------------


def old(work):
    for path in work.obj.iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))


def test_a_sound_picture_that_has_not_changed_is_not_read_again(work, tmp_path, monkeypatch):
    old(work)
    first = codes(check(work, watch=Watch(remembers=True, cache=tmp_path / "cache")))
    read = []
    seen = preflight_pictures.read_header
    monkeypatch.setattr(
        preflight_pictures, "read_header", lambda path: (read.append(path.name), seen(path))[1]
    )
    assert codes(check(work, watch=Watch(remembers=True, cache=tmp_path / "cache"))) == first
    assert read == []
    (work.obj / "p2.txt").write_text("7 0.5 0.5 0.1 0.1\n")
    for _ in range(2):  # what is not sound is looked at each time
        read.clear()
        assert codes(check(work, watch=Watch(remembers=True, cache=tmp_path / "cache"))) == ["bad-class-id"]
        assert read == ["p2.png"]
    (work.obj / "p3.txt").unlink()
    (work.obj / "p4.png").write_bytes((work.obj / "p4.png").read_bytes()[:-20])
    found = codes(check(work, watch=Watch(remembers=True, cache=tmp_path / "cache")))
    assert sorted(found) == ["bad-class-id", "image-truncated", "label-missing"]


def test_what_is_remembered_of_another_kind_or_is_damaged_is_not_taken(work, tmp_path):
    old(work)
    cache = tmp_path / "cache"
    check(work, watch=Watch(remembers=True, cache=cache))
    (file,) = cache.iterdir()
    assert Checked(work.root, "pjreddie 2", cache).boxes("obj/p0.png") == {0: 1}
    assert Checked(work.root, "alexeyab 2", cache).boxes("obj/p0.png") is None
    for text in ("", "[]", '{"kind": "1 pjreddie 2", "pictures": {"obj/p0.png": []}}'):
        file.write_text(text)
        assert Checked(work.root, "pjreddie 2", cache).boxes("obj/p0.png") is None


def test_a_picture_that_has_just_changed_is_not_remembered(work, tmp_path):
    check(work, watch=Watch(remembers=True, cache=tmp_path / "cache"))
    assert Checked(work.root, "pjreddie 2", tmp_path / "cache").boxes("obj/p0.png") is None


# ---- the command --------------------------------------------------------------------------------------

SMALL = ["--network", "yolov3-tiny", "--width", "32", "--height", "32", "--batch", "2", "--max-batches", "9"]
OLD = "import sys; print('Not an option: version', file=sys.stderr)"


def test_check_says_everything_and_writes_no_run(work, tmp_path, capsys):
    darknet = str(write_program(tmp_path / "darknet", OLD))
    assert main(["check", str(work.root), *SMALL, "--darknet", darknet]) == 0
    (work.obj / "p3.txt").unlink()
    (work.obj / "p2.txt").write_text("9 0.5 0.5 0.1 0.1\n")
    assert main(["check", str(work.root), *SMALL, "--darknet", darknet, "--json"]) == 1
    out = capsys.readouterr().out
    said = json.loads(out[out.index("{") :])
    assert [(one["code"], one["fix"], one["image"]) for one in rows_of(said)] == [
        ("bad-class-id", "show-picture", "obj/p2.png"),
        ("label-missing", "show-picture", "obj/p3.png"),
    ]
    assert said["errors"] == 2
    assert not work.runs.exists()


def test_check_goes_on_without_a_darknet(work, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("DARKNET", raising=False)
    (work.obj / "p3.txt").unlink()
    assert main(["check", str(work.root), *SMALL]) == 1
    out = capsys.readouterr().out
    assert "[no-darknet]" in out and "[label-missing]" in out


def test_check_names_a_network_that_the_darknet_runs_wrong(work, tmp_path, capsys):
    darknet = str(write_program(tmp_path / "darknet", OLD))
    wanted = ["--network", "yolov4-tiny", *SMALL[2:]]
    assert main(["check", str(work.root), *wanted, "--darknet", darknet, "--json"]) == 1
    findings = rows_of(json.loads(capsys.readouterr().out))
    assert [(one["code"], one["fix"]) for one in findings] == [("unknown-network", "choose-network")]


def test_check_of_a_run(run, tmp_path, capsys):
    darknet = str(write_program(tmp_path / "darknet", OLD))
    write_weights(run.backup / "net_final.weights", 400, parameter_count(CFG), value=0.5)
    assert main(["check", str(run.path), "--darknet", darknet]) == 1
    assert "[max-batches-reached]" in capsys.readouterr().out
    assert main(["check", str(run.path), "--darknet", darknet, "--max-batches", "300"]) == 0


def test_each_finding_has_a_button_or_is_a_plain_sentence():
    assert all(code and fix for code, fix in FIXES.items())
    report = check_training(Path("nowhere"), {}, ("a",), ALEXEYAB, CFG, runs=Path("/"), gpus=NO_GPU)
    assert {fix_of(issue) for issue in report} <= {"", *FIXES.values()}


# ---- a check changes nothing ----------------------------------------------------------------------------


def everything_in(folder):
    return {
        path.relative_to(folder): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")
    }


def test_a_check_of_a_run_leaves_unsound_weights_where_they_are(run, tmp_path, capsys):
    darknet = str(write_program(tmp_path / "darknet", OLD))
    write_weights(run.backup / "net_100.weights", 200, parameter_count(CFG), value=0.5)
    write_weights(run.backup / "net_last.weights", 300, parameter_count(CFG), value=float("nan"))
    before = everything_in(run.path)
    assert main(["check", str(run.path), "--darknet", darknet]) == 0
    out = capsys.readouterr().out
    assert "net_last.weights" in out and "is left out: the training had diverged" in out
    assert "It goes on from iteration 100." in out
    assert everything_in(run.path) == before


def test_a_check_fetches_no_weights_and_says_what_would_be_fetched(work, tmp_path, capsys, monkeypatch):
    darknet = str(write_program(tmp_path / "darknet", OLD))
    monkeypatch.setattr("annotator.darknet.commands.weights.weights_folder", lambda: tmp_path / "weights")
    asked = "annotator.darknet.network.pretrained._open"
    monkeypatch.setattr(asked, lambda *_: pytest.fail("the network was asked"))
    wanted = [*SMALL, "--weights", "yolov3-tiny.weights", "--darknet", darknet, "--json"]
    assert main(["check", str(work.root), *wanted]) == 0
    said = json.loads(capsys.readouterr().out)
    (row,) = rows_of(said)
    assert (row["code"], row["fix"]) == ("weights-to-fetch", "fetch-weights")
    assert "MB): it would be fetched from http" in row["message"]
    assert [one["value"] for one in said["sheet"] if one["part"] == "weights"] == [
        "yolov3-tiny.weights, to be fetched"
    ]
    assert not (tmp_path / "weights").exists()


def test_a_check_writes_no_list(work, tmp_path, capsys):
    darknet = str(write_program(tmp_path / "darknet", OLD))
    (work.root / "train.txt").unlink()
    (work.root / "val.txt").write_text("obj/old.png\n")
    before = everything_in(work.root)
    assert main(["check", str(work.root), *SMALL, "--darknet", darknet]) == 0
    assert "4 train, 1 val, 1 test" in capsys.readouterr().out
    assert everything_in(work.root) == before


def test_one_thing_wrong_hides_no_other(work, tmp_path, capsys):
    darknet = str(write_program(tmp_path / "darknet", OLD))
    (work.obj / "p3.txt").unlink()
    own = tmp_path / "own.cfg"
    own.write_text("hello\n")
    assert main(["check", str(work.root), "--cfg", str(own), "--darknet", darknet]) == 1
    out = capsys.readouterr().out
    assert "own.cfg" in out and "[label-missing]" in out and "6 pictures" in out
    work.names.write_text("mask\nmask\n")
    assert main(["check", str(work.root), *SMALL, "--darknet", darknet]) == 1
    out = capsys.readouterr().out
    assert "obj.names" in out and "[label-missing]" in out


def test_the_rest_is_looked_at_where_the_disk_is_full_or_cannot_be_written(work, tmp_path, monkeypatch):
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 0))
    (work.obj / "p3.txt").unlink()
    work.runs.write_text("a file where the runs should be")
    watch = Watch()
    assert codes(check(work, watch=watch)) == ["read-only", "disk-full", "label-missing"]
    assert "0.0 GB free" in {one.part: one.value for one in watch.sheet.readings(watch.report)}["disk"]


def test_names_that_end_in_a_blank_or_hold_a_line_break(work):
    (work.root / "train.txt").write_bytes(b"obj/p0.png \nobj/p1.png\r\nobj/p2.png\nobj/\xe2\x80\xa8.png\n")
    found = [issue for issue in check(work).errors if issue.code == "unsafe-name"]
    assert [(issue.line, issue.key) for issue in found] == [
        (1, "obj/p0.png "),
        (2, "obj/p1.png\r"),
        (4, "obj/\u2028.png"),
    ]
    (work.root / "train.txt").write_bytes(b"obj/p0.png\r\nobj/p1.png\r\n")
    assert read_list(work.root / "train.txt") == ["obj/p0.png", "obj/p1.png"]


def test_a_path_that_is_longer_than_a_darknet_reads(work):
    entry = "obj/" + "d" * 120 + "/" + "n" * 131 + ".png"
    path = work.root / entry
    path.parent.mkdir()
    shutil.copy(work.obj / "p0.png", path)
    path.with_suffix(".txt").write_text("")
    (issue,) = [issue for issue in check(work, train=[entry]) if issue.code == "long-path"]
    assert "260 bytes" in issue.message and fix_of(issue) == "make-set"
    assert "long-path" not in codes(check(work, train=[entry.replace("nnnnn", "", 1)]))
