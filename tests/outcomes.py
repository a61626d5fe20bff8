"""The outcome of every model in broken_models/: one row for each, by the name of its file.

Needs nothing but Python: the tests of the images read it on a host that has no pandas.
"""

from dataclasses import dataclass

from numerai_predict.faults import Code

# The sample data's.
ROWS = 650
SHORT_TIME = ("--time_limit", "3")
# For a model that must get far first: on a busy machine its packages alone take three seconds to import.
LONG_TIME = ("--time_limit", "20")
LITTLE_MEMORY = ("--memory_limit", "500MB", "--time_limit", "30")


@dataclass(frozen=True)
class Fault:
    """The fault that ends a run: its code, and patterns of its message, its hint and the log; `engine` are flags of
    `docker run`, for rows of the images.
    """

    code: Code
    says: str
    hint: str = "."
    flags: tuple[str, ...] = ()
    file: str = "model.pkl"
    log: str = "."
    engine: tuple[str, ...] = ()


@dataclass(frozen=True)
class Warned:
    """Predictions that are delivered with a warning, and not at all under --strict."""

    code: Code
    says: str


@dataclass(frozen=True)
class Delivered:
    """Predictions that are delivered in spite of what the model does; the log shows `log`."""

    log: str = "Saved the predictions"
    flags: tuple[str, ...] = ()
    engine: tuple[str, ...] = ()


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
    "returns_a_subclass_of_dataframe": Fault(
        Code.NOT_A_DATAFRAME, r"\.Predictions instead .* a subclass", r"return pd\.DataFrame\(result\)"
    ),
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
    "returns_ids_as_a_column": Fault(Code.PREDICTIONS_NOT_NUMBERS, r"first column, 'id'", r"ids belong in the index"),
    "returns_era_first": Fault(Code.PREDICTIONS_NOT_NUMBERS, r"first column, 'era'"),
    "returns_column_multiindex": Fault(Code.WRONG_COLUMNS, r"'model', 'prediction'", r"predictions\.columns = "),
    "returns_predictions_in_the_index": Fault(
        Code.PREDICTIONS_NOT_NUMBERS, r"650 of 650 values of the index level 'prediction' are not .*'=1\+1'", r"column"
    ),
    "returns_a_huge_csv": Fault(Code.BAD_HANDOVER, r"\d [kMG]i?B|\d bytes"),
    # How it ends
    "exits_with_text": Fault(Code.MODEL_EXITED, r"no data today"),
    "raises_in_predict": Fault(Code.MODEL_RAISED, r"ValueError: era 1001 has no rows.*raises_in_predict\.py line 9"),
    "raises_type_error": Fault(Code.MODEL_RAISED, r"TypeError: object of type 'int' has no len\(\).*line 7"),
    "raises_in_a_helper": Fault(Code.MODEL_RAISED, r"ZeroDivisionError.* in helper \(.*line 7\)"),
    "raises_its_own_exception": Fault(Code.MODEL_RAISED, r"NoSuchRegime: sideways"),
    "raises_without_a_message": Fault(Code.MODEL_RAISED, r"raised AssertionError in predict"),
    "raises_many_lines": Fault(Code.MODEL_RAISED, r"\A[^\n]*\Z"),
    "raises_the_unprintable": Fault(Code.MODEL_RAISED, r"Unprintable"),
    "raises_commands_of_a_terminal": Fault(
        Code.MODEL_RAISED,
        r"raised ValueError: raised \x1b\[2J",
        log=r"(?m)^  The model raised ValueError: raised \\x1b\[2J\\x1b\]0;title\\x07\\x9b31m\\u202e\\x08\\x7f",
    ),
    "raises_lone_surrogates": Fault(Code.MODEL_RAISED, r"feature .* is broken"),
    "raises_key_error_of_its_own": Fault(Code.MODEL_RAISED, r"KeyError: 'lgbm_v2'"),
    "raises_key_error_of_a_target": Fault(Code.MODEL_RAISED, r"KeyError: 'target_ender_20'"),
    "asks_its_own_table_for_a_feature": Fault(Code.MODEL_RAISED, r"KeyError: 'feature_a'"),
    "asks_its_own_table_for_ids": Fault(Code.MODEL_RAISED, r"KeyError: .*not in index"),
    "asks_for_a_column_that_it_dropped": Fault(Code.MODEL_RAISED, r"KeyError: 'era'"),
    "has_layers_that_do_not_fit": Fault(Code.MODEL_RAISED, r"size 5 is different from 7"),
    "raises_eof_error": Fault(Code.MODEL_RAISED, r"EOFError"),
    "raises_memory_error": Fault(Code.OUT_OF_MEMORY, r"1\.00 PiB"),
    "breaks_a_pipe": Fault(Code.MODEL_RAISED, r"BrokenPipeError"),
    # It must have begun: its line is in the traceback.
    "sleeps_forever": Fault(
        Code.TIMEOUT,
        r"more than 8 seconds \(\d+ of them computing\).*; for the last 2 seconds it only waited\.\Z",
        r"what it waits for.*time\.sleep",
        flags=("--time_limit", "8"),
    ),
    "predicts_in_a_fork_too": Fault(
        Code.TIMEOUT,
        r"predicts_in_a_fork_too\.py line 19\).* the last 2 seconds it and a process that it had forked only waited",
        r"deadlock.*loky",
        flags=LONG_TIME,
    ),
    "raises_keyboard_interrupt": Fault(Code.MODEL_RAISED, r"KeyboardInterrupt"),
    "computes_forever": Fault(
        Code.TIMEOUT, r"more than 3 seconds \(\d+ of them computing\)(?!.*waited)", r"smaller", flags=SHORT_TIME
    ),
    # What it does to its process
    "disables_logging": Fault(Code.MODEL_RAISED, r"nobody hears this"),
    "patches_pandas": Fault(Code.BAD_HANDOVER, r"cannot be checked: that raised TypeError"),
    # What it needs
    "asks_for_missing_columns": Fault(
        Code.MISSING_COLUMNS, r"2 columns feature_a, feature_b that the live features do not have", r"with --dataset\."
    ),
    "asks_for_only_missing_columns": Fault(Code.MISSING_COLUMNS, r"2 columns feature_a, feature_b that the live"),
    "asks_for_a_missing_column": Fault(
        Code.MISSING_COLUMNS, r"the column feature_a that the live features do not have \(KeyError: 'feature_a'\)"
    ),
    "asks_for_a_missing_benchmark": Fault(
        Code.MISSING_COLUMNS,
        r"the column v5_lgbm_cyrus20 that the benchmark models do not have",
        r"with --benchmarks\.",
    ),
    "asks_for_a_missing_attribute": Fault(Code.MISSING_COLUMNS, r"the column feature_a that the live features"),
    "asks_for_thousands_of_columns": Fault(Code.MISSING_COLUMNS, r"2,000 columns .*version_0, .*\(2,000 in all\) that"),
    "asks_for_the_ids_as_a_column": Fault(Code.MISSING_COLUMNS, r"the column id that", r"live_features\.index"),
    "asks_a_table_made_of_the_data": Fault(
        Code.MISSING_COLUMNS,
        r"the column feature_a that the live features and the benchmark models do not have",
        r"with --dataset and --benchmarks",
    ),
    "drops_a_missing_column": Fault(
        Code.MISSING_COLUMNS, r"the column target_nomi_20 that the live", r'errors="ignore"'
    ),
    "was_trained_on_other_names": Fault(
        Code.MISSING_COLUMNS,
        r"given 2 columns and was trained on 2; it was not given feature_a, feature_b; it was not trained on feature_",
        r"Train on the data version",
    ),
    "was_trained_on_more_features": Fault(
        Code.MISSING_COLUMNS, r"given 42 columns and was trained on 60 \(", r"Train on the data version"
    ),
    "was_trained_on_features_that_it_leaves_out": Fault(
        Code.MISSING_COLUMNS,
        r"given 21 columns and was trained on 42; it was not given .* \(21 in all\)",
        r"live_features\[columns\]",
    ),
    "was_trained_on_fewer_features": Fault(
        Code.UNEXPECTED_COLUMNS, r"given 42 columns and was trained on 40 \(", r"live_features\[columns\]"
    ),
    "was_trained_on_ten_features": Fault(
        Code.UNEXPECTED_COLUMNS,
        r"given 42 columns and was trained on 10; it was not trained on feature_.* \(32 in all\)",
        r"live_features\[columns\]",
    ),
    "was_trained_in_another_order": Fault(
        Code.UNEXPECTED_COLUMNS, r"the 42 columns that it was trained on in another order", r"live_features\[columns\]"
    ),
    "has_fewer_weights_than_features": Fault(
        Code.UNEXPECTED_COLUMNS,
        r"given 42 columns and was made for 10 \(ValueError: matmul",
        r"live_features\[columns\]",
    ),
    "imports_missing_module": Fault(Code.MISSING_MODULE, r"'no_such_package'.*line 7"),
    "imports_google_colab": Fault(
        Code.MISSING_MODULE, r"'google\.colab'.*line 7", r"Colab only: take it out of predict \(drive\.mount"
    ),
    "writes_hdf5": Fault(
        Code.MISSING_MODULE, r"the package 'tables'.*writes_hdf5\.py line 7", r"The platform does not have tables"
    ),
    "imports_missing_name": Fault(Code.MODEL_RAISED, r"cannot import name 'no_such_function' from 'sklearn\.ensemble'"),
    "opens_missing_file": Fault(Code.MISSING_FILE, r"/content/drive/MyDrive/features\.csv", r"inside the pickle"),
    "reads_missing_parquet": Fault(Code.MISSING_FILE, r"train\.parquet"),
    "opens_a_folder": Fault(Code.MODEL_RAISED, r"Is a directory: '/etc'"),
    "starts_a_missing_program": Fault(
        Code.MISSING_PROGRAM, r"the program 'nvidia-smi', which is not .* in predict \(.*line 10\)", r"no GPU"
    ),
    "starts_a_missing_program_by_a_shell": Fault(
        Code.MISSING_PROGRAM, r"by a shell, which did not find it \(.*no-such-program.*line 10\)"
    ),
    "loads_a_missing_library": Fault(Code.MISSING_LIBRARY, r"libta_lib\.so\.0.*line 10\)", r"numpy or pandas"),
    "uses_requests": Fault(Code.NETWORK_USED, r"numer\.ai"),
    "asks_numerapi_for_the_round": Fault(
        Code.NETWORK_USED, r"tried to reach api-tournament\.numer\.ai.*KeyError: 'data'.*line 8\)", r"before you pickle"
    ),
    "downloads_with_boto3": Fault(
        Code.NETWORK_USED, r"neither credentials nor .*Unable to locate credentials.*line 10"
    ),
    "downloads_with_boto3_and_keys": Fault(Code.NETWORK_USED, r"weights\.s3\.amazonaws\.com.*line 11\)"),
    "reads_a_csv_from_the_web": Fault(Code.NETWORK_USED, r"tried to reach example\.com.*line 7\)"),
    "opens_a_file_instead_of_a_download": Fault(
        Code.NETWORK_USED,
        r"FileNotFoundError.*weights\.json.*, after ConnectionError.*example\.com",
        r"before you pickle",
    ),
    "swallows_a_failed_download": Fault(
        Code.MODEL_RAISED, r"NoneType.*; before that it tried to reach example\.com", r"may succeed on your machine"
    ),
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
    "hides_its_one_parameter": Fault(
        Code.MODEL_RAISED,
        r"takes 1 positional argument but 2 were given in inner .*; its parameter '\*args' received the benchmark",
        r"functools\.wraps\(function\)",
    ),
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
    "raises_import_error_on_load": Fault(Code.MISSING_LIBRARY, r"Loading the pickle needs a shared.*libgomp"),
    "reads_standard_input_on_load": Fault(Code.LOAD_FAILED, r"EOF when reading a line"),
    "opens_missing_file_on_load": Fault(Code.MISSING_FILE, r"features\.csv"),
    "exits_on_load": Fault(Code.MODEL_EXITED, r"sys\.exit\(0\) while loading"),
    "exits_hard_on_load": Fault(Code.MODEL_EXITED, r"status 0 while loading"),
    "segfaults_on_load": Fault(Code.MODEL_CRASHED, r"SIGSEGV while loading"),
    "sleeps_on_load": Fault(Code.TIMEOUT, r"more than 3 seconds", flags=SHORT_TIME),
    "eats_memory_on_load": Fault(Code.OUT_OF_MEMORY, r"used \d+ of 477 MiB .* loading", flags=LITTLE_MEMORY),
    # Written elsewhere
    "has_a_code_object_of_other_arity": Fault(
        Code.PYTHON_VERSION_MISMATCH, r"written by Python 3\.1[01]", r"numerai_predict_py_3_1[0-3]"
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
    "calls_a_cached_function": Fault(
        Code.MISSING_ATTRIBUTE,
        r"names 'weight' of the script.*does not contain it: cloudpickle stores by name only functions and methods",
        r"\AOf 'weight': drop @lru_cache or @cache from a function.*of a typing\.NewType use the type itself\.\Z",
    ),
    "has_a_cached_method": Fault(
        Code.MISSING_ATTRIBUTE,
        r"names 'Model\.weight' of .*stores by name only functions and methods with \S+lru_cache or \S+cache\.\Z",
        r"\ADrop @lru_cache or @cache from 'Model\.weight', or keep its results in a dict of the object\.\Z",
    ),
    "annotates_with_a_new_type": Fault(
        Code.MISSING_ATTRIBUTE,
        r"names 'Position' of .*stores by name only what typing\.NewType, ParamSpec and type statements make\.\Z",
        r"\ALeave 'Position' out: annotate with the type itself, or not at all",
    ),
    "holds_a_pickle_that_names_main": Fault(
        Code.MISSING_ATTRIBUTE,
        r"A pickle inside the pickle, which is read in __setstate__ \(\S+ line \d+\), only names 'Net' of the script",
        r"net\.module_.*write the inner pickle with cloudpickle",
    ),
    "reads_a_pickle_that_names_main": Fault(
        Code.MISSING_ATTRIBUTE,
        r"A pickle inside the pickle, which is read in predict \(\S+ line \d+\), only names 'Net' of the script",
        r"write the inner pickle with cloudpickle",
    ),
    "names_predict": Fault(Code.MISSING_MODULE, r"'predict'", r"register_pickle_by_value"),
    "names_utils": Fault(Code.MISSING_MODULE, r"'utils'", r"register_pickle_by_value"),
    "names_an_own_module_with_an_underscore": Fault(
        Code.MISSING_MODULE, r"The pickle needs the module '_features'", r"register_pickle_by_value\(_features\)"
    ),
    "names_google_colab": Fault(
        Code.MISSING_MODULE, r"The pickle needs the module 'google\.colab'", r"Colab only: take it out of predict"
    ),
    "names_missing_module": Fault(Code.MISSING_MODULE, r"'no_such_package'"),
    "names_missing_submodule": Fault(Code.MISSING_MODULE, r"'no_such_package'"),
    "names_missing_numpy_module": Fault(
        Code.INCOMPATIBLE_LIBRARY, r"written with NumPy 2; this is NumPy [12]\..*numpy\._core\.no_such_module"
    ),
    "names_missing_scikit_learn_module": Fault(Code.INCOMPATIBLE_LIBRARY, r"(sklearn|scikit-learn) 1\..*_gb_losses"),
    "names_missing_scikit_learn_class": Fault(Code.INCOMPATIBLE_LIBRARY, r"(sklearn|scikit-learn) 1\..*NoSuchForest"),
    "names_missing_cloudpickle_function": Fault(Code.INCOMPATIBLE_LIBRARY, r"cloudpickle 3"),
    "names_missing_attribute": Fault(
        Code.MISSING_ATTRIBUTE, r"'no_such_function' of module 'json'", r"again with Python"
    ),
}

# Files that are no pickles, whatever Python looks at them.
NO_PICKLES = {
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
    "unpacks_to_gigabytes": Fault(
        Code.OUT_OF_MEMORY, r"used \d+ of 477 MiB .* inspecting", flags=LITTLE_MEMORY, file="model.pkl.gz"
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
    "forges_ids": Warned(Code.MISSING_IDS, r"650 of 650 live ids .* begins with forged0"),
    "returns_wrong_ids": Warned(Code.MISSING_IDS, r"650 of 650 live ids .* begins with old0"),
    "returns_ids_as_bytes": Warned(Code.MISSING_IDS, r"650 live ids .* begins with b'n\w+' \(it is bytes"),
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
    "returns_row_multiindex": Warned(Code.WRONG_COLUMNS, r'begins with "era,id,prediction"'),
    "returns_fractions": Warned(Code.PREDICTIONS_NOT_NUMBERS, r"649 of 650 predictions are written as fractions"),
    "returns_constant": Warned(Code.CONSTANT_PREDICTIONS, r"All 650 predictions are 0\.5"),
    "returns_tiny_differences": Warned(Code.CONSTANT_PREDICTIONS, r"standard deviation is zero"),
}

DELIVERED = {
    "hides_its_parameters": Delivered(),
    "takes_the_rest": Delivered(),
    "takes_an_option_by_keyword": Delivered(),
    "leaves_a_thread": Delivered(),
    "returns_benchmarks_by_position": Delivered(r" INFO The benchmark models hold .* another order"),
    "returns_extra_ids": Delivered(r"1 of 651 ids are not live ids, first other"),
    "returns_long_decimals": Delivered(),
    "replaces_standard_streams": Delivered(),
    "logs_info": Delivered(
        r"(?s)\A(?!.*a line of DEBUG).*\d INFO root: 650 rows\n.*\d INFO mine: a line of its own\n"
        r".*\d WARNING py\.warnings: .*UserWarning: a warning"
    ),
    "logs_debug": Delivered(
        r"(?s)\A(?!.*found a font).*\d DEBUG root: 650 rows\n.*\d DEBUG mine: ", flags=("--debug",)
    ),
    "configures_logging": Delivered(r"(?s)\A(?!.*(a line of INFO|shown.*shown)).*\n\| WARNING \| shown once\n"),
    "logs_by_handlers_of_its_own": Delivered(
        r"(?s)\A(?!.*(printed.*printed|opened.*opened|kept.*kept|hidden.*hidden)).*\nprinted\nopened\n"
        r".* INFO keeps: kept\n.* INFO hides: hidden\n"
    ),
    "turns_warnings_into_errors": Delivered(),
    "turns_numpy_errors_on": Delivered(),
    "changes_pandas_options": Delivered(),
    "brings_its_own_module": Delivered(r"WARNING Loading it needs .* only its own code can bring: 'notebook_helpers'"),
    "brings_what_it_names_of_main": Delivered(r"WARNING Loading it needs 'weight' of the script that wrote it"),
    "holds_a_pickle_that_it_never_reads": Delivered(r"WARNING This was expected and did not happen: .* names 'Net'"),
    "was_fitted_by_an_older_scikit_learn": Delivered(r"InconsistentVersionWarning.*1\.2\.2"),
}

# Models that try what they may not, or take down what they can: the promises of docs/confinement.md.
# One that attacks tries everything, raises AssertionError with what got through, and predicts properly if nothing did.
CONFINED: dict[str, Fault | Delivered] = {
    # Network
    "dials_out": Delivered(),
    "uses_the_network": Fault(Code.NETWORK_USED, r"Network is unreachable", r"before you pickle"),
    "uses_the_network_on_load": Fault(Code.NETWORK_USED, r"Network is unreachable"),
    "opens_a_socket": Fault(Code.NETWORK_USED, r"Network is unreachable.*opens_a_socket\.py line 9"),
    "looks_up_a_host": Fault(
        Code.NETWORK_USED, r"no internet access while a model predicts \(tried to reach numerai\.invalid\)"
    ),
    "downloads_with_requests": Fault(
        Code.NETWORK_USED,
        r"no internet access while a model predicts \(tried to reach numer\.ai\)",
        r"before you pickle",
    ),
    "downloads_in_a_subprocess": Fault(Code.NETWORK_USED, r"Network is unreachable|resolution|Name or service"),
    "works_in_parallel": Delivered(),
    "trains_in_parallel": Delivered(),
    # Secrets and the parent
    "reads_secrets": Delivered(),
    "attacks_its_parent": Delivered(),
    "signals_its_parent_by_a_socket": Delivered(),
    "terminates_its_parent": Fault(Code.MODEL_RAISED, r"PermissionError: .*Operation not permitted"),
    "kills_all_processes": Delivered(),
    "changes_its_user": Delivered(),
    "looks_up_its_user": Delivered(),
    # Files
    "writes_outside_its_folder": Delivered(),
    "writes_to_a_system_folder": Fault(
        Code.FILE_DENIED, r"/etc/predictions\.csv.*writes_to_a_system_folder\.py line 7"
    ),
    "reads_a_private_file": Fault(Code.FILE_DENIED, r"/proc/1/environ"),
    "writes_one_huge_file": Fault(Code.DISK_FULL, r"writes_one_huge_file\.py line 10"),
    "fills_its_folder": Fault(Code.DISK_FULL, r"."),
    "fills_a_closed_folder": Fault(Code.DISK_FULL, r"4,096 MiB of files|a folder that cannot be looked into"),
    "makes_too_many_files": Fault(Code.DISK_FULL, r"more than 20,000 files while predicting"),
    "leaves_traps_in_its_folder": Delivered(),
    "takes_the_rights_of_folders": Delivered(),
    "removes_the_working_directory": Delivered(),
    "prints_by_name": Delivered(r"(?s)logged to /dev/stderr.*logged to /proc/self/fd/2.*logged to /dev/fd/2.*\nechoed"),
    # Memory
    "eats_memory": Fault(Code.OUT_OF_MEMORY, r"used [\d,]+ of [\d,]+ MiB .* predicting", flags=LITTLE_MEMORY),
    "eats_memory_in_children": Fault(
        Code.OUT_OF_MEMORY, r"used [\d,]+ of [\d,]+ MiB .* predicting", flags=LITTLE_MEMORY
    ),
    "eats_memory_in_one_call": Fault(
        Code.OUT_OF_MEMORY, r"used [\d,]+ of [\d,]+ MiB .* predicting|Unable to allocate 16\.0 GiB", flags=LITTLE_MEMORY
    ),
    "eats_memory_after_its_answer": Fault(
        Code.OUT_OF_MEMORY, r"used [\d,]+ of [\d,]+ MiB .* checking", flags=LITTLE_MEMORY
    ),
    "asks_for_system_v": Delivered(),
    # Time and processes
    "stops_itself": Fault(Code.TIMEOUT, r"more than 3 seconds \(\d+ of them computing\)", flags=SHORT_TIME),
    "forks_without_end": Fault(Code.TOO_MANY_PROCESSES, r"400", flags=("--time_limit", "50")),
    "leaves_a_grandchild": Delivered(),
    "leaves_a_daemon": Delivered(),
    "leaves_a_daemon_and_hangs": Fault(
        Code.TIMEOUT,
        r"more than 8 seconds.* for the last 2 seconds it only waited\.\Z",
        r"what it waits for",
        flags=("--time_limit", "8"),
    ),
    "returns_in_a_fork_too": Delivered(),
    # Ends
    "segfaults": Fault(Code.MODEL_CRASHED, r"SIGSEGV while predicting in predict \(\S*segfaults\.py line 9\)"),
    "segfaults_in_a_thread": Fault(
        Code.MODEL_CRASHED, r"SIGSEGV while predicting in work \(\S*segfaults_in_a_thread\.py line 10\)"
    ),
    "aborts": Fault(Code.MODEL_CRASHED, r"SIGABRT while predicting in predict \(\S*aborts\.py line 10\)"),
    "hits_a_bus_error": Fault(
        Code.MODEL_CRASHED, r"SIGBUS while predicting in predict \(\S*hits_a_bus_error\.py line 14\)"
    ),
    "runs_an_illegal_instruction": Fault(
        Code.MODEL_CRASHED, r"SIGILL while predicting in predict \(\S*runs_an_illegal_instruction\.py line 16\)"
    ),
    "divides_by_zero_natively": Fault(
        Code.MODEL_CRASHED, r"SIGFPE while predicting in predict \(\S*divides_by_zero_natively\.py line 18\)"
    ),
    "kills_itself": Fault(Code.MODEL_CRASHED, r"SIGKILL.* not by this runtime", r"memory"),
    "terminates_itself": Fault(Code.MODEL_CRASHED, r"SIGTERM", r"^(?!A native library crashed)"),
    "crashes_in_a_worker": Fault(Code.MODEL_RAISED, r"BrokenProcessPool"),
    "exits_zero": Fault(Code.MODEL_EXITED, r"sys\.exit\(0\) while predicting.*exits_zero\.py line 10", r"sys\.exit"),
    "exits_hard_zero": Fault(Code.MODEL_EXITED, r"status 0 while predicting", r"os\._exit"),
    "recurses_forever": Fault(Code.MODEL_RAISED, r"RecursionError"),
    # Output
    "floods_standard_output": Delivered(),
    "floods_standard_error": Delivered(),
    "floods_standard_output_forever": Fault(
        Code.TIMEOUT, r"more than 20 seconds", flags=LONG_TIME, log=r"first 10,000,000 bytes"
    ),
    "closes_standard_streams": Delivered(),
    # Hand-over
    "closes_every_descriptor": Fault(Code.BAD_HANDOVER, r".", r"descriptors"),
    "writes_to_every_descriptor": Fault(Code.BAD_HANDOVER, r"not JSON", r"descriptors"),
    "floods_its_channel": Fault(Code.BAD_HANDOVER, r".", flags=LONG_TIME),
    "forges_wrong_types": Fault(Code.BAD_HANDOVER, r"."),
    "forges_a_nested_answer": Fault(Code.BAD_HANDOVER, r"not JSON"),
    "forges_a_huge_size": Fault(Code.BAD_HANDOVER, r"1,000,000,000,000 bytes"),
    "forges_too_large_a_size": Fault(Code.BAD_HANDOVER, r"."),
    "forges_too_small_a_size": Fault(Code.BAD_HANDOVER, r"."),
    "forges_an_empty_answer": Fault(Code.BAD_HANDOVER, r"."),
    "forges_findings": Fault(Code.BAD_HANDOVER, r"unexpected message"),
    "forges_an_unknown_fault": Fault(Code.BAD_HANDOVER, r"."),
    "forges_a_fault_of_the_runtime": Fault(Code.BAD_HANDOVER, r"."),
    "forges_random_bytes": Fault(Code.BAD_HANDOVER, r"."),
    "forges_ragged_rows": Fault(Code.BAD_HANDOVER, r"."),
    "forges_missing_values": Fault(Code.BAD_HANDOVER, r"."),
    "forges_values_out_of_range": Fault(Code.BAD_HANDOVER, r"."),
    "forges_no_rows": Fault(Code.BAD_HANDOVER, r"."),
    "returns_control_characters_in_ids": Fault(Code.BAD_HANDOVER, r"control character U\+001B in an id"),
    # What it says in the runtime's name
    "asks_for_what_is_not_there": Fault(Code.BAD_HANDOVER, r"while predicting: it sent an unexpected message"),
    "returns_to_an_earlier_phase": Fault(Code.MODEL_RAISED, r"RuntimeError: no regime .*returns_to_an_earlier"),
    "raises_a_fault_of_the_runtime": Fault(Code.MODEL_RAISED, r"raised Fault: The 650 rows are cut off"),
    "claims_data_that_it_was_not_given": Fault(Code.BAD_HANDOVER, r"fields"),
    "claims_that_benchmarks_are_unreadable": Fault(
        Code.BAD_HANDOVER, r"which can be read: They are cut off", log=r"Reading the benchmark models without the model"
    ),
    "forges_more_lines_of_a_header": Fault(Code.BAD_HANDOVER, r"not numbers from 0 to 1, 1 among"),
    "forges_too_many_rows": Fault(Code.BAD_HANDOVER, r"more than 1,300 predictions for 650 live rows"),
    "forges_statistics": Fault(Code.BAD_HANDOVER, r"fields"),
}

# What only the figures of a container show, of memory that belongs to no process: caught in the images alone.
CONTAINED: dict[str, Fault | Delivered] = {
    "eats_memory_in_sockets": Fault(Code.OUT_OF_MEMORY, r"used [\d,]+ of [\d,]+ MiB", flags=LITTLE_MEMORY),
    "eats_memory_in_a_memory_file": Fault(Code.OUT_OF_MEMORY, r"used [\d,]+ of [\d,]+ MiB", flags=LITTLE_MEMORY),
}

# What needs the terminal of `docker run -it`: tried on one in the images alone, as root and as an ordinary user.
TERMINAL: dict[str, Fault | Delivered] = {
    "reaches_for_the_terminal": Delivered(),
    "commands_the_terminal": Fault(Code.MODEL_RAISED, r"Raised"),
}

# What needs the platform's packages, or a container with certain flags: tried in the image of one version alone.
PLATFORM: dict[str, Fault | Delivered] = {
    "downloads_with_aiohttp": Fault(Code.NETWORK_USED, r"example\.com"),
    "downloads_with_curl_cffi": Fault(Code.NETWORK_USED, r"resolve host: example\.com"),
    "scans_parquet_in_s3": Fault(Code.NETWORK_USED, r"."),
    "downloads_weights_of_tabpfn": Fault(Code.NETWORK_USED, r"tried to reach huggingface\.co, and"),
    "asks_yfinance_for_prices": Fault(
        Code.MODEL_RAISED,
        r'IndexError.*; before that it printed "Could not resolve host"',
        r"may succeed on your machine",
    ),
    "compiles_with_torch": Delivered(),
    "fills_shared_memory": Fault(
        Code.DISK_FULL,
        r"Shared memory \(/dev/shm, 64 MB\) was full: the model's process died of SIGBUS .*line 12\)",
        r"n_jobs=1, num_workers=0",
    ),
    "fills_shared_memory_with_tensors": Fault(Code.DISK_FULL, r"No space left on device", r"64 MB|n_jobs=1"),
    "starts_too_many_threads": Fault(
        Code.TOO_MANY_PROCESSES,
        r"at most 40 .* in this container.*can't start new thread",
        engine=("--pids-limit", "40"),
    ),
    "starts_too_many_native_threads": Fault(
        Code.TOO_MANY_PROCESSES, r"at most 40 .* in this container.*libgomp", engine=("--pids-limit", "40")
    ),
    "has_ten_features_of_xgboost": Fault(
        Code.UNEXPECTED_COLUMNS,
        r"given 42 columns and was trained on 10; it was not trained on feature_.* \(32 in all\)",
        r"live_features\[columns\]",
    ),
    "has_ten_unnamed_features_of_xgboost": Fault(
        Code.UNEXPECTED_COLUMNS, r"given 42 columns and was trained on 10 \(", r"live_features\[columns\]"
    ),
    "has_a_booster_that_knows_names": Fault(
        Code.UNEXPECTED_COLUMNS, r"trained on columns with names and was given none \(", r"Give it a DataFrame"
    ),
    "has_ten_features_of_catboost": Delivered(),
    "has_ten_unnamed_features_of_catboost": Delivered(
        r" WARNING CatBoost was given 42 columns without names and was trained on 10: it took the first 10"
    ),
    "has_more_features_of_catboost": Fault(
        Code.MISSING_COLUMNS,
        r"given 42 columns and was trained on 43; it was not given feature_a \(",
        r"Train on the data version",
    ),
    "has_ten_inputs_of_torch": Fault(
        Code.UNEXPECTED_COLUMNS,
        r"given 42 columns and was made for 10 \(RuntimeError: mat1",
        r"live_features\[columns\]",
    ),
    "has_sixty_inputs_of_keras": Fault(
        Code.MISSING_COLUMNS, r"given 42 columns and was trained on 60 \(", r"Train on the data version"
    ),
    "trains_catboost_on_a_gpu": Fault(
        Code.CUDA_MODEL, r"computes on a GPU, and there is none here .*CUDA error 35", r"task_type='CPU' for CatBoost"
    ),
    "asks_polars_for_a_missing_column": Fault(Code.MISSING_COLUMNS, r"ColumnNotFoundError: .?feature_a", r"--dataset"),
    "is_a_torch_module": Delivered(),
    "comes_with_a_skorch_net": Fault(
        Code.MISSING_ATTRIBUTE,
        r"A pickle inside the pickle, which is read in __setstate__ \(\S+ line \d+\), only names 'Net' of the script",
        r"of a skorch net: net\.module_",
    ),
    "comes_with_the_module_of_a_skorch_net": Delivered(),
    "holds_a_pickle_of_torch": Fault(
        Code.MISSING_ATTRIBUTE, r"A pickle inside the pickle, which is read in __setstate__ .* only names 'Net'"
    ),
    "imports_keras_of_tensorflow": Delivered(r"\A(?![\s\S]*not installed)[\s\S]*Saved the predictions"),
    # How the process is
    "compiles_with_numba": Delivered(
        r"(?s)\A(?!.* DEBUG (numba|matplotlib|graphviz)).* DEBUG root: compiled", flags=("--debug",)
    ),
    "asks_torch_for_its_cache": Delivered(engine=("--user", "1234:1234")),
    "imports_google_cloud_bigquery": Fault(
        Code.MISSING_MODULE, r"'google\.cloud\.bigquery'.*line 7", r"The platform does not have google-cloud-bigquery"
    ),
    "shows_a_progress_bar_of_notebooks": Fault(
        Code.MISSING_MODULE, r"the package 'ipywidgets'.*IProgress not found", r"use tqdm in place of tqdm\.notebook"
    ),
    "shows_a_table_in_a_notebook": Fault(
        Code.MISSING_MODULE,
        r"needs the module 'IPython'",
        r"\AIPython is for notebooks: take it out of predict",
    ),
    "writes_an_excel_table": Fault(
        Code.MISSING_MODULE, r"the package 'xlsxwriter'.*line 9", r"The platform does not have xlsxwriter"
    ),
}
