"""What the model's process tells of an exception: plain data, the user's own frames first, ours left out."""

import sys
import traceback
from types import TracebackType
from typing import Any

MAX_MESSAGE = 150_000
MAX_TRACE = 20_000
# Libraries whose version often explains a failure; only those that are loaded are named.
LIBRARIES = (
    *("numpy", "pandas", "pyarrow", "scipy", "sklearn", "joblib", "cloudpickle", "lightgbm", "xgboost", "catboost"),
    *("polars", "torch", "tensorflow", "keras", "jax", "onnx", "numba", "statsmodels"),
)


def describe_exception(error: BaseException, runtime: dict[str, Any]) -> dict[str, Any]:
    """The exception as the parent's diagnosis reads it: class names, message, the user's line, traceback, versions.

    Leading frames whose globals are `runtime` are the runtime's own and left out. Their file name could not tell: a
    user's file may well be called predict.py too.
    """
    users = error.__traceback__
    while users and users.tb_frame.f_globals is runtime:
        users = users.tb_next
    return {
        "kind": type(error).__name__,
        "kinds": [base.__name__ for base in type(error).__mro__],
        "message": _text_of(error)[:MAX_MESSAGE],
        "name": name if isinstance(name := getattr(error, "name", ""), str) else "",
        "where": _where(users),
        "trace": "".join(traceback.format_exception(type(error), error, users))[-MAX_TRACE:],
        "libraries": {
            name: str(getattr(sys.modules[name], "__version__", "")) for name in LIBRARIES if name in sys.modules
        },
    }


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as worse:  # The exception is the model's own, and so is its __str__.
        return f"<its __str__ raised {type(worse).__name__}>"


def _where(frames: TracebackType | None) -> str:
    """` in predict (model.py line 12)`: the last frame of the file in which the user's code begins."""
    if frames is None:
        return ""
    file = frames.tb_frame.f_code.co_filename
    name, line = [
        (frame.f_code.co_name, line) for frame, line in traceback.walk_tb(frames) if frame.f_code.co_filename == file
    ][-1]
    return f" in {name} ({file} line {line})"
