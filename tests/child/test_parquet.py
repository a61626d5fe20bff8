"""parquet.py reads what pandas reads: every kind of column, index and metadata, and what cannot be read."""

import datetime
import decimal
import io
import json
import subprocess
import sys
import tempfile
import unittest
import warnings
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet as pq

from numerai_predict.child.parquet import BATCH_ROWS, SCAN_COLUMNS, read_parquet

T = TypeVar("T")

ROWS = 7
IDS = pd.Index([f"n{number:015x}" for number in range(ROWS)], name="id")
DAYS = pd.date_range("2020", periods=ROWS)
EVERY_OTHER = (True, False) * 3 + (True,)


def with_gaps(values: list[Any]) -> list[Any]:
    return [value if keep else None for value, keep in zip(values, EVERY_OTHER, strict=True)]


NUMBERS = list(range(ROWS))
LETTERS = list("abcabca")
INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
COLUMNS: dict[str, Any] = {
    **{dtype: np.arange(ROWS).astype(dtype) for dtype in (*INTEGERS, "float32", "float64", "bool")},
    "float with NaN": np.where(EVERY_OTHER, 0.5, np.nan),
    "text": LETTERS,
    "text with None": with_gaps(LETTERS),
    "bytes": [b"x"] * ROWS,
    "categories": pd.Categorical(LETTERS),
    "ordered categories": pd.Categorical(LETTERS, list("cbaz"), ordered=True),
    "categories of integers": pd.Categorical([1, 2, 1, 2, 1, 2, 3]),
    "categories with None": pd.Categorical(with_gaps(LETTERS)),
    "date": [day.date() for day in DAYS],
    "time": [datetime.time(hour) for hour in NUMBERS],
    **{f"times in {unit}": DAYS.as_unit(unit) for unit in ("s", "ms", "us", "ns")},
    "times in a zone": DAYS.tz_localize("Europe/Berlin"),
    "times with NaT": pd.Series(DAYS).where(np.array(EVERY_OTHER)),
    "durations": pd.to_timedelta(NUMBERS, "s"),
    "periods": pd.period_range("2020", periods=ROWS, freq="M"),
    "intervals": pd.arrays.IntervalArray.from_breaks(range(ROWS + 1)),
    **{dtype: pd.array(with_gaps(NUMBERS), dtype=dtype) for dtype in ("Int8", "UInt64", "Float32", "double[pyarrow]")},
    "boolean": pd.array(with_gaps([True] * ROWS), dtype="boolean"),
    **{dtype: pd.array(with_gaps(LETTERS), dtype=dtype) for dtype in ("string", "string[pyarrow]")},
    "Arrow string": pd.array(with_gaps(LETTERS), dtype=pd.ArrowDtype(pa.string())),
    "Decimal": [decimal.Decimal(number) / 4 for number in NUMBERS],
    "lists": [[number, 1] for number in NUMBERS],
    "structs": [{"a": number, "b": [number]} for number in NUMBERS],
    "nothing": [None] * ROWS,
}
INDEXES: dict[str, Any] = {
    "ids": IDS,
    "text without a name": IDS.rename(None),
    "repeated": pd.Index(LETTERS, name="id"),
    "with None": pd.Index(with_gaps(LETTERS), name="id"),
    "named like a column": IDS.rename("a"),
    "named by a number": IDS.rename(0),
    "range": pd.RangeIndex(ROWS),
    "range with a name and a step": pd.RangeIndex(5, 5 + 3 * ROWS, 3, name="r"),
    "integers": pd.Index(NUMBERS[::-1]),
    "floats": pd.Index(np.arange(ROWS) / 2),
    "bools": pd.Index(EVERY_OTHER),
    "times": DAYS.rename("t"),
    "times in a zone": DAYS.tz_localize("UTC"),
    "durations": pd.to_timedelta(NUMBERS, "s"),
    "periods": pd.period_range("2020", periods=ROWS, freq="M"),
    "categories": pd.CategoricalIndex(LETTERS, name="k"),
    "string": pd.Index(pd.array(LETTERS, dtype="string"), name="id"),
    "Int64": pd.Index(pd.array(NUMBERS, dtype="Int64"), name="id"),
    "levels": pd.MultiIndex.from_arrays([LETTERS, NUMBERS, DAYS], names=["l", None, "t"]),
}
NAMES: dict[str, Any] = {
    "integers": [0, 1, 2],
    "a range": pd.RangeIndex(3),
    "dates": pd.date_range("2020", periods=3),
    "a name of their own": pd.Index(list("abc"), name="columns"),
    "several levels": pd.MultiIndex.from_tuples([("a", "x"), ("a", "y"), ("b", "x")], names=["u", None]),
    "dots and nothing": ["a.b", "", "[0]"],
}
TABLE = pa.table(
    {
        "id": list("abc"),
        "integers with null": [1, 2, None],
        "float32": pa.array([1.5, None, 2], pa.float32()),
        "large text": pa.array(["a", "b", None], pa.large_string()),
        "dictionary": pa.array(["a", "b", "a"]).dictionary_encode(),
        "lists": [[1], [2, 3], None],
        "large lists": pa.array([["a"], None, []], pa.large_list(pa.string())),
        "maps": pa.array([[("a", 1)], [], [("b", 2)]], pa.map_(pa.string(), pa.int64())),
        "decimals": pa.array([decimal.Decimal("1.5")] * 3),
        "dates": pa.array([1, 2, 3], pa.date32()),
        "times": pa.array([1, 2, 3], pa.time64("us")),
        "times in a zone": pa.array([1, 2, 3], pa.timestamp("ms", tz="America/New_York")),
        "nulls": pa.nulls(3),
        "fixed bytes": pa.array([b"ab"] * 3, pa.binary(2)),
        "large bytes": pa.array([b"ab"] * 3, pa.large_binary()),
    }
)
METADATA: dict[str, dict[str, str]] = {
    "none": {},
    "that of others": {"k": "v"},
    "of pandas, and none": {"pandas": "{"},
    "attributes": {"PANDAS_ATTRS": json.dumps({"a": [1, {"b": None}]})},
    "attributes that are none": {"PANDAS_ATTRS": "{"},
    "attributes that are nothing": {"PANDAS_ATTRS": ""},
}
# Prints what pandas and we raise of each file. Arrow may abort at the exit after that (apache/arrow#34314).
REFUSED = """
import json, os, sys
import pandas
from numerai_predict.child.parquet import read_parquet

def outcome(read, path):
    try:
        with open(path, "rb") as file:
            read(file)
    except Exception as error:
        return repr(error)

print(json.dumps([[outcome(pandas.read_parquet, path), outcome(read_parquet, path)] for path in sys.argv[1:]]))
sys.stdout.flush()
os._exit(0)
"""
WRITTEN: dict[str, dict[str, Any]] = {
    "as ever": {},
    "in row groups": {"row_group_size": 1},
    "in an old version": {"version": "1.0"},
    "without Arrow's schema": {"store_schema": False},
    "with zstd": {"compression": "zstd"},
    "without a dictionary": {"use_dictionary": False},
    "in pages of version 2": {"data_page_version": "2.0"},
}


def written(frame: pd.DataFrame, **options: Any) -> bytes:
    file = io.BytesIO()
    frame.to_parquet(file, **options)
    return file.getvalue()


def table_written(table: pa.Table, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def some(names: Any = ("a", "b", "c"), index: Any = None) -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(3).random((ROWS, 3)), index, names)


def flags(values: Any) -> Any:
    if not isinstance(values, np.ndarray):
        return None
    return values.flags.writeable, values.flags.c_contiguous, values.flags.f_contiguous, values.flags.owndata


def traits(frame: pd.DataFrame) -> Any:
    """What a model can notice of a frame, besides what assert_frame_equal compares."""
    columns = [frame.iloc[:, place] for place in range(frame.shape[1])]
    axes = [(type(axis), axis.dtype, axis.names, flags(axis.values)) for axis in frame.axes]
    blocks = [
        (type(block.values), block.mgr_locs.as_array.tolist(), flags(block.values)) for block in frame._mgr.blocks
    ]
    chunks = [getattr(getattr(column.array, "_pa_array", None), "num_chunks", None) for column in columns]
    types = [list(map(type, column)) for column in columns if len(frame) <= ROWS]
    return frame.attrs, axes, blocks, chunks, types


class ReadParquetTest(unittest.TestCase):
    def setUp(self) -> None:
        # pandas and pyarrow of Python 3.10 do not agree on what is deprecated.
        self.enter(warnings.catch_warnings())
        warnings.simplefilter("ignore")

    def enter(self, context: AbstractContextManager[T]) -> T:
        self.addCleanup(context.__exit__, None, None, None)
        return context.__enter__()

    def assert_as_pandas(self, content: bytes) -> None:
        expected, found = outcome(pd.read_parquet, content), outcome(read_parquet, content)
        if not isinstance(expected, pd.DataFrame):
            self.assertEqual(expected, found)
            return
        pd.testing.assert_frame_equal(expected, found, check_column_type="equiv", check_exact=True)
        self.assertEqual(traits(expected), traits(found))

    def test_column_of_every_kind_is_read_as_pandas_does(self) -> None:
        for name, values in COLUMNS.items():
            frame = pd.DataFrame({"x": values}).reset_index(drop=True)
            with self.subTest(column=name):
                self.assert_as_pandas(written(frame))
                self.assert_as_pandas(written(frame.set_axis(IDS)))
        every = pd.DataFrame(COLUMNS).set_axis(IDS)
        self.assert_as_pandas(written(every))
        self.assert_as_pandas(written(every, row_group_size=2))

    def test_index_of_every_kind_is_read_as_pandas_does(self) -> None:
        for name, index in INDEXES.items():
            with self.subTest(index=name):
                frame = some(index=index)
                self.assert_as_pandas(written(frame))
                self.assert_as_pandas(written(frame, row_group_size=3))
                for is_kept in (True, False):
                    self.assert_as_pandas(written(frame.add_prefix("x_"), index=is_kept))

    def test_column_names_of_every_kind_are_read_as_pandas_does(self) -> None:
        for name, names in NAMES.items():
            with self.subTest(names=name):
                self.assert_as_pandas(written(some(names)))

    def test_attributes_are_read_as_pandas_does(self) -> None:
        frame = some(index=IDS)
        frame.attrs = {"a": 1, "b": [1, {"c": None}]}
        self.assert_as_pandas(written(frame))
        self.assertEqual(frame.attrs, read_parquet(io.BytesIO(written(frame))).attrs)

    def test_metadata_of_every_kind_is_read_as_pandas_does(self) -> None:
        for name, metadata in METADATA.items():
            with self.subTest(metadata=name):
                self.assert_as_pandas(table_written(TABLE.replace_schema_metadata(metadata)))
        without_index = pa.Table.from_pandas(some(index=IDS)).drop(["id"])
        self.assert_as_pandas(table_written(without_index))

    def test_file_of_others_is_read_as_pandas_does(self) -> None:
        for name, options in WRITTEN.items():
            with self.subTest(written=name):
                self.assert_as_pandas(table_written(TABLE, **options))
        structs = pa.table({"s": [{"a": "x", "b": [1]}] * 50})
        self.assert_as_pandas(table_written(structs, row_group_size=7))

    def test_table_without_rows_or_columns_is_read_as_pandas_does(self) -> None:
        for frame in (some().iloc[:0], some()[[]], some(index=IDS).iloc[:0], some(index=IDS)[[]]):
            self.assert_as_pandas(written(frame))
        self.assert_as_pandas(table_written(TABLE.select([])))

    def test_more_rows_than_a_batch_are_read_as_pandas_does(self) -> None:
        for rows in (BATCH_ROWS, BATCH_ROWS + 1):
            numbers = np.arange(rows)
            one = pd.DataFrame({"x": numbers / rows})
            kinds = one.assign(i=numbers, a=pd.array(numbers, dtype="int64[pyarrow]"), t=numbers.view("datetime64[s]"))
            for name, frame in {"one": one, "ids": one.set_axis(numbers[::-1]), "kinds": kinds}.items():
                for options in ({}, {"row_group_size": 50_000}):
                    with self.subTest(rows=rows, frame=name, **options):
                        self.assert_as_pandas(written(frame, **options))

    def test_names_that_pandas_refuses_are_refused(self) -> None:
        of_names = (["a", "a"], *([name, "b"] for name in SCAN_COLUMNS))
        self.assert_refused(table_written(pa.table([[1, 2], [3, 4]], names)) for names in of_names)

    def test_what_cannot_be_read_raises_what_pandas_does(self) -> None:
        good = written(some())
        overwritten = good[:4] + b"\xff" * 16 + good[20:]
        self.assert_refused([good[:-20], good[100:], overwritten, good[:-4] + b"PARE", b"id,x\n1,2\n", b"PAR1", b""])

    def assert_refused(self, contents: Iterable[bytes]) -> None:
        folder = Path(self.enter(tempfile.TemporaryDirectory()))
        for number, content in enumerate(contents):
            (folder / f"{number}.parquet").write_bytes(content)
        paths = sorted(folder.iterdir())
        done = subprocess.run([sys.executable, "-c", REFUSED, *paths], capture_output=True, text=True, check=True)
        for expected, found in json.loads(done.stdout):
            with self.subTest(expected=expected):
                self.assertIsNotNone(expected)
                self.assertEqual(expected, found)

    def test_text_is_read_as_the_options_of_pandas_have_it(self) -> None:
        contents = written(some(index=IDS).assign(era="X")), table_written(TABLE)
        with pd.option_context("future.infer_string", True):
            for content in contents:
                self.assert_as_pandas(content)

    def test_periods_are_read_as_such_in_a_process_that_has_written_none(self) -> None:
        path = Path(self.enter(tempfile.TemporaryDirectory()), "periods.parquet")
        of_others = pa.Table.from_pandas(pd.DataFrame({"x": COLUMNS["periods"]})).replace_schema_metadata()
        path.write_bytes(table_written(of_others))
        program = (
            "import sys\nfrom numerai_predict.child.parquet import read_parquet\n"
            "print(read_parquet(open(sys.argv[1], 'rb'))['x'].dtype)"
        )
        found = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
        self.assertEqual("period[M]\n", found.stdout)

    def test_file_in_one_batch_is_read_without_a_scan(self) -> None:
        content = written(some(index=IDS))
        with mock.patch.object(pd, "read_parquet", side_effect=AssertionError):
            pd.testing.assert_frame_equal(read_parquet(io.BytesIO(content)), some(index=IDS))


def outcome(read: Callable[[Any], pd.DataFrame], content: bytes) -> Any:
    """The frame that is read from a file of that content, or what is raised instead."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        try:
            return read(file)
        except Exception as error:
            return type(error), str(error)
