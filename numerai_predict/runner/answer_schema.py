"""What the model's process answers, held against its form: plain data, from code that nobody has to trust."""

import csv
import io
import re
from collections.abc import Callable, Iterable
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from numerai_predict.child import Answer
from numerai_predict.faults import Blame, Code
from numerai_predict.inspection import Findings
from numerai_predict.sandbox import Message, ProtocolError

T = TypeVar("T")

MAX_TEXT = 200_000
MAX_ENTRIES = 1_000
# Floats are exact up to here. No honest number comes near, and a larger one could break what prints it.
MAX_NUMBER = 1 << 53
DATA = {"live_features", "benchmark_models"}
# A model must not get to call its failure ours: it would be tried again.
CODES_OF_MODELS = {code.label for code in Code if code.blame is Blame.MODEL}
# pandas writes a line for each level of the columns, and one for the names of the index.
MAX_HEADER_LINES = 10
# float() also takes 1_0, ١ and nan.
NUMBER = re.compile(r"[0-9.eE+-]{1,40}")


def read_answer(message: Message, csv_bytes: bytes | None) -> Answer:
    """The answer in the message, held against its CSV (None: no predictions were asked for). Raises ProtocolError,
    whose text completes "it sent …".

    The model runs in the process that answers, so it can forge any of it: all that is promised is that what passes
    has the types that the rest of the runtime builds on, and that the CSV holds numbers from 0 to 1.
    """
    try:
        answer = build(Answer, message)
    except ValueError:
        answer = None
    if answer is None or not _is_plausible(answer):
        raise ProtocolError("an answer whose fields are not those of an answer")
    if csv_bytes is None:
        return answer
    if answer.fault or answer.exception or answer.failures:
        if csv_bytes:
            raise ProtocolError("predictions along with the reason why there are none")
    elif answer.predictions is None:
        raise ProtocolError("an answer without predictions")
    elif refusal := _csv_refusal(csv_bytes, answer.predictions.rows, len(answer.predictions.columns)):
        raise ProtocolError(refusal)
    return answer


def read_findings(message: Message) -> Findings:
    """What the message says was found in a pickle. Raises ProtocolError, whose text completes "it sent …"."""
    try:
        findings = build(Findings, message)
    except ValueError:
        findings = None
    if findings is None or not _all_of_models(difference.code for difference in findings.differences):
        raise ProtocolError("findings whose fields are not those of findings")
    return findings


def build(kind: type[T], value: Any) -> T:
    """The plain JSON `value` as an instance of `kind`, a dataclass with annotated fields. Raises ValueError if a field
    is of another type, too large, missing without a default, or not one of the dataclass.
    """
    return cast(T, _record(kind, value))


def _is_plausible(answer: Answer) -> bool:
    """Whether the values are those that the model's process has, as far as their types leave that open."""
    problems = [*answer.failures, *answer.warnings]
    return (
        answer.parameters in (None, 1, 2)
        and answer.data.keys() <= DATA
        and _all_of_models(problem.code for problem in problems)
        and (answer.fault is None or answer.fault.code in CODES_OF_MODELS | {Code.UNREADABLE_DATASET.label})
    )


def _all_of_models(codes: Iterable[str]) -> bool:
    return CODES_OF_MODELS.issuperset(codes)


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
    return f"a CSV with {wrong} predictions that are not numbers from 0 to 1" if wrong else ""


def _is_prediction(text: str) -> bool:
    try:
        return NUMBER.fullmatch(text) is not None and 0 <= float(text) <= 1
    except ValueError:
        return False


def _as(kind: Any, value: Any) -> Any:
    """The value as what the annotation `kind` says, dataclasses built. Raises ValueError."""
    if is_dataclass(kind):
        return _record(kind, value)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):  # Of a type and None.
        return None if value is None else _as(arguments[0], value)
    if origin is Literal:
        return _checked(value in arguments, value)
    if origin is list:
        return [_as(arguments[0], inner) for inner in _checked(_is_short(value, list), value)]
    if origin is dict:
        entries = _checked(_is_short(value, dict), value).items()
        return {_as(arguments[0], key): _as(arguments[1], inner) for key, inner in entries}
    return kind(_checked(_IS_SCALAR[kind](value), value))


def _record(kind: Any, value: Any) -> Any:
    annotations, required = _fields_of(kind)
    _checked(isinstance(value, dict) and required <= value.keys() <= annotations.keys(), value)
    return kind(**{name: _as(annotations[name], inner) for name, inner in value.items()})


@cache
def _fields_of(kind: Any) -> tuple[dict[str, Any], set[str]]:
    """The annotations of a dataclass, and the names of its fields without a default."""
    required = {each.name for each in fields(kind) if each.default is MISSING and each.default_factory is MISSING}
    return get_type_hints(kind), required


def _checked(is_right: bool, value: Any) -> Any:
    if not is_right:
        raise ValueError
    return value


def _is_short(value: Any, kind: type[list[Any]] | type[dict[Any, Any]]) -> bool:
    return isinstance(value, kind) and len(value) <= MAX_ENTRIES


# A bool is an int for isinstance, and JSON has integers where a float is meant.
_IS_SCALAR: dict[Any, Callable[[Any], bool]] = {
    str: lambda value: isinstance(value, str) and len(value) <= MAX_TEXT,
    int: lambda value: type(value) is int and 0 <= value <= MAX_NUMBER,
    float: lambda value: type(value) in (int, float) and -MAX_NUMBER <= value <= MAX_NUMBER,
    bool: lambda value: isinstance(value, bool),
}
