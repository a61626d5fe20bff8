"""What the model's process answers, held against its form: plain data, from code that nobody has to trust."""

import csv
import io
import re
from collections.abc import Callable
from typing import Any, TypeAlias

from numerai_predict.faults import Blame, Code
from numerai_predict.sandbox.channel import Message

MAX_TEXT = 200_000
MAX_ENTRIES = 1_000
# pandas writes a line for each level of the columns, and one for the names of the index.
MAX_HEADER_LINES = 10
# float() also takes 1_0, ١ and nan.
NUMBER = re.compile(r"[0-9.eE+-]{1,40}")

Check: TypeAlias = Callable[[Any], bool]


def refusal(answer: Message, csv_bytes: bytes) -> str:
    """What is wrong with the form of an answer and its CSV, as the rest of "it sent …"; empty if nothing is.

    The model runs in the process that answers, so it can forge any of it: all that is promised is that what passes
    has the types that the rest of the runtime builds on, and that the CSV holds numbers from 0 to 1.
    """
    unknown = answer.keys() - _ANSWER.keys()
    wrong = [name for name, check in _ANSWER.items() if name in answer and not check(answer[name])]
    if unknown or wrong:
        return "an answer whose fields are not those of an answer"
    ended = [name for name in ("fault", "exception", "failures") if answer.get(name)]
    if ended:
        return "predictions along with the reason why there are none" if csv_bytes else ""
    if "predictions" not in answer:
        return "an answer without predictions"
    return _csv_refusal(csv_bytes, answer["predictions"]["rows"], len(answer["predictions"]["columns"]))


def are_findings(message: Message) -> bool:
    """Whether the message has the form of what is found in a pickle, so that Findings.from_message can take it."""
    return _PICKLE_FINDINGS(message)


def _csv_refusal(csv_bytes: bytes, rows: int, columns: int) -> str:
    if b"\0" in csv_bytes:
        return "a CSV with NUL bytes"
    try:
        records = csv.reader(io.StringIO(csv_bytes.decode(), newline=""), strict=True)
        width = len(next(records, []))
        first_column = width - columns
        numbers = []
        for record in records:
            if len(record) != width:
                return f"a CSV whose lines have {width} and {len(record)} fields"
            numbers.append(record[first_column])
    except (UnicodeDecodeError, csv.Error, IndexError) as error:
        return f"a CSV that cannot be read ({type(error).__name__})"
    header = len(numbers) - rows  # Beyond its first line.
    if not 0 <= header < MAX_HEADER_LINES or any(map(_is_prediction, numbers[:header])) or first_column < 0 or not rows:
        return f"a CSV of {len(numbers)} lines for {rows} predictions"
    wrong = sum(not _is_prediction(text) for text in numbers[header:])
    return f"a CSV with {wrong} predictions that are no numbers from 0 to 1" if wrong else ""


def _is_prediction(text: str) -> bool:
    try:
        return NUMBER.fullmatch(text) is not None and 0 <= float(text) <= 1
    except ValueError:
        return False


def _text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT


def _count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 53


def _number(value: Any) -> bool:
    return type(value) in (int, float)


def _truth(value: Any) -> bool:
    return isinstance(value, bool)


def _or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and len(value) <= MAX_ENTRIES and all(map(check, value))


def _dict_of(check: Check) -> Check:
    return lambda value: isinstance(value, dict) and len(value) <= MAX_ENTRIES and all(map(check, value.values()))


def _record(fields: dict[str, Check]) -> Check:
    return lambda value: (
        isinstance(value, dict)
        and value.keys() == fields.keys()
        and all(check(value[name]) for name, check in fields.items())
    )


def _code_for(*allowed: Code) -> Check:
    """A model must not get to call its failure ours: it would be tried again."""
    labels = {code.label for code in Code if code.blame is Blame.MODEL or code in allowed}
    return lambda value: isinstance(value, str) and value in labels


_FINDINGS = _list_of(_record({"code": _code_for(), "message": _text, "hint": _or_none(_text)}))
_MODULE = _record(
    {
        **dict.fromkeys(("name", "needed_by", "pip_name"), _text),
        "version": _or_none(_text),
        "status": lambda value: value in ("present", "missing", "skewed"),
    }
)
_DIFFERENCE = _record(
    {
        **dict.fromkeys(("library", "written", "message"), _text),
        **dict.fromkeys(("here", "hint"), _or_none(_text)),
        "breaks": _truth,
        "code": _code_for(),
    }
)
_PICKLE_FINDINGS = _record(
    {
        **dict.fromkeys(("file_name", "writer", "kind", "name", "other", "error_kind", "error"), _text),
        "file_bytes": _count,
        "protocol": _or_none(_count),
        **dict.fromkeys(("python", "main_names"), _list_of(_text)),
        "parameters": _or_none(_list_of(_text)),
        "takes": _or_none(_count),
        "is_callable": _or_none(_truth),
        "modules": _list_of(_MODULE),
        "differences": _list_of(_DIFFERENCE),
        "complete": _truth,
    }
)
_SHAPE = _record({"rows": _count, "columns": _count})
_ANSWER: dict[str, Check] = {
    "parameters": lambda value: type(value) is int and value in (1, 2),
    "optional_second": _or_none(_text),
    "data": lambda value: _dict_of(_SHAPE)(value) and value.keys() <= {"live_features", "benchmark_models"},
    "hosts": _list_of(_text),
    "fault": _record({"code": _code_for(Code.UNREADABLE_DATASET), "message": _text, "hint": _text}),
    "exception": _record(
        {
            **dict.fromkeys(("kind", "message", "name", "where", "trace"), _text),
            "kinds": _list_of(_text),
            "libraries": _dict_of(_text),
        }
    ),
    "failures": _FINDINGS,
    "warnings": _FINDINGS,
    "notices": _list_of(_text),
    "predictions": _record(
        {
            "rows": _count,
            "columns": _list_of(_text),
            **dict.fromkeys(("min", "mean", "max"), _number),
            "std": _or_none(_number),
            "histogram": _list_of(_count),
            "spearman": _dict_of(_or_none(_number)),
        }
    ),
}
