"""Looks into models of the libraries of an image, as that image writes them: a model that runs must not be refused."""
# Checked where few of the packages are installed.
# mypy: disable-error-code="import-not-found,import-untyped"

import importlib.metadata
import io
import os
import subprocess
import sys
import unittest
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd

from numerai_predict.inspection.findings import THIS_PYTHON, Findings
from numerai_predict.inspection.inspect import inspect_pickle
from numerai_predict.inspection.installed import version_of
from numerai_predict.inspection.preflight import doubts, expected
from numerai_predict.inspection.stub_unpickler import trace

ROWS = np.random.default_rng(0).random((60, 3))
TARGETS = ROWS.sum(axis=1)
# What every library together puts into sys.modules, and whether it is found by those who import nothing.
IMPORT_ALL = """
import importlib, sys
from numerai_predict.inspection.installed import missing_part
from numerai_predict.inspection.compatibility import ALL_FILES
for name in sys.argv[1:]:
    importlib.import_module(name)
for name, module in list(sys.modules.items()):
    top = name.partition(".")[0]
    found = missing_part(name)
    nothing_in_it = top in ("__main__", "cython_runtime") or name.startswith("_sysconfigdata")
    if module is not None and not nothing_in_it and (found == top or (found and top in ALL_FILES)):
        print(name)
"""
LIBRARIES = (
    *("pandas", "pyarrow", "scipy", "sklearn", "joblib", "cloudpickle", "lightgbm", "xgboost", "catboost", "polars"),
    "statsmodels",
)


def found_in(model: Any) -> tuple[bytes, Findings]:
    """The pickle of a predict function around the model, and what stands in it."""

    def predict(live_features: Any) -> Any:
        return model.predict(live_features)

    content = cloudpickle.dumps(predict)
    return content, inspect_pickle(io.BytesIO(content), "model.pkl")


class InspectionTest(unittest.TestCase):
    def check(self, model: Any) -> bytes:
        """That nothing speaks against running it here; returns the pickle."""
        content, findings = found_in(model)
        self.assertTrue(findings.complete, findings.error)
        self.assertEqual([], [fault.message for fault in expected(findings)])
        self.assertEqual([], doubts(findings))
        self.assertEqual({"present"}, {module.status for module in findings.modules})
        self.assertIn(THIS_PYTHON, findings.python)
        self.assertEqual((["live_features"], 1), (findings.parameters, findings.takes))
        for module in findings.modules:
            self.assertTrue(module.version, module.name)
        return content

    def version_in(self, content: bytes, library: str) -> set[str]:
        return {mark.version for mark in trace(io.BytesIO(content)).marks if mark.library == library and mark.version}

    def test_models_of_scikit_learn_tell_its_version(self) -> None:
        from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor, RandomForestRegressor
        from sklearn.linear_model import Ridge
        from sklearn.neighbors import KNeighborsRegressor
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        kinds = (GradientBoostingRegressor, HistGradientBoostingRegressor, RandomForestRegressor, KNeighborsRegressor)
        for model in (*(kind() for kind in kinds), make_pipeline(StandardScaler(), Ridge())):
            with self.subTest(model=model):
                content = self.check(model.fit(ROWS, TARGETS))
                self.assertEqual({importlib.metadata.version("scikit-learn")}, self.version_in(content, "sklearn"))

    def test_models_of_xgboost_tell_its_version(self) -> None:
        from xgboost import DMatrix, XGBRegressor, train

        here = version_of("xgboost")
        self.assertTrue(here)
        for model in (
            XGBRegressor(n_estimators=3).fit(ROWS, TARGETS),
            train({}, DMatrix(ROWS, TARGETS), num_boost_round=3),
        ):
            with self.subTest(model=model):
                self.assertEqual({here}, self.version_in(self.check(model), "xgboost"))

    def test_models_of_lightgbm_tell_its_major_version(self) -> None:
        from lightgbm import Dataset, LGBMRegressor, train

        frame = pd.DataFrame(ROWS, columns=["a", "b", "c"])
        for model in (
            LGBMRegressor(n_estimators=3, verbose=-1).fit(frame, TARGETS),
            train({"verbose": -1}, Dataset(ROWS, TARGETS), num_boost_round=3),
        ):
            with self.subTest(model=model):
                self.assertEqual({"4"}, self.version_in(self.check(model), "lightgbm"))

    def test_models_of_catboost_are_expected_to_run(self) -> None:
        from catboost import CatBoostRegressor

        self.check(CatBoostRegressor(iterations=3, verbose=False, allow_writing_files=False).fit(ROWS, TARGETS))

    @unittest.skipUnless(os.environ["WITH_TORCH"], "this image was built without torch")
    def test_models_of_torch_on_the_cpu_are_expected_to_run(self) -> None:
        import torch

        self.check(torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1)))

    def test_frames_and_generators_of_these_versions_are_expected_to_run(self) -> None:
        frame = pd.DataFrame({"era": ["0001"], "date": pd.to_datetime(["2026-01-01"]), "kind": pd.Categorical(["a"])})
        held: tuple[Any, ...] = (
            frame,
            pd.Series(["a", None], dtype="string"),
            pd.period_range("2026", periods=2),
            np.random.default_rng(1),
            np.random.RandomState(1),
            np.array(["2026-01-01"], dtype="datetime64[D]"),
        )
        for value in held:
            with self.subTest(type(value).__name__):
                self.check(value)

    def test_no_module_of_the_libraries_counts_as_missing(self) -> None:
        command = [sys.executable, "-c", IMPORT_ALL, *LIBRARIES]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True)
        self.assertEqual("", done.stdout)


if __name__ == "__main__":
    unittest.main()
