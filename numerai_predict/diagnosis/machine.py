"""What the machine lacks for the model: memory, a GPU, files, room."""

from numerai_predict.diagnosis.raised import Raised
from numerai_predict.faults import Code, Fault


def memory(raised: Raised) -> Fault | None:
    """The fault of a model that is refused memory."""
    if "MemoryError" in raised.kinds:
        return Fault(Code.OUT_OF_MEMORY, f"{raised.subject} ran out of memory ({raised.said}){raised.where}.")
    return None


def cuda(raised: Raised) -> Fault | None:
    """The fault of a model that needs a GPU."""
    if raised.says(r"deserialize object on a CUDA device|No CUDA GPUs|Torch not compiled with CUDA"):
        return Fault(Code.CUDA_MODEL, f"The model holds GPU tensors ({raised.kind}); there is no GPU here.")
    return None


def file(raised: Raised) -> Fault | None:
    """The fault of a model that cannot open a file, or finds no room for one."""
    if raised.kind == "FileNotFoundError":
        return Fault(Code.MISSING_FILE, f"The model opens a file that is not here ({raised.said}){raised.where}.")
    if raised.says(_ERRNO.format("28|27|122")):
        return Fault(Code.DISK_FULL, f"{raised.subject} found no space for a file ({raised.said}){raised.where}.")
    if raised.says(_ERRNO.format("1|13|30")) and raised.message.endswith("'"):
        return Fault(Code.FILE_DENIED, f"The model opens a file that it may not open ({raised.said}){raised.where}.")
    return None


# ENOSPC, EFBIG, EDQUOT or EPERM, EACCES, EROFS, as OSError writes them, with the path behind if there is one.
_ERRNO = r"\A\[Errno ({})\] "
