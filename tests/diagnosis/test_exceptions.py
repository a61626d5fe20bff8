"""exceptions.py: from what a model raised to the fault that its user reads."""

import unittest
from dataclasses import replace
from typing import NamedTuple

from numerai_predict.child import Answer, EarlierException
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

    def test_raised_by_a_model_that_was_given_more_than_it_takes_says_what_was_given_for_what(self) -> None:
        given = "predict() takes 1 positional argument but 2 were given"
        for kind, message, parameter, hint in (
            ("TypeError", given, "*args", "functools.wraps(function)"),
            ("TypeError", given, "clip", Code.MODEL_RAISED.hint),
            ("TypeError", "unhashable type", "*args", Code.MODEL_RAISED.hint),
            ("ValueError", given, "*args", Code.MODEL_RAISED.hint),
        ):
            with self.subTest(kind=kind, message=message, parameter=parameter):
                case = raised("predicting", kind, message)
                answer = replace(case.answer, optional_second=parameter)
                said = f"; its parameter {parameter!r} received the benchmark models"
                self.assertIn(hint, self.check(Code.MODEL_RAISED, case._replace(answer=answer), said).hint)

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

    def test_raised_by_another_key_is_the_models(self) -> None:
        for key in ("'weights'", "'feature_unseen'", "'target_ender_20'", "\"['n0003d344cc4213d'] not in index\""):
            with self.subTest(key):
                self.check(Code.MODEL_RAISED, raised("predicting", "KeyError", key, where=WHERE), key)

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

    def test_raised_by_libraries_that_find_no_gpu_is_cuda_model(self) -> None:
        for kind, message in (
            (
                "CatBoostError",
                "catboost/cuda/cuda_lib/cuda_base.h:281: CUDA error 35: CUDA driver version is insufficient",
            ),
            ("LightGBMError", "No OpenCL device found"),
            ("CudaSupportError", "Error at driver init: \nCUDA driver library cannot be found."),
        ):
            fault = self.check(Code.CUDA_MODEL, raised("predicting", kind, message, where=WHERE), kind, WHERE)
            self.assertIn("device='cpu'", fault.hint)

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
        fault = self.check(Code.MODEL_RAISED, Raised("predicting", answer), said)
        self.assertIn("may succeed on your machine", fault.hint)

    def test_raised_after_native_code_printed_that_it_has_no_network_says_so(self) -> None:
        answer = Answer(exception=exception("IndexError", "out of bounds", where=WHERE))
        log = (
            "1 Failed download:\n['SPY']: DNSError('Failed to perform, curl: (6) Could not resolve host: yahoo.com')\n"
        )
        fault = fault_of_exception(answer, "predicting", FACTS, log)
        assert fault is not None
        self.assertIn('; before that it printed "Could not resolve host", and a model has no internet', fault.message)
        self.assertIn("may succeed on your machine", fault.hint)

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

    def test_raised_by_what_clients_make_of_a_refusal_is_the_network(self) -> None:
        polars = "Generic HTTP error: Error performing HEAD https://e.com/w in 2s, after 10 retries - HTTP error: error"
        for kind, message in (
            ("ClientConnectorDNSError", "Cannot connect to host example.com:443 ssl:default [no internet access while"),
            ("EndpointConnectionError", 'Could not connect to the endpoint URL: "https://b.s3.amazonaws.com/w"'),
            ("DNSError", "Failed to perform, curl: (6) Could not resolve host: example.com."),
            ("ConnectionError", "Failed to perform, curl: (7) failed to open socket: Network is unreachable."),
            ("OSError", f"object-store error: {polars} sending request"),
            ("ComputeError", "error sending request for url (https://huggingface.co/datasets/a)"),
            (
                "OSError",
                "AWS Error NETWORK_CONNECTION during HeadObject operation: curlCode: 6, Couldn't resolve host name",
            ),
            (
                "_InactiveRpcError",
                'details = "errors resolving e.com:443: [address lookup failed for e.com:443: Could not"',
            ),
            ("FailedPreconditionError", "libcurl code 6, error details: Could not resolve host: www.googleapis.com"),
            ("OfflineModeIsEnabled", "Cannot reach https://huggingface.co/api/models/gpt2: offline mode is enabled."),
            ("OSError", "We couldn't connect to 'https://huggingface.co' to load the files, and couldn't find them"),
            ("LocalEntryNotFoundError", "outgoing traffic has been disabled."),
            ("Exception", "URL fetch failure on https://example.com/w.h5: None -- [Errno -2]"),
            ("OperationalError", 'could not translate host name "db.example.com" to address: Temporary failure'),
            ("ConnectionError", "Error -2 connecting to redis.example.com:6379. Name or service not known."),
            ("RuntimeError", "It looks like there is no internet connection and the repo could not be found"),
        ):
            with self.subTest(kind=kind, message=message):
                fault = self.check(Code.NETWORK_USED, raised("predicting", kind, message, where=WHERE), kind, WHERE)
                self.assertIn("no internet", fault.message)

    def test_raised_for_want_of_credentials_says_that_there_is_no_network_either(self) -> None:
        for kind, message in (
            ("NoCredentialsError", "Unable to locate credentials"),
            ("NoRegionError", "You must specify a region."),
            ("DefaultCredentialsError", "Your default credentials were not found."),
        ):
            with self.subTest(kind):
                case = raised("predicting", kind, message, "BotoCoreError", where=WHERE)
                self.check(Code.NETWORK_USED, case, "neither credentials nor internet access", message.rstrip("."))

    def test_raised_by_a_call_that_had_tried_the_network_names_its_host(self) -> None:
        for kind, message in (
            ("KeyError", "'data'"),
            ("FileNotFoundError", "[Errno 2] No such file or directory: 'x'"),
        ):
            answer = Answer(exception=replace(exception(kind, message, where=WHERE), tried=["api.numer.ai"]))
            said = f"tried to reach api.numer.ai, and a model has no internet access ({kind}: {message}){WHERE}."
            self.check(Code.NETWORK_USED, Raised("predicting", answer), said)

    def test_raised_by_a_file_that_a_swallowed_download_would_have_been_is_the_network(self) -> None:
        error = exception("FileNotFoundError", "[Errno 2] No such file or directory: 'w.csv'", where=WHERE)
        said = ("tried to reach example.com, and", "then it opened a file that is not here (", "'w.csv'", WHERE)
        self.check(Code.NETWORK_USED, Raised("predicting", Answer(exception=error, hosts=["example.com"])), *said)
        self.check(Code.MISSING_FILE, Raised("predicting", Answer(exception=error)))
        program = Answer(exception=replace(error, program="java"), hosts=["example.com"])
        self.check(Code.MISSING_PROGRAM, Raised("predicting", program))

    def test_raised_because_of_the_network_shows_the_cause(self) -> None:
        cause = EarlierException(
            "ConnectionError", f"HTTPSConnectionPool(host='e.com') {'x' * 500} Failed to resolve 'e'"
        )
        for kind, message in (("RuntimeError", "cannot load weights"), ("SystemExit", "no data"), ("TypeError", "odd")):
            earlier = [EarlierException("KeyError", "'a'"), cause]
            answer = Answer(exception=replace(exception(kind, message, where=WHERE), earlier=earlier))
            with self.subTest(kind):
                said = f"({kind}: {message}, after ConnectionError: HTTPSConnectionPool(host='e.com') xxx"
                fault = self.check(Code.NETWORK_USED, Raised("predicting", answer), said, " …)", WHERE)
                self.assertLess(len(fault.message), 500)

    def test_raised_after_another_exception_is_not_the_network(self) -> None:
        earlier = [EarlierException("BrokenPipeError", "[Errno 32] Broken pipe")]
        answer = Answer(exception=replace(exception("KeyError", "'a'"), earlier=earlier))
        self.check(Code.MODEL_RAISED, Raised("predicting", answer))

    def test_raised_by_a_server_on_loopback_advises_to_do_without(self) -> None:
        message = "The server socket has failed to bind. port: 29500, code: -101, message: network is unreachable"
        fault = self.check(Code.NETWORK_USED, raised("predicting", "DistNetworkError", message))
        self.assertIn("loopback", fault.hint)

    def test_raised_by_a_file_system_in_the_network_does_not_advise_the_package_alone(self) -> None:
        case = raised("predicting", "ImportError", "Install s3fs to access S3", where=WHERE)
        fault = self.check(Code.MISSING_MODULE, case, "s3fs", "from the network")
        self.assertIn("no network", fault.hint)

    def test_raised_by_a_program_that_is_not_installed_names_it(self) -> None:
        message = "[Errno 2] No such file or directory: 'nvidia-smi'"
        for program, hint in (
            ("nvidia-smi", "no GPU"),
            ("/usr/bin/java", "Do without the program"),
            ("curl", "no network either"),
        ):
            answer = Answer(exception=replace(exception("FileNotFoundError", message, where=WHERE), program=program))
            fault = self.check(Code.MISSING_PROGRAM, Raised("predicting", answer), repr(program), WHERE)
            self.assertIn(hint, fault.hint)
        shell = "Command 'nvidia-smi -L' returned non-zero exit status 127."
        case = raised("predicting", "CalledProcessError", shell)
        self.assertIn("no GPU", self.check(Code.MISSING_PROGRAM, case, "by a shell", "nvidia-smi").hint)
        lines = "Command '\ncurl -sO https://example.com/w\n' returned non-zero exit status 127."
        self.check(Code.MISSING_PROGRAM, raised("predicting", "CalledProcessError", lines), "by a shell")
        other = "Command 'ls' returned non-zero exit status 1."
        self.check(Code.MODEL_RAISED, raised("predicting", "CalledProcessError", other))

    def test_raised_for_want_of_a_compiler_says_so(self) -> None:
        torch = "InvalidCxxCompiler: No working C++ compiler found in torch._inductor.config.cpp.cxx: (None, 'g++')"
        for kind, message, hint in (
            ("InductorError", torch, "torch.compile"),
            ("BackendCompilerFailed", f"backend='inductor' raised:\n{torch}", "suppress_errors"),
            (
                "RuntimeError",
                "Ninja is required to load C++ extensions (pip install ninja to get it)",
                "compiled already",
            ),
            ("CompileError", "command 'gcc' failed: No such file or directory", "compiled already"),
            ("VerificationError", "CompileError: command '/usr/bin/gcc' failed: No such file or directory", "compiled"),
            ("RuntimeError", "Failed to find C compiler. Please specify via CC environment variable.", "compiled"),
        ):
            with self.subTest(kind=kind, message=message):
                fault = self.check(
                    Code.MISSING_PROGRAM, raised("predicting", kind, message, where=WHERE), "compiler here"
                )
                self.assertIn(hint, fault.hint)
        answer = Answer(exception=replace(exception("FileNotFoundError", "[Errno 2]: 'g++'"), program="g++"))
        self.check(Code.MISSING_PROGRAM, Raised("predicting", answer), "compiler here")

    def test_raised_by_a_shared_library_that_is_not_installed_says_so(self) -> None:
        lacks = "cannot open shared object file: No such file or directory"
        for kind, message, hint in (
            ("OSError", f"libta_lib.so.0: {lacks}", "numpy or pandas"),
            ("OSError", f"cannot load library 'libta_lib.so.0': libta_lib.so.0: {lacks}.", "numpy or pandas"),
            ("ImportError", f"libGL.so.1: {lacks}", "opencv-python-headless"),
            ("OSError", f"libcudart.so.11.0: {lacks}", "no GPU"),
            ("ImportError", f"libcurl.so.4: {lacks}", "No pip install"),
            ("OSError", "Could not load this library: /content/libops.so", "No pip install"),
            ("NotFoundError", f"/content/op.so: {lacks}", "No pip install"),
        ):
            for phase in ("loading", "predicting"):
                with self.subTest(kind=kind, message=message, phase=phase):
                    fault = self.check(Code.MISSING_LIBRARY, raised(phase, kind, message, where=WHERE), "does not have")
                    self.assertIn(hint, fault.hint)

    def test_raised_by_a_shared_library_in_another_version_says_so(self) -> None:
        for kind, message in (
            ("ImportError", "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by /v/_x.so)"),
            ("ImportError", "/venv/lib/x.so: undefined symbol: _ZN2at4_ops5zeros4callE"),
        ):
            with self.subTest(message=message):
                fault = self.check(Code.MISSING_LIBRARY, raised("loading", kind, message), "does not fit")
                self.assertNotIn("No pip install", fault.hint)

    def test_raised_by_shared_memory_of_torch_is_disk_full(self) -> None:
        for message in (
            "unable to allocate shared memory(shm) for file </torch_13_2363475978_0>: No space left on device (28)",
            "DataLoader worker (pid 19) is killed by signal: Bus error. It is possible that dataloader's workers are "
            "out of shared memory. Please try to raise your shared memory limit.",
        ):
            fault = self.check(Code.DISK_FULL, raised("predicting", "RuntimeError", message, where=WHERE), WHERE)
            self.assertIn("64 MB", fault.hint)

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
