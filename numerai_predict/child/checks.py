"""The rules that predictions must keep, and their statistics. Vectorised: a live round has 7,000 rows."""

import csv
import io
import math
from dataclasses import asdict
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from numerai_predict.child.answer import PredictionStats, Problem
from numerai_predict.child.frame_csv import header_as_csv
from numerai_predict.child.load import ids_are_a_column, ids_of
from numerai_predict.faults import Code

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"

HISTOGRAM_BINS = 10
# What pandas calls columns that may hold real numbers; "mixed" are those of fractions, and others.
KINDS_OF_NUMBERS = ("floating", "integer", "mixed-integer-float", "decimal", "mixed", "mixed-integer")
# What the platform looks for in the CSV, wherever it stands.
COLUMN = "prediction"
INDEX_HINT = "Put the predictions in a column; only ids belong in the index: index=live_features.index."


def check_values(predictions: Any) -> list[Problem]:
    """Everything for which the platform's runtime rejects what a model returned; empty if it is acceptable."""
    if predictions is None:
        return [_problem(Code.RETURNED_NOTHING, "The model returned None instead of a DataFrame.")]
    if type(predictions) is not pd.DataFrame:
        return [_not_a_dataframe(predictions)]
    if predictions.empty:
        rows, columns = predictions.shape
        return [_problem(Code.NO_PREDICTIONS, f"The returned DataFrame has {rows:,} rows and {columns:,} columns.")]
    found = _check_nan(predictions)
    problems = [found] if found else []
    for column, where, hint in _columns_of_predictions(predictions):
        problems += _check_numbers(column, where, hint)
    return problems or _check_levels(predictions)


def notices_and_remarks(live_ids: pd.Index, benchmarks: pd.DataFrame | None) -> tuple[list[str], list[str]]:
    """What is probably wrong with the data that the model was given; what a model has to know of it, and may know."""
    if benchmarks is None:
        return [], []
    if ids_are_a_column(benchmarks):
        return ["The ids of the benchmark models are a column 'id'; in Numerai's file they are the index."], []
    missing, is_in_order = _compare(live_ids, benchmarks.index)
    if missing:
        return [f"The benchmark models lack {missing:,} of {len(live_ids):,} live ids."], []
    if is_in_order:
        return [], []
    return [], [
        "The benchmark models hold the live ids in another order than the live features; a model must align "
        "them: live_benchmark_models.reindex(live_features.index)."
    ]


def _compare(live_ids: pd.Index, ids: pd.Index) -> tuple[int, bool]:
    """How many live ids are not among these ids, and whether all are in the same order."""
    if not ids.is_unique:
        missing = int((~live_ids.isin(ids)).sum())
        return missing, not missing and ids[ids.isin(live_ids)].equals(live_ids)
    places = ids.get_indexer(live_ids)
    return int((places < 0).sum()), bool((places[1:] > places[:-1]).all())


def describe(predictions: pd.DataFrame, benchmarks: pd.DataFrame | None) -> dict[str, Any]:
    """Their statistics as plain data, for the answer."""
    return asdict(prediction_stats(predictions, benchmarks))


def prediction_stats(predictions: pd.DataFrame, benchmarks: pd.DataFrame | None) -> PredictionStats:
    """The statistics of the first column, and its Spearman correlation with each benchmark model, on the ids that both
    have.
    """
    values = _as_numbers(predictions.iloc[:, 0]).set_axis(predictions.index.to_flat_index())
    counts, _ = np.histogram(values, bins=HISTOGRAM_BINS, range=(0.0, 1.0))
    deviation = values.std()
    return PredictionStats(
        rows=len(predictions),
        columns=_names_in_csv(predictions),
        min=float(values.min()),
        mean=float(values.mean()),
        max=float(values.max()),
        std=None if np.isnan(deviation) else float(deviation),
        histogram=counts.tolist(),
        spearman={} if benchmarks is None else spearman(values, benchmarks),
    )


def _names_in_csv(predictions: pd.DataFrame) -> list[str]:
    """The columns without the index, by the names that the CSV has for them."""
    header: list[str] = next(csv.reader(io.StringIO(header_as_csv(predictions), newline="")))
    return header[predictions.index.nlevels :]


def spearman(values: "pd.Series[float]", benchmarks: pd.DataFrame) -> dict[str, float | None]:
    """Spearman's rank correlation, ties averaged, of the values with each column of numbers, over the ids that both
    have; None where there is none, as if one side is constant. Of an id that occurs twice, the first row counts.
    """
    if not values.index.is_unique:
        values = values[~values.index.duplicated()]
    by_id = benchmarks.set_axis(ids_of(benchmarks)).select_dtypes("number")
    if not by_id.index.is_unique:
        by_id = by_id[~by_id.index.duplicated()]
    aligned = by_id.reindex(values.index)
    # Spearman's correlation is Pearson's of the ranks; pandas' own would import SciPy for it.
    own = values.to_numpy()
    ranks = _ranks(own)
    found = {}
    for name, column in aligned.items():
        theirs = _as_floats(column)
        known = ~np.isnan(theirs)
        found[str(name)] = _pearson(_ranks(theirs[known]), ranks if known.all() else _ranks(own[known]))
    return found


def _as_floats(column: "pd.Series[Any]") -> Array:
    """The numbers of the column, or others of the same ranks, as floats of NumPy's."""
    if not isinstance(column.dtype, np.dtype) or column.dtype.kind != "f":
        column = column.rank()
    return column.to_numpy("float64", na_value=np.nan)


def _ranks(numbers: Array) -> Array:
    """The ranks from 1, as Series.rank has them, in a fifth of its time; equal numbers share the mean of theirs."""
    order = np.argsort(numbers)
    ordered = numbers[order]
    begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(numbers)])
    counts = np.diff(begins, append=len(numbers))
    ranks = np.empty(len(numbers))
    ranks[order] = np.repeat(begins + (counts + 1) / 2, counts)
    return ranks


def _pearson(one: Array, other: Array) -> float | None:
    """The correlation of two samples; None where there is none, as if one of them is constant."""
    degrees = len(one) - 1
    scale = degrees * one.std(ddof=1) * other.std(ddof=1) if degrees > 0 else 0.0
    return float(((one - one.mean()) * (other - other.mean())).sum() / scale) if scale else None


def _problem(code: Code, message: str, hint: str | None = None) -> Problem:
    return Problem(code.label, message, hint or code.hint)


def _not_a_dataframe(predictions: Any) -> Problem:
    kind = type(predictions)
    hint = None
    if isinstance(predictions, pd.DataFrame):
        hint = "Return a plain one: return pd.DataFrame(result)."
    elif isinstance(predictions, pd.Series):
        hint = 'Add .to_frame("prediction").'
    elif kind.__module__.partition(".")[0] == "polars":
        hint = 'Add .to_pandas() and give it the live ids: .set_index("id").'
    return _problem(
        Code.NOT_A_DATAFRAME,
        f"The model returned a {kind.__module__}.{kind.__qualname__} instead of a pandas DataFrame"
        f"{', of which it is a subclass' if isinstance(predictions, pd.DataFrame) else ''}.",
        hint,
    )


def _check_nan(predictions: pd.DataFrame) -> Problem | None:
    missing = predictions.isna()
    rows = missing.any(axis=1).to_numpy()
    if not rows.any():
        return None
    where = f"of {len(rows):,} predictions are NaN, first at id {_first(predictions.index, rows)}"
    if len(predictions.columns) == 1:
        return _problem(Code.NAN_PREDICTIONS, f"{rows.sum():,} {where}.")
    columns = [str(column) for column, any_missing in zip(missing, missing.any(), strict=True) if any_missing]
    hint = None if missing.iloc[:, 0].any() else "Return the column of the predictions alone."
    return _problem(Code.NAN_PREDICTIONS, f"{rows.sum():,} {where} (columns {', '.join(columns[:5])}).", hint)


def _columns_of_predictions(predictions: pd.DataFrame) -> "Iterator[tuple[pd.Series[Any], str, str | None]]":
    """The first column, and whatever else the CSV calls `prediction`, each with its name in a sentence and a hint."""
    first, *others = predictions.columns
    yield predictions.iloc[:, 0], f"the first column, {_label(first)},", None
    for place, name in enumerate(others, 2):
        if str(name) == COLUMN:
            yield predictions.iloc[:, place - 1], f"column {place}, {COLUMN!r},", None
    for level, name in enumerate(predictions.index.names):
        if str(name) == COLUMN:
            values = predictions.index.get_level_values(level).to_series(index=predictions.index)
            # NaN among the columns is found before; here it is a value like another.
            yield values.astype(object).where(values.notna(), "nan"), f"the index level {COLUMN!r}", INDEX_HINT


def _check_numbers(column: "pd.Series[Any]", where: str, hint: str | None) -> list[Problem]:
    numbers = _as_numbers(column)
    given = column.notna().to_numpy()
    strange = given & numbers.isna().to_numpy()
    outside = given & ~strange & ~numbers.between(0, 1).to_numpy()
    problems = []
    if strange.any():
        example = column.iloc[int(strange.argmax())]
        message = (
            f"{strange.sum():,} of {len(column):,} values of {where} are not "
            f"numbers, first {str(example)[:40]!r} at id {_first(column.index, strange)}."
        )
        problems.append(_problem(Code.PREDICTIONS_NOT_NUMBERS, message, hint))
    if outside.any():
        message = (
            f"{outside.sum():,} of {len(column):,} predictions lie outside [0, 1] (min {numbers.min():g}, "
            f"max {numbers.max():g}), first at id {_first(column.index, outside)}."
        )
        problems.append(_problem(Code.PREDICTIONS_OUT_OF_RANGE, message, hint))
    return problems


def _check_levels(predictions: pd.DataFrame) -> list[Problem]:
    """Columns of several levels take several lines of the CSV, of which a reader takes all but one for predictions."""
    if not isinstance(predictions.columns, pd.MultiIndex):
        return []
    shown = ", ".join(map(str, predictions.columns[:5])) + (", …" if len(predictions.columns) > 5 else "")
    levels = predictions.columns.nlevels
    message = f"The columns have {levels} levels ({shown}); the CSV would begin with several lines of names."
    return [_problem(Code.WRONG_COLUMNS, message, 'Give them one: predictions.columns = ["prediction"].')]


def _as_numbers(column: "pd.Series[Any]") -> "pd.Series[float]":
    """The column as floats, NaN where a value is not a real number; text is not, even if it looks like one."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iuf":
        return column.astype("float64")
    is_of_numbers = pd.api.types.infer_dtype(column, skipna=True) in KINDS_OF_NUMBERS
    numbers = map(_as_number, column) if is_of_numbers else np.nan
    return pd.Series(numbers, index=column.index, dtype="float64")


def _as_number(value: Any) -> float:
    is_number = isinstance(value, Real | Decimal) and not isinstance(value, bool | np.bool_)
    if not is_number:
        return math.nan
    try:
        return float(value)
    except OverflowError:  # Of integers and fractions.
        return math.inf if value > 0 else -math.inf


def _first(index: pd.Index, mask: "np.ndarray[Any, np.dtype[np.bool_]]") -> "Hashable":
    return index[int(mask.argmax())]  # type: ignore[no-any-return]


def _label(name: Any) -> str:
    return "which has no name" if name is None else repr(str(name))
