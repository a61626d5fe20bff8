"""What is told of an exception or a crash: the user's own frames first, ours left out."""

import re
import sys
import traceback
from pathlib import Path
from traceback import TracebackException
from types import TracebackType
from typing import Any

OUR_FOLDER = f"{Path(__file__).resolve().parents[1]}/"
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
        "trace": "".join(_without_refusals(TracebackException(type(error), error, users)).format())[-MAX_TRACE:],
        "libraries": {
            name: str(getattr(sys.modules[name], "__version__", "")) for name in LIBRARIES if name in sys.modules
        },
    }


def _without_refusals(shown: TracebackException) -> TracebackException:
    """Without the frame of ours that raised where the model tried what it may not (confinement.py)."""
    shown.stack[:] = [frame for frame in shown.stack if not frame.filename.startswith(OUR_FOLDER)]
    for earlier in (shown.__cause__, shown.__context__):
        if earlier:
            _without_refusals(earlier)
    return shown


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


def without_our_frames(trace: str) -> str:
    """What faulthandler wrote, without the lines about the runtime itself and the page of extension modules."""
    return "".join(line for line in trace.splitlines(keepends=True) if not _NOISE.match(line))


def crash_site(trace: str) -> str:
    """` in predict (model.py line 12)`: where faulthandler saw the thread that it was called in; empty if nowhere.

    Frames of libraries come before the user's: the innermost is named as well.
    """
    _, _, thread = without_our_frames(trace).partition("Current thread ")
    frames = _FRAME.findall(thread.partition("\n\n")[0])
    if not frames:
        return ""
    users = [frame for frame in frames if not _LIBRARY.search(frame[0])]
    file, line, name = users[0] if users else frames[0]
    site = f" in {name} ({file} line {line})"
    if users and frames[0] != users[0]:
        file, line, name = frames[0]
        site += f", at {name} ({_LIBRARY.sub('', file)} line {line})"
    return site


_ROOT = re.escape(str(Path(__file__).resolve().parents[2]).rstrip("/"))
_NOISE = re.compile(rf'\s*File "{_ROOT}/(predict|numerai_predict/[\w/]+)\.py"|Extension modules: ')
_FRAME = re.compile(r'^  File "(.+)", line (\d+) in (.+)$', re.MULTILINE)
_LIBRARY = re.compile(r"^.*/lib/python[\d.]+/(site-packages/)?|^<frozen .*>$")
