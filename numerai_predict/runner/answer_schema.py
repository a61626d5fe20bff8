"""What the model's process answers, held against its form: plain data, from code that nobody has to trust."""

from collections.abc import Callable, Iterable
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from functools import cache
from types import UnionType
from typing import Any, BinaryIO, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from numerai_predict.child import BENCHMARK_MODELS, DATA, LIVE_FEATURES, Answer, LiveFeatures, PredictionStats
from numerai_predict.faults import Blame, Code
from numerai_predict.inspection import Findings
from numerai_predict.runner.acceptance import check_acceptance, notices_of_ids
from numerai_predict.runner.csv_form import read_csv
from numerai_predict.runner.id_counts import IdCounts
from numerai_predict.runner.live_ids import LiveIds
from numerai_predict.sandbox import Message, ProtocolError

T = TypeVar("T")

MAX_TEXT = 200_000
MAX_ENTRIES = 1_000
# Floats are exact up to here. No honest number comes near, and a larger one could break what prints it.
MAX_NUMBER = 1 << 53
# A model must not get to call its failure ours: it would be tried again.
CODES_OF_MODELS = {code.label for code in Code if code.blame is Blame.MODEL}
# A CSV has the shortest text of a number of its type: of a 16-bit float, three digits.
TOLERANCE = 1e-3
ROUNDING = 1e-9


@dataclass(frozen=True)
class Known:
    """What the runtime knows by itself of the process that answers: the files that it was handed, the live ids, and
    whether it may have run the model.
    """

    files: tuple[str, ...] = ()
    live: LiveIds | None = None
    has_loaded: bool = False


def read_answer(message: Message, csv: BinaryIO | None, known: Known, with_predictions: bool = True) -> Answer:
    """The answer in the message, held against its CSV and what is known. Raises ProtocolError, whose text completes "it
    sent …".

    The model runs in the process that answers, so it can forge any of it: all that is promised is that what passes
    has the types that the rest of the runtime builds on. What can be computed from the CSV is, and not taken from it.
    """
    try:
        answer = build(Answer, message)
    except ValueError:
        answer = None
    if answer is None or not _is_plausible(answer, known):
        raise ProtocolError("an answer whose fields are not those of an answer")
    why_none = answer.fault or answer.exception or answer.failures
    if why_none or not with_predictions:
        if csv is not None:
            raise ProtocolError("predictions along with the reason why there are none")
        return replace(answer, predictions=None, warnings=[])
    if answer.predictions is None or csv is None or known.live is None:
        raise ProtocolError("an answer without predictions")
    return _with_predictions(answer, answer.predictions, csv, known.live)


def read_live_ids(message: Message, csv: BinaryIO | None) -> LiveIds:
    """What the process says of the live features once it has read them. Raises ProtocolError."""
    try:
        live = build(LiveFeatures, message)
        return LiveIds(live.shape, csv.read() if csv else b"", live.ids_are_a_column)
    except ValueError as error:
        raise ProtocolError("a shape of the live features that is none") from error


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


def _is_plausible(answer: Answer, known: Known) -> bool:
    """Whether the values are those that the model's process has, as far as their types leave that open."""
    # What cannot be read of the data is said while no model runs, or of what is only read when one does.
    can_be_unreadable = BENCHMARK_MODELS in known.files or not known.has_loaded
    data = {code.label for code in (Code.UNREADABLE_DATASET,) if can_be_unreadable}
    live = answer.data.get(LIVE_FEATURES)
    return (
        answer.parameters in (None, 1, 2)
        and answer.data.keys() <= DATA.keys() & set(known.files)
        and (live is None or known.live is None or live == known.live.shape)
        and _all_of_models(problem.code for problem in [*answer.failures, *answer.warnings])
        and (answer.fault is None or answer.fault.code in CODES_OF_MODELS | data)
        and (answer.predictions is None or _are_correlations(answer.predictions, known))
    )


def _are_correlations(claimed: PredictionStats, known: Known) -> bool:
    if claimed.spearman and BENCHMARK_MODELS not in known.files:
        return False
    return all(value is None or abs(value) <= 1 + ROUNDING for value in claimed.spearman.values())


def _with_predictions(answer: Answer, claimed: PredictionStats, csv: BinaryIO, live: LiveIds) -> Answer:
    """The answer with what its CSV shows instead of what it claims, which must agree."""
    found = read_csv(csv, claimed.columns, IdCounts(live))
    stats = PredictionStats(
        rows=len(found.values),
        columns=claimed.columns,
        min=min(found.values),
        mean=found.mean,
        max=max(found.values),
        std=found.deviation,
        histogram=found.histogram,
        spearman={
            name: None if value is None else max(-1.0, min(1.0, value)) for name, value in claimed.spearman.items()
        },
    )
    if not _agree(claimed, stats):
        raise ProtocolError("statistics that are not those of its CSV")
    return replace(
        answer, predictions=stats, warnings=check_acceptance(found), notices=[*notices_of_ids(found), *answer.notices]
    )


def _agree(claimed: PredictionStats, found: PredictionStats) -> bool:
    return (
        claimed.rows == found.rows == sum(claimed.histogram)
        and len(claimed.histogram) == len(found.histogram)
        and (claimed.std is None) == (found.std is None)
        and all(abs(one - other) <= TOLERANCE for one, other in zip(_figures(claimed), _figures(found), strict=True))
    )


def _figures(stats: PredictionStats) -> tuple[float, ...]:
    return stats.min, stats.mean, stats.max, stats.std or 0.0


def _all_of_models(codes: Iterable[str]) -> bool:
    return CODES_OF_MODELS.issuperset(codes)


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
