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
from tests.child.test_checks import IDS, VALUES, codes, frame


def read(returned: pd.DataFrame, live: pd.Index = IDS) -> Predictions:
    """The predictions as the parent has them."""
    csv: str = returned.to_csv()
    ids = IdCounts(LiveIds(Shape(len(live), 42), index_as_csv(live)))
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
