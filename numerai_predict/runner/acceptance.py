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
SHOWN_CHARACTERS = 40
INDEX_HINT = 'Write the live data with its ids as index, as Numerai does: data.set_index("id").to_parquet(path).'
DECODE_HINT = (
    'Decode them, predictions.index = predictions.index.str.decode("utf-8"), or return the predictions with '
    "index=live_features.index."
)


def check_acceptance(predictions: Predictions) -> list[Problem]:
    """Everything for which the platform would not accept the predictions."""
    ids = predictions.ids
    # An index of several levels holds no ids: none of them can be called missing.
    of_ids = [] if predictions.levels > 1 else [_check_missing_ids(ids), _check_duplicate_ids(ids)]
    problems = [*of_ids, _check_columns(predictions), _check_fractions(predictions), _check_deviation(predictions)]
    return [problem for problem in problems if problem is not None]


def notices_of_ids(predictions: Predictions) -> list[str]:
    """What the platform accepts, but the user should know."""
    ids = predictions.ids
    notices = []
    if ids.unknown:
        first = ids.first_unknown or "nan"
        unknown = f"{ids.unknown:,} of {ids.rows:,} ids are not live ids, first {first}"
        notices.append(f"{unknown}; the platform drops them.")
    if ids.are_a_column and not _is_of_data_without_ids(ids):
        notices.append("The ids of the live features are a column 'id'; in Numerai's file they are the index.")
    return notices


def _problem(code: Code, message: str, hint: str | None = None) -> Problem:
    return Problem(code.label, message, hint or code.hint)


def _check_missing_ids(ids: IdCounts) -> Problem | None:
    missing = ids.missing
    if missing:
        said = f"{len(missing):,} of {ids.live_rows:,} live ids have no prediction, first {missing[0]}"
        begins = f"the index of the predictions begins with {ids.first or 'nan'}"
        if _is_of_data_without_ids(ids):
            why = f"the ids of the live features are a column 'id', and their index has none: {begins}"
            return _problem(Code.MISSING_IDS, f"{said}; {why}.", INDEX_HINT)
        kind = _other_kind(ids.first_unknown, missing)
        if kind:
            it = "it" if ids.first_unknown == ids.first else ids.first_unknown
            begins += f" ({it} is {kind}, the live ids are {_kind(missing[0])})"
        return _problem(Code.MISSING_IDS, f"{said}; {begins}.", DECODE_HINT if kind == "bytes" else None)
    if ids.unnamed:
        unnamed, rows = ids.unnamed, ids.rows
        return _problem(Code.MISSING_IDS, f"{unnamed:,} of {rows:,} rows have no id (NaN in the index).")
    return None


def _is_of_data_without_ids(ids: IdCounts) -> bool:
    """Whether the predictions have the index of live features whose ids are a column: it counts rows."""
    return ids.are_a_column and not ids.of_round and _kind(ids.first) == "an integer"


def _other_kind(unknown: str, missing: list[str]) -> str:
    """What the unknown id is, if no live id that is missing is of that kind."""
    kind = _kind(unknown)
    return "" if not unknown or kind in map(_kind, missing) else kind


def _kind(name: str) -> str:
    """What an id was before it was written to a CSV."""
    if name.startswith(("b'", 'b"')):
        return "bytes"
    if name.removeprefix("-").isdecimal():
        return "an integer"
    is_decimal = name.removeprefix("-").replace(".", "", 1).isdecimal()
    return "a decimal number" if is_decimal else "text"


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
    if header == ["", "prediction"] and _is_of_data_without_ids(predictions.ids):
        return None  # The data has no name to give.
    shown = ",".join(header[:SHOWN_COLUMNS]) + (",…" if len(header) > SHOWN_COLUMNS else "")
    message = f'The CSV begins with "{shown}" ({len(header)} columns), not "id,prediction".'
    hint = "Drop the other levels of the index: .droplevel(…)." if predictions.levels > 1 else None
    return _problem(Code.WRONG_COLUMNS, message, hint)


def _check_fractions(predictions: Predictions) -> Problem | None:
    if not predictions.fractions:
        return None
    return _problem(
        Code.PREDICTIONS_NOT_NUMBERS,
        f"{predictions.fractions:,} of {len(predictions.values):,} predictions are written as fractions, first "
        f"{predictions.first_fraction[:SHOWN_CHARACTERS]}, which no reader of a CSV takes for numbers.",
        'Make them floats: predictions.astype("float64").',
    )


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
