"""What predictions must be, compared with the platform's own rules, and their statistics."""

import datetime
import decimal
import json
import statistics
import unittest
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from numerai_predict.child.answer import PredictionStats, Problem
from numerai_predict.child.checks import check_values, notices_and_remarks, prediction_stats
from numerai_predict.faults import Code

IDS = pd.Index([f"n{number:015x}" for number in range(6)], name="id")
VALUES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]


def frame(values: Any = VALUES, index: Any = IDS, name: Any = "prediction") -> pd.DataFrame:
    """Predictions as a model returns them, unless given otherwise."""
    return pd.DataFrame({name: pd.Series(values, index=index)})


def with_first(*values: Any) -> pd.DataFrame:
    """Good predictions of type object whose first values are these."""
    return frame(pd.array([*values, *VALUES[len(values) :]], dtype=object))


def code_of(problem: Problem) -> Code:
    return Code[problem.code.upper()]


def codes(problems: list[Problem]) -> list[Code]:
    return [code_of(problem) for problem in problems]


def longdoubles() -> "np.ndarray[Any, Any]":
    return np.array([0, 1, 2, 3, 5, 6], np.longdouble) / np.longdouble(6)


# Numbers that pandas and NumPy write in their own ways.
NUMBERS: dict[str, Any] = {
    "float16": np.array(VALUES, np.float16),
    "longdouble": longdoubles(),
    "objects that are longdoubles": pd.array(list(longdoubles()), dtype=object),
    "objects that are float16": pd.array(list(np.array(VALUES, np.float16)), dtype=object),
    "Float32": pd.array(VALUES, dtype="Float32"),
    "Arrow float": pd.array(VALUES, dtype="float[pyarrow]"),
    "Arrow halffloat": pd.array(pa.array(np.array(VALUES, np.float16)), dtype=pd.ArrowDtype(pa.float16())),
    "Arrow decimal256": pd.array(
        [decimal.Decimal(str(value)) for value in VALUES], dtype=pd.ArrowDtype(pa.decimal256(70, 60))
    ),
    "Decimal of 28 digits": [decimal.Decimal(number) / 7 for number in range(6)],
    "Decimal of 300 digits": [decimal.Context(300).divide(decimal.Decimal(1), number + 3) for number in range(6)],
    "tiny Decimal": [decimal.Decimal("1E-9"), decimal.Decimal("0E-30"), *map(decimal.Decimal, (0, 1, 0, 1))],
    "numbers of many kinds": pd.array(
        [0, 1.0, np.float32(0.5), decimal.Decimal("0.25"), np.int8(1), np.longdouble(0.75)], dtype=object
    ),
}
FRACTIONS: dict[str, Any] = {
    "Fraction": [Fraction(number, 7) for number in range(6)],
    "Fraction of float": [Fraction(value) for value in VALUES],
    "Fraction of a tiny float": [Fraction(1e-300), *VALUES[1:]],
    "Fraction among others": pd.array([Fraction(1, 3), decimal.Decimal("0.5"), 1, *VALUES[3:]], dtype=object),
}


class CheckValuesTest(unittest.TestCase):
    def check(self, returned: Any, *expected: tuple[Code, str]) -> None:
        self.assertEqual([(code_of(found), found.message) for found in check_values(returned)], list(expected))

    def test_check_values_of_good_predictions_finds_nothing(self) -> None:
        good: dict[str, Any] = {
            "float64": VALUES,
            "float32": np.array(VALUES, np.float32),
            "the bounds": [0.0, 1.0, -0.0, 1, 0, 0.5],
            "int64": [0, 1, 0, 1, 0, 1],
            "uint8": np.array([0, 1, 0, 1, 0, 1], np.uint8),
            "objects that are floats": pd.array(VALUES, dtype=object),
            "objects that are NumPy's": pd.array([np.float32(value) for value in VALUES], dtype=object),
            "objects of two kinds": pd.array([0, 1, *VALUES[2:]], dtype=object),
            "Decimal": [decimal.Decimal(str(value)) for value in VALUES],
            "Decimal and float": pd.array([decimal.Decimal("0.1"), *VALUES[1:]], dtype=object),
            "Float64": pd.array(VALUES, dtype="Float64"),
            "Int64": pd.array([0, 1, 0, 1, 0, 1], dtype="Int64"),
            "Arrow double": pd.array(VALUES, dtype="double[pyarrow]"),
            "Arrow int": pd.array([0, 1, 0, 1, 0, 1], dtype="int64[pyarrow]"),
            "Arrow decimal": pd.array(
                [decimal.Decimal(str(value)) for value in VALUES], dtype=pd.ArrowDtype(pa.decimal128(5, 3))
            ),
            "sparse": pd.arrays.SparseArray(VALUES),
            **NUMBERS,
        }
        for name, values in good.items():
            with self.subTest(dtype=name):
                self.check(frame(values))

    def test_check_values_of_fractions_finds_nothing(self) -> None:
        for name, values in FRACTIONS.items():
            with self.subTest(dtype=name):
                self.check(frame(values))

    def test_check_values_of_a_subclass_of_dataframe_names_it_and_the_remedy(self) -> None:
        kind: Any = type("Frame", (pd.DataFrame,), {"__module__": "numerframe"})
        message = "The model returned a numerframe.Frame instead of a pandas DataFrame, of which it is a subclass."
        self.check(kind(frame()), (Code.NOT_A_DATAFRAME, message))
        self.assertIn("return pd.DataFrame(result)", check_values(kind(frame()))[0].hint)
        self.check(pd.DataFrame(kind(frame())))

    def test_check_values_of_none_says_so(self) -> None:
        self.check(None, (Code.RETURNED_NOTHING, "The model returned None instead of a DataFrame."))

    def test_check_values_of_another_type_names_it_and_the_remedy(self) -> None:
        polars: Any = type("DataFrame", (), {"__module__": "polars.dataframe.frame"})
        others = {
            "pandas.core.series.Series": (frame()["prediction"], '.to_frame("prediction")'),
            "numpy.ndarray": (np.array(VALUES), "pd.DataFrame"),
            "builtins.list": (VALUES, "pd.DataFrame"),
            "builtins.tuple": ((frame(), frame()), "pd.DataFrame"),
            "builtins.float": (0.5, "pd.DataFrame"),
            "builtins.type": (pd.DataFrame, "pd.DataFrame"),
            "polars.dataframe.frame.DataFrame": (polars(), ".to_pandas()"),
        }
        for name, (returned, remedy) in others.items():
            with self.subTest(type=name):
                message = f"The model returned a {name} instead of a pandas DataFrame."
                self.check(returned, (Code.NOT_A_DATAFRAME, message))
                self.assertIn(remedy, check_values(returned)[0].hint)

    def test_check_values_without_rows_or_columns_counts_both(self) -> None:
        empty = {
            "0 rows and 1 columns": frame().iloc[:0],
            "6 rows and 0 columns": frame()[[]],
            "0 rows and 0": pd.DataFrame(),
        }
        for said, returned in empty.items():
            with self.subTest(said=said):
                found = check_values(returned)
                self.assertEqual(codes(found), [Code.NO_PREDICTIONS])
                self.assertIn(said, found[0].message)

    def test_check_values_with_nan_counts_them_and_names_the_first(self) -> None:
        missing: dict[str, Any] = {
            "float64": [0.1, 0.2, np.nan, 0.4, 0.5, np.nan],
            "object": pd.array([0.1, 0.2, None, 0.4, 0.5, pd.NA], dtype=object),
            "Float64": pd.array([0.1, 0.2, None, 0.4, 0.5, None], dtype="Float64"),
            "Arrow": pd.array([0.1, 0.2, None, 0.4, 0.5, None], dtype="double[pyarrow]"),
            "float16": np.array([0.1, 0.2, np.nan, 0.4, 0.5, np.nan], np.float16),
            "Decimal": [decimal.Decimal(text) for text in ("0.1", "0.2", "NaN", "0.4", "0.5", "NaN")],
        }
        for name, values in missing.items():
            with self.subTest(dtype=name):
                self.check(
                    frame(values),
                    (Code.NAN_PREDICTIONS, f"2 of 6 predictions are NaN, first at id {IDS[2]}."),
                )

    def test_check_values_with_nan_in_another_column_names_the_column(self) -> None:
        returned = frame().assign(a=1.0, b=[*VALUES[:4], None, None], c=[*VALUES[:3], None, None, 0.5])
        message = f"3 of 6 predictions are NaN, first at id {IDS[3]} (columns b, c)."
        self.check(returned, (Code.NAN_PREDICTIONS, message))

    def test_check_values_outside_the_range_counts_them_with_their_extremes(self) -> None:
        outside: dict[str, tuple[Any, str]] = {
            "below": ([0.25, -0.5, 0.5, -2, 0.5, 0.75], "2 of 6 predictions lie outside [0, 1] (min -2, max 0.75)"),
            "above": ([0.25, 1.5, 0.5, 1, 0, 0.75], "1 of 6 predictions lie outside [0, 1] (min 0, max 1.5)"),
            "infinite": ([1, np.inf, 0.5, -np.inf, 0, 1], "2 of 6 predictions lie outside [0, 1] (min -inf, max inf)"),
        }
        for name, (values, said) in outside.items():
            message = f"{said}, first at id {IDS[1]}."
            for dtype in ("float64", object, "Float64", "double[pyarrow]", "float16"):
                with self.subTest(name=name, dtype=dtype):
                    self.check(frame(pd.Series(values).astype(dtype).array), (Code.PREDICTIONS_OUT_OF_RANGE, message))

    def test_check_values_just_outside_the_range_finds_them(self) -> None:
        fractions = (Fraction(-1, 3), Fraction(4, 3), Fraction(10**400), Fraction(-(10**400)))
        for value in (np.nextafter(0, -1), np.nextafter(1, 2), decimal.Decimal("1.001"), 2, -1, *fractions):
            with self.subTest(value=value):
                self.assertEqual(codes(check_values(with_first(value))), [Code.PREDICTIONS_OUT_OF_RANGE])

    def test_check_values_of_columns_that_are_not_numbers_counts_them(self) -> None:
        strange: dict[str, tuple[Any, str]] = {
            "text that looks like numbers": ([str(value) for value in VALUES], "'0.1'"),
            "string": (pd.array([str(value) for value in VALUES], dtype="string"), "'0.1'"),
            "Arrow string": (pd.array([str(value) for value in VALUES], dtype="string[pyarrow]"), "'0.1'"),
            "ids": (list(IDS), f"'{IDS[0]}'"),
            "bool": ([True, False] * 3, "'True'"),
            "boolean": (pd.array([True, False] * 3, dtype="boolean"), "'True'"),
            "Arrow bool": (pd.array([True, False] * 3, dtype="bool[pyarrow]"), "'True'"),
            "bool objects": (pd.array([True, False] * 3, dtype=object), "'True'"),
            "categories": (pd.Categorical(VALUES), "'0.1'"),
            "times": (pd.date_range("2020-01-01", periods=6), "'2020-01-01 00:00:00'"),
            "durations": (pd.to_timedelta(VALUES, "s"), "'0 days 00:00:00.100000'"),
            "bytes": (pd.array([b"0.5"] * 6, dtype=object), "\"b'0.5'\""),
            "complex": (np.array(VALUES) + 0j, "'(0.1+0j)'"),
            "lists": (pd.array([[0.5]] * 6, dtype=object), "'[0.5]'"),
        }
        for name, (values, first) in strange.items():
            with self.subTest(dtype=name):
                message = (
                    f"6 of 6 values of the first column, 'prediction', are not numbers, first {first} at id {IDS[0]}."
                )
                self.check(frame(values), (Code.PREDICTIONS_NOT_NUMBERS, message))

    def test_check_values_of_mixed_values_names_the_first_that_is_not_a_number(self) -> None:
        for value in ("0.5", "a", datetime.date(2020, 1, 1), [0.5], {"x": 1}):
            with self.subTest(value=value):
                shown = f"{str(value)!r} at id {IDS[1]}"
                message = f"2 of 6 values of the first column, 'prediction', are not numbers, first {shown}."
                self.check(with_first(0.1, value, value), (Code.PREDICTIONS_NOT_NUMBERS, message))

    def test_check_values_of_a_long_text_shortens_it(self) -> None:
        self.assertIn(f"first {'x' * 40!r} at", check_values(with_first("x" * 1000))[0].message)

    def test_check_values_of_a_column_without_name_says_so(self) -> None:
        self.assertIn("first column, which has no name, are", check_values(frame(["a"] * 6, name=None))[0].message)

    def test_check_values_of_bool_bytes_or_complex_among_floats_finds_them(self) -> None:
        for value in (True, np.True_, b"0.5", 0.5 + 0j):
            self.assertEqual(codes(check_values(with_first(value))), [Code.PREDICTIONS_NOT_NUMBERS], value)

    def test_check_values_of_arrays_among_floats_finds_them(self) -> None:
        self.assertEqual(codes(check_values(with_first(np.array([0.1, 0.2])))), [Code.PREDICTIONS_NOT_NUMBERS])

    def test_check_values_with_several_failures_names_all_at_once(self) -> None:
        self.check(
            frame([0.1, np.nan, 7, -7, 0.5, np.nan]),
            (Code.NAN_PREDICTIONS, f"2 of 6 predictions are NaN, first at id {IDS[1]}."),
            (
                Code.PREDICTIONS_OUT_OF_RANGE,
                f"2 of 6 predictions lie outside [0, 1] (min -7, max 7), first at id {IDS[2]}.",
            ),
        )
        self.assertEqual(
            codes(check_values(with_first(None, "a"))), [Code.NAN_PREDICTIONS, Code.PREDICTIONS_NOT_NUMBERS]
        )

    def test_check_values_with_text_and_values_outside_names_both(self) -> None:
        found = check_values(with_first("a", 7))
        self.assertEqual(codes(found), [Code.PREDICTIONS_NOT_NUMBERS, Code.PREDICTIONS_OUT_OF_RANGE])

    def test_check_values_looks_at_the_range_of_the_first_column_only(self) -> None:
        self.check(frame().assign(other=7.0, text="a"))

    def test_check_values_finds_whatever_else_the_csv_calls_prediction(self) -> None:
        twice = pd.concat([frame(), frame([7.0] * 6)], axis=1)
        self.assertEqual(codes(check_values(twice)), [Code.PREDICTIONS_OUT_OF_RANGE])
        named = pd.concat([frame(name="x"), frame(["a"] * 6)], axis=1)
        self.assertIn("6 of 6 values of column 2, 'prediction', are not numbers", check_values(named)[0].message)
        levels = pd.MultiIndex.from_arrays([IDS, ["=1+1", None, 7, 0.5, 0.5, 0.5]], names=["id", "prediction"])
        strange, outside = check_values(frame(index=levels, name="x"))
        self.assertIn("2 of 6 values of the index level 'prediction' are not numbers, first '=1+1'", strange.message)
        self.assertIn("1 of 6 predictions lie outside [0, 1]", outside.message)
        self.assertIn("only ids belong in the index", strange.hint)
        self.check(frame(index=pd.MultiIndex.from_arrays([IDS, VALUES], names=["id", "prediction"]), name="x"))

    def test_check_values_under_any_index_names_the_first_label(self) -> None:
        bad = [7.0, *VALUES[1:]]
        tuples = pd.MultiIndex.from_product([["era1"], IDS])
        for index, label in ((range(6), "0"), (pd.Index([np.nan, *IDS[1:]]), "nan"), (tuples, f"('era1', '{IDS[0]}')")):
            with self.subTest(label=label):
                self.assertTrue(check_values(frame(bad, index))[0].message.endswith(f"first at id {label}."))

    def test_check_values_under_multiindex_columns_finds_the_same(self) -> None:
        columns = pd.MultiIndex.from_tuples([("prediction", "a")])
        message = "The columns have 2 levels (('prediction', 'a')); the CSV would begin with several lines of names."
        self.check(frame().set_axis(columns, axis=1), (Code.WRONG_COLUMNS, message))
        bad = frame(["a"] * 6).set_axis(columns, axis=1)
        self.assertIn("first column, \"('prediction', 'a')\", are", check_values(bad)[0].message)

    def test_check_values_counts_thousands_with_commas(self) -> None:
        returned = frame([2.0] * 7000, index=[str(number) for number in range(7000)])
        self.assertIn("7,000 of 7,000 predictions", check_values(returned)[0].message)


class HintTest(unittest.TestCase):
    def test_problem_without_a_hint_of_its_own_has_that_of_its_code(self) -> None:
        (found,) = check_values(None)
        self.assertEqual((found.code, found.hint), ("returned_nothing", Code.RETURNED_NOTHING.hint))

    def test_problem_with_a_hint_of_its_own_keeps_it(self) -> None:
        (found,) = check_values(frame()["prediction"])
        self.assertEqual((found.code, found.hint), ("not_a_dataframe", 'Add .to_frame("prediction").'))


class NoticesTest(unittest.TestCase):
    benchmarks = pd.DataFrame({"v53_lgbm": VALUES}, index=IDS)

    def check(self, benchmarks: pd.DataFrame | None, notices: list[str], remarks: list[str]) -> None:
        self.assertEqual((notices, remarks), notices_and_remarks(IDS, benchmarks))

    def test_nothing_is_said_of_aligned_data(self) -> None:
        more = pd.concat([self.benchmarks, self.benchmarks.iloc[:1].rename(index={IDS[0]: "old"})])
        for benchmarks in (None, self.benchmarks, more, more.iloc[[-1, *range(6)]]):
            self.check(benchmarks, [], [])

    def test_remark_of_benchmarks_in_another_order_points_it_out(self) -> None:
        said = (
            "The benchmark models hold the live ids in another order than the live features; a model must align them: "
            "live_benchmark_models.reindex(live_features.index)."
        )
        for benchmarks in (self.benchmarks.iloc[::-1], self.benchmarks.iloc[[0, *range(6)]]):
            self.check(benchmarks, [], [said])
        self.assertEqual(([], [said]), notices_and_remarks(IDS[[0, 0, *range(1, 6)]], self.benchmarks))

    def test_notice_of_benchmarks_without_some_live_ids_counts_them(self) -> None:
        for benchmarks in (self.benchmarks.iloc[2:], self.benchmarks.iloc[[2, 2, 3, 4, 5]]):
            self.check(benchmarks, ["The benchmark models lack 2 of 6 live ids."], [])
        levels = pd.MultiIndex.from_product([IDS, ["a"]])
        said = "The benchmark models lack 6 of 6 live ids."
        self.check(self.benchmarks.set_axis(levels), [said], [])
        self.assertEqual(([said], []), notices_and_remarks(levels, self.benchmarks))

    def test_notice_of_benchmarks_whose_ids_are_a_column_says_so(self) -> None:
        said = "The ids of the benchmark models are a column 'id'; in Numerai's file they are the index."
        self.check(self.benchmarks.reset_index(), [said], [])


def ranks_of(values: list[float]) -> list[float]:
    """Ranks from 1, ties sharing their mean rank."""
    return [
        sum(other < value for other in values) + (sum(other == value for other in values) + 1) / 2 for value in values
    ]


def spearman_of(pairs: list[tuple[float, float]]) -> float:
    """Spearman's correlation from its definition, of the pairs without NaN."""
    whole = [(a, b) for a, b in pairs if b == b]
    return statistics.correlation(ranks_of([a for a, _ in whole]), ranks_of([b for _, b in whole]))


class PredictionStatsTest(unittest.TestCase):
    values = (0.9, 0.1, 0.4, 0.4, 0.75, 0.2)

    def correlation(self, benchmark: Any, index: Any = IDS, returned: pd.DataFrame | None = None) -> float | None:
        stats = prediction_stats(
            frame(self.values) if returned is None else returned, pd.DataFrame({"b": benchmark}, index=index)
        )
        found = stats.spearman["b"]
        assert found is None or isinstance(found, float)
        return found

    def test_prediction_stats_counts_and_measures_the_first_column(self) -> None:
        found = prediction_stats(frame(self.values).assign(other=9.0), None)
        self.assertEqual((found.rows, found.columns, found.spearman), (6, ["prediction", "other"], {}))
        self.assertEqual((found.min, found.max), (0.1, 0.9))
        self.assertAlmostEqual(found.mean, statistics.mean(self.values))
        assert found.std is not None
        self.assertAlmostEqual(found.std, statistics.stdev(self.values))

    def test_prediction_stats_of_any_dtype_gives_the_same_as_plain_data(self) -> None:
        expected = prediction_stats(frame(self.values), None)
        for dtype in (object, "Float64", "double[pyarrow]"):
            with self.subTest(dtype=dtype):
                found = prediction_stats(frame(self.values).astype(dtype), None)
                self.assertEqual(PredictionStats(**json.loads(json.dumps(vars(found), allow_nan=False))), expected)
        decimals = frame([decimal.Decimal(str(value)) for value in self.values])
        self.assertEqual(prediction_stats(decimals, None), expected)

    def test_prediction_stats_bins_the_values_over_0_to_1(self) -> None:
        counts = prediction_stats(frame([0.0, 0.05, 0.15, 0.95, 1.0, 0.5]), None).histogram
        self.assertEqual(counts, [2, 1, 0, 0, 0, 1, 0, 0, 0, 2])
        counts = prediction_stats(frame([0.25, 0.25, 0.26, 0.55, 0.55, 0.55]), None).histogram
        self.assertEqual(counts, [0, 0, 3, 0, 0, 3, 0, 0, 0, 0])

    def test_prediction_stats_of_one_row_has_no_deviation(self) -> None:
        found = prediction_stats(frame().iloc[:1], pd.DataFrame({"b": VALUES}, index=IDS))
        self.assertEqual((found.std, found.spearman), (None, {"b": None}))

    def test_prediction_stats_of_column_names_that_are_not_text_gives_text(self) -> None:
        self.assertEqual(prediction_stats(frame(name=0), None).columns, ["0"])

    def test_spearman_with_ties_on_both_sides_is_that_of_mean_ranks(self) -> None:
        benchmark = [3.0, 1.0, 3.0, 2.0, 1.0, 1.0]
        expected = spearman_of(list(zip(self.values, benchmark, strict=True)))
        found = self.correlation(benchmark)
        assert found is not None
        self.assertAlmostEqual(found, expected)

    def test_spearman_with_nan_in_the_benchmark_leaves_those_rows_out(self) -> None:
        benchmark = [3.0, float("nan"), 5.0, 2.0, 1.0, float("nan")]
        expected = spearman_of(list(zip(self.values, benchmark, strict=True)))
        found = self.correlation(benchmark)
        assert found is not None
        self.assertAlmostEqual(found, expected)

    def test_spearman_with_ids_in_another_order_is_that_of_the_same_ids(self) -> None:
        found = self.correlation(list(reversed(self.values)), IDS[::-1])
        assert found is not None
        self.assertAlmostEqual(found, 1.0)

    def test_spearman_with_missing_and_unknown_ids_is_that_of_the_common_ones(self) -> None:
        benchmark = {IDS[5]: 9.0, IDS[0]: 4.0, "old": -50.0, IDS[3]: 2.0, IDS[2]: 7.0}
        pairs = [
            (dict(zip(IDS, self.values, strict=True))[key], value) for key, value in benchmark.items() if key != "old"
        ]
        found = self.correlation(list(benchmark.values()), list(benchmark))
        assert found is not None
        self.assertAlmostEqual(found, spearman_of(pairs))

    def test_spearman_with_repeated_ids_takes_the_first_of_each(self) -> None:
        returned = pd.concat([frame(self.values), frame([0.0], IDS[:1])])
        found = self.correlation([*self.values, -9.0], [*IDS, IDS[0]], returned)
        assert found is not None
        self.assertAlmostEqual(found, 1.0)

    def test_spearman_without_variance_or_common_ids_is_none(self) -> None:
        self.assertIsNone(self.correlation([0.5] * 6))
        self.assertIsNone(self.correlation([float("nan")] * 6))
        self.assertIsNone(self.correlation(VALUES, [f"old{number}" for number in range(6)]))
        self.assertIsNone(self.correlation(VALUES, returned=frame([0.5] * 6)))

    def test_spearman_of_a_round_is_to_the_last_bit_what_pandas_has_for_the_ranks(self) -> None:
        rng = np.random.default_rng(7)
        ids = pd.Index([f"n{number}" for number in range(7_000)], name="id")
        returned = pd.DataFrame({"prediction": rng.random(len(ids)).round(3)}, ids)
        benchmarks = pd.DataFrame(rng.random((len(ids), 3)), ids, ["whole", "ties", "gaps"])
        benchmarks["ties"] = benchmarks["ties"].round(2)
        benchmarks.iloc[::5, 2] = np.nan
        values = returned["prediction"]
        ranks, known = benchmarks.rank(), benchmarks.notna()
        own = known.mul(values, axis=0).where(known).rank()
        found = prediction_stats(returned, benchmarks.sample(frac=1, random_state=7)).spearman
        self.assertEqual(found, ranks.corrwith(own).to_dict())

    def test_spearman_leaves_columns_out_that_are_not_numbers(self) -> None:
        benchmarks = pd.DataFrame(
            {
                "era": ["0001"] * 6,
                "a": self.values,
                "when": pd.date_range("2020", periods=6),
                "flag": [True, False] * 3,
            },
            index=IDS,
        )
        found = prediction_stats(frame(self.values), benchmarks).spearman
        self.assertEqual(list(found), ["a"])
        assert found["a"] is not None
        self.assertAlmostEqual(found["a"], 1.0)

    def test_spearman_of_any_number_type_is_the_same(self) -> None:
        for dtype in ("float32", "float16", "Float64", "double[pyarrow]"):
            with self.subTest(dtype=dtype):
                found = self.correlation(pd.Series([-value for value in self.values], IDS).astype(dtype))
                assert found is not None
                self.assertAlmostEqual(found, -1.0)
