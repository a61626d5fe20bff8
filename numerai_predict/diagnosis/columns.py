"""Columns of the data that are not those which the model was made for."""

import re
from dataclasses import replace

from numerai_predict.child import BENCHMARK_MODELS, DATA, LIVE_FEATURES, MissingColumns, OtherColumns
from numerai_predict.diagnosis.raised import Raised
from numerai_predict.faults import Code, Fault

SHOWN_NAMES = 3
LONGEST_NAME = 80

# What libraries say when the number of columns is another one.
_COUNTS = (
    r"number of features in data \((?P<given>\d{1,9})\) is not the same as it was in training data "
    r"\((?P<trained>\d{1,9})\)",
    r"Model was trained on (?P<trained>\d{1,9}) features, but got (?P<given>\d{1,9}) input features",
    r"Model n_features_ is (?P<trained>\d{1,9}) and input n_features is (?P<given>\d{1,9})",
    r"X has (?P<given>\d{1,9}) features, but \w{1,99} is expecting (?P<trained>\d{1,9}) features",
    r"Feature shape mismatch, expected: (?P<trained>\d{1,9}), got (?P<given>\d{1,9})",
    r"num_col_ \((?P<trained>\d{1,9}) vs\. (?P<given>\d{1,9})\)",
    r"expected axis -1 of input shape to have value (?P<trained>\d{1,9}), but received input with shape "
    r"\([^()]{1,99}, (?P<given>\d{1,9})\)",
    r"expected shape=\(None, (?P<trained>\d{1,9})\), found shape=\(\w{1,9}, (?P<given>\d{1,9})\)",
)
# What they say when the names are other ones: scikit-learn, XGBoost, CatBoost and LightGBM.
_NAMES = re.compile(
    r"\AThe feature names should match|\Acolumns are missing: |\Afeature_names mismatch: |"
    r"\A(data did not contain feature names, but|training data did not have) the following fields|"
    r"is present in model but not in pool|At position \d{1,9} should be feature with name |"
    r"\AExpected '.{1,200}' at position \d{1,9} but found '"
)
# What pandas says of a product of two tables, the data's and the model's own or both its own.
_PRODUCT = re.compile(r"\Amatrices are not aligned\Z")
_WITHOUT_NAMES = re.compile(r"\A(data did not contain feature names|training data did not have the following)")
_LACKS = re.compile(r"yet now missing|are missing: | in input data|is present in model but not in pool")
# What NumPy, pandas, torch, TensorFlow and JAX say of two shapes of any arrays, the data's or the model's own.
_SHAPES = (
    r"mat1 and mat2 shapes cannot be multiplied \(\d{1,9}x(\d{1,9}) and (\d{1,9})x\d",
    r"size mismatch, got input \(\d{1,9}\), mat \(\d{1,9}x(\d{1,9})\), vec \((\d{1,9})\)",
    r"size of tensor a \((\d{1,9})\) must match the size of tensor b \((\d{1,9})\)",
    r"running_mean should contain (\d{1,9}) elements not (\d{1,9})",
    r"Given normalized_shape=\[(\d{1,9})\], .{1,99} size ?\[(?:\d{1,9}, ){1,9}(\d{1,9})\]",
    r"must be equal to input_size\. Expected (\d{1,9}), got (\d{1,9})",
    r"to have (\d{1,9}) channels, but got (\d{1,9}) channels",
    r"embedding dimension of (\d{1,9}), but got (\d{1,9})",
    r"Matrix size-incompatible: In\[0\]: \[\d{1,9},(\d{1,9})\], In\[1\]: \[(\d{1,9}),",
    r"contracting dimensions to have the same shape, got \((\d{1,9}),\) and \((\d{1,9}),\)",
    r"\(size (\d{1,9}) is different from (\d{1,9})\)",
    r"not aligned: (\d{1,9}) \(dim \d\) != (\d{1,9}) \(dim \d\)",
    r"Dot product shape mismatch, \(\d{1,9}, (\d{1,9})\) vs \((\d{1,9}),",
    r"could not be broadcast together with shapes \(\d{1,9},(\d{1,9})\) \((\d{1,9}),\)",
    r"could not be broadcast together with shapes \((\d{1,9}),\) \(\d{1,9},(\d{1,9})\)",
    r"Unable to coerce to Series, length must be (\d{1,9}): given (\d{1,9})",
)
# What polars says of a column of the data that it does not find: its messages begin with the name.
_POLARS = re.compile(r'\A(unable to find column )?"?(feature|target|v\d{1,9})_')

_OTHER_VERSION = "Train on the data version that you predict on, or choose another one with {}."
_FLAGS = {LIVE_FEATURES: "--dataset", BENCHMARK_MODELS: "--benchmarks"}
_IN_THE_INDEX = "The ids are the index of the data: use live_features.index, or live_features.reset_index()."
_IGNORE = 'Leave out what is not there: drop(columns=names, errors="ignore").'
_SELECT = (
    "Give the model all columns that it was trained on: store their names in the pickle, and select them: "
    "live_features[columns]."
)
_BY_NAME = "Give it a DataFrame: live_features[columns], with the names of the columns stored in the pickle."


def columns(raised: Raised) -> Fault | None:
    """The fault of a model that was made for other columns than the data has."""
    return _not_in_the_data(raised) or _other_number(raised) or _other_names(raised) or _other_shape(raised)


def _not_in_the_data(raised: Raised) -> Fault | None:
    """Of a lookup: pandas' traceback shows in which table, polars' message shows the name."""
    missing = raised.missing
    if raised.kind == "ColumnNotFoundError" and raised.says(_POLARS):
        message = f"The model asks for a column that the data does not have {_source(raised)}"
        return Fault(Code.MISSING_COLUMNS, message)
    if missing is None or not missing.tables or not _FLAGS.keys() >= {*missing.tables}:
        return None
    what = "the column" if missing.count == 1 else f"{missing.count:,} columns"
    where = " and the ".join(DATA[name] for name in missing.tables)
    message = (
        f"The model asks for {what} {_listed(missing.count, missing.first)} that the {where} do not have "
        f"{_source(raised)}"
    )
    return Fault(Code.MISSING_COLUMNS, message, _remedy_of_lookup(raised, missing))


def _remedy_of_lookup(raised: Raised, missing: MissingColumns) -> str:
    if missing.first == ["id"]:
        return _IN_THE_INDEX
    if raised.says("not found in axis"):
        return _IGNORE
    return _OTHER_VERSION.format(" and ".join(_FLAGS[name] for name in missing.tables))


def _other_number(raised: Raised) -> Fault | None:
    found = next(filter(None, map(raised.says, _COUNTS)), None)
    if not found:
        return None
    given, trained = int(found["given"]), int(found["trained"])
    if raised.other and (raised.other.given, raised.other.trained) == (given, trained):
        return _fault_of_names(raised, raised.other)
    return _fault_of_counts(raised, given, trained, "trained on")


def _other_names(raised: Raised) -> Fault | None:
    is_product = raised.says(_PRODUCT) and raised.other and raised.other.missing < raised.other.trained
    if not raised.says(_NAMES) and not is_product:
        return None
    if raised.other:
        return _fault_of_names(raised, raised.other)
    if raised.says(_WITHOUT_NAMES):
        message = f"The model was trained on columns with names and was given none {_source(raised)}"
        return Fault(Code.UNEXPECTED_COLUMNS, message, _BY_NAME)
    code = Code.MISSING_COLUMNS if raised.says(_LACKS) else Code.UNEXPECTED_COLUMNS
    message = f"The model was given other columns than it was trained on {_source(raised)}"
    return Fault(code, message, _SELECT)


def _other_shape(raised: Raised) -> Fault | None:
    """Of two arrays that do not fit, one has as many columns as the data: the other is what the model was made for."""
    found = next(filter(None, map(raised.says, _SHAPES)), None)
    sizes = [int(size) for size in found.groups()] if found else []
    given = [size for size in sizes if size in raised.widths]
    if len(given) != 1:
        return None
    (made_for,) = (size for size in sizes if size not in raised.widths)
    return _fault_of_counts(raised, given[0], made_for, "made for")


def _fault_of_counts(raised: Raised, given: int, trained: int, made: str) -> Fault:
    message = f"The model was given {given:,} columns and was {made} {trained:,} {_source(raised)}"
    if given > trained:
        return Fault(Code.UNEXPECTED_COLUMNS, message)
    return Fault(Code.MISSING_COLUMNS, message, None if given in raised.widths else _SELECT)


def _fault_of_names(raised: Raised, other: OtherColumns) -> Fault:
    source = _source(raised)
    if not other.missing and not other.unexpected and other.given == other.trained:
        message = f"The model was given the {other.given:,} columns that it was trained on in another order {source}"
        return Fault(Code.UNEXPECTED_COLUMNS, message)
    message = f"The model was given {other.given:,} columns and was trained on {other.trained:,}"
    if other.missing:
        message += f"; it was not given {_listed(other.missing, other.first_missing)}"
    if other.unexpected:
        message += f"; it was not trained on {_listed(other.unexpected, other.first_unexpected)}"
    if not other.missing:
        return Fault(Code.UNEXPECTED_COLUMNS, f"{message} {source}")
    return Fault(Code.MISSING_COLUMNS, f"{message} {source}", _SELECT if other.are_here else None)


def _source(raised: Raised) -> str:
    """Who says so, to end a sentence with: the first line alone, as LightGBM goes on with how to ignore it."""
    first_line = raised.message.partition("\n")[0]
    return f"({replace(raised, message=first_line).said}){raised.where}."


def _listed(count: int, names: list[str]) -> str:
    """The first names, and how many there are in all."""
    shown = ", ".join(name[:LONGEST_NAME] for name in names[:SHOWN_NAMES])
    return shown if count <= SHOWN_NAMES else f"{shown} … ({count:,} in all)"
