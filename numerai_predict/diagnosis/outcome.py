"""From how a model's process ended to the fault that the user reads: one ladder, pure, first match wins."""

import re
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass

from numerai_predict.child.exceptions import crash_site, without_our_frames
from numerai_predict.faults import Code, Fault
from numerai_predict.inspection.file_type import PickleFacts
from numerai_predict.inspection.findings import THIS_PYTHON
from numerai_predict.inspection.preflight import also_possible
from numerai_predict.platform_limits import TIME_LIMIT_S
from numerai_predict.sandbox.channel import LINE_LOST
from numerai_predict.sandbox.supervisor import Outcome, Stop

INSPECTING = "inspecting"
LOADING = "loading"
CHECKING = "checking"


def diagnose(outcome: Outcome, facts: PickleFacts | None, strict: bool = False) -> Fault | None:
    """The one fault that explains why the model gave no acceptable predictions; None if it did.

    What we stopped comes first, then what the model itself reported, then how its process ended. Without `facts`
    the model was never handed over. With `strict`, the platform's acceptance rules count too.
    """
    if fault := _stopped(outcome):
        return fault
    if facts is None:
        return _never_began(outcome)
    return (
        _killed_by_kernel(outcome)
        or _raised(outcome, facts)
        or _died(outcome, facts)
        or _findings(outcome, "failures")
        or (_findings(outcome, "warnings") if strict else None)
    )


def too_slow_for_one_cpu(outcome: Outcome) -> str | None:
    """The warning that a model only made it in time because it had more CPUs than the platform's one."""
    if not outcome.wall_s <= TIME_LIMIT_S < outcome.cpu_s:
        return None
    return (
        f"The model computed for {outcome.cpu_s:.0f} seconds in {outcome.wall_s:.0f} seconds of wall time; "
        f"on the platform's one CPU it would not be done after {TIME_LIMIT_S:.0f}."
    )


def other_file(facts: PickleFacts) -> Fault | None:
    """The fault of a model file that is no pickle at all; None if it may be one."""
    if facts.other == "empty":
        return Fault(Code.EMPTY_FILE, f"The model file {facts.path} is empty.")
    if facts.other:
        hints = (hint for kind, hint in _FILE_HINTS if facts.other.startswith(kind))
        return Fault(Code.NOT_A_PICKLE, f"The model file {facts.path} is {facts.other}.", next(hints, None))
    return None


_FILE_HINTS = (
    ("an XML document", "Look at what it says; make a fresh presigned URL and download the model again."),
    ("a Git LFS pointer", "Check the file itself out: git lfs pull."),
    ("a gzip file", "Give the file a name that ends in .gz, or write the pickle uncompressed."),
    ("a bzip2 file", "Give the file a name that ends in .bz2, or write the pickle uncompressed."),
    ("an xz file", "Give the file a name that ends in .xz, or write the pickle uncompressed."),
    ("a Zstandard file", "Give the file a name that ends in .zst, or write the pickle uncompressed."),
    ("not compressed", "Take the suffix off the file's name, or compress the file."),
)


def _stopped(outcome: Outcome) -> Fault | None:
    limits, where = outcome.limits, f"while {outcome.phase}"
    trace = outcome.trace or outcome.log_tail
    if outcome.stopped is Stop.MEMORY and limits.memory_bytes is not None:
        used = f"{_mib(outcome.peak_memory_bytes)} of {_mib(limits.memory_bytes)} MiB of memory"
        return Fault(Code.OUT_OF_MEMORY, f"The model used {used}{_container(outcome)} {where} and was stopped.")
    if outcome.stopped is Stop.TIME and limits.wall_s is not None:
        busy = f"{outcome.cpu_s:.0f} of them computing"
        return Fault(
            Code.TIMEOUT,
            f"The model took more than {limits.wall_s:g} seconds ({busy}) and was stopped {where}{crash_site(trace)}.",
            trace=without_our_frames(trace),
        )
    if outcome.stopped is Stop.PROCESSES:
        message = f"The model had more than {limits.processes} processes {where} and was stopped."
        return Fault(Code.TOO_MANY_PROCESSES, message)
    if outcome.stopped is Stop.DISK:
        message = f"The model wrote more than {_mib(limits.disk_bytes)} MiB of files {where} and was stopped."
        return Fault(Code.DISK_FULL, message)
    if outcome.stopped is Stop.HANDOVER:
        return Fault(Code.BAD_HANDOVER, f"The model's process was stopped {where}: it sent {outcome.refusal}.")
    return None


def _never_began(outcome: Outcome) -> Fault:
    trace = (outcome.answer or {}).get("exception", {}).get("trace") or outcome.log_tail
    message = f"The model's process ended with status {outcome.status} before it was given the model."
    return Fault(Code.INTERNAL_ERROR, message, "See the traceback: are the packages installed?", trace)


def _killed_by_kernel(outcome: Outcome) -> Fault | None:
    """The kernel's own choice of a process to end when memory ran out: the model, or one that it started."""
    raised = (outcome.answer or {}).get("exception")
    if not outcome.oom_kills or not (raised or (outcome.answer is None and outcome.status == -signal.SIGKILL)):
        return None
    victim = "a process that the model had started" if raised else "the model's process"
    used = f"it was last seen to use {_mib(outcome.peak_memory_bytes)} MiB{_container(outcome)}"
    message = f"The kernel ran out of memory and killed {victim} while {outcome.phase}; {used}."
    return Fault(Code.OUT_OF_MEMORY, message, trace=raised["trace"] if raised else "")


def _container(outcome: Outcome) -> str:
    return f" (the container has {_mib(outcome.container_bytes)} MiB)" if outcome.container_bytes else ""


def _died(outcome: Outcome, facts: PickleFacts) -> Fault | None:
    if outcome.answer is not None:
        return None
    if outcome.status == LINE_LOST:
        message = f"The model's process lost its line to the runtime while {outcome.phase}."
        return Fault(Code.BAD_HANDOVER, message)
    if outcome.status >= 0:
        return Fault(
            Code.MODEL_EXITED,
            f"The model's process ended with status {outcome.status} while {outcome.phase}, without predictions.",
        )
    name = _signal_name(-outcome.status)
    if name == "SIGKILL":
        return Fault(
            Code.MODEL_CRASHED,
            f"The model's process was killed (SIGKILL) while {outcome.phase}, and not by this runtime.",
            "This is most often the machine running out of memory: give the container more, or use less.",
        )
    trace = outcome.trace or outcome.log_tail
    sent = name not in ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "SIGTRAP", "SIGSYS")
    return Fault(
        Code.MODEL_CRASHED,
        f"{_perhaps_another_python(facts)}The model's process died of {name} while {outcome.phase}{crash_site(trace)}.",
        "Somebody sent that signal: the model itself, or one who stops processes on this machine." if sent else None,
        without_our_frames(trace),
    )


def _perhaps_another_python(facts: PickleFacts) -> str:
    """The sentence to begin with where bytecode that also fits another Python ends oddly."""
    others = also_possible(facts.findings)
    return f"The pickle may have been written by Python {others}; this is Python {THIS_PYTHON}. " if others else ""


def _findings(outcome: Outcome, kind: str) -> Fault | None:
    findings = (outcome.answer or {}).get(kind) or []
    if not findings:
        return None
    first = findings[0]
    message = " ".join(finding["message"] for finding in findings)
    return Fault(Code[first["code"].upper()], message, first.get("hint"))


@dataclass(frozen=True)
class _Raised:
    """An exception of the model as its process reported it; `kinds` are the names of its class and bases."""

    phase: str
    kind: str
    kinds: tuple[str, ...]
    message: str
    name: str
    where: str
    trace: str
    libraries: dict[str, str]

    @property
    def said(self) -> str:
        """The class and the message, on one line that can be read."""
        message = " ".join(self.message[:1000].split()).rstrip(".")
        shown = message if len(message) <= 300 else message[:300] + " …"
        return f"{self.kind}: {shown}" if shown else self.kind


def _raised(outcome: Outcome, facts: PickleFacts) -> Fault | None:
    """The fault behind an exception: one the runtime raised about the model, or one of the model's own."""
    answer = outcome.answer or {}
    if fault := answer.get("fault"):
        return Fault(Code[fault["code"].upper()], fault["message"], fault["hint"])
    if not (report := answer.get("exception")):
        return None
    raised = _Raised(outcome.phase, **{**report, "kinds": tuple(report["kinds"])})
    if raised.phase == INSPECTING and "MemoryError" not in raised.kinds:
        return Fault(Code.INTERNAL_ERROR, f"Looking into the pickle raised {raised.said}.", trace=raised.trace)
    if raised.phase == CHECKING and "MemoryError" not in raised.kinds:
        message = f"What the model returned cannot be checked: that raised {raised.said}."
        return Fault(Code.BAD_HANDOVER, message, trace=raised.trace)
    for explain in (*(_LOADING if raised.phase == LOADING else ()), *_ANY_PHASE):
        if fault := explain(raised, facts):
            fault.trace = raised.trace
            return fault
    code = Code.LOAD_FAILED if raised.phase == LOADING else Code.MODEL_RAISED
    second = answer.get("optional_second")
    aside = f"; its parameter {second!r} was given the benchmark models" if second else ""
    if hosts := answer.get("hosts"):
        aside += f"; before that it tried to reach {', '.join(hosts)}, and a model has no internet access"
    first = _perhaps_another_python(facts) if raised.kind in _ODD_ERRORS else ""
    return Fault(code, f"{first}{_subject(raised)} raised {raised.said}{raised.where}{aside}.", trace=raised.trace)


# What the bytecode of another Python raises where it does not crash.
_ODD_ERRORS = ("TypeError", "ValueError", "SystemError")


def _subject(raised: _Raised) -> str:
    return "Loading the pickle" if raised.phase == LOADING else "The model"


def _python_version(raised: _Raised, facts: PickleFacts) -> Fault | None:
    """Code objects changed with 3.11, in number and order of their fields; their bytecode with every version."""
    if raised.phase == LOADING and re.search(r"code\(\) argument 13 must be str", raised.message):
        writer, choose = "Python 3.10 or earlier", "numerai_predict_py_3_10"
    elif raised.phase == LOADING and re.search(r"code\S* (expected|takes) at most 16 arguments", raised.message):
        writer, choose = "Python 3.11 or later", "the image of the Python that wrote it"
    elif raised.kind == "SystemError" and re.search(r"unknown opcode|no locals", raised.message):
        others = also_possible(facts.findings)
        writer, choose = f"Python {others}" if others else "another Python", "the image of the Python that wrote it"
    else:
        return None
    return Fault(
        Code.PYTHON_VERSION_MISMATCH,
        f"The pickle was written by {writer}; this is Python {THIS_PYTHON} ({raised.said}).",
        f"Run it with {choose}, or write the pickle again with Python {THIS_PYTHON}.",
    )


def _missing_module(raised: _Raised, facts: PickleFacts) -> Fault | None:
    if "ModuleNotFoundError" not in raised.kinds:
        return None
    # A dotted name means that the package itself was found: it is the version that differs.
    if "." in raised.name:
        return _incompatible(raised, raised.name.partition(".")[0])
    what = "The pickle" if raised.phase == LOADING else "The model"
    return Fault(
        Code.MISSING_MODULE, f"{what} needs the module {raised.name!r}, which is not installed here{raised.where}."
    )


def _incompatible(raised: _Raised, library: str) -> Fault:
    version = raised.libraries.get(library, "")
    here = f"the installed {library} {version}" if version else f"the {library} of this environment"
    package = "scikit-learn" if library == "sklearn" else library
    hint = f"Train and pickle it again with this version: pip install {package}=={version}" if version else None
    message = f"The pickle does not fit {here}: {raised.said}."
    if library == "numpy" and "numpy._core" in raised.message and version.startswith("1."):
        message = f"The pickle was written with NumPy 2; this is NumPy {version} ({raised.said})."
    return Fault(Code.INCOMPATIBLE_LIBRARY, message, hint)


# What the unpickler says of a name that its module lacks: before Python 3.14, since, and since of a dotted name.
_NO_SUCH_NAME = (
    r"Can't get attribute '(?P<name>.+?)' on <module '(?P<module>[^']+)'",
    r"^module '(?P<module>[^']+)' has no attribute '(?P<name>[^']+)'",
    r"Can't resolve path '(?P<name>[^']+)' on module '(?P<module>[^']+)'",
)


def _missing_attribute(raised: _Raised, facts: PickleFacts) -> Fault | None:
    if "ImportError" in raised.kinds and raised.name and "cannot import name" in raised.message:
        return _incompatible(raised, raised.name.partition(".")[0])
    tried = (re.search(pattern, raised.message) for pattern in _NO_SUCH_NAME)
    found = next(filter(None, tried), None)
    if not found or raised.where:  # The model's own code may miss a name as well.
        return None
    name, module = found["name"], found["module"]
    if module == "__main__":
        return Fault(
            Code.MISSING_ATTRIBUTE,
            f"The pickle only names {name!r} of the script that wrote it (module __main__) and does not contain it.",
            "Write it with cloudpickle instead of pickle: cloudpickle.dump(predict, file).",
        )
    top = module.partition(".")[0]
    if top not in sys.stdlib_module_names:
        return _incompatible(raised, top)
    return Fault(Code.MISSING_ATTRIBUTE, f"The pickle needs {name!r} of module {module!r}, which does not have it.")


def _damaged(raised: _Raised, facts: PickleFacts) -> Fault | None:
    """Errors of the unpickler itself: nothing of the model's own code is on the stack."""
    truncated = re.search(r"Ran out of input|truncated|Compressed file ended", raised.message)
    if truncated and raised.kind in ("EOFError", "UnpicklingError"):
        return Fault(
            Code.TRUNCATED_PICKLE, f"The pickle {facts.path} ends early, after {facts.bytes:,} bytes ({raised.said})."
        )
    archive = facts.compression and raised.kind in ("BadGzipFile", "BadZipFile", "LZMAError", "ReadError", "OSError")
    unpickler = raised.kind in ("UnpicklingError", "ValueError", "KeyError", "IndexError", "OverflowError", "error")
    if raised.kind == "UnpicklingError" or archive or (unpickler and not raised.where):
        return Fault(Code.UNREADABLE_PICKLE, f"{facts.path} cannot be read as a pickle: {raised.said}.")
    return None


# What libraries say when they meet an object of another version of themselves, and which library it is.
_SKEW = (
    (r"from the pickle has an incompatible dtype|Cannot unpickle|_loss\._loss", "sklearn"),
    (r"is not a known BitGenerator|numpy\.dtype size changed|numpy\.ndarray size changed", "numpy"),
    (r"^\((CategoricalDtype\(|dtype\('<M8)|StringDtype(\.__init__|' object)|_unpickle_block|DatetimeArray", "pandas"),
    (r"serialisation_header|older XGBoost|'gpu_id'|'use_label_encoder'|XGB\w+' object has no", "xgboost"),
    (r"'Booster' object has no attribute '_?handle'|num_cat field|LightGBM model", "lightgbm"),
    (r"(c|C)ould not (be )?deserialize", "keras"),
    (r"_function_setstate|_class_setstate|_make_function|_make_skeleton_class", "cloudpickle"),
)


def _library_skew(raised: _Raised, facts: PickleFacts) -> Fault | None:
    for pattern, library in _SKEW:
        if re.search(pattern, raised.message):
            return _incompatible(raised, library)
    return None


def _cuda(raised: _Raised, facts: PickleFacts) -> Fault | None:
    if re.search(r"deserialize object on a CUDA device|No CUDA GPUs|Torch not compiled with CUDA", raised.message):
        return Fault(Code.CUDA_MODEL, f"The model holds GPU tensors ({raised.kind}); there is no GPU here.")
    return None


def _memory(raised: _Raised, facts: PickleFacts) -> Fault | None:
    if "MemoryError" in raised.kinds:
        return Fault(Code.OUT_OF_MEMORY, f"{_subject(raised)} ran out of memory ({raised.said}){raised.where}.")
    return None


def _exited(raised: _Raised, facts: PickleFacts) -> Fault | None:
    if raised.kind == "SystemExit":
        number = re.fullmatch(r"-?\d+|", raised.message)
        argument = raised.message if number else repr(raised.message[:200])
        return Fault(Code.MODEL_EXITED, f"The model called sys.exit({argument}) while {raised.phase}{raised.where}.")
    return None


# What pandas, LightGBM, XGBoost and scikit-learn say when they miss columns.
_MISSING_COLUMNS = re.compile(
    r"not in index|are in the \[columns\]|^'(feature_|target|v\d+_)"
    r"|'(DataFrame|Series)' object has no attribute '(feature_|target|v\d+_)"
    r"|feature_names mismatch|feature names (should|seen)|number of features in data",
    re.IGNORECASE,
)


def _columns(raised: _Raised, facts: PickleFacts) -> Fault | None:
    lookup = raised.kind in ("KeyError", "AttributeError")
    if not _MISSING_COLUMNS.search(raised.message) or not (lookup or "feature" in raised.message.lower()):
        return None
    length = re.search(r"length=(\d+)", raised.message)
    named = len(re.findall(r"'[^']+'", raised.message)) if "not in index" in raised.message else 0
    count = int(length[1]) if length else named
    columns = f"{count:,} columns that the data does not have" if count else "other columns than the data has"
    return Fault(Code.MISSING_COLUMNS, f"The model asks for {columns} ({raised.said}){raised.where}.")


def _network(raised: _Raised, facts: PickleFacts) -> Fault | None:
    # A broken pipe is a ConnectionError too, and has nothing to do with the network.
    kinds = {
        "gaierror",
        "ConnectionRefusedError",
        "URLError",
        "RequestException",
        "MaxRetryError",
        "NewConnectionError",
    }
    if kinds & set(raised.kinds) or "Network is unreachable" in raised.message:
        return Fault(Code.NETWORK_USED, f"The model tried to reach the network ({raised.said}){raised.where}.")
    return None


def _file(raised: _Raised, facts: PickleFacts) -> Fault | None:
    if raised.kind == "FileNotFoundError":
        return Fault(Code.MISSING_FILE, f"The model opens a file that is not here ({raised.said}){raised.where}.")
    if re.match(_ERRNO.format("28|27|122"), raised.message):
        return Fault(Code.DISK_FULL, f"{_subject(raised)} found no room for a file ({raised.said}){raised.where}.")
    if re.match(_ERRNO.format("1|13|30"), raised.message) and raised.message.endswith("'"):
        return Fault(Code.FILE_DENIED, f"The model opens a file that it may not open ({raised.said}){raised.where}.")
    return None


# ENOSPC, EFBIG, EDQUOT or EPERM, EACCES, EROFS, as OSError writes them, with the path behind if there is one.
_ERRNO = r"\[Errno ({})\] "


_Explain = Callable[[_Raised, PickleFacts], Fault | None]
_ANY_PHASE: tuple[_Explain, ...] = (
    *(_exited, _memory, _python_version, _cuda, _missing_module, _library_skew, _columns, _network, _file),
)
_LOADING: tuple[_Explain, ...] = (
    *(_exited, _memory, _python_version, _cuda, _missing_module, _missing_attribute, _library_skew, _damaged),
)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _mib(size: int) -> str:
    return f"{size / (1 << 20):,.0f}"
