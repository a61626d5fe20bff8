"""Every sin in broken_models/, committed in a real run: what a user is told, and that nothing is delivered.

A file there holds `predict`, or `MODEL` for an object that is no such function, or `write` for a file that is no
pickle of ours. Each has a row in one of three tables below.
"""

import os
import re
import unittest
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from numerai_predict.faults import Code
from tests.harness import ROOT, TESTS, PredictTestCase, Run, by_value, command_lines, load_source

FOLDER = TESTS / "broken_models"
ROWS = 650
SHORT_TIME = ("--time_limit", "3")
LITTLE_MEMORY = ("--memory_limit", "500MB", "--time_limit", "30")
OURS = re.compile(re.escape(f"{ROOT}/") + r"(predict\.py|numerai_predict/\w+\.py)\", line")
# A process that dies or hangs shows its own log in place of an exception's traceback.
LOG_AS_TRACE = (Code.MODEL_CRASHED, Code.TIMEOUT)


@dataclass(frozen=True)
class Fault:
    """The fault that ends a run: its code, and patterns of its message and hint."""

    code: Code
    says: str
    hint: str = "."
    flags: tuple[str, ...] = ()
    file: str = "model.pkl"


@dataclass(frozen=True)
class Warned:
    """Predictions that are delivered with a warning, and not at all under --strict."""

    code: Code
    says: str


@dataclass(frozen=True)
class Delivered:
    """Predictions that are delivered in spite of what the model does; the log shows `log`."""

    log: str = "Saved the predictions"


FAULTS = {
    # What it returns
    "returns_nan": Fault(Code.NAN_PREDICTIONS, r"37 of 650 .* first at id n\w+\.", r"fillna"),
    "returns_nan_in_extra_column": Fault(Code.NAN_PREDICTIONS, r"9 of 650 .*columns confidence"),
    "returns_none": Fault(Code.RETURNED_NOTHING, r"returned None", r"return statement"),
    "returns_series": Fault(
        Code.NOT_A_DATAFRAME, r"Series instead of a pandas DataFrame", r'\.to_frame\("prediction"\)'
    ),
    "returns_numpy": Fault(Code.NOT_A_DATAFRAME, r"numpy\.ndarray", r"index=live_features\.index"),
    "returns_list": Fault(Code.NOT_A_DATAFRAME, r"\blist instead"),
    "returns_tuple": Fault(Code.NOT_A_DATAFRAME, r"\btuple instead"),
    "returns_polars": Fault(Code.NOT_A_DATAFRAME, r"polars", r"to_pandas\(\)"),
    "returns_generator": Fault(Code.NOT_A_DATAFRAME, r"\bgenerator instead"),
    "returns_coroutine": Fault(Code.NOT_A_DATAFRAME, r"\bcoroutine instead"),
    "returns_no_rows": Fault(Code.NO_PREDICTIONS, r"0 rows"),
    "returns_no_columns": Fault(Code.NO_PREDICTIONS, r"0 columns"),
    "returns_out_of_range": Fault(
        Code.PREDICTIONS_OUT_OF_RANGE, r"557 of 650 .*min -3\.09\d+, max 2\.7\b", r"rank\(pct=True\)"
    ),
    "returns_infinity": Fault(Code.PREDICTIONS_OUT_OF_RANGE, r"1 of 650 .*max inf"),
    "returns_text": Fault(Code.PREDICTIONS_NOT_NUMBERS, r"650 of 650 .*'prediction'.*'high'"),
    "returns_numbers_as_text": Fault(Code.PREDICTIONS_NOT_NUMBERS, r"'prediction'.*'0\.\d+'"),
    "returns_booleans": Fault(Code.PREDICTIONS_NOT_NUMBERS, r"'prediction'.*'(True|False)'"),
    "returns_complex_numbers": Fault(Code.PREDICTIONS_NOT_NUMBERS, r"'prediction'.*j\)'"),
    "returns_dates": Fault(Code.PREDICTIONS_NOT_NUMBERS, r"'prediction'.*'2026-01-01"),
    "returns_ids_as_a_column": Fault(Code.PREDICTIONS_NOT_NUMBERS, r"first column, 'id'", r"ids belong into the index"),
    "returns_era_first": Fault(Code.PREDICTIONS_NOT_NUMBERS, r"first column, 'era'"),
    "returns_a_huge_csv": Fault(Code.BAD_HANDOVER, r"\d [kMG]i?B|\d bytes"),
    # How it ends
    "exits_zero": Fault(Code.MODEL_EXITED, r"sys\.exit\(0\) while predicting.*exits_zero\.py line 10", r"sys\.exit"),
    "exits_hard_zero": Fault(Code.MODEL_EXITED, r"status 0 while predicting", r"os\._exit"),
    "exits_with_text": Fault(Code.MODEL_EXITED, r"no data today"),
    "raises_in_predict": Fault(Code.MODEL_RAISED, r"ValueError: era 1001 has no rows.*raises_in_predict\.py line 9"),
    "raises_type_error": Fault(Code.MODEL_RAISED, r"TypeError: object of type 'int' has no len\(\).*line 7"),
    "raises_in_a_helper": Fault(Code.MODEL_RAISED, r"ZeroDivisionError.* in helper \(.*line 7\)"),
    "raises_its_own_exception": Fault(Code.MODEL_RAISED, r"NoSuchRegime: sideways"),
    "raises_without_a_message": Fault(Code.MODEL_RAISED, r"raised AssertionError in predict"),
    "raises_many_lines": Fault(Code.MODEL_RAISED, r"\A[^\n]*\Z"),
    "raises_the_unprintable": Fault(Code.MODEL_RAISED, r"Unprintable"),
    "raises_lone_surrogates": Fault(Code.MODEL_RAISED, r"feature .* is broken"),
    "raises_keyboard_interrupt": Fault(Code.MODEL_RAISED, r"KeyboardInterrupt"),
    "raises_key_error_of_its_own": Fault(Code.MODEL_RAISED, r"KeyError: 'lgbm_v2'"),
    "raises_eof_error": Fault(Code.MODEL_RAISED, r"EOFError"),
    "raises_memory_error": Fault(Code.OUT_OF_MEMORY, r"1\.00 PiB"),
    "breaks_a_pipe": Fault(Code.MODEL_RAISED, r"BrokenPipeError"),
    "recurses_forever": Fault(Code.MODEL_RAISED, r"RecursionError"),
    "segfaults": Fault(Code.MODEL_CRASHED, r"SIGSEGV while predicting"),
    "aborts": Fault(Code.MODEL_CRASHED, r"SIGABRT while predicting"),
    "kills_itself": Fault(Code.MODEL_CRASHED, r"SIGKILL.* not by this runtime", r"memory"),
    "terminates_itself": Fault(Code.MODEL_CRASHED, r"SIGTERM", r"^(?!A native library crashed)"),
    "terminates_its_parent": Fault(Code.INTERRUPTED, r"SIGTERM"),
    "stops_itself": Fault(Code.TIMEOUT, r"more than 3 seconds \(\d+ of them computing\)", flags=SHORT_TIME),
    "sleeps_forever": Fault(Code.TIMEOUT, r"more than 3 seconds \(\d+ of them computing\)", flags=SHORT_TIME),
    "computes_forever": Fault(Code.TIMEOUT, r"more than 3 seconds \(\d+ of them computing\)", flags=SHORT_TIME),
    "eats_memory": Fault(Code.OUT_OF_MEMORY, r"used \d+ of 477 MiB .* predicting", flags=LITTLE_MEMORY),
    "eats_memory_in_children": Fault(Code.OUT_OF_MEMORY, r"used \d+ of 477 MiB .* predicting", flags=LITTLE_MEMORY),
    # What it does to its process
    "closes_every_descriptor": Fault(Code.BAD_HANDOVER, r".", r"descriptors"),
    "writes_to_every_descriptor": Fault(Code.BAD_HANDOVER, r"not JSON", r"descriptors"),
    "disables_logging": Fault(Code.MODEL_RAISED, r"nobody hears this"),
    "patches_pandas": Fault(Code.INTERNAL_ERROR, r"Checking the predictions raised TypeError"),
    # What it needs
    "asks_for_missing_columns": Fault(Code.MISSING_COLUMNS, r"feature_a.*feature_b", r"--dataset"),
    "asks_for_only_missing_columns": Fault(Code.MISSING_COLUMNS, r"feature_a.*feature_b"),
    "asks_for_a_missing_column": Fault(Code.MISSING_COLUMNS, r"KeyError: 'feature_a'"),
    "asks_for_a_missing_benchmark": Fault(Code.MISSING_COLUMNS, r"v5_lgbm_cyrus20", r"--benchmarks"),
    "asks_for_a_missing_attribute": Fault(Code.MISSING_COLUMNS, r"feature_a"),
    "asks_for_thousands_of_columns": Fault(Code.MISSING_COLUMNS, r"2,?000"),
    "was_trained_on_other_names": Fault(Code.MISSING_COLUMNS, r"feature_a"),
    "was_trained_on_fewer_features": Fault(Code.MISSING_COLUMNS, r"features in data \(42\).*training data \(40\)"),
    "imports_missing_module": Fault(Code.MISSING_MODULE, r"'no_such_package'.*line 7"),
    "imports_missing_name": Fault(Code.MODEL_RAISED, r"cannot import name 'no_such_function' from 'sklearn\.ensemble'"),
    "opens_missing_file": Fault(Code.MISSING_FILE, r"/content/drive/MyDrive/features\.csv", r"inside the pickle"),
    "reads_missing_parquet": Fault(Code.MISSING_FILE, r"train\.parquet"),
    "opens_a_folder": Fault(Code.MODEL_RAISED, r"Is a directory: '/etc'"),
    "uses_the_network": Fault(Code.NETWORK_USED, r"URLError.*Connection refused", r"before you pickle"),
    "uses_requests": Fault(Code.NETWORK_USED, r"numer\.ai"),
    "opens_a_socket": Fault(Code.NETWORK_USED, r"Connection refused"),
    "looks_up_a_host": Fault(Code.NETWORK_USED, r"gaierror"),
    "times_out_on_the_network": Fault(Code.MODEL_RAISED, r"TimeoutError: timed out"),
    "uses_an_undefined_name": Fault(Code.MODEL_RAISED, r"NameError: name 'modell' is not defined"),
    "uses_a_category": Fault(Code.MODEL_RAISED, r"Cannot interpret 'CategoricalDtype"),
    "uses_multiprocessing": Fault(Code.MODEL_RAISED, r"PicklingError"),
    # What was pickled
    "takes_three_arguments": Fault(
        Code.WRONG_SIGNATURE, r"predict\(live_features.*models", r"predict\(live_features\)"
    ),
    "takes_no_arguments": Fault(Code.WRONG_SIGNATURE, r"predict\(\)"),
    "takes_keyword_only": Fault(Code.WRONG_SIGNATURE, r"\*, live_benchmark_models"),
    "takes_an_option": Fault(Code.MODEL_RAISED, r"clip"),
    "is_a_dict": Fault(Code.NOT_CALLABLE, r"\bdict\b", r"Wrap the model in a function"),
    "is_none": Fault(Code.NOT_CALLABLE, r"None"),
    "is_a_dataframe": Fault(Code.NOT_CALLABLE, r"DataFrame"),
    "is_a_path": Fault(Code.NOT_CALLABLE, r"\bstr\b"),
    "is_pickled_twice": Fault(Code.NOT_CALLABLE, r"\bbytes\b"),
    "is_an_estimator": Fault(Code.NOT_CALLABLE, r"LinearRegression", r"def predict\(live_features\)"),
    "is_an_object_with_predict": Fault(Code.NOT_CALLABLE, r"\.Model,", r"def predict\(live_features\)"),
    "is_a_class": Fault(Code.NOT_CALLABLE, r"the class MODEL itself", r"instance"),
    "has_no_signature": Fault(Code.WRONG_SIGNATURE, r"signature of Model cannot be read"),
    # While it is loaded
    "raises_on_load": Fault(Code.LOAD_FAILED, r"ValueError: no such regime in load"),
    "raises_keyboard_interrupt_on_load": Fault(Code.LOAD_FAILED, r"KeyboardInterrupt"),
    "raises_import_error_on_load": Fault(Code.LOAD_FAILED, r"libgomp"),
    "reads_standard_input_on_load": Fault(Code.LOAD_FAILED, r"EOF when reading a line"),
    "opens_missing_file_on_load": Fault(Code.MISSING_FILE, r"features\.csv"),
    "uses_the_network_on_load": Fault(Code.NETWORK_USED, r"Connection refused"),
    "exits_on_load": Fault(Code.MODEL_EXITED, r"sys\.exit\(0\) while loading"),
    "exits_hard_on_load": Fault(Code.MODEL_EXITED, r"status 0 while loading"),
    "segfaults_on_load": Fault(Code.MODEL_CRASHED, r"SIGSEGV while loading"),
    "sleeps_on_load": Fault(Code.TIMEOUT, r"more than 3 seconds", flags=SHORT_TIME),
    "eats_memory_on_load": Fault(Code.OUT_OF_MEMORY, r"used \d+ of 477 MiB .* loading", flags=LITTLE_MEMORY),
    # Written elsewhere
    "has_a_code_object_of_other_arity": Fault(
        Code.PYTHON_VERSION_MISMATCH, r"written by Python 3\.1[01] or (earlier|later)", r"numerai_predict_py_3_10|image"
    ),
    "comes_from_a_gpu": Fault(Code.CUDA_MODEL, r"GPU", r"to\('cpu'\)"),
    "comes_from_another_keras": Fault(Code.INCOMPATIBLE_LIBRARY, r"keras"),
    "comes_from_another_numpy_abi": Fault(Code.INCOMPATIBLE_LIBRARY, r"numpy \d.*dtype size changed"),
    "comes_from_another_xgboost": Fault(Code.INCOMPATIBLE_LIBRARY, r"xgboost.*gpu_id"),
    "comes_from_another_lightgbm": Fault(Code.INCOMPATIBLE_LIBRARY, r"lightgbm.*handle"),
    "comes_from_another_scikit_learn": Fault(Code.INCOMPATIBLE_LIBRARY, r"(sklearn|scikit-learn) 1\.\d"),
    "comes_from_another_bit_generator": Fault(Code.INCOMPATIBLE_LIBRARY, r"numpy \d.*PCG128"),
    "comes_from_another_pandas": Fault(Code.INCOMPATIBLE_LIBRARY, r"pandas 2.*M8\[ns\]"),
    "names_main": Fault(Code.MISSING_ATTRIBUTE, r"'predict' of the script.*__main__", r"cloudpickle\.dump"),
    "names_main_in_protocol_4": Fault(Code.MISSING_ATTRIBUTE, r"'predict' of the script.*__main__"),
    "names_predict": Fault(Code.MISSING_MODULE, r"'predict'", r"register_pickle_by_value"),
    "names_utils": Fault(Code.MISSING_MODULE, r"'utils'", r"register_pickle_by_value"),
    "names_missing_module": Fault(Code.MISSING_MODULE, r"'no_such_package'"),
    "names_missing_submodule": Fault(Code.MISSING_MODULE, r"'no_such_package'"),
    "names_missing_numpy_module": Fault(
        Code.INCOMPATIBLE_LIBRARY,
        r"written with NumPy 2; this is NumPy 1" if np.__version__ < "2" else r"^(?!.*written with NumPy 2).*numpy 2",
    ),
    "names_missing_scikit_learn_module": Fault(Code.INCOMPATIBLE_LIBRARY, r"(sklearn|scikit-learn) 1\..*_gb_losses"),
    "names_missing_scikit_learn_class": Fault(Code.INCOMPATIBLE_LIBRARY, r"(sklearn|scikit-learn) 1\..*NoSuchForest"),
    "names_missing_cloudpickle_function": Fault(Code.INCOMPATIBLE_LIBRARY, r"cloudpickle 3"),
    "names_missing_attribute": Fault(Code.MISSING_ATTRIBUTE, r"'no_such_function' of module 'json'"),
    # Files that are no pickles
    "empty_file": Fault(Code.EMPTY_FILE, r"model\.pkl is empty"),
    "truncated_pickle": Fault(Code.TRUNCATED_PICKLE, r"ends early, after \d\d,\d{3} bytes"),
    "pickle_without_its_last_byte": Fault(Code.TRUNCATED_PICKLE, r"ends early, after \d\d bytes"),
    "truncated_gzip": Fault(Code.TRUNCATED_PICKLE, r"ends early", file="model.pkl.gz"),
    "html_page": Fault(Code.NOT_A_PICKLE, r"an HTML page"),
    "s3_error": Fault(Code.NOT_A_PICKLE, r"S3"),
    "git_lfs_pointer": Fault(Code.NOT_A_PICKLE, r"Git LFS pointer", r"git lfs"),
    "jupyter_notebook": Fault(Code.NOT_A_PICKLE, r"a Jupyter notebook"),
    "python_source": Fault(Code.NOT_A_PICKLE, r"Python source"),
    "text_file": Fault(Code.NOT_A_PICKLE, r"a text file"),
    "csv_of_predictions": Fault(Code.NOT_A_PICKLE, r"text"),
    "json_file": Fault(Code.NOT_A_PICKLE, r"JSON"),
    "lightgbm_text_model": Fault(Code.NOT_A_PICKLE, r"LightGBM text model"),
    "base64_text": Fault(Code.NOT_A_PICKLE, r"text"),
    "utf16_text": Fault(Code.UNREADABLE_PICKLE, r"invalid load key"),
    "png_picture": Fault(Code.NOT_A_PICKLE, r"PNG"),
    "zip_archive": Fault(Code.NOT_A_PICKLE, r"zip archive \(torch\.save"),
    "keras_file": Fault(Code.NOT_A_PICKLE, r"HDF5"),
    "joblib_compressed": Fault(Code.NOT_A_PICKLE, r"joblib"),
    "joblib_with_arrays": Fault(Code.NOT_A_PICKLE, r"joblib"),
    "gzip_without_suffix": Fault(Code.NOT_A_PICKLE, r"gzip", r"\.gz"),
    "suffix_without_gzip": Fault(
        Code.NOT_A_PICKLE,
        r"not compressed, though its name ends in \.gz(?!, not a pickle)",
        file="model.pkl.gz",
    ),
    "zip_of_two_pickles": Fault(Code.UNREADABLE_PICKLE, r"Multiple files found", file="model.pkl.zip"),
    "random_bytes": Fault(Code.UNREADABLE_PICKLE, r"invalid load key"),
    "zeros": Fault(Code.NOT_A_PICKLE, r"zeros"),
    "pickle_copied_as_text": Fault(Code.UNREADABLE_PICKLE, r".", r"binary mode"),
    "pickle_decoded_as_text": Fault(Code.UNREADABLE_PICKLE, r".", r"binary mode"),
    "persistent_id": Fault(Code.UNREADABLE_PICKLE, r"persistent"),
    "protocol_nine": Fault(Code.UNREADABLE_PICKLE, r"protocol: 9"),
}

WARNINGS = {
    "returns_wrong_ids": Warned(Code.MISSING_IDS, r"650 of 650 live ids .* begins with old0"),
    "returns_range_index": Warned(Code.MISSING_IDS, r"650 of 650 live ids .* begins with 0"),
    "changes_its_input": Warned(Code.MISSING_IDS, r"650 of 650 live ids .* begins with 0"),
    "returns_part_of_the_ids": Warned(Code.MISSING_IDS, r"550 of 650 live ids"),
    "returns_nan_as_an_id": Warned(Code.MISSING_IDS, r"1 of 651 rows have no id"),
    "returns_duplicate_ids": Warned(Code.DUPLICATE_IDS, r"650 live ids .* 1,300 rows"),
    "returns_an_unnamed_index": Warned(Code.WRONG_COLUMNS, r'begins with ",prediction"'),
    "returns_wrong_column": Warned(Code.WRONG_COLUMNS, r'begins with "id,preds"'),
    "returns_two_columns": Warned(Code.WRONG_COLUMNS, r'begins with "id,prediction,other" \(3 columns\)'),
    "returns_same_column_twice": Warned(Code.WRONG_COLUMNS, r'begins with "id,prediction,prediction"'),
    "returns_extra_column_out_of_range": Warned(Code.WRONG_COLUMNS, r'begins with "id,prediction,rank"'),
    "returns_column_multiindex": Warned(Code.WRONG_COLUMNS, r"'model', 'prediction'"),
    "returns_row_multiindex": Warned(Code.WRONG_COLUMNS, r'begins with "era,id,prediction"'),
    "returns_constant": Warned(Code.CONSTANT_PREDICTIONS, r"All 650 predictions are 0\.5"),
    "returns_tiny_differences": Warned(Code.CONSTANT_PREDICTIONS, r"standard deviation is zero"),
}

DELIVERED = {
    "returns_benchmarks_by_position": Delivered(r"another order than the live features"),
    "returns_extra_ids": Delivered(r"1 of 651 ids are not live ids, first other"),
    "returns_a_subclass_of_dataframe": Delivered(),
    "leaves_a_grandchild": Delivered(),
    "leaves_a_thread": Delivered(),
    "returns_in_a_fork_too": Delivered(),
    "floods_standard_output": Delivered(),
    "floods_standard_error": Delivered(),
    "closes_standard_streams": Delivered(),
    "replaces_standard_streams": Delivered(),
    "turns_warnings_into_errors": Delivered(),
    "turns_numpy_errors_on": Delivered(),
    "changes_pandas_options": Delivered(),
    "removes_the_working_directory": Delivered(),
    "was_fitted_by_an_older_scikit_learn": Delivered(r"InconsistentVersionWarning.*1\.2\.2"),
}


@dataclass(frozen=True)
class Result:
    """A finished run and the CSVs that it left behind, as text."""

    run: Run
    csvs: list[str]


def commit(name: str, flags: tuple[str, ...] = (), file: str = "model.pkl") -> Result:
    """Run the model `name` as a user would, in a folder of its own."""
    case = PredictTestCase()
    case.setUp()
    try:
        path = case.folder / file
        make(FOLDER / f"{name}.py", path)
        run = case.predict(path, *flags)
        return Result(run, [csv.read_text() for csv in run.csvs])
    finally:
        case.doCleanups()


def make(source: Path, path: Path) -> None:
    """Write the model that `source` describes to `path`."""
    module = load_source(source)
    if hasattr(module, "write"):
        module.write(path)
    else:
        path.write_bytes(by_value(module.MODEL if hasattr(module, "MODEL") else module.predict))


class BrokenModels(unittest.TestCase):
    """One run of every broken model, several at a time; the tests look at the results."""

    results: ClassVar[dict[str, Future[Result]]] = {}
    strict: ClassVar[dict[str, Future[Result]]] = {}

    @classmethod
    def setUpClass(cls) -> None:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            cls.results = {name: pool.submit(commit, name, row.flags, row.file) for name, row in FAULTS.items()}
            cls.results.update({name: pool.submit(commit, name) for name in (*WARNINGS, *DELIVERED)})
            cls.strict = {name: pool.submit(commit, name, ("--strict",)) for name in WARNINGS}

    def check_fault(self, result: Result, expected: Fault) -> None:
        code, run = expected.code, result.run
        self.assertEqual((code.label, code.blame.exit_status), (run.code, run.status), run.stderr)
        self.assertEqual(code.blame.status, run.report["status"])
        self.assertEqual([], result.csvs)
        fault = run.report["fault"]
        self.assertRegex(fault["message"], re.compile(expected.says, re.DOTALL))
        self.assertRegex(fault["hint"], expected.hint)
        self.check_last_words(run)
        if code not in LOG_AS_TRACE:
            self.check_no_frames_of_ours(run)

    def check_last_words(self, run: Run) -> None:
        """Code, cause, hint and the command are the last thing that the user reads."""
        fault = run.report["fault"]
        said = f"{run.report['status']}: {fault['code']}\n  {fault['message']}\n  Hint: {fault['hint']}\n"
        _, words, after = run.stderr.rpartition(said.encode(errors="backslashreplace").decode())
        self.assertTrue(words, run.stderr)
        self.assertRegex(after, r"\A  Reproduce it with: docker run -i --rm .* --debug --model \S+[^\n]*\n\Z")

    def check_no_frames_of_ours(self, run: Run) -> None:
        self.assertNotRegex(run.report["fault"]["trace"], OURS)
        self.assertNotIn("Traceback", run.stderr)

    def check_warned(self, result: Result, expected: Warned) -> None:
        run = result.run
        self.assertEqual((0, "success", 1), (run.status, run.report.get("status"), len(result.csvs)), run.stderr)
        warnings = {warning["code"]: warning for warning in run.report["predictions"]["warnings"]}
        self.assertIn(expected.code.label, warnings)
        self.assertRegex(warnings[expected.code.label]["message"], expected.says)
        self.assertIn(warnings[expected.code.label]["message"], run.stderr)

    def check_delivered(self, result: Result, expected: Delivered) -> None:
        run = result.run
        self.assertEqual(
            (0, "success", 1), (run.status, run.report.get("status"), len(result.csvs)), run.stderr[-2000:]
        )
        lines = result.csvs[0].splitlines()
        self.assertEqual("id,prediction", lines[0])
        self.assertIn(len(lines) - 1, (ROWS, ROWS + 1))
        self.assertEqual([], run.report["predictions"]["warnings"])
        self.assertRegex(run.stderr, expected.log)

    def test_crash_shows_no_frames_of_ours(self) -> None:
        self.assertNotRegex(
            self.results["segfaults"].result().run.report["fault"]["trace"], r"predict\.py\", line \d+ in run_model"
        )

    def test_crash_shows_the_line_of_the_model(self) -> None:
        self.assertRegex(
            self.results["segfaults"].result().run.report["fault"]["trace"], r"segfaults\.py\", line 9 in predict"
        )

    def test_timeout_shows_the_line_of_the_model(self) -> None:
        self.assertRegex(self.results["sleeps_forever"].result().run.report["fault"]["trace"], r"sleeps_forever\.py")

    def test_grandchild_does_not_outlive_the_run(self) -> None:
        self.assertNotIn(["sleep", "98765"], command_lines())


class Table(unittest.TestCase):
    def test_every_file_is_in_one_table(self) -> None:
        rows = sorted([*FAULTS, *WARNINGS, *DELIVERED])
        self.assertEqual(sorted(path.stem for path in FOLDER.glob("*.py")), rows)

    def test_every_file_says_what_it_does(self) -> None:
        for path in FOLDER.glob("*.py"):
            with self.subTest(path.stem):
                self.assertRegex(path.read_text(), r'\A"""[^\n]+\."""\n')


Test = Callable[[BrokenModels], None]


def fails(name: str, row: Fault) -> Test:
    return lambda case: case.check_fault(case.results[name].result(), row)


def warns(name: str, row: Warned) -> Test:
    return lambda case: case.check_warned(case.results[name].result(), row)


def fails_if_strict(name: str, row: Warned) -> Test:
    return lambda case: case.check_fault(case.strict[name].result(), Fault(row.code, row.says))


def delivers(name: str, row: Delivered) -> Test:
    return lambda case: case.check_delivered(case.results[name].result(), row)


def add_tests() -> None:
    """Give BrokenModels one test for each row, two for a warning."""
    tests: dict[str, Test] = {}
    for name, fault in FAULTS.items():
        tests[f"{name}_fails_with_{fault.code.label}"] = fails(name, fault)
    for name, warned in WARNINGS.items():
        tests[f"{name}_warns_of_{warned.code.label}"] = warns(name, warned)
        tests[f"{name}_fails_with_{warned.code.label}_if_strict"] = fails_if_strict(name, warned)
    for name, delivered in DELIVERED.items():
        tests[f"{name}_delivers_predictions"] = delivers(name, delivered)
    for title, test in tests.items():
        setattr(BrokenModels, f"test_{title}", test)


add_tests()

if __name__ == "__main__":
    unittest.main()
