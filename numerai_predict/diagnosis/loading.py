"""What goes wrong while a pickle is loaded: another Python, other libraries, names that are not there, damage."""

import sys

from numerai_predict.diagnosis.raised import Raised
from numerai_predict.faults import Code, Fault
from numerai_predict.inspection import (
    THIS_PYTHON,
    for_another_version,
    named_in_main,
    named_in_nested_pickle,
    other_pythons,
    version_of,
)


def python_version(raised: Raised) -> Fault | None:
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


def incompatible(raised: Raised, library: str) -> Fault:
    """The fault of a pickle that another version of the library wrote."""
    version = raised.libraries.get(library) or version_of(library) or ""
    here = f"the installed {library} {version}" if version else f"the {library} of this environment"
    hint = for_another_version(library, version) if version else None
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


def missing_attribute(raised: Raised) -> Fault | None:
    """The fault of a pickle, or of one inside it, that names what its module does not have."""
    if nested := _in_nested_pickle(raised):
        return nested
    if not raised.is_loading:
        return None
    if "ImportError" in raised.kinds and raised.name and "cannot import name" in raised.message:
        return incompatible(raised, raised.name.partition(".")[0])
    found = next(filter(None, map(raised.says, _NO_SUCH_NAME)), None)
    if not found or raised.where:  # The model's own code may miss a name as well.
        return None
    name, module = found["name"], found["module"]
    if module == "__main__":
        return named_in_main([name], raised.facts.findings)
    top = module.partition(".")[0]
    if top not in sys.stdlib_module_names:
        return incompatible(raised, top)
    message = f"The pickle needs {name!r} of module {module!r}, which does not have it in Python {THIS_PYTHON}."
    return Fault(Code.MISSING_ATTRIBUTE, message, f"Write the pickle again with Python {THIS_PYTHON}.")


def _in_nested_pickle(raised: Raised) -> Fault | None:
    """What only unpicklers say, and of `__main__`, while code of the model or of a library reads a pickle."""
    found = raised.says(r"\ACan't get attribute '(?P<name>[^']+)' on <module '__main__'")
    if not found or not raised.where or "AttributeError" not in raised.kinds:
        return None
    return named_in_nested_pickle([found["name"]], raised.where)


def damaged(raised: Raised) -> Fault | None:
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


def library_skew(raised: Raised) -> Fault | None:
    """The fault of a pickle that one of these libraries cannot read."""
    for pattern, library in _SKEW:
        if raised.says(pattern):
            return incompatible(raised, library)
    return None
