from __future__ import annotations

import pytest
from darknet_support import LOGS, needs_darknet, needs_shared, write_program

from annotator.darknet.program.dialect import Darknet, find_darknet, recognise, require_darknet
from annotator.darknet.program.places import candidates
from converters.errors import UsageError

HANK = (
    'Darknet V5 "Moonlit" \x1b[1;37mv5.1-104-gf684e1d7\x1b[0m \x1b[1;30m[Nov 22 2026]\x1b[0m\n'
    "\x1b[1;33mDarknet is compiled to use the CPU.\x1b[0m  GPU is \x1b[1;31mdisabled\x1b[0m.\n"
    "OpenBLAS is \x1b[1;31mdisabled\x1b[0m, OpenCV \x1b[1;37m4.6.0\x1b[0m, docker\n"
)
ALEXEYAB = " GPU isn't used \n Used AVX \n"
ALEXEYAB_GPU = (
    " CUDA-version: 11000 (11040), cuDNN: 8.2.1, CUDNN_HALF=1, GPU count: 1  \n OpenCV version: 4.2.0\n"
)
UNKNOWN = "Not an option: version\n"


def program(path, stdout="", stderr="", code=0):
    return write_program(
        path, f"import sys\nsys.stdout.write({stdout!r})\nsys.stderr.write({stderr!r})\nsys.exit({code})\n"
    )


@pytest.mark.parametrize(
    ("stdout", "stderr", "dialect", "version", "gpu", "opencv"),
    [
        (HANK, "", "hank", "5.1-104-gf684e1d7", False, True),
        (
            ALEXEYAB,
            " OpenCV isn't used - data augmentation will be slow \n" + UNKNOWN,
            "alexeyab",
            "",
            False,
            False,
        ),
        (ALEXEYAB, " OpenCV version: 4.6.0\n" + UNKNOWN, "alexeyab", "", False, True),
        ("", ALEXEYAB_GPU + UNKNOWN, "alexeyab", "", True, True),
        ("", UNKNOWN, "pjreddie", "", None, None),
    ],
)
def test_each_darknet_is_recognised_by_what_it_prints(
    tmp_path, stdout, stderr, dialect, version, gpu, opencv
):
    path = program(tmp_path / "darknet", stdout, stderr)
    found = recognise(path)
    assert (found.path, found.dialect, found.version) == (path, dialect, version)
    assert (found.gpu, found.opencv) == (gpu, opencv)
    assert found.fast_math is None


@pytest.mark.parametrize(
    ("which", "name", "dialect"),
    [
        ("hank", "version", "hank"),
        ("hank", "no_args", "hank"),
        ("alexey", "unknown_top", "alexeyab"),
        ("alexey-cv", "unknown_top", "alexeyab"),
    ],
)
def test_recorded_answers(tmp_path, which, name, dialect):
    folder = needs_shared(LOGS / which)
    answer = [(folder / f"{name}.{kind}").read_bytes().decode() for kind in ("out", "err")]
    assert recognise(program(tmp_path / "darknet", *answer)).dialect == dialect


@pytest.mark.parametrize(
    "stdout", ["", "darknet 1.0: a tool for the dark web\n", "usage: darknet <function>\n", "version\n"]
)
def test_something_else_called_darknet_is_none(tmp_path, stdout):
    path = program(tmp_path / "darknet", stdout)
    assert recognise(path) is None
    with pytest.raises(UsageError, match="not a Darknet that is known"):
        find_darknet(str(path))
    # On PATH it is passed over; nobody asked for it by name.
    assert find_darknet(None, {"PATH": str(tmp_path)}) is None


def test_a_program_that_cannot_be_run(tmp_path):
    broken = tmp_path / "darknet"
    broken.write_bytes(b"\x7fELF nonsense")
    broken.chmod(0o755)
    assert recognise(broken) is None
    assert recognise(tmp_path / "nothing") is None


def test_setting_then_environment_then_path(tmp_path):
    places = {}
    for name, out in (("setting", HANK), ("environ", ALEXEYAB), ("path", HANK)):
        (tmp_path / name).mkdir()
        places[name] = program(tmp_path / name / "darknet", out)
    environ = {"DARKNET": str(places["environ"]), "PATH": str(tmp_path / "path")}
    assert find_darknet(str(places["setting"]), environ).path == places["setting"]
    assert find_darknet(None, environ).path == places["environ"]
    assert find_darknet("", environ).path == places["environ"]
    del environ["DARKNET"]
    assert find_darknet(None, environ).path == places["path"]
    assert find_darknet(None, {"PATH": str(tmp_path)}) is None


def test_a_folder_stands_for_the_program_in_it(tmp_path):
    path = program(tmp_path / "darknet", HANK)
    assert find_darknet(str(tmp_path)).path == path


@pytest.mark.parametrize("name", ["nothing", "folder"])
def test_a_setting_that_leads_nowhere(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match=r"no Darknet there \(from \$DARKNET\).*apt install darknet"):
        find_darknet(None, {"DARKNET": str(tmp_path / name), "PATH": ""})


def test_a_file_that_is_no_program(tmp_path):
    (tmp_path / "darknet").write_text("hello")
    with pytest.raises(UsageError, match="not a program"):
        find_darknet(str(tmp_path / "darknet"))


def test_none_at_all_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("DARKNET", raising=False)
    with pytest.raises(UsageError, match=r"apt install darknet.*CUDA.*\$DARKNET"):
        require_darknet()


def test_networks_that_a_darknet_would_run_wrong(tmp_path):
    debian = Darknet(tmp_path / "darknet", "pjreddie")
    assert debian.knows("yolov3-tiny")
    assert not debian.knows("yolov4")
    assert debian.letterboxes
    with pytest.raises(UsageError) as caught:
        debian.require("yolov4-tiny")
    assert str(caught.value) == (
        "pjreddie's Darknet (2018) does not know yolov4-tiny: it would run it silently wrong. "
        "Use yolov3, yolov3-spp, yolov3-tiny, yolov2, yolov2-tiny, or AlexeyAB's or hank-ai's Darknet."
    )
    for dialect in ("alexeyab", "hank"):
        other = Darknet(tmp_path / "darknet", dialect)
        assert all(other.knows(name) for name in ("yolov3-tiny", "yolov4-tiny", "yolov4"))
        assert not other.letterboxes
    with pytest.raises(UsageError, match="no network 'yolov9'"):
        debian.require("yolov9")


@pytest.mark.darknet
def test_the_darknet_of_this_machine():
    found = needs_darknet()
    assert found.path.is_file()
    assert found.knows("yolov3-tiny")
    if found.dialect == "pjreddie":
        assert (found.gpu, found.opencv) == (False, True) or found.path.parent.name != "bin"


def test_the_cuda_a_darknet_is_built_with(tmp_path):
    found = recognise(program(tmp_path / "alexeyab", "", ALEXEYAB_GPU + UNKNOWN))
    assert (found.cuda, found.cudnn) == ((11, 0), "8.2.1")
    bare = " CUDA-version: 11080 (12020), GPU count: 1  \n OpenCV isn't used\n"
    found = recognise(program(tmp_path / "bare", "", bare + UNKNOWN))
    assert (found.cuda, found.cudnn, found.opencv) == ((11, 8), "", False)
    hank = (
        'Darknet V5 "Moonlit" v5.1-104\nCUDA runtime version 12020 (\x1b[1;37mv12.2\x1b[0m), driver version '
        "12040 (v12.4)\ncuDNN version 12020 (\x1b[1;37mv8.9.7\x1b[0m), use of half-size floats is ENABLED\n"
    )
    found = recognise(program(tmp_path / "hank", hank))
    assert (found.gpu, found.cuda, found.cudnn) == (True, (12, 2), "8.9.7")
    assert recognise(program(tmp_path / "cpu", HANK)).cuda is None


def test_a_darknet_whose_library_is_missing_says_which(tmp_path):
    said = "darknet: error while loading shared libraries: libcudart.so.11.0: cannot open shared object file"
    path = program(tmp_path / "darknet", "", said, code=127)
    with pytest.raises(UsageError, match=r"library libcudart.so.11.0 is missing") as caught:
        find_darknet(str(path))
    assert caught.value.code == "library-missing"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"#!/bin/sh\necho hello\n", "no-darknet"),
        (b"#!/nowhere/python\n", "no-program"),
        (b"\x7fELF\x02\x01\x01" + b"\0" * 9 + b"\x02\0\xb7\0" + b"\0" * 200, "other-machine"),
        (b"", "no-program"),
        (b"#!/bin/sh\nkill -ILL $$\n", "other-machine"),
    ],
    ids=["script", "no-interpreter", "arm", "empty", "other-instructions"],
)
def test_a_program_that_is_no_darknet_is_refused_with_its_reason(tmp_path, content, code):
    made = tmp_path / "darknet"
    made.write_bytes(content)
    made.chmod(0o755)
    with pytest.raises(UsageError) as caught:
        find_darknet(str(made))
    assert caught.value.code == code and caught.value.path == made and caught.value.hint


def test_a_program_that_never_answers(tmp_path, monkeypatch):
    monkeypatch.setattr("annotator.darknet.program.dialect._TIMEOUT", 0.2)
    made = write_program(tmp_path / "darknet", "import time; time.sleep(60)")
    with pytest.raises(UsageError) as caught:
        find_darknet(str(made))
    assert caught.value.code == "no-answer"


def test_the_folder_it_was_built_in_and_the_usual_places(tmp_path):
    built = tmp_path / "darknet" / "build" / "src-cli"
    built.mkdir(parents=True)
    made = program(built / "darknet", stderr=UNKNOWN)
    assert find_darknet(str(tmp_path / "darknet")).path == made
    environ = {"PATH": str(tmp_path / "none"), "HOME": str(tmp_path)}
    assert candidates(environ)[:1] == [made]
    assert find_darknet(None, environ).path == made
    first = tmp_path / "path"
    first.mkdir()
    (first / "darknet").symlink_to(made)
    assert candidates(environ | {"PATH": str(first)})[:1] == [first / "darknet"]
