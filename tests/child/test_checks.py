"""What predictions must be, compared with the platform's own rules, and their statistics."""

import datetime
import decimal
import importlib
import io
import json
import statistics
import sys
import types
import unittest
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from numerai_predict.child.answer import PredictionStats, Problem
from numerai_predict.child.checks import check_acceptance, check_values, notices, prediction_stats
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


class CheckValuesTest(unittest.TestCase):
    def check(self, returned: Any, *expected: tuple[Code, str]) -> None:
        self.assertEqual([(code_of(found), found.message) for found in check_values(returned)], list(expected))

    def test_check_values_of_good_predictions_finds_nothing(self) -> None:
        good: dict[str, Any] = {
            "float64": VALUES,
            "float32": np.array(VALUES, np.float32),
            "float16": np.array(VALUES, np.float16),
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
        }
        for name, values in good.items():
            with self.subTest(dtype=name):
                self.check(frame(values))

    def test_check_values_of_a_subclass_of_dataframe_finds_nothing(self) -> None:
        kind: Any = type("Frame", (pd.DataFrame,), {})
        self.check(kind(frame()))

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
        for value in (np.nextafter(0, -1), np.nextafter(1, 2), decimal.Decimal("1.001"), 2, -1):
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
        twice = pd.concat([frame(), frame([7.0] * 6)], axis=1)
        self.assertEqual(list(twice.columns), ["prediction", "prediction"])
        self.check(twice)

    def test_check_values_under_any_index_names_the_first_label(self) -> None:
        bad = [7.0, *VALUES[1:]]
        tuples = pd.MultiIndex.from_product([["era1"], IDS])
        for index, label in ((range(6), "0"), (pd.Index([np.nan, *IDS[1:]]), "nan"), (tuples, f"('era1', '{IDS[0]}')")):
            with self.subTest(label=label):
                self.assertTrue(check_values(frame(bad, index))[0].message.endswith(f"first at id {label}."))

    def test_check_values_under_multiindex_columns_finds_the_same(self) -> None:
        columns = pd.MultiIndex.from_tuples([("prediction", "a")])
        self.check(frame().set_axis(columns, axis=1))
        bad = frame(["a"] * 6).set_axis(columns, axis=1)
        self.assertIn("first column, \"('prediction', 'a')\", are", check_values(bad)[0].message)

    def test_check_values_counts_thousands_with_commas(self) -> None:
        returned = frame([2.0] * 7000, index=[str(number) for number in range(7000)])
        self.assertIn("7,000 of 7,000 predictions", check_values(returned)[0].message)


class CheckAcceptanceTest(unittest.TestCase):
    def check(self, returned: pd.DataFrame, *expected: tuple[Code, str]) -> None:
        found = [(code_of(found), found.message) for found in check_acceptance(returned, IDS)]
        self.assertEqual(found, list(expected))

    def test_check_acceptance_of_every_live_id_once_finds_nothing(self) -> None:
        good = {
            "in order": frame(),
            "in another order": frame().iloc[::-1],
            "with unknown ids": pd.concat([frame(), frame(index=[f"old{n}" for n in range(6)])]).rename_axis("id"),
            "string index": frame(index=pd.Index(IDS, dtype="string")),
            "categorical index": frame(index=pd.CategoricalIndex(IDS)),
            "columns with a name": frame().rename_axis("x", axis=1),
        }
        for name, returned in good.items():
            with self.subTest(name=name):
                self.check(returned)

    def test_check_acceptance_with_missing_ids_counts_them_and_names_the_first(self) -> None:
        message = (
            f"2 of 6 live ids have no prediction, first {IDS[1]}; the index of the predictions begins with {IDS[0]}."
        )
        self.check(frame().drop([IDS[1], IDS[4]]), (Code.MISSING_IDS, message))

    def test_check_acceptance_of_an_index_of_numbers_shows_how_it_begins(self) -> None:
        message = f"6 of 6 live ids have no prediction, first {IDS[0]}; the index of the predictions begins with 0."
        header = 'The CSV begins with ",prediction" (2 columns), not "id,prediction".'
        self.check(frame().reset_index(drop=True), (Code.MISSING_IDS, message), (Code.WRONG_COLUMNS, header))

    def test_check_acceptance_with_nan_in_the_index_counts_it(self) -> None:
        returned = pd.concat([frame(), frame([0.5], [np.nan]), frame([0.5], [None])]).rename_axis("id")
        self.check(returned, (Code.MISSING_IDS, "2 of 8 rows have no id (NaN in the index)."))

    def test_check_acceptance_with_repeated_live_ids_counts_them(self) -> None:
        returned = frame().iloc[[0, 1, 1, 1, 2, 3, 3, 4, 5]]
        message = f"2 live ids occur more than once among 9 rows, first {IDS[1]}."
        self.check(returned, (Code.DUPLICATE_IDS, message))

    def test_check_acceptance_with_repeated_unknown_ids_finds_nothing(self) -> None:
        self.check(pd.concat([frame(), frame([0.5, 0.6], ["old", "old"])]).rename_axis("id"))

    def test_check_acceptance_of_another_header_shows_it(self) -> None:
        both = pd.concat([frame(), frame()], axis=1)
        many = frame().assign(**{f"c{number}": 1.0 for number in range(7)})
        headers = {
            '"id,preds" (2 columns)': frame(name="preds"),
            '"id,Prediction" (2 columns)': frame(name="Prediction"),
            '"id,0" (2 columns)': frame(name=0),
            '"id," (2 columns)': frame(name=None),
            '",prediction" (2 columns)': frame(index=list(IDS)),
            '"ID,prediction" (2 columns)': frame().rename_axis("ID"),
            '"id,prediction,x" (3 columns)': frame().assign(x=1.0),
            '"id,prediction,prediction" (3 columns)': both,
            '"id,prediction,c0,c1,c2,c3,c4,c5,…" (9 columns)': many,
        }
        for said, returned in headers.items():
            with self.subTest(header=said):
                self.check(returned, (Code.WRONG_COLUMNS, f'The CSV begins with {said}, not "id,prediction".'))

    def test_check_acceptance_of_multiindex_columns_finds_a_wrong_header(self) -> None:
        columns = pd.MultiIndex.from_tuples([("prediction", "a")])
        self.assertEqual(codes(check_acceptance(frame().set_axis(columns, axis=1), IDS)), [Code.WRONG_COLUMNS])

    def test_check_acceptance_of_a_multiindex_finds_a_wrong_header(self) -> None:
        returned = frame(index=pd.MultiIndex.from_product([["era1"], IDS], names=["era", "id"]))
        self.assertIn(Code.WRONG_COLUMNS, codes(check_acceptance(returned, IDS)))

    def test_check_acceptance_of_a_constant_says_which(self) -> None:
        message = "All 6 predictions are 0.5; their standard deviation is zero."
        for dtype in ("float64", "float16", object, "Float64", "double[pyarrow]"):
            with self.subTest(dtype=dtype):
                self.check(
                    frame().assign(prediction=pd.Series(0.5, IDS).astype(dtype)), (Code.CONSTANT_PREDICTIONS, message)
                )

    def test_check_acceptance_of_nearly_a_constant_follows_the_platform(self) -> None:
        self.assertEqual(codes(check_acceptance(frame([0.5] * 5 + [0.5 + 1e-9]), IDS)), [Code.CONSTANT_PREDICTIONS])
        self.check(frame([0.5] * 5 + [0.5 + 1e-6]))

    def test_check_acceptance_of_one_row_is_not_a_constant(self) -> None:
        self.assertEqual(check_acceptance(frame().iloc[:1], IDS[:1]), [])

    def test_check_acceptance_of_everything_wrong_names_all_at_once(self) -> None:
        returned = frame([0.5] * 3, index=[IDS[0], IDS[0], "old"], name="preds")
        self.assertEqual(
            codes(check_acceptance(returned, IDS)),
            [Code.MISSING_IDS, Code.DUPLICATE_IDS, Code.WRONG_COLUMNS, Code.CONSTANT_PREDICTIONS],
        )


class HintTest(unittest.TestCase):
    def test_problem_without_a_hint_of_its_own_has_that_of_its_code(self) -> None:
        (found,) = check_values(None)
        self.assertEqual((found.code, found.hint), ("returned_nothing", Code.RETURNED_NOTHING.hint))

    def test_problem_with_a_hint_of_its_own_keeps_it(self) -> None:
        (found,) = check_values(frame()["prediction"])
        self.assertEqual((found.code, found.hint), ("not_a_dataframe", 'Add .to_frame("prediction").'))


class NoticesTest(unittest.TestCase):
    benchmarks = pd.DataFrame({"v53_lgbm": VALUES}, index=IDS)

    def test_notices_of_aligned_data_are_none(self) -> None:
        self.assertEqual(notices(frame(), IDS, None), [])
        self.assertEqual(notices(frame(), IDS, self.benchmarks), [])

    def test_notices_of_unknown_ids_count_them(self) -> None:
        returned = pd.concat([frame(), frame([0.5, 0.6], ["old1", "old2"])])
        expected = "2 of 8 ids are not live ids, first old1; the platform drops them."
        self.assertEqual(notices(returned, IDS, None), [expected])

    def test_notices_of_benchmarks_in_another_order_point_it_out(self) -> None:
        (found,) = notices(frame(), IDS, self.benchmarks.iloc[::-1])
        self.assertIn("another order", found)
        self.assertIn("reindex", found)

    def test_notices_of_benchmarks_without_some_live_ids_count_them(self) -> None:
        (found,) = notices(frame(), IDS, self.benchmarks.iloc[2:])
        self.assertEqual(found, "The benchmark models lack 2 of 6 live ids.")

    def test_notices_of_benchmarks_with_more_ids_do_not_speak_of_order(self) -> None:
        more = pd.concat([self.benchmarks, self.benchmarks.iloc[:1].rename(index={IDS[0]: "old"})])
        self.assertNotIn("another order", " ".join(notices(frame(), IDS, more)))

    def test_notices_of_a_multiindex_do_not_raise(self) -> None:
        notices(frame(index=pd.MultiIndex.from_product([["era1"], IDS])), IDS, None)


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


def platform_rules() -> Any:
    """numerai_tools.submissions, imported with an empty torch: its scoring module wants one that the rules do not."""
    stub = types.ModuleType("torch")
    stub.Tensor = type("Tensor", (), {})  # type: ignore[attr-defined]
    there = "torch" in sys.modules
    sys.modules.setdefault("torch", stub)
    try:
        return importlib.import_module("numerai_tools.submissions")
    except ModuleNotFoundError as error:
        raise unittest.SkipTest(f"{error.name} is not installed") from error
    finally:
        if not there:
            del sys.modules["torch"]


class PlatformParityTest(unittest.TestCase):
    """Our verdict, failure or warning, is the platform's on the CSV that it reads."""

    rules: Any

    @classmethod
    def setUpClass(cls) -> None:
        cls.rules = platform_rules()

    def platform_accepts(self, returned: pd.DataFrame) -> bool:
        submission = pd.read_csv(io.StringIO(returned.to_csv()))
        try:
            id_column, prediction_column = self.rules.validate_headers_numerai(submission)
            self.rules.validate_values(submission, prediction_column)
            self.rules.validate_ids_numerai(pd.Series(IDS), submission, id_column)
        except (AssertionError, TypeError):  # TypeError: "between" of text.
            return False
        return True

    def we_accept(self, returned: pd.DataFrame) -> bool:
        return not (check_values(returned) or check_acceptance(returned, IDS))

    def test_verdict_on_any_predictions_is_the_platforms(self) -> None:
        table = {
            "good": frame(),
            "other order": frame().iloc[[3, 1, 0, 5, 4, 2]],
            "float16": frame(np.array(VALUES, np.float16)),
            "objects": frame(pd.array(VALUES, dtype=object)),
            "Decimal": frame([decimal.Decimal(str(value)) for value in VALUES]),
            "Float64": frame(pd.array(VALUES, dtype="Float64")),
            "Arrow": frame(pd.array(VALUES, dtype="double[pyarrow]")),
            "bounds": frame([0, 1, 0.5, 0, 1, 0.5]),
            "unknown ids": pd.concat([frame(), frame(index=[f"old{n}" for n in range(6)])]).rename_axis("id"),
            "repeated unknown ids": pd.concat([frame(), frame([0.5, 0.6], ["old", "old"])]).rename_axis("id"),
            "barely no constant": frame([0.5] * 5 + [0.5 + 1e-7]),
            "NaN": frame([None, *VALUES[1:]]),
            "NA": frame(pd.array([None, *VALUES[1:]], dtype="Float64")),
            "above": frame([1.000001, *VALUES[1:]]),
            "below": frame([-0.000001, *VALUES[1:]]),
            "infinite": frame([np.inf, *VALUES[1:]]),
            "text": frame(["a", *VALUES[1:]]),
            "times": frame(pd.date_range("2020-01-01", periods=6)),
            "constant": frame([0.5] * 6),
            "nearly constant": frame([0.5] * 5 + [0.5 + 1e-9]),
            "missing ids": frame().iloc[1:],
            "one row": frame().iloc[:1],
            "repeated ids": frame().iloc[[0, *range(6)]],
            "all twice": pd.concat([frame(), frame()]),
            "a missing and a repeated id": frame().iloc[[0, 0, 2, 3, 4, 5]],
            "numbers as ids": frame().reset_index(drop=True).rename_axis("id"),
            "NaN among the ids": frame(index=pd.Index([np.nan, *IDS[1:]], name="id")),
            "NaN beside the ids": pd.concat([frame(), frame([0.5], [np.nan])]).rename_axis("id"),
            "index without name": frame(index=list(IDS)),
            "index with another name": frame().rename_axis("ID"),
            "other column": frame(name="preds"),
            "two columns": frame().assign(other=0.5),
            "columns of one name": pd.concat([frame(), frame()], axis=1),
            "MultiIndex columns": frame().set_axis(pd.MultiIndex.from_tuples([("prediction", "a")]), axis=1),
        }
        verdicts = set()
        for name, returned in table.items():
            with self.subTest(predictions=name):
                accepted = self.platform_accepts(returned)
                self.assertEqual(self.we_accept(returned), accepted)
                verdicts.add(accepted)
        self.assertEqual(verdicts, {True, False})

    def test_verdict_on_what_a_csv_disguises_is_stricter_than_the_platforms(self) -> None:
        """A CSV holds no types: what a model returns as text or categories reads back as numbers or truth values."""
        table = {
            "numeric text": frame([str(value) for value in VALUES]),
            "booleans": frame([True, False] * 3),
            "categories": frame(pd.Categorical(VALUES)),
        }
        for name, returned in table.items():
            with self.subTest(predictions=name):
                self.assertEqual((self.platform_accepts(returned), self.we_accept(returned)), (True, False))

    def test_verdict_on_the_column_probability_is_stricter_than_the_platforms(self) -> None:
        returned = frame(name="probability")
        self.assertEqual((self.platform_accepts(returned), self.we_accept(returned)), (True, False))

    def test_import_of_the_rules_leaves_no_torch_behind(self) -> None:
        self.assertTrue(hasattr(sys.modules.get("torch"), "__version__") or "torch" not in sys.modules)
