"""What the child reports of an exception: the user's own frames first, ours left out."""

import os
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from traceback import TracebackException
from types import TracebackType

from numerai_predict.child.answer import EarlierException, RaisedException
from numerai_predict.child.columns import Handed, columns_compared, columns_missing_in, widths_of
from numerai_predict.own_files import is_ours
from numerai_predict.sandbox import NetworkAttempts

MAX_MESSAGE = 150_000
MAX_EARLIER = 10
MAX_TRACE = 20_000
# Libraries whose version often explains a failure; only those that are loaded are named.
LIBRARIES = (
    *("numpy", "pandas", "pyarrow", "scipy", "sklearn", "joblib", "cloudpickle", "lightgbm", "xgboost", "catboost"),
    *("polars", "torch", "tensorflow", "keras", "jax", "onnx", "numba", "statsmodels"),
)

# What starts programs: functions of subprocess, which asyncio uses too, and of os.exec*.
_STARTERS = (("subprocess", "_execute_child"), ("os", "_execvpe"))


@dataclass(frozen=True)
class Circumstances:
    """What explains an exception besides its traceback: what was tried of the network, and the tables that the model
    was given, by their names in DATA.
    """

    attempts: NetworkAttempts = field(default_factory=NetworkAttempts)
    handed: dict[str, Handed] = field(default_factory=dict)


def describe_exception(error: BaseException, circumstances: Circumstances) -> RaisedException:
    """The exception as plain data for the parent's diagnosis; frames of the runtime are left out wherever they are."""
    earlier = _behind(error)
    tried = [host for each in (error, *earlier) for host in circumstances.attempts.behind(each.__traceback__)]
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
        earlier=[EarlierException(type(each).__name__, _text_of(each)[:MAX_MESSAGE]) for each in earlier],
        program=next(filter(None, map(_program, (error, *earlier))), ""),
        tried=list(dict.fromkeys(tried)),
        widths=widths_of(circumstances.handed),
        missing=columns_missing_in(error, circumstances.handed),
        other=columns_compared(error, circumstances.handed),
    )


def _behind(error: BaseException) -> list[BaseException]:
    """The exceptions that it followed from or consists of, nearest first. (`raise … from None` hides one, no more.)"""
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting and len(found) <= MAX_EARLIER:
        each = waiting.pop(0)
        if each is not None and not any(each is known for known in found):
            found.append(each)
            waiting += [each.__cause__, each.__context__, *_members(getattr(each, "exceptions", ()))]
    return found[1:]


def _members(exceptions: object) -> Iterable[BaseException]:
    """Those of an ExceptionGroup, which Python 3.10 does not have; of another class it may be anything."""
    return [each for each in exceptions if isinstance(each, BaseException)] if isinstance(exceptions, tuple) else []


def _program(error: BaseException) -> str:
    """The program that was not found when it was to be started, if that is what the error says. It says the same of a
    working directory that is not there.
    """
    if not isinstance(error, FileNotFoundError) or error.__traceback__ is None:
        return ""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    if (frame.f_globals.get("__name__"), frame.f_code.co_name) not in _STARTERS:
        return ""
    missing = error.filename or frame.f_locals.get("file")
    return "" if missing in (None, frame.f_locals.get("cwd")) else os.fsdecode(missing)


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
