"""frame_csv.py writes what pandas writes, byte for byte: of any frame, and of every kind of float."""

import datetime
import decimal
import unittest
from collections.abc import Callable
from fractions import Fraction
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from numerai_predict.child.frame_csv import ROWS_AT_A_TIME, frame_as_csv, index_lines
from tests.examples import examples

many = examples(500)

IDS = pd.Index([f"n{number:015x}" for number in range(6)], name="id")
AWKWARD_NUMBERS = [
    0.0,
    -0.0,
    1.0,
    1e-5,
    1e-4,
    5e-324,
    1e16,
    1e22,
    0.1 + 0.2,
    2 / 3,
    65504.0,
    float("inf"),
    float("nan"),
]
AWKWARD_TEXTS = ["", " ", "a,b", 'a"b', "a\nb", "a\rb", "\0", "é", "\u2028", "\ud800", "0.5", "nan", "prediction", "id"]

numbers = st.sampled_from(AWKWARD_NUMBERS) | st.floats(0, 1) | st.floats(width=32) | st.floats()
texts = st.sampled_from(AWKWARD_TEXTS) | st.text(max_size=5)
ids = st.text("n0123456789abcdef", min_size=1, max_size=5)
scalars = st.one_of(
    numbers,
    numbers.map(np.float32),
    texts,
    st.none(),
    st.just(pd.NA),
    st.booleans(),
    st.integers(),
    st.binary(max_size=3),
    st.decimals(),
    st.fractions(),
    st.tuples(texts, texts),
    st.datetimes(datetime.datetime(2000, 1, 1), datetime.datetime(2030, 1, 1)),
)
names = st.none() | texts | st.integers() | numbers | st.just(("a", "b"))


def whole(values: list[float]) -> list[int]:
    return [int(value) % 100 if np.isfinite(value) else 7 for value in values]


def numpy(dtype: str) -> Callable[[list[float]], Any]:
    def made(values: list[float]) -> Any:
        with np.errstate(over="ignore"):
            return np.array(values, "float64").astype(dtype)

    return made


def extension(dtype: Any, of: Callable[[list[float]], Any] = list) -> Callable[[list[float]], Any]:
    def made(values: list[float]) -> Any:
        with np.errstate(over="ignore"):
            return pd.array(of(values), dtype=dtype)

    return made


def as_texts(values: list[float]) -> list[str]:
    return list(map(str, values))


# What columns and indexes can be made of.
KINDS: dict[str, Callable[[list[float]], Any]] = {
    **{dtype: numpy(dtype) for dtype in ("float64", "float32", "float16", "longdouble", "bool", "complex128")},
    "int64": lambda values: np.array(whole(values), "int64"),
    "uint8": lambda values: np.array(whole(values), "uint8"),
    "objects": extension(object),
    "Decimal": extension(object, lambda values: list(map(decimal.Decimal, values))),
    "Fraction": extension(object, lambda values: list(map(Fraction, whole(values)))),
    "text": extension(object, as_texts),
    **{dtype: extension(dtype) for dtype in ("Float64", "Float32", "double[pyarrow]", "float[pyarrow]")},
    **{dtype: extension(dtype, whole) for dtype in ("Int64", "int8[pyarrow]")},
    **{dtype: extension(dtype, as_texts) for dtype in ("string", "string[pyarrow]")},
    "categories": pd.Categorical,
    "sparse": lambda values: pd.arrays.SparseArray(np.array(values, "float64")),
    "times": lambda values: pd.to_datetime(whole(values), unit="D"),
    "times in a zone": lambda values: pd.to_datetime(whole(values), unit="h", utc=True),
    "durations": lambda values: pd.to_timedelta(whole(values), unit="m"),
    "periods": lambda values: pd.PeriodIndex(pd.to_datetime(whole(values), unit="D"), freq="D"),
    "intervals": lambda values: pd.arrays.IntervalArray.from_tuples([(value, value + 1) for value in whole(values)]),
}


@st.composite
def indexes(draw: st.DrawFn, size: int) -> pd.Index:
    """An index of that size: of ids, of text, of anything, of one type, or of several levels."""
    types = KINDS.keys() - {"float16"}  # Of which pandas makes no index.
    kind, name = draw(st.sampled_from(["ids", "texts", "scalars", "range", "levels", *sorted(types)])), draw(names)
    if kind in KINDS:
        return pd.Index(KINDS[kind](draw(st.lists(numbers, min_size=size, max_size=size))), name=name)
    if kind == "range":
        return pd.RangeIndex(size, name=name)
    if kind == "levels":
        levels = [draw(st.lists(each, min_size=size, max_size=size)) for each in (texts, ids)]
        return pd.MultiIndex.from_arrays(levels, names=[name, draw(names)])
    elements = {"ids": ids, "texts": texts, "scalars": scalars}[kind]
    drawn = draw(st.lists(elements, min_size=size, max_size=size))
    return pd.Index(drawn, dtype=object, name=name, tupleize_cols=False)


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """Any frame of up to six rows and three columns; a plain one is the most frequent."""
    size, width = draw(st.integers(0, 6)), draw(st.sampled_from([1, 1, 1, 1, 0, 2, 3]))
    columns = []
    for _ in range(width):
        kind = draw(st.sampled_from(["float64", "float32", *KINDS]))
        columns.append(pd.Series(KINDS[kind](draw(st.lists(numbers, min_size=size, max_size=size)))))
    frame = pd.concat(columns, axis=1) if columns else pd.DataFrame(index=range(size))
    frame.columns = draw(
        st.just(pd.RangeIndex(width)) | st.lists(names, min_size=width, max_size=width).map(column_index)
    )
    index = draw(
        indexes(size) | st.lists(ids, min_size=size, max_size=size).map(lambda drawn: pd.Index(drawn, dtype=object))
    )
    return frame.set_axis(index)


def column_index(drawn: list[Any]) -> pd.Index:
    return pd.Index(drawn, dtype=object, tupleize_cols=False)


def outcome(write: Callable[[], str]) -> str:
    """What is written, or what is raised instead."""
    try:
        return write()
    except Exception as error:
        return f"{type(error)}: {error}"


class FrameAsCsvTest(unittest.TestCase):
    def assert_as_pandas(self, frame: pd.DataFrame) -> None:
        self.assertEqual(outcome(frame.to_csv), outcome(lambda: frame_as_csv(frame)))

    def assert_written_from_arrays(self, frame: pd.DataFrame) -> None:
        self.assert_as_pandas(frame)
        with mock.patch.object(pd.DataFrame, "to_csv", autospec=True, side_effect=pd.DataFrame.to_csv) as used:
            frame_as_csv(frame)
        self.assertEqual([len(call.args[0]) for call in used.call_args_list], [0])

    @many
    @given(frames())
    def test_frame_of_any_kind_is_written_as_pandas_does(self, frame: pd.DataFrame) -> None:
        self.assert_as_pandas(frame)

    @many
    @given(st.integers(0, 6).flatmap(indexes))
    def test_index_of_any_kind_is_written_as_pandas_does(self, index: pd.Index) -> None:
        frame = pd.DataFrame(index=index)
        self.assertEqual(outcome(lambda: frame.to_csv(header=False)), outcome(lambda: index_lines(index)))

    @many
    @given(st.sampled_from(AWKWARD_TEXTS), st.sampled_from(["prediction", *AWKWARD_TEXTS]), names)
    def test_awkward_text_among_ids_and_names_is_written_as_pandas_does(
        self, text: str, column: str, name: Any
    ) -> None:
        frame = pd.DataFrame({column: [0.25, 0.5]}, pd.Index(["n1", text], dtype=object, name=name))
        self.assert_as_pandas(frame)
        index = frame.index
        self.assertEqual(outcome(lambda: frame[[]].to_csv(header=False)), outcome(lambda: index_lines(index)))

    def test_floats_of_random_bits_are_written_as_pandas_does(self) -> None:
        rng = np.random.default_rng(19)
        for dtype, bits in (("float16", "uint16"), ("float32", "uint32"), ("float64", "uint64")):
            drawn = rng.integers(0, np.iinfo(bits).max, 40_000, bits, endpoint=True).view(dtype)
            with self.subTest(dtype=dtype), np.errstate(all="ignore"):
                self.assert_plain(drawn[~np.isnan(drawn)])
                self.assert_plain(rng.random(40_000).astype(dtype))
                self.assert_plain((10 ** rng.uniform(-330, 0, 10_000)).astype(dtype))
                self.assert_plain(np.array([*AWKWARD_NUMBERS[:-1], 0.25]).astype(dtype))

    def test_more_rows_than_are_written_at_a_time_are_all_written(self) -> None:
        for rows in (ROWS_AT_A_TIME - 1, ROWS_AT_A_TIME, ROWS_AT_A_TIME + 1, 2 * ROWS_AT_A_TIME + 7):
            with self.subTest(rows=rows):
                self.assert_plain(np.random.default_rng(rows).random(rows))

    def test_floats_of_a_wider_array_are_written_from_it(self) -> None:
        values = np.random.default_rng(1).random((6, 4))
        for name, column in {
            "every fourth": values[:, 1],
            "backwards": values[::-1, 2],
            "swapped": values[:, 0].astype(">f8"),
        }.items():
            with self.subTest(name=name):
                self.assert_written_from_arrays(pd.DataFrame(column, IDS, ["prediction"]))

    def assert_plain(self, values: Any) -> None:
        index = pd.Index([f"n{number:015x}" for number in range(len(values))], dtype=object, name="id")
        self.assert_written_from_arrays(pd.DataFrame({"prediction": values}, index))
