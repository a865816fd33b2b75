"""What a Darknet built for CUDA prints, as its sources print it, without such a machine."""

from __future__ import annotations

import pytest

from annotator.darknet.program.parser import OutputParser


def alexeyab(sentence, function="cuda_make_array", hint=" Try to set subdivisions=64 in your cfg-file. \n"):
    """dark_cuda.c: cuda_make_array → check_error_extended → check_error → utils.c: error (perror)."""
    return (
        f"{hint}CUDA status Error: file: ./src/dark_cuda.c: func: {function}() line: 478\n"
        f"\n CUDA Error: {sentence}\n"
        "Darknet error location: ./src/dark_cuda.c, cuda_make_array(), line #478\n"
        f"CUDA Error: {sentence}: Resource temporarily unavailable\n"
        "backtrace (11 entries)\n1/11: ./darknet(log_backtrace+0x38) [0x55c]\n"
    )


def alexeyab_cudnn(status):
    """dark_cuda.c: cudnn_check_error_extended → cudnn_check_error → utils.c: error."""
    return (
        "\n cuDNN status Error in: file: ./src/convolutional_kernels.cu function: "
        f"forward_convolutional_layer_gpu() line: 555\n\n cuDNN Error: {status}\n"
        f"cuDNN Error: {status}: File exists\n"
    )


def hank(message):
    """utils.cpp: darknet_fatal_error, with hank-ai's colours."""
    return (
        "\n* * * * * * * * * * * * * * * * * * * * * * * * * * * * *\n"
        "* Error location: /home/p/darknet/src-lib/dark_cuda.cpp, check_cuda_error(), line #62\n"
        f"* Error message:  \x1b[1;31m{message}\x1b[0m\n"
        "* Thread #140737: main darknet thread\n"
        '* Version "Moonlit" v5.1-104-gf684e1d7 built on Nov 22 2026 10:00:00\n'
    )


def hank_cuda(status, name, sentence):
    """dark_cuda.cpp: check_cuda_error."""
    said = f"current CUDA error: status={status} {name}: {sentence}"
    return f"CUDA status error: x.cpp, f(), line #1\n{hank(said)}"


def pjreddie(sentence):
    """cuda.c of 2018: check_error prints, then asserts."""
    return f"CUDA Error: {sentence}\ndarknet: ./src/cuda.c:36: check_error: Assertion `0' failed.\n"


STREAMS = {
    "gpu-memory": [
        alexeyab("out of memory"),
        pjreddie("out of memory"),
        alexeyab_cudnn("CUDNN_STATUS_ALLOC_FAILED"),
        alexeyab_cudnn("CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
        hank_cuda(2, "cudaErrorMemoryAllocation", "out of memory"),
        # dark_cuda.cpp: cuda_make_array
        hank(
            "CUDA memory allocation failed (676.0 MiB).\n"
            "If possible, try to set subdivisions=... higher in your cfg file."
        ),
        hank("cuDNN current error: status=2, CUDNN_STATUS_ALLOC_FAILED"),
        "\n CUDA Error Prev: out of memory\n",
    ],
    "gpu-build": [
        alexeyab("no kernel image is available for execution on the device", "im2col_ongpu", ""),
        alexeyab("the provided PTX was compiled with an unsupported toolchain.", "f", ""),
        hank_cuda(
            209, "cudaErrorNoKernelImageForDevice", "no kernel image is available for execution on the"
        ),
    ],
    "gpu-driver": [
        alexeyab("CUDA driver version is insufficient for CUDA runtime version", "cuda_set_device", ""),
        pjreddie("CUDA driver version is insufficient for CUDA runtime version"),
        alexeyab("forward compatibility was attempted on non supported HW", "cuda_set_device", ""),
    ],
    "no-gpu": [
        alexeyab("no CUDA-capable device is detected", "cuda_set_device", ""),
        alexeyab("invalid device ordinal", "cuda_set_device", ""),
        hank_cuda(100, "cudaErrorNoDevice", "no CUDA-capable device is detected"),
    ],
    "gpu-busy": [alexeyab("all CUDA-capable devices are busy or unavailable", "cuda_set_device", "")],
    "gpu-hardware": [alexeyab("uncorrectable ECC error encountered", "cuda_push_array", "")],
    "gpu-timeout": [alexeyab("the launch timed out and was terminated", "f", "")],
    "gpu-crash": [
        alexeyab("unspecified launch failure", "cuda_pull_array", ""),
        alexeyab("an illegal memory access was encountered", "cuda_pull_array", ""),
        alexeyab("unknown error", "cuda_set_device", ""),
        hank_cuda(719, "cudaErrorLaunchFailure", "unspecified launch failure"),
    ],
    "gpu-cudnn": [
        alexeyab_cudnn("CUDNN_STATUS_NOT_INITIALIZED"),
        hank("cuDNN did not find a usable algorithm to use for forward convolution"),
    ],
    "gpu": [
        alexeyab_cudnn("CUDNN_STATUS_EXECUTION_FAILED"),
        alexeyab("device kernel exploded", "f", ""),
        hank_cuda(999, "cudaErrorOther", "something new"),
        "cuBLAS Error\n",
    ],
    "memory": [
        # utils.c: calloc_error; pjreddie's utils.c: calloc_error
        "Failed to calloc 1.2 GiB\nCalloc error - possibly out of CPU RAM: Cannot allocate memory\n",
        "Malloc error\n",
        "terminate called after throwing an instance of 'std::bad_alloc'\n",
    ],
}


@pytest.mark.parametrize(("code", "stream"), [(code, one) for code, many in STREAMS.items() for one in many])
def test_each_failure_of_a_gpu_is_one_sentence_of_its_own_kind(code, stream):
    found = []
    parser = OutputParser(found.append)
    parser.feed(stream)
    parser.close()
    about = [problem for problem in found if problem.code != "assertion"]  # pjreddie's follows its sentence
    assert about and {problem.code for problem in about} == {code}
    assert all(problem.fatal for problem in about)
    assert len({problem.text for problem in about}) == 1, "said once, however often it is printed"


@pytest.mark.parametrize(
    "line",
    [
        # darknet.c / dark_cuda.c: show_cuda_cudnn_info, get_cuda_stream, cudnn_handle
        " CUDA-version: 11080 (12020), cuDNN: 8.6.0, CUDNN_HALF=1, GPU count: 2  ",
        " Warning: CUDA-version is higher than Driver-version! ",
        "Create CUDA-stream - 0 ",
        " Create cudnn-handle 0 ",
        # parser.c: parse_net_options, parse_network_cfg_custom
        " 0 : compute_capability = 860, cudnn_half = 1, GPU: NVIDIA GeForce RTX 3060 ",
        "net.optimized_memory = 0 ",
        " Allocate additional workspace_size = 134.22 MB ",
        # network.c: resize_network
        " try to allocate additional workspace_size = 52.43 MB ",
        " CUDA allocate done! ",
        # detector.c: train_detector; network_kernels.cu: train_networks
        " Tensor Cores are disabled until the first 3000 iterations are reached.",
        "Syncing... Done!",
        # dark_cuda.cpp: show_cuda_cudnn_info
        "CUDA runtime version 12020 (v12.2), driver version 12040 (v12.4)",
        "=> 0: NVIDIA GeForce RTX 3090 [#8.6], 23.7 GiB",
        "Training GPUs modified from 2 down to 1 until burn-in.",
    ],
)
def test_what_a_gpu_build_says_of_itself_is_no_complaint(line):
    found = []
    parser = OutputParser(found.append)
    parser.feed(line + "\n")
    parser.close()
    assert found == []
