"""columns.py: whose columns are missing or too many, as the frames of pandas, LightGBM and scikit-learn show it."""

import unittest
from collections.abc import Callable
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer  # type: ignore[import-untyped]
from sklearn.linear_model import Ridge  # type: ignore[import-untyped]
from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]

from numerai_predict.child import BENCHMARK_MODELS, LIVE_FEATURES, MissingColumns, OtherColumns
from numerai_predict.child.columns import Handed, columns_compared, columns_missing_in, widths_of

X = "feature_x"
FEATURES = [f"feature_{number}" for number in range(6)]
IDS = pd.Index([f"n{number}" for number in range(8)], name="id")
OWN = pd.DataFrame({"a": [1.0, 2.0]})

Model = Callable[[pd.DataFrame, pd.DataFrame], Any]


class Frame(pd.DataFrame):  # type: ignore[misc]
    """A subclass of the kind that numerblox has."""


class OwnLookup(pd.DataFrame):  # type: ignore[misc]
    """A subclass with a lookup of its own, which raises in the model's code."""

    def __getitem__(self, key: str) -> Any:
        return {"a": 1.0}[key]


def live_data() -> pd.DataFrame:
    values = np.random.default_rng(0).random((len(IDS), len(FEATURES)))
    table = pd.DataFrame(values, columns=FEATURES, index=IDS)
    table.insert(0, "era", "1001")
    return table


def benchmark_models() -> pd.DataFrame:
    return pd.DataFrame({"v53_lgbm_a": 0.5, "v53_lgbm_b": 0.5}, index=IDS[::-1])


class Case(unittest.TestCase):
    def setUp(self) -> None:
        self.tables = {LIVE_FEATURES: live_data(), BENCHMARK_MODELS: benchmark_models()}
        self.data = {name: Handed.of(table) for name, table in self.tables.items()}


class MissingColumnsTest(Case):
    """What the model looked for, in tables of live data and in others."""

    def missing(self, model: Model) -> MissingColumns | None:
        try:
            model(*self.tables.values())
        except Exception as error:
            return columns_missing_in(error, self.data)
        raise AssertionError("it raised nothing")

    def test_lookup_in_the_live_features_names_what_they_lack(self) -> None:
        lookups: dict[str, Model] = {
            "[]": lambda live, _: live[X],
            "[[]]": lambda live, _: live[[X, "era"]],
            "[[]] of nothing else": lambda live, _: live[[X]],
            "[Index]": lambda live, _: live[pd.Index([X])],
            "[keys]": lambda live, _: live[{X: 1.0}.keys()],
            "attribute": lambda live, _: live.feature_x,
            "del": lambda live, _: live.__delitem__(X),
            "pop": lambda live, _: live.pop(X),
            "loc": lambda live, _: live.loc[:, X],
            "loc list": lambda live, _: live.loc[live["era"] == "1001", [X, "era"]],
            "loc one": lambda live, _: live.loc["n1", X],
            "loc slice": lambda live, _: live[["feature_1", "era", "feature_0"]].loc[:, X:],
            "at": lambda live, _: live.at["n1", X],
            "drop": lambda live, _: live.drop(columns=[X]),
            "drop axis": lambda live, _: live.drop(X, axis=1),
            "xs": lambda live, _: live.xs(X, axis=1),
            "set_index": lambda live, _: live.set_index(["era", X]),
            "groupby": lambda live, _: live.groupby(X),
            "groupby list": lambda live, _: live.groupby(["era", X]),
            "of groups": lambda live, _: live.groupby("era")[X],
            "of groups list": lambda live, _: live.groupby("era")[[X]],
            "apply to groups": lambda live, _: live.groupby("era").apply(lambda group: group[X]),
            "sort_values": lambda live, _: live.sort_values(["era", X]),
            "dropna": lambda live, _: live.dropna(subset=[X]),
            "drop_duplicates": lambda live, _: live.drop_duplicates(subset=[X]),
            "astype": lambda live, _: live.astype({X: "float32"}),
            "agg": lambda live, _: live.agg({X: "mean"}),
            "melt": lambda live, _: live.melt(id_vars=[X]),
            "merge": lambda live, _: live.merge(OWN, left_on=X, right_on="a"),
        }
        for name, model in lookups.items():
            with self.subTest(name):
                self.assertEqual(MissingColumns([LIVE_FEATURES], 1, [X]), self.missing(model))

    def test_lookup_in_what_was_made_of_the_live_features_is_one_in_them(self) -> None:
        made: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
            "columns": lambda live: live[FEATURES],
            "rows": lambda live: live.iloc[2:5],
            "other order": lambda live: live.iloc[::-1],
            "converted": lambda live: live[FEATURES].astype("float32").fillna(0),
            "more columns": lambda live: live.assign(mean=0.5),
            "without index": lambda live: live.reset_index(),
            "subclass": Frame,
        }
        for name, make in made.items():
            with self.subTest(name):
                missing = self.missing(lambda live, _, make=make: make(live)[[X, "feature_y"]])  # type: ignore[misc]
                self.assertEqual(MissingColumns([LIVE_FEATURES], 2, [X, "feature_y"]), missing)

    def test_lookup_in_benchmark_models_and_in_both_names_the_tables(self) -> None:
        missing = self.missing(lambda _, benchmarks: benchmarks["v52_lgbm_a"])
        self.assertEqual(MissingColumns([BENCHMARK_MODELS], 1, ["v52_lgbm_a"]), missing)
        missing = self.missing(lambda live, benchmarks: live.join(benchmarks)["v52_lgbm_a"])
        self.assertEqual(MissingColumns([LIVE_FEATURES, BENCHMARK_MODELS], 1, ["v52_lgbm_a"]), missing)

    def test_lookup_of_thousands_counts_them_and_names_the_first(self) -> None:
        names = [f"feature_old_{number}" for number in range(2000)]
        found = self.missing(lambda live, _: live[[*FEATURES, *names]])
        self.assertEqual(MissingColumns([LIVE_FEATURES], 2000, names[:5]), found)

    def test_lookup_of_what_the_data_has_is_the_models_own(self) -> None:
        for name, model in (
            ("dropped by itself", lambda live, _: live[FEATURES]["era"]),
            ("dropped in place", lambda live, _: live.drop(columns="era", inplace=True) or live["era"]),
            ("of the other table", lambda live, _: live["v53_lgbm_a"]),
        ):
            with self.subTest(name):
                self.assertIsNone(self.missing(model))

    def test_lookup_elsewhere_is_the_models_own(self) -> None:
        lookups: dict[str, Model] = {
            "dict": lambda live, _: {"target_a": 1.0}["target_b"],
            "dict in apply": lambda live, _: live.apply(lambda row: {"a": 1}[X], axis=1),
            "own table": lambda live, _: OWN[X],
            "own table of the same length": lambda live, _: pd.DataFrame({"a": range(len(live))})[X],
            "own table with the live ids": lambda live, _: pd.DataFrame({"weight": 0.5}, index=live.index)[X],
            "own table without index": lambda live, _: pd.DataFrame([live[FEATURES].iloc[0]]).reset_index()[X],
            "own lookup of a subclass": lambda live, _: OwnLookup(live)[X],
            "earlier data": lambda live, _: live.set_index("n100" + live.index.str[1:])[X],
            "medians": lambda live, _: live[FEATURES].median()[X],
            "own table of features": lambda live, _: pd.DataFrame({"weight": 0.5}, index=FEATURES).loc[X, "weight"],
            "own table in merge": lambda live, _: live.merge(OWN, left_on="era", right_on=X),
        }
        for name, model in lookups.items():
            with self.subTest(name):
                self.assertIsNone(self.missing(model))

    def test_lookup_of_rows_is_the_models_own(self) -> None:
        for name, model in (
            ("loc", lambda live, _: live.loc["n99"]),
            ("loc list", lambda live, _: live.loc[["n99", "n1"]]),
            ("loc list and column", lambda live, _: live.loc[["n99", "n1"], "era"]),
            ("loc list and columns", lambda live, _: live.iloc[:-2].loc[list(live.index), ["era"]]),
            ("drop", lambda live, _: live.drop(["n99"])),
            ("drop index", lambda live, _: live.drop(index="n99")),
            ("xs", lambda live, _: live.xs("n99")),
            ("Series", lambda live, _: live["era"]["n99"]),
        ):
            with self.subTest(name):
                self.assertIsNone(self.missing(model))

    def test_attribute_that_could_be_no_column_is_the_models_own(self) -> None:
        for name in ("to_polars", "rnk", "columnz", "v53"):
            with self.subTest(name):
                self.assertIsNone(self.missing(lambda live, _, name=name: getattr(live, name)))  # type: ignore[misc]
        found = self.missing(lambda _, benchmarks: benchmarks.v52_lgbm_a)
        self.assertEqual(MissingColumns([BENCHMARK_MODELS], 1, ["v52_lgbm_a"]), found)

    def test_objects_of_the_model_that_pass_for_those_of_pandas_do_no_harm(self) -> None:
        class Odd:
            @property
            def obj(self) -> Any:
                raise SystemError

        Odd.__module__ = "pandas.core.indexing"
        names = {"__name__": "pandas.core.frame", "odd": Odd(), "key": X}
        source = "def __getitem__(self, key): raise KeyError(key)\n__getitem__(odd, key)"
        self.assertIsNone(self.missing(lambda _live, _: exec(source, names)))

    def test_globals_of_the_models_own_making_do_no_harm(self) -> None:
        class Globals(dict[str, Any]):
            def get(self, *_: Any) -> Any:
                raise SystemError

        for odd in (Globals(__name__="model"), {"__name__": ["pandas."]}, {"__name__": None}, {}):
            with self.subTest(odd), self.assertRaises(KeyError) as raised:
                exec("raise KeyError('feature_x')", odd)
            self.assertIsNone(columns_missing_in(raised.exception, self.data))
            self.assertIsNone(columns_compared(raised.exception, self.data))

    def test_another_exception_misses_no_columns(self) -> None:
        self.assertIsNone(self.missing(lambda live, _: live["era"].astype("float32") / {}))


class ComparedColumnsTest(Case):
    """What a trained model was given, beside what it was trained on."""

    def other(self, model: Model) -> OtherColumns | None:
        try:
            model(*self.tables.values())
        except Exception as error:
            return columns_compared(error, self.data)
        raise AssertionError("it raised nothing")

    def test_more_columns_are_unexpected(self) -> None:
        expected = OtherColumns(6, 2, 0, [], 4, FEATURES[2:], True)
        for name, fit in (
            ("booster", lambda x, y: lgb.train({"verbose": -1}, lgb.Dataset(x, y), 1)),
            ("LightGBM", lgb.LGBMRegressor(n_estimators=1, verbose=-1).fit),
            ("scikit-learn", Ridge().fit),
        ):
            with self.subTest(name):
                y = np.arange(len(IDS))
                found = self.other(lambda live, _, fit=fit, y=y: fit(live[FEATURES[:2]], y).predict(live[FEATURES]))  # type: ignore[misc]
                self.assertEqual(expected, found)

    def test_fewer_and_other_columns_are_missing(self) -> None:
        y = np.arange(len(IDS))
        found = self.other(lambda live, _: Ridge().fit(live[FEATURES[:4]], y).predict(live[FEATURES[3:]]))
        self.assertEqual(OtherColumns(3, 4, 3, FEATURES[:3], 2, FEATURES[4:], True), found)
        trained = pd.DataFrame(dict.fromkeys(("feature_x", FEATURES[0]), y / 8))
        found = self.other(lambda live, _: Ridge().fit(trained, y).predict(live[FEATURES[:1]]))
        self.assertEqual(OtherColumns(1, 2, 1, ["feature_x"], 0, [], False), found)

    def test_columns_in_another_order_are_neither(self) -> None:
        y = np.arange(len(IDS))
        found = self.other(lambda live, _: Ridge().fit(live[FEATURES], y).predict(live[FEATURES[::-1]]))
        self.assertEqual(OtherColumns(6, 6, 0, [], 0, [], True), found)

    def test_columns_of_a_product_are_compared(self) -> None:
        weights = pd.Series(1.0, index=FEATURES[:2])
        for name, model in (
            ("operator", lambda live, _: live[FEATURES] @ weights),
            ("Series", lambda live, _: live[FEATURES].dot(weights)),
            ("table", lambda live, _: live[FEATURES].dot(weights.to_frame())),
        ):
            with self.subTest(name):
                self.assertEqual(OtherColumns(6, 2, 0, [], 4, FEATURES[2:], True), self.other(model))

    def test_columns_of_a_transformer_are_compared(self) -> None:
        scaled = ColumnTransformer([("scale", StandardScaler(), FEATURES[:3])])
        found = self.other(lambda live, _: scaled.fit(live[FEATURES]).transform(live[FEATURES[2:]]))
        assert found is not None
        self.assertEqual((2, set(FEATURES[:2])), (found.missing, set(found.first_missing)))

    def test_arrays_have_no_names_to_compare(self) -> None:
        y = np.arange(len(IDS))
        for name, fit in (
            ("booster", lambda x, y: lgb.train({"verbose": -1}, lgb.Dataset(x, y), 1)),
            ("LightGBM", lgb.LGBMRegressor(n_estimators=1, verbose=-1).fit),
            ("scikit-learn", Ridge().fit),
        ):
            with self.subTest(name):
                self.assertIsNone(
                    self.other(lambda live, _, fit=fit: fit(live[FEATURES[:2]].to_numpy(), y).predict(live[FEATURES]))  # type: ignore[misc]
                )


class WidthsTest(Case):
    def test_widths_are_those_that_a_model_may_take(self) -> None:
        self.assertEqual([2, 6, 7, 8], widths_of(self.data))
        self.assertEqual([6, 7], widths_of({LIVE_FEATURES: self.data[LIVE_FEATURES]}))
        self.assertEqual([], widths_of({}))


if __name__ == "__main__":
    unittest.main()
