"""exceptions.py: from what a model raised to the fault that its user reads."""

import unittest
from dataclasses import replace
from typing import NamedTuple

from numerai_predict.child import Answer
from numerai_predict.diagnosis.exceptions import fault_of_exception
from numerai_predict.faults import Code, Fault
from numerai_predict.inspection import THIS_PYTHON, PickleFacts
from tests import findings
from tests.diagnosis.cases import FACTS, WHERE, exception


class Raised(NamedTuple):
    """The answer of a model that raised in that phase."""

    phase: str
    answer: Answer


def raised(phase: str, kind: str, message: str = "", *bases: str, name: str = "", where: str = "") -> Raised:
    return Raised(phase, Answer(exception=exception(kind, message, *bases, name=name, where=where)))


class RaisedTest(unittest.TestCase):
    """What models say when they fail, word for word; the numbers are those of the project's list of failures."""

    def fault(self, case: Raised, facts: PickleFacts = FACTS) -> Fault:
        found = fault_of_exception(case.answer, case.phase, facts)
        assert found is not None
        return found

    def check(self, expected: Code, case: Raised, *said: str, facts: PickleFacts = FACTS) -> Fault:
        """That the exception is this fault, and that its message says all this."""
        found = self.fault(case, facts)
        self.assertIs(found.code, expected, found.message)
        for words in said:
            self.assertIn(words, found.message)
        return found

    def facts_of_code_by(self, *versions: str) -> PickleFacts:
        return replace(FACTS, findings=replace(findings.GOOD, python=[*versions]))

    def test_answer_without_an_exception_has_no_fault(self) -> None:
        self.assertIsNone(fault_of_exception(Answer(), "predicting", FACTS))

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
            case = raised("predicting", "SystemError", message, where=WHERE)
            with self.subTest(message=message):
                self.check(Code.PYTHON_VERSION_MISMATCH, case, "another Python", f"Python {THIS_PYTHON}", message)

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

    def test_raised_by_our_own_look_into_the_pickle_is_that_of_the_pickle(self) -> None:
        self.check(
            Code.UNREADABLE_PICKLE,
            raised("inspecting", "KeyError", "a"),
            "The pickle could not be looked into: that raised KeyError: a",
        )
        self.check(Code.OUT_OF_MEMORY, raised("inspecting", "MemoryError"))

    def test_raised_by_code_objects_of_python_3_10_names_its_image(self) -> None:
        case = raised("loading", "TypeError", "code() argument 13 must be str, not int")  # 2
        fault = self.check(Code.PYTHON_VERSION_MISMATCH, case, "Python 3.10 or earlier", f"Python {THIS_PYTHON}")
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
        case = raised("predicting", "TypeError", "code() argument 13 must be str, not int", where=WHERE)
        self.check(Code.MODEL_RAISED, case)

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
                case = raised("predicting", kind, message, where=WHERE)
                self.check(Code.INCOMPATIBLE_LIBRARY, case, "does not fit the", library)

    def test_raised_by_a_moved_module_of_an_installed_package_names_its_version(self) -> None:
        name = "numpy._core.numeric"  # 5
        case = raised("loading", "ModuleNotFoundError", f"No module named '{name}'", name=name)
        self.check(Code.INCOMPATIBLE_LIBRARY, case, "written with NumPy 2", "NumPy 1.26.4")
        name = "sklearn.ensemble._gb_losses"  # 7
        case = raised("loading", "ModuleNotFoundError", f"No module named '{name}'", name=name)
        self.check(Code.INCOMPATIBLE_LIBRARY, case, "sklearn 1.6.1")
        case = raised("loading", "ImportError", "cannot import name 'x' from 'pandas.core' (/x.py)", name="pandas.core")
        self.check(Code.INCOMPATIBLE_LIBRARY, case, "pandas 2.2.1")

    def test_raised_by_an_import_error_without_name_does_not_speak_of_no_library(self) -> None:
        case = raised("loading", "ImportError", "Missing optional dependency 'tabulate'.")
        self.assertNotIn("installed :", self.fault(case).message)

    def test_raised_by_a_missing_module_names_it(self) -> None:
        said = ("ModuleNotFoundError", "No module named 'my_utils'")  # 27, 31
        self.check(
            Code.MISSING_MODULE, raised("loading", *said, name="my_utils"), "The pickle needs the module 'my_utils'"
        )
        case = raised("predicting", *said, name="my_utils", where=WHERE)
        self.check(
            Code.MISSING_MODULE, case, f"The model needs the module 'my_utils', which is not installed here{WHERE}"
        )

    def test_raised_by_a_function_of_the_writers_script_advises_cloudpickle(self) -> None:
        for message in (
            "Can't get attribute 'predict' on <module '__main__' from '/predict.py'>",
            "Can't get attribute 'predict' on <module '__main__'>",
            "Can't get attribute 'predict' on <module '__main__' (built-in)>",
            "module '__main__' has no attribute 'predict'",  # Python 3.14
        ):  # 29
            with self.subTest(message=message):
                case = raised("loading", "AttributeError", message)
                fault = self.check(Code.MISSING_ATTRIBUTE, case, "'predict'", "__main__")
                self.assertIn("cloudpickle.dump", fault.hint)

    def test_raised_by_what_cloudpickle_stores_by_name_does_not_advise_cloudpickle(self) -> None:
        facts = replace(FACTS, findings=replace(findings.GOOD, late_names=["weight"]))
        case = raised("loading", "AttributeError", "Can't get attribute 'weight' on <module '__main__'>")
        fault = self.check(Code.MISSING_ATTRIBUTE, case, "'weight'", "stores by name only", facts=facts)
        self.assertNotIn("cloudpickle.dump", fault.hint)

    def test_raised_by_a_pickle_that_the_model_reads_names_who_reads_it(self) -> None:
        for phase in ("loading", "predicting"):
            for kind, bases in (("AttributeError", ()), ("CannotReadError", ("AttributeError",))):
                with self.subTest(phase=phase, kind=kind):
                    message = "Can't get attribute 'Net' on <module '__main__'>"
                    case = raised(phase, kind, message, *bases, where=WHERE)
                    fault = self.check(Code.MISSING_ATTRIBUTE, case, f"which is read{WHERE}, only names 'Net'")
                    self.assertIn("inner pickle with cloudpickle", fault.hint)

    def test_raised_by_the_models_own_code_about_main_is_its_own(self) -> None:
        for phase, kind, message, code in (
            ("loading", "AttributeError", "module '__main__' has no attribute 'Net'", Code.LOAD_FAILED),
            ("predicting", "AttributeError", "module '__main__' has no attribute 'Net'", Code.MODEL_RAISED),
            ("predicting", "ValueError", "Can't get attribute 'Net' on <module '__main__'>", Code.MODEL_RAISED),
            ("predicting", "AttributeError", "Can't get attribute 'Net' on <module 'mine'>", Code.MODEL_RAISED),
        ):
            with self.subTest(phase=phase, kind=kind, message=message):
                self.check(code, raised(phase, kind, message, where=WHERE), "'Net'")

    def test_raised_by_a_missing_name_of_the_standard_library_is_a_missing_attribute(self) -> None:
        for message in (
            "Can't get attribute 'gone.by' on <module 'functools' from '/x.py'>",
            "Can't resolve path 'gone.by' on module 'functools'",  # Python 3.14
        ):
            with self.subTest(message=message):
                case = raised("loading", "AttributeError", message)
                self.check(Code.MISSING_ATTRIBUTE, case, "'gone.by'", "'functools'")

    def test_raised_by_the_models_own_code_that_misses_a_name_is_no_missing_attribute(self) -> None:
        case = raised("loading", "AttributeError", "module 'functools' has no attribute 'gone'", where=WHERE)
        self.check(Code.LOAD_FAILED, case, "'gone'")

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
        case = raised("loading", "UnpicklingError", "invalid load key", where=" in read_pickle (pickle.py line 5)")
        self.check(Code.UNREADABLE_PICKLE, case)

    def test_raised_by_a_damaged_archive_is_unreadable(self) -> None:
        facts = replace(FACTS, compression="gz")
        for kind in ("BadGzipFile", "BadZipFile", "LZMAError", "ReadError", "OSError"):
            with self.subTest(kind=kind):
                case = raised("loading", kind, "Not a gzipped file (b'id')", where=" in read (gzip.py line 5)")
                self.check(Code.UNREADABLE_PICKLE, case, facts=facts)
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
                case = raised(phase, kind, "Unable to allocate 7 GiB", *bases, where=WHERE)
                self.check(Code.OUT_OF_MEMORY, case, "Unable to allocate 7 GiB", WHERE)

    def test_raised_by_tensors_of_a_gpu_is_cuda_model(self) -> None:
        for phase, message in (  # 36
            ("loading", "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False."),
            ("predicting", "No CUDA GPUs are available"),
            ("predicting", "Torch not compiled with CUDA enabled"),
        ):
            with self.subTest(message=message):
                fault = self.check(Code.CUDA_MODEL, raised(phase, "RuntimeError", message, where=WHERE))
                self.assertIn("cpu", fault.hint)

    def test_raised_by_system_exit_is_model_exited(self) -> None:
        for phase in ("loading", "predicting"):
            for argument, said in (("", ""), ("0", "0"), ("1", "1"), ("no data", "'no data'")):
                with self.subTest(phase=phase, argument=argument):
                    case = raised(phase, "SystemExit", argument, where=WHERE)
                    self.check(Code.MODEL_EXITED, case, f"sys.exit({said}) while {phase}{WHERE}")

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
        answer = Answer(exception=exception("KeyError", "'data'", where=WHERE), hosts=["api.numer.ai", "hf.co"])
        said = f"KeyError: 'data'{WHERE}; before that it tried to reach api.numer.ai, hf.co, and a model has no"
        self.check(Code.MODEL_RAISED, Raised("predicting", answer), said)

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
                case = raised(phase, "FileNotFoundError", message, where=WHERE)
                fault = self.check(Code.MISSING_FILE, case, message, WHERE)
                self.assertEqual(fault.trace, "Traceback")

    def test_raised_by_shared_memory_is_disk_full(self) -> None:
        case = raised("predicting", "OSError", "[Errno 28] No space left on device", where=WHERE)  # 38
        self.check(Code.DISK_FULL, case, "No space left on device")
