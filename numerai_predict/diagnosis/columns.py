"""Columns of the data that are not those which the model was made for."""

import re

from numerai_predict.diagnosis.raised import Raised
from numerai_predict.faults import Code, Fault

# What pandas, LightGBM, XGBoost and scikit-learn say when they miss columns.
_MISSING_COLUMNS = re.compile(
    r"not in index|are in the \[columns\]|^'(feature_|target|v\d+_)"
    r"|'(DataFrame|Series)' object has no attribute '(feature_|target|v\d+_)"
    r"|feature_names mismatch|feature names (should|seen)|number of features in data",
    re.IGNORECASE,
)


def columns(raised: Raised) -> Fault | None:
    """The fault of a model that was made for other columns than the data has."""
    lookup = raised.kind in ("KeyError", "AttributeError")
    if not raised.says(_MISSING_COLUMNS) or not (lookup or "feature" in raised.message.lower()):
        return None
    length = raised.says(r"length=(\d{1,9})")
    named = raised.message.count("'") // 2 if raised.says("not in index") else 0
    count = int(length[1]) if length else named
    columns = f"{count:,} columns that the data does not have" if count else "other columns than the data has"
    return Fault(Code.MISSING_COLUMNS, f"The model asks for {columns} ({raised.said}){raised.where}.")
