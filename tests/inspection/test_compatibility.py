"""compatibility.py: which differences between the libraries of a pickle and those here break it, and which only may."""

import unittest
from collections.abc import Iterable
from pathlib import Path

from numerai_predict.faults import Code
from numerai_predict.inspection.compatibility import differences
from numerai_predict.inspection.findings import Difference
from numerai_predict.inspection.fingerprints import Mark
from numerai_predict.inspection.stub_unpickler import trace

SKEW = Path(__file__).parents[1] / "data/skew"
# What the platform has under Python 3.10, and under the others.
PY310 = {"numpy": "1.26.4", "pandas": "2.2.1", "sklearn": "1.6.1", "lightgbm": "4.0.0", "xgboost": "1.7.5"}
PY311 = {"numpy": "2.1.3", "pandas": "2.3.1", "sklearn": "1.6.1", "lightgbm": "4.6.0", "xgboost": "3.0.2"}
OLD = {"numpy": "1.26.4", "pandas": "2.2.1", "sklearn": "1.2.2", "lightgbm": "3.3.5", "cloudpickle": "2.2.1"}


def compare(
    marks: Iterable[Mark] = (),
    here: dict[str, str] = PY311,
    references: Iterable[str] = (),
    lacks: Iterable[str] = (),
    has_gpu: bool = False,
) -> list[Difference]:
    def missing(name: str) -> str:
        return next((part for part in lacks if f"{name}.".startswith(f"{part}.")), "")

    return differences(marks, references, missing, here.get, has_gpu)


def of_file(name: str, here: dict[str, str], lacks: Iterable[str] = ()) -> list[Difference]:
    with open(SKEW / f"{name}.pkl", "rb") as file:
        traces = trace(file)
    return compare(traces.marks, here, {module for module, _ in traces.globals}, lacks)


class RealPicklesTest(unittest.TestCase):
    """Each outcome was seen when the files were loaded with the libraries that are named."""

    BREAKS = (
        ("sklearn-1.2.2-tree", PY311, (), "sklearn", "trees and forests of versions before 1.3"),
        ("sklearn-1.6.1-tree", OLD, (), "sklearn", "trees and forests of 1.3 and later"),
        ("sklearn-1.2.2-neighbors", PY311, (), "sklearn", "nearest neighbors of versions before 1.3"),
        ("sklearn-1.6.1-neighbors", OLD, (), "sklearn", "nearest neighbors of 1.3 and later"),
        ("sklearn-1.5.2-boosting", PY310, (), "sklearn", "gradient boosting of versions before 1.6"),
        ("sklearn-1.2.2-boosting", PY310, ("sklearn.ensemble._gb_losses",), "sklearn", "sklearn.ensemble._gb_losses"),
        ("sklearn-1.6.1-boosting", PY310, (), "numpy", "random generators"),
        ("numpy-2.1.3-random", PY310, (), "numpy", "random generators"),
        ("numpy-2.1.3-array", PY310, ("numpy._core.numeric",), "numpy", "no module numpy._core.numeric"),
        ("pandas-3.1.1-categories", PY311, (), "pandas", "categories"),
        ("pandas-3.1.1-dates", PY311, (), "pandas", "dates"),
        ("pandas-2.3.1-strings", PY310, (), "pandas", "strings"),
        ("cloudpickle-3.1.2-function", OLD, (), "cloudpickle", "functions"),
    )
    MAY = (
        ("sklearn-1.3.2-tree", PY311, (), "sklearn", "trees and forests cannot predict"),
        ("sklearn-1.9.1-linear", PY311, (), "sklearn", "predictions may differ"),
        ("lightgbm-3.3.5-model", PY311, (), "lightgbm", "LGBMRegressor"),
        ("lightgbm-4.6.0-model", OLD, (), "lightgbm", "Booster"),
        ("xgboost-3.0.2-model", PY310, (), "xgboost", "XGBRegressor"),
        ("xgboost-1.7.5-model", PY311, (), "xgboost", "XGBRegressor"),
        ("numpy-2.1.3-array", PY310, (), "numpy", "may not be able"),
    )
    RUN = (
        *(("numpy-1.26.4-random", PY311), ("numpy-2.1.3-random", PY311), ("numpy-2.1.3-array", PY311)),
        *(("sklearn-1.6.1-boosting", PY311), ("sklearn-1.6.1-tree", PY311), ("sklearn-1.6.1-neighbors", PY311)),
        *(("sklearn-1.2.2-neighbors", OLD), ("pandas-2.3.1-strings", PY311), ("lightgbm-4.6.0-model", PY311)),
        *(("lightgbm-3.3.5-model", OLD), ("xgboost-3.0.2-model", PY311), ("xgboost-1.7.5-model", PY310)),
        *(("cloudpickle-2.2.1-function", {"cloudpickle": "3.1.2"}), ("cloudpickle-2.2.1-function", OLD)),
        *(("cloudpickle-3.1.2-function", {"cloudpickle": "3.1.2"}), ("catboost-1.2.8-model", {"catboost": "1.2.10"})),
        *(("torch-2.13.0-cpu", {"torch": "2.0.1"}), ("sklearn-1.2.2-tree", {"sklearn": "1.2.2"})),
    )

    def test_what_cannot_be_loaded_breaks(self) -> None:
        for name, here, lacks, library, why in self.BREAKS:
            with self.subTest(name):
                first, *_ = of_file(name, here, lacks)
                self.assertTrue(first.breaks)
                self.assertEqual((first.library, first.here), (library, here[library]))
                self.assertEqual(first.code, Code.INCOMPATIBLE_LIBRARY.label)
                self.assertIn(why, first.message)

    def test_what_can_be_loaded_does_not_break_but_is_told(self) -> None:
        for name, here, lacks, library, why in self.MAY:
            with self.subTest(name):
                found = [difference for difference in of_file(name, here, lacks) if difference.library == library]
                self.assertEqual([difference.breaks for difference in found], [False])
                self.assertIn(why, found[0].message)

    def test_nothing_is_told_of_versions_that_fit(self) -> None:
        for name, here in self.RUN:
            with self.subTest(name):
                self.assertEqual(of_file(name, here), [])

    def test_of_several_versions_the_latest_is_named(self) -> None:
        for difference in of_file("pandas-3.1.1-categories", PY311):
            self.assertEqual((difference.library, difference.written), ("pandas", "3"))

    def test_a_cuda_tensor_breaks_where_there_is_no_gpu(self) -> None:
        (difference,) = of_file("torch-2.13.0-cuda", {"torch": "2.7.1"})
        self.assertTrue(difference.breaks)
        self.assertEqual(difference.code, Code.CUDA_MODEL.label)


class RulesTest(unittest.TestCase):
    """Each rule, on both sides of each of its bounds."""

    def test_each_rule_begins_and_ends_where_it_says(self) -> None:
        for mark, concerned, unconcerned in (
            (Mark("numpy", "2", "bit_generator_class"), ("1.22.0", "1.26.4", "1"), ("2", "2.0.0", "2.0.0rc1", "2.4.6")),
            (Mark("sklearn", "", "old_tree_nodes"), ("1.3", "1.3.0", "1.6.1", "2.0"), ("1.2.2", "0.24.2", "1.2")),
            (Mark("sklearn", "", "tree_nodes"), ("1.2.2", "0.24.2"), ("1.3.0", "1.3", "1.9.1", "1.10")),
            (Mark("sklearn", "", "pyx_loss"), ("1.6.0", "1.6.dev0", "1.10.0"), ("1.5.2", "1.3")),
            (Mark("sklearn", "", "distance"), ("1.3.0", "1.6.1"), ("1.2.2",)),
            (Mark("sklearn", "", "distance64"), ("1.2.2",), ("1.3.0", "1.6.1")),
            (Mark("pandas", "3", "cython_state"), ("2.3.3", "2.2.1", "1.5.3"), ("2.3.4", "3.1.1")),
            (Mark("pandas", "2.3", "string_dtype"), ("2.2.1", "2.2.3", "1.5.3"), ("2.3.0", "2.3", "3.0.0")),
            (Mark("cloudpickle", "3", "function_setstate"), ("2.2.1", "1.6.0"), ("3.0.0", "3.1.2")),
        ):
            for version, breaks in (*((v, True) for v in concerned), *((v, False) for v in unconcerned)):
                with self.subTest(mark.sign, here=version):
                    found = compare([mark], {mark.library: version})
                    self.assertEqual([difference.breaks for difference in found], [True] if breaks else [])

    def test_what_fails_when_it_predicts_is_a_warning(self) -> None:
        for mark, here, noted in (
            (Mark("lightgbm", "4", "_handle"), "3.3.5", True),
            (Mark("lightgbm", "4", "_handle"), "4.0.0", False),
            (Mark("lightgbm", "3", "n_classes"), "4.0.0", True),
            (Mark("lightgbm", "3", "n_classes"), "3.3.5", False),
            (Mark("lightgbm", "3", "handle"), "4.6.0", False),
            (Mark("numpy", "2", "numpy._core"), "1.26.4", True),
            (Mark("numpy", "2", "numpy._core"), "2.1.3", False),
        ):
            with self.subTest(mark.sign, here=here):
                found = compare([mark], {mark.library: here})
                self.assertEqual([difference.breaks for difference in found], [False] if noted else [])

    def test_the_message_names_both_versions_and_the_hint_the_command(self) -> None:
        marks = (Mark("sklearn", "1.2.2", "_sklearn_version"), Mark("sklearn", "", "old_tree_nodes"))
        (difference,) = compare(marks)
        self.assertEqual(
            difference.message,
            "The pickle was written with scikit-learn 1.2.2; this is scikit-learn 1.6.1, which cannot read trees and "
            "forests of versions before 1.3.",
        )
        self.assertEqual(
            difference.hint, "Train and pickle it again with this version: pip install scikit-learn==1.6.1"
        )
        self.assertEqual((difference.written, difference.here), ("1.2.2", "1.6.1"))

    def test_a_writer_of_unknown_version_is_another_one(self) -> None:
        (difference,) = compare([Mark("sklearn", "", "old_tree_nodes")])
        self.assertIn("written with another version of scikit-learn; this is", difference.message)

    def test_a_library_that_is_not_here_or_has_no_version_breaks_by_no_rule(self) -> None:
        marks = [Mark("sklearn", "1.2.2", "_sklearn_version"), Mark("sklearn", "", "old_tree_nodes")]
        for here in ({}, {"sklearn": ""}, {"sklearn": "unknown"}):
            with self.subTest(here):
                self.assertEqual(compare(marks, here), [])

    def test_what_breaks_comes_first_and_replaces_the_warnings_of_its_library(self) -> None:
        marks = [
            *(Mark("xgboost", "1.7.5", "ubjson"), Mark("sklearn", "1.2.2", "_sklearn_version")),
            *(Mark("sklearn", "", "tree"), Mark("sklearn", "", "old_tree_nodes"), Mark("sklearn", "", "distance")),
        ]
        found = compare(marks)
        self.assertEqual([difference.breaks for difference in found], [True, True, False])
        self.assertEqual([difference.library for difference in found], ["sklearn", "sklearn", "xgboost"])

    def test_without_marks_and_references_there_is_no_difference(self) -> None:
        self.assertEqual(compare(), [])


class OtherVersionsTest(unittest.TestCase):
    def test_another_minor_version_of_sklearn_is_told_and_another_patch_is_not(self) -> None:
        for written, noted in (("1.6.0", False), ("1.6.1", False), ("1.5.2", True), ("1.9.1", True), ("0.24.2", True)):
            with self.subTest(written):
                found = compare([Mark("sklearn", written, "_sklearn_version")])
                self.assertEqual(
                    ["predictions may differ" in difference.message for difference in found], [True] * noted
                )

    def test_trees_from_before_1_4_cannot_predict_from_1_4_on(self) -> None:
        tree = Mark("sklearn", "", "tree")
        for written, here, noted in (
            *(("1.3.2", "1.6.1", True), ("1.3.2", "1.4.0", True), ("1.4.2", "1.6.1", False), ("1.7.2", "1.6.1", False)),
            *(("1.3.2", "1.2.2", False),),
        ):
            with self.subTest(written, here=here):
                (difference,) = compare([tree, Mark("sklearn", written, "_sklearn_version")], {"sklearn": here})
                self.assertEqual("cannot predict" in difference.message, noted)
                self.assertFalse(difference.breaks)

    def test_another_major_version_of_xgboost_is_told_and_of_1_another_minor_one(self) -> None:
        for written, here, noted in (
            *(("3.4.1", "3.0.2", False), ("3.0.2", "1.7.5", True), ("1.7.5", "3.0.2", True), ("2.0.3", "2.1.4", False)),
            *(("1.6.2", "1.7.5", True), ("1.7.6", "1.7.5", False)),
        ):
            with self.subTest(written, here=here):
                found = compare([Mark("xgboost", written, "ubjson")], {"xgboost": here})
                self.assertEqual([difference.breaks for difference in found], [False] * noted)


class MissingModulesTest(unittest.TestCase):
    def test_a_missing_module_of_a_package_whose_modules_are_files_breaks(self) -> None:
        for package in ("numpy", "sklearn", "lightgbm", "xgboost", "catboost", "cloudpickle", "joblib"):
            with self.subTest(package):
                (difference,) = compare(
                    here={package: "1.0"}, references=[f"{package}.gone.x"], lacks=[f"{package}.gone"]
                )
                self.assertTrue(difference.breaks)
                self.assertIn(f"which has no module {package}.gone.", difference.message)

    def test_a_missing_module_of_other_packages_may_be_made_later(self) -> None:
        for package in ("pandas", "scipy", "torch", "tensorflow", "my_package"):
            with self.subTest(package):
                (difference,) = compare(
                    here={package: "1.0"}, references=[f"{package}.gone"], lacks=[f"{package}.gone"]
                )
                self.assertFalse(difference.breaks)

    def test_a_missing_package_is_no_difference(self) -> None:
        self.assertEqual(compare(references=["my_utils.features", "my_utils"], lacks=["my_utils"]), [])
        self.assertEqual(compare(references=["", ".", "a..b", "\0"], lacks=[""]), [])

    def test_numpy_2_under_numpy_1_is_named_with_the_missing_module(self) -> None:
        (difference,) = compare(
            [Mark("numpy", "2", "numpy._core")], PY310, ["numpy._core.numeric"], ["numpy._core.numeric"]
        )
        self.assertEqual(
            difference.message,
            "The pickle was written with NumPy 2; this is NumPy 1.26.4, which has no module numpy._core.numeric.",
        )

    def test_several_modules_of_a_package_are_told_at_once_and_no_more_than_three(self) -> None:
        gone = [f"sklearn.gone{number}" for number in range(5)]
        (difference,) = compare(references=[*gone, *gone], lacks=gone)
        self.assertIn("no modules sklearn.gone0, sklearn.gone1, sklearn.gone2 and 2 more.", difference.message)

    def test_a_package_without_a_version_is_told_too(self) -> None:
        (difference,) = compare(here={}, references=["sklearn.gone"], lacks=["sklearn.gone"])
        self.assertIn("this is the scikit-learn here, which has no module sklearn.gone.", difference.message)
        self.assertIsNone(difference.here)
        self.assertIsNone(difference.hint)

    def test_a_long_name_is_cut(self) -> None:
        long = "sklearn." + "x" * 400
        (difference,) = compare(references=[long], lacks=[long])
        self.assertLess(len(difference.message), 300)


class GpuTest(unittest.TestCase):
    CUDA = Mark("torch", "", "cuda")

    def test_gpu_tensors_break_without_a_gpu(self) -> None:
        (difference,) = compare([self.CUDA], {"torch": "2.7.1"})
        self.assertEqual(
            (difference.breaks, difference.code, difference.message, difference.hint),
            (True, Code.CUDA_MODEL.label, "The model holds GPU tensors; there is no GPU here.", Code.CUDA_MODEL.hint),
        )

    def test_gpu_tensors_are_a_warning_with_a_gpu(self) -> None:
        (difference,) = compare([self.CUDA], {"torch": "2.7.1"}, has_gpu=True)
        self.assertFalse(difference.breaks)
        self.assertIn("the platform has none", difference.message)

    def test_a_device_alone_is_a_warning(self) -> None:
        for has_gpu in (False, True):
            with self.subTest(has_gpu=has_gpu):
                (difference,) = compare([Mark("torch", "", "cuda_device")], {"torch": "2.7.1"}, has_gpu=has_gpu)
                self.assertFalse(difference.breaks)
