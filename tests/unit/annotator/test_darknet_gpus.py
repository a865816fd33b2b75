"""Reading nvidia-smi on machines we do not have: several GPUs, divided ones, sick ones, and none."""

from __future__ import annotations

import sys

import pytest
from darknet_support import make_work, write_program

from annotator.core.training import TrainingModel
from annotator.darknet.cli import main
from annotator.darknet.program import answers, gpu
from annotator.darknet.program.answers import ask
from annotator.darknet.program.dialect import find_darknet, recognise
from annotator.darknet.program.environment import darknet_environment
from annotator.darknet.program.gpu import choose_gpus, read_gpus, read_nvcc, with_chosen
from converters.errors import UsageError

TWO = (
    "0, GPU-aaaa-1, NVIDIA GeForce RTX 3090, 24576, 1021, 3, 550.54.14, [N/A]\n"
    "1, GPU-bbbb-2, NVIDIA GeForce GTX 1080, 8192, 12, 0, 550.54.14, [N/A]\n"
)


@pytest.fixture
def smi(tmp_path, monkeypatch):
    """Makes an nvidia-smi that says this to a query, that to -L, and its table else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(gpu, "_SMI_PLACES", ())

    def make(query, listing="", code=0):
        return write_program(
            folder / "nvidia-smi",
            "import sys\n"
            f"a = sys.argv[1:]\nif a == ['-L']: print({listing!r}, end='')\n"
            "elif a: "
            f"print({query!r}, end=''); sys.exit({code})\n"
            "else: print('| NVIDIA-SMI 550.54.14   Driver Version: 550.54.14   CUDA Version: 12.4     |')\n",
        )

    return make


def test_several_gpus_keep_their_numbers_and_names(smi):
    smi(TWO)
    state = read_gpus()
    assert [(one.index, one.uuid, one.memory) for one in state.gpus] == [
        (0, "GPU-aaaa-1", 24576),
        (1, "GPU-bbbb-2", 8192),
    ]
    assert (state.driver, state.cuda, state.error) == ("550.54.14", (12, 4), "")
    assert read_gpus(with_cuda=False).cuda is None
    assert [one.index for one in choose_gpus("1", state)] == [1]
    assert [one.index for one in choose_gpus("1, 0", state)] == [1, 0]
    for wrong in ("2", "a", "0,0", "", "-1"):
        with pytest.raises(UsageError):
            choose_gpus(wrong, state)
    assert [one.index for one in with_chosen("1", state).gpus] == [1]
    assert with_chosen("", state) is state and with_chosen("1", state).chosen


@pytest.mark.parametrize(
    ("setting", "seen"),
    [("1", [1]), ("1,0", [1, 0]), ("GPU-bb", [1]), ("0,7,1", [0]), ("", []), ("-1", []), ("GPU-", [])],
)
def test_cuda_visible_devices_hides_the_others(smi, setting, seen):
    smi(TWO)
    state = read_gpus({"CUDA_VISIBLE_DEVICES": setting})
    assert [one.index for one in state.gpus] == seen
    assert state.hidden == 2 - len(seen)


def test_what_is_not_known_is_not_made_up(smi):
    smi("0, GPU-a, NVIDIA GB10, [N/A], [N/A], [N/A], 580.95.05, [N/A]\n")
    (one,) = read_gpus().gpus
    assert (one.name, one.memory, one.used, one.load) == ("NVIDIA GB10", 0, 0, None)
    smi("0, GPU-a, [Unknown Error], ERR!, ERR!, ERR!, 470.57, [N/A]\n")
    assert read_gpus().gpus[0].name == "GPU"


def test_a_lost_gpu_beside_a_sound_one(smi):
    lost = "Unable to determine the device handle for GPU0000:02:00.0: GPU is lost.  Reboot the system\n"
    smi(TWO.splitlines()[0] + "\n" + lost, code=15)
    state = read_gpus()
    assert len(state.gpus) == 1 and "GPU is lost" in state.error
    smi(lost, code=15)
    assert read_gpus().gpus == () and "GPU is lost" in read_gpus().error


def test_a_driver_from_before_there_were_divided_gpus(smi):
    path = smi("")
    write_program(
        path,
        "import sys\nif 'mig' in ' '.join(sys.argv):\n"
        "    print('Field \"mig.mode.current\" is not a valid field to query.'); sys.exit(2)\n"
        "print('0, GPU-a, GeForce GTX 970, 4043, 200, 5, 390.157')\n",
    )
    state = read_gpus()
    assert (state.gpus[0].name, state.driver, state.error) == ("GeForce GTX 970", "390.157", "")


def test_the_parts_of_a_divided_gpu(smi):
    smi(
        "0, GPU-a, NVIDIA A100-SXM4-40GB, 40960, 7, [N/A], 535.1, Enabled\n"
        "1, GPU-b, NVIDIA A100-SXM4-40GB, 40960, 0, 0, 535.1, Disabled\n",
        "GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-a)\n"
        "  MIG 3g.20gb     Device  0: (UUID: MIG-1111)\n"
        "  MIG 1g.5gb      Device  1: (UUID: MIG-2222)\n"
        "GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-b)\n",
    )
    state = read_gpus()
    assert [(one.index, one.uuid, one.memory) for one in state.gpus] == [
        (1, "GPU-b", 40960),
        (100, "MIG-1111", 20480),
        (101, "MIG-2222", 5120),
    ]
    assert [one.uuid for one in read_gpus({"CUDA_VISIBLE_DEVICES": "MIG-2222"}).gpus] == ["MIG-2222"]


def test_no_permission_and_no_answer(smi, monkeypatch):
    smi("Failed to initialize NVML: Insufficient Permissions\n", code=4)
    assert read_gpus().error == "Failed to initialize NVML: Insufficient Permissions"
    monkeypatch.setattr(gpu, "_TIMEOUT", 0.3)
    write_program(smi(""), "import time\ntime.sleep(60)\n")
    state = read_gpus()
    assert state.asked and state.gpus == () and "did not answer within 0.3 s" in state.error


def test_it_is_found_where_path_does_not_name_it(smi, tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "_SMI_PLACES", (str(tmp_path / "wsl" / "nvidia-smi"),))
    assert not read_gpus().asked
    (tmp_path / "wsl").mkdir()
    smi(TWO).rename(tmp_path / "wsl" / "nvidia-smi")
    assert len(read_gpus().gpus) == 2
    (tmp_path / "cuda" / "bin").mkdir(parents=True)
    write_program(tmp_path / "cuda" / "bin" / "nvcc", "print('release 12.4, V12.4.99')\n")
    monkeypatch.setenv("CUDA_HOME", str(tmp_path / "cuda"))
    assert read_nvcc() == (12, 4)


def test_a_program_that_no_signal_reaches_is_left_behind(tmp_path, monkeypatch):
    # A process in the kernel cannot be killed; a child that keeps the output open is like it.
    monkeypatch.setattr(answers.os, "killpg", lambda *_: None)
    monkeypatch.setattr(answers, "_GRACE", 0.05)
    answer = ask([sys.executable, "-c", "import time; print('so far', flush=True); time.sleep(3)"], 1.0)
    assert answer.code is None and "did not answer" in answer.why and answer.text == "so far\n"


# ---- Darknets whose GPU is not there -------------------------------------------------------------------

# dark_cuda.c: cuda_set_device → check_error_extended, check_error → utils.c: error; all before any version.
ALEXEYAB_FAILS = (
    "CUDA status Error: file: ./src/dark_cuda.c: func: cuda_set_device() line: 38\n\n"
    " CUDA Error: CUDA driver version is insufficient for CUDA runtime version\n"
    "Darknet error location: ./src/dark_cuda.c, cuda_set_device(), line #38\n"
    "CUDA Error: CUDA driver version is insufficient for CUDA runtime version: Success\n"
)
# dark_cuda.c: show_cuda_cudnn_info with -i -1, up to cudaGetDeviceCount.
ALEXEYAB_ASKED_AGAIN = (
    " CUDA-version: 11080 (0)\n Warning: CUDA-version is higher than Driver-version! \n, cuDNN: 8.6.0"
    + ALEXEYAB_FAILS
)


def test_alexeyab_s_without_a_gpu_is_still_a_darknet(tmp_path):
    path = write_program(
        tmp_path / "darknet",
        f"import sys\nprint({ALEXEYAB_ASKED_AGAIN!r} if '-i' in sys.argv else {ALEXEYAB_FAILS!r})\n"
        "sys.exit(1)\n",
    )
    found = recognise(path)
    assert (found.dialect, found.gpu, found.cuda, found.cudnn) == ("alexeyab", True, (11, 8), "8.6.0")
    assert found.gpu_error == "CUDA driver version is insufficient for CUDA runtime version"
    assert find_darknet(str(path)) == found


def test_pjreddie_s_without_a_gpu(tmp_path):
    # cuda.c: check_error; the sentence stays in the buffer of a stdout that is no terminal.
    said = "darknet: ./src/cuda.c:36: check_error: Assertion `0' failed."
    found = recognise(write_program(tmp_path / "darknet", f"import sys\nsys.exit({said!r})\n"))
    assert (found.dialect, found.gpu, found.gpu_error) == ("pjreddie", True, "CUDA reports an error")


def test_hank_s_without_a_gpu_that_hangs_afterwards(tmp_path, monkeypatch):
    # darknet.cpp: show_version_info; dark_cuda.cpp: show_cuda_cudnn_info fails at cudaGetDeviceCount.
    said = (
        'Darknet V5 "Moonlit" v5.1-104-gf684e1d7 [Nov 22 2026]\n'
        "CUDA status error: dark_cuda.cpp, show_cuda_cudnn_info(), line #712\n"
        "* Error message:  current CUDA error: status=100 cudaErrorNoDevice: "
        "no CUDA-capable device is detected\n"
    )
    path = write_program(tmp_path / "darknet", f"import time\nprint({said!r}, flush=True)\ntime.sleep(60)\n")
    monkeypatch.setattr("annotator.darknet.program.dialect._TIMEOUT", 1.0)
    found = recognise(path)
    assert (found.dialect, found.version, found.gpu) == ("hank", "5.1-104-gf684e1d7", True)
    assert (found.gpu_error, found.cudnn) == ("no CUDA-capable device is detected", None)


def test_hank_s_for_amd(tmp_path):
    # amd_rocm.cpp: show_rocm_info
    said = 'Darknet V5 "Moonlit" v5.1-104\nAMD ROCm v6.2.0\n=> 0: Radeon RX 7900 XTX, 24.0 GiB\n'
    found = recognise(write_program(tmp_path / "darknet", f"print({said!r})\n"))
    assert (found.dialect, found.gpu, found.rocm, found.gpu_error) == ("hank", True, True, "")
    said = said.replace("=> 0: Radeon RX 7900 XTX, 24.0 GiB", "AMD GPU not detected!")
    assert recognise(write_program(tmp_path / "darknet", f"print({said!r})\n")).gpu_error


# ---- the GPUs that are chosen -----------------------------------------------------------------------


def test_chosen_gpus_are_all_that_darknet_sees(smi):
    smi(TWO)
    state = read_gpus()
    assert "CUDA_VISIBLE_DEVICES" not in darknet_environment(1)
    second = darknet_environment(1, choose_gpus("1", state))
    assert (second["CUDA_VISIBLE_DEVICES"], second["CUDA_DEVICE_ORDER"]) == ("GPU-bbbb-2", "PCI_BUS_ID")
    both = darknet_environment(1, choose_gpus("1,0", state))
    assert both["CUDA_VISIBLE_DEVICES"] == "GPU-bbbb-2,GPU-aaaa-1"


def test_a_gpu_that_is_not_there_is_said_before_anything_is_made(smi, tmp_path, capsys):
    smi(TWO)
    work = make_work(tmp_path / "work")
    said = " CUDA-version: 11080 (12040), cuDNN: 8.6.0, GPU count: 2  \n OpenCV version: 4.6.0\n"
    darknet = write_program(tmp_path / "darknet", f"print({said!r})\n")
    arguments = ["run", str(work.root), "--network", "yolov3-tiny", "--darknet", str(darknet)]
    assert main([*arguments, "--gpu", "7"]) == 2
    assert "there is no GPU 7 here" in capsys.readouterr().err
    assert not list(work.runs.glob("2*"))


def test_time_left_on_several_gpus():
    # network_kernels.cu: train_networks adds (GPUs - 1) to each iteration.
    model = TrainingModel(max_batches=100)
    for number in (2, 4, 6):
        model.take(
            {"event": "iteration", "iteration": number, "loss": 1, "avg_loss": 1, "rate": 0.1, "seconds": 3}
        )
    assert model.seconds_left() == (100 - 6) / 2 * 3
