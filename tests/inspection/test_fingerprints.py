"""fingerprints.py: what the pickles of real libraries reveal of their versions, and that hostile ones do no harm."""

import time
import unittest
from pathlib import Path
from typing import Any

from numerai_predict.inspection.fingerprints import LIBRARIES, Mark, of_call, of_global, of_state
from numerai_predict.inspection.stub_unpickler import trace

SKEW = Path(__file__).parents[1] / "data/skew"


def marks_of(name: str) -> set[Mark]:
    with open(SKEW / f"{name}.pkl", "rb") as file:
        return trace(file).marks


class RealPicklesTest(unittest.TestCase):
    """End to end: each file of tests/data/skew is what its name says."""

    EXPECTED: tuple[tuple[str, set[Mark]], ...] = (
        ("catboost-1.2.8-model", {Mark("catboost", "1.2.8", "version_info")}),
        ("cloudpickle-2.2.1-function", {Mark("cloudpickle", "2", "cloudpickle_fast")}),
        ("cloudpickle-3.1.2-function", {Mark("cloudpickle", "3", "function_setstate")}),
        ("lightgbm-3.3.5-model", {Mark("lightgbm", "3", "handle"), Mark("lightgbm", "3", "n_classes")}),
        ("lightgbm-4.6.0-model", {Mark("lightgbm", "4", "_handle")}),
        ("numpy-1.26.4-random", set()),
        ("numpy-2.1.3-array", {Mark("numpy", "2", "numpy._core")}),
        ("numpy-2.1.3-random", {Mark("numpy", "2", "bit_generator_class"), Mark("numpy", "2", "numpy._core")}),
        ("pandas-2.3.1-strings", {Mark("pandas", "2.3", "string_dtype")}),
        ("pandas-3.1.1-categories", {Mark("pandas", "3", "cython_state"), Mark("pandas", "2.3", "string_dtype")}),
        ("pandas-3.1.1-dates", {Mark("pandas", "3", "cython_state")}),
        ("sklearn-1.2.2-boosting", {Mark("sklearn", "1.2.2", "_sklearn_version"), Mark("sklearn", "", "tree")}),
        ("sklearn-1.2.2-neighbors", {Mark("sklearn", "1.2.2", "_sklearn_version"), Mark("sklearn", "", "distance")}),
        ("sklearn-1.2.2-tree", {Mark("sklearn", "1.2.2", "_sklearn_version"), Mark("sklearn", "", "old_tree_nodes")}),
        ("sklearn-1.3.2-tree", {Mark("sklearn", "1.3.2", "_sklearn_version"), Mark("sklearn", "", "tree_nodes")}),
        ("sklearn-1.5.2-boosting", {Mark("sklearn", "1.5.2", "_sklearn_version"), Mark("sklearn", "", "pyx_loss")}),
        ("sklearn-1.6.1-boosting", {Mark("sklearn", "1.6.1", "_sklearn_version"), Mark("sklearn", "", "tree_nodes")}),
        ("sklearn-1.6.1-neighbors", {Mark("sklearn", "1.6.1", "_sklearn_version"), Mark("sklearn", "", "distance64")}),
        ("sklearn-1.6.1-tree", {Mark("sklearn", "1.6.1", "_sklearn_version"), Mark("sklearn", "", "tree")}),
        ("sklearn-1.9.1-linear", {Mark("sklearn", "1.9.1", "_sklearn_version")}),
        ("torch-2.13.0-cpu", set()),
        ("torch-2.13.0-cuda", {Mark("torch", "", "cuda")}),
        ("xgboost-1.7.5-model", {Mark("xgboost", "1.7.5", "ubjson")}),
        ("xgboost-3.0.2-model", {Mark("xgboost", "3.0.2", "ubjson")}),
    )

    def test_each_library_is_told_with_its_version(self) -> None:
        for name, expected in self.EXPECTED:
            with self.subTest(name):
                self.assertLessEqual(expected, marks_of(name))

    def test_no_pickle_tells_of_a_library_or_version_that_is_not_its_own(self) -> None:
        for name, _ in self.EXPECTED:
            library, version, _ = name.split("-")
            for mark in marks_of(name):
                with self.subTest(name, mark=mark):
                    if mark.library == library:
                        known = mark.version if mark.sign != "string_dtype" else ""
                        self.assertTrue(version.startswith(known), mark)
                    else:
                        self.assertEqual((mark.library, mark.version), ("numpy", "2"))

    def test_signs_of_other_versions_are_not_there(self) -> None:
        for name, sign in (
            ("sklearn-1.6.1-boosting", "pyx_loss"),
            ("sklearn-1.6.1-tree", "old_tree_nodes"),
            ("sklearn-1.2.2-tree", "tree_nodes"),
            ("sklearn-1.6.1-neighbors", "distance"),
            ("sklearn-1.9.1-linear", "tree"),
            ("lightgbm-4.6.0-model", "n_classes"),
            ("pandas-2.3.1-strings", "cython_state"),
        ):
            with self.subTest(name):
                self.assertNotIn(sign, {mark.sign for mark in marks_of(name)})

    def test_every_file_is_tested(self) -> None:
        self.assertEqual(sorted(file.stem for file in SKEW.glob("*.pkl")), sorted(name for name, _ in self.EXPECTED))


class OfGlobalTest(unittest.TestCase):
    def test_names_of_other_modules_tell_nothing(self) -> None:
        for module, name in (
            ("numpy", "ndarray"),
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._corelike", "x"),
            ("my.cloudpickle.cloudpickle", "_function_setstate"),
            ("joblib.externals.cloudpickle.cloudpickle", "_function_setstate"),
            ("cloudpickle.cloudpickle", "_make_function"),
            ("sklearn.metrics._dist_metrics", "DistanceMetric"),
            ("sklearn.tree._tree", "TreeBuilder"),
            ("_loss", "CyHalfSquaredError"),
        ):
            with self.subTest(module, name=name):
                self.assertEqual(list(of_global(module, name)), [])


class OfCallTest(unittest.TestCase):
    def test_a_random_generator_by_its_name_is_of_numpy_1(self) -> None:
        call = ("numpy.random._pickle", "__bit_generator_ctor")
        self.assertEqual(list(of_call(*call, ("PCG64",))), [])
        self.assertEqual(list(of_call(*call, ())), [])
        self.assertEqual(list(of_call(*call, (object,))), [Mark("numpy", "2", "bit_generator_class")])

    def test_a_string_dtype_of_one_argument_is_not_told(self) -> None:
        self.assertEqual(list(of_call("pandas.core.arrays.string_", "StringDtype", ("python",))), [])

    def test_storage_is_of_cuda_only_where_its_device_is_named(self) -> None:
        head = b"\x80\x02(X\x07\x00\x00\x00storageq\x00ctorch\nFloatStorage\nq\x01X\x01\x00\x00\x000q\x02"
        for payload, cuda in (
            (head + b"X\x06\x00\x00\x00cuda:0q\x03K\x02Ntq\x04Q.", True),
            (head + b"X\x04\x00\x00\x00cudaq\x03K\x02Ntq\x04Q.", True),
            (bytearray(head + b"X\x07\x00\x00\x00cuda:12q\x03K\x02Ntq\x04Q."), True),
            (head + b"X\x03\x00\x00\x00cpuq\x03K\x02Ntq\x04Q. cuda:0", False),
            (head + b"\x00" * (1 << 20) + b"X\x06\x00\x00\x00cuda:0q\x03", False),
            (b"", False),
            ("cuda:0", False),
        ):
            with self.subTest(payload[-20:]):
                found = list(of_call("torch.storage", "_load_from_bytes", (payload,)))
                self.assertEqual(found, [Mark("torch", "", "cuda")] if cuda else [])

    def test_a_device_tells_cuda(self) -> None:
        self.assertEqual(list(of_call("torch", "device", ("cuda", 0))), [Mark("torch", "", "cuda_device")])
        self.assertEqual(list(of_call("torch", "device", ("cpu",))), [])


class OfStateTest(unittest.TestCase):
    def test_the_version_of_sklearn_is_read_whatever_the_module(self) -> None:
        for version, noted in (("1.6.1", True), ("1.7.dev0", True), ("0.24.2", True), ("1.3rc1", True), (161, False)):
            with self.subTest(version):
                found = list(of_state("my_model", "Model", {"_sklearn_version": version}))
                self.assertEqual(found, [Mark("sklearn", str(version), "_sklearn_version")] if noted else [])

    def test_what_is_no_version_is_not_read(self) -> None:
        for version in (
            "",
            "one",
            "1",
            "1.6.1\n",
            "1." * 50,
            "9" * 5000,
            "1.6.1; rm",
            "pre-0.18",
            None,
            b"1.6.1",
            object,
        ):
            with self.subTest(str(version)[:20]):
                self.assertEqual(list(of_state("sklearn.svm", "SVR", {"_sklearn_version": version})), [])

    def test_a_booster_tells_its_version_at_its_very_end(self) -> None:
        version = b"version[#L\x00\x00\x00\x00\x00\x00\x00\x03i\x03i\x04i\x01"
        for handle, noted in (
            (b"\x00" * (1 << 21) + version + b"}}", True),
            (bytearray(version), True),
            (version + b"\x00" * (1 << 20), False),
            (version[:-1], False),
            (b"version[#L\x00\x00\x00\x00\x00\x00\x00\x03i\x01i\x00i\x00 " + version, True),
            (None, False),
            (object, False),
            ("version", False),
        ):
            with self.subTest(str(handle)[-20:]):
                found = list(of_state("xgboost.core", "Booster", {"handle": handle}))
                self.assertEqual(found, [Mark("xgboost", "3.4.1", "ubjson")] if noted else [])

    def test_a_model_of_catboost_tells_its_release_near_either_end(self) -> None:
        release, far = b"Summary: CatBoost release 1.2.10. commit", b"\x00" * (1 << 17)
        for model, noted in (
            (release, True),
            (release + far, True),
            (far + release, True),
            (far + release + far, False),
        ):
            with self.subTest(len(model)):
                found = list(of_state("catboost.core", "CatBoostRegressor", {"__model": model}))
                self.assertEqual(found, [Mark("catboost", "1.2.10", "version_info")] if noted else [])

    def test_array_states_of_two_parts_are_told_and_of_three_are_not(self) -> None:
        array = ("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked")
        self.assertEqual(list(of_state(*array, (object, object))), [Mark("pandas", "3", "cython_state")])
        self.assertEqual(list(of_state(*array, (object, object, {}))), [])
        self.assertEqual(list(of_state("pandas.core.frame", "DataFrame", (object, object))), [])

    def test_other_dtypes_than_those_of_tree_nodes_tell_nothing(self) -> None:
        states: tuple[object, ...] = ((3, "<", None, None), (3, "|", None, ("a", "b"), {}), (3,), {}, None)
        for state in states:
            with self.subTest(str(state)):
                self.assertEqual(list(of_state("numpy", "dtype", state)), [])


class HostileTest(unittest.TestCase):
    VALUES: tuple[Any, ...] = (
        *(
            None,
            True,
            1 << 100,
            -1,
            float("nan"),
            "",
            "x" * 1000,
            "\ud800",
            b"",
            b"\xff" * 100,
            bytearray(5),
            (),
            [],
            {},
        ),
        *(
            set(),
            object,
            type,
            ("a",),
            (1, 2),
            (1, 2, 3, None),
            (1, 2, 3, (object,)),
            {"handle": None, "_handle": object},
        ),
        *(
            {"handle": 5, "_n_classes": object, "__model": []},
            {object: object},
            {"_sklearn_version": object},
            {None: 1},
        ),
        *({"__model": b"CatBoost release " * 9}, {"__model": bytearray(1 << 18)}, {"handle": b"version[#L"}),
    )
    NAMES = (
        *(("numpy", "dtype"), ("numpy.random._pickle", "__bit_generator_ctor"), ("pandas", "StringDtype")),
        *(("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"), ("torch.storage", "_load_from_bytes")),
        *(("torch", "device"), ("xgboost.core", "Booster"), ("lightgbm.basic", "Booster"), ("", ""), (".", ".")),
        *(("lightgbm.sklearn", "LGBMModel"), ("catboost.core", "CatBoost"), ("\ud800", "\0"), ("sklearn.", ":" * 99)),
    )

    def test_any_value_can_be_given_to_any_name(self) -> None:
        for module, name in self.NAMES:
            for value in self.VALUES:
                with self.subTest(module, name=name, value=str(value)[:40]):
                    found = [
                        *of_global(module, name),
                        *of_call(module, name, ()),
                        *of_call(module, name, (value,)),
                        *of_call(module, name, (value, value)),
                        *of_state(module, name, value),
                    ]
                    self.assertTrue(all(isinstance(mark, Mark) and len(mark.version) < 60 for mark in found))

    def test_large_values_take_no_time(self) -> None:
        repeated = b"version[#L\x00\x00\x00\x00\x00\x00\x00\x03" * (1 << 20)
        cuda = b"X\x06\x00\x00\x00cuda:" + b"1" * (1 << 24)
        release = b"CatBoost release 1" + b"1." * (1 << 23)
        start = time.perf_counter()
        list(of_state("xgboost.core", "Booster", {"handle": repeated}))
        list(of_state("catboost.core", "CatBoost", {"__model": release}))
        list(of_call("torch.storage", "_load_from_bytes", (cuda,)))
        list(of_global("sklearn.metrics._dist_metrics" * 10_000, "Distance" * 100_000))
        list(of_state("x", "y", {"_sklearn_version": "1" + ".1" * 1_000_000}))
        self.assertLess(time.perf_counter() - start, 0.5)

    def test_every_name_that_is_looked_at_belongs_to_a_library_that_is_passed_on(self) -> None:
        from numerai_predict.inspection import fingerprints

        looked_at = {package for package, _ in (*fingerprints._CALLS, *fingerprints._STATES)}
        self.assertEqual({package.partition(".")[0] for package in looked_at} | {"sklearn"}, LIBRARIES)
