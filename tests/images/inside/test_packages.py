"""Does one real thing with every package that a model may import. Runs inside an image, as
`python -m unittest discover /inside`, without a network and with files below the temporary folder only.

Tests of packages that only other images have do not run.
"""
# Checked where few of the packages are installed.
# mypy: disable-error-code="import-not-found,import-untyped"

import asyncio
import faulthandler
import http.server
import importlib.metadata
import io
import json
import logging
import os
import pickle
import subprocess
import sys
import tempfile
import threading
import unittest
import unittest.mock
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, TypeVar

from lock import direct_dependencies

Method = TypeVar("Method", bound=Callable[..., None])

ANSWER = {"data": {"round": 1234}}
# Of the 60 rows of `features_and_target`.
HALVES = (slice(0, 30), slice(30, 60))


def exercises(*distributions: str) -> Callable[[Method], Method]:
    """The test stands for these distributions, and runs where one of them is a direct dependency."""

    def mark(method: Method) -> Method:
        vars(method)["distributions"] = frozenset(distributions)
        return method

    return mark


def load_tests(_loader: unittest.TestLoader, tests: unittest.TestSuite, _pattern: str | None) -> unittest.TestSuite:
    direct = direct_dependencies()
    found = [test for case in tests if isinstance(case, unittest.TestSuite) for test in case]
    packages = [test for test in found if isinstance(test, PackageTestCase)]
    exercised = frozenset[str]().union(*(test.distributions for test in packages))
    suite = unittest.TestSuite([CompletenessTest(direct - exercised)])
    suite.addTests(test for test in packages if test.distributions & direct)
    return suite


def setUpModule() -> None:
    # Some packages keep settings at home, which an unknown user has not.
    home = tempfile.TemporaryDirectory(prefix="home-")
    unittest.addModuleCleanup(home.cleanup)
    environment = {
        "HOME": home.name,
        "NO_PROXY": "*",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TFDF_DISABLE_WELCOME_MESSAGE": "1",
        "TABPFN_DISABLE_TELEMETRY": "1",
    }
    patch = unittest.mock.patch.dict(os.environ, environment)
    patch.start()
    unittest.addModuleCleanup(patch.stop)
    # Broken native code may wait for ever: tell where.
    faulthandler.dump_traceback_later(300, exit=True)
    unittest.addModuleCleanup(faulthandler.cancel_dump_traceback_later)
    logging.disable(logging.WARNING)
    unittest.addModuleCleanup(logging.disable, logging.NOTSET)


class CompletenessTest(unittest.TestCase):
    def __init__(self, missing: frozenset[str] = frozenset()) -> None:
        super().__init__("test_every_direct_dependency_is_exercised")
        self.missing = missing

    def test_every_direct_dependency_is_exercised(self) -> None:
        self.assertEqual(sorted(self.missing), [], "no test stands for these direct dependencies")


class PackageTestCase(unittest.TestCase):
    folder: Path

    @property
    def distributions(self) -> frozenset[str]:
        marked: frozenset[str] = getattr(self, self._testMethodName).distributions
        return marked

    def setUp(self) -> None:
        for distribution in self.distributions & direct_dependencies():
            self.assertTrue(importlib.metadata.version(distribution))
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        # What the packages say to each other's authors is no finding here.
        warnings.simplefilter("ignore")

    def assert_same(self, actual: Any, expected: Any) -> None:
        import numpy as np

        np.testing.assert_allclose(np.asarray(actual), np.asarray(expected), rtol=1e-5)

    def run_in_child(self, code: str) -> str:
        command = [sys.executable, "-c", code]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=60).stdout.strip()


def through_cloudpickle(model: Any) -> Any:
    import cloudpickle

    return pickle.loads(cloudpickle.dumps(model))


@contextmanager
def silenced() -> Iterator[None]:
    """Without the notices of code that cannot be told to be quiet."""
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def features_and_target() -> tuple[Any, Any]:
    import numpy as np

    features = np.random.default_rng(0).random((60, 3), dtype=np.float32)
    return features, features @ np.array([1, 2, 3], dtype=np.float32)


def training_frame() -> Any:
    import pandas as pd

    features, target = features_and_target()
    return pd.DataFrame(features, columns=["a", "b", "c"]).assign(target=target)


class PicklesTest(PackageTestCase):
    @exercises("cloudpickle")
    def test_cloudpickle_of_a_closure_is_loaded_in_another_process(self) -> None:
        import cloudpickle

        offset = 40
        path = self.folder / "model.pkl"
        path.write_bytes(cloudpickle.dumps(lambda number: number + offset))
        self.assertEqual(self.run_in_child(f"import pickle; print(pickle.load(open({str(path)!r}, 'rb'))(2))"), "42")


class DataFramesAndNumericsTest(PackageTestCase):
    @exercises("numpy")
    def test_numpy_equations_are_solved(self) -> None:
        import numpy as np

        self.assert_same(np.linalg.solve([[2, 0], [0, 4]], [2, 2]), [1, 0.5])

    @exercises("numpy")
    def test_numpy_generator_pickled_and_loaded_draws_the_same(self) -> None:
        import numpy as np

        generator = np.random.default_rng(0)
        loaded = pickle.loads(pickle.dumps(generator))
        self.assert_same(loaded.random(5), generator.random(5))

    @exercises("pandas", "pyarrow")
    def test_pandas_frame_written_as_parquet_is_read_back(self) -> None:
        import pandas as pd

        path = self.folder / "frame.parquet"
        training_frame().to_parquet(path, engine="pyarrow")
        pd.testing.assert_frame_equal(pd.read_parquet(path, engine="pyarrow"), training_frame())

    @exercises("pyarrow")
    def test_pyarrow_table_is_grouped(self) -> None:
        import pyarrow as pa

        table = pa.table({"era": ["1", "1", "2"], "x": [1, 2, 4]})
        self.assertEqual(table.group_by("era").aggregate([("x", "sum")]).column("x_sum").to_pylist(), [3, 4])

    @exercises("polars")
    def test_polars_lazy_query_is_collected(self) -> None:
        import polars as pl

        frame = pl.DataFrame({"era": ["1", "1", "2"], "x": [1, 2, 4]})
        sums = frame.lazy().group_by("era").agg(pl.col("x").sum()).sort("era").collect()
        self.assertEqual(sums.to_dict(as_series=False), {"era": ["1", "2"], "x": [3, 4]})

    @exercises("scipy")
    def test_scipy_minimum_is_found(self) -> None:
        from scipy import optimize

        self.assertAlmostEqual(optimize.minimize(lambda x: (x[0] - 3) ** 2, [0]).x[0], 3, places=4)

    @exercises("scipy")
    def test_scipy_equal_ranks_correlate_fully(self) -> None:
        from scipy import stats

        self.assertAlmostEqual(stats.spearmanr([1, 2, 3], [10, 20, 90]).statistic, 1)

    @exercises("numba")
    def test_numba_compiled_function_returns_what_the_plain_one_does(self) -> None:
        import numba
        import numpy as np

        def total(numbers: Any) -> Any:
            result = 0.0
            for number in numbers:
                result += number
            return result

        numbers = np.arange(5.0)
        self.assertEqual(numba.njit(total)(numbers), total(numbers))

    @exercises("sympy")
    def test_sympy_equation_is_solved(self) -> None:
        import sympy

        x = sympy.Symbol("x")
        self.assertEqual(sympy.solve(x**2 - 4, x), [-2, 2])

    @exercises("networkx")
    def test_networkx_shortest_path_is_found(self) -> None:
        import networkx as nx

        graph = nx.Graph([("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")])
        self.assertEqual(nx.shortest_path_length(graph, "a", "c"), 2)

    @exercises("h5py")
    def test_h5py_compressed_dataset_is_read_back(self) -> None:
        import h5py

        features, _ = features_and_target()
        with h5py.File(self.folder / "data.h5", "w") as file:
            file.create_dataset("features", data=features, compression="gzip")
        with h5py.File(self.folder / "data.h5", "r") as file:
            self.assert_same(file["features"][:], features)


class ClassicLearningTest(PackageTestCase):
    @exercises("scikit-learn")
    def test_scikit_learn_pipeline_pickled_and_loaded_predicts_the_same(self) -> None:
        from sklearn.ensemble import RandomForestRegressor
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        features, target = features_and_target()
        model = make_pipeline(StandardScaler(), RandomForestRegressor(n_estimators=3)).fit(features, target)
        self.assert_same(through_cloudpickle(model).predict(features), model.predict(features))

    @exercises("joblib")
    def test_joblib_compressed_model_is_loaded(self) -> None:
        import joblib
        from sklearn.linear_model import Ridge

        features, target = features_and_target()
        model = Ridge().fit(features, target)
        joblib.dump(model, self.folder / "model.joblib", compress=3)
        self.assert_same(joblib.load(self.folder / "model.joblib").predict(features), model.predict(features))

    @exercises("joblib")
    def test_joblib_worker_processes_return_results(self) -> None:
        import joblib
        from joblib.externals.loky import get_reusable_executor

        self.assertEqual(joblib.Parallel(n_jobs=2)(joblib.delayed(abs)(number) for number in (-1, -2)), [1, 2])
        get_reusable_executor(reuse=True).shutdown()

    @exercises("statsmodels")
    def test_statsmodels_results_saved_and_loaded_predict_the_same(self) -> None:
        import statsmodels.api as sm

        features, target = features_and_target()
        results = sm.OLS(target, sm.add_constant(features)).fit()
        results.save(self.folder / "results.pkl")
        loaded = sm.load(self.folder / "results.pkl")
        self.assert_same(loaded.predict(sm.add_constant(features)), target)

    @exercises("mlxtend")
    def test_mlxtend_stack_pickled_and_loaded_predicts_the_same(self) -> None:
        from mlxtend.regressor import StackingRegressor
        from sklearn.linear_model import LinearRegression, Ridge

        features, target = features_and_target()
        model = StackingRegressor([Ridge(), LinearRegression()], meta_regressor=Ridge()).fit(features, target)
        self.assert_same(through_cloudpickle(model).predict(features), model.predict(features))

    @exercises("umap-learn")
    def test_umap_embedding_has_two_columns(self) -> None:
        import umap

        features, _ = features_and_target()
        embedding = umap.UMAP(n_neighbors=5, n_epochs=5, init="random").fit_transform(features)
        self.assertEqual(embedding.shape, (60, 2))

    @exercises("pynndescent")
    def test_pynndescent_nearest_neighbour_of_a_point_is_itself(self) -> None:
        import pynndescent

        features, _ = features_and_target()
        neighbours, distances = pynndescent.NNDescent(features, n_neighbors=5, random_state=0).neighbor_graph
        self.assert_same(neighbours[:, 0], range(60))
        self.assert_same(distances[:, 0], [0] * 60)


class BoostingTest(PackageTestCase):
    @exercises("lightgbm")
    def test_lightgbm_model_saved_and_loaded_predicts_the_same(self) -> None:
        import lightgbm

        features, target = features_and_target()
        model = lightgbm.LGBMRegressor(n_estimators=5, min_child_samples=2, verbose=-1).fit(features, target)
        model.booster_.save_model(self.folder / "model.txt")
        loaded = lightgbm.Booster(model_file=self.folder / "model.txt")
        self.assert_same(loaded.predict(features), model.predict(features))
        self.assert_same(through_cloudpickle(model).predict(features), model.predict(features))

    @exercises("xgboost-cpu", "xgboost")
    def test_xgboost_model_saved_and_loaded_predicts_the_same(self) -> None:
        import xgboost

        features, target = features_and_target()
        model = xgboost.XGBRegressor(n_estimators=5).fit(features, target)
        model.save_model(self.folder / "model.json")
        loaded = xgboost.XGBRegressor()
        loaded.load_model(self.folder / "model.json")
        self.assert_same(loaded.predict(features), model.predict(features))
        self.assert_same(through_cloudpickle(model).predict(features), model.predict(features))

    @exercises("xgboost-cpu", "xgboost")
    def test_xgboost_classifier_of_categories_explains_itself_and_says_what_is_wrong_without_a_gpu(self) -> None:
        import pandas as pd
        import xgboost

        frame = training_frame().assign(kind=pd.Categorical(["low", "high", "none"] * 20))
        target = frame.pop("target") > 3
        model = xgboost.XGBClassifier(n_estimators=5, tree_method="hist", enable_categorical=True).fit(frame, target)
        matrix = xgboost.DMatrix(frame, enable_categorical=True)
        explained = model.get_booster().predict(matrix, pred_contribs=True)
        self.assert_same(explained.sum(axis=1), model.get_booster().predict(matrix, output_margin=True))
        self.assert_same(through_cloudpickle(model).predict_proba(frame), model.predict_proba(frame))
        with self.assertRaises(ValueError):
            model.predict(frame[["a", "b"]])
        # Of 1.7 the code for GPUs is not in the image.
        with self.assertRaisesRegex(xgboost.core.XGBoostError, "GPU|CUDA"), silenced():
            xgboost.XGBRegressor(n_estimators=1, tree_method="gpu_hist").fit(frame[["a"]], target)

    @exercises("catboost")
    def test_catboost_model_saved_and_loaded_predicts_the_same(self) -> None:
        import catboost

        features, target = features_and_target()
        # It would write its training log to the working directory.
        model = catboost.CatBoostRegressor(iterations=5, depth=2, verbose=False, allow_writing_files=False)
        model.fit(features, target)
        model.save_model(self.folder / "model.cbm")
        loaded = catboost.CatBoostRegressor().load_model(self.folder / "model.cbm")
        self.assert_same(loaded.predict(features), model.predict(features))
        self.assert_same(through_cloudpickle(model).predict(features), model.predict(features))

    @exercises("catboost")
    def test_catboost_classifier_of_categories_saved_and_loaded_predicts_and_explains_the_same(self) -> None:
        import catboost

        frame = training_frame().assign(kind=["low", "high", "none"] * 20)
        target = frame.pop("target") > 3
        learned, judged = (catboost.Pool(frame[rows], target[rows], cat_features=["kind"]) for rows in HALVES)
        settings: dict[str, Any] = {"verbose": False, "allow_writing_files": False, "random_seed": 1}
        model = catboost.CatBoostClassifier(iterations=200, depth=3, eval_metric="AUC", **settings)
        model.fit(learned, eval_set=judged, early_stopping_rounds=5)
        self.assertLess(model.tree_count_, 200)
        self.assertGreater(model.best_score_["validation"]["AUC"], 0.8)
        probabilities = model.predict_proba(judged)
        self.assert_same(probabilities.sum(axis=1), [1] * 30)
        explained = model.get_feature_importance(judged, type="ShapValues")
        self.assert_same(explained.sum(axis=1), model.predict(judged, prediction_type="RawFormulaVal"))
        for form in ("cbm", "json"):
            model.save_model(self.folder / form, format=form, pool=learned)
            loaded = catboost.CatBoostClassifier().load_model(self.folder / form, format=form)
            self.assert_same(loaded.predict_proba(judged), probabilities)
        loaded = through_cloudpickle(model)
        self.assert_same(loaded.predict_proba(judged), probabilities)
        self.assert_same(loaded.get_feature_importance(judged, type="ShapValues"), explained)
        ranker = catboost.CatBoostRanker(iterations=5, loss_function="YetiRank", **settings)
        ranker.fit(frame[["a", "b"]], target.astype(int), group_id=[row // 10 for row in range(60)])
        self.assertEqual(through_cloudpickle(ranker).predict(frame[["a", "b"]]).shape, (60,))

    @exercises("catboost")
    def test_catboost_says_what_is_wrong_with_data_and_files_and_that_there_is_no_gpu(self) -> None:
        import catboost

        features, target = features_and_target()
        model = catboost.CatBoostRegressor(iterations=3, verbose=False, allow_writing_files=False)
        with self.assertRaisesRegex(catboost.CatBoostError, "targets are equal"):
            model.copy().fit(features, target * 0)
        model.fit(features, target)
        with self.assertRaisesRegex(catboost.CatBoostError, "Feature 2 is present in model but not in pool"):
            model.predict(features[:, :2])
        (self.folder / "model.cbm").write_bytes(b"CBM1 and no more")
        with self.assertRaises(catboost.CatBoostError):
            catboost.CatBoostRegressor().load_model(self.folder / "model.cbm")
        # The code for GPUs is not in the image. What it says where there is none, a user understands, and so do we.
        code = (
            "import catboost; catboost.CatBoostRegressor(iterations=3, task_type='GPU', allow_writing_files=False)"
            ".fit([[1, 2], [3, 4]], [1, 2])"
        )
        done = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        self.assertEqual(1, done.returncode)
        self.assertIn("CatBoostError", done.stderr)
        self.assertIn("CUDA error 35: CUDA driver version is insufficient", done.stderr)
        self.assert_same(through_cloudpickle(model).predict(features), model.predict(features))

    @exercises("treelite")
    def test_treelite_forest_of_lightgbm_predicts_the_same(self) -> None:
        import lightgbm
        import treelite

        features, target = features_and_target()
        model = lightgbm.LGBMRegressor(n_estimators=5, min_child_samples=2, verbose=-1).fit(features, target)
        # treelite 3, of Python 3.10, has it elsewhere.
        from_lightgbm = getattr(treelite.frontend, "from_lightgbm", None) or treelite.Model.from_lightgbm
        forest = from_lightgbm(model.booster_)
        forest.serialize(str(self.folder / "model.tl"))
        loaded = treelite.Model.deserialize(str(self.folder / "model.tl"))
        predictions = treelite.gtil.predict(loaded, features.astype("float64"))
        self.assert_same(predictions.ravel(), model.predict(features))

    @exercises("treelite-runtime")
    def test_treelite_runtime_matrix_is_made_and_a_missing_model_is_refused(self) -> None:
        import treelite_runtime

        # It predicts with shared libraries that treelite 3 has a C compiler make; the image has none.
        features, _ = features_and_target()
        self.assertEqual(treelite_runtime.DMatrix(features).shape, (60, 3))
        with self.assertRaisesRegex(treelite_runtime.TreeliteRuntimeError, "model.so"):
            treelite_runtime.Predictor(str(self.folder / "model.so"))

    @exercises("ydf")
    def test_ydf_forest_saved_and_loaded_predicts_the_same(self) -> None:
        import ydf

        frame = training_frame()
        learner = ydf.RandomForestLearner(label="target", task=ydf.Task.REGRESSION, num_trees=3)
        model = learner.train(frame, verbose=0)
        model.save(str(self.folder / "model"))
        with silenced(), redirect_stdout(io.StringIO()):
            loaded = ydf.load_model(str(self.folder / "model"))
            pickled = through_cloudpickle(model)
        self.assert_same(loaded.predict(frame), model.predict(frame))
        self.assert_same(pickled.predict(frame), model.predict(frame))

    @exercises("ydf-tf")
    def test_ydf_tf_function_predicts_what_the_forest_does(self) -> None:
        import tensorflow as tf
        import ydf

        frame = training_frame()
        learner = ydf.RandomForestLearner(label="target", task=ydf.Task.REGRESSION, num_trees=3)
        model = learner.train(frame, verbose=0)
        with silenced():
            function = model.to_tensorflow_function(temp_dir=str(self.folder))
            predictions = function({name: tf.constant(frame[name]) for name in ("a", "b", "c")})
        self.assert_same(predictions, model.predict(frame))

    @exercises("tensorflow-decision-forests")
    def test_tensorflow_decision_forest_saved_and_loaded_predicts_the_same(self) -> None:
        import tensorflow_decision_forests as tfdf
        import tf_keras

        task = tfdf.keras.Task.REGRESSION
        data = tfdf.keras.pd_dataframe_to_tf_dataset(training_frame(), label="target", task=task)
        temporary = str(self.folder / "training")
        model = tfdf.keras.RandomForestModel(num_trees=3, task=task, verbose=0, temp_directory=temporary)
        with silenced():
            model.fit(data, verbose=0)
            model.save(str(self.folder / "model"))
            loaded = tf_keras.models.load_model(str(self.folder / "model"))
        self.assert_same(loaded.predict(data, verbose=0), model.predict(data, verbose=0))


class NeuralNetsTest(PackageTestCase):
    @exercises("tensorflow-cpu", "tensorflow")
    def test_tensorflow_module_saved_and_loaded_computes_the_same(self) -> None:
        import tensorflow as tf

        module = tf.Module()
        module.weight = tf.Variable(2.0)
        module.apply = tf.function(lambda x: module.weight * x, input_signature=[tf.TensorSpec([], tf.float32)])
        with tf.GradientTape() as tape:
            loss = (module.apply(3.0) - 9.0) ** 2
        module.weight.assign_sub(0.05 * tape.gradient(loss, module.weight))
        tf.saved_model.save(module, str(self.folder / "module"))
        loaded = tf.saved_model.load(str(self.folder / "module"))
        self.assert_same(loaded.apply(tf.constant(4.0)), 4 * 2.9)

    @exercises("keras")
    def test_keras_model_saved_and_loaded_predicts_the_same(self) -> None:
        import keras

        features, target = features_and_target()
        model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(1)])
        model.compile("adam", "mse")
        model.fit(features, target, verbose=0)
        model.save(self.folder / "model.keras")
        loaded = keras.saving.load_model(self.folder / "model.keras")
        predictions = model.predict(features, verbose=0)
        self.assert_same(loaded.predict(features, verbose=0), predictions)
        self.assert_same(through_cloudpickle(model).predict(features, verbose=0), predictions)

    @exercises("tf-keras")
    def test_tf_keras_model_saved_and_loaded_predicts_the_same(self) -> None:
        import tf_keras

        features, target = features_and_target()
        layers = [tf_keras.layers.Input((3,)), tf_keras.layers.Dense(4, "relu"), tf_keras.layers.Dense(1)]
        model = tf_keras.Sequential(layers)
        model.compile("adam", "mse")
        model.fit(features, target, verbose=0)
        model.save(self.folder / "model.h5")
        loaded = tf_keras.models.load_model(self.folder / "model.h5")
        self.assert_same(loaded.predict(features, verbose=0), model.predict(features, verbose=0))

    @exercises("jax", "jaxlib")
    def test_jax_compiled_gradient_is_right(self) -> None:
        import jax
        import jax.numpy as jnp

        gradient = jax.jit(jax.grad(lambda weights: jnp.sum(weights**3)))
        self.assert_same(gradient(jnp.array([1.0, 2.0])), [3, 12])

    @exercises("onnx")
    def test_onnx_model_saved_and_loaded_computes(self) -> None:
        import numpy as np
        import onnx
        from onnx import helper
        from onnx.reference import ReferenceEvaluator

        inputs = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2]) for name in ("a", "b")]
        outputs = [helper.make_tensor_value_info("sum", onnx.TensorProto.FLOAT, [2])]
        node = helper.make_node("Add", ["a", "b"], ["sum"])
        model = helper.make_model(helper.make_graph([node], "adder", inputs, outputs))
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, self.folder / "model.onnx")
        evaluator = ReferenceEvaluator(onnx.load(self.folder / "model.onnx"))
        (total,) = evaluator.run(None, {name: np.array([1, 2], dtype=np.float32) for name in ("a", "b")})
        self.assert_same(total, [2, 4])


class FoundationsTest(PackageTestCase):
    """What TensorFlow and JAX build upon."""

    @exercises("protobuf")
    def test_protobuf_message_is_parsed_back(self) -> None:
        from google.protobuf.struct_pb2 import Struct

        message = Struct()
        message.update(ANSWER)
        self.assertEqual(Struct.FromString(message.SerializeToString()), message)

    @exercises("ml-dtypes")
    def test_ml_dtypes_bfloat16_array_is_computed_with(self) -> None:
        import ml_dtypes
        import numpy as np

        numbers = np.array([1, 2], dtype=ml_dtypes.bfloat16) * np.array(0.5, dtype=ml_dtypes.bfloat16)
        self.assert_same(numbers.astype(np.float32), [0.5, 1])

    @exercises("wrapt")
    def test_wrapt_wrapper_is_called_with_the_arguments(self) -> None:
        import wrapt

        double = wrapt.FunctionWrapper(abs, lambda wrapped, _instance, args, _kwargs: 2 * wrapped(*args))
        self.assertEqual(double(-3), 6)

    @exercises("gast")
    def test_gast_tree_of_an_expression_is_evaluated(self) -> None:
        import gast

        tree = gast.gast_to_ast(gast.parse("20 + 22", mode="eval"))
        self.assertEqual(eval(compile(tree, "<test>", "eval")), 42)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers everything with ANSWER."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        """Keep the tests' output clean."""


class ServedTestCase(PackageTestCase):
    url: str

    @classmethod
    def setUpClass(cls) -> None:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        cls.addClassCleanup(thread.join)
        cls.addClassCleanup(server.server_close)
        cls.addClassCleanup(server.shutdown)
        cls.url = f"http://127.0.0.1:{server.server_address[1]}"


class NumeraiTest(ServedTestCase):
    @exercises("numerapi")
    def test_numerapi_query_is_answered(self) -> None:
        import numerapi

        with unittest.mock.patch("numerapi.base_api.API_TOURNAMENT_URL", self.url):
            api = numerapi.NumerAPI(verbosity="warning")
            self.assertEqual(api.tournament_id, 8)
            self.assertEqual(api.raw_query("query {round}"), ANSWER)

    @exercises("numerbay")
    def test_numerbay_account_is_fetched(self) -> None:
        import numerbay

        with unittest.mock.patch("numerbay.numerbay.API_ENDPOINT_URL", self.url):
            self.assertEqual(numerbay.NumerBay(verbosity="warning").get_account(), ANSWER)

    @exercises("eod")
    def test_eod_request_is_answered(self) -> None:
        import eod

        self.assertEqual(eod.EodHistoricalData("key").handle_request(self.url), ANSWER)


class PlottingTest(PackageTestCase):
    @exercises("matplotlib")
    def test_matplotlib_plot_is_drawn_as_png(self) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure()
        FigureCanvasAgg(figure)
        figure.subplots().plot([1, 2, 3])
        picture = io.BytesIO()
        figure.savefig(picture, format="png")
        self.assertTrue(picture.getvalue().startswith(b"\x89PNG"))

    @exercises("plotly")
    def test_plotly_figure_is_written_as_json_and_as_a_page_that_needs_no_other_file(self) -> None:
        import plotly.graph_objects as go

        figure = go.Figure(go.Scatter(y=[1, 2, 3]))
        self.assertEqual(json.loads(figure.to_json())["data"][0]["y"], [1, 2, 3])
        self.assertIn("plotly.js v", figure.to_html(include_plotlyjs=True))


class HttpTest(ServedTestCase):
    @exercises("requests")
    def test_requests_get_is_answered(self) -> None:
        import requests

        self.assertEqual(requests.get(self.url, timeout=10).json(), ANSWER)

    @exercises("urllib3")
    def test_urllib3_get_is_answered(self) -> None:
        import urllib3

        with urllib3.PoolManager() as pool:
            self.assertEqual(pool.request("GET", self.url, timeout=10).json(), ANSWER)

    @exercises("aiohttp")
    def test_aiohttp_get_is_answered(self) -> None:
        import aiohttp

        async def get() -> Any:
            async with aiohttp.ClientSession() as session, session.get(self.url) as response:
                return await response.json()

        self.assertEqual(asyncio.run(get()), ANSWER)

    @exercises("httpx")
    def test_httpx_get_is_answered(self) -> None:
        import httpx

        self.assertEqual(httpx.get(self.url).json(), ANSWER)

    @exercises("websocket-client")
    def test_websocket_client_message_comes_back(self) -> None:
        import websocket
        from aiohttp import web

        async def echo(request: Any) -> Any:
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await socket.send_str(await socket.receive_str())
            return socket

        def talk(port: int) -> Any:
            socket = websocket.create_connection(f"ws://127.0.0.1:{port}/", timeout=10)
            socket.send("hello")
            answer = socket.recv()
            socket.close()
            return answer

        async def serve_and_talk() -> Any:
            application = web.Application()
            application.add_routes([web.get("/", echo)])
            runner = web.AppRunner(application)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            answer = await asyncio.to_thread(talk, runner.addresses[0][1])
            await runner.cleanup()
            return answer

        self.assertEqual(asyncio.run(serve_and_talk()), "hello")

    @exercises("certifi")
    def test_certifi_certificates_are_loaded(self) -> None:
        import ssl

        import certifi

        context = ssl.create_default_context(cafile=certifi.where())
        self.assertGreater(context.cert_store_stats()["x509_ca"], 50)

    @exercises("idna")
    def test_idna_name_is_encoded_and_decoded(self) -> None:
        import idna

        self.assertEqual(idna.encode("bücher.example"), b"xn--bcher-kva.example")
        self.assertEqual(idna.decode("xn--bcher-kva.example"), "bücher.example")

    @exercises("jinja2")
    def test_jinja2_template_is_rendered_and_escaped(self) -> None:
        import jinja2

        template = jinja2.Environment(autoescape=True).from_string("{% for x in xs %}{{ x }}{% endfor %}")
        self.assertEqual(template.render(xs=["a", "<b>"]), "a&lt;b&gt;")

    @exercises("werkzeug")
    def test_werkzeug_request_is_routed_and_answered(self) -> None:
        from werkzeug.routing import Map, Rule
        from werkzeug.test import Client
        from werkzeug.wrappers import Request, Response

        @Request.application  # type: ignore[untyped-decorator, unused-ignore]
        def application(request: Any) -> Any:
            endpoint, values = routes.bind_to_environ(request.environ).match()
            return Response(f"{endpoint} {values['number']}")

        routes = Map([Rule("/rounds/<int:number>", endpoint="round")])
        self.assertEqual(Client(application).get("/rounds/7").text, "round 7")

    @exercises("rsa")
    def test_rsa_signature_is_verified_and_a_forged_one_is_not(self) -> None:
        import rsa

        public, private = rsa.newkeys(512)
        signature = rsa.sign(b"predictions", private, "SHA-256")
        self.assertEqual(rsa.verify(b"predictions", signature, public), "SHA-256")
        with self.assertRaises(rsa.VerificationError):
            rsa.verify(b"others", signature, public)

    @exercises("async-timeout")
    def test_async_timeout_ends_a_long_wait(self) -> None:
        import async_timeout

        async def wait() -> None:
            async with async_timeout.timeout(0.01):
                await asyncio.sleep(60)

        with self.assertRaises(asyncio.TimeoutError):
            asyncio.run(wait())

    @exercises("sniffio")
    def test_sniffio_finds_asyncio(self) -> None:
        import sniffio

        async def library() -> Any:
            return sniffio.current_async_library()

        self.assertEqual(asyncio.run(library()), "asyncio")


class CloudTest(ServedTestCase):
    @exercises("boto3")
    def test_boto3_address_is_presigned_offline(self) -> None:
        import boto3

        keys = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "secret", "region_name": "us-west-2"}
        client = boto3.client("s3", **keys)
        address = client.generate_presigned_url("get_object", Params={"Bucket": "models", "Key": "model.pkl"})
        self.assertIn("model.pkl", address)
        self.assertIn("AKIDEXAMPLE", address)

    @exercises("google-cloud-storage")
    def test_google_cloud_storage_object_is_downloaded(self) -> None:
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import storage

        options = {"api_endpoint": self.url}
        client = storage.Client("project", credentials=AnonymousCredentials(), client_options=options)
        content = client.bucket("models").blob("model.json").download_as_bytes()
        self.assertEqual(json.loads(content), ANSWER)

    @exercises("google-auth-oauthlib")
    def test_google_auth_oauthlib_authorization_address_names_the_client(self) -> None:
        from google_auth_oauthlib.flow import Flow

        uris = {"auth_uri": "https://example.com/auth", "token_uri": "https://example.com/token"}
        client = {"client_id": "numerai", "client_secret": "secret", **uris}
        flow = Flow.from_client_config({"installed": client}, scopes=["email"], redirect_uri="http://localhost")
        address, _ = flow.authorization_url()
        self.assertTrue(address.startswith("https://example.com/auth?"))
        self.assertIn("client_id=numerai", address)

    @exercises("kaggle")
    def test_kaggle_credentials_are_taken_from_the_environment(self) -> None:
        credentials = {"KAGGLE_USERNAME": "numerai", "KAGGLE_KEY": "key", "KAGGLE_CONFIG_DIR": str(self.folder)}
        with unittest.mock.patch.dict(os.environ, credentials):
            import kaggle

        self.assertEqual(kaggle.api.get_config_value("username"), "numerai")


class HelpersTest(PackageTestCase):
    @exercises("tqdm")
    def test_tqdm_progress_is_written(self) -> None:
        import tqdm

        bar = io.StringIO()
        self.assertEqual(list(tqdm.tqdm(range(3), file=bar)), [0, 1, 2])
        self.assertIn("3/3", bar.getvalue())

    @exercises("pyyaml")
    def test_pyyaml_document_is_read_back(self) -> None:
        import yaml

        self.assertEqual(yaml.safe_load(yaml.safe_dump(ANSWER)), ANSWER)
        self.assertTrue(yaml.__with_libyaml__)

    @exercises("tenacity")
    def test_tenacity_call_that_fails_once_is_tried_again(self) -> None:
        import tenacity

        attempts = iter([OSError(), 42])
        call = unittest.mock.Mock(side_effect=attempts)
        self.assertEqual(tenacity.Retrying(stop=tenacity.stop_after_attempt(3))(call), 42)

    @exercises("cachetools")
    def test_cachetools_oldest_entry_is_dropped(self) -> None:
        import cachetools

        cache: Any = cachetools.LRUCache(maxsize=2)
        for key in "abc":
            cache[key] = key
        self.assertEqual(list(cache), ["b", "c"])

    @exercises("pillow")
    def test_pillow_picture_is_encoded_and_decoded(self) -> None:
        from PIL import Image

        for kind in ("PNG", "JPEG"):
            with self.subTest(kind):
                picture = io.BytesIO()
                Image.new("RGB", (4, 2), "white").save(picture, kind)
                decoded = Image.open(picture)
                self.assertEqual((decoded.size, decoded.getpixel((0, 0))), ((4, 2), (255, 255, 255)))

    @exercises("fickling")
    def test_fickling_tells_a_harmless_pickle_from_a_dangerous_one(self) -> None:
        from fickling.analysis import Severity, check_safety
        from fickling.fickle import Pickled

        harmless = Pickled.load(pickle.dumps([1, 2, 3]))
        dangerous = Pickled.load(b"cos\nsystem\n(S'true'\ntR.")
        self.assertEqual(check_safety(harmless).severity, Severity.LIKELY_SAFE)
        self.assertGreater(check_safety(dangerous).severity, Severity.LIKELY_SAFE)

    @exercises("stdlib-list")
    def test_stdlib_list_knows_this_python(self) -> None:
        import stdlib_list

        modules = stdlib_list.stdlib_list(f"{sys.version_info.major}.{sys.version_info.minor}")
        self.assertIn("asyncio", modules)

    @exercises("frozendict")
    def test_frozendict_is_hashable_and_pickled(self) -> None:
        from frozendict import frozendict

        frozen: Any = frozendict({"a": 1})
        self.assertEqual({pickle.loads(pickle.dumps(frozen)): 2}[frozen], 2)

    @exercises("setuptools")
    def test_setuptools_pkg_resources_finds_a_distribution(self) -> None:
        import pkg_resources

        self.assertEqual(pkg_resources.get_distribution("numpy").version, importlib.metadata.version("numpy"))


class NotebookSetTest(PackageTestCase):
    """What the platform's notebook server brings along and a model may use without one."""

    @exercises("wandb")
    def test_wandb_offline_run_is_recorded(self) -> None:
        import wandb

        settings = wandb.Settings(console="off", silent=True)
        run = wandb.init(mode="offline", project="models", dir=str(self.folder), settings=settings)
        run.log({"loss": 0.5})
        self.assertEqual(run.summary["loss"], 0.5)
        run.finish()
        self.assertTrue(list(self.folder.rglob("*.wandb")))

    @exercises("psutil")
    def test_psutil_measures_this_process(self) -> None:
        import psutil

        self.assertGreater(psutil.Process().memory_info().rss, 1_000_000)

    @exercises("pydantic")
    def test_pydantic_model_converts_and_refuses(self) -> None:
        import pydantic

        settings = pydantic.create_model("Settings", trees=(int, ...))
        self.assertEqual(settings(trees="5").model_dump(), {"trees": 5})
        with self.assertRaises(pydantic.ValidationError):
            settings(trees="many")

    @exercises("decorator")
    def test_decorator_keeps_the_signature(self) -> None:
        import inspect

        import decorator

        def predict(live_features: Any) -> Any:
            return live_features

        decorated = decorator.decorate(predict, lambda function, *args: [function(*args)])
        self.assertEqual(decorated(1), [1])
        self.assertEqual(list(inspect.signature(decorated).parameters), ["live_features"])

    @exercises("defusedxml")
    def test_defusedxml_entities_are_refused(self) -> None:
        import defusedxml
        from defusedxml import ElementTree

        self.assertEqual(ElementTree.fromstring("<a>text</a>").text, "text")
        with self.assertRaises(defusedxml.EntitiesForbidden):
            ElementTree.fromstring('<!DOCTYPE a [<!ENTITY b "text">]><a>&b;</a>')

    @exercises("jsonschema")
    def test_jsonschema_formats_are_checked(self) -> None:
        import jsonschema

        # Without the packages of its extra format-nongpl it would let every duration pass.
        validator = jsonschema.Draft202012Validator(
            {"type": "string", "format": "duration"}, format_checker=jsonschema.FormatChecker()
        )
        self.assertTrue(validator.is_valid("P1D"))
        self.assertFalse(validator.is_valid("a day"))

    @exercises("nest-asyncio")
    def test_nest_asyncio_loop_runs_within_a_loop(self) -> None:
        # In a process of its own because it replaces parts of asyncio for good.
        code = """if True:
            import asyncio, nest_asyncio
            nest_asyncio.apply()
            async def inner(): return 42
            async def outer(): return asyncio.run(inner())
            print(asyncio.run(outer()))
        """
        self.assertEqual(self.run_in_child(code), "42")

    @exercises("tomli")
    def test_tomli_document_is_parsed(self) -> None:
        import tomli

        self.assertEqual(tomli.loads("[data]\nround = 1234"), ANSWER)

    @exercises("tornado")
    def test_tornado_request_is_answered(self) -> None:
        from tornado import httpclient, httpserver, netutil, web

        async def serve_and_fetch() -> Any:
            folder = web.Application([("/(.*)", web.StaticFileHandler, {"path": str(self.folder)})])
            (socket,) = netutil.bind_sockets(0, "127.0.0.1")
            server = httpserver.HTTPServer(folder)
            server.add_socket(socket)
            client = httpclient.AsyncHTTPClient()
            response = await client.fetch(f"http://127.0.0.1:{socket.getsockname()[1]}/round.json")
            server.stop()
            return json.loads(response.body)

        (self.folder / "round.json").write_text(json.dumps(ANSWER))
        self.assertEqual(asyncio.run(serve_and_fetch()), ANSWER)

    @exercises("babel")
    def test_babel_number_is_written_in_german(self) -> None:
        from babel import numbers

        self.assertEqual(numbers.format_decimal(1234.5, locale="de_DE"), "1.234,5")

    @exercises("json5")
    def test_json5_comment_and_trailing_comma_are_read(self) -> None:
        import json5

        self.assertEqual(json5.loads("{data: {round: 1234,},} // the round"), ANSWER)

    @exercises("overrides")
    def test_overrides_of_nothing_are_refused(self) -> None:
        import overrides

        class Base:
            def predict(self) -> int:
                return 1

        with self.assertRaisesRegex(TypeError, "No super class method"):

            class Model(Base):
                @overrides.override  # type: ignore[untyped-decorator, unused-ignore]
                def forecast(self) -> int:
                    return 2

    @exercises("prometheus-client")
    def test_prometheus_client_counter_is_exposed(self) -> None:
        import prometheus_client

        registry = prometheus_client.CollectorRegistry()
        prometheus_client.Counter("predictions", "Predictions made", registry=registry).inc(3)
        self.assertIn(b"predictions_total 3.0", prometheus_client.generate_latest(registry))

    @exercises("python-json-logger")
    def test_python_json_logger_record_is_json(self) -> None:
        import logging

        from pythonjsonlogger.json import JsonFormatter

        record = logging.makeLogRecord({"msg": "round %d", "args": (7,)})
        self.assertEqual(json.loads(JsonFormatter().format(record)), {"message": "round 7"})

    @exercises("mistune")
    def test_mistune_markdown_becomes_html(self) -> None:
        import mistune

        self.assertEqual(mistune.html("*a* <b>").strip(), "<p><em>a</em> <b></p>")

    @exercises("tinycss2")
    def test_tinycss2_declaration_is_parsed(self) -> None:
        import tinycss2

        (declaration,) = tinycss2.parse_blocks_contents("color: red")
        self.assertEqual((declaration.name, declaration.value[-1].value), ("color", "red"))

    @exercises("async-lru")
    def test_async_lru_second_call_is_answered_from_the_cache(self) -> None:
        import async_lru

        async def double(number: int) -> int:
            return 2 * number

        async def call_twice() -> Any:
            cached = async_lru.alru_cache()(double)
            return await cached(21), await cached(21), cached.cache_info().hits

        self.assertEqual(asyncio.run(call_twice()), (42, 42, 1))

    @exercises("fastjsonschema")
    def test_fastjsonschema_compiled_schema_accepts_and_refuses(self) -> None:
        import fastjsonschema

        validate = fastjsonschema.compile({"type": "object", "required": ["data"]})
        self.assertEqual(validate(ANSWER), ANSWER)
        with self.assertRaises(fastjsonschema.JsonSchemaException):
            validate({})

    @exercises("wcwidth")
    def test_wcwidth_wide_characters_count_twice(self) -> None:
        import wcwidth

        self.assertEqual(wcwidth.wcswidth("日本"), 4)


class TorchTest(PackageTestCase):
    @exercises("torch")
    def test_torch_trained_net_saved_and_loaded_predicts_the_same(self) -> None:
        import torch

        features, target = (torch.from_numpy(array) for array in features_and_target())
        net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
        optimizer = torch.optim.Adam(net.parameters())
        torch.nn.functional.mse_loss(net(features).squeeze(), target).backward()
        optimizer.step()
        torch.save(net, self.folder / "net.pt")
        loaded = torch.load(self.folder / "net.pt", weights_only=False)
        torch.testing.assert_close(loaded(features), net(features))
        torch.testing.assert_close(through_cloudpickle(net)(features), net(features))

    @exercises("pytorch-lightning")
    def test_pytorch_lightning_one_step_changes_the_weights(self) -> None:
        import pytorch_lightning
        import torch

        class Model(pytorch_lightning.LightningModule):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.layer = torch.nn.Linear(3, 1)

            def training_step(self, batch: Any, _index: int) -> Any:
                return torch.nn.functional.mse_loss(self.layer(batch[0]).squeeze(), batch[1])

            def configure_optimizers(self) -> Any:
                return torch.optim.SGD(self.parameters(), lr=0.1)

        data = torch.utils.data.TensorDataset(*(torch.from_numpy(array) for array in features_and_target()))
        model = Model()
        before = model.layer.weight.detach().clone()
        quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
        trainer = pytorch_lightning.Trainer(
            max_steps=1, accelerator="cpu", devices=1, default_root_dir=self.folder, **quiet
        )
        trainer.fit(model, torch.utils.data.DataLoader(data, batch_size=10))
        self.assertFalse(torch.equal(model.layer.weight, before))

    @exercises("torchmetrics")
    def test_torchmetrics_error_is_computed_over_batches(self) -> None:
        import torch
        import torchmetrics

        metric = torchmetrics.MeanSquaredError()
        metric.update(torch.tensor([1.0]), torch.tensor([3.0]))
        metric.update(torch.tensor([1.0]), torch.tensor([1.0]))
        self.assertAlmostEqual(metric.compute().item(), 2)

    @exercises("skorch")
    def test_skorch_net_pickled_and_loaded_predicts_the_same(self) -> None:
        import skorch
        import torch

        features, target = features_and_target()
        net = skorch.NeuralNetRegressor(torch.nn.Linear, module__in_features=3, module__out_features=1, verbose=0)
        net.set_params(max_epochs=1, train_split=None)
        net.fit(features, target.reshape(-1, 1))
        self.assert_same(through_cloudpickle(net).predict(features), net.predict(features))
        net.save_params(self.folder / "params.pt")
        loaded = net.__class__(torch.nn.Linear, module__in_features=3, module__out_features=1).initialize()
        loaded.load_params(self.folder / "params.pt")
        self.assert_same(loaded.predict(features), net.predict(features))

    @exercises("tabpfn")
    def test_tabpfn_classifier_pickled_and_loaded_predicts_the_same(self) -> None:
        import tabpfn
        import torch

        # The trained weights are a download: a small net that keeps its random ones stands in for them.
        sizes = {"emsize": 12, "nhead": 2, "nlayers": 2, "max_num_classes": 10, "features_per_group": 2}
        config = {**sizes, "remove_duplicate_features": True, "num_buckets": 1000, "max_num_features": 85}
        path = self.folder / "classifier.ckpt"
        torch.save({"state_dict": {}, "config": config}, path)
        features, target = features_and_target()
        model = tabpfn.TabPFNClassifier(model_path=str(path), n_estimators=1, device="cpu")
        with unittest.mock.patch("torch.nn.Module.load_state_dict"):
            model.fit(features, target > 3)
        probabilities = model.predict_proba(features)
        self.assertEqual(probabilities.shape, (60, 2))
        self.assert_same(through_cloudpickle(model).predict_proba(features), probabilities)

    @exercises("numerai-tools")
    def test_numerai_tools_score_of_the_target_itself_is_one(self) -> None:
        import pandas as pd
        from numerai_tools import scoring, submissions

        ids = [f"n{number:015x}" for number in range(60)]
        target = pd.Series([number % 5 / 4 for number in range(60)], index=ids, name="target")
        submission = pd.DataFrame({"id": ids, "prediction": target.to_numpy()})
        self.assertEqual(submissions.validate_headers_numerai(submission), ("id", "prediction"))
        scores = scoring.numerai_corr(submission.set_index("id"), target)
        self.assertGreater(scores["prediction"], 0.95)

    @exercises("numerblox")
    def test_numerblox_neutralized_predictions_do_not_follow_the_feature(self) -> None:
        import numpy as np
        import sklearn
        from numerblox.neutralizers import FeatureNeutralizer

        # It switches the metadata routing of scikit-learn on for good.
        with silenced(), sklearn.config_context():
            frame = training_frame() - training_frame().mean()
            neutralizer = FeatureNeutralizer(proportion=1.0, num_cores=1)
            era = np.array(["1"] * len(frame))
            neutral = neutralizer.fit_transform(frame["target"], features=frame[["a", "b"]], era_series=era)
        self.assertEqual(neutral.shape, (60, 1))
        self.assertAlmostEqual(np.corrcoef(neutral[:, 0], frame["b"])[0, 1], 0, places=5)
