"""diagnosis.py: from how a model's process ended to the one fault that its user reads."""

import builtins
import signal
import unittest
from dataclasses import replace
from typing import Any

from numerai_predict.diagnosis.outcome import diagnose, other_file, too_slow_for_one_cpu
from numerai_predict.faults import Code, Fault
from numerai_predict.inspection.file_type import PickleFacts
from numerai_predict.inspection.findings import THIS_PYTHON
from numerai_predict.sandbox.channel import LINE_LOST
from numerai_predict.sandbox.supervisor import Limits, Outcome, Stop
from tests import findings
from tests.harness import ROOT

FACTS = PickleFacts(path="/tmp/model.pkl", bytes=12345, compression=None, protocol=5, other="")
GOOD = Outcome(
    status=0,
    stopped=None,
    answer={"failures": [], "warnings": [], "notices": []},
    payload=b"id,prediction\n",
    phase="checking",
    phases={},
    waited_s=0.0,
    wall_s=1.0,
    cpu_s=1.0,
    peak_memory_bytes=1 << 20,
    log_tail="the end of the log",
    limits=Limits(wall_s=600.0, memory_bytes=4 << 30),
)
WHERE = " in predict (model.py line 5)"
FINDINGS = [
    {"code": "nan_predictions", "message": "2 are NaN.", "hint": "Fill."},
    {"code": "predictions_out_of_range", "message": "3 lie outside.", "hint": "Rank."},
]


def exception(kind: str, message: str = "", *bases: str, name: str = "", where: str = "") -> dict[str, Any]:
    """What a child tells of an exception; bases beyond those of a builtin class are named."""
    builtin = getattr(builtins, kind, Exception)
    kinds = [kind, *bases, *(base.__name__ for base in builtin.__mro__ if base.__name__ != kind)]
    libraries = {"numpy": "1.26.4", "sklearn": "1.6.1", "pandas": "2.2.1"}
    report = {"kind": kind, "kinds": kinds, "message": message, "name": name, "where": where, "trace": "Traceback"}
    return {**report, "libraries": libraries}


def raised(phase: str, *told: str, **more: str) -> Outcome:
    """The outcome of a model that raised in that phase."""
    return replace(GOOD, phase=phase, payload=b"", answer={"exception": exception(*told, **more)})


class DiagnosisTestCase(unittest.TestCase):
    def fault(self, outcome: Outcome, facts: PickleFacts | None = FACTS, strict: bool = False) -> Fault:
        found = diagnose(outcome, facts, strict)
        assert found is not None
        return found

    def check(self, expected: Code, outcome: Outcome, *said: str, facts: PickleFacts | None = FACTS) -> Fault:
        """That the outcome is this fault, and that its message says all this."""
        found = self.fault(outcome, facts)
        self.assertIs(found.code, expected, found.message)
        for words in said:
            self.assertIn(words, found.message)
        return found


class LadderTest(DiagnosisTestCase):
    def test_diagnose_of_accepted_predictions_is_none(self) -> None:
        self.assertIsNone(diagnose(GOOD, FACTS))
        self.assertIsNone(diagnose(GOOD, FACTS, strict=True))

    def test_diagnose_of_what_was_stopped_says_by_what_and_while_what(self) -> None:
        memory = replace(GOOD, stopped=Stop.MEMORY, phase="predicting", peak_memory_bytes=5 << 30, status=-9)
        self.check(Code.OUT_OF_MEMORY, memory, "5,120 of 4,096 MiB", "while predicting")
        time = replace(GOOD, stopped=Stop.TIME, phase="loading", cpu_s=42.4, status=-9)
        fault = self.check(Code.TIMEOUT, time, "more than 600 seconds", "42 of them computing", "while loading")
        self.assertEqual(fault.trace, "the end of the log")
        self.check(
            Code.BAD_HANDOVER,
            replace(GOOD, stopped=Stop.HANDOVER, phase="predicting", refusal="junk"),
            "while predicting",
            "junk",
        )

    def test_diagnose_of_too_many_processes_or_files_names_the_limit(self) -> None:
        processes = replace(GOOD, stopped=Stop.PROCESSES, phase="predicting", status=-9)
        self.check(Code.TOO_MANY_PROCESSES, processes, "more than 400 processes while predicting")
        self.check(Code.DISK_FULL, replace(processes, stopped=Stop.DISK), "more than 4,096 MiB of files")

    def test_diagnose_of_a_timeout_says_in_which_line(self) -> None:
        trace = 'Current thread 0x1 (most recent call first):\n  File "model.py", line 5 in predict\n'
        late = replace(GOOD, stopped=Stop.TIME, phase="predicting", status=-9, trace=trace)
        fault = self.check(Code.TIMEOUT, late, "was stopped while predicting in predict (model.py line 5).")
        self.assertEqual(fault.trace, trace)

    def test_diagnose_of_memory_in_a_smaller_container_names_both(self) -> None:
        limits = Limits(wall_s=600.0, memory_bytes=450 << 20)
        small = replace(GOOD, stopped=Stop.MEMORY, limits=limits, container_bytes=512 << 20, status=-9)
        self.check(Code.OUT_OF_MEMORY, small, "1 of 450 MiB of memory (the container has 512 MiB)")

    def test_diagnose_of_what_was_stopped_beats_what_it_said(self) -> None:
        answers: list[Any] = [
            {"exception": exception("ValueError", "late")},
            {"fault": {"code": "not_callable", "message": "No.", "hint": "Do."}},
            {"failures": FINDINGS},
            None,
        ]
        for stop, code in (
            (Stop.MEMORY, Code.OUT_OF_MEMORY),
            (Stop.TIME, Code.TIMEOUT),
            (Stop.HANDOVER, Code.BAD_HANDOVER),
            (Stop.PROCESSES, Code.TOO_MANY_PROCESSES),
            (Stop.DISK, Code.DISK_FULL),
        ):
            for answer in answers:
                for facts in (FACTS, None):
                    with self.subTest(stop=stop, answer=answer, facts=facts):
                        self.check(code, replace(GOOD, stopped=stop, answer=answer, status=-9), facts=facts)

    def test_diagnose_of_an_answer_beats_the_exit_status(self) -> None:
        for status in (1, 3, -11, -9):
            with self.subTest(status=status):
                self.check(Code.MODEL_RAISED, replace(raised("predicting", "RuntimeError", "x"), status=status))
                self.check(Code.NAN_PREDICTIONS, replace(GOOD, status=status, answer={"failures": FINDINGS}))
                self.assertIsNone(diagnose(replace(GOOD, status=status), FACTS))

    def test_diagnose_of_a_fault_of_the_runtime_repeats_it(self) -> None:
        told = {"code": "wrong_signature", "message": "The signature.", "hint": "Make it."}
        fault = self.check(Code.WRONG_SIGNATURE, replace(GOOD, answer={"fault": told}, phase="loading"))
        self.assertEqual((fault.message, fault.hint), ("The signature.", "Make it."))

    def test_diagnose_of_a_model_never_handed_over_is_internal(self) -> None:
        fault = self.check(Code.INTERNAL_ERROR, replace(GOOD, answer=None, status=1), "status 1", facts=None)
        self.assertEqual(fault.trace, "the end of the log")
        fault = self.check(Code.INTERNAL_ERROR, raised("importing", "ImportError", "No pandas"), facts=None)
        self.assertEqual(fault.trace, "Traceback")


class DiedTest(DiagnosisTestCase):
    def died(self, status: int, phase: str = "predicting") -> Outcome:
        return replace(GOOD, status=status, answer=None, payload=b"", phase=phase)

    def test_diagnose_of_an_end_without_answer_is_model_exited_whatever_the_status(self) -> None:
        for status in (0, 1, 3, 255):
            with self.subTest(status=status):
                self.check(Code.MODEL_EXITED, self.died(status), f"status {status} while predicting")

    def test_diagnose_of_a_lost_line_is_a_bad_handover(self) -> None:
        self.check(Code.BAD_HANDOVER, self.died(LINE_LOST), "lost its line", "while predicting")

    def test_diagnose_of_a_signal_that_somebody_sent_says_so(self) -> None:
        self.assertIn("sent that signal", self.fault(self.died(-signal.SIGTERM)).hint)
        self.assertEqual(self.fault(self.died(-signal.SIGSEGV)).hint, Code.MODEL_CRASHED.hint)

    def test_diagnose_of_a_signal_names_it_and_shows_the_log(self) -> None:
        for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGTERM):
            with self.subTest(signal=number.name):
                fault = self.check(Code.MODEL_CRASHED, self.died(-number), f"died of {number.name} while predicting")
                self.assertEqual(fault.trace, "the end of the log")

    def test_diagnose_of_a_signal_without_name_gives_its_number(self) -> None:
        self.check(Code.MODEL_CRASHED, self.died(-40), "died of signal 40 while")

    def test_diagnose_of_sigkill_from_outside_points_at_memory(self) -> None:
        fault = self.check(Code.MODEL_CRASHED, self.died(-signal.SIGKILL), "SIGKILL", "not by this runtime")
        self.assertIn("memory", fault.hint)


class KilledByKernelTest(DiagnosisTestCase):
    small = replace(GOOD, answer=None, payload=b"", phase="predicting", status=-9, container_bytes=300 << 20)

    def test_diagnose_of_a_model_that_the_kernel_killed_names_the_containers_memory(self) -> None:
        killed = replace(self.small, oom_kills=1)
        self.check(Code.OUT_OF_MEMORY, killed, "killed the model's process while predicting", "container has 300 MiB")

    def test_diagnose_of_a_worker_that_the_kernel_killed_says_so_and_shows_what_the_model_raised(self) -> None:
        broken = replace(raised("predicting", "BrokenProcessPool", "terminated"), oom_kills=2)
        fault = self.check(Code.OUT_OF_MEMORY, broken, "killed a process that the model had started")
        self.assertEqual(fault.trace, "Traceback")

    def test_diagnose_of_a_kill_elsewhere_is_not_taken_for_ours(self) -> None:
        self.check(Code.MODEL_CRASHED, replace(self.small, oom_kills=0))
        self.check(Code.MODEL_EXITED, replace(self.small, oom_kills=1, status=0))
        self.assertIsNone(diagnose(replace(GOOD, oom_kills=1), FACTS))


class OneCpuTest(unittest.TestCase):
    def test_model_that_computed_longer_than_the_platform_waits_is_warned(self) -> None:
        warning = too_slow_for_one_cpu(replace(GOOD, cpu_s=700.4, wall_s=350.0))
        self.assertIn("700 seconds in 350 seconds", warning or "")

    def test_model_within_the_platforms_time_or_beyond_it_in_wall_time_is_not_warned(self) -> None:
        for cpu_s, wall_s in ((599.0, 300.0), (600.0, 600.0), (700.0, 700.0)):
            with self.subTest(cpu_s=cpu_s):
                self.assertIsNone(too_slow_for_one_cpu(replace(GOOD, cpu_s=cpu_s, wall_s=wall_s)))


class FindingsTest(DiagnosisTestCase):
    def test_diagnose_of_failures_takes_the_first_code_and_tells_all(self) -> None:
        fault = self.check(Code.NAN_PREDICTIONS, replace(GOOD, answer={"failures": FINDINGS}))
        self.assertEqual((fault.message, fault.hint), ("2 are NaN. 3 lie outside.", "Fill."))

    def test_diagnose_of_warnings_is_a_fault_only_if_strict(self) -> None:
        warning = {"code": "missing_ids", "message": "6 are missing.", "hint": None}
        outcome = replace(GOOD, answer={"failures": [], "warnings": [warning]})
        self.assertIsNone(diagnose(outcome, FACTS))
        fault = self.fault(outcome, strict=True)
        self.assertEqual(
            (fault.code, fault.message, fault.hint), (Code.MISSING_IDS, "6 are missing.", Code.MISSING_IDS.hint)
        )

    def test_diagnose_of_failures_beats_warnings_if_strict(self) -> None:
        warning = {"code": "missing_ids", "message": "6 are missing.", "hint": None}
        outcome = replace(GOOD, answer={"failures": FINDINGS, "warnings": [warning]})
        self.assertIs(self.fault(outcome, strict=True).code, Code.NAN_PREDICTIONS)


class OtherFileTest(unittest.TestCase):
    def test_other_file_of_a_pickle_is_none(self) -> None:
        self.assertIsNone(other_file(FACTS))

    def test_other_file_of_nothing_is_empty_file(self) -> None:
        fault = other_file(replace(FACTS, other="empty"))
        assert fault is not None
        self.assertEqual((fault.code, fault.message), (Code.EMPTY_FILE, "The model file /tmp/model.pkl is empty."))

    def test_other_file_of_something_else_names_it(self) -> None:
        fault = other_file(replace(FACTS, other="a PDF"))
        assert fault is not None
        expected = "The model file /tmp/model.pkl is a PDF."
        self.assertEqual((fault.code, fault.message), (Code.NOT_A_PICKLE, expected))


class RaisedTest(DiagnosisTestCase):
    """What models say when they fail, word for word; the numbers are those of the project's list of failures."""

    def test_raised_by_nothing_known_repeats_it_with_the_users_line(self) -> None:
        fault = self.check(
            Code.MODEL_RAISED,
            raised("predicting", "TypeError", "object of type 'int' has no len()", where=WHERE),
            f"The model raised TypeError: object of type 'int' has no len(){WHERE}.",
        )
        self.assertEqual(fault.trace, "Traceback")
        loading = raised("loading", "TypeError", "unhashable", where=WHERE)
        self.check(Code.LOAD_FAILED, loading, f"Loading the pickle raised TypeError: unhashable{WHERE}.")
        self.check(Code.MODEL_RAISED, raised("predicting", "StopIteration"), "raised StopIteration.")
        name = raised("predicting", "NameError", "name 'modell' is not defined")  # 39
        self.check(Code.MODEL_RAISED, name, "modell")

    def test_raised_while_checking_is_what_the_model_did_to_pandas(self) -> None:
        self.check(Code.BAD_HANDOVER, raised("checking", "TypeError", "odd"), "cannot be checked", "TypeError: odd")
        self.check(Code.OUT_OF_MEMORY, raised("checking", "MemoryError"))

    def test_raised_by_bytecode_of_another_python_is_a_version_mismatch(self) -> None:
        for message in (  # 1
            "no locals found when setting up annotations",
            "no locals when deleting 'm'",
            "notebook.py:5: unknown opcode 128",
        ):
            outcome = raised("predicting", "SystemError", message, where=WHERE)
            with self.subTest(message=message):
                self.check(Code.PYTHON_VERSION_MISMATCH, outcome, "another Python", f"Python {THIS_PYTHON}", message)

    def test_odd_error_of_code_that_another_python_may_have_written_names_it(self) -> None:
        facts = self.facts_of_code_by(THIS_PYTHON, "3.99")
        for kind in ("TypeError", "ValueError", "SystemError"):
            with self.subTest(kind):
                fault = self.check(Code.MODEL_RAISED, raised("predicting", kind, "odd"), facts=facts)
                said = (
                    f"The pickle may have been written by Python 3.99; this is Python {THIS_PYTHON}. The model raised"
                )
                self.assertTrue(fault.message.startswith(said), fault.message)
        self.check(
            Code.PYTHON_VERSION_MISMATCH, raised("predicting", "SystemError", "unknown opcode"), "3.99", facts=facts
        )
        self.assertNotIn("3.99", self.fault(raised("predicting", "KeyError", "a"), facts).message)

    def test_crash_of_code_that_another_python_may_have_written_names_it(self) -> None:
        crashed = replace(GOOD, answer=None, status=-signal.SIGSEGV, phase="predicting")
        said = f"by Python 3.99; this is Python {THIS_PYTHON}. The model's process died of SIGSEGV while predicting."
        self.check(Code.MODEL_CRASHED, crashed, said, facts=self.facts_of_code_by(THIS_PYTHON, "3.99"))
        self.assertNotIn("written", self.fault(crashed, self.facts_of_code_by(THIS_PYTHON)).message)

    def test_raised_by_our_own_look_into_the_pickle_is_our_fault(self) -> None:
        self.check(
            Code.INTERNAL_ERROR, raised("inspecting", "KeyError", "a"), "Looking into the pickle raised KeyError: a"
        )
        self.check(Code.OUT_OF_MEMORY, raised("inspecting", "MemoryError"))

    def facts_of_code_by(self, *versions: str) -> PickleFacts:
        return replace(FACTS, findings=replace(findings.GOOD, python=[*versions]))

    def test_raised_by_code_objects_of_python_3_10_names_its_image(self) -> None:
        outcome = raised("loading", "TypeError", "code() argument 13 must be str, not int")  # 2
        fault = self.check(Code.PYTHON_VERSION_MISMATCH, outcome, "Python 3.10 or earlier", f"Python {THIS_PYTHON}")
        self.assertIn("numerai_predict_py_3_10", fault.hint)

    def test_raised_by_code_objects_of_python_3_11_names_their_writer(self) -> None:
        for message in (
            "code expected at most 16 arguments, got 18",
            "code() takes at most 16 arguments (18 given)",
        ):  # 3
            with self.subTest(message=message):
                self.check(
                    Code.PYTHON_VERSION_MISMATCH, raised("loading", "TypeError", message), "Python 3.11 or later"
                )

    def test_raised_by_the_users_own_code_call_is_no_version_mismatch(self) -> None:
        outcome = raised("predicting", "TypeError", "code() argument 13 must be str, not int", where=WHERE)
        self.check(Code.MODEL_RAISED, outcome)

    def test_raised_by_another_library_version_while_loading_names_the_library(self) -> None:
        cases = (
            *(
                (
                    "cloudpickle",
                    "AttributeError",
                    f"Can't get attribute '{name}' on <module 'cloudpickle.{part}' from '/x.py'>",
                )
                for name, part in (  # 4
                    ("_function_setstate", "cloudpickle"),
                    ("_class_setstate", "cloudpickle"),
                    ("_make_function", "cloudpickle_fast"),
                )
            ),
            ("cloudpickle", "AttributeError", "module 'cloudpickle.cloudpickle' has no attribute '_function_setstate'"),
            ("numpy", "ValueError", "<class 'numpy.random._pcg64.PCG64'> is not a known BitGenerator module."),  # 6
            ("numpy", "ValueError", "<class 'numpy.random._mt19937.MT19937'> is not a known BitGenerator module."),
            (  # 7
                "sklearn",
                "ValueError",
                "node array from the pickle has an incompatible dtype:\n- expected: {'names': []}\n- got",
            ),
            (
                "sklearn",
                "AttributeError",
                "Can't get attribute '__pyx_unpickle_CyHalfSquaredError' on <module 'sklearn._loss._loss'",
            ),
            (  # 8
                "pandas",
                "NotImplementedError",
                "(CategoricalDtype(categories=['a', 'b'], ordered=False, categories_dtype=str), array([0]))",
            ),
            ("pandas", "NotImplementedError", "(dtype('<M8[us]'), array([1], dtype='datetime64[us]'))"),
            ("pandas", "TypeError", "StringDtype.__init__() takes from 1 to 2 positional arguments but 3 were given"),
            ("pandas", "AttributeError", "'StringDtype' object has no attribute '_na_value'"),
            (  # 9
                "xgboost",
                "XGBoostError",
                "Check failed: header == serialisation_header_: \n  If you are loading a serialized model (like pickle "
                "in Python) generated by older\n  XGBoost, please export the model by calling `Booster.save_model`",
            ),
            ("lightgbm", "LightGBMError", "Tree model should contain num_cat field"),  # 10
            (  # 37
                "keras",
                "TypeError",
                "Could not deserialize class 'Functional' because its parent module "
                "keras.src.models.functional cannot be imported.",
            ),
            ("keras", "TypeError", "<class 'keras.src.Functional'> could not be deserialized properly."),
            (  # 45
                "numpy",
                "ValueError",
                "numpy.dtype size changed, may indicate binary incompatibility. Expected 96 from C header, got 88 "
                "from PyObject",
            ),
        )
        for library, kind, message in cases:
            with self.subTest(message=message):
                self.check(Code.INCOMPATIBLE_LIBRARY, raised("loading", kind, message), "does not fit the", library)

    def test_raised_by_another_library_version_while_predicting_names_the_library(self) -> None:
        cases = (
            ("xgboost", "AttributeError", "'XGBModel' object has no attribute 'gpu_id'"),  # 9
            ("xgboost", "AttributeError", "'XGBClassifier' object has no attribute 'use_label_encoder'"),
            ("lightgbm", "AttributeError", "'Booster' object has no attribute 'handle'"),  # 10
            ("lightgbm", "AttributeError", "'Booster' object has no attribute '_handle'"),
        )
        for library, kind, message in cases:
            with self.subTest(message=message):
                outcome = raised("predicting", kind, message, where=WHERE)
                self.check(Code.INCOMPATIBLE_LIBRARY, outcome, "does not fit the", library)

    def test_raised_by_a_moved_module_of_an_installed_package_names_its_version(self) -> None:
        name = "numpy._core.numeric"  # 5
        told = raised("loading", "ModuleNotFoundError", f"No module named '{name}'", name=name)
        self.check(Code.INCOMPATIBLE_LIBRARY, told, "written with NumPy 2", "NumPy 1.26.4")
        name = "sklearn.ensemble._gb_losses"  # 7
        told = raised("loading", "ModuleNotFoundError", f"No module named '{name}'", name=name)
        self.check(Code.INCOMPATIBLE_LIBRARY, told, "sklearn 1.6.1")
        told = raised("loading", "ImportError", "cannot import name 'x' from 'pandas.core' (/x.py)", name="pandas.core")
        self.check(Code.INCOMPATIBLE_LIBRARY, told, "pandas 2.2.1")

    def test_raised_by_an_import_error_without_name_does_not_speak_of_no_library(self) -> None:
        outcome = raised("loading", "ImportError", "Missing optional dependency 'tabulate'.")
        self.assertNotIn("installed :", self.fault(outcome).message)

    def test_raised_by_a_missing_module_names_it(self) -> None:
        told = ("ModuleNotFoundError", "No module named 'my_utils'")  # 27, 31
        self.check(
            Code.MISSING_MODULE, raised("loading", *told, name="my_utils"), "The pickle needs the module 'my_utils'"
        )
        outcome = raised("predicting", *told, name="my_utils", where=WHERE)
        self.check(
            Code.MISSING_MODULE, outcome, f"The model needs the module 'my_utils', which is not installed here{WHERE}"
        )

    def test_raised_by_a_function_of_the_writers_script_advises_cloudpickle(self) -> None:
        for message in (
            "Can't get attribute 'predict' on <module '__main__' from '/predict.py'>",
            "Can't get attribute 'predict' on <module '__main__'>",
            "Can't get attribute 'predict' on <module '__main__' (built-in)>",
            "module '__main__' has no attribute 'predict'",  # Python 3.14
        ):  # 29
            with self.subTest(message=message):
                outcome = raised("loading", "AttributeError", message)
                fault = self.check(Code.MISSING_ATTRIBUTE, outcome, "'predict'", "__main__")
                self.assertIn("cloudpickle.dump", fault.hint)

    def test_raised_by_a_missing_name_of_the_standard_library_is_a_missing_attribute(self) -> None:
        for message in (
            "Can't get attribute 'gone.by' on <module 'functools' from '/x.py'>",
            "Can't resolve path 'gone.by' on module 'functools'",  # Python 3.14
        ):
            with self.subTest(message=message):
                outcome = raised("loading", "AttributeError", message)
                self.check(Code.MISSING_ATTRIBUTE, outcome, "'gone.by'", "'functools'")

    def test_raised_by_the_models_own_code_that_misses_a_name_is_no_missing_attribute(self) -> None:
        outcome = raised("loading", "AttributeError", "module 'functools' has no attribute 'gone'", where=WHERE)
        self.check(Code.LOAD_FAILED, outcome, "'gone'")

    def test_raised_by_a_pickle_that_ends_early_is_truncated(self) -> None:
        for kind, message, bases in (
            ("EOFError", "Ran out of input", ()),
            ("UnpicklingError", "pickle data was truncated", ("PickleError",)),
            ("EOFError", "Compressed file ended before the end-of-stream marker was reached", ()),
        ):
            with self.subTest(message=message):
                self.check(Code.TRUNCATED_PICKLE, raised("loading", kind, message, *bases), "12,345 bytes", message)

    def test_raised_by_the_unpickler_is_unreadable(self) -> None:
        for kind, message in (
            ("UnpicklingError", "invalid load key, '\\x0c'."),
            ("UnpicklingError", "A load persistent id instruction was encountered, but no persistent_load function"),
            ("ValueError", "unsupported pickle protocol: 115"),
            ("KeyError", "b'x'"),
            ("IndexError", "pop from empty list"),
            ("error", "unpack requires a buffer of 4 bytes"),
        ):
            with self.subTest(kind=kind, message=message):
                self.check(Code.UNREADABLE_PICKLE, raised("loading", kind, message), "/tmp/model.pkl", message)

    def test_raised_by_the_unpickler_below_pandas_is_unreadable(self) -> None:
        outcome = raised("loading", "UnpicklingError", "invalid load key", where=" in read_pickle (pickle.py line 5)")
        self.check(Code.UNREADABLE_PICKLE, outcome)

    def test_raised_by_a_damaged_archive_is_unreadable(self) -> None:
        facts = replace(FACTS, compression="gz")
        for kind in ("BadGzipFile", "BadZipFile", "LZMAError", "ReadError", "OSError"):
            with self.subTest(kind=kind):
                outcome = raised("loading", kind, "Not a gzipped file (b'id')", where=" in read (gzip.py line 5)")
                self.check(Code.UNREADABLE_PICKLE, outcome, facts=facts)
        self.check(Code.LOAD_FAILED, raised("loading", "OSError", "[Errno 5] Input/output error", where=WHERE))

    def test_raised_by_the_users_code_while_loading_is_not_the_unpicklers(self) -> None:
        for kind in ("ValueError", "IndexError", "OverflowError"):
            with self.subTest(kind=kind):
                self.check(Code.LOAD_FAILED, raised("loading", kind, "bad", where=WHERE))
        self.check(Code.MODEL_RAISED, raised("predicting", "EOFError", "Ran out of input", where=WHERE))

    def test_raised_by_missing_columns_says_so(self) -> None:
        for kind, message in (  # 32
            ("KeyError", "\"['feature_x', 'feature_y'] not in index\""),
            ("KeyError", "\"None of [Index(['a', 'b'], dtype='object')] are in the [columns]\""),
            ("KeyError", "\"['era_x'] not in index\""),
            ("KeyError", "'v5_lgbm_cyrusd20'"),
            ("KeyError", "'feature_unseen'"),
            ("ValueError", "feature_names mismatch: ['a', 'b'] ['a']\nexpected b in input data"),
            (
                "ValueError",
                "The feature names should match those that were passed during fit.\nFeature names unseen: x",
            ),
            ("ValueError", "Feature names seen at fit time, yet now missing:\n- x\n"),
            ("LightGBMError", "The number of features in data (2) is not the same as it was in training data (5)."),
        ):
            with self.subTest(message=message):
                self.check(Code.MISSING_COLUMNS, raised("predicting", kind, message, where=WHERE), WHERE)

    def test_raised_by_thousands_of_missing_columns_is_shortened(self) -> None:
        names = ", ".join(f"'feature_{number}'" for number in range(2000))
        fault = self.check(Code.MISSING_COLUMNS, raised("predicting", "KeyError", f'"[{names}] not in index"'), " …")
        self.assertLess(len(fault.message), 500)

    def test_raised_by_another_key_is_the_models(self) -> None:
        self.check(Code.MODEL_RAISED, raised("predicting", "KeyError", "'weights'", where=WHERE))

    def test_raised_by_memory_is_out_of_memory(self) -> None:
        for phase, kind, bases in (  # 33
            ("predicting", "MemoryError", ()),
            ("loading", "MemoryError", ()),
            ("predicting", "_ArrayMemoryError", ("MemoryError",)),
        ):
            with self.subTest(phase=phase, kind=kind):
                outcome = raised(phase, kind, "Unable to allocate 7 GiB", *bases, where=WHERE)
                self.check(Code.OUT_OF_MEMORY, outcome, "Unable to allocate 7 GiB", WHERE)

    def test_raised_by_tensors_of_a_gpu_is_cuda_model(self) -> None:
        for phase, message in (  # 36
            ("loading", "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False."),
            ("predicting", "No CUDA GPUs are available"),
            ("predicting", "Torch not compiled with CUDA enabled"),
        ):
            with self.subTest(message=message):
                fault = self.check(Code.CUDA_MODEL, raised(phase, "RuntimeError", message, where=WHERE))
                self.assertIn("cpu", fault.hint)

    def test_trace_of_a_crash_is_the_models_part_of_what_faulthandler_wrote(self) -> None:
        log = (
            "Fatal Python error: Segmentation fault\n\n"
            '  File "model.py", line 5 in predict\n'
            f'  File "{ROOT}/predict.py", line 260 in predict_and_check\n'
            "\nExtension modules: numpy.linalg, pandas._libs (total: 177)\n"
        )
        died = replace(GOOD, status=-signal.SIGSEGV, answer=None, phase="predicting", log_tail=log)
        fault = diagnose(died, FACTS)
        assert fault is not None
        self.assertEqual(
            fault.trace, 'Fatal Python error: Segmentation fault\n\n  File "model.py", line 5 in predict\n\n'
        )

    def test_raised_by_system_exit_is_model_exited(self) -> None:
        for phase in ("loading", "predicting"):
            for argument, said in (("", ""), ("0", "0"), ("1", "1"), ("no data", "'no data'")):
                with self.subTest(phase=phase, argument=argument):
                    outcome = raised(phase, "SystemExit", argument, where=WHERE)
                    self.check(Code.MODEL_EXITED, outcome, f"sys.exit({said}) while {phase}{WHERE}")

    def test_raised_by_a_full_disk_or_a_limit_of_files_is_disk_full(self) -> None:
        for message in ("[Errno 28] No space left on device: '/t/x'", "[Errno 27] File too large"):
            with self.subTest(message=message):
                self.check(Code.DISK_FULL, raised("predicting", "OSError", message, where=WHERE), message, WHERE)

    def test_raised_by_a_path_that_may_not_be_opened_is_file_denied(self) -> None:
        for kind, message in (
            ("PermissionError", "[Errno 13] Permission denied: '/tmp/cache.parquet'"),
            ("OSError", "[Errno 30] Read-only file system: '/cache'"),
        ):
            with self.subTest(message=message):
                fault = self.check(Code.FILE_DENIED, raised("predicting", kind, message, where=WHERE), message, WHERE)
                self.assertIn("tempfile.gettempdir()", fault.hint)
        no_file = raised("predicting", "PermissionError", "[Errno 1] Operation not permitted")
        self.check(Code.MODEL_RAISED, no_file)

    def test_raised_after_the_network_was_tried_names_the_hosts(self) -> None:
        answer = {"exception": exception("KeyError", "'data'", where=WHERE), "hosts": ["api.numer.ai", "hf.co"]}
        outcome = replace(GOOD, phase="predicting", payload=b"", answer=answer)
        said = f"KeyError: 'data'{WHERE}; before that it tried to reach api.numer.ai, hf.co, and a model has no"
        self.check(Code.MODEL_RAISED, outcome, said)

    def test_raised_by_the_network_says_so(self) -> None:
        long = "HTTPSConnectionPool(host='api.numer.ai', port=443): Max retries exceeded " + "x" * 1000  # 39
        for kind, message, bases in (
            ("ConnectionError", long, ("RequestException",)),
            ("gaierror", "[Errno -3] Temporary failure in name resolution", ("OSError",)),
            ("URLError", "<urlopen error [Errno -3] Temporary failure in name resolution>", ("OSError",)),
            ("ConnectionRefusedError", "[Errno 111] Connection refused", ()),
            ("ProxyError", long, ("ConnectionError", "RequestException")),
        ):
            for phase in ("loading", "predicting"):
                with self.subTest(kind=kind, phase=phase):
                    fault = self.check(Code.NETWORK_USED, raised(phase, kind, message, *bases, where=WHERE), WHERE)
                    self.assertLess(len(fault.message), 500)

    def test_raised_by_urllib3_says_so(self) -> None:
        for kind in ("MaxRetryError", "NewConnectionError"):
            self.check(Code.NETWORK_USED, raised("predicting", kind, "Max retries exceeded", "HTTPError", where=WHERE))

    def test_raised_by_a_broken_pipe_is_not_the_network(self) -> None:
        for kind in ("BrokenPipeError", "ConnectionResetError"):
            self.check(Code.MODEL_RAISED, raised("predicting", kind, "[Errno 32] Broken pipe", where=WHERE))

    def test_raised_by_a_missing_file_names_it(self) -> None:
        message = "[Errno 2] No such file or directory: '/content/drive/MyDrive/features.csv'"  # 39
        for phase in ("loading", "predicting"):
            with self.subTest(phase=phase):
                outcome = raised(phase, "FileNotFoundError", message, where=WHERE)
                fault = self.check(Code.MISSING_FILE, outcome, message, WHERE)
                self.assertEqual(fault.trace, "Traceback")

    def test_raised_by_shared_memory_is_disk_full(self) -> None:
        outcome = raised("predicting", "OSError", "[Errno 28] No space left on device", where=WHERE)  # 38
        self.check(Code.DISK_FULL, outcome, "No space left on device")
