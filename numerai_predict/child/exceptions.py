"""What the child reports of an exception: the user's own frames first, ours left out."""

import sys
import traceback
from collections.abc import Mapping
from traceback import TracebackException
from types import MappingProxyType, TracebackType

from numerai_predict.child.answer import RaisedException
from numerai_predict.child.columns import Handed, columns_compared, columns_missing_in, widths_of
from numerai_predict.own_files import is_ours

MAX_MESSAGE = 150_000
MAX_TRACE = 20_000
# Libraries whose version often explains a failure; only those that are loaded are named.
LIBRARIES = (
    *("numpy", "pandas", "pyarrow", "scipy", "sklearn", "joblib", "cloudpickle", "lightgbm", "xgboost", "catboost"),
    *("polars", "torch", "tensorflow", "keras", "jax", "onnx", "numba", "statsmodels"),
)


def describe_exception(error: BaseException, data: Mapping[str, Handed] = MappingProxyType({})) -> RaisedException:
    """The exception as plain data for the parent's diagnosis; frames of the runtime are left out wherever they are.
    `data` are the tables that the model was given.
    """
    users = error.__traceback__
    while users and is_ours(users.tb_frame.f_code.co_filename):
        users = users.tb_next
    return RaisedException(
        kind=type(error).__name__,
        kinds=[base.__name__ for base in type(error).__mro__],
        message=_text_of(error)[:MAX_MESSAGE],
        name=name if isinstance(name := getattr(error, "name", ""), str) else "",
        where=_where(users),
        trace="".join(_without_our_frames(TracebackException(type(error), error, users)).format())[-MAX_TRACE:],
        libraries={
            name: str(getattr(sys.modules[name], "__version__", "")) for name in LIBRARIES if name in sys.modules
        },
        widths=widths_of(data),
        missing=columns_missing_in(error, data),
        other=columns_compared(error, data),
    )


def _without_our_frames(shown: TracebackException) -> TracebackException:
    """Without the frames of ours that raised where the model tried what it may not (sandbox/confine.py)."""
    shown.stack[:] = [frame for frame in shown.stack if not is_ours(frame.filename)]
    for earlier in (shown.__cause__, shown.__context__):
        if earlier:
            _without_our_frames(earlier)
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
