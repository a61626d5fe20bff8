"""From an exception of the model to the fault that its user reads: the first rule that fits decides."""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass

from numerai_predict.child import CHECKING, INSPECTING, LOADING, Answer, RaisedException
from numerai_predict.excerpt import excerpt
from numerai_predict.faults import Code, Fault
from numerai_predict.inspection import THIS_PYTHON, PickleFacts, named_in_main, other_pythons

# What the bytecode of another Python raises where it does not crash.
_ODD_ERRORS = ("TypeError", "ValueError", "SystemError")


def fault_of_exception(answer: Answer, phase: str, facts: PickleFacts) -> Fault | None:
    """The fault behind the exception that the model's process answered with, with its traceback; None if it did not."""
    if answer.exception is None:
        return None
    raised = _Raised(**vars(answer.exception), phase=phase, facts=facts)
    explained = (rule(raised) for rule in _RULES)
    fault = next(filter(None, explained), None) or _unexplained(raised, answer)
    fault.trace = raised.trace
    return fault


def perhaps_another_python(facts: PickleFacts) -> str:
    """The sentence to begin with where bytecode that also fits another Python ends oddly; empty if none does."""
    others = other_pythons(facts.findings)
    return f"The pickle may have been written by Python {others}; this is Python {THIS_PYTHON}. " if others else ""


@dataclass(frozen=True)
class _Raised(RaisedException):
    """An exception of the model, with the phase that it came in and what is known of the pickle."""

    phase: str
    facts: PickleFacts

    @property
    def is_loading(self) -> bool:
        return self.phase == LOADING

    @property
    def subject(self) -> str:
        return "Loading the pickle" if self.is_loading else "The model"

    def says(self, pattern: str | re.Pattern[str]) -> re.Match[str] | None:
        """Where the message matches the expression, if it does."""
        return re.search(pattern, excerpt(self.message))

    @property
    def said(self) -> str:
        """The class and the message, on one readable line."""
        message = " ".join(self.message[:1000].split()).rstrip(".")
        shown = message if len(message) <= 300 else message[:300] + " …"
        return f"{self.kind}: {shown}" if shown else self.kind


def _unexplained(raised: _Raised, answer: Answer) -> Fault:
    code = Code.LOAD_FAILED if raised.is_loading else Code.MODEL_RAISED
    second = answer.optional_second
    aside = f"; its parameter {second!r} received the benchmark models" if second else ""
    if answer.hosts:
        aside += f"; before that it tried to reach {', '.join(answer.hosts)}, and a model has no internet access"
    first = perhaps_another_python(raised.facts) if raised.kind in _ODD_ERRORS else ""
    return Fault(code, f"{first}{raised.subject} raised {raised.said}{raised.where}{aside}.")


def _memory(raised: _Raised) -> Fault | None:
    if "MemoryError" in raised.kinds:
        return Fault(Code.OUT_OF_MEMORY, f"{raised.subject} ran out of memory ({raised.said}){raised.where}.")
    return None


def _inspection(raised: _Raised) -> Fault | None:
    if raised.phase == INSPECTING:
        return Fault(Code.UNREADABLE_PICKLE, f"The pickle could not be looked into: that raised {raised.said}.")
    return None


def _check(raised: _Raised) -> Fault | None:
    """Our checks raise nothing, unless the model has changed the libraries that they use."""
    if raised.phase == CHECKING:
        return Fault(Code.BAD_HANDOVER, f"What the model returned cannot be checked: that raised {raised.said}.")
    return None


def _python_version(raised: _Raised) -> Fault | None:
    """Code objects changed with 3.11, in number and order of their fields; their bytecode with every version."""
    if raised.is_loading and raised.says(r"code\(\) argument 13 must be str"):
        writer, choose = "Python 3.10 or earlier", "numerai_predict_py_3_10"
    elif raised.is_loading and raised.says(r"code(\(\))? (expected|takes) at most 16 arguments"):
        writer, choose = "Python 3.11 or later", "the image of the Python that wrote it"
    elif raised.kind == "SystemError" and raised.says(r"unknown opcode|no locals"):
        others = other_pythons(raised.facts.findings)
        writer, choose = f"Python {others}" if others else "another Python", "the image of the Python that wrote it"
    else:
        return None
    return Fault(
        Code.PYTHON_VERSION_MISMATCH,
        f"The pickle was written by {writer}; this is Python {THIS_PYTHON} ({raised.said}).",
        f"Run it with {choose}, or write the pickle again with Python {THIS_PYTHON}.",
    )


def _missing_module(raised: _Raised) -> Fault | None:
    if "ModuleNotFoundError" not in raised.kinds:
        return None
    # A dotted name means that the package itself was found: it is the version that differs.
    if "." in raised.name:
        return _incompatible(raised, raised.name.partition(".")[0])
    what = "The pickle" if raised.is_loading else "The model"
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
    r"Can't get attribute '(?P<name>[^']+)' on <module '(?P<module>[^']+)'",
    r"^module '(?P<module>[^']+)' has no attribute '(?P<name>[^']+)'",
    r"Can't resolve path '(?P<name>[^']+)' on module '(?P<module>[^']+)'",
)


def _missing_attribute(raised: _Raised) -> Fault | None:
    if not raised.is_loading:
        return None
    if "ImportError" in raised.kinds and raised.name and "cannot import name" in raised.message:
        return _incompatible(raised, raised.name.partition(".")[0])
    found = next(filter(None, map(raised.says, _NO_SUCH_NAME)), None)
    if not found or raised.where:  # The model's own code may miss a name as well.
        return None
    name, module = found["name"], found["module"]
    if module == "__main__":
        return named_in_main([name])
    top = module.partition(".")[0]
    if top not in sys.stdlib_module_names:
        return _incompatible(raised, top)
    return Fault(Code.MISSING_ATTRIBUTE, f"The pickle needs {name!r} of module {module!r}, which does not have it.")


def _damaged(raised: _Raised) -> Fault | None:
    """Errors of the unpickler itself: nothing of the model's own code is on the stack."""
    if not raised.is_loading:
        return None
    truncated = raised.says(r"Ran out of input|truncated|Compressed file ended")
    if truncated and raised.kind in ("EOFError", "UnpicklingError"):
        return Fault(
            Code.TRUNCATED_PICKLE,
            f"The pickle {raised.facts.path} ends early, after {raised.facts.bytes:,} bytes ({raised.said}).",
        )
    archive = raised.facts.compression and raised.kind in (
        "BadGzipFile",
        "BadZipFile",
        "LZMAError",
        "ReadError",
        "OSError",
    )
    unpickler = raised.kind in ("UnpicklingError", "ValueError", "KeyError", "IndexError", "OverflowError", "error")
    if raised.kind == "UnpicklingError" or archive or (unpickler and not raised.where):
        return Fault(Code.UNREADABLE_PICKLE, f"{raised.facts.path} cannot be read as a pickle: {raised.said}.")
    return None


# What libraries say when they meet an object of another version of themselves, and which library it is.
_SKEW = (
    (r"from the pickle has an incompatible dtype|Cannot unpickle|_loss\._loss", "sklearn"),
    (r"is not a known BitGenerator|numpy\.dtype size changed|numpy\.ndarray size changed", "numpy"),
    (r"^\((CategoricalDtype\(|dtype\('<M8)|StringDtype(\.__init__|' object)|_unpickle_block|DatetimeArray", "pandas"),
    (r"serialisation_header|older XGBoost|'gpu_id'|'use_label_encoder'|XGB\w{1,40}' object has no", "xgboost"),
    (r"'Booster' object has no attribute '_?handle'|num_cat field|LightGBM model", "lightgbm"),
    (r"(c|C)ould not (be )?deserialize", "keras"),
    (r"_function_setstate|_class_setstate|_make_function|_make_skeleton_class", "cloudpickle"),
)


def _library_skew(raised: _Raised) -> Fault | None:
    for pattern, library in _SKEW:
        if raised.says(pattern):
            return _incompatible(raised, library)
    return None


def _cuda(raised: _Raised) -> Fault | None:
    if raised.says(r"deserialize object on a CUDA device|No CUDA GPUs|Torch not compiled with CUDA"):
        return Fault(Code.CUDA_MODEL, f"The model holds GPU tensors ({raised.kind}); there is no GPU here.")
    return None


def _exited(raised: _Raised) -> Fault | None:
    if raised.kind == "SystemExit":
        number = raised.says(r"\A(-?\d{1,20})?\Z")
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


def _columns(raised: _Raised) -> Fault | None:
    lookup = raised.kind in ("KeyError", "AttributeError")
    if not raised.says(_MISSING_COLUMNS) or not (lookup or "feature" in raised.message.lower()):
        return None
    length = raised.says(r"length=(\d{1,9})")
    named = raised.message.count("'") // 2 if raised.says("not in index") else 0
    count = int(length[1]) if length else named
    columns = f"{count:,} columns that the data does not have" if count else "other columns than the data has"
    return Fault(Code.MISSING_COLUMNS, f"The model asks for {columns} ({raised.said}){raised.where}.")


def _network(raised: _Raised) -> Fault | None:
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


def _file(raised: _Raised) -> Fault | None:
    if raised.kind == "FileNotFoundError":
        return Fault(Code.MISSING_FILE, f"The model opens a file that is not here ({raised.said}){raised.where}.")
    if raised.says(_ERRNO.format("28|27|122")):
        return Fault(Code.DISK_FULL, f"{raised.subject} found no space for a file ({raised.said}){raised.where}.")
    if raised.says(_ERRNO.format("1|13|30")) and raised.message.endswith("'"):
        return Fault(Code.FILE_DENIED, f"The model opens a file that it may not open ({raised.said}){raised.where}.")
    return None


# ENOSPC, EFBIG, EDQUOT or EPERM, EACCES, EROFS, as OSError writes them, with the path behind if there is one.
_ERRNO = r"\A\[Errno ({})\] "


_RULES: tuple[Callable[[_Raised], Fault | None], ...] = (
    *(_memory, _inspection, _check, _exited, _python_version, _cuda, _missing_module, _missing_attribute),
    *(_library_skew, _damaged, _columns, _network, _file),
)
