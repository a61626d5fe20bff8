"""The rules that predictions must keep, and their statistics. Vectorised: a live round has 7,000 rows."""

import csv
import io
import math
from dataclasses import asdict
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from numerai_predict.child.answer import PredictionStats, Problem
from numerai_predict.child.frame_csv import header_as_csv
from numerai_predict.child.load import ids_are_a_column, ids_of
from numerai_predict.faults import Code

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

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


def notices(live_ids: pd.Index, benchmarks: pd.DataFrame | None) -> list[str]:
    """What is probably wrong with the data that the model was given."""
    if benchmarks is None:
        return []
    if ids_are_a_column(benchmarks):
        return ["The ids of the benchmark models are a column 'id'; in Numerai's file they are the index."]
    missing = _missing_ids(live_ids, benchmarks)
    return [f"The benchmark models lack {missing:,} of {len(live_ids):,} live ids."] if missing else []


def remarks(live_ids: pd.Index, benchmarks: pd.DataFrame | None) -> list[str]:
    """What a model has to know of the data, and may know."""
    if benchmarks is None or ids_are_a_column(benchmarks) or _missing_ids(live_ids, benchmarks):
        return []
    if benchmarks.index[benchmarks.index.isin(live_ids)].equals(live_ids):
        return []
    return [
        "The benchmark models hold the live ids in another order than the live features; a model must align "
        "them: live_benchmark_models.reindex(live_features.index)."
    ]


def _missing_ids(live_ids: pd.Index, benchmarks: pd.DataFrame) -> int:
    return int((~live_ids.isin(benchmarks.index)).sum())


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
        spearman={} if benchmarks is None else _spearman(values, benchmarks),
    )


def _names_in_csv(predictions: pd.DataFrame) -> list[str]:
    """The columns without the index, by the names that the CSV has for them."""
    header: list[str] = next(csv.reader(io.StringIO(header_as_csv(predictions), newline="")))
    return header[predictions.index.nlevels :]


def _spearman(values: "pd.Series[float]", benchmarks: pd.DataFrame) -> dict[str, float | None]:
    values = values[~values.index.duplicated()]
    by_id = benchmarks.set_axis(ids_of(benchmarks))
    aligned = by_id.select_dtypes("number").loc[lambda frame: ~frame.index.duplicated()].reindex(values.index)
    # Spearman's correlation is Pearson's of the ranks; pandas' own would import SciPy for it.
    ranks = aligned.rank().to_numpy("float64", na_value=np.nan)
    ours = values.rank().to_numpy()
    found = {}
    for name, theirs in zip(aligned.columns, ranks.T, strict=True):
        known = ~np.isnan(theirs)
        found[str(name)] = _pearson(theirs[known], ours if known.all() else values[known].rank().to_numpy())
    return found


def _pearson(one: "np.ndarray[Any, np.dtype[Any]]", other: "np.ndarray[Any, np.dtype[Any]]") -> float | None:
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
