"""columns.py: whether columns are missing or unexpected, in the words of the libraries of the four Pythons."""

import unittest
from dataclasses import replace

from numerai_predict.child import BENCHMARK_MODELS, LIVE_FEATURES, Answer, MissingColumns, OtherColumns
from numerai_predict.diagnosis.exceptions import fault_of_exception
from numerai_predict.faults import Code, Fault
from tests.diagnosis.cases import FACTS, WHERE, exception

MISSING, UNEXPECTED = Code.MISSING_COLUMNS, Code.UNEXPECTED_COLUMNS
OTHER_VERSION = "Train on the data version"
SELECT = "live_features[columns]"
# Of the sample data: benchmark models, features, both, numbers, all.
WIDTHS = [4, 42, 46, 53, 55]

SKLEARN_MORE = """The feature names should match those that were passed during fit.
Feature names unseen at fit time:
- feature_10
- feature_11
- feature_12
- feature_13
- feature_14
- ...
"""
SKLEARN_ORDER = """The feature names should match those that were passed during fit.
Feature names must be in the same order as they were in fit.
"""
SKLEARN_FEWER = """The feature names should match those that were passed during fit.
Feature names seen at fit time, yet now missing:
- feature_a
- feature_b
"""
XGBOOST_OTHER = """feature_names mismatch: ['feature_a', 'feature_b'] ['feature_a', 'feature_c']
expected feature_b in input data
training data did not have the following fields: feature_c"""
KERAS = """Exception encountered when calling Sequential.call().

\x1b[1mInput 0 of layer "dense" is incompatible with the layer: expected axis -1 of input shape to have value {}, \
but received input with shape (32, {})\x1b[0m

Arguments received by Sequential.call():
  • inputs=tf.Tensor(shape=(32, {}), dtype=float32)
  • training=False"""
TF_KERAS = """in user code:

    File "/venv/lib/python3.11/site-packages/tf_keras/src/engine/input_spec.py", line 298, in assert_input_compatibility
        raise ValueError(

    ValueError: Input 0 of layer "sequential" is incompatible with the layer: expected shape=(None, {}), \
found shape=(None, {})
"""
XGBOOST_ERROR = """[14:12:59] /workspace/src/learner.cc:1483: Check failed: learner_model_param_.num_feature >= \
p_fmat->Info().num_col_ ({} vs. {}) : Number of columns does not match number of features in booster.
Stack trace:
  [bt] (0) /venv/lib/python3.11/site-packages/xgboost/lib/libxgboost.so(+0x1086be) [0x7fdb85bad6be]
"""
LIGHTGBM = """The number of features in data ({1}) is not the same as it was in training data ({0}).
You can set ``predict_disable_shape_check=true`` to discard this error, but please be aware what you are doing."""
# By class: with the number of columns that the model was trained on, and of those that it was given.
OF_TRAINED_MODELS = (
    ("LightGBMError", LIGHTGBM),
    ("LightGBMError", "Model was trained on {} features, but got {} input features to predict."),
    (
        "ValueError",
        "Number of features of the model must match the input. Model n_features_ is {} and input n_features is {}",
    ),
    ("ValueError", "X has {1} features, but LGBMRegressor is expecting {0} features as input."),
    ("ValueError", "X has {1} features, but Ridge is expecting {0} features as input."),
    ("ValueError", "Feature shape mismatch, expected: {}, got {}"),
    ("XGBoostError", XGBOOST_ERROR),
    ("ValueError", KERAS.replace("(shape=(32, {})", "(shape=(32, 1)")),
    (
        "ValueError",
        'Input 0 of layer "model" is incompatible with the layer: expected shape=(None, {}), found shape=(32, {})',
    ),
    ("ValueError", TF_KERAS),
)
CATBOOST = "catboost/libs/data/model_dataset_compatibility.cpp"
MATMUL = "matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature (n?,k),(k,m?)->(n?,m?) "
TF_MATMUL = "{{function_node __wrapped____MklMatMul_device_/job:localhost/replica:0/task:0/device:CPU:0}} "
# By class, for 42 columns and 10.
OF_SHAPES = (
    ("RuntimeError", "mat1 and mat2 shapes cannot be multiplied (650x42 and 10x3)"),
    ("RuntimeError", "mat1 and mat2 shapes cannot be multiplied (3x10 and 42x650)"),
    ("RuntimeError", "size mismatch, got input (650), mat (650x42), vec (10)"),
    ("RuntimeError", "running_mean should contain 42 elements not 10"),
    ("RuntimeError", "Given normalized_shape=[10], expected input with shape [*, 10], but got input of size[650, 42]"),
    ("RuntimeError", "input.size(-1) must be equal to input_size. Expected 10, got 42"),
    (
        "RuntimeError",
        "Given groups=1, weight of size [3, 10, 1], expected input[650, 42, 1] to have 10 channels, but got 42 "
        "channels instead",
    ),
    ("AssertionError", "was expecting embedding dimension of 10, but got 42"),
    ("RuntimeError", "The size of tensor a (42) must match the size of tensor b (10) at non-singleton dimension 1"),
    ("InvalidArgumentError", f"{TF_MATMUL}Matrix size-incompatible: In[0]: [650,42], In[1]: [10,3] [Op:MatMul] name: "),
    ("TypeError", "dot_general requires contracting dimensions to have the same shape, got (42,) and (10,)."),
    ("ValueError", f"{MATMUL}(size 10 is different from 42)"),
    ("ValueError", f"{MATMUL}(size 42 is different from 10)"),
    ("ValueError", "shapes (650,42) and (10,) not aligned: 42 (dim 1) != 10 (dim 0)"),
    ("ValueError", "Dot product shape mismatch, (650, 42) vs (10,)"),
    ("ValueError", "Dot product shape mismatch, (650, 42) vs (10, 3)"),
    ("ValueError", "operands could not be broadcast together with shapes (650,42) (10,) "),
    ("ValueError", "operands could not be broadcast together with shapes (10,) (650,42) "),
    ("ValueError", "Unable to coerce to Series, length must be 42: given 10"),
)


class ColumnsTest(unittest.TestCase):
    def fault(
        self,
        kind: str,
        message: str,
        missing: MissingColumns | None = None,
        other: OtherColumns | None = None,
    ) -> Fault:
        raised = replace(exception(kind, message, where=WHERE), widths=WIDTHS, missing=missing, other=other)
        found = fault_of_exception(Answer(exception=raised), "predicting", FACTS)
        assert found is not None
        return found

    def check(self, fault: Fault, code: Code, said: str, hint: str) -> None:
        self.assertIs(fault.code, code, fault.message)
        self.assertIn(said, fault.message)
        self.assertIn(hint, fault.hint)
        self.assertTrue(fault.message.endswith(f"){WHERE}."), fault.message)
        self.assertLess(len(fault.message), 900)

    def test_more_columns_than_trained_on_are_unexpected(self) -> None:
        for kind, message in OF_TRAINED_MODELS:
            with self.subTest(message):
                fault = self.fault(kind, message.format(10, 42))
                self.check(fault, UNEXPECTED, "The model was given 42 columns and was trained on 10 (", SELECT)
                self.assertNotIn(OTHER_VERSION, fault.hint)
                self.assertNotIn("predict_disable_shape_check", fault.message)

    def test_all_columns_of_the_data_where_more_were_trained_on_are_of_another_version(self) -> None:
        for kind, message in OF_TRAINED_MODELS:
            with self.subTest(message):
                fault = self.fault(kind, message.format(60, 42))
                self.check(fault, MISSING, "The model was given 42 columns and was trained on 60 (", OTHER_VERSION)

    def test_some_columns_of_the_data_where_more_were_trained_on_are_selected_wrongly(self) -> None:
        for kind, message in OF_TRAINED_MODELS:
            with self.subTest(message):
                fault = self.fault(kind, message.format(60, 17))
                self.check(fault, MISSING, "The model was given 17 columns and was trained on 60 (", SELECT)
                self.assertNotIn(OTHER_VERSION, fault.hint)

    def test_names_are_shown_where_they_are_known(self) -> None:
        names = [f"feature_{number}" for number in range(10, 15)]
        more = OtherColumns(42, 10, 0, [], 32, names, True)
        said = (
            "given 42 columns and was trained on 10; it was not trained on feature_10, feature_11, feature_12 … (32 in"
        )
        for kind, message in (
            ("ValueError", SKLEARN_MORE),
            ("LightGBMError", LIGHTGBM.format(10, 42)),
            ("ValueError", f"feature_names mismatch: {names} {names * 9}\ntraining data did not have the following"),
        ):
            with self.subTest(message):
                self.check(self.fault(kind, message, other=more), UNEXPECTED, said, SELECT)

    def test_missing_names_are_those_of_another_version_where_the_data_lacks_them(self) -> None:
        said = "was trained on 4; it was not given feature_a, feature_b; it was not trained on feature_c"
        for here, hint in ((False, OTHER_VERSION), (True, SELECT)):
            other = OtherColumns(3, 4, 2, ["feature_a", "feature_b"], 1, ["feature_c"], here)
            for kind, message in (
                ("ValueError", SKLEARN_FEWER),
                ("ValueError", XGBOOST_OTHER),
                ("LightGBMError", "Expected 'feature_a' at position 0 but found 'feature_c'"),
                ("ValueError", "matrices are not aligned"),
                ("ValueError", "columns are missing: {'feature_a', 'feature_b'}"),
                (
                    "CatBoostError",
                    f"{CATBOOST}:72: Feature feature_a is present in model but not in pool.",
                ),
                (
                    "CatBoostError",
                    f"/src/{CATBOOST}:81: At position 0 should be feature with name feature_a (found feature_c).",
                ),
            ):
                with self.subTest(message, here=here):
                    self.check(self.fault(kind, message, other=other), MISSING, said, hint)

    def test_same_names_in_another_order_are_said_to_be(self) -> None:
        other = OtherColumns(10, 10, 0, [], 0, [], True)
        said = "The model was given the 10 columns that it was trained on in another order (ValueError: "
        for message in (SKLEARN_ORDER, "feature_names mismatch: ['a', 'b'] ['b', 'a']"):
            with self.subTest(message):
                self.check(self.fault("ValueError", message, other=other), UNEXPECTED, said, SELECT)

    def test_message_alone_says_which_way_round_it_is(self) -> None:
        for code, kind, message in (
            (UNEXPECTED, "ValueError", SKLEARN_MORE),
            (UNEXPECTED, "ValueError", SKLEARN_ORDER),
            (MISSING, "ValueError", SKLEARN_FEWER),
            (MISSING, "ValueError", XGBOOST_OTHER),
            (
                MISSING,
                "CatBoostError",
                f"{CATBOOST}:72: Feature 4 is present in model but not in pool.",
            ),
        ):
            with self.subTest(message):
                self.check(self.fault(kind, message), code, "given other columns than it was trained on (", SELECT)

    def test_array_for_a_booster_that_knows_names_is_said_to_have_none(self) -> None:
        for message in (
            "data did not contain feature names, but the following fields are expected: feature_0, feature_1",
            "training data did not have the following fields: feature_0, feature_1",
        ):
            with self.subTest(message):
                said = "trained on columns with names and was given none ("
                self.check(self.fault("ValueError", message), UNEXPECTED, said, "Give it a DataFrame")

    def test_array_as_wide_as_the_data_does_not_fit_the_model(self) -> None:
        for kind, message in OF_SHAPES:
            with self.subTest(message):
                said = "The model was given 42 columns and was made for 10 ("
                self.check(self.fault(kind, message), UNEXPECTED, said, SELECT)
                fault = self.fault(kind, message.replace("10", "60"))
                self.check(fault, MISSING, "The model was given 42 columns and was made for 60 (", OTHER_VERSION)

    def test_arrays_of_which_none_or_both_are_as_wide_as_the_data_are_the_models_own(self) -> None:
        for kind, message in OF_SHAPES:
            for width in ("43", "10"):
                changed = message.replace("42", width) if width == "43" else message.replace("10", "46")
                with self.subTest(changed):
                    self.assertIs(Code.MODEL_RAISED, self.fault(kind, changed).code)

    def test_other_shapes_are_the_models_own(self) -> None:
        for message in (
            "Length mismatch: Expected axis has 42 elements, new values have 10 elements",
            "Shape of passed values is (650, 42), indices imply (650, 10)",
            "Shape of weights must be consistent with shape of a along specified axis.",
        ):
            with self.subTest(message):
                self.assertIs(Code.MODEL_RAISED, self.fault("ValueError", message).code)

    def test_product_of_tables_without_common_names_is_the_models_own(self) -> None:
        for other in (None, OtherColumns(42, 10, 10, ["a"], 42, ["feature_a"], False)):
            with self.subTest(other=other):
                self.assertIs(Code.MODEL_RAISED, self.fault("ValueError", "matrices are not aligned", other=other).code)

    def test_names_of_other_columns_than_the_message_counts_are_not_shown(self) -> None:
        other = OtherColumns(41, 10, 0, [], 31, ["feature_a"], True)
        fault = self.fault("LightGBMError", LIGHTGBM.format(10, 42), other=other)
        self.check(fault, UNEXPECTED, "given 42 columns and was trained on 10 (LightGBMError", SELECT)

    def test_names_that_were_compared_before_another_error_are_not_why(self) -> None:
        other = OtherColumns(3, 4, 1, ["feature_a"], 0, [], False)
        fault = self.fault(
            "ValueError", "pandas dtypes must be int, float or bool.\nFields with bad dtypes: a", other=other
        )
        self.assertIs(Code.MODEL_RAISED, fault.code)

    def test_missing_columns_of_the_data_name_its_flag(self) -> None:
        for tables, where, flags in (
            ([LIVE_FEATURES], "that the live features do not have", "with --dataset."),
            ([BENCHMARK_MODELS], "that the benchmark models do not have", "with --benchmarks."),
            (
                [LIVE_FEATURES, BENCHMARK_MODELS],
                "that the live features and the benchmark models do not have",
                "with --dataset and --benchmarks.",
            ),
        ):
            with self.subTest(tables):
                one = self.fault("KeyError", "'a'", MissingColumns(tables, 1, ["a"]))
                self.check(one, MISSING, f"The model asks for the column a {where} (KeyError: 'a')", flags)
                many = self.fault("KeyError", "'a'", MissingColumns(tables, 2000, [*"abcde"]))
                self.check(many, MISSING, f"asks for 2,000 columns a, b, c … (2,000 in all) {where}", flags)

    def test_missing_columns_that_need_no_other_data_have_their_own_remedy(self) -> None:
        ids = MissingColumns([LIVE_FEATURES], 1, ["id"])
        self.check(
            self.fault("KeyError", "\"['id'] not in index\"", ids), MISSING, "the column id", "live_features.index"
        )
        dropped = MissingColumns([LIVE_FEATURES], 1, ["target"])
        fault = self.fault("KeyError", "\"['target'] not found in axis\"", dropped)
        self.check(fault, MISSING, "the column target", 'errors="ignore"')

    def test_missing_columns_of_a_table_that_nobody_has_are_the_models_own(self) -> None:
        for tables in ([], ["secrets"], [LIVE_FEATURES, "secrets"]):
            with self.subTest(tables):
                fault = self.fault("KeyError", "'a'", MissingColumns(tables, 1, ["a"]))
                self.assertIs(Code.MODEL_RAISED, fault.code)

    def test_missing_column_of_polars_is_known_by_its_name(self) -> None:
        for message in (
            "feature_x",
            '"feature_x" not found',
            "feature_x\n\nResolved plan until failure:\n\n\t---> FAILED HERE RESOLVING 'sink' <---\nDF []",
            'unable to find column "feature_x"; valid columns: ["feature_0", "feature_1"]',
        ):
            with self.subTest(message):
                fault = self.fault("ColumnNotFoundError", message)
                self.check(fault, MISSING, "asks for a column that the data does not have (Col", OTHER_VERSION)
        self.assertIs(Code.MODEL_RAISED, self.fault("ColumnNotFoundError", '"weight" not found').code)

    def test_long_names_and_messages_are_shortened(self) -> None:
        names = ["a" * 100_000] * 5
        missing, other = MissingColumns([LIVE_FEATURES], 5, names), OtherColumns(5, 5, 5, names, 5, names, False)
        self.assertLess(len(self.fault("KeyError", "b" * 100_000, missing).message), 1_000)
        message = "feature_names mismatch: " + "b" * 100_000
        self.assertLess(len(self.fault("ValueError", message, other=other).message), 1_500)


if __name__ == "__main__":
    unittest.main()
