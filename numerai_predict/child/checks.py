"""The rules that predictions must keep, and their statistics. Vectorised: a live round has 7,000 rows."""

from dataclasses import asdict
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from numerai_predict.child.answer import PredictionStats, Problem
from numerai_predict.faults import Code

if TYPE_CHECKING:
    from collections.abc import Hashable

HISTOGRAM_BINS = 10
# np.isclose's default, with which numerai_tools.submissions.validate_values decides whether a deviation is zero.
ZERO_DEVIATION = 1e-8


def check_values(predictions: Any) -> list[Problem]:
    """Everything for which the platform's runtime rejects what a model returned; empty if it is acceptable."""
    if predictions is None:
        return [_problem(Code.RETURNED_NOTHING, "The model returned None instead of a DataFrame.")]
    if not isinstance(predictions, pd.DataFrame):
        return [_not_a_dataframe(predictions)]
    if predictions.empty:
        rows, columns = predictions.shape
        return [_problem(Code.NO_PREDICTIONS, f"The returned DataFrame has {rows:,} rows and {columns:,} columns.")]
    problems = [_check_nan(predictions), *_check_first_column(predictions)]
    return [problem for problem in problems if problem is not None]


def check_acceptance(predictions: pd.DataFrame, live_ids: pd.Index) -> list[Problem]:
    """The platform's acceptance rules for submissions, as numerai_tools.submissions has them: every live id exactly
    once, one column `prediction` under an index `id`, a standard deviation that is not zero.
    """
    index = predictions.index
    ids, live = index.to_flat_index().astype(str), live_ids.astype(str)
    of_round = ids[ids.isin(live)]
    # An index of several levels holds no ids: none of them can be called missing.
    of_ids = [] if index.nlevels > 1 else [_check_missing_ids(index, live, of_round), _check_duplicate_ids(of_round)]
    problems = [*of_ids, _check_columns(predictions), _check_deviation(predictions)]
    return [problem for problem in problems if problem is not None]


def notices(predictions: pd.DataFrame, live_ids: pd.Index, benchmarks: pd.DataFrame | None) -> list[str]:
    """What the platform accepts, but the user should know."""
    found = []
    index = predictions.index.to_flat_index()
    unknown = index[~index.astype(str).isin(live_ids.astype(str))]
    if not unknown.empty:
        found.append(
            f"{len(unknown):,} of {len(predictions):,} ids are not live ids, first {unknown[0]}; "
            "the platform drops them."
        )
    if benchmarks is not None and not benchmarks.index[benchmarks.index.isin(live_ids)].equals(live_ids):
        missing = int((~live_ids.isin(benchmarks.index)).sum())
        found.append(
            f"The benchmark models lack {missing:,} of {len(live_ids):,} live ids."
            if missing
            else "The benchmark models hold the live ids in another order than the live features; a model must align "
            "them: live_benchmark_models.reindex(live_features.index)."
        )
    return found


def describe(predictions: pd.DataFrame, benchmarks: pd.DataFrame | None) -> dict[str, Any]:
    """Their statistics as plain data, for the answer."""
    return asdict(prediction_stats(predictions, benchmarks))


def prediction_stats(predictions: pd.DataFrame, benchmarks: pd.DataFrame | None) -> PredictionStats:
    """The statistics of the first column, and its Spearman correlation with each benchmark model, on the ids that both
    have.
    """
    values = predictions.iloc[:, 0].astype("float64").set_axis(predictions.index.to_flat_index())
    counts, _ = np.histogram(values, bins=HISTOGRAM_BINS, range=(0.0, 1.0))
    deviation = values.std()
    return PredictionStats(
        rows=len(predictions),
        columns=[str(column) for column in predictions.columns],
        min=float(values.min()),
        mean=float(values.mean()),
        max=float(values.max()),
        std=None if np.isnan(deviation) else float(deviation),
        histogram=counts.tolist(),
        spearman={} if benchmarks is None else _spearman(values, benchmarks),
    )


def _spearman(values: "pd.Series[float]", benchmarks: pd.DataFrame) -> dict[str, float | None]:
    values = values[~values.index.duplicated()]
    aligned = benchmarks.select_dtypes("number").loc[lambda frame: ~frame.index.duplicated()].reindex(values.index)
    # Spearman's correlation is Pearson's of the ranks; pandas' own would import SciPy for it.
    ranks = aligned.rank()
    own = ranks.notna().mul(values, axis=0).where(ranks.notna()).rank()
    with np.errstate(invalid="ignore", divide="ignore"):
        correlations = ranks.corrwith(own)
    return {str(name): None if np.isnan(value) else float(value) for name, value in correlations.items()}


def _problem(code: Code, message: str, hint: str | None = None) -> Problem:
    return Problem(code.label, message, hint or code.hint)


def _not_a_dataframe(predictions: Any) -> Problem:
    kind = type(predictions)
    hint = None
    if isinstance(predictions, pd.Series):
        hint = 'Add .to_frame("prediction").'
    elif kind.__module__.partition(".")[0] == "polars":
        hint = 'Add .to_pandas() and give it the live ids: .set_index("id").'
    return _problem(
        Code.NOT_A_DATAFRAME,
        f"The model returned a {kind.__module__}.{kind.__qualname__} instead of a pandas DataFrame.",
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


def _check_first_column(predictions: pd.DataFrame) -> list[Problem]:
    column = predictions.iloc[:, 0]
    numbers = _as_numbers(column)
    given = column.notna().to_numpy()
    strange = given & numbers.isna().to_numpy()
    outside = given & ~strange & ~numbers.between(0, 1).to_numpy()
    problems = []
    if strange.any():
        example = column.iloc[int(strange.argmax())]
        message = (
            f"{strange.sum():,} of {len(column):,} values of the first column, {_label(column.name)}, are not "
            f"numbers, first {str(example)[:40]!r} at id {_first(predictions.index, strange)}."
        )
        problems.append(_problem(Code.PREDICTIONS_NOT_NUMBERS, message))
    if outside.any():
        message = (
            f"{outside.sum():,} of {len(column):,} predictions lie outside [0, 1] (min {numbers.min():g}, "
            f"max {numbers.max():g}), first at id {_first(predictions.index, outside)}."
        )
        problems.append(_problem(Code.PREDICTIONS_OUT_OF_RANGE, message))
    return problems


def _as_numbers(column: "pd.Series[Any]") -> "pd.Series[float]":
    """The column as floats, NaN where a value is not a real number; text is not, even if it looks like one."""
    none_at_all = pd.Series(np.nan, index=column.index, dtype="float64")
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind in ("floating", "integer", "mixed-integer-float", "decimal"):
        return pd.to_numeric(column, errors="coerce").astype("float64")
    if kind not in ("mixed", "mixed-integer"):
        return none_at_all
    kinds = column.map(type)
    real = [each for each in kinds.unique() if issubclass(each, (Real, Decimal)) and each not in (bool, np.bool_)]
    return pd.to_numeric(column.where(kinds.isin(real))).astype("float64")


def _check_missing_ids(index: pd.Index, live: pd.Index, of_round: pd.Index) -> Problem | None:
    unnamed = int(index.isna().sum())
    missing = live[~live.isin(of_round)]
    if missing.empty and not unnamed:
        return None
    if missing.empty:
        return _problem(Code.MISSING_IDS, f"{unnamed:,} of {len(index):,} rows have no id (NaN in the index).")
    return _problem(
        Code.MISSING_IDS,
        f"{len(missing):,} of {len(live):,} live ids have no prediction, first {missing[0]}; "
        f"the index of the predictions begins with {index[0]}.",
    )


def _check_duplicate_ids(of_round: pd.Index) -> Problem | None:
    repeated = of_round[of_round.duplicated()]
    if repeated.empty:
        return None
    return _problem(
        Code.DUPLICATE_IDS,
        f"{repeated.nunique():,} live ids occur more than once among {len(of_round):,} rows, first {repeated[0]}.",
    )


def _check_columns(predictions: pd.DataFrame) -> Problem | None:
    header = [*predictions.index.names, *predictions.columns]
    if header == ["id", "prediction"]:
        return None
    shown = ",".join("" if name is None else str(name) for name in header[:8]) + (",…" if len(header) > 8 else "")
    message = f'The CSV begins with "{shown}" ({len(header)} columns), not "id,prediction".'
    levels = predictions.index.nlevels > 1 or predictions.columns.nlevels > 1
    return _problem(
        Code.WRONG_COLUMNS, message, "Drop the other levels of the index: .droplevel(…)." if levels else None
    )


def _check_deviation(predictions: pd.DataFrame) -> Problem | None:
    values = predictions.iloc[:, 0].astype("float64")
    # One row has no deviation (NaN), which numerai_tools lets pass.
    if not values.std() <= ZERO_DEVIATION:
        return None
    return _problem(
        Code.CONSTANT_PREDICTIONS,
        f"All {len(values):,} predictions are {values.iloc[0]:g}; their standard deviation is zero.",
    )


def _first(index: pd.Index, mask: "np.ndarray[Any, np.dtype[np.bool_]]") -> "Hashable":
    return index[int(mask.argmax())]  # type: ignore[no-any-return]


def _label(name: Any) -> str:
    return "which has no name" if name is None else repr(str(name))
