"""Which columns the model and its data do not have in common, as the frames of a traceback show.

The frames are those of libraries, so what they hold is known. It is looked at in the model's process, never changed.
"""

import contextlib
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

from numerai_predict.child.answer import MissingColumns, OtherColumns
from numerai_predict.child.names import BENCHMARK_MODELS, LIVE_FEATURES

if TYPE_CHECKING:
    import pandas as pd

MOST_NAMES = 5


@dataclass(frozen=True)
class Handed:
    """A table that the model was given, and the labels that it had then: a model may change it in place."""

    table: "pd.DataFrame"
    columns: "pd.Index"
    ids: "pd.Index"

    @classmethod
    def of(cls, table: "pd.DataFrame") -> "Handed":
        """The table as it is now."""
        return cls(table, table.columns, table.index)


class Lookup(NamedTuple):
    """The local names of a function of pandas: the table that it looks in, the labels that it looks for, and the axis
    if it may be that of the rows.
    """

    table: str
    labels: str
    axis: str = ""


_LOOKUPS = {
    "__getitem__": Lookup("self", "key"),
    "__delitem__": Lookup("self", "key"),
    "__getattr__": Lookup("self", "name"),
    "_get_item_cache": Lookup("self", "item"),
    "_get_listlike_indexer": Lookup("self", "key", "axis"),
    "_get_slice_axis": Lookup("self", "slice_obj", "axis"),
    "_get_label_or_level_values": Lookup("self", "key"),
    "_drop_axis": Lookup("self", "labels", "axis_num"),
    "xs": Lookup("self", "key", "axis"),
    "set_index": Lookup("self", "keys"),
    "groupby": Lookup("self", "by"),
    "dropna": Lookup("self", "subset"),
    "duplicated": Lookup("self", "subset"),
    "astype": Lookup("self", "dtype"),
    "melt": Lookup("frame", "id_vars"),
    "normalize_dictlike_arg": Lookup("obj", "func"),
}
_ROWS = (0, "index")
# What pandas' own objects of these modules keep the table as that they look in.
_HOLDERS = ("pandas.core.indexing", "pandas.core.groupby.generic")

# Where libraries compare names, by module and function: those that the model is given, those that it was trained on.
_Names = Callable[[dict[str, Any]], tuple[Any, Any]]
_COMPARISONS: dict[tuple[str, str], _Names] = {
    ("sklearn.utils.validation", "_check_feature_names"): lambda its: (
        its["X_feature_names"],
        its["fitted_feature_names"],
    ),
    ("sklearn.compose._column_transformer", "transform"): lambda its: (its["column_names"], its["all_names"]),
    ("xgboost.core", "_validate_features"): lambda its: (its["feature_names"], its["self"].feature_names),
    ("lightgbm.basic", "predict"): lambda its: (its["data"].columns, its["self"].feature_name()),
    ("lightgbm.sklearn", "predict"): lambda its: (its["X"].columns, its["self"].feature_name_),
    ("pandas.core.frame", "dot"): lambda its: (its["self"].columns, its["other"].index),
    ("catboost.core", "_predict"): lambda its: (its["data"].get_feature_names(), its["self"].feature_names_),
}


def widths_of(data: Mapping[str, Handed]) -> list[int]:
    """How many columns a model may take of the data: all, those of numbers, the features, with the benchmark models."""
    if LIVE_FEATURES not in data:
        return []
    live = data[LIVE_FEATURES]
    features = sum(str(name).startswith("feature") for name in live.columns)
    benchmarks = len(data[BENCHMARK_MODELS].columns) if BENCHMARK_MODELS in data else 0
    with contextlib.suppress(Exception):  # The model may have done anything to its table.
        numbers = sum(dtype.kind in "iuf" for dtype in live.table.dtypes)
        return sorted({len(live.columns), features, numbers, benchmarks, features + benchmarks} - {0})
    return []


def columns_missing_in(error: BaseException, data: Mapping[str, Handed]) -> MissingColumns | None:
    """The columns that the model looked for with pandas in the tables of `data`, or in what it made of them, and that
    none of them has. None if something else was looked for, or elsewhere.
    """
    if not isinstance(error, KeyError | AttributeError):
        return None
    with contextlib.suppress(Exception):  # Some of what is looked at is the model's own.
        table, labels = next(_lookups(_frames(error)))
        known = _known(data)
        missing = [label for label in labels if label not in known and label not in table.columns]
        if isinstance(error, AttributeError):
            missing = [name for name in missing if _looks_like_one_of(name, known)]
        tables = [name for name, handed in data.items() if _is_made_of(table, handed)]
        return MissingColumns(tables, len(missing), missing[:MOST_NAMES]) if tables and missing else None
    return None


def columns_compared(error: BaseException, data: Mapping[str, Handed]) -> OtherColumns | None:
    """The columns that a trained model was given and those that it was trained on, where a library has the names of
    both; whatever the error is about.
    """
    for frame in _frames(error):
        names_of = _COMPARISONS.get((_module(frame), frame.f_code.co_name))
        with contextlib.suppress(Exception):  # It was given or trained on an array: there are no names.
            given, trained = map(_labels, names_of(dict(frame.f_locals))) if names_of else ([], [])
            if not are_numbers(given) and not are_numbers(trained):
                return _other(given, trained, _known(data))
    return None


def _lookups(frames: list[FrameType]) -> Iterator[tuple["pd.DataFrame", list[str]]]:
    """The tables that pandas looked for columns in and what it looked for, if it was pandas that raised: the frames
    begin there.
    """
    for frame in takewhile(lambda frame: _module(frame).startswith("pandas."), frames):
        its, lookup = frame.f_locals, _LOOKUPS.get(frame.f_code.co_name)
        table = _table(its.get(lookup.table)) if lookup else None
        if lookup and table is not None:
            yield table, [] if its.get(lookup.axis) in _ROWS else _labels(its.get(lookup.labels))


def _other(given: list[str], trained: list[str], known: set[str]) -> OtherColumns:
    are_given, are_trained = set(given), set(trained)
    missing = [name for name in trained if name not in are_given]
    unexpected = [name for name in given if name not in are_trained]
    return OtherColumns(
        given=len(given),
        trained=len(trained),
        missing=len(missing),
        first_missing=missing[:MOST_NAMES],
        unexpected=len(unexpected),
        first_unexpected=unexpected[:MOST_NAMES],
        are_here=known.issuperset(missing),
    )


def _frames(error: BaseException) -> list[FrameType]:
    """The frames of its traceback, from where it was raised."""
    return [frame for frame, _ in traceback.walk_tb(error.__traceback__)][::-1]


def _known(data: Mapping[str, Handed]) -> set[str]:
    return {name for handed in data.values() for name in handed.columns}


def _module(frame: FrameType) -> str:
    name = dict.get(frame.f_globals, "__name__")  # A model may have globals of its own making.
    return name if type(name) is str else ""


def _table(owner: Any) -> "pd.DataFrame | None":
    """The table that an object of pandas is or looks in, as a plain one; None for other objects."""
    import pandas as pd

    if type(owner).__module__ in _HOLDERS:
        owner = owner.obj
    return pd.DataFrame(owner) if isinstance(owner, pd.DataFrame) else None  # A subclass could answer for itself.


def _labels(value: Any) -> list[str]:
    """The names of columns in what somebody looks for: one, the ends of a slice, or a collection of any things."""
    if type(value) is str:
        return [value]
    if type(value) is slice:
        value = (value.start, value.stop)
    return [label for label in value if type(label) is str] if isinstance(value, Collection) else []


def _is_made_of(table: "pd.DataFrame", handed: Handed) -> bool:
    """Whether it is that table, or has some of its columns and rows."""
    return _has_columns_of(table, handed) and _has_rows_of(table, handed)


def _has_columns_of(table: "pd.DataFrame", handed: Handed) -> bool:
    return bool(table.columns.is_(handed.columns) or table.columns.isin(handed.columns).any())


def _has_rows_of(table: "pd.DataFrame", handed: Handed) -> bool:
    import pandas as pd

    if table.index.is_(handed.ids):
        return True
    if isinstance(table.index, pd.RangeIndex):  # As reset_index() makes it.
        return len(table.index) == len(handed.ids)
    return 0 < len(table.index) <= len(handed.ids) and bool(table.index.isin(handed.ids).all())


def are_numbers(names: list[str]) -> bool:
    """Whether these are what LightGBM and CatBoost call columns without names."""
    return all(name.removeprefix("Column_").isdecimal() or not name for name in names)


def _looks_like_one_of(name: str, known: set[str]) -> bool:
    """Whether a column could have that name: what is no column is often a method that the model misspells."""
    kind = name.partition("_")[0].rstrip("0123456789")
    return "_" in name and any(column.partition("_")[0].rstrip("0123456789") == kind for column in known)
