"""What the Darknets print when the GPU fails them, and what it means for a person.

CUDA's own sentences (cudaGetErrorString) reach us through AlexeyAB's ``check_error`` and pjreddie's
(``CUDA Error: …``, ``CUDA Error Prev: …``), through hank-ai's ``check_cuda_error`` (``current CUDA error:
status=2 cudaErrorMemoryAllocation: out of memory``), and cuDNN's through ``cudnn_check_error``. What was
asked for decides what to do: the same sentence from three programs is one row here.
"""

from __future__ import annotations

FULL = (
    "The GPU's memory is full: take more subdivisions (each is a smaller part of the batch), a smaller "
    "network size, or a tiny network."
)

_CUDA = r"(?i)(?:CUDA Error(?: Prev)?:|CUDA error: status=).*"

GPU_COMPLAINTS: tuple[tuple[str, str, str], ...] = (
    (
        # hank-ai's cuda_make_array says so without CUDA's words; cuDNN 9 has a name for each memory.
        r"(?i)CUDA.*out of memory|CUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAlloc|CUDA memory allocation failed"
        r"|Cuda malloc failed|CUDNN_STATUS_ALLOC_FAILED|DEVICE_ALLOCATION_FAILED",
        "gpu-memory",
        FULL,
    ),
    (
        _CUDA + r"(no kernel image|device kernel image is invalid|invalid device function"
        r"|PTX was compiled with an unsupported|provided PTX)|(HIP_ERROR_NoBinaryForGpu)",
        "gpu-build",
        "This Darknet is not built for this GPU ({0}): build it anew on this machine, with the GPU's compute "
        "capability in ARCH of its Makefile (or CMAKE_CUDA_ARCHITECTURES).",
    ),
    (
        _CUDA + r"(driver version is insufficient|unsupported display driver|forward compatibility was)",
        "gpu-driver",
        "The GPU's driver is older than the CUDA that this Darknet is built with ({0}): install a newer "
        "driver, or build Darknet with an older CUDA.",
    ),
    (
        _CUDA + r"(no CUDA-capable device|invalid device ordinal|system not yet initialized"
        r"|initialization error|driver shutting down)",
        "no-gpu",
        "CUDA finds no such GPU ({0}): see whether nvidia-smi lists it, whether CUDA_VISIBLE_DEVICES hides "
        "it, and restart the machine after an update of the driver.",
    ),
    (
        _CUDA + r"(busy or unavailable|exclusive)",
        "gpu-busy",
        "Another program has the GPU for itself ({0}): end it (nvidia-smi names it), and resume.",
    ),
    (
        _CUDA + r"(uncorrectable|ECC|GPU is lost|fallen off the bus|hardware stack error|GPU requires reset)",
        "gpu-hardware",
        "The GPU itself failed ({0}): restart the machine and resume; if it comes again, look for Xid in "
        "the system's log (dmesg) and have the GPU checked.",
    ),
    (
        _CUDA + r"(launch timed out)",
        "gpu-timeout",
        "The GPU took too long for one step while it also draws the screen ({0}): take more subdivisions "
        "or a smaller network size, or train without a desktop on that GPU.",
    ),
    (
        _CUDA + r"(unspecified launch failure|illegal memory access|misaligned address|illegal instruction"
        r"|unknown error|device-side assert)",
        "gpu-crash",
        "The GPU stopped in the middle of its work ({0}): resume from the last weights. If it comes again: "
        "undo overclocking, let it cool, restart after a sleep, try another driver; and check the labels.",
    ),
    (
        r"CUDNN_STATUS_(NOT_INITIALIZED|VERSION_MISMATCH|ARCH_MISMATCH|NOT_SUPPORTED|MAPPING_ERROR|"
        r"SUBLIBRARY\w*|RUNTIME_PREREQUISITE_MISSING)|cuDNN (?:isn't found|did not find) (.*)",
        "gpu-cudnn",
        "cuDNN does not work here ({0}): often the GPU's memory is full already, else the installed cuDNN is "
        "not the one that Darknet is built with. Take more subdivisions, or build Darknet anew.",
    ),
    (
        # AlexeyAB's perror adds the errno of something else after a colon.
        r"CUDA error: status=\d+,? \w+: ([^:]+)|CUDA Error(?: Prev)?: ([^:]+)"
        r"|CUDNN_STATUS_(\w+)|cuDNN Error(?: Prev)?: ([^:]+)|^\s*(cuBLAS Error)\b",
        "gpu",
        "The GPU reported an error: {0}.",
    ),
)
"""Pattern (its first group that is there goes into the sentence), code, sentence. All end a training."""
