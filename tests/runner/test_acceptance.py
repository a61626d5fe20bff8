"""The platform's acceptance rules, held against the CSV that the parent reads, and compared with the platform's own."""

import decimal
import importlib
import io
import sys
import types
import unittest
from typing import Any

import numpy as np
import pandas as pd

from numerai_predict.child import Problem, Shape
from numerai_predict.child.checks import check_values, prediction_stats
from numerai_predict.child.load import index_as_csv
from numerai_predict.faults import Code
from numerai_predict.runner.acceptance import check_acceptance, notices_of_ids
from numerai_predict.runner.csv_form import Predictions, read_csv
from numerai_predict.runner.id_counts import IdCounts
from numerai_predict.runner.live_ids import LiveIds
from tests.child.test_checks import FRACTIONS, IDS, NUMBERS, VALUES, codes, frame


def read(returned: pd.DataFrame, live: pd.Index = IDS, are_a_column: bool = False) -> Predictions:
    """The predictions as the parent has them."""
    csv: str = returned.to_csv()
    ids = IdCounts(LiveIds(Shape(len(live), 42), index_as_csv(live), are_a_column))
    return read_csv(io.BytesIO(csv.encode()), prediction_stats(returned, None).columns, ids)


def accepted(returned: pd.DataFrame, live: pd.Index = IDS) -> list[Problem]:
    return check_acceptance(read(returned, live))


class CheckAcceptanceTest(unittest.TestCase):
    def check(self, returned: pd.DataFrame, *expected: tuple[Code, str]) -> None:
        found = [(Code[found.code.upper()], found.message) for found in accepted(returned)]
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
        message = (
            f"6 of 6 live ids have no prediction, first {IDS[0]}; the index of the predictions begins with 0 "
            "(it is an integer, the live ids are text)."
        )
        header = 'The CSV begins with ",prediction" (2 columns), not "id,prediction".'
        self.check(frame().reset_index(drop=True), (Code.MISSING_IDS, message), (Code.WRONG_COLUMNS, header))

    def test_check_acceptance_of_ids_of_another_kind_says_of_which(self) -> None:
        said = "6 of 6 live ids have no prediction, first {}; the index of the predictions begins with {} (it is {})."
        texts, numbers = pd.Index(IDS), pd.RangeIndex(1, 7, name="id")
        for live, ids, first, kinds in (
            (texts, np.array(IDS, "S"), f"b'{IDS[0]}'", "bytes, the live ids are text"),
            (texts, [0.5, 1, 2, 3, 4, 5], "0.5", "a decimal number, the live ids are text"),
            (numbers, np.arange(1.0, 7.0), "1.0", "a decimal number, the live ids are an integer"),
            (numbers, [f"{number}a" for number in range(6)], "0a", "text, the live ids are an integer"),
        ):
            with self.subTest(ids=ids):
                returned = frame(index=pd.Index(ids, name="id"))
                message = said.format(live[0], first, kinds)
                self.assertEqual([found.message for found in accepted(returned, live)], [message])

    def test_check_acceptance_of_ids_of_the_same_kind_says_no_kind(self) -> None:
        hexadecimal = pd.Index(["0a12", "0013"], name="id")
        numbers = pd.RangeIndex(1, 7, name="id")
        for live, ids in (
            (hexadecimal, ["0042", "0a99"]),
            (IDS, [np.nan, *IDS[1:]]),
            (numbers, [np.nan, *map(str, numbers[1:])]),
        ):
            returned = frame(VALUES[: len(ids)], index=pd.Index(ids, name="id"))
            self.assertRegex(accepted(returned, live)[0].message, r"begins with \w+\.$")

    def test_check_acceptance_of_ids_that_are_bytes_says_how_to_decode_them(self) -> None:
        returned = frame(index=pd.Index(np.array(IDS, "S"), name="id"))
        self.assertIn('predictions.index.str.decode("utf-8")', accepted(returned)[0].hint)
        returned.index = returned.index.str.decode("utf-8")
        self.check(returned)
        some = pd.concat([frame().iloc[:4], frame(index=pd.Index(np.array(IDS, "S"), name="id")).iloc[4:]])
        self.assertIn(f"(b'{IDS[4]}' is bytes, the live ids are text)", accepted(some)[0].message)

    def test_check_acceptance_under_the_index_of_data_whose_ids_are_a_column_is_about_the_data(self) -> None:
        returned = frame(index=pd.RangeIndex(6))
        (found,) = check_acceptance(read(returned, are_a_column=True))
        self.assertEqual(
            found.message,
            f"6 of 6 live ids have no prediction, first {IDS[0]}; the ids of the live features are a column 'id', and "
            "their index has none: the index of the predictions begins with 0.",
        )
        self.assertIn('data.set_index("id").to_parquet(path)', found.hint)
        codes_of_others = {
            Code.WRONG_COLUMNS: returned.set_axis(["preds"], axis=1),
            Code.CONSTANT_PREDICTIONS: returned.assign(prediction=0.5),
        }
        for code, other in codes_of_others.items():
            self.assertEqual(codes(check_acceptance(read(other, are_a_column=True))), [Code.MISSING_IDS, code])

    def test_check_acceptance_under_ids_from_the_column_finds_nothing(self) -> None:
        self.assertEqual(check_acceptance(read(frame(), are_a_column=True)), [])
        for wrong in ([f"old{number}" for number in range(6)], [0, *IDS[1:]]):
            returned = frame(index=pd.Index(wrong, name="id"))
            (found,) = check_acceptance(read(returned, are_a_column=True))
            self.assertIn("index=live_features.index", found.hint)

    def test_check_acceptance_of_fractions_counts_them_and_says_what_helps(self) -> None:
        first = {"Fraction": "1/7", "Fraction among others": "1/3"}
        for name, values in FRACTIONS.items():
            with self.subTest(name):
                (found,) = accepted(frame(values))
                self.assertIs(Code[found.code.upper()], Code.PREDICTIONS_NOT_NUMBERS)
                self.assertRegex(found.message, rf"^\d of 6 predictions .* fractions, first {first.get(name, '')}")
                self.assertIn('predictions.astype("float64")', found.hint)
                self.check(frame(values).astype("float64"))

    def test_check_acceptance_of_numbers_of_any_kind_finds_nothing(self) -> None:
        for name, values in NUMBERS.items():
            with self.subTest(name):
                self.check(frame(values))
                stats = prediction_stats(frame(values), None)
                self.assertAlmostEqual(read(frame(values)).mean, stats.mean, 3)

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

    def test_check_acceptance_of_a_multiindex_finds_a_wrong_header(self) -> None:
        returned = frame(index=pd.MultiIndex.from_product([["era1"], IDS], names=["era", "id"]))
        self.assertIn(Code.WRONG_COLUMNS, codes(accepted(returned)))

    def test_check_acceptance_of_a_constant_says_which(self) -> None:
        message = "All 6 predictions are 0.5; their standard deviation is zero."
        for dtype in ("float64", "float16", object, "Float64", "double[pyarrow]"):
            with self.subTest(dtype=dtype):
                self.check(
                    frame().assign(prediction=pd.Series(0.5, IDS).astype(dtype)), (Code.CONSTANT_PREDICTIONS, message)
                )

    def test_check_acceptance_of_nearly_a_constant_follows_the_platform(self) -> None:
        self.assertEqual(codes(accepted(frame([0.5] * 5 + [0.5 + 1e-9]))), [Code.CONSTANT_PREDICTIONS])
        self.check(frame([0.5] * 5 + [0.5 + 1e-6]))

    def test_check_acceptance_of_one_row_is_not_a_constant(self) -> None:
        self.assertEqual(accepted(frame().iloc[:1], IDS[:1]), [])

    def test_check_acceptance_of_everything_wrong_names_all_at_once(self) -> None:
        returned = frame([0.5] * 3, index=[IDS[0], IDS[0], "old"], name="preds")
        self.assertEqual(
            codes(accepted(returned)),
            [Code.MISSING_IDS, Code.DUPLICATE_IDS, Code.WRONG_COLUMNS, Code.CONSTANT_PREDICTIONS],
        )

    def test_check_acceptance_of_ids_that_are_no_text_compares_what_the_csv_says(self) -> None:
        for name, live in {
            "numbers": pd.RangeIndex(6, name="id"),
            "fractions": pd.Index([0.5, 1, 2, 3, 4, 5], name="id"),
            "dates": pd.date_range("2020", periods=6, name="id"),
            "quoted": pd.Index(["a,b", 'c"d', " e", "", "f\u00a0", "\U0001f600"], name="id"),
        }.items():
            with self.subTest(name):
                found = [code for code in codes(accepted(frame(index=live), live)) if name != "quoted"]
                self.assertEqual(found, [])
                self.assertEqual(read(frame(index=live), live).ids.unknown, 0)


class NoticesTest(unittest.TestCase):
    def test_notices_of_unknown_ids_count_them(self) -> None:
        returned = pd.concat([frame(), frame([0.5, 0.6], ["old1", "old2"])])
        expected = "2 of 8 ids are not live ids, first old1; the platform drops them."
        self.assertEqual(notices_of_ids(read(returned)), [expected])

    def test_notices_of_data_whose_ids_are_a_column_say_it_unless_a_warning_does(self) -> None:
        said = "The ids of the live features are a column 'id'; in Numerai's file they are the index."
        self.assertEqual(notices_of_ids(read(frame(), are_a_column=True)), [said])
        under_its_index = read(frame(index=pd.RangeIndex(6)), are_a_column=True)
        self.assertNotIn(said, notices_of_ids(under_its_index))

    def test_notices_of_a_multiindex_are_none(self) -> None:
        self.assertEqual(notices_of_ids(read(frame(index=pd.MultiIndex.from_product([["era1"], IDS])))), [])


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
        return not (check_values(returned) or accepted(returned))

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
            **{name: frame(values) for name, values in {**NUMBERS, **FRACTIONS}.items()},
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
