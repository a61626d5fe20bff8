"""preflight.py: what will become of a pickle, from what it contains."""

import io
import pickle
import unittest
from dataclasses import replace
from itertools import product
from typing import Any, Literal
from unittest import mock

import cloudpickle

from numerai_predict.faults import Code, Fault
from numerai_predict.inspection import preflight
from numerai_predict.inspection.arity import count_arguments
from numerai_predict.inspection.findings import THIS_PYTHON, Difference, Findings, Module
from numerai_predict.inspection.inspect import inspect_pickle
from numerai_predict.inspection.model_signature import describe_model
from numerai_predict.inspection.preflight import (
    IMAGES,
    another_python,
    before_loading,
    doubts,
    expected,
    other_pythons,
)
from tests.findings import GOOD
from tests.harness import VERSIONS
from tests.inspection.test_model_signature import SIGNATURES, partials, shapes, top_of

# What is left of a pickle that takes too long.
INCOMPLETE = replace(GOOD, complete=False, kind="", name="", parameters=None, is_callable=None)
CUT_OFF = replace(INCOMPLETE, error_kind="UnpicklingError", error="pickle data was truncated")
NEVER = "2.7"


def missing(name: str, needed_by: str = "reference", pip_name: str = "") -> Module:
    return Module(name, None, "missing", needed_by, pip_name)


def difference(message: str, breaks: bool = True, code: Code = Code.INCOMPATIBLE_LIBRARY) -> Difference:
    return Difference("sklearn", "1.7.0", "1.6.1", breaks, code.label, message, "Train again.")


# Each certain reason that loading fails, in the order of their gravity.
CERTAIN: tuple[tuple[Code, dict[str, Any]], ...] = (
    (Code.NOT_A_PICKLE, {"other": "a joblib file"}),
    (Code.TRUNCATED_PICKLE, {"complete": False, "error_kind": "EOFError", "error": "Ran out of input"}),
    (Code.PYTHON_VERSION_MISMATCH, {"python": [NEVER]}),
    (Code.MISSING_ATTRIBUTE, {"main_names": ["predict"]}),
    (Code.MISSING_MODULE, {"modules": [missing("my_utils")]}),
    (Code.CUDA_MODEL, {"differences": [difference("It is on a GPU.", code=Code.CUDA_MODEL)]}),
)


def codes(faults: list[Fault]) -> list[Code]:
    return [fault.code for fault in faults]


def fault_before_loading(findings: Findings) -> Fault:
    fault = before_loading(findings)
    assert fault is not None
    return fault


class BeforeLoadingTest(unittest.TestCase):
    def check(self, code: Code, findings: Findings, *said: str) -> Fault:
        fault = fault_before_loading(findings)
        self.assertIs(fault.code, code)
        for part in said:
            self.assertIn(part, fault.message)
        return fault

    def test_good_model_has_no_fault_and_no_warning(self) -> None:
        self.assertIsNone(before_loading(GOOD))
        self.assertEqual(expected(GOOD), [])
        self.assertEqual(doubts(GOOD), [])

    def test_several_faults_are_all_expected_and_the_gravest_comes_first(self) -> None:
        for first in range(len(CERTAIN)):
            changes: dict[str, Any] = {}
            for _, change in CERTAIN[first:]:
                changes.update(change)
            findings = replace(GOOD, **changes)
            with self.subTest(first=CERTAIN[first][0]):
                self.check(CERTAIN[first][0], findings)
                certain = [code for code, _ in CERTAIN[first:]]
                if first == 0:
                    certain.remove(Code.TRUNCATED_PICKLE)  # Another file ends where it likes.
                self.assertEqual(codes(expected(findings))[: len(certain)], certain)

    def test_single_fault_is_the_only_one_before_loading(self) -> None:
        for code, change in CERTAIN:
            with self.subTest(code=code):
                findings = replace(GOOD, **change)
                self.check(code, findings)
                self.assertEqual(codes(expected(findings))[:1], [code])

    def test_other_file_is_named(self) -> None:
        self.check(Code.NOT_A_PICKLE, replace(GOOD, other="a file of torch.save"), "model.pkl", "a file of torch.save")

    def test_pickle_that_ends_early_is_truncated(self) -> None:
        for kind, error in (
            ("EOFError", "Ran out of input"),
            ("UnpicklingError", "pickle data was truncated"),
            ("EOFError", "Compressed file ended before the end-of-stream marker was reached"),
        ):
            with self.subTest(error=error):
                findings = replace(INCOMPLETE, error_kind=kind, error=error)
                self.check(Code.TRUNCATED_PICKLE, findings, "12,345 bytes", f"{kind}: {error}")

    def test_bytes_of_no_pickle_are_unreadable(self) -> None:
        for kind, error in (
            ("UnpicklingError", "invalid load key, '\\x0c'."),
            ("ValueError", "unsupported pickle protocol: 115"),
            ("UnpicklingError", "A load persistent id instruction was encountered, but no persistent_load function"),
        ):
            with self.subTest(error=error):
                findings = replace(INCOMPLETE, error_kind=kind, error=error)
                fault = self.check(Code.UNREADABLE_PICKLE, findings, "model.pkl", error.rstrip("."))
                self.assertFalse(fault.message.endswith(".."))

    def test_real_unreadable_pickles_are_refused(self) -> None:
        whole = pickle.dumps(list(range(1000)))
        for content, code in (
            (whole[:-1], Code.TRUNCATED_PICKLE),
            (whole[:100], Code.TRUNCATED_PICKLE),
            (b"", Code.TRUNCATED_PICKLE),
            (b"\x80\x04\xff.", Code.UNREADABLE_PICKLE),
            (b"\x80\x73.", Code.UNREADABLE_PICKLE),
            (b"\x80\x04\x8c\x01xQ.", Code.UNREADABLE_PICKLE),
        ):
            with self.subTest(content=content[:10]):
                self.check(code, inspect_pickle(io.BytesIO(content), "model.pkl"))

    def test_other_errors_of_the_inspection_are_expected_to_recur_but_not_certain(self) -> None:
        for kind, error in (
            ("UnpicklingError", "Memo value not found at index 5"),
            ("TypeError", "unhashable type: 'list'"),
            ("BadGzipFile", "CRC check failed: truncated"),
        ):
            findings = replace(INCOMPLETE, error_kind=kind, error=error)
            with self.subTest(error=error):
                self.assertIsNone(before_loading(findings))
                (fault,) = expected(findings)
                self.assertIs(fault.code, Code.LOAD_FAILED)
                self.assertIn(f"{kind}: {error}", fault.message)

    def test_pickle_of_the_writers_script_names_all_that_it_lacks(self) -> None:
        for writer in ("pickle", "dill"):
            with self.subTest(writer=writer):
                findings = replace(GOOD, main_names=["Model", "predict"], writer=writer)
                fault = self.check(Code.MISSING_ATTRIBUTE, findings, "'Model', 'predict'", "__main__")
                self.assertEqual(
                    fault.hint, f"Write it with cloudpickle instead of {writer}: cloudpickle.dump(predict, file)."
                )

    def test_what_cloudpickle_stores_by_name_is_not_advised_to_be_written_with_it(self) -> None:
        cached, types = "functions and methods with", "what typing.NewType, ParamSpec and type statements make"
        for names, kinds, remedies in (
            (
                ["weight"],
                [cached, types],
                ["Of 'weight': drop @lru_cache or @cache from a function, or define it inside"],
            ),
            (
                ["Model.weight"],
                [cached],
                ["Drop @lru_cache or @cache from 'Model.weight', or keep its results in a dict"],
            ),
            (["Scores"], [types], ["Leave 'Scores' out: annotate with the type itself, or not at all, and drop"]),
            (
                ["Model.weight", "Scores"],
                [cached, types],
                ["Drop @lru_cache or @cache from 'Model.w", "Leave 'Scores' out"],
            ),
            (["Scores", "a", "b"], [cached, types], ["Leave 'Scores' out", "Of 'a', 'b': drop @lru_cache or @cache"]),
        ):
            with self.subTest(names=names):
                findings = replace(GOOD, main_names=names, types=["Scores"])
                fault = self.check(Code.MISSING_ATTRIBUTE, findings, *map(repr, names), "__main__")
                self.assertEqual([kind for kind in (cached, types) if kind in fault.message], kinds)
                self.assertNotIn("cloudpickle.dump", fault.hint)
                for remedy in remedies:
                    self.assertIn(remedy, fault.hint)

    def test_what_is_stored_by_name_of_a_carried_module_is_not_advised_to_be_carried(self) -> None:
        modules = [missing("my_utils")]
        findings = replace(GOOD, modules=modules, own_names=["my_utils:Model.weight"])
        fault = self.check(Code.MISSING_MODULE, findings, "only names 'Model.weight' of 'my_utils'", "stores by name")
        self.assertIn("Drop @lru_cache or @cache from 'Model.weight'", fault.hint)
        self.assertNotIn("register_pickle_by_value", fault.hint)
        self.assertEqual([fault.message], [fault.message for fault in expected(findings)])

    def test_modules_that_are_missing_besides_a_carried_one_are_named_too(self) -> None:
        modules = [missing("my_utils"), missing("shap")]
        findings = replace(GOOD, modules=modules, own_names=["my_utils.deep:weight"])
        _, other = expected(findings)
        self.assertEqual("The pickle needs the module 'shap', which is not installed here.", other.message)

    def test_names_of_a_pickle_inside_the_pickle_are_expected_to_be_missed_but_not_certain(self) -> None:
        findings = replace(GOOD, nested_names=["Net"])
        self.assertIsNone(before_loading(findings))
        (fault,) = expected(findings)
        self.assertIs(fault.code, Code.MISSING_ATTRIBUTE)
        self.assertIn("A pickle inside the pickle only names 'Net'", fault.message)
        self.assertIn("net.module_", fault.hint)

    def test_names_that_code_of_the_pickle_may_make_are_a_warning(self) -> None:
        findings = replace(GOOD, late_names=["weight"])
        self.assertEqual(expected(findings), [])
        (warning,) = doubts(findings)
        self.assertIn("needs 'weight' of the script that wrote it (module __main__), which only its own", warning)

    def test_difference_that_breaks_is_a_fault_with_its_message_and_hint(self) -> None:
        fault = self.check(Code.INCOMPATIBLE_LIBRARY, replace(GOOD, differences=[difference("It is newer.")]))
        self.assertEqual((fault.message, fault.hint), ("It is newer.", "Train again."))

    def test_difference_without_a_hint_has_that_of_its_code(self) -> None:
        found = replace(difference("It is newer."), hint=None)
        fault = fault_before_loading(replace(GOOD, differences=[found]))
        self.assertEqual(fault.hint, Code.INCOMPATIBLE_LIBRARY.hint)

    def test_difference_that_may_break_is_no_fault(self) -> None:
        findings = replace(GOOD, differences=[difference("It is a little newer.", breaks=False), difference("Broken.")])
        self.assertEqual([fault.message for fault in expected(findings)], ["Broken."])
        self.assertEqual(doubts(findings), ["It is a little newer."])


class AnotherPythonTest(unittest.TestCase):
    def test_code_of_another_python_is_refused_with_its_image(self) -> None:
        for version in (version for version in IMAGES if version != THIS_PYTHON):
            with self.subTest(version=version):
                fault = fault_before_loading(replace(GOOD, python=[version]))
                self.assertIs(fault.code, Code.PYTHON_VERSION_MISMATCH)
                self.assertIn(f"by Python {version}; this is Python {THIS_PYTHON}.", fault.message)
                self.assertIn(f"numerai_predict_py_{version.replace('.', '_')},", fault.hint)

    def test_code_that_may_be_of_this_python_is_not_refused(self) -> None:
        for versions in ([THIS_PYTHON], ["3.8", THIS_PYTHON], [THIS_PYTHON, "3.99"], []):
            self.assertEqual(expected(replace(GOOD, python=versions)), [])

    def test_code_of_a_python_without_image_is_told_to_be_written_again(self) -> None:
        for version in ("3.7", "3.8", "3.9", "3.99"):
            with self.subTest(version=version):
                fault = another_python([version])
                self.assertIn(f"no image for Python {version}", fault.hint)
                self.assertIn(f"write the pickle again with Python {THIS_PYTHON}", fault.hint)
                self.assertNotIn("numerai_predict_py", fault.hint)
                self.assertIn(", ".join(IMAGES), fault.hint)

    def test_code_of_two_pythons_names_both_images(self) -> None:
        with mock.patch.object(preflight, "THIS_PYTHON", "3.10"):
            fault = another_python(["3.11", "3.12"])
        self.assertEqual(fault.message, "The pickle was written by Python 3.11 or 3.12; this is Python 3.10.")
        self.assertEqual(
            fault.hint,
            "Run it in the image numerai_predict_py_3_11 or numerai_predict_py_3_12, "
            "or write the pickle again with Python 3.10.",
        )

    def test_code_of_two_pythons_with_one_image_names_that(self) -> None:
        hint = another_python(["3.9", "3.10"]).hint
        self.assertIn("image numerai_predict_py_3_10,", hint)
        self.assertNotIn("3_9", hint)

    def test_other_pythons_names_the_others(self) -> None:
        for python, others in (
            ([THIS_PYTHON], ""),
            ([], ""),
            (["3.8", THIS_PYTHON], "3.8"),
            (["3.8", THIS_PYTHON, "3.99"], "3.8 or 3.99"),
        ):
            self.assertEqual(other_pythons(replace(GOOD, python=python)), others)
        self.assertEqual(other_pythons(None), "")

    def test_images_are_the_folders_of_the_repository(self) -> None:
        self.assertEqual(list(IMAGES), VERSIONS)


class ModulesTest(unittest.TestCase):
    def test_missing_module_is_named(self) -> None:
        fault = fault_before_loading(replace(GOOD, modules=[missing("my_utils")]))
        self.assertIn("the module 'my_utils', which is not installed here", fault.message)

    def test_missing_modules_are_all_named_at_once(self) -> None:
        modules = [
            missing("catboost", pip_name="catboost"),
            missing("my_utils"),
            missing("cv2", pip_name="opencv-python"),
        ]
        (fault,) = expected(replace(GOOD, modules=[*GOOD.modules, *modules]))
        self.assertIs(fault.code, Code.MISSING_MODULE)
        self.assertIn("'catboost', 'my_utils', 'cv2'", fault.message)
        self.assertNotIn("pandas", fault.message)
        self.assertIn("register_pickle_by_value(my_utils).", fault.hint)
        self.assertIn("The platform does not have opencv-python:", fault.hint)
        self.assertIn("NumPy arrays", fault.hint)

    def test_missing_files_of_ones_own_have_three_calls_to_carry_them(self) -> None:
        hint = fault_before_loading(replace(GOOD, modules=[missing(name) for name in "abcde"])).hint
        calls = ", ".join(f"cloudpickle.register_pickle_by_value({name})" for name in "abc")
        self.assertIn(f"{calls}.", hint)

    def test_missing_package_is_not_advised_to_be_carried(self) -> None:
        hint = fault_before_loading(replace(GOOD, modules=[missing("catboost", pip_name="catboost")])).hint
        self.assertNotIn("register_pickle_by_value", hint)

    def test_missing_file_of_ones_own_is_not_advised_to_be_installed(self) -> None:
        self.assertNotIn("pip", fault_before_loading(replace(GOOD, modules=[missing("my_utils")])).hint)

    def test_missing_module_that_only_the_code_imports_is_likely_but_not_certain(self) -> None:
        modules = [missing("my_utils", "import"), missing("catboost", "import", "catboost")]
        findings = replace(GOOD, modules=modules)
        self.assertIsNone(before_loading(findings))
        (fault,) = expected(findings)
        self.assertIs(fault.code, Code.MISSING_MODULE)
        self.assertIn("code imports", fault.message)
        self.assertIn("'my_utils', 'catboost'", fault.message)
        self.assertIn("register_pickle_by_value(my_utils)", fault.hint)
        self.assertEqual(doubts(findings), [])

    def test_missing_module_that_the_model_can_do_without_is_a_warning(self) -> None:
        for needed_by in ("guarded import", "possible"):
            with self.subTest(needed_by=needed_by):
                findings = replace(GOOD, modules=[missing("cupy", needed_by)])
                self.assertEqual(expected(findings), [])
                (warning,) = doubts(findings)
                self.assertIn("'cupy'", warning)

    def test_import_of_a_module_that_the_package_here_does_not_have_is_a_warning(self) -> None:
        skewed = Module("numpy.no_such", "2.1.3", "skewed", "import", "numpy")
        self.assertRegex(doubts(replace(GOOD, modules=[skewed]))[0], r"imports what is not .*'numpy\.no_such'")
        self.assertEqual([], expected(replace(GOOD, modules=[skewed])))

    def test_module_that_code_of_the_pickle_may_make_is_a_warning(self) -> None:
        statuses: tuple[Literal["missing", "skewed"], ...] = ("missing", "skewed")
        for status in statuses:
            findings = replace(GOOD, modules=[Module("mine", None, status, "late reference")])
            with self.subTest(status=status):
                self.assertEqual(expected(findings), [])
                (warning,) = doubts(findings)
                self.assertIn("only its own code can bring: 'mine'.", warning)

    def test_no_module_is_both_a_problem_and_a_warning(self) -> None:
        statuses: tuple[Literal["present", "missing", "skewed"], ...] = ("present", "missing", "skewed")
        ways = ("reference", "late reference", "import", "guarded import", "possible")
        for status, needed_by in product(statuses, ways):
            findings = replace(GOOD, modules=[Module("some_module", None, status, needed_by)])
            with self.subTest(status=status, needed_by=needed_by):
                said = [*(fault.message for fault in expected(findings)), *doubts(findings)]
                # Skewed references are said of their library, as a difference.
                is_silent = status == "present" or (status, needed_by) == ("skewed", "reference")
                self.assertEqual(sum("some_module" in text for text in said), 0 if is_silent else 1)

    def test_missing_reference_is_no_warning_too(self) -> None:
        self.assertEqual(doubts(replace(GOOD, modules=[missing("my_utils")])), [])

    def test_present_modules_are_no_fault_and_no_warning(self) -> None:
        for needed_by in ("reference", "import", "guarded import", "possible"):
            findings = replace(GOOD, modules=[Module("sklearn", "1.6.1", "present", needed_by)])
            self.assertEqual((expected(findings), doubts(findings)), ([], []))

    def test_skewed_references_are_left_to_the_differences(self) -> None:
        findings = replace(GOOD, modules=[Module("sklearn.no_such", "1.6.1", "skewed", "reference")])
        self.assertEqual((expected(findings), doubts(findings)), ([], []))


class ModelTest(unittest.TestCase):
    def test_model_that_cannot_be_called_is_expected_to_fail_but_loaded(self) -> None:
        for kind, name, said in (
            ("class", "Model", "the class Model itself"),
            ("data", "dict", "a dict"),
            ("instance", "sklearn.linear_model._ridge.Ridge", "a sklearn.linear_model._ridge.Ridge"),
        ):
            findings = replace(GOOD, kind=kind, name=name, parameters=None, is_callable=False)
            with self.subTest(kind=kind):
                self.assertIsNone(before_loading(findings))
                (fault,) = expected(findings)
                self.assertIs(fault.code, Code.NOT_CALLABLE)
                self.assertIn(f"The pickle holds {said}, which cannot be called", fault.message)

    def test_model_that_is_not_known_to_be_callable_is_not_refused(self) -> None:
        self.assertEqual(expected(replace(GOOD, kind="reference", parameters=None, is_callable=None)), [])

    def test_model_of_wrong_signature_is_expected_to_fail_but_loaded(self) -> None:
        findings = replace(GOOD, parameters=["a", "b", "c"], takes=0)
        self.assertIsNone(before_loading(findings))
        (fault,) = expected(findings)
        self.assertIs(fault.code, Code.WRONG_SIGNATURE)
        self.assertIn("signature is predict(a, b, c);", fault.message)

    def test_signature_is_refused_if_and_only_if_it_is_once_loaded(self) -> None:
        refused = 0
        for signature in SIGNATURES:
            for name, model in (shapes(signature) | partials(signature)).items():
                content = cloudpickle.dumps(model)
                described = describe_model(top_of(content))
                findings = replace(
                    GOOD,
                    name=described.name,
                    parameters=described.parameters,
                    takes=described.takes,
                    is_callable=described.is_callable,
                )
                found = Code.WRONG_SIGNATURE in codes(expected(findings))
                with self.subTest(signature=signature, model=name):
                    self.assertEqual(found, is_refused(pickle.loads(content)))
                refused += found
        self.assertGreater(refused, 50)

    def test_optional_parameters_of_long_names_are_not_taken_for_required_ones(self) -> None:
        model = shapes(", ".join(f"{name * 1000}=1" for name in "abc"))["function"]
        findings = inspect_pickle(io.BytesIO(cloudpickle.dumps(model)), "model.pkl")
        self.assertEqual([parameter[0] for parameter in findings.parameters or []], ["a", "b", "c"])
        self.assertLess(len(str(findings.parameters)), 1000)
        self.assertNotIn(Code.WRONG_SIGNATURE, codes(expected(findings)))

    def test_several_reasons_are_expected_from_certain_to_likely(self) -> None:
        findings = replace(
            GOOD,
            python=[NEVER],
            modules=[missing("a"), missing("b", "import")],
            is_callable=False,
            parameters=[],
            takes=0,
            complete=False,
            error_kind="TypeError",
            error="no",
        )
        self.assertEqual(
            codes(expected(findings)),
            [
                *(Code.PYTHON_VERSION_MISMATCH, Code.MISSING_MODULE, Code.MISSING_MODULE),
                *(Code.NOT_CALLABLE, Code.WRONG_SIGNATURE, Code.LOAD_FAILED),
            ],
        )
        self.assertIn("'a'", expected(findings)[1].message)


class IncompleteTest(unittest.TestCase):
    def test_incomplete_findings_are_a_warning_and_not_refused_for_what_is_absent(self) -> None:
        for findings in (INCOMPLETE, replace(INCOMPLETE, python=[], modules=[], protocol=None)):
            self.assertIsNone(before_loading(findings))
            self.assertEqual(expected(findings), [])
            self.assertEqual(doubts(findings), ["The pickle could not be inspected to its end (it takes too long)."])

    def test_incomplete_findings_are_refused_for_what_they_have(self) -> None:
        for code, change in CERTAIN[2:]:
            with self.subTest(code=code):
                fault = before_loading(replace(INCOMPLETE, **change))
                assert fault is not None
                self.assertIs(fault.code, code)

    def test_incomplete_findings_say_why(self) -> None:
        (warning,) = doubts(CUT_OFF)
        self.assertIn("(UnpicklingError: pickle data was truncated)", warning)

    def test_warnings_come_all_together(self) -> None:
        findings = replace(
            CUT_OFF, differences=[difference("Newer.", breaks=False)], modules=[missing("cupy", "possible")]
        )
        self.assertEqual([warning.split()[0] for warning in doubts(findings)], ["Newer.", "Its", "The"])

    def test_real_pickles_that_end_early_are_only_refused_for_that(self) -> None:
        content = cloudpickle.dumps(shapes("a, b, c")["function"])
        for size in range(2, len(content), 29):
            with self.subTest(size=size):
                found = codes(expected(inspect_pickle(io.BytesIO(content[:size]), "model.pkl")))
                self.assertEqual(found[:1], [Code.TRUNCATED_PICKLE])
                self.assertFalse({Code.NOT_CALLABLE, Code.WRONG_SIGNATURE} & set(found))


def is_refused(model: Any) -> bool:
    try:
        count_arguments(model)
    except Fault as fault:
        return fault.code is Code.WRONG_SIGNATURE
    return False
