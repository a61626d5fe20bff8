"""What the machine lacks for the model: memory, a GPU, programs, libraries, files, room."""

import os
import re

from numerai_predict.diagnosis.raised import Raised
from numerai_predict.faults import Code, Fault

_COMPILERS = frozenset({"gcc", "g++", "cc", "c++", "clang", "clang++", "gfortran", "ninja", "cmake", "make"})
_GPU_TOOLS = frozenset({"nvidia-smi", "nvcc", "rocm-smi"})
_NETWORK_TOOLS = frozenset({"curl", "wget", "git", "aws", "gsutil", "pip", "ssh", "scp", "rclone"})
_NO_GPU = "There is no GPU on the platform: leave that out."
_NO_NETWORK = f"A model has no network either. {Code.NETWORK_USED.hint}"
# Of torch's inductor and extensions, triton, setuptools (Cython, cffi).
_NO_COMPILER = re.compile(
    r"No working C\+\+ compiler|InvalidCxxCompiler|Ninja is required|Failed to find C compiler|not find a C\S* compiler"
    r"|command '[^']{1,100}' failed: No such file|unable to execute '[^']{1,100}': No such file"
)
# Of the dynamic linker, cffi and torch.
_NO_LIBRARY = re.compile(r"cannot open shared object file|cannot load library|Could not load this library")
_OTHER_LIBRARY = re.compile(r"\bversion `[^']{1,100}' not found|undefined symbol")
# Which library it is, and what to do without.
_WITHOUT_LIBRARY = (
    (
        re.compile(r"\blib(cu(da|blas|dnn|fft|rand|sparse|solver)|nccl|nv)[\w-]{0,40}\.so"),
        "There is no GPU on the platform: use the package's build for CPUs.",
    ),
    (
        re.compile(r"\blibta[-_]lib"),
        "Compute the indicators with numpy or pandas: no pip install brings TA-Lib's library.",
    ),
    (re.compile(r"\blib(GL|gthread-2)"), f"{Code.MISSING_LIBRARY.hint} (opencv-python-headless does without libGL.)"),
)


def memory(raised: Raised) -> Fault | None:
    """The fault of a model that is refused memory."""
    if "MemoryError" in raised.kinds:
        return Fault(Code.OUT_OF_MEMORY, f"{raised.subject} ran out of memory ({raised.said}){raised.where}.")
    return None


def cuda(raised: Raised) -> Fault | None:
    """The fault of a model that needs a GPU."""
    if raised.says(r"deserialize object on a CUDA device|No CUDA GPUs|Torch not compiled with CUDA"):
        return Fault(Code.CUDA_MODEL, f"The model holds GPU tensors ({raised.kind}); there is no GPU here.")
    if raised.says(r"CUDA error|CUDA driver|No OpenCL device"):
        message = f"The model computes on a GPU, and there is none here ({raised.said}){raised.where}."
        hint = "Choose the CPU before you pickle it: device='cpu', or task_type='CPU' for CatBoost."
        return Fault(Code.CUDA_MODEL, message, hint)
    return None


def compiler(raised: Raised) -> Fault | None:
    """The fault of a model that compiles code."""
    if not raised.says(_NO_COMPILER) and os.path.basename(raised.program) not in _COMPILERS:
        return None
    hint = "Leave out what compiles code while the model runs, and use packages that are compiled already."
    if raised.says(r"Cxx|torch"):
        hint = (
            "Leave torch.compile out, or set torch._dynamo.config.suppress_errors = True: the model computes the same."
        )
    return Fault(
        Code.MISSING_PROGRAM,
        f"The model compiles code, and there is no C++ compiler here ({raised.said}){raised.where}.",
        hint,
    )


def program(raised: Raised) -> Fault | None:
    """The fault of a model that starts a program which is not installed. A shell says so by the status 127."""
    by_shell = raised.kind == "CalledProcessError" and raised.says(
        r"(?s)\ACommand '([\w./-]{0,100}).* exit status 127\.?\Z"
    )
    if raised.program:
        name, lacks = raised.program, f"starts the program {raised.program[:200]!r}, which is not installed here"
    elif by_shell:
        name, lacks = by_shell[1], "starts a program by a shell, which did not find it"
    else:
        return None
    name = os.path.basename(name)
    hint = _NO_GPU if name in _GPU_TOOLS else _NO_NETWORK if name in _NETWORK_TOOLS else None
    return Fault(Code.MISSING_PROGRAM, f"The model {lacks} ({raised.said}){raised.where}.", hint)


def library(raised: Raised) -> Fault | None:
    """The fault of a model that needs a shared library which is not installed, or in another version."""
    if raised.says(_NO_LIBRARY):
        lacks = "needs a shared library that the system here does not have"
        hint = next((hint for pattern, hint in _WITHOUT_LIBRARY if raised.says(pattern)), None)
    elif raised.says(_OTHER_LIBRARY):
        lacks = "loads a shared library that does not fit the others here"
        hint = "It was built for other versions: use the package in the version that the platform has."
    else:
        return None
    return Fault(Code.MISSING_LIBRARY, f"{raised.subject} {lacks} ({raised.said}){raised.where}.", hint)


def file(raised: Raised) -> Fault | None:
    """The fault of a model that cannot open a file, or finds no room for one."""
    if raised.kind == "FileNotFoundError":
        return Fault(Code.MISSING_FILE, f"The model opens a file that is not here ({raised.said}){raised.where}.")
    if raised.says(_ERRNO.format("28|27|122")) or raised.says(r"No space left on device|out of shared memory"):
        return Fault(Code.DISK_FULL, f"{raised.subject} found no space for a file ({raised.said}){raised.where}.")
    if raised.says(_ERRNO.format("1|13|30")) and raised.message.endswith("'"):
        return Fault(Code.FILE_DENIED, f"The model opens a file that it may not open ({raised.said}){raised.where}.")
    return None


# ENOSPC, EFBIG, EDQUOT or EPERM, EACCES, EROFS, as OSError writes them, with the path behind if there is one.
_ERRNO = r"\A\[Errno ({})\] "
