"""The platform's acceptance rules for submissions, as numerai_tools.submissions has them, held against the CSV: every
live id exactly once, one column `prediction` under an index `id`, a standard deviation that is not zero.
"""

from numerai_predict.child import Problem
from numerai_predict.faults import Code
from numerai_predict.runner.csv_form import Predictions
from numerai_predict.runner.id_counts import IdCounts

# np.isclose's default, with which numerai_tools.submissions.validate_values decides whether a deviation is zero.
ZERO_DEVIATION = 1e-8
SHOWN_COLUMNS = 8


def check_acceptance(predictions: Predictions) -> list[Problem]:
    """Everything for which the platform would not accept the predictions."""
    ids = predictions.ids
    # An index of several levels holds no ids: none of them can be called missing.
    of_ids = [] if predictions.levels > 1 else [_check_missing_ids(ids), _check_duplicate_ids(ids)]
    problems = [*of_ids, _check_columns(predictions), _check_deviation(predictions)]
    return [problem for problem in problems if problem is not None]


def notices_of_ids(predictions: Predictions) -> list[str]:
    """What the platform accepts, but the user should know."""
    ids = predictions.ids
    if not ids.unknown:
        return []
    first = ids.first_unknown or "nan"
    unknown = f"{ids.unknown:,} of {ids.rows:,} ids are not live ids, first {first}"
    return [f"{unknown}; the platform drops them."]


def _problem(code: Code, message: str, hint: str | None = None) -> Problem:
    return Problem(code.label, message, hint or code.hint)


def _check_missing_ids(ids: IdCounts) -> Problem | None:
    missing = ids.missing
    if missing:
        return _problem(
            Code.MISSING_IDS,
            f"{len(missing):,} of {ids.live_rows:,} live ids have no prediction, first {missing[0]}; "
            f"the index of the predictions begins with {ids.first or 'nan'}.",
        )
    if ids.unnamed:
        unnamed, rows = ids.unnamed, ids.rows
        return _problem(Code.MISSING_IDS, f"{unnamed:,} of {rows:,} rows have no id (NaN in the index).")
    return None


def _check_duplicate_ids(ids: IdCounts) -> Problem | None:
    if not ids.repeated:
        return None
    return _problem(
        Code.DUPLICATE_IDS,
        f"{ids.repeated:,} live ids occur more than once among {ids.of_round:,} rows, first {ids.first_repeated}.",
    )


def _check_columns(predictions: Predictions) -> Problem | None:
    header = predictions.header
    if header == ["id", "prediction"]:
        return None
    shown = ",".join(header[:SHOWN_COLUMNS]) + (",…" if len(header) > SHOWN_COLUMNS else "")
    message = f'The CSV begins with "{shown}" ({len(header)} columns), not "id,prediction".'
    hint = "Drop the other levels of the index: .droplevel(…)." if predictions.levels > 1 else None
    return _problem(Code.WRONG_COLUMNS, message, hint)


def _check_deviation(predictions: Predictions) -> Problem | None:
    deviation = predictions.deviation
    # One row has no deviation, which numerai_tools lets pass.
    if deviation is None or deviation > ZERO_DEVIATION:
        return None
    values = predictions.values
    return _problem(
        Code.CONSTANT_PREDICTIONS,
        f"All {len(values):,} predictions are {values[0]:g}; their standard deviation is zero.",
    )
